"""What all attacks share: the signature, the checks, the random generators, the fit of the victim, and the result."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.draws import FEATURES, LABELS
from patom.attacks.gradients import GRADIENTS
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel, bilevel
from patom.attacks.promises import require_at_most_zero_losses, require_kept
from patom.attacks.records import HISTORY, TASK_LOSSES, AttackStatus
from patom.attacks.result import AttackResult
from patom.core.arrays import FloatArray
from patom.core.data_term import mean_loss_by_task
from patom.core.labels import places
from patom.core.solvers.solution import Solution, Status
from patom.models.settings import require_at_least, require_choice, require_features
from patom.models.threads import one_blas_thread
from patom.results.methods import Method

_CHOICES = {"features": FEATURES, "labels": LABELS, "gradient": GRADIENTS}
_LEAST = {"max_iter": 0, "climb_steps": 0, "relocations": 0} | dict.fromkeys(
    ("n_starts", "local_steps", "inner_steps", "block", "kinds"), 1
)
_POSITIVE = ("step_size", "batch_ratio")
_LOOSE = {Status.MAX_ITER, Status.ROUNDING, Status.STALLED}


@dataclass
class Run:
    """One start of an attack: the rows that it has reached, and its history."""

    injection: Injection
    status: AttackStatus = AttackStatus.COMPLETED
    records: list[tuple[int, float, float, int, float]] = field(default_factory=list)
    begin: float = field(default_factory=time.perf_counter)

    def fit(self, program: Bilevel, iteration: int, start: FloatArray) -> Solution:
        """Solve (1) with the run's rows, from the weights ``start`` on, and note the solution."""
        solution = program.solve(self.injection, start=start)
        self.note(iteration, program.utility(solution.W), solution)
        return solution

    def keep_if_better(self, program: Bilevel, iteration: int, injection: Injection, start: FloatArray) -> None:
        """Solve (1) with other rows, and take these in place of the run's where they reach a higher utility."""
        solution = program.solve(injection, start=start)
        utility = program.utility(solution.W)
        if utility > self.utility:
            self.injection = injection
            self.note(iteration, utility, solution)

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


@dataclass(frozen=True)
class Attack(ABC):
    """An attack: a frozen dataclass of settings, and ``_runs``, which chooses the rows.

    Settings of the same name mean the same in every attack that has them, and are checked here.
    """

    name: ClassVar[Method]

    def __post_init__(self) -> None:
        owner = type(self).__name__
        for name, value in vars(self).items():
            if name in _CHOICES:
                require_choice(owner, _CHOICES[name], **{name: value})
            elif name in _LEAST:
                require_at_least(owner, _LEAST[name], whole=True, **{name: value})
            elif name in _POSITIVE:
                require_at_least(owner, 0.0, strict=True, **{name: value})

    def poison(
        self,
        model: Any,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        task: Any = None,
        threat: ThreatModel,
        random_state: int | np.random.Generator | None = None,
    ) -> AttackResult:
        """Compute the rows to inject.

        Parameters
        ----------
        model : MTRLRegressor, MTRLClassifier, LambdaSearch, Coupled or Sanitised
            The victim's settings; left untouched, fitted or not. A search plans with the lambdas that it has on clean
            rows; a filter, and a rule for Omega, are known to the attacker. Sample weights of an earlier fit are not
            used: all rows, clean and injected, have equal weight.
        X, y, task
            The clean training data, as for ``model.fit``; features should lie within the threat's region.
        threat : ThreatModel
        random_state : int, Generator or None

        Returns
        -------
        AttackResult
            Of the start with the highest utility.

        Raises
        ------
        ValueError
            For data that ``fit`` refuses, unknown tasks, or a budget that rounds to no rows.
        TypeError
            For a model of another kind.
        """
        return self._poison(self._runs, model, (X, y, task), threat, random_state)

    @abstractmethod
    def _runs(self, program: Bilevel, W: FloatArray, rngs: list[np.random.Generator]) -> list[Run]:
        """One run for each generator; ``W`` is the optimum on clean rows, shape (m, p)."""

    def _poison(
        self,
        choose: Callable[[Bilevel, FloatArray, list[np.random.Generator]], list[Run]],
        model: Any,
        data: tuple[Any, Any, Any],
        threat: ThreatModel,
        random_state: int | np.random.Generator | None,
    ) -> AttackResult:
        """``poison`` with runs that ``choose`` makes."""
        program = bilevel(model, *data, threat)
        rngs = np.random.default_rng(random_state).spawn(getattr(self, "n_starts", 1))
        with one_blas_thread():
            clean = program.clean
            runs = choose(program, clean.W, rngs)
        return self._result(program, threat, clean, runs, data, model)

    def _result(
        self,
        program: Bilevel,
        threat: ThreatModel,
        clean: Solution,
        runs: list[Run],
        data: tuple[Any, Any, Any],
        model: Any,
    ) -> AttackResult:
        """The run of the highest utility as a result, with the victim fitted from scratch on clean plus injected rows.

        A RuntimeError says where the run's rows break the threat model: then the attack has a mistake.
        """
        best = max(runs, key=lambda run: run.utility)
        truth = program.truth
        injection = _rounded(truth, threat, program.truly(best.injection))
        require_kept(truth, threat, injection, type(self).__name__)
        require_features(injection.X, name="X of the injected rows")
        with one_blas_thread():
            before = clean if truth is program else truth.clean
        y, task = truth.in_labels(injection)
        result = AttackResult(
            X=injection.X,
            y=y,
            task=task,
            utility=best.utility,
            clean_utility=truth.utility(before.W),
            task_losses=np.recarray(truth.honest.tasks.size, TASK_LOSSES),
            tasks=truth.honest.tasks,
            history=np.array(best.records, dtype=HISTORY).view(np.recarray),
            start_utilities=np.array([run.utility for run in runs]),
            threat=threat,
            attack={"name": type(self).__name__, **asdict(self)},
            cost=replace(program.tally),
            status=best.status,
        )
        fitted = result.refit(model, *data)
        loose = {before.status, fitted.status_} & _LOOSE or any(run.status is AttackStatus.UNCERTIFIED for run in runs)
        W = _weights(fitted, truth)
        losses = _task_losses(truth, before.W, W)
        require_at_most_zero_losses(truth, injection, losses["attacked"], fitted.duality_gap_)
        return replace(
            result,
            model=fitted,
            utility=truth.utility(W),
            task_losses=losses,
            status=AttackStatus.UNCERTIFIED if loose else best.status,
        )


class OneShot(Attack):
    """An attack that places its rows once, without fits on the way."""

    @abstractmethod
    def _rows(self, program: Bilevel, W: FloatArray, rng: np.random.Generator) -> Injection:
        """The rows to inject; ``W`` is the optimum on clean rows, shape (m, p)."""

    def _runs(self, program: Bilevel, W: FloatArray, rngs: list[np.random.Generator]) -> list[Run]:
        runs = [Run(self._rows(program, W, rng)) for rng in rngs]
        for run in runs:
            run.fit(program, 0, W)
        return runs


def _rounded(program: Bilevel, threat: ThreatModel, injection: Injection) -> Injection:
    """Whole numbers and one-hot groups where the threat model has such columns."""
    if threat.columns is None:
        return injection
    X = np.empty(injection.X.shape)
    for rows, region in program.places.groups(injection.task_index, injection.y):
        X[rows] = threat.columns.round(injection.X[rows], region)
    return replace(injection, X=X)


def _weights(fitted: Any, program: Bilevel) -> FloatArray:
    """A fitted victim's weights in the program's order of tasks, shape (m, p)."""
    W = np.column_stack([fitted.coef_, fitted.intercept_])
    if not program.lower.accounts:
        return W
    at = places(program.problem.tasks, fitted.tasks_)  # -1 for an account whose rows a filter has dropped
    return np.where(at[:, None] < 0, 0.0, W[at])


def _task_losses(program: Bilevel, before: FloatArray, after: FloatArray) -> np.recarray[Any, Any]:
    """Of the honest tasks."""
    problem, m = program.honest, program.honest.tasks.size
    losses = np.recarray(m, TASK_LOSSES)
    for name, W in (("clean", before), ("attacked", after)):
        losses[name] = mean_loss_by_task(problem.rows, problem.loss, W[:m])
    for name, tasks in (("target", program.targets), ("attacker", program.attackers)):
        losses[name] = np.isin(np.arange(m), tasks)
    return losses
