"""The audit's answer in plain words; every sentence is true of the numbers it is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from patom.audit.coverage import of_attack, really
from patom.audit.levels import CANNOT_SAY, Judged, better, gate, judge, measured, named, worst_of
from patom.datasets.tables.wording import as_asked, counted, percent

__all__ = ["Aim", "gate", "percent", "verdict", "worst_of"]

_CAVEATS = {
    "ascent": "The optimised rows are those of the strongest attack of this package, which is no bound: a cleverer "
    "attacker may do worse.",
    "patom": "PATOM is the paper's attack and not the strongest of this package: a cleverer attacker may do worse.",
}

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Aim:
    """Whom the attacks aim at and where the indirect ones come in, in words.

    Parameters
    ----------
    whom : str
        "half of the tasks", "task north".
    through : str
        "the other tasks".
    several : bool
        Whether ``whom`` is more than one task.
    """

    whom: str
    through: str = "the other tasks"
    several: bool = True


def verdict(
    curves: Sequence[Entry],
    exposure: Entry | None,
    retuned: Entry | None,
    attack: str,
    *,
    metric: str,
    aim: Aim,
    clean_by_seed: Sequence[float | None] = (),
    coverage: Sequence[Entry] = (),
) -> dict[str, Any]:
    """Level (see ``levels.judge``), headline and sentences from the curves and the exposure map.

    Parameters
    ----------
    curves, exposure
        As ``summary.curves`` and ``summary.exposure`` make them.
    retuned
        As ``retuned.retuned`` makes it.
    attack : {"ascent", "patom"}
        What optimised the rows.
    metric : {"NMSE", "AUC"}
    aim : Aim
    clean_by_seed : sequence of float or None
        The clean metric of each seed's targets.
    coverage
        As ``coverage.coverage`` makes it.
    """
    worst, judged = worst_of(curves), judge(curves, metric, clean_by_seed, coverage)
    told = {name: getattr(judged, name) for name in ("level", "risk", "reason", "at_least", "at_most", "by")}
    if worst is None:
        return told | {
            "headline": "No damage could be measured: the held-out rows do not allow it for any target.",
            "worst_damage": None,
            "worst": None,
            "injected": "",
            "sentences": ["More rows of each task, or a larger part held out, would allow it."],
        }
    return told | {
        "headline": _headline(worst, judged, metric, aim, coverage),
        "worst_damage": _damage(worst),
        "worst": {key: worst[key] for key in ("attack", "label", "budget")} | worst["damage"],
        "injected": _rows(worst, coverage),
        "sentences": [*_sentences(curves, exposure, retuned, judged, metric, coverage), _CAVEATS[attack]],
    }


def _sentences(
    curves: Sequence[Entry],
    exposure: Entry | None,
    retuned: Entry | None,
    judged: Judged,
    metric: str,
    coverage: Sequence[Entry],
) -> list[str]:
    """What can be said beside the headline: of damage that it does not name only what stands by itself."""
    worst, known = worst_of(curves), measured(curves)
    if worst is None or judged.of_no_use:
        return []
    through_others = [*_through_others(worst, known, coverage), *_pairs(exposure)]
    if _unsaid(worst, judged):
        return [*_highest_mean(worst, coverage), *through_others]
    return [
        *_from_to(worst, metric),
        *_by_chance(worst, judged),
        *_against_random(worst, known),
        *_retuned(worst, retuned),
        *through_others,
    ]


def _unsaid(worst: Entry, judged: Judged) -> bool:
    """Whether the headline says that nothing can be said, because seeds differ too much or little was attacked."""
    if judged.level != CANNOT_SAY:
        return False
    wide = _damage(worst) > 0.0 and (worst["damage"]["low"] or 0.0) < 0.0 and (judged.at_least or 0.0) <= 0.0
    return bool(judged.little) or wide


def _rows(entry: Entry, coverage: Sequence[Entry]) -> str:
    """The rows that an attack injects, where these are not what its budget says; else empty."""
    noun = "random row" if entry["attack"].startswith("random") else "row"
    return really(of_attack(coverage, entry["attack"], entry["budget"]), noun)


def _highest_mean(worst: Entry, coverage: Sequence[Entry]) -> list[str]:
    if _damage(worst) <= 0.0:
        return ["Of the attacks that were run none did harm on average."]
    rows = _rows(worst, coverage)
    low = worst["damage"]["low"]
    zero = ", with an interval that includes zero" if low is not None and low <= 0.0 else ""
    of = f"{named(worst)}{f', which is {rows}' if rows else ''}"
    return [f"The highest mean damage of what was run is {percent(_damage(worst))}{zero} ({of})."]


def _damage(entry: Entry) -> float:
    return float(entry["damage"]["mean"])


def _stands_out(entry: Entry) -> bool:
    """Whether there is damage on average, and the interval, where there is one, lies above zero."""
    low = entry["damage"]["low"]
    return _damage(entry) > 0.0 and (low is None or low > 0.0)


def _headline(worst: Entry, judged: Judged, metric: str, aim: Aim, coverage: Sequence[Entry]) -> str:
    owner = "their" if aim.several else "its"
    if judged.of_no_use:
        return f"What an attacker could do cannot be said: without an attack the model is {judged.of_no_use}."
    if _unsaid(worst, judged):
        if judged.little:
            return f"Whether an attacker can hurt {aim.whom} cannot be said: too little was attacked."
        return (
            f"Whether an attacker can hurt {aim.whom} cannot be said: the worst damage differs too much between seeds."
        )
    if _damage(worst) <= 0.0:
        return f"On average no attack on {aim.whom} did harm: none made {owner} {metric} worse."
    usual = f"{as_asked(worst['budget'])} {'random' if worst['attack'].startswith('random') else 'more'} rows"
    rows = _rows(worst, coverage) or usual
    damage = percent(_damage(worst)) + (" on average" if worst["n_seeds"] > 1 else "")
    if worst["attack"].endswith("indirect"):
        where, owned = aim.through, f"the {metric} of {aim.whom}"
    else:
        where, owned = aim.whom, f"{owner} {metric}"
    verb = "lowers" if metric == "AUC" else "raises"
    return f"An attacker who adds {rows} to {where} {verb} {owned} by {damage}."


def _from_to(worst: Entry, metric: str) -> list[str]:
    clean, attacked = worst["clean"]["mean"], worst["metric"]["mean"]
    if _damage(worst) <= 0.0 or not better(clean, metric):  # which the reason says
        return []
    return [f"The {metric} of the targets goes from {clean:.3g} without an attack to {attacked:.3g}."]


def _by_chance(worst: Entry, judged: Judged) -> list[str]:
    if _damage(worst) <= 0.0:
        return []
    if worst["damage"]["low"] is None and worst["n_seeds"] > 1:
        return [f"All {worst['n_seeds']} seeds give exactly this damage, so there is no interval."]
    if worst["damage"]["low"] is None:
        return ["This is a single draw of targets and rows: with more seeds there would be an interval."]
    if worst["damage"]["low"] > 0.0:
        return []
    if (judged.at_least or 0.0) > 0.0:
        return [f"The interval of this damage includes zero; that of {judged.by}, does not."]
    return ["The interval of this damage includes zero: more seeds would tell harm from chance."]


def _against_random(worst: Entry, measured: Sequence[Entry]) -> list[str]:
    if _damage(worst) <= 0.0:
        return []
    if worst["attack"].startswith("random"):
        return ["No optimised attack did more harm than these random rows."]
    twin = f"random-{worst['attack'].rpartition('-')[2]}"
    for entry in measured:
        if entry["attack"] == twin and entry["budget"] == worst["budget"]:
            done = f"{percent(_damage(entry))} damage" if _damage(entry) > 0.0 else "no harm on average"
            return [f"As many random rows in the same tasks do {done}."]
    return []


def _retuned(worst: Entry, retuned: Entry | None) -> list[str]:
    """What is left of the worst damage where the lambdas follow the poisoned data."""
    if retuned is None or retuned["damage"]["mean"] is None or _damage(worst) <= 0.0:
        return []
    left = _damage(retuned)
    done = f"{percent(left)} damage" if left > 0.0 else "no harm on average"
    return [f"To a model whose lambdas are chosen again, on the poisoned rows, the same rows do {done}."]


def _through_others(worst: Entry, measured: Sequence[Entry], coverage: Sequence[Entry]) -> list[str]:
    indirect = [entry for entry in measured if entry["attack"].endswith("indirect")]
    if not indirect or (worst["attack"].endswith("indirect") and _damage(worst) > 0.0):
        return []
    known = [entry for entry in indirect if _stands_out(entry)]
    if not known:
        return ["Attacks through other tasks only (indirect) did no damage that stands out from chance."]
    most = max(known, key=_damage)
    rows = _rows(most, coverage)
    how = f"with {rows}" if rows else f"at {as_asked(most['budget'])} more rows"
    return [
        f"Through other tasks only (indirect), without a row added to the targets, the most is "
        f"{percent(_damage(most))} damage, {how}."
    ]


def _pairs(exposure: Entry | None) -> list[str]:
    if exposure is None:
        return []
    tasks, few = exposure["tasks"], exposure.get("few_test_rows") or [False] * len(exposure["tasks"])
    injected = exposure.get("rows_injected")
    cells = [
        (value, tasks[i], tasks[j], injected[i] if injected else 0)
        for i, row in enumerate(exposure["damage"])
        for j, value in enumerate(row)
        if value is not None and i != j and not few[j]  # the worst of many noisy cells would be noise
    ]
    if not cells:
        return []
    value, attacker, target, rows = max(cells)
    if value <= 0.0:
        return ["In attacks of one task on one other, none did harm."]
    added = f"{counted(rows, 'row')} added" if rows else f"{as_asked(exposure['budget'])} more rows"
    return [
        f"In attacks of one task on one other, the worst is that of {_short(attacker)} on {_short(target)}: "
        f"{percent(value)} damage with {added}, in a single attack."
    ]


def _short(name: str) -> str:
    return name if len(name) <= 40 else name[:37] + "..."
