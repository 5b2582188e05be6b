"""The derivative of a trusted loss by the weights of rows, the loss itself, and where the weights end."""

from dataclasses import replace

import numpy as np
import pytest
from hypergradient_problems import derivative
from scipy.optimize import minimize_scalar

from patom import MTRLClassifier, MTRLRegressor
from patom.defenses.learners.row_weights import Fit, fit_with, learn_weights, slopes, weighted
from patom.defenses.learners.trusted_loss import TrustedLoss, Units, trusted_loss, trusted_problem

LOSSES = ("squared_error", "huber", "squared_hinge", "logistic", "unclipped_hinge")
REGRESSION = ("squared_error", "huber")
UNITS = Units(0.3, 0.02, 0.01)


def problem_of(loss, weight=0.01, *, d=3, n_tasks=4, per_task=15, seed=0, **settings):
    """Related tasks 0, 1, ...; rows in no order; and which rows of tasks 1 and 2 are trusted, by place."""
    rng = np.random.default_rng(seed)
    task = rng.permutation(np.repeat(np.arange(n_tasks), per_task))
    X = rng.uniform(-1.0, 1.0, (task.size, d))
    W = rng.standard_normal(d) + 0.5 * rng.standard_normal((n_tasks, d))
    y = (X * W[task]).sum(axis=1) + 0.3 * rng.standard_normal(task.size)
    if loss not in REGRESSION:
        y = np.where(y > 0.0, 1.0, -1.0)
    kind = MTRLRegressor if loss in REGRESSION else MTRLClassifier
    problem = kind(weight, weight, loss=loss, tol=1e-13, **settings).problem(X, y, task=task)
    trusted = np.zeros(task.size, dtype=bool)
    for i in {1, 2} & set(range(n_tasks)):
        trusted[problem.rows.offsets[i] : problem.rows.offsets[i] + 5] = True
    return problem, trusted


def judge_of(problem, trusted, units=UNITS):
    return replace(trusted_loss(problem, trusted, 5, np.random.default_rng(0)), units=units)


def sides(problem, W):
    """The piece of the loss that each row is on, and the rank."""
    z, y, name = problem.rows.products(W), problem.rows.y, problem.loss.name
    side = y * z < 1.0 if name == "squared_hinge" else abs(z - y) < 1.0 if name.startswith("huber") else z > np.inf
    return side, np.linalg.matrix_rank(W, tol=1e-7)


def assert_slopes_agree(problem, trusted, *, seed=1):
    judge, rng = judge_of(problem, trusted), np.random.default_rng(seed)
    q = np.where(trusted, 1.0, rng.uniform(0.3, 1.0, trusted.size))
    q[np.flatnonzero(~trusted)[:3]] = 0.6, 0.9, 0.0
    fit = fit_with(problem, judge, q)
    move = np.where(q > 0.0, rng.standard_normal(q.size), 0.0)
    move /= np.linalg.norm(move)

    def value(t):
        found = fit_with(problem, judge, q + t * move)
        return found.value, sides(problem, found.W)

    found = slopes(problem, fit, 1e-12)
    assert abs(found @ move - derivative(value)) < 1e-6 * np.linalg.norm(found)


@pytest.mark.parametrize("weight", [1e-1, 1e-2, 1e-3])
@pytest.mark.parametrize("loss", LOSSES)
def test_slopes_by_finite_differences(loss, weight):
    assert_slopes_agree(*problem_of(loss, weight))


@pytest.mark.parametrize(
    "settings", [{"d": 6, "n_tasks": 3}, {"d": 1, "n_tasks": 5}, {"task_weights": "rows"}], ids=str
)
@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
def test_slopes_of_other_shapes(loss, settings):
    assert_slopes_agree(*problem_of(loss, seed=2, **settings))


def test_slopes_where_tasks_are_independent():
    problem, trusted = problem_of("squared_error")
    alone = MTRLRegressor(0.1, 0.0, tol=1e-13)
    problem = replace(problem, penalty=alone.penalty(4))
    assert_slopes_agree(problem, trusted)
    fit = fit_with(problem, judge_of(problem, trusted), np.ones(trusted.size))
    others = ~np.isin(problem.rows.task_index, [1, 2])
    np.testing.assert_array_equal(slopes(problem, fit)[others], 0.0)


def test_slopes_of_one_task_by_hand():
    """W = M^-1 X'Qy/n with M = X'QX/n + (lambda_1 + lambda_2)/2 I; dW/dq_j = M^-1 x_j (y_j - x_j'W)/n."""
    problem, _ = problem_of("squared_error", 0.05, n_tasks=1, d=1, per_task=12)
    trusted = np.arange(12) < 4
    judge = judge_of(problem, trusted)
    X, y, q = problem.rows.X, problem.rows.y, np.linspace(0.1, 1.0, 12)
    M = X.T @ (q[:, None] * X) / 12 + 0.05 * np.eye(2)
    w = np.linalg.solve(M, X.T @ (q * y) / 12)
    fit = fit_with(problem, judge, q)
    np.testing.assert_allclose(fit.W[0], w, rtol=1e-9)
    dW = np.linalg.solve(M, (X * (y - X @ w)[:, None]).T) / 12
    np.testing.assert_allclose(slopes(problem, fit, 1e-13), judge.at(w[None])[1][0] @ dW, rtol=1e-8)


def by_hand(problem, trusted, expected, units, W):
    """J, a loop at a time."""
    rows, z = problem.rows, (problem.rows.X * W[problem.rows.task_index]).sum(axis=1)
    total = np.mean([problem.loss.value(z[[j]], rows.y[[j]])[0] for j in np.flatnonzero(trusted)]) / units.loss
    tasks = sorted(set(rows.task_index[trusted].tolist()))
    for i in tasks:
        e = [z[j] - expected[j] for j in range(z.size) if rows.task_index[j] == i]
        total += np.var(e) / units.spread / len(tasks) + np.mean(e) ** 2 / units.mean / len(tasks)
    return total


@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
def test_the_trusted_loss_and_its_gradient(loss):
    problem, trusted = problem_of(loss)
    judge, W = judge_of(problem, trusted), np.random.default_rng(0).standard_normal((4, 4))
    value, gradient = judge.at(W)
    assert value == pytest.approx(by_hand(problem, trusted, judge.expected, UNITS, W), rel=1e-12)
    for place in np.ndindex(W.shape):
        step = np.zeros(W.shape)
        step[place] = 1e-6
        difference = (judge.at(W + step)[0] - judge.at(W - step)[0]) / 2e-6
        assert difference == pytest.approx(gradient[place], rel=1e-5, abs=1e-4)
    np.testing.assert_array_equal(gradient[[0, 3]], 0.0)


def test_the_trusted_fit_and_its_units_by_the_estimator():
    """Fits of the estimator without each fold, whose rows are found by what the units would otherwise be."""
    problem, trusted = problem_of("squared_error")
    rows = problem.rows
    X, y, task = rows.X[trusted, :-1], rows.y[trusted], rows.task_index[trusted]
    judge = trusted_loss(problem, trusted, 10, np.random.default_rng(0))  # as many folds as rows: each row alone
    model = MTRLRegressor(0.01, 0.01, tol=1e-13)
    fit = model.fit(X, y, task=task).predict(X, task=task)
    inside = np.isin(rows.task_index, [1, 2])
    np.testing.assert_allclose(
        judge.expected[inside], model.predict(rows.X[inside, :-1], task=rows.task_index[inside]), atol=1e-8
    )
    np.testing.assert_array_equal(judge.expected[~inside], 0.0)
    losses, spread, mean = [], 0.0, 0.0
    for j in range(10):
        left = np.arange(10) != j
        without = MTRLRegressor(0.01, 0.01, tol=1e-13).fit(X[left], y[left], task=task[left]).predict(X, task=task)
        losses.append((without[j] - y[j]) ** 2)
        for i in (1, 2):
            e = (without - fit)[task == i]
            spread, mean = spread + 0.5 * e.var(), mean + 0.5 * e.mean() ** 2
    assert judge.units.loss == pytest.approx(np.mean(losses), rel=1e-6)
    assert judge.units.spread == pytest.approx(0.9 * spread, rel=1e-6)
    assert judge.units.mean == pytest.approx(max(0.9 * mean, np.mean(losses) / 5), rel=1e-6)


def test_nothing_of_the_others_but_their_features_is_in_it():
    problem, trusted = problem_of("squared_error")
    wild = np.where(trusted, problem.rows.y, 100.0)
    W = np.random.default_rng(0).standard_normal((4, 4))
    moved = replace(problem, rows=replace(problem.rows, y=wild))
    one, other = (trusted_loss(each, trusted, 5, np.random.default_rng(0)) for each in (problem, moved))
    assert one.units == other.units
    assert one.at(W)[0] == other.at(W)[0]
    rows = replace(problem.rows, X=np.where(trusted[:, None], problem.rows.X, 3.0 * problem.rows.X))
    assert trusted_loss(replace(problem, rows=rows), trusted, 5, np.random.default_rng(0)).units == one.units


def test_the_trusted_problem_has_the_trusted_rows_alone():
    problem, trusted = problem_of("squared_error", task_weights="rows")
    own = trusted_problem(problem, trusted)
    assert own.tasks.tolist() == [1, 2]
    np.testing.assert_array_equal(own.rows.X, problem.rows.X[trusted])
    np.testing.assert_array_equal(own.rows.counts, [5, 5])
    np.testing.assert_array_equal(own.rows.weights, 0.2)  # tasks weigh by their trusted rows


@pytest.mark.parametrize("target", [6.0, 3.0, 1.0])
@pytest.mark.parametrize("price", [0.2, 1.0])
def test_one_free_row_gets_the_best_weight(target, price):
    problem, _ = problem_of("squared_error", n_tasks=1, per_task=10, d=1)
    free = np.arange(10) == 4
    problem = replace(problem, rows=replace(problem.rows, y=np.where(free, target, problem.rows.y)))
    judge = judge_of(problem, ~free, Units(0.1, 0.1, 0.1))
    found, _ = learn_weights(problem, judge, free, price, 10.0, 200)

    def total(q):
        return fit_with(problem, judge, np.where(free, q, 1.0)).value + price / 10.0 * (1.0 - q)

    best = minimize_scalar(total, bounds=(0.0, 1.0), method="bounded", options={"xatol": 1e-6})
    least = min(best.fun, total(0.0), total(1.0))
    assert total(found.q[4]) <= least + 2e-3 * (total(1.0) - least) + 1e-9
    assert (found.q[~free] == 1.0).all()


def test_steps_go_down_at_each_price():
    problem, trusted = problem_of("squared_error")
    y = problem.rows.y.copy()
    y[problem.rows.offsets[1] + 8 : problem.rows.offsets[1] + 12] = 9.0
    problem = replace(problem, rows=replace(problem.rows, y=y))
    judge = judge_of(problem, trusted)
    found, steps = learn_weights(problem, judge, ~trusted, 1.0, 15.0, 8)
    assert isinstance(found, Fit)
    assert steps[0].dropped == 0.0
    assert {step.price for step in steps[1:]} <= {16.0, 8.0, 4.0, 2.0, 1.0}
    for price in (16.0, 8.0, 4.0, 2.0, 1.0):
        totals = [step.value + price * step.dropped * (~trusted).sum() / 15.0 for step in steps if step.price == price]
        assert (np.diff(totals) <= 0.0).all()
    assert found.value == steps[-1].value < 0.2 * steps[0].value
    np.testing.assert_array_equal(found.q[trusted], 1.0)
    assert (found.q >= 0.0).all()
    assert (found.q <= 1.0).all()


@pytest.mark.parametrize("price", [1e-300, 1e300])
def test_extreme_prices(price):
    problem, trusted = problem_of("squared_error")
    found, steps = learn_weights(problem, judge_of(problem, trusted), ~trusted, price, 15.0, 2)
    assert np.isfinite(found.value)
    assert (len(steps) == 1) == (price > 1.0)


def test_rows_that_hide_each_other():
    """Ten equal rows: without one of them the fit hardly changes, without all of them it does."""
    problem, trusted = problem_of("squared_error", 1e-3, n_tasks=1, per_task=40, d=2)
    trusted = np.arange(40) < 10
    X, y = problem.rows.X.copy(), problem.rows.y.copy()
    X[-10:, :2], y[-10:] = 2.0, -30.0
    problem = replace(problem, rows=replace(problem.rows, X=X, y=y))
    found, steps = learn_weights(problem, judge_of(problem, trusted), ~trusted, 8.0, 40.0, 40)
    assert found.q[-10:].max() < 0.05
    assert found.q[:-10].mean() > 0.9
    assert found.value < 1e-3 * steps[0].value


def test_all_weights_at_0_are_tried_too():
    """With one step the way down from 1 is not finished, and the end is no worse than without the free rows."""
    problem, trusted = problem_of("squared_error", 1e-3, n_tasks=1, per_task=40, d=2)
    trusted = np.arange(40) < 15
    y = np.where(trusted, problem.rows.y, np.where(np.arange(40) % 2, 50.0, -70.0))
    problem = replace(problem, rows=replace(problem.rows, y=y))
    judge = judge_of(problem, trusted)
    found, _ = learn_weights(problem, judge, ~trusted, 1.0, 40.0, 1)
    none = fit_with(problem, judge, trusted.astype(float))
    assert found.value + (1.0 - found.q).sum() / 40.0 <= none.value + 25.0 / 40.0 + 1e-9


def test_a_row_twice_counts_as_two():
    problem, trusted = problem_of("squared_error")
    y = problem.rows.y.copy()
    y[problem.rows.offsets[2] + 9 : problem.rows.offsets[2] + 12] = -7.0
    rows = replace(problem.rows, y=y)
    problem = replace(problem, rows=rows)
    doubled = replace(rows, X=np.repeat(rows.X, 2, axis=0), y=np.repeat(y, 2), offsets=2 * rows.offsets)
    once, _ = learn_weights(problem, judge_of(problem, trusted), ~trusted, 4.0, 15.0, 8)
    again = replace(problem, rows=doubled)
    judge = replace(judge_of(again, np.repeat(trusted, 2)), expected=np.repeat(judge_of(problem, trusted).expected, 2))
    twice, _ = learn_weights(again, judge, ~np.repeat(trusted, 2), 4.0, 30.0, 8)
    np.testing.assert_allclose(twice.q[::2], once.q, atol=1e-5)
    np.testing.assert_allclose(twice.q[1::2], once.q, atol=1e-5)
    assert once.q.min() == 0.0


def test_weights_multiply_losses():
    problem, _ = problem_of("squared_error", task_weights="rows")
    q = np.random.default_rng(0).uniform(size=problem.rows.y.size)
    np.testing.assert_allclose(weighted(problem.rows, q).weights, q * problem.rows.weights, rtol=1e-14)


def test_a_judge_that_ignores_the_trusted_rows_would_be_seen():
    """The value, and the gradient, change with each trusted target."""
    problem, trusted = problem_of("squared_error")
    judge, W = judge_of(problem, trusted), np.random.default_rng(0).standard_normal((4, 4))
    for j in np.flatnonzero(trusted):
        y = problem.rows.y + 0.5 * (np.arange(trusted.size) == j)
        moved = replace(problem, rows=replace(problem.rows, y=y))
        other = judge_of(moved, trusted)
        assert abs(other.at(W)[0] - judge.at(W)[0]) > 1e-3
        assert isinstance(other, TrustedLoss)
