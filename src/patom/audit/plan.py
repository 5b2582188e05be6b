"""Which attacks on the model under audit are run, at which budgets."""

import math

import numpy as np

from patom.audit.cells import Cell, Purpose
from patom.audit.coverage import allowances
from patom.audit.data import AuditData
from patom.audit.draws import task_sets
from patom.audit.settings import DEFAULT_BUDGETS, AuditSettings
from patom.core.arrays import IntArray
from patom.core.grouped import whole_rows
from patom.results.methods import AttackName, Method, Reach
from patom.wording import counted


def budgets(data: AuditData, settings: AuditSettings) -> tuple[float, ...]:
    """The usable budgets; of those that inject the same rows everywhere, only the smallest."""
    kept: list[float] = []
    for budget in usable_budgets(data, settings):
        if not kept or not _same_rows(data, settings, kept[-1], budget):
            kept.append(budget)
    return tuple(kept)


def usable_budgets(data: AuditData, settings: AuditSettings) -> tuple[float, ...]:
    """The budgets that are set, or the default ones; where tasks are too small for these, the smallest useful one.

    A default budget is useful if a quarter of its rows is left after rounding down in every attacking task.
    """
    counts = attacking_counts(data, settings)
    for budget in settings.budgets or ():
        if not whole_rows(budget * counts).any():
            most = int(counts.max())
            raise ValueError(
                f"budget {budget:g} of the audit rounds to no rows: the largest attacking task has "
                f"{counted(most, 'training row')}, so {math.ceil(1_000 / most) / 1_000:g} would inject one."
            )
    if settings.budgets is not None:
        return tuple(sorted(set(settings.budgets)))

    def is_useful(budget: float) -> bool:
        return bool(whole_rows(budget * counts).sum() >= 0.25 * budget * counts.sum())

    one_row = (1.0 / count for count in np.unique(counts)[::-1].tolist())
    return tuple(filter(is_useful, DEFAULT_BUDGETS)) or (next(filter(is_useful, one_row)),)


def _same_rows(data: AuditData, settings: AuditSettings, smaller: float, larger: float) -> bool:
    """Whether two budgets inject the same number of rows in each attacking task of each replicate."""
    counts = attacking_counts(data, settings)
    if not np.array_equal(whole_rows(smaller * counts), whole_rows(larger * counts)):
        return False  # which spares the splits of the other replicates
    found = allowances(data, settings, (smaller, larger))
    ours, theirs = ([one.injected for one in found if one.budget == budget] for budget in (smaller, larger))
    return all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))


def attacking_counts(data: AuditData, settings: AuditSettings) -> IntArray:
    """Training rows of the tasks through which the curves' attacks go."""
    targets, others = task_sets(data, settings, 0)
    return np.asarray(data.counts[sorted({*targets, *others})])


def exposure_budget(data: AuditData, settings: AuditSettings) -> float:
    """The budget of one task against another: as set, or the largest of the curves where tasks are too small for it."""
    enough = whole_rows(settings.exposure_budget * data.counts).any()
    return settings.exposure_budget if enough else budgets(data, settings)[-1]


def shown_tasks(data: AuditData, settings: AuditSettings) -> tuple[int, ...]:
    """Positions of the tasks of the maps, ascending: those named in the settings, then those with most rows.

    Tasks whose test rows allow no metric of their own come last.
    """
    named = np.zeros(data.tasks.size, dtype=bool)
    for labels, places in zip((settings.targets, settings.attackers), task_sets(data, settings, 0), strict=True):
        if labels is not None:
            named[list(places)] = True
    first = np.lexsort((-data.counts, ~data.measurable, ~named))[: settings.shown_tasks]
    return tuple(np.sort(first).tolist())


def plan(data: AuditData, settings: AuditSettings) -> list[Cell]:
    """The attacks on the model under audit: damage curves, exposure map, and one hybrid attack for the relationships.

    The last two are those of the first replicate's split. Pilot attacks and those on defended models are not among
    them, since they depend on what earlier steps find.
    """
    grid, optimised = budgets(data, settings), Method(settings.attack)
    cells = []
    for one in allowances(data, settings, grid):
        if one.injected.any():
            aimed = one.targets, one.attackers, one.budget, one.replicate
            cells += [
                Cell(Purpose.CURVE, AttackName(method, one.reach), *aimed) for method in (Method.RANDOM, optimised)
            ]
    shown, budget, measurable = shown_tasks(data, settings), exposure_budget(data, settings), data.measurable
    cells += [
        Cell(Purpose.EXPOSURE, AttackName(optimised, Reach.between((j,), (i,))), (j,), (i,), budget, 0)
        for i in shown
        if whole_rows(budget * data.counts[i]).any()
        for j in shown
        if measurable[j]
    ]
    everyone, targets = tuple(range(data.tasks.size)), task_sets(data, settings, 0)[0]
    through_all = AttackName(optimised, Reach.between(targets, everyone))
    return [*cells, Cell(Purpose.RELATIONSHIPS, through_all, targets, everyone, grid[-1], 0)]
