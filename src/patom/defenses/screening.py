"""Screening of tasks: which to have a look at, in what order, and which next once one is found out."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.utils import check_consistent_length, column_or_1d

from patom.core.arrays import AnyArray, FloatArray, IntArray
from patom.core.kernels import row_products
from patom.core.labels import positions
from patom.core.rows import TaskRows
from patom.core.spectral import SpectralPenalty
from patom.defenses.roni import folds
from patom.defenses.trim import part, require_mtrl
from patom.models.problem import Problem
from patom.models.settings import require_at_least
from patom.models.threads import one_blas_thread

SCORES = np.dtype(
    [("own_loss", "f8"), ("harm", "f8"), ("reach", "f8"), ("change", "f8"), ("correlation", "f8")]
)  # fmt: skip
RANKED = ("own_loss", "harm", "reach", "change")
"""The scores that make a task suspicious; ``correlation``, the paper's idea, is told but misleads, see the docs."""
_NEAREST = 3  # tasks that make a local cluster
_OUTER = 0.9  # quantile of the rows' distances from the middle of their task
_TO_DEVIATION = 1.4826  # from the median absolute deviation to a normal standard deviation


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
    correlations : array of shape (m, m)
        Of the fitted model.
    """

    tasks: AnyArray
    scores: np.recarray[Any, Any]
    deviation: np.recarray[Any, Any]
    suspicion: FloatArray
    correlations: FloatArray

    @property
    def order(self) -> IntArray:
        """Positions of the tasks, the most suspicious first."""
        return np.argsort(-self.suspicion, kind="stable")

    @property
    def reasons(self) -> list[str]:
        """The score that makes each task as suspicious as it is, in the order of ``tasks``."""
        table = np.column_stack([self.deviation[name] for name in RANKED])
        return [RANKED[k] for k in np.nanargmax(np.where(np.isnan(table), -np.inf, table), axis=1)]

    def next_to(self, confirmed: Hashable | Iterable[Hashable]) -> AnyArray:
        """Tasks to look at once some are confirmed malicious: the most strongly correlated with any of them first.

        The follow-up that the paper describes in its conclusion.
        """
        given = [confirmed] if isinstance(confirmed, str) or not isinstance(confirmed, Iterable) else list(confirmed)
        found = positions(np.array(given, dtype=self.tasks.dtype), self.tasks, argument="confirmed")
        left = np.setdiff1d(np.arange(self.tasks.size), found)
        strength = np.abs(self.correlations[np.ix_(left, found)]).max(axis=1)
        return np.asarray(self.tasks[left[np.argsort(-strength, kind="stable")]])


def screen(
    model: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    task: Any,
    reference: Any = None,
    n_folds: int = 3,
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
    random_state : int, default 0
        Of the folds.
    progress : callable
        Called after each of the m + 2 parts of the work.

    Returns
    -------
    Screening
        Costs ``n_folds`` fits for each of the m tasks left out.

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
    require_mtrl("screen", model)
    learner = clone(model)
    check_consistent_length(X, column_or_1d(y))
    problem = learner.problem(X, y, task=task)
    if problem.rows.n_tasks < 2 or not isinstance(problem.penalty, SpectralPenalty):
        raise ValueError("screen needs two tasks or more, and a model whose task_covariance is learned.")
    fold = folds(problem.rows, n_folds, np.random.default_rng(random_state))
    with one_blas_thread():
        W = problem.solve().W
        progress()
        losses = held_out_losses(problem, fold, n_folds, W)
        progress()
        scores = np.recarray(problem.rows.n_tasks, SCORES)
        scores["own_loss"], scores["reach"] = losses, _reach(problem.rows)
        for i in range(problem.rows.n_tasks):
            scores["harm"][i] = _harm(problem, fold, n_folds, W, losses, i)
            progress()
        scores["change"] = np.nan if reference is None else _change(W, problem.tasks, reference)
        correlations = problem.penalty.relationship(W).correlation()
    scores["correlation"] = _cluster(np.abs(correlations))
    deviation = np.recarray(scores.size, SCORES)
    for name in SCORES.names or ():
        deviation[name] = _deviation(scores[name])
    suspicion = np.nanmax(np.column_stack([deviation[name] for name in RANKED]), axis=1)
    return Screening(problem.tasks, scores, deviation, suspicion, correlations)


def held_out_losses(problem: Problem, fold: IntArray, n_folds: int, W: FloatArray) -> FloatArray:
    """Mean held-out loss of each task, shape (m,); the training loss where nothing could be held out."""
    rows, total = problem.rows, np.zeros(problem.rows.y.size)
    for number in range(n_folds):
        kept = fold != number
        fitted = problem.solve(part(rows, kept), start=W, polish=False).W
        losses = problem.loss.value(row_products(rows.X, rows.offsets, fitted), rows.y)
        total += np.where(fold == -1, losses / n_folds, np.where(kept, 0.0, losses))
    return np.asarray(np.add.reduceat(total, rows.offsets[:-1]) / rows.counts)


def _harm(problem: Problem, fold: IntArray, n_folds: int, W: FloatArray, losses: FloatArray, i: int) -> float:
    """Mean over the other tasks of how much lower, relatively, their held-out loss is without task i."""
    rows, others = problem.rows, np.arange(problem.rows.n_tasks) != i
    stay = others[rows.task_index]
    counts = rows.counts[others]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    without = Problem(
        TaskRows(rows.X[stay], rows.y[stay], offsets), problem.tasks[others], problem.loss, problem.penalty,
        problem.tol, problem.max_iter, problem.solver,
    )  # fmt: skip
    found = held_out_losses(without, fold[stay], n_folds, W[others])
    known = losses[others] > 0.0
    return float(np.mean(1.0 - found[known] / losses[others][known])) if known.any() else 0.0


def _reach(rows: TaskRows) -> FloatArray:
    far = []
    for start, stop in zip(rows.offsets[:-1], rows.offsets[1:], strict=True):
        X = rows.X[start:stop, :-1]
        far.append(np.quantile(np.linalg.norm(X - np.median(X, axis=0), axis=1), _OUTER))
    return np.array(far)


def _change(W: FloatArray, tasks: AnyArray, reference: Any) -> FloatArray:
    trusted = np.column_stack([reference.coef_, reference.intercept_])
    if trusted.shape[1] != W.shape[1]:
        raise ValueError(f"reference has {trusted.shape[1] - 1} features; X has {W.shape[1] - 1}.")
    place = {label: k for k, label in enumerate(reference.tasks_.tolist())}
    change = np.full(W.shape[0], np.nan)
    for i, label in enumerate(tasks.tolist()):
        if label in place and (norm := float(np.linalg.norm(trusted[place[label]]))) > 0.0:
            change[i] = float(np.linalg.norm(W[i] - trusted[place[label]])) / norm
    return change


def _cluster(strength: FloatArray) -> FloatArray:
    m = strength.shape[0]
    others = -np.sort(-strength[~np.eye(m, dtype=bool)].reshape(m, m - 1), axis=1)
    near = min(_NEAREST, m - 1)
    rest = others[:, near:].mean(axis=1) if m - 1 > near else np.zeros(m)
    return np.asarray(others[:, :near].mean(axis=1) - rest)


def _deviation(score: FloatArray) -> FloatArray:
    """Distance from the median in robust standard deviations; 0 where all scores are equal or unknown."""
    if np.isnan(score).all():
        return score.copy()
    away = score - np.nanmedian(score)
    spread = _TO_DEVIATION * np.nanmedian(np.abs(away)) or np.nanmean(np.abs(away))
    return np.divide(away, spread, out=np.zeros_like(away), where=spread > 0.0)
