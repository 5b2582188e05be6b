"""From the outcomes of attacks to curves with confidence bands, the exposure map and the relationships."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from patom.audit.cells import Outcome
from patom.audit.data import AuditData
from patom.audit.draws import by_seed
from patom.core.arrays import FloatArray
from patom.intervals import varied_interval
from patom.metrics import relative_damage
from patom.results.audit import Exposure, Moment, Point, Relationships
from patom.results.methods import AttackName, Method, Reach


def label(attack: AttackName) -> str:
    """What the page calls an attack.

    >>> label(AttackName.parse("ascent-direct")), label(AttackName.parse("patom-hybrid"))
    ('optimised, direct', 'PATOM, hybrid')
    """
    return f"optimised, {attack.reach}" if attack.method is Method.ASCENT else attack.words


@dataclass(frozen=True)
class Effect:
    """One attack's effect on the test rows, clean and attacked, of its targets and of everybody else."""

    outcome: Outcome
    clean: float
    attacked: float
    damage: float
    bystanders_clean: float
    bystanders: float


def effect(data: AuditData, clean: FloatArray, outcome: Outcome) -> Effect:
    """An outcome measured over the target tasks and over the others; tasks that cannot be measured count in neither.

    ``clean``: (n_test,), the predictions or margins without an attack.
    """
    target = np.zeros(data.tasks.size, dtype=bool)
    target[list(outcome.cell.targets)] = True
    before, after, others_before, others_after = (
        data.score(decision, among) for among in (target, ~target) for decision in (clean, outcome.decision)
    )
    damage = relative_damage(before, after, data.metric)
    return Effect(outcome, before, after, damage, others_before, others_after)


def effects(data: AuditData, clean: Sequence[FloatArray], outcomes: Iterable[Outcome]) -> list[Effect]:
    """Each outcome measured on its seed's split; ``clean``: predictions or margins without an attack, one a seed."""
    pairs = by_seed(data, outcomes, lambda outcome: outcome.cell.replicate)
    return [effect(split, clean[outcome.cell.replicate], outcome) for split, outcome in pairs]


def curves(effects: Sequence[Effect], confidence: float) -> list[Point]:
    """One point for each attack and budget, over the seeds in which its damage could be measured."""
    groups: dict[tuple[AttackName, float], list[Effect]] = {}
    for item in effects:
        cell = item.outcome.cell
        if cell.purpose == "curve":
            groups.setdefault((AttackName.parse(str(cell.attack)), cell.budget), []).append(item)
    measured = sum(any(np.isfinite(item.damage) for item in group) for group in groups.values())
    of_all = 1.0 - (1.0 - confidence) / max(measured, 1)
    return [
        Point(
            attack=attack,
            label=label(attack),
            budget=budget,
            n_seeds=sum(bool(np.isfinite(item.damage)) for item in group),
            clean=varied_interval((item.clean for item in group), confidence),
            metric=varied_interval((item.attacked for item in group), confidence),
            damage=varied_interval((item.damage for item in group), confidence),
            low_of_all=varied_interval((item.damage for item in group), of_all).low,
            bystander_metric=varied_interval((item.bystanders for item in group), confidence),
        )
        for (attack, budget), group in sorted(groups.items(), key=lambda found: _reading_order(*found[0]))
    ]


def _reading_order(attack: AttackName, budget: float) -> tuple[int, int, float]:
    return list(Method).index(attack.method), list(Reach).index(attack.reach), budget


def exposure(data: AuditData, effects: Sequence[Effect], shown: tuple[int, ...], budget: float) -> Exposure | None:
    """The damage of each task (row) as the only attacker on each task (column) as the only target, if any is known."""
    place = {position: i for i, position in enumerate(shown)}
    damage: list[list[float | None]] = [[None] * len(shown) for _ in shown]
    injected = [0] * len(shown)
    for item in effects:
        cell = item.outcome.cell
        if cell.purpose == "exposure":
            i, j = place[cell.attackers[0]], place[cell.targets[0]]
            damage[i][j] = item.damage if np.isfinite(item.damage) else None
            injected[i] = int(item.outcome.result.y.size)
    if all(value is None for row in damage for value in row):
        return None
    return Exposure(
        budget=budget,
        tasks=names(data, shown),
        all_tasks_shown=len(shown) == data.tasks.size,
        damage=damage,
        few_test_rows=data.few[list(shown)].tolist(),
        rows_injected=injected,
    )


def relationships(
    data: AuditData, before: tuple[FloatArray, FloatArray], outcome: Outcome, shown: tuple[int, ...]
) -> Relationships:
    """Correlations among the tasks shown and the largest eigenvalues of Omega, clean and under a hybrid attack."""
    cell, attack = outcome.cell, AttackName.parse(str(outcome.cell.attack))
    return Relationships(
        attack=attack,
        label=label(attack),
        budget=cell.budget,
        targets=names(data, cell.targets),
        attackers=names(data, cell.attackers),
        tasks=names(data, shown),
        before=_moment(*before),
        after=_moment(outcome.correlation, outcome.spectrum),
    )


def _moment(correlation: FloatArray | None, spectrum: FloatArray | None) -> Moment:
    return Moment(correlation=np.asarray(correlation).tolist(), spectrum=np.asarray(spectrum)[:20].tolist())


def curve_rows(data: AuditData, effects: Sequence[Effect]) -> list[dict[str, Any]]:
    """One tidy record for each attack, whatever its purpose."""
    return [
        {
            "purpose": item.outcome.cell.purpose,
            "attack": str(item.outcome.cell.attack),
            "budget": item.outcome.cell.budget,
            "replicate": item.outcome.cell.replicate,
            "targets": names(data, item.outcome.cell.targets),
            "attackers": names(data, item.outcome.cell.attackers),
            "rows_injected": int(item.outcome.result.y.size),
            "metric_clean": item.clean,
            "metric": item.attacked,
            "damage": item.damage,
            "bystanders_clean": item.bystanders_clean,
            "bystanders": item.bystanders,
            "training_loss_clean": item.outcome.result.clean_utility,
            "training_loss": item.outcome.result.utility,
            "certified": item.outcome.certified,
        }
        for item in effects
    ]


def names(data: AuditData, places: Iterable[int]) -> list[str]:
    """Task labels as text."""
    return [str(data.tasks[place]) for place in places]
