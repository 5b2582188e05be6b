"""New accounts: what an attacker does to all tasks who opens some, and what is left where tasks are capped."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from sklearn.base import clone

from patom.attacks import Availability, NewTasks, OwnData, ProjectedAscent, ThreatModel
from patom.attacks.program import MTRL
from patom.audit.bracket import Bracketed, bound_attack, bracket_of
from patom.audit.cells import QUICK, Cell, Effect, Purpose, aims, clean_decision, measured, worst_damage
from patom.audit.data import AuditData
from patom.audit.levels import MODERATE
from patom.audit.settings import AuditSettings
from patom.audit.work import Work
from patom.core.arrays import FloatArray
from patom.core.regions import Ball
from patom.evaluate.defended import Victim
from patom.evaluate.trial import attempt
from patom.intervals import varied_interval
from patom.metrics import relative_damage
from patom.models import Capped
from patom.results.audit import AccountPoint, Accounts, CappedAccounts, ExposureToAccounts
from patom.results.methods import AttackName, Method, Reach

_NAME = AttackName(Method.ASCENT, Reach.INDIRECT)
_MOVES_ON_ONE = 10  # of an attack on a single task, of which the map has many; a see-saw needs few


@dataclass(frozen=True)
class Opened:
    """One attack with new accounts, and its bracket where it was asked for."""

    effect: Effect
    bracketed: Bracketed | None

    @property
    def accounts(self) -> int:
        """Their number."""
        return self.effect.cell.accounts


@dataclass(frozen=True)
class ByAccounts:
    """Attacks with new accounts: the report's section, the map's row, and what was run.

    ``on_all`` are those of the section on the model under audit, ``on_one`` those of the map, and ``on_capped`` those
    on the model with capped tasks.
    """

    section: Accounts | None
    exposure: ExposureToAccounts | None
    on_all: list[Effect]
    on_one: list[Effect]
    on_capped: list[Effect]

    @property
    def on_model(self) -> list[Effect]:
        """Those on the model under audit."""
        return [*self.on_all, *self.on_one]


def by_accounts(
    work: Work,
    settings: AuditSettings,
    model: MTRL,
    clean: Sequence[FloatArray],
    effects: Sequence[Effect],
    shown: tuple[int, ...],
    others: int,
) -> ByAccounts:
    """All attacks with new accounts, see ``exposure_to_accounts`` and ``new_accounts``."""
    exposure, on_one = exposure_to_accounts(work, settings, model, clean[0], effects, shown)
    section, on_all, on_capped = new_accounts(work, settings, model, clean, others)
    return ByAccounts(section, exposure, on_all, on_one, on_capped)


def new_accounts(
    work: Work, settings: AuditSettings, model: MTRL, clean: Sequence[FloatArray], others: int
) -> tuple[Accounts | None, list[Effect], list[Effect]]:
    """Attacks with each number of accounts, and with the most of them on the model with capped tasks; and all of both.

    ``clean``: predictions of each replicate's test rows without an attack; ``others``: attacks beside these, among
    which the worst is chosen too. None where no number is set.
    """
    numbers = settings.accounts
    if not numbers:
        return None, [], []
    everybody = tuple(range(work.data.tasks.size))
    run = partial(_open, settings=settings, model=model, targets=everybody)
    jobs = (
        (replicate, partial(run, accounts=k, replicate=replicate, clean=clean[replicate], bounded=k == numbers[-1]))
        for replicate in range(settings.n_seeds)
        for k in numbers
    )
    found = list(work.on_splits(jobs))
    n_0 = float(np.median(work.data.counts))
    capped = clone(model).set_params(task_weights=Capped(n_0))
    run = partial(_open, settings=settings, model=capped, targets=everybody, accounts=numbers[-1], clean=None)
    held = list(work.on_splits((k, partial(run, replicate=k)) for k in range(settings.n_seeds)))
    most = [one for one in found if one.accounts == numbers[-1]]
    points = [_point(settings, k, [one for one in found if one.accounts == k], others) for k in numbers]
    lows = [(point.accounts, point.low_of_all) for point in points]
    interval = partial(varied_interval, confidence=settings.confidence)
    metric = work.data.metric
    section = Accounts(
        rows_each=settings.account_rows,
        clean=interval(one.effect.clean for one in most),
        points=points,
        enough=next((k for k, low in lows if low is not None and low >= MODERATE), None),
        capped=CappedAccounts(
            n_0=n_0,
            clean=interval(one.effect.clean for one in held),
            metric=interval(one.effect.attacked for one in held),
            cost=interval(
                relative_damage(was.effect.clean, now.effect.clean, metric) for was, now in zip(most, held, strict=True)
            ),
            damage=interval(one.effect.damage for one in held),
        ),
        bracket=bracket_of([one.bracketed for one in most if one.bracketed is not None], settings),
    )
    return section, [one.effect for one in found], [one.effect for one in held]


def exposure_to_accounts(
    work: Work,
    settings: AuditSettings,
    model: MTRL,
    clean: FloatArray,
    effects: Sequence[Effect],
    shown: tuple[int, ...],
) -> tuple[ExposureToAccounts | None, list[Effect]]:
    """New accounts against each target of the exposure map, with the median of the rows that its tasks inject.

    ``clean``: predictions of the first replicate's test rows. None, and no attacks, where no number of accounts is set.
    """
    cells = [one for one in effects if one.cell.purpose is Purpose.EXPOSURE]
    if not settings.accounts or not cells:
        return None, []
    rows = float(np.median([one.trial.result.y.size for one in cells]))
    accounts = max(1, round(rows / settings.account_rows))
    targets = sorted({one.cell.targets for one in cells})
    run = partial(_open, settings=settings, model=model, accounts=accounts, replicate=0, clean=clean)
    found = [one.effect for one in work.on_splits((0, partial(run, targets=target)) for target in targets)]
    known = {target: one.damage for target, one in zip(targets, found, strict=True) if np.isfinite(one.damage)}
    damage = [known.get((task,)) for task in shown]
    return ExposureToAccounts(accounts=accounts, rows_each=settings.account_rows, damage=damage), found


def _point(settings: AuditSettings, accounts: int, found: list[Opened], others: int) -> AccountPoint:
    of_all = 1.0 - (1.0 - settings.confidence) / (len(settings.accounts) + others)
    return AccountPoint(
        accounts=accounts,
        rows=accounts * settings.account_rows,
        n_seeds=sum(bool(np.isfinite(one.effect.damage)) for one in found),
        metric=varied_interval((one.effect.attacked for one in found), settings.confidence),
        damage=varied_interval((one.effect.damage for one in found), settings.confidence),
        low_of_all=varied_interval((one.effect.damage for one in found), of_all).low,
    )


def _open(
    split: AuditData,
    settings: AuditSettings,
    model: MTRL,
    targets: tuple[int, ...],
    accounts: int,
    replicate: int,
    clean: FloatArray | None,
    *,
    bounded: bool = False,
) -> Opened:
    """Open accounts at a replicate's split; without ``clean`` the model is fitted on the clean rows first."""
    region = Ball(radius=1.0) if settings.region == "ball" else OwnData(within=Ball(radius=1.0))
    who = (NewTasks(accounts, settings.account_rows),)
    moves = settings.iterations or (QUICK["max_iter"] if len(targets) > 1 else _MOVES_ON_ONE)
    quick = QUICK | {"max_iter": moves}
    attack = ProjectedAscent(features="see-saw", optimise_labels=not settings.keep_labels, **quick)
    cell = Cell(Purpose.ACCOUNTS, _NAME, targets, (), 0.0, replicate, accounts=accounts)
    before = clean_decision(split, clone(model)) if clean is None else clean
    found = []
    for aim in aims(split, cell):
        threat = ThreatModel(targets, who, region=region, objective=Availability(metric=aim))
        trial = attempt(Victim(model, model), split, threat, attack, cell.rng(settings.seed))
        found.append(measured(split, before, cell, replace(trial, model=None)))
    effect = worst_damage(found)
    return Opened(effect, bound_attack(split, model, effect.trial.result) if bounded else None)
