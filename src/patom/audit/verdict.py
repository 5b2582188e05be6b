"""The audit's answer in plain words."""

from collections.abc import Sequence
from typing import Any

HIGH, MODERATE = 0.25, 0.10


def verdict(curves: Sequence[dict[str, Any]], exposure: dict[str, Any], metric: str, targets: str) -> dict[str, Any]:
    """Level, headline and sentences from the curves' worst mean damage and the exposure map.

    Levels: high from 25 % relative damage, moderate from 10 %, low below.
    """
    measured = [entry for entry in curves if entry["damage"]["mean"] is not None]
    if not measured:
        return {
            "level": "unknown",
            "headline": "No damage could be measured: the held-out rows of no target task allow it.",
            "worst_damage": None,
            "worst": None,
            "sentences": ["Give the tasks more rows, or hold out a larger part of them."],
        }
    worst = max(measured, key=lambda entry: entry["damage"]["mean"])
    damage = worst["damage"]["mean"]
    sentences = [*_against_random(worst, measured), *_through_others(measured), *_pairs(exposure), _CAVEAT]
    return {
        "level": "high" if damage >= HIGH else "moderate" if damage >= MODERATE else "low",
        "headline": _headline(worst, metric, targets),
        "worst_damage": damage,
        "worst": {key: worst[key] for key in ("attack", "label", "budget")} | worst["damage"],
        "sentences": sentences,
    }


_CAVEAT = "These are attacks that were found, so the damage is a lower bound: a stronger attacker may do worse."


def _headline(worst: dict[str, Any], metric: str, targets: str) -> str:
    damage, budget = worst["damage"]["mean"], percent(worst["budget"])
    whose = "the tasks aimed at" if "direct" in worst["attack"] and "indirect" not in worst["attack"] else "other tasks"
    if damage <= 0.0:
        return f"No attack tried did harm: the worst, {worst['label']}, at {budget} rows, left {targets} unharmed."
    if metric == "AUC":
        return f"An attacker who adds {budget} rows to {whose} takes {percent(damage)} of the AUC of {targets}."
    return f"An attacker who adds {budget} rows to {whose} raises the NMSE of {targets} by {percent(damage)}."


def _against_random(worst: dict[str, Any], measured: Sequence[dict[str, Any]]) -> list[str]:
    twin = worst["attack"].replace("patom", "random")
    rival = [e for e in measured if e["attack"] == twin and e["budget"] == worst["budget"]]
    if not rival or twin == worst["attack"]:
        return ["No attack did more harm than random rows."] if twin == worst["attack"] else []
    return [f"As many random rows in the same tasks do {percent(rival[0]['damage']['mean'])} damage."]


def _through_others(measured: Sequence[dict[str, Any]]) -> list[str]:
    indirect = [entry for entry in measured if entry["attack"] == "patom-indirect"]
    if not indirect:
        return []
    worst = max(indirect, key=lambda entry: entry["damage"]["mean"])
    low, mean = worst["damage"]["low"], worst["damage"]["mean"]
    if mean <= 0.0 or (low is not None and low <= 0.0):
        return ["Through other tasks only (indirect), no damage that stands out from chance was found."]
    return [
        f"Through other tasks only (indirect), without touching a row of the tasks aimed at, the most is "
        f"{percent(mean)} at {percent(worst['budget'])} rows."
    ]


def _pairs(exposure: dict[str, Any]) -> list[str]:
    tasks = exposure["tasks"]
    cells = [
        (value, tasks[i], tasks[j])
        for i, row in enumerate(exposure["damage"])
        for j, value in enumerate(row)
        if value is not None and i != j
    ]
    if not cells:
        return []
    value, attacker, target = max(cells)
    if value <= 0.0:
        return ["No single task could hurt another."]
    return [
        f"The most dangerous pair: task {attacker} alone, with {percent(exposure['budget'])} rows, does "
        f"{percent(value)} damage to task {target}."
    ]


def percent(share: float) -> str:
    """A share as a percentage of two sensible digits.

    >>> percent(0.4137), percent(0.0212), percent(12.3), percent(-0.0004)
    ('41 %', '2.1 %', '1,230 %', '-0.04 %')
    """
    value = 100.0 * share
    if abs(value) >= 10.0:
        return f"{value:,.0f} %"
    return f"{value:.1f} %" if abs(value) >= 0.1 or value == 0.0 else f"{value:.1g} %"
