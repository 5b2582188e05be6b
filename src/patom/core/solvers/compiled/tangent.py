"""Newton's system in coordinates: V = U X Q' with X zero off the first k rows and columns.

U and Q are full orthogonal bases that hold the singular vectors of P = U[:, :k] diag(x) Q[:, :k]', of rank k. The
matrices of rank k near P are P + U X Q' to first order, where X vanishes in the lower right block: a change there would
raise the rank. So the coordinates of a tangent are the other entries of X, row by row: p of each of the first k rows,
then k of each other row, k (m + p - k) in all.
"""

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.jit import called_exactly


@called_exactly
def tangent_system(
    blocks: FloatArray, U: FloatArray, x: FloatArray, Qt: FloatArray, off: FloatArray, lambda_1: float, lambda_2: float
) -> FloatArray:
    """H + K in coordinates, shape (n, n): the upper triangle; the rest holds no values.

    Transposed, it is the lower triangle in LAPACK's order of storage, which it factors a fifth faster than the upper.
    ``blocks``, shape (m, p, p), are H's; ``off``, shape (min(m, p) - k,), are the singular values of -grad f off the
    support, rho_j <= lambda_2 ||P||_*, along the columns of U and Q after the first k.
    """
    m, p, k = U.shape[0], Qt.shape[0], x.size
    turned = np.empty((m, p, p))
    for i in range(m):
        np.dot(np.dot(Qt, blocks[i]), Qt.T, turned[i])
    system = np.empty((k * (m + p - k), k * (m + p - k)))
    _fill(system, U[:, :k], U[:, :k], turned, 0, 0, True)
    _fill(system, U[:, :k], U[:, k:], turned[:, :, :k], 0, k * p, False)
    _fill(system, U[:, k:], U[:, k:], turned[:, :k, :k], k * p, k * p, True)
    _add_penalty(system, x, off, m, p, lambda_1, lambda_2)
    return system


@called_exactly
def _fill(
    system: FloatArray, left: FloatArray, right: FloatArray, turned: FloatArray, top: int, start: int, diagonal: bool
) -> None:
    """Blocks sum_i l_ia r_ib T_i from row ``top`` and column ``start`` on, as one product of matrices.

    On the ``diagonal``, where the right is the left, those with b >= a only.
    """
    m, rows, columns = turned.shape
    weights, count = np.empty((left.shape[1] * right.shape[1], m)), 0
    for a in range(left.shape[1]):
        for b in range(a if diagonal else 0, right.shape[1]):
            for i in range(m):
                weights[count, i] = left[i, a] * right[i, b]
            count += 1
    if count == 0:
        return
    sums = np.dot(weights[:count], np.ascontiguousarray(turned).reshape(m, rows * columns))
    count = 0
    for a in range(left.shape[1]):
        for b in range(a if diagonal else 0, right.shape[1]):
            for c in range(rows):
                for d in range(columns):
                    system[top + a * rows + c, start + b * columns + d] = sums[count, c * columns + d]
            count += 1


@called_exactly
def _add_penalty(
    system: FloatArray, x: FloatArray, off: FloatArray, m: int, p: int, lambda_1: float, lambda_2: float
) -> None:
    """Add K to the upper triangle."""
    k, total = x.size, x.sum()
    for a in range(k):
        ratio = lambda_1 + lambda_2 * total / x[a]
        for c in range(k):
            system[a * p + c, a * p + c] += lambda_1
            if c < a:  # the skew part of a pair
                skew = lambda_2 * total / (x[a] + x[c])
                system[a * p + c, a * p + c] += skew
                system[c * p + a, c * p + a] += skew
                system[c * p + a, a * p + c] -= skew
            if c <= a:
                system[c * p + c, a * p + a] += lambda_2
        for c in range(k, p):
            system[a * p + c, a * p + c] += ratio
        for b in range(k, m):
            place = k * p + (b - k) * k + a
            system[place, place] += ratio
            if b - k < off.size:  # the pair u_a q_b' and u_b q_a'
                system[a * p + b, place] -= off[b - k] / x[a]


@called_exactly
def tangent_gradient(
    U: FloatArray, x: FloatArray, Qt: FloatArray, gradient: FloatArray, lambda_1: float, lambda_2: float
) -> FloatArray:
    """The gradient of f + R at P in coordinates, shape (n,)."""
    m, p, k = U.shape[0], Qt.shape[0], x.size
    turned = np.dot(np.dot(U.T, gradient), Qt.T)
    found = np.empty(k * (m + p - k))
    for a in range(k):
        for c in range(p):
            found[a * p + c] = turned[a, c]
        found[a * p + a] += lambda_1 * x[a] + lambda_2 * x.sum()
    for b in range(k, m):
        for a in range(k):
            found[k * p + (b - k) * k + a] = turned[b, a]
    return found


@called_exactly
def tangent_matrix(U: FloatArray, k: int, Qt: FloatArray, v: FloatArray) -> FloatArray:
    """V = U X Q', shape (m, p), from its coordinates."""
    m, p = U.shape[0], Qt.shape[0]
    X = np.zeros((m, p))
    for a in range(k):
        for c in range(p):
            X[a, c] = v[a * p + c]
    for b in range(k, m):
        for a in range(k):
            X[b, a] = v[k * p + (b - k) * k + a]
    return np.dot(np.dot(U, X), Qt)
