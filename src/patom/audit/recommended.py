"""Which of the defenses tried is worth its cost: none that its intervals do not speak for."""

from collections.abc import Mapping, Sequence
from typing import Any

from patom.audit.levels import GUESS, better
from patom.datasets.tables.wording import percent

COST_LIMIT = 0.1
"""The most that a defense may cost on clean rows, as relative damage, to be recommended."""

Entry = Mapping[str, Any]


def objection(remedy: Entry, metric: str) -> str:
    """What speaks against a defense, as a clause; empty where nothing does.

    Its intervals over seeds must show that it keeps something off who knows it, that its cost on clean rows is at most
    ``COST_LIMIT``, and that the model it leaves under attack is better than a guess.

    Parameters
    ----------
    remedy : dict
        ``kept_off``, ``cost`` and ``known``, as ``remedies`` measures them.
    metric : {"NMSE", "AUC"}

    Examples
    --------
    >>> at = lambda low, mean, high: {"low": low, "mean": mean, "high": high}
    >>> remedy = {"kept_off": at(0.5, 0.6, 0.7), "cost": at(0.0, 0.01, 0.02), "known": at(0.3, 0.4, 0.5)}
    >>> objection(remedy, "NMSE"), objection(remedy | {"kept_off": at(-3.16, 0.23, 3.62)}, "NMSE")
    ('', 'the interval of what is kept off holds zero')
    """
    off, cost, left = (remedy[name] for name in ("kept_off", "cost", "known"))
    ends = off["low"], cost["high"], left["high"], left["low"]
    if off["mean"] is None or (off["high"] or off["mean"]) <= 0.0:  # with an interval or without
        return "there was no damage to keep off" if off["mean"] is None else "nothing is kept off"
    if None in ends:
        return "there is no interval over seeds"
    if off["low"] <= 0.0:
        return "the interval of what is kept off holds zero"
    if cost["high"] > COST_LIMIT:
        verb = "passes" if cost["mean"] > COST_LIMIT else "may pass"
        return f"the cost on clean rows {verb} {percent(COST_LIMIT)}"
    end = left["high"] if metric == "NMSE" else left["low"]
    if better(end, metric):
        return ""
    what = f"{'not surely' if better(left['mean'], metric) else 'no'} better than {GUESS[metric][1]}"
    return f"the model is {what} under attack"


def recommended(remedies: Sequence[Entry], metric: str) -> dict[str, Any]:
    """The defense that keeps off most of those that nothing speaks against, or none, and why.

    Returns
    -------
    dict
        ``recommended``, a label or None; ``reason``, a sentence; ``cost_limit``.
    """
    objections = [objection(remedy, metric) for remedy in remedies]
    fit = [remedy for remedy, against in zip(remedies, objections, strict=True) if not against]
    best = max(fit, key=lambda remedy: float(remedy["kept_off"]["mean"]), default=None)
    label = None if best is None else best["label"]
    reason = _against(objections) if best is None else _for(best)
    return {"recommended": label, "reason": reason, "cost_limit": COST_LIMIT}


def _for(best: Entry) -> str:
    off, cost = best["kept_off"], best["cost"]
    share = f"{percent(off['mean'])} ({percent(off['low'])} to {percent(off['high'])})"
    return (
        f'Of the defenses tried, "{best["label"]}" helps most: it keeps off {share} of the damage by an attacker who '
        f"knows it, at a cost of {percent(cost['mean'])} on clean rows."
    )


def _against(objections: Sequence[str]) -> str:
    """Each objection once, with the number of defenses that it is raised against."""
    counts = {against: objections.count(against) for against in objections}
    if len(counts) == 1:
        return f"None of the {len(objections)} defenses tried can be recommended: for each, {objections[0]}."
    each = "; ".join(f"for {number}, {against}" for against, number in counts.items())
    return f"None of the {len(objections)} defenses tried can be recommended: {each}."
