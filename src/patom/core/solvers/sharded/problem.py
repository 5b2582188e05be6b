"""Problem (1), Omega learned, as the solver of sharded tasks sees it: (p, p) matrices here, all else in shards.

An array A of shape (m, p) is known by its Gram matrix A'A, which gives singular values and vectors, and the prox. The
eigenvalues of A'A carry an error of about 1e-16 of the largest, so singular values below 1e-8 of the largest are lost.
Values below ``CUT`` of the largest therefore count as zero: at the optimum that costs the objective about
1e-14 L s_1^2, L the smoothness. ``singular`` finds those of a product U B, U's columns orthonormal or nearly, to 1e-16.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.penalties.learned import SpectralPenalty, maximise_on_spectrum
from patom.core.solvers.goal import Rounding, rounding
from patom.core.solvers.sharded.shard import Shards, Sums, total

CUT = 1e-7


@dataclass(frozen=True)
class Factors:
    """A matrix U diag(s) Q' with U = A T, for some known array A of shape (m, p)."""

    T: FloatArray  # (p, k): the columns of A T are orthonormal, nearly
    s: FloatArray  # (k,): positive, descending
    Q: FloatArray  # (p, k): orthonormal columns

    @property
    def right(self) -> FloatArray:
        """diag(s) Q', shape (k, p)."""
        return self.s[:, None] * self.Q.T

    @property
    def matrix(self) -> tuple[FloatArray, ...]:
        """T diag(s) Q' as one factor or as two, whichever is cheaper to multiply by."""
        return (self.T, self.right) if 2 * self.s.size < self.Q.shape[0] else (self.T @ self.right,)


def spectrum(gram: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Singular values, descending, and right singular vectors, of an A given A'A.

    >>> spectrum(np.diag([1.0, 9.0]))[0]
    array([3., 1.])
    """
    values, vectors = np.linalg.eigh(gram)
    return np.sqrt(np.maximum(values[::-1], 0.0)), vectors[:, ::-1]


def shrink(gram: FloatArray, ridge: float, nuclear: float) -> Factors:
    """The prox of ``SpectralPenalty`` at A, given A'A; ridge = 1 + lambda_1/L, nuclear = lambda_2/L.

    >>> shrink(np.diag([1.0, 9.0]), 1.0, 1.0).s
    array([1.5])
    """
    s, Q = spectrum(gram)
    x = maximise_on_spectrum(s, ridge, nuclear)
    k = int(np.count_nonzero((x > 0.0) & (s > CUT * s[0])))
    return Factors(Q[:, :k] / s[:k], x[:k], Q[:, :k])


def singular(gram: FloatArray, B: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Singular values and right singular vectors of U B, given U'U, shape (k, k), and B, shape (k, p)."""
    if B.shape[0] == 0:
        return np.empty(0), np.empty((B.shape[1], 0))
    s, Q = spectrum(gram)
    _, values, Qt = np.linalg.svd((s[:, None] * Q.T) @ B, full_matrices=False)
    return np.asarray(values), np.asarray(Qt.T)


@dataclass(frozen=True)
class Certified:
    """What is known at some W."""

    objective: float
    gap: float  # Fenchel's
    s: FloatArray  # singular values of W, descending, shape (k,)
    Q: FloatArray  # its right singular vectors, shape (p, k)

    @property
    def D(self) -> FloatArray:  # noqa: N802  (a matrix)
        """(W'W)^(1/2) over its trace, shape (p, p); I/p where W = 0."""
        p = self.Q.shape[0]
        return np.asarray((self.Q * (self.s / self.s.sum())) @ self.Q.T) if self.s.size else np.eye(p) / p


@dataclass(frozen=True)
class ShardedProblem:
    """The data term on tasks in shards, and the penalty."""

    shards: Shards
    penalty: SpectralPenalty
    curvature_bound: float  # the loss's

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
        """The factors of a slot, of any rank."""
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
        """Sums over all tasks of what a method of ``Shard`` returns for its own tasks."""
        return total(self.shards.reduce(method, *arguments))
