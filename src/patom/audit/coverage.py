"""How much the budgets of an audit allow: the rows that direct and indirect attacks can inject, and in which tasks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from patom.audit.data import AuditData
from patom.audit.draws import task_sets
from patom.audit.settings import AuditSettings
from patom.core.arrays import IntArray
from patom.core.grouped import whole_rows
from patom.results.audit import Coverage
from patom.results.methods import Reach
from patom.wording import as_asked, counted, percent

ENOUGH = 0.5
"""The least share of the attacking tasks that must get a row in every seed, or more damage may be possible."""
_MUCH = 0.1  # of the budget: up to this difference the rows injected are not mentioned


@dataclass(frozen=True)
class Allowance:
    """How many rows a budget allows direct or indirect attacks in one replicate.

    ``injected`` and ``clean`` rows have an entry for each attacking task; tasks are positions.
    """

    reach: Reach
    budget: float
    replicate: int
    targets: tuple[int, ...]
    attackers: tuple[int, ...]
    injected: IntArray
    clean: IntArray


def allowances(data: AuditData, settings: AuditSettings, grid: Sequence[float]) -> list[Allowance]:
    """Those of each replicate, budget and reach that there are tasks for; by replicates, then budgets."""
    found = []
    for replicate in range(settings.n_seeds):
        counts, (targets, others) = data.of_replicate(replicate).counts, task_sets(data, settings, replicate)
        through = {Reach.DIRECT: targets, Reach.INDIRECT: others}
        for budget in grid:
            for reach, attackers in through.items():
                if attackers:
                    clean = np.asarray(counts[list(attackers)])
                    rows = whole_rows(budget * clean)
                    found.append(Allowance(reach, budget, replicate, targets, attackers, rows, clean))
    return found


def coverage(found: Iterable[Allowance]) -> list[Coverage]:
    """For each reach and budget, over the seeds: what was planned, and what can be injected."""
    groups: dict[tuple[Reach, float], list[Allowance]] = {}
    for one in found:
        groups.setdefault((one.reach, one.budget), []).append(one)
    return [_over_seeds(reach, budget, group) for (reach, budget), group in groups.items()]


def _over_seeds(reach: Reach, budget: float, group: Sequence[Allowance]) -> Coverage:
    injecting = [one for one in group if one.injected.any()]
    shown = injecting or group
    return Coverage(
        reach=reach,
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


def thin(entries: Sequence[Coverage]) -> str:
    """Why little was attacked at the largest budget, as a clause; empty where enough tasks were attacked.

    >>> seeds = {"n_seeds": 5, "n_injecting": 0, "rows": [0, 0], "tasks": [5, 5], "reached": [0, 0]}
    >>> thin([Coverage(reach=Reach.DIRECT, budget=0.05, share=0.0, least_reached=0.0, **seeds)])
    'at the largest budget, 5 %, direct attacks have a row for 0 of 5 attacking tasks'
    """
    largest = max((entry.budget for entry in entries), default=0.0)
    few = [entry for entry in entries if entry.budget == largest and entry.least_reached < ENOUGH]
    if not few:
        return ""
    each = " and ".join(f"{entry.reach} attacks have a row for {_of_tasks(entry)}" for entry in few)
    return f"at the largest budget, {as_asked(largest)}, {each}"


def _of_tasks(entry: Coverage) -> str:
    seeds, some = entry.n_seeds, entry.n_injecting
    where = "" if some in (0, seeds) else f" in {some} of {seeds} seeds, and for none in the others"
    return f"{_range(entry.reached)} of {_range(entry.tasks)} attacking tasks{where}"


def really(entry: Coverage, noun: str = "row") -> str:
    """The rows that were injected, where they differ much from the budget; else empty.

    >>> seeds = {"reach": Reach.DIRECT, "n_seeds": 5, "n_injecting": 5}
    >>> counts = {"rows": [100, 100], "tasks": [9, 9], "reached": [9, 9]}
    >>> really(Coverage(budget=0.3, share=0.177, least_reached=1.0, **seeds, **counts))
    '100 rows (18 % more)'
    >>> counts = {"rows": [1, 1], "tasks": [5, 5], "reached": [1, 1]}
    >>> really(Coverage(budget=0.05, share=0.009, least_reached=0.2, **seeds, **counts), "random row")
    '1 random row (0.9 % more, in 1 of 5 tasks)'
    """
    if abs(entry.share / entry.budget - 1.0) <= _MUCH and entry.least_reached >= ENOUGH:
        return ""
    least, most = entry.rows
    rows = counted(most, noun) if least == most else f"{least:,} to {counted(most, noun)}"
    where = "" if entry.reached == entry.tasks else f", in {_range(entry.reached)} of {_range(entry.tasks)}"
    return f"{rows} ({percent(entry.share)} more{where}{' tasks' if where else ''})"


def _range(ends: Sequence[int]) -> str:
    least, most = ends
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"
