"""How odd tasks are: scores from their rows and fits, and by how much a task exceeds the others."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from patom.core.arrays import FloatArray, IntArray
from patom.core.kernels import row_products
from patom.core.rows import TaskRows
from patom.core.spectral import SpectralPenalty
from patom.defenses.trim import part
from patom.models.problem import Problem

SCORES = np.dtype(
    [("own_loss", "f8"), ("harm", "f8"), ("reach", "f8"), ("change", "f8"), ("correlation", "f8")]
)  # fmt: skip
RANKED = ("own_loss", "harm", "reach", "change")
"""The scores that make a task suspicious; ``correlation``, the paper's idea, may mislead: see docs/screening.md."""
Scores = np.recarray[Any, Any]
_NEAREST = 3  # tasks that make a local cluster
_OUTER = 0.9  # quantile of the rows' distances from the middle of their task
_TO_DEVIATION = 1.4826  # from the median absolute deviation to a normal standard deviation


@dataclass(frozen=True)
class Scored:
    """Scores and deviations as in ``Screening``, and the fit behind them, shape (m, p)."""

    W: FloatArray
    scores: Scores
    deviation: Scores
    suspicion: FloatArray
    correlations: FloatArray


def score_tasks(
    problem: Problem,
    penalty: SpectralPenalty,
    fold: IntArray,
    n_folds: int,
    trusted: FloatArray | None = None,
    *,
    progress: Callable[[], None] = lambda: None,
) -> Scored:
    """Score the tasks of a problem.

    Parameters
    ----------
    problem : Problem
    penalty : SpectralPenalty
        The problem's.
    fold : array of shape (n,)
        From ``folds``.
    n_folds : int
    trusted : array of shape (m, p), optional
        Weights of the reference, NaN for tasks that it does not know.
    progress : callable
        Called m + 2 times.
    """
    rows, scores = problem.rows, np.recarray(problem.rows.n_tasks, SCORES)
    W = problem.solve().W
    progress()
    losses = held_out_losses(problem, fold, n_folds, W)
    progress()
    scores["own_loss"], scores["reach"] = losses, _reach(rows)
    for i in range(rows.n_tasks):
        scores["harm"][i] = _harm(problem, fold, n_folds, W, losses, i)
        progress()
    scores["change"] = np.nan if trusted is None else _change(W, trusted)
    correlations = penalty.relationship(W).correlation()
    scores["correlation"] = _cluster(np.abs(correlations))
    deviation = np.recarray(scores.size, SCORES)
    for name in SCORES.names or ():
        deviation[name] = _deviation(scores[name])
    suspicion = np.nanmax(np.column_stack([deviation[name] for name in RANKED]), axis=1)
    return Scored(W, scores, deviation, suspicion, correlations)


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


def middles(rows: TaskRows) -> FloatArray:
    """Median row of each task, without the constant; shape (m, d)."""
    return np.array(
        [np.median(rows.X[a:b, :-1], axis=0) for a, b in zip(rows.offsets[:-1], rows.offsets[1:], strict=True)]
    )


def _reach(rows: TaskRows) -> FloatArray:
    away = np.linalg.norm(rows.X[:, :-1] - middles(rows)[rows.task_index], axis=1)
    return np.array([np.quantile(away[a:b], _OUTER) for a, b in zip(rows.offsets[:-1], rows.offsets[1:], strict=True)])


def _change(W: FloatArray, trusted: FloatArray) -> FloatArray:
    norm = np.linalg.norm(trusted, axis=1)
    away = np.linalg.norm(W - trusted, axis=1)
    return np.asarray(np.divide(away, norm, out=np.full(norm.size, np.nan), where=norm > 0.0))


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
