"""Newton's direction: it solves its system, is exact where the problem is quadratic, and descends in any case."""

import numpy as np
import pytest

from patom.core import losses
from patom.core.data_term import data_term
from patom.core.penalties.given import fixed_covariance
from patom.core.penalties.learned import SpectralPenalty
from patom.core.rows import group_rows
from patom.core.solvers.accelerated import solve
from patom.core.solvers.newton import newton_direction, solve_tangent


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(params=[losses.squared_error, losses.logistic], ids=lambda loss: loss.name)
def term(request, rng):
    index = np.repeat(np.arange(4), 10)
    X, B = rng.standard_normal((40, 3)), rng.standard_normal((4, 2)) @ rng.standard_normal((2, 3))
    y = (X * B[index]).sum(axis=1) + 0.2 * rng.standard_normal(40)
    return data_term(group_rows(X, np.sign(y) if request.param.margin else y, index, 4), request.param)


def model_at(term, penalty, W):
    return penalty.model(W, term.value_and_gradient(W)[1])


@pytest.mark.parametrize("tolerance", [1e-2, 1e-6])
def test_solves_the_tangent_system(term, rng, tolerance):
    penalty = SpectralPenalty(0.05, 0.05)
    W = solve(term, penalty).W
    W = W + 1e-3 * W[:, :1] @ rng.standard_normal((1, 4))  # near the optimum, on its rank
    model, hessian = model_at(term, penalty, W), term.hessian(W)
    v = newton_direction(model, hessian, tolerance=tolerance)
    residual = model.project(hessian(v)) + model.curvature(v) + model.gradient
    assert np.linalg.norm(residual) <= 1.01 * tolerance * np.linalg.norm(model.gradient)
    np.testing.assert_allclose(model.project(v), v, atol=1e-10)


def test_one_step_solves_a_quadratic_problem(rng):
    index = np.repeat(np.arange(4), 10)
    X, y = rng.standard_normal((40, 3)), rng.standard_normal(40)
    term = data_term(group_rows(X, y, index, 4), losses.squared_error)
    penalty = fixed_covariance(np.diag([0.4, 0.3, 0.2, 0.1]), 0.1, 0.1)
    start = rng.standard_normal((4, 4))
    v = newton_direction(model_at(term, penalty, start), term.hessian(start), tolerance=1e-12)
    np.testing.assert_allclose(start + v, solve(term, penalty, tol=1e-14).W, atol=1e-6)


def test_nothing_to_do_at_a_stationary_point(term):
    penalty = SpectralPenalty(0.1, 0.1)
    model = penalty.model(np.zeros((4, 4)), np.zeros((4, 4)))
    np.testing.assert_array_equal(newton_direction(model, term.hessian(np.zeros((4, 4)))), 0.0)


def test_descends_where_the_curvature_is_negative(term, rng):
    # Rank one, small, and a large gradient off the support: the objective bends down there.
    penalty = SpectralPenalty(0.01, 0.01)
    for _ in range(20):
        W = 0.05 * rng.standard_normal((4, 1)) @ rng.standard_normal((1, 4))
        model = model_at(term, penalty, W)
        v = newton_direction(model, term.hessian(W))
        assert np.isfinite(v).all()
        assert np.vdot(v, model.gradient) <= 0.0


def test_the_number_of_products_is_bounded(term, rng):
    W, calls = rng.standard_normal((4, 4)), []
    model, hessian = model_at(term, SpectralPenalty(1e-4, 1e-4), W), term.hessian(W)
    newton_direction(model, lambda V: calls.append(1) or hessian(V), tolerance=0.0, max_products=3)
    assert len(calls) <= 3


PENALTIES = {
    "learned, rank 2": (SpectralPenalty(0.05, 0.2), 2),
    "learned, full rank": (SpectralPenalty(1e-3, 1e-3), 4),
    "given, rank 2": (fixed_covariance(np.diag([0.7, 0.3, 0.0, 0.0]), 0.1, 0.1), 2),
}


def dense(model, hessian, shape):
    """P (H + K) P as a matrix."""
    columns = [model.project(e.reshape(shape)) for e in np.eye(shape[0] * shape[1])]
    return np.array([(model.project(hessian(V)) + model.curvature(V)).ravel() for V in columns]).T


@pytest.mark.parametrize(("penalty", "rank"), PENALTIES.values(), ids=PENALTIES.keys())
def test_the_tangent_solution_is_the_dense_one(term, rng, penalty, rank):
    W = solve(term, penalty, tol=1e-13).W
    assert np.linalg.matrix_rank(W, tol=1e-9) == rank
    model, hessian = model_at(term, penalty, W), term.hessian(W)
    M, g = dense(model, hessian, W.shape), model.project(rng.standard_normal(W.shape))
    np.testing.assert_allclose(M, M.T, atol=1e-12 * np.abs(M).max())
    expected = np.linalg.lstsq(M, g.ravel(), rcond=1e-12)[0].reshape(W.shape)
    found = solve_tangent(model, hessian, g, tolerance=1e-13, max_products=200)
    np.testing.assert_allclose(found.v, expected, atol=1e-9 * np.abs(expected).max())
    assert found.positive
    assert found.residual <= 1e-13


@pytest.mark.parametrize("tolerance", [1e-1, 1e-4, 1e-8])
def test_the_residual_and_the_products_are_as_told(term, rng, tolerance):
    penalty, calls = SpectralPenalty(0.01, 0.01), []
    W = solve(term, penalty, tol=1e-13).W
    model, hessian = model_at(term, penalty, W), term.hessian(W)
    g = model.project(rng.standard_normal(W.shape))
    found = solve_tangent(model, lambda V: calls.append(1) or hessian(V), g, tolerance=tolerance, max_products=200)
    left = g - model.project(hessian(found.v)) - model.curvature(found.v)
    assert np.linalg.norm(left) == pytest.approx(found.residual * np.linalg.norm(g), rel=1e-6)
    assert found.residual <= tolerance
    assert found.products == len(calls) > 1


def test_the_solution_stops_where_products_run_out(term, rng):
    penalty = SpectralPenalty(1e-4, 1e-4)
    W = solve(term, penalty).W
    model, hessian = model_at(term, penalty, W), term.hessian(W)
    g = model.project(rng.standard_normal(W.shape))
    found = solve_tangent(model, hessian, g, tolerance=1e-12, max_products=2)
    assert (found.products, found.positive) == (2, True)
    assert found.residual > 1e-12


def test_curvature_that_is_not_positive_is_reported(term, rng):
    W = 1e-3 * rng.standard_normal((4, 1)) @ rng.standard_normal((1, 4))  # far from the optimum, a saddle off it
    model = model_at(term, SpectralPenalty(0.01, 0.01), W)
    hessian = term.hessian(W)
    assert np.linalg.eigvalsh(dense(model, hessian, W.shape))[0] < -1e-3
    found = solve_tangent(model, hessian, model.project(rng.standard_normal((4, 4))), tolerance=1e-12, max_products=200)
    assert not found.positive
    assert np.isfinite(found.v).all()


def test_nothing_on_the_right_side_costs_nothing(term, rng):
    W = rng.standard_normal((4, 4))
    model = model_at(term, SpectralPenalty(0.1, 0.1), W)
    found = solve_tangent(model, term.hessian(W), np.zeros((4, 4)), tolerance=1e-12, max_products=10)
    np.testing.assert_array_equal(found.v, 0.0)
    assert (found.residual, found.products, found.positive) == (0.0, 0, True)
