"""Defenses side by side: the metric clean, under who does not know the defense and under who does, a row each."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from . import numerals
from .budgets import PANEL_HEIGHT, draw_panel
from .curves import Curve
from .labels import shorten, text_width
from .panels import HEAD, Multiples, Panel, head
from .quantity import Quantity
from .style import DIRECT, FAINT, INDIRECT, INK, OTHERS, PAPER, RULE, TEXT, LineStyle, place
from .svg import Hover

PANEL_WIDTH = 5.4  # inches
_ROW, _FOOT = 0.27, 0.42
_LABEL = 34  # characters
_FEW = 2
"""Defenses of a kind and budget, no defense included, that need no panel beside curves."""
_MARKS = (("naive", "o", "attacked, defense not known"), ("known", "D", "attacked, defense known"))


def defense_multiples(experiment: Mapping[str, Any]) -> Multiples:
    r"""
    Show what is left of a data set's metric behind each defense, one panel a kind of attack and budget.

    Parameters
    ----------
    experiment : Mapping
        An entry of the results' ``defenses``.

    Returns
    -------
    Multiples
        Two columns; in each panel the defenses from the best to the worst under who knows them.

    Examples
    --------
    >>> at = {"mean": 0.5, "low": 0.4, "high": 0.6}
    >>> panel = {"title": "direct, 20 %", "points": [{"label": "no defense", "clean": at, "known": at, "naive": {}}]}
    >>> entry = {"title": "SARCOS", "metric": "NMSE", "panels": [panel]}
    >>> defense_multiples(entry).panels[0].description.replace("\u00a0", " ")
    'Direct, 20 %: NMSE behind each defense, clean and attacked by who knows it: no defense 0.500 and 0.500.'
    """
    metric = str(experiment["metric"])
    panels = []
    drawn = {str(curve["title"]) for curve in experiment.get("curves") or ()}
    for told in experiment["panels"]:
        if len(told["points"]) <= _FEW and str(told["title"]).partition(",")[0] in drawn:
            continue  # the curves show them
        points = _sorted(told["points"], metric)
        title = f"{told['title'][:1].upper()}{told['title'][1:]}".replace(" %", f"{numerals.NBSP}%")
        height = HEAD + _ROW * len(points) + _FOOT
        draw = partial(_draw, title=title, points=points, metric=metric, colour=_colour(title))
        panels.append(Panel(PANEL_WIDTH, height, draw, _describe(title, points, metric)))
    panels += [_curves(told, metric) for told in experiment.get("curves") or ()]
    caption = (
        f"{metric} of the target tasks on clean test rows: a bar where no attack was, a ring behind who does not know "
        "the defense, a diamond behind who does; lines are intervals of the mean over seeds. The grey lines are the "
        "model without a defense, clean and attacked. Lines against budget are under who knows the defense."
    )
    return Multiples(str(experiment["title"]), str(experiment.get("settings") or ""), caption, panels, columns=2)


def _curves(told: Mapping[str, Any], metric: str) -> Panel:
    """Security evaluation curves: the metric under who knows each defense against budget."""
    curves = [
        Curve.through(line["label"], line["label"], zip(line["budgets"], line["metric"], strict=True), line["clean"])
        for line in told["lines"]
    ]
    curves = [curve for curve in curves if curve.measurable]
    styles = {curve.attack: _line_style(curve.attack, index) for index, curve in enumerate(curves)}
    clean = next((float(curve.mean[0]) for curve in curves if curve.attack == "no defense"), math.nan)
    title = f"{told['title'][:1].upper()}{told['title'][1:]}, against budget"
    quantity = Quantity("metric", metric, clean)
    draw = partial(draw_panel, title=title, curves=curves, among=curves, quantity=quantity, styles=styles)
    ends = "; ".join(f"{curve.label} {quantity.write(curve.last)}" for curve in curves)
    described = f"{title}: {metric} at the largest budget under who knows the defense: {ends}."
    return Panel(PANEL_WIDTH, PANEL_HEIGHT, partial(draw, width=PANEL_WIDTH), described)


def _line_style(label: str, index: int) -> LineStyle:
    if label == "no defense":
        return LineStyle(INK, "--", "s", hollow=False, width=1.5)
    return LineStyle((DIRECT, *OTHERS)[index % 5], "-", "o", hollow=False, width=2.1)


def _colour(title: str) -> str:
    return INDIRECT if title.startswith("Indirect") else DIRECT


def _sorted(points: Sequence[Mapping[str, Any]], metric: str) -> list[Mapping[str, Any]]:
    """The best first; what was not measurable last."""
    sign = 1.0 if metric == "NMSE" else -1.0

    def rank(point: Mapping[str, Any]) -> float:
        value = numerals.number(point["known"].get("mean"))
        return sign * value if math.isfinite(value) else math.inf

    return sorted(points, key=rank)


def _draw(
    figure: Figure,
    left: float,
    top: float,
    *,
    title: str,
    points: Sequence[Mapping[str, Any]],
    metric: str,
    colour: str,
) -> list[Hover]:
    beside = max(text_width(shorten(point["label"], _LABEL), TEXT) / 72 for point in points) + 0.14
    axes = place(figure, left + beside, top + HEAD, PANEL_WIDTH - beside - 0.15, _ROW * len(points))
    _frame(axes, points)
    _references(axes, points)
    hovers = [_row(axes, row, point, metric, colour) for row, point in enumerate(points)]
    better = "lower" if metric == "NMSE" else "higher"
    head(figure, left, top, title, f"{metric} of the target tasks ({better} is better)")
    return hovers


def _frame(axes: Axes, points: Sequence[Mapping[str, Any]]) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0, pad=5)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_ylim(len(points) - 0.5, -0.5)
    axes.set_yticks(range(len(points)), [shorten(point["label"], _LABEL) for point in points])
    for label, point in zip(axes.get_yticklabels(), points, strict=True):
        label.set_color(INK)
        label.set_fontweight("bold" if point["label"] == "no defense" else "normal")
    means = [numerals.number(point[name].get("mean")) for point in points for name in ("clean", "known", "naive")]
    ends = [numerals.number(point["known"].get(end)) for point in points for end in ("low", "high")]
    shown = np.array([value for value in (*means, *ends) if math.isfinite(value)])
    low, high = (float(shown.min()), float(shown.max())) if shown.size else (0.0, 1.0)
    pad = 0.05 * (high - low or 1.0)
    axes.set_xlim(low - pad, high + pad)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))


def _references(axes: Axes, points: Sequence[Mapping[str, Any]]) -> None:
    """The undefended model, clean and attacked."""
    base = next((point for point in points if point["label"] == "no defense"), None)
    for name in ("clean", "known") if base else ():
        value = numerals.number(base[name].get("mean")) if base else math.nan
        if math.isfinite(value):
            axes.axvline(value, color=FAINT, linewidth=1.0, linestyle=(0, (4, 2)), zorder=1)


def _row(axes: Axes, row: int, point: Mapping[str, Any], metric: str, colour: str) -> Hover:
    clean = numerals.number(point["clean"].get("mean"))
    axes.plot([clean], [row], marker="|", markersize=11, markeredgewidth=2.2, color=INK, zorder=3)
    for name, marker, _ in _MARKS:
        low, mean, high = (numerals.number(point[name].get(end)) for end in ("low", "mean", "high"))
        if not math.isfinite(mean):
            continue
        face = colour if name == "known" else PAPER
        if name == "known":
            axes.plot([low, high], [row, row], color=colour, linewidth=1.6, solid_capstyle="butt", zorder=2)
        axes.plot([mean], [row], marker=marker, markersize=6, color=colour, markerfacecolor=face, zorder=4)
    told = [f"clean {numerals.metric(clean, metric)}"]
    for name, _, words in _MARKS:
        mean = numerals.number(point[name].get("mean"))
        if math.isfinite(mean):
            inside = numerals.metric_interval(point[name].get("low"), point[name].get("high"), metric)
            told.append(f"{words} {numerals.metric(mean, metric)} ({inside})")
    low, high = axes.get_xlim()
    return Hover(axes, ((low, row - 0.5), (high, row + 0.5)), f"{point['label']}: {'; '.join(told)}")


def _describe(title: str, points: Sequence[Mapping[str, Any]], metric: str) -> str:
    said = "; ".join(
        f"{point['label']} {numerals.metric(point['clean'].get('mean'), metric)} and "
        f"{numerals.metric(point['known'].get('mean'), metric)}"
        for point in points
    )
    return f"{title}: {metric} behind each defense, clean and attacked by who knows it: {said}."
