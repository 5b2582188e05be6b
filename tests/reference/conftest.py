"""Problem (1) as the paper writes it, in W and Omega together, for an interior-point solver."""

import contextlib
import warnings
from dataclasses import dataclass

import cvxpy as cp
import numpy as np
import pytest

TOLERANCES = {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10}


@dataclass(frozen=True)
class Reference:
    """What the interior-point solver found: W, shape (m, d + 1), Omega, and the value of (1) there."""

    W: np.ndarray
    omega: np.ndarray
    objective: float


def mean_losses(X, y, index, W, loss, delta, weights=1.0):
    """The first sum of (1), as a cvxpy expression; ``weights``, shape (m,), are the tasks' own."""
    z = cp.sum(cp.multiply(np.column_stack([X, np.ones(len(X))]), W[index]), axis=1)
    pointwise = {
        "squared_error": lambda: cp.square(y - z),
        "huber": lambda: cp.huber(z - y, delta),
        "squared_hinge": lambda: cp.square(cp.pos(1 - cp.multiply(y, z))),
        "logistic": lambda: cp.logistic(-cp.multiply(y, z)),
        "unclipped_hinge": lambda: cp.square(1 - cp.multiply(y, z)),
    }[loss]()
    return (weights / np.bincount(index))[index] @ pointwise


def solve_quietly(problem, tolerances=TOLERANCES):
    """Solve; a solution that Clarabel calls inaccurate is judged by whoever asked."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Solution may be inaccurate", category=UserWarning)
        problem.solve(solver=cp.CLARABEL, **tolerances)
    assert problem.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE)
    return problem.value


def solve_as_far_as_it_goes(problem):
    """Solve to the tightest of three tolerances that Clarabel reaches: with norms it gives up short of the first."""
    for tolerance in (1e-10, 1e-8, 1e-7):
        with contextlib.suppress(cp.error.SolverError):
            return solve_quietly(problem, dict.fromkeys(TOLERANCES, tolerance))
    raise AssertionError("Clarabel did not solve the problem at any tolerance.")


@pytest.fixture(scope="session")
def interior_point():
    """Problem (1) with Omega a variable: tr(W' Omega^-1 W) <= tr(T) iff [[Omega, W], [W', T]] is psd."""

    def solve(X, y, index, *, loss, lambda_1, lambda_2, delta=1.0):
        m, p = index.max() + 1, X.shape[1] + 1
        W, omega = cp.Variable((m, p)), cp.Variable((m, m), symmetric=True)
        T = cp.Variable((p, p), symmetric=True)
        objective = mean_losses(X, y, index, W, loss, delta) + lambda_1 / 2 * cp.sum_squares(W)
        objective += lambda_2 / 2 * cp.trace(T)
        constraints = [cp.bmat([[omega, W], [W.T, T]]) >> 0, cp.trace(omega) == 1]
        value = solve_quietly(cp.Problem(cp.Minimize(objective), constraints))
        return Reference(W.value, omega.value, value)

    return solve


@pytest.fixture(scope="session")
def interior_point_given_omega():
    """Problem (1) with Omega given, singular or not: W = S B with S S' = Omega has tr(W' Omega^+ W) = ||B||_F^2."""

    def solve(X, y, index, *, loss, lambda_1, lambda_2, omega, delta=1.0):
        values, vectors = np.linalg.eigh(omega)
        kept = values > 1e-12 * values[-1]
        S = vectors[:, kept] * np.sqrt(values[kept])
        B = cp.Variable((S.shape[1], X.shape[1] + 1))
        W = S @ B
        objective = mean_losses(X, y, index, W, loss, delta) + lambda_1 / 2 * cp.sum_squares(W)
        value = solve_quietly(cp.Problem(cp.Minimize(objective + lambda_2 / 2 * cp.sum_squares(B))))
        return Reference(W.value, omega, value)

    return solve


@pytest.fixture(scope="session")
def interior_point_outliers():
    """Robust multi-task feature learning: W = P + Q, norms over P's columns and Q's rows."""

    def solve(X, y, index, *, loss, lambda_1, lambda_2, weights):
        m, p = index.max() + 1, X.shape[1] + 1
        P, Q = cp.Variable((m, p)), cp.Variable((m, p))
        objective = mean_losses(X, y, index, P + Q, loss, 1.0, weights)
        objective += lambda_1 * cp.sum(cp.norm(P, 2, axis=0)) + lambda_2 * weights @ cp.norm(Q, 2, axis=1)
        value = solve_as_far_as_it_goes(cp.Problem(cp.Minimize(objective)))
        return P.value + Q.value, value

    return solve


@pytest.fixture(scope="session")
def interior_point_centre():
    """Vanilla ARMUL: each task's distance from one centre, not squared."""

    def solve(X, y, index, *, loss, strength, weights):
        m, p = index.max() + 1, X.shape[1] + 1
        W, centre = cp.Variable((m, p)), cp.Variable((1, p))
        distances = cp.norm(W - np.ones((m, 1)) @ centre, 2, axis=1)
        objective = mean_losses(X, y, index, W, loss, 1.0, weights) + (weights * strength) @ distances
        value = solve_as_far_as_it_goes(cp.Problem(cp.Minimize(objective)))
        return W.value, value

    return solve


@pytest.fixture(scope="session")
def objective_at():
    """Problem (1) at a given W, Omega minimised out, summed as it is written."""

    def evaluate(X, y, index, W, *, loss, lambda_1, lambda_2, delta=1.0):
        pointwise = {
            "squared_error": lambda z, y: (y - z) ** 2,
            "huber": lambda z, y: (z - y) ** 2 if abs(z - y) <= delta else 2 * delta * abs(z - y) - delta**2,
            "squared_hinge": lambda z, y: max(0.0, 1 - y * z) ** 2,
            "logistic": lambda z, y: np.log1p(np.exp(-y * z)),
            "unclipped_hinge": lambda z, y: (1 - y * z) ** 2,
        }[loss]
        total = 0.0
        for i, w in enumerate(W):
            rows = np.flatnonzero(index == i)
            total += sum(pointwise(X[j] @ w[:-1] + w[-1], y[j]) for j in rows) / rows.size
        nuclear = np.linalg.svd(W, compute_uv=False).sum()
        return total + lambda_1 / 2 * (W**2).sum() + lambda_2 / 2 * nuclear**2

    return evaluate
