"""Where injected rows may lie: feasible regions and their projections."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from patom.core.arrays import BoolArray, FloatArray


@runtime_checkable
class Region(Protocol):
    """A closed convex set of feature vectors (the constant feature takes no part)."""

    def project(self, X: FloatArray) -> FloatArray:
        """The nearest points of the region, row by row, shape (n, d)."""

    def contains(self, X: FloatArray) -> BoolArray:
        """Which rows lie in the region, up to rounding, shape (n,)."""

    def sample(self, n: int, d: int, rng: np.random.Generator) -> FloatArray:
        """Rows drawn uniformly from the region, shape (n, d)."""


@dataclass(frozen=True)
class Ball:
    """The l2 ball around 0, the paper's feasible region (section 4.2).

    The paper speaks of the diameter r, but its projection formula uses r as the radius; so do we.

    Parameters
    ----------
    radius : float
        In the units of X; above 0.

    Examples
    --------
    >>> Ball(radius=1.0).project(np.array([[3.0, 4.0], [0.3, 0.4]]))
    array([[0.6, 0.8],
           [0.3, 0.4]])
    """

    radius: float = 1.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.radius) and self.radius > 0.0):
            raise ValueError(f"radius of Ball must be a positive finite number; got {self.radius!r}.")

    def project(self, X: FloatArray) -> FloatArray:
        norms = np.linalg.norm(X, axis=1, keepdims=True)
        return np.asarray(X * (self.radius / np.maximum(norms, self.radius)))

    def contains(self, X: FloatArray) -> BoolArray:
        return np.asarray(np.linalg.norm(X, axis=1) <= self.radius * (1.0 + 1e-12))

    def sample(self, n: int, d: int, rng: np.random.Generator) -> FloatArray:
        directions = rng.standard_normal((n, d))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        return np.asarray(self.radius * rng.random((n, 1)) ** (1.0 / d) * directions)
