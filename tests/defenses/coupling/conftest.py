"""Related linear tasks for rules of Omega."""

import numpy as np
import pytest

from patom import Ball, MTRLClassifier, MTRLRegressor


def tasks_of(kind, seed=3, n_tasks=5, n_features=4, n_rows=25):
    """X, y and task, rows in no order, with a learner; "quantity" or "classes"."""
    rng = np.random.default_rng(seed)
    index = rng.permutation(np.repeat(np.arange(n_tasks), n_rows))
    X = Ball().sample(index.size, n_features, rng)
    W = rng.standard_normal(n_features) + 0.8 * rng.standard_normal((n_tasks, n_features))
    y = (X * W[index]).sum(axis=1) + 0.1 * rng.standard_normal(index.size)
    if kind == "quantity":
        return X, y, index, MTRLRegressor(0.01, 0.02, tol=1e-13)
    return X, np.where(y > 0.0, 1.0, -1.0), index, MTRLClassifier(0.01, 0.02, tol=1e-13)


@pytest.fixture(name="data", params=["quantity", "classes"])
def fixture_data(request):
    return tasks_of(request.param)


@pytest.fixture
def make_tasks():
    return tasks_of
