"""A part of a product of factors that is large enough to find what two of them do together."""

from itertools import combinations, product

import pytest


def pairwise(*factors):
    """Combinations in which each value of a factor meets each value of every other one; the same ones in every run.

    The greedy choice: the combination that holds most of the pairs that are still missing, the first of them in the
    product's order. Three factors of 16, 3 and 5 values have 240 combinations, and 80 of them hold all pairs.
    """
    factors = [list(values) for values in factors]
    return [tuple(values[k] for values, k in zip(factors, chosen, strict=True)) for chosen in _chosen(factors)]


def quick_in_pairs(*factors):
    """The whole product as parameters of a test, those slow that ``pairwise`` leaves out."""
    factors = [list(values) for values in factors]
    quick, params = set(_chosen(factors)), []
    for places in product(*(range(len(values)) for values in factors)):
        chosen = [values[k] for values, k in zip(factors, places, strict=True)]
        marks = () if places in quick else pytest.mark.slow
        params.append(pytest.param(*chosen, marks=marks, id=", ".join(map(str, chosen))))
    return params


def _chosen(factors):
    """Positions of the values, combination by combination, in the product's order."""
    left = [(chosen, _pairs(chosen)) for chosen in product(*(range(len(values)) for values in factors))]
    missing, found = set().union(*(pairs for _, pairs in left)), []
    while missing:
        chosen, pairs = max(left, key=lambda each: len(each[1] & missing))
        missing -= pairs
        found.append(chosen)
    return sorted(found)


def _pairs(chosen):
    return set(combinations(enumerate(chosen), 2))
