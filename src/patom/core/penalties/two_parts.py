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
class TwoPartTerm:
    """f(S + V) as a function of Z = [S; V]; see ``core.data_term.DataTerm``."""

    term: DataTerm

    @property
    def shape(self) -> tuple[int, int]:
        m, p = self.term.shape
        return 2 * m, p

    @property
    def smoothness(self) -> float:
        return 2.0 * self.term.smoothness  # S and V may move together

    @property
    def columns(self) -> FloatArray:
        return np.tile(column_sizes(self.term), (2, 1))

    def value_and_gradient(self, Z: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = self.term.value_and_gradient(_sum(Z))
        return value, np.concatenate([gradient, gradient])

    def hessian(self, Z: FloatArray) -> Operator:
        inner = self.term.hessian(_sum(Z))

        def apply(D: FloatArray) -> FloatArray:
            image = inner(_sum(D))
            return np.concatenate([image, image])

        return apply


class Part(Protocol):
    """The penalty of S or of V, for arrays of shape (m, p)."""

    @property
    def size(self) -> float:
        """Its largest strength, for the solver's path from strong to weak."""

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
        return float(self.strength.max())

    def value(self, Z: FloatArray) -> float:
        return float((self.strength * self._norms(Z)).sum())

    def prox(self, Z: FloatArray, L: float) -> FloatArray:
        norms = L * self._norms(Z)
        return Z * np.divide(norms - self.strength, norms, out=np.zeros_like(norms), where=norms > self.strength)

    def conjugate(self, V: FloatArray) -> float:
        return self.bound * max(0.0, float((self._norms(V) / self.strength).max()) - 1.0)

    def slope(self, Z: FloatArray) -> FloatArray:
        return self.strength * self._directions(Z)

    def project(self, Z: FloatArray, D: FloatArray) -> FloatArray:
        return np.where(self._norms(Z) > 0.0, D, 0.0)

    def curvature(self, Z: FloatArray, D: FloatArray) -> FloatArray:
        """strength_g / ||Z_g|| times the part of D_g across Z_g."""
        norms, u = self._norms(Z), self._directions(Z)
        across = D - u * (u * D).sum(axis=self.axis, keepdims=True)
        return np.asarray(across * np.divide(self.strength, norms, out=np.zeros_like(norms), where=norms > _TINY))

    def least(self, Z: FloatArray) -> tuple[float, FloatArray]:
        values = self.strength * self._norms(Z)
        size = float(np.min(values, where=values > 0.0, initial=np.inf))
        return size, np.where(values == size, Z, 0.0)

    def scaled(self, factor: float) -> "Groups":
        return replace(self, strength=factor * self.strength)  # the bound still holds

    def _norms(self, Z: FloatArray) -> FloatArray:
        return np.asarray(np.linalg.norm(Z, axis=self.axis, keepdims=True))

    def _directions(self, Z: FloatArray) -> FloatArray:
        return Z / np.maximum(self._norms(Z), _TINY)


@dataclass(frozen=True)
class Centre:
    """All rows equal, at no cost: R(Z) = 0 where they are, as they are after each prox.

    ``radius`` bounds the centres that the duality gap takes into account; steps are not bounded by it.
    """

    radius: float
    size = 0.0

    def value(self, Z: FloatArray) -> float:  # noqa: ARG002
        return 0.0

    def prox(self, Z: FloatArray, L: float) -> FloatArray:  # noqa: ARG002
        """The mean of the rows, in each."""
        return np.tile(Z.mean(axis=0), (Z.shape[0], 1))

    def conjugate(self, V: FloatArray) -> float:
        return self.radius * float(np.linalg.norm(V.sum(axis=0)))

    def slope(self, Z: FloatArray) -> FloatArray:
        return np.zeros_like(Z)

    def project(self, Z: FloatArray, D: FloatArray) -> FloatArray:  # noqa: ARG002
        return self.prox(D, 1.0)

    def curvature(self, Z: FloatArray, D: FloatArray) -> FloatArray:  # noqa: ARG002
        return np.zeros_like(D)

    def least(self, Z: FloatArray) -> tuple[float, FloatArray]:
        """Infinity and nothing: the centre stays."""
        return np.inf, np.zeros_like(Z)

    def scaled(self, factor: float) -> "Centre":  # noqa: ARG002
        return self


@dataclass(frozen=True)
class TwoPartPenalty:
    """R(Z) = shared(S) + own(V); see ``core.penalties.penalty.Regulariser``."""

    shared: Part
    own: Part

    @property
    def weights(self) -> tuple[float, float]:
        return self.shared.size, self.own.size

    def value(self, Z: FloatArray) -> float:
        return sum(part.value(A) for part, A in self.parts(Z))

    def prox(self, Z: FloatArray, L: float) -> FloatArray:
        return np.concatenate([part.prox(A, L) for part, A in self.parts(Z)])

    def conjugate(self, V: FloatArray) -> float:
        return sum(part.conjugate(A) for part, A in self.parts(V))

    def model(self, W: FloatArray, gradient: FloatArray) -> "TwoPartModel":
        return TwoPartModel(self, W, gradient)

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

    def scaled(self, factor: float) -> "TwoPartPenalty":
        return TwoPartPenalty(self.shared.scaled(factor), self.own.scaled(factor))

    def parts(self, Z: FloatArray) -> Iterator[tuple[Part, FloatArray]]:
        """Each part's penalty and its half of Z."""
        return zip((self.shared, self.own), halves(Z), strict=True)


@dataclass(frozen=True)
class TwoPartModel:
    """f + R near Z along the groups that are not zero, where norms are smooth; see ``core.penalties.penalty.Model``."""

    penalty: TwoPartPenalty
    Z: FloatArray
    data_gradient: FloatArray

    @property
    def gradient(self) -> FloatArray:
        slope = np.concatenate([part.slope(A) for part, A in self.penalty.parts(self.Z)])
        return np.asarray(self.project(self.data_gradient) + slope)

    def project(self, V: FloatArray) -> FloatArray:
        pairs = zip(self.penalty.parts(self.Z), halves(V), strict=True)
        return np.concatenate([part.project(A, D) for (part, A), D in pairs])

    def curvature(self, V: FloatArray) -> FloatArray:
        """R's second derivative along the groups, applied to V, plus a small multiple of V.

        Where S and V both have a group in an entry, they can change in opposite directions at no cost: without the
        added multiple of V, Newton's system is singular.
        """
        pairs = zip(self.penalty.parts(self.Z), halves(V), strict=True)
        image = np.concatenate([part.curvature(A, D) for (part, A), D in pairs])
        return np.asarray(image + _DAMPING * max(self.penalty.weights) * V)

    def retract(self, V: FloatArray) -> FloatArray:
        return self.Z + V


def halves(Z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """S and V, shape (m, p) each."""
    m = Z.shape[0] // 2
    return Z[:m], Z[m:]


def _sum(Z: FloatArray) -> FloatArray:
    S, V = halves(Z)
    return S + V
