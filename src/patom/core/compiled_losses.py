"""The losses of ``losses.py`` for compiled loops: one prediction at a time, the loss named by a number."""

import math

from patom.core.jit import inlined
from patom.core.losses import Loss

_KINDS = ("squared_error", "unclipped_hinge", "squared_hinge", "logistic", "huber")
SQUARED_HINGE, LOGISTIC, HUBER = 2, 3, 4


def loss_code(loss: Loss) -> tuple[int, float]:
    """The number of a loss, and Huber's delta (0 for the others), as ``loss_at`` wants them.

    >>> from patom.core.losses import huber, squared_hinge
    >>> loss_code(squared_hinge), loss_code(huber(2.0))
    ((2, 0.0), (4, 2.0))
    """
    return _KINDS.index(loss.name), loss.delta


@inlined
def loss_at(kind: int, delta: float, z: float, y: float) -> tuple[float, float, float]:
    """l(z, y), its slope and its curvature in z."""
    if kind < SQUARED_HINGE:  # (1 - y z)^2 = (z - y)^2 for y = +-1
        return (z - y) ** 2, 2.0 * (z - y), 2.0
    if kind == SQUARED_HINGE:
        short = 1.0 - y * z
        return (short * short, -2.0 * y * short, 2.0) if short > 0.0 else (0.0, 0.0, 0.0)
    if kind == LOGISTIC:
        margin = y * z
        small = math.exp(-abs(margin))
        wrong = small / (1.0 + small) if margin > 0.0 else 1.0 / (1.0 + small)
        return max(0.0, -margin) + math.log1p(small), -y * wrong, small / (1.0 + small) ** 2
    far = abs(z - y)
    if far <= delta:
        return far * far, 2.0 * (z - y), 2.0
    return 2.0 * delta * far - delta * delta, math.copysign(2.0 * delta, z - y), 0.0


@inlined
def slope_at(kind: int, delta: float, z: float, y: float) -> float:
    """The slope alone; for the logistic loss that saves a logarithm."""
    if kind < SQUARED_HINGE:
        return 2.0 * (z - y)
    if kind == SQUARED_HINGE:
        return -2.0 * y * max(0.0, 1.0 - y * z)
    if kind == LOGISTIC:
        margin = y * z
        small = math.exp(-abs(margin))
        return -y * (small if margin > 0.0 else 1.0) / (1.0 + small)
    return 2.0 * min(max(z - y, -delta), delta)
