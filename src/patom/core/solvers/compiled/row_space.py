"""Few features in place of many, compiled: the row space of weights near the optimum, and the data there."""

import numpy as np

from patom.core.arrays import AnyArray, FloatArray, read_only
from patom.core.jit import called, called_exactly
from patom.core.solvers.compiled.data import Data, hessian_blocks, value_and_gradient
from patom.core.solvers.compiled.small import eliminate, spectrum, times

_FLOOR = 1e-6
"""Singular value over the largest at which Omega is held up: Gram matrices know smaller ones badly."""


@called_exactly
def row_space(data: Data, lambda_1: float, lambda_2: float, sweeps: int) -> FloatArray:
    """An orthonormal basis, shape (m, p), of the rows of W after ``sweeps`` of the alternation on f's model at 0.

    Each sets Omega from W, then each task's weights in turn to what the other tasks' call for (Gauss and Seidel). The
    first Omega is I/m.

    Parameters
    ----------
    data : Data
        Of m < p tasks.
    lambda_1, lambda_2 : float
    sweeps : int
    """
    m, p = data.b.shape
    gradient, W = np.empty((m, p)), np.zeros((m, p))
    value_and_gradient(data, W, gradient)
    blocks = hessian_blocks(data, W)
    _sweep(blocks, gradient, m * np.eye(m), W, lambda_1, lambda_2)
    for _ in range(sweeps):
        _sweep(blocks, gradient, _precision(W), W, lambda_1, lambda_2)
    return np.linalg.svd(W if np.isfinite(W).all() else np.eye(m, p), full_matrices=False)[2]


@called_exactly
def _precision(W: FloatArray) -> FloatArray:
    """Omega^-1 for Omega = (W W')^1/2 / ||W||_*, its singular values held up."""
    squares, U = spectrum(np.dot(W, W.T))
    s = np.sqrt(np.maximum(squares, _FLOOR**2 * squares[-1]))
    return np.dot(U * (s.sum() / s), U.T)


@called_exactly
def _sweep(
    blocks: FloatArray, gradient: FloatArray, precision: FloatArray, W: FloatArray, lambda_1: float, lambda_2: float
) -> None:
    """Each task's weights in turn, for a quadratic f with this gradient at 0."""
    p = W.shape[1]
    for i in range(W.shape[0]):
        pull, own = times(precision[i : i + 1], W)[0], precision[i, i]
        system = blocks[i].copy()
        for c in range(p):
            system[c, c] += lambda_1 + lambda_2 * own
            W[i, c] = -gradient[i, c] - lambda_2 * (pull[c] - own * W[i, c])
        eliminate(system, W[i])


def within(data: Data, Qt: FloatArray) -> Data:
    """The data of weights V Qt, as data of V; ``Qt`` orthonormal, shape (r, p). Copies rows, to r columns each."""
    b = data.b @ Qt.T
    if data.A.size > 0:
        return data._replace(A=_blocks_within(data.A, Qt), b=b)
    X = data.X @ Qt.T if data.X.shape[1] == Qt.shape[1] else _borrowed_within(data.X, Qt)
    return data._replace(X=read_only(X), b=b)


@called_exactly
def _blocks_within(A: FloatArray, Qt: FloatArray) -> FloatArray:
    found = np.empty((A.shape[0], Qt.shape[0], Qt.shape[0]))
    for i in range(A.shape[0]):
        np.dot(Qt, np.dot(A[i], Qt.T), found[i])
    return found


@called
def _borrowed_within(X: AnyArray, Qt: FloatArray) -> FloatArray:
    """The constant implied; sums in double precision."""
    n, d = X.shape
    found = np.empty((n, Qt.shape[0]))
    for j in range(n):
        for a in range(Qt.shape[0]):
            z = Qt[a, d]
            for c in range(d):
                z += X[j, c] * Qt[a, c]
            found[j, a] = z
    return found
