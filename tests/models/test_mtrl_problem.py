"""Problem (1) as arrays, as attacks use it: the same as fit, on other rows, from another start."""

import numpy as np
import pytest

from patom import MTRLClassifier, MTRLRegressor
from patom.core import losses
from patom.core.penalties.given import QuadraticPenalty
from patom.core.penalties.learned import SpectralPenalty
from patom.core.rows import append_constant, inject_rows
from patom.core.solvers.solution import Status


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((40, 3)), np.array(["b", "a", "c"])[rng.integers(0, 3, 40)]
    return X, X[:, 0] + 0.1 * rng.standard_normal(40), task


def test_solving_it_is_fitting(data):
    X, y, task = data
    model = MTRLRegressor()
    solution, fitted = model.problem(X, y, task=task).solve(), MTRLRegressor().fit(X, y, task=task)
    np.testing.assert_array_equal(solution.W, np.column_stack([fitted.coef_, fitted.intercept_]))
    assert (solution.objective, solution.n_iter) == (fitted.objective_, fitted.n_iter_)
    assert not hasattr(model, "coef_")
    assert model.tasks_.tolist() == ["a", "b", "c"]


def test_it_holds_what_was_given(data):
    X, y, task = data
    problem = MTRLClassifier(0.2, 0.3, loss="logistic", tol=1e-5, max_iter=77).problem(X, y > 0, task=task)
    assert (problem.tol, problem.max_iter, problem.solver) == (1e-5, 77, "accelerated")
    assert problem.loss is losses.logistic
    assert problem.penalty == SpectralPenalty(0.2, 0.3)
    assert problem.tasks.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(problem.rows.counts, [(task == name).sum() for name in "abc"])
    np.testing.assert_array_equal(problem.rows.y[problem.rows.task_index == 1], np.where(y[task == "b"] > 0, 1.0, -1.0))
    given = MTRLRegressor(task_covariance=np.eye(3) / 3).problem(X, y, task=task)
    assert isinstance(given.penalty, QuadraticPenalty)


@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_on_poisoned_rows_it_is_a_fit_on_both(data, loss):
    X, y, task = data
    rng = np.random.default_rng(1)
    extra, targets, index = rng.standard_normal((5, 3)), rng.standard_normal(5), np.array([2, 0, 0, 2, 1])
    problem = MTRLRegressor(loss=loss, tol=1e-12).problem(X, y, task=task)
    rows = inject_rows(problem.rows, append_constant(extra), targets, index)
    both = (
        np.concatenate([X, extra]),
        np.concatenate([y, targets]),
        np.concatenate([task, np.array(list("abc"))[index]]),
    )
    fitted = MTRLRegressor(loss=loss, tol=1e-12).fit(*both[:2], task=both[2])
    for start in (None, problem.solve().W):
        solution = problem.solve(rows, start)
        assert solution.objective == pytest.approx(fitted.objective_, rel=1e-11)
        np.testing.assert_allclose(solution.W[:, :-1], fitted.coef_, atol=1e-5)


def test_a_warm_start_saves_steps(data):
    X, y, task = data
    problem = MTRLRegressor(1e-2, 1e-2).problem(X, y, task=task)
    cold = problem.solve()
    assert problem.solve(start=cold.W).n_iter == 0
    assert problem.solve(start=cold.W).status is Status.CONVERGED


def test_the_alternation_starts_cold(data):
    X, y, task = data
    problem = MTRLRegressor(10.0, 0.1, solver="alternating").problem(X, y, task=task)
    one, other = problem.solve(), problem.solve(start=np.ones((3, 4)))
    np.testing.assert_array_equal(one.W, other.W)
