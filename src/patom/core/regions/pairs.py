"""Exact projections onto the intersections of a ball with a box and with a slab."""

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.regions.ball import Ball
from patom.core.regions.box import Box
from patom.core.regions.slab import Slab
from patom.core.regions.values import SLACK, row_norms


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
