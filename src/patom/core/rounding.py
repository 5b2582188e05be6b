"""What rounding does to a duality gap, and what may therefore be said of a solve.

The gap is R(W) + R*(V) - <W, V> at V = -grad f(W). Its terms cancel, which costs a few units in the last place of
them. And V itself is a sum that cancels: an entry of it is wrong by about eps r_ic z_i, with r_ic the size of column c
in task i, and z_i that of the task's predictions. R* squares what is wrong of V and divides by lambda: one column of
1e20 among others of 1, and no W that float64 holds has a gap below 1e8 over lambda, however near to the optimum it is.
"""

from dataclasses import dataclass

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.solvers.solution import Status

_EPS = float(np.finfo(float).eps)
_USEFUL = 1e-4
"""Gap over f(0) up to which a solve has come as far as float64 allows; beyond it the gap says next to nothing."""
_NOTHING = 1.001
"""Objective over f(0), the objective of no weights at all, beyond which weights are worse than none."""


@dataclass(frozen=True)
class Rounding:
    """What may be wrong with a gap.

    Parameters
    ----------
    of_terms : float
        Size of what cancels in it.
    of_gradient : float
        R* of what is wrong with V.
    of_steps : float
        f(0) + L ||W||^2, L the smoothness: what would cancel if all columns were of the size of the largest.
    scale : float
        f(0).
    """

    of_terms: float
    of_gradient: float
    of_steps: float
    scale: float

    @property
    def sure(self) -> float:
        """What rounding may add to a gap: below it the gap need not fall any further."""
        return 64.0 * _EPS * self.of_terms + 16.0 * self.of_gradient

    @property
    def perhaps(self) -> float:
        """Below it a gap that has not fallen for long is at its end, too: steps are not exact either."""
        return max(self.sure, 64.0 * _EPS * self.of_steps)

    def told(self, gap: float, goal: float) -> float:
        """The gap to report: a smaller one than V is good for is luck, where V is not good for the goal."""
        return gap if self.of_gradient <= goal else max(gap, self.of_gradient)

    def status(self, gap: float, goal: float, *, exhausted: bool = True) -> Status:
        """How a solve stands with a gap that is to be ``goal`` at most; ``exhausted``: whether steps were used up."""
        told = self.told(gap, goal)
        if told <= goal:
            return Status.CONVERGED
        if exhausted and not told <= self.sure:  # which NaN is not
            return Status.MAX_ITER
        return Status.PRECISION if told <= _USEFUL * self.scale else Status.ROUNDING

    def lost(self, objective: float) -> bool:
        """Whether weights of this objective are no better than none: steps that overflowed, or went astray."""
        return not objective <= _NOTHING * self.scale


def rounding(columns: FloatArray, W: FloatArray, *, scale: float, steps: float, strength: float) -> Rounding:
    """From the sizes of columns, shape (m, p), at weights W.

    ``columns`` are the square roots of bounds on the Hessian's diagonal; ``strength``: h with R(W) >= h/2 ||W||_F^2;
    ``scale`` and ``steps``: ``Rounding.scale`` and ``Rounding.of_steps``.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # of weights that have gone astray
        squares, predictions = (columns**2).sum(axis=1), (columns * np.abs(W)).sum(axis=1) ** 2
        wrong = float(predictions @ squares) + 2.0 * scale * float(squares.max())
    return Rounding(scale + float(predictions.sum()), _EPS**2 * wrong / (2.0 * strength), steps, scale)
