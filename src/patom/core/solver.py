"""Solve problem (1): accelerated proximal gradient, Newton's steps once they help, a duality gap to end on."""

from dataclasses import dataclass

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.compact.oracle import compact_oracle
from patom.core.compiled import interruptible
from patom.core.data_term import DataTerm
from patom.core.oracle import ArrayOracle, Oracle, Point
from patom.core.penalty import Regulariser
from patom.core.solution import Solution, Status

_FIRST_STRETCH, _LONGEST_STRETCH = 10, 160
_NEWTON_LENGTHS = tuple(0.25**k for k in range(6))


def solve(
    term: DataTerm,
    penalty: Regulariser,
    *,
    tol: float = 1e-8,
    max_iter: int = 10_000,
    start: FloatArray | None = None,
    polish: int | None = 2,
) -> Solution:
    """Minimise f(W) + R(W) to a certified gap.

    Parameters
    ----------
    term : DataTerm
        f, see ``data_term.data_term``.
    penalty : Regulariser
        R, see ``spectral`` (Omega learned) and ``quadratic`` (Omega given).
    tol : float
        The gap aimed at: ``tol`` where the objective is above 1 and ``tol`` times the objective below, so that
        small targets are not solved sloppily.
    max_iter : int
        Bound on proximal-gradient and Newton steps together.
    start : array of shape (m, p), optional
        Warm start; zeros by default.
    polish : int, default 2
        Newton steps past the gap aimed at. After two W, too, is as good as rounding allows, for about a third of a warm
        start's time; None takes one where the gap is barely reached.

    Notes
    -----
    Costs one gradient and one thin singular value decomposition a step.
    """
    oracle = compact_oracle(term, penalty) or ArrayOracle(term, penalty)
    return consult(oracle, tol=tol, max_iter=max_iter, start=start, polish=polish)


@interruptible
def consult(
    oracle: Oracle, *, tol: float, max_iter: int, start: FloatArray | None = None, polish: int | None = 2
) -> Solution:
    """Minimise what an oracle stands for, as ``solve`` does.

    Without a warm start, at small lambdas, the oracle's own way to the optimum goes first, if it has one. Else the
    lambdas fall by tens from the data's scale to their values, each solve starting from the last: the rank then
    grows from below, which is quick, instead of shrinking from above, which takes first-order steps beyond count.
    """
    scale, L, steps, W, near = oracle.scale, oracle.smoothness, 0, oracle.start(start), None
    goal = _Goal(tol, 1.0, scale, L)
    falling = _falling(0.1 * L / sum(oracle.weights)) if start is None else []
    if falling:
        near, steps = _approach(oracle, L, max_iter, goal)
    for factor in falling if near is None else []:
        easier = oracle.scaled(factor)
        step = _descend(easier, easier.evaluate(W), L, max_iter - steps, _Goal(1e-2, np.inf, scale, L))
        W, L, steps = step.point.W, step.L, steps + step.steps
    last = _descend(oracle, oracle.evaluate(W) if near is None else near, L, max_iter - steps, goal)
    point, steps = last.point, steps + last.steps
    if goal.status(point) is not Status.MAX_ITER:
        point = _polish(oracle, point, last.L, goal, int(not goal.well_within(point)) if polish is None else polish)
    point = oracle.certify(point)
    return Solution(oracle.array(point.W), point.objective, point.gap, steps, goal.status(point))


@dataclass(frozen=True)
class _Goal:
    """A gap of ``tol`` times the objective, which counts as ``ceiling`` at most."""

    tol: float
    ceiling: float
    scale: float
    L: float

    def reached(self, point: Point) -> bool:
        return point.gap <= self.tol * min(self.ceiling, point.objective)

    def well_within(self, point: Point) -> bool:
        """Whether the gap is so far below the goal that W, too, is good to some digits more than its square root."""
        return point.gap <= 1e-4 * self.tol * min(self.ceiling, point.objective)

    def status(self, point: Point) -> Status:
        if self.reached(point):
            return Status.CONVERGED
        return Status.PRECISION if point.gap <= self.rounding(point) else Status.MAX_ITER

    def rounding(self, point: Point) -> float:
        """What float64 may add to the gap: its terms cancel, and f(0) and L ||W||^2 bound what they are made of."""
        return 64.0 * float(np.finfo(float).eps) * (self.scale + self.L * point.square)


@dataclass(frozen=True)
class _Descent:
    point: Point
    steps: int
    L: float


def _falling(largest: float) -> list[float]:
    """10^k > 1 up to ``largest``, descending."""
    return [10.0**k for k in range(int(np.log10(max(largest, 1.0))), 0, -1)]


def _approach(oracle: Oracle, L: float, max_iter: int, goal: _Goal) -> tuple[Point | None, int]:
    """A point near the optimum by the oracle's own way there and Newton's steps, None where that leads nowhere."""
    W, steps = oracle.approach(max_iter)
    if W is None:
        return None, steps
    point, taken = _refine(oracle, oracle.evaluate(W), L, min(20, max_iter - steps), goal)
    return (point if point.gap <= 1e-2 * point.objective else None), steps + taken


def _descend(oracle: Oracle, point: Point, L: float, max_iter: int, goal: _Goal) -> _Descent:
    """Stretches of accelerated steps and Newton steps in turn; a stretch doubles where Newton did not help."""
    steps, stretch, last = 0, _FIRST_STRETCH, np.inf
    while not goal.reached(point) and steps < max_iter:
        if 0.5 * last < point.gap <= goal.rounding(point):  # rounding, and no longer falling
            break
        last, length = point.gap, min(stretch, max_iter - steps)
        point, L = _accelerate(oracle, point, L, length)
        refined, taken = _refine(oracle, point, L, min(20, max_iter - steps - length), goal)
        steps += length + taken
        stretch = _FIRST_STRETCH if refined is not point else min(2 * stretch, _LONGEST_STRETCH)
        point = refined
    return _Descent(point, steps, L)


def _accelerate(oracle: Oracle, point: Point, L: float, length: int) -> tuple[Point, float]:
    """The point so many accelerated steps ahead, unless it is worse; L doubled where that is because of L."""
    ahead = oracle.evaluate(oracle.accelerate(point.W, L, length))
    if ahead.objective <= point.objective or ahead.gap < point.gap:
        return ahead, L
    return point, 2.0 * L if _overshoots(oracle, point, L) else L


def _refine(oracle: Oracle, point: Point, L: float, limit: int, goal: _Goal) -> tuple[Point, int]:
    """Newton steps at the rank of W and, where they get nowhere, one rank lower.

    A surplus singular value falls to zero at a rate of lambda_2 ||W||_*/L a first-order step, and a step along
    the matrices of W's rank cannot end there.
    """
    ahead, taken = _newton(oracle, point, L, limit, goal)
    if ahead is not point or taken >= limit:
        return ahead, taken
    lower = oracle.lower_rank(point.W)
    if lower is not None:
        ahead, more = _newton(oracle, oracle.evaluate(lower), L, limit - taken, goal)
        taken += more
        if _gains(point, ahead, goal):
            return ahead, taken
    return point, taken


def _newton(oracle: Oracle, point: Point, L: float, limit: int, goal: _Goal) -> tuple[Point, int]:
    """Newton steps for as long as each does much; a proximal step before or after each lets the rank change."""
    taken, go_on = 0, True
    while go_on and taken < limit and not goal.reached(point):
        step, taken = oracle.newton(point, L, tolerance=1e-3), taken + 1
        for length in _NEWTON_LENGTHS:
            ahead = step.follow(length)
            expected = step.base.objective + 0.1 * length * step.slope  # Armijo's rule
            if ahead.objective <= min(expected, point.objective) or _gains(point, ahead, goal):
                break
        else:
            break
        go_on = oracle.patient or length == 1.0 or ahead.gap <= 0.25 * point.gap
        point = ahead
    return point, taken


def _polish(oracle: Oracle, point: Point, L: float, goal: _Goal, steps: int) -> Point:
    """Precise Newton steps at the end, kept while they bring W closer to a fixed point of the proximal step.

    A gap of g leaves W uncertain by its square root, far above what rounding allows: two starts would agree to
    half the digits only. Each step squares that uncertainty for the price of one linear system.
    """
    for _ in range(steps):
        ahead = oracle.newton(point, L, tolerance=1e-4).end()
        nearer = oracle.residual(ahead, L) < oracle.residual(point, L)
        if not (goal.status(ahead) is goal.status(point) and nearer):
            break
        point = ahead
    return point


def _gains(point: Point, ahead: Point, goal: _Goal) -> bool:
    """Whether a step was worth a Newton system: never uphill, and well on towards the optimum."""
    descent = point.objective - ahead.objective
    return descent > 0.1 * point.gap or (ahead.gap <= 0.5 * point.gap and descent >= -goal.rounding(point))


def _overshoots(oracle: Oracle, point: Point, L: float) -> bool:
    # A plain proximal step with L at least the smoothness never raises the objective.
    return oracle.evaluate(oracle.proximal(point.W, L)).objective > point.objective
