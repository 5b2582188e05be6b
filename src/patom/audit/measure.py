"""NMSE and AUC over several tasks: the mean of the tasks' own, or that of all test rows together where tasks are small.

The NMSE of a few rows has a heavy tail, since their variance may be next to nothing by chance: one such task can make
the mean over all. Together means that the squared errors of all rows are set against the variance within tasks, so that
a task counts by its rows, and knowing the tasks' means alone is worth nothing (an NMSE of 1).
"""

from typing import Literal

import numpy as np

from patom import metrics
from patom.core.arrays import FloatArray, IntArray

Kind = Literal["regression", "classification"]

LEAST_TEST_ROWS = 6
"""With fewer, the variance under a task's NMSE is a guess: for normal targets the ratio's own variance is infinite."""
FEW_TEST_ROWS = 20
"""With fewer in any task, regression's tasks are measured together."""
FEW_OF_A_CLASS = 10
"""With fewer of either class in any task, classification's are."""


def are_small(kind: Kind, y: FloatArray, task: IntArray) -> bool:
    """Whether any task that has test rows has few of them.

    >>> task = np.repeat([0, 1], [30, 19])
    >>> are_small("regression", np.zeros(49), task), are_small("regression", np.zeros(30), task[:30])
    (True, False)
    """
    counts = np.bincount(task)
    if kind == "regression":
        return bool((counts[counts > 0] < FEW_TEST_ROWS).any())
    positive = np.bincount(task, y > 0.0)
    return bool((np.minimum(positive, counts - positive)[counts > 0] < FEW_OF_A_CLASS).any())


def by_task(kind: Kind, y: FloatArray, decision: FloatArray, task: IntArray, n_tasks: int) -> FloatArray:
    """The metric of each task, shape (n_tasks,); NaN for one class only, constant targets or few rows.

    Few: below ``LEAST_TEST_ROWS``, for NMSE.
    """
    scores = metrics.per_task(metrics.nmse if kind == "regression" else metrics.auc, y, decision, task)
    values = np.full(n_tasks, np.nan)
    values[scores.tasks.astype(np.int64)] = scores.values
    if kind == "regression":
        values[np.bincount(task, minlength=n_tasks) < LEAST_TEST_ROWS] = np.nan
    return values


def nmse_together(y: FloatArray, predicted: FloatArray, variance: float) -> float:
    """Mean squared error over the variance within tasks; NaN without rows or variance.

    >>> nmse_together(np.array([0.0, 2.0]), np.array([1.0, 1.0]), 2.0)
    0.5
    """
    if not y.size or not variance > 0.0:
        return float("nan")
    return float(np.mean((y - predicted) ** 2)) / variance


def variance_within(y: FloatArray, task: IntArray) -> float:
    """Variance around the tasks' own means, unbiased however few rows a task has; NaN where none has two.

    >>> variance_within(np.array([0.0, 2.0, 70.0, 74.0, 9.0]), np.array([0, 0, 1, 1, 2]))
    5.0
    """
    counts = np.bincount(task)
    freedom = int(y.size - np.count_nonzero(counts))
    if freedom < 1:
        return float("nan")
    means = np.bincount(task, y) / np.maximum(counts, 1)
    return float(np.sum((y - means[task]) ** 2)) / freedom


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
