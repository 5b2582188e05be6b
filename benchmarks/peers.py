"""The peers: problem (1) in cvxpy, in the form that suits them best, by Clarabel and by SCS.

Omega is minimised out, lambda_2/2 ||W||_*^2, which both solve faster than the form in W and Omega. For squared
error they get each task's R and Q'y of a QR decomposition instead of its rows.
"""

import warnings
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.interleaved import Run
from patom.core.arrays import FloatArray
from patom.models.problem import Problem


@dataclass(frozen=True)
class Peer:
    """A solver by cvxpy's name for it, at one accuracy."""

    name: str
    package: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def missing(self) -> list[str]:
        """The packages that it needs and that are not installed."""
        return [package for package in ("cvxpy", self.package) if find_spec(package) is None]


PEERS = (
    Peer("Clarabel", "clarabel", {"max_threads": 1}),  # its own tolerance is 1e-8
    Peer("SCS 1e-5", "scs", {"eps_abs": 1e-5, "eps_rel": 1e-5}),  # cvxpy's default for SCS
    Peer("SCS 1e-8", "scs", {"eps_abs": 1e-8, "eps_rel": 1e-8}),
)


@dataclass(frozen=True)
class PeerSolution:
    """What a peer found; ``W``: (m, p)."""

    W: FloatArray
    steps: int
    status: str


class Compiled:
    """Problem (1) handed to cvxpy once; ``run`` clocks the solver alone.

    The clock is the peer's own solve time: cvxpy's compilation and unpacking do not count, nor does what SCS
    calls set-up, its first factorisation. No run starts from the last one's solution.
    """

    def __init__(self, problem: Problem) -> None:
        import cvxpy as cp

        lambda_1, lambda_2 = problem.penalty.weights
        self._W = cp.Variable((problem.rows.n_tasks, problem.rows.n_columns))
        penalty = lambda_1 / 2 * cp.sum_squares(self._W) + lambda_2 / 2 * cp.square(cp.normNuc(self._W))
        form = _reduced_squares if problem.loss.quadratic else _squared_hinges
        self._program = cp.Problem(cp.Minimize(form(problem, self._W) + penalty))

    def run(self, peer: Peer) -> Run:
        """Solve cold with ``peer``; the outcome is a ``PeerSolution``."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # "may be inaccurate": the table shows how accurate
            self._program.solve(solver=peer.package.upper(), warm_start=False, **peer.settings)
        stats = self._program.solver_stats
        return Run(stats.solve_time, PeerSolution(self._W.value, stats.num_iters, self._program.status))


def _reduced_squares(problem: Problem, W: Any) -> Any:
    """sum_i ||R_i w_i - Q_i'y_i||^2 / n_i and the part of y that no w reaches."""
    import cvxpy as cp

    total, constant = 0.0, 0.0
    for i, (X, y) in enumerate(_by_task(problem)):
        Q, R = np.linalg.qr(X)
        target = Q.T @ y
        total = total + cp.sum_squares(R @ W[i] - target) / y.size
        constant += float(y @ y - target @ target) / y.size
    return total + constant


def _squared_hinges(problem: Problem, W: Any) -> Any:
    import cvxpy as cp

    return sum(
        cp.sum_squares(cp.pos(1 - (y[:, None] * X) @ W[i])) / y.size for i, (X, y) in enumerate(_by_task(problem))
    )


def _by_task(problem: Problem) -> list[tuple[FloatArray, FloatArray]]:
    cuts = problem.rows.offsets[1:-1]
    return list(zip(np.split(problem.rows.X, cuts), np.split(problem.rows.y, cuts), strict=True))
