"""The textbook alternation between W and Omega (Zhang and Yeung 2010), kept for fidelity to the literature.

W's range never leaves Omega's, so once Omega is singular (after one sweep if there are more tasks than columns)
the alternation can freeze short of the optimum, and it crawls before that. The gap tells.
"""

import numpy as np

from patom.core.data_term import DataTerm, column_sizes
from patom.core.penalties.given import QuadraticPenalty
from patom.core.penalties.independent import ridge
from patom.core.penalties.learned import SpectralPenalty
from patom.core.penalties.penalty import Regulariser, fenchel_gap
from patom.core.rounding import rounding
from patom.core.solvers.accelerated import solve
from patom.core.solvers.solution import Solution, Status

_A_SWEEP, _MOST = 50, 2000
"""Steps for W given Omega: so many a sweep in the mean, and in one sweep. If they do not do, more will hardly."""


def alternate(
    term: DataTerm, lambda_1: float, lambda_2: float, *, tol: float = 1e-8, max_iter: int = 10_000
) -> Solution:
    """Minimise (1) by turns: W for fixed Omega, then Omega = (W'W)^(1/2) / tr (W'W)^(1/2).

    Parameters
    ----------
    term : DataTerm
    lambda_1, lambda_2 : float
    tol : float
        Duality gap of the whole problem to stop at, as in ``solver.solve``.
    max_iter : int
        Bound on the number of sweeps. Those that take very many steps end the alternation before.

    Returns
    -------
    Solution
        With status STALLED where a sweep no longer lowers the objective in float64 and the gap is above ``tol``.
    """
    learned = SpectralPenalty(lambda_1, lambda_2)
    penalty: Regulariser = ridge(term.shape[0], lambda_1 + lambda_2 * term.shape[0])  # Omega = I/m
    W, objective, gap, status = np.zeros(term.shape), np.inf, np.inf, Status.MAX_ITER
    scale, goal, sweep = term.value_and_gradient(W)[0], 0.0, 0
    left, solved = _A_SWEEP * max_iter + _MOST, True
    while solved and sweep < max_iter and status is Status.MAX_ITER:
        found = solve(term, penalty, tol=min(tol, 1e-10), max_iter=min(_MOST, left), start=W)
        W, left, solved = found.W, left - found.n_iter, found.status is not Status.MAX_ITER and left > found.n_iter
        if W.any():
            penalty = QuadraticPenalty(learned.relationship(W))
        value, gradient = term.value_and_gradient(W)
        last, objective = objective, value + learned.value(W)
        gap, goal, sweep = fenchel_gap(learned, W, gradient), tol * min(1.0, objective), sweep + 1
        if gap <= goal:
            status = Status.CONVERGED
        elif last - objective <= 1e-14 * objective:
            status = Status.STALLED
    wrong = rounding(column_sizes(term), W, scale=scale, steps=scale, strength=lambda_1 + lambda_2)
    if status is Status.CONVERGED:
        status = wrong.status(gap, goal, exhausted=False)
    return Solution(W, objective, wrong.told(gap, goal), sweep, status)
