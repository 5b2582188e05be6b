"""Choose lambda_1 and lambda_2 by cross-validation: the strongest that do as well as any.

A victim may choose them again on the poisoned rows, which changes the damage: ``retuned``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from joblib import delayed

from patom.attacks import AttackResult, Availability
from patom.attacks.program import MTRL
from patom.audit.cells import Effect, clean_decision, on_curve, run_cell, victim
from patom.audit.data import AuditData
from patom.audit.settings import AuditSettings
from patom.audit.work import Work
from patom.core.arrays import FloatArray, IntArray
from patom.evaluate.defended import Victim
from patom.evaluate.seeding import Stream, generator
from patom.intervals import varied_interval
from patom.metrics import auc, mean_over_tasks, relative_damage
from patom.models.lambda_search import AUC, GRID, N_FOLDS, NMSE, Pair, folds, search
from patom.results.audit import Point, Retuned
from patom.results.methods import Method
from patom.workers import in_order

_STRONGER, _STRONGEST = (10.0, 100.0), 1.0
"""Times the lambdas for which attacks are planned too, and the largest lambda that they are planned for."""
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
    n_jobs: int = 1,
    advance: Callable[[], None] = lambda: None,
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


def retuned(
    work: Work, settings: AuditSettings, model: MTRL, effects: Sequence[Effect], worst: Point | None
) -> Retuned | None:
    """The damage of the worst attack of the curves where lambdas are chosen anew on the poisoned rows.

    Fixed lambdas overstate harm (Carnerero-Cano et al. 2023, arXiv 2306.01613). None where the lambdas were given, or
    nothing could be measured. ``worst`` is the verdict's, ``model`` the one under audit. Costs up to three
    cross-validations and two attacks a replicate.
    """
    if settings.lambda_1 is not None:
        return None
    faced = [] if worst is None else on_curve(effects, worst.attack, worst.budget)
    jobs = ((one.cell.replicate, partial(refit, settings=settings, model=model, faced=one)) for one in faced)
    found = list(work.on_splits(jobs))
    work.advance(settings.n_seeds - len(faced))  # replicates whose tasks are too small for that budget
    if worst is None:
        return None
    return Retuned(
        attack=worst.attack,
        label=worst.label,
        budget=worst.budget,
        lambdas=[list(worst.lambdas) for worst, _ in found],
        metric=varied_interval((worst.score for worst, _ in found), settings.confidence),
        damage=varied_interval((worst.damage for worst, _ in found), settings.confidence),
        replayed=varied_interval((same.damage for _, same in found), settings.confidence),
    )


@dataclass(frozen=True)
class Refitted:
    """A model that chose its lambdas on clean and injected rows: its metric of the targets, and the damage."""

    lambdas: tuple[float, float]
    score: float
    damage: float


def refit(split: AuditData, settings: AuditSettings, model: MTRL, faced: Effect) -> tuple[Refitted, Refitted]:
    """What the worst of several plans does to a model that chooses its lambdas again, and what the attack's own does.

    The other plans are made for stronger penalties, to which poisoned rows mislead the choice.
    """
    results = [faced.trial.result, *planned_for_stronger(split, settings, model, faced)]
    found = [_refitted(split, settings, faced, result) for result in results]
    return max(found, key=lambda one: one.damage if np.isfinite(one.damage) else -np.inf), found[0]


def planned_for_stronger(split: AuditData, settings: AuditSettings, model: MTRL, faced: Effect) -> list[AttackResult]:
    """The attack on models with 10 and 100 times the lambdas, where these are at most 1."""
    if faced.cell.attack.method is Method.RANDOM:
        return []
    objective, plans = faced.trial.result.threat.objective, []
    assert isinstance(objective, Availability)
    for factor in _STRONGER:
        lambdas = factor * model.lambda_1, factor * model.lambda_2
        if max(lambdas) <= _STRONGEST:
            believed = victim(split, settings, *lambdas)
            plans.append(run_cell(split, settings, Victim(believed, believed), faced.cell, objective.metric).result)
    return plans


def _refitted(split: AuditData, settings: AuditSettings, faced: Effect, result: AttackResult) -> Refitted:
    rows = result.combine(*split.train)
    poisoned = replace(split, X_train=rows.X, y_train=rows.y, task_train=rows.task)
    chosen = select_lambdas(poisoned, settings)
    model = victim(split, settings, chosen.lambda_1, chosen.lambda_2)
    score = split.score(clean_decision(poisoned, model), split.mask(faced.cell.targets))
    return Refitted((chosen.lambda_1, chosen.lambda_2), score, relative_damage(faced.clean, score, split.metric))
