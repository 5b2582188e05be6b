"""Every penalty: value, prox, conjugate, rank reduction, scaling, and its second-order model on the manifold."""

from fractions import Fraction
from itertools import product

import cvxpy as cp
import numpy as np
import pytest

from patom.core import losses
from patom.core.data_term import data_term
from patom.core.penalties.given import fixed_covariance
from patom.core.penalties.learned import SpectralPenalty, maximise_on_spectrum
from patom.core.penalties.penalty import fenchel_gap
from patom.core.rows import group_rows
from patom.core.solvers.compiled.steps import maximise_on_spectrum as compiled_maximise

M, P = 5, 4
LAPLACIAN = np.diag([1.0, 2.0, 2.0, 2.0, 1.0]) - np.eye(M, k=1) - np.eye(M, k=-1)  # of the path graph
OMEGAS = {
    "definite": np.linalg.inv(np.eye(M) + LAPLACIAN),
    "graph": np.linalg.pinv(LAPLACIAN),
    "rank two": np.diag([0.75, 0.25, 0.0, 0.0, 0.0]),
}
LAMBDAS = [(0.3, 0.7), (0.0, 0.5), (1e-3, 2.0), (2.0, 1e-3), (0.4, 0.0)]
CASES = [(omega, *lambdas) for omega in (None, *OMEGAS) for lambdas in LAMBDAS]
every_penalty = pytest.mark.parametrize(
    ("omega", "lambda_1", "lambda_2"), CASES, ids=[f"{omega or 'learned'}, {a}, {b}" for omega, a, b in CASES]
)


def make(omega, lambda_1, lambda_2):
    if omega is None:
        return SpectralPenalty(lambda_1, lambda_2)
    return fixed_covariance(OMEGAS[omega], lambda_1, lambda_2)


def onto_domain(omega, lambda_2, W):
    """W where R is finite: with a singular Omega its columns lie in Omega's range."""
    if omega is None or lambda_2 == 0.0:
        return W
    return OMEGAS[omega] @ np.linalg.pinv(OMEGAS[omega]) @ W


def written(omega, lambda_1, lambda_2, W):
    """The penalties of (1), summed as they stand."""
    if omega is None:
        relation = np.linalg.svd(W, compute_uv=False).sum() ** 2
    else:
        relation = np.trace(W.T @ np.linalg.pinv(OMEGAS[omega]) @ W)
    return 0.5 * lambda_1 * (W**2).sum() + 0.5 * lambda_2 * relation


def subgradient(omega, lambda_1, lambda_2, W, rng):
    """Some V of R's subdifferential at W, so that <W, V> - R is greatest at W."""
    if omega is not None:
        inverse = np.linalg.pinv(OMEGAS[omega])
        off = rng.standard_normal(W.shape)
        off = off - onto_domain(omega, lambda_2, off)  # whatever lies off the range changes nothing
        return lambda_1 * W + lambda_2 * inverse @ W + off
    U, s, Qt = np.linalg.svd(W)
    k = np.count_nonzero(s > 1e-10)
    other = np.zeros((M - k, P - k))
    np.fill_diagonal(other, rng.uniform(0, 1, min(other.shape)))
    return lambda_1 * W + lambda_2 * s.sum() * (U[:, :k] @ Qt[:k] + U[:, k:] @ other @ Qt[k:])


def of_rank(k, rng):
    return rng.standard_normal((M, k)) @ rng.standard_normal((k, P))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@every_penalty
def test_value_is_the_formula(omega, lambda_1, lambda_2):
    for k in (0, 1, 2, 4):
        W = onto_domain(omega, lambda_2, of_rank(k, np.random.default_rng(0)))
        expected = written(omega, lambda_1, lambda_2, W)
        assert make(omega, lambda_1, lambda_2).value(W) == pytest.approx(expected, rel=1e-10, abs=1e-13), f"rank {k}"


@every_penalty
@pytest.mark.parametrize("L", [0.5, 30.0])
def test_prox_beats_every_perturbation(omega, lambda_1, lambda_2, L, rng):
    # L/2 ||W - Z||^2 + R(W) is L-strongly convex, so it exceeds its minimum by L/2 of the squared distance.
    penalty, Z = make(omega, lambda_1, lambda_2), 3.0 * rng.standard_normal((M, P))
    nearest = penalty.prox(Z, L)

    def total(W):
        return 0.5 * L * ((W - Z) ** 2).sum() + written(omega, lambda_1, lambda_2, W)

    for size in np.logspace(-4, 1, 60):
        W = nearest + onto_domain(omega, lambda_2, size * of_rank(rng.integers(1, 5), rng))
        assert total(W) >= total(nearest) + 0.5 * L * ((W - nearest) ** 2).sum() - 1e-11 * total(W)


@every_penalty
@pytest.mark.parametrize("L", [0.5, 30.0])
def test_prox_equals_the_interior_point_solution(omega, lambda_1, lambda_2, L, rng):
    Z = rng.standard_normal((M, P))
    if omega is None:
        W = cp.Variable((M, P))
        relation = cp.square(cp.normNuc(W))
    else:
        values, vectors = np.linalg.eigh(OMEGAS[omega])
        kept = (values > 1e-12) | (lambda_2 == 0.0)
        B = cp.Variable((np.count_nonzero(kept), P))
        W = vectors[:, kept] @ B
        relation = cp.sum_squares(cp.multiply(1 / np.sqrt(np.maximum(values[kept], 1e-12))[:, None], B))
        relation = relation if lambda_2 > 0.0 else 0.0
    objective = L / 2 * cp.sum_squares(W - Z) + lambda_1 / 2 * cp.sum_squares(W) + lambda_2 / 2 * relation
    cp.Problem(cp.Minimize(objective)).solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    np.testing.assert_allclose(make(omega, lambda_1, lambda_2).prox(Z, L), W.value, atol=1e-5)


@every_penalty
@pytest.mark.parametrize("p", [3, 5, 8])
def test_prox_derivative_by_finite_differences(omega, lambda_1, lambda_2, p):
    penalty, h = make(omega, lambda_1, lambda_2), 1e-5
    for k, L in product((1, 2, 5), (0.5, 30.0)):
        rng = np.random.default_rng(0)
        Z = rng.standard_normal((M, k)) @ rng.standard_normal((k, p))
        J = penalty.prox_derivative(Z, L)
        for V in (rng.standard_normal((M, p)), Z):
            central = (penalty.prox(Z + h * V, L) - penalty.prox(Z - h * V, L)) / (2.0 * h)
            np.testing.assert_allclose(J(V), central, atol=1e-7 * np.linalg.norm(V), err_msg=f"Z of rank {k}, L {L}")


@every_penalty
@pytest.mark.parametrize("p", [3, 5, 8])
def test_prox_derivative_is_self_adjoint_and_a_contraction(omega, lambda_1, lambda_2, p):
    for k in (1, 2, 5):
        rng = np.random.default_rng(0)
        Z = rng.standard_normal((M, k)) @ rng.standard_normal((k, p))
        J = make(omega, lambda_1, lambda_2).prox_derivative(Z, 2.0)
        V, T = rng.standard_normal((2, M, p))
        close = 1e-12 * np.linalg.norm(V) * np.linalg.norm(T)
        assert np.vdot(T, J(V)) == pytest.approx(np.vdot(J(T), V), abs=close), f"Z of rank {k}"
        assert 0.0 <= np.vdot(V, J(V)) <= np.vdot(V, V) / (1.0 + lambda_1 / 2.0) + 1e-12, f"Z of rank {k}"


@pytest.mark.parametrize(("s", "kept"), [([3.0, 3.0], 2), ([3.0, 3.0, 0.5, 0.5], 2), ([3.0, 0.5, 0.5], 1)])
def test_prox_derivative_where_singular_values_are_equal(s, kept, rng):
    U, Q = (np.linalg.qr(rng.standard_normal((n, n)))[0][:, : len(s)] for n in (M, P))
    penalty, Z, V = SpectralPenalty(0.3, 0.7), (U * s) @ Q.T, rng.standard_normal((M, P))
    assert np.linalg.matrix_rank(penalty.prox(Z, 2.0)) == kept
    central = (penalty.prox(Z + 1e-5 * V, 2.0) - penalty.prox(Z - 1e-5 * V, 2.0)) / 2e-5
    np.testing.assert_allclose(penalty.prox_derivative(Z, 2.0)(V), central, atol=1e-7)


def test_prox_derivative_at_zero_is_zero(rng):
    V = rng.standard_normal((M, P))
    np.testing.assert_array_equal(SpectralPenalty(0.3, 0.7).prox_derivative(np.zeros((M, P)), 2.0)(V), 0.0)


@every_penalty
@pytest.mark.parametrize("k", [1, 2, 4])
def test_conjugate_by_fenchel_and_young(omega, lambda_1, lambda_2, k, rng):
    penalty = make(omega, lambda_1, lambda_2)
    best = onto_domain(omega, lambda_2, of_rank(k, rng))
    V = subgradient(omega, lambda_1, lambda_2, best, rng)
    conjugate = penalty.conjugate(V)
    assert conjugate == pytest.approx(np.vdot(best, V) - written(omega, lambda_1, lambda_2, best), rel=1e-9)
    for size in np.logspace(-3, 1, 40):
        for W in (size * of_rank(rng.integers(1, 5), rng), best + size * of_rank(1, rng)):
            inside = onto_domain(omega, lambda_2, W)
            bound = np.vdot(inside, V) - written(omega, lambda_1, lambda_2, inside)
            assert conjugate >= bound - 1e-10 * abs(bound)


@every_penalty
def test_gap_is_never_negative_and_zero_at_a_subgradient(omega, lambda_1, lambda_2, rng):
    penalty = make(omega, lambda_1, lambda_2)
    for k in (1, 2, 4):
        W = onto_domain(omega, lambda_2, of_rank(k, rng))
        V = subgradient(omega, lambda_1, lambda_2, W, rng)
        scale = penalty.value(W)
        assert abs(fenchel_gap(penalty, W, -V)) <= 1e-10 * scale
        assert fenchel_gap(penalty, W, -V - 0.1 * onto_domain(omega, lambda_2, of_rank(2, rng))) > 1e-6 * scale


@every_penalty
def test_scaled_multiplies_everything(omega, lambda_1, lambda_2, rng):
    penalty, W = make(omega, lambda_1, lambda_2), onto_domain(omega, lambda_2, of_rank(2, rng))
    scaled = penalty.scaled(7.0)
    assert penalty.weights == (lambda_1, lambda_2)
    assert scaled.weights == pytest.approx((7.0 * lambda_1, 7.0 * lambda_2))
    assert scaled.value(W) == pytest.approx(7.0 * penalty.value(W))
    np.testing.assert_allclose(scaled.prox(W, 14.0), penalty.prox(W, 2.0), atol=1e-12)


@every_penalty
def test_lower_rank_is_the_nearest_one(omega, lambda_1, lambda_2):
    for k in (0, 1, 2, 4):
        W = of_rank(k, np.random.default_rng(0))
        lower = make(omega, lambda_1, lambda_2).lower_rank(W)
        if omega is not None or k < 2:
            assert lower is None, f"W of rank {k}"
        else:
            assert np.linalg.matrix_rank(lower) == k - 1
            assert np.linalg.norm(W - lower) == pytest.approx(np.linalg.svd(W, compute_uv=False)[k - 1])


@pytest.mark.parametrize("ridge", [0.5, 3.0])
@pytest.mark.parametrize("nuclear", [0.0, 0.2, 5.0])
def test_spectral_maximiser_meets_its_optimality_conditions(ridge, nuclear, rng):
    for _ in range(50):
        s = np.sort(rng.exponential(1.0, rng.integers(1, 7)))[::-1]
        x = maximise_on_spectrum(s, ridge, nuclear)
        slope = s - ridge * x - nuclear * x.sum()
        assert (x >= 0.0).all()
        np.testing.assert_allclose(slope[x > 0], 0.0, atol=1e-13)
        assert (slope[x == 0] <= 1e-13).all()


def exact_maximiser(s, ridge, nuclear):
    """In rational numbers."""
    s, ridge, nuclear = [Fraction(float(value)) for value in s], Fraction(ridge), Fraction(nuclear)
    sums = [sum(s[: k + 1]) / (ridge + (k + 1) * nuclear) for k in range(len(s))]
    k = sum(value > nuclear * total for value, total in zip(s, sums, strict=True))
    return [(value - nuclear * sums[k - 1]) / ridge for value in s[:k]] + [Fraction(0)] * (len(s) - k)


@pytest.mark.parametrize("maximise", [maximise_on_spectrum, compiled_maximise], ids=["plain", "compiled"])
@pytest.mark.parametrize(
    ("ridge", "nuclear"), [(1e-8, 1e8), (1e-12, 1e12), (1e-50, 1e50), (1.0, 1e30), (1e30, 1e-30), (0.1, 0.1)]
)
def test_spectral_maximiser_keeps_its_digits_whatever_the_lambdas(maximise, ridge, nuclear, rng):
    """Where lambda_1 is far below lambda_2 it was 0, and so was R*: a gap of 0 at W = 0, for any data."""
    ties = [1.0, 1.0, 1.0 - 2.0**-53, 1.0 - 1e-9, 0.3]
    for s in (np.array(ties), np.array(ties[1:]), np.array([2.0]), np.sort(rng.exponential(1.0, 5))[::-1]):
        x, expected = maximise(s, ridge, nuclear), exact_maximiser(s, ridge, nuclear)
        product = sum(Fraction(float(value)) * share for value, share in zip(s, expected, strict=True))
        assert float(s @ x) == pytest.approx(float(product), rel=1e-12, abs=0.0)
        assert x.sum() == pytest.approx(float(sum(expected)), rel=1e-12, abs=0.0)


@every_penalty
@pytest.mark.parametrize("k", [1, 2, 4])
class TestModel:
    """F = f + R along the manifold through W: finite differences of F itself along the retraction."""

    @pytest.fixture
    def near(self, omega, lambda_1, lambda_2, k, rng):
        """The model at a W of rank k, F, f's Hessian there, and two tangents of length one."""
        index = np.repeat(np.arange(M), 4)
        y = np.sign(rng.standard_normal(index.size))
        term = data_term(group_rows(rng.standard_normal((index.size, P - 1)), y, index, M), losses.logistic)
        W = onto_domain(omega, lambda_2, of_rank(k, rng))
        model = make(omega, lambda_1, lambda_2).model(W, term.value_and_gradient(W)[1])
        tangents = [model.project(rng.standard_normal((M, P))) for _ in range(2)]
        return model, lambda Z: self.total(term, omega, lambda_1, lambda_2, Z), term.hessian(W), W, tangents

    @staticmethod
    def total(term, omega, lambda_1, lambda_2, W):
        return term.value_and_gradient(W)[0] + written(omega, lambda_1, lambda_2, W)

    def test_projection_is_orthogonal_and_curvature_symmetric_and_tangent(self, near, rng):
        model, _, _, _, (V, T) = near
        Z = rng.standard_normal((M, P))
        np.testing.assert_allclose(model.project(V), V, atol=1e-12)
        assert np.vdot(Z - model.project(Z), T) == pytest.approx(0.0, abs=1e-11)
        image = model.curvature(V)
        scale = np.linalg.norm(image)
        np.testing.assert_allclose(model.project(image), image, atol=1e-12 * scale)
        assert np.vdot(T, image) == pytest.approx(np.vdot(model.curvature(T), V), abs=1e-11 * scale)

    def test_retraction_stays_on_the_manifold(self, near, omega, lambda_2, k):
        model, _, _, W, (V, _) = near
        there = model.retract(V)
        np.testing.assert_allclose(model.retract(np.zeros_like(W)), W, atol=1e-12)
        np.testing.assert_allclose(onto_domain(omega, lambda_2, there), there, atol=1e-12)
        if omega is None:
            assert np.linalg.matrix_rank(there) == k
            curve = (model.retract(1e-5 * V) - model.retract(-1e-5 * V)) / 2e-5
            np.testing.assert_allclose(curve, V, atol=1e-6 * np.abs(V).max())

    def test_gradient_and_curvature_by_finite_differences(self, near):
        model, F, hessian, W, tangents = near
        np.testing.assert_allclose(model.project(model.gradient), model.gradient, atol=1e-12)
        for V in tangents:
            rise = (F(model.retract(1e-5 * V)) - F(model.retract(-1e-5 * V))) / 2e-5
            assert np.vdot(model.gradient, V) == pytest.approx(rise, rel=1e-5, abs=1e-7)
        for V in (tangent / np.linalg.norm(tangent) for tangent in tangents):
            h = 1e-4 * min(1.0, np.linalg.norm(W))
            bend = (F(model.retract(h * V)) - 2.0 * F(W) + F(model.retract(-h * V))) / h**2
            predicted = np.vdot(V, hessian(V) + model.curvature(V))
            assert predicted == pytest.approx(bend, rel=1e-3, abs=1e-4)
