"""How much one task moves the relationships of the others, and an Omega without the tasks that move them most."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from patom.core.arrays import AnyArray, FloatArray, IntArray
from patom.core.penalties.learned import SpectralPenalty
from patom.defenses.coupling.rule import Coupling, CouplingRule, Source
from patom.defenses.parts import part_of, require_mtrl
from patom.defenses.votes import votes_of
from patom.models.problem import Problem
from patom.models.settings import require_at_least
from patom.models.threads import one_blas_thread


@dataclass(frozen=True)
class RelationshipInfluence:
    """How much each task changes the relationships of the others.

    Parameters
    ----------
    tasks : array of shape (m,)
    change : array of shape (m,)
        Distance between Omega among the other tasks with the task and without it, over the latter's norm; both of
        trace 1, in the Frobenius norm. From 0, no influence, up.
    """

    tasks: AnyArray
    change: FloatArray

    @property
    def order(self) -> IntArray:
        """Positions of the tasks, the most influential first."""
        return np.argsort(-self.change, kind="stable")


def influence_on_relationships(
    model: Any, X: npt.ArrayLike, y: npt.ArrayLike, *, task: Any = None
) -> RelationshipInfluence:
    """How much Omega among the others changes when a task is left out, for each task.

    Parameters
    ----------
    model : MTRLRegressor or MTRLClassifier
        The learner in use, its Omega learned; not changed.
    X, y, task
        Rows as for ``fit``.

    Returns
    -------
    RelationshipInfluence
        Costs a fit, and one from near its optimum for each task left out. Two tasks have no influence: there is only
        one Omega for one task.

    Raises
    ------
    ValueError
        For data or settings that cannot be used.

    Examples
    --------
    >>> from patom import MTRLRegressor
    >>> from patom.datasets import make_related_tasks
    >>> X, y, task = make_related_tasks(n_tasks=5, similarity=1.0, n_features=3, random_state=1).train
    >>> y[task == 3] = 5.0 * y[task == 3][::-1]  # the wrong targets, and large
    >>> found = influence_on_relationships(MTRLRegressor(0.01, 0.01), X, y, task=task)
    >>> int(found.tasks[found.order[0]])
    3
    """
    require_mtrl("influence_on_relationships", model)
    problem = clone(model).problem(X, y, task=task)
    if not isinstance(problem.penalty, SpectralPenalty):
        raise ValueError("model of influence_on_relationships must learn Omega; leave task_covariance at None.")
    with one_blas_thread():
        return RelationshipInfluence(problem.tasks, changes(problem, problem.solve().W))


def changes(problem: Problem, W: FloatArray) -> FloatArray:
    """``RelationshipInfluence.change`` of each task at the optimum ``W``, shape (m,)."""
    everyone = np.arange(W.shape[0])
    if W.shape[0] < 3:
        return np.zeros(W.shape[0])
    omega, found = problem.penalty.relationship(W).covariance(), np.empty(W.shape[0])
    for i in everyone:
        others = np.delete(everyone, i)
        without = problem.penalty.relationship(_fit_of(problem, others, W)).covariance()
        found[i] = np.linalg.norm(among(omega, others) - without) / np.linalg.norm(without)
    return found


def among(omega: FloatArray, tasks: IntArray) -> FloatArray:
    """Omega's block among some tasks with its trace made 1; I/k where it is 0. Shape (k, k).

    >>> among(np.diag([0.5, 0.3, 0.2]), np.array([1, 2])).round(3)
    array([[0.6, 0. ],
           [0. , 0.4]])
    """
    block = omega[np.ix_(tasks, tasks)]
    trace = float(np.trace(block))
    return np.asarray(block / trace) if trace > 0.0 else np.eye(tasks.size) / tasks.size


@dataclass(eq=False, repr=False)
class WithoutInfluential(CouplingRule):
    """Omega from the tasks that move each other's relationships little; the others are learned independently.

    While the greatest influence is above ``largest``, the task that has it is put aside, and Omega is learned again
    from the tasks that are left. So no task moves the relationships of the others by more than ``largest``.

    Parameters
    ----------
    largest : float, default 0.25
        Of ``influence_on_relationships``; at least 0.
    votes : {"capped", "rows", "tasks"}, default "capped"
        Of a task in the trace, as in ``Shrunken``.

    Notes
    -----
    A task that is put aside has its votes' share of the trace (1/m where all tasks have as many rows) and correlations
    of 0; the others share the rest. At least two tasks are left: with two, neither has others to influence. Several
    tasks that act alike hide each other, since without one of them the others still act. Costs a fit for each task
    that is left, in every round.

    Examples
    --------
    >>> from patom import MTRLRegressor
    >>> from patom.datasets import make_related_tasks
    >>> X, y, task = make_related_tasks(n_tasks=5, similarity=1.0, n_features=3, random_state=1).train
    >>> y[task == 3] = 5.0 * y[task == 3][::-1]
    >>> WithoutInfluential().covariance(MTRLRegressor(0.01, 0.01).problem(X, y, task=task))[3].round(3)
    array([0. , 0. , 0. , 0.2, 0. ])
    """

    largest: float = 0.25

    def check(self) -> None:
        super().check()
        require_at_least("WithoutInfluential", 0.0, largest=self.largest)

    def couple(self, problem: Problem, start: FloatArray | None = None) -> Coupling:
        everyone = problem.solve(start=start).W
        left, W = np.arange(everyone.shape[0]), everyone
        while left.size > 2:
            change = changes(part_of(problem, left), W)
            if change.max() <= self.largest:
                break
            left = np.delete(left, np.argmax(change))
            W = _fit_of(problem, left, everyone)
        votes = votes_of(self.votes, problem.rows.counts)
        share = float(votes[left].sum() / votes.sum())
        omega, block = np.diag(votes / votes.sum()), np.ix_(left, left)
        omega[block] = share * problem.penalty.relationship(W).covariance()
        return Coupling(omega, everyone, Source(left, W, lambda B: share * B[block]))


def _fit_of(problem: Problem, tasks: IntArray, W: FloatArray) -> FloatArray:
    """The optimum of some tasks alone, from near that of all."""
    return part_of(problem, tasks).solve(start=W[tasks]).W
