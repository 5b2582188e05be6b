"""Omega and what follows from it: against the matrix square root, the optimality of (1), and the coupling Phi."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from patom.core import losses
from patom.core.data_term import data_term
from patom.core.penalties.given import fixed_covariance
from patom.core.penalties.learned import SpectralPenalty
from patom.core.relationship import Relationship, UniformRelationship
from patom.core.rows import group_rows
from patom.core.solvers.accelerated import solve

M, D = 5, 3
EVERY = np.arange(M)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def term(rng):
    index = np.repeat(EVERY, 8)
    X = rng.standard_normal((index.size, D))
    y = X[:, 0] + 0.5 * index * X[:, 1] + 0.3 * rng.standard_normal(index.size)
    return data_term(group_rows(X, y, index, M), losses.squared_error)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_omega_is_the_normalised_square_root(rng, k):
    W = rng.standard_normal((M, k)) @ rng.standard_normal((k, D + 1))
    relationship = SpectralPenalty(0.1, 0.2).relationship(W)
    root = sqrtm(W @ W.T + 1e-13 * np.eye(M)).real  # W W' is the paper's W'W: ours has one row a task
    np.testing.assert_allclose(relationship.covariance(), root / np.trace(root), atol=1e-5)
    assert relationship.spectrum.size == k
    assert relationship.spectrum.sum() == pytest.approx(1.0)
    assert (np.diff(relationship.spectrum) <= 0.0).all()
    assert (relationship.lambda_1, relationship.lambda_2) == (0.1, 0.2)


def test_omega_minimises_the_relationship_term(rng):
    W = rng.standard_normal((M, D + 1)) @ np.diag([3.0, 1.0, 0.5, 0.1])
    best = SpectralPenalty(0.0, 1.0).relationship(W).covariance() + 1e-9 * np.eye(M)  # of rank 4: made invertible
    least = np.trace(W.T @ np.linalg.inv(best / np.trace(best)) @ W)
    assert least == pytest.approx(2.0 * SpectralPenalty(0.0, 1.0).value(W), rel=1e-4)
    for _ in range(50):
        factor = rng.standard_normal((M, M)) * rng.uniform(0.1, 3.0, M)
        other = factor @ factor.T
        assert np.trace(W.T @ np.linalg.inv(other / np.trace(other)) @ W) >= least * (1 - 1e-4)


def test_without_weights_omega_is_uniform():
    relationship = SpectralPenalty(0.1, 0.2).relationship(np.zeros((M, 2)))
    np.testing.assert_array_equal(relationship.covariance(), np.eye(M) / M)
    np.testing.assert_array_equal(relationship.correlation(), np.eye(M))


def test_correlation_scales_the_covariance(rng):
    W = rng.standard_normal((M, D + 1))
    relationship = SpectralPenalty(0.1, 0.2).relationship(W)
    covariance = relationship.covariance()
    deviation = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(relationship.correlation(), covariance / np.outer(deviation, deviation))
    np.testing.assert_array_equal(np.diag(relationship.correlation()), 1.0)


def test_correlation_of_a_task_without_weights_is_zero():
    correlation = SpectralPenalty(0.1, 0.2).relationship(np.array([[1.0, 1.0], [0.0, 0.0], [-2.0, -2.0]])).correlation()
    np.testing.assert_allclose(correlation, [[1, 0, -1], [0, 1, 0], [-1, 0, 1]])


@pytest.mark.parametrize(("lambda_1", "lambda_2"), [(0.1, 0.3), (0.0, 0.3), (2.0, 1e-3)])
def test_coupling_is_the_formula(rng, lambda_1, lambda_2):
    W = rng.standard_normal((M, 2)) @ rng.standard_normal((2, D))
    relationship = SpectralPenalty(lambda_1, lambda_2).relationship(W)
    omega = relationship.covariance()
    Phi = omega @ np.linalg.inv(lambda_1 * omega + lambda_2 * np.eye(M))
    np.testing.assert_allclose(relationship.coupling(EVERY, EVERY), Phi, atol=1e-12)
    np.testing.assert_allclose(relationship.coupling(np.array([3]), np.array([0, 4])), Phi[[3]][:, [0, 4]], atol=1e-12)


def test_without_a_relationship_term_nothing_couples():
    Phi = UniformRelationship(M, 0.5, 0.0).coupling(EVERY, np.array([1, 3]))
    np.testing.assert_array_equal(Phi, 2.0 * np.eye(M)[:, [1, 3]])


@pytest.mark.parametrize(("lambda_1", "lambda_2"), [(0.1, 0.3), (0.0, 0.3), (1e-2, 1e-2), (0.3, 0.0)])
@pytest.mark.parametrize("given", [False, True], ids=["omega learned", "omega given"])
def test_at_the_optimum_weights_are_coupled_negative_gradients(term, given, lambda_1, lambda_2):
    # Where grad f + lambda_1 W + lambda_2 Omega^-1 W = 0, W = Phi V with V = -grad f: the paper's eq. 5.
    omega = np.linalg.inv(np.eye(M) + 0.5) if given else None
    penalty = fixed_covariance(omega, lambda_1, lambda_2) if given else SpectralPenalty(lambda_1, lambda_2)
    W = solve(term, penalty, tol=1e-15).W
    V = -term.value_and_gradient(W)[1]
    Phi = penalty.relationship(W).coupling(EVERY, EVERY)
    np.testing.assert_allclose(Phi @ V, W, atol=1e-6)


@pytest.mark.parametrize(("lambda_1", "lambda_2"), [(0.1, 0.3), (0.0, 1.0), (1e-2, 0.1)])
def test_gradient_off_the_support_is_at_most_the_threshold(term, lambda_1, lambda_2):
    W = solve(term, SpectralPenalty(lambda_1, lambda_2), tol=1e-15).W
    U, s, Qt = np.linalg.svd(W)
    k = np.count_nonzero(s > 1e-8)
    assert k < min(W.shape)
    V = -term.value_and_gradient(W)[1]
    nuclear = lambda_2 * s.sum()
    assert np.linalg.norm(U[:, k:].T @ V @ Qt[k:].T, 2) <= nuclear * (1 + 1e-9)
    np.testing.assert_allclose(U[:, :k].T @ V @ Qt[:k].T, np.diag(lambda_1 * s[:k] + nuclear), atol=1e-6)


def test_a_given_omega_is_kept():
    omega = np.array([[0.6, 0.2], [0.2, 0.4]])
    relationship = fixed_covariance(omega, 0.1, 0.1).relationship(np.ones((2, 3)))
    assert isinstance(relationship, Relationship)
    np.testing.assert_allclose(relationship.covariance(), omega, atol=1e-15)


@pytest.mark.parametrize(("lambda_1", "lambda_2"), [(0.1, 0.3), (0.0, 0.3), (0.5, 0.0)])
def test_phi_is_cut_into_parts(rng, lambda_1, lambda_2, monkeypatch):
    relationship = SpectralPenalty(lambda_1, lambda_2).relationship(rng.standard_normal((M, 2)))
    columns = np.array([1, 4, 2])
    Phi = relationship.coupling(EVERY, columns)
    monkeypatch.setattr("patom.core.relationship._BLOCK", 2 * columns.size)
    parts = list(relationship.coupling_blocks(EVERY, columns))
    assert [part.shape for _, part in parts] == [(2, 3), (2, 3), (1, 3)]
    np.testing.assert_allclose(np.concatenate([part for _, part in parts]), Phi, atol=1e-15)
    assert np.concatenate([EVERY[rows] for rows, _ in parts]).tolist() == EVERY.tolist()
    assert not list(relationship.coupling_blocks(EVERY[:0], columns))


def test_correlations_are_cut_into_parts(rng, monkeypatch):
    W = rng.standard_normal((M, 3))
    W[2] = 0.0
    relationship = SpectralPenalty(0.1, 0.2).relationship(W)
    monkeypatch.setattr("patom.core.relationship._BLOCK", 2 * M)
    parts = list(relationship.correlation_blocks(np.array([3, 0, 2])))
    assert [rows for rows, _ in parts] == [slice(0, 2), slice(2, 3)]
    found = np.concatenate([part for _, part in parts])
    np.testing.assert_allclose(found, relationship.correlation()[[3, 0, 2]], atol=1e-14)
    np.testing.assert_array_equal(found[np.arange(3), [3, 0, 2]], 1.0)


@pytest.mark.parametrize(("lambda_1", "lambda_2"), [(0.1, 0.1), (0.0, 0.3), (0.2, 0.0)])
def test_carrying_is_the_product_with_phi(rng, lambda_1, lambda_2):
    relationship = SpectralPenalty(lambda_1, lambda_2).relationship(rng.standard_normal((5, 3)))
    V, tasks = rng.standard_normal((5, 4)), np.arange(5)
    np.testing.assert_allclose(relationship.carry(V), relationship.coupling(tasks, tasks) @ V, rtol=0, atol=1e-12)
