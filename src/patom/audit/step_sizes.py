"""PATOM's step size: as set, or chosen as an attacker would, by pilot attacks."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from patom.audit.cells import Cell, Purpose, run_cell
from patom.audit.settings import AuditSettings
from patom.audit.work import Work
from patom.evaluate.defended import Victim
from patom.results.methods import AttackName, Method, Reach

STEP_SIZES = (100.0, 10.0, 1.0, 0.1, 0.01)
"""Those that pilots try. The paper's 100 moves rows straight to the region's edge at small lambdas."""


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
    work: Work, settings: AuditSettings, attacked: Victim, cells: Sequence[Cell]
) -> tuple[list[Cell], dict[AttackName, float]]:
    """The cells with PATOM's step sizes, and the sizes by attack that pilots chose.

    Of the sizes tried the one with the largest utility is kept. Held-out rows play no part in that.
    """
    trials = pilots(cells, settings)
    jobs = ((cell.replicate, partial(run_cell, settings=settings, attacked=attacked, cell=cell)) for cell in trials)
    best: dict[AttackName, tuple[float, float]] = {}
    for cell, trial in zip(trials, work.on_splits(jobs), strict=True):
        best[cell.attack] = max(best.get(cell.attack, (-np.inf, 0.0)), (trial.result.utility, cell.step_size))
    sizes = {attack: step for attack, (_, step) in best.items()}
    default = settings.step_size or sizes.get(AttackName(Method.PATOM, Reach.DIRECT), STEP_SIZES[0])
    return [replace(cell, step_size=sizes.get(cell.attack, default)) for cell in cells], sizes
