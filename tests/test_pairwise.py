"""The shared helper for products of factors: every pair is there, and far fewer combinations than in the product."""

from itertools import combinations, product

import pytest
from pairwise import pairwise, quick_in_pairs


@pytest.mark.parametrize("sizes", [(16, 3, 5), (2, 2, 2, 2, 2), (9, 4), (1, 3)])
def test_every_two_values_meet_at_least_once(sizes):
    factors = [[f"{factor}{k}" for k in range(size)] for factor, size in enumerate(sizes)]
    found = pairwise(*factors)
    for (a, one), (b, other) in combinations(enumerate(factors), 2):
        assert {(each[a], each[b]) for each in found} == set(product(one, other))
    assert len(set(found)) == len(found)
    assert found == pairwise(*factors)


def test_it_is_about_as_small_as_can_be():
    assert len(pairwise(range(16), range(3), range(5))) == 16 * 5
    assert len(pairwise(*[range(2)] * 5)) <= 8


def test_what_is_left_out_is_slow():
    factors = "abcd", range(3), "xy"
    params = quick_in_pairs(*factors)
    assert [each.values for each in params] == list(product(*factors))
    assert [each.values for each in params if not each.marks] == pairwise(*factors)
    assert {mark.name for each in params for mark in each.marks} == {"slow"}
