"""How the tasks are related: correlations and the spectrum they must be read with, of an audit and of a grid's runs."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from patom.report import numerals
from patom.report.labels import shorten
from patom.report.panels import Multiples, PageTable, Panel, headed, list_names, row_of
from patom.report.squares import Layout, Scale, draw_cells, draw_colour_bar, layout
from patom.report.style import BAR, FAINT, INK, RULE, SMALL, place
from patom.report.svg import Hover, Picture
from patom.results.audit import Moment, Relationships
from patom.results.grid import Correlations, Map, Moved
from patom.results.parts import Interval

When = Literal["before", "after"]
RANK_ONE = 0.99
"""A largest eigenvalue from which on Omega is practically of rank 1, which makes correlations mere signs."""
_BAR_LENGTH = 1.1  # inches for an eigenvalue of 1
_DENSE = 0.13  # inches of a cell where tasks are many: two maps still stand side by side
_DOTS = 0.09


@dataclass(frozen=True)
class Size:
    """Inches of one correlation map with its spectrum, and where the map begins."""

    where: Layout
    width: float
    height: float
    left: float
    top: float

    @classmethod
    def of(cls, where: Layout, *, dots: float = 0.0) -> "Size":
        """Add a title, the colours below and the spectrum at the right; ``dots``: room for those of attacking tasks."""
        left, top = where.beside + dots, 0.4 + where.above + dots
        width = left + where.side + 0.25 + _BAR_LENGTH + 0.35
        return cls(where, max(width, 3.2), top + max(where.side, 0.6) + 0.45, left, top)


@dataclass(frozen=True)
class Relations:
    """One map and its bars; attacking tasks get a dot, names of target tasks are bold."""

    title: str
    tasks: Sequence[str]
    shown: Moment | Map
    targets: Collection[str] = ()
    attackers: Collection[str] = ()

    @property
    def correlation(self) -> np.ndarray:
        """Rows of the map, NaN where it has no number."""
        size = len(self.tasks)
        return np.array([row_of(row) for row in self.shown.correlation or [[None] * size] * size])


def largest_eigenvalue(shown: Moment | Map) -> float:
    """Omega's largest eigenvalue as a share of their sum; NaN without a spectrum."""
    return max((value for value in shown.spectrum or () if value is not None), default=math.nan)


def leading(maps: Relationships) -> dict[When, float]:
    """Omega's largest eigenvalue before an audit's attack and after it."""
    return {"before": largest_eigenvalue(maps.before), "after": largest_eigenvalue(maps.after)}


def near_rank_one(maps: Relationships) -> str:
    """When Omega is practically of rank 1, before the attack or after; empty for neither and for a single task."""
    return " and ".join(when for when, value in leading(maps).items() if value >= RANK_ONE and len(maps.tasks) > 1)


def size_of(maps: Relationships) -> Size:
    """The size of an audit's maps, before and after."""
    return Size.of(layout(maps.tasks, widest=3.1, limit=12))


def picture(maps: Relationships, when: When) -> Picture:
    """An audit's correlations before or after the attack, with the spectrum of Omega beside them."""
    size, words = size_of(maps), f"Correlations of {len(maps.tasks)} tasks {when} the attack, and their spectrum."
    return Panel(size.width, size.height, lambda figure, left, _: draw(figure, maps, when, left=left), words).picture()


def draw(figure: Figure, maps: Relationships, when: When, *, left: float) -> list[Hover]:
    """Draw one of an audit's maps and its spectrum, which begin ``left`` inches from the edge."""
    title = "Before: clean data"
    if when == "after":
        title = f"After: {shorten(maps.label, 24)}, budget {numerals.budget(maps.budget)}"
    moment = maps.before if when == "before" else maps.after
    return _draw(figure, left, 0.0, shown=Relations(title, maps.tasks, moment, maps.targets or ()), size=size_of(maps))


def multiples(experiment: Correlations) -> Multiples:
    """A grid's correlation maps, all of one size.

    >>> clean = Map(label="clean", correlation=[[1.0]], spectrum=[1.0])
    >>> multiples(Correlations(title="SARCOS", tasks=["1"], maps=[clean])).panels[0].description
    'clean: correlations of the tasks; largest eigenvalue of Omega 1.00.'
    """
    tasks = experiment.tasks
    where = layout(tasks or [""], widest=min(max(0.3 * len(tasks), 2.6), 3.0), limit=12)
    size = Size.of(_dense(where), dots=_DOTS)
    panels = []
    for one in experiment.maps:
        shown = Relations(_title(one), tasks, one, set(one.targets), set(one.attackers))
        panels.append(Panel(size.width, size.height, partial(_draw, shown=shown, size=size), _describe(one)))
    seed = "" if experiment.seed is None else f", seed {experiment.seed}"
    caption = (
        f"Correlations between the tasks as the model has learned them{seed}. Bold: target tasks; "
        "dot: attacking tasks. Bars: eigenvalues of Ω, which sum to 1; where one is all, every correlation is +1 or −1."
    )
    return Multiples(experiment.title, experiment.settings, caption, panels, columns=2)


def _dense(where: Layout) -> Layout:
    """Many tasks get narrower cells, their names above stand upright."""
    if where.cell / 72 > 0.1651 or len(where.names) < 2:
        return where
    return replace(where, side=_DENSE * len(where.names), above=where.beside, upright=True)


def _title(shown: Map) -> str:
    """Name a map by its case and budget; the clean map has no budget."""
    label = shorten(headed(shown.label), 30)
    return f"{label}, budget {numerals.budget(shown.budget)}" if shown.budget else label


def _describe(shown: Map) -> str:
    sides = [
        f"{side} {list_names(names, 400)}"
        for side, names in (("targets", shown.targets), ("attackers", shown.attackers))
        if names
    ]
    largest = numerals.metric(largest_eigenvalue(shown), "NMSE")
    return f"{shown.label}: {'; '.join(['correlations of the tasks', *sides])}; largest eigenvalue of Omega {largest}."


def table(experiment: Correlations) -> PageTable:
    """How a grid's correlations moved, a row a map."""
    rows = []
    for shown in experiment.maps:
        sides = [", ".join(names) or "–" for names in (shown.targets, shown.attackers)]
        moved = _moved(shown) if isinstance(shown, Moved) else ["–"] * 4
        rows.append([_title(shown), *sides, *moved, numerals.metric(largest_eigenvalue(shown), "NMSE")])
    among = "Correlation among attackers"
    columns = ["Model", "Targets", "Attackers", "Signs flipped", "Mean shift", f"{among}, clean", f"{among}, attacked"]
    return PageTable([*columns, "Largest eigenvalue"], [("", rows)])


def _moved(shown: Moved) -> list[str]:
    share = shown.flipped
    flipped = numerals.percent(share.mean), numerals.percent_interval(share.low, share.high)
    others = [_plain_pair(value) for value in (shown.shift, shown.among_attackers_clean, shown.among_attackers)]
    return [mean if numerals.MISSING in (mean, inside) else f"{mean} ({inside})" for mean, inside in (flipped, *others)]


def _plain_pair(value: Interval) -> tuple[str, str]:
    mean = numerals.MISSING if value.mean is None else f"{value.mean:.2f}"
    if value.low is None or value.high is None:
        return mean, numerals.MISSING
    return mean, numerals.signed(f"{value.low:.2f} to {value.high:.2f}")


def rank_one(experiment: Correlations) -> str:
    """Name the maps whose Omega is practically of rank 1; empty if there is none."""
    return ", ".join(shown.label for shown in experiment.maps if largest_eigenvalue(shown) >= RANK_ONE)


def _draw(figure: Figure, left: float, top: float, *, shown: Relations, size: Size) -> list[Hover]:
    """Draw a map with its title, scale of colours and spectrum; hover words tell each correlation."""
    where, upper = size.where, top + size.top
    axes = place(figure, left + size.left, upper, where.side, where.side)
    scale = Scale("PuOr", Normalize(-1, 1))  # not the colours of damage: a negative correlation is no good news
    draw_cells(axes, shown.correlation, scale, where, _correlation_digits)
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        for label, task in zip(labels, shown.tasks, strict=True):
            label.set_fontweight("bold" if task in shown.targets else "normal")
    _dot_attackers(figure, axes, shown)
    below = upper + max(where.side, 0.6) + 0.16
    strip = place(figure, left + size.left, below, min(max(where.side, 1.2), 1.8), 0.1)
    draw_colour_bar(strip, scale, -1.0, {-1.0: "−1", 0.0: "0", 1.0: "1"})
    beside = left + size.left + where.side + 0.25
    _draw_spectrum(figure, row_of(shown.shown.spectrum), beside, upper, max(where.side, 0.6))
    corner = ((left + 0.03) / figure.get_figwidth(), 1 - (top + 0.12) / figure.get_figheight())
    figure.text(*corner, shown.title, fontsize=10.0, fontweight="bold", va="center")
    return _hovers(axes, shown)


def _dot_attackers(figure: Figure, axes: Axes, shown: Relations) -> None:
    """Put a dot between the name of an attacking task and the map, at the left and above."""
    places = [index + 0.5 for index, task in enumerate(shown.tasks) if task in shown.attackers]
    if not places:
        return
    axes.tick_params(pad=10)
    for beside in (True, False):
        away = ScaledTranslation(*((-5.5 / 72, 0.0) if beside else (0.0, 5.5 / 72)), figure.dpi_scale_trans)
        edge = [0.0] * len(places)
        x, y = (edge, places) if beside else (places, edge)
        axes.plot(x, y, "o", color=INK, markersize=3.4, transform=axes.transData + away, clip_on=False)


def _hovers(axes: Axes, shown: Relations) -> list[Hover]:
    hovers = []
    for (row, column), value in np.ndenumerate(shown.correlation):
        words = numerals.signed(f"{value:.2f}") if np.isfinite(value) else numerals.MISSING
        text = f"{shorten(shown.tasks[row], 60)} and {shorten(shown.tasks[column], 60)}: {words}"
        hovers.append(Hover(axes, ((column, row), (column + 1, row + 1)), text))
    return hovers


def _correlation_digits(value: float) -> str:
    """Two decimals without the zero before the point, which would crowd the cell."""
    if not np.isfinite(value):
        return numerals.MISSING
    text = f"{abs(value):.2f}"
    sign = "−" if value < 0 and float(text) else ""
    return sign + (text.removeprefix("0") if float(text) else "0").removesuffix(".00")


def _draw_spectrum(figure: Figure, values: np.ndarray, left: float, top: float, height: float) -> None:
    """Eigenvalues of Omega as bars, the largest on top; they sum to 1."""
    axes = place(figure, left, top, _BAR_LENGTH, height)
    axes.barh(np.arange(values.size), np.nan_to_num(values), height=0.72, color=BAR)
    axes.set_xlim(0, 1.0)
    axes.set_ylim(max(values.size, 1) - 0.5, -0.5)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(length=0, pad=4)
    axes.set_yticks([])
    axes.set_xticks([])
    axes.set_title("eigenvalues of Ω", fontsize=SMALL, fontweight="normal", color=FAINT, pad=5)
    room = 72 * height / max(values.size, 1)
    if room >= 8:
        for index, value in enumerate(values):
            if value >= 0.005:
                axes.text(value + 0.03, index, f"{value:.2f}", va="center_baseline", fontsize=SMALL, color=FAINT)
    axes.spines["left"].set_color(RULE)
