"""The rows that lie in several regions at once, and projections onto them.

A ball with a box or a slab has a closed form; one more ball or slab is a search, exact to rounding; Dykstra's algorithm
serves any convex sets.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce

import numpy as np

from patom.core.arrays import BoolArray, FloatArray
from patom.core.regions.ball import Ball
from patom.core.regions.bounds import Box, Fixed, Slab, merge
from patom.core.regions.values import SLACK, ByValue, Region, row_norms

Projection = Callable[[FloatArray], FloatArray]

_HALVINGS, _DOUBLINGS = 110, 60
TOLERANCE, MAX_ROUNDS = 1e-13, 5_000
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


def onto_ball_and_box(X: FloatArray, ball: Ball, box: Box) -> FloatArray | None:
    """The nearest points of both, shape (n, d), to rounding; None where ball and box don't meet.

    With the multiplier t of the ball's constraint the solution is clip(c + mu (x - c)), mu = 1 / (1 + t), in the box.
    Its distance from the centre c grows with mu, in pieces between the values of mu at which a feature meets a bound:
    bisection finds the piece, on which mu has a closed form. Costs O(n d log d).
    """
    lower = np.asarray((box.lower - ball.centre) / ball.radius)
    upper = np.asarray((box.upper - ball.centre) / ball.radius)
    # Far from the origin, centre and bounds are known to their own rounding only.
    known = SLACK * (1.0 + np.abs(ball.centre).max() / ball.radius)
    if np.linalg.norm(np.clip(0.0, lower, upper)) > 1.0 + known:
        return None
    with np.errstate(invalid="ignore", over="ignore"):
        clipped = box.project(X)
        outside = ~(row_norms(clipped - ball.centre)[:, 0] <= ball.radius)
        offset = (X[outside] - ball.centre) / ball.radius
        shrunk = _multiplier(offset, lower, upper) * offset
        clipped[outside] = np.clip(ball.centre + ball.radius * shrunk, box.lower, box.upper)
    return clipped


def _multiplier(V: FloatArray, lower: FloatArray, upper: FloatArray) -> FloatArray:
    """Mu in [0, 1], shape (n, 1), at which clip(mu V, lower, upper) has norm 1; above 1 at mu = 1."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        kinks = np.concatenate([lower / V, upper / V], axis=1)
        kinks = np.sort(np.where((kinks > 0.0) & (kinks < 1.0), kinks, 1.0), axis=1)
        kinks = np.pad(kinks, ((0, 0), (1, 1)), constant_values=((0.0, 0.0), (0.0, 1.0)))
        low, high = np.zeros(V.shape[0], dtype=np.int64), np.full(V.shape[0], kinks.shape[1] - 1)
        rows = np.arange(V.shape[0])
        while (high - low > 1).any():
            middle = (low + high) // 2
            beyond = row_norms(np.clip(kinks[rows, middle, None] * V, lower, upper))[:, 0] > 1.0
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        begin, end = kinks[rows, low, None], kinks[rows, high, None]
        inner = 0.5 * (begin + end) * V
        free = (lower < inner) & (inner < upper)
        held = np.linalg.norm(np.where(free, 0.0, np.clip(inner, lower, upper)), axis=1, keepdims=True)
        speed = row_norms(np.where(free, V, 0.0))
        mu = np.sqrt(np.maximum((1.0 - held) * (1.0 + held), 0.0)) / speed
    return np.asarray(np.where(speed > 0.0, np.clip(mu, begin, end), begin))


def onto_ball_and_slab(X: FloatArray, ball: Ball, slab: Slab) -> FloatArray | None:
    """The nearest points of both, shape (n, d), to rounding; None where ball and slab don't meet.

    Either the slab's nearest point lies in the ball, or the ball's in the slab, or the answer lies on the sphere where
    it meets the hyperplane of the side that the ball's nearest point violates.
    """
    centre = np.broadcast_to(np.asarray(ball.centre, dtype=np.float64), X.shape[1:])
    middle = -float(slab.heights(centre[None])[0])  # of the slab, seen from the ball's centre
    low, high = middle - slab.half_width, middle + slab.half_width
    if min(abs(low), abs(high)) > ball.radius * (1.0 + SLACK) and low * high > 0.0:
        return None
    with np.errstate(invalid="ignore", over="ignore"):
        # Twice: from far off the first projection leaves rounding of the size of the row.
        on_slab, on_ball = slab.project(slab.project(X)), ball.project(X)
        within = ball.contains(on_slab)
        nearest = np.where(within[:, None], on_slab, on_ball)
        corner = np.flatnonzero(~within & ~slab.contains(on_ball))
        height = (on_ball[corner] - centre) @ slab.unit
        side = np.clip(np.clip(height, low, high), -ball.radius, ball.radius)[:, None]
        across = X[corner] - centre
        across -= (across @ slab.unit)[:, None] * slab.unit
        reach = np.sqrt((ball.radius - np.abs(side)) * (ball.radius + np.abs(side)))
        length = row_norms(across)  # 0 where ball and slab only touch, and reach with it
        out = np.divide(across, length, out=np.zeros_like(across), where=length > 0.0)
        nearest[corner] = centre + side * slab.unit + out * reach
    return nearest


def with_ball(project: Projection, ball: Ball, X: FloatArray) -> FloatArray:
    """The nearest points of a region and a ball; rows for which none is found come back outside the ball.

    They are P(c + mu (x - c)) for one mu in [0, 1], where P projects onto the region and c is the ball's centre; their
    distance from c grows with mu. Costs about 60 projections onto the region.
    """
    nearest = project(X)
    outside = np.flatnonzero(~ball.contains(nearest))
    offset = X[outside] - ball.centre

    def place(mu: FloatArray) -> FloatArray:
        return project(ball.centre + mu * offset)

    def inside(points: FloatArray) -> BoolArray:
        return np.asarray(row_norms(points - ball.centre)[:, 0] <= ball.radius)

    nearest[outside] = _largest(place, inside, np.zeros((outside.size, 1)), np.ones((outside.size, 1)))
    return nearest


def with_slab(project: Projection, slab: Slab, X: FloatArray) -> FloatArray:
    """The nearest points of a region and a slab; rows for which none is found come back outside the slab.

    They are P(x - nu u) for one nu, where P projects onto the region and u is the slab's unit; their height falls as
    nu grows. Costs about 60 projections onto the region.
    """
    nearest = project(X)
    outside = np.flatnonzero(~slab.contains(nearest))
    heights = slab.heights(nearest[outside])
    side = np.sign(heights)[:, None]

    def place(nu: FloatArray) -> FloatArray:
        return project(X[outside] - nu * side * slab.unit)

    def inside(points: FloatArray) -> BoolArray:
        return np.asarray(side[:, 0] * slab.heights(points) <= slab.half_width)

    far = np.maximum(np.abs(heights) - slab.half_width, slab.half_width)[:, None]
    for _ in range(_DOUBLINGS):
        short = ~inside(place(far))
        if not short.any():
            break
        far[short] *= 2.0
    nearest[outside] = _largest(place, inside, far, np.zeros_like(far))
    return nearest


def _largest(
    place: Projection, inside: Callable[[FloatArray], BoolArray], good: FloatArray, bad: FloatArray
) -> FloatArray:
    """Places inside, next to those of the multipliers ``bad``, outside, to the last digit; bisection by rows."""
    for _ in range(_HALVINGS):
        middle = 0.5 * (good + bad)
        if ((middle == good) | (middle == bad) | (np.abs(good - bad) <= 2e-16 * np.abs(middle))).all():
            break
        within = inside(place(middle))[:, None]
        good, bad = np.where(within, middle, good), np.where(within, bad, middle)
    return place(good)


def dykstra(
    X: FloatArray, projections: Sequence[Projection], *, tol: float = TOLERANCE, max_rounds: int = MAX_ROUNDS
) -> tuple[FloatArray, FloatArray]:
    """Project the rows onto the intersection of convex sets (Boyle and Dykstra 1986).

    A round projects onto each set in turn, having added back what the set took away a round before. A row ends when
    all of a round's points agree to ``tol`` times the size of the row: that is the criterion of Birgin and Raydan
    (2005), which unlike the change from one round to the next cannot stop in a stall, and it certifies the point:
    with y_i the round's points, p_i what was taken away and y the last point, every z of the intersection has
    <x - y, z - y> <= sum_i <p_i, y_i - y>.

    The points, shape (n, d), lie in the last set exactly and in the others up to the gaps, shape (n,): the largest
    distances between points of the last round. Where a gap stays above the tolerance the sets have no common point, or
    meet at so flat an angle that the rounds did not suffice.

    >>> points, gaps = dykstra(np.array([[2.0, 2.0]]), [lambda x: np.minimum(x, 1.0), lambda x: np.maximum(x, 0.0)])
    >>> points, bool(gaps[0] < 1e-12)
    (array([[1., 1.]]), True)
    """
    points, gaps = np.array(X, dtype=np.float64), np.zeros(X.shape[0])
    active = np.flatnonzero(np.isfinite(X).all(axis=1))
    point, taken = points[active], np.zeros((len(projections), active.size, X.shape[1]))
    size = row_norms(point)[:, 0]
    for _ in range(max_rounds):
        if active.size == 0:
            break
        gap = np.zeros(active.size)
        for i, project in enumerate(projections):
            nearest = project(point + taken[i])
            step = point - nearest
            taken[i] += step
            gap = np.maximum(gap, row_norms(step)[:, 0])
            point = nearest
        points[active], gaps[active] = point, gap
        running = gap > tol * np.maximum(size, row_norms(point)[:, 0])
        active, point, taken, size = active[running], point[running], taken[:, running], size[running]
    return points, gaps
