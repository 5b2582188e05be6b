"""Reweighted fits: their objective, where they end, and Huber's loss as the model itself has it."""

import numpy as np
import pytest
from scikit_checks import check_all
from scipy.integrate import quad
from sklearn.base import RegressorMixin, clone, is_regressor
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from patom import MTRLClassifier, MTRLRegressor, mean_regularised_covariance
from patom.defenses import Reweighted
from patom.defenses.learners.reweighted import LOSSES, beginning, objective, reweight, scales


@pytest.mark.parametrize("estimator", [Reweighted(), Reweighted(loss="huber", start="huber")])
def test_scikit_learns_own_checks(estimator):
    check_all(estimator)


@pytest.fixture(name="data")
def fixture_data():
    """Three text tasks in no order; a fifth of the rows of one are far off."""
    rng = np.random.default_rng(0)
    task = rng.permutation(np.repeat(["a", "b", "c"], [40, 50, 30]))
    X = rng.uniform(-1.0, 1.0, (120, 3))
    y = X @ [1.0, -2.0, 0.5] + (task == "b") + 0.2 * rng.standard_normal(120)
    off = np.flatnonzero(task == "a")[:8]
    y[off] += 6.0
    return X, y, task, off


def rho(name, e, delta):
    """The losses again, from their derivatives."""
    slopes = {
        "tukey": lambda u: 2.0 * u * (1.0 - (u / delta) ** 2) ** 2 if abs(u) <= delta else 0.0,
        "cauchy": lambda u: 2.0 * u / (1.0 + (u / delta) ** 2),
        "huber": lambda u: 2.0 * u if abs(u) <= delta else 2.0 * delta,
    }
    return quad(slopes[name], 0.0, abs(e), points=[min(delta, abs(e))])[0]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("e", [0.0, 0.3, -1.0, 1.5, -4.0])
def test_losses_are_the_integrals_of_their_slopes(name, e):
    value = LOSSES[name].value(np.array([e]), np.array([1.4]))[0]
    assert value == pytest.approx(rho(name, e, 1.4), abs=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_weights_are_slopes_over_twice_the_residual(name):
    e, step = np.array([0.1, -0.7, 1.3, 2.5, -6.0]), 1e-6
    delta = np.full(5, 1.4)
    slope = (LOSSES[name].value(e + step, delta) - LOSSES[name].value(e - step, delta)) / (2.0 * step)
    np.testing.assert_allclose(LOSSES[name].weight(e, delta), slope / (2.0 * e), atol=1e-8)
    assert LOSSES[name].weight(np.zeros(1), delta[:1]) == 1.0


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("start", ["trimmed", "huber"])
def test_each_fit_lowers_the_objective(name, start, data):
    X, y, task, _ = data
    problem = MTRLRegressor(0.01, 0.02).problem(X, y, task=task)
    W = beginning(problem, start)
    delta = np.repeat(LOSSES[name].c * scales(problem.rows, W), problem.rows.counts)
    values = [objective(problem, LOSSES[name], delta, W)]
    for _ in range(15):
        found = reweight(problem, LOSSES[name], delta, W, 1, 0.0)
        W = found.solution.W
        values.append(found.objective)
    assert (np.diff(values) <= 1e-9).all()
    assert values[-1] < values[0]


@pytest.mark.parametrize("lambdas", [(0.01, 0.02), (0.1, 0.0)])
def test_hubers_is_the_models_own_loss(lambdas, data):
    X, y, task, _ = data
    exact = MTRLRegressor(*lambdas, tol=1e-12)
    found = Reweighted(exact, "huber", c=1.5, scale=0.2, tol=1e-15, max_iter=2000)
    found.fit(X, y, task=task)
    expected = MTRLRegressor(*lambdas, loss="huber", huber_delta=0.3, tol=1e-12).fit(X, y, task=task)
    assert found.objective_ == pytest.approx(expected.objective_, rel=1e-8)
    np.testing.assert_allclose(found.coef_, expected.coef_, atol=1e-4)
    np.testing.assert_allclose(found.task_covariance_, expected.task_covariance_, atol=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_it_ends_where_finite_differences_vanish(name, data):
    X, y, task, _ = data
    omega = mean_regularised_covariance(3)
    model = Reweighted(MTRLRegressor(0.01, 0.02, task_covariance=omega, tol=1e-12), name, tol=1e-15, max_iter=2000).fit(
        X, y, task=task
    )
    W = np.column_stack([model.coef_, model.intercept_])
    index = np.searchsorted(model.tasks_, task)
    counts, inverse = np.bincount(index), np.linalg.inv(omega)
    delta = LOSSES[name].c * model.scale_

    def value(W):
        e = y - (np.column_stack([X, np.ones(120)]) * W[index]).sum(axis=1)
        losses = LOSSES[name].value(e, delta[index]) / counts[index]
        return losses.sum() + 0.005 * (W**2).sum() + 0.01 * np.trace(W.T @ inverse @ W)

    assert model.objective_ == pytest.approx(value(W), rel=1e-9)
    slopes = []
    for place in np.ndindex(W.shape):
        step = np.zeros(W.shape)
        step[place] = 1e-5
        slopes.append((value(W + step) - value(W - step)) / 2e-5)
    np.testing.assert_allclose(slopes, 0.0, atol=2e-5)


def test_with_omega_learned_no_step_goes_down(data):
    X, y, task, _ = data
    model = Reweighted(MTRLRegressor(0.01, 0.02), tol=1e-15, max_iter=2000).fit(X, y, task=task)
    problem = MTRLRegressor(0.01, 0.02).problem(X, y, task=task)
    W = np.column_stack([model.coef_, model.intercept_])
    delta = np.repeat(LOSSES["tukey"].c * model.scale_, problem.rows.counts)
    rng = np.random.default_rng(0)
    for _ in range(50):
        step = 1e-4 * rng.standard_normal(W.shape)
        assert objective(problem, LOSSES["tukey"], delta, W + step) >= model.objective_ - 1e-9


def test_rows_far_off_have_no_weight_and_no_pull(data):
    X, y, task, off = data
    model = Reweighted(MTRLRegressor(0.01, 0.01)).fit(X, y, task=task)
    assert (model.weights_[off] == 0.0).all()
    assert np.median(np.delete(model.weights_, off)) > 0.7
    further = y.copy()
    further[off] *= 1e6
    again = Reweighted(MTRLRegressor(0.01, 0.01)).fit(X, further, task=task)
    np.testing.assert_allclose(again.coef_, model.coef_, atol=5e-3)
    plain = MTRLRegressor(0.01, 0.01).fit(X, y, task=task)
    clean = np.setdiff1d(np.flatnonzero(task == "a"), off)
    errors = [np.mean((fit.predict(X, task=task) - y)[clean] ** 2) for fit in (model, plain)]
    assert errors[0] < 0.2 * errors[1]


def test_a_weight_of_one_everywhere_is_the_plain_fit(data):
    X, y, task, _ = data
    found = Reweighted(MTRLRegressor(0.01, 0.02), "huber", scale=1e6).fit(X, y, task=task)
    np.testing.assert_allclose(found.coef_, MTRLRegressor(0.01, 0.02).fit(X, y, task=task).coef_, atol=1e-5)
    assert (found.weights_ == 1.0).all()


def test_scales_are_standard_deviations_of_normal_noise():
    rng = np.random.default_rng(0)
    y = np.concatenate([rng.standard_normal(20_000), 3.0 * rng.standard_normal(20_000)])
    problem = MTRLRegressor().problem(np.zeros((40_000, 1)), y, task=np.repeat([0, 1], 20_000))
    np.testing.assert_allclose(scales(problem.rows, np.zeros((2, 2))), [1.0, 3.0], rtol=0.02)


@pytest.mark.parametrize("y", [np.zeros(12), np.ones(12), np.append(np.zeros(11), 5.0), np.arange(12.0)])
@pytest.mark.parametrize("loss", LOSSES)
def test_odd_data(y, loss):
    X = np.repeat(np.eye(2), 6, axis=0)
    model = Reweighted(loss=loss).fit(X, y, task=[0] * 11 + ["one"])
    assert np.isfinite(model.predict(X, task=[0] * 11 + ["one"])).all()
    assert ((model.weights_ >= 0.0) & (model.weights_ <= 1.0)).all()


def test_it_is_a_regressor_with_the_models_attributes(data):
    X, y, task, _ = data
    model = Reweighted(MTRLRegressor(0.01, 0.01))
    with pytest.raises(NotFittedError):
        model.predict(X, task=task)
    with pytest.raises(AttributeError, match="Reweighted has no attribute 'coef_'"):
        _ = model.coef_
    assert is_regressor(model)
    assert clone(model).fit(X, y, task=task).tasks_.tolist() == ["a", "b", "c"]
    order = np.random.default_rng(1).permutation(120)
    first, second = model.fit(X, y, task=task).weights_, clone(model).fit(X[order], y[order], task=task[order]).weights_
    np.testing.assert_allclose(second, first[order], atol=1e-5)


def test_too_few_fits_are_said(data):
    X, y, task, _ = data
    with pytest.warns(ConvergenceWarning, match="^Reweighted stopped at max_iter, 1, with its objective still falling"):
        Reweighted(max_iter=1, tol=0.0).fit(X, y, task=task)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (Reweighted(MTRLClassifier()), "estimator of Reweighted must be an MTRLRegressor, .* got MTRLClassifier"),
        (Reweighted(MTRLRegressor(loss="huber")), "loss of Reweighted's estimator must be 'squared_error'"),
        (Reweighted(loss="hinge"), "loss of Reweighted must be one of 'tukey', 'cauchy', 'huber'; got 'hinge'"),
        (Reweighted(start="zero"), "start of Reweighted must be one of 'trimmed', 'huber'; got 'zero'"),
        (Reweighted(c=0.0), "c of Reweighted must be a finite number above 0"),
        (Reweighted(scale=-1.0), "scale of Reweighted must be a finite number above 0"),
        (Reweighted(max_iter=0), "max_iter of Reweighted must be a whole number at least 1"),
        (Reweighted(tol=np.nan), "tol of Reweighted must be a finite number at least 0"),
    ],
)
def test_settings_that_make_no_sense(made, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        made.fit(np.eye(3), np.arange(3.0))


def test_gaps_are_refused(data):
    X, y, task, _ = data
    with pytest.raises(ValueError, match=r"^y holds NaN in row 3"):
        Reweighted().fit(X, np.where(np.arange(120) == 3, np.nan, y), task=task)


@pytest.mark.parametrize("estimator", [None, MTRLClassifier(), "x"])
def test_it_is_a_regressor_whatever_is_inside(estimator):
    model = Reweighted(estimator)
    assert isinstance(model, RegressorMixin)
    assert is_regressor(model)
    with pytest.raises(NotFittedError):
        model.predict([[0.0]])
    with pytest.raises(NotFittedError, match="Call 'fit' first"):
        _ = model.coef_
