"""Rules that choose Omega: their result, what all share, and the rules that reshape the learned Omega."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from sklearn.base import BaseEstimator

from patom.core.arrays import FloatArray, IntArray
from patom.core.penalties.learned import SpectralPenalty
from patom.defenses.votes import VOTES, votes_of
from patom.models.problem import Problem
from patom.models.settings import require_at_least, require_choice, require_share

Linear = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Source:
    """The fit from which a rule made its Omega, and how the chosen Omega depends on it.

    ``tasks``, shape (k,), are the positions of the tasks that were fitted, ascending, and W, shape (k, p), is their
    optimum with Omega learned. ``back`` is the adjoint of the derivative of the chosen Omega by the learned one: from
    dU/d(chosen), shape (m, m), it gives dU/d(learned), shape (k, k), both symmetric.
    """

    tasks: IntArray
    W: FloatArray
    back: Linear


@dataclass(frozen=True)
class Coupling:
    """A chosen Omega, shape (m, m): positive semi-definite, of trace 1.

    ``start``, shape (m, p), is the optimum with Omega learned, for a warm start on rows that differ little. An attacker
    differentiates through ``source``; None where she does better to take Omega as constant.
    """

    omega: FloatArray
    start: FloatArray
    source: Source | None = None


@dataclass(eq=False, repr=False)
class CouplingRule(BaseEstimator, ABC):
    """Chooses the task covariance from the training rows, which may be poisoned.

    Parameters
    ----------
    votes : {"capped", "rows", "tasks"}, default "capped"
        What each task counts, as in ``Clip``, where a rule would treat all tasks alike: see ``by_votes``.
    """

    votes: str = field(default="capped", kw_only=True)

    def covariance(self, problem: Problem) -> FloatArray:
        """Omega, shape (m, m), positive semi-definite and of trace 1, for a problem whose Omega is learned.

        Settings that cannot be used are a ValueError.
        """
        self.check()
        return self.couple(problem).omega

    def check(self) -> None:
        """Refuse settings that cannot be used."""
        require_choice(type(self).__name__, VOTES, votes=self.votes)

    @abstractmethod
    def couple(self, problem: Problem, start: FloatArray | None = None) -> Coupling:
        """Omega and the fit from which it was made; ``start``, shape (m, p), is near the optimum with Omega learned."""


Reshape = Callable[[FloatArray], tuple[FloatArray, Linear]]
"""From Omega, shape (m, m), to another one, and the adjoint of the derivative."""


def by_votes(omega: FloatArray, votes: FloatArray, reshape: Reshape) -> tuple[FloatArray, Linear]:
    """Reshape Omega in units in which all votes count the same; trace 1, and the adjoint of the derivative.

    A rule that gives every task a part of the trace, or every direction among tasks, gives most of it to whoever opens
    most accounts. With D = diag(votes over their mean) it reshapes M = D^(-1/2) Omega D^(-1/2) / trace, and the answer
    is D^(1/2) M' D^(1/2) / trace. So equal parts of M' are parts by votes of Omega; correlations are the same in both.

    >>> by_votes(np.diag([0.9, 0.1]), np.array([1.0, 3.0]), Shrunken(1.0).reshape)[0].diagonal()
    array([0.25, 0.75])
    """
    if np.ptp(votes) == 0.0:
        return reshape(omega)
    root = np.sqrt(votes / votes.mean())
    unit = np.outer(root, root)
    even = omega / unit
    total = float(np.trace(even))
    even /= total
    inner, back_inner = reshape(even)
    scaled = inner * unit
    size = float(np.trace(scaled))
    found = scaled / size

    def back(B: FloatArray) -> FloatArray:
        C = back_inner(_less_trace(B, found) / size * unit)
        return np.asarray(_less_trace(C, even) / total / unit)

    return found, back


def _less_trace(B: FloatArray, omega: FloatArray) -> FloatArray:
    """B - <B, Omega> I, the adjoint of dividing by the trace (but for the trace itself), shape (m, m)."""
    found = B.copy()
    found[np.diag_indices_from(found)] -= np.vdot(B, omega)
    return found


class Reshaping(CouplingRule):
    """A rule that reshapes the learned Omega. Costs a fit."""

    def couple(self, problem: Problem, start: FloatArray | None = None) -> Coupling:
        W = problem.solve(start=start).W
        learned = problem.penalty.relationship(W).covariance()
        omega, back = by_votes(learned, votes_of(self.votes, problem.rows.counts), self.reshape)
        return Coupling(omega, W, Source(np.arange(W.shape[0]), W, back))

    @abstractmethod
    def reshape(self, omega: FloatArray) -> tuple[FloatArray, Linear]:
        """Another Omega in place of the learned one, shape (m, m), and the adjoint of the derivative."""


@dataclass(eq=False, repr=False)
class Shrunken(Reshaping):
    """(1 - share) Omega + share I/m, Omega learned: every task keeps some freedom, whatever the others do.

    Parameters
    ----------
    share : float, default 0.5
        From 0, the learned Omega, to 1, independent tasks.
    votes : {"capped", "rows", "tasks"}, default "capped"
        Of which each task has an equal part of I/m, see ``by_votes``: with "tasks", whoever opens accounts takes most.

    Notes
    -----
    The form of Ledoit and Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices", with
    the share given. Costs a fit.

    Examples
    --------
    >>> Shrunken(0.5).reshape(np.array([[0.5, 0.5], [0.5, 0.5]]))[0]
    array([[0.5 , 0.25],
           [0.25, 0.5 ]])
    """

    share: float = 0.5

    def check(self) -> None:
        super().check()
        require_share("Shrunken", share=self.share)

    def reshape(self, omega: FloatArray) -> tuple[FloatArray, Linear]:
        m, kept = omega.shape[0], 1.0 - self.share
        return kept * omega + self.share / m * np.eye(m), lambda B: kept * B


@dataclass(eq=False, repr=False)
class Capped(Reshaping):
    """The matrix nearest to the learned Omega whose eigenvalues are ``largest`` at most.

    (``patom.Capped`` is for ``task_weights`` and caps what a task's loss weighs.)

    The cap is on eigenvalues, not on correlations: at rank one all correlations are +-1, whatever the data, and harm
    spreads because all tasks depend on one direction.

    Parameters
    ----------
    largest : float, default 0.5
        Above 0; Omega has trace 1. At 1 and above nothing is capped, at 1/m and below Omega = I/m.
    votes : {"capped", "rows", "tasks"}, default "capped"
        Of a task, as in ``Shrunken``; what is above the cap is spread by votes.

    Notes
    -----
    Nearest in the Frobenius norm among the positive semi-definite matrices of trace 1: the set is invariant under
    rotations, so the eigenvectors stay (von Neumann's trace inequality) and the eigenvalues are projected onto
    {0 <= x <= largest, sum x = 1}. The part above the cap is spread evenly over all other directions, the empty ones
    too, so Omega is not singular where the cap binds. Costs a fit and O(m^3).

    Examples
    --------
    >>> Capped(0.6).reshape(np.diag([0.9, 0.1, 0.0]))[0].diagonal()
    array([0.6 , 0.25, 0.15])
    """

    largest: float = 0.5

    def check(self) -> None:
        super().check()
        require_at_least("Capped", 0.0, strict=True, largest=self.largest)

    def reshape(self, omega: FloatArray) -> tuple[FloatArray, Linear]:
        s, Q = np.linalg.eigh(omega)
        x = cap(s, max(self.largest, 1.0 / s.size))
        free = (x > 0.0) & (x < max(self.largest, 1.0 / s.size))
        rise, run = x[:, None] - x, s[:, None] - s
        distinct = np.abs(run) > 1e-12
        slopes = np.divide(rise, run, out=(free[:, None] & free).astype(float), where=distinct)

        def back(B: FloatArray) -> FloatArray:
            inner = Q.T @ B @ Q
            own = np.where(free, inner.diagonal(), 0.0)
            inner = slopes * inner
            inner[np.diag_indices_from(inner)] = own - free * (own.sum() / max(np.count_nonzero(free), 1))
            return np.asarray(Q @ inner @ Q.T)

        return np.asarray((Q * x) @ Q.T), back


def cap(s: FloatArray, largest: float) -> FloatArray:
    """Projection of s onto {0 <= x <= largest, sum x = 1}, shape (m,); m ``largest`` must be 1 at least.

    x = s + t clipped, for the t at which it sums to 1: between two neighbours of the points where a value meets a
    bound, the sum is linear in t.

    >>> cap(np.array([1.0, 0.0]), 0.75)
    array([0.75, 0.25])
    """
    corners = np.sort(np.concatenate([-s, largest - s]))
    sums = np.clip(s + corners[:, None], 0.0, largest).sum(axis=1)
    return np.asarray(np.clip(s + np.interp(1.0, sums, corners), 0.0, largest))


def by_weights(W: FloatArray, B: FloatArray) -> FloatArray:
    """Gradient by W, shape (m, p), of <B, Omega(W)> along the matrices of W's rank; B symmetric, shape (m, m).

    Omega = S / tr S with S = (W W')^(1/2) (Zhang and Yeung 2010; W has a row a task here). With W = U diag(s) Q', a
    change of W W' by M turns into one of S by U'MU_ij / (s_i + s_j) on the range, and by U'M / s_i off it.
    """
    if not W.any():
        return np.zeros_like(W)
    U = SpectralPenalty(0.0, 1.0).relationship(W).vectors
    scaled = U.T @ W  # diag(s) Q'
    s = np.linalg.norm(scaled, axis=1)
    Qt, total, BU = scaled / s[:, None], float(s.sum()), B @ U
    inside = U.T @ BU
    off = BU - U @ inside
    shared = float(s @ np.diag(inside)) / total**2  # <B, Omega> / tr S: the trace is held
    inner = 2.0 / total * inside * s / np.add.outer(s, s) - shared * np.eye(s.size)
    return np.asarray(U @ (inner @ Qt) + (2.0 / total) * off @ Qt)
