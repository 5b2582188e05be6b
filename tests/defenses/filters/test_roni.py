"""Reject on negative impact: first-order impacts against refits."""

import numpy as np
import pytest

from patom import MTRLClassifier, MTRLRegressor
from patom.defenses import Roni
from patom.defenses.filters.roni import held_out_gradient, impacts
from patom.defenses.filters.sanitiser import checked_rows
from patom.defenses.parts import folds, kept_rows, problem_on


def tasks(classes):
    rng = np.random.default_rng(2)
    task = np.repeat(np.arange(3), [40, 50, 30])
    X = rng.standard_normal((120, 3))
    y = X @ [1.0, -1.0, 0.5] + 0.5 * rng.standard_normal(120)
    return X, (np.where(y > 0.0, 1.0, -1.0) if classes else y), task


def held_out_loss(problem, held, W):
    """Mean over tasks of the held-out rows' mean loss."""
    rows = problem.rows
    z = (rows.X * W[rows.task_index]).sum(axis=1)
    losses = problem.loss.value(z, rows.y)
    return np.mean([losses[held & (rows.task_index == i)].mean() for i in range(rows.n_tasks)])


@pytest.mark.parametrize("classes", [False, True])
def test_an_impact_is_the_rise_by_a_little_more_weight(classes):
    """The derivative by a row's weight, against the problem solved again with the row counted a little less."""
    model = (MTRLClassifier if classes else MTRLRegressor)(0.05, 0.05, tol=1e-13)
    problem, _ = problem_on(model, checked_rows(*tasks(classes)))
    kept = folds(problem.rows, 3, np.random.default_rng(0)) != 0
    found = impacts(problem, kept)
    rows = kept_rows(problem.rows, kept)
    W = problem.solve(rows).W
    before = held_out_loss(problem, ~kept, W)
    rises = []
    for j in range(rows.y.size):
        # The row counted twice among n + 1, against once among n: to first order its own impact less the mean one's.
        again = np.sort(np.append(np.arange(rows.y.size), j))
        counts = rows.counts + (np.arange(3) == rows.task_index[j])
        doubled = type(rows)(rows.X[again], rows.y[again], np.concatenate([[0], np.cumsum(counts)]))
        rises.append(held_out_loss(problem, ~kept, problem.solve(doubled, start=W).W) - before)
    mean = np.array([found[rows.task_index == i].mean() for i in range(3)])[rows.task_index]
    n = rows.counts[rows.task_index]
    expected = (found - mean) * n / (n + 1)
    assert np.corrcoef(rises, expected)[0, 1] > 0.99
    np.testing.assert_allclose(rises, expected, atol=0.15 * np.abs(expected).max())


def test_the_gradient_of_the_held_out_loss_by_differences():
    problem, _ = problem_on(MTRLClassifier(), checked_rows(*tasks(True)))
    held = folds(problem.rows, 4, np.random.default_rng(1)) == 2
    W = np.random.default_rng(0).standard_normal((3, 4))
    found = held_out_gradient(problem, held, W)
    for i, c in [(0, 0), (1, 2), (2, 3)]:
        step = np.zeros_like(W)
        step[i, c] = 1e-6
        slope = (held_out_loss(problem, held, W + step) - held_out_loss(problem, held, W - step)) / 2e-6
        assert found[i, c] == pytest.approx(slope, rel=1e-6)


def test_folds_share_out_every_task_and_never_its_only_row():
    problem, _ = problem_on(None, checked_rows(np.zeros((12, 1)), np.arange(12.0), [0] * 7 + [1] * 4 + [2]))
    fold = folds(problem.rows, 3, np.random.default_rng(0))
    assert np.bincount(fold[:7]).tolist() == [3, 2, 2]
    assert sorted(fold[7:11]) == [0, 0, 1, 2]
    assert fold[11] == -1


def test_it_finds_rows_that_contradict_the_others():
    """A few of them: many hide one another, as the held-out rows are theirs too."""
    X, y, task = tasks(False)
    bad = [3, 60, 100]
    X[bad], y[bad] = [3.0, 0.0, 0.0], -6.0
    score = Roni(MTRLRegressor(0.01, 0.01)).keep(X, y, task).score
    assert sorted(np.argsort(-score)[:3].tolist()) == bad
