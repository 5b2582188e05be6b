"""One attack of an audit: a trial that depends on its cell and the rows of its replicate alone, and what it did."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any

import numpy as np

from patom.attacks import Availability, OwnData, ThreatModel
from patom.attacks.adversary.aim import AimedAt
from patom.attacks.program import MTRL
from patom.audit.data import AuditData
from patom.audit.settings import AuditSettings
from patom.audit.work import Work
from patom.core.arrays import FloatArray
from patom.core.regions import Ball
from patom.evaluate.attacks import CLASSES, known_settings
from patom.evaluate.defended import Victim, new_learner
from patom.evaluate.seeding import Stream, generator
from patom.evaluate.trial import Trial, attempt, decide, fit_quietly
from patom.metrics import relative_damage
from patom.results.audit import Point
from patom.results.methods import AttackName, Method

QUICK: dict[str, Any] = {"n_starts": 1, "relocations": 0, "max_iter": 40}
"""An ascent that surveys: of most attacks it is known then that they are not the worst."""
THOROUGH: dict[str, Any] = {"n_starts": 2}
"""One that follows where a survey found most; each replicate has starts of its own."""


class Purpose(StrEnum):
    """Which part of the report an attack is for."""

    CURVE = "curve"
    EXPOSURE = "exposure"
    RELATIONSHIPS = "relationships"
    ACCOUNTS = "accounts"


@dataclass(frozen=True)
class Cell:
    """An attack to run; targets and attackers are positions among the tasks.

    ``step_size`` is PATOM's. It is no part of the generator's key, so that all step sizes start at the same rows.
    ``accounts`` are those that the attacker opens; then there are no attackers, and no budget.
    """

    purpose: Purpose
    attack: AttackName
    targets: tuple[int, ...]
    attackers: tuple[int, ...]
    budget: float
    replicate: int
    step_size: float = 100.0
    accounts: int = 0

    def rng(self, seed: int) -> np.random.Generator:
        """The cell's generator. Its key leaves the method out: all methods start at the random attack's rows."""
        if self.accounts:
            key = (self.accounts, self.replicate, *(target + 1 for target in self.targets))
            return generator(seed, Stream.ACCOUNTS, *key)
        key = (*self.targets, -1, *self.attackers, -1, round(self.budget * 1e9), self.replicate)
        return generator(seed, Stream.ATTACK, *(value + 1 for value in key))


@dataclass(frozen=True)
class Effect:
    """An attack and what it did to the test metric of its targets and of the other tasks (bystanders).

    The trial keeps its model for ``Purpose.RELATIONSHIPS`` only.
    """

    cell: Cell
    trial: Trial
    clean: float
    attacked: float
    damage: float
    bystanders_clean: float
    bystanders: float


def worst_damage(found: Sequence[Effect]) -> Effect:
    """The one that did most; damage that could not be measured counts as least."""
    return max(found, key=lambda one: one.damage if np.isfinite(one.damage) else -np.inf)


def on_curve(effects: Sequence[Effect], attack: AttackName, budget: float) -> list[Effect]:
    """Those of an attack's curve at a budget, one a replicate."""
    wanted = Purpose.CURVE, attack, budget
    return [one for one in effects if (one.cell.purpose, one.cell.attack, one.cell.budget) == wanted]


def victim(data: AuditData, settings: AuditSettings, lambda_1: float, lambda_2: float) -> MTRL:
    """The unfitted model under audit."""
    loss = {} if settings.loss is None else {"loss": settings.loss}
    return new_learner(data.kind, lambda_1=lambda_1, lambda_2=lambda_2, **loss)


def clean_decision(split: AuditData, model: Any) -> FloatArray:
    """Fit a model on the training rows, predict the test rows."""
    fitted = fit_quietly(model, split.train)
    return decide(fitted, split.kind, split.test)


def aims(split: AuditData, cell: Cell) -> tuple[AimedAt, ...]:
    """What the attacker may aim at: the loss and, of a classifier, also the AUC, which the audit measures.

    The worse of the two attacks counts. PATOM has the paper's aim alone, random rows have none, and the hybrid attack
    is there to show relationships.
    """
    if (
        split.kind != "classification"
        or cell.attack.method is not Method.ASCENT
        or cell.purpose is Purpose.RELATIONSHIPS
    ):
        return ("loss",)
    sides = [np.unique(split.y_train[split.task_train == target]).size for target in cell.targets]
    return ("loss", "auc") if max(sides) > 1 else ("loss",)


def run_cell(
    split: AuditData,
    settings: AuditSettings,
    attacked: Victim,
    cell: Cell,
    aim: AimedAt = "loss",
    *,
    thorough: bool = False,
) -> Trial:
    """Attack a model on its replicate's split."""
    region = Ball(radius=1.0) if settings.region == "ball" else OwnData(within=Ball(radius=1.0))
    threat = ThreatModel(cell.targets, cell.attackers, cell.budget, region, Availability(metric=aim))
    method = cell.attack.method
    options: dict[str, Any] = {"optimise_labels": not settings.keep_labels, "step_size": cell.step_size}
    if method is Method.ASCENT:
        options |= THOROUGH if thorough else QUICK
    if settings.iterations is not None:
        options["max_iter"] = settings.iterations
    attack = CLASSES[method](**known_settings(method, options))
    trial = attempt(attacked, split, threat, attack, cell.rng(settings.seed))
    return trial if cell.purpose is Purpose.RELATIONSHIPS else replace(trial, model=None)


def run_and_measure(
    split: AuditData,
    settings: AuditSettings,
    attacked: Victim,
    cell: Cell,
    clean: FloatArray,
    *,
    thorough: bool = False,
) -> Effect:
    """Attack the model under audit, with each aim, and measure; the worst counts.

    ``clean``: the model's predictions of the test rows without an attack.
    """
    trials = (run_cell(split, settings, attacked, cell, aim, thorough=thorough) for aim in aims(split, cell))
    return worst_damage([measured(split, clean, cell, trial) for trial in trials])


def followed_up(
    work: Work, settings: AuditSettings, attacked: Victim, clean: Sequence[FloatArray], effects: Sequence[Effect],
    worst: Point | None,
) -> list[Effect]:  # fmt: skip
    """The effects after thorough ascents at the worst attack and budget, in each replicate; the worse of two counts.

    ``clean``: predictions of each replicate's test rows without an attack.
    """
    if Method(settings.attack) is not Method.ASCENT:
        return list(effects)
    faced = on_curve(effects, worst.attack, worst.budget) if worst and worst.attack.method is Method.ASCENT else []
    run = partial(run_and_measure, settings=settings, attacked=attacked, thorough=True)
    jobs = ((one.cell.replicate, partial(run, cell=one.cell, clean=clean[one.cell.replicate])) for one in faced)
    worse = {one.cell: worst_damage([one, more]) for one, more in zip(faced, work.on_splits(jobs), strict=True)}
    work.advance(settings.n_seeds - len(faced))
    return [worse.get(one.cell, one) for one in effects]


def measured(split: AuditData, clean: FloatArray, cell: Cell, trial: Trial) -> Effect:
    """A trial measured over the target tasks and over the others; tasks that cannot be measured count in neither.

    ``clean``: (n_test,), the predictions or margins without an attack.
    """
    target = split.mask(cell.targets)
    before, after, others_before, others_after = (
        split.score(decision, among) for among in (target, ~target) for decision in (clean, trial.decision)
    )
    damage = relative_damage(before, after, split.metric)
    return Effect(cell, trial, before, after, damage, others_before, others_after)
