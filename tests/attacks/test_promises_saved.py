"""What is asked of a result by itself, when it is saved and when it is loaded."""

import numpy as np
import pytest
from made_result import alike, made, of_region

from patom import Box, Columns, Fixed
from patom.attacks import OwnData


def with_one(name, place, value):
    array = getattr(made(), name).copy()
    array[place] = value
    return {name: array}


def in_record(name, field, value):
    array = getattr(made(), name).copy()
    array[field][1] = value
    return {name: np.asarray(array)}


UNSOUND = {
    "NaN in X": (with_one("X", (1, 1), np.nan), "its X holds NaN or infinity"),
    "infinity in y": (with_one("y", 2, np.inf), "its y holds NaN or infinity"),
    "NaN in a start": (with_one("start_utilities", 0, np.nan), "its start_utilities holds NaN or infinity"),
    "NaN in the history": (in_record("history", "utility", np.nan), "its history's utility holds NaN or infinity"),
    "a gap of NaN": (in_record("history", "gap", np.nan), "its history holds a gap of NaN"),
    "negative steps": (in_record("history", "solver_steps", -1), "or a count below 0"),
    "a loss without end": (
        in_record("task_losses", "attacked", np.inf),
        "its task_losses' attacked holds NaN or infinity",
    ),
    "another target": (in_record("task_losses", "target", False), "its task_losses name other targets"),
    "another attacker": (in_record("task_losses", "attacker", False), "its task_losses name other attackers"),
    "a row outside": (with_one("X", 0, 1.0), "its row 0 lies outside of the threat's region, ByTask"),
    "an open side crossed": (with_one("X", 0, (-1.5, 0.0)), "its row 0 lies outside"),
    "a row in the other's region": (with_one("task", 0, "c"), "its row 0 lies outside"),
    "a label outside": (with_one("y", 3, -1.1), "its row 3 has a label outside of the threat's label_range"),
    "three classes": ({"y": np.array(["no", "yes", "maybe", "no"])}, "its y holds more than two classes"),
    "whole numbers for targets": ({"y": np.arange(4)}, "its y holds more than two classes"),
    "an honest task": (with_one("task", 1, "a"), "its row 1 is of a task that is no attacker"),
    "a task of nowhere": (with_one("task", 1, "z"), "its row 1 is of a task that is no attacker"),
    "tasks that are alike": (with_one("tasks", 3, "c"), "its tasks are not different from each other"),
    "a target of nowhere": ({"targets": np.array(["a", "z"])}, "targets of ThreatModel names the task 'z'"),
    "a target twice": ({"targets": np.array(["a", "a"])}, "targets of ThreatModel must name each task once"),
    "a task of NaN": ({"tasks": np.array([0.0, 1.0, 2.0, np.nan])}, "its tasks holds a label that is missing"),
}


@pytest.mark.parametrize("name", UNSOUND)
def test_a_result_that_no_attack_returns_is_refused(fault, name):
    changes, reason = UNSOUND[name]
    assert reason in fault(**changes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"X": made().X * 4.0}, "its row 0 lies outside of the threat's region, ByTask"),
        ({"X": np.full((4, 2), np.nan)}, "its X holds NaN or infinity"),
        ({"y": np.array(["a", "b", "c", "a"])}, "its y holds more than two classes"),
        ({"utility": float("nan")}, "its utility holds NaN or infinity"),
        ({"history": made().history[:0]}, "it has no history"),
    ],
)
def test_what_would_not_be_loaded_is_not_saved(tmp_path, changes, reason):
    with pytest.raises(ValueError, match=r"^AttackResult cannot be saved: ") as caught:
        made(**changes).save(tmp_path / "attack.npz")
    assert reason in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_regions_and_columns_are_asked_as_attacks_are(load, tmp_path):
    whole, half = np.array([[0.0, 1.0]] * 4), np.array([[0.5, 1.0]] * 4)
    path = tmp_path / "attack.npz"
    for region, X, reason in [
        (Box(0.0, 1.0), whole, None),
        (OwnData(within=Box(0.0, 1.0)), whole, None),
        (OwnData(within=Box(0.0, 0.9)), whole, "outside of the threat's region, OwnData"),
        (Box(0.0, 1.0), half, "its row 0 has a column that should be a whole number or one-hot"),
        (Fixed([0], 0.5), whole, "outside of the threat's region, Fixed"),
    ]:
        result = of_region(region, X=X, columns=Columns([0]))
        if reason is None:
            result.save(path)
            assert alike(load(path.read_bytes()), result)
        else:
            with pytest.raises(ValueError, match=reason):
                result.save(path)
