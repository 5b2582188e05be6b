"""Accelerated proximal gradient on shards: each step streams once over the rows, three slots and no more."""

from dataclasses import dataclass, field

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.solvers.sharded.problem import Certified, TallProblem
from patom.core.solvers.sharded.spectrum import Factors, shrink

W, Y, Z = range(3)
"""The slots: the last step's W, the point ahead of it, and the gradient step from there."""


@dataclass
class Momentum:
    """Beck and Teboulle 2009, restarted by O'Donoghue and Candes's gradient test, one step late to save a pass.

    A step sends a shard one (p, p) matrix and two numbers and gets a (p, p) matrix and a number back.

    Parameters
    ----------
    problem : TallProblem
        Its slot ``W`` is where the steps start.
    L : float
        One over their length.
    """

    problem: TallProblem
    L: float
    _momentum: float = field(default=1.0, init=False)
    _gram: FloatArray | None = field(default=None, init=False)

    def advance(self, steps: int) -> None:
        """Take so many steps, at least one."""
        if self._gram is None:
            (self._gram,), steps = self.problem.sum("begin", W, Y, Z, self.L), steps - 1
        for _ in range(steps):
            following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * self._momentum**2))
            push = (self._momentum - 1.0) / following
            self._gram, uphill = self.problem.sum("accelerate", W, Y, Z, self._ahead.matrix, push, self.L)
            self._momentum = 1.0 if uphill[0] > 0.0 else following

    def certify(self) -> Certified:
        """Objective and gap after the steps taken; costs a pass more."""
        return self.problem.evaluate(Z, self._ahead)

    def finish(self) -> Certified:
        """The same, with the weights in slot ``W`` and the other two given back."""
        problem = self.problem
        stayed = self._gram is None
        found = problem.evaluate(W, problem.factors(W)) if stayed else problem.evaluate(Z, self._ahead, W)
        for slot in (Y, Z):
            self.problem.shards.reduce("drop", slot)
        return found

    @property
    def _ahead(self) -> Factors:
        assert self._gram is not None
        penalty = self.problem.penalty
        return shrink(self._gram, 1.0 + penalty.lambda_1 / self.L, penalty.lambda_2 / self.L)
