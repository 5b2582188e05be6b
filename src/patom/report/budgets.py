"""Quality of the solution against budget: one panel a pair of target and attacking tasks, one line an attack."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from . import numerals
from .curves import Curve, Room, draw_lines
from .panels import HEAD, Multiples, Panel, head, list_names
from .quantity import Quantity
from .style import FAINT, LineStyle, line_styles
from .svg import Hover

PANEL_WIDTH, PANEL_HEIGHT = 4.35, 3.5  # inches


def pair_curves(panel: Mapping[str, Any]) -> list[Curve]:
    """
    Collect the lines of a panel, from the clean value at budget 0 on.

    Parameters
    ----------
    panel : Mapping
        A panel of an entry of the results' ``budgets``.

    Returns
    -------
    list of Curve
        Without attacks that have no measurable value.

    Examples
    --------
    >>> interval = {"mean": 0.7, "low": None, "high": None}
    >>> line = {"attack": "patom-direct", "label": "PATOM, direct", "budgets": [0.1], "metric": [interval]}
    >>> pair_curves({"clean": {"mean": 0.6, "low": None, "high": None}, "lines": [line]})[0].mean
    array([0.6, 0.7])
    """
    clean = panel.get("clean") or {}
    found = [
        Curve.through(str(line["attack"]), str(line["label"]), zip(line["budgets"], line["metric"], strict=True), clean)
        for line in panel["lines"]
    ]
    return [curve for curve in found if curve.measurable]


def budget_multiples(experiment: Mapping[str, Any]) -> Multiples:
    """
    Show an experiment's metric against budget, one panel a pair; all panels share their axes.

    Parameters
    ----------
    experiment : Mapping
        An entry of the results' ``budgets``.

    Returns
    -------
    Multiples
        Two columns.

    Examples
    --------
    >>> budget_multiples({"title": "SARCOS", "settings": "", "metric": "NMSE", "panels": []}).panels
    []
    """
    shown = [pair_curves(panel) for panel in experiment["panels"]]
    among = [curve for curves in shown for curve in curves]
    clean = [numerals.number((panel.get("clean") or {}).get("mean")) for panel in experiment["panels"]]
    measured = [value for value in clean if math.isfinite(value)]
    typical = float(np.median(measured)) if measured else math.nan
    quantity = Quantity("metric", str(experiment["metric"]), typical)
    styles = line_styles(str(line["attack"]) for panel in experiment["panels"] for line in panel["lines"])
    panels = []
    for told, curves in zip(experiment["panels"], shown, strict=True):
        title = pair_title(told, limit=17)
        draw = partial(draw_panel, title=title, curves=curves, among=among, quantity=quantity, styles=styles)
        panels.append(Panel(PANEL_WIDTH, PANEL_HEIGHT, draw, _describe(pair_title(told, limit=400), curves, quantity)))
    caption = (
        f"{quantity.metric} on the target tasks’ test rows against budget; bands are intervals of the mean over seeds. "
        "All panels have the same axes."
    )
    return Multiples(str(experiment["title"]), str(experiment.get("settings") or ""), caption, panels, columns=2)


def pair_title(panel: Mapping[str, Any], limit: int) -> str:
    """
    Name a pair by its letter, its targets and its attackers.

    Parameters
    ----------
    panel : Mapping
        A panel of an entry of the results' ``budgets``.
    limit : int
        Greatest number of characters of either list of names, about.

    Returns
    -------
    str
        One line.

    Examples
    --------
    >>> pair_title({"pair": "A", "targets": ["1", "4"], "attackers": ["2"]}, limit=20)
    'A: targets 1, 4; attackers 2'
    """
    targets, attackers = (list_names(panel.get(side) or (), limit) for side in ("targets", "attackers"))
    return f"{panel['pair']}: targets {targets}; attackers {attackers}"


def _describe(title: str, curves: Sequence[Curve], quantity: Quantity) -> str:
    ends = "; ".join(f"{curve.label} {quantity.write(curve.last)}" for curve in curves)
    at_end = f"at the largest budget {ends}" if curves else "nothing was measurable"
    return f"{title}: {quantity.metric} clean {quantity.write(_clean(curves))}, {at_end}."


def _clean(curves: Sequence[Curve]) -> float:
    return float(curves[0].mean[0]) if curves else math.nan


def draw_panel(
    figure: Figure,
    left: float,
    top: float,
    *,
    title: str,
    curves: Sequence[Curve],
    among: Sequence[Curve],
    quantity: Quantity,
    styles: Mapping[str, LineStyle],
    width: float = PANEL_WIDTH,
    own_scale: bool = False,
) -> list[Hover]:
    """
    Draw a panel ``PANEL_HEIGHT`` inches high, or say that nothing was measurable.

    Parameters
    ----------
    figure : Figure
        Where.
    left, top : float
        The panel's corner, in inches.
    title : str
        One line.
    curves : sequence of Curve
        The panel's lines.
    among : sequence of Curve
        Lines of all panels that share their margins and budgets.
    quantity : Quantity
        What is on the vertical axis.
    styles : Mapping
        How each attack looks.
    width : float, default PANEL_WIDTH
        Inches.
    own_scale : bool, default False
        Whether the vertical axis suits this panel's lines only.

    Returns
    -------
    list of Hover
        A title for each point.
    """
    beside = 0.66 if quantity.field == "damage" else 0.53  # of 10,000 %, or 0.0123
    room = Room(left, top + HEAD, width, PANEL_HEIGHT - HEAD - 0.52, beside)
    axes, logarithmic, hovers = draw_lines(figure, curves, quantity, styles, room, among=among, own_scale=own_scale)
    head(figure, left, top, title, quantity.title(logarithmic=logarithmic))
    if not curves:
        axes.text(0.5, 0.5, "not measurable", transform=axes.transAxes, ha="center", color=FAINT)
    return hovers
