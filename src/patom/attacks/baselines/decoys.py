"""Decoys: weights that do harm, which a model-targeted attack then makes the victim learn."""

from dataclasses import replace
from itertools import product

import numpy as np

from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.core.kernels import row_products

_SHARES = (0.1, 0.5, 1.0)  # of a task's rows, those of the highest loss
_REPEATS = (1, 2, 4)
_LOOSE = 1e-4  # relative gap of a decoy's fit: a direction to go, no result


def decoys(program: Bilevel, clean: FloatArray) -> list[FloatArray]:
    """Fits of the victim on clean rows and turned ones, the most harmful first; weights of shape (m, p).

    Koh, Steinhardt and Liang (2022, section 4.2) fit rows of high loss once more with their labels flipped, in several
    degrees: here the tenth, half or all of each target task's rows that have the highest loss at the ``clean`` weights,
    once, twice or four times. Decoys that do no harm are dropped. Costs nine loose solves of (1).

    Rows of attacking tasks that are not targets stay: turned, they gave decoys that helped the targets.
    """
    floor, found = program.utility(clean), []
    for share, repeats in product(_SHARES, _REPEATS):
        W = program.solve(turned(program, clean, share, repeats), start=clean, polish=False, tol=_LOOSE).W
        found.append((program.utility(W), W))
    found.sort(key=lambda pair: -pair[0])
    return [W for utility, W in found if utility > floor]


def turned(program: Bilevel, clean: FloatArray, share: float, repeats: int) -> Injection:
    """The target tasks' rows of the highest loss at weights ``clean``, repeated, with their labels turned round.

    A class becomes the other one; a target y becomes smallest plus largest less y.
    """
    rows = program.problem.rows
    losses = program.problem.loss.value(row_products(rows.X, rows.offsets, clean), rows.y)
    chosen = [
        rows.offsets[i] + np.argsort(-losses[rows.offsets[i] : rows.offsets[i + 1]], kind="stable")[:count]
        for i, count in zip(program.targets, np.ceil(share * rows.counts[program.targets]).astype(int), strict=True)
    ]
    picked = np.tile(np.concatenate(chosen), repeats)
    injection = Injection(rows.X[picked, :-1], rows.y[picked], rows.task_index[picked])
    if program.problem.loss.margin:
        return replace(injection, y=-injection.y)
    low, high = program.bounds(injection.task_index)
    return replace(injection, y=low + high - injection.y)
