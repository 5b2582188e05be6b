"""The share of poison found from the trimmed losses, and the rows then trimmed."""

from itertools import combinations

import numpy as np
import pytest

from patom import MTRLClassifier, MTRLRegressor
from patom.defenses import ITrim, Trim
from patom.defenses.filters.itrim import dropped_along, knees


def tasks(seed, poison, n=60):
    """Two related tasks; of each the last ``poison`` rows have targets far off."""
    rng = np.random.default_rng(seed)
    task = np.repeat(["a", "b"], n)
    X = rng.uniform(-1.0, 1.0, (2 * n, 2))
    y = X @ [2.0, -1.0] + 0.1 * rng.standard_normal(2 * n)
    off = np.zeros(2 * n, dtype=bool)
    for start, count in zip((0, n), poison, strict=True):
        off[start + n - count : start + n] = True
    y[off] = 5.0
    return X, y, task, off


@pytest.mark.in_turn
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("poison", [(0, 0), (6, 0), (0, 9), (3, 12)])
def test_it_finds_each_tasks_share_and_rows(seed, poison):
    X, y, task, off = tasks(seed, poison)
    defense = ITrim(MTRLRegressor(1e-3, 1e-3))
    estimates = defense.path(X, y, task).estimates
    np.testing.assert_allclose(estimates, np.array(poison) / 60.0, atol=0.021)
    kept = defense.keep(X, y, task)
    np.testing.assert_allclose(kept.by_task["dropped"], 60 * estimates)
    assert kept.kept[off].sum() <= 1
    assert np.count_nonzero(~kept.kept[~off]) <= 2


def test_without_tasks_the_path_is_the_best_of_all_parts():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((9, 1))
    y = X[:, 0] + 0.1 * rng.standard_normal(9)
    y[[2, 5]] += 4.0
    model = MTRLRegressor(0.01, 0.01, tol=1e-12)
    path = ITrim(model, max_fraction=0.34, n_starts=20).path(X, y)
    np.testing.assert_allclose(path.shares[:4, 0], [0.0, 1 / 9, 2 / 9, 3 / 9])
    for gone in range(4):
        parts = [np.setdiff1d(np.arange(9), out) for out in combinations(range(9), gone)]
        best = min((model.fit(X[part], y[part]).objective_, i) for i, part in enumerate(parts))[1]
        model.fit(X[parts[best]], y[parts[best]])
        expected = np.mean((y[parts[best]] - model.predict(X[parts[best]])) ** 2)
        assert path.losses[gone, 0] == pytest.approx(expected, rel=1e-4)
    few = ITrim(model, max_fraction=0.34, threshold=30.0)
    assert few.path(X, y).estimates[0] == pytest.approx(2 / 9)
    assert np.flatnonzero(~few.keep(X, y).kept).tolist() == [2, 5]


def test_the_path_is_trims():
    X, y, task, _ = tasks(1, (6, 6))
    model = MTRLRegressor(0.01, 0.01)
    path = ITrim(model, n_starts=3).path(X, y, task)
    trimmed = Trim(model, fraction=path.shares[5, 0]).keep(X, y, task)
    for place, label in enumerate("ab"):
        own = (task == label) & trimmed.kept
        assert path.losses[5, place] == pytest.approx(trimmed.score[own].mean(), rel=1e-6)


def test_clean_rows_stay():
    dropped = [np.mean(~ITrim(MTRLRegressor(0.01, 0.01)).keep(*tasks(seed, (0, 0))[:3]).kept) for seed in range(8)]
    assert np.mean(dropped) < 0.002


def test_one_absurd_target_hides_no_others():
    X, y, task, off = tasks(0, (6, 0))
    y[0] = 1e4
    kept = ITrim(MTRLRegressor(1e-3, 1e-3)).keep(X, y, task).kept
    assert not kept[off].any()
    assert not kept[0]


def test_masked_poison_is_found_past_slow_steps():
    losses = np.array([[1.0], [0.99], [0.98], [0.2], [0.19]])
    assert knees(0.1 * np.arange(5.0)[:, None], losses, 15.0).tolist() == [3]
    assert knees(0.1 * np.arange(5.0)[:, None], losses, 40.0).tolist() == [0]
    assert knees(0.1 * np.arange(5.0)[:, None], 7.0 * losses, 15.0).tolist() == [3]


def test_small_tasks_take_steps_of_a_row():
    assert dropped_along(np.array([3, 1]), 0.02, 0.5)[:3].tolist() == [[0, 0], [1, 0], [1, 0]]
    assert dropped_along(np.array([7]), 0.1, 0.0).tolist() == [[0]]
    assert dropped_along(np.array([1000]), 0.02, 0.3)[:, 0].tolist() == list(range(0, 301, 20))


def test_classes():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 2))
    y = np.where(X[:, 0] + 0.1 * rng.standard_normal(200) > 0.0, 1, 0)
    off = (np.arange(200) < 20) & (np.abs(X[:, 0]) > 1.0)
    kept = ITrim(MTRLClassifier(1e-3, 1e-3)).keep(X, np.where(off, 1 - y, y)).kept
    assert not kept[off].any()
    assert np.mean(~kept[~off]) < 0.05
    assert np.mean(~ITrim(MTRLClassifier(1e-3, 1e-3)).keep(X, y).kept) < 0.05


@pytest.mark.parametrize("y", [np.zeros(30), np.append(np.zeros(28), [1.0, 2.0]), np.arange(30.0)])
def test_odd_targets(y):
    X = np.ones((30, 2))
    found = ITrim().path(X, y, [0] * 29 + ["one"])
    assert np.isfinite(found.losses).all()
    assert found.estimates[1] == 0.0
