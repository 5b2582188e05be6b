"""Independent tasks: a ridge of its own on each, R(W) = sum_i stiffness_i/2 ||w_i||^2.

That is problem (1) with a diagonal Omega (``given``) or without a relationship term, in O(m p) time and memory.
"""

from dataclasses import dataclass

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.data_term import Operator
from patom.core.penalties.penalty import FlatModel
from patom.core.relationship import Relationship, uniform_relationship


@dataclass(frozen=True)
class IndependentPenalty:
    """The ridges, as a penalty of problem (1); lambda_1 is each task's where (1) has no relationship term.

    >>> IndependentPenalty(np.array([1.0, 3.0])).prox(np.ones((2, 1)), 1.0)
    array([[0.5 ],
           [0.25]])
    """

    stiffness: FloatArray  # above 0, shape (m,)

    @property
    def weights(self) -> tuple[float, float]:
        return float(self.stiffness.min()), 0.0

    def value(self, W: FloatArray) -> float:
        return 0.5 * float(self.stiffness @ (W**2).sum(axis=1))

    def prox(self, Z: FloatArray, L: float) -> FloatArray:
        return Z / (1.0 + self.stiffness / L)[:, None]

    def prox_derivative(self, Z: FloatArray, L: float) -> Operator:  # noqa: ARG002  (linear: the same everywhere)
        return lambda V: self.prox(V, L)

    def conjugate(self, V: FloatArray) -> float:
        return 0.5 * float((1.0 / self.stiffness) @ (V**2).sum(axis=1))

    def model(self, W: FloatArray, gradient: FloatArray) -> FlatModel:
        return FlatModel(W, gradient, lambda V: V, lambda V: self.stiffness[:, None] * V)

    def lower_rank(self, W: FloatArray) -> FloatArray | None:  # noqa: ARG002  (smooth whatever the rank)
        return None

    def scaled(self, factor: float) -> "IndependentPenalty":
        return IndependentPenalty(factor * self.stiffness)

    def relationship(self, W: FloatArray) -> Relationship:
        return uniform_relationship(W.shape[0], *self.weights)


def ridge(n_tasks: int, strength: float) -> IndependentPenalty:
    """One ridge for all tasks, strength/2 ||W||_F^2."""
    return IndependentPenalty(np.full(n_tasks, strength))
