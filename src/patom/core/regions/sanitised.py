"""Rows that look like a task's own data: the sets within which sanitisation defenses keep rows."""

import numpy as np
import numpy.typing as npt

from patom.core.arrays import FloatArray
from patom.core.regions.ball import Ball, Ellipsoid
from patom.core.regions.bounds import Slab
from patom.core.regions.intersection import Intersection
from patom.core.regions.values import require_shown


def sphere_around(X: npt.ArrayLike, *, quantile: float = 0.95) -> Ball:
    """The sphere defense's set: the ball around the mean that holds a share of the rows.

    Parameters
    ----------
    X : array of shape (n, d)
        Clean rows of one class, or of a whole task.
    quantile : float, default 0.95
        The radius is this quantile of the rows' own distances from their mean; in (0, 1].

    Notes
    -----
    Steinhardt, Koh and Liang (2017), section 3.1. The mean is that of the clean rows, which a real defense, seeing
    poisoned data, knows only roughly.

    Examples
    --------
    >>> sphere_around([[0.0, 0.0], [2.0, 0.0]], quantile=1.0)
    Ball(radius=1.0, centre=array([1., 0.]))
    """
    rows = _rows("sphere_around", "X", X)
    centre = rows.mean(axis=0)
    return Ball(_quantile("sphere_around", np.linalg.norm(rows - centre, axis=1), quantile), centre)


def slab_between(X: npt.ArrayLike, others: npt.ArrayLike, *, quantile: float = 0.95) -> Slab:
    """The slab defense's set: bounds along the line between the class means.

    Parameters
    ----------
    X, others : arrays of shape (n, d) and (n', d)
        Clean rows of the class, and of the other class.
    quantile : float, default 0.95
        The half width is this quantile of the rows' own distances from their mean along that line; in (0, 1].

    Notes
    -----
    Steinhardt, Koh and Liang (2017), section 3.1.

    Examples
    --------
    >>> slab_between([[0.0, 0.0], [2.0, 3.0]], [[5.0, 1.5]], quantile=1.0).half_width
    1.0
    """
    rows, rest = _rows("slab_between", "X", X), _rows("slab_between", "others", others)
    if rows.shape[1] != rest.shape[1]:
        raise ValueError(f"others of slab_between must have {rows.shape[1]} features as X has; got {rest.shape[1]}.")
    centre = rows.mean(axis=0)
    direction = rest.mean(axis=0) - centre
    if not direction.any():
        raise ValueError("X and others of slab_between must have different means; the line between them is a point.")
    heights = np.abs((rows - centre) @ (direction / np.linalg.norm(direction)))
    return Slab(direction, _quantile("slab_between", heights, quantile), centre)


def own_data(X: npt.ArrayLike, others: npt.ArrayLike, *, quantile: float = 0.95) -> Intersection:
    """Sphere and slab together, as ``sphere_around`` and ``slab_between`` make them.

    >>> own_data([[0.0, 0.0], [2.0, 3.0]], [[5.0, 1.5]]).contains(np.array([[1.0, 2.0], [2.1, 1.5]]))
    array([ True, False])
    """
    return Intersection(sphere_around(X, quantile=quantile), slab_between(X, others, quantile=quantile))


def ellipsoid_around(X: npt.ArrayLike, *, quantile: float = 0.95, shrinkage: float = 0.0) -> Ellipsoid:
    """The set of a Mahalanobis outlier detector: the rows' mean, covariance and a quantile of their own distances.

    Parameters
    ----------
    X : array of shape (n, d)
        Clean rows of one class, or of a whole task.
    quantile : float, default 0.95
        In (0, 1].
    shrinkage : float, default 0.0
        In [0, 1]: share of the covariance that is replaced by a multiple of the identity with the same trace. Above 0
        it makes fewer rows than features, or features that don't vary, usable.

    Examples
    --------
    >>> rows = np.random.default_rng(0).standard_normal((200, 2)) * [3.0, 1.0]
    >>> float(ellipsoid_around(rows).contains(rows).mean())
    0.95
    """
    rows = _rows("ellipsoid_around", "X", X)
    if not 0.0 <= shrinkage <= 1.0:
        raise ValueError(f"shrinkage of ellipsoid_around must be in [0, 1]; got {shrinkage!r}.")
    offset = rows - rows.mean(axis=0)
    covariance = offset.T @ offset / rows.shape[0]
    identity = np.eye(rows.shape[1]) * (np.trace(covariance) / rows.shape[1])
    unit = Ellipsoid((1.0 - shrinkage) * covariance + shrinkage * identity, 1.0, rows.mean(axis=0))
    radius = _quantile("ellipsoid_around", unit.distances(rows), quantile)
    return Ellipsoid(unit.covariance, radius, unit.centre)


def _rows(owner: str, name: str, given: npt.ArrayLike) -> FloatArray:
    require_shown(owner, name, given)
    rows = np.asarray(given, dtype=np.float64)
    if rows.ndim != 2 or rows.size == 0 or not np.isfinite(rows).all():
        raise ValueError(f"{name} of {owner} must be finite rows, shape (n, d); got an array of shape {rows.shape}"
                         f"{'' if np.isfinite(rows).all() else ' with NaN or infinity'}.")  # fmt: skip
    return rows


def _quantile(owner: str, distances: FloatArray, quantile: float) -> float:
    if not 0.0 < quantile <= 1.0:
        raise ValueError(f"quantile of {owner} must be above 0 and at most 1; got {quantile!r}.")
    value = float(np.quantile(distances, quantile))
    if value == 0.0:
        raise ValueError(f"X of {owner} must hold rows that differ; their distances are 0 up to the quantile.")
    return value
