"""Which of the defenses tried is worth its cost: one that its intervals support, or none."""

from collections.abc import Sequence
from dataclasses import dataclass

from patom.audit.levels import GUESS, better
from patom.results.audit import Metric, Remedy
from patom.results.parts import Interval
from patom.wording import percent

COST_LIMIT = 0.1
"""The most that a defense may cost on clean rows, as relative damage, to be recommended."""


@dataclass(frozen=True)
class Recommendation:
    """The label of the defense that averts most of those without an objection, or None, and why: a sentence."""

    recommended: str | None
    reason: str


def objection(kept_off: Interval, cost: Interval, known: Interval, metric: Metric) -> str:
    """Why a defense cannot be recommended, as a clause; empty where it can.

    Its intervals over seeds must show that it averts some damage by an attacker who knows it, that its cost on clean
    rows is at most ``COST_LIMIT``, and that the model it leaves under attack is better than a guess.

    >>> off, cost, left = Interval.of(0.6, 0.5, 0.7), Interval.of(0.01, 0.0, 0.02), Interval.of(0.4, 0.3, 0.5)
    >>> objection(off, cost, left, "NMSE"), objection(Interval.of(0.23, -3.16, 3.62), cost, left, "NMSE")
    ('', 'the interval of what is kept off holds zero')
    """
    if kept_off.mean is None or (kept_off.high or kept_off.mean) <= 0.0:  # with an interval or without
        return "there was no damage to keep off" if kept_off.mean is None else "nothing is kept off"
    end = known.high if metric == "NMSE" else known.low
    if kept_off.low is None or cost.high is None or end is None:
        return "there is no interval over seeds"
    if kept_off.low <= 0.0:
        return "the interval of what is kept off holds zero"
    if cost.high > COST_LIMIT:
        verb = "passes" if (cost.mean or 0.0) > COST_LIMIT else "may pass"
        return f"the cost on clean rows {verb} {percent(COST_LIMIT)}"
    if better(end, metric):
        return ""
    surely = known.mean is None or not better(known.mean, metric)
    return f"the model is {'no' if surely else 'not surely'} better than {GUESS[metric][1]} under attack"


def recommended(remedies: Sequence[Remedy]) -> Recommendation:
    """The defense that averts most of those without an objection, or none."""
    fit = [(one.kept_off.mean, one) for one in remedies if not one.objection and one.kept_off.mean is not None]
    if not fit:
        return Recommendation(None, _against([one.objection for one in remedies]))
    _, best = max(fit, key=lambda found: found[0])
    return Recommendation(best.label, _for(best))


def _for(best: Remedy) -> str:
    off, cost = best.kept_off, best.cost
    share, least, most, price = (percent(value or 0.0) for value in (off.mean, off.low, off.high, cost.mean))
    return (
        f'Of the defenses tried, "{best.label}" helps most: it keeps off {share} ({least} to {most}) of the damage by '
        f"an attacker who knows it, at a cost of {price} on clean rows."
    )


def _against(objections: Sequence[str]) -> str:
    """Each objection once, with the number of defenses that it is raised against."""
    counts = {against: objections.count(against) for against in objections}
    if len(counts) == 1:
        return f"None of the {len(objections)} defenses tried can be recommended: for each, {objections[0]}."
    each = "; ".join(f"for {number}, {against}" for against, number in counts.items())
    return f"None of the {len(objections)} defenses tried can be recommended: {each}."
