"""The part of the exact gradient that runs through the victim's rule for Omega."""

import numpy as np

from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.core.data_term import data_term
from patom.core.solvers.compiled.adjoint import tangent_inverse
from patom.core.solvers.newton import solve_tangent
from patom.defenses.coupling.rule import by_weights
from patom.defenses.parts import rows_of_tasks


def by_omega(program: Bilevel, injection: Injection, W: FloatArray, v: FloatArray) -> FloatArray:
    """dU/dOmega at the optimum ``W``, symmetric, shape (m, m), for the adjoint ``v`` with Omega given.

    The optimum solves lambda_2 W = -Omega (grad f(W) + lambda_1 W), whether Omega is singular or not. Differentiated:
    U moves by -<y, dOmega (grad f + lambda_1 W)>, where lambda_2 y = dU/dW - (H + lambda_1) v and v = Omega y.
    """
    lambda_1, lambda_2 = program.problem.penalty.weights
    term = program.term(injection).expand(W)
    y = (program.aim.gradient(W) - term.hessian(v) - lambda_1 * v) / lambda_2
    B = y @ (term.gradient + lambda_1 * W).T
    return np.asarray(-0.5 * (B + B.T))


def through_rule(
    program: Bilevel,
    injection: Injection,
    W: FloatArray,
    v: FloatArray,
    *,
    tolerance: float,
    max_products: int,
    factored: bool,
) -> tuple[FloatArray, FloatArray] | None:
    """The fit that the rule's Omega was made from, and its adjoint: two arrays of shape (m, p).

    The rows' derivatives are ``gradients.through_rows`` of this pair added to those of (W, v). None where Omega counts
    as given. What a rule chooses from a list (pairs, tasks) counts as chosen. Costs a linear system.
    """
    source = program.coupling(injection).source
    if source is None or program.problem.penalty.weights[1] == 0.0:
        return None
    pull = by_weights(source.W, source.back(by_omega(program, injection, W, v)))
    data = data_term(rows_of_tasks(program.rows(injection), source.tasks), program.problem.loss)
    term = data.expand(source.W)
    model = program.problem.penalty.model(source.W, term.gradient)
    found = solve_tangent(
        model, term.hessian, model.project(pull), tolerance=tolerance, max_products=max_products,
        inverse=tangent_inverse(data, model, source.W) if factored else None,
    )  # fmt: skip
    program.tally.adjoint_solves += 1
    program.tally.products += found.products
    fitted, adjoint = np.zeros(W.shape), np.zeros(W.shape)
    fitted[source.tasks], adjoint[source.tasks] = source.W, found.v
    return fitted, adjoint
