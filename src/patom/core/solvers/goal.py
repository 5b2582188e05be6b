"""The gap that a solve aims at, what rounding does to it, and which status follows.

The gap is R(W) + R*(V) - <W, V> at V = -grad f(W). Its terms cancel, which costs a few units in the last place of
them. V itself is a sum that cancels, too: an entry is wrong by about eps r_ic z_i, with r_ic the size of column c in
task i, and z_i that of the task's predictions. R* squares the error of V and divides it by lambda: with one column of
1e20 among others of 1, no W that float64 holds has a gap below 1e8 over lambda, however near to the optimum it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.solvers.solution import Status

_EPS = float(np.finfo(float).eps)
_USEFUL = 1e-4
"""Gap over f(0) up to which a solve counts as converged as far as float64 allows; a larger gap says next to nothing."""
_NOTHING = 1.001
"""Objective over f(0), the objective of no weights at all, beyond which weights are worse than none."""


@dataclass(frozen=True)
class Rounding:
    """How much of a gap may be rounding."""

    of_terms: float  # size of the terms that cancel in it
    of_gradient: float  # R* of the error of V
    of_steps: float  # f(0) + L ||W||^2, L the smoothness: what would cancel if all columns had the size of the largest
    scale: float  # f(0)

    @property
    def sure(self) -> float:
        """What rounding may add to a gap; a gap below it need not fall further."""
        return 64.0 * _EPS * self.of_terms + 16.0 * self.of_gradient

    @property
    def perhaps(self) -> float:
        """A gap below it that has not fallen for long will not fall further, as steps are not exact either."""
        return max(self.sure, 64.0 * _EPS * self.of_steps)

    def reported(self, gap: float, goal: float) -> float:
        """The gap to report: no smaller than the error of V allows, where that error is above the goal."""
        return gap if self.of_gradient <= goal else max(gap, self.of_gradient)

    def status(self, gap: float, goal: float, *, exhausted: bool = True) -> Status:
        """The status of a solve that aims at ``goal`` or less; ``exhausted``: whether all steps were taken."""
        reported = self.reported(gap, goal)
        if reported <= goal:
            return Status.CONVERGED
        if exhausted and not reported <= self.sure:  # which NaN is not
            return Status.MAX_ITER
        return Status.PRECISION if reported <= _USEFUL * self.scale else Status.ROUNDING

    def lost(self, objective: float) -> bool:
        """Whether weights of this objective are worse than none, as after steps that overflow or diverge."""
        return not objective <= _NOTHING * self.scale


def rounding(columns: FloatArray, W: FloatArray, *, scale: float, steps: float, strength: float) -> Rounding:
    """From the sizes of columns, shape (m, p), at weights W.

    ``columns`` are the square roots of bounds on the Hessian's diagonal; ``strength``: h with R(W) >= h/2 ||W||_F^2;
    ``scale`` and ``steps``: ``Rounding.scale`` and ``Rounding.of_steps``.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # of weights that diverged
        squares, predictions = (columns**2).sum(axis=1), (columns * np.abs(W)).sum(axis=1) ** 2
        wrong = float(predictions @ squares) + 2.0 * scale * float(squares.max())
    return Rounding(scale + float(predictions.sum()), _EPS**2 * wrong / (2.0 * strength), steps, scale)


class Evaluated(Protocol):
    """Weights whose objective and Fenchel gap are known."""

    @property
    def objective(self) -> float: ...

    @property
    def gap(self) -> float: ...


At = TypeVar("At", bound=Evaluated)


@dataclass(frozen=True)
class Goal(Generic[At]):
    """A gap of ``tol`` times the objective, which counts as ``ceiling`` at most.

    ``rounding`` says what rounding does to the gap at given weights.
    """

    tol: float
    rounding: Callable[[At], Rounding]
    ceiling: float = 1.0

    def gap(self, at: At) -> float:
        """The largest gap that meets the goal."""
        return self.tol * min(self.ceiling, at.objective)

    def reached(self, at: At) -> bool:
        """Whether the gap is that small, rounding aside."""
        return at.gap <= self.gap(at)

    def well_within(self, at: At) -> bool:
        """Whether the gap is so far below the goal that W, too, has some more digits than the root of the goal."""
        return at.gap <= 1e-4 * self.gap(at)

    def folds(self, at: At) -> float:
        """How often the gap has to fall by a factor of e until it is reached."""
        return float(np.log(max(at.gap / max(self.gap(at), float(np.finfo(float).tiny)), 1.0)))

    def status(self, at: At, *, exhausted: bool, rounding: Rounding | None = None) -> Status:
        """How a solve that ends there has ended; ``rounding``: where it is known."""
        rounding = self.rounding(at) if rounding is None else rounding
        return rounding.status(at.gap, self.gap(at), exhausted=exhausted)

    def reported(self, at: At) -> float:
        """The gap to report."""
        return self.rounding(at).reported(at.gap, self.gap(at))
