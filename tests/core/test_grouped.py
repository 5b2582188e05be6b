"""Metrics of many groups at once against the metric of each group."""

from functools import partial

import numpy as np
import pytest

from patom.core.grouped import grouped_auc, grouped_nmse
from patom.metrics import auc, nmse, per_task


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def groups(sizes):
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return starts, lambda values: np.split(values, starts[1:])


def test_nmse(rng):
    starts, split = groups([1, 2, 3, 40, 500, 1])
    y, z = 1e3 + rng.standard_normal(547), rng.standard_normal(547)
    y[1:3] = 7.0  # constant targets
    expected = [nmse(*pair) for pair in zip(split(y), split(z), strict=True)]
    np.testing.assert_array_equal(grouped_nmse(y, z, starts), expected)
    assert np.isnan(expected).tolist() == [True, True, False, False, False, True]


@pytest.mark.parametrize("levels", [2, 5, 10_000])
def test_auc(rng, levels):
    starts, split = groups([1, 2, 3, 40, 500, 2])
    y, z = rng.integers(2, size=548), rng.integers(levels, size=548) / levels
    y[-2:] = 1  # one class
    expected = [auc(*pair) for pair in zip(split(y), split(z), strict=True)]
    np.testing.assert_array_equal(grouped_auc(y, z, starts), expected)
    assert np.isnan(expected[0])
    assert np.isnan(expected[-1])


@pytest.mark.parametrize("labels", [[-1.0, 1.0], ["no", "yes"], [True, False]])
def test_scores_of_tasks_are_those_of_a_loop(rng, labels):
    task, y, z = rng.integers(50, size=400), rng.choice(labels, size=400), rng.standard_normal(400).round(1)
    found, looped = per_task(auc, y, z, task), per_task(partial(auc), y, z, task)
    np.testing.assert_array_equal(found.tasks, looped.tasks)
    np.testing.assert_array_equal(found.values, looped.values)
    for numbers in (z, np.arange(400)):
        found, looped = (per_task(metric, numbers, 0.5 * z, task).values for metric in (nmse, partial(nmse)))
        np.testing.assert_array_equal(found, looped)


def test_what_a_loop_refuses_is_refused():
    with pytest.raises(ValueError, match="auc: score is NaN in row 1"):
        per_task(auc, [0, 1, 0, 1], [0.0, 1.0, 0.0, np.nan], [0, 0, 1, 1])
    with pytest.raises(ValueError, match="auc: y_true has 3 classes"):
        per_task(auc, [0, 1, 2, 1], [0.0, 1.0, 0.0, 2.0], [0, 0, 0, 1])
    assert per_task(auc, [0, 1, 2, 3], [0.0, 1.0, 2.0, 1.0], [0, 0, 1, 1]).values.tolist() == [1.0, 0.0]
