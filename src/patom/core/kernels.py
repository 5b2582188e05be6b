"""Compiled passes over the rows, task by task.

Every sum runs over one task's rows in order, whatever the number of threads, so results do not depend on it. Row ``j``
of a pass is row ``order[j]`` of X, or ``j`` where ``order`` is empty. Features may be float32; where they have a column
less than the weights, the constant is implied. Sums take two rows at a time, which hide each other's latency, and rows
of weight 0 too, which costs less than a branch.
"""

import numpy as np
from numba import prange

from patom.core.arrays import AnyArray, FloatArray, IntArray, read_only
from patom.core.jit import compiled, compiled_serial

AS_THEY_LIE: IntArray = read_only(np.empty(0, dtype=np.int64))
"""The order of rows that are sorted by task already."""


@compiled
def _row_products(X: AnyArray, order: IntArray, offsets: IntArray, W: FloatArray, out: FloatArray) -> None:
    d = X.shape[1]
    for i in prange(offsets.size - 1):
        for j in range(offsets[i], offsets[i + 1]):
            row, z = order[j] if order.size > 0 else j, 0.0
            for c in range(d):
                z += X[row, c] * W[i, c]
            out[j] = z + W[i, d] if d < W.shape[1] else z


@compiled
def _weighted_sums(X: AnyArray, order: IntArray, offsets: IntArray, weight: FloatArray, out: FloatArray) -> None:
    d = X.shape[1]
    for i in prange(offsets.size - 1):
        total, last = out[i], offsets[i + 1] - 1
        total[:] = 0.0
        for j in range(offsets[i], last + 1, 2):
            k = min(j + 1, last)
            x, y = X[order[j] if order.size > 0 else j], X[order[k] if order.size > 0 else k]
            one, two = weight[j], weight[k] if k > j else 0.0
            for c in range(d):
                total[c] = (total[c] + one * x[c]) + two * y[c]
            if d < total.size:
                total[d] = (total[d] + one) + two


@compiled
def _weighted_squares(X: AnyArray, order: IntArray, offsets: IntArray, weight: FloatArray, out: FloatArray) -> None:
    d = X.shape[1]
    for i in prange(offsets.size - 1):
        total = out[i]
        total[:] = 0.0
        for j in range(offsets[i], offsets[i + 1]):
            x = X[order[j] if order.size > 0 else j]
            for c in range(d):
                value = np.float64(x[c])
                total[c] += weight[j] * value * value
            if d < total.size:
                total[d] += weight[j]


@compiled
def _gram_products(
    X: AnyArray, order: IntArray, offsets: IntArray, weight: FloatArray, V: FloatArray, out: FloatArray
) -> None:
    d = X.shape[1]
    for i in prange(offsets.size - 1):
        v, total, last = V[i], out[i], offsets[i + 1] - 1
        total[:] = 0.0
        for j in range(offsets[i], last + 1, 2):
            k = min(j + 1, last)
            x, y = X[order[j] if order.size > 0 else j], X[order[k] if order.size > 0 else k]
            one = two = v[d] if d < v.size else 0.0
            for c in range(d):
                one += x[c] * v[c]
                two += y[c] * v[c]
            one, two = weight[j] * one, weight[k] * two if k > j else 0.0
            for c in range(d):
                total[c] = (total[c] + one * x[c]) + two * y[c]
            if d < total.size:
                total[d] = (total[d] + one) + two


@compiled
def _borrowed_products(X: AnyArray, index: IntArray, W: FloatArray, out: FloatArray) -> None:
    d = X.shape[1]
    for j in prange(X.shape[0]):
        z = 0.0
        for c in range(d):
            z += X[j, c] * W[index[j], c]
        out[j] = z + W[index[j], d]


@compiled_serial
def _counting_order(index: IntArray, places: IntArray, order: IntArray) -> None:
    for j in range(index.size):
        order[places[index[j]]] = j
        places[index[j]] += 1


@compiled
def _interleaved(one: FloatArray, starts: IntArray, other: FloatArray, other_starts: IntArray, out: FloatArray) -> None:
    for i in prange(starts.size - 1):
        place = starts[i] + other_starts[i]
        for j in range(starts[i], starts[i + 1]):
            for c in range(out.shape[1]):
                out[place, c] = one[j, c]
            place += 1
        for j in range(other_starts[i], other_starts[i + 1]):
            for c in range(out.shape[1]):
                out[place, c] = other[j, c]
            place += 1


def row_products(X: AnyArray, offsets: IntArray, W: FloatArray, order: IntArray = AS_THEY_LIE) -> FloatArray:
    """Predictions w_i'x_ij of every row, shape (n,); one pass over ``X``.

    >>> row_products(np.eye(2), np.array([0, 1, 2]), np.array([[3.0, 0.0], [0.0, 4.0]]))
    array([3., 4.])
    """
    out = np.empty(X.shape[0])
    _row_products(X.size)(read_only(X), order, offsets, np.ascontiguousarray(W), out)
    return out


def borrowed_products(X: AnyArray, index: IntArray, W: FloatArray) -> FloatArray:
    """Predictions of rows in any order, shape (n,): the constant implied, ``index`` each row's task; one pass.

    ``X``, shape (n, d), may be float32; sums are float64.

    >>> borrowed_products(np.eye(2), np.array([1, 0]), np.array([[3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]))
    array([14.,  9.])
    """
    out = np.empty(X.shape[0])
    _borrowed_products(X.size)(read_only(X), index, np.ascontiguousarray(W), out)
    return out


def counting_order(index: IntArray, offsets: IntArray) -> IntArray:
    """Rows by rising ``index``, rows of one in their order, shape (n,); ``offsets`` says where each begins.

    >>> counting_order(np.array([1, 0, 1]), np.array([0, 1, 3]))
    array([1, 0, 2])
    """
    order = np.empty(index.size, dtype=np.int64)
    _counting_order(index, offsets[:-1].copy(), order)
    return order


def weighted_sums(
    X: AnyArray, offsets: IntArray, weight: FloatArray, order: IntArray = AS_THEY_LIE, *, constant: bool = False
) -> FloatArray:
    """Per-task sums of weighted rows, sum_j weight_j x_ij, shape (m, p); one pass over ``X``.

    ``constant``: it is implied, p = d + 1.

    >>> weighted_sums(np.eye(2), np.array([0, 2]), np.array([3.0, 4.0]))
    array([[3., 4.]])
    >>> weighted_sums(np.eye(2), np.array([0, 2]), np.array([3.0, 4.0]), np.array([1, 0]), constant=True)
    array([[4., 3., 7.]])
    """
    out = np.empty((offsets.size - 1, X.shape[1] + constant))
    _weighted_sums(X.size)(read_only(X), order, offsets, weight, out)
    return out


def weighted_squares(
    X: AnyArray, offsets: IntArray, weight: FloatArray, order: IntArray = AS_THEY_LIE, *, constant: bool = False
) -> FloatArray:
    """Per-task sums of weighted squares, sum_j weight_j x_ij^2, shape (m, p), as ``weighted_sums``; one pass.

    >>> weighted_squares(np.array([[2.0], [3.0]]), np.array([0, 2]), np.array([1.0, 0.5]), constant=True)
    array([[8.5, 1.5]])
    """
    out = np.empty((offsets.size - 1, X.shape[1] + constant))
    _weighted_squares(X.size)(read_only(X), order, offsets, weight, out)
    return out


def gram_products(
    X: AnyArray, offsets: IntArray, weight: FloatArray, V: FloatArray, order: IntArray = AS_THEY_LIE
) -> FloatArray:
    """Per-task sums of weighted rows times their products with v_i, sum_j weight_j (v_i'x_ij) x_ij, shape (m, p).

    One pass over ``X``.

    >>> gram_products(np.eye(2), np.array([0, 1, 2]), np.array([2.0, 0.0]), np.array([[3.0, 0.0], [0.0, 4.0]]))
    array([[6., 0.],
           [0., 0.]])
    """
    out = np.empty((offsets.size - 1, V.shape[1]))
    _gram_products(X.size)(read_only(X), order, offsets, weight, np.ascontiguousarray(V), out)
    return out


def interleaved(one: FloatArray, offsets: IntArray, other: FloatArray, other_offsets: IntArray) -> FloatArray:
    """Two sets of rows as one, task by task, those of the first set before those of the other; one copy of both.

    >>> interleaved(np.array([[1.0], [2.0]]), np.array([0, 1, 2]), np.array([[9.0]]), np.array([0, 1, 1])).ravel()
    array([1., 9., 2.])
    """
    out = np.empty((one.shape[0] + other.shape[0], one.shape[1]))
    _interleaved(out.size)(one, offsets, other, other_offsets, out)
    return out
