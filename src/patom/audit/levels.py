"""Which level of risk the numbers carry, and whether a threshold is exceeded: only what the intervals say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from patom.audit.wording import percent

HIGH, MODERATE = 0.25, 0.10
CANNOT_SAY: Literal["cannot say"] = "cannot say"
Level = Literal["high", "moderate", "low", "cannot say"]
GUESS = {"NMSE": (1.0, "predicting the mean"), "AUC": (0.5, "guessing")}

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Judged:
    """How bad the worst damage is.

    Parameters
    ----------
    level : {"high", "moderate", "low", "cannot say"}
    risk : str
        The level in words that do not reassure: "moderate or high" where the worst damage may be either.
    reason : str
        One sentence.
    at_least, at_most : float or None
        Between these the worst damage lies by the intervals over seeds: the largest of all lower ends, and of all upper
        ends. None where nothing can be said, or some attack has no upper end.
    of_no_use : str
        What the clean model is, where it is not better than a guess, so that there is nothing to damage; else empty.
    """

    level: Level
    risk: str
    reason: str
    at_least: float | None = None
    at_most: float | None = None
    of_no_use: str = ""


def measured(curves: Sequence[Entry]) -> list[Entry]:
    """Those whose damage has a mean."""
    return [entry for entry in curves if entry["damage"]["mean"] is not None]


def worst_of(curves: Sequence[Entry]) -> Entry | None:
    """The attack and budget of the highest mean damage; None where nothing could be measured."""
    return max(measured(curves), key=lambda entry: float(entry["damage"]["mean"]), default=None)


def judge(curves: Sequence[Entry], metric: str, clean_by_seed: Sequence[float | None] = ()) -> Judged:
    """The level that the intervals of all curves carry.

    High: some attack's interval lies at or above 25 % relative damage. Moderate: at or above 10 %. Low: all intervals
    lie below 10 %. Otherwise none of these can be said, nor where the clean model is not better than a guess, or where
    there is no interval.

    Parameters
    ----------
    curves
        As ``summary.curves`` makes them.
    metric : {"NMSE", "AUC"}
    clean_by_seed : sequence of float or None
        The clean metric of each seed's targets.

    Examples
    --------
    >>> def curve(low, mean, high):
    ...     damage = {"mean": mean, "low": low, "high": high}
    ...     return {"damage": damage, "clean": {"mean": 0.4, "low": 0.3, "high": 0.5}}
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
    no_use = _no_use(worst["clean"], clean_by_seed, metric)
    if no_use:
        level, low, high = (worst["clean"][end] for end in ("mean", "low", "high"))
        spread = "" if low is None or high is None else f" ({low:.3g} to {high:.3g})"
        told = f"Without an attack the {metric} of the targets is {level:.3g}{spread}, {no_use}"
        return Judged(CANNOT_SAY, CANNOT_SAY, f"{told}, so damage to it says little.", of_no_use=no_use)
    ends = [[entry["damage"][end] for entry in measured(curves)] for end in ("low", "high")]
    known = [low for low in ends[0] if low is not None]
    if not known:
        return Judged(CANNOT_SAY, CANNOT_SAY, "A single draw has no interval, so this may be chance: set more seeds.")
    return _by_ends(max(known), None if None in ends[1] else max(ends[1]))


def _by_ends(at_least: float, at_most: float | None) -> Judged:
    by = "By the intervals over seeds"
    if at_least >= HIGH:
        return Judged("high", "high", f"{by} the worst damage is at least {percent(at_least)}.", at_least, at_most)
    if at_least >= MODERATE:
        low = f"{by} the worst damage is at least {percent(at_least)}"
        if at_most is not None and at_most < HIGH:
            return Judged("moderate", "moderate", f"{low} and at most {percent(at_most)}.", at_least, at_most)
        may = "" if at_most is None else f", and may be {percent(at_most)}"
        return Judged("moderate", "moderate or high", f"{low}{may}.", at_least, at_most)
    if at_most is not None and at_most < MODERATE:
        some = f"more than {percent(at_most)} damage" if at_most > 0.0 else "any damage"
        return Judged("low", "low", f"{by} no attack does {some}.", at_least, at_most)
    upper = "more than any interval says" if at_most is None else percent(at_most)
    reason = f"{by} the worst damage may be anything from {percent(at_least)} to {upper}: more seeds would narrow that."
    return Judged(CANNOT_SAY, CANNOT_SAY, reason, at_least, at_most)


def _no_use(clean: Mapping[str, Any], by_seed: Sequence[float | None], metric: str) -> str:
    """What the clean model is, where it is not better than a guess, or not surely; empty where it is."""
    _, what = GUESS[metric]
    if not better(clean["mean"], metric):
        return f"no better than {what}"
    known = [value for value in by_seed if value is not None]
    failed = sum(not better(value, metric) for value in known)
    if 2 * failed > len(known):
        return f"in {failed} of {len(known)} seeds no better than {what}"
    end = clean["high"] if metric == "NMSE" else clean["low"]
    if end is not None and not better(end, metric):
        return f"not surely better than {what}"
    return ""


def better(value: float, metric: str) -> bool:
    """Whether a model of this metric is better than a guess.

    >>> better(0.9, "NMSE"), better(0.5, "AUC")
    (True, False)
    """
    guess, _ = GUESS[metric]
    return value < guess if metric == "NMSE" else value > guess


def gate(verdict: Mapping[str, Any], threshold: float) -> dict[str, Any]:
    """Whether the worst damage exceeds a threshold; None where that cannot be said.

    Exceeded is a threshold that some attack's whole interval lies above, kept one that all intervals end at or below.
    What fails a build, or passes it, should not be chance: it is neither where an interval holds the threshold, where
    there is no interval, and where the clean model is not better than a guess. More seeds narrow the intervals.

    Parameters
    ----------
    verdict : dict
        Of the report.
    threshold : float

    Examples
    --------
    >>> told = {"at_least": 0.1, "at_most": 0.3, "reason": "..."}
    >>> [gate(told, threshold)["exceeded"] for threshold in (0.05, 0.25, 0.3)]
    [True, None, False]
    """
    low, high = verdict["at_least"], verdict["at_most"]
    if low is not None and low > threshold:
        return {"threshold": threshold, "exceeded": True, "reason": f"it is at least {percent(low)}"}
    if high is not None and high <= threshold:
        return {"threshold": threshold, "exceeded": False, "reason": f"it is at most {percent(high)}"}
    return {"threshold": threshold, "exceeded": None, "reason": verdict["reason"]}
