"""Lines against budget with their confidence bands, each named at its end: what all figures of curves consist of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from patom.report import numerals
from patom.report.labels import shorten, spread, text_width
from patom.report.panels import HEAD, Panel, head
from patom.report.quantity import Quantity, scale_axis
from patom.report.style import FAINT, PAPER, SMALL, TEXT, LineStyle, open_frame, place
from patom.report.svg import Hover
from patom.results.audit import Gate
from patom.results.parts import Interval

PANEL_HEIGHT = 3.5  # inches


@dataclass(frozen=True)
class Curve:
    """A line: arrays over budgets, the clean model at 0 first, NaN if not measurable.

    ``key`` names its style; ``short`` stands at the line's end, the label where this is empty.
    """

    key: str
    label: str
    budget: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    short: str = ""

    @classmethod
    def through(
        cls, key: str, label: str, points: Iterable[tuple[float, Interval]], start: Interval, short: str = ""
    ) -> "Curve":
        """Take pairs of a budget and its interval, in any order, and the clean model's interval."""
        ordered = sorted(points, key=lambda point: point[0])
        intervals = [start, *(interval for _, interval in ordered)]
        mean, low, high = (
            np.array([numerals.number(end) for end in ends])
            for ends in zip(*((entry.mean, entry.low, entry.high) for entry in intervals), strict=True)
        )
        return cls(key, label, np.array([0.0, *(budget for budget, _ in ordered)]), mean, low, high, short)

    @property
    def last(self) -> float:
        """Mean at the largest budget that was measurable."""
        return float(self.mean[np.isfinite(self.mean)][-1])


@dataclass(frozen=True)
class Room:
    """Where lines and their names may be drawn, in inches: left edge, top and height of the axes, width of all."""

    left: float
    top: float
    width: float
    height: float
    beside: float = 0.62
    """Room for the numbers left of the axes."""


def draw_lines(
    figure: Figure,
    lines: Sequence[Curve],
    quantity: Quantity,
    styles: Mapping[str, LineStyle],
    room: Room,
    *,
    among: Sequence[Curve] | None = None,
    own_scale: bool = False,
    gate: Gate | None = None,
) -> tuple[Axes, bool, list[Hover]]:
    """Draw lines with their bands over budgets, each named at its end."""
    shared = lines if among is None else among
    margin = max([text_width(name, TEXT) / 72 for name in _end_names(shared, quantity)], default=0.0) + 0.24
    axes = place(figure, room.left + room.beside, room.top, room.width - room.beside - margin, room.height)
    _frame(axes, shared)
    scaled = lines if own_scale else shared
    means = np.array([value for line in scaled for value in line.mean])
    bands = np.array([value for line in scaled for value in (*line.low, *line.high)])
    logarithmic = scale_axis(axes, quantity, means, bands)
    _references(figure, axes, quantity, lines, gate)
    hovers = []
    for line in sorted(lines, key=lambda line: not styles[line.key].hollow):
        hovers += _draw_line(axes, quantity, line, styles[line.key])
    _name_lines(axes, 72 * room.height, lines, _end_names(lines, quantity), [styles[line.key] for line in lines])
    return axes, logarithmic, hovers


def _end_names(lines: Sequence[Curve], quantity: Quantity) -> list[str]:
    return [f"{shorten(line.short or line.label, 20)} {quantity.write(line.last)}" for line in lines]


def _frame(axes: Axes, lines: Sequence[Curve]) -> None:
    """Budgets below, no box around."""
    open_frame(axes, "y")
    budgets = sorted({float(budget) for line in lines for budget in line.budget}) or [0.0]
    last = budgets[-1] or 1.0
    ticks = [last]
    for budget in reversed(budgets[:-1]):  # from the right: the largest budget always keeps its label
        if ticks[-1] - budget >= 0.11 * last:
            ticks.append(budget)
    axes.set_xlim(-0.02 * last, 1.02 * last)
    axes.xaxis.set_major_locator(FixedLocator(sorted(ticks)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: numerals.budget(value) if value else "clean"))
    axes.set_xlabel("budget: injected rows per clean row", labelpad=6, fontsize=SMALL)


def _references(figure: Figure, axes: Axes, quantity: Quantity, lines: Sequence[Curve], gate: Gate | None) -> None:
    """Thin lines for what the numbers should be compared with, where they and their names have room."""
    if quantity.field == "damage":
        axes.axhline(0.0, color=FAINT, linewidth=0.8, zorder=1.5)
        marks = [] if gate is None else [(gate.threshold, f"fails above {numerals.budget(gate.threshold)}")]
        # below, the name would stand on the lines' common start
        lowest = 0.12 if axes.get_yscale() == "linear" else 0.4
    else:
        marks = [(0.5, "chance")] if quantity.metric == "AUC" else [(1.0, "predicting the mean")]
        lowest = 0.0
    for value, text in marks:
        height = axes.transAxes.inverted().transform(axes.transData.transform((0.0, value)))[1]
        if lowest < height < 0.97:
            axes.axhline(value, color=FAINT, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1.5)
            where = ("axes fraction", "data")
            left, under = _clear_of(figure, axes, lines, height, text)
            away, edge = ((2, -3), "top") if under else ((2, 3), "baseline")
            axes.annotate(text, (left, value), away, where, "offset points", color=FAINT, fontsize=SMALL, va=edge)


def _clear_of(figure: Figure, axes: Axes, lines: Sequence[Curve], height: float, text: str) -> tuple[float, bool]:
    """Find where the name of a level line hides least of the curves: from where on, and whether under the line."""
    box = axes.get_position()
    width, full = figure.get_size_inches() * (box.width, box.height) * 72
    across, up = text_width(text, SMALL) / width, 14 / full
    to_axes = axes.transData + axes.transAxes.inverted()
    paths = [to_axes.transform(np.column_stack([line.budget, line.mean])) for line in lines]

    def hidden(place: tuple[float, bool]) -> int:
        left, under = place
        middle = height + (-0.4 if under else 0.4) * up
        steps = np.linspace(left, left + across, 17)
        levels = np.array([np.interp(steps, *path[np.isfinite(path[:, 1])].T) for path in paths])
        return int((abs(levels - middle) < 0.6 * up).sum())

    lefts = np.arange(0.0, max(1.0 - across, 0.01), 0.05)
    return min(((float(left), under) for under in (False, True) for left in lefts), key=hidden)


def _draw_line(axes: Axes, quantity: Quantity, line: Curve, style: LineStyle) -> list[Hover]:
    axes.fill_between(line.budget, line.low, line.high, color=style.colour, alpha=0.13, linewidth=0)
    axes.plot(
        line.budget,
        line.mean,
        color=style.colour,
        linestyle=style.dash,
        linewidth=style.width,
        marker=style.marker,
        markersize=4.2,
        markeredgewidth=1.2,
        markerfacecolor=PAPER if style.hollow else style.colour,
        label=line.key,
        zorder=3,
        clip_on=False,
    )
    _mark_cuts(axes, line, style.colour)
    hovers = []
    for budget, mean, low, high in zip(line.budget[1:], line.mean[1:], line.low[1:], line.high[1:], strict=True):
        if np.isfinite(mean):
            text = f"{line.label}, budget {numerals.budget(budget)}: {quantity.words(mean, low, high)}"
            hovers.append(Hover(axes, ((budget, mean), (budget, mean)), text, margin=5.0))
    return hovers


def _mark_cuts(axes: Axes, line: Curve, colour: str) -> None:
    """A small triangle at the edge of the axes wherever the band goes on beyond it."""
    bottom, top = axes.get_ylim()
    for edge, marker, beyond in ((bottom, "v", line.low < bottom), (top, "^", line.high > top)):
        if beyond.any():
            at = line.budget[beyond]
            axes.scatter(at, np.full(at.size, edge), s=14, marker=marker, color=colour, clip_on=False, zorder=2.5)


def _name_lines(
    axes: Axes, height: float, lines: Sequence[Curve], names: Sequence[str], styles: Sequence[LineStyle]
) -> None:
    """Each line's name beside its end, moved as little as needed; ``height`` of the axes in points."""
    tips = []
    for line in lines:
        last = np.flatnonzero(np.isfinite(line.mean))[-1]
        point = axes.transData.transform((line.budget[last], line.mean[last]))
        tips.append(float(axes.transAxes.inverted().transform(point)[1]) * height)
    for end, stand, name, style in zip(tips, spread(tips, 12.0, 0.0, height), names, styles, strict=True):
        axes.annotate(
            name,
            (1, end / height),
            (13, stand - end),
            "axes fraction",
            "offset points",
            color=style.colour,
            va="center",
            arrowprops={
                "arrowstyle": "-",
                "color": style.colour,
                "linewidth": 0.7,
                "relpos": (0, 0.5),
                "shrinkA": 1,
                "shrinkB": 3,
            },
        )


def measurable(curves: Iterable[Curve]) -> list[Curve]:
    """The lines that have a mean at some budget."""
    return [curve for curve in curves if np.isfinite(curve.mean[1:]).any()]


def curve_panel(
    title: str,
    shown: str,
    curves: Sequence[Curve],
    *,
    among: Sequence[Curve],
    quantity: Quantity,
    styles: Mapping[str, LineStyle],
    width: float,
    own_scale: bool = False,
    below: str = "",
    name: str = "",
    ranked: bool = False,
) -> Panel:
    """A panel ``PANEL_HEIGHT`` inches high, which says so where nothing was measurable.

    ``among``: the lines of all panels that share their margins and budgets, and unless ``own_scale`` the vertical axis.
    ``below`` stands under the title; the quantity's own title where it is empty. The panel's description begins with
    ``name``, the title where this is empty, and what is ``shown``; then come the ends of the lines, the highest first
    if they are ``ranked``.
    """
    order = sorted(curves, key=lambda curve: -curve.last) if ranked else curves
    description = f"{name or title}: {f'{shown}: {ends(order, quantity)}' if curves else 'nothing was measurable'}."

    def draw(figure: Figure, left: float, top: float) -> list[Hover]:
        beside = 0.66 if quantity.field == "damage" else 0.53  # of 10,000 %, or 0.0123
        room = Room(left, top + HEAD, width, PANEL_HEIGHT - HEAD - 0.52, beside)
        axes, logarithmic, hovers = draw_lines(figure, curves, quantity, styles, room, among=among, own_scale=own_scale)
        head(figure, left, top, title, below or quantity.title(logarithmic=logarithmic))
        if not curves:
            axes.text(0.5, 0.5, "not measurable", transform=axes.transAxes, ha="center", color=FAINT)
        return hovers

    return Panel(width, PANEL_HEIGHT, draw, description)


def ends(curves: Sequence[Curve], quantity: Quantity) -> str:
    """Each line's name and value at its end."""
    return "; ".join(f"{curve.label} {quantity.write(curve.last)}" for curve in curves)
