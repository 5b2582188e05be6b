"""Random rows from inside a convex set that only answers whether it contains a row."""

from collections.abc import Callable

import numpy as np

from patom.core.arrays import BoolArray, FloatArray

_LONGEST = 60  # doublings or cuts of a chord
_STEPS = 10  # a feature, within these bounds:
_FEWEST, _MOST = 50, 500


def walk(
    X: FloatArray, contains: Callable[[FloatArray], BoolArray], n: int, free: BoolArray, rng: np.random.Generator
) -> FloatArray:
    """Hit and run (Smith 1984): step along random directions to a uniform place of the chord, again and again.

    Parameters
    ----------
    X : array of shape (k, d)
        Rows of the set; walks start between one of them and their mean.
    contains : callable
        Membership in a bounded convex set.
    n : int
        Rows wanted, one walk each.
    free : array of bool, shape (d,)
        Features that are not fixed to one value.

    Returns
    -------
    array of shape (n, d)
        Uniform in the limit of many steps; ten a feature, but 50 to 500, are taken.
    """
    point = 0.5 * (X[rng.integers(0, X.shape[0], n)] + X.mean(axis=0))
    point[:, ~free] = X[0, ~free]
    for _ in range(int(np.clip(_STEPS * free.sum(), _FEWEST, _MOST)) if free.any() else 0):
        direction = rng.standard_normal(point.shape) * free
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        point = _hit(point, direction, contains, rng)
    return np.asarray(point)


def _hit(
    point: FloatArray, direction: FloatArray, contains: Callable[[FloatArray], BoolArray], rng: np.random.Generator
) -> FloatArray:
    """A uniform place on each chord: step out by doubling, then cut back what proves to be outside."""
    reach = np.full((2, point.shape[0], 1), np.abs(point).max() + 1e-3)
    for side, sign in zip(reach, (-1.0, 1.0), strict=True):
        for _ in range(_LONGEST):
            within = contains(point + sign * side * direction)
            if not within.any():
                break
            side[within] *= 2.0
    low, high = -reach[0], reach[1]
    open_ = np.arange(point.shape[0])
    result = point.copy()
    for _ in range(_LONGEST):
        place = low[open_] + rng.random((open_.size, 1)) * (high[open_] - low[open_])
        tried = point[open_] + place * direction[open_]
        hit = contains(tried)
        result[open_[hit]] = tried[hit]
        low[open_], high[open_] = np.where(place < 0.0, place, low[open_]), np.where(place < 0.0, high[open_], place)
        open_ = open_[~hit]
        if open_.size == 0:
            break
    return result
