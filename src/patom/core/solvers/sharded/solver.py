"""Solve problem (1) for many more tasks than columns, Omega learned, on rows that stay where they are."""

from dataclasses import dataclass, field

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.solvers import choose
from patom.core.solvers.goal import Goal
from patom.core.solvers.sharded.problem import Certified, Factors, ShardedProblem, shrink
from patom.core.solvers.sharded.sweeps import Sweeps
from patom.core.solvers.solution import Solution, Status

_STRETCH, _PATIENCE = 10, 15
_POLISHING, _STILL = 20, 1e-10
_IDLE = 4
"""Turns without halving the gap after which rounding may be the reason."""
_DIVERGED = 1e6
"""Multiple of the objective before, or of f(0), above which steps count as diverged."""
W, Y, Z = range(3)
"""The slots: the last step's W, the point ahead of it, and the gradient step from there."""


@dataclass
class Momentum:
    """Beck and Teboulle 2009, restarted by O'Donoghue and Candes's gradient test, one step late to save a pass.

    Steps stream once over the rows each, with three slots and no more, and start from slot ``W``. A step sends a shard
    one (p, p) matrix and two numbers and gets a (p, p) matrix and a number back.
    """

    problem: ShardedProblem
    L: float  # one over the steps' length
    _momentum: float = field(default=1.0, init=False)
    _gram: FloatArray | None = field(default=None, init=False)

    def advance(self, steps: int) -> None:
        """Take so many steps, at least one."""
        if self._gram is None:
            (self._gram,), steps = self.problem.sum("begin", W, Y, Z, self.L), steps - 1
        for _ in range(steps):
            following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * self._momentum**2))
            push = (self._momentum - 1.0) / following
            self._gram, uphill = self.problem.sum("accelerate", W, Y, Z, self._ahead.matrix, push, self.L)
            self._momentum = 1.0 if uphill[0] > 0.0 else following

    def certify(self) -> Certified:
        """Objective and gap after the steps taken; costs a pass more."""
        return self.problem.evaluate(Z, self._ahead)

    def finish(self) -> Certified:
        """The same, with the weights in slot ``W`` and the other two given back."""
        problem = self.problem
        stayed = self._gram is None
        found = problem.evaluate(W, problem.factors(W)) if stayed else problem.evaluate(Z, self._ahead, W)
        for slot in (Y, Z):
            self.problem.shards.reduce("drop", slot)
        return found

    @property
    def _ahead(self) -> Factors:
        assert self._gram is not None
        penalty = self.problem.penalty
        return shrink(self._gram, 1.0 + penalty.lambda_1 / self.L, penalty.lambda_2 / self.L)


def solve_sharded(
    problem: ShardedProblem,
    *,
    tol: float = 1e-8,
    max_iter: int = 10_000,
    start: FloatArray | None = None,
    polish: bool = True,
    sweeps_only: bool = False,
) -> Solution:
    """Minimise (1) to a certified gap; arguments and result are those of ``accelerated.solve``.

    ``sweeps_only`` leaves accelerated steps out: the result then does not depend on what shards keep between messages.

    Accelerated steps go first, unless the smoothness over the lambdas says that they will be very many, and for as
    long as they promise to end before sweeps would. Sweeps do the rest, and polish.

    Notes
    -----
    An accelerated step costs 4 n p + 2 m p^2 operations and one read of the rows, a sweep about n p (p + min(p, n/m)),
    done in cache. Three arrays of shape (m, p) are alive at most, and no copy of the rows.
    """
    problem.shards.write(W, start)
    goal: Goal[Certified] = Goal(tol, problem.rounding)
    found, steps = problem.evaluate(W, problem.factors(W)), 0
    engine: _Accelerating | _Sweeping = _Sweeping(problem)
    expected = 4.0 * np.sqrt(2.0 * problem.smoothness / sum(problem.penalty.weights))
    if not sweeps_only and choose.begins_with_steps(expected, _exchange(problem)):
        engine = _Accelerating(problem)
    broken, least, idle = False, np.inf, 0
    while not _met(goal, found) and steps < max_iter:
        found, taken, bounded = _advance(engine, found, max_iter - steps, goal)
        steps, broken = steps + taken, broken or not bounded
        least, idle = (found.gap, 0) if found.gap <= 0.5 * least else (least, idle + 1)
        if broken and (sweeps_only or (isinstance(engine, _Accelerating) and not bounded)):
            break
        if idle >= _IDLE and found.gap <= problem.rounding(found).perhaps:
            break
        if not _met(goal, found):
            accelerates = broken or not (sweeps_only or isinstance(engine, _Accelerating))
            engine = _Accelerating(problem) if accelerates else _Sweeping(problem)
    exhausted = steps >= max_iter
    if polish and goal.status(found, exhausted=exhausted) in (Status.CONVERGED, Status.PRECISION):
        found = (engine if isinstance(engine, _Sweeping) else _Sweeping(problem)).polish(found, goal)
    if problem.rounding(found).lost(found.objective):
        found = _nothing(problem)
    return Solution(
        problem.shards.read(W), found.objective, goal.reported(found), steps, goal.status(found, exhausted=exhausted)
    )


def _met(goal: Goal[Certified], found: Certified) -> bool:
    """Whether steps need not go on: the goal is reached, or rounding keeps the gap above it."""
    return goal.status(found, exhausted=True) is not Status.MAX_ITER


def _advance(
    engine: "_Accelerating | _Sweeping", found: Certified, limit: int, goal: Goal[Certified]
) -> tuple[Certified, int, bool]:
    """Run an engine: its end, its steps, and whether numbers stayed in bounds; if not, the end is W = 0."""
    try:
        most = _DIVERGED * max(engine.problem.scale, found.objective)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            found, taken = engine.run(found, limit, goal)
        if found.objective <= most and np.isfinite(found.gap):
            return found, taken, True
    except np.linalg.LinAlgError:  # of NaN
        taken = 0
    return _nothing(engine.problem), taken, False


def _nothing(problem: ShardedProblem) -> Certified:
    """W = 0 in its slot, and what is known there."""
    problem.shards.write(W, None)
    return problem.evaluate(W, problem.factors(W))


def _exchange(problem: ShardedProblem) -> float:
    """Accelerated steps in the time of a sweep."""
    m, p = problem.shards.shape
    return choose.steps_for_a_sweep(p, problem.shards.n_rows / m)


@dataclass
class _Accelerating:
    """Accelerated steps from slot ``W`` on."""

    problem: ShardedProblem

    def run(self, found: Certified, limit: int, goal: Goal[Certified]) -> tuple[Certified, int]:
        """Steps until the goal is met, the limit reached or sweeps promise to be faster; how many they were."""
        steps, L, momentum = 0, self.problem.smoothness, Momentum(self.problem, self.problem.smoothness)
        while steps < limit and not _met(goal, found):
            length, last = min(_STRETCH, limit - steps), found
            momentum.advance(length)
            found, steps = momentum.certify(), steps + length
            if found.objective > last.objective and found.gap >= last.gap:  # steps too long: L came from below
                momentum.finish()
                L *= 2.0
                momentum = Momentum(self.problem, L)
            elif self._slower(length, goal.folds(last), goal.folds(found)):
                break
        return momentum.finish(), steps

    def _slower(self, length: int, before: float, now: float) -> bool:
        """Whether what is left takes longer by steps at the rate of the last ``length`` than by sweeps."""
        return choose.sweeps_are_faster(now, max(before - now, 0.0), length, _exchange(self.problem))


@dataclass
class _Sweeping:
    """Sweeps from slot ``W`` on."""

    problem: ShardedProblem
    _sweeps: Sweeps | None = None

    def run(self, found: Certified, limit: int, goal: Goal[Certified]) -> tuple[Certified, int]:
        """Sweeps until the goal is met, the limit reached or the gap no longer halves; how many they were."""
        self._sweeps = Sweeps(self.problem, W, found.D)
        taken, since, least = 0, 0, np.inf
        while taken < limit and since < _PATIENCE and not _met(goal, found):
            found, taken, since = self._sweeps.advance(), taken + 1, since + 1
            if found.gap <= 0.5 * least:
                least, since = found.gap, 0
        return found, taken

    def polish(self, found: Certified, goal: Goal[Certified]) -> Certified:
        """Sweeps past the gap aimed at, until D stands still: a gap of g leaves W uncertain by its square root."""
        sweeps = self._sweeps or Sweeps(self.problem, W, found.D)
        for _ in range(_POLISHING):
            if sweeps.move <= _STILL and _met(goal, found):
                break
            found = sweeps.advance()
        return found
