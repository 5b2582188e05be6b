"""Fits on many rows of few tasks, which stay where they are: the same model as on copies, in little memory."""

import sys

import numpy as np
import pytest
from loss_models import LOSSES
from peak_memory import peak_of

from patom import MTRLClassifier, MTRLRegressor
from patom.core import data_term as terms_of
from patom.core import losses
from patom.core.data_term import RowTerm, data_term, moments
from patom.core.rows import BorrowedRows, group_rows, grouping
from patom.core.solvers import choose
from patom.core.solvers.compiled import data as compiled_data
from patom.core.solvers.compiled import oracle
from patom.core.solvers.solution import Status
from patom.models import linear


def draw(m=4, d=6, sizes=(30, 1, 50, 12), *, shuffled=True):
    rng = np.random.default_rng(0)
    task = np.repeat(np.arange(m), np.resize(sizes, m))
    if shuffled:
        task = rng.permutation(task)
    X = rng.standard_normal((task.size, d))
    return X, X @ rng.standard_normal(d) + 0.1 * task + 0.5 * rng.standard_normal(task.size), task


def both(monkeypatch, loss, table, **settings):
    """The model by copies, and the one by rows in place; nothing is copied to make it."""
    estimator, (X, y, task) = LOSSES[loss][0], table
    targets = y if estimator is MTRLRegressor else np.sign(y)
    one = estimator(loss=loss, **settings).fit(X, targets, task=task)
    monkeypatch.setattr(choose, "COPIED_NUMBERS", 0)
    monkeypatch.setattr(linear.Table, "grouped", None)
    return one, estimator(loss=loss, **settings).fit(X, targets, task=task)


def same(one, other, precision=1e-9):
    assert other.status_ is one.status_ is Status.CONVERGED
    assert other.tasks_.tolist() == one.tasks_.tolist()
    np.testing.assert_allclose(other.coef_, one.coef_, atol=precision * np.abs(one.coef_).max())
    np.testing.assert_allclose(other.intercept_, one.intercept_, atol=precision * np.abs(one.coef_).max())
    assert other.objective_ == pytest.approx(one.objective_, rel=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("lambdas", [(0.1, 0.1), (1e-4, 1e-4), (0.0, 0.1), (0.1, 0.0)])
@pytest.mark.parametrize("shuffled", [False, True])
def test_the_same_model(loss, lambdas, shuffled, monkeypatch):
    settings = {"lambda_1": lambdas[0], "lambda_2": lambdas[1]}
    same(*both(monkeypatch, loss, draw(shuffled=shuffled), **settings))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("largest", [0, 10**6])
@pytest.mark.parametrize("shape", [(9, 3), (2, 20), (1, 4)])
def test_compiled_or_not_and_whatever_is_narrow(loss, largest, shape, monkeypatch):
    monkeypatch.setattr(choose, "COMPILED_MOMENTS", largest)
    same(*both(monkeypatch, loss, draw(*shape), lambda_1=0.01, lambda_2=0.01))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_given_covariance_and_names_of_tasks(loss, monkeypatch):
    X, y, task = draw()
    table, omega = (X, y, np.array(list("dbca"))[task]), np.diag([0.4, 0.3, 0.2, 0.1])
    same(*both(monkeypatch, loss, table, lambda_1=0.01, lambda_2=0.01, task_covariance=omega))


def test_the_textbooks_alternation(monkeypatch):
    settings = {"lambda_1": 0.1, "lambda_2": 0.1, "solver": "alternating", "tol": 0.01}
    same(*both(monkeypatch, "squared_error", draw(), **settings), precision=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("shuffled", [False, True])
def test_single_precision_is_that_of_the_features_alone(loss, shuffled, monkeypatch):
    X, y, task = draw(shuffled=shuffled)
    X = X.astype(np.float32)
    assert X.flags.c_contiguous
    one, _ = both(monkeypatch, loss, (X.astype(np.float64), y, task), lambda_1=0.01, lambda_2=0.01)
    other = LOSSES[loss][0](0.01, 0.01, loss=loss, row_dtype="float32")
    same(one, other.fit(X, y if LOSSES[loss][0] is MTRLRegressor else np.sign(y), task=task))


@pytest.mark.parametrize("loss", LOSSES)
def test_no_row_space_of_many_rows(loss, monkeypatch):
    monkeypatch.setattr(choose, "ROW_SPACE_NUMBERS", 0)
    monkeypatch.setattr(oracle, "within", None)
    if not LOSSES[loss][1].quadratic:
        same(*both(monkeypatch, loss, draw(), lambda_1=1e-3, lambda_2=1e-3))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("at_a_time", [1, 7, 10**6])
def test_curvature_and_moments_however_many_rows_at_a_time(loss, at_a_time, monkeypatch):
    X, y, task = draw()
    if LOSSES[loss][0] is MTRLClassifier:
        y = np.sign(y)
    groups = grouping(task, 4)
    borrowed = BorrowedRows(X, groups.arrange(y), groups.offsets, groups.order)
    grouped, W = group_rows(X, y, task, 4), np.random.default_rng(1).standard_normal((4, 7))
    monkeypatch.setattr(terms_of, "BLOCK_ROWS", at_a_time)
    for part in ("A", "b", "square"):
        found, expected = (getattr(moments(rows), part) for rows in (borrowed, grouped))
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    terms = [RowTerm(rows, LOSSES[loss][1]) for rows in (borrowed, grouped)]
    found, expected = (compiled_data.hessian_blocks(compiled_data.as_data(term), W) for term in terms)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    for found, expected in zip(*(term.value_and_gradient(W) for term in terms), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(*(term.hessian(W)(W) for term in terms), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(*(term.expand(W).gradient for term in terms), rtol=1e-12, atol=1e-12)
    assert terms[0].smoothness == pytest.approx(terms[1].smoothness, rel=1e-12)


def test_more_rows_of_a_task_than_are_taken_at_a_time():
    X, y, task = draw(2, 3, (20_000, 9_000))
    rows = group_rows(X, np.sign(y), task, 2)
    term, W = RowTerm(rows, losses.squared_hinge), np.random.default_rng(1).standard_normal((2, 4))
    z = rows.products(W)
    bends = rows.weights * losses.squared_hinge.curvature(z, rows.y)
    for i, block in enumerate(compiled_data.hessian_blocks(compiled_data.as_data(term), W)):
        own = slice(*rows.offsets[i : i + 2])
        np.testing.assert_allclose(block, rows.X[own].T @ (bends[own, None] * rows.X[own]), rtol=1e-11, atol=1e-12)
    for i, block in enumerate(data_term(rows, losses.squared_error).A):
        own = slice(*rows.offsets[i : i + 2])
        np.testing.assert_allclose(block, 2.0 * np.cov(rows.X[own].T, bias=True) + _squares(rows.X[own]), rtol=1e-11)


def _squares(X):
    mean = X.mean(axis=0)
    return 2.0 * np.outer(mean, mean)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_a_memory_mapped_table_is_not_copied(loss, shuffled, tmp_path):
    n, d = 400_000, 50
    X = np.lib.format.open_memmap(tmp_path / "X.npy", mode="w+", dtype=np.float64, shape=(n, d))
    rng = np.random.default_rng(0)
    for part in np.array_split(X, 20):
        part[:] = rng.standard_normal(part.shape)
    X.flush()
    before = f"""
import numpy as np
from patom import {LOSSES[loss][0].__name__} as Model
from patom.models import linear
def read(n):
    X = np.load({str(tmp_path / "X.npy")!r}, mmap_mode="r")[:n]
    task = np.arange(n) % 7 if {shuffled} else np.arange(n) * 7 // n
    return X, np.sign(X[:, 0] + 0.3 * X[:, 1] + 0.1), task
X, y, task = read(50_000)
Model(0.01, 0.01, loss={loss!r}).fit(X, y, task=task)
X, y, task = read({n})
X.sum()  # the file's own pages count as memory, too
"""
    rise = peak_of(f"Model(0.01, 0.01, loss={loss!r}).fit(X, y, task=task)", before=before)
    assert rise < 0.4 * X.nbytes
