"""The search over pairs of lambdas: where its grid grows, where it stops, and what it says of it."""

from itertools import product

import numpy as np
import pytest

from patom.models.lambda_search import AUC, GRID, NMSE, STRONGER, WEAKER, WORTH, search, strongest_first


def searched(nmse, lambdas=GRID, **settings):
    """A search over made up NMSEs of one pair, the same in each of three folds unless a list says otherwise."""
    asked = []

    def score(pairs):
        asked.extend(pairs)
        return [np.broadcast_to(nmse(*pair), 3) for pair in pairs]

    found = search(score, lambdas, **(NMSE | settings))
    assert sorted(asked) == sorted(found.pairs)
    assert len(set(asked)) == len(asked)
    return found


def away(best_1, best_2):
    """An NMSE that rises by a tenth for each decade away from a best pair."""
    return lambda a, b: 0.1 + 0.1 * abs(np.log10(a / best_1)) + 0.1 * abs(np.log10(b / best_2))


@pytest.mark.parametrize(
    ("best", "rows", "columns"),
    [((1e-2, 1e-3), 5, 5), ((1e-5, 1e-2), 7, 5), ((1e-5, 1e-6), 7, 8), ((1e-2, 1e-8), 5, 9), ((1e-7, 1e-7), 9, 9)],
)
def test_the_grid_grows_past_its_weak_edges_until_the_best_is_inside(best, rows, columns):
    found = searched(away(*best))
    assert found.pairs[found.chosen] == pytest.approx(best)
    assert len(found.pairs) == rows * columns
    assert found.pairs == sorted(found.pairs, key=lambda pair: (-sum(pair), -pair[1]))
    assert found.edges == (("weaker lambda_2",) if best[1] == 1e-8 else ())


def test_it_stops_at_the_bounds_and_says_so():
    found = searched(away(1e-12, 1e-12))
    assert found.pairs[found.chosen] == (1e-8, 1e-8)
    assert found.edges == ("weaker lambda_1", "weaker lambda_2")
    assert len(found.pairs) == 81
    up = searched(away(1e9, 1e9), guess=3.0)
    assert up.pairs[up.chosen] == (1e4, 1e4)
    assert up.edges == ("stronger lambda_1", "stronger lambda_2")
    assert {value for pair in (*found.pairs, *up.pairs) for value in pair} == {*WEAKER, *GRID, *STRONGER}


def test_gains_within_a_standard_error_are_no_reason_to_grow():
    steps = {1e-4: 0.0, 1e-3: 0.02, 1e-2: 0.3, 1e-1: 0.4, 1.0: 0.5}
    noisy = searched(lambda a, b: 0.1 + steps[a] + steps[b] + np.array([-0.05, 0.0, 0.05]))  # a standard error of 0.029
    assert len(noisy.pairs) == 25
    assert noisy.pairs[noisy.chosen] == (1e-4, 1e-3)
    weaker = dict.fromkeys(WEAKER, 0.0)
    sure = searched(lambda a, b: 0.1 + (steps | weaker)[a] + (steps | weaker)[b] + np.array([-0.01, 0.0, 0.01]))
    assert len(sure.pairs) == 36
    assert sure.pairs[sure.chosen] == (1e-4, 1e-4)


def test_nor_is_what_is_next_to_nothing():
    without_noise = searched(lambda a, b: 0.4 * WORTH * (a + b) / 1e-4)
    assert len(without_noise.pairs) == 25
    assert without_noise.pairs[without_noise.chosen] == (1e-4, 1e-4)


@pytest.mark.parametrize("least", [1.0, 1.3])
def test_with_nothing_to_learn_the_strongest_are_as_strong_as_need_be(least):
    found = searched(lambda a, b: least + 0.1 / (a + b))
    assert found.pairs[found.chosen] == (1.0, 1.0)
    assert (len(found.pairs), found.edges) == (25, ())


def test_it_grows_upwards_where_there_is_something_to_learn():
    found = searched(lambda a, b: away(10.0, 10.0)(a, b) - 0.05)
    assert found.pairs[found.chosen] == (10.0, 10.0)
    assert (len(found.pairs), found.edges) == (49, ())
    one = searched(away(1.0, 1e-2))  # the pair is not at both ends, and its sum hardly tells it from weaker ones
    assert (one.pairs[one.chosen], len(one.pairs)) == ((1.0, 1e-2), 25)


def test_auc_is_better_when_higher():
    found = searched(lambda a, b: 1.0 - away(1e-5, 1e-3)(a, b), **AUC)
    assert found.pairs[found.chosen] == (1e-5, 1e-3)
    guessing = searched(lambda a, b: 0.4 + 0.01 * (a + b), **AUC)
    assert (guessing.pairs[guessing.chosen], len(guessing.pairs)) == ((1.0, 1.0), 25)


@pytest.mark.parametrize("lambdas", [(0.01, 0.1), (1e-4, 1e-3, 1e-2, 1e-1), (1e-9, 1.0), (1e-9, *GRID)])
def test_other_grids_stay_as_they_are_and_say_where_they_end(lambdas):
    found = searched(away(1e-12, 1e9), lambdas)
    assert sorted(found.pairs) == sorted(product(lambdas, lambdas))
    assert found.edges == ("weaker lambda_1",)
    up = searched(away(1e9, 1e9), lambdas, guess=3.0)
    assert sorted(up.pairs) == sorted(product(lambdas, lambdas))
    assert up.edges == ("stronger lambda_1", "stronger lambda_2")
    assert searched(away(0.05, 0.05), (0.01, 0.05, 0.1)).edges == ()


def test_a_single_value_ends_nowhere():
    assert searched(away(1e-12, 1e9), (0.1,)).edges == ()


def test_a_value_given_twice_is_one():
    assert len(searched(away(0.1, 0.1), (0.1, 0.01, 0.1)).pairs) == 4


def test_nothing_scored_leaves_the_strongest():
    found = searched(lambda *_: np.nan)
    assert (found.pairs[found.chosen], len(found.pairs), found.edges) == ((1.0, 1.0), 25, ())


def test_pairs_of_two_lists_are_strongest_first_too():
    assert strongest_first([1.0, 0.1], [0.01]) == [(1.0, 0.01), (0.1, 0.01)]
