"""NMSE and AUC over several tasks: the mean over tasks or, where tasks are small, one figure of all test rows.

The NMSE of a few rows has a heavy tail, since their variance may be close to 0 by chance: one such task can dominate
the mean. The figure of all test rows divides their squared errors by those of predicting a mean: a task counts by its
rows, and a model that knows the tasks' means only has an NMSE of 1.
"""

import numpy as np

from patom import metrics
from patom.core.arrays import BoolArray, FloatArray, IntArray
from patom.datasets.dataset import Kind
from patom.results.audit import Metric

METRICS: dict[Kind, tuple[Metric, metrics.Metric]] = {
    "regression": ("NMSE", metrics.nmse),
    "classification": ("AUC", metrics.auc),
}
"""The metric of each kind of target, and its name."""

LEAST_TEST_ROWS = 6
"""With fewer, the variance under a task's NMSE is a guess: for normal targets the ratio's own variance is infinite."""
FEW_TEST_ROWS = 20
"""With fewer in any task, regression's tasks are measured together."""
FEW_OF_A_CLASS = 10
"""With fewer of either class in any task, classification's are."""


def have_few(kind: Kind, y: FloatArray, task: IntArray, n_tasks: int) -> BoolArray:
    """Which tasks have few test rows, or few of a class, shape (n_tasks,); one without any is not among them.

    >>> have_few("regression", np.zeros(49), np.repeat([0, 1], [30, 19]), 3)
    array([False,  True, False])
    """
    counts = np.bincount(task, minlength=n_tasks)
    if kind == "regression":
        return np.asarray((counts > 0) & (counts < FEW_TEST_ROWS))
    positive = np.bincount(task, y > 0.0, minlength=n_tasks)
    return np.asarray((counts > 0) & (np.minimum(positive, counts - positive) < FEW_OF_A_CLASS))


def by_task(kind: Kind, y: FloatArray, decision: FloatArray, task: IntArray, n_tasks: int) -> FloatArray:
    """The metric of each task, shape (n_tasks,); NaN for one class only, constant targets or few rows.

    Few: below ``LEAST_TEST_ROWS``, for NMSE.
    """
    scores = metrics.per_task(METRICS[kind][1], y, decision, task)
    values = np.full(n_tasks, np.nan)
    values[scores.tasks.astype(np.int64)] = scores.values
    if kind == "regression":
        values[np.bincount(task, minlength=n_tasks) < LEAST_TEST_ROWS] = np.nan
    return values


def nmse_together(y: FloatArray, predicted: FloatArray, task: IntArray, known: FloatArray, of: IntArray) -> float:
    """Squared errors over those of predicting a mean: of the task's training rows or of all, whichever errs less.

    ``known`` are the targets of the training rows and ``of`` their tasks, which every task has. NaN without rows, or
    where a mean has no error.

    >>> y, task = np.array([0.0, 4.0, 13.0]), np.array([0, 0, 1])
    >>> nmse_together(y, y + 1.0, task, np.array([1.0, 3.0, 10.0]), np.array([0, 0, 1]))  # means 2 and 10: 4 + 4 + 9
    0.17647058823529413
    """
    counts = np.bincount(of)
    own = (np.bincount(of, known) / np.maximum(counts, 1))[task]
    errors = [float(np.sum((y - each) ** 2)) for each in (predicted, own, np.full(y.size, known.mean()))]
    least = min(errors[1:])
    return errors[0] / least if least > 0.0 else float("nan")


def auc_together(y: FloatArray, decision: FloatArray, task: IntArray) -> float:
    """Mean of the tasks' AUC, each weighted by its pairs over its rows (van Elteren 1960); NaN where no task has pairs.

    A task of n rows, k of them positive, weighs k (n - k) / (n + 1): with few of either class its AUC is coarse.

    >>> y, task = np.array([-1.0, 1.0, -1.0, 1.0, 1.0]), np.array([0, 0, 1, 1, 1])
    >>> auc_together(y, np.array([0.0, 1.0, 2.0, 1.0, 1.0]), task)  # AUC 1 of weight 1/3, AUC 0 of weight 1/2
    0.4
    """
    scores = metrics.per_task(metrics.auc, y, decision, task)
    counts = np.bincount(task)[scores.tasks.astype(np.int64)]
    positive = np.bincount(task, y > 0.0)[scores.tasks.astype(np.int64)]
    weight = positive * (counts - positive) / (counts + 1)
    known = weight > 0.0
    return float(np.average(scores.values[known], weights=weight[known])) if known.any() else float("nan")
