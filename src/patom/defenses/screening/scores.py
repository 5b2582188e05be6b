"""How odd tasks are: scores from their rows and fits, and by how much a task exceeds the others."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from patom.core.arrays import FloatArray, IntArray
from patom.core.grouped import over_groups
from patom.core.kernels import row_products
from patom.core.penalties.learned import SpectralPenalty
from patom.core.relationship import Relationship
from patom.core.rows import TaskRows
from patom.defenses.parts import kept_rows, rows_of_tasks
from patom.models.problem import Problem

SCORES = np.dtype(
    [("own_loss", "f8"), ("harm", "f8"), ("reach", "f8"), ("change", "f8"), ("correlation", "f8")]
)  # fmt: skip
RANKED = ("own_loss", "harm", "reach", "change")
"""What makes a task suspicious; not ``correlation``, the paper's idea, which may mislead: docs/screening.md."""
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
    relationship: Relationship


def score_tasks(
    problem: Problem,
    penalty: SpectralPenalty,
    fold: IntArray,
    n_folds: int,
    trusted: FloatArray | None = None,
    *,
    progress: Callable[[], None] = lambda: None,
) -> Scored:
    """Score the tasks of a problem with this penalty; ``fold``, shape (n,), is from ``folds``.

    ``trusted``, shape (m, p), are the reference's weights, NaN for tasks that it does not have; ``progress`` is called
    m + 2 times.
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
    relationship = penalty.relationship(W)
    scores["correlation"] = _clusters(relationship, rows.n_tasks)
    deviation = np.recarray(scores.size, SCORES)
    for name in SCORES.names or ():
        deviation[name] = _deviation(scores[name])
    suspicion = np.nanmax(np.column_stack([deviation[name] for name in RANKED]), axis=1)
    return Scored(W, scores, deviation, suspicion, relationship)


def held_out_losses(problem: Problem, fold: IntArray, n_folds: int, W: FloatArray) -> FloatArray:
    """Mean held-out loss of each task, shape (m,); the training loss where nothing could be held out."""
    rows, total = problem.rows, np.zeros(problem.rows.y.size)
    for number in range(n_folds):
        kept = fold != number
        fitted = problem.solve(kept_rows(rows, kept), start=W, polish=False).W
        losses = problem.loss.value(row_products(rows.X, rows.offsets, fitted), rows.y)
        total += np.where(fold == -1, losses / n_folds, np.where(kept, 0.0, losses))
    return np.asarray(np.add.reduceat(total, rows.offsets[:-1]) / rows.counts)


def _harm(problem: Problem, fold: IntArray, n_folds: int, W: FloatArray, losses: FloatArray, i: int) -> float:
    """Mean over the other tasks of how much lower, relatively, their held-out loss is without task i."""
    rows, others = problem.rows, np.delete(np.arange(problem.rows.n_tasks), i)
    without = replace(problem, rows=rows_of_tasks(rows, others), tasks=problem.tasks[others])
    found = held_out_losses(without, fold[rows.task_index != i], n_folds, W[others])
    known = losses[others] > 0.0
    return float(np.mean(1.0 - found[known] / losses[others][known])) if known.any() else 0.0


def middles(rows: TaskRows) -> FloatArray:
    """Median row of each task, without the constant; shape (m, d)."""
    return over_groups(partial(np.median, axis=1), rows.X[:, :-1], _positions(rows))


def _reach(rows: TaskRows) -> FloatArray:
    away = np.linalg.norm(rows.X[:, :-1] - middles(rows)[rows.task_index], axis=1)
    return over_groups(partial(np.quantile, q=_OUTER, axis=1), away, _positions(rows))


def _positions(rows: TaskRows) -> list[IntArray]:
    """Of each task's rows."""
    return np.split(np.arange(rows.y.size), rows.offsets[1:-1])


def _change(W: FloatArray, trusted: FloatArray) -> FloatArray:
    norm = np.linalg.norm(trusted, axis=1)
    away = np.linalg.norm(W - trusted, axis=1)
    return np.asarray(np.divide(away, norm, out=np.full(norm.size, np.nan), where=norm > 0.0))


def _clusters(relationship: Relationship, m: int) -> FloatArray:
    blocks = relationship.correlation_blocks(np.arange(m))
    return np.concatenate([_cluster(np.abs(block), own.start) for own, block in blocks])


def _cluster(strength: FloatArray, first: int) -> FloatArray:
    """Of the tasks from ``first`` on; ``strength``, their absolute correlations with all m tasks, is overwritten."""
    count, m = strength.shape
    strength[np.arange(count), first + np.arange(count)] = -np.inf  # not with itself
    near = min(_NEAREST, m - 1)
    strength.partition(m - near, axis=1)
    rest = strength[:, : m - near]
    rest[np.isneginf(rest)] = 0.0
    return np.asarray(strength[:, m - near :].mean(axis=1) - rest.sum(axis=1) / max(1, m - 1 - near))


def _deviation(score: FloatArray) -> FloatArray:
    """Distance from the median in robust standard deviations; 0 where all scores are equal or unknown."""
    if np.isnan(score).all():
        return score.copy()
    away = score - np.nanmedian(score)
    spread = _TO_DEVIATION * np.nanmedian(np.abs(away)) or np.nanmean(np.abs(away))
    return np.divide(away, spread, out=np.zeros_like(away), where=spread > 0.0)
