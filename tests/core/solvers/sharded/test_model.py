"""The model that steers sweeps, against whole matrices."""

import numpy as np
import pytest

from patom.core.penalties.learned import SpectralPenalty
from patom.core.solvers.sharded.solver import Settled, model_step

M, P = 40, 5


def settled(k, curvature, seed=0):
    """A random state of k coordinates in which all tasks have one curvature; with its W and V."""
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.standard_normal((P, P)))[0]
    A, N = Q[:, :k] * rng.uniform(0.5, 2.0, k), Q[:, k:]
    a, off = rng.standard_normal((M, k)), rng.standard_normal((M, P - k))
    V = a @ (A / (A**2).sum(axis=0)).T + off @ N.T  # so that A'V is a
    resolvent = np.linalg.inv(np.eye(k) + A.T @ curvature @ A)
    return Settled(A, N, a.T @ a, a.T @ V, V.T @ V, resolvent, curvature), a @ A.T, V


@pytest.mark.parametrize("k", [1, 3, P])
def test_coordinates_keep_all_inner_products(k):
    state, W, V = settled(k, np.eye(P))
    M_W, M_V = state.coordinates()
    np.testing.assert_allclose(M_W.T @ M_W, W.T @ W, atol=1e-11)
    np.testing.assert_allclose(M_W.T @ M_V, W.T @ V, atol=1e-11)
    np.testing.assert_allclose(M_V.T @ M_V, V.T @ V, atol=1e-11)


def test_a_curvature_that_all_tasks_share_is_found():
    rng = np.random.default_rng(1)
    root = rng.standard_normal((P, P))
    curvature = root @ root.T + np.eye(P)
    np.testing.assert_allclose(settled(P, curvature)[0].curvature(), curvature, atol=1e-9)
    state, _, _ = settled(2, curvature)
    for basis in (np.linalg.qr(state.A)[0], state.N):
        np.testing.assert_allclose(basis.T @ state.curvature() @ basis, basis.T @ curvature @ basis, atol=1e-9)


@pytest.mark.parametrize("k", [2, P])
@pytest.mark.parametrize("lambdas", [(0.1, 0.3), (0.0, 1.0), (0.5, 0.0)])
def test_one_step_is_the_proximal_step(k, lambdas):
    state, W, V = settled(k, np.eye(P))
    penalty, curvature = SpectralPenalty(*lambdas), 3.0 * np.eye(P)
    expected = penalty.prox(W + V / 3.0, 3.0)
    x, Q = model_step(state, curvature, penalty, most_steps=1)
    np.testing.assert_allclose((Q * x**2) @ Q.T, expected.T @ expected, atol=1e-10)


@pytest.mark.in_turn
@pytest.mark.parametrize("k", [2, P])
@pytest.mark.parametrize("lambdas", [(0.1, 0.3), (0.1, 3.0)])
def test_many_steps_minimise_the_model(k, lambdas):
    state, W, V = settled(k, np.eye(P))
    penalty, curvature = SpectralPenalty(*lambdas), np.diag([8.0, 4.0, 2.0, 1.0, 0.5])
    x, Q = model_step(state, curvature, penalty)
    X, L = W, 8.0
    for _ in range(3000):
        X = penalty.prox(X - ((X - W) @ curvature - V) / L, L)
    np.testing.assert_allclose((Q * x**2) @ Q.T, X.T @ X, rtol=0, atol=2e-2 * np.linalg.norm(X) ** 2)


def test_small_columns_keep_their_digits():
    state, W, _ = settled(3, np.eye(P))
    scale = np.diag([1e-7, 1.0, 1e3])
    state = Settled(
        state.A, state.N, scale @ state.aa @ scale, scale @ state.aV, state.VV, state.resolvent, state.bound
    )
    scaled = (W @ state.A / (state.A**2).sum(axis=0)) @ scale @ state.A.T
    x = np.linalg.svd(state.coordinates()[0], compute_uv=False)[:3]
    np.testing.assert_allclose(x, np.linalg.svd(scaled, compute_uv=False)[:3], rtol=1e-6)
