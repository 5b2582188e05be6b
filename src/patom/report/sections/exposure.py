"""Who can hurt whom: damage to every target by every attacker, as a map and as a list of the worst pairs."""

import math
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import FuncNorm
from matplotlib.figure import Figure

from patom.report import numerals
from patom.report.labels import shorten
from patom.report.squares import Scale, draw_cells, draw_colour_bar, layout
from patom.report.style import FAINT, PAPER, SMALL, drawing, place
from patom.report.svg import Hover, Picture
from patom.results.audit import Exposure
from patom.wording import counted

BRIGHTEST = 10.0
"""Damage from which on the colour stays the same: 1,000 %."""
_RANKED = 5


@dataclass(frozen=True)
class Beside:
    """What stands beside the map: the worst pairs, and how to read cells that are out of the ordinary."""

    pairs: list[tuple[str, str, str]]
    """Attacker, target and damage."""
    few: list[str]
    """Names of the tasks with few test rows, which no pair aims at."""
    missing: bool
    saturated: bool


def beside(exposure: Exposure) -> Beside:
    """What to say of a map."""
    values = [numerals.number(entry) for row in _rows(exposure) for entry in row]
    return Beside(
        pairs=_strongest_pairs(exposure),
        few=[name for name, few in zip(exposure.tasks, exposure.few, strict=True) if few],
        missing=any(math.isnan(value) for value in values),
        saturated=any(abs(value) > BRIGHTEST for value in values),
    )


def _strongest_pairs(exposure: Exposure) -> list[tuple[str, str, str]]:
    """The pairs of different tasks with the most damage; none that aims at a task of few test rows."""
    tasks, few, names = exposure.tasks, exposure.few, [*exposure.tasks, *_opened(exposure)]
    pairs = [
        (value, row, column)
        for row, damages in enumerate(_rows(exposure))
        for column, value in enumerate(damages)
        if row != column and not few[column] and value is not None and value > 0
    ]
    pairs.sort(key=lambda pair: (-pair[0], pair[1:]))
    return [(names[row], tasks[column], numerals.percent(value)) for value, row, column in pairs[:_RANKED]]


def _rows(exposure: Exposure) -> list[list[float | None]]:
    """The damage by each task and, below, by new accounts."""
    return [*exposure.damage, *([] if exposure.to_accounts is None else [exposure.to_accounts.damage])]


def _opened(exposure: Exposure) -> list[str]:
    """The name of the row of new accounts, where there is one."""
    return [] if exposure.to_accounts is None else [counted(exposure.to_accounts.accounts, "new account")]


def picture(exposure: Exposure) -> Picture:
    """Damage to every target (column) by every attacker (row); each cell carries its numbers as hover words."""
    damage = np.array([[numerals.number(entry) for entry in row] for row in _rows(exposure)])
    height, size = damage.shape
    with drawing():
        where = layout(exposure.tasks, widest=5.2, limit=18, below=_opened(exposure))
        left, top = where.beside + 0.24, where.above + 0.26
        length = min(max(where.side, 2.2), 3.0)
        figure = Figure(figsize=(left + max(where.side, length) + 0.25, top + where.height + 0.72))
        axes = place(figure, left, top, where.side, where.height)
        scale = Scale("RdBu_r", _damage_norm(damage))
        draw_cells(axes, damage, scale, where, numerals.percent_digits)
        axes.set_xlabel("target task", labelpad=5, loc="left")
        axes.set_ylabel("attacking task" if size > 2 else "attacker", labelpad=5, loc="top")
        if height > size:
            axes.axhline(size, color=PAPER, linewidth=4.0)
        strip = place(figure, left, top + where.height + 0.37, length, 0.1)
        largest = float(scale.norm.vmax or 1.0)
        low = max(float(np.min(damage, initial=0.0, where=np.isfinite(damage))), -largest)
        draw_colour_bar(strip, scale, low, _damage_ticks(largest, low))
        strip.set_title("relative damage to the target", fontsize=SMALL, fontweight="normal", color=FAINT, pad=4)
    hovers = [
        Hover(axes, ((column, row), (column + 1, row + 1)), _cell_words(exposure, row, column))
        for row in range(height)
        for column in range(size)
    ]
    below = ", new accounts in the last row" if height > size else ""
    words = f"Map of the damage among {size} tasks, attackers in rows, targets in columns{below}."
    return Picture(figure, words, hovers)


def _cell_words(exposure: Exposure, row: int, column: int) -> str:
    tasks, rows, value = [*exposure.tasks, *_opened(exposure)], exposure.rows_injected, _rows(exposure)[row][column]
    if exposure.to_accounts is not None and rows:
        rows = [*rows, exposure.to_accounts.accounts * exposure.to_accounts.rows_each]
    shown = "not measurable" if value is None else numerals.percent(value)
    injected = f" ({counted(rows[row], 'row')} injected)" if len(rows) > row else ""
    return f"{shorten(tasks[row], 60)} → {shorten(tasks[column], 60)}: {shown}{injected}"


def _damage_norm(damage: np.ndarray) -> FuncNorm:
    """Colour by the signed square root of the damage: small indirect damage shows beside large direct damage.

    Symmetric about 0; from ``BRIGHTEST`` on all looks the same, below 1 % all is pale.

    >>> norm = _damage_norm(np.array([[0.4, 0.1], [0.0, -0.1]]))
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
    return {tick: numerals.signed(numerals.budget(tick)) for tick in sorted(ticks)}
