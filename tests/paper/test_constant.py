"""Dividing the constant along with the features is the same as other lambdas, another radius and another step."""

from dataclasses import replace

import numpy as np
import pytest

from patom.datasets import make_related_tasks
from patom.paper.cells import Cell
from patom.paper.compute import appended_before, compute

LAMBDA = 0.3


@pytest.fixture(name="data")
def fixture_data():
    """Two tasks; the features were divided by 4."""
    data = make_related_tasks(n_tasks=2, n_groups=1, n_features=3, n_train=15, noise=0.5)
    largest = np.linalg.norm(data.train.X, axis=1).max()
    train = data.train._replace(X=data.train.X / largest)
    return replace(data, train=train, feature_scale=4.0)


def ridge(rows, y, weight):
    """Minimise the mean squared error and weight/2 times the squared norm."""
    return np.linalg.solve(2 * rows.T @ rows / y.size + weight * np.eye(rows.shape[1]), 2 * rows.T @ y / y.size)


def test_independent_tasks_are_ridge_regressions_on_divided_rows(data):
    arranged, norm = appended_before(data)
    original = data.train.X * 4.0
    with_constant = np.column_stack([original, np.ones(original.shape[0])])
    assert norm == pytest.approx(np.linalg.norm(with_constant, axis=1).max())
    for task in np.unique(data.train.task):
        own = data.train.task == task
        expected = with_constant[own] / norm @ ridge(with_constant[own] / norm, data.train.y[own], LAMBDA)
        rows = np.column_stack([arranged.train.X[own], np.ones(own.sum())])
        np.testing.assert_allclose(rows @ ridge(rows, data.train.y[own], LAMBDA * norm**2), expected, rtol=1e-10)


def related(constant, lambdas=LAMBDA, radius=1.0, step_size=50.0):
    return Cell(
        "E", "budgets", "A", {"name": "related", "n_tasks": 4}, 0, (0, 1), (0, 1),
        {"name": "patom", "step_size": step_size, "max_iter": 3}, 0.2, 0,
        {"lambda_1": lambdas, "lambda_2": lambdas, "constant": constant}, radius,
    )  # fmt: skip


def test_a_cell_is_computed_with_the_numbers_that_stand_for_it():
    """Generated features have a scale of 1, so M^2 = 2."""
    before, _ = compute(related("before"))
    after, _ = compute(related("after", 2 * LAMBDA, 2**0.5, 100.0))
    assert before["utility"] == pytest.approx(after["utility"], rel=1e-12)
    assert before["metric_attacked"] == pytest.approx(after["metric_attacked"], rel=1e-12)
    other, _ = compute(related("after"))
    assert other["utility"] != pytest.approx(before["utility"], rel=1e-3)
