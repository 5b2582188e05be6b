"""Choose lambda_1 and lambda_2 by cross-validation: the strongest that do as well as any."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from joblib import delayed

from patom.audit.cells import decide, fit_quietly, victim
from patom.audit.data import AuditData
from patom.audit.settings import AuditSettings
from patom.core.arrays import FloatArray, IntArray
from patom.metrics import mean_over_tasks
from patom.workers import in_order

GRID = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
N_FOLDS = 3
_NO_CHOICE = "the strongest penalties tried, as there are too few rows for cross-validation"


@dataclass(frozen=True)
class Selection:
    """The chosen lambdas and the scores that spoke for them (mean over folds of the mean over tasks)."""

    lambda_1: float
    lambda_2: float
    chosen_by: str
    scores: tuple[tuple[float, float, float], ...] = ()


def select_lambdas(data: AuditData, settings: AuditSettings, *, n_jobs: int, advance: Callable[[], None]) -> Selection:
    """The given lambdas, or those of ``GRID`` squared that ``N_FOLDS`` folds within tasks speak for.

    The strongest penalties whose score is within one standard error (over folds) of the best: where scores
    hardly differ, the best of them is a matter of chance (Breiman, Friedman, Olshen and Stone 1984, section
    3.4.3). Costs 75 fits on two thirds of the training rows.
    """
    if settings.lambda_1 is not None and settings.lambda_2 is not None:
        return Selection(settings.lambda_1, settings.lambda_2, "given")
    fold = _folds(data, np.random.default_rng([settings.seed, 2]))
    pairs = sorted(product(GRID, GRID), key=lambda pair: -sum(pair))
    jobs = (delayed(_score)(data, settings, pair, fold) for pair in pairs)
    folds = []
    for scores in in_order(jobs, n_jobs):
        folds.append(scores)
        advance()
    means = np.array([mean_over_tasks(scores) for scores in folds])
    lambda_1, lambda_2 = pairs[_strongest_near_best(means if data.metric == "AUC" else -means, folds)]
    table = tuple((a, b, float(mean)) for (a, b), mean in zip(pairs, means, strict=True))
    how = f"{N_FOLDS}-fold cross-validation over {len(pairs)} pairs"
    return Selection(lambda_1, lambda_2, how if np.isfinite(means).any() else _NO_CHOICE, table)


def _strongest_near_best(gains: FloatArray, folds: Sequence[Sequence[float]]) -> int:
    """The first place, strongest penalties first, whose gain is within a standard error of the largest."""
    usable = np.where(np.isfinite(gains), gains, -np.inf)
    best = int(np.argmax(usable))
    scores = np.array([score for score in folds[best] if np.isfinite(score)])
    error = float(scores.std(ddof=1)) / scores.size**0.5 if scores.size > 1 else 0.0
    return int(np.argmax(usable >= usable[best] - error))


def _score(data: AuditData, settings: AuditSettings, pair: Sequence[float], fold: IntArray) -> list[float]:
    """The score of each fold, held out from a fit on the others."""
    model = victim(data, settings, *pair)
    scores = []
    for held in range(N_FOLDS):
        inside, outside = np.flatnonzero(fold != held), np.flatnonzero(fold == held)
        part = replace(
            data, X_test=data.X_train[outside], y_test=data.y_train[outside], task_test=data.task_train[outside]
        )
        if inside.size == 0 or outside.size == 0:
            continue
        fitted = fit_quietly(model, data.X_train[inside], data.y_train[inside], data.task_train[inside])
        scores.append(part.score(decide(fitted, part)))
    return scores


def _folds(data: AuditData, rng: np.random.Generator) -> IntArray:
    """A fold for each training row, spread evenly within each task and class; a task's first row stays in.

    A task of one row would otherwise be absent from some fits; -1 keeps it in all of them.
    """
    group = data.task_train * 2 + (data.y_train > 0.0 if data.kind == "classification" else 0)
    order = rng.permutation(group.size)
    order = order[np.argsort(group[order], kind="stable")]
    starts = np.flatnonzero(np.r_[True, np.diff(group[order]) > 0])
    rank = np.arange(group.size) - np.repeat(starts, np.diff(np.r_[starts, group.size]))
    fold = np.empty(group.size, dtype=np.int64)
    fold[order] = np.where(rank == 0, -1, (rank + group[order]) % N_FOLDS)  # so that small groups fill all folds
    return fold
