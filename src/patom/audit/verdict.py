"""The audit's answer in plain words; every sentence is true of the numbers it is made from."""

from collections.abc import Sequence
from dataclasses import dataclass

from patom.audit import account_words
from patom.audit.coverage import really
from patom.audit.levels import CANNOT_SAY, Judged, better, judge, measured, named, worst_of
from patom.results.audit import (
    AccountPoint,
    Accounts,
    Bracket,
    Coverage,
    Exposure,
    Metric,
    Point,
    Retuned,
    Verdict,
    Worst,
)
from patom.results.methods import Method, Reach
from patom.wording import as_asked, counted, percent, shortened

_CAVEATS = {
    Method.ASCENT: "The optimised rows are those of the strongest attack of this package, which is no bound: a "
    "cleverer attacker may do worse.",
    Method.PATOM: "PATOM is the paper's attack and not the strongest of this package: a cleverer attacker may do "
    "worse.",
}


@dataclass(frozen=True)
class Aim:
    """Whom the attacks aim at, whether these are several tasks, and where the indirect ones come in, in words."""

    whom: str
    through: str = "the other tasks"
    several: bool = True


@dataclass(frozen=True)
class _Known:
    """What the sentences are made from."""

    worst: Point
    judged: Judged
    measured: Sequence[Point]
    metric: Metric
    coverage: Sequence[Coverage]
    accounts: Accounts | None = None

    @property
    def opened(self) -> AccountPoint | None:
        """The number of new accounts of the highest mean damage, if that is above that of the curves."""
        found = account_words.worst_number(self.accounts)
        return found if found is not None and (found.damage.mean or 0.0) > _damage(self.worst) else None

    @property
    def damage(self) -> float:
        """The highest mean damage of all attacks."""
        return _damage(self.worst) if self.opened is None else self.opened.damage.mean or 0.0

    def rows(self, point: Point) -> str:
        """The rows that an attack injects, where these are not what its budget says; else empty."""
        noun = "random row" if point.attack.method is Method.RANDOM else "row"
        wanted = point.attack.reach, point.budget
        return next((really(one, noun) for one in self.coverage if (one.reach, one.budget) == wanted), "")


def verdict(
    curves: Sequence[Point],
    exposure: Exposure | None,
    retuned: Retuned | None,
    attack: str,
    *,
    metric: Metric,
    aim: Aim,
    clean_by_seed: Sequence[float | None] = (),
    coverage: Sequence[Coverage] = (),
    accounts: Accounts | None = None,
    bracket: Bracket | None = None,
) -> Verdict:
    """Level (see ``levels.judge``), headline and sentences from the curves and the exposure map.

    ``attack`` optimised the rows, "ascent" or "patom"; ``clean_by_seed`` is the clean metric of each seed's targets.
    """
    worst, judged = worst_of(curves), judge(curves, metric, clean_by_seed, coverage, accounts)
    judgement = {name: getattr(judged, name) for name in ("level", "risk", "reason", "at_least", "at_most", "by")}
    if worst is None:
        return Verdict(
            **judgement,
            headline="No damage could be measured: the held-out rows do not allow it for any target.",
            worst_damage=None,
            worst=None,
            sentences=["More rows of each task, or a larger part held out, would allow it."],
        )
    known = _Known(worst, judged, [point for _, point in measured(curves)], metric, coverage, accounts)
    named_by_accounts = known.opened is not None and not _unsaid(known)
    return Verdict(
        **judgement,
        headline=_headline(known, aim),
        worst_damage=known.damage,
        worst=_worst(known),
        injected="" if known.opened is not None else known.rows(worst),
        sentences=[
            *_sentences(known, exposure, retuned),
            *_of_accounts(known, in_headline=named_by_accounts),
            *_bracket(bracket, worst),
            _CAVEATS[Method(attack)],
        ],
    )


def _worst(known: _Known) -> Worst:
    worst, opened = known.worst, known.opened
    if opened is None or known.accounts is None:
        return Worst(attack=worst.attack, label=worst.label, budget=worst.budget, **dict(worst.damage))
    label = account_words.opened(known.accounts, opened)
    return Worst(label=label, budget=None, accounts=opened.accounts, **dict(opened.damage))


def _of_accounts(known: _Known, *, in_headline: bool) -> list[str]:
    return (
        [] if known.judged.of_no_use else account_words.sentences(known.accounts, known.metric, in_headline=in_headline)
    )


def _bracket(bracket: Bracket | None, worst: Point) -> list[str]:
    """The loss that the attack reached, between the clean one and the certified bound."""
    if bracket is None or bracket.clean.mean is None or bracket.found.mean is None or bracket.bound.mean is None:
        return []
    return [
        f"The targets' training loss, which attacks raise, is {bracket.clean.mean:.3g} without an attack and "
        f"{bracket.found.mean:.3g} under the worst of the curves ({named(worst)}); a certified bound says that no "
        f"attack with as many rows in the same tasks gets it above {bracket.bound.mean:.3g}."
    ]


def _sentences(known: _Known, exposure: Exposure | None, retuned: Retuned | None) -> list[str]:
    """What can be said beside the headline: of damage that it does not name only what stands by itself."""
    if known.judged.of_no_use:
        return []
    through_others = [*_through_others(known), *_pairs(exposure)]
    if _unsaid(known):
        return [*_highest_mean(known), *through_others]
    harmed = _damage(known.worst) > 0.0
    if known.opened is not None and harmed:
        through_others = [*_through_others(known, beside=True), *_pairs(exposure)]
        return [
            f"Through rows of the tasks that exist, the most is {percent(_damage(known.worst))} damage "
            f"({named(known.worst)}).",
            *through_others,
        ]
    of_damage = [*_from_to(known), *_by_chance(known), *_against_random(known), *_retuned(retuned)] if harmed else []
    return [*of_damage, *through_others]


def _unsaid(known: _Known) -> bool:
    """Whether the headline says that nothing can be said, because seeds differ too much or little was attacked."""
    if known.judged.level != CANNOT_SAY:
        return False
    low, at_least = (known.opened or known.worst).damage.low or 0.0, known.judged.at_least or 0.0
    return bool(known.judged.little) or (known.damage > 0.0 and low < 0.0 and at_least <= 0.0)


def _highest_mean(known: _Known) -> list[str]:
    if known.damage <= 0.0:
        return ["Of the attacks that were run none did harm on average."]
    low = (known.opened or known.worst).damage.low
    rows = known.rows(known.worst)
    zero = ", with an interval that includes zero" if low is not None and low <= 0.0 else ""
    of = f"{named(known.worst)}{f', which is {rows}' if rows else ''}"
    if known.opened is not None and known.accounts is not None:
        of = account_words.opened(known.accounts, known.opened)
    return [f"The highest mean damage of what was run is {percent(known.damage)}{zero} ({of})."]


def _damage(point: Point | Retuned) -> float:
    return point.damage.mean or 0.0


def _stands_out(point: Point) -> bool:
    """Whether there is damage on average, and the interval, where there is one, lies above zero."""
    low = point.damage.low
    return _damage(point) > 0.0 and (low is None or low > 0.0)


def _headline(known: _Known, aim: Aim) -> str:
    worst, judged, metric = known.worst, known.judged, known.metric
    owner = "their" if aim.several else "its"
    if judged.of_no_use:
        return f"What an attacker could do cannot be said: without an attack the model is {judged.of_no_use}."
    if _unsaid(known):
        if judged.little:
            return f"Whether an attacker can hurt {aim.whom} cannot be said: too little was attacked."
        return (
            f"Whether an attacker can hurt {aim.whom} cannot be said: the worst damage differs too much between seeds."
        )
    if known.damage <= 0.0:
        return f"On average no attack on {aim.whom} did harm: none made {owner} {metric} worse."
    if known.opened is not None and known.accounts is not None:
        return account_words.headline(known.accounts, known.opened, metric)
    usual = f"{as_asked(worst.budget)} {'random' if worst.attack.method is Method.RANDOM else 'more'} rows"
    damage = percent(known.damage) + (" on average" if worst.n_seeds > 1 else "")
    if worst.attack.reach is Reach.INDIRECT:
        where, owned = aim.through, f"the {metric} of {aim.whom}"
    else:
        where, owned = aim.whom, f"{owner} {metric}"
    verb = "lowers" if metric == "AUC" else "raises"
    return f"An attacker who adds {known.rows(worst) or usual} to {where} {verb} {owned} by {damage}."


def _from_to(known: _Known) -> list[str]:
    clean, attacked = known.worst.clean.mean, known.worst.metric.mean
    if clean is None or attacked is None or not better(clean, known.metric):  # which the reason says
        return []
    return [f"The {known.metric} of the targets goes from {clean:.3g} without an attack to {attacked:.3g}."]


def _by_chance(known: _Known) -> list[str]:
    low, n_seeds = known.worst.damage.low, known.worst.n_seeds
    if low is None and n_seeds > 1:
        return [f"All {n_seeds} seeds give exactly this damage, so there is no interval."]
    if low is None:
        return ["This is a single draw of targets and rows: with more seeds there would be an interval."]
    if low > 0.0:
        return []
    if (known.judged.at_least or 0.0) > 0.0:
        return [f"The interval of this damage includes zero; that of {known.judged.by}, does not."]
    return ["The interval of this damage includes zero: more seeds would tell harm from chance."]


def _against_random(known: _Known) -> list[str]:
    worst = known.worst
    if worst.attack.method is Method.RANDOM:
        return ["No optimised attack did more harm than these random rows."]
    for point in known.measured:
        same = (point.attack.reach, point.budget) == (worst.attack.reach, worst.budget)
        if same and point.attack.method is Method.RANDOM:
            return [f"As many random rows in the same tasks do {_done(_damage(point))}."]
    return []


def _retuned(retuned: Retuned | None) -> list[str]:
    """What is left of the worst damage where the lambdas follow the poisoned data."""
    if retuned is None or retuned.damage.mean is None:
        return []
    done, replayed = _done(retuned.damage.mean), retuned.replayed.mean
    again = "To a model whose lambdas are chosen again, on the poisoned rows,"
    if replayed is None or replayed == retuned.damage.mean:
        return [f"{again} the same rows do {done}."]
    return [f"{again} the same rows do {_done(replayed)}, and rows planned for that {done}."]


def _done(damage: float) -> str:
    return f"{percent(damage)} damage" if damage > 0.0 else "no harm on average"


def _through_others(known: _Known, *, beside: bool = False) -> list[str]:
    """``beside``: a sentence on the worst of the curves stands before it."""
    indirect = [point for point in known.measured if point.attack.reach is Reach.INDIRECT]
    if not indirect or (known.worst.attack.reach is Reach.INDIRECT and (beside or known.damage > 0.0)):
        return []
    harmful = [point for point in indirect if _stands_out(point)]
    if not harmful:
        return ["Attacks through other tasks only (indirect) did no damage that stands out from chance."]
    most = max(harmful, key=_damage)
    rows = known.rows(most)
    how = f"with {rows}" if rows else f"at {as_asked(most.budget)} more rows"
    return [
        f"Through other tasks only (indirect), without a row added to the targets, the most is "
        f"{percent(_damage(most))} damage, {how}."
    ]


def _pairs(exposure: Exposure | None) -> list[str]:
    if exposure is None:
        return []
    tasks, injected = exposure.tasks, exposure.rows_injected
    cells = [
        (value, tasks[i], tasks[j], injected[i] if injected else 0)
        for i, row in enumerate(exposure.damage)
        for j, value in enumerate(row)
        if value is not None and i != j and not exposure.few[j]  # the worst of many noisy cells would be noise
    ]
    if not cells:
        return []
    value, attacker, target, rows = max(cells)
    if value <= 0.0:
        return ["In attacks of one task on one other, none did harm.", *_opened_for_one(exposure)]
    added = f"{counted(rows, 'row')} added" if rows else f"{as_asked(exposure.budget)} more rows"
    return [
        f"In attacks of one task on one other, the worst is that of {shortened(attacker)} on {shortened(target)}: "
        f"{percent(value)} damage with {added}, in a single attack.",
        *_opened_for_one(exposure),
    ]


def _opened_for_one(exposure: Exposure) -> list[str]:
    """The worst of new accounts on one task."""
    opened = exposure.to_accounts
    if opened is None:
        return []
    found = [
        (value, task)
        for value, task, few in zip(opened.damage, exposure.tasks, exposure.few, strict=True)
        if value is not None and not few
    ]
    value, target = max(found, default=(0.0, ""))
    if value <= 0.0:
        return []
    each = " each" if opened.accounts > 1 else ""
    whom = f"{counted(opened.accounts, 'new account')} of {counted(opened.rows_each, 'row')}{each}"
    return [f"By {whom}, the worst on one task is that on {shortened(target)}: {percent(value)} damage."]
