"""Who can hurt whom: damage to every target by every attacker, as a map and as a list of the worst pairs."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.colors import FuncNorm
from matplotlib.figure import Figure

from . import numerals
from .cells import Scale, draw_cells, draw_colour_bar, layout
from .labels import shorten
from .style import FAINT, SMALL, drawing, place
from .svg import Hover, Picture

BRIGHTEST = 10.0
"""Damage from which on the colour stays the same: 1,000 %."""


def exposure_picture(report: Mapping[str, Any]) -> Picture:
    """
    Damage to every target (column) by every attacker (row).

    Parameters
    ----------
    report : Mapping
        The audit's results, with an exposure map.

    Returns
    -------
    Picture
        Each cell carries its numbers as hover words.
    """
    exposure = report["exposure"]
    damage = np.array([[numerals.number(entry) for entry in row] for row in exposure["damage"]])
    size = len(exposure["tasks"])
    with drawing():
        where = layout(exposure["tasks"], widest=5.2, limit=18)
        left, top = where.beside + 0.24, where.above + 0.26
        length = min(max(where.side, 2.2), 3.0)
        figure = Figure(figsize=(left + max(where.side, length) + 0.25, top + where.side + 0.72))
        axes = place(figure, left, top, where.side, where.side)
        scale = Scale("RdBu_r", damage_norm(damage))
        draw_cells(axes, damage, scale, where, numerals.percent_digits)
        axes.set_xlabel("target task", labelpad=5, loc="left")
        axes.set_ylabel("attacking task" if size > 2 else "attacker", labelpad=5, loc="top")
        strip = place(figure, left, top + where.side + 0.37, length, 0.1)
        largest = float(scale.norm.vmax or 1.0)
        low = max(float(np.min(damage, initial=0.0, where=np.isfinite(damage))), -largest)
        draw_colour_bar(strip, scale, low, _damage_ticks(largest, low))
        strip.set_title("relative damage to the target", fontsize=SMALL, fontweight="normal", color=FAINT, pad=4)
    hovers = [
        Hover(axes, ((column, row), (column + 1, row + 1)), _exposure_words(exposure, row, column, damage))
        for row in range(size)
        for column in range(size)
    ]
    return Picture(figure, f"Map of the damage among {size} tasks, attackers in rows, targets in columns.", hovers)


def _exposure_words(exposure: Mapping[str, Any], row: int, column: int, damage: np.ndarray) -> str:
    tasks = exposure["tasks"]
    shown = numerals.percent(damage[row, column]) if np.isfinite(damage[row, column]) else "not measurable"
    rows = exposure.get("rows_injected") or []
    injected = f" ({numerals.count(rows[row])} row{'' if rows[row] == 1 else 's'} injected)" if len(rows) > row else ""
    return f"{shorten(tasks[row], 60)} → {shorten(tasks[column], 60)}: {shown}{injected}"


def damage_norm(damage: np.ndarray) -> FuncNorm:
    """
    Colour by the signed square root of the damage: small indirect damage shows beside large direct damage.

    Parameters
    ----------
    damage : ndarray, (m, m)
        Relative damages, NaN where not measurable.

    Returns
    -------
    FuncNorm
        Symmetric about 0; from ``BRIGHTEST`` on all looks the same, below 1 % all is pale.

    Examples
    --------
    >>> norm = damage_norm(np.array([[0.4, 0.1], [0.0, -0.1]]))
    >>> [float(norm(value)) for value in (-0.4, 0.0, 0.1, 0.4)]
    [0.0, 0.5, 0.75, 1.0]
    """
    finite = np.abs(damage[np.isfinite(damage)])
    largest = min(max(float(finite.max(initial=0.0)), 0.01), BRIGHTEST)
    return FuncNorm(
        (lambda value: np.sign(value) * np.sqrt(np.abs(value)), lambda root: np.sign(root) * root**2),
        vmin=-largest,
        vmax=largest,
        clip=True,
    )


def _damage_ticks(largest: float, low: float) -> dict[float, str]:
    """Round damages whose labels have room on the bar, from 0 outwards, on its square-root scale."""
    length = math.sqrt(largest) + math.sqrt(-low)
    candidates = [value * 10.0**power for power in range(-3, 2) for value in (1, 2, 5)]
    ticks = [0.0]
    for end in (largest, low):
        last = 0.0
        for value in [value for value in candidates if value <= 1.0001 * abs(end)]:
            if math.sqrt(value) - math.sqrt(last) >= 0.16 * length:
                ticks.append(math.copysign(value, end))
                last = value
    return {tick: numerals.budget(tick).replace("-", "−") for tick in sorted(ticks)}
