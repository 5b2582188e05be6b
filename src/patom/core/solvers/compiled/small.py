"""Small matrices in compiled loops: products, factors, packing, and Nesterov and Todd's scaling.

For matrices this small a call of BLAS costs as much as the loop, and each place that calls one takes the compiler a
second. So does each assignment of an array to a part of another, because of the message for shapes that differ: hence
loops, and ``np.dot`` with its place as an argument.
"""

from typing import NamedTuple

import numpy as np

from patom.core.arrays import FloatArray, IntArray
from patom.core.jit import compiled_exactly, compiled_serial


@compiled_serial
def times(A: FloatArray, B: FloatArray) -> FloatArray:
    """A B."""
    C = np.zeros((A.shape[0], B.shape[1]))
    for i in range(A.shape[0]):
        for c in range(A.shape[1]):
            for j in range(B.shape[1]):
                C[i, j] += A[i, c] * B[c, j]
    return C


@compiled_serial
def gram(A: FloatArray, B: FloatArray) -> FloatArray:
    """A' B."""
    C = np.zeros((A.shape[1], B.shape[1]))
    for c in range(A.shape[0]):
        for i in range(A.shape[1]):
            for j in range(B.shape[1]):
                C[i, j] += A[c, i] * B[c, j]
    return C


@compiled_serial
def cholesky(A: FloatArray) -> tuple[FloatArray, bool]:
    """L with A = L L', and whether A is positive definite; only the lower triangle is read."""
    k = A.shape[0]
    L, inverse = np.zeros((k, k)), np.empty(k)
    for i in range(k):
        for j in range(i + 1):
            total = A[i, j]
            for c in range(j):
                total -= L[i, c] * L[j, c]
            if i > j:
                L[i, j] = total * inverse[j]
            elif total > 0.0:
                L[i, i] = np.sqrt(total)
                inverse[i] = 1.0 / L[i, i]
            else:
                return L, False
    return L, True


@compiled_serial
def solve(L: FloatArray, right: FloatArray) -> FloatArray:
    """The v with L L' v = right."""
    v = right.copy()
    for i in range(v.size):
        for c in range(i):
            v[i] -= L[i, c] * v[c]
        v[i] /= L[i, i]
    for i in range(v.size - 1, -1, -1):
        v[i] /= L[i, i]
        for c in range(i):
            v[c] -= L[i, c] * v[i]
    return v


@compiled_serial
def eliminate(A: FloatArray, v: FloatArray) -> None:
    """Overwrite v with A^-1 v, and A's upper triangle, which alone is read; NaN where A is not positive definite."""
    for j in range(v.size):
        if not A[j, j] > 0.0:
            v[:] = np.nan
            return
        inverse = 1.0 / A[j, j]
        for i in range(j + 1, v.size):
            share = A[j, i] * inverse
            for c in range(i, v.size):
                A[i, c] -= share * A[j, c]
            v[i] -= share * v[j]
    for i in range(v.size - 1, -1, -1):
        for c in range(i + 1, v.size):
            v[i] -= A[i, c] * v[c]
        v[i] /= A[i, i]


@compiled_serial
def lower_inverse(L: FloatArray) -> FloatArray:
    """Of a lower triangular matrix."""
    k = L.shape[0]
    inverse = np.zeros((k, k))
    for i in range(k):
        inverse[i, i] = 1.0 / L[i, i]
        for c in range(i):
            for j in range(c + 1):
                inverse[i, j] -= L[i, c] * inverse[c, j]
        for j in range(i):
            inverse[i, j] *= inverse[i, i]
    return inverse


@compiled_exactly
def spectrum(A: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues, ascending, and eigenvectors of a symmetric matrix; NaN where it is not finite."""
    if np.isfinite(A).all():
        return np.linalg.eigh(A)
    return np.full(A.shape[0], np.nan), A.T.copy().T


@compiled_exactly
def smallest_eigenvalue(A: FloatArray) -> float:
    """Of a symmetric matrix; NaN where it is not finite."""
    return np.linalg.eigvalsh(A)[0] if np.isfinite(A).all() else np.nan


_HALF = np.sqrt(0.5)


@compiled_exactly
def pack(A: FloatArray) -> FloatArray:
    """The lower triangle row by row, off-diagonal entries times sqrt(2), shape (k (k + 1)/2,)."""
    k = A.shape[0]
    v, at = np.empty(k * (k + 1) // 2), 0
    for i in range(k):
        for j in range(i + 1):
            v[at] = A[i, j] if i == j else A[i, j] / _HALF
            at += 1
    return v


@compiled_exactly
def unpack(v: FloatArray, k: int) -> FloatArray:
    """The symmetric matrix of shape (k, k) that ``pack`` turns into v."""
    A, at = np.empty((k, k)), 0
    for i in range(k):
        for j in range(i + 1):
            A[i, j] = A[j, i] = v[at] if i == j else v[at] * _HALF
            at += 1
    return A


@compiled_exactly
def places(k: int) -> tuple[IntArray, IntArray]:
    """Row and column of each entry of a packed matrix, shape (k (k + 1)/2, 2), and the entry of each pair, (k, k)."""
    pairs, entry, at = np.empty((k * (k + 1) // 2, 2), np.int64), np.empty((k, k), np.int64), 0
    for i in range(k):
        for j in range(i + 1):
            pairs[at, 0], pairs[at, 1] = i, j
            entry[i, j] = entry[j, i] = at
            at += 1
    return pairs, entry


@compiled_exactly
def coupled(M: FloatArray, y: FloatArray, weight: float) -> FloatArray:
    """The map D -> D + weight/2 sum_i (M_i D y_i y_i' + y_i y_i' D M_i), M_i symmetric, packed: its lower triangle."""
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


class Scaling(NamedTuple):
    """G with G' Z G = G^-1 S G^-T = diag(d), and F = G diag(d)^1/2, so that S = F F'.

    ``definite``: whether there is one, that is S > 0 and Z > 0.
    """

    G: FloatArray
    G_inverse: FloatArray
    F: FloatArray
    d: FloatArray
    definite: bool


@compiled_exactly
def scale(S: FloatArray, Z: FloatArray) -> Scaling:
    """By the eigenvalues of L' Z L, where S = L L'."""
    L, definite = cholesky(S)
    squares, V = spectrum(gram(L, times(Z, L)))
    if not (definite and squares[0] > 0.0):
        return Scaling(S, S, S, S[0], False)
    F, back, d = times(L, V), gram(V, lower_inverse(L)), np.sqrt(squares)
    G = np.empty(S.shape)
    for i in range(d.size):
        root = np.sqrt(d[i])
        for j in range(d.size):
            G[j, i] = F[j, i] / root
            back[i, j] *= root
    return Scaling(G, back, F, d, True)


@compiled_exactly
def length_to_edge(d: FloatArray, D: FloatArray) -> float:
    """The largest a with diag(d) + a D >= 0."""
    scaled = np.empty(D.shape)
    for i in range(d.size):
        for j in range(d.size):
            scaled[i, j] = D[i, j] / np.sqrt(d[i] * d[j])
    least = smallest_eigenvalue(scaled)
    return -1.0 / least if least < 0.0 else np.inf
