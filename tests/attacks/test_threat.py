"""The threat model: kinds, labels as people give them, budgets, and what is refused."""

import re
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patom import Ball, ThreatModel


@pytest.mark.parametrize(
    ("targets", "attackers", "kind"),
    [
        (["a"], ["a"], "direct"),
        (["a", "b"], ["b", "a"], "direct"),
        (["a"], ["b", "c"], "indirect"),
        (["a", "b"], ["b"], "hybrid"),
        (["a"], ["a", "b"], "hybrid"),
        (["a", "b"], ["b", "c"], "hybrid"),
    ],
)
def test_the_kind_follows_from_the_sets(targets, attackers, kind):
    assert ThreatModel(targets, attackers, 0.1).kind == kind


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("north", ("north",)),
        (3, (3,)),
        (np.int64(3), (3,)),
        (np.array(3), (3,)),
        (np.str_("north"), ("north",)),
        (np.array(["a", "b"]), ("a", "b")),
        (np.arange(2), (0, 1)),
        (pd.Series(["a", "b"], index=[7, 8]), ("a", "b")),
        (range(2), (0, 1)),
        ((label for label in "ab"), ("a", "b")),
        ([("site", 1)], (("site", 1),)),
        ([True], (True,)),
        ([2.5], (2.5,)),
    ],
)
def test_labels_are_kept_as_plain_values(given, kept):
    threat = ThreatModel(given, ["other"], 0.1)
    assert threat.targets == kept
    assert [type(label) for label in threat.targets] == [type(label) for label in kept]


@settings(deadline=None, derandomize=True)
@given(percent=st.integers(1, 250), counts=st.lists(st.integers(1, 10**6), min_size=1, max_size=5))
def test_counts_are_the_budget_times_the_clean_rows_rounded_down(percent, counts):
    budget = percent / 100
    exact = [int(Fraction(percent, 100) * n) for n in counts]
    threat = ThreatModel([0], range(len(counts)), budget)
    if any(exact):
        assert threat.injected_counts(np.array(counts)).tolist() == exact
    else:
        with pytest.raises(ValueError, match="budget of ThreatModel rounds to no rows"):
            threat.injected_counts(np.array(counts))


@pytest.mark.parametrize(("budget", "n", "count"), [(0.29, 100, 29), (0.57, 100, 57), (1.1, 30, 33), (0.3, 9, 2)])
def test_products_that_are_whole_but_for_rounding_count_as_whole(budget, n, count):
    assert ThreatModel([0], [0], budget).injected_counts(np.array([n])).tolist() == [count]


def test_positions_among_labels_of_several_types():
    tasks = np.empty(3, dtype=object)
    tasks[:] = [1, "a", ("b", 2)]
    threat = ThreatModel([("b", 2), 1], ["a"], 0.1)
    assert threat.target_positions(tasks).tolist() == [2, 0]
    assert threat.attacker_positions(tasks).tolist() == [1]


def test_whole_floats_name_whole_number_tasks():
    assert ThreatModel([1.0], np.array([2], dtype=np.int8), 0.1).target_positions(np.arange(3)).tolist() == [1]


@pytest.mark.parametrize(
    ("field", "value", "error", "message"),
    [
        ("targets", [], ValueError, "targets of ThreatModel must name at least one task; got none."),
        ("attackers", (), ValueError, "attackers of ThreatModel must name at least one task; got none."),
        ("targets", ["a", "a"], ValueError, "targets of ThreatModel must name each task once; got ('a', 'a')."),
        ("attackers", [0, np.int64(0)], ValueError, "attackers of ThreatModel must name each task once; got (0, 0)."),
        ("targets", [["a", "b"]], TypeError, "targets of ThreatModel must be task labels, one or a flat list"),
        ("targets", np.array([["a"]]), TypeError, "targets of ThreatModel must be task labels"),
        ("budget", -0.1, ValueError, "budget of ThreatModel must be a finite number above 0.0; got -0.1."),
        ("budget", 0, ValueError, "budget of ThreatModel must be a finite number above 0.0; got 0."),
        ("budget", float("nan"), ValueError, "budget of ThreatModel must be a finite number above 0.0; got nan."),
        ("budget", float("inf"), ValueError, "budget of ThreatModel must be a finite number above 0.0; got inf."),
        ("budget", "20%", ValueError, "budget of ThreatModel must be a finite number above 0.0; got '20%'."),
        ("budget", True, ValueError, "budget of ThreatModel must be a finite number above 0.0; got True."),
        ("region", 1.0, ValueError, "region of ThreatModel must be a region such as Ball; got 1.0."),
        ("region", Ball, ValueError, "region of ThreatModel must be a region such as Ball; got <class"),
    ],
)
def test_refusals_name_the_argument(field, value, error, message):
    arguments = {"targets": ["a"], "attackers": ["b"], "budget": 0.1} | {field: value}
    with pytest.raises(error, match="^" + re.escape(message)):
        ThreatModel(**arguments)


@pytest.mark.parametrize("field", ["targets", "attackers"])
def test_an_unknown_task_is_named_with_its_nearest(field):
    threat = ThreatModel(**({"targets": ["north"], "attackers": ["north"], "budget": 0.1} | {field: ["nort"]}))
    tasks = np.array(["east", "north", "west"])
    with pytest.raises(ValueError, match=rf"^{field} of ThreatModel names the task 'nort', .*nearest.* north\.$"):
        (threat.target_positions if field == "targets" else threat.attacker_positions)(tasks)


@pytest.mark.parametrize("label", [None, float("nan"), "3"])
def test_a_label_that_is_no_task_is_unknown(label):
    with pytest.raises(ValueError, match=f"^targets of ThreatModel names the task {label!r}, which the training data"):
        ThreatModel([label], [1], 0.1).target_positions(np.arange(3))
