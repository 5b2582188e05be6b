"""Omega learned: the penalty is lambda_1/2 ||W||_F^2 + lambda_2/2 ||W||_*^2.

For fixed W the best Omega of problem (1) is (W'W)^(1/2) / tr (W'W)^(1/2) (Zhang and Yeung 2010); inserted, it
leaves the squared nuclear norm. All formulas here act on singular values.
"""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.data_term import Operator
from patom.core.relationship import Relationship, RelationshipOfWeights, UniformRelationship
from patom.core.solvers.choose import IMPLICIT_OMEGA_WEIGHTS


def maximise_on_spectrum(s: FloatArray, ridge: float, nuclear: float) -> FloatArray:
    """argmax_{x >= 0} <s, x> - ridge/2 ||x||^2 - nuclear/2 (sum x)^2 for s descending and non-negative.

    With ridge = 1 + lambda_1/L and nuclear = lambda_2/L it is the prox, with the lambdas the conjugate.

    x_i = (s_i - nuclear S_k)/ridge for i <= k, S_k = (s_1 + ... + s_k)/(ridge + nuclear k); s_k > nuclear S_k holds for
    the first k and no later ones, so counting finds the support. Both are written with differences of the s, which are
    exact where they are small: where ridge is far below nuclear, s_i - nuclear S_k rounds to nothing.

    >>> maximise_on_spectrum(np.array([3.0, 1.0]), 1.0, 1.0)
    array([1.5, 0. ])
    """
    falls = np.zeros(s.size)  # s_1 + ... + s_k - k s_k
    np.cumsum(np.arange(1, s.size) * (s[:-1] - s[1:]), out=falls[1:])
    k = int(np.count_nonzero(ridge * s > nuclear * falls))
    x = np.zeros(s.size)
    if k > 0:
        ahead = k * (s[:k] - s[k - 1]) - falls[k - 1]  # of their mean, times k
        x[:k] = np.maximum(s[:k] + nuclear / ridge * ahead, 0.0) / (ridge + nuclear * k)
    return x


@dataclass(frozen=True)
class SpectralPenalty:
    """R(W) = lambda_1/2 ||W||_F^2 + lambda_2/2 ||W||_*^2."""

    lambda_1: float
    lambda_2: float

    @property
    def weights(self) -> tuple[float, float]:
        return self.lambda_1, self.lambda_2

    def value(self, W: FloatArray) -> float:
        s = _singular_values(W)
        return 0.5 * self.lambda_1 * float(s @ s) + 0.5 * self.lambda_2 * float(s.sum()) ** 2

    def prox(self, Z: FloatArray, L: float) -> FloatArray:
        U, s, Qt = _thin_svd(Z)
        x = maximise_on_spectrum(s, 1.0 + self.lambda_1 / L, self.lambda_2 / L)
        k = np.count_nonzero(x)
        return _product(U[:, :k], x[:k], Qt[:k])

    def prox_derivative(self, Z: FloatArray, L: float) -> Operator:
        ridge, nuclear = 1.0 + self.lambda_1 / L, self.lambda_2 / L
        if nuclear == 0.0:  # linear, whatever the rank
            return lambda V: V / ridge
        U, s, Qt = _thin_svd(Z)
        return partial(_differentiate, U, s, Qt, maximise_on_spectrum(s, ridge, nuclear), ridge, nuclear)

    def conjugate(self, V: FloatArray) -> float:
        s = _singular_values(V)
        if self.lambda_1 == 0.0:
            return float(s[0]) ** 2 / (2.0 * self.lambda_2)
        x = maximise_on_spectrum(s, self.lambda_1, self.lambda_2)
        return float(s @ x) - 0.5 * self.lambda_1 * float(x @ x) - 0.5 * self.lambda_2 * float(x.sum()) ** 2

    def model(self, W: FloatArray, gradient: FloatArray) -> "FixedRankModel":
        return FixedRankModel(*_range(W), gradient, self.lambda_1, self.lambda_2)

    def lower_rank(self, W: FloatArray) -> FloatArray | None:
        U, s, Qt = _range(W)
        return _product(U[:, :-1], s[:-1], Qt[:-1]) if s.size > 1 else None

    def scaled(self, factor: float) -> "SpectralPenalty":
        return SpectralPenalty(factor * self.lambda_1, factor * self.lambda_2)

    def relationship(self, W: FloatArray) -> Relationship:
        if W.size > IMPLICIT_OMEGA_WEIGHTS and W.shape[0] > W.shape[1]:
            return _relationship_of_many(W, self.lambda_1, self.lambda_2)
        U, s, _ = _range(W)
        if s.size == 0:
            return UniformRelationship(W.shape[0], self.lambda_1, self.lambda_2)
        return Relationship(U, s / s.sum(), self.lambda_1, self.lambda_2)


@dataclass(frozen=True)
class FixedRankModel:
    """F = f + R near W = U diag(s) Q', along the matrices of W's rank, where the nuclear norm is smooth.

    A tangent is V = U A Q' + U B + C Q' with B Q = 0, U'C = 0. ``curvature`` is the Hessian of R on the manifold
    together with the curvature of the manifold itself, which the gradient's part E off W's support brings in.
    """

    U: FloatArray
    s: FloatArray
    Qt: FloatArray
    data_gradient: FloatArray
    lambda_1: float
    lambda_2: float

    @cached_property
    def gradient(self) -> FloatArray:
        return self.project(self.data_gradient) + _product(self.U, self._slope, self.Qt)

    @property
    def rank_margin(self) -> float:
        # A singular value appears once one of -grad f off the support reaches lambda_2 ||W||_*.
        if self.s.size == 0:
            return 0.0
        off, bound = float(_singular_values(self._off_support)[0]), self.lambda_2 * float(self.s.sum())
        return min(1.0 - off / bound, float(self.s[-1] / self.s[0]))

    def project(self, V: FloatArray) -> FloatArray:
        UV, VQ = self.U.T @ V, V @ self.Qt.T
        return np.asarray(self.U @ UV + (VQ - self.U @ (UV @ self.Qt.T)) @ self.Qt)

    def curvature(self, V: FloatArray) -> FloatArray:
        A, B, C = self._blocks(V)
        inner = self.lambda_1 * A + self._skew_weight * (A - A.T)
        inner.flat[:: self.s.size + 1] += self.lambda_2 * A.trace()
        E, inverse, ratio = self._off_support, 1.0 / self.s, self._slope / self.s
        right = ratio[:, None] * B - inverse[:, None] * (C.T @ E)
        left = C * ratio - (E @ B.T) * inverse
        return np.asarray(self.U @ (inner @ self.Qt + right) + left @ self.Qt)

    def retract(self, V: FloatArray) -> FloatArray:
        U, s, Qt = _thin_svd(_product(self.U, self.s, self.Qt) + V)
        k = self.s.size
        return _product(U[:, :k], s[:k], Qt[:k])

    @cached_property
    def _slope(self) -> FloatArray:
        """R's derivative in each singular value, r_i."""
        return np.asarray(self.lambda_1 * self.s + self.lambda_2 * self.s.sum())

    @cached_property
    def _skew_weight(self) -> FloatArray:
        return np.asarray(self.lambda_2 * self.s.sum() / np.add.outer(self.s, self.s))

    @cached_property
    def _off_support(self) -> FloatArray:
        return self.project(self.data_gradient) - self.data_gradient

    def _blocks(self, V: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        UV, VQ = self.U.T @ V, V @ self.Qt.T
        A = UV @ self.Qt.T
        return A, UV - A @ self.Qt, VQ - self.U @ A


def _differentiate(
    U: FloatArray, s: FloatArray, Qt: FloatArray, x: FloatArray, ridge: float, nuclear: float, V: FloatArray
) -> FloatArray:
    """The derivative of U diag(s) Q' -> U diag(x) Q' along V, for x = maximise_on_spectrum(s, ridge, nuclear).

    Singular vectors turn by the divided differences of x over s (Loewner), which differ for the symmetric and the
    skew part of U'V Q; among the k values that stay, x_i - x_j = (s_i - s_j)/ridge. The values themselves also
    share a threshold, which V's trace on the support moves.
    """
    k = int(np.count_nonzero(x))
    even = np.zeros((s.size, s.size))
    even[:k, :k] = 1.0 / ridge
    even[:k, k:] = x[:k, None] / (s[:k, None] - s[k:])  # at most 1/ridge: s_i - s_j >= ridge x_i
    even[k:, :k] = even[:k, k:].T
    odd = np.add.outer(x, x) / np.maximum(np.add.outer(s, s), np.finfo(float).tiny)
    UV, VQ = U.T @ V, V @ Qt.T
    A = UV @ Qt.T
    inner = 0.5 * (even * (A + A.T) + odd * (A - A.T))
    inner[range(k), range(k)] -= nuclear / (ridge * (ridge + nuclear * k)) * A[:k, :k].trace()
    ratio = x[:k] / s[:k]
    right, left = ratio[:, None] * (UV - A @ Qt)[:k], (VQ - U @ A)[:, :k] * ratio
    return np.asarray(U @ (inner @ Qt) + U[:, :k] @ right + left @ Qt[:k])


def _range(W: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    U, s, Qt = _thin_svd(W)
    k = int(np.count_nonzero(s > 10.0 * max(W.shape) * np.finfo(float).eps * s[0]))
    return U[:, :k], s[:k], Qt[:k]


def _relationship_of_many(W: FloatArray, lambda_1: float, lambda_2: float) -> Relationship:
    """By W'W, without a copy of W; singular values below 1e-7 of the largest are lost in rounding, and left out."""
    values, Q = np.linalg.eigh(W.T @ W)
    kept = values > 1e-14 * values[-1]
    if not kept.any():
        return UniformRelationship(W.shape[0], lambda_1, lambda_2)
    s, Q = np.sqrt(values[kept][::-1]), Q[:, kept][:, ::-1]
    return RelationshipOfWeights(W, Q / s, s / s.sum(), lambda_1, lambda_2)


def _thin_svd(W: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    U, s, Qt = np.linalg.svd(W, full_matrices=False)
    return np.asarray(U), np.asarray(s), np.asarray(Qt)


def _singular_values(W: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.svd(W, compute_uv=False))


def _product(U: FloatArray, s: FloatArray, Qt: FloatArray) -> FloatArray:
    return np.asarray((U * s) @ Qt)
