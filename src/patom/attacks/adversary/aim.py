"""What an attacker wants as a function of W: terms over rows, each a function of the rows' predictions."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from patom.core.arrays import FloatArray, IntArray
from patom.core.kernels import row_products, weighted_sums

Pointwise = Callable[[FloatArray, FloatArray], FloatArray]
OverTasks = Literal["mean", "worst", "least"]


@dataclass(frozen=True)
class Term:
    """Weight times phi(z, y), put together over rows: their mean, or the largest or smallest of the tasks' means."""

    X: FloatArray  # shape (q, p), with the constant, grouped by task
    y: FloatArray  # shape (q,)
    offsets: IntArray  # shape (m + 1,), where each task's rows begin; a task may have none
    value: Pointwise  # phi(z, y)
    slope: Pointwise  # its derivative in the prediction z
    over_tasks: OverTasks = "mean"  # of all rows, or of the task with the largest ("worst") or smallest ("least") mean
    weight: float = 1.0  # below 0 for what should stay low

    @cached_property
    def tasks(self) -> IntArray:
        """Positions of the tasks that have rows, ascending."""
        return np.flatnonzero(np.diff(self.offsets))

    @cached_property
    def task_index(self) -> IntArray:
        """Position of each row's task, shape (q,)."""
        return np.repeat(np.arange(self.offsets.size - 1), np.diff(self.offsets))

    def predictions(self, W: FloatArray) -> FloatArray:
        """Z of each row, shape (q,)."""
        return row_products(self.X, self.offsets, W)

    def at(self, W: FloatArray) -> float:
        """The term's value."""
        values = self.value(self.predictions(W), self.y)
        if self.over_tasks == "mean":
            return self.weight * float(values.mean())
        return self.weight * float(self._by_task(values)[self._chosen(values)])

    def slopes(self, W: FloatArray) -> FloatArray:
        """Derivative by each row's prediction, shape (q,)."""
        z = self.predictions(W)
        slopes = self.weight * self.slope(z, self.y)
        if self.over_tasks == "mean":
            return slopes / self.y.size
        task = self.tasks[self._chosen(self.value(z, self.y))]
        inside = self.task_index == task
        return np.where(inside, slopes, 0.0) / np.count_nonzero(inside)

    def lead(self, W: FloatArray) -> float:
        """How far the chosen task is ahead of the next, relatively: near 0 the term has a kink; 1 without a choice."""
        if self.over_tasks == "mean" or self.tasks.size < 2:
            return 1.0
        first, second = np.sort(self._by_task(self.value(self.predictions(W), self.y)) * self._sign)[:-3:-1]
        return float((first - second) / max(abs(first), abs(second), np.finfo(float).tiny))

    @property
    def _sign(self) -> float:
        return 1.0 if self.over_tasks == "worst" else -1.0

    def _by_task(self, values: FloatArray) -> FloatArray:
        starts = self.offsets[self.tasks]
        return np.asarray(np.add.reduceat(values, starts) / np.diff(self.offsets)[self.tasks])

    def _chosen(self, values: FloatArray) -> int:
        return int(np.argmax(self._sign * self._by_task(values)))


@dataclass(frozen=True)
class Aim:
    """The attacker's utility U(W), a sum of terms; with the default objective the mean loss of eq. 2's rows."""

    terms: tuple[Term, ...]

    @cached_property
    def tasks(self) -> IntArray:
        """Positions of the tasks whose weights matter, ascending."""
        return np.unique(np.concatenate([term.tasks for term in self.terms]))

    @property
    def size(self) -> int:
        """Rows of the first term: times this, the derivatives are those of eq. 2's sum."""
        return self.terms[0].y.size

    def utility(self, W: FloatArray) -> float:
        """U(W)."""
        return sum(term.at(W) for term in self.terms)

    def gradient(self, W: FloatArray) -> FloatArray:
        """dU/dW, shape (m, p)."""
        return np.asarray(sum(weighted_sums(term.X, term.offsets, term.slopes(W)) for term in self.terms))

    def lead(self, W: FloatArray) -> float:
        """Distance from a tie between tasks, see ``Term.lead``."""
        return min(term.lead(W) for term in self.terms)

    @cached_property
    def rows(self) -> tuple[FloatArray, IntArray]:
        """Rows of all terms and their tasks, shapes (q, p) and (q,): what PATOM samples from."""
        if len(self.terms) == 1:
            return self.terms[0].X, self.terms[0].task_index
        return np.concatenate([t.X for t in self.terms]), np.concatenate([t.task_index for t in self.terms])

    def slopes(self, W: FloatArray) -> FloatArray:
        """Derivative by the prediction of each of ``rows``, shape (q,)."""
        return np.concatenate([term.slopes(W) for term in self.terms])
