"""How injected rows are drawn: features in the region, labels as the three choices have it."""

import numpy as np
import pytest

from patom import Ball, RandomAttack, ThreatModel


@pytest.fixture
def inject(make_tasks, make_victim):
    """Draw into tasks "b" and "d" of the small data; returns the result and the clean data."""

    def run(loss, *, budget=2.0, radius=1.0, scale=1.0, **choices):
        X, y, task = make_tasks(loss)
        threat = ThreatModel(["a"], ["b", "d"], budget, Ball(radius))
        attack = RandomAttack(**choices)
        return attack.poison(make_victim(loss), scale * X, y, task=task, threat=threat, random_state=3), X, y, task

    return run


def source(result, X, task):
    """Position of the clean row, of the same task, that each injected row copies."""
    same = (result.X[:, None, :] == X[None, :, :]).all(axis=2) & (result.task[:, None] == task)
    assert same.any(axis=1).all()
    return same.argmax(axis=1)


def test_resampled_rows_are_clean_rows_of_the_task_with_their_labels(inject):
    result, X, y, task = inject("squared_error", features="resampled")
    copied = source(result, X, task)
    np.testing.assert_array_equal(result.y, y[copied])
    assert len(set(copied)) > 20  # of 30 rows, 60 draws with replacement


def test_resampled_rows_outside_the_region_are_projected(inject):
    result, X, _, task = inject("squared_error", features="resampled", scale=50.0)
    nearest = 50.0 * X
    norms = np.linalg.norm(nearest, axis=1)
    nearest[norms > 1.0] /= norms[norms > 1.0, None]
    distance = np.abs(result.X[:, None, :] - nearest).max(axis=2)
    distance[result.task[:, None] != task] = np.inf
    assert distance.min(axis=1).max() < 1e-12


def test_uniform_rows_fill_the_region(inject):
    result, *_ = inject("squared_error", budget=40.0, radius=2.0)
    norms = np.linalg.norm(result.X, axis=1)
    assert norms.max() <= 2.0 * (1.0 + 1e-12)
    # Uniform in the ball: (norm / radius)^d is uniform on [0, 1], and no direction is preferred.
    shares = np.sort((norms / 2.0) ** 4)
    assert np.abs(shares - (np.arange(norms.size) + 0.5) / norms.size).max() < 1.63 / np.sqrt(norms.size)
    assert np.abs(result.X.mean(axis=0)).max() < 0.15


def test_resampled_labels_come_from_the_same_task(inject):
    result, _, y, task = inject("huber")
    for label in ("b", "d"):
        drawn = result.y[result.task == label]
        assert np.isin(drawn, y[task == label]).all()
        assert np.unique(drawn).size > 8


def test_flipped_targets_are_mirrored_within_the_tasks_range(inject):
    result, X, y, task = inject("squared_error", features="resampled", labels="flipped")
    copied = source(result, X, task)
    low = {label: y[task == label].min() for label in "bd"}
    high = {label: y[task == label].max() for label in "bd"}
    expected = [low[t] + high[t] - y[j] for t, j in zip(result.task, copied, strict=True)]
    np.testing.assert_allclose(result.y, expected, rtol=0, atol=1e-15)


def test_flipped_classes_are_the_other_class(inject):
    result, X, y, task = inject("logistic", features="resampled", labels="flipped")
    np.testing.assert_array_equal(result.y, np.where(y[source(result, X, task)] == "yes", "no", "yes"))
    assert set(result.y) == {"no", "yes"}


def test_uniform_targets_span_the_tasks_range(inject):
    result, _, y, task = inject("squared_error", budget=20.0, labels="uniform")
    for label in ("b", "d"):
        drawn, clean = result.y[result.task == label], y[task == label]
        assert clean.min() <= drawn.min()
        assert drawn.max() <= clean.max()
        shares = np.sort((drawn - clean.min()) / np.ptp(clean))
        assert np.abs(shares - (np.arange(shares.size) + 0.5) / shares.size).max() < 1.63 / np.sqrt(shares.size)


def test_uniform_classes_ignore_the_tasks_shares(make_victim):
    rng = np.random.default_rng(0)
    X, y = Ball().sample(400, 3, rng), np.repeat([0, 1], [396, 4])
    threat = ThreatModel([0], [0], 1.0)
    result = RandomAttack(labels="uniform").poison(make_victim("squared_hinge"), X, y, threat=threat, random_state=0)
    assert 0.4 < result.y.mean() < 0.6
    assert result.y.dtype == y.dtype


def test_a_single_class_task_keeps_it_unless_flipped(make_victim):
    X, y, task = Ball().sample(20, 3, np.random.default_rng(0)), np.repeat([0, 1], 10), np.repeat(["low", "high"], 10)
    threat = ThreatModel(["high"], ["low"], 0.5)
    for labels, expected in (("resampled", 0), ("flipped", 1)):
        attack = RandomAttack(labels=labels)
        result = attack.poison(make_victim("squared_hinge"), X, y, task=task, threat=threat, random_state=0)
        assert result.y.tolist() == [expected] * 5
