"""Screening as a detector: ROC AUC of malicious tasks by budget, one panel a kind of attack, one line a ranking."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from .budgets import PANEL_HEIGHT
from .curves import Curve, Room, draw_lines
from .panels import HEAD, Multiples, Panel, head
from .quantity import Quantity
from .style import FAINT, INK, OTHERS, LineStyle, kind_colours
from .svg import Hover

PANEL_WIDTH = 4.7  # inches
_AUC = Quantity("metric", "AUC", 0.5)
_TITLE = "ROC AUC, malicious against honest tasks"
_SCORES = ("score_own_loss", "score_harm", "score_reach", "score_change", "score_correlation")


def screening_multiples(experiment: Mapping[str, Any]) -> Multiples:
    r"""
    Show how well each score tells malicious tasks from honest ones, by budget.

    Parameters
    ----------
    experiment : Mapping
        An entry of the results' ``screening``.

    Returns
    -------
    Multiples
        One panel a kind of attack, all with the same axes. Suspicion starts at its value for the clean rows.

    Examples
    --------
    >>> interval = {"mean": 0.9, "low": None, "high": None}
    >>> line = {"ranking": "score_reach", "attack": "", "label": "reach", "budgets": [0.1], "auc": [interval]}
    >>> shown = screening_multiples({"title": "SARCOS", "panels": [{"kind": "direct", "lines": [line]}]})
    >>> shown.panels[0].description
    'Direct: ROC AUC of malicious tasks at the largest budget: reach 0.900.'
    """
    told = [(str(panel["kind"]), _curves(panel)) for panel in experiment["panels"]]
    among = [curve for _, curves in told for curve in curves]
    colours = kind_colours(kind for kind, _ in told)
    panels = []
    for kind, curves in told:
        title = f"{kind[:1].upper()}{kind[1:]}"
        styles = {curve.attack: _style(curve.attack, colours[kind]) for curve in curves}
        draw = partial(_draw, title=title, curves=curves, among=among, styles=styles)
        panels.append(Panel(PANEL_WIDTH, PANEL_HEIGHT, draw, _describe(title, curves)))
    caption = (
        f"{_TITLE}, against budget; bands are intervals of the mean over seeds. Scores are under optimised attacks. "
        "All panels have the same axes."
    )
    return Multiples(str(experiment["title"]), str(experiment.get("settings") or ""), caption, panels, columns=2)


def _curves(panel: Mapping[str, Any]) -> list[Curve]:
    """Suspicion last, so that it lies on top."""
    curves = [
        Curve.through(
            str(line["attack"] or line["ranking"]),
            str(line["label"]),
            zip(line["budgets"], line["auc"], strict=True),
            (panel.get("clean") or {}) if line["ranking"] == "suspicion" else {},
        )
        for line in panel["lines"]
    ]
    return sorted((curve for curve in curves if curve.measurable), key=lambda curve: curve.attack not in _SCORES)


def _style(role: str, accent: str) -> LineStyle:
    """Suspicion in the colour of the kind, dashed under random rows; each score has its own in all panels."""
    if role in _SCORES:
        at = _SCORES.index(role)
        colour = INK if role == "score_correlation" else OTHERS[1:][at % (len(OTHERS) - 1)]
        return LineStyle(colour, ("-.", ":")[at % 2], "^v"[at % 2], hollow=False, width=1.3)
    if role.startswith("random"):
        return LineStyle(FAINT, "--", "o", hollow=True, width=1.3)
    return LineStyle(accent, "-", "o", hollow=False, width=2.3)


def _draw(
    figure: Figure,
    left: float,
    top: float,
    *,
    title: str,
    curves: Sequence[Curve],
    among: Sequence[Curve],
    styles: Mapping[str, LineStyle],
) -> list[Hover]:
    room = Room(left, top + HEAD, PANEL_WIDTH, PANEL_HEIGHT - HEAD - 0.52, 0.53)
    axes, _, hovers = draw_lines(figure, curves, _AUC, styles, room, among=among)
    head(figure, left, top, title, _TITLE)
    if not curves:
        axes.text(0.5, 0.5, "not measurable", transform=axes.transAxes, ha="center", color=FAINT)
    return hovers


def _describe(title: str, curves: Sequence[Curve]) -> str:
    if not curves:
        return f"{title}: nothing was measurable."
    ends = "; ".join(f"{curve.label} {_AUC.write(curve.last)}" for curve in sorted(curves, key=lambda c: -c.last))
    return f"{title}: ROC AUC of malicious tasks at the largest budget: {ends}."
