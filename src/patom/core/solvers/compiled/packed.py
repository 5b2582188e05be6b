"""Symmetric matrices packed to vectors with the same inner product, for compiled loops."""

import numpy as np

from patom.core.arrays import FloatArray, IntArray
from patom.core.jit import called_exactly

_HALF = np.sqrt(0.5)


@called_exactly
def pack(A: FloatArray) -> FloatArray:
    """The lower triangle row by row, off-diagonal entries times sqrt(2), shape (k (k + 1)/2,)."""
    k = A.shape[0]
    v, at = np.empty(k * (k + 1) // 2), 0
    for i in range(k):
        for j in range(i + 1):
            v[at] = A[i, j] if i == j else A[i, j] / _HALF
            at += 1
    return v


@called_exactly
def unpack(v: FloatArray, k: int) -> FloatArray:
    """The symmetric matrix of shape (k, k) that ``pack`` gives v for."""
    A, at = np.empty((k, k)), 0
    for i in range(k):
        for j in range(i + 1):
            A[i, j] = A[j, i] = v[at] if i == j else v[at] * _HALF
            at += 1
    return A


@called_exactly
def places(k: int) -> tuple[IntArray, IntArray]:
    """Row and column of each entry of a packed matrix, shape (k (k + 1)/2, 2), and the entry of each pair, (k, k)."""
    pairs, entry, at = np.empty((k * (k + 1) // 2, 2), np.int64), np.empty((k, k), np.int64), 0
    for i in range(k):
        for j in range(i + 1):
            pairs[at, 0], pairs[at, 1] = i, j
            entry[i, j] = entry[j, i] = at
            at += 1
    return pairs, entry


@called_exactly
def coupled(M: FloatArray, y: FloatArray, weight: float) -> FloatArray:
    """The map D -> D + weight/2 sum_i (M_i D y_i y_i' + y_i y_i' D M_i) on packed D: its lower triangle.

    Parameters
    ----------
    M : array of shape (m, k, k)
        Symmetric.
    y : array of shape (m, k)
    weight : float
    """
    m, k = y.shape
    pairs, entry = places(k)
    n = pairs.shape[0]
    left, right = np.empty((n, m)), np.empty((m, n))
    for c in range(n):
        a, b = pairs[c]
        for i in range(m):
            left[c, i] = weight * M[i, a, b]
            right[i, c] = y[i, a] * y[i, b]
    sums = np.dot(left, right)  # of M_ab y_c y_d
    system = np.empty((n, n))
    for row in range(n):
        a, b = pairs[row]
        own = 0.5 if a == b else _HALF
        for column in range(row + 1):
            i, j = pairs[column]
            other = 0.5 if i == j else _HALF
            found = sums[entry[a, i], entry[j, b]] + sums[entry[a, j], entry[i, b]]
            found += sums[entry[b, i], entry[j, a]] + sums[entry[b, j], entry[i, a]]
            system[row, column] = own * other * found
        system[row, row] += 1.0
    return system
