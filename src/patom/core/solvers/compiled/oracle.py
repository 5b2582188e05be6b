"""The oracle of small problems with Omega learned: each answer is one or two compiled calls."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dposv

from patom.core.arrays import FloatArray
from patom.core.data_term import DataTerm
from patom.core.losses import HUBER
from patom.core.penalties.learned import SpectralPenalty
from patom.core.penalties.penalty import Regulariser
from patom.core.solvers import choose
from patom.core.solvers.choose import InteriorSpace
from patom.core.solvers.compiled import interior
from patom.core.solvers.compiled import steps as first_order
from patom.core.solvers.compiled.data import Data, as_data, largest_curvature, value_and_gradient
from patom.core.solvers.compiled.interior import row_space, within
from patom.core.solvers.compiled.newton import Frame, arrive, by_conjugate_gradients, frame, system, tangent_matrix
from patom.core.solvers.compiled.steps import prox
from patom.core.solvers.oracle import Oracle, Point, Step

_REACH_QUADRATIC, _REACH = 100.0, 10.0
"""Length of the proximal step before a Newton step, over 1/L. The optimum is a fixed point at any length, and a long
step finds its rank; where f is quadratic, Newton's step makes up for any rise of the objective."""
_NEAR, _NEARBY = 1e-8, 1e-2
"""Relative gap at which the interior-point method ends: on all columns, and in a row space near the optimum's."""
_STEPS = 12
"""Interior-point steps after which it gives up: curvature may come and go, say, as rows cross margins."""
_SWEEPS = 3
"""Sweeps of the alternation that look for that row space."""


@dataclass(frozen=True)
class CompiledOracle(Oracle):
    """Problem (1) with Omega learned, on compiled code."""

    penalty: SpectralPenalty
    data: Data

    @property
    def scale(self) -> float:
        if self.data.A.size:
            return self.data.constant
        zero = np.zeros(self.data.b.shape)
        return float(value_and_gradient(self.data, zero, np.empty(zero.shape)))

    @property
    def smoothness(self) -> float:
        start = np.cos(np.arange(1.0, self.data.b.size + 1.0)).reshape(self.data.b.shape)  # along no eigenvector
        return 1.05 * float(largest_curvature(self.data, start))

    @property
    def patient(self) -> bool:
        return False  # accelerated steps cost so little

    def start(self, W: FloatArray | None) -> FloatArray:
        return np.zeros(self.data.b.shape) if W is None else np.ascontiguousarray(W)

    def approach(self, limit: int) -> tuple[FloatArray | None, int]:
        m, p = self.data.b.shape
        way, limit = choose.interior_space(m, p, self.data.X.size), min(limit, _STEPS)
        if way is InteriorSpace.NOWHERE or self.penalty.weights[1] == 0.0 or self.data.kind == HUBER:
            return None, 0
        if way is InteriorSpace.COLUMNS:
            W, steps, there = interior.minimise(self.data, *self.weights, _NEAR, limit)
            return W if there else None, steps
        Qt = row_space(self.data, *self.weights, _SWEEPS if p <= choose.ROW_SPACE_COLUMNS else 0)
        V, steps, there = interior.minimise(within(self.data, Qt), *self.weights, _NEARBY, limit)
        return V @ Qt if there else None, steps

    def evaluate(self, W: FloatArray) -> Point:
        return Point(W, *first_order.evaluate(self.data, W, *self.weights))

    def certify(self, point: Point) -> Point:
        return super().evaluate(point.W)

    def accelerate(self, W: FloatArray, L: float, steps: int) -> FloatArray:
        return np.asarray(first_order.accelerate(self.data, W, L, steps, *self.weights))

    def proximal(self, W: FloatArray, L: float) -> FloatArray:
        return np.asarray(first_order.proximal_step(self.data, W, L, *self.weights))

    def residual(self, point: Point, L: float) -> float:
        lambda_1, lambda_2 = self.weights
        moved = prox(point.W - point.gradient / L, 1.0 + lambda_1 / L, lambda_2 / L)
        return float(np.linalg.norm(point.W - moved))

    def newton(self, point: Point, L: float, tolerance: float) -> Step:
        """A semismooth Newton step; its base is a proximal step away from the given point."""
        factored = choose.is_factored(point.W.size)
        reach = _REACH_QUADRATIC if self.data.A.size else _REACH
        at = frame(self.data, point.W, point.gradient, L / reach, *self.weights, factored)
        base = Point(at.P, at.gradient, at.objective, np.inf, float(at.x @ at.x))
        if factored:
            v, slope = self.factored(at)
            direction = tangent_matrix(at.U, at.x.size, at.Qt, v)
        else:
            direction, slope = by_conjugate_gradients(self.data, at, *self.weights, tolerance)

        def follow(length: float) -> Point:
            return Point(*arrive(self.data, at, at.P + length * direction, *self.weights))

        return Step(base, slope, follow, lambda: follow(1.0))

    def factored(self, at: Frame) -> tuple[FloatArray, float]:
        """Newton's step in coordinates and its slope; the system is damped until it is positive definite."""
        matrix, g = system(self.data, at, *self.weights)
        if g.size == 0:
            return g, 0.0
        ridge = 0.0
        while True:
            _, v, fault = dposv(matrix.T, -g, lower=True, overwrite_a=True)
            if not fault:
                return np.asarray(v), float(g @ v)
            matrix, g = system(self.data, at, *self.weights)
            diagonal = matrix.ravel()[:: g.size + 1]
            ridge = max(100.0 * ridge, 1e-14 * float(np.abs(diagonal).max()))
            diagonal += ridge

    def lower_rank(self, W: FloatArray) -> None:  # noqa: ARG002  (a step drops the ranks it takes through zero)
        return None


def compiled_oracle(term: DataTerm, penalty: Regulariser) -> CompiledOracle | None:
    """The oracle, for a problem that it can serve: Omega learned, a known loss, and small."""
    if type(penalty) is not SpectralPenalty or not choose.is_compiled(*term.shape):
        return None
    data = as_data(term)
    lambda_1, lambda_2 = map(float, penalty.weights)  # compiled for no other type of number
    return None if data is None else CompiledOracle(term, SpectralPenalty(lambda_1, lambda_2), data)
