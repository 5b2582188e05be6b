"""Defenses that an audit tried: a table, and the lines that turn the recommended one on."""

from dataclasses import dataclass

from patom.report import numerals
from patom.results.audit import Metric, Remedies, Remedy
from patom.results.parts import Interval

_UNJUDGED = "These results say of no defense whether it can be recommended: run the audit again."


@dataclass(frozen=True)
class RemedyRow:
    """A defense: its label, whether it is recommended, what speaks against it, and values with their intervals.

    The cells are the clean metric, the cost on clean rows, the metric under an attacker who does not know the defense
    and under one who does, and the share of the damage that is averted from the latter.
    """

    label: str
    best: bool
    objection: str
    cells: list[tuple[str, str]]


@dataclass(frozen=True)
class Words:
    """What the section says. ``undefended``: the metric clean and attacked; ``limit``: on the cost, if there is one."""

    rows: list[RemedyRow]
    undefended: tuple[str, str]
    best: Remedy | None
    reason: str
    limit: str


def words(told: Remedies | None, metric: Metric) -> Words | None:
    """Lay out the defenses; None without any. Results of earlier versions recommend nothing."""
    if told is None or not told.remedies:
        return None
    best = next((one for one in told.remedies if told.recommended is not None and one.label == told.recommended), None)
    return Words(
        rows=[_row(one, metric, best=one is best) for one in told.remedies],
        undefended=(numerals.metric(told.clean.mean, metric), numerals.metric(told.attacked.mean, metric)),
        best=best,
        reason=told.reason or _UNJUDGED,
        limit=numerals.percent(told.cost_limit) if told.cost_limit else "",
    )


def _row(one: Remedy, metric: Metric, *, best: bool) -> RemedyRow:
    def level(value: Interval) -> tuple[str, str]:
        inside = numerals.metric_interval(value.low, value.high, metric)
        return numerals.metric(value.mean, metric), "" if inside == numerals.MISSING else inside

    def share(value: Interval) -> tuple[str, str]:
        inside = numerals.percent_interval(value.low, value.high)
        return numerals.percent(value.mean), "" if inside == numerals.MISSING else inside

    clean = numerals.metric(one.clean.mean, metric), ""
    cells = [clean, share(one.cost), level(one.naive), level(one.known), share(one.kept_off)]
    return RemedyRow(one.label, best, one.objection, cells)
