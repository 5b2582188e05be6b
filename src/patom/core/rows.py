"""Rows grouped by task, either copied or left where they are."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from patom.core.arrays import AnyArray, BoolArray, FloatArray, IntArray, read_only
from patom.core.kernels import (
    AS_THEY_LIE,
    counting_order,
    gram_products,
    interleaved,
    row_products,
    weighted_squares,
    weighted_sums,
)
from patom.core.task_weights import TaskWeights


@dataclass(frozen=True)
class Rows:
    """Rows of all tasks, as a data term sees them: by place, the places of one task side by side.

    ``shares``, shape (n,), are the weights of the rows' losses in their task's, by place, at least 0; None for 1/n_i,
    as in problem (1). ``weighing`` says what a task's loss weighs by its rows; None for 1, as in problem (1).
    """

    X: AnyArray
    y: FloatArray
    offsets: IntArray
    shares: FloatArray | None = field(default=None, kw_only=True)
    weighing: TaskWeights | None = field(default=None, kw_only=True)

    @property
    def at_place(self) -> IntArray:
        """The row of ``X`` at each place; empty where rows are in their places."""
        return AS_THEY_LIE

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
    def task_weights(self) -> FloatArray | None:
        """What each task's loss weighs, shape (m,); None where all weigh 1."""
        return weights_of(self.weighing, self.counts)

    @cached_property
    def weights(self) -> FloatArray:
        """The factor of each row's loss in problem (1), c_i/n_i or c_i times the row's share, shape (n,)."""
        shares = self.shares
        if shares is None:
            shares = np.repeat(1.0 / np.maximum(self.counts, 1), self.counts)  # a task without rows has none to weigh
        return shares if self.task_weights is None else shares * np.repeat(self.task_weights, self.counts)

    def block(self, places: slice) -> FloatArray:
        """Rows of consecutive places with the constant."""
        return self.X[places]

    def products(self, W: FloatArray) -> FloatArray:
        """Predictions w_i'x_ij by place, shape (n,)."""
        return row_products(self.X, self.offsets, W, self.at_place)

    def sums(self, weight: FloatArray) -> FloatArray:
        """Per-task sums of rows times weights, which come by place, shape (m, p)."""
        return weighted_sums(self.X, self.offsets, weight, self.at_place, constant=self.X.shape[1] < self.n_columns)

    def squares(self, weight: FloatArray) -> FloatArray:
        """Per-task sums of squared rows times weights, which come by place, shape (m, p)."""
        return weighted_squares(self.X, self.offsets, weight, self.at_place, constant=self.X.shape[1] < self.n_columns)

    def gram(self, weight: FloatArray, V: FloatArray) -> FloatArray:
        """Per-task sums of weighted rows times their products with v_i, shape (m, p)."""
        return gram_products(self.X, self.offsets, weight, V, self.at_place)


@dataclass(frozen=True)
class TaskRows(Rows):
    """Rows of all tasks, those of one task side by side.

    ``X``, shape (n, p): features with the constant 1 in the last column, C-contiguous; ``y``, shape (n,): targets, -1
    and +1 for a margin loss; ``offsets``, shape (m + 1,): task ``i`` owns the rows ``offsets[i]:offsets[i + 1]``, at
    least one.

    >>> rows = group_rows(np.array([[1.0], [2.0], [3.0]]), np.zeros(3), np.array([1, 0, 1]), n_tasks=2)
    >>> rows.X[:, 0], rows.offsets
    (array([2., 1., 3.]), array([0, 1, 3]))
    """

    X: FloatArray

    @cached_property
    def task_index(self) -> IntArray:
        """Position of each row's task, shape (n,)."""
        return np.repeat(np.arange(self.n_tasks), self.counts)

    def chosen(self, which: IntArray | BoolArray, counts: IntArray) -> "TaskRows":
        """Some of the rows, by their positions or by a mask, task by task; ``counts``, shape (m,), says how many each.

        Shares are left out: in problem (1) on these rows alone, all rows of a task count alike. Tasks weigh what their
        numbers of rows here say.
        """
        return TaskRows(np.ascontiguousarray(self.X[which]), self.y[which], offsets_of(counts), weighing=self.weighing)


@dataclass(frozen=True)
class BorrowedRows(Rows):
    """Rows that stay as and where they are.

    ``X``, shape (n, d): features, float64 or float32, C-contiguous, the constant implied, so p = d + 1; ``y`` and
    ``offsets`` by place, as in ``TaskRows``; ``order``, shape (n,): the row of ``X`` at each place, None where rows are
    in their places.

    >>> rows = BorrowedRows(np.array([[1.0], [2.0], [3.0]]), np.zeros(3), np.array([0, 1, 3]), np.array([1, 0, 2]))
    >>> rows.products(np.array([[1.0, 0.5], [10.0, 0.0]]))
    array([ 2.5, 10. , 30. ])
    """

    order: IntArray | None

    @property
    def at_place(self) -> IntArray:
        return AS_THEY_LIE if self.order is None else read_only(self.order)

    @property
    def n_columns(self) -> int:
        return int(self.X.shape[1]) + 1

    def block(self, places: slice) -> FloatArray:
        return append_constant(self.X[places if self.order is None else self.order[places]])


def weights_of(weighing: TaskWeights | None, counts: IntArray) -> FloatArray | None:
    """What tasks of so many rows weigh, shape (m,); None where all weigh 1, as tasks of equal sizes do by rows."""
    found = None if weighing is None else weighing.of(counts)
    return None if found is None or (found == 1.0).all() else found


@dataclass(frozen=True)
class Grouping:
    """Where each task's rows are: task ``i`` owns the rows ``order[offsets[i]:offsets[i + 1]]``."""

    order: IntArray | None  # (n,); None where rows are in the order of their tasks already
    offsets: IntArray  # (m + 1,)

    def arrange(self, values: AnyArray) -> AnyArray:
        """Values of rows, task by task: a copy, unless they are in that order already."""
        return values if self.order is None else values[self.order]


def offsets_of(counts: IntArray) -> IntArray:
    """Where each task's rows begin, and the end, shape (m + 1,), for tasks of ``counts`` rows side by side.

    >>> offsets_of(np.array([2, 3]))
    array([0, 2, 5])
    """
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def grouping(task_index: IntArray, n_tasks: int) -> Grouping:
    """Group rows by the position of their task, in time linear in the rows.

    >>> grouping(np.array([1, 0, 1]), n_tasks=2)
    Grouping(order=array([1, 0, 2]), offsets=array([0, 1, 3]))
    """
    offsets = offsets_of(np.bincount(task_index, minlength=n_tasks))
    if (task_index[1:] >= task_index[:-1]).all():
        return Grouping(None, offsets)
    return Grouping(counting_order(task_index, offsets), offsets)


def append_constant(X: FloatArray) -> FloatArray:
    """Append the constant feature that carries the bias (paper, section 5); costs one copy.

    >>> append_constant(np.zeros((1, 2)))
    array([[0., 0., 1.]])
    """
    return np.concatenate([X, np.ones((X.shape[0], 1))], axis=1)


def group_rows(X: FloatArray, y: FloatArray, task_index: IntArray, n_tasks: int) -> TaskRows:
    """Append the constant and group the rows by task; within a task they keep their order.

    ``X``: (n, d), ``y``: (n,), ``task_index``: (n,), the position of each row's task; every task must occur.
    """
    groups = grouping(task_index, n_tasks)
    targets = y.copy() if groups.order is None else groups.arrange(y)
    return TaskRows(append_constant(groups.arrange(X)), targets, groups.offsets)


def inject_rows(rows: TaskRows, X: FloatArray, y: FloatArray, task_index: IntArray) -> TaskRows:
    """Clean rows and injected ones together; an injected row comes after its task's clean rows.

    ``X``: (r, p) with the constant, ``y``: (r,), ``task_index``: (r,). Costs one copy of all rows: the
    clean ones, and those of an earlier injection, are not changed.
    """
    added = grouping(task_index, rows.n_tasks)
    return TaskRows(
        interleaved(rows.X, rows.offsets, added.arrange(X), added.offsets),
        interleaved(rows.y[:, None], rows.offsets, added.arrange(y)[:, None], added.offsets)[:, 0],
        rows.offsets + added.offsets,
        weighing=rows.weighing,
    )
