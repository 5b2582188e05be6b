"""The lower level of the program (eq. 3): the victim's fit on clean and injected rows together.

``LowerLevel`` is problem (1) on all rows. A victim that does more has a class that overrides what it does: a filter in
front of the rows (``FilteredLevel``), a rule for Omega (``CoupledLevel``), or both.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np

from patom.attacks.adversary.places import Places
from patom.attacks.injection import Injection
from patom.core.arrays import BoolArray, FloatArray, IntArray
from patom.core.data_term import MomentTerm, RowTerm, by_moments, data_term, moments
from patom.core.penalties.given import fixed_covariance
from patom.core.penalties.penalty import Penalty
from patom.core.regions import Region
from patom.core.rows import TaskRows, append_constant, group_rows, inject_rows, weights_of
from patom.core.solvers.solution import Solution
from patom.core.task_weights import Repeated
from patom.defenses.coupling.rule import Coupling, CouplingRule, Source
from patom.defenses.filters.sanitiser import Sanitiser, checked_rows
from patom.models.problem import Problem

_ROUNDS = 20  # of cyclic projections
Answer = TypeVar("Answer")


@dataclass
class Cache(Generic[Answer]):
    """The last few answers about injections, each of which is needed several times."""

    length: int  # answers that are kept, at least 1; fewer where they are large
    answers: list[tuple[Injection | None, Answer]] = field(default_factory=list)

    def get(self, injection: Injection | None, compute: Callable[[], Answer]) -> Answer:
        """The answer about this injection (the object, not its values; None for no injection), computed if need be."""
        known = next((answer for asked, answer in self.answers if asked is injection), None)
        if known is None:
            del self.answers[: max(0, len(self.answers) - self.length + 1)]  # frees memory before the new answer
            known = compute()
            self.answers.append((injection, known))
        return known

    @property
    def last(self) -> Answer | None:
        """The answer that was computed last."""
        return self.answers[-1][1] if self.answers else None


@dataclass(frozen=True, eq=False)
class LowerLevel:
    """Problem (1) on clean and injected rows together, and its derivatives' ingredients."""

    problem: Problem  # on the clean rows that the attacker knows
    accounts: int = field(default=0, kw_only=True)  # of the attacker: the last tasks, which have no clean rows
    copies: FloatArray | None = field(default=None, kw_only=True)  # accounts that each of them stands for, shape (k,)
    # Caches are no arguments: a lower level that ``dataclasses.replace`` makes starts with empty ones.
    _rows: Cache[TaskRows] = field(default_factory=lambda: Cache(1), init=False)
    _terms: Cache[MomentTerm | RowTerm] = field(default_factory=lambda: Cache(1), init=False)

    def solve(
        self, injection: Injection | None, start: FloatArray | None = None, *, polish: bool = True, tol: float = 0.0
    ) -> Solution:
        """The fit. ``tol`` loosens the victim's own tolerance; ``start``, shape (m, p), is a warm start.

        Without an injection there are no accounts; their weights are 0.
        """
        if injection is None and self.accounts:
            m = self.honest.problem.rows.n_tasks
            clean = self.honest.solve(None, None if start is None else start[:m], polish=polish, tol=tol)
            return replace(clean, W=np.vstack([clean.W, np.zeros((self.accounts, clean.W.shape[1]))]))
        problem = replace(self.problem, penalty=self.penalty(injection))
        if start is not None:
            start = self._startable(problem.penalty, start)
        return problem.solve(start=start, polish=polish, tol=tol, term=self.term(injection))

    @property
    def honest_tasks(self) -> int:
        """Number of tasks without the attacker's accounts, which come after them."""
        return self.problem.rows.n_tasks - self.accounts

    @cached_property
    def honest(self) -> "LowerLevel":
        """The lower level without the attacker's accounts."""
        if not self.accounts:
            return self
        rows, m = self.problem.rows, self.honest_tasks
        weighing = None if rows.weighing is None else rows.weighing.among(np.arange(m))
        own = TaskRows(rows.X, rows.y, rows.offsets[: m + 1], shares=rows.shares, weighing=weighing)
        problem = replace(self.problem, rows=own, tasks=self.problem.tasks[:m])
        return replace(self, problem=problem, accounts=0, copies=None)

    def repeated(self, copies: FloatArray) -> "LowerLevel":
        """The lower level in which each account stands for ``copies`` identical ones, shape (k,), real numbers above 0.

        c accounts with the same rows have the same weights w, and are one task with weights u = sqrt(c) w and the loss
        c l(u'x/sqrt(c)): the penalties of (1) are the same, and the cost does not depend on c.
        """
        rows = self.problem.rows
        each = rows.weighing.each if isinstance(rows.weighing, Repeated) else rows.weighing
        times = np.append(np.ones(self.honest_tasks), copies)
        problem = replace(self.problem, rows=replace(rows, weighing=Repeated(each, times)))
        return replace(self, problem=problem, copies=copies)

    def _shrunk(self, injection: Injection) -> FloatArray:
        """Injected rows with the constant as they enter problem (1), those of a repeated account over sqrt(c)."""
        X = append_constant(injection.X)
        return X if self.copies is None else X / self._roots(injection)[:, None]

    def _roots(self, injection: Injection) -> FloatArray:
        """sqrt(c) of each injected row's task, shape (r,)."""
        assert self.copies is not None
        times = np.append(np.ones(self.honest_tasks), self.copies)
        return np.asarray(np.sqrt(times[injection.task_index]))

    def rows(self, injection: Injection | None) -> TaskRows:
        """Clean and injected rows together; costs a copy of all rows, once while the injection stays the same."""
        clean = self.problem.rows
        if injection is None:
            return clean
        return self._rows.get(
            injection, lambda: inject_rows(clean, self._shrunk(injection), injection.y, injection.task_index)
        )

    def term(self, injection: Injection | None) -> MomentTerm | RowTerm:
        """The data term of (1) on ``rows``, as the solver takes it; built once while the injection stays the same.

        By moments it costs r p^2 and never reads the clean rows again.
        """
        return self._terms.get(injection, lambda: self._term(injection))

    def _term(self, injection: Injection | None) -> MomentTerm | RowTerm:
        if not by_moments(self.problem.rows, self.problem.loss):
            return data_term(self.rows(injection), self.problem.loss)
        term, weighing = self._moments, self.problem.rows.weighing
        if injection is not None:
            term = term.joined(self._shrunk(injection), injection.y, injection.task_index)
        return term.weighted(weighing)

    @cached_property
    def _moments(self) -> MomentTerm:
        """Of the clean rows, before tasks are weighed."""
        return moments(self.problem.rows)

    def counts(self, injection: Injection) -> IntArray:
        """Rows of each task in ``rows``, shape (m,)."""
        return self.problem.rows.counts + np.bincount(injection.task_index, minlength=self.problem.rows.n_tasks)

    def weights(self, injection: Injection) -> FloatArray:
        """The factor c_i/(n_i + n^_i) of each injected row in problem (1), shape (r,); 0 for one that does not pass.

        c_i is 1 in the paper, see ``core.task_weights``. It depends on numbers of rows alone, which an attack does not
        change, so it is a constant in every derivative by a row.
        """
        counts = self.counts(injection)
        c = weights_of(self.problem.rows.weighing, counts)
        return (1.0 if c is None else c[injection.task_index]) / counts[injection.task_index]

    def duals(self, injection: Injection, W: FloatArray) -> FloatArray:
        """a_ij = -l'(w_i'x_ij, y_ij) c_i/(n_i + n^_i) of the injected rows, shape (r,): alpha in eq. 13 and 14."""
        z = np.einsum("rp,rp->r", self.entering(injection), W[injection.task_index])
        return -self.problem.loss.slope(z, injection.y) * self.weights(injection)

    def penalty(self, injection: Injection | None) -> Penalty:  # noqa: ARG002
        """The penalty of (1) on clean and injected rows together."""
        return self.problem.penalty

    def source(self, injection: Injection) -> Source | None:  # noqa: ARG002
        """The fit that Omega was made from; None where Omega is given, or learned together with W."""
        return None

    def passes(self, injection: Injection) -> BoolArray:
        """Which injected rows enter problem (1), shape (r,)."""
        return np.ones(injection.y.size, dtype=bool)

    def entering(self, injection: Injection) -> FloatArray:
        """The injected rows' features as they enter problem (1), with the constant, shape (r, p)."""
        return self._shrunk(injection)

    def pulled_back(self, injection: Injection, slopes: FloatArray) -> FloatArray:
        """Derivatives by the injected features, shape (r, d), from those by the features that enter problem (1)."""
        return slopes if self.copies is None else slopes / self._roots(injection)[:, None]

    def settled(self, moved: Injection, before: Injection) -> Injection:
        """The moved rows; a row that passed before its move and would not pass after it stays where it was."""
        back = self.passes(before) & ~self.passes(moved)
        if not back.any():
            return moved
        return replace(moved, X=np.where(back[:, None], before.X, moved.X), y=np.where(back, before.y, moved.y))

    def narrowed(self, places: Places, injection: Injection) -> Places:  # noqa: ARG002
        """Where injected rows may lie, and would pass the victim's filter as it stands with this injection."""
        return places

    def held(self, injection: Injection) -> "LowerLevel":  # noqa: ARG002
        """The lower level of a victim whose filter does to clean rows what it does to them now, and drops no other."""
        return self

    def without_rule(self, problem: Problem) -> "LowerLevel":
        """Another problem (1) on the same rows, whose penalty no rule changes."""
        return replace(lower_level(problem, getattr(self, "sanitiser", None), None), accounts=self.accounts)

    def _startable(self, penalty: Penalty, start: FloatArray) -> FloatArray:  # noqa: ARG002
        """A warm start that the penalty allows."""
        return start


@dataclass(frozen=True)
class Passed:
    """What a filter lets pass of clean and injected rows together."""

    rows: TaskRows  # those that pass
    injected: BoolArray  # which of the injected rows those are, shape (r,)
    X: FloatArray  # the injected rows' features as the filter leaves them, shape (r, d)


@dataclass(frozen=True, eq=False)
class FilteredLevel(LowerLevel):
    """The lower level of a victim behind a filter: problem (1) on the rows that pass it."""

    sanitiser: Sanitiser  # the filter, which the attacker knows
    _passed: Cache[Passed] = field(default_factory=lambda: Cache(4), init=False)

    def passed(self, injection: Injection | None) -> Passed:
        """Filter clean and injected rows together, as the victim does; costs what the filter costs."""
        return self._passed.get(injection, lambda: self._filtered(injection))

    def _filtered(self, injection: Injection | None) -> Passed:
        clean = self.problem.rows
        X, y, task_index = clean.X[:, :-1], clean.y, clean.task_index
        if injection is not None:
            X, y, task_index = _together(clean, injection)
        found = self.sanitiser.keep(X, y, task_index)
        kept, X = found.kept, X if found.X is None else found.X
        rows = replace(group_rows(X[kept], y[kept], task_index[kept], clean.n_tasks), weighing=clean.weighing)
        return Passed(rows, kept[clean.y.size :], X[clean.y.size :])

    def rows(self, injection: Injection | None) -> TaskRows:
        return self.passed(injection).rows

    def _term(self, injection: Injection | None) -> MomentTerm | RowTerm:
        return data_term(self.rows(injection), self.problem.loss)

    def counts(self, injection: Injection) -> IntArray:
        return self.rows(injection).counts

    def weights(self, injection: Injection) -> FloatArray:
        return np.where(self.passes(injection), super().weights(injection), 0.0)

    def passes(self, injection: Injection) -> BoolArray:
        return self.passed(injection).injected

    def entering(self, injection: Injection) -> FloatArray:
        return append_constant(self.passed(injection).X)

    def pulled_back(self, injection: Injection, slopes: FloatArray) -> FloatArray:
        """Derivatives by the injected features, from those by the features as the filter leaves them."""
        clean = self.problem.rows
        rows = checked_rows(*_together(clean, injection))
        everywhere = np.concatenate([np.zeros((clean.y.size, slopes.shape[1])), slopes])
        return self.sanitiser.pulled_back(rows, everywhere)[clean.y.size :]

    def held(self, injection: Injection) -> LowerLevel:
        clean = self.problem.rows
        found = self.sanitiser.keep(*_together(clean, injection))
        kept, X = found.kept[: clean.y.size], clean.X[:, :-1] if found.X is None else found.X[: clean.y.size]
        rows = group_rows(X[kept], clean.y[kept], clean.task_index[kept], clean.n_tasks)
        problem = replace(self.problem, rows=replace(rows, weighing=clean.weighing))
        return replace(lower_level(problem, None, getattr(self, "rule", None)), accounts=self.accounts)

    def narrowed(self, places: Places, injection: Injection) -> Places:
        """The places, narrowed to where rows would pass the filter as it stands.

        Thresholds and centres move with the rows, so this is where to look; the filter decides what passes.
        """
        X, y, task_index = _together(self.problem.rows, injection)
        rows, shape = checked_rows(X, y, task_index), (self.problem.rows.n_tasks, 2)
        attacked = np.isin(rows.task_index, injection.task_index)
        number = np.zeros(shape, dtype=np.int64) if places.number is None else places.number.copy()
        regions = list(places.regions)
        for group, passing in zip(rows.groups(), self.sanitiser.regions(rows), strict=True):
            if not passing or not attacked[group[0]]:
                continue
            task, sides = rows.task_index[group[0]], [int(y[group[0]] > 0.0)] if rows.classes else [0, 1]
            for side in sides:
                narrow = CyclicProjection(places.regions[number[task, side]], passing)
                number[task, side] = len(regions)
                regions.append(narrow)
        return Places(tuple(regions), number)


@dataclass(frozen=True, eq=False)
class CoupledLevel(LowerLevel):
    """The lower level of a victim whose Omega comes from a rule: problem (1) with Omega given by the rule."""

    rule: CouplingRule  # which the attacker knows
    _couplings: Cache[Coupling] = field(default_factory=lambda: Cache(4), init=False)

    def coupling(self, injection: Injection | None) -> Coupling:
        """What the rule makes of clean and injected rows together.

        The rule's own fits start from its last ones, and do not count as the attack's cost.
        """
        return self._couplings.get(injection, lambda: self._couple(injection))

    def _couple(self, injection: Injection | None) -> Coupling:
        last = self._couplings.last
        return self.rule.couple(replace(self.problem, rows=self.rows(injection)), None if last is None else last.start)

    def penalty(self, injection: Injection | None) -> Penalty:
        return fixed_covariance(self.coupling(injection).omega, *self.problem.penalty.weights)

    def source(self, injection: Injection) -> Source | None:
        return self.coupling(injection).source

    def _startable(self, penalty: Penalty, start: FloatArray) -> FloatArray:
        # Outside the range of a singular Omega the objective of a start would be too low.
        return penalty.model(start, start).project(start)


@dataclass(frozen=True, eq=False)
class FilteredCoupledLevel(CoupledLevel, FilteredLevel):
    """The lower level of a victim with both: the rule sees the rows that pass the filter."""


def lower_level(problem: Problem, sanitiser: Sanitiser | None, rule: CouplingRule | None) -> LowerLevel:
    """The lower level of a victim with or without a filter, and with or without a rule for Omega."""
    if sanitiser is None:
        return LowerLevel(problem) if rule is None else CoupledLevel(problem, rule)
    return FilteredLevel(problem, sanitiser) if rule is None else FilteredCoupledLevel(problem, sanitiser, rule)


@dataclass(frozen=True)
class CyclicProjection:
    """A region whose rows are drawn towards some other regions, which need not meet it.

    Projections onto all of them in turn, the region's last: cheap, always with an answer, and close enough where the
    filter decides anyway.
    """

    region: Region
    others: tuple[Region, ...]

    def project(self, X: FloatArray) -> FloatArray:
        for _ in range(_ROUNDS):
            for other in (*self.others, self.region):
                X = other.project(X)
            if all(other.contains(X).all() for other in self.others):
                break
        return X

    def contains(self, X: FloatArray) -> BoolArray:
        return self.region.contains(X)

    def sample(self, n: int, d: int, rng: np.random.Generator) -> FloatArray:
        return self.project(self.region.sample(n, d, rng))


def _together(clean: TaskRows, injection: Injection) -> tuple[FloatArray, FloatArray, IntArray]:
    """Features, targets and tasks of clean rows and injected ones, in this order."""
    X, y = np.concatenate([clean.X[:, :-1], injection.X]), np.append(clean.y, injection.y)
    return X, y, np.append(clean.task_index, injection.task_index)
