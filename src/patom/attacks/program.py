"""The bilevel program (paper, eq. 2 and 3): the attacker's utility above, problem (1) on poisoned rows below."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from patom.attacks.adversary import accounts
from patom.attacks.adversary.aim import Aim
from patom.attacks.adversary.knowledge import GreyBox
from patom.attacks.adversary.places import Places, Rule, RuleWithAccounts
from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.injection import Injection
from patom.attacks.lower_level import LowerLevel, lower_level
from patom.attacks.records import Tally
from patom.core.arrays import AnyArray, FloatArray, IntArray
from patom.core.labels import positions
from patom.core.regions import Region
from patom.core.solvers.solution import Solution
from patom.defenses.coupling.coupled import Coupled, with_lambdas
from patom.defenses.coupling.rule import CouplingRule
from patom.defenses.filters.sanitiser import Sanitised, Sanitiser
from patom.models.lambda_search import LambdaSearch
from patom.models.mtrl import MTRLClassifier, MTRLRegressor
from patom.models.problem import Problem

MTRL = MTRLRegressor | MTRLClassifier


@dataclass(frozen=True, eq=False)
class Bilevel:
    """What the attacker maximises, where her rows may go, and the victim's fit below."""

    victim: MTRL  # an unfitted clone that knows the labels of tasks and classes
    lower: LowerLevel  # the victim's fit, as a function of the injected rows
    aim: Aim  # her utility, as a function of the weights
    targets: IntArray  # positions, ascending
    attackers: IntArray  # positions, ascending, of those whose budget amounts to at least one row
    counts: IntArray  # rows to inject into each attacker, at least 1
    places: Places  # where they may lie
    label_bounds: tuple[FloatArray, FloatArray]  # smallest and largest target of each task's injected rows, shapes (m,)
    true: "Bilevel | None" = None  # of a grey-box attacker, for whom this is a surrogate: the true victim's program
    theirs: IntArray | None = None  # and where the attacker's tasks are among the true victim's
    tally: Tally = field(default_factory=Tally)  # shared with programs that ``replace`` makes from this one

    @property
    def problem(self) -> Problem:
        """Problem (1) on the clean rows that the attacker knows; accounts are its last tasks, and have none."""
        return self.lower.problem

    @property
    def honest(self) -> Problem:
        """Problem (1) without the attacker's accounts."""
        return self.lower.honest.problem

    @property
    def truth(self) -> "Bilevel":
        """The program of the true victim: this one, where the attacker knows everything."""
        return self if self.true is None else self.true

    def truly(self, injection: Injection) -> Injection:
        """The rows as ``truth`` numbers their tasks."""
        return injection if self.theirs is None else replace(injection, task_index=self.theirs[injection.task_index])

    def solve(
        self, injection: Injection | None, start: FloatArray | None = None, *, polish: bool = True, tol: float = 0.0
    ) -> Solution:
        """Solve the lower level, see ``LowerLevel.solve``, and count what it costs."""
        solution = self.lower.solve(injection, start, polish=polish, tol=tol)
        self.tally.solves += 1
        self.tally.solver_steps += solution.n_iter
        return solution

    @cached_property
    def clean(self) -> Solution:
        """The fit without injected rows."""
        return self.solve(None)

    def utility(self, W: FloatArray) -> float:
        """The attacker's utility; by default the mean loss of the target tasks' clean rows (eq. 2 sums it)."""
        return self.aim.utility(W)

    def bounds(self, task_index: IntArray) -> tuple[FloatArray, FloatArray]:
        """Smallest and largest target that rows of these tasks may have."""
        low, high = self.label_bounds
        return low[task_index], high[task_index]

    def extremes(self, task_index: IntArray) -> tuple[FloatArray, FloatArray]:
        """The two labels that are furthest apart, for rows of these tasks: the classes, or the bounds on targets."""
        if self.problem.loss.margin:
            return np.full(task_index.size, -1.0), np.ones(task_index.size)
        return self.bounds(task_index)

    def in_labels(self, injection: Injection) -> tuple[AnyArray, AnyArray]:
        """Targets and tasks of the rows, in the labels of the data."""
        classes, task = getattr(self.victim, "classes_", None), self.problem.tasks[injection.task_index]
        return (injection.y if classes is None else classes[(injection.y > 0.0).astype(int)]), task

    def project(self, X: FloatArray, injection: Injection) -> FloatArray:
        """The nearest allowed features for rows of the injection's tasks and labels."""
        return self.places.project(X, injection.task_index, injection.y)

    def sample(self, injection: Injection, rng: np.random.Generator) -> FloatArray:
        """Features drawn uniformly from where rows of the injection's tasks and labels may lie."""
        return self.places.sample(injection.task_index, injection.y, self.problem.rows.n_columns - 1, rng)

    def narrowed(self, injection: Injection) -> "Bilevel":
        """The program with rows confined to where the victim's filter, if any, would let them pass as it stands."""
        return replace(self, places=self.lower.narrowed(self.places, injection))

    def held(self, injection: Injection) -> "Bilevel":
        """As ``narrowed``, and the filter does to clean rows what it does to them now: no fit has to run it again.

        Itself, where the victim has no filter.
        """
        lower = self.lower.held(injection)
        return self if lower is self.lower else replace(self.narrowed(injection), lower=lower)


def bilevel(model: Any, X: npt.ArrayLike, y: npt.ArrayLike, task: Any, threat: ThreatModel) -> Bilevel:
    """Check model, data and threat against each other; the model passed in is left untouched."""
    inner, sanitiser, rule = _unwrapped(model)
    if not isinstance(inner, MTRL | LambdaSearch):
        raise TypeError(
            f"model must be an MTRLRegressor or MTRLClassifier to be attacked; got {type(inner).__name__}. "
            "Attack one of these, maybe behind a filter or with a rule for Omega, then refit any other model on its "
            "rows: AttackResult.refit."
        )
    if not isinstance(threat, ThreatModel):
        raise TypeError(f"threat must be a ThreatModel; got {type(threat).__name__}.")
    victim = with_lambdas(inner, X, y, task)
    problem = victim.problem(X, y, task=task)
    if threat.columns is not None:
        threat.columns.require(problem.rows.n_columns - 1)
    # Sorted: the answer must not depend on the order of the labels, which in a set differs from run to run.
    targets = np.sort(threat.target_positions(problem.tasks))
    attackers = np.sort(threat.attacker_positions(problem.tasks))
    counts = threat.injected_counts(problem.rows.counts[attackers])
    attackers, counts = attackers[counts > 0], counts[counts > 0]
    truth = Bilevel(
        victim,
        lower_level(problem, sanitiser, rule),
        threat.objective.aim(problem, targets, victim.known_targets),
        targets,
        attackers,
        counts,
        threat.region.places(problem, attackers) if isinstance(threat.region, Rule) else Places((threat.region,)),
        _label_bounds(problem, threat.label_range),
    )
    program = truth if threat.knowledge is None else _surrogate(truth, threat, threat.knowledge)
    new = threat.accounts
    return program if new is None else with_accounts(program, threat, new.labels(problem.tasks), new.counts)


def with_accounts(program: Bilevel, threat: ThreatModel, labels: AnyArray, counts: IntArray) -> Bilevel:
    """The program of an attacker who also opens accounts of these labels and numbers of rows, at the truth too."""
    m, k = program.problem.rows.n_tasks, labels.size
    (low, high), y, theirs = program.label_bounds, program.truth.problem.rows.y, program.theirs
    least, most = threat.label_range if threat.label_range and not program.problem.loss.margin else (y.min(), y.max())
    return replace(
        program,
        lower=replace(
            program.lower, problem=accounts.with_accounts(program.problem, program.victim, labels), accounts=k
        ),
        aim=accounts.padded(program.aim, k),
        attackers=np.append(program.attackers, m + np.arange(k)),
        counts=np.append(program.counts, counts),
        places=_with_theirs(program.places, threat.region, program.truth.problem, k),
        label_bounds=(np.append(low, np.full(k, least)), np.append(high, np.full(k, most))),
        true=None if program.true is None else with_accounts(program.true, threat, labels, counts),
        theirs=None if theirs is None else np.append(theirs, program.truth.problem.rows.n_tasks + np.arange(k)),
    )


def _with_theirs(places: Places, region: Region | Rule, problem: Problem, k: int) -> Places:
    """The places of all tasks' rows, those of k accounts included."""
    if places.number is None or not isinstance(region, Rule):
        return places
    if not isinstance(region, RuleWithAccounts):
        raise ValueError(
            f"region of ThreatModel, {type(region).__name__}, does not say where rows of new accounts may lie: give it "
            "a method of_accounts, or choose another region."
        )
    theirs = region.of_accounts(problem)
    number = len(places.regions) + np.array([0, len(theirs) - 1])
    return Places((*places.regions, *theirs), np.vstack([places.number, np.tile(number, (k, 1))]))


def _unwrapped(model: Any) -> tuple[Any, Sanitiser | None, CouplingRule | None]:
    """The learner inside, the filter of its rows and the rule for its Omega."""
    inner, sanitiser = (model.estimator, model.sanitiser) if isinstance(model, Sanitised) else (model, None)
    if not isinstance(inner, Coupled):
        return inner, sanitiser, None
    inner.check()
    return inner.estimator, sanitiser, inner.rule


def _label_bounds(problem: Problem, given: tuple[float, float] | None) -> tuple[FloatArray, FloatArray]:
    rows = problem.rows
    if given is not None and not problem.loss.margin:
        return np.full(rows.n_tasks, given[0]), np.full(rows.n_tasks, given[1])
    starts = rows.offsets[:-1]
    return np.minimum.reduceat(rows.y, starts), np.maximum.reduceat(rows.y, starts)


def _surrogate(truth: Bilevel, threat: ThreatModel, knowledge: GreyBox) -> Bilevel:
    """The program as a grey-box attacker sees it; what she may inject, and where, is the truth's."""
    problem = knowledge.surrogate(truth.victim, truth.problem)
    theirs = positions(problem.tasks, truth.problem.tasks, argument="task of GreyBox")
    hers = np.full(truth.problem.tasks.size, -1)
    hers[theirs] = np.arange(theirs.size)
    needed = np.union1d(truth.targets, truth.attackers)
    missing = needed[hers[needed] < 0]
    if missing.size:
        raise ValueError(
            f"task of GreyBox must hold the threat model's targets and attackers; {truth.problem.tasks[missing[0]]!s} "
            "is not among them."
        )
    targets = np.sort(hers[truth.targets])
    number, (low, high) = truth.places.number, truth.label_bounds
    return replace(
        truth,
        lower=replace(truth.lower, problem=problem),
        aim=threat.objective.aim(problem, targets, truth.victim.known_targets),
        targets=targets,
        attackers=hers[truth.attackers],
        places=truth.places if number is None else replace(truth.places, number=number[theirs]),
        label_bounds=(low[theirs], high[theirs]),
        true=truth,
        theirs=theirs,
        tally=Tally(),
    )
