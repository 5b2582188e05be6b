"""Tasks apart: a ridge of its own on each, R(W) = sum_i stiffness_i/2 ||w_i||^2.

What ``quadratic`` is for a diagonal Omega, and (1) without a relationship term, in O(m p) time and memory.
"""

from dataclasses import dataclass

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.data_term import Operator
from patom.core.relationship import Relationship, uniform_relationship


@dataclass(frozen=True)
class IndependentPenalty:
    """The ridges, as a penalty of problem (1).

    Parameters
    ----------
    stiffness : array of shape (m,)
        Above 0; lambda_1 in every place where (1) has no relationship term.

    Examples
    --------
    >>> IndependentPenalty(np.array([1.0, 3.0])).prox(np.ones((2, 1)), 1.0)
    array([[0.5 ],
           [0.25]])
    """

    stiffness: FloatArray

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

    def model(self, W: FloatArray, gradient: FloatArray) -> "IndependentModel":
        return IndependentModel(self.stiffness[:, None], W, gradient)

    def lower_rank(self, W: FloatArray) -> FloatArray | None:  # noqa: ARG002  (smooth whatever the rank)
        return None

    def scaled(self, factor: float) -> "IndependentPenalty":
        return IndependentPenalty(factor * self.stiffness)

    def relationship(self, W: FloatArray) -> Relationship:
        return uniform_relationship(W.shape[0], *self.weights)


@dataclass(frozen=True)
class IndependentModel:
    """F = f + R on all matrices: flat, so the model is exact."""

    stiffness: FloatArray  # (m, 1)
    W: FloatArray
    data_gradient: FloatArray

    @property
    def gradient(self) -> FloatArray:
        return self.data_gradient + self.stiffness * self.W

    @property
    def rank_margin(self) -> float:
        return 1.0

    def project(self, V: FloatArray) -> FloatArray:
        return V

    def curvature(self, V: FloatArray) -> FloatArray:
        return self.stiffness * V

    def retract(self, V: FloatArray) -> FloatArray:
        return self.W + V


def ridge(n_tasks: int, strength: float) -> IndependentPenalty:
    """One ridge for all, strength/2 ||W||_F^2: tasks that share nothing."""
    return IndependentPenalty(np.full(n_tasks, strength))
