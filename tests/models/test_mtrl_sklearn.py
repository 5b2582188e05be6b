"""The estimators as scikit-learn's tools see them: its own checks, clones, pickles, pipelines."""

import pickle

import numpy as np
import pytest
from scikit_checks import check_all
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from patom import MTRLClassifier, MTRLRegressor

SETTINGS = {
    "lambda_1": 0.2,
    "lambda_2": 0.3,
    "task_covariance": np.eye(3) / 3,
    "tol": 1e-6,
    "max_iter": 500,
    "solver": "accelerated",
}


@pytest.mark.parametrize(
    "estimator", [MTRLRegressor(), MTRLRegressor(loss="huber"), MTRLClassifier(), MTRLClassifier(loss="logistic")]
)
def test_scikit_learns_own_checks(estimator):
    check_all(estimator)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((60, 3)), np.array(["a", "b", "c"])[rng.integers(0, 3, 60)]
    return X, X[:, 0] + (task == "b") + 0.1 * rng.standard_normal(60), task


@pytest.fixture(params=[MTRLRegressor, MTRLClassifier])
def case(request, data):
    """An estimator's class and data for it."""
    X, y, task = data
    return request.param, X, y if request.param is MTRLRegressor else np.where(y > 0, "yes", "no"), task


def test_defaults_are_the_papers():
    for model in (MTRLRegressor(), MTRLClassifier()):
        params = model.get_params()
        expected = {"lambda_1": 0.1, "lambda_2": 0.1, "task_covariance": None, "tol": 1e-8, "max_iter": 10_000}
        assert params | expected == params
        assert params["solver"] == "accelerated"
    assert MTRLRegressor().loss == "squared_error"
    assert MTRLClassifier().loss == "squared_hinge"


def test_kinds():
    assert is_regressor(MTRLRegressor())
    assert is_classifier(MTRLClassifier())


def test_clone_keeps_settings_and_forgets_the_fit(case):
    estimator, X, y, task = case
    model = estimator(**SETTINGS).fit(X, y, task=task)
    copy = clone(model)
    assert str(copy.get_params()) == str(model.get_params())
    with pytest.raises(NotFittedError):
        copy.predict(X, task=task)
    np.testing.assert_array_equal(copy.fit(X, y, task=task).coef_, model.coef_)


def test_pickle_round_trip(case):
    estimator, X, y, task = case
    model = estimator().fit(X, y, task=task)
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.predict(X, task=task), model.predict(X, task=task))
    np.testing.assert_array_equal(restored.task_covariance_, model.task_covariance_)
    assert restored.status_ is model.status_
    assert pickle.loads(pickle.dumps(estimator(**SETTINGS))).get_params().keys() == model.get_params().keys()


def test_fit_leaves_settings_and_data_alone(case):
    estimator, X, y, task = case
    settings = {name: np.copy(value) for name, value in SETTINGS.items()}
    kept = X.copy(), y.copy(), task.copy()
    model = estimator(**SETTINGS).fit(X, y, task=task)
    for name, value in settings.items():
        np.testing.assert_array_equal(model.get_params()[name], value)
    for now, before in zip((X, y, task), kept, strict=True):
        np.testing.assert_array_equal(now, before)


def test_fitting_again_forgets_the_first_data(case):
    estimator, X, y, task = case
    model = estimator().fit(X[:, :2], y).fit(X, y, task=task)
    np.testing.assert_array_equal(model.coef_, estimator().fit(X, y, task=task).coef_)
    assert model.tasks_.tolist() == ["a", "b", "c"]


def test_score(data):
    X, y, task = data
    model = MTRLRegressor().fit(X, y, task=task)
    assert model.score(X, y, task=task) == pytest.approx(r2_score(y, model.predict(X, task=task)))
    named = np.where(y > 0, "yes", "no")
    classifier = MTRLClassifier().fit(X, named, task=task)
    expected = accuracy_score(named, classifier.predict(X, task=task))
    assert classifier.score(X, named, task=task) == pytest.approx(expected)
    assert expected > 0.8


def test_without_tasks_it_is_any_estimator(case):
    estimator, X, y, _ = case
    pipeline = make_pipeline(StandardScaler(), estimator())
    assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.4


def test_predictions_are_the_linear_models(case):
    estimator, X, y, task = case
    model = estimator().fit(X, y, task=task)
    index = np.searchsorted(model.tasks_, task)
    decision = (X * model.coef_[index]).sum(axis=1) + model.intercept_[index]
    if estimator is MTRLRegressor:
        np.testing.assert_allclose(model.predict(X, task=task), decision)
    else:
        np.testing.assert_allclose(model.decision_function(X, task=task), decision)
        np.testing.assert_array_equal(model.predict(X, task=task), np.where(decision > 0, "yes", "no"))


def test_predicting_some_tasks_in_any_order(case):
    estimator, X, y, task = case
    model = estimator().fit(X, y, task=task)
    everything, chosen = model.predict(X, task=task), np.flatnonzero(task != "b")[::-3]
    np.testing.assert_array_equal(model.predict(X[chosen], task=task[chosen]), everything[chosen])
    np.testing.assert_array_equal(model.predict(X[7:8], task=task[7:8]), everything[7:8])


@pytest.mark.parametrize("labels", [("no", "yes"), (0, 1), (-1, 1), (False, True), (7.0, 3.0), (1, 2)])
def test_any_two_classes(data, labels):
    X, y, task = data
    smaller, larger = sorted(labels)
    named = np.where(y > 0, larger, smaller)
    model = MTRLClassifier().fit(X, named, task=task)
    assert model.classes_.tolist() == [smaller, larger]
    assert set(model.predict(X, task=task).tolist()) == {smaller, larger}
    np.testing.assert_array_equal(model.coef_, MTRLClassifier().fit(X, np.sign(y), task=task).coef_)


def test_shapes_and_certificate(case):
    estimator, X, y, task = case
    model = estimator().fit(X, y, task=task)
    assert model.coef_.shape == (3, 3)
    assert model.intercept_.shape == (3,)
    assert model.task_covariance_.shape == model.task_correlation_.shape == (3, 3)
    assert np.trace(model.task_covariance_) == pytest.approx(1.0)
    assert model.task_spectrum_.sum() == pytest.approx(1.0)
    assert 0.0 <= model.duality_gap_ <= 1e-8
    assert 0 < model.n_iter_ <= 10_000
    assert "Converged" in model.status_.value


@pytest.mark.parametrize("name", ["task_spectrum_", "task_covariance_", "task_correlation_"])
def test_relationships_need_a_fit(name):
    with pytest.raises(NotFittedError):
        getattr(MTRLRegressor(), name)
