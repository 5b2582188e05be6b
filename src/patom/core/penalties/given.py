"""Omega given: the penalty is lambda_1/2 ||W||_F^2 + lambda_2/2 tr(W Omega^-1 W'), a plain quadratic.

With a diagonal Omega tasks are independent, each with a ridge of its own.

Where Omega is singular, W is confined to its range (Omega^-1 is infinite off it), as in the graph and cluster
special cases of (1). Written with Omega's eigenvectors: Omega^-1 is never formed.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.data_term import Operator
from patom.core.penalties.penalty import FlatModel
from patom.core.relationship import Relationship, UniformRelationship


@dataclass(frozen=True)
class QuadraticPenalty:
    """R(W) in the basis of Omega's eigenvectors: sum_k stiffness_k/2 ||u_k'W||^2, stiffness = l_1 + l_2/omega."""

    omega: Relationship

    @property
    def stiffness(self) -> FloatArray:
        """Curvature of R along each eigenvector of Omega, shape (k,)."""
        return self.omega.lambda_1 + self.omega.lambda_2 / self.omega.spectrum

    @property
    def weights(self) -> tuple[float, float]:
        return self.omega.lambda_1, self.omega.lambda_2

    def value(self, W: FloatArray) -> float:
        return 0.5 * float(self.stiffness @ ((self.omega.vectors.T @ W) ** 2).sum(axis=1))

    def prox(self, Z: FloatArray, L: float) -> FloatArray:
        return self._scale(Z, 1.0 / (1.0 + self.stiffness / L))

    def prox_derivative(self, Z: FloatArray, L: float) -> Operator:  # noqa: ARG002  (linear: the same everywhere)
        return lambda V: self.prox(V, L)

    def conjugate(self, V: FloatArray) -> float:
        return 0.5 * float((1.0 / self.stiffness) @ ((self.omega.vectors.T @ V) ** 2).sum(axis=1))

    def model(self, W: FloatArray, gradient: FloatArray) -> FlatModel:
        U = self.omega.vectors
        return FlatModel(W, gradient, lambda V: U @ (U.T @ V), partial(self._scale, factors=self.stiffness))

    def lower_rank(self, W: FloatArray) -> FloatArray | None:  # noqa: ARG002  (smooth whatever the rank)
        return None

    def scaled(self, factor: float) -> "QuadraticPenalty":
        lambda_1, lambda_2 = self.weights
        return QuadraticPenalty(replace(self.omega, lambda_1=factor * lambda_1, lambda_2=factor * lambda_2))

    def relationship(self, W: FloatArray) -> Relationship:  # noqa: ARG002  (given, whatever W)
        return self.omega

    def _scale(self, V: FloatArray, factors: FloatArray) -> FloatArray:
        return self.omega.vectors @ (factors[:, None] * (self.omega.vectors.T @ V))


def fixed_covariance(omega: FloatArray, lambda_1: float, lambda_2: float) -> QuadraticPenalty:
    """The penalty for a given Omega, shape (m, m), symmetric and positive semi-definite; costs O(m^3)."""
    values, vectors = np.linalg.eigh(omega)
    floor = omega.shape[0] * np.finfo(float).eps * values[-1]
    if lambda_2 == 0.0:  # no relationship term, so nothing confines W
        values = np.maximum(values, floor)
    positive = values >= floor
    order = np.flatnonzero(positive)[::-1]
    return QuadraticPenalty(Relationship(vectors[:, order], values[order], lambda_1, lambda_2))


@dataclass(frozen=True)
class IndependentPenalty:
    """A ridge of its own on each task, R(W) = sum_i stiffness_i/2 ||w_i||^2, in O(m p) time and memory.

    That is problem (1) with a diagonal Omega, or without a relationship term; then lambda_1 may differ among tasks.

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
        return UniformRelationship(W.shape[0], *self.weights)


def ridge(n_tasks: int, strength: float) -> IndependentPenalty:
    """One ridge for all tasks, strength/2 ||W||_F^2."""
    return IndependentPenalty(np.full(n_tasks, strength))
