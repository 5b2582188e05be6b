"""TaskColumn inside scikit-learn's own tools, with arrays and data frames, metadata routing off and on."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin, clone, is_classifier, is_regressor
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, get_scorer, r2_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from patom import MTRLClassifier, MTRLRegressor
from patom.models.task_column import TaskColumn

NAMES = ["ann", "bob", "eve"]


class LabelEcho(RegressorMixin, BaseEstimator):
    """Keeps what it was handed."""

    def fit(self, X, _y, task=None):
        self.n_features_in_ = X.shape[1]
        self.fit_X_, self.fit_task_ = X, task
        return self

    def predict(self, X, task=None):
        self.predict_X_ = X
        return np.zeros(len(task))


class TaskCentre(TransformerMixin, BaseEstimator):
    """A transformer that takes the task too: subtracts each task's mean."""

    def fit(self, X, _y=None, task=None):
        self.means_ = {label: X[task == label].mean(axis=0) for label in np.unique(task)}
        return self

    def fit_transform(self, X, y=None, task=None):
        return self.fit(X, y, task=task).transform(X, task=task)

    def transform(self, X, task=None):
        return X - np.array([self.means_[label] for label in task])


@pytest.fixture(params=[False, True], ids=["routing off", "routing on"])
def either_routing(request):
    with sklearn.config_context(enable_metadata_routing=request.param):
        yield request.param


under_either_routing = pytest.mark.usefixtures("either_routing")


@pytest.fixture(scope="module")
def data():
    """Three tasks with one feature of opposite effects, so that a model without the labels can't predict."""
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(90, 2)), np.repeat([0, 1, 2], 30)
    y = X[:, 0] * np.array([1.0, -1.0, 1.0])[task] + 0.1 * rng.normal(size=90)
    order = rng.permutation(90)
    return X[order], y[order], task[order]


@pytest.fixture(params=["regression", "classification"])
def problem(request, data):
    X, y, task = data
    if request.param == "regression":
        return MTRLRegressor(lambda_1=0.01, lambda_2=0.01), X, y, task
    return MTRLClassifier(lambda_1=0.01, lambda_2=0.01), X, np.where(y > 0, "up", "down"), task


def with_column(X, task, position):
    return np.insert(np.asarray(X, dtype=object if task.dtype.kind in "OU" else float), position, task, axis=1)


class TestEquivalence:
    @pytest.mark.parametrize("column", [0, 1, 2, -1, -3, np.int64(1)])
    @under_either_routing
    def test_array_equals_the_estimator_given_task(self, problem, column):
        model, X, y, task = problem
        table = with_column(X, task, column % 3)
        expected = clone(model).fit(X, y, task=task)
        wrapped = TaskColumn(model, column=column).fit(table, y)
        np.testing.assert_array_equal(wrapped.predict(table), expected.predict(X, task=task))
        np.testing.assert_array_equal(wrapped.estimator_.coef_, expected.coef_)
        if is_classifier(model):
            scores = wrapped.decision_function(table)
            np.testing.assert_array_equal(scores, expected.decision_function(X, task=task))

    def test_objects_with_text_labels(self, problem):
        model, X, y, task = problem
        labels = np.array(NAMES)[task]
        expected = clone(model).fit(X, y, task=labels).predict(X, task=labels)
        wrapped = TaskColumn(model, column=1).fit(with_column(X, labels, 1), y)
        np.testing.assert_array_equal(wrapped.predict(with_column(X, labels, 1)), expected)
        assert wrapped.estimator_.tasks_.tolist() == NAMES

    def test_numbers_that_became_text_beside_text_labels(self, problem):
        model, X, y, task = problem
        labels = np.array(NAMES)[task]
        table = np.column_stack([labels, X])
        assert table.dtype.kind == "U"
        expected = clone(model).fit(X, y, task=labels).predict(X, task=labels)
        np.testing.assert_array_equal(TaskColumn(model).fit(table, y).predict(table), expected)

    def test_lists_of_rows(self, problem):
        model, X, y, task = problem
        rows = [[NAMES[label], *values] for label, values in zip(task, X.tolist(), strict=True)]
        expected = clone(model).fit(X, y, task=task).predict(X, task=task)
        np.testing.assert_array_equal(TaskColumn(model).fit(rows, y).predict(rows), expected)

    def test_numbers_beside_text_labels_stay_numbers(self):
        features = TaskColumn(LabelEcho()).fit([["ann", 1.5], ["bob", 2]], [0.0, 1.0]).estimator_.fit_X_
        assert [type(value) for value in features.ravel().tolist()] == [float, int]

    @pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
    @pytest.mark.parametrize("column", ["user", 1, -2])
    def test_data_frames_stay_data_frames(self, problem, frame, column):
        model, X, y, task = problem
        table = frame({"age": X[:, 0], "user": np.array(NAMES)[task], "height": X[:, 1]})
        expected = clone(model).fit(X, y, task=task).predict(X, task=task)
        wrapped = TaskColumn(model, column=column).fit(table, y)
        np.testing.assert_array_equal(wrapped.predict(table), expected)
        assert wrapped.estimator_.tasks_.tolist() == NAMES
        assert wrapped.estimator_.feature_names_in_.tolist() == ["age", "height"]
        assert wrapped.feature_names_in_.tolist() == ["age", "user", "height"]
        assert wrapped.n_features_in_ == 3

    def test_estimator_gets_the_same_kind_of_frame(self, data):
        X, y, task = data
        table = pd.DataFrame({"user": pd.Categorical(np.array(NAMES)[task]), "age": X[:, 0]}, index=range(9, 99))
        wrapped = TaskColumn(LabelEcho(), column="user").fit(table, y)
        pd.testing.assert_frame_equal(wrapped.estimator_.fit_X_, table[["age"]])
        np.testing.assert_array_equal(wrapped.estimator_.fit_task_, np.array(NAMES)[task])
        wrapped.predict(table[:5])
        pd.testing.assert_frame_equal(wrapped.estimator_.predict_X_, table[["age"]][:5])

    def test_input_is_left_as_it_was(self, data):
        X, y, task = data
        table, frame = with_column(X, task, 0), pd.DataFrame({"user": task, "age": X[:, 0]})
        kept, kept_frame, model = table.copy(), frame.copy(), MTRLRegressor()
        TaskColumn(model).fit(table, y).predict(table)
        TaskColumn(model, column="user").fit(frame, y)
        np.testing.assert_array_equal(table, kept)
        pd.testing.assert_frame_equal(frame, kept_frame)
        assert not hasattr(model, "coef_")


class TestInsideScikitLearn:
    SCORERS = ("r2", "neg_mean_squared_error"), ("accuracy", "roc_auc")

    @under_either_routing
    def test_string_scorers_equal_folds_by_hand(self, problem):
        model, X, y, task = problem
        table, folds = with_column(X, task, 0), KFold(3)
        for scorer in self.SCORERS[is_classifier(model)]:
            by_hand = []
            for train, test in folds.split(X):
                fitted = clone(model).fit(X[train], y[train], task=task[train])
                answer = fitted.predict(X[test], task=task[test])
                by_hand.append(
                    {
                        "r2": r2_score,
                        "neg_mean_squared_error": lambda truth, z: -np.mean((truth - z) ** 2),
                        "accuracy": accuracy_score,
                        "roc_auc": lambda truth, _, test=test, fitted=fitted: roc_auc_score(
                            truth, fitted.decision_function(X[test], task=task[test])
                        ),
                    }[scorer](y[test], answer)
                )
            got = cross_val_score(TaskColumn(model), table, y, cv=folds, scoring=scorer)
            np.testing.assert_allclose(got, by_hand, rtol=1e-12)

    @pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
    def test_grid_search_reaches_the_inner_parameters(self, problem, frame):
        model, X, y, task = problem
        table = frame({"user": np.array(NAMES)[task], "age": X[:, 0], "height": X[:, 1]})
        scorer = "roc_auc" if is_classifier(model) else "r2"
        grid = {"estimator__lambda_1": [1e-3, 1e3]}
        search = GridSearchCV(TaskColumn(model, column="user"), grid, cv=3, scoring=scorer).fit(table, y)
        for strength, score in zip([1e-3, 1e3], search.cv_results_["mean_test_score"], strict=True):
            one = TaskColumn(clone(model).set_params(lambda_1=strength), column="user")
            assert score == pytest.approx(cross_val_score(one, table, y, cv=3, scoring=scorer).mean())
        assert np.ptp(search.cv_results_["mean_test_score"]) > 1e-3
        assert search.best_estimator_.estimator_.lambda_1 == search.best_params_["estimator__lambda_1"]
        assert search.best_score_ > 0.8

    def test_labels_make_the_difference(self, problem):
        model, X, y, task = problem
        right = cross_val_score(TaskColumn(model), with_column(X, task, 0), y, cv=3).mean()
        wrong = cross_val_score(TaskColumn(model), with_column(X, np.zeros(90), 0), y, cv=3).mean()
        assert right > 0.85
        assert wrong < 0.75

    def test_cross_val_predict(self, problem):
        model, X, y, task = problem
        method = "decision_function" if is_classifier(model) else "predict"
        out = cross_val_predict(TaskColumn(model), with_column(X, task, 0), y, cv=3, method=method)
        assert out.shape == (90,)

    @under_either_routing
    def test_last_step_after_a_column_transformer(self, problem):
        model, X, y, task = problem
        table = pd.DataFrame({"user": np.array(NAMES)[task], "age": X[:, 0], "height": X[:, 1]})
        scale = ColumnTransformer([("scale", StandardScaler(), ["age", "height"]), ("task", "passthrough", ["user"])])
        pipe = make_pipeline(scale, TaskColumn(model, column=-1)).fit(table, y)
        scaled = StandardScaler().fit_transform(X)
        expected = clone(model).fit(scaled, y, task=task).predict(scaled, task=task)
        if is_classifier(model):
            np.testing.assert_array_equal(pipe.predict(table), expected)
        else:
            np.testing.assert_allclose(pipe.predict(table), expected, rtol=1e-9)
        assert cross_val_score(pipe, table, y, cv=3, error_score="raise").mean() > 0.85
        framed = clone(pipe).set_output(transform="pandas").set_params(taskcolumn__column="task__user")
        assert framed.fit(table, y).score(table, y) == pytest.approx(pipe.score(table, y), rel=1e-9)

    def test_score_is_accuracy_or_r2_of_the_predictions(self, problem):
        model, X, y, task = problem
        table, weights = with_column(X, task, 0), np.arange(90.0)
        wrapped = TaskColumn(model).fit(table, y)
        measure = accuracy_score if is_classifier(model) else r2_score
        assert wrapped.score(table, y) == pytest.approx(measure(y, wrapped.predict(table)))
        weighted = measure(y, wrapped.predict(table), sample_weight=weights)
        assert wrapped.score(table, y, sample_weight=weights) == pytest.approx(weighted)


class TestWrappedPipeline:
    @under_either_routing
    def test_labels_reach_the_last_step(self, problem):
        model, X, y, task = problem
        table, scaled = with_column(X, task, 0), StandardScaler().fit_transform(X)
        expected = clone(model).fit(scaled, y, task=task)
        wrapped = TaskColumn(make_pipeline(StandardScaler(), model)).fit(table, y)
        np.testing.assert_array_equal(wrapped.predict(table), expected.predict(scaled, task=task))
        if is_classifier(model):
            scores = wrapped.decision_function(table)
            np.testing.assert_array_equal(scores, expected.decision_function(scaled, task=task))
        assert is_classifier(wrapped) == is_classifier(model)
        assert cross_val_score(wrapped, table, y, cv=3, error_score="raise").mean() > 0.85

    @under_either_routing
    def test_of_one_step_and_nested(self, problem):
        model, X, y, task = problem
        table, expected = with_column(X, task, 0), clone(model).fit(X, y, task=task).predict(X, task=task)
        one = make_pipeline(model)
        for pipe in (one, make_pipeline("passthrough", one), make_pipeline(one)):
            np.testing.assert_array_equal(TaskColumn(pipe).fit(table, y).predict(table), expected)

    @under_either_routing
    def test_a_transformer_that_takes_task_gets_it_too(self, data):
        X, y, task = data
        table = with_column(X, task, 0)
        means = np.array([X[task == label].mean(axis=0) for label in range(3)])
        expected = MTRLRegressor().fit(X - means[task], y, task=task).predict(X - means[task], task=task)
        wrapped = TaskColumn(make_pipeline(TaskCentre(), MTRLRegressor())).fit(table, y)
        np.testing.assert_allclose(wrapped.predict(table), expected, rtol=1e-12)

    @under_either_routing
    def test_other_wrappers_that_route(self, data):
        X, y, task = data
        inner = TransformedTargetRegressor(MTRLRegressor(0.01, 0.01), transformer=StandardScaler())
        assert TaskColumn(inner).fit(with_column(X, task, 0), y).score(with_column(X, task, 0), y) > 0.9

    def test_routing_may_change_between_fit_and_predict(self, problem):
        model, X, y, task = problem
        table = with_column(X, task, 0)
        answers = []
        for at_fit, at_predict in ((False, True), (True, False), (False, False)):
            with sklearn.config_context(enable_metadata_routing=at_fit):
                wrapped = TaskColumn(make_pipeline(StandardScaler(), model)).fit(table, y)
            with sklearn.config_context(enable_metadata_routing=at_predict):
                answers.append(wrapped.predict(table))
        np.testing.assert_array_equal(answers[0], answers[1])
        np.testing.assert_array_equal(answers[0], answers[2])

    def test_a_step_that_declines_task_does_not_get_it(self, data):
        X, y, task = data
        with sklearn.config_context(enable_metadata_routing=True):
            centre = TaskCentre().set_fit_request(task=False).set_transform_request(task=False)
            with pytest.raises(TypeError, match="NoneType"):  # it can't work without
                TaskColumn(make_pipeline(centre, LabelEcho())).fit(with_column(X, task, 0), y)

    def test_users_estimator_keeps_its_requests(self, data):
        X, y, task = data
        with sklearn.config_context(enable_metadata_routing=True):
            model = MTRLRegressor()
            TaskColumn(model).fit(with_column(X, task, 0), y)
            assert model.get_metadata_routing().fit.requests == {"task": None, "sample_weight": None}

    def test_configuration_is_left_as_it_was(self, data, either_routing):
        X, y, task = data
        TaskColumn(MTRLRegressor()).fit(with_column(X, task, 0), y).predict(with_column(X, task, 0))
        assert sklearn.get_config()["enable_metadata_routing"] is either_routing


class TestConventions:
    def test_is_what_the_inner_estimator_is(self):
        assert is_regressor(TaskColumn(MTRLRegressor()))
        assert is_classifier(TaskColumn(MTRLClassifier()))
        pipe = Pipeline([("scale", StandardScaler()), ("model", MTRLClassifier())])
        assert is_classifier(make_pipeline("passthrough", TaskColumn(pipe)))
        tags = TaskColumn(MTRLClassifier()).__sklearn_tags__()
        assert tags.input_tags.string
        assert tags.target_tags.required
        assert not tags.classifier_tags.multi_class
        assert not MTRLClassifier().__sklearn_tags__().input_tags.string

    def test_parameters_are_nested_and_clones_are_unfitted(self, data):
        X, y, task = data
        wrapped = TaskColumn(MTRLRegressor(lambda_1=0.5), column=0).fit(with_column(X, task, 0), y)
        assert wrapped.get_params()["estimator__lambda_1"] == 0.5
        copy = clone(wrapped).set_params(estimator__lambda_1=0.25, column="user")
        assert (copy.estimator.lambda_1, copy.column, wrapped.estimator.lambda_1) == (0.25, "user", 0.5)
        assert not hasattr(copy, "estimator_")

    def test_classes_come_from_the_inner_classifier(self, data):
        X, y, task = data
        wrapped = TaskColumn(MTRLClassifier())
        assert not hasattr(wrapped, "classes_")
        assert wrapped.fit(with_column(X, task, 0), y > 0).classes_.tolist() == [False, True]
        assert not hasattr(TaskColumn(MTRLRegressor()).fit(with_column(X, task, 0), y), "classes_")

    def test_methods_are_there_when_the_inner_estimator_has_them(self):
        assert hasattr(TaskColumn(MTRLClassifier()), "decision_function")
        assert not hasattr(TaskColumn(MTRLRegressor()), "decision_function")
        assert not hasattr(TaskColumn(MTRLClassifier()), "predict_proba")

    def test_probabilities_pass_through(self, data):
        class Shares(LabelEcho):
            def predict_proba(self, _X, task=None):
                return np.column_stack([task, 1.0 - task])

        X, y, task = data
        table = with_column(X, task, 0)
        np.testing.assert_array_equal(TaskColumn(Shares()).fit(table, y).predict_proba(table)[:, 0], task)

    @pytest.mark.parametrize("method", ["predict", "decision_function", "score"])
    def test_before_fit(self, method):
        arguments = ([[0, 1.0]], [1]) if method == "score" else ([[0, 1.0]],)
        with pytest.raises(NotFittedError, match="TaskColumn"):
            getattr(TaskColumn(MTRLClassifier()), method)(*arguments)

    def test_refit_forgets_the_names(self, data):
        X, y, task = data
        wrapped = TaskColumn(MTRLRegressor()).fit(pd.DataFrame({"user": task, "age": X[:, 0]}), y)
        assert not hasattr(wrapped.fit(with_column(X, task, 0), y), "feature_names_in_")


class TestErrors:
    FRAME = pd.DataFrame({"user": ["a", "b"], "age": [1.0, 2.0], "usage": [3.0, 4.0]})
    ARRAY = np.array([[0.0, 1.0], [1.0, 2.0]])

    @pytest.mark.parametrize(
        ("X", "column", "error", "words"),
        [
            (ARRAY, 2, ValueError, ["column is 2", "X has 2 columns", "-2 to 1"]),
            (ARRAY, -3, ValueError, ["column is -3"]),
            (ARRAY, "user", ValueError, ["'user'", "array without names"]),
            (FRAME, "usr", ValueError, ["no column 'usr'", "user"]),
            (pl.DataFrame({"user": [1], "age": [2]}), "usr", ValueError, ["no column 'usr'", "user"]),
            (FRAME, 3, ValueError, ["column is 3", "X has 3 columns"]),
            (FRAME, 1.0, TypeError, ["column is 1.0", "position (int) or a name (str)"]),
            (FRAME, True, TypeError, ["column is True"]),
            (FRAME[["user"]], "user", ValueError, ["task column only"]),
            (ARRAY[:, :1], 0, ValueError, ["task column only"]),
            (ARRAY[:, 0], 0, ValueError, ["shape (2,)", "two dimensions"]),
            (FRAME["user"], 0, ValueError, ["shape (2,)", "two dimensions"]),
        ],
    )
    def test_bad_columns_are_refused(self, X, column, error, words):
        with pytest.raises(error, match="TaskColumn: .*" + ".*".join(map(re.escape, words))):
            TaskColumn(MTRLRegressor(), column=column).fit(X, np.zeros(len(X)))

    def test_sparse_input_is_refused(self):
        sparse = pytest.importorskip("scipy.sparse")
        with pytest.raises(TypeError, match="TaskColumn: X is a sparse matrix"):
            TaskColumn(MTRLRegressor()).fit(sparse.csr_array(self.ARRAY), [0.0, 1.0])

    @pytest.mark.parametrize("inner", [Ridge(), make_pipeline(StandardScaler(), Ridge())])
    @under_either_routing
    def test_estimator_that_takes_no_task_is_refused(self, inner):
        with pytest.raises(TypeError, match=f"no fit in {type(inner).__name__} takes task="):
            TaskColumn(inner).fit(self.ARRAY, [0.0, 1.0])

    @pytest.mark.parametrize("table", [ARRAY, FRAME])
    def test_other_columns_at_predict_are_refused(self, table):
        wrapped = TaskColumn(LabelEcho()).fit(table, [0.0, 1.0])
        fewer = table[:, :1] if isinstance(table, np.ndarray) else table[["user", "age"]]
        with pytest.raises(ValueError, match=r"expecting \d features|should match those"):
            wrapped.predict(fewer)

    def test_a_missing_label_is_refused(self):
        for missing in (None, float("nan")):
            frame = pd.DataFrame({"user": ["a", missing], "age": [1.0, 2.0]})
            with pytest.raises(ValueError, match="task holds a missing label in row 1"):
                TaskColumn(MTRLRegressor(), column="user").fit(frame, [0.0, 1.0])


class TestSearches:
    @pytest.mark.parametrize("scoring", [None, "r2"])
    @pytest.mark.parametrize("weights", [{}, {"sample_weight": 1.0}], ids=["no weights", "weights"])
    @pytest.mark.parametrize("last", [False, True], ids=["alone", "last step"])
    @under_either_routing
    def test_inside_they_are_refused_as_predict_gets_no_labels(self, scoring, weights, last, data):
        X, y, task = data
        search = GridSearchCV(MTRLRegressor(), {"lambda_1": [0.01, 1.0]}, scoring=scoring)
        model = TaskColumn(make_pipeline(StandardScaler(), search) if last else search)
        sentence = r"^TaskColumn: GridSearchCV cannot pass task= on to predict; put TaskColumn inside of it instead"
        with pytest.raises(TypeError, match=sentence):
            model.fit(with_column(X, task, 0), y, **weights)

    @pytest.mark.parametrize("scoring", [None, "r2"])
    def test_around_it_with_requests_as_documented(self, scoring, data):
        X, y, task = data
        table, weight = with_column(X, task, 0), np.arange(y.size) % 3 + 1.0
        grid = {"estimator__lambda_1": [0.1]}
        plain = GridSearchCV(TaskColumn(MTRLRegressor()), grid, scoring=scoring).fit(table, y, sample_weight=weight)
        with sklearn.config_context(enable_metadata_routing=True):
            model = TaskColumn(MTRLRegressor()).set_fit_request(sample_weight=True)
            model.set_score_request(sample_weight=False)
            scorer = None if scoring is None else get_scorer(scoring).set_score_request(sample_weight=False)
            routed = GridSearchCV(model, grid, scoring=scorer).fit(table, y, sample_weight=weight)
        direct = MTRLRegressor(0.1).fit(X, y, task=task, sample_weight=weight)
        for search in (plain, routed):
            np.testing.assert_array_equal(search.best_estimator_.estimator_.coef_, direct.coef_)

    @under_either_routing
    def test_a_step_that_scores_the_estimator_by_itself(self, data):
        X, y, task = data
        selector = SequentialFeatureSelector(MTRLRegressor(), n_features_to_select=1)
        model = TaskColumn(make_pipeline(selector, MTRLRegressor())).fit(with_column(X, task, 0), y)
        assert model.estimator_[0].get_support().sum() == 1
