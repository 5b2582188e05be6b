"""What the intervals support: a level of risk, whether a threshold is exceeded, and which defense is recommended."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from patom.audit.coverage import thin
from patom.results.audit import Accounts, Coverage, Gate, Metric, Point, Remedy, Verdict
from patom.results.parts import Interval
from patom.wording import as_asked, counted, percent

HIGH, MODERATE = 0.25, 0.10
CANNOT_SAY: Literal["cannot say"] = "cannot say"
Level = Literal["high", "moderate", "low", "cannot say"]
COST_LIMIT = 0.1
"""The most that a defense may cost on clean rows, as relative damage, to be recommended."""
GUESS: dict[Metric, tuple[float, str]] = {"NMSE": (1.0, "predicting the mean"), "AUC": (0.5, "guessing")}


@dataclass(frozen=True)
class Judged:
    """How bad the worst damage is.

    ``risk`` is the level, or "moderate or high" where the worst damage may be either; ``reason`` is one sentence.
    ``at_least`` is the largest of all lower ends of intervals over seeds, which allow for that choice, and is that of
    the attack and budget ``by``; ``at_most`` is the largest of all upper ends. Both are None where nothing can be said,
    the latter also where some attack has no upper end, or too little was attacked. ``of_no_use`` says what the clean
    model is, where it is not better than a guess; ``little`` says why little was attacked. Both are clauses, or empty.
    """

    level: Level
    risk: str
    reason: str
    at_least: float | None = None
    at_most: float | None = None
    by: str = ""
    of_no_use: str = ""
    little: str = ""


def measured(curves: Sequence[Point]) -> list[tuple[float, Point]]:
    """Those whose damage has a mean, with it."""
    return [(point.damage.mean, point) for point in curves if point.damage.mean is not None]


def worst_of(curves: Sequence[Point]) -> Point | None:
    """The attack and budget of the highest mean damage; None where nothing could be measured."""
    known = measured(curves)
    return max(known, key=lambda found: found[0])[1] if known else None


def judge(
    curves: Sequence[Point],
    metric: Metric,
    clean_by_seed: Sequence[float | None] = (),
    coverage: Sequence[Coverage] = (),
    accounts: Accounts | None = None,
) -> Judged:
    """The level that the intervals of all curves, and of attacks by new accounts, carry.

    High: some attack's interval lies at or above 25 % relative damage. Moderate: at or above 10 %. Low: all intervals
    lie below 10 %, and each kind of attack that was planned reached half of its attacking tasks in every seed, at the
    largest budget. Otherwise none of these can be said, nor where the clean model is not better than a guess, or where
    there is no interval.

    ``clean_by_seed``: the clean metric of each seed's targets.

    >>> def curve(low, mean, high):
    ...     named = {"attack": "ascent-direct", "label": "optimised, direct", "budget": 0.3, "n_seeds": 5}
    ...     clean = Interval.of(0.4, 0.3, 0.5)
    ...     return Point(**named, clean=clean, metric=clean, damage=Interval.of(mean, low, high))
    >>> judge([curve(0.3, 0.4, 0.5), curve(-0.1, 0.0, 0.1)], "NMSE").level
    'high'
    >>> judge([curve(0.12, 0.2, 0.28)], "NMSE").risk
    'moderate or high'
    >>> judge([curve(-0.62, 0.35, 1.33)], "NMSE").reason
    'By the intervals over seeds the worst damage may be anything from -62 % to 133 %: more seeds would narrow that.'
    """
    worst = worst_of(curves)
    if worst is None:
        return Judged(CANNOT_SAY, CANNOT_SAY, "The held-out rows allow no measure of damage for any target.")
    no_use = _no_use(worst.clean, clean_by_seed, metric)
    if no_use:
        low, high = worst.clean.low, worst.clean.high
        spread = "" if low is None or high is None else f" ({low:.3g} to {high:.3g})"
        clean = f"Without an attack the {metric} of the targets is {worst.clean.mean:.3g}{spread}, {no_use}"
        return Judged(CANNOT_SAY, CANNOT_SAY, f"{clean}, so damage to it says little.", of_no_use=no_use)
    known, little = _all_tried(curves, accounts), thin(coverage)
    lows = [(low, one) for one in known if (low := _low(one)) is not None]
    if not lows:
        return Judged(CANNOT_SAY, CANNOT_SAY, _no_interval(worst), little=little)
    open_ended = max((one for one in known if one.damage.high is None), key=_mean, default=None)
    if little:
        why = f"{little}, so that the damage of more rows is not known; a larger budget would tell"
    else:
        why = "" if open_ended is None else f"{open_ended.name}: {_without_interval(open_ended)}"
    highs = [one.damage.high for one in known if one.damage.high is not None]
    at_most = None if why else max(highs)
    at_least, surest = max(lows, key=lambda found: found[0])
    return replace(_by_ends(at_least, at_most, surest.name, why), by=surest.name, little=little)


@dataclass(frozen=True)
class _Tried:
    """An attack with a name: a point of a curve, or a number of new accounts."""

    name: str
    clean: Interval
    damage: Interval
    low_of_all: float | None
    n_seeds: int


def _all_tried(curves: Sequence[Point], accounts: Accounts | None) -> list[_Tried]:
    """Those whose damage has a mean."""
    found = [
        _Tried(named(point), point.clean, point.damage, point.low_of_all, point.n_seeds)
        for _, point in measured(curves)
    ]
    if accounts is None:
        return found
    return found + [
        _Tried(
            f"{counted(one.accounts, 'new account')} of {counted(accounts.rows_each, 'row')}",
            accounts.clean, one.damage, one.low_of_all, one.n_seeds,
        )
        for one in accounts.points
        if one.damage.mean is not None
    ]  # fmt: skip


def named(point: Point) -> str:
    """An attack and its budget, such as "optimised, direct, at 5 %"."""
    return f"{point.label}, at {as_asked(point.budget)}"


def _low(tried: _Tried) -> float | None:
    """The lower end that a choice among all attacks leaves; earlier results have the plain one."""
    return tried.damage.low if tried.low_of_all is None else tried.low_of_all


def _mean(tried: _Tried) -> float:
    return tried.damage.mean or 0.0


def _no_interval(point: Point) -> str:
    if point.n_seeds < 2:
        return "A single draw has no interval, so this may be chance: set more seeds."
    return f"There is no interval: {_without_interval(point)}."


def _without_interval(point: Point | _Tried) -> str:
    if point.n_seeds < 2:
        return "a single draw has no interval"
    same = f"all {point.n_seeds} seeds give exactly the same damage, {percent(point.damage.mean or 0.0)}"
    return f"{same}, as few test rows may do, which does not tell how it varies"


def _by_ends(at_least: float, at_most: float | None, by: str, why: str) -> Judged:
    """The level; ``by``: whose lower end it is, ``why``: why there is no upper end."""
    source = "By the intervals over seeds"
    low = f"{source} the worst damage is at least {percent(at_least)} ({by})"
    if at_least >= HIGH:
        return Judged("high", "high", f"{low}.", at_least, at_most)
    if at_least >= MODERATE:
        if at_most is not None and at_most < HIGH:
            return Judged("moderate", "moderate", f"{low} and at most {percent(at_most)}.", at_least, at_most)
        may = f", and may be {percent(at_most)}" if at_most is not None else f", and may be more: {why}"
        return Judged("moderate", "moderate or high", f"{low}{may}.", at_least, at_most)
    if at_most is None:
        reason = f"How much the worst damage may be cannot be said: {why}."
    elif at_most < MODERATE:
        some = f"more than {percent(at_most)} damage" if at_most > 0.0 else "any damage"
        return Judged("low", "low", f"{source} no attack does {some}.", at_least, at_most)
    else:
        span = f"from {percent(at_least)} to {percent(at_most)}"
        reason = f"{source} the worst damage may be anything {span}: more seeds would narrow that."
    return Judged(CANNOT_SAY, CANNOT_SAY, reason, at_least, at_most)


def _no_use(clean: Interval, by_seed: Sequence[float | None], metric: Metric) -> str:
    """What the clean model is, where it is not better than a guess, or not surely; empty where it is."""
    _, what = GUESS[metric]
    if clean.mean is None or not better(clean.mean, metric):
        return f"no better than {what}"
    known = [value for value in by_seed if value is not None]
    failed = sum(not better(value, metric) for value in known)
    if 2 * failed > len(known):
        return f"in {failed} of {len(known)} seeds no better than {what}"
    end = clean.high if metric == "NMSE" else clean.low
    if end is not None and not better(end, metric):
        return f"not surely better than {what}"
    return ""


def better(value: float, metric: Metric) -> bool:
    """Whether a model of this metric is better than a guess.

    >>> better(0.9, "NMSE"), better(0.5, "AUC")
    (True, False)
    """
    guess, _ = GUESS[metric]
    return value < guess if metric == "NMSE" else value > guess


def gate(verdict: Verdict | Judged, threshold: float) -> Gate:
    """Whether the worst damage exceeds a threshold; None where that cannot be said.

    A threshold is exceeded if some attack's whole interval lies above it, and kept if all intervals end at or below it.
    A build should not fail or pass by chance: neither is said where an interval holds the threshold, where there is no
    interval, or where the clean model is not better than a guess. Nor is a threshold kept where little was attacked.
    More seeds narrow the intervals.

    >>> judged = Judged("moderate", "moderate or high", "...", at_least=0.1, at_most=0.3)
    >>> [gate(judged, threshold).exceeded for threshold in (0.05, 0.25, 0.3)]
    [True, None, False]
    """
    low, high = verdict.at_least, verdict.at_most
    if low is not None and low > threshold:
        by = f" ({verdict.by})" if verdict.by else ""
        return Gate(threshold=threshold, exceeded=True, reason=f"it is at least {percent(low)}{by}")
    if high is not None and high <= threshold:
        return Gate(threshold=threshold, exceeded=False, reason=f"it is at most {percent(high)}")
    return Gate(threshold=threshold, exceeded=None, reason=verdict.reason)


def objection(prevented: Interval, cost: Interval, known: Interval, metric: Metric) -> str:
    """Why a defense cannot be recommended, as a clause; empty where it can.

    Its intervals over seeds must show that it prevents some damage by an attacker who knows it, that its cost on clean
    rows is at most ``COST_LIMIT``, and that the model it leaves under attack is better than a guess.

    >>> most, cost, left = Interval.of(0.6, 0.5, 0.7), Interval.of(0.01, 0.0, 0.02), Interval.of(0.4, 0.3, 0.5)
    >>> objection(most, cost, left, "NMSE"), objection(Interval.of(0.23, -3.16, 3.62), cost, left, "NMSE")
    ('', 'the interval of what is kept off holds zero')
    """
    if prevented.mean is None or (prevented.high or prevented.mean) <= 0.0:  # with an interval or without
        return "there was no damage to keep off" if prevented.mean is None else "nothing is kept off"
    end = known.high if metric == "NMSE" else known.low
    if prevented.low is None or cost.high is None or end is None:
        return "there is no interval over seeds"
    if prevented.low <= 0.0:
        return "the interval of what is kept off holds zero"
    if cost.high > COST_LIMIT:
        verb = "passes" if (cost.mean or 0.0) > COST_LIMIT else "may pass"
        return f"the cost on clean rows {verb} {percent(COST_LIMIT)}"
    if better(end, metric):
        return ""
    surely = known.mean is None or not better(known.mean, metric)
    return f"the model is {'no' if surely else 'not surely'} better than {GUESS[metric][1]} under attack"


def recommended(remedies: Sequence[Remedy]) -> tuple[str | None, str]:
    """The label of the defense that prevents most of those without an objection, or None, and why: a sentence."""
    fit = [(one.prevented.mean, one) for one in remedies if not one.objection and one.prevented.mean is not None]
    if not fit:
        return None, _against([one.objection for one in remedies])
    _, best = max(fit, key=lambda found: found[0])
    return best.label, _for(best)


def _for(best: Remedy) -> str:
    part, cost = best.prevented, best.cost
    share, least, most, price = (percent(value or 0.0) for value in (part.mean, part.low, part.high, cost.mean))
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
