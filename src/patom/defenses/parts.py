"""Parts of the training rows: rows that stay, rows of some tasks, folds, middles; problem (1) on a filter's rows."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone

from patom.core.arrays import BoolArray, FloatArray, IntArray
from patom.core.grouped import over_groups, places_within
from patom.core.rows import TaskRows
from patom.defenses.filters.sanitiser import Rows
from patom.models import MTRLClassifier, MTRLRegressor
from patom.models.problem import Problem

TO_DEVIATION = 1.4826
"""Factor from the median absolute deviation to a normal distribution's standard deviation."""


def require_mtrl(owner: str, estimator: Any) -> None:
    """Refuse an estimator that is given and does not solve problem (1)."""
    if estimator is not None and not isinstance(estimator, MTRLRegressor | MTRLClassifier):
        kind = type(estimator).__name__
        raise ValueError(f"estimator of {owner} must be an MTRLRegressor or MTRLClassifier; got {kind}.")


def problem_on(estimator: Any, rows: Rows) -> tuple[Problem, IntArray]:
    """Problem (1) on a filter's rows, and the position among them of each of the problem's rows."""
    model = (MTRLClassifier() if rows.classes else MTRLRegressor()) if estimator is None else clone(estimator)
    present = np.unique(rows.task_index)
    problem = model.problem(rows.X, rows.y, task=np.searchsorted(present, rows.task_index))
    return problem, np.argsort(rows.task_index, kind="stable")


def kept_rows(rows: TaskRows, kept: BoolArray) -> TaskRows:
    """The rows that a mask of shape (n,) keeps; every task must keep one at least."""
    return rows.chosen(kept, np.add.reduceat(kept, rows.offsets[:-1]))


def rows_of_tasks(rows: TaskRows, tasks: IntArray) -> TaskRows:
    """All rows of some tasks; ``tasks`` holds their positions, ascending."""
    weighing = None if rows.weighing is None else rows.weighing.among(tasks)
    return replace(rows.chosen(np.isin(rows.task_index, tasks), rows.counts[tasks]), weighing=weighing)


def part_of(problem: Problem, tasks: IntArray) -> Problem:
    """Problem (1) on the rows of some tasks; ``tasks`` holds their positions, ascending."""
    return replace(problem, rows=rows_of_tasks(problem.rows, tasks), tasks=problem.tasks[tasks])


def task_slices(rows: TaskRows) -> list[slice]:
    """Where each task's rows are."""
    return [slice(a, b) for a, b in zip(rows.offsets[:-1], rows.offsets[1:], strict=True)]


def place_in_task(rows: TaskRows, order: IntArray) -> IntArray:
    """The place of each row within its task, from 0 up, shape (n,); ``order`` sorts the rows task by task."""
    place = np.empty(rows.y.size, dtype=np.int64)
    place[order] = places_within(rows.counts)
    return place


def folds(rows: TaskRows, n_folds: int, rng: np.random.Generator) -> IntArray:
    """A fold for each row, dealt out within tasks; the only row of a task is in none (-1), so it is never held out."""
    place = place_in_task(rows, np.lexsort((rng.random(rows.y.size), rows.task_index)))
    return np.where(np.repeat(rows.counts, rows.counts) > 1, place % n_folds, -1)


def middles(X: FloatArray, groups: Sequence[IntArray], centre: str = "median") -> FloatArray:
    """The coordinates' medians or means over each group's rows, shape (g, d)."""
    return over_groups(partial(np.median if centre == "median" else np.mean, axis=1), X, groups)
