"""The factor at an optimum: conjugate gradients that go by it need a product, and end where those without it end."""

import numpy as np
import pytest

from patom.core import losses
from patom.core.data_term import data_term
from patom.core.penalties.given import fixed_covariance
from patom.core.penalties.learned import SpectralPenalty
from patom.core.rows import group_rows
from patom.core.solvers.accelerated import solve
from patom.core.solvers.compiled import adjoint
from patom.core.solvers.newton import solve_tangent

LOSSES = [losses.squared_error, losses.squared_hinge, losses.logistic, losses.huber(0.5)]
SHAPES = {"more tasks": (8, 3, 30), "more features": (3, 8, 60), "one task": (1, 4, 30)}
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)


def term_of(loss, m, d, n):
    rng = np.random.default_rng(3)
    index, X = np.repeat(np.arange(m), n), rng.standard_normal((m * n, d))
    y = (X * (rng.standard_normal((m, 1)) @ rng.standard_normal((1, d)))[index]).sum(axis=1)
    y += 0.5 * rng.standard_normal(y.size)
    return data_term(group_rows(X, np.sign(y) if loss.margin else y, index, m), loss)


@pytest.mark.in_pairs
@every_loss
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("lambdas", [(0.1, 0.1), (1e-3, 1e-2), (0.0, 1e-3)])
def test_with_the_factor_a_product_or_two_do(loss, shape, lambdas):
    term, penalty = term_of(loss, *shape), SpectralPenalty(*lambdas)
    W = solve(term, penalty, tol=1e-12).W
    model, hessian = penalty.model(W, term.value_and_gradient(W)[1]), term.hessian(W)
    g = model.project(np.random.default_rng(1).standard_normal(W.shape))
    inverse = adjoint.tangent_inverse(term, model, W)
    np.testing.assert_allclose(model.project(inverse(g)), inverse(g), atol=1e-9 * np.abs(inverse(g)).max())
    found = solve_tangent(model, hessian, g, tolerance=1e-10, max_products=50, inverse=inverse)
    plain = solve_tangent(model, hessian, g, tolerance=1e-12, max_products=2_000)
    assert found.products <= 3
    assert found.residual <= 1e-10
    assert plain.products >= found.products
    np.testing.assert_allclose(found.v, plain.v, atol=1e-7 * np.abs(plain.v).max())
    none = solve_tangent(model, hessian, 0.0 * g, tolerance=1e-10, max_products=50, inverse=inverse)
    assert (none.products, none.residual) == (0, 0.0)


def test_where_there_is_no_factor():
    term, penalty = term_of(losses.squared_error, 6, 3, 30), SpectralPenalty(0.1, 0.1)
    W = solve(term, penalty).W
    gradient = term.value_and_gradient(W)[1]
    assert adjoint.tangent_inverse(term, penalty.model(W, gradient), W) is not None
    given = fixed_covariance(np.eye(6) / 6, 0.1, 0.1)
    assert adjoint.tangent_inverse(term, given.model(W, gradient), W) is None
    nothing = np.zeros(W.shape)
    assert adjoint.tangent_inverse(term, penalty.model(nothing, term.value_and_gradient(nothing)[1]), nothing) is None
    astray = 1e-3 * np.outer(np.ones(6), np.ones(4))  # small, of rank one, and a large gradient off it: a saddle
    model = SpectralPenalty(0.01, 0.01).model(astray, term.value_and_gradient(astray)[1])
    assert adjoint.tangent_inverse(term, model, astray) is None
    wide = term_of(losses.squared_error, 30, 40, 60)
    W = solve(wide, SpectralPenalty(1e-3, 1e-3)).W
    assert adjoint.tangent_inverse(wide, penalty.model(W, wide.value_and_gradient(W)[1]), W) is None
