"""A region met by one more ball or slab: exact projections by a search on the one multiplier that this adds."""

from collections.abc import Callable

import numpy as np

from patom.core.arrays import BoolArray, FloatArray
from patom.core.regions.ball import Ball
from patom.core.regions.slab import Slab
from patom.core.regions.values import row_norms

Projection = Callable[[FloatArray], FloatArray]

_HALVINGS = 110
_DOUBLINGS = 60


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
    """Places inside, as close to the multipliers ``bad``, outside, as float64 tells apart; bisection by rows."""
    for _ in range(_HALVINGS):
        middle = 0.5 * (good + bad)
        if ((middle == good) | (middle == bad) | (np.abs(good - bad) <= 2e-16 * np.abs(middle))).all():
            break
        within = inside(place(middle))[:, None]
        good, bad = np.where(within, middle, good), np.where(within, bad, middle)
    return place(good)
