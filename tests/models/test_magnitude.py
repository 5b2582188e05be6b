"""Numbers so large or small that float64 cannot hold what comes of them are refused by name; what is left is fitted."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning

from patom import LambdaSearch, MTRLClassifier, MTRLRegressor, TaskColumn
from patom.core.solvers.solution import Status
from patom.models.settings import require_features, require_targets

BOTH = pytest.mark.parametrize("estimator", [MTRLRegressor, MTRLClassifier])
LOSSES = [
    *((MTRLRegressor, loss) for loss in MTRLRegressor.LOSSES),
    *((MTRLClassifier, loss) for loss in MTRLClassifier.LOSSES),
]
every_loss = pytest.mark.parametrize(("estimator", "loss"), LOSSES, ids=[loss for _, loss in LOSSES])


def table(size, estimator=MTRLRegressor, column=1):
    """60 rows of 3 tasks, one column of this size."""
    rng = np.random.default_rng(0)
    X, task = rng.uniform(0.5, 1.0, (60, 3)), np.repeat(["a", "b", "c"], 20)
    y = X @ [1.0, -1.0, 0.5] + 0.1 * rng.standard_normal(60)
    X[:, column] *= size
    return X, y if estimator is MTRLRegressor else np.where(y > 0.35, 1.0, -1.0), task


def refuses(start, end):
    """A sentence that begins and ends so."""
    return pytest.raises(ValueError, match=f"^{re.escape(start)}[^\n]*{re.escape(end)}$")


def framed(X):
    return pd.DataFrame(X, columns=["height", "income", "age"])


def fitted(model, *data, **labels):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(*data, **labels)


@every_loss
@pytest.mark.parametrize("solver", ["accelerated", "alternating"])
@pytest.mark.parametrize("size", [1e41, 1e80, 1e120, 1e150, 1e155, 1e200, 1e308])
def test_a_huge_column_is_named(estimator, loss, solver, size):
    X, y, task = table(size, estimator)
    row = np.argmax(X[:, 1])
    end = "and fits take features up to 1e+40; scale the column first."
    with refuses("X holds ", f"in row {row}, column 'income', {end}"):
        estimator(loss=loss, solver=solver).fit(framed(X), y, task=task)
    with refuses("X holds -", f"in row {row}, column 1, {end}"):
        estimator(loss=loss, solver=solver).fit(-X, y, task=task)


@pytest.mark.parametrize("size", [1e80, 1e200])
def test_wherever_it_comes_in(size):
    X, y, task = table(size)
    named = framed(X).assign(shop=task)
    for model in (TaskColumn(MTRLRegressor(), "shop"), TaskColumn(LambdaSearch(MTRLRegressor()), "shop")):
        with pytest.raises(ValueError, match="column 'income', and fits take features up to"):
            model.fit(named, y)
    with pytest.raises(ValueError, match="column 'income', and fits take features up to"):
        LambdaSearch(MTRLRegressor()).fit(framed(X), y, task=task)


@pytest.mark.in_pairs
@every_loss
@pytest.mark.parametrize("size", [1e6, 1e12, 1e20, 1e30, 1e39])
@pytest.mark.parametrize("solver", ["accelerated", "alternating"])
def test_a_large_column_is_fitted_and_the_status_says_how_well(estimator, loss, size, solver):
    X, y, task = table(size, estimator)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("error")
        warnings.simplefilter("always", ConvergenceWarning)
        model = estimator(loss=loss, solver=solver, max_iter=300).fit(X, y, task=task)
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.duality_gap_)
    none = 3.0 if estimator is MTRLClassifier else sum(np.mean(y[task == label] ** 2) for label in "abc")
    assert model.objective_ < none
    goal = 1e-8 * min(1.0, model.objective_)
    assert (model.status_ is Status.CONVERGED) == (model.duality_gap_ <= goal)
    if model.status_ is Status.PRECISION:
        assert model.duality_gap_ <= 1e-4 * none
    assert len(told) == (model.status_ not in (Status.CONVERGED, Status.PRECISION))


def test_the_limits_themselves_are_fitted():
    X, y, task = table(1e40)
    for sizes in ((1.0, 1.0, 1.0), (1e-300, 5e-324, 1e-310)):
        for scale in (1e60, 1e-100, 0.0):
            target = scale * y / np.abs(y).max()
            model = fitted(MTRLRegressor(max_iter=100), X * sizes, target, task=task)
            assert np.isfinite(model.coef_).all()
            assert np.isfinite([model.objective_, model.duality_gap_]).all()


@pytest.mark.parametrize("size", [1e39, 1e60, 1e300])
@BOTH
def test_what_float32_cannot_hold_is_named(estimator, size):
    X, y, task = table(size, estimator)
    end = "in row 0, column 'income'; drop such values, scale the column, or set row_dtype='float64'."
    with refuses("X holds infinity, or a number beyond float32's 3.4e+38, ", end):
        estimator(row_dtype="float32").fit(framed(X), y, task=task)


def test_whole_numbers_that_float64_cannot_hold_are_named():
    X, y, task = table(1.0)
    whole = X.astype(object)
    whole[7, 2] = 10**400
    for given, name in ((whole, "2"), (framed(whole), "'age'")):
        with refuses("X holds a number beyond float64's 1.8e308 in ", f"row 7, column {name}; scale the column first."):
            MTRLRegressor().fit(given, y, task=task)
    with refuses("y must hold numbers for MTRLRegressor; got object values.", ""):
        MTRLRegressor().fit(X, [10**400, *y[1:]], task=task)


@pytest.mark.parametrize("size", [1e61, 1e100, 1e155, 1e300])
@pytest.mark.parametrize("solver", ["accelerated", "alternating"])
def test_huge_targets_are_refused(size, solver):
    X, y, task = table(1.0)
    with refuses(
        "y holds up to ", "in size, and fits take targets whose largest is 0 or from 1e-100 to 1e+60; scale y first."
    ):
        MTRLRegressor(solver=solver).fit(X, size * y, task=task)


@pytest.mark.parametrize("size", [1e-101, 1e-160, 1e-200, 1e-310])
def test_targets_whose_squares_are_nothing_are_refused(size):
    """They were fitted by weights of 0, and the gap, 0 as well, was within the tolerance."""
    X, y, task = table(1.0)
    with refuses("y holds nothing above ", "; scale y first."):
        MTRLRegressor().fit(X, size * y / np.abs(y).max(), task=task)


def test_small_targets_are_fitted_as_others_are():
    X, y, task = table(1.0)
    one, small = (MTRLRegressor(tol=1e-12).fit(X, 2.0**-k * y, task=task) for k in (0, 300))
    np.testing.assert_allclose(2.0**300 * small.coef_, one.coef_, rtol=1e-6)
    assert small.status_ is Status.CONVERGED


@BOTH
@pytest.mark.parametrize("name", ["lambda_1", "lambda_2"])
@pytest.mark.parametrize("value", [5e-324, 1e-51, 1e51, 1e308])
def test_lambdas_of_any_size_but_these(estimator, name, value):
    X, y, task = table(1.0, estimator)
    with refuses(f"{name} of {estimator.__name__} must be 0 or from 1e-50 to 1e+50, ", f"; got {value!r}."):
        estimator(**{name: value}).fit(X, y, task=task)
    fitted(estimator(**{name: np.float32(0.5)}), X, y, task=task)


@pytest.mark.parametrize("value", [1e-61, 1e61, 1e300])
def test_huber_delta_of_any_size_but_these(value):
    X, y, task = table(1.0)
    with refuses("huber_delta of MTRLRegressor must be 0 or from 1e-60 to 1e+60, ", f"; got {value!r}."):
        MTRLRegressor(loss="huber", huber_delta=value).fit(X, y, task=task)


@pytest.mark.parametrize("value", [1e-31, 1e31, 1e300, 1e-320])
def test_covariances_of_any_size_but_these(value):
    X, y, task = table(1.0)
    with refuses("The largest entry of task_covariance must be 0 or from 1e-30 to 1e+30, ", f"; got {value!r}."):
        MTRLRegressor(task_covariance=value * np.eye(3)).fit(X, y, task=task)


def test_a_small_covariance_that_is_not_symmetric_is_refused_as_a_large_one_is():
    X, y, task = table(1.0)
    lopsided = np.eye(3)
    lopsided[0, 1] = 0.5
    for size in (1e-15, 1.0, 1e15):
        with pytest.raises(ValueError, match="must be finite and symmetric"):
            MTRLRegressor(task_covariance=size * lopsided).fit(X, y, task=task)


@BOTH
def test_predictions_beyond_float64_are_refused(estimator):
    X, y, task = table(1.0, estimator)
    model = estimator(1e-4, 1e-4).fit(framed(X), y, task=task)
    respond = getattr(model, "decision_function", model.predict)
    large = 1e300 * X
    assert np.isfinite(respond(framed(large), task=task)).all()
    large[11] = [1.6e308, 1.7e308, 1.6e308] * np.sign(model.coef_[0])
    with refuses(
        "The prediction for row 11 of X is beyond float64: ", "in column 'income'; scale the column as for fit."
    ):
        model.predict(framed(large), task=task)


def test_usual_numbers_are_passed_by_in_one_look(monkeypatch):
    """No array as large as X is made."""
    monkeypatch.setattr(np, "abs", None)
    monkeypatch.setattr(np, "isfinite", None)
    require_features(np.array([[1.0, -1e40]]))
    require_features(np.array([[1.0, 3e38]], dtype=np.float32))
    require_features(np.empty((0, 3)))
    require_targets(np.array([1e60, 0.0]))
    require_targets(np.zeros(3))
