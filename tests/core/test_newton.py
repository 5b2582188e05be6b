"""Newton's direction: it solves its system, is exact where the problem is quadratic, and descends in any case."""

import numpy as np
import pytest

from patom.core import losses
from patom.core.data_term import data_term
from patom.core.newton import newton_direction
from patom.core.quadratic import fixed_covariance
from patom.core.rows import group_rows
from patom.core.solver import solve
from patom.core.spectral import SpectralPenalty


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
