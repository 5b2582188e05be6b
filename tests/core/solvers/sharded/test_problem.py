"""Singular values and the prox by Gram matrices, against the decomposition itself."""

import numpy as np
import pytest

from patom.core.penalties.learned import SpectralPenalty
from patom.core.solvers.sharded.problem import shrink, singular, spectrum


def long_matrix(s, m=40, seed=0):
    rng = np.random.default_rng(seed)
    U, Q = np.linalg.qr(rng.standard_normal((m, len(s))))[0], np.linalg.qr(rng.standard_normal((len(s), len(s))))[0]
    return (U * np.asarray(s)) @ Q.T


def test_spectrum():
    A = long_matrix([3.0, 1.0, 0.1])
    s, Q = spectrum(A.T @ A)
    np.testing.assert_allclose(s, [3.0, 1.0, 0.1], rtol=1e-13)
    np.testing.assert_allclose(np.linalg.norm(A @ Q, axis=0), s, rtol=1e-13)


@pytest.mark.parametrize("lambdas", [(0.1, 0.1), (0.0, 1.0), (2.0, 0.0), (0.3, 5.0)])
def test_shrink_is_the_prox(lambdas):
    A, L = long_matrix([3.0, 1.0, 0.4, 0.01, 0.0]), 2.0
    found = shrink(A.T @ A, 1.0 + lambdas[0] / L, lambdas[1] / L)
    expected = SpectralPenalty(*lambdas).prox(A, L)
    U = A @ found.T
    np.testing.assert_allclose(U @ found.right, expected, atol=1e-12)
    np.testing.assert_allclose(np.linalg.multi_dot([A, *found.matrix]), expected, atol=1e-12)
    np.testing.assert_allclose(U.T @ U, np.eye(found.s.size), atol=1e-9)
    np.testing.assert_allclose(found.s, np.linalg.svd(expected)[1][: found.s.size], rtol=1e-9, atol=1e-14)


def test_what_drowns_counts_as_zero():
    assert shrink(np.diag([1.0, 1e-16]), 1.0, 0.0).s.size == 1
    assert shrink(np.diag([1.0, 1e-12]), 1.0, 0.0).s.size == 2
    assert shrink(np.zeros((2, 2)), 1.0, 0.1).s.size == 0


def test_singular_values_far_below_the_root_of_rounding():
    s = np.array([1.0, 1e-5, 1e-10])
    A = long_matrix(s)
    U, _, Qt = np.linalg.svd(A, full_matrices=False)
    skew = U @ (np.eye(3) + 1e-3 * np.triu(np.ones((3, 3)), 1))  # orthonormal only nearly
    B = np.linalg.lstsq(skew, A, rcond=None)[0]
    values, Q = singular(skew.T @ skew, B)
    np.testing.assert_allclose(values, s, rtol=1e-5)
    np.testing.assert_allclose(np.abs(Q.T @ Qt.T), np.eye(3), atol=1e-5)
    assert singular(np.empty((0, 0)), np.empty((0, 4)))[1].shape == (4, 0)
