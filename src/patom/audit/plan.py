"""Which attacks an audit runs."""

import math
from collections.abc import Hashable

import numpy as np

from patom.audit.cells import Cell
from patom.audit.data import AuditData
from patom.audit.settings import DEFAULT_BUDGETS, AuditSettings
from patom.core.arrays import IntArray
from patom.core.labels import as_labels, positions


def budgets(data: AuditData, settings: AuditSettings) -> tuple[float, ...]:
    """The budgets asked for, or the default ones; where tasks are too small for these, the smallest of use.

    A default budget is of use if a quarter of its rows is left after rounding down in every attacking task.
    """
    counts = attacking_counts(data, settings)
    for budget in settings.budgets or ():
        if not injected(counts, budget).any():
            most = int(counts.max())
            raise ValueError(
                f"budget {budget:g} of the audit rounds to no rows: the largest attacking task has {most} training "
                f"rows, so {math.ceil(1_000 / most) / 1_000:g} would inject one."
            )
    if settings.budgets is not None:
        return tuple(sorted(set(settings.budgets)))
    usable = [budget for budget in DEFAULT_BUDGETS if _of_use(counts, budget)]
    one_row = (1.0 / count for count in np.unique(counts)[::-1].tolist())
    return tuple(usable) or (next(budget for budget in one_row if _of_use(counts, budget)),)


def attacking_counts(data: AuditData, settings: AuditSettings) -> IntArray:
    """Training rows of the tasks through which the curves' attacks go."""
    targets, others = task_sets(data, settings, 0)
    return np.asarray(data.counts[sorted({*targets, *others})])


def injected(counts: IntArray, budget: float) -> IntArray:
    """Rows that a budget comes to in tasks of so many rows: rounded down, as in ``ThreatModel``."""
    return np.asarray(np.floor(budget * counts + 1e-9), dtype=np.int64)


def _of_use(counts: IntArray, budget: float) -> bool:
    return bool(injected(counts, budget).sum() >= 0.25 * budget * counts.sum())


def exposure_budget(data: AuditData, settings: AuditSettings) -> float:
    """The budget of one task against another: as set, or the largest of the curves where tasks are too small for it."""
    enough = injected(data.counts, settings.exposure_budget).any()
    return settings.exposure_budget if enough else budgets(data, settings)[-1]


def shown_tasks(data: AuditData, settings: AuditSettings) -> tuple[int, ...]:
    """Positions of the tasks of the maps, ascending: those named in the settings, then those with most rows.

    Tasks whose test rows allow no metric of their own come last.
    """
    named = np.zeros(data.tasks.size, dtype=bool)
    if settings.targets is not None:
        named[list(task_sets(data, settings, 0)[0])] = True
    if settings.attackers is not None:
        named[list(task_sets(data, settings, 0)[1])] = True
    first = np.lexsort((-data.counts, ~data.measurable, ~named))[: settings.shown_tasks]
    return tuple(np.sort(first).tolist())


def plan(data: AuditData, settings: AuditSettings) -> list[Cell]:
    """Every attack of the audit: damage curves, exposure map, and one hybrid attack for the relationships."""
    grid, methods = budgets(data, settings), ("random", settings.attack)
    cells = []
    for replicate in range(settings.n_seeds):
        targets, attackers = task_sets(data, settings, replicate)
        for budget in grid:
            if _injects(data, targets, budget):
                cells += [Cell("curve", f"{how}-direct", targets, targets, budget, replicate) for how in methods]
            if attackers and _injects(data, attackers, budget):
                cells += [Cell("curve", f"{how}-indirect", targets, attackers, budget, replicate) for how in methods]
    shown, budget, measurable = shown_tasks(data, settings), exposure_budget(data, settings), data.measurable
    cells += [
        Cell("exposure", f"{settings.attack}-{'direct' if i == j else 'indirect'}", (j,), (i,), budget, 0)
        for i in shown
        if _injects(data, (i,), budget)
        for j in shown
        if measurable[j]
    ]
    everyone, targets = tuple(range(data.tasks.size)), task_sets(data, settings, 0)[0]
    reach = "direct" if targets == everyone else "hybrid"
    return [*cells, Cell("relationships", f"{settings.attack}-{reach}", targets, everyone, grid[-1], 0)]


def task_sets(data: AuditData, settings: AuditSettings, replicate: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Target tasks and, for indirect attacks, the attacking ones: as given, or a random half and the other half."""
    everyone = np.arange(data.tasks.size)
    if settings.targets is not None:
        targets = _named(data, settings.targets, "targets")
        others = np.setdiff1d(everyone, targets)
        if settings.attackers is not None:
            others = _named(data, settings.attackers, "attackers")
            if np.isin(others, targets).any():
                both = data.tasks[np.intersect1d(others, targets)[0]]
                raise ValueError(
                    f"attackers of the audit must be other tasks than the targets, but {str(both)!r} is both: direct "
                    "attacks go through the targets anyway."
                )
    else:
        drawn = np.random.default_rng([settings.seed, 4, replicate]).permutation(everyone)
        half = (data.tasks.size + 1) // 2
        targets, others = np.sort(drawn[:half]), np.sort(drawn[half:])
    return tuple(targets.tolist()), tuple(others.tolist())


def _injects(data: AuditData, attackers: tuple[int, ...], budget: float) -> bool:
    return bool(injected(data.counts[list(attackers)], budget).any())


def _named(data: AuditData, labels: tuple[Hashable, ...], argument: str) -> IntArray:
    # A command line hands over text whatever the labels' type.
    printed = as_labels([str(label) for label in labels], len(labels))
    found = positions(printed, data.tasks.astype(str), argument=f"{argument} of the audit")
    return np.unique(found)
