"""Screening of tasks: scores against refits by hand, what they find, and what is refused."""

import numpy as np
import pytest

from patom import MTRLClassifier, MTRLRegressor, ProjectedAscent, ThreatModel
from patom.datasets import load_digits_tasks, make_related_tasks
from patom.defenses import screen
from patom.defenses.parts import folds

MODEL = MTRLRegressor(0.01, 0.01, tol=1e-12)


@pytest.fixture(name="data")
def fixture_data():
    """Six tasks of one group, labels of text; task "d" has targets of its own."""
    X, y, task = make_related_tasks(n_tasks=6, similarity=1.0, n_features=3, n_train=30, random_state=1).train
    y = np.where(task == 3, -3.0 * y[::-1], y)
    return X, y, np.array(list("abcdef"))[task]


def held_out(X, y, task, tasks, fold):
    """Mean held-out squared error of each task."""
    errors = np.empty(y.size)
    for number in range(3):
        kept = fold != number
        model = MODEL.fit(X[kept], y[kept], task=task[kept])
        errors[~kept] = (y[~kept] - model.predict(X[~kept], task=task[~kept])) ** 2
    return np.array([errors[task == label].mean() for label in tasks])


def test_scores_are_those_of_refits(data):
    X, y, task = data
    order = np.argsort(task, kind="stable")
    X, y, task = X[order], y[order], task[order]
    found = screen(MODEL, X, y, task=task, random_state=4)
    problem = MODEL.problem(X, y, task=task)
    fold = folds(problem.rows, 3, np.random.default_rng(4))
    full = held_out(X, y, task, "abcdef", fold)
    np.testing.assert_allclose(found.scores["own_loss"], full, rtol=1e-6)
    for i, label in enumerate("abcdef"):
        rest = task != label
        without = held_out(X[rest], y[rest], task[rest], "abcdef".replace(label, ""), fold[rest])
        assert found.scores["harm"][i] == pytest.approx(np.mean(1.0 - without / np.delete(full, i)), rel=1e-5)
        own = X[task == label]
        reach = np.quantile(np.linalg.norm(own - np.median(own, axis=0), axis=1), 0.9)
        assert found.scores["reach"][i] == pytest.approx(reach)
    strength = np.abs(MODEL.fit(X, y, task=task).task_correlation_)
    for i in range(6):
        others = np.sort(np.delete(strength[i], i))[::-1]
        assert found.scores["correlation"][i] == pytest.approx(others[:3].mean() - others[3:].mean(), abs=1e-8)
    assert np.isnan(found.scores["change"]).all()


def test_the_odd_task_comes_first(data):
    found = screen(MODEL, *data[:2], task=data[2])
    assert found.tasks[found.order[0]] == "d"
    assert found.suspicion[found.order[0]] > 3.0
    assert (np.diff(found.suspicion[found.order]) <= 0.0).all()
    assert found.n_rows.tolist() == [30] * 6


def test_a_trusted_model_shows_which_task_changed(data):
    X, y, task = data
    clean = np.where(task == "d", y / -3.0, y)
    reference = MTRLRegressor(0.01, 0.01).fit(X[task != "f"], clean[task != "f"], task=task[task != "f"])
    found = screen(MODEL, X, y, task=task, reference=reference)
    assert np.argmax(found.scores["change"][:5]) == 3
    assert np.isnan(found.scores["change"][5])
    weights = [np.append(model.coef_[0], model.intercept_[0]) for model in (MODEL.fit(X, y, task=task), reference)]
    expected = np.linalg.norm(weights[0] - weights[1]) / np.linalg.norm(weights[1])
    assert found.scores["change"][0] == pytest.approx(expected, rel=1e-6)
    same = screen(MODEL, X, clean, task=task, reference=MTRLRegressor(0.01, 0.01).fit(X, clean, task=task))
    np.testing.assert_allclose(same.scores["change"], 0.0, atol=1e-6)


def test_deviations_are_robust():
    """Equal tasks deviate by nothing, and one outlier does not hide itself."""
    X = np.tile(np.random.default_rng(0).standard_normal((20, 2)), (5, 1))
    y, task = X @ [1.0, 2.0], np.repeat(np.arange(5), 20)
    found = screen(MODEL, X, y, task=task, n_folds=2)
    np.testing.assert_allclose(found.deviation["reach"], 0.0, atol=1e-9)
    X[80:] *= 3.0
    assert screen(MODEL, X, y, task=task, n_folds=2).reasons[4] in ("reach", "own_loss")


def test_attacking_tasks_of_the_digits_come_first():
    X, y, task = load_digits_tasks().train
    model = MTRLClassifier(0.01, 0.01)
    attack = ProjectedAscent(max_iter=8, n_starts=1)
    poisoned = attack.poison(model, X, y, task=task, threat=ThreatModel([3, 8], [3, 8], 0.2), random_state=0)
    both = poisoned.combine(X, y, task)
    found = screen(model, both.X, both.y, task=both.task)
    assert set(found.tasks[found.order[:2]].tolist()) == {3, 8}


def test_the_next_to_look_at_are_the_most_correlated(data):
    X, y, task = data
    found = screen(MODEL, X, y, task=task)
    strength = np.abs(found.correlations)
    assert found.next_to("d").tolist() == [found.tasks[i] for i in np.argsort(-strength[3], kind="stable") if i != 3]
    both = np.maximum(strength[0], strength[1])
    assert found.next_to(["a", "b"])[0] == found.tasks[2 + np.argmax(both[2:])]
    with pytest.raises(ValueError, match="confirmed names the task 'z'"):
        found.next_to("z")


def test_it_is_the_same_each_time_whatever_the_order_of_tasks(data):
    X, y, task = data
    first = screen(MODEL, X, y, task=task)
    np.testing.assert_array_equal(screen(MODEL, X, y, task=task).suspicion, first.suspicion)


def test_a_task_of_one_row_is_scored():
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((31, 2)), np.append(np.repeat([0, 1], 15), 2)
    found = screen(MODEL, X, X @ [1.0, 1.0], task=task)
    assert np.isfinite(found.suspicion).all()
    assert found.scores["reach"][2] == 0.0


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"n_folds": 1}, ValueError, "n_folds of screen must be a whole number at least 2"),
        ({"n_resamples": -1}, ValueError, "n_resamples of screen must be a whole number at least 0"),
        ({"n_resamples": 1.5}, ValueError, "n_resamples of screen must be a whole number at least 0"),
        ({"model": 3}, ValueError, "estimator of screen must be an MTRLRegressor or MTRLClassifier"),
        ({"task": None}, ValueError, "screen needs two tasks or more"),
        ({"model": MTRLRegressor(task_covariance=np.eye(6))}, ValueError, "task_covariance is learned"),
    ],
)
def test_what_cannot_be_screened(changes, error, said, data):
    X, y, task = data
    with pytest.raises(error, match=said):
        screen(changes.pop("model", MODEL), X, y, **({"task": task} | changes))


def test_a_reference_of_other_features_is_refused(data):
    X, y, task = data
    reference = MTRLRegressor().fit(X[:, :2], y, task=task)
    with pytest.raises(ValueError, match="reference has 2 features; X has 3"):
        screen(MODEL, X, y, task=task, reference=reference)


def test_progress_counts_the_parts(data):
    X, y, task = data
    calls = []
    screen(MODEL, X, y, task=task, progress=lambda: calls.append(1))
    assert len(calls) == 8
    screen(MODEL, X, y, task=task, n_resamples=3, progress=lambda: calls.append(1))
    assert len(calls) == 8 + 8 + 3


def test_local_clusters_are_those_of_the_whole_matrix(data, monkeypatch):
    X, y, task = data
    found = screen(MODEL, X, y, task=task)
    strength = np.abs(found.correlations)
    m = found.tasks.size
    others = -np.sort(-strength[~np.eye(m, dtype=bool)].reshape(m, m - 1), axis=1)
    expected = others[:, :3].mean(axis=1) - (others[:, 3:].mean(axis=1) if m > 4 else 0.0)
    np.testing.assert_allclose(found.scores["correlation"], expected, atol=1e-12)
    monkeypatch.setattr("patom.core.relationship._BLOCK", 2 * m)  # the same, a few tasks at a time
    np.testing.assert_allclose(screen(MODEL, X, y, task=task).scores["correlation"], expected, atol=1e-12)
