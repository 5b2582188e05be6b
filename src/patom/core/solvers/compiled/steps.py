"""First-order steps and certificates, compiled."""

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.jit import called_exactly
from patom.core.solvers.compiled.data import Data, value_and_gradient
from patom.core.solvers.compiled.spectrum import conjugate, penalty_value, prox, thin_gram


@called_exactly
def evaluate(data: Data, W: FloatArray, lambda_1: float, lambda_2: float) -> tuple[FloatArray, float, float, float]:
    """Gradient of f, objective, Fenchel gap and ||W||_F^2 at W."""
    return certify(data, W, np.linalg.svd(W, full_matrices=False)[1], lambda_1, lambda_2)


@called_exactly
def certify(
    data: Data, W: FloatArray, s: FloatArray, lambda_1: float, lambda_2: float
) -> tuple[FloatArray, float, float, float]:
    """The same with W's singular values at hand.

    The conjugate takes the gradient's singular values from their squares. It has all of its digits all the same: it
    counts none below its threshold, which is at least lambda_2 times what it makes of the largest.
    """
    gradient = np.empty(W.shape)
    value = value_and_gradient(data, W, gradient)
    own = penalty_value(s, lambda_1, lambda_2)
    squares = np.linalg.eigh(thin_gram(gradient))[0]
    dual = conjugate(np.sqrt(np.maximum(squares[::-1], 0.0)), lambda_1, lambda_2)
    return gradient, value + own, abs(own + dual + (W * gradient).sum()), (W * W).sum()


@called_exactly
def proximal_step(data: Data, W: FloatArray, L: float, lambda_1: float, lambda_2: float) -> FloatArray:
    """prox(W - grad f(W)/L)."""
    gradient = np.empty(W.shape)
    value_and_gradient(data, W, gradient)
    return prox(W - gradient / L, 1.0 + lambda_1 / L, lambda_2 / L)


@called_exactly
def accelerate(data: Data, W: FloatArray, L: float, steps: int, lambda_1: float, lambda_2: float) -> FloatArray:
    """As ``ArrayOracle.accelerate``."""
    Y, momentum = W, 1.0
    for _ in range(steps):
        ahead = proximal_step(data, Y, L, lambda_1, lambda_2)
        if ((Y - ahead) * (ahead - W)).sum() > 0.0:  # momentum points uphill
            momentum = 1.0
        following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
        Y = ahead + (momentum - 1.0) / following * (ahead - W)
        W, momentum = ahead, following
    return W
