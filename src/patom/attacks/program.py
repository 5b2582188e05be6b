"""The bilevel program (paper, eq. 2 and 3): the attacker's utility above, problem (1) on poisoned rows below."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from patom.attacks.adversary.aim import Aim
from patom.attacks.adversary.places import Places, Rule
from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.cache import Memory
from patom.attacks.filtered import Passed, narrowed, passed, pulled_back
from patom.attacks.injection import Injection
from patom.core.arrays import FloatArray, IntArray
from patom.core.data_term import MomentTerm, RowTerm, by_moments, data_term, moment_term
from patom.core.labels import positions
from patom.core.moments import Moments, moments
from patom.core.penalties.given import fixed_covariance
from patom.core.penalties.penalty import Penalty
from patom.core.regions import Region
from patom.core.rows import TaskRows, append_constant, inject_rows
from patom.core.solvers.solution import Solution
from patom.defenses.coupling.coupled import Coupled, with_lambdas
from patom.defenses.coupling.rule import Coupling, CouplingRule
from patom.defenses.filters.sanitiser import Sanitised, Sanitiser
from patom.models.lambda_search import LambdaSearch
from patom.models.mtrl import MTRLClassifier, MTRLRegressor
from patom.models.problem import Problem

MTRL = MTRLRegressor | MTRLClassifier


@dataclass
class Tally:
    """What an attack has cost so far.

    Parameters
    ----------
    solves, solver_steps : int
        Solves of (1), and their steps.
    adjoint_solves, products : int
        Linear systems of gradients, and their products with the second derivative.
    """

    solves: int = 0
    solver_steps: int = 0
    adjoint_solves: int = 0
    products: int = 0


def _last_only() -> Memory[Any]:
    return Memory(length=1)


@dataclass(frozen=True)
class Bilevel:
    """Clean rows, the victim's problem (1) and the attacker's aims, as the attacker sees them.

    Parameters
    ----------
    victim : MTRLRegressor or MTRLClassifier
        An unfitted clone that knows the labels of tasks and classes.
    problem : Problem
        Problem (1) on the clean rows that she knows.
    aim : Aim
        Her utility.
    targets, attackers : arrays of positions, ascending
        Of the attackers, those whose budget comes to a row.
    counts : array
        Rows to inject into each attacker, at least 1.
    places : Places
        Where they may lie.
    label_bounds : pair of arrays of shape (m,)
        Smallest and largest target of each task's injected rows.
    truth : Bilevel, optional
        The true victim's program, where she knows less than everything.
    theirs : array of positions, optional
        Where her tasks are among the true victim's.
    sanitiser : Sanitiser, optional
        The victim's filter of rows, which the attacker knows.
    rule : CouplingRule, optional
        The victim's rule for Omega, which she knows as well.
    tally : Tally
        Counts on, so that no attack's cost is missed.
    """

    victim: MTRL
    problem: Problem
    aim: Aim
    targets: IntArray
    attackers: IntArray
    counts: IntArray
    places: Places
    label_bounds: tuple[FloatArray, FloatArray]
    truth: "Bilevel | None" = None
    theirs: IntArray | None = None
    sanitiser: Sanitiser | None = None
    rule: CouplingRule | None = None
    tally: Tally = field(default_factory=Tally, compare=False)
    memory: Memory[Passed] = field(default_factory=Memory, compare=False)
    couplings: Memory[Coupling] = field(default_factory=Memory, compare=False)
    merged: Memory[TaskRows] = field(default_factory=_last_only, compare=False)
    terms: Memory[MomentTerm | RowTerm] = field(default_factory=_last_only, compare=False)

    def solve(
        self, injection: Injection | None, start: FloatArray | None = None, *, polish: bool = True, tol: float = 0.0
    ) -> Solution:
        """The lower level: problem (1) on clean and injected rows together (eq. 3).

        ``tol`` loosens the victim's own tolerance; ``start``, shape (m, p), is a warm start.
        """
        problem = replace(self.problem, penalty=self.penalty(injection))
        if start is not None and self.rule is not None:  # off a singular Omega's range it would seem better than it is
            start = problem.penalty.model(start, start).project(start)
        solution = problem.solve(start=start, polish=polish, tol=tol, term=self.term(injection))
        self.tally.solves += 1
        self.tally.solver_steps += solution.n_iter
        return solution

    def rows(self, injection: Injection | None) -> TaskRows:
        """Clean and injected rows together; those that pass, where the victim has a filter.

        Costs a copy of all rows, once while the injection stays the same.
        """
        clean = self.problem.rows
        if self.sanitiser is not None:
            return self.passed(injection).rows
        if injection is None:
            return clean
        return self.merged.recall(
            injection, lambda: inject_rows(clean, append_constant(injection.X), injection.y, injection.task_index)
        )

    def term(self, injection: Injection | None) -> MomentTerm | RowTerm:
        """The data term of (1) on ``rows``, as the solver takes it; built once while the injection stays the same.

        By moments it costs r p^2 and never sees the clean rows again.
        """
        return self.terms.recall(injection, lambda: self._term(injection))

    def _term(self, injection: Injection | None) -> MomentTerm | RowTerm:
        if self.sanitiser is not None or not by_moments(self.problem.rows, self.problem.loss):
            return data_term(self.rows(injection), self.problem.loss)
        clean = self._moments
        if injection is None:
            return moment_term(clean)
        return moment_term(clean.joined(append_constant(injection.X), injection.y, injection.task_index))

    @cached_property
    def _moments(self) -> Moments:
        """Of the clean rows."""
        return moments(self.problem.rows)

    def weights(self, injection: Injection) -> FloatArray:
        """The factor 1/(n_i + n^_i) of each injected row in problem (1), shape (r,); 0 for one that does not pass."""
        counts = self.rows(injection).counts if self.sanitiser is not None else self._counts(injection)
        weights = 1.0 / counts[injection.task_index]
        return weights if self.sanitiser is None else np.where(self.passed(injection).injected, weights, 0.0)

    def passed(self, injection: Injection | None) -> Passed:
        """What the victim's filter lets pass; the last answers are remembered, as each is asked for several times."""
        sanitiser = self.sanitiser
        assert sanitiser is not None
        return self.memory.recall(injection, lambda: passed(sanitiser, self.problem.rows, injection))

    def penalty(self, injection: Injection | None) -> Penalty:
        """The penalty of (1) on clean and injected rows together; Omega is given where the victim has a rule for it."""
        if self.rule is None:
            return self.problem.penalty
        return fixed_covariance(self.coupling(injection).omega, *self.problem.penalty.weights)

    def coupling(self, injection: Injection | None) -> Coupling:
        """What the victim's rule says to clean and injected rows together; remembered as ``passed`` is.

        The rule's own fits start from its last ones, and do not count in the tally.
        """
        return self.couplings.recall(injection, lambda: self._couple(injection))

    def _couple(self, injection: Injection | None) -> Coupling:
        rule, last = self.rule, self.couplings.last
        assert rule is not None
        return rule.couple(replace(self.problem, rows=self.rows(injection)), None if last is None else last.start)

    def entering(self, injection: Injection) -> FloatArray:
        """The injected rows' features as they enter problem (1), with the constant, shape (r, p)."""
        return append_constant(injection.X if self.sanitiser is None else self.passed(injection).X)

    def pulled_back(self, injection: Injection, slopes: FloatArray) -> FloatArray:
        """Derivatives by the injected features, shape (r, d), from those by the features that enter problem (1)."""
        if self.sanitiser is None:
            return slopes
        return pulled_back(self.sanitiser, self.problem.rows, injection, slopes)

    def settled(self, moved: Injection, before: Injection) -> Injection:
        """The moved rows, but for those that the filter would catch: they stay where they passed."""
        if self.sanitiser is None:
            return moved
        back = self.passed(before).injected & ~self.passed(moved).injected
        if not back.any():
            return moved
        return replace(moved, X=np.where(back[:, None], before.X, moved.X), y=np.where(back, before.y, moved.y))

    def narrowed(self, injection: Injection) -> "Bilevel":
        """The program with rows confined to where the victim's filter would let them pass as it stands."""
        if self.sanitiser is None:
            return self
        return replace(self, places=narrowed(self.sanitiser, self.places, self.problem.rows, injection))

    def _counts(self, injection: Injection) -> IntArray:
        return self.problem.rows.counts + np.bincount(injection.task_index, minlength=self.problem.rows.n_tasks)

    def utility(self, W: FloatArray) -> float:
        """The attacker's utility; by default the mean loss of the target tasks' clean rows (eq. 2 sums it)."""
        return self.aim.utility(W)

    def duals(self, injection: Injection, W: FloatArray) -> FloatArray:
        """a_ij = -l'(w_i'x_ij, y_ij) / (n_i + n^_i) of the injected rows, shape (r,) (eq. 5)."""
        z = np.einsum("rp,rp->r", self.entering(injection), W[injection.task_index])
        return -self.problem.loss.slope(z, injection.y) * self.weights(injection)

    def project(self, X: FloatArray, injection: Injection) -> FloatArray:
        """The nearest allowed features for rows of the injection's tasks and labels."""
        return self.places.project(X, injection.task_index, injection.y)

    def truly(self, injection: Injection) -> Injection:
        """The rows as the true victim's program names their tasks."""
        return injection if self.theirs is None else replace(injection, task_index=self.theirs[injection.task_index])

    def sample(self, injection: Injection, rng: np.random.Generator) -> FloatArray:
        """Features drawn uniformly from where rows of the injection's tasks and labels may lie."""
        return self.places.sample(injection.task_index, injection.y, self.problem.rows.n_columns - 1, rng)


def bilevel(model: Any, X: npt.ArrayLike, y: npt.ArrayLike, task: Any, threat: ThreatModel) -> Bilevel:
    """Check model, data and threat against each other; the model passed in is left untouched."""
    inner, sanitiser, rule = _unwrapped(model)
    if not isinstance(inner, MTRL | LambdaSearch):
        raise TypeError(
            f"model must be an MTRLRegressor or MTRLClassifier to be attacked; got {type(inner).__name__}. "
            "Attack one of these, maybe behind a filter or with a rule for Omega, then replay the result against any "
            "other model."
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
        victim, problem, threat.objective.aim(problem, targets, victim.known_targets), targets, attackers, counts,
        _places(threat.region, problem, attackers), _label_bounds(problem, threat.label_range),
        sanitiser=sanitiser, rule=rule,
    )  # fmt: skip
    return truth if threat.knowledge is None else _surrogate(truth, threat)


def _unwrapped(model: Any) -> tuple[Any, Sanitiser | None, CouplingRule | None]:
    """The learner inside, the filter of its rows and the rule for its Omega."""
    inner, sanitiser = (model.estimator, model.sanitiser) if isinstance(model, Sanitised) else (model, None)
    if not isinstance(inner, Coupled):
        return inner, sanitiser, None
    inner.check()
    return inner.estimator, sanitiser, inner.rule


def _places(region: Region | Rule, problem: Problem, attackers: IntArray) -> Places:
    return region.places(problem, attackers) if isinstance(region, Rule) else Places((region,))


def _label_bounds(problem: Problem, given: tuple[float, float] | None) -> tuple[FloatArray, FloatArray]:
    rows = problem.rows
    if given is not None and not problem.loss.margin:
        return np.full(rows.n_tasks, given[0]), np.full(rows.n_tasks, given[1])
    starts = rows.offsets[:-1]
    return np.minimum.reduceat(rows.y, starts), np.maximum.reduceat(rows.y, starts)


def _surrogate(truth: Bilevel, threat: ThreatModel) -> Bilevel:
    """The program as a grey-box attacker sees it; what she may inject, and where, is the truth's."""
    assert threat.knowledge is not None
    problem = threat.knowledge.surrogate(truth.victim, truth.problem)
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
        problem=problem,
        aim=threat.objective.aim(problem, targets, truth.victim.known_targets),
        targets=targets,
        attackers=hers[truth.attackers],
        places=truth.places if number is None else replace(truth.places, number=number[theirs]),
        label_bounds=(low[theirs], high[theirs]),
        truth=truth,
        theirs=theirs,
        tally=Tally(),
        memory=Memory(),
        couplings=Memory(),
        merged=_last_only(),
        terms=_last_only(),
    )
