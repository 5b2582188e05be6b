"""Choose lambda_1 and lambda_2 by cross-validation: the strongest that do as well as any."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from joblib import delayed

from patom.audit.cells import clean_decision, victim
from patom.audit.data import AuditData
from patom.audit.settings import AuditSettings
from patom.core.arrays import FloatArray, IntArray
from patom.evaluate.seeding import Stream, generator
from patom.metrics import auc, mean_over_tasks
from patom.models.lambda_grid import AUC, GRID, NMSE, Pair, search
from patom.models.lambda_search import N_FOLDS, folds
from patom.workers import in_order

_NO_CHOICE = "the strongest penalties tried, as there are too few rows for cross-validation"


@dataclass(frozen=True)
class Selection:
    """The chosen lambdas, how they were chosen, and the score of each pair: the mean over folds of the audit's measure.

    ``edges``: where the grid could grow no more, as in ``Searched``.
    """

    lambda_1: float
    lambda_2: float
    chosen_by: str
    scores: tuple[tuple[float, float, float], ...] = ()
    edges: tuple[str, ...] = ()


def select_lambdas(
    data: AuditData,
    settings: AuditSettings,
    *,
    n_jobs: int,
    advance: Callable[[], None],
    announce: Callable[[int], None] = lambda more: None,  # noqa: ARG005
) -> Selection:
    """The given lambdas, or the pair of ``GRID`` that cross-validation in ``N_FOLDS`` folds within tasks chooses.

    It chooses the strongest penalties whose score is within one standard error (over folds) of the best, on a grid
    that grows, as in ``LambdaSearch``. Costs 75 fits on two thirds of the training rows, 243 where the grid grows all
    the way.

    ``advance`` is called for each pair that was scored, ``announce`` with the number of pairs that a growth of the grid
    adds, before they are scored.
    """
    if settings.lambda_1 is not None and settings.lambda_2 is not None:
        return Selection(settings.lambda_1, settings.lambda_2, "given")
    positive = data.y_train > 0.0 if data.kind == "classification" else None
    fold = folds(data.task_train, positive, N_FOLDS, generator(settings.seed, Stream.FOLDS))
    planned = len(GRID) ** 2

    def score(pairs: list[Pair]) -> list[list[float]]:
        nonlocal planned
        announce(max(0, len(pairs) - planned))
        planned = 0
        rows = []
        for row in in_order((delayed(_score)(data, settings, pair, fold) for pair in pairs), n_jobs):
            rows.append(row)
            advance()
        return rows

    found = search(score, GRID, **(AUC if data.metric == "AUC" else NMSE))
    lambda_1, lambda_2 = found.pairs[found.chosen]
    means = [mean_over_tasks(row) for row in found.scores]
    table = tuple((a, b, mean) for (a, b), mean in zip(found.pairs, means, strict=True))
    how = f"{N_FOLDS}-fold cross-validation over {len(table)} pairs"
    return Selection(lambda_1, lambda_2, how if np.isfinite(means).any() else _NO_CHOICE, table, found.edges)


def _score(data: AuditData, settings: AuditSettings, pair: Sequence[float], fold: IntArray) -> list[float]:
    """The score of each fold, held out from a fit on the others."""
    model = victim(data, settings, *pair)
    scores = []
    for held in range(N_FOLDS):
        inside, outside = np.flatnonzero(fold != held), np.flatnonzero(fold == held)
        part = replace(
            data,
            X_train=data.X_train[inside], y_train=data.y_train[inside], task_train=data.task_train[inside],
            X_test=data.X_train[outside], y_test=data.y_train[outside], task_test=data.task_train[outside],
        )  # fmt: skip
        if inside.size == 0 or outside.size == 0:
            continue
        scores.append(_measured(part, clean_decision(part, model)))
    return scores


def _measured(part: AuditData, decision: FloatArray) -> float:
    """The audit's measure; the AUC of all rows as one task where most lie in tasks without both classes."""
    if part.kind == "classification" and part.pooled:
        comparable = part.measurable[part.task_test]
        if 2 * int(comparable.sum()) < comparable.size:
            return auc(part.y_test, decision)
    return part.score(decision)
