"""The data term of problem (1) for compiled loops, by second moments or by rows as ``data_term`` has it."""

from typing import NamedTuple

import numpy as np

from patom.core.arrays import AnyArray, FloatArray, IntArray, read_only
from patom.core.data_term import DataTerm, MomentTerm, RowTerm
from patom.core.jit import compiled_serial
from patom.core.kernels import AS_THEY_LIE
from patom.core.losses import LOGISTIC, loss_at, loss_code
from patom.core.solvers.choose import BLOCK_ROWS

_NO_MOMENTS, _NO_ROWS, _NOTHING = np.empty((0, 0, 0)), read_only(np.empty((0, 0))), read_only(np.empty(0))


class Data(NamedTuple):
    """What ``data_term`` holds, as plain arrays; ``A`` is empty where the rows are used, ``X`` where they are not.

    ``X``, ``order``, ``y`` and ``weights`` are ``Rows``': by place, the constant implied where ``X`` has a column less.
    """

    A: FloatArray
    b: FloatArray
    constant: float
    X: AnyArray
    order: IntArray
    y: FloatArray
    weights: FloatArray
    offsets: IntArray
    kind: int
    delta: float


def as_data(term: DataTerm) -> Data | None:
    """The arrays of a ``MomentTerm`` or ``RowTerm``; None for another term."""
    if type(term) is MomentTerm:
        return Data(term.A, term.b, term.constant, _NO_ROWS, AS_THEY_LIE, _NOTHING, _NOTHING, AS_THEY_LIE, 0, 0.0)
    if type(term) is RowTerm:
        rows, zero = term.rows, np.zeros(term.shape)
        X, y, weights, offsets = (read_only(part) for part in (rows.X, rows.y, rows.weights, rows.offsets))
        return Data(_NO_MOMENTS, zero, 0.0, X, rows.at_place, y, weights, offsets, *loss_code(term.loss))
    return None


@compiled_serial
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
    d = data.X.shape[1]
    for i in range(m):
        gradient[i] = 0.0
        for j in range(data.offsets[i], data.offsets[i + 1]):
            row = data.order[j] if data.order.size > 0 else j
            loss, slope, _ = loss_at(data.kind, data.delta, _product(data.X, row, W[i]), data.y[j])
            value += data.weights[j] * loss
            if slope != 0.0:  # else beyond the hinge's margin
                slope *= data.weights[j]
                for c in range(d):
                    gradient[i, c] += slope * data.X[row, c]
                if d < p:
                    gradient[i, d] += slope
    return value


@compiled_serial
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


@compiled_serial
def _apply_block(data: Data, i: int, v: FloatArray, image: FloatArray) -> None:
    p = v.size
    image[:] = 0.0
    if data.A.size > 0:
        for c in range(p):
            for d in range(p):
                image[c] += data.A[i, c, d] * v[d]
        return
    bound, d = 0.25 if data.kind == LOGISTIC else 2.0, data.X.shape[1]
    for j in range(data.offsets[i], data.offsets[i + 1]):
        row = data.order[j] if data.order.size > 0 else j
        z = bound * data.weights[j] * _product(data.X, row, v)
        for c in range(d):
            image[c] += z * data.X[row, c]
        if d < p:
            image[d] += z


@compiled_serial
def hessian_blocks(data: Data, W: FloatArray) -> FloatArray:
    """The Hessian at W, block by block, shape (m, p, p): rows beyond the hinge's margin take no part."""
    if data.A.size > 0:
        return data.A
    (m, p), d = W.shape, data.X.shape[1]
    blocks, sums, most = np.zeros((m, p, p)), np.empty((p, p)), 1
    for i in range(m):
        most = max(most, min(BLOCK_ROWS, data.offsets[i + 1] - data.offsets[i]))
    plain, scaled = np.ones((most, p)), np.empty((most, p))
    for i in range(m):
        for start in range(data.offsets[i], data.offsets[i + 1], most):
            active = 0
            for j in range(start, min(start + most, data.offsets[i + 1])):
                row = data.order[j] if data.order.size > 0 else j
                _, _, curvature = loss_at(data.kind, data.delta, _product(data.X, row, W[i]), data.y[j])
                curvature *= data.weights[j]
                if curvature > 0.0:
                    for c in range(d):
                        plain[active, c] = data.X[row, c]
                    for c in range(p):
                        scaled[active, c] = curvature * plain[active, c]
                    active += 1
            np.dot(scaled[:active].T, plain[:active], sums)
            for c in range(p):
                for e in range(p):
                    blocks[i, c, e] += sums[c, e]
    return blocks


@compiled_serial
def _product(X: AnyArray, row: int, w: FloatArray) -> float:
    """The prediction for a row."""
    z, d = 0.0, X.shape[1]
    for c in range(d):
        z += X[row, c] * w[c]
    return float(z + w[d]) if d < w.size else z
