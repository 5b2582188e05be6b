"""A part of a product of factors that is large enough to find what two of them do together."""

from itertools import combinations, product


def pairwise(*factors):
    """Combinations in which each value of a factor meets each value of every other one; the same ones in every run.

    The greedy choice: the combination that holds most of the pairs that are still missing, the first of them in the
    product's order. Three factors of 16, 3 and 5 values have 240 combinations, and 80 of them hold all pairs.
    """
    factors = [list(values) for values in factors]
    left = [(chosen, _pairs(chosen)) for chosen in product(*(range(len(values)) for values in factors))]
    missing, found = set().union(*(pairs for _, pairs in left)), []
    while missing:
        chosen, pairs = max(left, key=lambda each: len(each[1] & missing))
        missing -= pairs
        found.append(chosen)
    return [tuple(values[k] for values, k in zip(factors, chosen, strict=True)) for chosen in sorted(found)]


def _pairs(chosen):
    return set(combinations(enumerate(chosen), 2))
