"""Bad input gets one clear sentence that names the argument; odd but valid input works."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array

from patom import MTRLClassifier, MTRLRegressor

BOTH = pytest.mark.parametrize("estimator", [MTRLRegressor, MTRLClassifier])


@pytest.fixture
def data():
    """Twelve rows of two tasks; y suits either estimator."""
    X = np.random.default_rng(0).standard_normal((12, 3))
    return X, np.where(X[:, 0] > 0, 1.0, -1.0), np.repeat(["day", "night"], 6)


def refuses(sentence, error=ValueError):
    return pytest.raises(error, match=re.escape(sentence))


@BOTH
@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")])
class TestNotFinite:
    def test_in_features(self, estimator, data, value, word):
        X, y, task = data
        X[7, 2] = value
        with refuses(f"X holds {word} in row 7, column 2; drop or impute such values first."):
            estimator().fit(X, y, task=task)

    def test_in_features_with_names(self, estimator, data, value, word):
        X, y, task = data
        X[7, 2] = X[9, 0] = value
        for frame in (pd.DataFrame, pl.DataFrame):
            table = frame({"age": X[:, 0], "height": X[:, 1], "weight": X[:, 2]})
            with refuses(f"X holds {word} in row 7, column 'weight' (2 NaN or infinite values in all)"):
                estimator().fit(table, y, task=task)

    def test_in_features_at_predict(self, estimator, data, value, word):
        X, y, task = data
        model = estimator().fit(X, y, task=task)
        X[0, 1] = value
        with refuses(f"X holds {word} in row 0, column 1"):
            model.predict(X, task=task)

    def test_in_targets(self, estimator, data, value, word):
        X, y, task = data
        y[3] = value
        with refuses(f"y holds {word} in row 3"):
            estimator().fit(X, y, task=task)

    def test_infinities_that_cancel_are_found(self, estimator, data, value, word):
        X, y, task = data
        X[4, 0], X[5, 0] = value, -value
        with refuses(f"X holds {word} in row 4, column 0 (2 NaN or infinite values in all)"):
            estimator().fit(X, y, task=task)


@BOTH
def test_large_values_whose_sum_overflows_are_no_infinity(estimator, data):
    X, y, task = data
    X[:, 0] = 1e308
    expected = "X holds 1e+308 in row 0, column 0, and fits take features up to 1e+40; scale the column first."
    with refuses(expected):
        estimator().problem(X, y, task=task)
    X[:, 0] = 1e40
    np.testing.assert_array_equal(estimator().problem(X, y, task=task).rows.X[:, 0], 1e40)


@BOTH
class TestTasks:
    @pytest.mark.parametrize("n", [0, 1, 11, 13])
    def test_length(self, estimator, data, n):
        X, y, _ = data
        with refuses(f"task must hold one label for each of the 12 rows of X; got {n}."):
            estimator().fit(X, y, task=np.arange(n))
        with refuses(f"task must hold one label for each of the 12 rows of X; got {n}."):
            estimator().fit(X, y, task=np.arange(12) % 2).predict(X, task=["0"] * n)

    @pytest.mark.parametrize("gap", [None, np.nan, pd.NA])
    def test_a_missing_label(self, estimator, data, gap):
        X, y, _ = data
        with refuses("task holds a missing label in row 2; name a task for every row."):
            estimator().fit(X, y, task=["a", "b", gap, *("a" * 9)])

    @pytest.mark.parametrize(("given", "kind"), [("day", "str"), (7, "int"), ({"day", "night"}, "set")])
    def test_one_value_for_all(self, estimator, data, given, kind):
        with refuses(f"task must hold one label for each of the 12 rows of X; got a {kind}."):
            estimator().fit(*data[:2], task=given)

    def test_an_unknown_task_at_predict(self, estimator, data):
        X, y, task = data
        model = estimator().fit(X, y, task=task)
        with refuses("task names the task 'nigth', which the training data do not hold; the nearest names are night."):
            model.predict(X[:1], task=["nigth"])
        with refuses("task names the task 7, which the training data do not hold; tasks are 'day', 'night'."):
            model.predict(X[:1], task=[7])

    def test_no_task_at_predict(self, estimator, data):
        X, y, task = data
        with refuses("task must name each row's task: the model was fitted on 2 tasks."):
            estimator().fit(X, y, task=task).predict(X)

    def test_a_single_named_task_may_be_left_out(self, estimator, data):
        X, y, _ = data
        model = estimator().fit(X, y, task=["only"] * 12)
        np.testing.assert_array_equal(model.predict(X), model.predict(X, task=["only"] * 12))
        np.testing.assert_array_equal(model.predict(X), estimator().fit(X, y).predict(X))


@BOTH
class TestSettings:
    @pytest.mark.parametrize("name", ["lambda_1", "lambda_2"])
    @pytest.mark.parametrize("value", [-0.1, np.nan, np.inf, "0.1", None, True, [0.1]])
    def test_lambdas(self, estimator, data, name, value):
        owner = estimator.__name__
        with refuses(f"{name} of {owner} must be a finite number at least 0.0; got {value!r}."):
            estimator(**{name: value}).fit(*data)

    def test_lambdas_both_zero(self, estimator, data):
        with refuses(f"lambda_1 and lambda_2 of {estimator.__name__} must not both be 0"):
            estimator(lambda_1=0, lambda_2=0).fit(*data)

    @pytest.mark.parametrize("value", [0, -1e-8, np.nan, "tight"])
    def test_tol(self, estimator, data, value):
        with refuses(f"tol of {estimator.__name__} must be a finite number above 0.0; got {value!r}."):
            estimator(tol=value).fit(*data)

    @pytest.mark.parametrize("value", [0, -5, np.nan, "many"])
    def test_max_iter(self, estimator, data, value):
        with refuses(f"max_iter of {estimator.__name__} must be"):
            estimator(max_iter=value).fit(*data)

    @pytest.mark.parametrize("value", ["squared", None, 3, ["squared_error"]])
    def test_loss(self, estimator, data, value):
        with refuses(f"loss of {estimator.__name__} must be one of 'squared_"):
            estimator(loss=value).fit(*data)

    def test_solver(self, estimator, data):
        with refuses(f"solver of {estimator.__name__} must be one of 'accelerated', 'alternating'; got 'newton'."):
            estimator(solver="newton").fit(*data)

    def test_the_alternation_learns_omega(self, estimator, data):
        with refuses("solver='alternating'"):
            estimator(solver="alternating", task_covariance=np.eye(2) / 2).fit(*data)

    def test_numpy_numbers_are_numbers(self, estimator, data):
        model = estimator(lambda_1=np.float32(0.5), lambda_2=np.int64(1), max_iter=np.int64(500)).fit(*data)
        np.testing.assert_allclose(model.coef_, estimator(lambda_1=0.5, lambda_2=1.0).fit(*data).coef_)


@BOTH
class TestCovariance:
    @pytest.mark.parametrize("omega", [np.eye(3), np.ones(2), 1.0, np.ones((2, 3))], ids=np.shape)
    def test_shape(self, estimator, data, omega):
        expected = f"task_covariance must have shape (2, 2), one row a task of the data; got {np.shape(omega)}."
        with refuses(expected):
            estimator(task_covariance=omega).fit(*data)

    @pytest.mark.parametrize(
        "omega", [[[1.0, 0.5], [0.4, 1.0]], [[1.0, np.nan], [np.nan, 1.0]], [[np.inf, 0.0], [0.0, 1.0]]]
    )
    def test_symmetric_and_finite(self, estimator, data, omega):
        with refuses("task_covariance must be finite and symmetric."):
            estimator(task_covariance=omega).fit(*data)

    @pytest.mark.parametrize("omega", [[[1.0, 2.0], [2.0, 1.0]], -np.eye(2), np.zeros((2, 2))])
    def test_positive(self, estimator, data, omega):
        with refuses("task_covariance must be positive semi-definite and not 0; its eigenvalues run from"):
            estimator(task_covariance=omega).fit(*data)

    def test_sparse(self, estimator, data):
        with refuses("task_covariance must be a dense array; convert it with toarray()."):
            estimator(task_covariance=csr_array(np.eye(2))).fit(*data)

    @pytest.mark.parametrize("omega", ["identity", [["a", "b"], ["b", "a"]], [[1.0, 2.0], [2.0]]])
    def test_numbers(self, estimator, data, omega):
        with refuses("task_covariance must be an (m, m) array of numbers."):
            estimator(task_covariance=omega).fit(*data)


class TestTargets:
    def test_text_for_a_regressor(self, data):
        with refuses("y must hold numbers for MTRLRegressor"):
            MTRLRegressor().fit(data[0], np.where(data[1] > 0, "yes", "no"))

    def test_numbers_as_text_are_numbers(self, data):
        X, y, _ = data
        np.testing.assert_array_equal(MTRLRegressor().fit(X, y.astype(str)).coef_, MTRLRegressor().fit(X, y).coef_)

    def test_a_constant_target_is_fine_for_a_regressor(self, data):
        X, _, task = data
        model = MTRLRegressor(lambda_1=1e-6, lambda_2=1e-6).fit(X, np.full(12, 5.0), task=task)
        np.testing.assert_allclose(model.predict(X, task=task), 5.0, atol=1e-3)

    def test_one_class(self, data):
        with refuses("y holds one class only, 1.0; a classifier needs two classes over all tasks."):
            MTRLClassifier().fit(data[0], np.ones(12))

    @pytest.mark.parametrize("gap", [None, np.nan, pd.NA])
    def test_a_missing_class(self, data, gap):
        y = np.where(data[1] > 0, "yes", "no").astype(object)
        y[5] = gap
        for column in (y, pd.Series(y), pd.Series(y, dtype="category")):
            with refuses("y holds a missing label in row 5; drop such rows first."):
                MTRLClassifier().fit(data[0], column)

    def test_three_classes(self, data):
        with refuses("make one-vs-rest tasks with patom.datasets.one_vs_rest_tasks."):
            MTRLClassifier().fit(data[0], np.arange(12) % 3)

    def test_a_continuous_target_for_a_classifier(self, data):
        with pytest.raises(ValueError, match="continuous"):
            MTRLClassifier().fit(data[0], data[0][:, 0])

    def test_a_huber_delta_of_zero(self, data):
        with refuses("huber_delta of MTRLRegressor must be a finite number above 0.0; got 0."):
            MTRLRegressor(loss="huber", huber_delta=0).fit(*data)

    def test_a_task_with_one_class_only(self, data):
        X, y, task = data
        y[task == "day"] = 1.0
        model = MTRLClassifier().fit(X, y, task=task)
        assert (model.predict(X[task == "day"], task=["day"] * 6) == 1.0).mean() > 0.5

    def test_every_task_with_one_class(self, data):
        X, _, task = data
        model = MTRLClassifier().fit(X, task, task=task)
        assert (model.predict(X, task=task) == task).all()


@BOTH
class TestShapes:
    def test_text_in_features(self, estimator, data):
        with pytest.raises(ValueError, match=r"X holds .a. in row 0, column 0, which is not"):
            estimator().fit(np.full((12, 2), "a"), data[1])

    def test_numbers_of_rows(self, estimator, data):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            estimator().fit(data[0], data[1][:-1])

    def test_columns_at_predict(self, estimator, data):
        model = estimator().fit(*data[:2])
        with refuses(f"X has 2 features, but {estimator.__name__} is expecting 3 features"):
            model.predict(data[0][:, :2])

    def test_no_rows(self, estimator):
        with pytest.raises(ValueError, match="Found array with 0 sample"):
            estimator().fit(np.empty((0, 3)), np.empty(0))

    def test_one_row_a_task(self, estimator, data):
        X, y, _ = data
        model = estimator().fit(X, y, task=np.arange(12))
        assert model.coef_.shape == (12, 3)
        assert np.isfinite(model.coef_).all()

    def test_two_rows_in_all(self, estimator, data):
        X, _, _ = data
        assert estimator().fit(X[:2], [0, 1], task=["a", "b"]).coef_.shape == (2, 3)
