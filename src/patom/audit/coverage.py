"""How much the budgets of an audit allow: the rows each kind of attack can inject, and in how many of its tasks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from patom.audit.data import AuditData
from patom.audit.draws import task_sets
from patom.audit.settings import AuditSettings
from patom.core.arrays import IntArray
from patom.results.audit import Coverage
from patom.results.methods import AttackName, Reach
from patom.wording import as_asked, counted, percent

ENOUGH = 0.5
"""The least share of its attacking tasks that a kind of attack must reach in every seed, for its damage to be all."""
_MUCH = 0.1  # of the budget: how far what is injected may be from it and go without saying


@dataclass(frozen=True)
class Planned:
    """How many rows a budget allows one kind of attack in the seed of number ``replicate``.

    ``injected`` and ``clean`` rows have an entry for each attacking task; tasks are positions.
    """

    kind: Reach
    budget: float
    replicate: int
    targets: tuple[int, ...]
    attackers: tuple[int, ...]
    injected: IntArray
    clean: IntArray


def injected(counts: IntArray, budget: float) -> IntArray:
    """Rows that a budget allows in tasks of so many rows: rounded down, as in ``ThreatModel``."""
    return np.asarray(np.floor(budget * counts + 1e-9), dtype=np.int64)


def reaches(data: AuditData, settings: AuditSettings, grid: Sequence[float]) -> list[Planned]:
    """Of each seed, budget and kind of attack that there are tasks for; by seeds, then budgets."""
    found = []
    for replicate in range(settings.n_seeds):
        counts, (targets, others) = data.of_seed(replicate).counts, task_sets(data, settings, replicate)
        kinds = {Reach.DIRECT: targets, Reach.INDIRECT: others}
        for budget in grid:
            for kind, attackers in kinds.items():
                if attackers:
                    clean = np.asarray(counts[list(attackers)])
                    found.append(Planned(kind, budget, replicate, targets, attackers, injected(clean, budget), clean))
    return found


def coverage(found: Iterable[Planned]) -> list[Coverage]:
    """For each kind of attack and budget, over the seeds: what was planned, and what can be injected."""
    groups: dict[tuple[Reach, float], list[Planned]] = {}
    for one in found:
        groups.setdefault((one.kind, one.budget), []).append(one)
    return [_over_seeds(kind, budget, group) for (kind, budget), group in groups.items()]


def _over_seeds(kind: Reach, budget: float, group: Sequence[Planned]) -> Coverage:
    injecting = [one for one in group if one.injected.any()]
    shown = injecting or group
    return Coverage(
        kind=kind,
        budget=budget,
        n_seeds=len(group),
        n_injecting=len(injecting),
        rows=_ends(int(one.injected.sum()) for one in shown),
        tasks=_ends(len(one.attackers) for one in shown),
        reached=_ends(int((one.injected > 0).sum()) for one in shown),
        share=float(np.mean([one.injected.sum() / one.clean.sum() for one in shown])),
        least_reached=min(float((one.injected > 0).mean()) for one in group),
    )


def _ends(values: Iterable[int]) -> list[int]:
    known = list(values)
    return [min(known), max(known)]


def thin(told: Sequence[Coverage]) -> str:
    """Why little was attacked at the largest budget, as a clause; empty where each kind reached enough of its tasks.

    >>> seeds = {"n_seeds": 5, "n_injecting": 0, "rows": [0, 0], "tasks": [5, 5], "reached": [0, 0]}
    >>> thin([Coverage(kind=Reach.DIRECT, budget=0.05, share=0.0, least_reached=0.0, **seeds)])
    'at the largest budget, 5 %, direct attacks have a row for 0 of 5 attacking tasks'
    """
    largest = max((entry.budget for entry in told), default=0.0)
    few = [entry for entry in told if entry.budget == largest and entry.least_reached < ENOUGH]
    if not few:
        return ""
    each = " and ".join(f"{entry.kind} attacks have a row for {_of_tasks(entry)}" for entry in few)
    return f"at the largest budget, {as_asked(largest)}, {each}"


def _of_tasks(entry: Coverage) -> str:
    seeds, some = entry.n_seeds, entry.n_injecting
    where = "" if some in (0, seeds) else f" in {some} of {seeds} seeds, and for none in the others"
    return f"{_range(entry.reached)} of {_range(entry.tasks)} attacking tasks{where}"


def of_attack(told: Sequence[Coverage], attack: AttackName, budget: float) -> Coverage | None:
    """What an attack can inject; None in results that do not say."""
    return next((entry for entry in told if (entry.kind, entry.budget) == (attack.reach, budget)), None)


def really(entry: Coverage | None, noun: str = "row") -> str:
    """The rows that were injected, where they differ much from the budget; else empty.

    >>> seeds = {"kind": Reach.DIRECT, "n_seeds": 5, "n_injecting": 5}
    >>> counts = {"rows": [100, 100], "tasks": [9, 9], "reached": [9, 9]}
    >>> really(Coverage(budget=0.3, share=0.177, least_reached=1.0, **seeds, **counts))
    '100 rows (18 % more)'
    >>> counts = {"rows": [1, 1], "tasks": [5, 5], "reached": [1, 1]}
    >>> really(Coverage(budget=0.05, share=0.009, least_reached=0.2, **seeds, **counts), "random row")
    '1 random row (0.9 % more, in 1 of 5 tasks)'
    """
    if entry is None or (abs(entry.share / entry.budget - 1.0) <= _MUCH and entry.least_reached >= ENOUGH):
        return ""
    least, most = entry.rows
    rows = counted(most, noun) if least == most else f"{least:,} to {counted(most, noun)}"
    where = "" if entry.reached == entry.tasks else f", in {_range(entry.reached)} of {_range(entry.tasks)}"
    return f"{rows} ({percent(entry.share)} more{where}{' tasks' if where else ''})"


def _range(ends: Sequence[int]) -> str:
    least, most = ends
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"
