"""Grids as dicts, cells, and rows of a table whose findings are known."""

import json

import numpy as np
import pytest
from scipy import stats

from patom.paper import findings, parse_grid
from patom.paper.cells import Cell
from patom.paper.table import SCHEMA


def toml(value):
    """Write plain data as TOML; tables inline."""
    match value:
        case dict():
            return "{" + ", ".join(f"{toml(key)} = {toml(entry)}" for key, entry in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(toml, value)) + "]"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case bool():
            return str(value).lower()
        case _:
            return repr(value)


def grid_text(grid):
    return "\n".join(f"{toml(key)} = {toml(value)}" for key, value in grid.items())


RELATED = {"name": "related", "n_tasks": 5, "n_features": 3, "n_train": 12, "n_test": 15, "n_groups": 2}
EXPERIMENT = {
    "name": "made",
    "figure": "budgets",
    "attacks": ["patom-direct", "random-direct"],
    "budgets": [0.1, 0.3],
    "pairs": {"count": 2, "targets": 2, "attackers": 2},
    "data": RELATED,
}


@pytest.fixture(name="as_toml", scope="session")
def fixture_as_toml():
    """Write a grid, a dict, as TOML."""
    return grid_text


@pytest.fixture(name="experiment", scope="session")
def fixture_experiment():
    """Build a valid experiment with some keys replaced; None leaves a key out."""

    def build(**changes):
        return {key: value for key, value in (EXPERIMENT | changes).items() if value is not None}

    return build


@pytest.fixture(name="grid", scope="session")
def fixture_grid(experiment):
    """Parse a grid of experiments, dicts; without any, of one with some keys replaced."""

    def build(*experiments, seeds=3, **changes):
        listed = list(experiments) or [experiment(**changes)]
        return parse_grid(grid_text({"title": "t", "seeds": seeds, "experiments": listed}), "G")

    return build


@pytest.fixture(name="fault")
def fixture_fault(as_toml, experiment):
    """Give the sentence of the error that experiments, or one with some keys replaced, end in."""

    def fault(*experiments, whole=None, **changes):
        grid = {"title": "t", "experiments": list(experiments) or [experiment(**changes)]}
        with pytest.raises(ValueError, match=r"^G: ") as caught:
            parse_grid(as_toml(grid | (whole or {})), "G")
        message = str(caught.value)
        assert len(message.splitlines()) == 1
        assert "pydantic" not in message
        assert "http" not in message
        assert caught.value.__cause__ is None
        return message.removeprefix("G: ")

    return fault


@pytest.fixture(name="cell", scope="session")
def fixture_cell():
    """Build a small cell with some fields replaced."""
    patom = {
        "name": "patom", "features": "uniform", "labels": "resampled",
        "step_size": 100.0, "max_iter": 2, "batch_ratio": 3.0,
    }  # fmt: skip
    base = {
        "experiment": "made", "figure": "budgets", "pair": "A", "data": RELATED, "seed": 0, "targets": (0, 2),
        "attackers": (1, 3), "attack": patom, "budget": 0.2, "start": 0,
        "model": {"loss": None, "lambda_1": 0.1, "lambda_2": 0.1, "constant": "after"}, "radius": 1.0,
    }  # fmt: skip

    def build(**changes):
        return Cell(**(base | changes))

    return build


RANDOM = {"name": "random", "features": "uniform", "labels": "resampled"}


@pytest.fixture(name="random_attack", scope="session")
def fixture_random_attack():
    """The random attack from which the cell's PATOM starts."""
    return RANDOM


@pytest.fixture(name="row", scope="session")
def fixture_row():
    """Build a row as a table has it; ``method`` sets the attack's columns."""

    def build(method="patom-direct", **changes):
        attack, _, kind = method.partition("-")
        patom = {"step_size": 100.0, "max_iter": 20, "batch_ratio": 3.0} if attack == "patom" else {}
        asked = {
            "experiment": "E", "figure": "budgets", "data": "sarcos", "data_options": "{}", "seed": 0, "pair": "A",
            "targets": ["1", "2"], "attackers": ["1", "2"] if kind == "direct" else ["3", "4"],
            "method": method, "attack": attack, "kind": kind, "budget": 0.1, "radius": 1.0, "start": 0,
            "loss": None, "lambda_1": 0.1, "lambda_2": 0.1, "constant": "after",
            "features": "uniform", "labels": "resampled", "key": "k",
        }  # fmt: skip
        came = {
            "rows_injected": 3, "metric": "NMSE", "metric_clean": 0.5, "metric_attacked": 0.6, "damage": 0.2,
            "others_clean": 0.5, "others_attacked": 0.5, "task_metric_clean": [0.4, 0.6],
            "task_metric_attacked": [0.5, 0.7], "utility_clean": 1.0, "utility": [1.0] * 21, "gap": 1e-9,
            "certified": True, "status": "Fine.", "spectrum_clean": [1.0], "spectrum": [1.0],
        }  # fmt: skip
        empty = dict.fromkeys(SCHEMA.names)
        assert {*asked, *patom, *came, *changes} <= set(empty)
        return empty | asked | patom | came | changes

    return build


@pytest.fixture(name="failed", scope="session")
def fixture_failed(row):
    """Build the row of a cell that failed: of what came out it has the error alone."""

    def build(*arguments, **changes):
        built = row(*arguments, **changes)
        came = SCHEMA.names[SCHEMA.names.index("rows_injected") : SCHEMA.names.index("error")]
        return built | dict.fromkeys(came) | {"error": "ValueError: no."}

    return build


def provenance(**changes):
    """What goes with a table."""
    results = {
        "title": "Made", "seeds": [0, 1, 2], "versions": {"patom": "1.2.3", "numpy": "2"}, "commit": "abc",
        "files": {"a.mat": "00"}, "notes": ["sarcos: a note"],
    }  # fmt: skip
    run = {
        "cells": 4, "failed": 0, "uncertified": 1, "worst_gap": 1e-9, "seconds": 2.0, "workers": "1 processes",
        "commits": ["abc"],
    }  # fmt: skip
    return {
        "results": results | {key: value for key, value in changes.items() if key in results},
        "run": run | {key: value for key, value in changes.items() if key in run},
    }


@pytest.fixture(name="made_by", scope="session")
def fixture_made_by():
    return provenance


@pytest.fixture(name="found", scope="session")
def fixture_found():
    """The findings of rows; whatever the rows, they can be written as JSON."""

    def find(rows):
        results = findings([(rows, provenance())])
        assert json.loads(json.dumps(results, allow_nan=False)) == results
        return results

    return find


@pytest.fixture(name="claim", scope="session")
def fixture_claim(found):
    """The claim whose sentence holds some words; None if it is left out."""

    def look_up(rows, words):
        matching = [claim for claim in found(rows)["claims"] if words in claim["claim"]]
        assert len(matching) <= 1
        return matching[0] if matching else None

    return look_up


@pytest.fixture(name="holds", scope="session")
def fixture_holds(claim):
    """Whether the only setting meets the claim's criterion."""

    def look_up(rows, words):
        (evidence,) = claim(rows, words)["evidence"]
        return evidence["holds"]

    return look_up


@pytest.fixture(name="students", scope="session")
def fixture_students():
    """Student's 95 % interval of values, computed by scipy."""

    def of(values):
        low, high = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
        return {"mean": pytest.approx(np.mean(values)), "low": pytest.approx(low), "high": pytest.approx(high)}

    return of


@pytest.fixture(name="ending_at", scope="session")
def fixture_ending_at():
    """Four values whose 95 % interval has a given lower or upper end."""

    def shifted(*, low=None, high=None, width=0.01):
        values = width * np.array([0.0, 1.0, 3.0, 4.0])
        ends = stats.t.interval(0.95, 3, loc=values.mean(), scale=stats.sem(values))
        moved = values + (low - ends[0] if high is None else high - ends[1])
        return moved.tolist()

    return shifted
