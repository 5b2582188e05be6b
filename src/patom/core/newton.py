"""Newton's step on the penalty's manifold: (H + K) v = -gradient by conjugate gradients.

First-order steps grow in number as lambda falls; once the rank has settled, this converges fast at any lambda.
"""

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.data_term import Operator
from patom.core.penalty import Model


def newton_direction(
    model: Model, hessian: Operator, *, tolerance: float = 1e-3, max_products: int = 500
) -> FloatArray:
    """Tangent step v, shape (m, p), solving P (H + K) v = -gradient to a relative residual of ``tolerance``.

    Stops at the first direction of non-positive curvature (the rank is not the optimum's yet) and returns what
    it has: still a direction of descent. Each product costs one Hessian product and O(m p k).
    """

    def system(V: FloatArray) -> FloatArray:
        return model.project(hessian(V)) + model.curvature(V)

    residual = -model.gradient
    v, direction = np.zeros_like(residual), residual
    square = float(np.vdot(residual, residual))
    stop = tolerance**2 * square
    for _ in range(min(max_products, 2 * residual.size)):
        image = system(direction)
        bend = float(np.vdot(direction, image))
        if square <= stop or bend <= 0.0:
            break
        step = square / bend
        v = v + step * direction
        residual = residual - step * image
        last, square = square, float(np.vdot(residual, residual))
        direction = residual + (square / last) * direction
    return v
