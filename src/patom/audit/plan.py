"""Which attacks an audit runs."""

import math

import numpy as np

from patom.audit.cells import Cell
from patom.audit.data import AuditData
from patom.audit.draws import task_sets
from patom.audit.settings import DEFAULT_BUDGETS, AuditSettings
from patom.core.arrays import IntArray


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
    """Every attack of the audit: damage curves, exposure map, and one hybrid attack for the relationships.

    The last two are those of the first seed's split.
    """
    grid, methods = budgets(data, settings), ("random", settings.attack)
    cells = []
    for replicate in range(settings.n_seeds):
        split, (targets, attackers) = data.of_seed(replicate), task_sets(data, settings, replicate)
        for budget in grid:
            if _injects(split, targets, budget):
                cells += [Cell("curve", f"{how}-direct", targets, targets, budget, replicate) for how in methods]
            if attackers and _injects(split, attackers, budget):
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


def _injects(data: AuditData, attackers: tuple[int, ...], budget: float) -> bool:
    return bool(injected(data.counts[list(attackers)], budget).any())
