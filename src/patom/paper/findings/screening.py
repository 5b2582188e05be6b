"""Screening as a detector: how well rankings of tasks tell malicious from honest ones, and what review it saves."""

from collections.abc import Callable
from typing import Any

import numpy as np

from patom.core.arrays import BoolArray, FloatArray
from patom.paper.findings.claim import Answer, evidence, judged
from patom.paper.findings.rows import (
    Row,
    above,
    both,
    by_budget,
    experiments,
    grouped,
    number,
    over_seeds,
    settings,
    within,
)
from patom.paper.table import FOLLOW_UP
from patom.paper.table import RANKINGS as COLUMNS
from patom.results.grid import Claim, RankingLine, RankingPanel, Screening, TableRow
from patom.results.methods import AttackName
from patom.results.parts import Interval
from patom.wording import percent, two_digits

ALARM = 3.0  # robust standard deviations
RANKINGS = {
    "suspicion": "suspicion",
    "suspicion_trusted": "suspicion, trusted rows known",
    **{name: name.removeprefix("score_").replace("_", " ") for name in COLUMNS if name.startswith("score_")},
    FOLLOW_UP: "next to the first found",
}
"""What tasks are ranked by: columns of the table, and what the page calls them."""
_SUSPICIONS = ("suspicion", "suspicion_trusted")
_CLEAN = "_clean"  # the same column before the attack


def screening(rows: list[Row]) -> list[Screening]:
    """For each experiment a table of rankings an attack, and a panel of ROC AUC against budget a kind."""
    return [_entry(name, group) for name, group in experiments(rows, "screening").items()]


def claims(rows: list[Row]) -> list[Claim]:
    """The paper's conclusion proposes to look for malicious tasks by their correlations."""
    tested = {
        f"{name}, {kind}": part
        for name, group in experiments(rows, "screening").items()
        for kind, part in grouped((row for row in group if row["attack"] != "random"), "kind").items()
    }
    return [
        judged(
            "Strong local correlations give malicious tasks away",
            "proposed",
            "ROC AUC of malicious against honest tasks, ranked by the mean of their three strongest correlations less "
            "the mean of the others, under optimised attacks; the whole interval must lie above 0.5, and that of its "
            "rise over the clean rows above 0.",
            evidence(tested, _by_correlations),
        )
    ]


def roc_auc(values: FloatArray, malicious: BoolArray) -> float:
    """Share of the pairs of a malicious and an honest task that are in the right order; ties count half.

    >>> roc_auc(np.array([3.0, 1.0, 2.0, 1.0]), np.array([True, True, False, False]))
    0.625
    """
    ahead = values[malicious][:, None] - values[~malicious]
    return float(np.mean((ahead > 0.0) + 0.5 * (ahead == 0.0))) if ahead.size else float("nan")


def precision(values: FloatArray, malicious: BoolArray) -> float:
    """Share of malicious tasks among the first k, k of them being malicious; honest ones first among equals.

    >>> precision(np.array([3.0, 1.0, 2.0, 1.0]), np.array([True, True, False, False]))
    0.5
    """
    k = int(malicious.sum())
    return float(malicious[_order(values, malicious)][:k].mean()) if k else float("nan")


def effort_saved(values: FloatArray, malicious: BoolArray) -> float:
    """Share of the honest tasks' reviews that a ranking spares who goes down it until all k malicious ones are found.

    Against random order, in which h k/(k + 1) of the h honest tasks come before the last malicious one on average. At
    worst -1/k.

    >>> effort_saved(np.array([3.0, 2.0, 1.0, 0.0]), np.array([True, False, True, False]))
    0.25
    """
    k, honest = int(malicious.sum()), int((~malicious).sum())
    if not (k and honest):
        return float("nan")
    last = int(np.flatnonzero(malicious[_order(values, malicious)])[-1])
    return 1.0 - (last + 1 - k) / (honest * k / (k + 1.0))


def ranked(row: Row, ranking: str) -> tuple[FloatArray, BoolArray]:
    """A ranking's values by task, and which tasks are malicious; of the follow-up the first one found is no part.

    With ``_clean`` added to its name, that of the clean rows: how odd these tasks were before they were malicious.
    """
    if ranking.startswith(FOLLOW_UP):
        tasks = row[ranking]
        return -np.arange(float(len(tasks))), np.isin(tasks, row["attackers"])
    values = np.array([number(value) for value in row[ranking]])
    return np.where(np.isnan(values), -np.inf, values), np.isin(row["tasks"], row["attackers"])


def alarms(row: Row, ranking: str) -> float:
    """Share of the honest tasks whose suspicion exceeds ``ALARM``; before the attack all tasks are honest."""
    values, malicious = ranked(row, ranking)
    return float(np.mean((values if ranking.endswith(_CLEAN) else values[~malicious]) > ALARM))


def _order(values: FloatArray, malicious: BoolArray) -> Any:
    return np.lexsort((malicious, -values))


def _entry(name: str, rows: list[Row]) -> Screening:
    budgets = by_budget(rows)
    several = budgets if len(budgets) > 1 else {}
    columns = ["Ranked by", "ROC AUC", "before the attack", "precision at k", "review effort saved"]
    columns += [f"honest tasks above {ALARM:g}", "before the attack"]
    return Screening(
        title=name,
        settings=settings(rows),
        columns=[*columns, *(f"ROC AUC, budget {percent(budget)}" for budget in several)],
        groups=[
            (_heading(method, part), [_line(part, ranking, list(several)) for ranking in RANKINGS])
            for method, part in grouped(rows, "method").items()
        ],
        panels=[
            RankingPanel(kind=kind, lines=_curves(part), clean=over_seeds(part, _auc(f"suspicion{_CLEAN}")))
            for kind, part in grouped(rows, "kind").items()
        ],
    )


def _heading(method: str, rows: list[Row]) -> str:
    """The attack and its damage: a task that escapes matters where it does harm."""
    words = AttackName.parse(method).words
    return f"{words}; damage to the targets' test metric {within(over_seeds(rows, 'damage'), percent)}"


def _line(rows: list[Row], ranking: str, budgets: list[float]) -> TableRow:
    def mean(of: Callable[[FloatArray, BoolArray], float]) -> Interval:
        return over_seeds(rows, lambda row: of(*ranked(row, ranking)))

    alarmed = ["", ""]
    if ranking in _SUSPICIONS:
        alarmed = [within(over_seeds(rows, _alarms(name)), percent) for name in (ranking, f"{ranking}{_CLEAN}")]
    parts = [[row for row in rows if row["budget"] == budget] for budget in budgets]
    return TableRow.of(
        RANKINGS[ranking],
        within(mean(roc_auc), two_digits),
        within(over_seeds(rows, _auc(f"{ranking}{_CLEAN}")), two_digits),
        within(mean(precision), percent),
        within(mean(effort_saved), percent),
        *alarmed,
        *(within(over_seeds(part, _auc(ranking)), two_digits) for part in parts),
    )


def _curves(rows: list[Row]) -> list[RankingLine]:
    """ROC AUC against budget: the suspicion under each attack, the scores under all attacks but random rows."""
    optimised = [row for row in rows if row["attack"] != "random"] or rows
    lines: list[tuple[AttackName | None, str, list[Row]]] = [
        (AttackName.parse(method), "suspicion", part) for method, part in grouped(rows, "method").items()
    ]
    lines += [(None, ranking, optimised) for ranking in RANKINGS if ranking.startswith("score_")]
    return [
        RankingLine(
            ranking=ranking,
            attack=name,
            label=f"{RANKINGS[ranking]}, {name.method}" if name else RANKINGS[ranking],
            budgets=list(by_budget(part)),
            auc=[over_seeds(at, _auc(ranking)) for at in by_budget(part).values()],
        )
        for name, ranking, part in lines
    ]


def _by_correlations(rows: list[Row]) -> Answer:
    after, before = _auc("score_correlation"), _auc(f"score_correlation{_CLEAN}")
    found, clean = over_seeds(rows, after), over_seeds(rows, before)
    gain = over_seeds(rows, lambda row: after(row) - before(row))
    value = f"ROC AUC {within(found, two_digits)}, clean {within(clean, two_digits)}"
    return value, both(above(found, 0.5), above(gain, 0.0))


def _auc(ranking: str) -> Callable[[Row], float]:
    return lambda row: roc_auc(*ranked(row, ranking))


def _alarms(ranking: str) -> Callable[[Row], float]:
    return lambda row: alarms(row, ranking)
