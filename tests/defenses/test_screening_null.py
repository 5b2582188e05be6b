"""p-values of screening: near their level on clean tasks, small for odd ones; draws of honest tasks."""

import dataclasses

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit

from patom import MTRLClassifier, MTRLRegressor
from patom.core.losses import logistic, squared_error, squared_hinge, unclipped_hinge
from patom.datasets import make_related_tasks
from patom.defenses import screen
from patom.defenses.screening import (
    Honest,
    draw_rows,
    draw_weights,
    honest_tasks,
    least_suspicious,
    positive_share,
)  # fmt: skip

MODELS = {"regression": MTRLRegressor(0.01, 0.01, tol=1e-6), "classification": MTRLClassifier(0.01, 0.01, tol=1e-6)}


def tasks(seed, kind="regression", n_tasks=5):
    return make_related_tasks(
        n_tasks=n_tasks, n_features=2, n_groups=1, n_train=16, similarity=0.9, kind=kind, random_state=seed
    ).train


def p_values(X, y, task, kind="regression", n_resamples=9, **settings):
    return screen(MODELS[kind], X, y, task=task, n_folds=2, n_resamples=n_resamples, **settings).p_values


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_honest_tasks_have_uniform_p_values(kind):
    """Tasks of one table depend on each other: the spread of the means is taken over tables."""
    found = np.array([p_values(*tasks(seed, kind), kind, random_state=seed) for seed in range(15)])
    for level in (0.2, 0.5, 0.8):
        below = (found <= level + 1e-9).mean(axis=1)
        assert abs(below.mean() - level) < 0.03 + 3.0 * below.std(ddof=1) / len(below) ** 0.5
    assert (found <= 0.1 + 1e-9).mean() < 0.2


def test_an_odd_task_has_a_small_one_and_hides_no_other():
    for seed, odd in ((0, [3]), (1, [3, 5])):
        X, y, task = tasks(seed, n_tasks=8)
        chosen = np.isin(task, odd) & (np.arange(y.size) % 16 < 8)
        y = np.where(chosen, -3.0 * y, y)
        found = p_values(X, y, task, n_resamples=19)
        assert (found[odd] == 0.05).all()
        assert (found[np.setdiff1d(np.arange(8), odd)] > 0.05).mean() > 0.6


def test_rows_far_out_have_a_small_one():
    X, y, task = tasks(0, n_tasks=8)
    X[(task == 6) & (np.arange(y.size) % 16 < 5)] *= 6.0
    assert p_values(X, y, task, n_resamples=19)[6] == 0.05


def test_a_change_from_a_trusted_model_has_a_small_one():
    X, y, task = tasks(3, n_tasks=8)
    reference = MODELS["regression"].fit(X, y, task=task)
    turned = np.where(task == 2, -y, y)
    found = screen(MTRLRegressor(0.01, 0.01), X, turned, task=task, reference=reference, n_resamples=19)
    assert found.p_values[2] == 0.05
    assert found.p_values[[0, 1, 3, 4, 5, 6, 7]].mean() > 0.2


def test_they_count_the_table_at_hand_and_follow_the_seed():
    X, y, task = tasks(0)
    one = p_values(X, y, task, n_resamples=1)
    assert set(one) <= {0.5, 1.0}
    many = [p_values(X, y, task, random_state=seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(many[0], many[1])
    assert (many[0] != many[2]).any()
    assert screen(MODELS["regression"], X, y, task=task).p_values is None


def test_the_ranking_is_the_same_with_and_without_them():
    X, y, task = tasks(0)
    plain, more = (screen(MODELS["regression"], X, y, task=task, n_resamples=n) for n in (0, 2))
    np.testing.assert_array_equal(plain.suspicion, more.suspicion)


@pytest.mark.parametrize("rows", [[0, 1, 2], [16, 17], [16]])
def test_small_equal_and_constant_tasks_have_p_values(rows):
    X, y, task = tasks(0)
    kept = np.append(np.flatnonzero(task != 1), rows)
    few = p_values(X[kept], y[kept], task[kept], n_resamples=2)
    flat = p_values(X[kept], np.ones(kept.size), task[kept], n_resamples=2)
    for found in (few, flat):
        assert ((found >= 1.0 / 3.0) & (found <= 1.0)).all()


def test_two_tasks_alike_are_not_odd():
    X = np.random.default_rng(0).standard_normal((20, 2))
    X, task = np.vstack([X, X]), np.array(["b", "a"] * 20)
    assert (p_values(X, X @ [1.0, 2.0], task) > 0.1).all()


def test_tables_as_suspicious_count_whatever_the_last_digit():
    """Of two tasks each is one robust deviation above or below the middle: half of all tables are tied with any."""
    X = np.random.default_rng(0).standard_normal((20, 2))
    found = p_values(np.vstack([X, X]), np.tile(X @ [1.0, 2.0], 2), np.arange(40) % 2, n_resamples=39)
    assert (found > 0.3).all()


def test_half_of_the_tasks_are_taken_for_honest():
    assert least_suspicious(np.array([3.0, 1.0, 2.0])).tolist() == [False, True, True]
    assert least_suspicious(np.array([0.0, 0.0])).tolist() == [True, False]


def test_what_honest_tasks_are_drawn_from():
    """Mean and covariance of the weights, the middle of the features moved into the last; rows and noise of theirs."""
    X, y, task = tasks(0)
    problem = MODELS["regression"].problem(X + 5.0, y, task=task)
    W = np.random.default_rng(0).standard_normal((5, 3))
    among = np.array([True, False, True, True, False])
    honest = honest_tasks(problem, W, among)
    middle = np.array([np.median(X[task == label] + 5.0, axis=0) for label in range(5)])
    V = np.column_stack([W[:, :2], [w[:2] @ c + w[2] for w, c in zip(W, middle, strict=True)]])[among]
    np.testing.assert_allclose(honest.mean, V.mean(axis=0))
    np.testing.assert_allclose(honest.spread.T @ honest.spread, np.cov(V.T))
    chosen = among[task]
    np.testing.assert_allclose(honest.features, (X + 5.0 - middle[task])[chosen])
    away = y - np.array([x @ W[label, :2] + W[label, 2] for x, label in zip(X + 5.0, task, strict=True)])
    np.testing.assert_allclose(honest.noise, away[chosen] - away[chosen].mean())


def test_drawn_weights_have_that_mean_and_covariance():
    rng = np.random.default_rng(0)
    V = rng.standard_normal((4, 3))
    honest = Honest(V.mean(axis=0), (V - V.mean(axis=0)) / 3**0.5, np.zeros((1, 2)), np.zeros(1))
    drawn = draw_weights(honest, None, 40_000, rng)
    np.testing.assert_allclose(drawn.mean(axis=0), V.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(V.T), atol=0.05)
    known = np.full((3, 3), np.nan)
    known[1] = [7.0, 8.0, 9.0]
    assert draw_weights(honest, known, 3, rng)[1].tolist() == [7.0, 8.0, 9.0]
    assert np.isfinite(draw_weights(honest, known, 3, rng)).all()


def test_drawn_rows_lie_around_the_middles_and_are_predicted():
    rng = np.random.default_rng(0)
    honest = Honest(np.zeros(3), np.zeros((1, 3)), rng.standard_normal((50, 2)), np.array([-0.5, 0.5]))
    V, centre, offsets = rng.standard_normal((2, 3)), np.array([[10.0, 0.0], [0.0, -10.0]]), np.array([0, 30, 70])
    rows = draw_rows(honest, V, centre, offsets, squared_error, rng)
    assert rows.counts.tolist() == [30, 40]
    away = rows.X[:, :2] - centre[rows.task_index]
    assert all(np.isclose(row, honest.features).all(axis=1).any() for row in away)
    expected = [row @ V[i, :2] + V[i, 2] for row, i in zip(away, rows.task_index, strict=True)]
    np.testing.assert_allclose(np.abs(rows.y - expected), 0.5)
    sure = draw_rows(dataclasses.replace(honest, features=np.zeros((1, 2))), np.array([[0, 0, 1.0], [0, 0, -1.0]]),
                     centre, offsets, squared_hinge, rng)  # fmt: skip
    np.testing.assert_array_equal(sure.y, np.where(sure.task_index == 0, 1.0, -1.0))


@pytest.mark.parametrize("loss", [squared_hinge, logistic, unclipped_hinge], ids=lambda loss: loss.name)
def test_the_share_of_positives_makes_the_prediction_the_best_one(loss):
    for z in (-0.9, -0.2, 0.0, 0.6):
        share = positive_share(np.array([z]), loss)[0]

        def expected(at, share=share):
            at = np.array([at])
            return (share * loss.value(at, np.ones(1)) + (1.0 - share) * loss.value(at, -np.ones(1)))[0]

        assert minimize_scalar(expected, bounds=(-3.0, 3.0), method="bounded").x == pytest.approx(z, abs=1e-4)
    assert positive_share(np.array([3.0]), loss)[0] == (expit(3.0) if loss is logistic else 1.0)


def test_weights_are_drawn_a_few_tasks_at_a_time_and_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    honest = Honest(rng.standard_normal(3), rng.standard_normal((4, 3)), np.zeros((1, 2)), np.zeros(1))
    whole = draw_weights(honest, None, 7, np.random.default_rng(1))
    monkeypatch.setattr("patom.defenses.screening._DRAWN", 10)
    np.testing.assert_allclose(draw_weights(honest, None, 7, np.random.default_rng(1)), whole, rtol=1e-14)
