"""Ridges of their own: the same penalty, step for step, as a diagonal Omega given in full."""

import numpy as np
import pytest

from patom.core import losses
from patom.core.data_term import data_term
from patom.core.penalties.given import IndependentPenalty, fixed_covariance, ridge
from patom.core.penalties.penalty import fenchel_gap
from patom.core.rows import group_rows
from patom.core.solvers.accelerated import solve
from patom.core.solvers.newton import solve_tangent

M, P = 5, 4
STIFFNESS = np.array([0.2, 3.0, 1.0, 0.5, 7.0])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def diagonal():
    return fixed_covariance(np.diag(1.0 / STIFFNESS), 0.0, 1.0)


@pytest.fixture
def term(rng):
    index = np.repeat(np.arange(M), 6)
    X = rng.standard_normal((index.size, P - 1))
    return data_term(group_rows(X, X[:, 0] + 0.1 * index, index, M), losses.huber(0.5))


def test_values_and_steps(rng, diagonal):
    W, ridges = rng.standard_normal((M, P)), IndependentPenalty(STIFFNESS)
    assert ridges.value(W) == pytest.approx(0.5 * (STIFFNESS[:, None] * W**2).sum(), rel=1e-14)
    assert ridges.value(W) == pytest.approx(diagonal.value(W), rel=1e-14)
    assert ridges.conjugate(W) == pytest.approx(diagonal.conjugate(W), rel=1e-14)
    np.testing.assert_allclose(ridges.prox(W, 2.0), diagonal.prox(W, 2.0), rtol=1e-13)
    np.testing.assert_allclose(ridges.prox_derivative(W, 2.0)(W), diagonal.prox(W, 2.0), rtol=1e-13)
    assert ridges.scaled(3.0).value(W) == pytest.approx(3.0 * ridges.value(W), rel=1e-14)
    assert ridges.lower_rank(W) is None
    np.testing.assert_array_equal(ridges.relationship(W).covariance(), np.eye(M) / M)


def test_models(rng, term, diagonal):
    W, V = rng.standard_normal((M, P)), rng.standard_normal((M, P))
    slope = term.value_and_gradient(W)[1]
    ours, theirs = IndependentPenalty(STIFFNESS).model(W, slope), diagonal.model(W, slope)
    np.testing.assert_allclose(ours.gradient, theirs.gradient, rtol=1e-12)
    np.testing.assert_allclose(ours.curvature(V), theirs.curvature(V), rtol=1e-12)
    np.testing.assert_allclose(ours.retract(V), theirs.retract(V), rtol=1e-12)
    np.testing.assert_allclose(ours.project(V), theirs.project(V), rtol=1e-12)
    assert ours.rank_margin == theirs.rank_margin
    solved = [solve_tangent(model, term.hessian(W), V, tolerance=1e-12, max_products=500).v for model in (ours, theirs)]
    np.testing.assert_allclose(*solved, rtol=1e-9, atol=1e-12)


def test_solutions(term, diagonal):
    ours, theirs = solve(term, IndependentPenalty(STIFFNESS)), solve(term, diagonal)
    np.testing.assert_allclose(ours.W, theirs.W, atol=1e-9)
    assert ours.objective == pytest.approx(theirs.objective, rel=1e-9)
    gap = fenchel_gap(IndependentPenalty(STIFFNESS), ours.W, term.value_and_gradient(ours.W)[1])
    assert gap == pytest.approx(ours.duality_gap, abs=1e-14)


def test_one_ridge_is_problem_one_without_a_relationship_term(term):
    np.testing.assert_allclose(solve(term, ridge(M, 0.3)).W, solve(term, fixed_covariance(np.eye(M), 0.3, 0.0)).W)
