"""Second moments of each task's rows, which are all that a squared loss needs."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from patom.core.arrays import FloatArray, IntArray
from patom.core.rows import Rows, grouping
from patom.core.solvers.choose import BLOCK_ROWS


@dataclass(frozen=True)
class Moments:
    """Means over each task's rows, weighted where rows have shares of their own."""

    A: FloatArray  # 2 X_i'X_i/n_i, shape (m, p, p)
    b: FloatArray  # 2 X_i'y_i/n_i, shape (m, p)
    square: FloatArray  # y_i'y_i/n_i, shape (m,)
    counts: IntArray  # n_i, shape (m,)

    def joined(self, X: FloatArray, y: FloatArray, task_index: IntArray) -> "Moments":
        """With more rows, ``X``: (r, p) with the constant, ``y``: (r,), ``task_index``: (r,).

        Costs a copy, and r p^2 for the rows; blocks of tasks without new rows keep their bits.

        >>> from patom.core.rows import TaskRows
        >>> rows = TaskRows(np.eye(2), np.ones(2), np.array([0, 1, 2]))
        >>> more = moments(rows).joined(np.array([[0.0, 3.0]]), np.array([2.0]), np.array([1]))
        >>> more.A[1], more.b[1], more.square
        (array([[ 0.,  0.],
               [ 0., 10.]]), array([0., 7.]), array([1. , 2.5]))
        """
        groups = grouping(task_index, self.counts.size)
        offsets = groups.offsets
        A, b, square, counts = self.A.copy(), self.b.copy(), self.square.copy(), self.counts + np.diff(offsets)
        X, y = groups.arrange(X), groups.arrange(y)
        for i in np.flatnonzero(np.diff(offsets)):
            own, targets = (part[offsets[i] : offsets[i + 1]] for part in (X, y))
            stay, join = self.counts[i] / counts[i], 2.0 / counts[i]
            A[i] = stay * A[i] + join * (own.T @ own)
            b[i] = stay * b[i] + join * (own.T @ targets)
            square[i] = stay * square[i] + 0.5 * join * (targets @ targets)
        return Moments(A, b, square, counts)


def moments(rows: Rows) -> Moments:
    """The moments of rows; costs n p^2, and a copy of ``BLOCK_ROWS`` of them where they are borrowed."""
    m, p, shares = rows.n_tasks, rows.n_columns, rows.shares
    A, b, square = np.zeros((m, p, p)), np.zeros((m, p)), np.zeros(m)
    for i, (start, stop) in enumerate(pairwise(rows.offsets.tolist())):
        for first in range(start, stop, BLOCK_ROWS):
            part = slice(first, min(first + BLOCK_ROWS, stop))
            X, y = rows.block(part), rows.y[part]
            weighted = X if shares is None else X * shares[part, None]
            A[i] += weighted.T @ X
            b[i] += weighted.T @ y
            square[i] += y @ (y if shares is None else shares[part] * y)
    counts = rows.counts if shares is None else np.ones(m)
    A *= (2.0 / counts)[:, None, None]
    b *= (2.0 / counts)[:, None]
    return Moments(A, b, square / counts, rows.counts)
