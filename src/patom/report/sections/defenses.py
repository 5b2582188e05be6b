"""Defenses side by side: the metric clean, attacked without knowledge of the defense, and attacked with it."""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from patom.report import numerals
from patom.report.labels import shorten, text_width
from patom.report.lines import Curve, curve_panel, measurable
from patom.report.panels import HEAD, Multiples, Panel, head, headed
from patom.report.quantity import Quantity
from patom.report.style import DIRECT, FAINT, INDIRECT, INK, OTHERS, PAPER, TEXT, LineStyle, open_frame, place
from patom.report.svg import Hover
from patom.results.audit import Metric
from patom.results.grid import Defended, DefenseCurves, DefensePanel, Defenses
from patom.results.methods import Reach
from patom.results.parts import Interval

PANEL_WIDTH = 5.4  # inches
UNDEFENDED = "no defense"
_ROW, _FOOT = 0.27, 0.42
_LABEL = 34  # characters
_FEW = 2
"""Defenses of a kind and budget, no defense included, that need no panel beside curves."""


def multiples(experiment: Defenses) -> Multiples:
    r"""What is left of the metric behind each defense, one panel a kind of attack and budget.

    In each panel the defenses stand from the best to the worst under an attacker who knows them.

    >>> at = Interval.of(0.5, 0.4, 0.6)
    >>> point = Defended(label="no defense", clean=at, known=at, naive=None)
    >>> panel = DefensePanel(title="direct, 20 %", points=[point])
    >>> multiples(Defenses(title="SARCOS", metric="NMSE", panels=[panel])).panels[0].description.replace("\u00a0", " ")
    'Direct, 20 %: NMSE behind each defense, clean and attacked with knowledge of it: no defense 0.500 and 0.500.'
    """
    metric = experiment.metric
    drawn = {curves.title for curves in experiment.curves}
    panels = [
        _panel(shown, metric)
        for shown in experiment.panels
        if len(shown.points) > _FEW or shown.title.kind not in drawn  # else the curves show them
    ]
    panels += [_curves(shown, metric) for shown in experiment.curves]
    caption = (
        f"{metric} of the target tasks on clean test rows: a bar without an attack, a ring under an attacker who does "
        "not know the defense, a diamond under one who does; lines are intervals of the mean over seeds. Grey lines "
        "are the model without a defense, clean and attacked. Lines against budget are under an attacker who knows the "
        "defense."
    )
    return Multiples(experiment.title, experiment.settings, caption, panels, columns=2)


def _curves(shown: DefenseCurves, metric: Metric) -> Panel:
    """Security evaluation curves: the metric against budget, under an attacker who knows each defense."""
    curves = measurable(
        Curve.through(line.label, line.label, zip(line.budgets, line.metric, strict=True), line.clean)
        for line in shown.lines
    )
    clean = next((float(curve.mean[0]) for curve in curves if curve.key == UNDEFENDED), math.nan)
    title, quantity = f"{headed(shown.title)}, against budget", Quantity("metric", metric, clean)
    return curve_panel(
        title,
        f"{metric} at the largest budget under an attacker who knows the defense",
        curves,
        among=curves,
        quantity=quantity,
        styles={curve.key: _line_style(curve.key, index) for index, curve in enumerate(curves)},
        width=PANEL_WIDTH,
    )


def _line_style(label: str, index: int) -> LineStyle:
    if label == UNDEFENDED:
        return LineStyle(INK, "--", "s", hollow=False, width=1.5)
    return LineStyle((DIRECT, *OTHERS)[index % 5], "-", "o", hollow=False, width=2.1)


def _panel(shown: DefensePanel, metric: Metric) -> Panel:
    sign = 1.0 if metric == "NMSE" else -1.0
    points = sorted(shown.points, key=lambda point: math.inf if point.known.mean is None else sign * point.known.mean)
    title = numerals.typeset(headed(str(shown.title)))
    colour = INDIRECT if shown.title.kind is Reach.INDIRECT else DIRECT
    draw = partial(_draw, title=title, points=points, metric=metric, colour=colour)
    return Panel(PANEL_WIDTH, HEAD + _ROW * len(points) + _FOOT, draw, _describe(title, points, metric))


def _draw(
    figure: Figure, left: float, top: float, *, title: str, points: Sequence[Defended], metric: Metric, colour: str
) -> list[Hover]:
    beside = max(text_width(shorten(point.label, _LABEL), TEXT) / 72 for point in points) + 0.14
    axes = place(figure, left + beside, top + HEAD, PANEL_WIDTH - beside - 0.15, _ROW * len(points))
    _frame(axes, points)
    base = next((point for point in points if point.label == UNDEFENDED), None)
    for value in (base.clean.mean, base.known.mean) if base else ():
        if value is not None:
            axes.axvline(value, color=FAINT, linewidth=1.0, linestyle=(0, (4, 2)), zorder=1)
    hovers = [_row(axes, row, point, metric, colour) for row, point in enumerate(points)]
    better = "lower" if metric == "NMSE" else "higher"
    head(figure, left, top, title, f"{metric} of the target tasks ({better} is better)")
    return hovers


def _frame(axes: Axes, points: Sequence[Defended]) -> None:
    open_frame(axes, "x")
    axes.set_ylim(len(points) - 0.5, -0.5)
    axes.set_yticks(range(len(points)), [shorten(point.label, _LABEL) for point in points])
    for label, point in zip(axes.get_yticklabels(), points, strict=True):
        label.set_color(INK)
        label.set_fontweight("bold" if point.label == UNDEFENDED else "normal")
    values = [
        value
        for point in points
        for value in (point.clean.mean, point.known.mean, point.naive.mean, point.known.low, point.known.high)
    ]
    shown = np.array([value for value in values if value is not None])
    low, high = (float(shown.min()), float(shown.max())) if shown.size else (0.0, 1.0)
    pad = 0.05 * (high - low or 1.0)
    axes.set_xlim(low - pad, high + pad)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))


def _row(axes: Axes, row: int, point: Defended, metric: Metric, colour: str) -> Hover:
    clean, known = numerals.number(point.clean.mean), point.known
    axes.plot([clean], [row], marker="|", markersize=11, markeredgewidth=2.2, color=INK, zorder=3)
    words = [f"clean {numerals.metric(clean, metric)}"]
    if point.naive.mean is not None:
        axes.plot([point.naive.mean], [row], marker="o", markersize=6, color=colour, markerfacecolor=PAPER, zorder=4)
        words.append(_attacked("attacked, defense not known", point.naive, metric))
    if known.mean is not None:
        span = [numerals.number(known.low), numerals.number(known.high)]
        axes.plot(span, [row, row], color=colour, linewidth=1.6, solid_capstyle="butt", zorder=2)
        axes.plot([known.mean], [row], marker="D", markersize=6, color=colour, markerfacecolor=colour, zorder=4)
        words.append(_attacked("attacked, defense known", known, metric))
    low, high = axes.get_xlim()
    return Hover(axes, ((low, row - 0.5), (high, row + 0.5)), f"{point.label}: {'; '.join(words)}")


def _attacked(words: str, value: Interval, metric: Metric) -> str:
    mean, low, high = map(numerals.number, (value.mean, value.low, value.high))
    return f"{words} {Quantity('metric', metric, math.nan).words(mean, low, high)}"


def _describe(title: str, points: Sequence[Defended], metric: Metric) -> str:
    said = "; ".join(
        f"{point.label} {numerals.metric(point.clean.mean, metric)} and {numerals.metric(point.known.mean, metric)}"
        for point in points
    )
    return f"{title}: {metric} behind each defense, clean and attacked with knowledge of it: {said}."
