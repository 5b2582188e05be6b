"""The data term of problem (1) for compiled loops: second moments for a quadratic loss, rows for the others."""

from typing import NamedTuple

import numpy as np
from numba import njit

from patom.core.arrays import FloatArray, IntArray
from patom.core.compiled_losses import LOGISTIC, loss_at, loss_code
from patom.core.data_term import DataTerm, MomentTerm, RowTerm


class Data(NamedTuple):
    """What ``data_term`` holds, as plain arrays; ``A`` is empty where the rows are used, ``X`` where they are not."""

    A: FloatArray
    b: FloatArray
    constant: float
    X: FloatArray
    y: FloatArray
    weights: FloatArray
    offsets: IntArray
    kind: int
    delta: float


def as_data(term: DataTerm) -> Data | None:
    """The term's arrays; None for a term that is neither."""
    nothing = np.empty(0)
    if type(term) is MomentTerm:
        return Data(term.A, term.b, term.constant, np.empty((0, 0)), nothing, nothing, np.empty(0, np.int64), 0, 0.0)
    if type(term) is RowTerm:
        rows, zero = term.rows, np.zeros(term.shape)
        return Data(np.empty((0, 0, 0)), zero, 0.0, rows.X, rows.y, rows.weights, rows.offsets, *loss_code(term.loss))
    return None


@njit(cache=True, fastmath={"reassoc", "contract"})
def value_and_gradient(data: Data, W: FloatArray, gradient: FloatArray) -> float:
    """f(W); the gradient is written to ``gradient``, shape (m, p). One pass over moments or rows."""
    m, p = W.shape
    value = data.constant
    if data.A.size > 0:
        for i in range(m):
            for c in range(p):
                slope = 0.0
                for d in range(p):
                    slope += data.A[i, c, d] * W[i, d]
                value += W[i, c] * (0.5 * slope - data.b[i, c])
                gradient[i, c] = slope - data.b[i, c]
        return value
    for i in range(m):
        gradient[i] = 0.0
        for j in range(data.offsets[i], data.offsets[i + 1]):
            z = 0.0
            for c in range(p):
                z += data.X[j, c] * W[i, c]
            loss, slope, _ = loss_at(data.kind, data.delta, z, data.y[j])
            value += data.weights[j] * loss
            if slope != 0.0:  # else beyond the hinge's margin
                slope *= data.weights[j]
                for c in range(p):
                    gradient[i, c] += slope * data.X[j, c]
    return value


@njit(cache=True, fastmath={"reassoc", "contract"})
def largest_curvature(data: Data, start: FloatArray) -> float:
    """Largest eigenvalue of the Hessian, all rows at the loss's largest curvature, from below.

    At most 20 power iterations on every task's block, from ``start``, shape (m, p), until they gain less than 1 %.
    """
    largest, image = 0.0, np.empty(start.shape[1])
    for i in range(start.shape[0]):
        v, norm, last = start[i] / np.sqrt((start[i] * start[i]).sum()), 0.0, 0.0
        for _ in range(20):
            _apply_block(data, i, v, image)
            last, norm = norm, np.sqrt((image * image).sum())
            if norm <= 1.01 * last:
                break
            for c in range(v.size):
                v[c] = image[c] / norm
        largest = max(largest, norm)
    return largest


@njit(cache=True, fastmath={"reassoc", "contract"})
def _apply_block(data: Data, i: int, v: FloatArray, image: FloatArray) -> None:
    p = v.size
    image[:] = 0.0
    if data.A.size > 0:
        for c in range(p):
            for d in range(p):
                image[c] += data.A[i, c, d] * v[d]
        return
    bound = 0.25 if data.kind == LOGISTIC else 2.0
    for j in range(data.offsets[i], data.offsets[i + 1]):
        z = 0.0
        for c in range(p):
            z += data.X[j, c] * v[c]
        z *= bound * data.weights[j]
        for c in range(p):
            image[c] += z * data.X[j, c]


@njit(cache=True, fastmath={"reassoc", "contract"})
def hessian_blocks(data: Data, W: FloatArray) -> FloatArray:
    """The Hessian at W, block by block, shape (m, p, p): rows beyond the hinge's margin take no part."""
    if data.A.size > 0:
        return data.A
    m, p = W.shape
    blocks = np.empty((m, p, p))
    for i in range(m):
        start, stop = data.offsets[i], data.offsets[i + 1]
        plain, scaled, active = np.empty((stop - start, p)), np.empty((stop - start, p)), 0
        for j in range(start, stop):
            z = 0.0
            for c in range(p):
                z += data.X[j, c] * W[i, c]
            _, _, curvature = loss_at(data.kind, data.delta, z, data.y[j])
            if curvature * data.weights[j] > 0.0:
                for c in range(p):
                    plain[active, c] = data.X[j, c]
                    scaled[active, c] = curvature * data.weights[j] * data.X[j, c]
                active += 1
        np.dot(scaled[:active].T, plain[:active], blocks[i])
    return blocks
