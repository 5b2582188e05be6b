"""The l2 ball and the Mahalanobis ball."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from patom.core.arrays import BoolArray, FloatArray, read_only
from patom.core.regions.values import (
    SLACK,
    ByValue,
    coordinates,
    positive,
    require_shown,
    require_width,
    row_norms,
)

_MAX_STEPS = 100


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
        return np.asarray(self.centre + _drawn(self.radius, n, d, rng))


@dataclass(frozen=True, eq=False)
class Ellipsoid(ByValue):
    """Rows x with a Mahalanobis distance sqrt((x - c)' S^-1 (x - c)) of at most ``radius`` from the centre c.

    Parameters
    ----------
    covariance : array of shape (d, d)
        S, symmetric and positive definite. A singular one is refused: it would confine the rows to a subspace. Drop
        the features that don't vary or fix them (``Fixed``), or shrink the covariance (``ellipsoid_around``).
    radius : float, default 1.0
        In standard deviations, so without a unit; above 0.
    centre : float or array of shape (d,), default 0.0

    Notes
    -----
    In S's eigenbasis, with eigenvalues s, the nearest point of z is z_i s_i / (s_i + t), where t solves
    sum_i z_i^2 s_i / (s_i + t)^2 = radius^2. The reciprocal of the left side's root is concave in t, so that Newton's
    steps from t = 0 rise to the solution without a safeguard. Projecting n rows costs O(n d^2).

    Examples
    --------
    >>> Ellipsoid([[4.0, 0.0], [0.0, 1.0]]).project(np.array([[5.0, 0.0], [0.0, -3.0], [0.5, 0.5]])).round(12)
    array([[ 2. ,  0. ],
           [ 0. , -1. ],
           [ 0.5,  0.5]])
    """

    covariance: FloatArray
    radius: float = 1.0
    centre: float | FloatArray = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius", positive("Ellipsoid", "radius", self.radius))
        object.__setattr__(self, "centre", coordinates("Ellipsoid", "centre", self.centre))
        object.__setattr__(self, "covariance", _covariance(self.covariance))
        require_width("covariance of Ellipsoid", self.covariance.shape[0], self.centre)
        smallest, largest = self.axes[0][[0, -1]]
        if smallest <= self.covariance.shape[0] * np.finfo(float).eps * largest:
            raise ValueError(
                f"covariance of Ellipsoid must be positive definite; its eigenvalues go from {smallest:.3g} to "
                f"{largest:.3g}: drop or fix features that don't vary, or shrink it."
            )

    @cached_property
    def axes(self) -> tuple[FloatArray, FloatArray]:
        """Eigenvalues of the covariance, ascending, shape (d,), and its eigenvectors as columns, shape (d, d)."""
        values, vectors = np.linalg.eigh(self.covariance)
        return np.asarray(values), np.asarray(vectors)

    def distances(self, X: FloatArray) -> FloatArray:
        """Mahalanobis distances of the rows from the centre, shape (n,)."""
        require_width("Ellipsoid", X.shape[1], self.covariance[0])
        values, vectors = self.axes
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(row_norms((X - self.centre) @ vectors / np.sqrt(values))[:, 0])

    def project(self, X: FloatArray) -> FloatArray:
        outside = ~(self.distances(X) <= self.radius)
        values, vectors = self.axes
        nearest = np.array(X, dtype=np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            inside = _onto_axes((X[outside] - self.centre) @ vectors, values, self.radius)
            nearest[outside] = self.centre + inside @ vectors.T
        return nearest

    def contains(self, X: FloatArray) -> BoolArray:
        # Along a thin axis, rounding of the coordinates is large in standard deviations.
        size = np.abs(np.where(np.isfinite(X), X, 0.0)).max(axis=1, initial=0.0) + np.abs(self.centre).max()
        slack = 1e-15 * X.shape[1] * size / np.sqrt(self.axes[0][0])
        return np.asarray(self.distances(X) <= self.radius * (1.0 + SLACK) + slack)

    def sample(self, n: int, d: int, rng: np.random.Generator) -> FloatArray:
        require_width("Ellipsoid", d, self.covariance[0])
        values, vectors = self.axes
        return np.asarray(self.centre + (_drawn(self.radius, n, d, rng) * np.sqrt(values)) @ vectors.T)


def _drawn(radius: float, n: int, d: int, rng: np.random.Generator) -> FloatArray:
    """Rows drawn uniformly from the l2 ball around 0, shape (n, d)."""
    directions = rng.standard_normal((n, d))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.asarray(radius * rng.random((n, 1)) ** (1.0 / d) * directions)


def _covariance(given: npt.ArrayLike) -> FloatArray:
    require_shown("Ellipsoid", "covariance", given)
    try:
        covariance = np.array(given, dtype=np.float64) + 0.0
    except (TypeError, ValueError):
        raise ValueError(f"covariance of Ellipsoid must be an array of shape (d, d); got {given!r}.") from None
    if covariance.ndim != 2 or covariance.shape[0] != covariance.shape[1] or covariance.size == 0:
        raise ValueError(f"covariance of Ellipsoid must have shape (d, d); got {covariance.shape}.")
    if not np.isfinite(covariance).all() or not np.allclose(covariance, covariance.T, rtol=1e-8, atol=0.0):
        raise ValueError("covariance of Ellipsoid must be finite and symmetric; average it with its transpose.")
    return read_only(np.asarray((covariance + covariance.T) / 2.0))


def _onto_axes(Z: FloatArray, values: FloatArray, radius: float) -> FloatArray:
    """Nearest points, in the eigenbasis, of rows outside; shape (n, d)."""
    scale = np.maximum(row_norms(Z), np.finfo(float).tiny)
    root, unit = np.sqrt(values), Z / scale  # whatever the rows' size, squares stay in range
    shift = np.zeros((Z.shape[0], 1))
    for _ in range(_MAX_STEPS):
        Y = unit * root / (values + shift)
        norms = row_norms(Y)
        # Newton on 1/||Y|| - 1/radius, with d||Y||/dt = -sum_i Y_i^2 / (s_i + t) / ||Y||.
        slope = np.sum((Y / norms) ** 2 / (values + shift), axis=1, keepdims=True)
        step = (norms * (scale / radius) - 1.0) / slope
        rising = step > 4.0 * np.finfo(float).eps * (values[0] + shift)
        if not rising.any():
            break
        shift = np.where(rising, shift + step, shift)
    return np.asarray(Y * root * (radius / norms))
