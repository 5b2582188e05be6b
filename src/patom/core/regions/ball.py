"""The l2 ball."""

from dataclasses import dataclass

import numpy as np

from patom.core.arrays import BoolArray, FloatArray
from patom.core.regions.values import SLACK, ByValue, coordinates, positive, require_width, row_norms


@dataclass(frozen=True, eq=False)
class Ball(ByValue):
    """The l2 ball; around 0 it is the paper's feasible region (section 4.2).

    The paper calls r the diameter, but its projection formula uses r as the radius, as this class does.

    Parameters
    ----------
    radius : float
        In the units of X; above 0.
    centre : float or array of shape (d,), default 0.0
        A single number is used for every feature.

    Examples
    --------
    >>> Ball(radius=1.0).project(np.array([[3.0, 4.0], [0.3, 0.4]]))
    array([[0.6, 0.8],
           [0.3, 0.4]])
    >>> Ball(radius=1.0, centre=[2.0, 0.0]).project(np.zeros((1, 2)))
    array([[1., 0.]])
    """

    radius: float = 1.0
    centre: float | FloatArray = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius", positive("Ball", "radius", self.radius))
        object.__setattr__(self, "centre", coordinates("Ball", "centre", self.centre))

    @property
    def around_zero(self) -> bool:
        """Whether the centre is the origin."""
        return not np.any(self.centre)

    def project(self, X: FloatArray) -> FloatArray:
        require_width("Ball", X.shape[1], self.centre)
        with np.errstate(invalid="ignore"):
            offset = X - self.centre
            norms = row_norms(offset)
            pulled = self.centre + offset * (self.radius / np.maximum(norms, self.radius))
        return np.asarray(np.where(norms <= self.radius, X, pulled))

    def contains(self, X: FloatArray) -> BoolArray:
        require_width("Ball", X.shape[1], self.centre)
        # A centre far out takes digits from the distance to it.
        limit = self.radius + SLACK * (self.radius + np.abs(self.centre).max())
        with np.errstate(invalid="ignore"):
            return np.asarray(row_norms(X - self.centre)[:, 0] <= limit)

    def sample(self, n: int, d: int, rng: np.random.Generator) -> FloatArray:
        require_width("Ball", d, self.centre)
        directions = rng.standard_normal((n, d))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        return np.asarray(self.centre + self.radius * rng.random((n, 1)) ** (1.0 / d) * directions)
