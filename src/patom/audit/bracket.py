"""Between what an attack reached and what none can: training losses of the targets, from below and from above."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from patom.attacks import AttackResult, Availability, loss_bound
from patom.attacks.certified.flooding import flooding, zero_bound
from patom.attacks.program import MTRL, bilevel
from patom.audit.cells import Effect, on_curve
from patom.audit.data import AuditData
from patom.audit.settings import AuditSettings
from patom.audit.work import Work
from patom.core.regions import Ball
from patom.evaluate.trial import quiet
from patom.intervals import varied_interval
from patom.results.audit import Bracket, Point

_STEPS, _NEAR = 60, 0.05  # of the game: a bound holds wherever it stops, a few per cent above the least


@dataclass(frozen=True)
class Bracketed:
    """One attack: the targets' mean training loss without it and under it, and what no attack gets above."""

    clean: float
    found: float
    bound: float


def bound_attack(split: AuditData, model: MTRL, result: AttackResult) -> Bracketed:
    """The bound for an attack's threat model; infinite where there is none (direct attacks on a task's own region).

    Of the training loss, also where the attack aimed at something else.
    """
    X, y, task = split.train
    threat = replace(result.threat, objective=Availability())
    with quiet():
        if isinstance(threat.region, Ball):
            bound = loss_bound(model, X, y, task=task, threat=threat, max_iter=_STEPS, tol=_NEAR).value
        else:
            program = bilevel(model, X, y, task, threat)
            bound = min(flooding(program), zero_bound(program))  # for features of any size
    own = result.task_losses.target
    rows = [np.count_nonzero(task == target) for target in result.tasks[own]]
    clean, found = (np.average(result.task_losses[name][own], weights=rows) for name in ("clean", "attacked"))
    return Bracketed(float(clean), float(found), bound)


def bracket_of(found: Sequence[Bracketed], settings: AuditSettings) -> Bracket:
    """Over the replicates; without a bound where one of them has none."""
    bounded = np.isfinite([one.bound for one in found]).all()
    interval = partial(varied_interval, confidence=settings.confidence)
    return Bracket(
        clean=interval(one.clean for one in found),
        found=interval(one.found for one in found),
        bound=interval((one.bound for one in found) if bounded else ()),
    )


def bracket(
    work: Work, settings: AuditSettings, model: MTRL, effects: Sequence[Effect], worst: Point | None
) -> Bracket | None:
    """The worst attack of the curves between its loss and the bound; costs some dozens of fits a replicate."""
    faced = [] if worst is None else on_curve(effects, worst.attack, worst.budget)
    jobs = ((one.cell.replicate, partial(bound_attack, model=model, result=one.trial.result)) for one in faced)
    found = list(work.on_splits(jobs))
    work.advance(settings.n_seeds - len(faced))  # replicates whose tasks are too small for that budget
    return bracket_of(found, settings) if found else None
