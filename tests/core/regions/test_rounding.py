"""Rounded rows: whole, one-hot, in the region, and the nearest such, against trying all of them."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patom import Ball, Box, Ellipsoid, Fixed, Intersection, round_features

REGIONS = {
    "ball": Ball(2.3),
    "box": Box(-1.5, 1.4),
    "ball and box": Intersection(Ball(1.7, 0.2), Box([-0.5, -2.0, 0.0, 0.0, -1.0], [1.5, 2.0, 1.0, 1.0, 0.4])),
}


def by_trial(row, region):
    """The distance to the nearest rounded row: column 1 whole, columns 2 and 3 one-hot."""
    distances = []
    for whole, hot in itertools.product(range(-3, 4), ([1.0, 0.0], [0.0, 1.0])):
        try:
            nearest = Intersection(region, Fixed([1, 2, 3], [whole, *hot])).project(row[None])[0]
        except ValueError:
            continue
        distances.append(np.linalg.norm(nearest - row))
    return min(distances)


@pytest.mark.parametrize("name", REGIONS)
@settings(deadline=None, derandomize=True, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_rounded_rows_are_the_nearest(name, seed):
    region = REGIONS[name]
    X = region.sample(4, 5, np.random.default_rng(seed))
    rounded, move = round_features(X, region, integer=[1], one_hot=[[2, 3]])
    assert region.contains(rounded).all()
    np.testing.assert_array_equal(rounded[:, 1], np.rint(rounded[:, 1]))
    np.testing.assert_array_equal(np.sort(rounded[:, 2:4], axis=1), np.tile([0.0, 1.0], (4, 1)))
    moves = np.linalg.norm(rounded - X, axis=1)
    np.testing.assert_allclose(moves, [by_trial(row, region) for row in X], rtol=1e-9)
    assert move == moves.max()


def test_columns_have_units_of_their_own():
    rounded, move = round_features(np.array([[0.072, 0.6, 0.21]]), Box(0.0, 1.0), integer=[0, 2], unit=[0.02, 1.0, 0.5])
    np.testing.assert_allclose(rounded, [[0.08, 0.6, 0.0]])
    assert move == pytest.approx(np.hypot(0.008, 0.21))


def test_a_rounding_that_the_region_excludes_gives_way_to_the_next():
    np.testing.assert_array_equal(round_features(np.array([[1.2, 0.9]]), Ball(1.6), integer=[0, 1]).X, [[1.0, 1.0]])
    np.testing.assert_array_equal(
        round_features(np.array([[1.2, 0.8]]), Ball(1.45 - 0.1), integer=[0, 1]).X, [[1.0, 0.0]]
    )


@pytest.mark.slow
def test_an_ellipsoid_takes_rounding_too():
    region = Ellipsoid([[2.0, 0.5], [0.5, 1.0]])
    rounded, _ = round_features(region.sample(3, 2, np.random.default_rng(0)), region, integer=[1])
    assert region.contains(rounded).all()
    np.testing.assert_array_equal(rounded[:, 1], np.rint(rounded[:, 1]))


def test_nothing_to_round():
    X = Ball().sample(3, 2, np.random.default_rng(0))
    rounded, move = round_features(X, Ball())
    np.testing.assert_array_equal(rounded, X)
    assert move == 0.0
    assert rounded is not X
    assert round_features(X[:0], Ball(), integer=[0]).largest_move == 0.0


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"integer": [0], "one_hot": [[0, 1]]}, r"^integer and one_hot must name columns from 0 to 1, each once; got"),
        ({"integer": [2]}, r"^integer and one_hot must name columns from 0 to 1"),
        ({"one_hot": [[]]}, r"^one_hot must be groups of at least one column"),
        ({"integer": [0], "unit": 0.0}, r"^unit must be positive and finite; got"),
        ({"integer": [0], "unit": 7.0}, r"^region must hold rounded rows near those of X; row 0 has none among"),
    ],
)
def test_refusals_are_a_sentence(settings_, message):
    with pytest.raises(ValueError, match=message):
        round_features(np.array([[0.5, 0.5]]), Box(0.1, 0.9), **settings_)
