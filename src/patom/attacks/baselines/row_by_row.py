"""Rows that are placed one by one: each climbs a function of that row alone, from several starts, with either label."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray

OfRows = Callable[[Injection], FloatArray]

_GROWTH, _CUT = 2.0, 0.25  # of a row's step after one that raised it, and after one that did not
_SHORTEST, _LONGEST = 1e-6, 10.0  # steps, in sizes of the region
_NONE = 1e-150  # a slope that counts as none


def climb(program: Bilevel, start: Injection, heights: OfRows, slopes: OfRows, size: float, steps: int) -> Injection:
    """Projected steps uphill, each row's length its own: longer after a rise, shorter after none; labels stay.

    Each row climbs ``heights`` along ``slopes``, its gradient in the features. ``size``, that of the region, is the
    first step's length. Costs a projection of the rows for each of at most ``steps`` steps.
    """
    here, height = start, heights(start)
    length = np.full(height.size, size)
    for _ in range(steps):
        ahead = slopes(here)
        norms = np.maximum(np.linalg.norm(ahead, axis=1), _NONE)
        moved = replace(here, X=program.project(here.X + (length / norms)[:, None] * ahead, here))
        reached = heights(moved)
        higher = reached > height
        here = replace(here, X=np.where(higher[:, None], moved.X, here.X))
        height = np.maximum(reached, height)
        length = np.minimum(length * np.where(higher, _GROWTH, _CUT), _LONGEST * size)
        if length.max() < _SHORTEST * size:
            break
    return here


def highest(candidates: Injection, n: int, heights: OfRows) -> Injection:
    """Of stacked versions of the same ``n`` rows, row by row, the one of the largest height."""
    best = np.argmax(heights(candidates).reshape(-1, n), axis=0) * n + np.arange(n)
    return candidates.chosen(best)


def with_either_label(program: Bilevel, injection: Injection) -> tuple[Injection, Injection]:
    """The rows with the smallest target, or the first class, and with the largest, or the second; projected."""
    low, high = (replace(injection, y=y) for y in program.extremes(injection.task_index))
    return replace(low, X=program.project(low.X, low)), replace(high, X=program.project(high.X, high))
