"""Many tasks, large and tiny numbers, awkward columns: within seconds, within memory, and honest about the gap."""

import tracemalloc
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from patom import MTRLClassifier, MTRLRegressor
from patom.core.solvers.solution import Status


def many_tasks(m, rows_each=3, d=4):
    rng = np.random.default_rng(0)
    task = rng.permutation(np.repeat(np.arange(m), rows_each))
    X, shared = rng.standard_normal((task.size, d)), rng.standard_normal(d)
    return X, X @ shared + 0.5 * rng.standard_normal(task.size), task


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [MTRLRegressor, MTRLClassifier])
def test_thirty_thousand_tasks_without_an_array_over_pairs_of_tasks(estimator):
    m = 30_000
    X, y, task = many_tasks(m)
    model = estimator().fit(X[:100], np.sign(y[:100]), task=task[:100] % 7)  # compiles outside the measurement
    tracemalloc.start()
    model.fit(X, y if estimator is MTRLRegressor else np.sign(y), task=task)
    model.predict(X, task=task)
    assert model.task_spectrum_.size <= 5
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.1 * 8 * m**2
    assert model.status_ is Status.CONVERGED


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1e-3, 1e3, 1e6, 1e9])
@pytest.mark.parametrize("lambdas", [(0.1, 0.1), (1e-3, 1e-3), (0.0, 0.1), (10.0, 10.0)])
def test_targets_of_any_size_are_solved_to_a_small_relative_gap(scale, lambdas):
    X, y, task = many_tasks(5, rows_each=8)
    model = MTRLRegressor(*lambdas).fit(X, scale * y, task=task)
    one = MTRLRegressor(*lambdas, tol=1e-12).fit(X, y, task=task)
    assert model.objective_ == pytest.approx(scale**2 * one.objective_, rel=1e-7)
    assert model.duality_gap_ <= 1e-7 * model.objective_
    error = np.linalg.norm(model.coef_ / scale - one.coef_) / np.linalg.norm(one.coef_)
    assert error <= 1e-2


@pytest.mark.parametrize("shift", [0.0, 10.0])
@pytest.mark.parametrize("lambdas", [(0.0, 0.1), (0.0, 1e-4), (1e-4, 1e-4), (1e-4, 0.0)])
@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_large_targets_and_small_lambdas_end_without_a_warning(loss, lambdas, shift):
    X, y, task = many_tasks(6, rows_each=15, d=5)
    model = MTRLRegressor(*lambdas, loss=loss, huber_delta=1e6).fit(X + shift, 1e6 * y, task=task)
    assert model.status_ in (Status.CONVERGED, Status.PRECISION)
    assert model.duality_gap_ <= 1e-8 * model.objective_
    assert model.n_iter_ <= 1000


@pytest.mark.in_turn
@pytest.mark.parametrize("lambdas", [(0.0, 1e-4), (1e-4, 0.0), (1e-4, 1e-4)])
@pytest.mark.parametrize("shape", [(10, 1, 4), (4, 6, 40), (200, 2, 3), (6, 15, 5)])
@pytest.mark.parametrize("loss", ["squared_hinge", "unclipped_hinge", "logistic"])
def test_small_lambdas_take_no_thousands_of_steps(loss, shape, lambdas):
    X, y, task = many_tasks(*shape)
    model = MTRLClassifier(*lambdas, loss=loss).fit(X + 1.0, y > 0, task=task)
    assert model.status_ is Status.CONVERGED
    assert model.n_iter_ <= 1000


@pytest.mark.parametrize("delta", [1e-3, 1.0, 1e6])
def test_huber_with_outliers(delta):
    X, y, task = many_tasks(5, rows_each=8)
    y[::9] += 1e4
    model = MTRLRegressor(loss="huber", huber_delta=delta).fit(X, y, task=task)
    assert model.status_ is Status.CONVERGED


@pytest.mark.parametrize("scale", [1e-3, 30.0, 1e3])
@pytest.mark.parametrize("estimator", [MTRLRegressor, MTRLClassifier])
def test_unscaled_columns_are_solved_or_owned_up_to(estimator, scale):
    X, y, task = many_tasks(4, rows_each=10)
    X[:, 0] *= scale
    model = estimator(max_iter=100)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y if estimator is MTRLRegressor else np.sign(y), task=task)
    converged = model.duality_gap_ <= 1e-8 * min(1.0, model.objective_)
    assert converged == (model.status_ is Status.CONVERGED)
    assert [warning.category for warning in caught] == ([] if converged else [ConvergenceWarning])


AWKWARD = {
    "duplicate rows": lambda X: np.repeat(X[::2], 2, axis=0),
    "all rows alike": lambda X: np.tile(X[:1], (len(X), 1)),
    "constant columns": lambda X: np.column_stack([np.zeros(len(X)), np.full(len(X), 3.0), X[:, :1]]),
    "collinear columns": lambda X: np.column_stack([X, X[:, 0], 2 * X[:, 1] - X[:, 2]]),
    "all zeros": np.zeros_like,
    "one column": lambda X: X[:, :1],
    "far from zero": lambda X: X + 10.0,
}


@pytest.mark.in_pairs
@pytest.mark.parametrize("kind", AWKWARD)
@pytest.mark.parametrize("lambdas", [(0.1, 0.1), (0.0, 0.1), (1e-2, 0.0)])
@pytest.mark.parametrize("loss", ["squared_error", "huber", "squared_hinge", "logistic", "unclipped_hinge"])
def test_awkward_columns_converge(kind, lambdas, loss):
    X, y, task = many_tasks(5, rows_each=6)
    estimator = MTRLRegressor if loss in ("squared_error", "huber") else MTRLClassifier
    model = estimator(*lambdas, loss=loss).fit(AWKWARD[kind](X), y if estimator is MTRLRegressor else y > 0, task=task)
    assert model.status_ is Status.CONVERGED
    assert np.isfinite(model.coef_).all()


@pytest.mark.parametrize("loss", ["squared_error", "huber", "squared_hinge", "logistic", "unclipped_hinge"])
def test_rows_from_one_to_five_hundred(loss):
    rng = np.random.default_rng(0)
    task = np.repeat(np.arange(7), [1, 1, 2, 5, 40, 200, 500])
    X = rng.standard_normal((task.size, 6))
    y = X[:, 0] - 0.1 * task + rng.standard_normal(task.size)
    estimator = MTRLRegressor if loss in ("squared_error", "huber") else MTRLClassifier
    model = estimator(1e-3, 1e-3, loss=loss).fit(X, y if estimator is MTRLRegressor else y > 0, task=task)
    assert model.status_ is Status.CONVERGED


@pytest.mark.parametrize("solver", ["accelerated", "alternating"])
@pytest.mark.parametrize("estimator", [MTRLRegressor, MTRLClassifier])
def test_one_iteration_warns(estimator, solver):
    X, y, task = many_tasks(5, rows_each=8)
    model = estimator(max_iter=1, solver=solver)
    with pytest.warns(
        ConvergenceWarning, match=r"Stopped at max_iter.* Gap .*, tol 1e-08, 1 iterations; raise max_iter"
    ):
        model.fit(X, y if estimator is MTRLRegressor else np.sign(y), task=task)
    assert model.status_ is Status.MAX_ITER
    assert model.n_iter_ == 1
    assert model.duality_gap_ > 1e-8
    assert np.isfinite(model.predict(X, task=task).astype(float)).all()


def test_the_warning_points_at_the_call():
    X, y, task = many_tasks(5, rows_each=8)
    with pytest.warns(ConvergenceWarning) as caught:
        MTRLRegressor(max_iter=1).fit(X, y, task=task)
    assert caught[0].filename == __file__


def test_a_stalled_alternation_warns():
    X, y, task = many_tasks(8, rows_each=4, d=2)
    model = MTRLRegressor(0.01, 0.01, solver="alternating")
    with pytest.warns(ConvergenceWarning, match="Stalled: the alternation no longer moves"):
        model.fit(X, y, task=task)
    assert model.status_ is Status.STALLED
    assert model.objective_ > MTRLRegressor(0.01, 0.01).fit(X, y, task=task).objective_ * (1 + 1e-7)


def test_the_alternation_agrees_where_it_converges():
    X, y, task = many_tasks(3, rows_each=20)
    one = MTRLRegressor(10.0, 0.1).fit(X, y, task=task)
    other = MTRLRegressor(10.0, 0.1, solver="alternating").fit(X, y, task=task)
    assert other.status_ is Status.CONVERGED
    assert other.objective_ == pytest.approx(one.objective_, rel=2e-8)
