"""Choose PATOM's step size as an attacker would: by trying a few and keeping what raises her utility most."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from joblib import delayed

from patom.attacks.program import MTRL
from patom.audit.cells import Cell, run_cell
from patom.audit.data import AuditData
from patom.audit.draws import by_seed
from patom.audit.settings import AuditSettings
from patom.workers import in_order

STEP_SIZES = (100.0, 10.0, 1.0, 0.1, 0.01)
"""The paper's eta = 100 first; at small lambdas it overshoots to the region's edge and a smaller one does better."""


def pilots(cells: Sequence[Cell], settings: AuditSettings) -> list[Cell]:
    """The trial attacks: the first direct and indirect PATOM attacks of the largest budget, at every step size."""
    if settings.step_size is not None:
        return []
    largest: dict[str, Cell] = {}
    for cell in cells:
        if cell.purpose == "curve" and cell.attack.startswith("patom"):
            largest[cell.attack] = max(largest.get(cell.attack, cell), cell, key=lambda each: each.budget)
    return [replace(cell, step_size=step) for cell in largest.values() for step in STEP_SIZES]


def with_step_sizes(
    data: AuditData,
    settings: AuditSettings,
    model: MTRL,
    cells: Sequence[Cell],
    *,
    n_jobs: int,
    advance: Callable[[], None],
) -> tuple[list[Cell], dict[str, float]]:
    """The cells with PATOM's step sizes, and the sizes by attack: as set, or the pilots' best by training loss.

    Held-out rows play no part in the choice.
    """
    trials = pilots(cells, settings)
    best: dict[str, tuple[float, float]] = {}
    pairs = by_seed(data, trials, lambda cell: cell.replicate)
    jobs = (delayed(run_cell)(split, settings, model, cell, ()) for split, cell in pairs)
    for cell, outcome in zip(trials, in_order(jobs, n_jobs), strict=True):
        advance()
        best[cell.attack] = max(best.get(cell.attack, (-np.inf, 0.0)), (outcome.result.utility, cell.step_size))
    sizes = {attack: step for attack, (_, step) in best.items()}
    default = settings.step_size or sizes.get("patom-direct", STEP_SIZES[0])
    return [replace(cell, step_size=sizes.get(cell.attack, default)) for cell in cells], sizes
