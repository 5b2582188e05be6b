"""Solve problem (1) for many more tasks than columns, Omega learned, on rows that stay where they are."""

from dataclasses import dataclass
from itertools import cycle

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.solution import Solution, Status
from patom.core.tall.momentum import Momentum, W
from patom.core.tall.problem import Certified, TallProblem
from patom.core.tall.sweeps import Sweeps

_STRETCH, _PATIENCE = 10, 15
_POLISHING, _STILL = 12, 1e-10


def solve_tall(
    problem: TallProblem,
    *,
    tol: float = 1e-8,
    max_iter: int = 10_000,
    start: FloatArray | None = None,
    polish: bool = True,
    sweeps_only: bool = False,
) -> Solution:
    """Minimise (1) to a certified gap; arguments and answer are those of ``core.solver.solve``.

    ``sweeps_only`` leaves accelerated steps out: what shards hold between messages then only saves time.

    Accelerated steps go first where they will be few, going by the smoothness over the lambdas; elsewhere, and where
    they turn out to be many, sweeps. Sweeps polish in either case.

    Notes
    -----
    An accelerated step costs 4 n p + 2 m p^2 operations and one read of the rows, a sweep about n p (p + min(p, n/m)),
    done in cache. Three arrays of shape (m, p) are alive at most, and no copy of the rows.
    """
    problem.shards.write(W, start)
    goal, found, steps = _Goal(tol, problem), problem.evaluate(W, problem.factors(W)), 0
    allowance = _allowance(problem)
    expected = 4.0 * np.sqrt(2.0 * problem.smoothness / sum(problem.penalty.weights))
    engines = (_accelerate, _sweep) if expected <= allowance else (_sweep, _accelerate)
    for engine in cycle((_sweep,) if sweeps_only else engines):
        if goal.met(found) or steps >= max_iter:
            break
        found, taken = engine(problem, found, min(allowance, max_iter - steps), goal)
        steps += taken
    if polish and goal.met(found):
        found = _polish(problem, found, goal)
        if not goal.met(found):  # rounding struck once
            found, _ = _sweep(problem, found, allowance, goal)
    return Solution(problem.shards.read(W), found.objective, found.gap, steps, goal.status(found))


@dataclass(frozen=True)
class _Goal:
    """A gap of ``tol`` times the objective, which counts as 1 at most."""

    tol: float
    problem: TallProblem

    def reached(self, found: Certified) -> bool:
        return found.gap <= self.tol * min(1.0, found.objective)

    def met(self, found: Certified) -> bool:
        return self.status(found) is not Status.MAX_ITER

    def status(self, found: Certified) -> Status:
        if self.reached(found):
            return Status.CONVERGED
        return Status.PRECISION if found.gap <= self.rounding(found) else Status.MAX_ITER

    def rounding(self, found: Certified) -> float:
        """What float64 may add to the gap: its terms cancel, and f(0) and L ||W||^2 bound what they are made of."""
        size = self.problem.scale + self.problem.smoothness * float(found.s @ found.s)
        return 64.0 * float(np.finfo(float).eps) * size


def _allowance(problem: TallProblem) -> int:
    """How many accelerated steps take as long as ten sweeps, about what a solve by sweeps needs."""
    m, p = problem.shards.shape
    return int(10.0 * max(2.0, (p + min(p, problem.shards.n_rows / m)) / 9.0))


def _accelerate(problem: TallProblem, found: Certified, limit: int, goal: _Goal) -> tuple[Certified, int]:
    """Accelerated steps from slot ``W`` on, ``limit`` at most; how many they were."""
    steps, L, momentum = 0, problem.smoothness, Momentum(problem, problem.smoothness)
    while steps < limit and not goal.met(found):
        length = min(_STRETCH, limit - steps)
        momentum.advance(length)
        last, found, steps = found, momentum.certify(), steps + length
        if found.objective > last.objective and found.gap >= last.gap:  # steps too long: L came from below
            momentum.finish()
            L *= 2.0
            momentum = Momentum(problem, L)
    return momentum.finish(), steps


def _sweep(problem: TallProblem, found: Certified, limit: int, goal: _Goal) -> tuple[Certified, int]:
    """Sweeps from slot ``W`` on, for as long as the gap halves now and then; how many they were."""
    sweeps, least, taken, since = Sweeps(problem, W, found.D), np.inf, 0, 0
    while taken < limit and since < _PATIENCE and not goal.met(found):
        found, taken, since = sweeps.advance(), taken + 1, since + 1
        if found.gap <= 0.5 * least:
            least, since = found.gap, 0
    return found, taken


def _polish(problem: TallProblem, found: Certified, goal: _Goal) -> Certified:
    """Sweeps past the gap aimed at, until D stands still: a gap of g leaves W uncertain by its square root."""
    sweeps = Sweeps(problem, W, found.D)
    for _ in range(_POLISHING):
        found = sweeps.advance()
        if sweeps.move <= _STILL and goal.met(found):
            break
    return found
