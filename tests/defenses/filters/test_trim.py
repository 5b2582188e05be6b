"""TRIM against all parts of the rows, and the fit that it ends at."""

from itertools import combinations, product

import numpy as np
import pytest

from patom import MTRLClassifier, MTRLRegressor
from patom.defenses import Trim
from patom.defenses.filters.sanitiser import checked_rows
from patom.defenses.filters.trim import dropped, smallest, trim
from patom.defenses.parts import kept_rows, problem_on


def tasks(seed, sizes=(5, 6), classes=False):
    """Two small tasks; one row of each is far off."""
    rng = np.random.default_rng(seed)
    task = np.repeat(np.arange(len(sizes)), sizes)
    X = rng.standard_normal((task.size, 2))
    y = X @ [1.0, -1.0] + 0.3 * rng.standard_normal(task.size)
    y[np.cumsum(sizes) - 1] += 3.0
    return X, (np.where(y > 0.0, 1.0, -1.0) if classes else y), task


@pytest.mark.in_turn
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("classes", [False, True])
def test_it_finds_the_best_of_all_parts(seed, classes):
    X, y, task = tasks(seed, classes=classes)
    model = (MTRLClassifier if classes else MTRLRegressor)(0.05, 0.02, tol=1e-12)
    found = Trim(model, fraction=0.25, n_starts=20).keep(X, y, task)
    problem, _ = problem_on(model, checked_rows(X, y, task))

    def objective(kept):
        return problem.solve(kept_rows(problem.rows, kept)).objective

    parts = [~np.isin(np.arange(11), pair) for pair in product(range(5), range(5, 11))]
    best = min(parts, key=objective)
    assert objective(found.kept) == pytest.approx(objective(best), rel=1e-9)
    if not classes:
        np.testing.assert_array_equal(found.kept, best)


@pytest.mark.parametrize("seed", range(5))
def test_each_turn_lowers_the_objective(seed):
    problem, _ = problem_on(MTRLRegressor(0.01, 0.01), checked_rows(*tasks(seed, sizes=(15, 20, 9))))
    counts = problem.rows.counts - dropped(problem.rows.counts, 0.3)
    kept = smallest(np.random.default_rng(seed).random(44), problem.rows, counts)
    objectives = [trim(problem, kept, counts, max_iter=turns).objective for turns in range(1, 12)]
    assert (np.diff(objectives) <= 1e-8).all()
    assert objectives[-1] == objectives[-2] < objectives[0]


def test_it_ends_where_the_rows_kept_are_those_that_fit_best():
    X, y, task = tasks(3, sizes=(30, 40))
    model = MTRLRegressor(0.01, 0.01, tol=1e-12)
    found = Trim(model, fraction=0.2).keep(X, y, task)
    model.fit(X[found.kept], y[found.kept], task=task[found.kept])
    losses = (y - model.predict(X, task=task)) ** 2
    np.testing.assert_allclose(found.score, losses, rtol=1e-4, atol=1e-8)
    for label in (0, 1):
        own = task == label
        assert losses[own & found.kept].max() <= losses[own & ~found.kept].min()


def test_a_part_of_the_rows_keeps_tasks_apart():
    problem, _ = problem_on(None, checked_rows(*tasks(0)))
    kept = np.array([1, 0, 1, 0, 1, 0, 0, 0, 1, 1, 0], dtype=bool)
    rows = kept_rows(problem.rows, kept)
    np.testing.assert_array_equal(rows.offsets, [0, 3, 5])
    np.testing.assert_array_equal(rows.X, problem.rows.X[kept])


@pytest.mark.parametrize("losses", [[3.0, 1.0, 2.0, 5.0, 4.0], [1.0] * 5])
def test_the_smallest_of_each_task(losses):
    problem, _ = problem_on(None, checked_rows(np.zeros((5, 1)), np.arange(5.0), [0, 0, 0, 1, 1]))
    kept = smallest(np.array(losses), problem.rows, np.array([2, 1]))
    best = [
        min(combinations(range(3), 2), key=lambda pair: sum(losses[i] for i in pair)),
        min([(3,), (4,)], key=lambda one: losses[one[0]]),
    ]
    assert np.flatnonzero(kept).tolist() == [*best[0], *best[1]]
