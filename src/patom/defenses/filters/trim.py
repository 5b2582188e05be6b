"""Rows that a fit without them finds most implausible: trimmed loss minimisation."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from patom.core.arrays import BoolArray, FloatArray, IntArray
from patom.core.kernels import row_products
from patom.core.rows import TaskRows
from patom.defenses.filters.sanitiser import Judged, Oddest, Rows
from patom.defenses.parts import kept_rows, place_in_task, problem_on, require_mtrl, task_slices
from patom.models.problem import Problem
from patom.models.settings import require_at_least
from patom.models.threads import one_blas_thread


@dataclass(eq=False, repr=False)
class Trim(Oddest):
    """Fit on the rows that fit best, again and again: TRIM (Jagielski et al. 2018, algorithm 2), task by task.

    It looks for the rows, all but ``fraction`` of each task, on which the learner's objective is least. It fits on a
    random part of that size, keeps each task's rows of the smallest losses under that fit, and repeats both until the
    part stays the same. The objective falls at each turn; of several starts the lowest is kept.

    Parameters
    ----------
    estimator : MTRLRegressor or MTRLClassifier, optional
        Whose problem (1) is trimmed; default as each comes.
    fraction : float, default 0.1
        Of each task, in [0, 1). Against an attacker of a given budget, her share of the rows: budget/(1 + budget).
    n_starts : int, default 5
        The first starts from the fit on all rows, the others from random parts.
    max_iter : int, default 50
        Fits in each start.
    random_state : int, default 0

    Notes
    -----
    On clean data it drops ``fraction`` of the rows. Costs a fit a turn, usually below ten turns a start.

    Examples
    --------
    >>> from patom import MTRLRegressor
    >>> X = np.linspace(-1.0, 1.0, 10)[:, None]
    >>> y = 2.0 * X[:, 0]
    >>> y[3] = 5.0
    >>> np.flatnonzero(~Trim(MTRLRegressor(1e-3, 1e-3), fraction=0.1).keep(X, y).kept)
    array([3])
    """

    estimator: Any = None
    fraction: float = 0.1
    n_starts: int = 5
    max_iter: int = 50
    random_state: int = 0

    def check(self) -> None:
        super().check()
        require_at_least("Trim", 1, whole=True, n_starts=self.n_starts, max_iter=self.max_iter)
        require_mtrl("Trim", self.estimator)

    def judge(self, rows: Rows) -> Judged:
        """Losses under the fit on the rows that stay; a row's threshold is the largest such loss kept in its task."""
        problem, order = problem_on(self.estimator, rows)
        counts = problem.rows.counts - dropped(problem.rows.counts, self.fraction)
        rng = np.random.default_rng(self.random_state)
        starts = [np.ones(order.size, dtype=bool), *random_parts(problem.rows, counts, rng, self.n_starts - 1)]
        with one_blas_thread():
            best = best_of(problem, starts, counts, self.max_iter)
        return judged(problem.rows, order, best, self.name)

    def scores(self, rows: Rows) -> FloatArray:
        return self.judge(rows).score


@dataclass(frozen=True)
class Trimmed:
    """A part of the problem's rows that is best under its own fit, W of shape (m, p).

    ``kept`` and ``losses``, under that fit, are of all rows, shape (n,); the objective is that of (1) on those kept.
    """

    kept: BoolArray
    losses: FloatArray
    objective: float
    W: FloatArray


def judged(rows: TaskRows, order: IntArray, found: Trimmed, name: str) -> Judged:
    """Losses as scores in the order of the data, the largest loss kept of its task as a row's threshold."""
    score, threshold, why = np.empty(order.size), np.empty(order.size), np.full(order.size, "", dtype=object)
    score[order] = found.losses
    largest = [found.losses[own][found.kept[own]].max() for own in task_slices(rows)]
    threshold[order] = np.repeat(largest, rows.counts)
    why[order[~found.kept]] = name
    return Judged(score, threshold, why.astype(str))


def trim(problem: Problem, kept: BoolArray, counts: IntArray, max_iter: int, W: FloatArray | None = None) -> Trimmed:
    """From a part of the rows to one that is best under its own fit, ``counts`` rows a task; costs a fit a turn.

    Each turn lowers the objective: the fit for the rows, then the rows for the fit.
    """
    rows = problem.rows
    for _ in range(max_iter):
        solution = problem.solve(kept_rows(rows, kept), start=W, polish=False)
        W = solution.W
        losses = problem.loss.value(row_products(rows.X, rows.offsets, solution.W), rows.y)
        chosen = smallest(losses, rows, counts)
        if np.array_equal(chosen, kept):
            break
        kept = chosen
    return Trimmed(kept, losses, solution.objective, solution.W)


def best_of(problem: Problem, starts: list[BoolArray], counts: IntArray, max_iter: int) -> Trimmed:
    """The trimmed fit of the lowest objective, of those from some starts."""
    return min((trim(problem, start, counts, max_iter) for start in starts), key=lambda found: found.objective)


def random_parts(rows: TaskRows, counts: IntArray, rng: np.random.Generator, number: int) -> list[BoolArray]:
    """Random parts of ``counts`` rows a task."""
    return [smallest(rng.random(rows.y.size), rows, counts) for _ in range(number)]


def smallest(losses: FloatArray, rows: TaskRows, counts: IntArray) -> BoolArray:
    """The ``counts`` rows of each task of the smallest losses; of equal ones the first."""
    return place_in_task(rows, np.lexsort((losses, rows.task_index))) < np.repeat(counts, rows.counts)


def dropped(counts: IntArray, fraction: float) -> IntArray:
    """Rows of each task that make up the fraction, rounded down; never all of them."""
    return np.minimum((fraction * counts + 1e-9).astype(np.int64), counts - 1)
