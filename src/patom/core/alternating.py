"""The textbook alternation between W and Omega (Zhang and Yeung 2010), kept for fidelity to the literature.

W's range never leaves Omega's, so once Omega is singular (after one sweep if there are more tasks than columns)
the alternation can freeze short of the optimum, and it crawls before that. The gap tells.
"""

import numpy as np

from patom.core.apart import ridge
from patom.core.data_term import DataTerm
from patom.core.penalty import Regulariser, fenchel_gap
from patom.core.quadratic import QuadraticPenalty
from patom.core.solution import Solution, Status
from patom.core.solver import solve
from patom.core.spectral import SpectralPenalty


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
        Bound on the number of sweeps.

    Returns
    -------
    Solution
        With status STALLED where a sweep no longer lowers the objective in float64 and the gap is above ``tol``.
    """
    learned = SpectralPenalty(lambda_1, lambda_2)
    penalty: Regulariser = ridge(term.shape[0], lambda_1 + lambda_2 * term.shape[0])  # Omega = I/m
    W, objective, gap, status = np.zeros(term.shape), np.inf, np.inf, Status.MAX_ITER
    sweep = 0
    while sweep < max_iter and status is Status.MAX_ITER:
        W = solve(term, penalty, tol=min(tol, 1e-10), start=W).W
        if W.any():
            penalty = QuadraticPenalty(learned.relationship(W))
        value, gradient = term.value_and_gradient(W)
        last, objective = objective, value + learned.value(W)
        gap = fenchel_gap(learned, W, gradient)
        sweep += 1
        if gap <= tol * min(1.0, objective):
            status = Status.CONVERGED
        elif last - objective <= 1e-14 * objective:
            status = Status.STALLED
    return Solution(W, objective, gap, sweep, status)
