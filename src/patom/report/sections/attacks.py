"""Attacks side by side: the rise of the training loss against budget, and the table that the findings write."""

import math
import re
from collections.abc import Sequence

import numpy as np

from patom.report import numerals
from patom.report.lines import Curve, curve_panel, measurable
from patom.report.panels import Multiples, PageCell, PageTable, headed
from patom.report.quantity import RISE
from patom.report.style import INK, OTHERS, RANDOM, REACHES, Dash, LineStyle
from patom.results.grid import Attacks, Defenses, RiseLine, RisePanel, Screening, TableRow, WordedValue
from patom.results.methods import Method
from patom.results.parts import Interval

PANEL_WIDTH = 4.7  # inches
LINES = 6
"""Greatest number of lines of a panel."""
_ALWAYS = ("random", "patom", "ascent, labels", "ascent")  # in the order of drawing: the last one lies on top
_MINUS = re.compile(r"-(?=[\d.])")
_CLEAN = Interval.of(0.0, 0.0, 0.0)


def multiples(experiment: Attacks) -> Multiples:
    r"""One panel a kind of attack, each with its own vertical axis: indirect effects are far smaller.

    >>> line = RiseLine(attack="random-direct", label="random rows", budgets=[0.1], rise=[Interval.of(0.5)])
    >>> shown = multiples(Attacks(title="SARCOS", panels=[RisePanel(kind="direct", lines=[line])]))
    >>> shown.panels[0].description.replace("\u00a0", " ")
    'Direct: rise of the training loss over clean at the largest budget: random rows 50 %.'
    """
    found = [(panel.kind, _curves(panel)) for panel in experiment.panels]
    shown = [(kind, _shown(curves)) for kind, curves in found]
    among = [curve for _, curves in shown for curve in curves]
    others = list(dict.fromkeys(curve.key for curve in among if curve.key not in _ALWAYS))
    panels = [
        curve_panel(
            headed(kind),
            "rise of the training loss over clean at the largest budget",
            curves,
            among=among,
            quantity=RISE,
            styles={curve.key: _style(curve.key, REACHES[kind], others) for curve in curves},
            width=PANEL_WIDTH,
            own_scale=True,
            ranked=True,
        )
        for kind, curves in shown
    ]
    caption = _caption(max([len(curves) for _, curves in found], default=0))
    return Multiples(experiment.title, experiment.settings, caption, panels, columns=2)


def _shown(curves: Sequence[Curve]) -> list[Curve]:
    """The lines of a panel: random rows, PATOM, the ascents along the exact gradient, the best of the others.

    In the order in which they are drawn: what matters most lies on top.
    """
    largest = max([float(curve.budget[-1]) for curve in curves], default=0.0)

    def rank(curve: Curve) -> tuple[bool, float]:
        reached = curve.budget[-1] == largest and np.isfinite(curve.mean[-1])
        return curve.key not in _ALWAYS, -float(curve.mean[-1]) if reached else np.inf

    chosen = sorted(curves, key=rank)[:LINES]
    return sorted(chosen, key=lambda curve: _ALWAYS.index(curve.key) if curve.key in _ALWAYS else 0)


def _curves(panel: RisePanel) -> list[Curve]:
    return measurable(
        Curve.through(
            _role(line), str(line.label), zip(line.budgets, line.rise, strict=True), _CLEAN, short=line.label.short
        )
        for line in panel.lines
    )


def _role(line: RiseLine) -> str:
    """One of those that are always shown, or the label: an attack with several settings has several lines."""
    if line.attack.method is Method.ASCENT and line.label.gradient == "exact":
        return "ascent, labels" if line.label.labels_too else "ascent"
    return line.attack.method.value if line.attack.method in (Method.RANDOM, Method.PATOM) else str(line.label)


def _style(role: str, accent: str, others: Sequence[str]) -> LineStyle:
    """The ascents in the colour of the kind, random rows dashed and grey; the others keep theirs in all panels."""
    fixed = {
        "random": RANDOM,
        "patom": LineStyle(INK, "-", "s", hollow=False, width=1.5),
        "ascent, labels": LineStyle(accent, (0, (5, 1)), "D", hollow=False, width=2.1),
        "ascent": LineStyle(accent, "-", "o", hollow=False, width=2.3),
    }
    if role in fixed:
        return fixed[role]
    at, colours = others.index(role), OTHERS[1:]  # the first one is the colour of hybrid attacks
    dash: Dash = ("-.", ":")[at % 2]
    return LineStyle(colours[at % len(colours)], dash, "^v"[at % 2], hollow=False, width=1.3)


def _caption(most: int) -> str:
    choice = (
        f" Up to {LINES} of {most} attacks a panel: random rows, PATOM with its best step, the ascents along the exact "
        "gradient, and the best of the others at the largest budget."
    )
    return (
        "Relative rise of the training loss of the target tasks over clean against budget; bands are intervals of the "
        f"mean over seeds.{choice if most > LINES else ''} Vertical axes differ."
    )


def table(experiment: Attacks | Defenses | Screening) -> PageTable:
    """Lay out a table of the findings: the first column names the row, the second is what is compared.

    In each group the rows of the largest value are bold, all of them if several read alike.

    >>> rows = [["random rows", "-0.5 % (-0.8 % to -0.3 %)"], ["ascent", "7.8 % (one seed)"]]
    >>> told = Attacks(title="", columns=["Attack", "rise"], groups=[("direct", rows)], panels=[])
    >>> table(told).groups[0][1][0][1]
    PageCell(words='−0.5 %', below='−0.8 to −0.3 %', best=False)
    >>> table(told).groups[0][1][1]
    [PageCell(words='ascent', below='', best=True), PageCell(words='7.8 %', below='', best=True)]
    """
    return PageTable(
        [headed(column).replace("'", "’") for column in experiment.columns],
        [(headed(heading), _rows(rows)) for heading, rows in experiment.groups],
    )


def _rows(rows: Sequence[TableRow]) -> list[list[PageCell]]:
    measured = [row.cells[0].number for row in rows if not math.isnan(row.cells[0].number)]
    best = max(measured) if len(measured) > 1 else math.nan
    return [
        [
            PageCell(row.name, best=row.cells[0].number == best),
            _cell(row.cells[0], best=row.cells[0].number == best),
            *(_cell(one) for one in row.cells[1:]),
        ]
        for row in rows
    ]


def _cell(found: WordedValue, *, best: bool = False) -> PageCell:
    value = numerals.MISSING if found.value == "not measurable" else _MINUS.sub("−", found.value)
    return PageCell(value, _MINUS.sub("−", found.inside), best)
