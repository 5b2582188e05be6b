"""What the accelerated solver asks about problem (1): values with certificates, first-order steps, Newton steps.

``Oracle`` answers for any data term and regulariser; ``compiled.oracle`` overrides it for small problems with Omega
learned.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.data_term import DataTerm, column_sizes
from patom.core.penalties.penalty import Regulariser, fenchel_gap, strength
from patom.core.solvers.goal import Rounding, rounding
from patom.core.solvers.newton import newton_direction


@dataclass(frozen=True)
class Point:
    """Weights and what is known there."""

    W: FloatArray  # (m, p)
    gradient: FloatArray  # (m, p), of the data term
    objective: float
    gap: float  # Fenchel's
    square: float  # ||W||_F^2


@dataclass(frozen=True)
class Step:
    """A Newton step along the matrices of one rank."""

    base: Point  # where it starts: the given point, or a proximal step from there
    slope: float  # derivative of the objective at ``base`` along the step
    follow: Callable[[float], Point]  # the point so many times the step away from ``base``, or a proximal step further
    end: Callable[[], Point]  # the point at the end of the whole step, without any proximal step


@dataclass(frozen=True)
class Oracle:
    """The answers about any data term with any regulariser, on arrays in memory."""

    term: DataTerm
    penalty: Regulariser

    @property
    def scale(self) -> float:
        """f(0), the data term without any weights."""
        return self.term.value_and_gradient(np.zeros(self.term.shape))[0]

    @property
    def smoothness(self) -> float:
        """Lipschitz constant of grad f, up to a few per cent."""
        return self.term.smoothness

    @property
    def weights(self) -> tuple[float, float]:
        """(lambda_1, lambda_2)."""
        return self.penalty.weights

    @property
    def patient(self) -> bool:
        """Whether another Newton step follows even one that had to be shortened and gained little."""
        return True  # each ends with a proximal step

    def scaled(self, factor: float) -> Self:
        """The same with the penalty times ``factor``."""
        return replace(self, penalty=self.penalty.scaled(factor))

    def start(self, W: FloatArray | None) -> FloatArray:
        """The weights to start from: W as the oracle needs it in memory, or zeros."""
        return np.zeros(self.term.shape) if W is None else W

    def approach(self, limit: int) -> tuple[FloatArray | None, int]:  # noqa: ARG002  (this one has no way)
        """A W near the optimum from a cold start, or None, and the steps taken, ``limit`` at most."""
        return None, 0

    def evaluate(self, W: FloatArray) -> Point:
        """Value, gradient and certificate at W."""
        value, gradient = self.term.value_and_gradient(W)
        own = self.penalty.value(W)
        return Point(W, gradient, value + own, fenchel_gap(self.penalty, W, gradient, own), float(np.vdot(W, W)))

    def certify(self, point: Point) -> Point:
        """The point evaluated by the plain formulas, which is what a fit reports."""
        return point

    def rounding(self, point: Point, scale: float, L: float) -> Rounding:
        """What rounding does to the point's gap; ``scale``: f(0), and L the smoothness."""
        columns, steps = column_sizes(self.term), scale + L * point.square
        return rounding(columns, point.W, scale=scale, steps=steps, strength=strength(self.penalty))

    def accelerate(self, W: FloatArray, L: float, steps: int) -> FloatArray:
        """The W after so many accelerated proximal steps of length 1/L.

        Beck and Teboulle 2009, restarted by O'Donoghue and Candes's gradient test.
        """
        Y, momentum = W, 1.0
        for _ in range(steps):
            ahead = self.proximal(Y, L)
            if np.vdot(Y - ahead, ahead - W) > 0.0:  # momentum points uphill
                momentum = 1.0
            following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
            Y = ahead + (momentum - 1.0) / following * (ahead - W)
            W, momentum = ahead, following
        return W

    def proximal(self, W: FloatArray, L: float) -> FloatArray:
        """The W after one plain proximal step."""
        return self.penalty.prox(W - self.term.value_and_gradient(W)[1] / L, L)

    def residual(self, point: Point, L: float) -> float:
        """How far one plain proximal step moves: 0 at the optimum."""
        return float(np.linalg.norm(point.W - self.penalty.prox(point.W - point.gradient / L, L)))

    def newton(self, point: Point, L: float, tolerance: float) -> Step:
        """Newton's step, its linear system solved to a relative residual of ``tolerance``."""
        model = self.penalty.model(point.W, point.gradient)
        direction = newton_direction(model, self.term.hessian(point.W), tolerance=tolerance)

        def follow(length: float) -> Point:
            return self.evaluate(self.proximal(model.retract(length * direction), L))

        slope = float(np.vdot(model.gradient, direction))
        return Step(point, slope, follow, lambda: self.evaluate(model.retract(direction)))

    def lower_rank(self, W: FloatArray) -> FloatArray | None:
        """The nearest W with one rank or group less; None where there is none."""
        return self.penalty.lower_rank(W)
