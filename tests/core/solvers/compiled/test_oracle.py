"""The compiled solver against the plain one: same values, same steps, same Newton system, same optimum."""

import numpy as np
import pytest

from patom.core import losses
from patom.core.data_term import data_term
from patom.core.penalties.given import fixed_covariance
from patom.core.penalties.learned import SpectralPenalty
from patom.core.penalties.learned import maximise_on_spectrum as plain_maximise
from patom.core.rows import group_rows
from patom.core.solvers.accelerated import consult, solve
from patom.core.solvers.compiled import data, newton, oracle, steps
from patom.core.solvers.oracle import Oracle

LOSSES = [losses.squared_error, losses.unclipped_hinge, losses.squared_hinge, losses.logistic, losses.huber(0.5)]
SHAPES = {"fewer tasks": (4, 6, 12), "fewer features": (7, 2, 9), "one task": (1, 4, 20), "one row a task": (6, 3, 1)}
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def rows_of(loss, shape, seed=0):
    m, d, n = shape
    rng = np.random.default_rng(seed)
    index = np.repeat(np.arange(m), n)
    X = rng.standard_normal((index.size, d))
    y = X @ rng.standard_normal(d) + 0.3 * index + 0.3 * rng.standard_normal(index.size)
    return group_rows(X, np.where(y > 0.0, 1.0, -1.0) if loss.margin else y, index, m)


def pair(loss, shape, lambda_1=0.02, lambda_2=0.03):
    term, penalty = data_term(rows_of(loss, shape), loss), SpectralPenalty(lambda_1, lambda_2)
    return Oracle(term, penalty), oracle.compiled_oracle(term, penalty)


@every_loss
@every_shape
def test_every_answer_is_the_plain_one(loss, shape):
    plain, compiled = pair(loss, shape)
    W = np.random.default_rng(1).standard_normal(plain.term.shape)
    expected, found = plain.evaluate(W), compiled.evaluate(W)
    np.testing.assert_allclose(found.gradient, expected.gradient, rtol=1e-11, atol=1e-12)
    for name in ("objective", "gap", "square"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-10)
    assert compiled.scale == pytest.approx(plain.scale)
    L = plain.smoothness
    assert 0.9 * L <= compiled.smoothness <= 1.1 * L
    np.testing.assert_allclose(compiled.proximal(W, L), plain.proximal(W, L), atol=1e-10)
    np.testing.assert_allclose(compiled.accelerate(W, L, 7), plain.accelerate(W, L, 7), atol=1e-9)
    assert compiled.residual(found, L) == pytest.approx(plain.residual(expected, L), rel=1e-8)


@every_loss
def test_hessian_blocks(loss):
    term = data_term(rows_of(loss, (4, 3, 12)), loss)
    W, V = np.random.default_rng(1).standard_normal((2, *term.shape))
    blocks = data.hessian_blocks(data.as_data(term), W)
    np.testing.assert_allclose(np.einsum("icd,id->ic", blocks, V), term.hessian(W)(V), atol=1e-12)


@pytest.mark.parametrize(("ridge", "nuclear"), [(1.0, 0.3), (0.02, 0.03), (1.0, 1e-9), (2.0, 0.0)])
def test_spectrum(ridge, nuclear):
    rng = np.random.default_rng(0)
    s = np.sort(rng.exponential(size=6))[::-1]
    np.testing.assert_allclose(steps.maximise_on_spectrum(s, ridge, nuclear), plain_maximise(s, ridge, nuclear))
    for shape in ((4, 6), (6, 4), (1, 3)):
        Z = rng.standard_normal(shape)
        U, s, Qt = np.linalg.svd(Z, full_matrices=False)
        expected = (U * plain_maximise(s, ridge, nuclear)) @ Qt
        np.testing.assert_allclose(steps.prox(Z, ridge, nuclear), expected, atol=1e-12)
    assert not steps.prox(np.zeros((3, 4)), 1.0, 0.1).any()


def frame_at(compiled, W, L, *, full):
    point = compiled.evaluate(W)
    return newton.frame(compiled.data, point.W, point.gradient, L, *compiled.weights, full)


@every_loss
@every_shape
def test_newtons_system_is_the_models_at_the_optimum(loss, shape):
    plain, compiled = pair(loss, shape, 0.2, 0.3)
    W = solve(plain.term, plain.penalty, tol=1e-14).W
    at = frame_at(compiled, W, compiled.smoothness, full=True)
    k = at.x.size
    np.testing.assert_allclose(at.P, W, atol=1e-7)
    system, g = newton.system(compiled.data, at, *compiled.weights)
    system = np.triu(system) + np.triu(system, 1).T
    model = plain.penalty.model(at.P, at.gradient)
    hessian = plain.term.hessian(at.P)
    for v in np.random.default_rng(2).standard_normal((5, g.size)):
        V = newton.tangent_matrix(at.U, k, at.Qt, v)
        np.testing.assert_allclose(model.project(V), V, atol=1e-10)
        image = model.project(hessian(V)) + model.curvature(V)
        np.testing.assert_allclose(newton.tangent_matrix(at.U, k, at.Qt, system @ v), image, atol=1e-5)
        assert g @ v == pytest.approx(float(np.vdot(model.gradient, V)), abs=1e-7)


@every_loss
@every_shape
def test_both_ways_to_solve_it_agree_anywhere(loss, shape):
    _, compiled = pair(loss, shape)
    W = np.random.default_rng(3).standard_normal(compiled.data.b.shape)
    L = compiled.smoothness / 10.0
    full, thin = (frame_at(compiled, W, L, full=full) for full in (True, False))
    system, _ = newton.system(compiled.data, full, *compiled.weights)
    assert np.linalg.eigvalsh(np.triu(system) + np.triu(system, 1).T).min(initial=1.0) > 0.0
    V = newton.tangent_matrix(full.U, full.x.size, full.Qt, compiled.factored(full)[0])
    other, slope = newton.by_conjugate_gradients(compiled.data, thin, *compiled.weights, 1e-12)
    np.testing.assert_allclose(other, V, atol=1e-7 * np.abs(V).max(initial=1.0))
    assert slope <= 0.0


def test_a_step_far_from_the_optimum_is_the_proximal_maps_derivative():
    """(I - J (I - H/L)) d = prox(Z) - W, solved by the dense matrix of J from finite differences."""
    plain, compiled = pair(losses.squared_error, (4, 3, 12), 0.05, 0.2)
    W = np.random.default_rng(4).standard_normal(plain.term.shape)
    L = compiled.smoothness
    at = frame_at(compiled, W, L, full=True)
    ahead = at.P + newton.tangent_matrix(at.U, at.x.size, at.Qt, compiled.factored(at)[0])

    def moved(D):
        Z = D - plain.term.value_and_gradient(D)[1] / L
        return plain.penalty.prox(Z, L)

    units, h = np.eye(W.size).reshape(-1, *W.shape), 1e-6
    J = np.array([((moved(W + h * E) - moved(W - h * E)) / (2.0 * h)).ravel() for E in units]).T
    d = np.linalg.solve(np.eye(W.size) - J, (moved(W) - W).ravel())
    np.testing.assert_allclose(ahead, W + d.reshape(W.shape), atol=1e-6)


def test_a_singular_value_taken_through_zero_vanishes():
    U, Qt = np.eye(3), np.eye(4)
    ahead = np.zeros((3, 4))
    ahead[0, 0], ahead[1, 1] = 2.0, -0.5
    expected = np.zeros((3, 4))
    expected[0, 0] = 2.0
    np.testing.assert_array_equal(newton.retract(U, Qt, 2, ahead)[0], expected)
    ahead[1, 1] = 0.5
    np.testing.assert_array_equal(newton.retract(U, Qt, 2, ahead)[0], ahead)


@pytest.mark.in_turn
@every_loss
@every_shape
@pytest.mark.parametrize("lambdas", [(0.1, 0.1), (1e-3, 1e-4), (0.0, 0.1), (0.1, 0.0)])
def test_the_optimum_is_the_plain_solvers(loss, shape, lambdas):
    plain, compiled = pair(loss, shape, *lambdas)
    one = consult(plain, tol=1e-10, max_iter=10_000)
    other = consult(compiled, tol=1e-10, max_iter=10_000)
    assert other.status is one.status
    assert other.objective == pytest.approx(one.objective, rel=1e-9, abs=1e-12)
    if lambdas[0] > 0.0:  # else the optimum need not be the only one
        np.testing.assert_allclose(other.W, one.W, atol=1e-6 * np.abs(one.W).max())


def test_conjugate_gradients_stop_where_they_are_told():
    _, compiled = pair(losses.squared_error, (4, 6, 12))
    W = np.random.default_rng(3).standard_normal(compiled.data.b.shape)
    at = frame_at(compiled, W, compiled.smoothness, full=False)
    tried = [newton.by_conjugate_gradients(compiled.data, at, *compiled.weights, t)[0] for t in (0.3, 1e-3, 1e-13)]
    errors = [np.linalg.norm(step - tried[-1]) for step in tried]
    assert errors[0] > errors[1] > 0.0


def test_what_it_does_not_serve():
    term = data_term(rows_of(losses.squared_error, (4, 3, 12)), losses.squared_error)
    assert oracle.compiled_oracle(term, SpectralPenalty(0.1, 0.1).scaled(2.0)) is not None
    assert oracle.compiled_oracle(term, fixed_covariance(np.eye(4) / 4, 0.1, 0.1)) is None
