"""Projections onto the intersection of regions: in closed form, by a search on one multiplier, by Dykstra's algorithm.

A ball with a box or a slab has a closed form; one more ball or slab is a search, exact to rounding; Dykstra's algorithm
serves any convex sets. ``Intersection`` says which of them serves which regions.
"""

from collections.abc import Callable, Sequence

import numpy as np

from patom.core.arrays import BoolArray, FloatArray
from patom.core.regions.ball import Ball
from patom.core.regions.box import Box
from patom.core.regions.slab import Slab
from patom.core.regions.values import SLACK, row_norms

Projection = Callable[[FloatArray], FloatArray]

_HALVINGS, _DOUBLINGS = 110, 60
TOLERANCE, MAX_ROUNDS = 1e-13, 5_000


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

    Parameters
    ----------
    X : array of shape (n, d)
    projections : callables (n, d) -> (n, d)
        The result lies in the last set exactly, in the others up to the returned gap.

    Returns
    -------
    points : array of shape (n, d)
    gaps : array of shape (n,)
        Largest distance between points of the last round; where it stays above the tolerance the sets have no
        common point, or meet at so flat an angle that the rounds did not suffice.

    Examples
    --------
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
