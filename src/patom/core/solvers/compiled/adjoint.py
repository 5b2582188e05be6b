"""The second derivative at an optimum, factored, so that each of its linear systems takes one product."""

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs

from patom.core.arrays import FloatArray
from patom.core.data_term import DataTerm, Expansion, Operator
from patom.core.jit import interruptible
from patom.core.penalties.learned import FixedRankModel
from patom.core.penalties.penalty import Model
from patom.core.solvers.choose import DIRECT_NEWTON_WEIGHTS, is_factored
from patom.core.solvers.compiled.data import as_data, hessian_blocks
from patom.core.solvers.compiled.newton import tangent_matrix, tangent_system
from patom.core.solvers.newton import LinearSolution, solve_tangent


def solve_adjoint(
    data: DataTerm,
    term: Expansion,
    model: Model,
    W: FloatArray,
    g: FloatArray,
    *,
    tolerance: float,
    max_products: int,
    factored: bool,
) -> LinearSolution:
    """The tangent v with (H + K) v = P g at an optimum: to first order <g, dW> = -<v, dG> where grad f moves by dG.

    ``g``, shape (m, p), is the gradient by W of what is differentiated, and ``term`` is the data term's expansion at W.
    With ``factored`` a factor of the system, where it is cheap, leaves a product or two.
    """
    inverse = tangent_inverse(data, model, W) if factored else None
    return solve_tangent(
        model, term.hessian, model.project(g), tolerance=tolerance, max_products=max_products, inverse=inverse
    )


@interruptible
def tangent_inverse(
    term: DataTerm, model: Model, W: FloatArray, *, most: int = DIRECT_NEWTON_WEIGHTS
) -> Operator | None:
    """The map g -> v with P (H + K) v = g on the tangent space at W, for ``newton.solve_tangent``.

    None where there is no such factor: Omega given, a loss or a penalty of one's own, more weights than ``most``, or a
    system that is not positive definite, away from the optimum. Costs O(m p^2 k^2 + n^3) with n = k (m + p - k).
    """
    (m, p), data = term.shape, as_data(term)
    if data is None or not isinstance(model, FixedRankModel) or model.s.size == 0 or not is_factored(m * p, most):
        return None
    k, (U, Qt, off) = model.s.size, _bases(model)
    blocks = hessian_blocks(data, np.ascontiguousarray(W))
    system = tangent_system(blocks, U, model.s, Qt, off, float(model.lambda_1), float(model.lambda_2))
    factor, fault = dpotrf(system.T, lower=True, overwrite_a=True)
    if fault:
        return None

    @interruptible
    def inverse(g: FloatArray) -> FloatArray:
        X = U.T @ g @ Qt.T
        right = np.concatenate([X[:k].ravel(), X[k:, :k].ravel()])
        return np.asarray(tangent_matrix(U, k, Qt, dpotrs(factor, right, lower=True)[0]))

    return inverse


def _bases(model: FixedRankModel) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Square U and Q' that begin with W's singular vectors and go on with those of -grad f off W's support."""
    k = model.s.size
    U, Qt = _completed(model.U), _completed(model.Qt.T).T
    left, off, right = np.linalg.svd(U[:, k:].T @ -model.data_gradient @ Qt[k:].T)
    U[:, k:], Qt[k:] = U[:, k:] @ left, right @ Qt[k:]
    return np.ascontiguousarray(U), np.ascontiguousarray(Qt), off


def _completed(basis: FloatArray) -> FloatArray:
    """Orthonormal columns, and more of them to a square matrix."""
    full = np.linalg.qr(basis, mode="complete")[0]
    full[:, : basis.shape[1]] = basis
    return np.asarray(full)
