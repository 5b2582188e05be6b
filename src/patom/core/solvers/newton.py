"""Linear systems in the second derivative H + K along the penalty's manifold: Newton's step, and the adjoint.

First-order steps grow in number as lambda falls; once the rank has settled, Newton's converge fast at any lambda.
The same operator carries a change of the data to the optimum, which is what an attacker differentiates.
"""

from dataclasses import dataclass

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.data_term import Operator
from patom.core.penalties.penalty import Model


@dataclass(frozen=True)
class LinearSolution:
    """A solution of (H + K) v = g on the tangent space."""

    v: FloatArray  # (m, p)
    residual: float  # its norm over the norm of g
    products: int  # with the operator
    positive: bool  # whether no direction of non-positive curvature was met


def newton_direction(
    model: Model, hessian: Operator, *, tolerance: float = 1e-3, max_products: int = 500
) -> FloatArray:
    """Tangent step v, shape (m, p), solving P (H + K) v = -gradient to a relative residual of ``tolerance``.

    Stops at the first direction of non-positive curvature (the rank is not the optimum's yet) and returns what
    it has: still a direction of descent. Each product costs one Hessian product and O(m p k).
    """
    return solve_tangent(model, hessian, -model.gradient, tolerance=tolerance, max_products=max_products).v


def solve_tangent(
    model: Model,
    hessian: Operator,
    g: FloatArray,
    *,
    tolerance: float,
    max_products: int,
    inverse: Operator | None = None,
) -> LinearSolution:
    """Solve P (H + K) v = g for a tangent g by conjugate gradients, to a relative residual of ``tolerance``.

    ``inverse``: an approximate inverse on the tangent space as preconditioner (``compiled.adjoint.tangent_inverse``).
    """

    def system(V: FloatArray) -> FloatArray:
        return model.project(hessian(V)) + model.curvature(V)

    def preconditioned(R: FloatArray) -> FloatArray:
        return R if inverse is None else inverse(R)

    residual, positive, products = g, True, 0
    v, norm, start = np.zeros_like(g), float(np.linalg.norm(g)), float(np.linalg.norm(g))
    direction = preconditioned(residual) if start > 0.0 else g
    square = float(np.vdot(residual, direction))
    while norm > tolerance * start and products < min(max_products, 2 * residual.size):
        image = system(direction)
        bend, products = float(np.vdot(direction, image)), products + 1
        positive = bend > 0.0
        if not positive:
            break
        step = square / bend
        v = v + step * direction
        residual = residual - step * image
        norm, next_one = float(np.linalg.norm(residual)), preconditioned(residual)
        last, square = square, float(np.vdot(residual, next_one))
        direction = next_one + (square / last) * direction
    return LinearSolution(v, norm / start if start > 0.0 else 0.0, products, positive)
