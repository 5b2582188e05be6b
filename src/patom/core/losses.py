"""Convex losses l(z, y) of a prediction z = w'x: value, slope and curvature in z.

The slope is the first factor of the paper's gradients (eq. 15 and 16); the curvature enters Newton's method. Each loss
is written twice: for arrays, and for compiled loops, which take one prediction at a time and know the loss by a number.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from patom.core.arrays import FloatArray
from patom.core.jit import inlined

_Pointwise = Callable[[FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True)
class Loss:
    """A convex, once differentiable loss l(z, y); all functions work element by element.

    ``cross`` is the derivative of the slope in y. A margin loss at a y between -1 and +1 stands for a row of both
    classes in proportion, so there it is half the difference of the two slopes.
    """

    name: str
    value: _Pointwise
    slope: _Pointwise  # in z
    curvature: _Pointwise  # in z, generalised
    cross: _Pointwise
    curvature_bound: float  # largest value of ``curvature``
    quadratic: bool = False  # whether l is (y - z)^2, so that second moments of the rows suffice
    margin: bool = False  # whether y must be -1 or +1
    corner_distance: Callable[[FloatArray, FloatArray], float] = lambda _z, _y: 1.0
    """How close the nearest row is to a jump of the curvature; 1 for a smooth loss."""
    delta: float = 0.0  # Huber's threshold


def _between_classes(slope: _Pointwise) -> _Pointwise:
    return lambda z, y: 0.5 * (slope(z, np.ones_like(y)) - slope(z, -np.ones_like(y)))


squared_error = Loss(
    "squared_error",
    value=lambda z, y: (y - z) ** 2,
    slope=lambda z, y: 2.0 * (z - y),
    curvature=lambda z, _: np.full_like(z, 2.0),
    cross=lambda z, _: np.full_like(z, -2.0),
    curvature_bound=2.0,
    quadratic=True,
)

# The paper's eq. 11 prints the squared hinge without the positive part. For y = +-1 it is least squares.
unclipped_hinge = Loss(
    "unclipped_hinge",
    value=lambda z, y: (1.0 - y * z) ** 2,
    slope=lambda z, y: 2.0 * (z - y),
    curvature=lambda z, _: np.full_like(z, 2.0),
    cross=lambda z, _: np.full_like(z, -2.0),
    curvature_bound=2.0,
    quadratic=True,
    margin=True,
)

squared_hinge = Loss(
    "squared_hinge",
    value=lambda z, y: np.maximum(0.0, 1.0 - y * z) ** 2,
    slope=lambda z, y: -2.0 * y * np.maximum(0.0, 1.0 - y * z),
    curvature=lambda z, y: np.where(y * z < 1.0, 2.0, 0.0),
    cross=_between_classes(lambda z, y: -2.0 * y * np.maximum(0.0, 1.0 - y * z)),
    curvature_bound=2.0,
    margin=True,
    corner_distance=lambda z, y: float(np.abs(1.0 - y * z).min()),
)

logistic = Loss(
    "logistic",
    value=lambda z, y: np.logaddexp(0.0, -y * z),
    slope=lambda z, y: -y * expit(-y * z),
    curvature=lambda z, _: expit(z) * expit(-z),
    cross=lambda z, _: np.full_like(z, -0.5),  # of expit(z) - y/2 - 1/2
    curvature_bound=0.25,
    margin=True,
)


def huber(delta: float) -> Loss:
    """Huber's loss, squared error within ``delta`` and linear beyond: r^2 or 2 delta |r| - delta^2, r = z - y.

    >>> huber(1.0).value(np.array([0.5, 3.0]), np.zeros(2))
    array([0.25, 5.  ])
    """
    return Loss(
        "huber",
        value=lambda z, y: np.where(np.abs(z - y) <= delta, (z - y) ** 2, 2.0 * delta * np.abs(z - y) - delta**2),
        slope=lambda z, y: 2.0 * np.clip(z - y, -delta, delta),
        curvature=lambda z, y: np.where(np.abs(z - y) <= delta, 2.0, 0.0),
        cross=lambda z, y: np.where(np.abs(z - y) <= delta, -2.0, 0.0),
        curvature_bound=2.0,
        corner_distance=lambda z, y: float(np.abs(np.abs(z - y) - delta).min()) / delta,
        delta=delta,
    )


_KINDS = ("squared_error", "unclipped_hinge", "squared_hinge", "logistic", "huber")
SQUARED_HINGE, LOGISTIC, HUBER = 2, 3, 4


def loss_code(loss: Loss) -> tuple[int, float]:
    """The number of a loss, and Huber's delta (0 for the others), as ``loss_at`` wants them.

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
