"""What an attacker wants as a function of W: terms over rows, each a function of the rows' predictions."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.special import expit

from patom.core.arrays import BoolArray, FloatArray, IntArray
from patom.core.kernels import row_products, weighted_sums

Pointwise = Callable[[FloatArray, FloatArray], FloatArray]
OverTasks = Literal["mean", "worst", "least"]
AimedAt = Literal["loss", "auc"]


@dataclass(frozen=True)
class OnRows:
    """What a term is a function of: the predictions of some rows."""

    X: FloatArray  # shape (q, p), with the constant, grouped by task
    y: FloatArray  # shape (q,)
    offsets: IntArray  # shape (m + 1,), where each task's rows begin; a task may have none

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


@dataclass(frozen=True)
class Term(OnRows):
    """Weight times phi(z, y), put together over rows: their mean, or the largest or smallest of the tasks' means."""

    value: Pointwise  # phi(z, y)
    slope: Pointwise  # its derivative in the prediction z
    over_tasks: OverTasks = "mean"  # of all rows, or of the task with the largest ("worst") or smallest ("least") mean
    weight: float = 1.0  # below 0 for what should stay low

    @property
    def most(self) -> float:
        """A bound on the value."""
        return np.inf

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
class PairTerm(OnRows):
    """1 - AUC of each task, smoothed: the mean over its pairs of sigma((z_n - z_p)/(tau s)), p positive, n negative.

    s is the standard deviation of the task's predictions, so that larger weights alone change nothing. A task whose
    rows are of one class has no pairs, and no part in it. Costs O(pairs).
    """

    over_tasks: OverTasks = "mean"  # of the tasks' values, or the largest ("worst") or smallest ("least")

    @property
    def most(self) -> float:
        """A bound on the value."""
        return 1.0

    @cached_property
    def tasks(self) -> IntArray:
        """Positions of the tasks that have pairs, ascending."""
        rows = np.flatnonzero(np.diff(self.offsets))
        sides = [self.y[self.offsets[i] : self.offsets[i + 1]] > 0.0 for i in rows]
        return rows[[bool(side.any() and not side.all()) for side in sides]]

    def at(self, W: FloatArray) -> float:
        """The term's value."""
        values = self._values(self.predictions(W))
        return float(values.mean() if self.over_tasks == "mean" else values[self._chosen(values)])

    def slopes(self, W: FloatArray) -> FloatArray:
        """Derivative by each row's prediction, shape (q,)."""
        z, slopes = self.predictions(W), np.zeros(self.y.size)
        chosen = self.tasks if self.over_tasks == "mean" else self.tasks[[self._chosen(self._values(z))]]
        for i in chosen:
            own = slice(self.offsets[i], self.offsets[i + 1])
            slopes[own] = _pair_slopes(z[own], self.y[own] > 0.0) / chosen.size
        return slopes

    def lead(self, W: FloatArray) -> float:
        """As that of ``Term``."""
        if self.over_tasks == "mean" or self.tasks.size < 2:
            return 1.0
        sign = 1.0 if self.over_tasks == "worst" else -1.0
        first, second = np.sort(sign * self._values(self.predictions(W)))[:-3:-1]
        return float((first - second) / max(abs(first), abs(second)))

    def _values(self, z: FloatArray) -> FloatArray:
        parts = (slice(self.offsets[i], self.offsets[i + 1]) for i in self.tasks)
        return np.array([_pair_value(z[own], self.y[own] > 0.0) for own in parts])

    def _chosen(self, values: FloatArray) -> int:
        return int(np.argmax(values) if self.over_tasks == "worst" else np.argmin(values))


TAU = 0.3
"""How far two predictions lie apart, in standard deviations, for their order to count nearly in full."""
_AT_A_TIME = 2**20  # pairs


def _gaps(z: FloatArray, positive: BoolArray) -> tuple[FloatArray, float]:
    """The negatives' predictions, and TAU times the standard deviation of all, above 0."""
    return z[~positive], TAU * max(float(z.std()), float(np.finfo(float).tiny) ** 0.5)


def _pair_value(z: FloatArray, positive: BoolArray) -> float:
    """The mean over pairs; 1/2 where all predictions are equal."""
    low, scale = _gaps(z, positive)
    high = z[positive]
    at_a_time = max(1, _AT_A_TIME // low.size)
    total = sum(expit((low - part[:, None]) / scale).sum() for part in _parts(high, at_a_time))
    return float(total) / (high.size * low.size)


def _pair_slopes(z: FloatArray, positive: BoolArray) -> FloatArray:
    """The derivative of ``_pair_value`` by each prediction, that of the standard deviation included.

    0 where all predictions are equal, where there is none.
    """
    if np.ptp(z) == 0.0:
        return np.zeros(z.size)
    low, scale = _gaps(z, positive)
    high, by_low, by_high, by_scale = z[positive], np.zeros(low.size), [], 0.0
    for part in _parts(high, max(1, _AT_A_TIME // low.size)):
        u = (low - part[:, None]) / scale
        density = expit(u) * expit(-u)
        by_low += density.sum(axis=0)
        by_high.append(-density.sum(axis=1))
        by_scale -= float((density * u).sum())
    slopes = np.empty(z.size)
    slopes[positive], slopes[~positive] = np.concatenate(by_high), by_low
    deviation = scale / TAU
    slopes += by_scale * (z - z.mean()) / (z.size * deviation) * TAU
    return slopes / (scale * high.size * low.size)


def _parts(values: FloatArray, size: int) -> list[FloatArray]:
    return [values[first : first + size] for first in range(0, values.size, size)]


@dataclass(frozen=True)
class Aim:
    """The attacker's utility U(W), a sum of terms; with the default objective the mean loss of eq. 2's rows."""

    terms: tuple[Term | PairTerm, ...]

    @cached_property
    def tasks(self) -> IntArray:
        """Positions of the tasks whose weights matter, ascending."""
        return np.unique(np.concatenate([term.tasks for term in self.terms]))

    @property
    def size(self) -> int:
        """Rows of the first term: times this, the derivatives are those of eq. 2's sum."""
        return self.terms[0].y.size

    @property
    def most(self) -> float:
        """A bound on the utility; infinite where a term knows none."""
        return sum(term.most for term in self.terms)

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
