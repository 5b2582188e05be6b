"""Products and factors of small matrices in compiled loops.

A call of BLAS on so little costs as much as the loop, and every place that makes one takes the compiler a second. So
does every assignment of an array to a part of another, for the sake of what it says if shapes differ: hence loops, and
``np.dot`` into its place.
"""

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.jit import called, called_exactly


@called
def times(A: FloatArray, B: FloatArray) -> FloatArray:
    """A B."""
    C = np.zeros((A.shape[0], B.shape[1]))
    for i in range(A.shape[0]):
        for c in range(A.shape[1]):
            for j in range(B.shape[1]):
                C[i, j] += A[i, c] * B[c, j]
    return C


@called
def gram(A: FloatArray, B: FloatArray) -> FloatArray:
    """A' B."""
    C = np.zeros((A.shape[1], B.shape[1]))
    for c in range(A.shape[0]):
        for i in range(A.shape[1]):
            for j in range(B.shape[1]):
                C[i, j] += A[c, i] * B[c, j]
    return C


@called
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


@called
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


@called
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


@called
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


@called_exactly
def spectrum(A: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues, ascending, and eigenvectors of a symmetric matrix; NaN where it is not finite."""
    if np.isfinite(A).all():
        return np.linalg.eigh(A)
    return np.full(A.shape[0], np.nan), A.T.copy().T


@called_exactly
def smallest_eigenvalue(A: FloatArray) -> float:
    """Of a symmetric matrix; NaN where it is not finite."""
    return np.linalg.eigvalsh(A)[0] if np.isfinite(A).all() else np.nan
