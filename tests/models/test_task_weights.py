"""What a task's loss weighs: closed forms, a plain transcription of the objective, and settings that change nothing."""

from dataclasses import replace

import numpy as np
import pytest

from patom import Capped, LambdaSearch, MTRLClassifier, MTRLRegressor, independent_covariance
from patom.core import losses
from patom.core.data_term import RowTerm, moments
from patom.core.rows import BorrowedRows, group_rows
from patom.core.task_weights import ByRows, UpTo

COUNTS = np.array([3, 20, 7, 1])


def drawn(counts=COUNTS, d=3, seed=0, *, classes=False):
    rng = np.random.default_rng(seed)
    task = np.repeat(np.arange(len(counts)), counts)
    X = rng.standard_normal((task.size, d))
    y = X @ rng.standard_normal(d) + 0.5 * rng.standard_normal(len(counts))[task] + rng.standard_normal(task.size)
    return X, np.where(y > 0.0, 1, -1) if classes else y, task


def by_hand(setting, counts=COUNTS):
    if setting == "rows":
        return counts / (np.sum(counts**2.0) / np.sum(counts))
    if isinstance(setting, Capped):
        n_0 = (
            np.array([dict(setting.n_0).get(i, setting.others) for i in range(counts.size)])
            if isinstance(setting.n_0, tuple)
            else setting.n_0
        )
        return np.minimum(1.0, counts / n_0)
    return np.ones(counts.size)


SETTINGS = ["tasks", "rows", Capped(5), Capped(0.5), Capped({0: 30.0, 1: 2.0}, others=9.0)]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_each_task_alone_has_a_closed_form(setting):
    """With Omega = I/m given the tasks do not meet: w_i = (c_i X'X/n_i + (l_1 + m l_2)/2 I)^-1 c_i X'y/n_i."""
    X, y, task = drawn()
    model = MTRLRegressor(0.02, 0.01, task_covariance=independent_covariance(4), task_weights=setting, tol=1e-12)
    model.fit(X, y, task=task)
    for i, c in enumerate(by_hand(setting)):
        Z = np.column_stack([X[task == i], np.ones(COUNTS[i])])
        left = c * Z.T @ Z / COUNTS[i] + 0.5 * (0.02 + 4 * 0.01) * np.eye(4)
        w = np.linalg.solve(left, c * Z.T @ y[task == i] / COUNTS[i])
        np.testing.assert_allclose(np.append(model.coef_[i], model.intercept_[i]), w, rtol=1e-7, atol=1e-9)


def plain_objective(W, X, y, task, c, loss, l_1, l_2):
    z = np.einsum("nd,nd->n", X, W[task, :-1]) + W[task, -1]
    each = {
        "squared_error": (y - z) ** 2,
        "huber": np.where(abs(y - z) <= 1.0, (y - z) ** 2, 2.0 * abs(y - z) - 1.0),
        "squared_hinge": np.maximum(0.0, 1.0 - y * z) ** 2,
        "logistic": np.logaddexp(0.0, -y * z),
    }[loss]
    means = np.bincount(task, each) / np.bincount(task)
    nuclear = np.linalg.svd(W, compute_uv=False).sum()
    return c @ means + 0.5 * l_1 * np.sum(W**2) + 0.5 * l_2 * nuclear**2


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@pytest.mark.parametrize("loss", ["squared_error", "huber", "squared_hinge", "logistic"])
def test_the_optimum_is_that_of_the_objective_as_it_is_written(setting, loss):
    classes = loss in MTRLClassifier.LOSSES
    X, y, task = drawn(classes=classes)
    model = (MTRLClassifier if classes else MTRLRegressor)(0.02, 0.05, loss=loss, task_weights=setting, tol=1e-10)
    model.fit(X, y, task=task)
    W, c = np.column_stack([model.coef_, model.intercept_]), by_hand(setting)
    here = plain_objective(W, X, y, task, c, loss, 0.02, 0.05)
    assert here == pytest.approx(model.objective_, rel=1e-12)
    rng = np.random.default_rng(1)
    for size in (1e-4, 1e-2, 1.0):
        for _ in range(20):
            there = plain_objective(W + size * rng.standard_normal(W.shape), X, y, task, c, loss, 0.02, 0.05)
            assert there >= here - 1e-9


@pytest.mark.parametrize("setting", ["rows", Capped(8), Capped(2.5), Capped({0: 1, 1: 8}, others=8)], ids=str)
@pytest.mark.parametrize("classes", [False, True])
def test_nothing_changes_where_tasks_have_as_many_rows_or_enough(setting, classes):
    X, y, task = drawn(np.full(5, 8), classes=classes)
    kind = MTRLClassifier if classes else MTRLRegressor
    plain, weighed = (kind(task_weights=each).fit(X, y, task=task) for each in ("tasks", setting))
    assert plain.coef_.tobytes() == weighed.coef_.tobytes()
    assert plain.objective_ == weighed.objective_


@pytest.mark.parametrize(
    "weighing", [ByRows(), UpTo(5.0), UpTo(np.array([1.0, 40.0, 7.0, 3.0]))], ids=["rows", "cap", "caps"]
)
def test_rows_and_moments_are_the_same_function(weighing):
    X, y, task = drawn()
    rows = replace(group_rows(X, y, task, 4), weighing=weighing)
    borrowed = BorrowedRows(X, y, rows.offsets, None, weighing=weighing)
    W = np.random.default_rng(2).standard_normal((4, 4))
    loss = losses.squared_error
    value, gradient = moments(rows).weighted(weighing).value_and_gradient(W)
    for term in (RowTerm(rows, loss), RowTerm(borrowed, loss), moments(borrowed).weighted(weighing)):
        other, its = term.value_and_gradient(W)
        assert other == pytest.approx(value, rel=1e-13)
        np.testing.assert_allclose(its, gradient, rtol=1e-12, atol=1e-13)


def test_with_weights_of_rows_they_multiply():
    X, y, task = drawn()
    weight = np.random.default_rng(3).integers(1, 4, y.size)
    model = MTRLRegressor(0.02, 0.01, task_weights="rows", tol=1e-11).fit(X, y, task=task, sample_weight=weight)
    W = np.column_stack([model.coef_, model.intercept_])
    z = np.einsum("nd,nd->n", X, W[task, :-1]) + W[task, -1]
    means = np.bincount(task, weight * (y - z) ** 2) / np.bincount(task, weight)
    penalty = 0.01 * np.sum(W**2) + 0.005 * np.linalg.svd(W, compute_uv=False).sum() ** 2
    assert by_hand("rows") @ means + penalty == pytest.approx(model.objective_, rel=1e-11)


def test_a_search_weighs_tasks_by_the_rows_that_it_fits_on():
    X, y, task = drawn(np.array([5, 40, 12, 8]))
    search = LambdaSearch(MTRLRegressor(task_weights="rows"), n_folds=3).fit(X, y, task=task)
    assert search.estimator_.task_weights == "rows"
    plain = LambdaSearch(MTRLRegressor(), n_folds=3).fit(X, y, task=task)
    assert not np.allclose(search.estimator_.coef_, plain.estimator_.coef_)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("row", "task_weights of MTRLRegressor must be one of 'tasks', 'rows'; got 'row'."),
        (3.0, r"task_weights of MTRLRegressor must be 'tasks', 'rows' or patom.Capped\(n_0\); got 3.0."),
        (Capped({0: 3.0, 1: 2.0}), "n_0 of Capped names no number for task 2, and others is None; give one of them."),
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_cannot_be_used_are_refused(setting, sentence):
    X, y, task = drawn()
    with pytest.raises(ValueError, match=sentence):
        MTRLRegressor(task_weights=setting).fit(X, y, task=task)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"n_0": 0}, "n_0 of Capped must be a finite number above 0.0; got 0."),
        ({"n_0": float("nan")}, "n_0 of Capped must be a finite number above 0.0; got nan."),
        ({"n_0": {}}, "n_0 of Capped must name one task at least; got an empty mapping."),
        ({"n_0": {"a": -1}}, r"n_0\['a'\] of Capped must be a finite number above 0.0; got -1."),
        ({"n_0": 3, "others": 2}, "others of Capped is for a mapping n_0; here n_0 is 3 for all tasks."),
        ({"n_0": {"a": 1}, "others": 0}, "others of Capped must be a finite number above 0.0; got 0."),
    ],
    ids=str,
)  # fmt: skip
def test_caps_that_cannot_be_are_refused(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        Capped(**given)


def test_a_name_that_is_no_task_is_warned_of():
    X, y, task = np.arange(12.0).reshape(-1, 1), np.arange(12.0), np.repeat(["a", "b", "c"], 4)
    with pytest.warns(UserWarning, match="n_0 of Capped names A, which is no task of the training rows"):
        MTRLRegressor(task_weights=Capped({"A": 3.0}, others=9.0)).fit(X, y, task=task)
