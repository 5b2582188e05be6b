"""The estimators against an interior-point solver on problem (1) as it stands, with Omega a variable."""

import numpy as np
import pytest

from patom import MTRLClassifier, MTRLRegressor
from patom.core.solvers.solution import Status

SHAPES = {  # tasks, features, rows of each task
    "fewer features than tasks": (7, 2, [6] * 7),
    "more features than tasks": (3, 9, [5] * 3),
    "one row a task": (6, 3, [1] * 6),
    "a single task": (1, 4, [25]),
    "unbalanced": (5, 4, [1, 2, 4, 16, 40]),
    "a single feature": (4, 1, [3] * 4),
}
LAMBDAS = [(10, 10), (0.1, 0.1), (1e-4, 1e-4), (0, 0.1), (0, 1e-2), (0.1, 0), (1e-3, 0), (1e-4, 10), (10, 1e-4)]
LOSSES = ["squared_error", "huber", "squared_hinge", "logistic", "unclipped_hinge"]


def data(shape, loss, seed=0, rank=2):
    """Rows of noisy linear tasks of low rank, ints 0 to m - 1 as labels; y is +-1 for a classifier."""
    m, d, counts = shape
    rng = np.random.default_rng(seed)
    index = np.repeat(np.arange(m), counts)
    X, B = rng.standard_normal((index.size, d)), rng.standard_normal((m, rank)) @ rng.standard_normal((rank, d))
    z = (X * B[index]).sum(axis=1) + 0.5 * rng.standard_normal(index.size) + 0.3
    return X, (z if loss in MTRLRegressor.LOSSES else np.where(z > 0, 1.0, -1.0)), index


def fitted(X, y, index, loss, **settings):
    estimator = MTRLRegressor if loss in MTRLRegressor.LOSSES else MTRLClassifier
    return estimator(loss=loss, **settings).fit(X, y, task=index)


def weights(model):
    return np.column_stack([model.coef_, model.intercept_])


def require_certified(model):
    assert model.status_ is Status.CONVERGED
    assert 0.0 <= model.duality_gap_ <= 1e-8 * min(1.0, model.objective_)


@pytest.mark.in_pairs
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("lambda_1", "lambda_2"), LAMBDAS)
@pytest.mark.parametrize("shape", SHAPES)
def test_learned_omega(interior_point, objective_at, shape, lambda_1, lambda_2, loss):
    problem = data(SHAPES[shape], loss)
    settings = {"loss": loss, "lambda_1": lambda_1, "lambda_2": lambda_2}
    model, reference = fitted(*problem, **settings), interior_point(*problem, **settings)
    require_certified(model)
    assert model.objective_ == pytest.approx(reference.objective, rel=1e-6)
    assert model.objective_ == pytest.approx(objective_at(*problem, weights(model), **settings), rel=1e-11)
    rounding = 1e-14 * objective_at(*problem, np.zeros_like(reference.W), **settings)
    assert model.objective_ - model.duality_gap_ <= objective_at(*problem, reference.W, **settings) + rounding


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_and_omega(interior_point, loss):
    problem = data(SHAPES["unbalanced"], loss)
    settings = {"loss": loss, "lambda_1": 0.1, "lambda_2": 0.05}
    model, reference = fitted(*problem, **settings, tol=1e-12), interior_point(*problem, **settings)
    np.testing.assert_allclose(weights(model), reference.W, atol=2e-5)
    np.testing.assert_allclose(model.task_covariance_, reference.omega, atol=2e-4)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("lambda_1", "lambda_2"), [(0.1, 3.0), (0, 3.0), (1e-4, 10.0)])
def test_rank_one_optimum(interior_point, loss, lambda_1, lambda_2):
    problem = data((5, 4, [12] * 5), loss, rank=1)
    settings = {"loss": loss, "lambda_1": lambda_1, "lambda_2": lambda_2}
    model, reference = fitted(*problem, **settings), interior_point(*problem, **settings)
    require_certified(model)
    assert model.objective_ == pytest.approx(reference.objective, rel=1e-6)
    assert model.task_spectrum_ == pytest.approx([1.0])
    assert np.linalg.eigvalsh(reference.omega)[-2] < 1e-3  # the optimum is of rank one, not only ours
    np.testing.assert_allclose(np.abs(model.task_correlation_), 1.0)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("loss", LOSSES)
def test_random_shapes_and_lambdas(interior_point, loss, seed):
    rng = np.random.default_rng(seed)
    m, d = rng.integers(2, 7, size=2)
    problem = data((m, d, rng.integers(1, 12, m)), loss, seed=seed, rank=1 + seed % 3)
    lambda_1, lambda_2 = 10.0 ** rng.uniform(-4, 1, size=2)
    settings = {"loss": loss, "lambda_1": lambda_1, "lambda_2": lambda_2}
    model = fitted(*problem, **settings)
    require_certified(model)
    assert model.objective_ == pytest.approx(interior_point(*problem, **settings).objective, rel=1e-6)


@pytest.mark.parametrize("delta", [0.05, 0.5, 20.0])
def test_huber_delta(interior_point, delta):
    problem = data(SHAPES["unbalanced"], "huber")
    settings = {"loss": "huber", "lambda_1": 0.01, "lambda_2": 0.01}
    model = fitted(*problem, **settings, huber_delta=delta)
    require_certified(model)
    assert model.objective_ == pytest.approx(interior_point(*problem, **settings, delta=delta).objective, rel=1e-6)


def chain_laplacian(m):
    """Of the path graph 0 - 1 - ... - m-1; singular, its null space the constant vector."""
    neighbours = np.eye(m, k=1) + np.eye(m, k=-1)
    return np.diag(neighbours.sum(axis=1)) - neighbours


OMEGAS = {
    "positive definite": np.linalg.inv(np.eye(5) + chain_laplacian(5)),
    "graph, singular": np.linalg.pinv(chain_laplacian(5)),
    "rank one": np.full((5, 5), 0.2),
    "a task left out": np.diag([0.5, 0.2, 0.2, 0.1, 0.0]),
    "trace not 1": np.diag([3.0, 2.0, 1.0, 4.0, 5.0]),
}


@pytest.mark.in_pairs
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("lambda_1", "lambda_2"), [(0.1, 0.1), (0, 1e-2), (1e-4, 1e-4), (10, 1e-2)])
@pytest.mark.parametrize("omega", OMEGAS)
def test_given_omega(interior_point_given_omega, omega, lambda_1, lambda_2, loss):
    problem = data(SHAPES["unbalanced"], loss)
    settings = {"loss": loss, "lambda_1": lambda_1, "lambda_2": lambda_2}
    model = fitted(*problem, **settings, task_covariance=OMEGAS[omega])
    reference = interior_point_given_omega(*problem, **settings, omega=OMEGAS[omega])
    require_certified(model)
    assert model.objective_ == pytest.approx(reference.objective, rel=1e-6)
    np.testing.assert_allclose(model.task_covariance_, OMEGAS[omega], atol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("omega", OMEGAS)
def test_weights_with_given_omega(interior_point_given_omega, omega, loss):
    problem = data(SHAPES["unbalanced"], loss)
    settings = {"loss": loss, "lambda_1": 0.1, "lambda_2": 0.1}
    model = fitted(*problem, **settings, task_covariance=OMEGAS[omega], tol=1e-12)
    reference = interior_point_given_omega(*problem, **settings, omega=OMEGAS[omega])
    np.testing.assert_allclose(weights(model), reference.W, atol=2e-5)


def test_singular_omega_without_a_relationship_term(interior_point):
    problem = data(SHAPES["unbalanced"], "squared_error")
    settings = {"loss": "squared_error", "lambda_1": 0.1, "lambda_2": 0.0}
    model = fitted(*problem, **settings, task_covariance=OMEGAS["rank one"])
    require_certified(model)
    assert model.objective_ == pytest.approx(interior_point(*problem, **settings).objective, rel=1e-6)
