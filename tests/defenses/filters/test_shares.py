"""Classes brought down to their usual share."""

import numpy as np
import pytest

from patom import MTRLClassifier, RandomAttack, ThreatModel
from patom.defenses import Sanitised, Shares


@pytest.fixture(name="data")
def fixture_data():
    """Six tasks of 50 rows, 5 of them positive and around (2, 2)."""
    rng = np.random.default_rng(1)
    y = np.tile(np.repeat([1, 0], [5, 45]), 6)
    X = rng.standard_normal((300, 2)) * 0.3 + 2.0 * y[:, None]
    return X, y, np.repeat(list("abcdef"), 50)


def test_usual_shares_are_left_alone(data):
    assert Shares(tolerance=1.0).keep(*data).kept.all()
    X, y, task = data
    assert Shares().keep(X, X[:, 0], task).kept.all()
    assert Shares().keep(X, y).kept.all()


def test_rows_of_a_flood_go_and_the_like_of_other_tasks_stay(data):
    X, y, task = data
    flood = np.random.default_rng(0).standard_normal((10, 2)) * 0.3 - 1.0
    kept = Shares(tolerance=1.5).keep(np.vstack([X, flood]), np.append(y, np.ones(10)), np.append(task, ["a"] * 10))
    # 0.1 of the rows are usual, 0.15 allowed: 7 beside 45 negatives
    assert kept.kept[:300].all()
    assert kept.kept[300:].sum() == 2
    assert set(kept.why[300:]) == {"shares", ""}
    far = np.linalg.norm(
        flood - np.median([np.median(X[(y == 1) & (task == t)], axis=0) for t in "abcdef"], axis=0), axis=1
    )
    np.testing.assert_array_equal(np.flatnonzero(kept.kept[300:]), np.sort(np.argsort(far)[:2]))


def test_copies_do_not_slip_through_as_ties(data):
    X, y, task = data
    kept = Shares().keep(np.vstack([X, np.full((10, 2), 1.9)]), np.append(y, np.ones(10)), np.append(task, ["a"] * 10))
    assert (~kept.kept).sum() == 8


def test_a_flood_in_a_minority_of_tasks_does_not_become_usual(data):
    X, y, task = data
    for flooded in ("a", "ab"):
        rows = len(flooded) * 40
        extra = list(np.repeat(list(flooded), 40))
        kept = Shares().keep(np.vstack([X, np.zeros((rows, 2))]), np.append(y, np.ones(rows)), np.append(task, extra))
        assert kept.by_task["dropped"].tolist() == [38] * len(flooded) + [0] * (6 - len(flooded))


def test_tasks_of_one_class_are_left_alone():
    y, task = np.array([0, 0, 0, 1, 1, 1, 0, 1]), np.array([1, 1, 1, 2, 2, 2, 3, 3])
    assert Shares(tolerance=1.0).keep(np.arange(16.0).reshape(8, 2), y, task).kept[:6].all()


def test_random_floods_are_thinned_out_in_an_attack(data):
    X, y, task = data
    victim = Sanitised(MTRLClassifier(0.01, 0.01), Shares())
    attack = RandomAttack(labels="uniform")
    result = attack.poison(victim, X, y, task=task, threat=ThreatModel(["a"], ["a"], 0.4), random_state=0)
    assert 0.0 < (~result.model.kept_.kept[300:]).mean() < 1.0
