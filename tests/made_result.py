"""A sound attack result, made by hand: nothing is fitted. Shared by the tests of its files."""

import io
import json

import numpy as np

from patom import AttackResult, Ball, Box, Intersection, ThreatModel
from patom.attacks import AttackStatus, Availability, ByTask, GreyBox
from patom.attacks.records import Tally
from patom.attacks.result import HISTORY, TASK_LOSSES

ROWS = np.array([[0.5, -0.25], [0.0, 1.0]])


def made(**changes):
    """Four rows of the tasks "b" and "c", within a region each, and values that a file could lose."""
    threat = ThreatModel(
        ["a", "b"],
        ["b", "c"],
        0.5,
        ByTask({"b": Intersection(Ball(1.0, [0.25, 0.0]), Box([-1.0, -np.inf], 1.0)), "c": Ball(0.5)}),
        objective=Availability("worst", ROWS, [1.5, -0.0], ["a", "b"]),
        label_range=(-1.0, 2.0),
        knowledge=GreyBox(X=ROWS, y=[0.5, 0.25], task=["a", "b"], lambda_1=0.1),
    )
    fields = {
        "X": np.array([[0.5, 0.5], [-0.5, 0.25], [0.25, -0.25], [0.0, 0.5]]), "y": np.array([2.0, -1.0, 0.5, 0.0]),
        "task": np.array(["b", "b", "c", "c"]), "utility": 1.5, "clean_utility": 0.1,
        "task_losses": np.array([(0.1, 1.0, 1, 0), (0.2, 2.0, 1, 1), (0.3, 0.5, 0, 1), (0.4, 0.4, 0, 0)], TASK_LOSSES),
        "tasks": np.array(list("abcd")), "history": np.array([(0, 0.1, 1e-9, 12, 0.5), (3, 1.5, 0.0, 7, 1.5)], HISTORY),
        "start_utilities": np.array([1.5, 1.25]), "threat": threat,
        "attack": {"name": "PATOM", "step_size": 100.0, "labels": "resampled"}, "cost": Tally(3, 19, 1, 4),
        "status": AttackStatus.COMPLETED,
    }  # fmt: skip
    for name in ("task_losses", "history"):
        fields[name] = fields[name].view(np.recarray)
    return AttackResult(**fields | changes)


def of_region(region, **changes):
    """The same, in one region."""
    threat = ThreatModel(["a", "b"], ["b", "c"], 0.5, region, columns=changes.pop("columns", None))
    return made(threat=threat, **changes)


def alike(one, other):
    """Whether two results are the same to the bit, models apart."""
    arrays = ("X", "y", "task", "tasks", "task_losses", "history", "start_utilities")
    values = ("threat", "attack", "cost", "status", "utility", "clean_utility")
    return all(
        getattr(one, name).dtype == getattr(other, name).dtype
        and getattr(one, name).tobytes() == getattr(other, name).tobytes()
        for name in arrays
    ) and all(getattr(one, name) == getattr(other, name) for name in values)


def zipped(arrays, save=np.savez_compressed):
    """The bytes of an archive of arrays, as numpy writes it."""
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def first_format(result):
    """The arrays that version 0.2.0 wrote for ``made``, spelt out."""
    task = {"tuple": ["a", "b"]}
    ball = {"name": "Ball", "radius": 1.0, "centre": {"array": "array_0"}}
    notes = {
        "attack": result.attack, "budget": 0.5, "status": "COMPLETED",
        "cost": {"solves": 3, "solver_steps": 19, "adjoint_solves": 1, "products": 4},
        "utility": 1.5, "clean_utility": 0.1,
        "threat": {
            "region": {"name": "ByTask", "regions": {"tuple": [
                {"tuple": ["b", {"name": "Intersection", "regions": {"tuple": [
                    ball, {"name": "Box", "lower": {"array": "array_1"}, "upper": 1.0}]}}]},
                {"tuple": ["c", {"name": "Ball", "radius": 0.5, "centre": 0.0}]}]}},
            "objective": {"name": "Availability", "over_tasks": "worst", "X": {"array": "array_2"},
                          "y": {"tuple": [1.5, -0.0]}, "task": task},
            "label_range": {"tuple": [-1.0, 2.0]}, "columns": None,
            "knowledge": {"name": "GreyBox", "share": 0.5, "lambda_1": 0.1, "lambda_2": None,
                          "X": {"array": "array_3"}, "y": {"tuple": [0.5, 0.25]}, "task": task, "seed": 0},
        },
    }  # fmt: skip
    return {
        **{name: getattr(result, name) for name in ("X", "y", "task", "start_utilities", "tasks")},
        **{name: np.asarray(getattr(result, name)) for name in ("history", "task_losses")},
        "targets": np.array(["a", "b"]), "attackers": np.array(["b", "c"]), "notes": np.array(json.dumps(notes)),
        "array_0": np.array([0.25, 0.0]), "array_1": np.array([-1.0, -np.inf]), "array_2": ROWS, "array_3": ROWS,
    }  # fmt: skip
