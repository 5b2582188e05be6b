"""Security evaluation curves: rise of the training loss against budget, one panel a kind, one line an attack."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from .budgets import PANEL_HEIGHT, draw_panel
from .curves import Curve
from .panels import Multiples, Panel
from .quantity import RISE
from .style import FAINT, INK, OTHERS, Dash, LineStyle, kind_colours

PANEL_WIDTH = 4.7  # inches
LINES = 6
"""Greatest number of lines of a panel."""
_ALWAYS = ("random", "patom", "ascent, labels", "ascent")  # in the order of drawing: the last one lies on top
_SHORT = (
    ("exact gradient, labels too", "labels too"),
    ("frozen covariance gradient", "Ω frozen"),
    ("^(ascent, .+) gradient", r"\1"),
    (r"best step of \d+$", "best step"),
)
"""What stands at the lines' ends: patterns of labels, and fewer words."""
_CLEAN = {"mean": 0.0, "low": 0.0, "high": 0.0}


def attack_multiples(experiment: Mapping[str, Any]) -> Multiples:
    r"""
    Show what an experiment's attacks do to the training loss, by budget.

    Parameters
    ----------
    experiment : Mapping
        An entry of the results' ``attacks``.

    Returns
    -------
    Multiples
        One panel a kind of attack, each with its own vertical axis: indirect effects are far smaller. At most
        ``LINES`` lines a panel.

    Examples
    --------
    >>> interval = {"mean": 0.5, "low": None, "high": None}
    >>> line = {"attack": "random-direct", "label": "random rows", "budgets": [0.1], "rise": [interval]}
    >>> shown = attack_multiples({"title": "SARCOS", "panels": [{"kind": "direct", "lines": [line]}]})
    >>> shown.panels[0].description.replace("\u00a0", " ")
    'Direct: rise of the training loss over clean at the largest budget: random rows 50 %.'
    """
    told = [(str(panel["kind"]), _measurable(panel)) for panel in experiment["panels"]]
    shown = [(kind, shown_curves(curves)) for kind, curves in told]
    among = [curve for _, curves in shown for curve in curves]
    others = list(dict.fromkeys(curve.attack for curve in among if curve.attack not in _ALWAYS))
    colours = kind_colours(kind for kind, _ in shown)
    panels = []
    for kind, curves in shown:
        title = f"{kind[:1].upper()}{kind[1:]}"
        styles = {curve.attack: _style(curve.attack, colours[kind], others) for curve in curves}
        lines = partial(draw_panel, title=title, curves=curves, among=among, quantity=RISE, styles=styles)
        draw = partial(lines, width=PANEL_WIDTH, own_scale=True)
        panels.append(Panel(PANEL_WIDTH, PANEL_HEIGHT, draw, _describe(title, curves)))
    caption = _caption(max([len(curves) for _, curves in told], default=0))
    return Multiples(str(experiment["title"]), str(experiment.get("settings") or ""), caption, panels, columns=2)


def shown_curves(curves: Sequence[Curve]) -> list[Curve]:
    """
    Choose the lines of a panel: random rows, PATOM, the ascents along the exact gradient, the best of the others.

    Parameters
    ----------
    curves : sequence of Curve
        All measurable lines of a kind.

    Returns
    -------
    list of Curve
        At most ``LINES``, in the order in which they are drawn: what matters most lies on top.
    """
    largest = max([float(curve.budget[-1]) for curve in curves], default=0.0)

    def rank(curve: Curve) -> tuple[bool, float]:
        reached = curve.budget[-1] == largest and np.isfinite(curve.mean[-1])
        return curve.attack not in _ALWAYS, -float(curve.mean[-1]) if reached else np.inf

    chosen = sorted(curves, key=rank)[:LINES]
    return sorted(chosen, key=lambda curve: _ALWAYS.index(curve.attack) if curve.attack in _ALWAYS else 0)


def _measurable(panel: Mapping[str, Any]) -> list[Curve]:
    curves = [
        Curve.through(
            _role(str(line["attack"]), str(line["label"])),
            str(line["label"]),
            zip(line["budgets"], line["rise"], strict=True),
            _CLEAN,
            short=_short(str(line["label"])),
        )
        for line in panel["lines"]
    ]
    return [curve for curve in curves if curve.measurable]


def _role(attack: str, label: str) -> str:
    """One of those that are always shown, or the label: an attack with several settings has several lines."""
    method = attack.rpartition("-")[0]
    if method == "ascent" and "exact" in label:
        return "ascent, labels" if "labels" in label else "ascent"
    return method if method in {"random", "patom"} else label


def _short(label: str) -> str:
    for words, fewer in _SHORT:
        label = re.sub(words, fewer, label)
    return label


def _style(role: str, accent: str, others: Sequence[str]) -> LineStyle:
    """The ascents in the colour of the kind, random rows dashed and grey; the others keep theirs in all panels."""
    fixed = {
        "random": LineStyle(FAINT, "--", "o", hollow=True, width=1.3),
        "patom": LineStyle(INK, "-", "s", hollow=False, width=1.5),
        "ascent, labels": LineStyle(accent, (0, (5, 1)), "D", hollow=False, width=2.1),
        "ascent": LineStyle(accent, "-", "o", hollow=False, width=2.3),
    }
    if role in fixed:
        return fixed[role]
    at, colours = others.index(role), OTHERS[1:]  # the first one is the colour of hybrid attacks
    dash: Dash = ("-.", ":")[at % 2]
    return LineStyle(colours[at % len(colours)], dash, "^v"[at % 2], hollow=False, width=1.3)


def _describe(title: str, curves: Sequence[Curve]) -> str:
    best_first = sorted(curves, key=lambda curve: -curve.last)
    ends = "; ".join(f"{curve.label} {RISE.write(curve.last)}" for curve in best_first)
    if not curves:
        return f"{title}: nothing was measurable."
    return f"{title}: rise of the training loss over clean at the largest budget: {ends}."


def _caption(most: int) -> str:
    choice = (
        f" Up to {LINES} of {most} attacks a panel: random rows, PATOM with its best step, the ascents along the exact "
        "gradient, and the best of the others at the largest budget."
    )
    return (
        "Relative rise of the training loss of the target tasks over clean against budget; bands are intervals of the "
        f"mean over seeds.{choice if most > LINES else ''} Vertical axes differ."
    )
