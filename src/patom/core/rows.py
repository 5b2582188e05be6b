"""The one data structure: rows grouped by task."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from patom.core.arrays import FloatArray, IntArray
from patom.core.kernels import interleaved


@dataclass(frozen=True)
class TaskRows:
    """Rows of all tasks, those of one task side by side.

    Parameters
    ----------
    X : array of shape (n, p)
        Features with the constant 1 in the last column, C-contiguous.
    y : array of shape (n,)
        Targets; -1 and +1 for a margin loss.
    offsets : array of shape (m + 1,)
        Task ``i`` owns the rows ``offsets[i]:offsets[i + 1]``; every task owns at least one.

    Examples
    --------
    >>> rows = group_rows(np.array([[1.0], [2.0], [3.0]]), np.zeros(3), np.array([1, 0, 1]), n_tasks=2)
    >>> rows.X[:, 0], rows.offsets
    (array([2., 1., 3.]), array([0, 1, 3]))
    """

    X: FloatArray
    y: FloatArray
    offsets: IntArray

    @property
    def n_tasks(self) -> int:
        """Number of tasks m."""
        return self.offsets.size - 1

    @property
    def n_columns(self) -> int:
        """Number of columns p: features and the constant."""
        return int(self.X.shape[1])

    @cached_property
    def counts(self) -> IntArray:
        """Rows of each task n_i, shape (m,)."""
        return np.diff(self.offsets)

    @cached_property
    def weights(self) -> FloatArray:
        """The factor 1/n_i of problem (1) for each row, shape (n,)."""
        return np.repeat(1.0 / self.counts, self.counts)

    @cached_property
    def task_index(self) -> IntArray:
        """Position of each row's task, shape (n,)."""
        return np.repeat(np.arange(self.n_tasks), self.counts)


def append_constant(X: FloatArray) -> FloatArray:
    """Append the constant feature that carries the bias (paper, section 5); costs one copy.

    >>> append_constant(np.zeros((1, 2)))
    array([[0., 0., 1.]])
    """
    return np.concatenate([X, np.ones((X.shape[0], 1))], axis=1)


def grouping(task_index: IntArray, n_tasks: int) -> tuple[IntArray, IntArray]:
    """The order that puts the rows of a task side by side, each task's own order kept, and where each task begins.

    >>> grouping(np.array([1, 0, 1]), 3)
    (array([1, 0, 2]), array([0, 1, 3, 3]))
    """
    offsets = np.concatenate([[0], np.cumsum(np.bincount(task_index, minlength=n_tasks))])
    return np.argsort(task_index, kind="stable"), offsets.astype(np.int64)


def group_rows(X: FloatArray, y: FloatArray, task_index: IntArray, n_tasks: int) -> TaskRows:
    """Append the constant and group the rows by task; within a task they keep their order.

    Parameters
    ----------
    X : array of shape (n, d)
    y : array of shape (n,)
    task_index : array of shape (n,)
        Position of each row's task, 0 to ``n_tasks - 1``; every task must occur.
    """
    order, offsets = grouping(task_index, n_tasks)
    return TaskRows(append_constant(X[order]), y[order], offsets)


def inject_rows(rows: TaskRows, X: FloatArray, y: FloatArray, task_index: IntArray) -> TaskRows:
    """Clean rows and injected ones together; an injected row comes after its task's clean rows.

    ``X``: (r, p) with the constant, ``y``: (r,), ``task_index``: (r,). Costs one copy of all rows: whoever holds the
    clean ones, or those of an earlier injection, keeps them as they are.
    """
    order, added = grouping(task_index, rows.n_tasks)
    return TaskRows(
        interleaved(rows.X, rows.offsets, X[order], added),
        interleaved(rows.y[:, None], rows.offsets, y[order, None], added)[:, 0],
        rows.offsets + added,
    )
