"""Array types used throughout."""

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
AnyArray = npt.NDArray[Any]


def largest_norm(X: FloatArray) -> float:
    """The largest Euclidean norm of a row, 1.0 where all rows are zero: the number that the paper divides rows by.

    >>> largest_norm(np.array([[3.0, 4.0], [0.0, 1.0]])), largest_norm(np.zeros((2, 3)))
    (5.0, 1.0)
    """
    return float(np.linalg.norm(X, axis=1).max()) or 1.0


def read_only(array: AnyArray) -> AnyArray:
    """A view that cannot be written to, also of a memory-mapped file: compiled loops then see one kind of array."""
    view = np.asarray(array).view(np.ndarray)
    view.flags.writeable = False
    return view
