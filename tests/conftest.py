"""Tests marked ``in_pairs``: the parameters that ``make test`` runs hold each pair of values, the others are slow."""

from collections import defaultdict

import pytest
from pairwise import covering


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their markers
def pytest_collection_modifyitems(items):
    families = defaultdict(dict)
    for item in items:
        if item.get_closest_marker("in_pairs"):
            params = item.callspec.params
            values = tuple(id(params[name]) for name in sorted(params))  # the values themselves may not be hashable
            families[item.nodeid.partition("[")[0]][values] = item
    for family in families.values():
        for values in set(family).difference(covering(list(family))):
            family[values].add_marker("slow")
