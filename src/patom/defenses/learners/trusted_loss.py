"""How good a fit is by a few trusted rows: their loss, and how far it is from the fit on these rows alone."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from patom.core.arrays import BoolArray, FloatArray, IntArray
from patom.core.losses import Loss
from patom.core.rows import TaskRows
from patom.defenses.parts import kept_rows, part_of
from patom.models.problem import Problem

LEAST = 1e-8
"""Of the targets' mean square: smaller units count as so large, as where targets have no noise at all."""


@dataclass(frozen=True)
class Units:
    """What the three parts of a trusted loss are where all rows are clean, as far as the trusted rows tell.

    ``loss`` is the mean loss of trusted rows that a fit has not seen. ``spread`` and ``mean`` are variances of the
    trusted fit's predictions: within the tasks, and of the tasks' mean predictions.
    """

    loss: float
    spread: float
    mean: float


@dataclass(frozen=True)
class TrustedLoss:
    """J(W) = T/E + C/V_C + M/V_M, which is about 3 or less where all rows are clean.

    T is the mean loss of the trusted rows. Few of them leave many directions open, in which an attacker who knows them
    can do harm while T falls. So J also has the distance to the trusted fit, which learned from the trusted rows alone:
    with e the difference of predictions at all rows of the tasks with trusted rows, C is the mean over these tasks of
    e's variance over rows, and M of e's squared mean. E, V_C and V_M are the ``units``. The rows that are not trusted
    enter by their features only, and only in e.
    """

    rows: TaskRows  # of all tasks
    loss: Loss
    trusted: BoolArray  # which rows are, shape (n,)
    expected: FloatArray  # predictions of the trusted fit, shape (n,); 0 for rows of tasks without trusted rows
    units: Units

    def at(self, W: FloatArray) -> tuple[float, FloatArray]:
        """J and its gradient by W, shape (m, p); costs two passes over the rows."""
        rows, units, z = self.rows, self.units, self.rows.products(W)
        share = self.trusted / np.count_nonzero(self.trusted)
        within, mean = centred(z - self.expected, rows.task_index, rows.n_tasks)
        value = share @ self.loss.value(z, rows.y) / units.loss
        value += self._each @ (within**2 / units.spread + mean**2 / units.mean)
        slopes = share * self.loss.slope(z, rows.y) / units.loss
        slopes += 2.0 * self._each * (within / units.spread + mean / units.mean)
        return float(value), rows.sums(slopes)

    @cached_property
    def _each(self) -> FloatArray:
        """What each row counts in a mean over tasks of means over rows, shape (n,); 0 without trusted rows."""
        return _mean_of_means(self.rows.task_index, np.unique(self.rows.task_index[self.trusted]), self.rows.n_tasks)


def trusted_loss(problem: Problem, trusted: BoolArray, n_folds: int, rng: np.random.Generator) -> TrustedLoss:
    """The trusted loss by a mask of the problem's rows, at least two of them.

    Its units are from fits without each fold of the trusted rows: E by the losses of the folds, V_C and V_M by the
    jackknife over g folds, (g - 1)/g sum_f e_f^2, at the trusted rows. V_M is a variance of few numbers, so it is at
    least that of a mean of q_i rows, 2 E/(q_i max l''). Costs ``n_folds`` + 1 fits on the trusted rows.
    """
    rows, own = problem.rows, trusted_problem(problem, trusted)
    fit = own.solve(polish=False).W
    inside = np.isin(rows.task_index, np.unique(rows.task_index[trusted]))
    expected = np.zeros(rows.y.size)
    expected[inside] = part_of(problem, np.unique(rows.task_index[trusted])).rows.products(fit)
    return TrustedLoss(rows, problem.loss, trusted, expected, units_of(own, fit, n_folds, rng))


def trusted_problem(problem: Problem, trusted: BoolArray) -> Problem:
    """Problem (1) on the trusted rows alone, of the tasks that have some."""
    index = problem.rows.task_index
    tasks = np.unique(index[trusted])
    part = part_of(problem, tasks)
    return replace(part, rows=kept_rows(part.rows, trusted[np.isin(index, tasks)]))


def units_of(own: Problem, fit: FloatArray, n_folds: int, rng: np.random.Generator) -> Units:
    """The units of a trusted loss; ``fit`` is the optimum on the trusted rows, where fits without a fold start."""
    rows = own.rows
    fold = _dealt(rows, n_folds, rng)
    each = _mean_of_means(rows.task_index, np.arange(rows.n_tasks), rows.n_tasks)
    losses, spread, mean = np.empty(rows.y.size), 0.0, 0.0
    z, number = rows.products(fit), int(fold.max()) + 1
    for held in range(number):
        left = np.bincount(rows.task_index[fold != held], minlength=rows.n_tasks)[rows.task_index]
        shares = np.where(fold != held, 1.0 / np.maximum(left, 1), 0.0)
        without = rows.products(own.solve(replace(rows, shares=shares), start=fit, polish=False).W)
        losses[fold == held] = own.loss.value(without, rows.y)[fold == held]
        within, middle = centred(without - z, rows.task_index, rows.n_tasks)
        spread, mean = spread + float(each @ within**2), mean + float(each @ middle**2)
    loss, times = float(losses.mean()), (number - 1) / number
    of_means = 2.0 * loss / own.loss.curvature_bound * float(np.mean(1.0 / rows.counts))
    least = LEAST * float(np.mean(rows.y**2)) or 1.0
    return Units(*(max(unit, least) for unit in (loss, times * spread, max(times * mean, of_means))))


def centred(e: FloatArray, task_index: IntArray, n_tasks: int) -> tuple[FloatArray, FloatArray]:
    """Values less their task's mean, and that mean, both shape (n,).

    >>> centred(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 1]), 2)
    (array([-1.,  1.,  0.]), array([2., 2., 5.]))
    """
    counts = np.bincount(task_index, minlength=n_tasks)
    mean = (np.bincount(task_index, e, minlength=n_tasks) / np.maximum(counts, 1))[task_index]
    return e - mean, mean


def _mean_of_means(task_index: IntArray, tasks: IntArray, n_tasks: int) -> FloatArray:
    """What each row counts in the mean over ``tasks`` of the means over their rows, shape (n,)."""
    counts = np.bincount(task_index, minlength=n_tasks)
    return np.where(np.isin(task_index, tasks), 1.0 / (counts[task_index] * tasks.size), 0.0)


def _dealt(rows: TaskRows, n_folds: int, rng: np.random.Generator) -> IntArray:
    """A fold for each row, as equal in size as can be over all rows and within tasks, shape (n,)."""
    order = np.lexsort((rng.random(rows.y.size), rows.task_index))
    fold = np.empty(rows.y.size, dtype=np.int64)
    fold[order] = np.arange(rows.y.size) % min(n_folds, rows.y.size)
    return fold
