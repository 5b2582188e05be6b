"""One attack of an audit: a cell in, its outcome out; nothing else is read, so order and workers do not matter."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from patom.attacks import PATOM, AttackResult, AttackStatus, OwnData, ProjectedAscent, RandomAttack, ThreatModel
from patom.attacks.program import MTRL
from patom.audit.data import AuditData
from patom.audit.settings import AuditSettings
from patom.core.arrays import FloatArray
from patom.core.regions import Ball
from patom.models import MTRLClassifier, MTRLRegressor

Victim = Any  # MTRL, or Sanitised with one inside


@dataclass(frozen=True)
class Cell:
    """An attack to run.

    Parameters
    ----------
    purpose : {"curve", "exposure", "relationships"}
    attack : str
        ``"random-direct"``, ``"ascent-indirect"`` and so on: a method and its reach.
    targets, attackers : tuples of positions among the tasks
    budget : float
    replicate : int
        Its number among the seeds.
    step_size : float
        PATOM's; no part of the cell's key, so that step sizes are compared from one start.
    """

    purpose: str
    attack: str
    targets: tuple[int, ...]
    attackers: tuple[int, ...]
    budget: float
    replicate: int
    step_size: float = 100.0

    def rng(self, seed: int) -> np.random.Generator:
        """The cell's generator, from what it attacks and not from how: all attacks start at the random one's rows."""
        key = (*self.targets, -1, *self.attackers, -1, round(self.budget * 1e9), self.replicate)
        return np.random.default_rng([seed, 3, *(value + 1 for value in key)])


@dataclass(frozen=True)
class Outcome:
    """What an attack did.

    Parameters
    ----------
    cell : Cell
    decision : array of shape (n_test,)
        Predictions, or margins, of the test rows under the attack.
    result : AttackResult
        Without its model.
    correlation, spectrum : arrays or None
        Of the tasks shown, for ``purpose="relationships"``.
    certified : bool
        Whether every fit on the way met its tolerance.
    """

    cell: Cell
    decision: FloatArray
    result: AttackResult
    certified: bool
    correlation: FloatArray | None = None
    spectrum: FloatArray | None = None


def victim(data: AuditData, settings: AuditSettings, lambda_1: float, lambda_2: float) -> MTRL:
    """The unfitted model under audit."""
    options: dict[str, Any] = {"lambda_1": lambda_1, "lambda_2": lambda_2}
    if settings.loss is not None:
        options["loss"] = settings.loss
    return MTRLRegressor(**options) if data.kind == "regression" else MTRLClassifier(**options)


def fit_quietly(model: Victim, X: FloatArray, y: FloatArray, task: Any) -> Victim:
    """Fit, leaving a fit above its tolerance to ``status_``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y, task=task)


def decide(model: Victim, data: AuditData) -> FloatArray:
    """Predictions, or margins, of the test rows."""
    known = np.isin(data.task_test, model.tasks_)
    decision = np.full(data.task_test.size, 0.0)
    act = model.predict if data.kind == "regression" else model.decision_function
    if known.any():
        decision[known] = act(data.X_test[known], task=data.task_test[known])
    return decision


def run_cell(data: AuditData, settings: AuditSettings, model: Victim, cell: Cell, shown: tuple[int, ...]) -> Outcome:
    """Attack, refit, and measure on the held-out rows; ``shown``: the tasks whose correlations are kept."""
    region = Ball(radius=1.0) if settings.region == "ball" else OwnData(within=Ball(radius=1.0))
    threat = ThreatModel(cell.targets, cell.attackers, cell.budget, region)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        result = _attack(cell, settings).poison(
            model,
            data.X_train,
            data.y_train,
            task=data.task_train,
            threat=threat,
            random_state=cell.rng(settings.seed),
        )
    decision = decide(result.model, data)
    certified = result.status is not AttackStatus.UNCERTIFIED
    bare = replace(result, model=None)
    if cell.purpose != "relationships":
        return Outcome(cell, decision, bare, certified)
    correlation, spectrum = relationships(result.model, shown)
    return Outcome(cell, decision, bare, certified, correlation, spectrum)


def _attack(cell: Cell, settings: AuditSettings) -> RandomAttack | ProjectedAscent | PATOM:
    method = cell.attack.partition("-")[0]
    if method == "random":
        return RandomAttack()
    attack: ProjectedAscent | PATOM
    if method == "ascent":
        # One start: the audit's seeds are starts of their own, and its intervals should run over them.
        attack = ProjectedAscent(n_starts=1, optimise_labels=not settings.keep_labels)
    else:
        attack = PATOM(step_size=cell.step_size)
    return attack if settings.iterations is None else replace(attack, max_iter=settings.iterations)


def relationships(model: Victim, shown: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    """Correlations among the tasks shown, and the whole spectrum."""
    return model.relationship_.correlation(np.asarray(shown)), model.task_spectrum_
