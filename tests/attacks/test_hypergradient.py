"""The exact gradient: finite differences of problem (1) solved anew, closed forms, the solver differentiated."""

from dataclasses import replace

import numpy as np
import pytest
from hypergradient_problems import KINDS, LOSSES, REGRESSION, assert_derivative, attack_on, derivative

from patom.attacks import hypergradient
from patom.attacks.gradients import GradientStatus
from patom.core.penalties.learned import SpectralPenalty

SHAPES = {  # tasks, features, injected rows a task, how unlike the tasks are
    "d < m": {"n_tasks": 5, "d": 2, "per_task": 3},
    "d > m": {"n_tasks": 4, "d": 5, "per_task": 2},
    "nearly one task": {"n_tasks": 4, "d": 4, "per_task": 1, "spread": 0.02},
}


def assert_features_agree(attack):
    found = attack.gradient()
    assert found.status is GradientStatus.SMOOTH
    assert_derivative(attack, found.features)


@pytest.mark.in_pairs
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("weight", [1e-1, 1e-2, 1e-3])
@pytest.mark.parametrize("kind", ["direct", "indirect"])
@pytest.mark.parametrize("loss", LOSSES)
def test_finite_differences_of_the_whole_problem(loss, kind, weight, shape):
    assert_features_agree(attack_on(loss, kind, seed=3, lambda_1=weight, lambda_2=weight, **shape))


@pytest.mark.parametrize("weight", [1e-1, 1e-2, 1e-3])
@pytest.mark.parametrize("loss", LOSSES)
def test_finite_differences_where_a_task_is_target_and_attacker(loss, weight):
    assert_features_agree(attack_on(loss, "hybrid", seed=6, lambda_1=weight, lambda_2=weight))


def test_the_problems_are_of_every_kind():
    """Ranks from 1 to full on both sides of d = m; clean and injected rows on both sides of the losses' corners."""
    ranks, sides = {name: set() for name in SHAPES}, {loss: [] for loss in ("huber", "squared_hinge")}
    for name, shape in SHAPES.items():
        for loss in LOSSES:
            for weight in (1e-1, 1e-2, 1e-3):
                attack = attack_on(loss, seed=3, lambda_1=weight, lambda_2=weight, **shape)
                _, (clean, injected, rank) = attack.utility()
                ranks[name].add(rank)
                if loss in sides:
                    sides[loss] += [np.mean(clean != 0), np.mean(injected != 0)]
                    assert 0.0 < np.mean(clean != 0) < 1.0
    assert 3 in ranks["d < m"]
    assert 4 in ranks["d > m"]
    assert {1, 2} <= ranks["nearly one task"]
    for shares in sides.values():
        assert min(shares) < 0.5 < max(shares)


SETTINGS = {
    "no lambda_1": {"lambda_1": 0.0, "lambda_2": 0.05},
    "lambda_2 ten times lambda_1": {"lambda_1": 0.01, "lambda_2": 0.1},
    "fixed Omega": {"task_covariance": np.diag([0.4, 0.3, 0.2, 0.1]) + 0.1},
    "fixed Omega, rank 1": {"task_covariance": np.ones((4, 4))},
    "fixed Omega, rank 2": {"task_covariance": np.cov([[1.0, 2, 4], [0, 1, 5], [3, 1, 2], [2, 2, -1]])},
    "fixed Omega, no lambda_1": {"task_covariance": np.diag([0.4, 0.3, 0.2, 0.1]) + 0.1, "lambda_1": 0.0},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
@pytest.mark.parametrize("kind", ["direct", "indirect"])
@pytest.mark.parametrize("loss", ["huber", "logistic", "squared_hinge"])
def test_other_couplings(loss, kind, settings):
    assert_features_agree(attack_on(loss, kind, **settings))


@pytest.mark.parametrize("d", [2, 5])
@pytest.mark.parametrize("loss", LOSSES)
def test_without_lambda_2_the_tasks_are_independent(loss, d):
    settings = {"lambda_1": 0.1, "lambda_2": 0.0, "d": d}
    assert_features_agree(attack_on(loss, "direct", **settings))
    for gradient in ("exact", "frozen_covariance", "paper"):
        found = attack_on(loss, "indirect", **settings).gradient(gradient)
        np.testing.assert_array_equal(found.features, 0.0)
        np.testing.assert_array_equal(found.labels, 0.0)


@pytest.mark.parametrize("d", [2, 5])
def test_without_lambda_2_where_some_tasks_have_no_signal(d):
    attack = attack_on("squared_error", "direct", lambda_2=0.0, d=d)
    silent = replace(attack, y=np.where(np.isin(attack.task, ["b", "c"]), attack.y, 0.0))
    assert silent.fit().task_spectrum_.size == 2
    assert_features_agree(silent)


def test_independent_tasks_by_a_fixed_covariance():
    for gradient in ("exact", "frozen_covariance", "paper"):
        found = attack_on("huber", "indirect", task_covariance=np.eye(4) / 4).gradient(gradient)
        np.testing.assert_array_equal(found.features, 0.0)
        assert found.status is GradientStatus.SMOOTH


@pytest.mark.parametrize("gradient", ["exact", "frozen_covariance"])
def test_one_task_is_ridge_regression(gradient):
    """W = (A + (lambda_1 + lambda_2)/2 I)^-1 b with A = X'X/n, b = X'y/n, differentiated by hand."""
    attack = attack_on("squared_error", n_tasks=1, d=3, lambda_1=0.2, lambda_2=0.05)
    assert attack.task_poison.size == 2
    X = np.column_stack([np.vstack([attack.X, attack.X_poison]), np.ones(attack.y.size + 2)])
    y, n = np.append(attack.y, attack.y_poison), attack.y.size + 2
    M = X.T @ X / n + 0.125 * np.eye(4)
    w = np.linalg.solve(M, X.T @ y / n)
    clean = X[:-2]
    v = np.linalg.solve(M, 2.0 * clean.T @ (clean @ w - attack.y))
    found = attack.gradient(gradient)
    for r in range(2):
        x, target = X[n - 2 + r], y[n - 2 + r]
        # d(b - A w) = ((y - x'w) dx - x (w'dx)) / n
        expected = ((target - x @ w) * v - (x @ v) * w) / n
        np.testing.assert_allclose(found.features[r], expected[:-1], rtol=1e-9)
        assert found.labels[r] == pytest.approx(x @ v / n, rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", REGRESSION)
def test_labels_by_finite_differences(loss, kind):
    attack = attack_on(loss, kind, seed=5, lambda_1=0.01, lambda_2=0.01, d=4)
    found = attack.gradient()
    assert found.labels.shape == attack.y_poison.shape
    for move in np.eye(attack.y_poison.size):
        difference = derivative(lambda t, move=move: attack.moved(labels=t * move).utility())
        assert abs(found.labels @ move - difference) < 1e-6 * np.linalg.norm(found.labels)


def second_derivative(loss, z):
    return 0.25 / np.cosh(0.5 * z) ** 2 if loss == "logistic" else np.full_like(z, 2.0)


def slope(loss, z, y):
    return -y / (1.0 + np.exp(y * z)) if loss == "logistic" else 2.0 * (z - y)


def unrolled(attack, steps):
    """dU of every injected feature, by differentiating proximal-gradient steps from zero in forward mode."""
    names, loss = sorted(set(attack.task)), attack.model.loss
    m, p, shape = len(names), attack.X.shape[1] + 1, attack.X_poison.shape
    X = np.column_stack([np.vstack([attack.X, attack.X_poison]), np.ones(attack.y.size + shape[0])])
    y = np.append(attack.y, attack.y_poison)
    task = np.array([names.index(label) for label in np.append(attack.task, attack.task_poison)])
    share = 1.0 / np.bincount(task)[task]
    wide = np.zeros((y.size, m, p))  # z = wide W
    wide[np.arange(y.size), task] = X
    wide = wide.reshape(y.size, m * p)
    L = (0.25 if loss == "logistic" else 2.0) * np.linalg.eigvalsh((wide.T * share) @ wide)[-1]
    penalty = SpectralPenalty(attack.model.lambda_1, attack.model.lambda_2)
    place = np.zeros((*shape, y.size, m * p))  # d wide / dx^_rc
    for r, c in np.ndindex(shape):
        place[r, c, attack.y.size + r, task[attack.y.size + r] * p + c] = 1.0
    place = place.reshape(-1, y.size, m * p)

    def prox(Z):
        return penalty.prox(Z.reshape(m, p), L).ravel()

    W, D = np.zeros(m * p), np.zeros((m * p, place.shape[0]))
    for _ in range(steps):
        z = wide @ W
        first, second = share * slope(loss, z, y), share * second_derivative(loss, z)
        dz = wide @ D + (place @ W).T
        Z = W - wide.T @ first / L
        dZ = D - (wide.T @ (second[:, None] * dz) + np.einsum("inq,n->qi", place, first)) / L
        J = np.column_stack([(prox(Z + e) - prox(Z - e)) / 2e-6 for e in 1e-6 * np.eye(m * p)])
        W, D = prox(Z), J @ dZ
    clean = np.isin(attack.task, attack.targets)
    return (wide[: attack.y.size][clean].T @ slope(loss, z[: attack.y.size], attack.y)[clean] @ D).reshape(shape)


@pytest.mark.in_turn
@pytest.mark.parametrize("shape", [{"n_tasks": 4, "d": 2}, {"n_tasks": 3, "d": 3}], ids=["d < m", "d = m"])
@pytest.mark.parametrize("kind", ["direct", "indirect"])
@pytest.mark.parametrize("loss", ["squared_error", "logistic"])
def test_unrolled_differentiation(loss, kind, shape):
    attack = attack_on(loss, kind, seed=2, lambda_1=0.1, lambda_2=0.1, per_task=1, **shape)
    found, expected = attack.gradient().features, unrolled(attack, 200)
    assert np.linalg.norm(found - expected) < 1e-6 * np.linalg.norm(expected)


def test_the_features_alone_unless_asked():
    attack = attack_on("squared_error")
    rows = {"X_poison": attack.X_poison, "y_poison": attack.y_poison, "task_poison": attack.task_poison}
    features = hypergradient(attack.model, attack.X, attack.y, task=attack.task, targets=attack.targets, **rows)
    np.testing.assert_array_equal(features, attack.gradient().features)
