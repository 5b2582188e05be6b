"""Damage against budget: one line an attack, with its confidence band, named at its end."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from . import numerals
from .labels import shorten, spread, text_width
from .quantity import Quantity, scale_axis
from .style import FAINT, PAPER, RULE, SMALL, TEXT, LineStyle, drawing, line_styles, place
from .svg import Hover, Picture

PANEL_WIDTH, PANEL_HEIGHT = 4.9, 3.4  # inches


@dataclass(frozen=True)
class Curve:
    """One attack's line: arrays over budgets, the clean model at 0 first, NaN if not measurable."""

    attack: str
    label: str
    budget: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    short: str = ""
    """What stands at the line's end, the label where this is empty."""

    @classmethod
    def through(
        cls,
        attack: str,
        label: str,
        points: Iterable[tuple[Any, Mapping[str, Any] | None]],
        start: Mapping[str, Any],
        short: str = "",
    ) -> "Curve":
        """Take pairs of a budget and its interval, in any order, and the clean model's interval."""
        ordered = sorted(points, key=lambda point: float(point[0]))
        intervals = [start, *(interval or {} for _, interval in ordered)]
        ends = ("mean", "low", "high")
        mean, low, high = (np.array([numerals.number(entry.get(end)) for entry in intervals]) for end in ends)
        return cls(attack, label, np.array([0.0, *(float(budget) for budget, _ in ordered)]), mean, low, high, short)

    @property
    def measurable(self) -> bool:
        """Whether there is a mean at any budget."""
        return bool(np.isfinite(self.mean[1:]).any())

    @property
    def last(self) -> float:
        """Mean at the largest budget that was measurable."""
        return float(self.mean[np.isfinite(self.mean)][-1])


def curves(report: Mapping[str, Any], field: str) -> list[Curve]:
    """
    Collect the lines of one panel, in the order in which the attacks are reported.

    Parameters
    ----------
    report : Mapping
        The audit's results.
    field : {"metric", "damage"}
        What is on the vertical axis.

    Returns
    -------
    list of Curve
        Without attacks that have no measurable value.

    Examples
    --------
    >>> point = {"attack": "a", "label": "A", "budget": 0.1, "damage": {"mean": 0.4, "low": 0.3, "high": 0.5}}
    >>> curves({"model": {"clean": 0.9, "metric": "AUC"}, "curves": [point]}, "damage")[0].mean
    array([0. , 0.4])
    """
    clean = dict.fromkeys(("mean", "low", "high"), Quantity.of(report, field).start)
    points: dict[str, list[Mapping[str, Any]]] = {}
    for point in report["curves"]:
        points.setdefault(point["attack"], []).append(point)
    lines = [
        Curve.through(attack, str(row[0]["label"]), ((point["budget"], point[field]) for point in row), clean)
        for attack, row in points.items()
    ]
    return [line for line in lines if line.measurable]


def curve_picture(report: Mapping[str, Any], field: str) -> Picture:
    """
    Draw one panel as a picture of its own, so that two can stand below each other on a narrow screen.

    Parameters
    ----------
    report : Mapping
        The audit's results.
    field : {"metric", "damage"}
        What is on the vertical axis.

    Returns
    -------
    Picture
        Each point carries its values as hover words.

    Examples
    --------
    >>> curve_picture({"model": {"clean": 0.9, "metric": "AUC"}, "curves": []}, "metric").description
    'AUC against budget: nothing was measurable.'
    """
    with drawing():
        figure = Figure(figsize=(PANEL_WIDTH, PANEL_HEIGHT))
        hovers = draw_panel(figure, report, field, left=0.0)
    lines, quantity = curves(report, field), Quantity.of(report, field)
    name = "Relative damage" if field == "damage" else quantity.metric
    ends = "; ".join(f"{line.label} {quantity.write(line.last)}" for line in lines)
    description = f"at the largest budget {ends}." if lines else "nothing was measurable."
    return Picture(figure, f"{name} against budget: {description}", hovers)


def draw_panel(figure: Figure, report: Mapping[str, Any], field: str, *, left: float) -> list[Hover]:
    """
    Draw one panel of ``PANEL_WIDTH`` by ``PANEL_HEIGHT`` inches into a figure.

    Parameters
    ----------
    figure : Figure
        As high as a panel.
    report : Mapping
        The audit's results.
    field : {"metric", "damage"}
        What is on the vertical axis.
    left : float
        Where the panel begins, in inches.

    Returns
    -------
    list of Hover
        A title for each point.
    """
    lines, quantity = curves(report, field), Quantity.of(report, field)
    styles = line_styles(point["attack"] for point in report["curves"])
    room = Room(left, 0.42, PANEL_WIDTH, PANEL_HEIGHT - 0.94)
    axes, logarithmic, hovers = draw_lines(figure, lines, quantity, styles, room, gate=report.get("fail_above"))
    width = figure.get_figwidth() * axes.get_position().width
    axes.set_title(quantity.title(logarithmic=logarithmic), x=-0.6 / width)
    return hovers


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
    gate: Mapping[str, Any] | None = None,
) -> tuple[Axes, bool, list[Hover]]:
    """
    Draw lines with their bands over budgets, each named at its end.

    Parameters
    ----------
    figure : Figure
        Where.
    lines : sequence of Curve
        The lines.
    quantity : Quantity
        What is on the vertical axis.
    styles : Mapping
        How each attack looks.
    room : Room
        Where in the figure.
    among : sequence of Curve or None, default None
        Lines of all panels that share their axes and margins; None is this panel alone.
    own_scale : bool, default False
        Whether the vertical axis suits this panel's lines only.
    gate : Mapping or None, default None
        The threshold that a build fails above.

    Returns
    -------
    axes : Axes
        The panel.
    logarithmic : bool
        Whether the vertical axis is logarithmic.
    hovers : list of Hover
        A title for each point.
    """
    shared = lines if among is None else among
    margin = max([text_width(name, TEXT) / 72 for name in _end_names(shared, quantity)], default=0.0) + 0.24
    axes = place(figure, room.left + room.beside, room.top, room.width - room.beside - margin, room.height)
    _frame(axes, shared)
    scaled = lines if own_scale else shared
    means = np.array([value for line in scaled for value in line.mean])
    ends = np.array([value for line in scaled for value in (*line.low, *line.high)])
    logarithmic = scale_axis(axes, quantity, means, ends)
    _references(figure, axes, quantity, lines, gate)
    hovers = []
    for line in sorted(lines, key=lambda line: not styles[line.attack].hollow):
        hovers += _draw_line(axes, quantity, line, styles[line.attack])
    _name_lines(axes, 72 * room.height, lines, _end_names(lines, quantity), [styles[line.attack] for line in lines])
    return axes, logarithmic, hovers


def _end_names(lines: Sequence[Curve], quantity: Quantity) -> list[str]:
    return [f"{shorten(line.short or line.label, 20)} {quantity.write(line.last)}" for line in lines]


def _frame(axes: Axes, lines: Sequence[Curve]) -> None:
    """Budgets below, no box around."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0, pad=5)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
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


def _references(
    figure: Figure, axes: Axes, quantity: Quantity, lines: Sequence[Curve], gate: Mapping[str, Any] | None
) -> None:
    """Thin lines for what the numbers should be compared with, where they and their names have room."""
    if quantity.field == "damage":
        axes.axhline(0.0, color=FAINT, linewidth=0.8, zorder=1.5)
        marks = (
            [] if gate is None else [(float(gate["threshold"]), f"fails above {numerals.budget(gate['threshold'])}")]
        )
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
        label=line.attack,
        zorder=3,
        clip_on=False,
    )
    _mark_cuts(axes, line, style.colour)
    hovers = []
    for budget, mean, low, high in zip(line.budget[1:], line.mean[1:], line.low[1:], line.high[1:], strict=True):
        if np.isfinite(mean):
            shown = f"{quantity.write(mean)} ({quantity.write_interval(low, high)})"
            text = f"{line.label}, budget {numerals.budget(budget)}: {shown}"
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
    ends = []
    for line in lines:
        last = np.flatnonzero(np.isfinite(line.mean))[-1]
        point = axes.transData.transform((line.budget[last], line.mean[last]))
        ends.append(float(axes.transAxes.inverted().transform(point)[1]) * height)
    for end, stand, name, style in zip(ends, spread(ends, 12.0, 0.0, height), names, styles, strict=True):
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
