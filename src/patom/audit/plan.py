"""Which attacks an audit runs, at which budgets, and with which step size where the attack is PATOM."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from patom.audit.cells import Cell, Purpose, run_cell
from patom.audit.coverage import injected, reaches
from patom.audit.data import AuditData
from patom.audit.draws import on_splits, task_sets
from patom.audit.settings import DEFAULT_BUDGETS, AuditSettings
from patom.core.arrays import IntArray
from patom.evaluate.defended import Victim
from patom.results.methods import AttackName, Method, Reach
from patom.wording import as_asked, counted

STEP_SIZES = (100.0, 10.0, 1.0, 0.1, 0.01)
"""PATOM's, of which an audit chooses. The paper's 100 moves rows straight to the region's edge at small lambdas."""


def budgets(data: AuditData, settings: AuditSettings) -> tuple[float, ...]:
    """The budgets that are set, or the default ones; where tasks are too small for these, the smallest useful one.

    A default budget is useful if a quarter of its rows is left after rounding down in every attacking task. Of budgets
    that inject the same rows everywhere, only the smallest is run.
    """
    kept: list[float] = []
    for budget in _asked(data, settings):
        if not kept or not _same_rows(data, settings, kept[-1], budget):
            kept.append(budget)
    return tuple(kept)


def _asked(data: AuditData, settings: AuditSettings) -> tuple[float, ...]:
    counts = attacking_counts(data, settings)
    for budget in settings.budgets or ():
        if not injected(counts, budget).any():
            most = int(counts.max())
            raise ValueError(
                f"budget {budget:g} of the audit rounds to no rows: the largest attacking task has "
                f"{counted(most, 'training row')}, so {math.ceil(1_000 / most) / 1_000:g} would inject one."
            )
    if settings.budgets is not None:
        return tuple(sorted(set(settings.budgets)))
    usable = [budget for budget in DEFAULT_BUDGETS if _is_useful(counts, budget)]
    one_row = (1.0 / count for count in np.unique(counts)[::-1].tolist())
    return tuple(usable) or (next(budget for budget in one_row if _is_useful(counts, budget)),)


def _same_rows(data: AuditData, settings: AuditSettings, smaller: float, larger: float) -> bool:
    """Whether two budgets inject the same number of rows in each attacking task of each seed."""
    counts = attacking_counts(data, settings)
    if not np.array_equal(injected(counts, smaller), injected(counts, larger)):
        return False  # which spares the splits of the other seeds
    found = reaches(data, settings, (smaller, larger))
    ours, theirs = ([reach.injected for reach in found if reach.budget == budget] for budget in (smaller, larger))
    return all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))


def budget_notes(data: AuditData, settings: AuditSettings) -> list[str]:
    """Sentences on budgets and attacks that were not run, and why."""
    run, usable = budgets(data, settings), _asked(data, settings)
    notes = [
        f"A budget of {as_asked(budget)} comes to the same rows as "
        f"{as_asked(max(each for each in run if each < budget))} in all attacking tasks, so it was not run."
        for budget in usable
        if budget not in run
    ]
    small = [] if settings.budgets else [as_asked(budget) for budget in DEFAULT_BUDGETS if budget not in usable]
    if small:
        notes.append(
            f"Left out of the usual budgets, as they come to no rows or few in tasks of this size: {', '.join(small)}."
        )
    nothing: dict[tuple[str, float], int] = {}
    for reach in reaches(data, settings, run):
        key = reach.kind, reach.budget
        nothing[key] = nothing.get(key, 0) + (not reach.injected.any())
    notes += [
        f"With a budget of {as_asked(budget)} {kind} attacks have no row to inject in {seeds:,} of "
        f"{counted(settings.n_seeds, 'seed')}, where they were not run."
        for (kind, budget), seeds in nothing.items()
        if seeds
    ]
    return notes


def attacking_counts(data: AuditData, settings: AuditSettings) -> IntArray:
    """Training rows of the tasks through which the curves' attacks go."""
    targets, others = task_sets(data, settings, 0)
    return np.asarray(data.counts[sorted({*targets, *others})])


def _is_useful(counts: IntArray, budget: float) -> bool:
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
    grid, optimised = budgets(data, settings), Method(settings.attack)
    cells = []
    for reach in reaches(data, settings, grid):
        if reach.injected.any():
            aimed = reach.targets, reach.attackers, reach.budget, reach.replicate
            cells += [
                Cell(Purpose.CURVE, AttackName(method, reach.kind), *aimed) for method in (Method.RANDOM, optimised)
            ]
    shown, budget, measurable = shown_tasks(data, settings), exposure_budget(data, settings), data.measurable
    cells += [
        Cell(Purpose.EXPOSURE, AttackName(optimised, Reach.between((j,), (i,))), (j,), (i,), budget, 0)
        for i in shown
        if injected(data.counts[[i]], budget).any()
        for j in shown
        if measurable[j]
    ]
    everyone, targets = tuple(range(data.tasks.size)), task_sets(data, settings, 0)[0]
    through_all = AttackName(optimised, Reach.between(targets, everyone))
    return [*cells, Cell(Purpose.RELATIONSHIPS, through_all, targets, everyone, grid[-1], 0)]


def pilots(cells: Sequence[Cell], settings: AuditSettings) -> list[Cell]:
    """The attacks that choose PATOM's step size: the first of each reach at the largest budget, at every step size."""
    if settings.step_size is not None:
        return []
    largest: dict[AttackName, Cell] = {}
    for cell in cells:
        if cell.purpose is Purpose.CURVE and cell.attack.method is Method.PATOM:
            largest[cell.attack] = max(largest.get(cell.attack, cell), cell, key=lambda each: each.budget)
    return [replace(cell, step_size=step) for cell in largest.values() for step in STEP_SIZES]


def with_step_sizes(
    data: AuditData,
    settings: AuditSettings,
    attacked: Victim,
    cells: Sequence[Cell],
    *,
    n_jobs: int,
    advance: Callable[[], None],
) -> tuple[list[Cell], dict[AttackName, float]]:
    """The cells with PATOM's step sizes, and the sizes by attack: as set, or as an attacker would choose them.

    An attacker tries a few and keeps the one that reaches the largest utility. Held-out rows play no part in that.
    """
    trials = pilots(cells, settings)
    jobs = ((cell.replicate, partial(run_cell, settings=settings, attacked=attacked, cell=cell)) for cell in trials)
    best: dict[AttackName, tuple[float, float]] = {}
    for cell, trial in zip(trials, on_splits(data, jobs, n_jobs=n_jobs, advance=advance), strict=True):
        best[cell.attack] = max(best.get(cell.attack, (-np.inf, 0.0)), (trial.result.utility, cell.step_size))
    sizes = {attack: step for attack, (_, step) in best.items()}
    default = settings.step_size or sizes.get(AttackName(Method.PATOM, Reach.DIRECT), STEP_SIZES[0])
    return [replace(cell, step_size=sizes.get(cell.attack, default)) for cell in cells], sizes
