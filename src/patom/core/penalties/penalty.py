"""The methods of a penalty R(W) that solvers and attacks use."""

from dataclasses import dataclass
from typing import Protocol

from patom.core.arrays import FloatArray
from patom.core.data_term import Operator
from patom.core.relationship import Relationship


class Model(Protocol):
    """The penalised objective F near W: smooth along a manifold that W lies on (see ``newton``)."""

    @property
    def gradient(self) -> FloatArray:
        """Gradient of F along the manifold, shape (m, p)."""

    def project(self, V: FloatArray) -> FloatArray:
        """Orthogonal projection onto the tangent space."""

    def curvature(self, V: FloatArray) -> FloatArray:
        """The penalty's second derivative K along the manifold at a tangent V; Newton's system has H + K."""

    def retract(self, V: FloatArray) -> FloatArray:
        """The point of the manifold next to W + V."""


class RankedModel(Model, Protocol):
    """A model along the matrices of W's rank."""

    @property
    def rank_margin(self) -> float:
        """How far, relatively, W is from a change of rank, where the model would be another; at most 1."""


@dataclass(frozen=True)
class FlatModel:
    """F = f + R for a quadratic R on a linear space of matrices: exact, whatever the rank."""

    W: FloatArray
    data_gradient: FloatArray
    project: Operator
    curvature: Operator

    @property
    def gradient(self) -> FloatArray:
        return self.project(self.data_gradient) + self.curvature(self.W)

    @property
    def rank_margin(self) -> float:
        return 1.0

    def retract(self, V: FloatArray) -> FloatArray:
        return self.W + V


class Regulariser(Protocol):
    """A convex R(W) that the solver can add to a data term."""

    @property
    def weights(self) -> tuple[float, float]:
        """(lambda_1, lambda_2)."""

    def value(self, W: FloatArray) -> float:
        """R(W)."""

    def prox(self, Z: FloatArray, L: float) -> FloatArray:
        """argmin_W L/2 ||W - Z||_F^2 + R(W)."""

    def conjugate(self, V: FloatArray) -> float:
        """R*(V) = max_W <W, V> - R(W)."""

    def model(self, W: FloatArray, gradient: FloatArray) -> Model:
        """The second-order model at W, given the data term's gradient there."""

    def lower_rank(self, W: FloatArray) -> FloatArray | None:
        """The nearest W with one rank or group less; None where there is none."""

    def scaled(self, factor: float) -> "Regulariser":
        """R times ``factor``, for the solver's path from strong to weak penalties."""


class Penalty(Regulariser, Protocol):
    """R(W) of problem (1) after Omega has been minimised out, or with Omega given."""

    def prox_derivative(self, Z: FloatArray, L: float) -> Operator:
        """The derivative of the prox at Z, a self-adjoint map V -> J V; where it has a kink, one of its slopes."""

    def model(self, W: FloatArray, gradient: FloatArray) -> RankedModel: ...

    def scaled(self, factor: float) -> "Penalty": ...

    def relationship(self, W: FloatArray) -> Relationship:
        """The task covariance that belongs to W."""


def strength(penalty: Regulariser) -> float:
    """An h with R(W) >= h/2 ||W||_F^2 for all W, the largest for the penalties of (1)."""
    stiffness: FloatArray | None = getattr(penalty, "stiffness", None)
    return sum(penalty.weights) if stiffness is None else float(stiffness.min())


def fenchel_gap(penalty: Regulariser, W: FloatArray, gradient: FloatArray, own: float | None = None) -> float:
    """R(W) + R*(V) - <W, V> with V = -grad f(W): how far the objective can be above its optimum.

    f(W) + f*(-V) = -<W, V> holds exactly at V = -grad f(W), so the data term drops out. Only rounding can make the
    sum negative; its size then says how far the certificate can be trusted, so it counts as a gap. ``own``: R(W),
    where it is known.
    """
    own = penalty.value(W) if own is None else own
    return abs(own + penalty.conjugate(-gradient) + float((W * gradient).sum()))
