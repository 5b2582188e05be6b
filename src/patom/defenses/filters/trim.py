"""Rows that a fit without them finds most implausible: trimmed loss minimisation."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.base import clone

from patom.core.arrays import BoolArray, FloatArray, IntArray
from patom.core.kernels import row_products
from patom.core.rows import TaskRows
from patom.defenses.filters.sanitiser import Judged, Oddest, Rows
from patom.models import MTRLClassifier, MTRLRegressor
from patom.models.problem import Problem
from patom.models.settings import require_at_least
from patom.models.threads import one_blas_thread


class Trim(Oddest):
    """Fit on the rows that fit best, again and again: TRIM (Jagielski et al. 2018, algorithm 2), task by task.

    Looks for the rows, all but ``fraction`` of each task, on which the learner's objective is least: fits on a random
    such part, keeps each task's rows of the smallest losses under that fit, and goes on until the part stays the same.
    The objective falls at each turn; of several starts the lowest is kept.

    Parameters
    ----------
    estimator : MTRLRegressor or MTRLClassifier, optional
        Whose problem (1) is trimmed; default as each comes.
    fraction : float, default 0.1
        Of each task, in [0, 1): the attacker's share, budget/(1 + budget), where one is feared.
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
    >>> X = np.linspace(-1.0, 1.0, 10)[:, None]
    >>> y = 2.0 * X[:, 0]
    >>> y[3] = 5.0
    >>> np.flatnonzero(~Trim(MTRLRegressor(1e-3, 1e-3), fraction=0.1).keep(X, y).kept)
    array([3])
    """

    name: ClassVar[str] = "trim"

    def __init__(
        self,
        estimator: Any = None,
        fraction: float = 0.1,
        n_starts: int = 5,
        max_iter: int = 50,
        random_state: int = 0,
    ) -> None:
        super().__init__(fraction)
        self.estimator = estimator
        self.n_starts = n_starts
        self.max_iter = max_iter
        self.random_state = random_state

    def check(self) -> None:
        """Refuse settings that cannot be used."""
        super().check()
        require_at_least("Trim", 1, whole=True, n_starts=self.n_starts, max_iter=self.max_iter)
        require_mtrl("Trim", self.estimator)

    def judge(self, rows: Rows) -> Judged:
        """Losses under the fit on the rows that stay; the largest of those of its task is a row's threshold."""
        problem, order = grouped(self.estimator, rows)
        counts = problem.rows.counts - dropped(problem.rows.counts, self.fraction)
        rng = np.random.default_rng(self.random_state)
        with one_blas_thread():
            best = min(
                (trim(problem, _start(problem, counts, rng, all_rows=i == 0), counts, self.max_iter)
                 for i in range(self.n_starts)),
                key=lambda found: found.objective,
            )  # fmt: skip
        return judged(problem.rows, order, best, self.name)

    def scores(self, rows: Rows) -> FloatArray:
        """Losses under the fit on the rows that stay."""
        return self.judge(rows).score


@dataclass(frozen=True)
class Trimmed:
    """A part of the rows that is best under its own fit.

    Parameters
    ----------
    kept : array of bool, shape (n,)
        In the order of the problem's rows.
    losses : array of shape (n,)
        Of all rows under the fit on those kept.
    objective : float
        Of (1) on the rows kept.
    W : array of shape (m, p)
    """

    kept: BoolArray
    losses: FloatArray
    objective: float
    W: FloatArray


def judged(rows: TaskRows, order: IntArray, found: Trimmed, name: str) -> Judged:
    """Losses as scores in the order of the data, the largest loss kept of its task as a row's threshold."""
    score, threshold, why = np.empty(order.size), np.empty(order.size), np.full(order.size, "", dtype=object)
    score[order] = found.losses
    largest = [found.losses[own][found.kept[own]].max() for own in own_rows(rows)]
    threshold[order] = np.repeat(largest, rows.counts)
    why[order[~found.kept]] = name
    return Judged(score, threshold, why.astype(str))


def trim(problem: Problem, kept: BoolArray, counts: IntArray, max_iter: int, W: FloatArray | None = None) -> Trimmed:
    """From a part of the rows to one that is best under its own fit, ``counts`` rows a task; costs a fit a turn.

    Each turn lowers the objective: the fit for the rows, then the rows for the fit.
    """
    rows = problem.rows
    for _ in range(max_iter):
        solution = problem.solve(part(rows, kept), start=W, polish=False)
        W = solution.W
        losses = problem.loss.value(row_products(rows.X, rows.offsets, solution.W), rows.y)
        chosen = smallest(losses, rows, counts)
        if np.array_equal(chosen, kept):
            break
        kept = chosen
    return Trimmed(kept, losses, solution.objective, solution.W)


def require_mtrl(owner: str, estimator: Any) -> None:
    """Refuse an estimator that is given and does not solve problem (1)."""
    if estimator is not None and not isinstance(estimator, MTRLRegressor | MTRLClassifier):
        kind = type(estimator).__name__
        raise ValueError(f"estimator of {owner} must be an MTRLRegressor or MTRLClassifier; got {kind}.")


def grouped(estimator: Any, rows: Rows) -> tuple[Problem, IntArray]:
    """Problem (1) on the rows, and which row each of its rows was."""
    model = (MTRLClassifier() if rows.classes else MTRLRegressor()) if estimator is None else clone(estimator)
    present = np.unique(rows.task_index)
    problem = model.problem(rows.X, rows.y, task=np.searchsorted(present, rows.task_index))
    return problem, np.argsort(rows.task_index, kind="stable")


def part(rows: TaskRows, kept: BoolArray) -> TaskRows:
    """Some of the rows; every task must keep one at least."""
    counts = np.add.reduceat(kept, rows.offsets[:-1])
    return TaskRows(rows.X[kept], rows.y[kept], np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def smallest(losses: FloatArray, rows: TaskRows, counts: IntArray) -> BoolArray:
    """The ``counts`` rows of each task of the smallest losses; of equal ones the first."""
    order = np.lexsort((losses, rows.task_index))
    place = np.arange(losses.size) - np.repeat(rows.offsets[:-1], rows.counts)
    kept = np.empty(losses.size, dtype=bool)
    kept[order] = place < np.repeat(counts, rows.counts)
    return kept


def dropped(counts: IntArray, fraction: float) -> IntArray:
    """Rows of each task that make up the fraction, rounded down; never all of them."""
    return np.minimum((fraction * counts + 1e-9).astype(np.int64), counts - 1)


def _start(problem: Problem, counts: IntArray, rng: np.random.Generator, *, all_rows: bool) -> BoolArray:
    if all_rows:
        return np.ones(problem.rows.y.size, dtype=bool)
    return smallest(rng.random(problem.rows.y.size), problem.rows, counts)


def own_rows(rows: TaskRows) -> list[slice]:
    """Where each task's rows are."""
    return [slice(a, b) for a, b in zip(rows.offsets[:-1], rows.offsets[1:], strict=True)]
