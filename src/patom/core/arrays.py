"""Array types used throughout."""

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
AnyArray = npt.NDArray[Any]


def read_only(array: AnyArray) -> AnyArray:
    """A view that cannot be written to, also of a memory-mapped file: compiled loops then see one kind of array."""
    view = np.asarray(array).view(np.ndarray)
    view.flags.writeable = False
    return view
