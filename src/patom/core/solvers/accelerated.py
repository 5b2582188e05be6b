"""Solve problem (1): accelerated proximal gradient, Newton's steps once they help, a duality gap to end on."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.data_term import DataTerm
from patom.core.jit import interruptible
from patom.core.penalties.penalty import Regulariser
from patom.core.solvers.compiled.oracle import compiled_oracle
from patom.core.solvers.goal import Goal
from patom.core.solvers.oracle import Oracle, Point
from patom.core.solvers.solution import Solution, Status

_FIRST_STRETCH, _LONGEST_STRETCH = 10, 160
_PATIENCE = 10
"""Stretches without halving the gap after which rounding may be the reason."""
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
    """Minimise f(W) + R(W) to a certified gap; costs one gradient and one thin singular value decomposition a step.

    The gap aimed at is ``tol`` where the objective is above 1 and ``tol`` times the objective below, so that small
    targets are solved as precisely. ``max_iter`` bounds proximal-gradient and Newton steps together; ``start``, shape
    (m, p), is a warm start. ``polish`` is the number of Newton steps past the gap aimed at: two make W as precise as
    rounding allows, for about a third of a warm start's time; None takes one where the gap is barely reached.
    """
    oracle = compiled_oracle(term, penalty) or Oracle(term, penalty)
    return consult(oracle, tol=tol, max_iter=max_iter, start=start, polish=polish)


@interruptible
def consult(
    oracle: Oracle, *, tol: float, max_iter: int, start: FloatArray | None = None, polish: int | None = 2
) -> Solution:
    """Minimise the objective of an oracle, as ``solve`` does.

    Without a warm start, at small lambdas, the oracle's own approach to the optimum goes first, if it has one. Else the
    lambdas fall by tens from the data's scale to their values, each solve starting from the last: the rank then
    grows from below, which is quick; to shrink from above it takes very many first-order steps.
    """
    scale, L, steps, W, near = oracle.scale, oracle.smoothness, 0, oracle.start(start), None
    goal: Goal[Point] = Goal(tol, partial(oracle.rounding, scale=scale, L=L))
    falling = _falling(0.1 * L / sum(oracle.weights)) if start is None else []
    if falling:
        near, steps = _approach(oracle, L, max_iter, goal)
    for factor in falling if near is None else []:
        easier = oracle.scaled(factor)
        rough: Goal[Point] = Goal(1e-2, partial(easier.rounding, scale=scale, L=L), np.inf)
        step = _descend(easier, easier.evaluate(W), L, max_iter - steps, rough)
        W, L, steps = step.point.W, step.L, steps + step.steps
    last = _descend(oracle, oracle.evaluate(W) if near is None else near, L, max_iter - steps, goal)
    point, steps = last.point, steps + last.steps
    as_good = _as_good(point, goal, last.exhausted)
    if as_good is not None:
        most = int(not goal.well_within(point)) if polish is None else polish
        point = _polish(oracle, point, last.L, most, as_good)
    return _ended(oracle, oracle.certify(point), steps, goal, last.exhausted)


def _as_good(point: Point, goal: Goal[Point], exhausted: bool) -> Callable[[Point], bool] | None:
    """A test of whether another point has the status of this one; None where this one is not worth polishing."""
    if goal.reached(point):
        return goal.reached
    wrong = goal.rounding(point)
    status = goal.status(point, exhausted=exhausted, rounding=wrong)
    if status is Status.MAX_ITER:
        return None
    return lambda ahead: goal.status(ahead, exhausted=exhausted, rounding=wrong) is status


def _ended(oracle: Oracle, point: Point, steps: int, goal: Goal[Point], exhausted: bool) -> Solution:
    """The solution at the point where a solve ended, or at W = 0 where the point is no better."""
    wrong = goal.rounding(point)
    if wrong.lost(point.objective):
        point = oracle.evaluate(oracle.start(None))
        wrong = goal.rounding(point)
    gap, status = wrong.reported(point.gap, goal.gap(point)), goal.status(point, exhausted=exhausted, rounding=wrong)
    return Solution(point.W, point.objective, gap, steps, status)


@dataclass(frozen=True)
class _Descent:
    """Where it ended, after how many steps; ``exhausted``: because there were no more."""

    point: Point
    steps: int
    L: float
    exhausted: bool


def _falling(largest: float) -> list[float]:
    """10^k > 1 up to ``largest``, descending."""
    return [10.0**k for k in range(int(np.log10(max(largest, 1.0))), 0, -1)]


def _approach(oracle: Oracle, L: float, max_iter: int, goal: Goal[Point]) -> tuple[Point | None, int]:
    """A point near the optimum by the oracle's own approach and Newton's steps; None where it is not near."""
    W, steps = oracle.approach(max_iter)
    if W is None:
        return None, steps
    point, taken = _refine(oracle, oracle.evaluate(W), L, min(20, max_iter - steps), goal)
    return (point if point.gap <= 1e-2 * point.objective else None), steps + taken


def _descend(oracle: Oracle, point: Point, L: float, max_iter: int, goal: Goal[Point]) -> _Descent:
    """Stretches of accelerated steps and Newton steps in turn; a stretch doubles where Newton did not help."""
    steps, stretch, last = 0, _FIRST_STRETCH, np.inf
    best, least, since = point, np.inf, 0
    while not goal.reached(point) and steps < max_iter:
        if 0.5 * last < point.gap <= goal.rounding(point).sure:
            return _Descent(point, steps, L, exhausted=False)
        if since >= _PATIENCE and best.gap <= goal.rounding(best).perhaps:
            return _Descent(best, steps, L, exhausted=False)
        last, length = point.gap, min(stretch, max_iter - steps)
        point, L = _accelerate(oracle, point, L, length)
        refined, taken = _refine(oracle, point, L, min(20, max_iter - steps - length), goal)
        steps += length + taken
        stretch = _FIRST_STRETCH if refined is not point else min(2 * stretch, _LONGEST_STRETCH)
        point = refined
        best = point if point.gap < best.gap else best
        since, least = (0, point.gap) if point.gap <= 0.5 * least else (since + 1, least)
    return _Descent(point, steps, L, exhausted=not goal.reached(point))


def _accelerate(oracle: Oracle, point: Point, L: float, length: int) -> tuple[Point, float]:
    """The point after so many accelerated steps, unless it is worse; L is doubled if it is too small."""
    ahead = oracle.evaluate(oracle.accelerate(point.W, L, length))
    if ahead.objective <= point.objective or ahead.gap < point.gap:
        return ahead, L
    # A plain proximal step with L at least the smoothness never raises the objective.
    overshoots = oracle.evaluate(oracle.proximal(point.W, L)).objective > point.objective
    return point, 2.0 * L if overshoots else L


def _refine(oracle: Oracle, point: Point, L: float, limit: int, goal: Goal[Point]) -> tuple[Point, int]:
    """Newton steps at the rank of W and, where they gain nothing, one rank lower.

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


def _newton(oracle: Oracle, point: Point, L: float, limit: int, goal: Goal[Point]) -> tuple[Point, int]:
    """Newton steps for as long as each gains much; a proximal step before or after each lets the rank change."""
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


def _polish(oracle: Oracle, point: Point, L: float, steps: int, as_good: Callable[[Point], bool]) -> Point:
    """Precise Newton steps at the end, kept while they bring W closer to a fixed point of the proximal step.

    ``as_good``: whether a point has the status of the first.

    A gap of g leaves W uncertain by its square root, far above what rounding allows: two starts would agree to
    half the digits only. Each step squares that uncertainty for the price of one linear system.
    """
    for _ in range(steps):
        ahead = oracle.newton(point, L, tolerance=1e-4).end()
        if not (oracle.residual(ahead, L) < oracle.residual(point, L) and as_good(ahead)):
            break
        point = ahead
    return point


def _gains(point: Point, ahead: Point, goal: Goal[Point]) -> bool:
    """Whether a step gained enough for a Newton system: it did not go uphill, and came well closer to the optimum."""
    descent = point.objective - ahead.objective
    if descent > 0.1 * point.gap:
        return True
    return ahead.gap <= 0.5 * point.gap and (descent >= 0.0 or descent >= -goal.rounding(point).sure)
