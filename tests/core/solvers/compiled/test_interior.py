"""The interior-point method: small matrices, Nesterov and Todd's scaling, Newton's equations, and where it ends."""

import numpy as np
import pytest

from patom.core import losses
from patom.core.data_term import data_term
from patom.core.penalties.learned import SpectralPenalty
from patom.core.penalties.penalty import fenchel_gap
from patom.core.rows import group_rows
from patom.core.solvers.accelerated import solve
from patom.core.solvers.compiled import interior, oracle, small
from patom.core.solvers.compiled.data import as_data, hessian_blocks, value_and_gradient

LAMBDAS = [(0.1, 0.1), (1e-2, 1e-2), (1e-3, 1e-3), (1e-4, 1e-4), (0.0, 1e-2), (1e-4, 1e-1)]
SHAPES = {"more tasks": (8, 4, 60), "as many": (5, 5, 60), "two features": (6, 2, 60)}
CURVED = [losses.squared_error, losses.unclipped_hinge, losses.squared_hinge, losses.logistic]


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def rows_of(loss, m, p, n, seed=0):
    rng = np.random.default_rng(seed)
    index = np.repeat(np.arange(m), n)
    X = rng.standard_normal((index.size, p - 1))  # the constant is the last column
    W = rng.standard_normal((m, min(m, p, 2))) @ rng.standard_normal((min(m, p, 2), p - 1))
    y = np.einsum("np,np->n", X, W[index]) + rng.standard_normal(index.size)
    return group_rows(X, np.where(y > 0.0, 1.0, -1.0) if loss.margin else y, index, m)


def definite(rng, k):
    A = rng.standard_normal((k, 2 * k))
    return A @ A.T / k


@pytest.mark.parametrize("k", [1, 2, 7])
def test_small_matrices(rng, k):
    A, B, S, v = rng.standard_normal((k, k + 2)), rng.standard_normal((k + 2, 3)), definite(rng, k), rng.random(k)
    np.testing.assert_allclose(small.times(A, B), A @ B, atol=1e-13)
    np.testing.assert_allclose(small.gram(A.T.copy(), B), A @ B, atol=1e-13)
    L, fine = small.cholesky(np.tril(S))
    assert fine
    np.testing.assert_allclose(L, np.linalg.cholesky(S), atol=1e-13)
    np.testing.assert_allclose(S @ small.solve(L, v), v, atol=1e-10)
    np.testing.assert_allclose(small.lower_inverse(L) @ L, np.eye(k), atol=1e-12)
    assert not small.cholesky(S - 1.001 * np.linalg.eigvalsh(S)[0] * np.eye(k))[1]
    assert not small.cholesky(np.full((k, k), np.nan))[1]
    values, vectors = small.spectrum(S)
    np.testing.assert_allclose(vectors * values @ vectors.T, S, atol=1e-12)
    assert np.isnan(small.spectrum(np.full((k, k), np.inf))[0]).all()


@pytest.mark.parametrize("k", [1, 2, 6])
def test_packing_keeps_inner_products(rng, k):
    A, B = definite(rng, k), definite(rng, k)
    assert small.pack(A) @ small.pack(B) == pytest.approx(np.vdot(A, B))
    np.testing.assert_allclose(small.unpack(small.pack(A), k), A, atol=1e-15)


def test_coupled_is_the_map_that_it_says(rng):
    m, k = 5, 4
    M, y = np.array([definite(rng, k) for _ in range(m)]), rng.standard_normal((m, k))
    system = small.coupled(M, y, 0.3)
    system = np.tril(system) + np.tril(system, -1).T
    D = definite(rng, k) - np.eye(k)
    expected = D + 0.15 * sum(N @ D @ np.outer(v, v) + np.outer(v, v) @ D @ N for N, v in zip(M, y, strict=True))
    np.testing.assert_allclose(small.unpack(system @ small.pack(D), k), expected, atol=1e-12)


@pytest.mark.parametrize("k", [1, 5])
def test_scaling(rng, k):
    S, Z = definite(rng, k), definite(rng, k)
    at = small.scale(S, Z)
    assert at.definite
    np.testing.assert_allclose(at.G.T @ Z @ at.G, np.diag(at.d), atol=1e-10)
    np.testing.assert_allclose(at.G_inverse @ S @ at.G_inverse.T, np.diag(at.d), atol=1e-10)
    np.testing.assert_allclose(at.G_inverse @ at.G, np.eye(k), atol=1e-10)
    np.testing.assert_allclose(at.F @ at.F.T, S, atol=1e-12)
    D = -definite(rng, k)
    edge = np.diag(at.d) + small.length_to_edge(at.d, D) * D
    assert np.linalg.eigvalsh(edge)[0] == pytest.approx(0.0, abs=1e-10)
    assert small.length_to_edge(at.d, -D) == np.inf
    for bad in (-S, np.full((k, k), np.nan)):
        assert not small.scale(S, bad).definite
        assert not small.scale(bad, Z).definite


@pytest.mark.parametrize("loss", CURVED, ids=lambda loss: loss.name)
def test_a_direction_solves_newtons_equations(rng, loss):
    (m, k), (lambda_1, lambda_2) = (6, 4), (0.02, 0.3)
    data = as_data(data_term(rows_of(loss, m, k, 60), loss))
    S = definite(rng, k)
    S /= np.trace(S)
    Y = rng.standard_normal((m, k))
    at = interior.Iterate(S, Y, lambda_2 * float(np.linalg.norm(Y, 2)) ** 2)
    Z = at.nu * np.eye(k) - 0.5 * lambda_2 * Y.T @ Y
    scaled = small.scale(S, Z)
    residual = np.empty((m, k))
    value_and_gradient(data, Y @ S, residual)
    residual += lambda_1 * Y @ S + lambda_2 * Y
    blocks = hessian_blocks(data, Y @ S)
    answers = interior._responses(at, scaled, blocks, residual, lambda_1, lambda_2)
    factor, _ = small.cholesky(small.coupled(answers.M, answers.y, lambda_2))
    right = definite(rng, k)
    trace = small.pack(scaled.G.T @ scaled.G)
    pull = small.gram(answers.n, answers.y)
    step = interior._direction(answers, factor, (trace, small.solve(factor, trace)), pull, right, lambda_2)
    dS, dY = scaled.G @ step.D @ scaled.G.T, step.U @ scaled.G_inverse
    dW = Y @ dS + dY @ S
    moved = np.einsum("icd,id->ic", blocks, dW) + lambda_1 * dW + lambda_2 * dY
    np.testing.assert_allclose(moved, -residual, atol=1e-9 * np.abs(residual).max())
    assert np.trace(dS) == pytest.approx(0.0, abs=1e-9)
    dZ = step.nu * np.eye(k) - 0.5 * lambda_2 * (dY.T @ Y + Y.T @ dY)
    np.testing.assert_allclose(step.D + scaled.G.T @ dZ @ scaled.G, right, atol=1e-9 * np.abs(right).max())
    np.testing.assert_allclose(step.E, right - step.D, atol=1e-12)
    np.testing.assert_allclose(step.curved, 0.5 * lambda_2 * scaled.G.T @ dY.T @ dY @ scaled.G, atol=1e-9)


@pytest.mark.parametrize("lambdas", LAMBDAS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("loss", CURVED, ids=lambda loss: loss.name)
def test_it_comes_near_the_optimum_in_few_steps(loss, shape, lambdas):
    term, penalty = data_term(rows_of(loss, *shape), loss), SpectralPenalty(*lambdas)
    W, steps, there = interior.minimise(as_data(term), *lambdas, 1e-8, 25)
    assert there
    assert steps <= 20
    value, gradient = term.value_and_gradient(W)
    # The tolerance is on S Z; the gap adds what is left of stationarity.
    assert fenchel_gap(penalty, W, gradient) <= 1e-5 * (value + penalty.value(W))


def test_it_says_where_it_does_not_get():
    term = data_term(rows_of(losses.squared_error, 6, 4, 60), losses.squared_error)
    assert interior.minimise(as_data(term), 1e-3, 1e-3, 1e-8, 2)[1:] == (2, False)
    broken = as_data(term)._replace(A=np.full(term.A.shape, np.nan))
    assert interior.minimise(broken, 1e-3, 1e-3, 1e-8, 25)[1:] == (0, False)
    assert np.isfinite(interior.row_space(broken, 1e-3, 1e-3, 1)).all()


@pytest.mark.parametrize("loss", CURVED, ids=lambda loss: loss.name)
def test_a_row_space_holds_nearly_all_of_the_optimum(loss):
    term, lambdas = data_term(rows_of(loss, 4, 12, 80), loss), (1e-3, 1e-3)
    data, best = as_data(term), solve(term, SpectralPenalty(*lambdas))
    missed = []
    for sweeps in (0, 10):
        Qt = interior.row_space(data, *lambdas, sweeps)
        np.testing.assert_allclose(Qt @ Qt.T, np.eye(4), atol=1e-12)
        missed.append(np.linalg.norm(best.W - best.W @ Qt.T @ Qt) / np.linalg.norm(best.W))
    assert missed[1] < missed[0] or not loss.quadratic  # the alternation's model is f itself
    assert missed[1] < 0.4
    inner = interior.within(data, np.ascontiguousarray(Qt))
    V, reduced, whole = np.random.default_rng(1).standard_normal((4, 4)), np.empty((4, 4)), np.empty((4, 12))
    assert value_and_gradient(inner, V, reduced) == pytest.approx(value_and_gradient(data, V @ Qt, whole))
    np.testing.assert_allclose(reduced, whole @ Qt.T, atol=1e-10)
    blocks = np.array([Qt @ B @ Qt.T for B in hessian_blocks(data, V @ Qt)])
    np.testing.assert_allclose(hessian_blocks(inner, V), blocks, atol=1e-10)


def compact(loss, shape, lambdas=(1e-3, 1e-3)):
    return oracle.compiled_oracle(data_term(rows_of(loss, *shape), loss), SpectralPenalty(*lambdas))


def test_where_the_oracle_takes_this_way():
    for shape in ((8, 4, 60), (4, 9, 60), (3, 90, 20)):
        W, steps = compact(losses.squared_error, shape).approach(100)
        assert W.shape == shape[:2]
        assert steps < 12
    assert compact(losses.squared_error, (8, 4, 60)).approach(2) == (None, 2)
    assert compact(losses.squared_error, (8, 4, 60), (0.1, 0.0)).approach(100) == (None, 0)
    assert compact(losses.squared_error, (20, 20, 30)).approach(100) == (None, 0)
    assert compact(losses.huber(0.5), (8, 4, 60)).approach(100) == (None, 0)
