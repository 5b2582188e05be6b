"""The convex learners against an interior-point solver on the problems as their papers print them."""

import numpy as np
import pytest

from patom.core.solvers.solution import Status
from patom.defenses import ARMULClassifier, ARMULRegressor, RMTFLClassifier, RMTFLRegressor

SHAPES = {  # tasks, features, rows of each task
    "fewer features than tasks": (7, 2, [6] * 7),
    "more features than rows": (3, 9, [5] * 3),
    "one row a task": (6, 3, [1] * 6),
    "a single task": (1, 4, [25]),
    "unbalanced": (5, 4, [1, 2, 4, 16, 40]),
    "a single feature": (4, 1, [3] * 4),
    "many rows": (4, 3, [30] * 4),
}
LOSSES = ["squared_error", "squared_hinge"]
STRENGTHS = [1.0, 0.1, 0.01]


def data(shape, loss, seed=0):
    """Noisy linear tasks around a common one, the last its opposite; ints as labels, y is +-1 for the hinge."""
    m, d, counts = shape
    rng = np.random.default_rng(seed)
    index = np.repeat(np.arange(m), counts)
    X, common = rng.standard_normal((index.size, d)), rng.standard_normal(d)
    B = common + 0.2 * rng.standard_normal((m, d))
    B[-1] = -B[-1]
    z = (X * B[index]).sum(axis=1) + 0.3 * rng.standard_normal(index.size) + 0.3
    return X, (z if loss == "squared_error" else np.where(z > 0.0, 1.0, -1.0)), index


def weights(model):
    return np.column_stack([model.coef_, model.intercept_])


def weights_of(index, setting):
    """What the tasks weigh: all alike, or by their rows over the mean over rows of their tasks' sizes."""
    n = np.bincount(index)
    return np.ones(n.size) if setting == "tasks" else n * n.sum() / (n**2).sum()


def mean_losses(X, y, index, W, loss, c):
    """The weighted sum over tasks of their rows' mean losses, as it is written."""
    z = (np.column_stack([X, np.ones(len(X))]) * W[index]).sum(axis=1)
    values = (y - z) ** 2 if loss == "squared_error" else np.maximum(0.0, 1.0 - y * z) ** 2
    return sum(c[i] * values[index == i].mean() for i in range(len(W)))


@pytest.mark.in_pairs
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("lambda_1", STRENGTHS)
@pytest.mark.parametrize("lambda_2", STRENGTHS)
@pytest.mark.parametrize(("shape", "setting"), [*((shape, "rows") for shape in SHAPES), ("unbalanced", "tasks")])
def test_rmtfl(interior_point_outliers, shape, setting, lambda_1, lambda_2, loss):
    X, y, index = data(SHAPES[shape], loss)
    c = weights_of(index, setting)
    kind = RMTFLRegressor if loss == "squared_error" else RMTFLClassifier
    model = kind(lambda_1, lambda_2, task_weights=setting).fit(X, y, task=index)
    _, best = interior_point_outliers(X, y, index, loss=loss, lambda_1=lambda_1, lambda_2=lambda_2, weights=c)
    assert model.status_ in (Status.CONVERGED, Status.PRECISION)
    assert model.objective_ == pytest.approx(best, rel=1e-6, abs=1e-9)
    assert model.objective_ - model.duality_gap_ <= best + 1e-8
    penalty = lambda_1 * np.linalg.norm(model.shared_, axis=0).sum()
    penalty += lambda_2 * c @ np.linalg.norm(model.own_, axis=1)
    assert model.objective_ == pytest.approx(mean_losses(X, y, index, weights(model), loss, c) + penalty, rel=1e-10)
    np.testing.assert_allclose(model.shared_ + model.own_, weights(model), atol=1e-14)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize(("shape", "setting"), [*((shape, "rows") for shape in SHAPES), ("unbalanced", "tasks")])
def test_vanilla_armul(interior_point_centre, shape, setting, strength, loss):
    X, y, index = data(SHAPES[shape], loss)
    c = weights_of(index, setting)
    given = strength * np.linspace(0.5, 1.5, SHAPES[shape][0])
    kind = ARMULRegressor if loss == "squared_error" else ARMULClassifier
    model = kind(given, tol=1e-8, task_weights=setting).fit(X, y, task=index)
    _, best = interior_point_centre(X, y, index, loss=loss, strength=given, weights=c)
    assert model.status_ in (Status.CONVERGED, Status.PRECISION)
    assert model.objective_ == pytest.approx(best, rel=1e-6, abs=1e-7)
    assert model.objective_ - model.duality_gap_ <= best + 1e-8
    penalty = (c * given) @ np.linalg.norm(model.own_, axis=1)
    assert model.objective_ == pytest.approx(
        mean_losses(X, y, index, weights(model), loss, c) + penalty, rel=1e-9, abs=1e-12
    )
    np.testing.assert_array_equal(model.centres_, np.tile(model.centres_[0], (len(given), 1)))


@pytest.mark.parametrize("loss", LOSSES)
def test_weights(interior_point_outliers, interior_point_centre, loss):
    X, y, index = data(SHAPES["many rows"], loss)
    first, second = (RMTFLRegressor, ARMULRegressor) if loss == "squared_error" else (RMTFLClassifier, ARMULClassifier)
    c = np.ones(4)
    W, _ = interior_point_outliers(X, y, index, loss=loss, lambda_1=0.1, lambda_2=0.12, weights=c)
    np.testing.assert_allclose(weights(first(0.1, 0.12).fit(X, y, task=index)), W, atol=2e-5)
    W, _ = interior_point_centre(X, y, index, loss=loss, strength=np.full(4, 0.1), weights=c)
    np.testing.assert_allclose(weights(second(np.full(4, 0.1), tol=1e-9).fit(X, y, task=index)), W, atol=2e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_one_number_stands_for_strengths_that_know_the_rows(loss):
    X, y, index = data(SHAPES["unbalanced"], loss)
    kind = ARMULRegressor if loss == "squared_error" else ARMULClassifier
    given = 0.1 * np.sqrt(5.0 / np.array([1, 2, 4, 16, 40]))
    np.testing.assert_array_equal(kind(0.1).fit(X, y, task=index).coef_, kind(given).fit(X, y, task=index).coef_)


@pytest.mark.parametrize("outlier", [0, 3])
def test_the_outlier_is_recovered_and_no_other(outlier):
    rng = np.random.default_rng(outlier)
    index, W = np.repeat(np.arange(6), 50), np.zeros((6, 8))
    W[:, :3] = [2.0, -1.0, 1.5] + 0.2 * rng.standard_normal((6, 3))  # three features of eight, in all tasks
    W[outlier] = 2.0 * rng.standard_normal(8)
    X = rng.standard_normal((300, 8))
    y = (X * W[index]).sum(axis=1) + 0.1 * rng.standard_normal(300)
    model = RMTFLRegressor(lambda_1=0.5, lambda_2=0.7).fit(X, y, task=index)
    assert model.outliers_.tolist() == [outlier]
    norms = np.linalg.norm(model.own_, axis=1)
    assert norms[outlier] > 1.0
    assert not np.delete(norms, outlier).any()
    used = np.linalg.norm(model.shared_, axis=0) > 0.0
    np.testing.assert_array_equal(used[:3], True)
    armul = ARMULRegressor(np.full(6, 1.5)).fit(X, y, task=index)
    assert armul.outliers_.tolist() == [outlier]


def test_an_outlier_further_off_pulls_the_centre_no_harder():
    rng = np.random.default_rng(0)
    index, X = np.repeat(np.arange(5), 40), rng.standard_normal((200, 3))
    y = X @ [1.0, 2.0, -1.0] + 0.1 * rng.standard_normal(200)
    last = index == 4
    centres = []
    for size in (10.0, 1e3, 1e5):
        targets = np.where(last, size * X[:, 0], y)
        centres.append(ARMULRegressor(np.full(5, 0.3)).fit(X, targets, task=index).centres_[0])
    assert np.linalg.norm(centres[2] - centres[1]) < 1e-2
    assert np.linalg.norm(centres[1] - centres[0]) < 0.1


def test_accounts_do_not_place_the_centre():
    """Twelve accounts of two rows beside six honest tasks of 40: with equal weights they pull the centre to theirs."""
    rng = np.random.default_rng(0)
    index, X = np.repeat(np.arange(6), 40), rng.standard_normal((240, 3))
    y = X @ [1.0, 2.0, -1.0] + 0.1 * rng.standard_normal(240)
    far = rng.standard_normal((24, 3))
    joined = np.vstack([X, far]), np.append(y, far @ [-5.0, 5.0, 5.0]), np.append(index, np.repeat(np.arange(6, 18), 2))
    centres = {
        setting: ARMULRegressor(0.5, task_weights=setting).fit(*joined[:2], task=joined[2]).centres_[0, :3]
        for setting in ("tasks", "rows")
    }
    assert np.linalg.norm(centres["rows"] - [1.0, 2.0, -1.0]) < 0.2
    assert np.linalg.norm(centres["tasks"] - [1.0, 2.0, -1.0]) > 2.0
