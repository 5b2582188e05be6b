"""What must not matter: the order and names of tasks and rows, the features' axes, the container, doubled data."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import ortho_group

from patom import MTRLClassifier, MTRLRegressor

TIGHT = {"lambda_1": 0.05, "lambda_2": 0.1, "tol": 1e-12}
MODELS = {
    "squared error": MTRLRegressor(**TIGHT),
    "huber": MTRLRegressor(loss="huber", **TIGHT),
    "squared hinge": MTRLClassifier(**TIGHT),
    "logistic": MTRLClassifier(loss="logistic", **TIGHT),
    "given omega": MTRLRegressor(task_covariance=np.diag([0.4, 0.3, 0.2, 0.1]) + 0.05, **TIGHT),
}
M, D = 4, 3
# A certified gap g bounds the weights' distance from the optimum by sqrt(2 g / lambda_1): two fits differ by 1e-5.
CLOSE = {"atol": 2e-5}


@pytest.fixture(params=MODELS)
def case(request):
    """A model and data of four tasks with interleaved rows, labels 0 to 3."""
    rng = np.random.default_rng(0)
    task = rng.permutation(np.repeat(np.arange(M), [5, 9, 14, 22]))
    X, B = rng.standard_normal((task.size, D)), rng.standard_normal((M, 2)) @ rng.standard_normal((2, D))
    y = (X * B[task]).sum(axis=1) + 0.3 * rng.standard_normal(task.size) + 0.2
    model = MODELS[request.param]
    return model, X, y if isinstance(model, MTRLRegressor) else np.where(y > 0, "up", "down"), task


def fit(model, X, y, task):
    return type(model)(**model.get_params()).fit(X, y, task=task)


def require_equal(one, other, *, order=None):
    """The same optimum, with the tasks of ``other`` in ``order``."""
    order = np.arange(M) if order is None else order
    assert other.objective_ == pytest.approx(one.objective_, rel=1e-10)
    np.testing.assert_allclose(other.coef_[order], one.coef_, **CLOSE)
    np.testing.assert_allclose(other.intercept_[order], one.intercept_, **CLOSE)
    np.testing.assert_allclose(other.task_covariance_[np.ix_(order, order)], one.task_covariance_, **CLOSE)
    np.testing.assert_allclose(other.task_correlation_[np.ix_(order, order)], one.task_correlation_, atol=2e-3)


def test_rows_in_any_order(case):
    model, X, y, task = case
    order = np.random.default_rng(1).permutation(task.size)
    require_equal(fit(model, X, y, task), fit(model, X[order], y[order], task[order]))


def test_rows_grouped_by_task_give_the_same_bytes(case):
    model, X, y, task = case
    order = np.argsort(task, kind="stable")
    one, other = fit(model, X, y, task), fit(model, X[order], y[order], task[order])
    assert one.coef_.tobytes() == other.coef_.tobytes()
    assert one.objective_ == other.objective_


@pytest.mark.parametrize("case", [name for name in MODELS if name != "given omega"], indirect=True)
def test_tasks_in_any_order(case):
    model, X, y, task = case
    renamed = np.array([2, 0, 3, 1])
    require_equal(fit(model, X, y, task), fit(model, X, y, renamed[task]), order=renamed)


@pytest.mark.parametrize("case", ["given omega"], indirect=True)
def test_a_given_omega_follows_the_sorted_labels(case):
    model, X, y, task = case
    renamed = np.array([2, 0, 3, 1])
    moved = np.empty((M, M))
    moved[np.ix_(renamed, renamed)] = model.task_covariance
    other = MTRLRegressor(task_covariance=moved, **TIGHT).fit(X, y, task=renamed[task])
    require_equal(fit(model, X, y, task), other, order=renamed)


@pytest.mark.parametrize(
    "names",
    [
        ["a", "b", "c", "d"],
        [10, 20, 30, 40],
        [-1.5, 0.0, 0.25, 7.0],
        [("a", 1), ("a", 2), ("b",), ("b", "c")],
        ["x", 1, ("x", 1), 2.5],
        [b"a", b"b", b"c", b"d"],
    ],
    ids=["strings", "ints", "floats", "tuples", "mixed", "bytes"],
)
def test_names_of_any_kind(case, names):
    model, X, y, task = case
    labels = [names[i] for i in task]
    one, other = fit(model, X, y, task), fit(model, X, y, labels)
    order = [other.tasks_.tolist().index(name) for name in names]
    if model.task_covariance is None or order == [0, 1, 2, 3]:
        require_equal(one, other, order=np.array(order))
    few = [other.predict(X[j : j + 1], task=[labels[j]])[0] for j in range(8)]
    np.testing.assert_array_equal(other.predict(X, task=labels)[:8], few)


@pytest.mark.parametrize("column", [list, tuple, pd.Series, pd.Categorical, pl.Series])
def test_labels_in_any_container(case, column):
    model, X, y, task = case
    named = np.array(["a", "b", "c", "d"])[task]
    one, other = fit(model, X, y, named), fit(model, X, y, column(named.tolist()))
    assert one.coef_.tobytes() == other.coef_.tobytes()
    assert other.tasks_.tolist() == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(other.predict(X, task=column(named.tolist())), one.predict(X, task=named))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_data_frames(case, frame):
    model, X, y, task = case
    table = frame({"first": X[:, 0], "second": X[:, 1], "third": X[:, 2]})
    series = pd.Series if frame is pd.DataFrame else pl.Series
    one, other = fit(model, X, y, task), fit(model, table, series(y), series(task))
    assert one.coef_.tobytes() == other.coef_.tobytes()
    assert other.feature_names_in_.tolist() == ["first", "second", "third"]
    np.testing.assert_array_equal(other.predict(table, task=series(task)), one.predict(X, task=task))


def test_a_pandas_index_does_not_matter(case):
    model, X, y, task = case
    shuffled = np.random.default_rng(2).permutation(task.size)
    table = pd.DataFrame(X, columns=["a", "b", "c"], index=shuffled)
    other = fit(model, table, pd.Series(y, index=shuffled[::-1]), pd.Series(task))  # read by position
    assert fit(model, X, y, task).coef_.tobytes() == other.coef_.tobytes()


@pytest.mark.parametrize("read", [np.asfortranarray, lambda X: X.tolist(), lambda X: np.repeat(X, 2, axis=0)[::2]])
def test_memory_layout(case, read):
    model, X, y, task = case
    assert fit(model, read(X), y, task).coef_.tobytes() == fit(model, X, y, task).coef_.tobytes()


def test_rotated_features(case):
    model, X, y, task = case
    Q = ortho_group.rvs(D, random_state=np.random.default_rng(3))
    one, other = fit(model, X, y, task), fit(model, X @ Q, y, task)
    other.coef_ = other.coef_ @ Q.T
    require_equal(one, other)


def test_all_data_twice(case):
    model, X, y, task = case
    twice = fit(model, np.tile(X, (2, 1)), np.tile(y, 2), np.tile(task, 2))
    require_equal(fit(model, X, y, task), twice)


def test_one_task_twice_over(case):
    model, X, y, task = case
    rows = np.concatenate([np.arange(task.size), np.flatnonzero(task == 1)])
    require_equal(fit(model, X, y, task), fit(model, X[rows], y[rows], task[rows]))


def test_a_column_of_zeros_gets_no_weight(case):
    model, X, y, task = case
    one, other = fit(model, X, y, task), fit(model, np.insert(X, 1, 0.0, axis=1), y, task)
    np.testing.assert_allclose(other.coef_[:, 1], 0.0, atol=1e-12)
    other.coef_ = np.delete(other.coef_, 1, axis=1)
    require_equal(one, other)


def test_classes_swapped():
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((60, D)), rng.integers(0, M, 60)
    y = np.sign(X[:, 0] + task - 1.5 + 0.1 * rng.standard_normal(60))
    one, other = MTRLClassifier(**TIGHT).fit(X, y, task=task), MTRLClassifier(**TIGHT).fit(X, -y, task=task)
    np.testing.assert_allclose(other.coef_, -one.coef_, **CLOSE)
    np.testing.assert_array_equal(other.predict(X, task=task), -one.predict(X, task=task))
    np.testing.assert_allclose(other.task_covariance_, one.task_covariance_, **CLOSE)


def test_targets_scaled_scale_the_weights():
    # The objective is homogeneous of degree two in (W, y) for squared error, so Omega does not change.
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((60, D)), rng.integers(0, M, 60)
    y = X[:, 0] * task + 0.1 * rng.standard_normal(60)
    one, other = MTRLRegressor(**TIGHT).fit(X, y, task=task), MTRLRegressor(**TIGHT).fit(X, 100 * y, task=task)
    np.testing.assert_allclose(other.coef_ / 100, one.coef_, **CLOSE)
    assert other.objective_ == pytest.approx(1e4 * one.objective_, rel=1e-8)
    np.testing.assert_allclose(other.task_covariance_, one.task_covariance_, atol=1e-4)
