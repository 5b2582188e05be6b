"""Screening of tasks: which to have a look at, in what order, and which next once one is found out."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.utils import check_consistent_length, column_or_1d

from patom.core.arrays import AnyArray, FloatArray, IntArray
from patom.core.exact import exact_array, exact_column
from patom.core.labels import places, positions
from patom.core.penalties.learned import SpectralPenalty
from patom.core.relationship import Relationship
from patom.defenses.filters.roni import folds
from patom.defenses.filters.trim import require_mtrl
from patom.defenses.screening.null import p_values
from patom.defenses.screening.scores import RANKED, Scores, score_tasks
from patom.models.reading import require_shown
from patom.models.settings import require_at_least
from patom.models.threads import one_blas_thread


@dataclass(frozen=True)
class Screening:
    """Tasks and how suspicious they are.

    Parameters
    ----------
    tasks : array of shape (m,)
    scores : record array of shape (m,)
        ``own_loss``: held-out loss of the task's own rows. ``harm``: what the other tasks' held-out losses would lose
        without it, relatively, mean over tasks. ``reach``: how far out its rows lie, the 0.9 quantile of their
        distances from the task's median row. ``change``: distance of its weights from the reference's over the
        latter's norm, NaN without one. ``correlation``: mean of its three strongest absolute correlations less the
        mean of the others (the paper's local clusters).
    deviation : record array of shape (m,)
        The same, less the median over tasks, over their robust standard deviation (from the median absolute one).
    suspicion : array of shape (m,)
        Largest deviation of those in ``RANKED``.
    relationship : Relationship
        Of the fitted model.
    p_values : array of shape (m,), or None
        How often a task as suspicious as this one is met in its place where all tasks are honest. Of m honest tasks
        one in twenty has a value of 0.05 or less. None where no tables were drawn.
    n_rows : array of shape (m,), or None
        Rows of each task. The fewer, the more its scores vary by chance: ``p_values`` take that into account, the
        ranking does not, since a malicious task may be small.
    """

    tasks: AnyArray
    scores: Scores
    deviation: Scores
    suspicion: FloatArray
    relationship: Relationship
    p_values: FloatArray | None = None
    n_rows: IntArray | None = None

    @property
    def order(self) -> IntArray:
        """Positions of the tasks, the most suspicious first."""
        return np.argsort(-self.suspicion, kind="stable")

    @property
    def correlations(self) -> FloatArray:
        """Task correlations of the fitted model, shape (m, m); built at each call."""
        return self.relationship.correlation()

    @property
    def reasons(self) -> list[str]:
        """The score that makes each task as suspicious as it is, in the order of ``tasks``."""
        table = np.column_stack([self.deviation[name] for name in RANKED])
        return [RANKED[k] for k in np.nanargmax(np.where(np.isnan(table), -np.inf, table), axis=1)]

    def next_to(self, confirmed: Hashable | Iterable[Hashable]) -> AnyArray:
        """Tasks to look at once some are confirmed malicious: the most strongly correlated with any of them first.

        The follow-up that the paper describes in its conclusion.
        """
        require_shown(confirmed=confirmed)
        given = [confirmed] if isinstance(confirmed, str) or not isinstance(confirmed, Iterable) else list(confirmed)
        found = positions(exact_array(given), self.tasks, argument="confirmed")
        left = np.setdiff1d(np.arange(self.tasks.size), found)
        blocks = self.relationship.correlation_blocks(found)
        strength = np.max([np.abs(block).max(axis=0) for _, block in blocks], axis=0)[left]
        return np.asarray(self.tasks[left[np.argsort(-strength, kind="stable")]])


def screen(
    model: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    task: Any,
    reference: Any = None,
    n_folds: int = 3,
    n_resamples: int = 0,
    random_state: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> Screening:
    """Score tasks for review, from their rows and what they do to each other; no attack is run.

    Parameters
    ----------
    model : MTRLRegressor or MTRLClassifier
        The learner in use, its Omega learned; not changed.
    X, y, task
        Rows as for ``fit``, of two tasks at least.
    reference : fitted MTRLRegressor or MTRLClassifier, optional
        From data that are trusted, with the same features; tasks that it does not know have no ``change``.
    n_folds : int, default 3
        For held-out losses.
    n_resamples : int, default 0
        Tables of honest tasks to draw for ``p_values``; 99 give values down to 0.01.
    random_state : int, default 0
        Of the folds and of those tables. Rows are dealt to folds as they come, task by task in the order of labels:
        other seeds, orders of rows or names of tasks deal otherwise, which moves tasks of few rows in the list.
    progress : callable
        Called after each of the m + 2 parts of the work, and after each table.

    Returns
    -------
    Screening
        Costs ``n_folds`` fits for each of the m tasks left out; each table costs as much again, its fits stopped at a
        gap of 1e-4.

    Notes
    -----
    The tables (a parametric bootstrap) assume that honest tasks are alike: their weights are draws from one normal
    distribution, their rows lie around their middles alike, and they share their noise (for classes: the
    probabilities for which the predictions are the best there are). All of that is estimated from the half of the
    tasks that is least suspicious, so it holds as long as fewer than half are malicious. Number of rows and middle
    are each task's own; tasks that the reference knows have its weights. Suspicion is in units of the tasks' own
    spread, so honest tasks may differ more than by chance, but not one of them far more than the others: that one
    gets a small p-value, malicious or not.

    Raises
    ------
    ValueError
        For data or settings that cannot be used.

    Examples
    --------
    >>> from patom import MTRLRegressor
    >>> from patom.datasets import make_related_tasks
    >>> X, y, task = make_related_tasks(n_tasks=6, similarity=1.0, n_features=3, random_state=1).train
    >>> y[task == 4] = -y[task == 4][::-1]  # the wrong targets
    >>> found = screen(MTRLRegressor(0.01, 0.01), X, y, task=task)
    >>> print(found.tasks[found.order[0]], found.reasons[found.order[0]])
    4 own_loss
    """
    require_at_least("screen", 2, whole=True, n_folds=n_folds)
    require_at_least("screen", 0, whole=True, n_resamples=n_resamples)
    require_mtrl("screen", model)
    check_consistent_length(X, column_or_1d(exact_column(y)))
    problem = clone(model).problem(X, y, task=task)
    penalty = problem.penalty
    if problem.rows.n_tasks < 2 or not isinstance(penalty, SpectralPenalty):
        raise ValueError("screen needs two tasks or more, and a model whose task_covariance is learned.")
    trusted = None if reference is None else _weights(reference, problem.tasks, problem.rows.n_columns)
    rng = np.random.default_rng(random_state)
    fold = folds(problem.rows, n_folds, rng)
    with one_blas_thread():
        found = score_tasks(problem, penalty, fold, n_folds, trusted, progress=progress)
        result = Screening(
            problem.tasks, found.scores, found.deviation, found.suspicion, found.relationship, None, problem.rows.counts
        )
        if n_resamples == 0:
            return result
        p = p_values(problem, penalty, fold, n_folds, found, trusted, n_resamples, rng, progress)
    return replace(result, p_values=p)


def _weights(reference: Any, tasks: AnyArray, n_columns: int) -> FloatArray:
    """Weights of a reference for tasks, shape (m, p); NaN for those that it does not know."""
    trusted = np.column_stack([reference.coef_, reference.intercept_])
    if trusted.shape[1] != n_columns:
        raise ValueError(f"reference has {trusted.shape[1] - 1} features; X has {n_columns - 1}.")
    place = places(tasks, reference.tasks_)
    return np.where((place < 0)[:, None], np.nan, trusted[place])
