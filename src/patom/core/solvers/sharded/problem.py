"""Problem (1), Omega learned, as the solver of tall problems sees it: (p, p) matrices here, all else in shards."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.penalties.learned import SpectralPenalty
from patom.core.rounding import Rounding, rounding
from patom.core.solvers.sharded.shard import Sums, total
from patom.core.solvers.sharded.shards import Shards
from patom.core.solvers.sharded.spectrum import Factors, shrink, singular, spectrum


@dataclass(frozen=True)
class Certified:
    """What is known at some W.

    Parameters
    ----------
    objective, gap : float
        Value of (1) and the Fenchel gap.
    s : array of shape (k,)
        Singular values of W, descending.
    Q : array of shape (p, k)
        Its right singular vectors.
    """

    objective: float
    gap: float
    s: FloatArray
    Q: FloatArray

    @property
    def D(self) -> FloatArray:  # noqa: N802  (a matrix)
        """(W'W)^(1/2) over its trace, shape (p, p); I/p where W = 0."""
        p = self.Q.shape[0]
        return np.asarray((self.Q * (self.s / self.s.sum())) @ self.Q.T) if self.s.size else np.eye(p) / p


@dataclass(frozen=True)
class TallProblem:
    """The data term on tasks in shards, and the penalty.

    Parameters
    ----------
    shards : Shards
    penalty : SpectralPenalty
    curvature_bound : float
        The loss's.
    """

    shards: Shards
    penalty: SpectralPenalty
    curvature_bound: float

    @cached_property
    def scale(self) -> float:
        """f(0), the data term without any weights."""
        return float(self.sum("value_without_weights")[0][0])

    @property
    def smoothness(self) -> float:
        """Lipschitz constant of grad f, up to a few per cent: the power iteration comes from below."""
        return 1.05 * self.curvature_bound * float(self._curvatures[0][0])

    def rounding(self, found: Certified) -> Rounding:
        """What rounding does to a gap; columns count in all tasks as they do where they are largest."""
        columns = np.sqrt(self.curvature_bound * self._curvatures[1])
        W = np.sqrt(found.Q**2 @ found.s**2)  # sizes of W's columns
        steps = self.scale + self.smoothness * float(found.s @ found.s)
        return rounding(columns[None], W[None], scale=self.scale, steps=steps, strength=sum(self.penalty.weights))

    @cached_property
    def _curvatures(self) -> Sums:
        return tuple(np.max(part, axis=0) for part in zip(*self.shards.reduce("largest_curvature"), strict=True))

    def factors(self, slot: int) -> Factors:
        """What a slot holds, of whatever rank."""
        (gram,) = self.sum("gram", slot)
        return shrink(gram, 1.0, 0.0)

    def evaluate(self, slot: int, factors: Factors, kept: int | None = None) -> Certified:
        """A pass over the rows at the weights that a slot and its factors stand for, to be kept in a slot or not."""
        value, UU, UG, GG = self.sum("evaluate", slot, factors.T, factors.right, kept)
        return self.certify(float(value[0]), singular(UU, factors.right), GG, -float(np.vdot(factors.right, UG)))

    def certify(self, value: float, W: tuple[FloatArray, FloatArray], VV: FloatArray, WV: float) -> Certified:
        """Objective and gap from f(W), W's singular values and vectors, and V'V and <W, V> of V = -grad f(W)."""
        s, Q = W
        R = self.penalty.value(np.diag(s)) if s.size else 0.0
        dual = self.penalty.conjugate(np.diag(spectrum(VV)[0]))
        return Certified(value + R, abs(R + dual - WV), s, Q)

    def sum(self, method: str, *arguments: Any) -> Sums:
        """The sums over all tasks that a method of ``Shard`` returns for the tasks of one."""
        return total(self.shards.reduce(method, *arguments))
