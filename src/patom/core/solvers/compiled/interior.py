"""An interior-point method on the features' covariance S, compiled: about six steps at any lambda.

The squared nuclear norm is the least tr(W S^-1 W') over S >= 0 of trace 1, so that tasks are coupled by S alone. With
w_i = S y_i, problem (1) is solved where, for mu = 0,

    grad f(W) + lambda_1 W + lambda_2 Y = 0,    S Z = mu I,    tr S = 1,    Z = nu I - lambda_2/2 Y'Y >= 0.

Newton's steps on these equations, mu falling towards 0, in Nesterov and Todd's scaling with Mehrotra's predictor and
corrector: one system of k coordinates a task, and one of k (k + 1)/2 for all of them. Where there are more columns than
tasks, the method works on few columns in their place: the ``row_space`` of weights near the optimum.
"""

from typing import NamedTuple

import numpy as np

from patom.core.arrays import AnyArray, FloatArray, read_only
from patom.core.jit import compiled_exactly, compiled_serial
from patom.core.solvers.compiled.data import Data, hessian_blocks, value_and_gradient
from patom.core.solvers.compiled.small import (
    Scaling,
    cholesky,
    coupled,
    eliminate,
    gram,
    length_to_edge,
    lower_inverse,
    pack,
    scale,
    solve,
    spectrum,
    times,
    unpack,
)

_TO_THE_EDGE = 0.98
_EVEN, _ABOVE = 0.2, 1.1
"""The start: I/k's share in S, and nu over the least possible."""


class Iterate(NamedTuple):
    """S of shape (k, k), Y of shape (m, k) and the trace's multiplier nu."""

    S: FloatArray
    Y: FloatArray
    nu: float


class Responses(NamedTuple):
    """How each task answers a change D of the scaled S: u_i = -n_i - M_i D y_i, all in scaled coordinates."""

    M: FloatArray
    n: FloatArray
    y: FloatArray


class Direction(NamedTuple):
    """Changes of S, of Z to first order and of Y, scaled, and of nu; ``curved``: lambda_2/2 U'U, which Z loses."""

    D: FloatArray
    E: FloatArray
    U: FloatArray
    nu: float
    curved: FloatArray


@compiled_exactly
def minimise(
    data: Data, lambda_1: float, lambda_2: float, tolerance: float, limit: int
) -> tuple[FloatArray, int, bool]:
    """W within about ``tolerance`` times the objective, the steps that it took, and whether it converged.

    A step costs O(m k^3 + m k^4 / 4 + k^6 / 24) for k columns; lambda_2 > 0; ``limit`` bounds the steps.
    """
    at = _start(data, lambda_1, lambda_2)
    W, residual = times(at.Y, at.S), np.empty(at.Y.shape)
    for steps in range(limit):
        objective = value_and_gradient(data, W, residual)
        square, total = 0.0, 0.0
        for i in range(W.shape[0]):
            for c in range(W.shape[1]):
                objective += 0.5 * W[i, c] * (lambda_1 * W[i, c] + lambda_2 * at.Y[i, c])
                residual[i, c] += lambda_1 * W[i, c] + lambda_2 * at.Y[i, c]
                square += residual[i, c] ** 2
                total += (lambda_2 * at.Y[i, c]) ** 2
        scaling = scale(at.S, _complement(at, lambda_2))
        if not (scaling.definite and np.isfinite(objective)):
            return W, steps, False
        if square <= 0.01 * total and (scaling.d * scaling.d).sum() <= tolerance * objective:
            return W, steps, True
        at = _step(at, scaling, hessian_blocks(data, W), residual, lambda_1, lambda_2)
        W = times(at.Y, at.S)
    return W, limit, False


@compiled_exactly
def _start(data: Data, lambda_1: float, lambda_2: float) -> Iterate:
    """Some of I/k and much of the S that belongs to its W; the Y that answers it if f is quadratic."""
    m, k = data.b.shape
    Y, gradient = np.zeros((m, k)), np.empty((m, k))
    value_and_gradient(data, Y, gradient)
    blocks, F = hessian_blocks(data, Y), np.zeros((k, k))
    for c in range(k):
        F[c, c] = 1.0 / np.sqrt(k)
    for even in (_EVEN, 0.0):
        systems, turned = _turned(blocks, F, lambda_1, lambda_2), times(gradient, F)
        for i in range(m):
            for c in range(k):
                Y[i, c] = -turned[i, c]
            eliminate(systems[i], Y[i])
        Y = times(Y, lower_inverse(F))  # F is lower triangular
        squares, V = spectrum(gram(Y, Y))
        if even > 0.0:
            s = np.sqrt(np.maximum(squares, 0.0))
            F = cholesky(times(V * ((1.0 - even) * s / s.sum() + even / k), V.T))[0]
    return Iterate(times(F, F.T), Y, 0.5 * _ABOVE * lambda_2 * squares[-1])


@compiled_exactly
def _complement(at: Iterate, lambda_2: float) -> FloatArray:
    """Z, shape (k, k)."""
    Z = gram(at.Y, at.Y)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[0]):
            Z[i, j] *= -0.5 * lambda_2
        Z[i, i] += at.nu
    return Z


@compiled_exactly
def _step(
    at: Iterate, scaling: Scaling, blocks: FloatArray, residual: FloatArray, lambda_1: float, lambda_2: float
) -> Iterate:
    """Mehrotra's: a trial step to mu = 0 says how much to centre, and its second-order error is corrected."""
    d, k = scaling.d, scaling.d.size
    answers = _responses(at, scaling, blocks, residual, lambda_1, lambda_2)
    factor, _ = cholesky(coupled(answers.M, answers.y, lambda_2))
    pull, trace = gram(answers.n, answers.y), pack(gram(scaling.G, scaling.G))  # of the residual on Z; D's trace in S
    along = solve(factor, trace)
    step, length, sigma = Direction(pull, pull, answers.n, 0.0, np.zeros((k, k))), 0.0, 0.0
    for corrected in range(2):
        missed = times(step.D, step.E)
        right = step.curved.copy()
        for i in range(k):
            for j in range(k):
                right[i, j] += 0.0 if corrected == 0 else -(missed[i, j] + missed[j, i]) / (d[i] + d[j])
            right[i, i] += sigma / d[i] - d[i]
        step = _direction(answers, factor, (trace, along), pull, right, lambda_2)
        length = _longest(d, step, 1.0 if corrected == 0 else _TO_THE_EDGE)
        mu = (d * d).mean()
        sigma = mu * min(1.0, max(_complementarity(d, step, length) / mu, 0.01)) ** 3
    G = scaling.G
    S, Y = times(G, times(step.D, G.T)), times(step.U, scaling.G_inverse)
    for i in range(k):
        for j in range(i + 1):
            S[i, j] = S[j, i] = at.S[i, j] + 0.5 * length * (S[i, j] + S[j, i])
    return Iterate(S, at.Y + length * Y, at.nu + length * step.nu)


@compiled_exactly
def _responses(
    at: Iterate, scaling: Scaling, blocks: FloatArray, residual: FloatArray, lambda_1: float, lambda_2: float
) -> Responses:
    """M_i = (lambda_2 C_i^-1 + S)^-1 scaled, with C_i the block plus lambda_1, and n_i for the residual."""
    m, k = at.Y.shape
    F, d = scaling.F, scaling.d
    M, n, turned = np.empty((m, k, k)), np.empty((m, k)), times(residual, F)
    root, systems = 1.0 / np.sqrt(d), _turned(blocks, F, lambda_1, lambda_2)
    for i in range(m):
        half = lower_inverse(cholesky(systems[i])[0])
        for a in range(k):  # half' half and half' half turned, a row at a time
            for b in range(a + 1):
                total = 0.0
                for c in range(a, k):
                    total += half[c, a] * half[c, b]
                M[i, a, b] = M[i, b, a] = total
        for a in range(k):
            n[i, a] = 0.0
            for b in range(k):
                n[i, a] += M[i, a, b] * turned[i, b]
            n[i, a] *= root[a]
        for a in range(k):
            for b in range(k):
                M[i, a, b] *= -lambda_2 * root[a] * root[b]
            M[i, a, a] += root[a] ** 2
    return Responses(M, n, times(at.Y, scaling.G))


@compiled_exactly
def _turned(blocks: FloatArray, F: FloatArray, lambda_1: float, lambda_2: float) -> FloatArray:
    """F' C_i F + lambda_2 I, task by task, shape (m, k, k)."""
    m, k, _ = blocks.shape
    CF = np.dot(np.ascontiguousarray(blocks).reshape(m * k, k), F).reshape(m, k, k)
    systems, shared = np.empty((m, k, k)), gram(F, F)
    for i in range(m):
        own = gram(F, CF[i])
        for a in range(k):
            for b in range(k):
                systems[i, a, b] = own[a, b] + lambda_1 * shared[a, b]
            systems[i, a, a] += lambda_2
    return systems


@compiled_exactly
def _direction(
    answers: Responses,
    factor: FloatArray,
    trace: tuple[FloatArray, FloatArray],
    pull: FloatArray,
    right: FloatArray,
    lambda_2: float,
) -> Direction:
    """The change with D + E = ``right`` that keeps S's trace, given packed and with what nu does to D."""
    m, k = answers.y.shape
    goal = right.copy()
    for i in range(k):
        for j in range(k):
            goal[i, j] -= 0.5 * lambda_2 * (pull[i, j] + pull[j, i])
    free = solve(factor, pack(goal))
    nu = (trace[0] * free).sum() / (trace[0] * trace[1]).sum()
    D = unpack(free - nu * trace[1], k)
    U, turned = np.empty((m, k)), times(answers.y, D)
    for i in range(m):
        for a in range(k):
            U[i, a] = -answers.n[i, a]
            for b in range(k):
                U[i, a] -= answers.M[i, a, b] * turned[i, b]
    return Direction(D, right - D, U, nu, 0.5 * lambda_2 * gram(U, U))


@compiled_exactly
def _longest(d: FloatArray, step: Direction, share: float) -> float:
    """``share`` of the way to the edge of S >= 0, 1 at most, shortened until Z > 0 as well."""
    length = min(1.0, share * length_to_edge(d, step.D))
    while length > 1e-8:
        Z = length * (step.E - length * step.curved)
        for i in range(d.size):
            Z[i, i] += d[i]
        if cholesky(Z)[1]:
            break
        length *= 0.8
    return length


@compiled_exactly
def _complementarity(d: FloatArray, step: Direction, length: float) -> float:
    """Mean eigenvalue of S Z a step of this length ahead, Z to second order."""
    total = 0.0
    for i in range(d.size):
        for j in range(d.size):
            S, Z = length * step.D[i, j], length * (step.E[i, j] - length * step.curved[i, j])
            total += (S + d[i]) * (Z + d[i]) if i == j else S * Z
    return total / d.size


_FLOOR = 1e-6
"""Singular values of Omega are raised to this share of the largest: Gram matrices give smaller ones badly."""


@compiled_exactly
def row_space(data: Data, lambda_1: float, lambda_2: float, sweeps: int) -> FloatArray:
    """An orthonormal basis, shape (m, p), of the rows of W after ``sweeps`` of the alternation on f's model at 0.

    Each sets Omega from W, then each task's weights in turn to their optimum given the other tasks' (Gauss and Seidel).
    The first Omega is I/m. There must be fewer tasks than columns.
    """
    m, p = data.b.shape
    gradient, W = np.empty((m, p)), np.zeros((m, p))
    value_and_gradient(data, W, gradient)
    blocks = hessian_blocks(data, W)
    _sweep(blocks, gradient, m * np.eye(m), W, lambda_1, lambda_2)
    for _ in range(sweeps):
        _sweep(blocks, gradient, _precision(W), W, lambda_1, lambda_2)
    return np.linalg.svd(W if np.isfinite(W).all() else np.eye(m, p), full_matrices=False)[2]


@compiled_exactly
def _precision(W: FloatArray) -> FloatArray:
    """Omega^-1 for Omega = (W W')^1/2 / ||W||_*, small singular values raised."""
    squares, U = spectrum(np.dot(W, W.T))
    s = np.sqrt(np.maximum(squares, _FLOOR**2 * squares[-1]))
    return np.dot(U * (s.sum() / s), U.T)


@compiled_exactly
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


@compiled_exactly
def _blocks_within(A: FloatArray, Qt: FloatArray) -> FloatArray:
    found = np.empty((A.shape[0], Qt.shape[0], Qt.shape[0]))
    for i in range(A.shape[0]):
        np.dot(Qt, np.dot(A[i], Qt.T), found[i])
    return found


@compiled_serial
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
