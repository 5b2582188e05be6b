"""Generated tasks: the relations between their weights are those asked for, and can be learnt from the rows."""

import numpy as np
import pytest

from patom import MTRLRegressor
from patom.datasets import make_related_tasks


def cosines(W):
    unit = W / np.linalg.norm(W, axis=1, keepdims=True)
    return unit @ unit.T


def blocks(sizes):
    """Which tasks are of one group, an outlier being a group of its own."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    return group[:, None] == group[None, :]


def off_diagonal(matrix, chosen):
    return matrix[chosen & ~np.eye(len(matrix), dtype=bool)]


def test_tasks_of_a_group_are_similar_and_of_two_groups_not():
    draws = [cosines(make_related_tasks(random_state=seed).weights) for seed in range(20)]
    within = np.concatenate([off_diagonal(draw, blocks([4, 4, 4])) for draw in draws])
    between = np.concatenate([draw[~blocks([4, 4, 4])] for draw in draws])
    assert within.mean() == pytest.approx(0.9, abs=0.01)
    assert within.min() > 0.8
    assert between.mean() == pytest.approx(0.0, abs=0.02)
    assert np.abs(between).max() < 0.6


@pytest.mark.parametrize("similarity", [0.0, 0.5, 1.0])
def test_similarity_is_the_mean_cosine_within_a_group(similarity):
    draws = [
        cosines(make_related_tasks(n_groups=1, n_tasks=8, similarity=similarity, random_state=seed).weights)
        for seed in range(20)
    ]
    within = np.concatenate([off_diagonal(draw, blocks([8])) for draw in draws])
    assert within.mean() == pytest.approx(similarity, abs=0.03)


@pytest.mark.parametrize(("negative", "count"), [(0.25, 1), (0.5, 2), (1.0, 4)])
def test_the_share_of_a_group_that_is_negative_has_the_opposite_sign(negative, count):
    for seed in range(5):
        signs = np.sign(cosines(make_related_tasks(negative=negative, random_state=seed).weights))
        for start in (0, 4, 8):
            own = signs[start : start + 4, start : start + 4]
            opposite = int(np.sum(own[0] < 0))
            assert opposite in (count, 4 - count)
            np.testing.assert_array_equal(own, np.outer(own[0], own[0]))


def test_which_tasks_are_negative_is_drawn():
    first = {
        tuple(np.sign(cosines(make_related_tasks(negative=0.25, random_state=seed).weights)[0, :4]))
        for seed in range(10)
    }
    assert len(first) > 2


def test_outliers_come_last_and_are_related_to_nobody():
    for seed in range(5):
        related = cosines(make_related_tasks(n_tasks=8, n_groups=2, n_outliers=2, random_state=seed).weights)
        apart = ~blocks([3, 3, 1, 1])
        assert abs(related[6, 7]) < 1e-12
        assert np.abs(related[apart]).max() < 0.6
        assert off_diagonal(related, blocks([3, 3, 1, 1])).min() > 0.75


def test_groups_share_the_tasks_evenly_and_in_order():
    related = cosines(make_related_tasks(n_tasks=8, n_groups=3, similarity=1.0).weights)
    np.testing.assert_allclose(related, blocks([3, 3, 2]), atol=1e-12)


def test_all_weights_have_one_size():
    W = make_related_tasks(n_outliers=2, similarity=0.5).weights
    np.testing.assert_allclose(np.linalg.norm(W, axis=1), np.sqrt(11), rtol=1e-12)


def test_more_groups_than_dimensions_are_possible():
    data = make_related_tasks(n_tasks=9, n_groups=8, n_features=2, n_outliers=1)
    assert data.weights.shape == (9, 3)
    assert np.isfinite(data.weights).all()


def test_rows_follow_the_weights():
    data = make_related_tasks(noise=0.0)
    for X, y, task in (data.train, data.test):
        expected = np.sum(X * data.weights[task, :-1], axis=1) + data.weights[task, -1]
        np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    noisy = make_related_tasks(noise=0.5, n_test=2000)
    X, y, task = noisy.test
    rest = y - np.sum(X * noisy.weights[task, :-1], axis=1) - noisy.weights[task, -1]
    assert rest.std() == pytest.approx(0.5, rel=0.03)
    assert rest.mean() == pytest.approx(0.0, abs=0.02)


def test_features_are_uniform_in_the_unit_ball():
    X = make_related_tasks(n_features=3, n_test=3000).test.X
    radius = np.linalg.norm(X, axis=1)
    assert radius.max() <= 1.0
    assert np.mean(radius**3) == pytest.approx(0.5, abs=0.01)  # a third power of the radius is uniform
    np.testing.assert_allclose(X.mean(axis=0), 0.0, atol=0.02)
    np.testing.assert_allclose(np.cov(X.T), np.eye(3) / 5, atol=0.01)


def test_shapes_are_those_asked_for():
    data = make_related_tasks(n_tasks=5, n_groups=2, n_features=3, n_train=7, n_test=2, kind="classification")
    np.testing.assert_array_equal(data.train.task, np.repeat(np.arange(5), 7))
    np.testing.assert_array_equal(data.test.task, np.repeat(np.arange(5), 2))
    assert data.train.X.shape == (35, 3)
    assert data.weights.shape == (5, 4)
    assert data.files == {}


def test_every_task_of_a_classification_has_both_classes():
    for seed in range(10):
        data = make_related_tasks(kind="classification", n_train=6, n_test=6, random_state=seed)
        for _, y, task in (data.train, data.test):
            assert set(y.tolist()) == {-1, 1}
            for each in range(12):
                assert np.unique(y[task == each]).size == 2
    signs = make_related_tasks(kind="classification", noise=0.0)
    X, y, task = signs.train
    np.testing.assert_array_equal(y, np.sign(np.sum(X * signs.weights[task, :-1], axis=1) + signs.weights[task, -1]))


def test_one_row_is_one_class():
    assert make_related_tasks(kind="classification", n_train=1, n_test=1).train.n_rows == 12


def test_a_fit_finds_the_signs_of_the_relations():
    data = make_related_tasks(negative=0.5, n_train=60)
    model = MTRLRegressor(lambda_1=1e-3, lambda_2=1e-2).fit(data.train.X, data.train.y, task=data.train.task)
    true, found = cosines(data.weights), model.task_correlation_
    within = blocks([4, 4, 4])
    np.testing.assert_array_equal(np.sign(found[within]), np.sign(true[within]))
    assert np.abs(found[within]).mean() > np.abs(found[~within]).mean() + 0.4


def test_the_seed_decides_the_bytes():
    def same(one, other):
        pairs = zip((*one.train, *one.test, one.weights), (*other.train, *other.test, other.weights), strict=True)
        return all(a.tobytes() == b.tobytes() for a, b in pairs)

    data = make_related_tasks()
    assert same(data, make_related_tasks(random_state=np.random.default_rng(0)))
    assert not same(data, make_related_tasks(random_state=1))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n_tasks": 0}, "n_tasks is 0"),
        ({"n_features": 0}, "n_features is 0"),
        ({"n_train": 0}, "n_train is 0"),
        ({"n_test": 1.5}, "n_test is 1.5"),
        ({"n_groups": 0}, "n_groups is 0"),
        ({"n_outliers": -1}, "n_outliers is -1"),
        ({"n_tasks": 4, "n_outliers": 2}, "n_tasks is 4, fewer than n_groups 3 plus n_outliers 2"),
        ({"negative": 1.1}, "negative is 1.1"),
        ({"similarity": float("nan")}, "similarity is nan"),
        ({"noise": -1.0}, "noise is -1.0"),
        ({"noise": float("inf")}, "noise is inf"),
        ({"kind": "ranking"}, "kind is 'ranking'"),
    ],
)
def test_settings_out_of_range_are_refused(settings, words):
    with pytest.raises(ValueError, match=f"make_related_tasks: {words}"):
        make_related_tasks(**settings)
