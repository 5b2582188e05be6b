"""A part of a product of factors that is large enough to find what two of them do together."""

from itertools import combinations, product


def pairwise(*factors):
    """Combinations in which each value of a factor meets each value of every other one; the same ones in every run.

    Three factors of 16, 3 and 5 values have 240 combinations, and 80 of them hold all pairs.
    """
    factors = [list(values) for values in factors]
    every = list(product(*(range(len(values)) for values in factors)))
    return [tuple(values[k] for values, k in zip(factors, chosen, strict=True)) for chosen in covering(every)]


def covering(every, together=2):
    """Some of these combinations, in their order, which hold every pair of values that all of them hold.

    ``together``: 1 for every single value in place of every pair. The greedy choice: the combination that holds most
    of what is still missing, the first of them.
    """
    held = {chosen: set(combinations(enumerate(chosen), together)) for chosen in every}
    missing, found = set().union(*held.values()), set()
    while missing:
        best = max(every, key=lambda chosen: len(held[chosen] & missing))
        missing -= held[best]
        found.add(best)
    return [chosen for chosen in every if chosen in found]
