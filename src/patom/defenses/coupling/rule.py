"""What a rule for Omega answers, and what all rules share."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator

from patom.core.arrays import FloatArray, IntArray
from patom.models.problem import Problem

Linear = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Source:
    """The fit that a chosen Omega was made from, and how Omega follows it.

    Parameters
    ----------
    tasks : array of shape (k,)
        Positions of the tasks that were fitted, ascending.
    W : array of shape (k, p)
        Their optimum, Omega learned.
    back : callable
        The adjoint of the derivative of the chosen Omega by the learned one: carries dU/d(chosen), shape (m, m), to
        dU/d(learned), shape (k, k), both symmetric.
    """

    tasks: IntArray
    W: FloatArray
    back: Linear


@dataclass(frozen=True)
class Coupling:
    """A chosen Omega.

    Parameters
    ----------
    omega : array of shape (m, m)
        Positive semi-definite, of trace 1.
    start : array of shape (m, p)
        The optimum with Omega learned, for a warm start on rows that differ little.
    source : Source, optional
        What an attacker differentiates; None where Omega is best taken as it is.
    """

    omega: FloatArray
    start: FloatArray
    source: Source | None = None


class CouplingRule(BaseEstimator, ABC):
    """Chooses the task covariance from the training rows, which may be poisoned."""

    def covariance(self, problem: Problem) -> FloatArray:
        """Omega, shape (m, m), positive semi-definite and of trace 1.

        Parameters
        ----------
        problem : Problem
            On the training rows, its Omega learned.

        Raises
        ------
        ValueError
            For settings that cannot be used.
        """
        self.check()
        return self.couple(problem).omega

    @abstractmethod
    def check(self) -> None:
        """Refuse settings that cannot be used."""

    @abstractmethod
    def couple(self, problem: Problem, start: FloatArray | None = None) -> Coupling:
        """Omega with what it was made from; ``start``, shape (m, p), is near the optimum with Omega learned."""


class Reshaping(CouplingRule):
    """A rule that reshapes the learned Omega. Costs a fit."""

    def couple(self, problem: Problem, start: FloatArray | None = None) -> Coupling:
        """The learned Omega reshaped."""
        W = problem.solve(start=start).W
        omega, back = self.reshape(problem.penalty.relationship(W).covariance())
        return Coupling(omega, W, Source(np.arange(W.shape[0]), W, back))

    @abstractmethod
    def reshape(self, omega: FloatArray) -> tuple[FloatArray, Linear]:
        """Another Omega in place of the learned one, shape (m, m), and the adjoint of the derivative."""
