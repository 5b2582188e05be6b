"""Fits on rows that stay where they are: the same model as on copies, in little memory, whatever the labels."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from loss_models import LOSSES
from sharded_problems import draw
from sklearn.exceptions import ConvergenceWarning

from patom import MTRLClassifier, MTRLRegressor
from patom.core.relationship import TooManyTasksError
from patom.core.solvers import choose
from patom.core.solvers.solution import Status
from patom.models import problem


def every_fit_is_sharded(monkeypatch):
    for limit in ("COMPILED_MOMENTS", "SHARDED_MOMENTS", "TASKS_A_COLUMN"):
        monkeypatch.setattr(choose, limit, 0)


@pytest.fixture
def solved(monkeypatch):
    """Every fit goes where large ones go; the list says how often one did."""
    calls = []
    every_fit_is_sharded(monkeypatch)
    real = problem.solve_sharded
    monkeypatch.setattr(problem, "solve_sharded", lambda *args, **settings: calls.append(1) or real(*args, **settings))
    return calls


def table(loss, labels=lambda index: index, seed=0):
    X, y, offsets = draw(LOSSES[loss][1], seed=seed)
    return X, y, labels(np.repeat(np.arange(offsets.size - 1), np.diff(offsets)))


def both(estimator, X, y, task, monkeypatch):
    """The model by copies and the one by rows in place."""
    one = estimator().fit(X, y, task=task)
    every_fit_is_sharded(monkeypatch)
    return one, estimator().fit(X, y, task=task)


@pytest.mark.in_turn
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("lambdas", [(0.1, 0.1), (1e-3, 1e-3), (0.0, 0.1), (0.1, 0.0)])
def test_the_same_model(loss, lambdas, monkeypatch):
    X, y, task = table(loss)
    one, other = both(lambda: LOSSES[loss][0](*lambdas, loss=loss), X, y, task, monkeypatch)
    assert other.status_ is one.status_ is Status.CONVERGED
    np.testing.assert_allclose(other.coef_, one.coef_, atol=1e-8 * np.abs(one.coef_).max())
    np.testing.assert_allclose(other.task_covariance_, one.task_covariance_, atol=1e-7)
    np.testing.assert_allclose(other.task_spectrum_, one.task_spectrum_, atol=1e-7)
    assert other.objective_ == pytest.approx(one.objective_, rel=1e-11)


LABELS = {
    "text": lambda index: np.array([f"user {i * 7 % 60}" for i in index]),
    "objects": lambda index: np.array([f"user {i}" for i in index], dtype=object),
    "tuples": lambda index: [(int(i) % 3, str(i)) for i in index],
    "falling numbers": lambda index: -index,
    "numbers far apart": lambda index: index.astype(np.int64) * 10**15 - 5,
    "small integers": lambda index: (index - 60).astype(np.int8),
    "floats": np.sin,
}


@pytest.mark.in_turn
@pytest.mark.usefixtures("solved")
@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("mixed", [False, True], ids=["sorted", "mixed"])
def test_any_labels_in_any_order(kind, mixed):
    X, y, index = table("squared_error")
    plain = MTRLRegressor().fit(X, y, task=index)
    order = np.random.default_rng(0).permutation(len(X)) if mixed else np.arange(len(X))
    labels = LABELS[kind](index[order])
    model = MTRLRegressor().fit(X[order], y[order], task=labels)
    for row in range(0, len(X), 17):
        found = model.predict(X[order][[row]], task=[labels[row]])
        np.testing.assert_allclose(found, plain.predict(X[order][[row]], task=[index[order][row]]), atol=1e-9)
    np.testing.assert_allclose(model.predict(X[order], task=labels), plain.predict(X, task=index)[order], atol=1e-9)
    assert sorted(map(str, model.tasks_.tolist())) == sorted(
        {str(label) for label in labels.tolist()}
        if isinstance(labels, np.ndarray)
        else {str(label) for label in labels}
    )


def test_text_classes(solved):
    X, y, task = table("squared_hinge")
    one = MTRLClassifier().fit(X, y, task=task)
    other = MTRLClassifier().fit(X, np.where(y > 0.0, "yes", "no"), task=task)
    assert len(solved) == 2
    np.testing.assert_array_equal(other.predict(X, task=task) == "yes", one.predict(X, task=task) == 1.0)
    np.testing.assert_array_equal(other.coef_, one.coef_)


@pytest.mark.usefixtures("solved")
@pytest.mark.parametrize("task", [None, "rows"])
def test_one_task_and_a_row_a_task(task):
    X, y, _ = table("squared_error")
    model = MTRLRegressor(1e-2, 1e-2).fit(X, y, task=None if task is None else np.arange(len(X)))
    assert model.status_ is Status.CONVERGED
    assert model.coef_.shape == (1 if task is None else len(X), 5)


def test_targets_of_zero(solved):
    X, y, task = table("squared_error")
    model = MTRLRegressor().fit(X, np.zeros_like(y), task=task)
    assert len(solved) == 1
    assert (model.objective_, model.n_iter_) == (0.0, 0)
    np.testing.assert_array_equal(model.task_covariance_, np.eye(60) / 60)
    np.testing.assert_array_equal(model.task_covariance_of([3, 50]), np.eye(2) / 60)


def test_who_goes_there(solved, monkeypatch):
    X, y, task = table("squared_error")
    with pytest.warns(ConvergenceWarning):
        MTRLRegressor(solver="alternating", max_iter=1).fit(X, y, task=task)
    MTRLRegressor(task_covariance=np.eye(60) / 60).fit(X, y, task=task)
    assert solved == []
    monkeypatch.setattr(choose, "TASKS_A_COLUMN", 10)
    MTRLRegressor().fit(X, y, task=task)
    assert len(solved) == 1
    monkeypatch.setattr(choose, "TASKS_A_COLUMN", 11)
    MTRLRegressor().fit(X, y, task=task)
    monkeypatch.undo()
    MTRLRegressor().fit(X, y, task=task)
    assert len(solved) == 1


@pytest.mark.usefixtures("solved")
def test_nothing_of_the_callers_is_changed_or_kept_from_being_changed():
    X, y, task = table("squared_error")
    kept = X.copy(), y.copy(), task.copy()
    model = MTRLRegressor().fit(X, y, task=task)
    model.predict(X, task=task)
    for now, before in zip((X, y, task), kept, strict=True):
        np.testing.assert_array_equal(now, before)
    coef = model.coef_.copy()
    X[:], y[:] = 0.0, 0.0
    np.testing.assert_array_equal(model.coef_, coef)


@pytest.mark.usefixtures("solved")
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_finite(value):
    X, y, task = table("squared_error")
    X[7, 2] = X[9, 0] = value
    with pytest.raises(ValueError, match=r"in row 7, column 2 \(2 NaN or infinite values in all\)"):
        MTRLRegressor().fit(X, y, task=task)


@pytest.mark.in_turn
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("large", [False, True])
def test_float32_rows(loss, large, monkeypatch):
    X, y, task = table(loss)
    rounded = X.astype(np.float32)
    estimator = LOSSES[loss][0]
    plain = estimator(loss=loss).fit(rounded.astype(np.float64), y, task=task)
    if large:
        every_fit_is_sharded(monkeypatch)
    for rows in (X, rounded):
        model = estimator(loss=loss, row_dtype="float32").fit(rows, y, task=task)
        np.testing.assert_allclose(model.coef_, plain.coef_, atol=1e-8)
        assert model.coef_.dtype == np.float64
    np.testing.assert_array_equal(model._decide(rounded, task), model._decide(rounded.astype(np.float64), task))


def test_a_row_dtype_that_is_none():
    for estimator in (MTRLRegressor, MTRLClassifier):
        with pytest.raises(ValueError, match=r"row_dtype of .* must be one of 'float64', 'float32'; got 'float16'"):
            estimator(row_dtype="float16").fit(*table("squared_hinge"))


def test_blocks_of_omega():
    X, y, task = table("squared_error", LABELS["text"])
    model = MTRLRegressor().fit(X, y, task=task)
    chosen = ["user 7", "user 3", "user 59"]
    places = [model.tasks_.tolist().index(label) for label in chosen]
    np.testing.assert_allclose(model.task_covariance_of(chosen), model.task_covariance_[np.ix_(places, places)])
    np.testing.assert_allclose(model.task_correlation_of(chosen), model.task_correlation_[np.ix_(places, places)])
    with pytest.raises(ValueError, match="tasks names the task 'user 99', which the training data do not hold"):
        model.task_covariance_of(["user 1", "user 99"])


def test_too_many_tasks_for_a_matrix(monkeypatch):
    model = MTRLRegressor().fit(*table("squared_error"))
    monkeypatch.setattr("patom.core.relationship.free_memory", lambda: 8.0 * 60**2 - 1.0)
    for name in ("task_covariance_", "task_correlation_"):
        with pytest.raises(TooManyTasksError, match=r"all pairs of 60 tasks takes 0\.0 GiB.*use task_spectrum_, and"):
            getattr(model, name)
    assert issubclass(TooManyTasksError, MemoryError)
    assert model.task_spectrum_.size > 0
    assert model.task_correlation_of([0, 1]).shape == (2, 2)


@pytest.mark.slow
def test_memory_beyond_the_data_is_a_few_arrays_of_weights():
    child = Path(__file__).with_name("sharded_memory.py")
    told = subprocess.run([sys.executable, str(child)], capture_output=True, text=True, check=True).stdout.split()
    fit, predict = map(float, told)
    assert fit <= 6.0  # in arrays of shape (m, d); the rows themselves are 20
    assert predict <= 6.0


@pytest.mark.parametrize(("rows", "borrowed"), [(20, True), (60, False)])
def test_rows_fewer_than_columns_are_borrowed_sooner(rows, borrowed, monkeypatch):
    """A thousand tasks of 50 features: their second moments are 21 MB, which 20 rows a task are not."""
    calls, real = [], problem.solve_sharded
    monkeypatch.setattr(problem, "solve_sharded", lambda *args, **settings: calls.append(1) or real(*args, **settings))
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1_000 * rows, 50))
    y = X[:, 0] + 0.1 * rng.standard_normal(X.shape[0])
    fitted = MTRLRegressor(10.0, 10.0).fit(X, y, task=np.repeat(np.arange(1_000), rows))
    assert bool(calls) == borrowed
    assert fitted.status_ is Status.CONVERGED
