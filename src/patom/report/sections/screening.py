"""Screening as a detector: ROC AUC of malicious tasks by budget, one panel a kind of attack, one line a ranking."""

from patom.report.lines import Curve, curve_panel, measurable
from patom.report.panels import Multiples, headed
from patom.report.quantity import Quantity
from patom.report.style import INK, OTHERS, RANDOM, REACHES, LineStyle
from patom.results.grid import RankingLine, RankingPanel, Screening
from patom.results.methods import Method
from patom.results.parts import UNMEASURED

PANEL_WIDTH = 4.7  # inches
_AUC = Quantity("metric", "AUC", 0.5)
_TITLE = "ROC AUC, malicious against honest tasks"
_SCORES = ("score_own_loss", "score_harm", "score_reach", "score_change", "score_correlation")


def multiples(experiment: Screening) -> Multiples:
    r"""One panel a kind of attack, all with the same axes. Suspicion starts at its value for the clean rows.

    >>> from patom.results.parts import Interval
    >>> line = RankingLine(ranking="score_reach", attack=None, label="reach", budgets=[0.1], auc=[Interval.of(0.9)])
    >>> shown = multiples(Screening(title="SARCOS", panels=[RankingPanel(kind="direct", lines=[line])]))
    >>> shown.panels[0].description
    'Direct: ROC AUC of malicious tasks at the largest budget: reach 0.900.'
    """
    drawn = [(panel, _curves(panel)) for panel in experiment.panels]
    among = [curve for _, curves in drawn for curve in curves]
    panels = [
        curve_panel(
            headed(panel.kind),
            "ROC AUC of malicious tasks at the largest budget",
            curves,
            among=among,
            quantity=_AUC,
            styles={_key(line): _style(line, REACHES[panel.kind]) for line in panel.lines},
            width=PANEL_WIDTH,
            below=_TITLE,
            ranked=True,
        )
        for panel, curves in drawn
    ]
    caption = (
        f"{_TITLE}, against budget; bands are intervals of the mean over seeds. Scores are under optimised attacks. "
        "All panels have the same axes."
    )
    return Multiples(experiment.title, experiment.settings, caption, panels, columns=2)


def _key(line: RankingLine) -> str:
    return str(line.attack or line.ranking)


def _curves(panel: RankingPanel) -> list[Curve]:
    """Suspicion last, so that it lies on top."""
    curves = measurable(
        Curve.through(
            _key(line),
            line.label,
            zip(line.budgets, line.auc, strict=True),
            panel.clean if line.ranking == "suspicion" else UNMEASURED,
        )
        for line in panel.lines
    )
    return sorted(curves, key=lambda curve: curve.key not in _SCORES)


def _style(line: RankingLine, accent: str) -> LineStyle:
    """Suspicion in the colour of the kind, dashed under random rows; each score has its own in all panels."""
    if line.attack is None and line.ranking in _SCORES:
        at = _SCORES.index(line.ranking)
        colour = INK if line.ranking == "score_correlation" else OTHERS[1:][at % (len(OTHERS) - 1)]
        return LineStyle(colour, ("-.", ":")[at % 2], "^v"[at % 2], hollow=False, width=1.3)
    if line.attack is not None and line.attack.method is Method.RANDOM:
        return RANDOM
    return LineStyle(accent, "-", "o", hollow=False, width=2.3)
