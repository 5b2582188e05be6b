"""Damage against budget: one line an attack, with its confidence band, named at its end."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    Formatter,
    FuncFormatter,
    MaxNLocator,
    NullFormatter,
    NullLocator,
    ScalarFormatter,
)

from . import numerals
from .labels import shorten, spread, text_width
from .style import FAINT, INK, PAPER, RULE, SMALL, TEXT, LineStyle, drawing, line_styles, place
from .svg import Hover, Picture

PANEL_WIDTH, PANEL_HEIGHT = 4.9, 3.4  # inches
LOG_FROM = 10.0  # a relative damage of 1,000 %, or an error ten times another, needs a logarithmic axis


@dataclass(frozen=True)
class Curve:
    """One attack's line: arrays over budgets, the clean model at 0 first, NaN if not measurable."""

    attack: str
    label: str
    budget: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


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
    >>> curves({"model": {"clean": 0.9}, "curves": [point]}, "damage")[0].mean
    array([0. , 0.4])
    """
    start = 0.0 if field == "damage" else numerals.number(report["model"]["clean"])
    points: dict[str, list[Mapping[str, Any]]] = {}
    for point in report["curves"]:
        points.setdefault(point["attack"], []).append(point)
    lines = []
    for attack, row in points.items():
        row.sort(key=lambda point: float(point["budget"]))
        columns = [
            np.array([start, *(numerals.number((point[field] or {}).get(end)) for point in row)])
            for end in ("mean", "low", "high")
        ]
        budget = np.array([0.0, *(float(point["budget"]) for point in row)])
        if np.isfinite(columns[0][1:]).any():
            lines.append(Curve(attack, str(row[0]["label"]), budget, *columns))
    return lines


def curve_picture(report: Mapping[str, Any], field: str) -> Picture:
    """
    One panel as a picture of its own, so that two can stand below each other on a narrow screen.

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
    name = "Relative damage" if field == "damage" else str(report["model"]["metric"])
    lines = curves(report, field)
    ends = "; ".join(
        f"{line.label} {_value(report, field, line.mean[np.isfinite(line.mean)][-1])}" for line in lines
    )
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
    lines = curves(report, field)
    styles = line_styles(point["attack"] for point in report["curves"])
    names = [_end_label(report, field, line) for line in lines]
    margin = max([text_width(name, TEXT) / 72 for name in names], default=0.0) + 0.3
    axes = place(figure, left + 0.62, 0.42, PANEL_WIDTH - 0.62 - margin, PANEL_HEIGHT - 0.94)
    axes.set_title(_title(report, field), x=-0.6 / (PANEL_WIDTH - 0.62 - margin))
    _frame(axes, lines)
    _vertical_axis(axes, report, field, lines)
    _references(axes, report, field)
    hovers = []
    for line in sorted(lines, key=lambda line: not styles[line.attack].hollow):
        hovers += _draw_line(axes, report, field, line, styles[line.attack])
    _name_lines(axes, 72 * (PANEL_HEIGHT - 0.94), lines, names, [styles[line.attack] for line in lines])
    return hovers


def _title(report: Mapping[str, Any], field: str) -> str:
    name = str(report["model"]["metric"])
    if field == "damage":
        return f"{'Share of clean AUC lost' if name == 'AUC' else f'Rise of {name} over clean'}, target tasks"
    return f"{name} of the target tasks ({'higher' if name == 'AUC' else 'lower'} is better)"


def _value(report: Mapping[str, Any], field: str, value: float) -> str:
    metric = str(report["model"]["metric"])
    return numerals.percent(value) if field == "damage" else numerals.metric(value, metric)


def _end_label(report: Mapping[str, Any], field: str, line: Curve) -> str:
    last = line.mean[np.isfinite(line.mean)][-1]
    return f"{shorten(line.label, 20)} {_value(report, field, last)}"


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
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: numerals.budget(value) if value else "clean")
    )
    axes.set_xlabel("budget: injected rows per clean row", labelpad=6, fontsize=SMALL + 0.5)


def _limits(lines: Sequence[Curve], least: float) -> tuple[float, float]:
    """
    Room for all means and for bands up to the spread of the means on either side.

    Two seeds give bands ten times as wide as what they surround; those are cut
    off rather than flatten the lines.
    """
    if not lines:
        return 0.0, 1.0
    means = np.concatenate([line.mean for line in lines])
    ends = np.concatenate([np.concatenate([line.low, line.high]) for line in lines])
    low, high = float(np.nanmin(means)), float(np.nanmax(means))
    width = max(high - low, least)
    ends = ends[np.isfinite(ends)]
    if ends.size:
        low, high = max(min(low, ends.min()), low - width), min(max(high, ends.max()), high + width)
    return float(low - 0.06 * width), float(high + 0.08 * width)


def _vertical_axis(axes: Axes, report: Mapping[str, Any], field: str, lines: Sequence[Curve]) -> None:
    damage = field == "damage"
    metric = str(report["model"]["metric"])
    low, high = _limits(lines, 0.01 if damage or metric == "AUC" else 0.02 * _clean_scale(report))
    formatter: Formatter = FuncFormatter(lambda value, _: _tick(value, field))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    if damage and high > LOG_FROM:
        axes.set_yscale("symlog", linthresh=1.0, linscale=0.6)
        axes.yaxis.set_major_locator(
            FixedLocator([0.0, 0.5, *10.0 ** np.arange(math.ceil(math.log10(high)) + 1)])
        )
        low, high = min(low, -0.1), high * 1.3
    elif not damage and metric != "AUC" and high > LOG_FROM * max(_clean_scale(report), 1e-12):
        means = np.concatenate([line.mean for line in lines])
        low, high = 0.7 * float(np.nanmin(means)), 1.5 * float(np.nanmax(means))
        if low > 0:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(FixedLocator(_log_ticks(low, high)))
    elif not damage:
        low, high = max(low, -0.02 * high), min(high, 1.005) if metric == "AUC" else high
        formatter = ScalarFormatter(useOffset=False)  # the same number of decimals on all ticks
        formatter.set_scientific(False)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(formatter)
    axes.set_ylim(low, high)


def _clean_scale(report: Mapping[str, Any]) -> float:
    clean = numerals.number(report["model"]["clean"])
    return 1.0 if math.isnan(clean) else abs(clean)


def _tick(value: float, field: str) -> str:
    return f"{100 * value:,.4g}{numerals.NBSP}%".replace("-", "−") if field == "damage" else f"{value:,.4g}"


def _log_ticks(low: float, high: float) -> list[float]:
    """One, two or three ticks a decade, whichever makes about five."""
    decades = 10.0 ** np.arange(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ([1.0, 2.0, 5.0], [1.0, 3.0], [1.0]):
        ticks = [float(step * decade) for decade in decades for step in steps if low <= step * decade <= high]
        if len(ticks) <= 6:
            break
    return ticks


def _references(axes: Axes, report: Mapping[str, Any], field: str) -> None:
    """Thin lines for what the numbers should be compared with, where they fall into the picture."""
    metric = str(report["model"]["metric"])
    gate = report.get("fail_above")
    if field == "damage":
        marks = [(0.0, "")]
        if gate is not None:
            marks.append((float(gate["threshold"]), f"fails above {numerals.budget(gate['threshold'])}"))
    else:
        marks = [(0.5, "chance")] if metric == "AUC" else [(1.0, "predicting the mean")]
    low, high = axes.get_ylim()
    for value, text in marks:
        if low < value < high:
            axes.axhline(
                value, color=FAINT, linewidth=0.8, linestyle=(0, (1, 2)) if text else "-", zorder=1.5
            )
            axes.annotate(
                text,
                (0, value),
                (2, 3),
                ("axes fraction", "data"),
                "offset points",
                color=FAINT,
                fontsize=SMALL,
            )


def _draw_line(
    axes: Axes, report: Mapping[str, Any], field: str, line: Curve, style: LineStyle
) -> list[Hover]:
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
    hovers = []
    for budget, mean, low, high in zip(
        line.budget[1:], line.mean[1:], line.low[1:], line.high[1:], strict=True
    ):
        if np.isfinite(mean):
            name = str(report["model"]["metric"])
            interval = (
                numerals.percent_interval(low, high)
                if field == "damage"
                else numerals.metric_interval(low, high, name)
            )
            text = (
                f"{line.label}, budget {numerals.budget(budget)}: {_value(report, field, mean)} ({interval})"
            )
            hovers.append(Hover(axes, ((budget, mean), (budget, mean)), text, margin=5.0))
    return hovers


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
            (16, stand - end),
            "axes fraction",
            "offset points",
            color=style.colour if name else INK,
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
