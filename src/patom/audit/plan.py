"""Which attacks an audit runs."""

from collections.abc import Hashable

import numpy as np

from patom.audit.cells import Cell
from patom.audit.data import AuditData
from patom.audit.settings import DEFAULT_BUDGETS, AuditSettings
from patom.core.labels import as_labels, positions

DIRECT = ("random-direct", "patom-direct")
INDIRECT = ("random-indirect", "patom-indirect")


def budgets(data: AuditData, settings: AuditSettings) -> tuple[float, ...]:
    """The budgets asked for, or the default ones that inject at least a row into the largest task."""
    largest = int(data.counts.max())
    for budget in settings.budgets or ():
        if not _rounds_to_rows(budget, largest):
            raise ValueError(
                f"budget {budget} rounds to no rows: the largest task has {largest} training rows, so the smallest "
                f"budget that injects one is {1.0 / largest:.3g}."
            )
    if settings.budgets is not None:
        return tuple(sorted(set(settings.budgets)))
    usable = tuple(budget for budget in DEFAULT_BUDGETS if _rounds_to_rows(budget, largest))
    return usable or (1.0,)


def shown_tasks(data: AuditData, settings: AuditSettings) -> tuple[int, ...]:
    """Positions of the tasks with the most training rows, in the tasks' order."""
    largest = np.argsort(-data.counts, kind="stable")[: settings.shown_tasks]
    return tuple(np.sort(largest).tolist())


def plan(data: AuditData, settings: AuditSettings) -> list[Cell]:
    """Every attack of the audit: damage curves, exposure map, and one hybrid attack for the relationships."""
    grid = budgets(data, settings)
    cells = []
    for replicate in range(settings.n_seeds):
        targets, attackers = task_sets(data, settings, replicate)
        for budget in grid:
            if _injects(data, targets, budget):
                cells += [Cell("curve", name, targets, targets, budget, replicate) for name in DIRECT]
            if attackers and _injects(data, attackers, budget):
                cells += [Cell("curve", name, targets, attackers, budget, replicate) for name in INDIRECT]
    shown = shown_tasks(data, settings)
    cells += [
        Cell("exposure", "patom-direct" if i == j else "patom-indirect", (j,), (i,), settings.exposure_budget, 0)
        for i in shown
        if _injects(data, (i,), settings.exposure_budget)
        for j in shown
    ]
    everyone = tuple(range(data.tasks.size))
    name = "patom-direct" if set(task_sets(data, settings, 0)[0]) == set(everyone) else "patom-hybrid"
    cells.append(Cell("relationships", name, task_sets(data, settings, 0)[0], everyone, grid[-1], 0))
    return cells


def task_sets(data: AuditData, settings: AuditSettings, replicate: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Target tasks and, for indirect attacks, the attacking ones: as given, or a random half and the other half."""
    everyone = np.arange(data.tasks.size)
    if settings.targets is not None:
        targets = _named(data, settings.targets, "targets")
        others = np.setdiff1d(everyone, targets)
        if settings.attackers is not None:
            others = np.setdiff1d(_named(data, settings.attackers, "attackers"), targets)
    else:
        drawn = np.random.default_rng([settings.seed, 4, replicate]).permutation(everyone)
        half = (data.tasks.size + 1) // 2
        targets, others = np.sort(drawn[:half]), np.sort(drawn[half:])
    return tuple(targets.tolist()), tuple(others.tolist())


def _injects(data: AuditData, attackers: tuple[int, ...], budget: float) -> bool:
    return _rounds_to_rows(budget, int(data.counts[list(attackers)].max()))


def _rounds_to_rows(budget: float, count: int) -> bool:
    return budget * count + 1e-9 >= 1.0


def _named(data: AuditData, labels: tuple[Hashable, ...], argument: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    # A command line hands over text whatever the labels' type.
    printed = as_labels([str(label) for label in labels], len(labels))
    found = positions(printed, data.tasks.astype(str), argument=f"{argument} of the audit")
    return np.unique(found)
