"""First-order steps and certificates for ``SpectralPenalty``, compiled: prox, value and conjugate of the spectrum."""

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.jit import compiled_exactly
from patom.core.solvers.compiled.data import Data, value_and_gradient

_ROUNDED = 1e-7
"""Threshold over the largest singular value below which squares of singular values are not precise enough."""


@compiled_exactly
def maximise_on_spectrum(s: FloatArray, ridge: float, nuclear: float) -> FloatArray:
    """As in ``penalties.learned``: argmax <s, x> - ridge/2 ||x||^2 - nuclear/2 (sum x)^2 over x >= 0, s descending."""
    x, falls, k = np.zeros(s.size), 0.0, 0
    for i in range(s.size):
        further = falls if i == 0 else falls + i * (s[i - 1] - s[i])
        if ridge * s[i] <= nuclear * further:
            break
        falls, k = further, i + 1
    for i in range(k):
        ahead = k * (s[i] - s[k - 1]) - falls
        x[i] = max(s[i] + nuclear / ridge * ahead, 0.0) / (ridge + nuclear * k)
    return x


@compiled_exactly
def thin_gram(Z: FloatArray) -> FloatArray:
    """Z Z' or Z' Z, whichever is smaller: its eigenvalues are the squares of Z's singular values."""
    return np.dot(Z, Z.T) if Z.shape[0] <= Z.shape[1] else np.dot(Z.T, Z)


@compiled_exactly
def prox(Z: FloatArray, ridge: float, nuclear: float) -> FloatArray:
    """The proximal step from Z, shape (m, p), with ridge = 1 + lambda_1/L and nuclear = lambda_2/L.

    Decomposes the Gram matrix of the thin side, or Z itself where the threshold is so low that squares round it away.
    """
    if nuclear == 0.0:
        return Z / ridge
    m, p = Z.shape
    if nuclear < _ROUNDED:
        U, s, Qt = np.linalg.svd(Z, full_matrices=False)
        x = maximise_on_spectrum(s, ridge, nuclear)
        return np.dot(U * x, Qt)
    squares, vectors = np.linalg.eigh(thin_gram(Z))
    n = squares.size
    s = np.sqrt(np.maximum(squares[::-1], 0.0))
    x = maximise_on_spectrum(s, ridge, nuclear)
    shrunk = np.zeros((n, n))
    for k in range(n):
        if x[k] > 0.0:
            for a in range(n):
                along = x[k] / s[k] * vectors[a, n - 1 - k]
                for b in range(n):
                    shrunk[a, b] += along * vectors[b, n - 1 - k]
    return np.dot(shrunk, Z) if m <= p else np.dot(Z, shrunk)


@compiled_exactly
def penalty_value(s: FloatArray, lambda_1: float, lambda_2: float) -> float:
    """lambda_1/2 ||W||_F^2 + lambda_2/2 ||W||_*^2 of W's singular values."""
    return 0.5 * lambda_1 * (s * s).sum() + 0.5 * lambda_2 * s.sum() ** 2


@compiled_exactly
def conjugate(s: FloatArray, lambda_1: float, lambda_2: float) -> float:
    """R*(V) of V's singular values, descending."""
    if lambda_1 == 0.0:
        return s[0] ** 2 / (2.0 * lambda_2)
    x = maximise_on_spectrum(s, lambda_1, lambda_2)
    return (s * x).sum() - penalty_value(x, lambda_1, lambda_2)


@compiled_exactly
def evaluate(data: Data, W: FloatArray, lambda_1: float, lambda_2: float) -> tuple[FloatArray, float, float, float]:
    """Gradient of f, objective, Fenchel gap and ||W||_F^2 at W."""
    return certify(data, W, np.linalg.svd(W, full_matrices=False)[1], lambda_1, lambda_2)


@compiled_exactly
def certify(
    data: Data, W: FloatArray, s: FloatArray, lambda_1: float, lambda_2: float
) -> tuple[FloatArray, float, float, float]:
    """The same with W's singular values given.

    The conjugate takes the gradient's singular values from their squares and still has all of its digits: it uses none
    below its threshold, which is at least lambda_2 times its x for the largest.
    """
    gradient = np.empty(W.shape)
    value = value_and_gradient(data, W, gradient)
    own = penalty_value(s, lambda_1, lambda_2)
    squares = np.linalg.eigh(thin_gram(gradient))[0]
    dual = conjugate(np.sqrt(np.maximum(squares[::-1], 0.0)), lambda_1, lambda_2)
    return gradient, value + own, abs(own + dual + (W * gradient).sum()), (W * W).sum()


@compiled_exactly
def proximal_step(data: Data, W: FloatArray, L: float, lambda_1: float, lambda_2: float) -> FloatArray:
    """prox(W - grad f(W)/L)."""
    gradient = np.empty(W.shape)
    value_and_gradient(data, W, gradient)
    return prox(W - gradient / L, 1.0 + lambda_1 / L, lambda_2 / L)


@compiled_exactly
def accelerate(data: Data, W: FloatArray, L: float, steps: int, lambda_1: float, lambda_2: float) -> FloatArray:
    """As ``Oracle.accelerate``."""
    Y, momentum = W, 1.0
    for _ in range(steps):
        ahead = proximal_step(data, Y, L, lambda_1, lambda_2)
        if ((Y - ahead) * (ahead - W)).sum() > 0.0:  # momentum points uphill
            momentum = 1.0
        following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
        Y = ahead + (momentum - 1.0) / following * (ahead - W)
        W, momentum = ahead, following
    return W
