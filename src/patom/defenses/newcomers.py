"""New tasks: which of those that joined lately harm the model of the old ones, and by how much, alone and together.

``screen`` scores all tasks by their own rows and by leaving out one at a time. Here the model of the old tasks alone is
the reference, so that new accounts, however many, do not decide what is normal.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.utils import check_consistent_length, column_or_1d

from patom.core.arrays import AnyArray, FloatArray, IntArray
from patom.core.exact import exact_array, exact_column
from patom.core.labels import positions
from patom.core.losses import Loss
from patom.core.penalties.given import fixed_covariance
from patom.core.rows import Rows
from patom.defenses.parts import part_of, require_mtrl
from patom.models.problem import Problem
from patom.models.reading import require_shown
from patom.models.threads import one_blas_thread


@dataclass(frozen=True)
class NewTaskInfluence:
    """What new tasks do to the model of the old ones.

    An influence says how far the model moves: the root mean square change of its predictions for the old tasks' own
    rows, over the root mean square of these predictions before. A loss rise says what that costs: the share by which
    the old tasks' mean training loss rises; below 0, it falls. In both, each old task counts once, whatever its rows,
    and the fit of the old tasks alone is the reference.

    Parameters
    ----------
    tasks : array of shape (k,)
        Labels of the new tasks, in the order of the model's ``tasks_``.
    n_rows : array of shape (k,)
    alone, loss_rise : arrays of shape (k,)
        Influence and loss rise where only this task joins the old ones.
    marginal, marginal_loss_rise : arrays of shape (k,)
        By how much ``together`` and ``together_loss_rise`` fall if only this task stays out. Small where several alike
        have done already what there is to do: each of them hides behind the others.
    together, together_loss_rise : float
        Influence and loss rise where all new tasks join at once.
    """

    tasks: AnyArray
    n_rows: IntArray
    alone: FloatArray
    loss_rise: FloatArray
    marginal: FloatArray
    marginal_loss_rise: FloatArray
    together: float
    together_loss_rise: float

    @property
    def share(self) -> FloatArray:
        """Each new task's part in the loss rise, shape (k,): the mean of its rises if it joins first and if last.

        The mean over all orders of joining would be its Shapley value. The two ends of it are enough to see strong
        accounts, of which the first does the harm, and weak ones, which do it only together.
        """
        return 0.5 * (self.loss_rise + self.marginal_loss_rise)

    @property
    def order(self) -> IntArray:
        """Positions of the new tasks, the largest share first."""
        return np.argsort(-np.round(self.share, 9), kind="stable")  # rounding must not part tasks that are alike


def rank_new_tasks(
    model: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    task: Any,
    new: Hashable | Iterable[Hashable],
    progress: Callable[[], None] = lambda: None,
) -> NewTaskInfluence:
    """Rank tasks that joined lately by what they do to the model of the old tasks; no attack is run.

    Parameters
    ----------
    model : MTRLRegressor or MTRLClassifier
        The learner in use; not changed. A given ``task_covariance`` is for all tasks; without some of them, the block
        of the others is used.
    X, y, task
        Rows as for ``fit``, of old and new tasks.
    new : a label, or several
        The tasks that joined lately; all others are old, and there must be one at least.
    progress : callable
        Called after each of the 2k + 2 fits.

    Returns
    -------
    NewTaskInfluence
        Costs 2k + 2 fits, each but the first from an earlier fit's weights: k of the old tasks and a new one, k of all
        tasks but a new one. At 1,000 tasks of 30 rows and 20 features such a fit takes 0.1 s, at 10,000 tasks 2 s. With
        thousands of new tasks rank those of a day or of one source at a time.

    Notes
    -----
    The order is that of ``share``, not of influence: a task that is like the old ones moves their model, too, and
    teaches it something. The loss is that of training rows, so every new task that draws strength from the penalty
    raises it a little, also one that helps: see docs/screening.md. ``harm`` of ``screen`` is by held-out rows.

    Raises
    ------
    ValueError
        For data or settings that cannot be used, unknown labels, no new task, or no old one.

    Examples
    --------
    >>> from patom import MTRLRegressor
    >>> from patom.datasets import make_related_tasks
    >>> X, y, task = make_related_tasks(n_tasks=6, n_features=3, random_state=1).train
    >>> see_saw = np.array([[0.0, 0.0, 0.1], [0.0, 0.0, -0.1]])
    >>> X, y, task = np.vstack([X, see_saw]), np.append(y, [y.max(), y.min()]), np.append(task, [6, 6])
    >>> found = rank_new_tasks(MTRLRegressor(0.01, 0.01), X, y, task=task, new=[5, 6])
    >>> print(found.tasks[found.order], found.n_rows[found.order])
    [6 5] [ 2 40]
    >>> print(found.loss_rise[found.order].round(2))
    [0.76 0.07]
    """
    require_mtrl("rank_new_tasks", model)
    check_consistent_length(X, column_or_1d(exact_column(y)))
    learner = clone(model)
    problem = learner.problem(X, y, task=task)
    joined = new_positions(new, problem.tasks)
    old = np.setdiff1d(np.arange(problem.tasks.size), joined)
    fit = partial(_fitted, problem, learner.task_covariance, progress)
    everybody = np.arange(problem.tasks.size)
    with one_blas_thread():
        W = fit(old)
        reference = _reference(problem, old, W)
        V = fit(everybody, W)
        together = reference.effect(V)
        first = np.array([reference.effect(fit(np.sort(np.append(old, i)), W)) for i in joined])
        last = np.subtract(together, [reference.effect(fit(np.delete(everybody, i), V)) for i in joined])
    return NewTaskInfluence(
        problem.tasks[joined], problem.rows.counts[joined],
        alone=first[:, 0], loss_rise=first[:, 1], marginal=last[:, 0], marginal_loss_rise=last[:, 1],
        together=together[0], together_loss_rise=together[1],
    )  # fmt: skip


def new_positions(new: Hashable | Iterable[Hashable], tasks: AnyArray) -> IntArray:
    """Positions of the new tasks among all, ascending, each once; refused if there are none, or no others."""
    require_shown(new=new)
    given = [new] if isinstance(new, str | bytes) or not isinstance(new, Iterable) else list(new)
    if not given:
        raise ValueError("new must name a task at least; got none.")
    found = np.unique(positions(exact_array(given), tasks, argument="new"))
    if found.size == tasks.size:
        raise ValueError("new names all tasks; leave out those whose model is to be kept.")
    return found


def _fitted(
    problem: Problem, omega: Any, progress: Callable[[], None], chosen: IntArray, start: FloatArray | None = None
) -> FloatArray:
    """The fit on some tasks, by their positions, ascending: shape (m, p), 0 for the others; ``start`` is another."""
    part = part_of(problem, chosen)
    if omega is not None:
        block = np.asarray(omega, dtype=np.float64)[np.ix_(chosen, chosen)]
        part = replace(part, penalty=fixed_covariance(block, *part.penalty.weights))
    W = np.zeros((problem.rows.n_tasks, problem.rows.n_columns))
    W[chosen] = part.solve(start=None if start is None else start[chosen], polish=False).W
    progress()
    return W


@dataclass(frozen=True)
class _Reference:
    """The old tasks' rows, and their predictions, shape (n,), by the model of the old tasks alone."""

    rows: Rows
    old: IntArray
    loss: Loss
    before: FloatArray

    def effect(self, W: FloatArray) -> tuple[float, float]:
        """Influence and loss rise where all tasks have the weights ``W``, shape (m, p)."""
        after = self.rows.products(W[self.old])
        moved = (self._mean((after - self.before) ** 2) / self._mean(self.before**2)) ** 0.5
        return moved, self._loss(after) / self._loss(self.before) - 1.0

    def _loss(self, z: FloatArray) -> float:
        return self._mean(self.loss.value(z, self.rows.y))

    def _mean(self, values: FloatArray) -> float:
        """Mean over tasks of the means over their rows."""
        return float(np.mean(np.add.reduceat(values, self.rows.offsets[:-1]) / self.rows.counts))


def _reference(problem: Problem, old: IntArray, W: FloatArray) -> _Reference:
    rows = part_of(problem, old).rows
    before = rows.products(W[old])
    if not before.any():
        raise ValueError("rank_new_tasks found a model of the old tasks that predicts 0 for all their rows; check y.")
    return _Reference(rows, old, problem.loss, before)
