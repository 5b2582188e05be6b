"""Bounds for each feature, features that cannot be changed, and bounds along one direction."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from patom.core.arrays import BoolArray, FloatArray
from patom.core.regions.values import SLACK, ByValue, coordinates, positive, require_shown, require_width, row_norms


@dataclass(frozen=True, eq=False)
class Box(ByValue):
    """Every feature between its bounds.

    Parameters
    ----------
    lower, upper : float or array of shape (d,)
        In the units of X, lower <= upper; a single number bounds every feature. ``-np.inf`` and ``np.inf`` leave a
        side open; such a box can be projected onto, but not sampled from.

    Examples
    --------
    >>> Box([0.0, -np.inf], [1.0, 0.5]).project(np.array([[3.0, 4.0], [-1.0, -9.0]]))
    array([[ 1. ,  0.5],
           [ 0. , -9. ]])
    """

    lower: float | FloatArray
    upper: float | FloatArray

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            object.__setattr__(self, name, coordinates("Box", name, getattr(self, name), finite=False))
        if np.ndim(self.lower) == np.ndim(self.upper) == 1 and np.size(self.lower) != np.size(self.upper):
            raise ValueError(
                f"lower and upper of Box must have one length; got {np.size(self.lower)} and {np.size(self.upper)}."
            )
        if not np.all((self.lower <= self.upper) & (self.lower < np.inf) & (self.upper > -np.inf)):
            raise ValueError(f"lower of Box must not exceed upper; got {self.lower!r} and {self.upper!r}.")

    def project(self, X: FloatArray) -> FloatArray:
        require_width("Box", X.shape[1], self.lower, self.upper)
        return np.clip(X, self.lower, self.upper)

    def contains(self, X: FloatArray) -> BoolArray:
        require_width("Box", X.shape[1], self.lower, self.upper)
        low, high = self.lower - _slack(self.lower), self.upper + _slack(self.upper)
        return np.asarray(((low <= X) & (high >= X)).all(axis=1))

    def sample(self, n: int, d: int, rng: np.random.Generator) -> FloatArray:
        require_width("Box", d, self.lower, self.upper)
        if not (np.isfinite(self.lower).all() and np.isfinite(self.upper).all()):
            raise ValueError("Box must have finite bounds for rows to be drawn from it; intersect it with a Ball.")
        share = rng.random((n, d))
        return np.clip((1.0 - share) * self.lower + share * self.upper, self.lower, self.upper)


@dataclass(frozen=True, eq=False)
class Fixed(ByValue):
    """Some features fixed to given values, the others free: features that an attacker cannot change.

    Every row gets the same values. Combine it with bounds on the others, ``Intersection(Ball(), Fixed([0], 0.3))``,
    which is projected onto exactly.

    Parameters
    ----------
    columns : sequence of int
        Positions of the fixed features, from 0, each once.
    values : float or array of shape (k,)
        What they are fixed to, in the order of ``columns``.

    Examples
    --------
    >>> Fixed([1], 0.5).project(np.array([[3.0, 4.0], [-1.0, -9.0]]))
    array([[ 3. ,  0.5],
           [-1. ,  0.5]])
    """

    columns: tuple[int, ...]
    values: float | FloatArray

    def __post_init__(self) -> None:
        require_shown("Fixed", "columns", self.columns)
        given = np.asarray(self.columns)
        whole = given.ndim == 1 and given.size > 0 and given.dtype.kind in "iu"
        if not whole or given.min() < 0 or np.unique(given).size < given.size:
            raise ValueError(f"columns of Fixed must be different positions from 0 up; got {self.columns!r}.")
        object.__setattr__(self, "columns", tuple(given.tolist()))
        object.__setattr__(self, "values", coordinates("Fixed", "values", self.values))
        if np.ndim(self.values) == 1 and np.size(self.values) != given.size:
            raise ValueError(f"values of Fixed must be {given.size}, one a column; got {np.size(self.values)}.")

    def as_box(self, d: int) -> Box:
        """The same set of rows of ``d`` features, as a box that is open in the free features."""
        if max(self.columns) >= d:
            raise ValueError(f"columns of Fixed must be positions below {d}, the number of features; got "
                             f"{max(self.columns)}.")  # fmt: skip
        lower, upper = np.full(d, -np.inf), np.full(d, np.inf)
        lower[list(self.columns)] = upper[list(self.columns)] = self.values
        return Box(lower, upper)

    def project(self, X: FloatArray) -> FloatArray:
        return self.as_box(X.shape[1]).project(X)

    def contains(self, X: FloatArray) -> BoolArray:
        return self.as_box(X.shape[1]).contains(X)

    def sample(self, n: int, d: int, rng: np.random.Generator) -> FloatArray:  # noqa: ARG002
        raise ValueError("Fixed leaves the other features without bounds to draw from; intersect it with a Ball.")


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


def merge(boxes: list[Box], d: int) -> Box | None:
    """The intersection of boxes as a box with bounds of shape (d,); None where it is empty."""
    lower, upper = np.full(d, -np.inf), np.full(d, np.inf)
    for box in boxes:
        require_width("Box", d, box.lower, box.upper)
        lower, upper = np.maximum(lower, box.lower), np.minimum(upper, box.upper)
    return Box(lower, upper) if (lower <= upper).all() else None


def _slack(bound: float | FloatArray) -> float | FloatArray:
    return np.where(np.isfinite(bound), SLACK * np.abs(bound), 0.0)
