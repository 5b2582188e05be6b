"""The rows that lie in several regions at once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, reduce

import numpy as np

from patom.core.arrays import BoolArray, FloatArray
from patom.core.regions.ball import Ball
from patom.core.regions.box import Box, Fixed, merge
from patom.core.regions.projections import (
    Projection,
    dykstra,
    onto_ball_and_box,
    onto_ball_and_slab,
    with_ball,
    with_slab,
)
from patom.core.regions.protocol import Region
from patom.core.regions.slab import Slab
from patom.core.regions.values import ByValue, row_norms

_POLISHES = 5  # projections of a projection: they bring a row that came from far off to the region's own rounding
_NO_COMMON_POINT = 1e-9  # relative distance that Dykstra leaves without a common point, or with barely one
_SEARCHES = 2  # nested; each costs about 60 times as much as what it holds
_ROUNDS_OF_DRAWS = 20
_LONGEST = 60  # doublings or cuts of a chord
_STEPS, _FEWEST, _MOST = 10, 50, 500  # of a walk: for each feature, and at least and at most in all


@dataclass(frozen=True, eq=False, init=False)
class Intersection(ByValue):
    """The rows that lie in every one of some convex regions.

    Parameters
    ----------
    *regions : Region
        At least one. Boxes and fixed features are merged, and a ball with those or with a slab is projected onto in
        closed form. Up to two further balls or slabs are searches on one multiplier each, about 60 times as expensive.
        All of this is exact to rounding, with one ellipsoid in the place of the box too. Any other set of regions (an
        ellipsoid with a box, say) takes Dykstra's algorithm, to about 1e-13 of the row's norm, in up to thousands of
        rounds.

    Raises
    ------
    ValueError
        From ``project`` and ``sample``, for regions without a common point (or that barely meet, so that Dykstra's
        algorithm does not get there). From ``sample``, if none of the regions is bounded.

    Notes
    -----
    Rows are drawn uniformly, from one of the regions until enough lie in the others too. Where too few do, as with
    many features, a random walk inside (hit and run) takes over, whose rows are uniform approximately.

    Examples
    --------
    >>> Intersection(Ball(radius=1.0), Box(0.0, 0.6)).project(np.array([[3.0, 4.0], [3.0, 0.6], [0.2, -1.0]]))
    array([[0.6, 0.6], [0.6, 0.6], [0.2, 0. ]])
    >>> Intersection(Ball(radius=1.0), Fixed([0], 0.6)).project(np.array([[0.0, 4.0]]))
    array([[0.6, 0.8]])
    """

    regions: tuple[Region, ...]

    def __init__(self, *regions: Region) -> None:
        if not regions:
            raise ValueError("Intersection must have at least one region; got none.")
        for region in regions:
            if isinstance(region, type) or not isinstance(region, Region):
                raise ValueError(f"regions of Intersection must be regions such as Ball; got {region!r}.")
        nested = ((part.regions if isinstance(part, Intersection) else (part,)) for part in regions)
        object.__setattr__(self, "regions", sum(nested, ()))

    def project(self, X: FloatArray) -> FloatArray:
        steps = self._projections(X.shape[1])
        nearest = np.array(X, dtype=np.float64)
        left = np.flatnonzero(~self.contains(X) & np.isfinite(X).all(axis=1))
        nearest[~np.isfinite(X).all(axis=1)] = np.nan
        for _ in range(_POLISHES):
            if left.size == 0:
                break
            size = row_norms(nearest[left])[:, 0]
            if len(steps) == 1:
                nearest[left] = steps[0](nearest[left])
            else:
                nearest[left], gaps = dykstra(nearest[left], steps)
                if (gaps > _NO_COMMON_POINT * np.maximum(size, row_norms(nearest[left])[:, 0])).any():
                    break
            left = left[~self.contains(nearest[left])]
        if left.size > 0:
            raise self._empty(f"the search for a row did not settle, {self._distance(nearest[left]):.2g} outside")
        return nearest

    def contains(self, X: FloatArray) -> BoolArray:
        return reduce(np.logical_and, (region.contains(X) for region in self.regions))

    def sample(self, n: int, d: int, rng: np.random.Generator) -> FloatArray:
        box = merge(self._boxes(d), d)
        if box is None:
            raise self._empty("a feature's bounds exclude each other")
        bounded = np.isfinite(box.lower).all() and np.isfinite(box.upper).all()
        others = [region for region in self.regions if not isinstance(region, Box | Fixed | Slab)]
        source = box if bounded else next(iter(others), None)
        if source is None:
            raise ValueError("Intersection must hold a bounded region for rows to be drawn from it, such as a Ball.")
        kept = np.empty((0, d))
        for _ in range(_ROUNDS_OF_DRAWS):
            drawn = _proposals(source, box, 2 * n + 50, rng)
            kept = np.concatenate([kept, drawn[self.contains(drawn)]])
            if kept.shape[0] >= n:
                return kept[:n]
        return _walk(self.project(drawn), self.contains, n, np.asarray(box.lower < box.upper), rng)

    def _distance(self, X: FloatArray) -> float:
        return max(float(row_norms(X - region.project(X)).max()) for region in self.regions)

    def _boxes(self, d: int) -> list[Box]:
        boxes = [region.as_box(d) if isinstance(region, Fixed) else region for region in self.regions]
        return [box for box in boxes if isinstance(box, Box)]

    def _projections(self, d: int) -> list[Projection]:
        """Projections onto sets that together are the intersection; a box comes last, which keeps it exact."""
        box = merge(self._boxes(d), d)
        if box is None:
            raise self._empty("a feature's bounds exclude each other")
        balls = [region for region in self.regions if isinstance(region, Ball)]
        slabs = [region for region in self.regions if isinstance(region, Slab)]
        hard = [region.project for region in self.regions if not isinstance(region, Ball | Box | Fixed | Slab)]
        if self._boxes(d):
            hard.append(partial(self._pair, balls.pop(0), box) if balls else box.project)
        elif not hard and balls:
            first = balls.pop(0)
            hard.append(partial(self._pair, first, slabs.pop(0)) if slabs else first.project)
        if len(hard) > 1 or len(balls) + len(slabs) - (not hard) > _SEARCHES:
            return [*(ball.project for ball in balls), *(slab.project for slab in slabs), *hard]
        project = hard[0] if hard else slabs.pop(0).project
        for slab in slabs:
            project = partial(with_slab, project, slab)
        for ball in balls:
            project = partial(with_ball, project, ball)
        return [project]

    def _pair(self, ball: Ball, other: Box | Slab, X: FloatArray) -> FloatArray:
        box = isinstance(other, Box)
        nearest = onto_ball_and_box(X, ball, other) if isinstance(other, Box) else onto_ball_and_slab(X, ball, other)
        if nearest is None:
            raise self._empty(f"{'a ball and the bounds' if box else 'a ball and a slab'} do not meet")
        return nearest

    def _empty(self, why: str) -> ValueError:
        names = ", ".join(type(region).__name__ for region in self.regions)
        return ValueError(f"regions of Intersection ({names}) must have common points, and more than barely; {why}.")


def _proposals(source: Region, box: Box, n: int, rng: np.random.Generator) -> FloatArray:
    """Rows drawn from ``source``; of a ball, from its slice at the features that the box fixes."""
    fixed = np.asarray(box.lower == box.upper)
    if isinstance(source, Ball) and fixed.any() and not fixed.all():
        offset = np.asarray(box.lower - source.centre)
        left = source.radius**2 - float((offset[fixed] ** 2).sum())
        if left > 0.0:
            rows = np.tile(np.asarray(box.lower), (n, 1))
            inner = Ball(float(np.sqrt(left)), np.broadcast_to(source.centre, fixed.shape)[~fixed])
            rows[:, ~fixed] = inner.sample(n, int((~fixed).sum()), rng)
            return rows
    return source.sample(n, fixed.size, rng)


def _walk(
    X: FloatArray, contains: Callable[[FloatArray], BoolArray], n: int, free: BoolArray, rng: np.random.Generator
) -> FloatArray:
    """Hit and run (Smith 1984): step along random directions to a uniform place of the chord, again and again.

    Rows from a bounded convex set, shape (n, d), uniform in the limit of many steps; ten a feature, but 50 to 500, are
    taken. Walks start between one of ``X``'s rows, shape (k, d), which lie in the set, and their mean; ``free``, shape
    (d,), says which features are not fixed to one value.
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
