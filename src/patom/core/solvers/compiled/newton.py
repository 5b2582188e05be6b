"""A semismooth Newton step on W = prox(W - grad f(W)/L), compiled.

The proximal step's own derivative stands in place of the penalty's: at P = prox(Z), Z = W - grad f(W)/L, the part of
-grad f off P's support is L times what the step drops of Z, hence at most lambda_2 ||P||_*, and K is never negative.
Its linear system is factored in coordinates or, with too many of them, solved by conjugate gradients.

Coordinates: U and Q are full orthogonal bases that hold the singular vectors of P = U[:, :k] diag(x) Q[:, :k]', of rank
k. The matrices of rank k near P are P + U X Q' to first order, where X vanishes in the lower right block: a change
there would raise the rank. So the coordinates of a tangent are the other entries of X, row by row: p of each of the
first k rows, then k of each other row, k (m + p - k) in all.
"""

from typing import NamedTuple

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.jit import compiled_exactly
from patom.core.solvers.compiled.data import Data, hessian_blocks, value_and_gradient
from patom.core.solvers.compiled.steps import certify, maximise_on_spectrum, penalty_value


class Frame(NamedTuple):
    """P = U[:, :k] diag(x) Qt[:k] with k = x.size, and what is known there.

    ``off``: singular values of -grad f off the support, as the proximal step has them; ``gradient`` that of f at P.
    """

    U: FloatArray
    x: FloatArray
    Qt: FloatArray
    off: FloatArray
    P: FloatArray
    gradient: FloatArray
    objective: float


def frame(
    data: Data, W: FloatArray, gradient: FloatArray, L: float, lambda_1: float, lambda_2: float, full: bool
) -> Frame:
    """A proximal step, and the bases of its tangent space; ``full`` ones are square."""
    # Compiled code makes a named tuple by a call of Python, and would not survive the exception of a signal there.
    return Frame(*_frame(data, W, gradient, L, lambda_1, lambda_2, full))


@compiled_exactly
def _frame(
    data: Data, W: FloatArray, gradient: FloatArray, L: float, lambda_1: float, lambda_2: float, full: bool
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, float]:
    if full:
        U, s, Qt = np.linalg.svd(W - gradient / L, full_matrices=True)
    else:
        U, s, Qt = np.linalg.svd(W - gradient / L, full_matrices=False)
    x = maximise_on_spectrum(s, 1.0 + lambda_1 / L, lambda_2 / L)
    k = np.count_nonzero(x)
    x = x[:k].copy()
    P = np.dot(U[:, :k] * x, np.ascontiguousarray(Qt[:k]))
    ahead = np.empty(W.shape)
    value = value_and_gradient(data, P, ahead)
    objective = value + penalty_value(x, lambda_1, lambda_2)
    return np.ascontiguousarray(U), x, np.ascontiguousarray(Qt), L * s[k:], P, ahead, objective


@compiled_exactly
def system(data: Data, at: Frame, lambda_1: float, lambda_2: float) -> tuple[FloatArray, FloatArray]:
    """Newton's system at P in coordinates, and the gradient there."""
    blocks = hessian_blocks(data, at.P)
    g = tangent_gradient(at.U, at.x, at.Qt, at.gradient, lambda_1, lambda_2)
    return tangent_system(blocks, at.U, at.x, at.Qt, at.off, lambda_1, lambda_2), g


@compiled_exactly
def by_conjugate_gradients(
    data: Data, at: Frame, lambda_1: float, lambda_2: float, tolerance: float
) -> tuple[FloatArray, float]:
    """Newton's direction at P, shape (m, p), to a relative residual of ``tolerance``, and its slope."""
    k = at.x.size
    if k == 0:
        return np.zeros(at.P.shape), 0.0
    off = np.dot(at.U[:, k:] * at.off, np.ascontiguousarray(at.Qt[k:]))
    U, Qt = np.ascontiguousarray(at.U[:, :k]), np.ascontiguousarray(at.Qt[:k])
    blocks = hessian_blocks(data, at.P)
    return newton_step(blocks, U, at.x, Qt, off, at.gradient, (lambda_1, lambda_2), tolerance)


@compiled_exactly
def arrive(
    data: Data, at: Frame, ahead: FloatArray, lambda_1: float, lambda_2: float
) -> tuple[FloatArray, FloatArray, float, float, float]:
    """W next to ``ahead``, a step away from P, and what ``steps.certify`` says of it."""
    W, s = retract(at.U, at.Qt, at.x.size, ahead)
    gradient, objective, gap, square = certify(data, W, s, lambda_1, lambda_2)
    return W, gradient, objective, gap, square


@compiled_exactly
def retract(U: FloatArray, Qt: FloatArray, k: int, ahead: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The matrix of rank k or less next to ``ahead``, a step away from one with these bases, and its singular values.

    One that the step takes through zero comes back positive, with vectors of opposite signs, and is set to 0.
    """
    u, s, vt = np.linalg.svd(ahead, full_matrices=False)
    left, right = np.dot(np.ascontiguousarray(U[:, :k]).T, u), np.dot(np.ascontiguousarray(Qt[:k]), vt.T)
    for j in range(s.size):
        if j >= k or (left[:, j] * right[:, j]).sum() <= 0.0:
            s[j] = 0.0
    return np.dot(u * s, vt), s


@compiled_exactly
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

    ``U``, ``x`` and ``Qt`` have shapes (m, k), (k,) and (k, p); ``off``, shape (m, p), is -grad f off the support, E in
    ``FixedRankModel``; ``gradient`` is that of f; ``tolerance`` bounds the residual's norm over the gradient's.
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


@compiled_exactly
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
    """P (H + K) V for a tangent V: see ``penalties.learned.FixedRankModel``."""
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


@compiled_exactly
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


@compiled_exactly
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


@compiled_exactly
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


@compiled_exactly
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


@compiled_exactly
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
