"""Weights in two parts, W = S + V, shared by the tasks and each task's own, with a penalty for either part.

Stacked as Z = [S; V], shape (2 m, p), they are a problem like (1): a data term and a convex penalty. So
``core.solvers.accelerated`` solves it, by accelerated proximal steps and Newton steps along the groups that are not 0.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.data_term import DataTerm, Operator, column_sizes

_TINY = float(np.finfo(float).tiny)
_DAMPING = 1e-9


@dataclass(frozen=True)
class SplitTerm:
    """f(S + V) as a function of Z = [S; V]; see ``core.data_term.DataTerm``."""

    term: DataTerm

    @property
    def shape(self) -> tuple[int, int]:
        """(2 m, p)."""
        m, p = self.term.shape
        return 2 * m, p

    @property
    def smoothness(self) -> float:
        """Twice that of f: S and V may move together."""
        return 2.0 * self.term.smoothness

    @property
    def columns(self) -> FloatArray:
        """f's, for S and for V."""
        return np.tile(column_sizes(self.term), (2, 1))

    def value_and_gradient(self, Z: FloatArray) -> tuple[float, FloatArray]:
        """f(S + V) and its gradient, the same in S and in V."""
        value, gradient = self.term.value_and_gradient(_sum(Z))
        return value, np.concatenate([gradient, gradient])

    def hessian(self, Z: FloatArray) -> Operator:
        """D -> [H (D_S + D_V); the same]."""
        inner = self.term.hessian(_sum(Z))

        def apply(D: FloatArray) -> FloatArray:
            image = inner(_sum(D))
            return np.concatenate([image, image])

        return apply


class Part(Protocol):
    """The penalty of S or of V, for arrays of shape (m, p)."""

    @property
    def size(self) -> float:
        """Its strength, for the solver's path from strong to weak."""

    def value(self, Z: FloatArray) -> float:
        """R(Z)."""

    def prox(self, Z: FloatArray, L: float) -> FloatArray:
        """argmin_X L/2 ||X - Z||^2 + R(X)."""

    def conjugate(self, V: FloatArray) -> float:
        """The largest <X, V> - R(X) over the X that can be optimal."""

    def slope(self, Z: FloatArray) -> FloatArray:
        """Gradient of R where Z is not zero."""

    def project(self, Z: FloatArray, D: FloatArray) -> FloatArray:
        """D along the directions that keep the zeros of Z."""

    def curvature(self, Z: FloatArray, D: FloatArray) -> FloatArray:
        """Second derivative of R along them, applied to D."""

    def least(self, Z: FloatArray) -> tuple[float, FloatArray]:
        """Value of the smallest group of Z that is not zero, infinity if there is none, and the group alone."""

    def scaled(self, factor: float) -> "Part":
        """R times ``factor``."""


@dataclass(frozen=True)
class Groups:
    """R(Z) = sum_g strength_g ||Z_g||_2 over the rows of Z (``axis=1``) or its columns (``axis=0``).

    ``strength``, above 0, has the shape (m, 1) for rows and (1, p) for columns. ``bound`` is an upper bound on R at the
    optimum, such as f(0): R is at most the objective, and 0 is feasible. It makes the conjugate finite: ``bound`` times
    how far, relatively, a group is outside the dual ball.

    Examples
    --------
    >>> rows = Groups(np.array([[1.0], [10.0]]), axis=1, bound=1.0)
    >>> rows.prox(np.array([[3.0, 4.0], [3.0, 4.0]]), 1.0)
    array([[2.4, 3.2],
           [0. , 0. ]])
    """

    strength: FloatArray
    axis: int
    bound: float

    @property
    def size(self) -> float:
        """Largest strength."""
        return float(self.strength.max())

    def value(self, Z: FloatArray) -> float:
        """R(Z)."""
        return float((self.strength * self._norms(Z)).sum())

    def prox(self, Z: FloatArray, L: float) -> FloatArray:
        """Shrink each group by its strength over L, to zero at most."""
        norms = L * self._norms(Z)
        return Z * np.divide(norms - self.strength, norms, out=np.zeros_like(norms), where=norms > self.strength)

    def conjugate(self, V: FloatArray) -> float:
        """The largest <X, V> - R(X) over R(X) <= bound."""
        return self.bound * max(0.0, float((self._norms(V) / self.strength).max()) - 1.0)

    def slope(self, Z: FloatArray) -> FloatArray:
        """strength_g Z_g / ||Z_g||, 0 for a group that is 0."""
        return self.strength * self._directions(Z)

    def project(self, Z: FloatArray, D: FloatArray) -> FloatArray:
        """D without the groups that are 0 in Z."""
        return np.where(self._norms(Z) > 0.0, D, 0.0)

    def curvature(self, Z: FloatArray, D: FloatArray) -> FloatArray:
        """strength_g / ||Z_g|| times the part of D_g across Z_g."""
        norms, u = self._norms(Z), self._directions(Z)
        across = D - u * (u * D).sum(axis=self.axis, keepdims=True)
        return np.asarray(across * np.divide(self.strength, norms, out=np.zeros_like(norms), where=norms > _TINY))

    def least(self, Z: FloatArray) -> tuple[float, FloatArray]:
        """Value of the smallest group that is not zero, and it alone; infinity and nothing if all are."""
        values = self.strength * self._norms(Z)
        size = float(np.min(values, where=values > 0.0, initial=np.inf))
        return size, np.where(values == size, Z, 0.0)

    def scaled(self, factor: float) -> "Groups":
        """R times ``factor``; the bound still holds."""
        return replace(self, strength=factor * self.strength)

    def _norms(self, Z: FloatArray) -> FloatArray:
        return np.asarray(np.linalg.norm(Z, axis=self.axis, keepdims=True))

    def _directions(self, Z: FloatArray) -> FloatArray:
        return Z / np.maximum(self._norms(Z), _TINY)


@dataclass(frozen=True)
class Centre:
    """All rows equal, at no cost: R(Z) = 0 where they are.

    ``radius`` bounds the centres that the duality gap takes into account; steps are not bounded by it.
    """

    radius: float

    @property
    def size(self) -> float:
        """0: nothing is penalised."""
        return 0.0

    def value(self, Z: FloatArray) -> float:  # noqa: ARG002  (rows are equal after each prox)
        """0."""
        return 0.0

    def prox(self, Z: FloatArray, L: float) -> FloatArray:  # noqa: ARG002  (a projection)
        """The mean of the rows, in each."""
        return np.tile(Z.mean(axis=0), (Z.shape[0], 1))

    def conjugate(self, V: FloatArray) -> float:
        """The largest <X, V> over equal rows of norm up to ``radius``."""
        return self.radius * float(np.linalg.norm(V.sum(axis=0)))

    def slope(self, Z: FloatArray) -> FloatArray:
        """0."""
        return np.zeros_like(Z)

    def project(self, Z: FloatArray, D: FloatArray) -> FloatArray:  # noqa: ARG002  (the same everywhere)
        """The mean of the rows, in each."""
        return self.prox(D, 1.0)

    def curvature(self, Z: FloatArray, D: FloatArray) -> FloatArray:  # noqa: ARG002  (flat)
        """0."""
        return np.zeros_like(D)

    def least(self, Z: FloatArray) -> tuple[float, FloatArray]:
        """Infinity and nothing: the centre stays."""
        return np.inf, np.zeros_like(Z)

    def scaled(self, factor: float) -> "Centre":  # noqa: ARG002  (0 times anything)
        """Itself."""
        return self


@dataclass(frozen=True)
class SplitPenalty:
    """R(Z) = shared(S) + own(V); see ``core.penalties.penalty.Regulariser``."""

    shared: Part
    own: Part

    @property
    def weights(self) -> tuple[float, float]:
        """Strengths of the parts."""
        return self.shared.size, self.own.size

    def value(self, Z: FloatArray) -> float:
        """R(Z)."""
        return sum(part.value(A) for part, A in self.parts(Z))

    def prox(self, Z: FloatArray, L: float) -> FloatArray:
        """Part by part."""
        return np.concatenate([part.prox(A, L) for part, A in self.parts(Z)])

    def conjugate(self, V: FloatArray) -> float:
        """Part by part."""
        return sum(part.conjugate(A) for part, A in self.parts(V))

    def model(self, W: FloatArray, gradient: FloatArray) -> "SplitModel":
        """The model of f + R along the groups that are not zero in ``W``, which is Z."""
        return SplitModel(self, W, gradient)

    def lower_rank(self, W: FloatArray) -> FloatArray | None:
        """``W``, which is Z, without its smallest group; its values move to the other part's groups there.

        Proximal steps shrink a group that is 0 at the optimum only by strength/L each, and Newton's steps keep it.
        """
        S, V = halves(W)
        (shared, from_shared), (own, from_own) = (part.least(A) for part, A in self.parts(W))
        if min(shared, own) == np.inf:
            return None
        if shared <= own:
            return np.concatenate([S - from_shared, V + self.own.project(V, from_shared)])
        return np.concatenate([S + self.shared.project(S, from_own), V - from_own])

    def scaled(self, factor: float) -> "SplitPenalty":
        """R times ``factor``."""
        return SplitPenalty(self.shared.scaled(factor), self.own.scaled(factor))

    def parts(self, Z: FloatArray) -> Iterator[tuple[Part, FloatArray]]:
        """Each part's penalty and its half of Z."""
        return zip((self.shared, self.own), halves(Z), strict=True)


@dataclass(frozen=True)
class SplitModel:
    """f + R near Z along the groups that are not zero, where norms are smooth; see ``core.penalties.penalty.Model``."""

    penalty: SplitPenalty
    Z: FloatArray
    data_gradient: FloatArray

    @property
    def gradient(self) -> FloatArray:
        """Of f + R along those groups."""
        slope = np.concatenate([part.slope(A) for part, A in self.penalty.parts(self.Z)])
        return np.asarray(self.project(self.data_gradient) + slope)

    def project(self, V: FloatArray) -> FloatArray:
        """V along those groups."""
        pairs = zip(self.penalty.parts(self.Z), halves(V), strict=True)
        return np.concatenate([part.project(A, D) for (part, A), D in pairs])

    def curvature(self, V: FloatArray) -> FloatArray:
        """R's second derivative along them, applied to V, plus a small multiple of V.

        Where S and V both have a group in an entry, they can change in opposite directions at no cost: without the
        added multiple of V, Newton's system is singular.
        """
        pairs = zip(self.penalty.parts(self.Z), halves(V), strict=True)
        image = np.concatenate([part.curvature(A, D) for (part, A), D in pairs])
        return np.asarray(image + _DAMPING * max(self.penalty.weights) * V)

    def retract(self, V: FloatArray) -> FloatArray:
        """Z + V."""
        return self.Z + V


def halves(Z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """S and V, shape (m, p) each."""
    m = Z.shape[0] // 2
    return Z[:m], Z[m:]


def _sum(Z: FloatArray) -> FloatArray:
    S, V = halves(Z)
    return S + V
