"""From an attack's runs to its result: one place, which every attack passes and which checks what it did."""

import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.attacks.promises import require_kept
from patom.attacks.result import HISTORY, TASK_LOSSES, AttackResult, AttackStatus
from patom.core.arrays import FloatArray
from patom.core.data_term import mean_loss_by_task
from patom.core.solvers.solution import Solution, Status
from patom.models.settings import require_features
from patom.models.threads import one_blas_thread

_LOOSE = {Status.MAX_ITER, Status.ROUNDING, Status.STALLED}


@dataclass
class Recorder:
    """One start under way: its rows and its history."""

    injection: Injection
    status: AttackStatus = AttackStatus.COMPLETED
    records: list[tuple[int, float, float, int, float]] = field(default_factory=list)
    begin: float = field(default_factory=time.perf_counter)

    def note(self, iteration: int, utility: float, solution: Solution) -> None:
        """Add an iteration's record."""
        elapsed = time.perf_counter() - self.begin
        self.records.append((iteration, utility, solution.duality_gap, solution.n_iter, elapsed))
        if solution.status in _LOOSE:
            self.status = AttackStatus.UNCERTIFIED

    def settle(self, status: AttackStatus) -> None:
        """End with ``status``, unless a fit was uncertified."""
        if self.status is not AttackStatus.UNCERTIFIED:
            self.status = status

    @property
    def utility(self) -> float:
        """Utility of the last iteration."""
        return self.records[-1][1]


def assemble(
    program: Bilevel,
    threat: ThreatModel,
    settings: dict[str, Any],
    clean: Solution,
    runs: list[Recorder],
    data: tuple[Any, Any, Any],
    model: Any,
) -> AttackResult:
    """The best run as a result, with the victim fitted from scratch on clean plus injected rows.

    Raises
    ------
    RuntimeError
        For rows that the threat model does not allow: no attack passes by here.
    """
    best = max(runs, key=lambda run: run.utility)
    truth = program.truth
    injection = _rounded(truth, threat, program.truly(best.injection))
    require_kept(truth, threat, injection, settings["name"])
    require_features(injection.X, name="X of the injected rows")
    with one_blas_thread():
        before = clean if truth is program else truth.solve(None)
    classes = getattr(truth.victim, "classes_", None)
    result = AttackResult(
        X=injection.X,
        y=injection.y if classes is None else classes[(injection.y > 0.0).astype(int)],
        task=truth.problem.tasks[injection.task_index],
        utility=best.utility,
        clean_utility=truth.utility(before.W),
        task_losses=np.recarray(truth.problem.tasks.size, TASK_LOSSES),
        tasks=truth.problem.tasks,
        history=np.array(best.records, dtype=HISTORY).view(np.recarray),
        start_utilities=np.array([run.utility for run in runs]),
        threat=threat,
        attack=settings,
        cost=replace(program.tally),
        status=best.status,
    )
    fitted = result.refit(model, *data)
    loose = {before.status, fitted.status_} & _LOOSE or any(run.status is AttackStatus.UNCERTIFIED for run in runs)
    W = np.column_stack([fitted.coef_, fitted.intercept_])
    return replace(
        result,
        model=fitted,
        utility=truth.utility(W),
        task_losses=_task_losses(truth, before.W, W),
        status=AttackStatus.UNCERTIFIED if loose else best.status,
    )


def _rounded(program: Bilevel, threat: ThreatModel, injection: Injection) -> Injection:
    """Whole numbers and one-hot groups where the threat model asks for them."""
    if threat.columns is None:
        return injection
    X = np.empty(injection.X.shape)
    for rows, region in program.places.groups(injection.task_index, injection.y):
        X[rows] = threat.columns.round(injection.X[rows], region)
    return replace(injection, X=X)


def _task_losses(program: Bilevel, before: FloatArray, after: FloatArray) -> np.recarray[Any, Any]:
    problem = program.problem
    losses = np.recarray(problem.tasks.size, TASK_LOSSES)
    losses["clean"], losses["attacked"] = (mean_loss_by_task(problem.rows, problem.loss, W) for W in (before, after))
    for name, tasks in (("target", program.targets), ("attacker", program.attackers)):
        losses[name] = np.isin(np.arange(problem.tasks.size), tasks)
    return losses
