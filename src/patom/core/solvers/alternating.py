"""The textbook alternation between W and Omega (Zhang and Yeung 2010), kept for fidelity to the literature.

W's range never leaves Omega's, so once Omega is singular (after one sweep if there are more tasks than columns)
the alternation can stop moving short of the optimum, and it is slow before that. The gap shows it.
"""

from functools import partial

import numpy as np

from patom.core.data_term import DataTerm
from patom.core.penalties.given import QuadraticPenalty, ridge
from patom.core.penalties.learned import SpectralPenalty
from patom.core.penalties.penalty import Regulariser
from patom.core.solvers.accelerated import solve
from patom.core.solvers.goal import Goal
from patom.core.solvers.oracle import Oracle, Point
from patom.core.solvers.solution import Solution, Status

_A_SWEEP, _MOST = 50, 2000
"""Steps for W given Omega, at most: on average over the sweeps, and in one sweep. More would hardly help."""


def alternate(
    term: DataTerm, lambda_1: float, lambda_2: float, *, tol: float = 1e-8, max_iter: int = 10_000
) -> Solution:
    """Minimise (1) by turns: W for fixed Omega, then Omega = (W'W)^(1/2) / tr (W'W)^(1/2).

    ``tol`` is the duality gap of the whole problem to stop at, as in ``accelerated.solve``; ``max_iter`` bounds the
    sweeps, and sweeps of very many steps end the alternation earlier. The status is STALLED where a sweep no longer
    lowers the objective in float64 and the gap is above ``tol``.
    """
    learned = SpectralPenalty(lambda_1, lambda_2)
    oracle = Oracle(term, learned)
    penalty: Regulariser = ridge(term.shape[0], lambda_1 + lambda_2 * term.shape[0])  # Omega = I/m
    point, last, status, sweep = oracle.evaluate(np.zeros(term.shape)), np.inf, Status.MAX_ITER, 0
    goal: Goal[Point] = Goal(tol, partial(oracle.rounding, scale=point.objective, L=0.0))
    left, solved = _A_SWEEP * max_iter + _MOST, True
    while solved and sweep < max_iter and status is Status.MAX_ITER:
        found = solve(term, penalty, tol=min(tol, 1e-10), max_iter=min(_MOST, left), start=point.W)
        left, solved = left - found.n_iter, found.status is not Status.MAX_ITER and left > found.n_iter
        if found.W.any():
            penalty = QuadraticPenalty(learned.relationship(found.W))
        point, sweep = oracle.evaluate(found.W), sweep + 1
        if goal.reached(point):
            status = Status.CONVERGED
        elif last - point.objective <= 1e-14 * point.objective:
            status = Status.STALLED
        last = point.objective
    if status is Status.CONVERGED:
        status = goal.status(point, exhausted=False)
    return Solution(point.W, point.objective, goal.reported(point), sweep, status)
