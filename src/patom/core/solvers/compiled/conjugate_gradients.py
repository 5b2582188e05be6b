"""Newton's system by conjugate gradients, where it has too many coordinates to factor; compiled."""

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.jit import called_exactly


@called_exactly
def newton_step(
    blocks: FloatArray,
    U: FloatArray,
    x: FloatArray,
    Qt: FloatArray,
    off: FloatArray,
    gradient: FloatArray,
    weights: tuple[float, float],
    tolerance: float,
) -> tuple[FloatArray, float]:
    """V with P (H + K) V = -gradient on the tangent space at U diag(x) Q', shape (m, p), and V's slope.

    Parameters
    ----------
    blocks : array of shape (m, p, p)
    U, x, Qt : arrays of shape (m, k), (k,) and (k, p)
    off : array of shape (m, p)
        E, -grad f off the support.
    gradient : array of shape (m, p)
        Of f at U diag(x) Q'.
    weights : (lambda_1, lambda_2)
    tolerance : float
        Bound on the residual's norm over the gradient's.
    """
    lambda_1, lambda_2 = weights
    UG, GQ = np.dot(U.T, gradient), np.dot(gradient, Qt.T)
    g = np.dot(U, UG) + np.dot(GQ - np.dot(U, np.dot(UG, Qt.T)), Qt)
    g += np.dot(U * (lambda_1 * x + lambda_2 * x.sum()), Qt)
    v, residual, direction = np.zeros(g.shape), -g, -g
    square = (g * g).sum()
    stop, products = tolerance**2 * square, 0
    while square > stop and products < min(500, 2 * g.size):
        image = _product(blocks, U, x, Qt, off, direction, lambda_1, lambda_2)
        bend, products = (direction * image).sum(), products + 1
        if bend <= 0.0:
            break
        step = square / bend
        v += step * direction
        residual -= step * image
        last, square = square, (residual * residual).sum()
        direction = residual + (square / last) * direction
    return v, (g * v).sum()


@called_exactly
def _product(
    blocks: FloatArray,
    U: FloatArray,
    x: FloatArray,
    Qt: FloatArray,
    off: FloatArray,
    V: FloatArray,
    lambda_1: float,
    lambda_2: float,
) -> FloatArray:
    """P (H + K) V for a tangent V: see ``core.spectral.FixedRankModel``."""
    HV = np.empty(V.shape)
    for i in range(V.shape[0]):
        np.dot(blocks[i], V[i], HV[i])
    UH, HQ = np.dot(U.T, HV), np.dot(HV, Qt.T)
    UV, VQ = np.dot(U.T, V), np.dot(V, Qt.T)
    A = np.dot(UV, Qt.T)
    B, C = UV - np.dot(A, Qt), VQ - np.dot(U, A)
    total, k = x.sum(), x.size
    inner = np.empty((k, k))
    for a in range(k):
        for b in range(k):
            inner[a, b] = lambda_1 * A[a, b] + lambda_2 * total / (x[a] + x[b]) * (A[a, b] - A[b, a])
        inner[a, a] += lambda_2 * np.trace(A)
    ratio = lambda_1 + lambda_2 * total / x
    rows = np.dot(inner, Qt) + UH - np.dot(C.T, off) / x.reshape(k, 1) + ratio.reshape(k, 1) * B
    columns = HQ - np.dot(U, np.dot(UH, Qt.T)) + C * ratio - np.dot(off, B.T) / x
    return np.dot(U, rows) + np.dot(columns, Qt)
