"""Tests marked ``in_pairs`` or ``in_turn``: parameters that hold each pair of values, or each value, are quick.

The other combinations of their parameters are slow, which ``make test`` leaves out and ``make test-slow`` runs. So are
the long examples of ``docs/adversaries.md``.
"""

from collections import defaultdict

import pytest
from pairwise import covering

TOGETHER = {"in_pairs": 2, "in_turn": 1}


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their markers
def pytest_collection_modifyitems(items):
    families = defaultdict(dict)
    for item in items:
        if item.path.name == "adversaries.md":
            item.add_marker("slow")
        for marker in item.iter_markers():
            if marker.name in TOGETHER:
                params = item.callspec.params
                values = tuple(id(params[name]) for name in sorted(params))  # the values may not be hashable
                families[item.nodeid.partition("[")[0], marker.name][values] = item
    for (_, name), family in families.items():
        for values in set(family).difference(covering(list(family), TOGETHER[name])):
            family[values].add_marker("slow")
