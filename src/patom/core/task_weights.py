"""What a task's loss weighs in problem (1): c_i in sum_i c_i/n_i sum_j l(w_i'x_ij, y_ij), a function of the n_i.

The paper's is 1 for every task, so an account with one row weighs as much as a task with thousands. The weights here
make a task with few rows weigh less; then it does not pay an attacker to open accounts.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from patom.core.arrays import FloatArray, IntArray


class TaskWeights(Protocol):
    """Weights of tasks by their numbers of rows."""

    def of(self, counts: IntArray) -> FloatArray:
        """c_i of tasks with n_i rows, shape (m,), at least 0; a task without rows has any."""

    def among(self, tasks: IntArray) -> "TaskWeights":
        """The weights of some tasks alone, by their positions."""


@dataclass(frozen=True)
class ByRows:
    """c_i = n_i/n_ref with n_ref = sum n_i^2 / sum n_i, the mean over rows of their tasks' sizes.

    The mean over tasks would fall with every account that joins, and the penalties with it.

    >>> ByRows().of(np.array([1, 1, 4])), ByRows().of(np.array([49, 49]))
    (array([0.33333333, 0.33333333, 1.33333333]), array([1., 1.]))
    """

    def of(self, counts: IntArray) -> FloatArray:
        """See ``TaskWeights``."""
        n = counts.astype(np.float64)
        return np.asarray(n / ((n @ n) / n.sum()))

    def among(self, tasks: IntArray) -> "ByRows":  # noqa: ARG002
        """See ``TaskWeights``; n_ref is that of the chosen tasks."""
        return self


@dataclass(frozen=True, eq=False)
class Repeated:
    """Tasks that stand for several identical ones, ``times`` each, shape (m,), above 0: c_i times as much.

    ``each`` says what one of them weighs; None for 1.

    >>> Repeated(UpTo(4.0), np.array([1.0, 2.5])).of(np.array([8, 2]))
    array([1.  , 1.25])
    """

    each: TaskWeights | None
    times: FloatArray

    def of(self, counts: IntArray) -> FloatArray:
        """See ``TaskWeights``."""
        if self.each is None:
            return self.times
        if isinstance(self.each, ByRows):  # n_ref over all of them
            n = counts.astype(np.float64)
            return np.asarray(self.times * n / (((self.times * n) @ n) / (self.times @ n)))
        return self.times * self.each.of(counts)

    def among(self, tasks: IntArray) -> "Repeated":
        """See ``TaskWeights``."""
        return Repeated(None if self.each is None else self.each.among(tasks), self.times[tasks])


@dataclass(frozen=True, eq=False)
class UpTo:
    """c_i = min(1, n_i/n_0): a task weighs 1 from n_0 rows on; n_0 is one number, or one a task, shape (m,), above 0.

    >>> UpTo(4.0).of(np.array([1, 4, 9]))
    array([0.25, 1.  , 1.  ])
    """

    n_0: FloatArray | float

    def of(self, counts: IntArray) -> FloatArray:
        """See ``TaskWeights``."""
        return np.minimum(1.0, counts / self.n_0)

    def among(self, tasks: IntArray) -> "UpTo":
        """See ``TaskWeights``."""
        return self if np.ndim(self.n_0) == 0 else UpTo(np.asarray(self.n_0)[tasks])
