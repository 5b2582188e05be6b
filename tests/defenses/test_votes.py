"""Middles over tasks: the plain median where votes are equal, and none that accounts of few rows could move."""

import numpy as np
import pytest

from patom import MTRLClassifier, MTRLRegressor
from patom.datasets import make_related_tasks
from patom.defenses import Clip, Sanitised, Shares, screen
from patom.defenses.votes import VOTES, middle_vote, votes_of


@pytest.mark.parametrize("m", range(1, 12))
@pytest.mark.parametrize("shape", [(), (3,), (2, 4)])
def test_equal_votes_are_the_plain_median_to_the_bit(m, shape):
    values = np.random.default_rng(m).standard_normal((m, *shape))
    for votes in (np.ones(m), np.full(m, 7.0), np.full(m, 0.1)):
        assert middle_vote(values, votes).tobytes() == np.median(values, axis=0).tobytes()


@pytest.mark.parametrize("seed", range(20))
def test_a_task_counts_as_often_as_it_has_votes(seed):
    rng = np.random.default_rng(seed)
    values, votes = rng.standard_normal((6, 2)), rng.integers(1, 5, 6)
    np.testing.assert_allclose(
        middle_vote(values, votes.astype(float)), np.median(np.repeat(values, votes, axis=0), axis=0), rtol=1e-15
    )


def test_what_is_unknown_has_no_vote():
    values = np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan], [9.0, np.nan]])
    found = middle_vote(values, np.array([1.0, 9.0, 1.0, 1.0]))
    assert found[0] == 3.0
    assert np.isnan(found[1])


def with_accounts(X, y, task, k, far):
    """k accounts of two harmless rows near one point, as in the findings of an outsider."""
    rng = np.random.default_rng(0)
    rows = far + 0.01 * rng.standard_normal((2 * k, X.shape[1]))
    names = np.concatenate([task, 100 + np.repeat(np.arange(k), 2)])
    return np.vstack([X, rows]), np.append(y, np.tile(np.unique(y)[[0, -1]], k)), names


@pytest.mark.parametrize("classes", [False, True])
def test_accounts_of_two_rows_move_the_filters_that_count_tasks_and_not_those_that_count_rows(classes):
    X, y, task = make_related_tasks(n_tasks=6, n_features=4, n_train=60, n_groups=2, random_state=0).train
    y = np.where(y > 0.0, 1, 0) if classes else y
    for make in (Clip, Shares) if classes else (Clip,):
        moved = {}
        for votes in VOTES:
            plain = make(votes=votes).fit_resample(X, y, task)
            joined = make(votes=votes).keep(*with_accounts(X, y, task, 12, np.full(4, 0.9)))
            honest = joined.kept[: y.size]
            if make is Clip:
                moved[votes] = np.abs(joined.X[: y.size] - plain[0]).max() if len(plain[0]) == y.size else np.inf
            else:
                moved[votes] = np.count_nonzero(honest != make(votes=votes).keep(X, y, task).kept)
        assert moved["rows"] < 0.3 * moved["tasks"] or moved["tasks"] == moved["rows"] == 0
        assert moved["capped"] <= moved["tasks"]


def test_a_defended_model_keeps_its_accuracy_when_accounts_join():
    data = make_related_tasks(n_tasks=6, n_features=4, n_train=60, n_groups=2, random_state=0)
    X, y, task = data.train
    found = {}
    for votes in ("rows", "tasks"):
        model = Sanitised(MTRLRegressor(1e-3, 1e-3), Clip(votes=votes))
        clean = model.fit(X, y, task=task).score(data.test.X, data.test.y, task=data.test.task)
        model.fit(*with_accounts(X, y, task, 12, np.full(4, 0.9))[:2], task=with_accounts(X, y, task, 12, 0.9)[2])
        found[votes] = clean - model.score(data.test.X, data.test.y, task=data.test.task)
    assert found["rows"] < 0.05
    assert found["rows"] < found["tasks"]


def test_screening_is_not_swayed_by_accounts_of_few_rows():
    X, y, task = make_related_tasks(n_tasks=6, n_features=4, n_train=40, n_groups=2, random_state=0).train
    rng = np.random.default_rng(1)
    k = 8
    more = np.repeat(100 + np.arange(k), 2)
    wild = np.vstack([X, 3.0 * rng.standard_normal((2 * k, 4))]), np.append(y, 9.0 * rng.standard_normal(2 * k))
    found = screen(MTRLRegressor(0.01, 0.01), *wild, task=np.append(task, more))
    honest, new = found.suspicion[:6], found.suspicion[6:]
    assert np.median(new) > honest.max()
    assert votes_of("rows", np.array([40] * 6 + [2] * k)).sum() == 240 + 2 * k


@pytest.mark.parametrize("filter_", [Clip, Shares])
def test_unknown_votes_are_refused(filter_):
    X, y, task = make_related_tasks(n_tasks=3, n_train=10).train
    with pytest.raises(ValueError, match=f"votes of {filter_.__name__} must be one of 'rows', 'capped', 'tasks'; got"):
        Sanitised(MTRLClassifier(), filter_(votes="accounts")).fit(X, np.where(y > 0, 1, 0), task=task)


@pytest.mark.parametrize("seed", range(30))
def test_capped_no_task_has_over_a_third_and_the_others_their_rows(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, [10, 1000][seed % 2], rng.integers(3, 20))
    votes = votes_of("capped", counts)
    assert votes.max() <= votes.sum() / 3.0 * (1.0 + 1e-9) or np.ptp(votes) == 0.0
    cap = votes.max()
    np.testing.assert_array_equal(votes, np.minimum(counts, cap))
    if (counts > cap).any():  # the largest such cap: at any higher one the largest have over a third
        higher = np.minimum(counts, cap * 1.01)
        assert higher.max() > higher.sum() / 3.0


def test_capped_votes_by_hand():
    np.testing.assert_allclose(votes_of("capped", np.array([8] * 29 + [1000])), [8.0] * 29 + [116.0])
    np.testing.assert_array_equal(votes_of("capped", np.full(5, 30)), np.full(5, 30.0))
    np.testing.assert_array_equal(votes_of("capped", np.array([30, 30])), [30.0, 30.0])
    np.testing.assert_array_equal(votes_of("capped", np.array([50, 20])), [20.0, 20.0])
    np.testing.assert_array_equal(votes_of("capped", np.array([7])), [7.0])
    ten = votes_of("capped", np.array([100, 100] + [2] * 10))  # two honest tasks outvote ten accounts
    assert ten[:2].sum() / ten.sum() == pytest.approx(2.0 / 3.0)


def test_a_large_task_elsewhere_does_not_move_the_rows_of_small_ones():
    """29 tasks of 8 rows and an honest one of 300 that lies elsewhere: it has a third of the votes."""
    rng = np.random.default_rng(0)
    X = np.vstack([0.1 * rng.standard_normal((232, 3)), [0.9, 0.0, 0.0] + 0.02 * rng.standard_normal((300, 3))])
    task, y = np.append(np.repeat(np.arange(29), 8), np.full(300, 29)), rng.standard_normal(532)
    moved = {}
    for votes in VOTES:
        found = Clip(votes=votes).keep(X, y, task)
        moved[votes] = np.median(np.linalg.norm(found.X[:232] - X[:232], axis=1))
    assert moved["capped"] < 0.02
    assert moved["rows"] > 0.3
