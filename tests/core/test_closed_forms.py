"""Cases of problem (1) that a linear system solves."""

import numpy as np
import pytest

from patom.core import losses
from patom.core.data_term import data_term
from patom.core.penalties.given import fixed_covariance
from patom.core.penalties.learned import SpectralPenalty
from patom.core.rows import append_constant, group_rows
from patom.core.solvers.accelerated import solve

M, D = 4, 3
INDEX = np.repeat(np.arange(M), [6, 1, 3, 20])
EXACT = 1e-13


@pytest.fixture(params=[losses.squared_error, losses.unclipped_hinge], ids=lambda loss: loss.name)
def loss(request):
    """The two losses that are least squares."""
    return request.param


@pytest.fixture
def data(loss):
    rng = np.random.default_rng(0)
    y = rng.standard_normal(INDEX.size)
    return rng.standard_normal((INDEX.size, D)), np.sign(y) if loss.margin else y


def optimum(X, y, index, loss, penalty):
    return solve(data_term(group_rows(X, y, index, index.max() + 1), loss), penalty, tol=EXACT).W


def ridge(X, y, strength):
    """argmin_w 1/n ||y - Xw||^2 + strength/2 ||w||^2, the bias penalised too."""
    rows = append_constant(X)
    return np.linalg.solve(rows.T @ rows / len(y) + strength / 2 * np.eye(rows.shape[1]), rows.T @ y / len(y))


def ridge_of_each(X, y, index, strength):
    return np.array([ridge(X[index == i], y[index == i], strength) for i in range(index.max() + 1)])


def test_without_a_relationship_term_each_task_is_a_ridge(data, loss):
    W = optimum(*data, INDEX, loss, SpectralPenalty(0.3, 0.0))
    np.testing.assert_allclose(W, ridge_of_each(*data, INDEX, 0.3), atol=1e-6)


@pytest.mark.parametrize("lambda_2", [1e-3, 1e-5, 1e-7])
def test_as_lambda_2_falls_each_task_becomes_a_ridge(data, loss, lambda_2):
    W, limit = optimum(*data, INDEX, loss, SpectralPenalty(0.3, lambda_2)), ridge_of_each(*data, INDEX, 0.3)
    np.testing.assert_allclose(W, limit, atol=30 * lambda_2 + 1e-6)


@pytest.mark.parametrize(("lambda_1", "lambda_2"), [(0.1, 0.3), (0.0, 0.4), (0.4, 0.0), (10.0, 1e-4)])
def test_a_single_task_is_a_ridge_of_both_lambdas(data, loss, lambda_1, lambda_2):
    penalty, everything = SpectralPenalty(lambda_1, lambda_2), np.zeros(INDEX.size, dtype=np.int64)
    W = optimum(*data, everything, loss, penalty)
    np.testing.assert_allclose(W, [ridge(*data, lambda_1 + lambda_2)], atol=1e-6)
    np.testing.assert_allclose(penalty.relationship(W).covariance(), [[1.0]])


@pytest.mark.parametrize(("lambda_1", "lambda_2"), [(0.1, 0.3), (0.0, 0.4), (1e-2, 1e-3)])
def test_identical_tasks_share_one_ridge(data, loss, lambda_1, lambda_2):
    X, y = data
    penalty, index = SpectralPenalty(lambda_1, lambda_2), np.repeat(np.arange(5), len(y))
    W = optimum(np.tile(X, (5, 1)), np.tile(y, 5), index, loss, penalty)
    np.testing.assert_allclose(W, np.tile(ridge(X, y, lambda_1 + lambda_2), (5, 1)), atol=1e-5)
    relationship = penalty.relationship(W)
    np.testing.assert_allclose(relationship.covariance(), np.full((5, 5), 0.2), atol=1e-6)
    np.testing.assert_allclose(relationship.correlation(), 1.0)
    np.testing.assert_allclose(relationship.spectrum, [1.0])


def test_tasks_of_opposite_sign_are_fully_anticorrelated(data, loss):
    X, y = data
    penalty = SpectralPenalty(0.1, 0.1)
    W = optimum(np.tile(X, (2, 1)), np.concatenate([y, -y]), np.repeat([0, 1], len(y)), loss, penalty)
    np.testing.assert_allclose(penalty.relationship(W).correlation(), [[1.0, -1.0], [-1.0, 1.0]])


@pytest.mark.parametrize(("lambda_1", "lambda_2"), [(0.1, 0.3), (0.0, 0.4), (0.4, 0.0)])
def test_independent_tasks_are_ridges_of_lambda_1_and_m_lambda_2(data, loss, lambda_1, lambda_2):
    W = optimum(*data, INDEX, loss, fixed_covariance(np.eye(M) / M, lambda_1, lambda_2))
    np.testing.assert_allclose(W, ridge_of_each(*data, INDEX, lambda_1 + M * lambda_2), atol=1e-6)


def test_a_given_omega_is_one_linear_system(data, loss):
    rng = np.random.default_rng(1)
    factor = rng.standard_normal((M, M))
    omega, lambda_1, lambda_2 = factor @ factor.T, 0.2, 0.5
    W = optimum(*data, INDEX, loss, fixed_covariance(omega, lambda_1, lambda_2))
    rows, n = append_constant(data[0]), np.bincount(INDEX)
    system = np.kron(lambda_1 * np.eye(M) + lambda_2 * np.linalg.inv(omega), np.eye(D + 1))
    right = np.zeros((M, D + 1))
    for i in range(M):
        own, block = rows[i == INDEX], slice(i * (D + 1), (i + 1) * (D + 1))
        system[block, block] += 2 * own.T @ own / n[i]
        right[i] = 2 * own.T @ data[1][i == INDEX] / n[i]
    np.testing.assert_allclose(W, np.linalg.solve(system, right.ravel()).reshape(W.shape), atol=1e-6)


def test_a_rank_one_omega_makes_all_tasks_one(data, loss):
    X, y = data
    W = optimum(X, y, INDEX, loss, fixed_covariance(np.full((M, M), 1.0 / M), 0.2, 0.5))
    np.testing.assert_allclose(W, np.tile(W[0], (M, 1)), atol=1e-12)
    # Every task's rows weigh 1/n_i: one weighted ridge of m w with strength lambda_1 m + lambda_2.
    rows, share = append_constant(X), 1.0 / np.bincount(INDEX)[INDEX]
    system = 2 * rows.T @ (share[:, None] * rows) + (0.2 * M + 0.5 * M) * np.eye(D + 1)
    np.testing.assert_allclose(W[0], np.linalg.solve(system, 2 * rows.T @ (share * y)), atol=1e-6)
