"""What every feasible region answers."""

from typing import Protocol, runtime_checkable

import numpy as np

from patom.core.arrays import BoolArray, FloatArray


@runtime_checkable
class Region(Protocol):
    """A closed convex set of feature vectors (the constant feature takes no part).

    A row that holds NaN is projected to a row that holds NaN and is contained nowhere; the other rows are unaffected.
    """

    def project(self, X: FloatArray) -> FloatArray:
        """The nearest points of the region, row by row, shape (n, d); a row inside comes back as it is."""

    def contains(self, X: FloatArray) -> BoolArray:
        """Which rows lie in the region, up to rounding, shape (n,)."""

    def sample(self, n: int, d: int, rng: np.random.Generator) -> FloatArray:
        """Rows drawn uniformly from the region, shape (n, d)."""
