"""The slab between two parallel hyperplanes."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from patom.core.arrays import BoolArray, FloatArray
from patom.core.regions.values import SLACK, ByValue, coordinates, positive, require_width, row_norms


@dataclass(frozen=True, eq=False)
class Slab(ByValue):
    """Rows no farther than ``half_width`` from the hyperplane through ``centre`` across ``direction``.

    Parameters
    ----------
    direction : array of shape (d,)
        Not 0; its length doesn't matter.
    half_width : float
        In the units of X; above 0.
    centre : float or array of shape (d,), default 0.0

    Examples
    --------
    >>> Slab([0.0, 2.0], half_width=1.0, centre=[7.0, 5.0]).project(np.array([[3.0, 9.0], [3.0, 5.5]]))
    array([[3. , 6. ],
           [3. , 5.5]])
    """

    direction: FloatArray
    half_width: float
    centre: float | FloatArray = 0.0

    def __post_init__(self) -> None:
        for name in ("direction", "centre"):
            object.__setattr__(self, name, coordinates("Slab", name, getattr(self, name)))
        object.__setattr__(self, "half_width", positive("Slab", "half_width", self.half_width))
        if np.ndim(self.direction) == 0 or not self.direction.any():
            raise ValueError(f"direction of Slab must be an array of shape (d,) other than 0; got {self.direction!r}.")
        require_width("direction of Slab", self.direction.size, self.centre)

    @cached_property
    def unit(self) -> FloatArray:
        """The direction with length 1, shape (d,)."""
        return np.asarray(self.direction / row_norms(self.direction[None])[0])

    def heights(self, X: FloatArray) -> FloatArray:
        """Signed distances from the hyperplane in the middle, shape (n,)."""
        require_width("Slab", X.shape[1], self.direction)
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray((X - self.centre) @ self.unit)

    def project(self, X: FloatArray) -> FloatArray:
        heights = self.heights(X)
        with np.errstate(invalid="ignore", over="ignore"):
            excess = heights - np.clip(heights, -self.half_width, self.half_width)
            return np.asarray(np.where(excess[:, None] == 0.0, X, X - excess[:, None] * self.unit))

    def contains(self, X: FloatArray) -> BoolArray:
        require_width("Slab", X.shape[1], self.direction)
        # A height is a sum of d products, whose terms may be larger than itself.
        size = np.abs(np.where(np.isfinite(X), X, 0.0)) @ np.abs(self.unit) + np.abs(self.centre).max()
        return np.asarray(np.abs(self.heights(X)) <= self.half_width * (1.0 + SLACK) + 4e-15 * size)

    def sample(self, n: int, d: int, rng: np.random.Generator) -> FloatArray:  # noqa: ARG002
        raise ValueError("Slab has no bounds along its hyperplanes to draw between; intersect it with a Ball.")
