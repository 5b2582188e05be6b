"""The shared helper for products of factors: every pair is there, and far fewer combinations than in the product."""

from itertools import combinations, product

import pytest
from pairwise import covering, pairwise


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


def test_only_pairs_that_some_combination_holds_are_asked_for():
    together = [(i, i, j) for i in range(4) for j in range(3)]  # two names that take their values together
    assert covering(together) == together
    assert len(covering([(*each, k) for each in together for k in range(2)])) == len(together)


def test_every_value_alone():
    found = covering(list(product("abc", range(5), "xy")), together=1)
    assert len(found) == 5
    assert [sorted(set(values)) for values in zip(*found, strict=True)] == [list("abc"), list(range(5)), list("xy")]


@pytest.mark.in_pairs
@pytest.mark.parametrize("a", range(3))
@pytest.mark.parametrize(("b", "c"), [("x", 0), ("y", 1)])
@pytest.mark.parametrize("d", range(2))
def test_marked_tests_run_each_pair_among_the_quick_ones(request, a, b, c, d):  # noqa: ARG001
    family = [item for item in request.session.items if item.nodeid.startswith(request.node.nodeid.partition("[")[0])]
    slow = {item for item in family if item.get_closest_marker("slow")}
    quick = [item.callspec.params for item in family if item not in slow]
    if len(family) in (6, 12):  # else a part of them was chosen by name
        assert {len(quick), len(slow)} <= {0, 6}  # all of the one kind, of the other, or of both
    if len(quick) == 6:
        assert {(each["a"], each["d"]) for each in quick} == set(product(range(3), range(2)))
        assert {(each["a"], each["b"]) for each in quick} == set(product(range(3), "xy"))
