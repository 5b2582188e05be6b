"""The conic solvers: problem (1) in cvxpy, in the form that suits them best, by Clarabel and by SCS.

Omega is minimised out, lambda_2/2 ||W||_*^2, which both solve faster than the form in W and Omega. For squared
error they get each task's R and Q'y of a QR decomposition instead of its rows.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.contestants import Found, Settle, Settled, objective_and_gap
from benchmarks.interleaved import Run, timed
from patom.core.arrays import FloatArray
from patom.models.problem import Problem

Settings = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """A solver by cvxpy's name for it; ``settings`` makes its own of an accuracy and a time limit in seconds."""

    name: str
    package: str
    settings: Callable[[float, float], Settings]

    @property
    def missing(self) -> list[str]:
        """The packages that it needs and that are not installed."""
        return [package for package in ("cvxpy", self.package) if find_spec(package) is None]


def _clarabel(eps: float, patience: float) -> Settings:
    return {"max_threads": 1, "tol_gap_abs": eps, "tol_gap_rel": eps, "tol_feas": eps, "time_limit": patience}


def _scs(eps: float, patience: float) -> Settings:
    return {"eps_abs": eps, "eps_rel": eps, "time_limit_secs": patience}


PEERS = (Peer("Clarabel", "clarabel", _clarabel), Peer("SCS", "scs", _scs))
LADDER = tuple(10.0**-k for k in range(2, 12))
"""The accuracies to choose from; the loosest that meets the certified gap is clocked."""


class Conic:
    """Problem (1) handed to cvxpy once.

    A run is one ``problem.solve`` with cvxpy's compilation done and cached. The outcome carries the solver's own
    time too, without cvxpy's unpacking and without what SCS calls set-up, its first factorisation. No run starts
    from the last one's solution.
    """

    def __init__(self, problem: Problem, patience: float) -> None:
        import cvxpy as cp

        self._problem, self._patience = problem, patience
        lambda_1, lambda_2 = problem.penalty.weights
        self._W = cp.Variable((problem.rows.n_tasks, problem.rows.n_columns))
        penalty = lambda_1 / 2 * cp.sum_squares(self._W) + lambda_2 / 2 * cp.square(cp.normNuc(self._W))
        form = _reduced_squares if problem.loss.quadratic else _squared_hinges
        self._program = cp.Problem(cp.Minimize(form(problem, self._W) + penalty))

    def settle(self, peer: Peer) -> Settle:
        """Go down the ladder until the gap is met; a tighter gap goes on from there."""
        rungs = iter(LADDER)
        tried: list[Settled] = []

        def settle(goal: float) -> Settled:
            while not (tried and (tried[-1].gap <= goal or tried[-1].trial.seconds > self._patience)):
                eps = next(rungs, None)
                if eps is None:
                    break
                tried.append(self._try(peer, eps, goal))
            last = tried[-1]
            return Settled(last.run, last.setting, last.trial, last.gap, last.gap <= goal)

        return settle

    def compilation(self, peer: Peer) -> float:
        """Seconds that cvxpy takes to turn the problem into the solver's form, once."""
        return timed(partial(self._program.get_problem_data, peer.package.upper())).seconds

    def _try(self, peer: Peer, eps: float, goal: float) -> Settled:
        run = partial(self._run, peer.package.upper(), peer.settings(eps, self._patience))
        trial = run()
        gap = objective_and_gap(self._problem, trial.outcome.W)[1]
        return Settled(run, f"eps={eps:.0e}", trial, gap, gap <= goal)

    def _run(self, solver: str, settings: Settings) -> Run:
        from cvxpy.error import SolverError

        self._W.value = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # "may be inaccurate": the table shows how accurate
            try:
                wall = timed(partial(self._program.solve, solver=solver, warm_start=False, **settings)).seconds
            except SolverError as error:
                return Run(self._patience, Found(None, 0, str(error)))
        stats = self._program.solver_stats
        return Run(wall, Found(self._W.value, stats.num_iters, self._program.status, stats.solve_time))


def _reduced_squares(problem: Problem, W: Any) -> Any:
    """sum_i ||R_i w_i - Q_i'y_i||^2 / n_i and the part of y that no w reaches."""
    import cvxpy as cp

    total, constant = 0.0, 0.0
    for i, (X, y) in enumerate(by_task(problem)):
        Q, R = np.linalg.qr(X)
        target = Q.T @ y
        total = total + cp.sum_squares(R @ W[i] - target) / y.size
        constant += float(y @ y - target @ target) / y.size
    return total + constant


def _squared_hinges(problem: Problem, W: Any) -> Any:
    import cvxpy as cp

    return sum(
        cp.sum_squares(cp.pos(1 - (y[:, None] * X) @ W[i])) / y.size for i, (X, y) in enumerate(by_task(problem))
    )


def by_task(problem: Problem) -> list[tuple[FloatArray, FloatArray]]:
    """Each task's rows with the constant, (n_i, p), and targets, (n_i,)."""
    cuts = problem.rows.offsets[1:-1]
    return list(zip(np.split(problem.rows.X, cuts), np.split(problem.rows.y, cuts), strict=True))
