"""Small clean data for the attacks: related linear tasks, rows in no order, features in the unit ball."""

import numpy as np
import pytest

from patom import Ball, MTRLClassifier, MTRLRegressor

REGRESSION_LOSSES = ("squared_error", "huber")


def tasks_of(loss, *, seed=0, n_tasks=4, n_features=4, n_rows=15):
    """X, y and task: floats for a regression loss, "no" and "yes" for the others; tasks "a", "b", ..."""
    rng = np.random.default_rng([seed, 99])
    index = rng.permutation(np.repeat(np.arange(n_tasks), n_rows))
    X = Ball().sample(index.size, n_features, rng)
    weights = rng.standard_normal(n_features) + 0.7 * rng.standard_normal((n_tasks, n_features))
    y = (X * weights[index]).sum(axis=1) + 0.2 + 0.1 * rng.standard_normal(index.size)
    if loss not in REGRESSION_LOSSES:
        y = np.where(y > np.median(y), "yes", "no")
    return X, y, np.array(list("abcdefgh"))[index]


def victim_of(loss, **settings):
    """An unfitted model of that loss."""
    return (MTRLRegressor if loss in REGRESSION_LOSSES else MTRLClassifier)(loss=loss, **settings)


@pytest.fixture
def make_tasks():
    return tasks_of


@pytest.fixture
def make_victim():
    return victim_of
