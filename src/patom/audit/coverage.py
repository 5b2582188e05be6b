"""What the budgets of an audit come to: how many rows each kind of attack can inject, and in how many of its tasks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from patom.audit.data import AuditData
from patom.audit.draws import task_sets
from patom.audit.settings import AuditSettings
from patom.core.arrays import IntArray
from patom.datasets.tables.wording import as_asked, counted, percent

Entry = Mapping[str, Any]
ENOUGH = 0.5
"""The least share of its attacking tasks that a kind of attack must reach in every seed, for its damage to be all."""
_MUCH = 0.1  # of the budget: how far what is injected may be from it and go without saying


@dataclass(frozen=True)
class Reach:
    """What a budget comes to for one kind of attack in one seed.

    Parameters
    ----------
    kind : {"direct", "indirect"}
    budget : float
    replicate : int
        The seed's number.
    targets, attackers : tuples of positions among the tasks
    injected, clean : arrays, one entry an attacking task
        Rows injected, and training rows.
    """

    kind: str
    budget: float
    replicate: int
    targets: tuple[int, ...]
    attackers: tuple[int, ...]
    injected: IntArray
    clean: IntArray


def injected(counts: IntArray, budget: float) -> IntArray:
    """Rows that a budget comes to in tasks of so many rows: rounded down, as in ``ThreatModel``."""
    return np.asarray(np.floor(budget * counts + 1e-9), dtype=np.int64)


def reaches(data: AuditData, settings: AuditSettings, grid: Sequence[float]) -> list[Reach]:
    """Of each seed, budget and kind of attack that there are tasks for; by seeds, then budgets."""
    found = []
    for replicate in range(settings.n_seeds):
        counts, (targets, others) = data.of_seed(replicate).counts, task_sets(data, settings, replicate)
        kinds = {"direct": targets, "indirect": others}
        for budget in grid:
            for kind, attackers in kinds.items():
                if attackers:
                    clean = np.asarray(counts[list(attackers)])
                    found.append(Reach(kind, budget, replicate, targets, attackers, injected(clean, budget), clean))
    return found


def coverage(found: Iterable[Reach]) -> list[dict[str, Any]]:
    """For each kind of attack and budget, over the seeds: what was planned, and what it came to.

    Returns
    -------
    list of dict
        ``kind`` and ``budget``; ``n_seeds`` planned and ``n_injecting`` of them; over the latter the least and the most
        ``rows`` injected, ``tasks`` attacking and ``reached`` of these, and ``share``, the mean of the rows injected
        over the clean rows of the attacking tasks; ``least_reached``, the least share of attacking tasks that got a
        row, over all seeds.
    """
    groups: dict[tuple[str, float], list[Reach]] = {}
    for reach in found:
        groups.setdefault((reach.kind, reach.budget), []).append(reach)
    return [_over_seeds(kind, budget, group) for (kind, budget), group in groups.items()]


def _over_seeds(kind: str, budget: float, group: Sequence[Reach]) -> dict[str, Any]:
    injecting = [reach for reach in group if reach.injected.any()]
    shown = injecting or group
    return {
        "kind": kind,
        "budget": budget,
        "n_seeds": len(group),
        "n_injecting": len(injecting),
        "rows": _ends(int(reach.injected.sum()) for reach in shown),
        "tasks": _ends(len(reach.attackers) for reach in shown),
        "reached": _ends(int((reach.injected > 0).sum()) for reach in shown),
        "share": float(np.mean([reach.injected.sum() / reach.clean.sum() for reach in shown])),
        "least_reached": min(float((reach.injected > 0).mean()) for reach in group),
    }


def _ends(values: Iterable[int]) -> list[int]:
    known = list(values)
    return [min(known), max(known)]


def thin(told: Sequence[Entry]) -> str:
    """Why little was attacked at the largest budget, as a clause; empty where each kind reached enough of its tasks.

    >>> entry = {"kind": "direct", "budget": 0.05, "n_seeds": 5, "n_injecting": 0, "tasks": [5, 5], "reached": [0, 0]}
    >>> thin([entry | {"least_reached": 0.0}])
    'at the largest budget, 5 %, direct attacks have a row for 0 of 5 attacking tasks'
    """
    largest = max((entry["budget"] for entry in told), default=0.0)
    few = [entry for entry in told if entry["budget"] == largest and entry["least_reached"] < ENOUGH]
    if not few:
        return ""
    each = " and ".join(f"{entry['kind']} attacks have a row for {_of_tasks(entry)}" for entry in few)
    return f"at the largest budget, {as_asked(largest)}, {each}"


def _of_tasks(entry: Entry) -> str:
    seeds, some = entry["n_seeds"], entry["n_injecting"]
    where = "" if some in (0, seeds) else f" in {some} of {seeds} seeds, and for none in the others"
    return f"{_range(entry['reached'])} of {_range(entry['tasks'])} attacking tasks{where}"


def of_attack(told: Sequence[Entry], attack: str, budget: float) -> Entry | None:
    """What an attack of a kind came to, such as ``"ascent-direct"``; None in results that do not say."""
    kind = attack.rpartition("-")[2]
    return next((entry for entry in told if (entry["kind"], entry["budget"]) == (kind, budget)), None)


def really(entry: Entry | None, noun: str = "row") -> str:
    """The rows that were injected, where they differ much from the budget; else empty.

    >>> entry = {"budget": 0.3, "rows": [100, 100], "share": 0.177, "tasks": [9, 9], "reached": [9, 9]}
    >>> really(entry | {"least_reached": 1.0})
    '100 rows (18 % more)'
    >>> one = {"budget": 0.05, "rows": [1, 1], "share": 0.009, "tasks": [5, 5], "reached": [1, 1]}
    >>> really(one | {"least_reached": 0.2}, "random row")
    '1 random row (0.9 % more, in 1 of 5 tasks)'
    """
    if entry is None or (abs(entry["share"] / entry["budget"] - 1.0) <= _MUCH and entry["least_reached"] >= ENOUGH):
        return ""
    least, most = entry["rows"]
    rows = counted(most, noun) if least == most else f"{least:,} to {counted(most, noun)}"
    where = "" if entry["reached"] == entry["tasks"] else f", in {_range(entry['reached'])} of {_range(entry['tasks'])}"
    return f"{rows} ({percent(entry['share'])} more{where}{' tasks' if where else ''})"


def _range(ends: Sequence[int]) -> str:
    least, most = ends
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"
