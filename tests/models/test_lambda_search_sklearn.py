"""LambdaSearch as scikit-learn's tools see it: what it passes on, its checks, clones, routing, refusals."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
import sklearn
from scikit_checks import check_all
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from patom import LambdaSearch, MTRLClassifier, MTRLRegressor, TaskColumn

FEW = (1e-3, 1e-1, 1.0)
pytestmark = pytest.mark.filterwarnings("ignore:LambdaSearch chose:UserWarning")  # a grid of a few may end at an edge
DELEGATED = ("duality_gap_", "task_spectrum_", "task_correlation_", "task_covariance_", "n_features_in_")


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((90, 3)), np.array(["a", "b", "c"])[rng.permutation(np.repeat([0, 1, 2], 30))]
    return X, X[:, 0] + (task == "b") + 0.1 * rng.standard_normal(90), task


@pytest.fixture(params=[MTRLRegressor, MTRLClassifier])
def case(request, data):
    """A search and data for it."""
    X, y, task = data
    targets = y if request.param is MTRLRegressor else np.where(y > 0, "yes", "no")
    return LambdaSearch(request.param(), FEW), X, targets, task


class TestDelegation:
    def test_what_the_fitted_estimator_has(self, case):
        search, X, y, task = case
        inner = search.fit(X, y, task=task).estimator_
        for name in DELEGATED:
            np.testing.assert_array_equal(getattr(search, name), getattr(inner, name))
        assert search.tasks_.tolist() == ["a", "b", "c"]
        assert search.status_ is inner.status_
        assert search.relationship_ is inner.relationship_
        np.testing.assert_array_equal(search.predict(X, task=task), inner.predict(X, task=task))
        assert search.score(X, y, task=task) == inner.score(X, y, task=task) > 0.8

    def test_only_a_classifier_has_margins_and_classes(self, case):
        search, X, y, task = case
        assert hasattr(search, "decision_function") == is_classifier(search)
        search.fit(X, y, task=task)
        assert hasattr(search, "decision_function") == hasattr(search, "classes_") == is_classifier(search)
        if is_classifier(search):
            margins = search.decision_function(X, task=task)
            np.testing.assert_array_equal(margins, search.estimator_.decision_function(X, task=task))
            np.testing.assert_array_equal(search.predict(X, task=task), np.where(margins > 0.0, "yes", "no"))
            assert search.classes_.tolist() == ["no", "yes"]

    def test_names_of_a_data_frames_columns(self, data):
        X, y, task = data
        frame = pd.DataFrame(X, columns=["age", "height", "weight"])
        search = LambdaSearch(MTRLRegressor(), FEW).fit(frame, y, task=task)
        assert search.feature_names_in_.tolist() == ["age", "height", "weight"]

    @pytest.mark.parametrize("name", [*DELEGATED, "tasks_", "status_", "relationship_", "classes_"])
    def test_attributes_need_a_fit(self, name):
        with pytest.raises(NotFittedError):
            getattr(LambdaSearch(MTRLClassifier()), name)

    @pytest.mark.parametrize("method", ["predict", "decision_function"])
    def test_methods_need_a_fit(self, method):
        with pytest.raises(NotFittedError):
            getattr(LambdaSearch(MTRLClassifier()), method)([[1.0]])


def not_to_be_expected(search):
    """Rows repeated fall into other folds than one row with a weight: other lambdas may be chosen."""
    reason = "folds of repeated rows are others"
    return {"check_sample_weight_equivalence_on_dense_data": reason} if is_regressor(search) else {}


class TestScikitLearn:
    @pytest.mark.parametrize(
        "estimator",
        [LambdaSearch(MTRLRegressor(), FEW), LambdaSearch(MTRLClassifier(), FEW)],
    )
    def test_its_own_checks(self, estimator):
        check_all(estimator, not_to_be_expected(estimator))

    def test_kinds(self):
        assert is_regressor(LambdaSearch(MTRLRegressor()))
        assert not is_regressor(LambdaSearch(MTRLClassifier()))

    def test_clone_and_settings(self, data):
        X, y, task = data
        inner = MTRLRegressor(lambda_1=7.0, loss="huber")
        search = LambdaSearch(inner, FEW, n_folds=2, choice="best", random_state=5).fit(X, y, task=task)
        assert search.estimator is inner
        assert inner.lambda_1 == 7.0
        assert not hasattr(inner, "tasks_")
        copy = clone(search)
        assert str(copy.get_params()) == str(search.get_params())
        assert not hasattr(copy, "estimator_")
        assert copy.set_params(estimator__loss="squared_error", n_folds=3).estimator.loss == "squared_error"

    def test_pickle_round_trip(self, data):
        X, y, task = data
        search = LambdaSearch(MTRLRegressor(), FEW).fit(X, y, task=task)
        restored = pickle.loads(pickle.dumps(search))
        np.testing.assert_array_equal(restored.predict(X, task=task), search.predict(X, task=task))

    def test_in_a_task_column(self, data):
        X, y, task = data
        table = np.column_stack([np.unique(task, return_inverse=True)[1], X])
        wrapped = TaskColumn(LambdaSearch(MTRLRegressor(), FEW)).fit(table, y)
        expected = LambdaSearch(MTRLRegressor(), FEW).fit(X, y, task=task)
        np.testing.assert_array_equal(wrapped.estimator_.scores_, expected.scores_)
        assert cross_val_score(wrapped, table, y, cv=3).min() > 0.5

    def test_task_is_routed(self, data):
        X, y, task = data
        with sklearn.config_context(enable_metadata_routing=True):
            search = LambdaSearch(MTRLRegressor(), FEW).set_fit_request(task=True).set_predict_request(task=True)
            pipeline = make_pipeline(StandardScaler(), search).fit(X, y, task=task)
            predictions = pipeline.predict(X, task=task)
        scaled = StandardScaler().fit_transform(X)
        expected = LambdaSearch(MTRLRegressor(), FEW).fit(scaled, y, task=task)
        np.testing.assert_array_equal(predictions, expected.predict(scaled, task=task))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lambdas": ()}, "lambdas of LambdaSearch must be a sequence of at least one number; got ()."),
        ({"lambdas": 0.1}, "lambdas of LambdaSearch must be a sequence of at least one number; got 0.1."),
        ({"lambdas": (0.1, 0.0)}, "lambdas[1] of LambdaSearch must be a finite number above 0.0; got 0.0."),
        ({"lambdas": (float("nan"),)}, "lambdas[0] of LambdaSearch must be a finite number above 0.0; got nan."),
        ({"lambdas": ["strong"]}, "lambdas[0] of LambdaSearch must be a finite number above 0.0; got 'strong'."),
        ({"n_folds": 1}, "n_folds of LambdaSearch must be a whole number at least 2; got 1."),
        ({"n_folds": 2.5}, "n_folds of LambdaSearch must be a whole number at least 2; got 2.5."),
        (
            {"choice": "worst"},
            "choice of LambdaSearch must be one of 'one_standard_error', 'best'; got 'worst'.",
        ),
        ({"random_state": None}, "random_state of LambdaSearch must be a whole number at least 0; got None."),
        ({"random_state": -1}, "random_state of LambdaSearch must be a whole number at least 0; got -1."),
        ({"estimator__tol": 0.0}, "tol of MTRLRegressor must be a finite number above 0.0; got 0.0."),
    ],
    ids=str,
)
def test_bad_settings_are_refused_in_a_sentence(data, settings, message):
    X, y, task = data
    search = LambdaSearch(MTRLRegressor()).set_params(**settings)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        search.fit(X, y, task=task)
    assert not hasattr(search, "estimator_")


@pytest.mark.parametrize("estimator", [Ridge(), MTRLRegressor])
def test_other_estimators_are_refused(data, estimator):
    X, y, task = data
    with pytest.raises(TypeError, match=r"^estimator of LambdaSearch must be an MTRLRegressor or MTRLClassifier; got"):
        LambdaSearch(estimator).fit(X, y, task=task)
