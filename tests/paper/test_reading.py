"""A run's files, whatever became of them: the run that was finished, or one sentence that names the file."""

import hashlib
import json
import random
import re
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_grid import TABLES

from patom.paper import findings, parse_grid, read_run, run_grid
from patom.paper.reading import Provenance
from patom.paper.table import SCHEMA, StoredRow
from patom.report import render_experiments

EXPERIMENT = """
[[experiments]]
name = "{figure}"
figure = "{figure}"
attacks = ["patom-{kind}", "random-{kind}"]
budgets = [0.2]
pairs = {{ count = 1, targets = 2, attackers = 2 }}
data = {{ name = "related", n_tasks = 5, n_features = 3, n_train = 12, n_test = 15, n_groups = 2 }}
patom = {{ max_iter = 2 }}
"""
GRID = 'title = "small"\nseeds = 2\n' + "".join(
    EXPERIMENT.format(figure=figure, kind=kind)
    for figure, kind in [("budgets", "direct"), ("correlations", "hybrid"), ("screening", "direct")]
)


@pytest.fixture(name="finished", scope="module")
def fixture_finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("finished")
    assert run_grid(parse_grid(GRID, "G"), out).failed == 0
    return out


@pytest.fixture(name="folder")
def fixture_folder(finished, tmp_path):
    """A copy of the run's files."""
    for name in TABLES:
        shutil.copy(finished / name, tmp_path / name)
    return tmp_path


def refusal(folder):
    """The sentence that reading ends in, without the start that all of them share; None where the run is read."""
    try:
        read_run(folder)
    except ValueError as error:
        caught = error
    else:
        return None
    said = str(caught)
    assert type(caught) is ValueError
    assert len(said.splitlines()) == 1
    assert said.endswith(".")
    path, _, rest = said.partition(" is not what `patom run` wrote: ")
    assert path in {str(folder / name) for name in TABLES}
    return f"{path.rpartition('/')[2]}: {rest}"


def sign(folder, told=None):
    """Make the provenance agree with the tables, as somebody would who means to deceive."""
    told = json.loads((folder / "provenance.json").read_text()) if told is None else told
    tables = ("results.parquet", "timings.parquet")
    told["sha256"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in tables}
    (folder / "provenance.json").write_text(json.dumps(told))


def account(folder, rows):
    """Make counts and timings agree with these rows too."""
    told, cells = json.loads((folder / "provenance.json").read_text()), {row["key"]: row for row in rows}
    told["run"] |= {
        "cells": len(cells), "failed": sum(row["error"] is not None for row in cells.values()),
        "uncertified": sum(row["certified"] is False for row in cells.values()),
        "worst_gap": max((row["gap"] for row in cells.values() if row["gap"] is not None), default=None),
    }  # fmt: skip
    timings = pa.table({"key": list(cells), "seconds": [0.5] * len(cells)})
    pq.write_table(timings, folder / "timings.parquet")
    sign(folder, told)


def change(folder, number, **changes):
    """Change a row, and all that speaks of it."""
    table = pq.read_table(folder / "results.parquet")
    rows = table.to_pylist()
    rows[number] |= changes
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), folder / "results.parquet")
    account(folder, rows)


def test_what_is_read_is_what_was_written(folder):
    rows, told = read_run(folder)
    assert [{name: row[name] for name in SCHEMA.names} for row in rows] == pq.read_table(
        folder / "results.parquet"
    ).to_pylist()
    assert all(row["seconds"] > 0.0 for row in rows)
    assert told == json.loads((folder / "provenance.json").read_text())


def test_the_table_alone_is_a_run_without_seconds(folder, tmp_path):
    rows, told = read_run(folder)
    alone, of_itself = read_run(folder / "results.parquet")
    assert alone == [row | {"seconds": None} for row in rows]
    assert of_itself["results"] == told["results"]
    assert all(of_itself["run"][name] == told["run"][name] for name in ("cells", "failed", "uncertified", "worst_gap"))
    assert of_itself["run"]["commits"] == ([told["results"]["commit"]] if told["results"]["commit"] else [])
    assert findings([(alone, of_itself)])["claims"] == findings([(rows, told)])["claims"]
    table = pq.read_table(folder / "results.parquet")
    for spoiled, said in (
        (table.slice(0, 0), "it has no rows"),
        (table.replace_schema_metadata(None), "it does not say of which run it is"),
        (table.replace_schema_metadata({"patom": "{}"}), "title: it is missing"),
        (table.drop_columns(["budget"]), "it has no column budget"),
        (table.set_column(0, "experiment", pa.nulls(len(table), pa.string())), "row 1, column experiment: "),
    ):
        pq.write_table(spoiled, tmp_path / "spoiled.parquet")
        with pytest.raises(ValueError, match="is neither the folder of a run nor its table: " + re.escape(said)):
            read_run(tmp_path / "spoiled.parquet")


def test_the_model_of_a_row_has_the_tables_columns():
    assert set(StoredRow.model_fields) == set(SCHEMA.names)
    assert set(Provenance.model_fields) == {"results", "run", "sha256"}


def test_runs_of_version_0_2_0_have_no_sha256(folder):
    told = json.loads((folder / "provenance.json").read_text())
    del told["sha256"]
    (folder / "provenance.json").write_text(json.dumps(told))
    assert refusal(folder) is None


def test_tables_of_version_0_1_0_had_fewer_columns(folder):
    later = ("adversary", "defense", "caught", "dropped", "target_loss", "target_loss_clean", "collateral", "solves")
    told = json.loads((folder / "provenance.json").read_text())
    table = pq.read_table(folder / "results.parquet").drop_columns(later)
    rows = [row for row in table.to_pylist() if row["figure"] != "screening"]
    for version, said in [("0.1.0", None), ("0.2.0", "results.parquet: it has no column adversary.")]:
        told["results"]["versions"]["patom"] = version
        schema = table.schema.with_metadata({"patom": json.dumps(told["results"])})
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / "results.parquet")
        (folder / "provenance.json").write_text(json.dumps(told))
        account(folder, rows)
        assert refusal(folder) == said
    assert "target_loss" not in table.column_names


def test_a_column_that_is_missing_or_of_another_type_is_named(folder):
    table = pq.read_table(folder / "results.parquet")
    pq.write_table(table.drop_columns(["damage"]), folder / "results.parquet")
    sign(folder)
    assert refusal(folder) == "results.parquet: it has no column damage."
    place = table.schema.get_field_index("damage")
    pq.write_table(table.set_column(place, "damage", table["metric"]), folder / "results.parquet")
    sign(folder)
    assert refusal(folder) == "results.parquet: its column damage must be double; it is string."


ROWS = {  # of the budgets' four rows, the correlations' and the screening's
    "no name": (0, {"experiment": None}, "row 1, column experiment: input should be a valid string (got None)"),
    "no figure": (0, {"figure": "fig2"}, "row 1, column figure: input should be 'convergence', "),
    "options": (1, {"data_options": "[]"}, "row 2, column data_options: it must be a JSON object"),
    "deep options": (1, {"data_options": "[" * 9999}, "row 2, column data_options: its lists or objects are nested"),
    "a seed below 0": (0, {"seed": -1}, "row 1, column seed: input should be greater than or equal to 0 (got -1)"),
    "a seed of no run": (0, {"seed": 7}, "it holds the seed 7, which provenance.json beside it does not"),
    "no targets": (0, {"targets": []}, "row 1, column targets: list should have at least 1 item"),
    "a target of null": (0, {"targets": ["0", None]}, "row 1, column targets[1]: input should be a valid string"),
    "a target twice": (0, {"targets": ["0", "0"]}, "row 1, column targets: it names a task twice"),
    "an attack": (0, {"method": "bribe-direct"}, "row 1, column method: an attack is one of random, patom"),
    "another attack": (0, {"attack": "random"}, "row 1: method and kind must be of random and direct"),
    "another kind": (0, {"kind": "hybrid"}, "row 1: method and kind must be of patom and direct"),
    "no step": (0, {"step_size": None}, "row 1: patom-direct needs step_size"),
    "a budget of 0": (0, {"budget": 0.0}, "row 1, column budget: input should be greater than 0 (got 0.0)"),
    "a budget of NaN": (0, {"budget": float("nan")}, "row 1, column budget: input should be a finite number"),
    "a damage of infinity": (0, {"damage": float("inf")}, "row 1, column damage: input should be"),
    "a damage past squares": (0, {"damage": 1e200}, "row 1, column damage: input should be less than"),
    "a metric": (0, {"metric": "MSE"}, "row 1, column metric: input should be 'NMSE' or 'AUC' (got 'MSE')"),
    "no metric": (0, {"metric": None}, "row 1: metric is missing, and there is no error"),
    "no utility": (0, {"utility": []}, "row 1, column utility: list should have at least 1 item"),
    "a utility of NaN": (0, {"utility": [float("nan")]}, "row 1, column utility[0]: input should be a finite"),
    "a task's metric less": (0, {"task_metric_clean": [1.0]}, "row 1: task_metric_clean must hold 2 numbers; it holds"),
    "a share": (0, {"caught": 1.5}, "row 1, column caught: input should be less than or equal to 1"),
    "a key": (0, {"key": "../../x"}, "row 1, column key: string should match pattern"),
    "an error and results": (0, {"error": "ValueError: no."}, "row 1: a cell that failed has no "),
    "no tasks": (4, {"tasks": None}, "row 5: tasks must hold the targets and the attackers"),
    "other tasks": (4, {"tasks": ["x", "y"]}, "row 5: tasks must hold the targets and the attackers"),
    "a correlation less": (4, {"correlation": [1.0]}, "row 5: correlation must hold 25 numbers; it holds 1"),
    "no spectrum": (4, {"spectrum": None}, "row 5: spectrum must hold at most 5 numbers, one a task"),
    "a spectrum more": (4, {"spectrum": [0.1] * 6}, "row 5: spectrum must hold at most 5 numbers, one a task"),
    "a score less": (8, {"suspicion": [1.0]}, "row 9: suspicion must hold 5 numbers; it holds 1"),
    "no follow-up": (8, {"next_to": None}, "row 9: next_to must name tasks"),
    "a follow-up of nobody": (8, {"next_to": ["z"]}, "row 9: next_to must name tasks"),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_a_row_that_no_run_writes_is_named(folder, name):
    number, changes, reason = ROWS[name]
    change(folder, number, **changes)
    assert refusal(folder).startswith(f"results.parquet: {reason}")


def test_text_that_is_none_is_damage(folder):
    table = pq.read_table(folder / "results.parquet")
    pairs = pa.Array.from_buffers(pa.string(), 1, [None, *pa.array([b"\xff"]).buffers()[1:]])
    place = table.schema.get_field_index("pair")
    changed = table.slice(0, 1).set_column(place, "pair", pairs)
    pq.write_table(changed, folder / "results.parquet")
    sign(folder)
    assert refusal(folder) == "results.parquet: it is no Parquet file, or a damaged one."


PROVENANCE = {
    "a list": (lambda told: [told], "input should be a valid dictionary"),
    "no results": (lambda told: {"run": told["run"]}, "results: it is missing"),
    "a title": (lambda told: told["results"].update(title=3), "results.title: input should be a valid string (got 3)"),
    "a title of half a character": (
        lambda told: told["results"]["notes"].append("\ud800"),
        "it holds half a character",
    ),
    "no seeds": (lambda told: told["results"].update(seeds=[]), "results.seeds: list should have at least 1 item"),
    "a seed": (lambda told: told["results"]["seeds"].append("3"), "results.seeds[2]: input should be a valid integer"),
    "no version": (
        lambda told: told["results"]["versions"].pop("patom"),
        "results.versions: it names no version of patom",
    ),
    "notes": (lambda told: told["results"].update(notes="a"), "results.notes: input should be a valid list (got 'a')"),
    "a gap": (lambda told: told["run"].update(worst_gap="small"), "run.worst_gap: input should be a valid number"),
    "a gap past floats": (lambda told: told["run"].update(worst_gap=10**400), "run.worst_gap: input should be"),
    "cells": (lambda told: told["run"].update(cells=True), "run.cells: input should be a valid integer (got True)"),
}


@pytest.mark.parametrize("name", PROVENANCE)
def test_a_provenance_that_no_run_writes_is_named(folder, name):
    alter, reason = PROVENANCE[name]
    told = json.loads((folder / "provenance.json").read_text())
    altered = alter(told)
    (folder / "provenance.json").write_text(json.dumps(altered if name in ("a list", "no results") else told))
    assert refusal(folder).startswith(f"provenance.json: {reason}")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is no JSON: "),
        ("[" * 100_000, "its lists or objects are nested too deeply"),
        ('{"run": NaN}', "it holds NaN, which is no number of JSON"),
        ('{"run": 1, "run": 2}', "the key 'run' is there twice"),
        ("PAR1", "it is no JSON: "),
    ],
)
def test_a_provenance_that_is_no_json_is_refused(folder, text, reason):
    (folder / "provenance.json").write_text(text)
    assert refusal(folder).startswith(f"provenance.json: {reason}")


@pytest.mark.parametrize("name", ["cells", "failed", "uncertified", "worst_gap"])
def test_the_provenance_must_speak_of_the_tables_rows(folder, name):
    told = json.loads((folder / "provenance.json").read_text())
    told["run"][name] = 77
    (folder / "provenance.json").write_text(json.dumps(told))
    assert refusal(folder).startswith(f"results.parquet: its rows come to {name} of ")


def test_files_of_different_runs_are_told_apart(folder, finished, tmp_path):
    other = tmp_path / "other"
    run_grid(parse_grid(GRID.replace('"small"', '"large"'), "G"), other, seeds=1)
    for name in TABLES:
        shutil.copy(other / name, folder / name)
        assert " another run than provenance.json beside it" in refusal(folder)
        if name != "provenance.json":
            sign(folder)
            assert re.search(r"another run than|are not those of results\.parquet", refusal(folder))
        for kept in TABLES:
            shutil.copy(finished / kept, folder / kept)
    assert refusal(folder) is None


@pytest.mark.parametrize("name", ["results.parquet", "timings.parquet"])
def test_a_bit_that_flips_is_found(folder, name):
    content, rng = (folder / name).read_bytes(), random.Random(0)
    for _ in range(40):
        changed = bytearray(content)
        changed[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        (folder / name).write_bytes(changed)
        assert refusal(folder).startswith(f"{name}: it was changed, or is of another run")


@pytest.mark.parametrize("name", ["results.parquet", "timings.parquet"])
@pytest.mark.parametrize("content", [b"", b"PAR1", b"a,b\n1,2\n", b"PAR1" + bytes(99) + b"PAR1", b"{}"])
def test_what_is_no_parquet_is_refused(folder, name, content):
    (folder / name).write_bytes(content)
    sign(folder)
    assert refusal(folder) == f"{name}: it is no Parquet file, or a damaged one."


def test_parquet_of_other_programs_is_refused(folder):
    for name, reason in [("results.parquet", "no column experiment"), ("timings.parquet", "no column key")]:
        before = (folder / name).read_bytes()
        pq.write_table(pa.table({"a": [1.0]}), folder / name)
        sign(folder)
        assert refusal(folder) == f"{name}: it has {reason}."
        (folder / name).write_bytes(before)


@pytest.mark.parametrize(
    ("keys", "seconds", "reason"),
    [
        (lambda keys: keys[:-1], 0.5, "its keys are not those of results.parquet beside it, each once"),
        (lambda keys: [*keys[:-1], keys[0]], 0.5, "its keys are not those of results.parquet beside it, each once"),
        (lambda keys: [*keys[:-1], None], 0.5, "its keys are not those of results.parquet beside it, each once"),
        (lambda keys: keys, float("nan"), "its seconds must be numbers, at least 0"),
        (lambda keys: keys, -1.0, "its seconds must be numbers, at least 0"),
        (lambda keys: keys, None, "its seconds must be numbers, at least 0"),
    ],
)
def test_timings_are_held_against_the_table(folder, keys, seconds, reason):
    found = keys(pq.read_table(folder / "timings.parquet")["key"].to_pylist())
    table = pa.table({"key": found, "seconds": pa.array([seconds] * len(found), pa.float64())})
    pq.write_table(table, folder / "timings.parquet")
    sign(folder)
    assert refusal(folder) == f"timings.parquet: {reason}."


def test_timings_may_be_missing_but_no_folder(folder):
    (folder / "timings.parquet").unlink()
    assert {row["seconds"] for row in read_run(folder)[0]} == {None}
    (folder / "timings.parquet").mkdir()
    with pytest.raises(OSError, match=r"timings\.parquet cannot be read: "):
        read_run(folder)


VALUES = [
    None, 0, 1, -1, 2**53 + 1, 0.5, -0.5, 1e149, 1e308, float("nan"), float("inf"), "", "a", "direct", "patom-direct",
    "\x1b[31m\0", "{}", "NMSE", "AUC", "budgets", "correlations", "screening", "attacks", "convergence", "defenses",
    [], [None], [1.0], ["a", "a"], ["0", "1", "2", "3", "4"], [0.0] * 25, [float("nan")] * 5,
]  # fmt: skip


def test_whatever_the_table_holds_a_page_or_one_sentence_comes_of_it(folder, finished):
    """Values of the right types, drawn for one row or for all, signed and accounted for."""
    rng, whole = random.Random(0), pq.read_table(finished / "results.parquet")
    read = 0
    for _ in range(50):
        rows = whole.to_pylist()
        for _ in range(rng.choice([1, 1, 2])):
            name = rng.choice(SCHEMA.names)
            value = rng.choice([*VALUES, *(row[name] for row in rows)])
            for row in rows if rng.random() < 0.3 else [rng.choice(rows)]:
                row[name] = value
        try:
            changed = pa.Table.from_pylist(rows, schema=whole.schema)
        except (pa.ArrowException, OverflowError):  # not of the column's type
            continue
        pq.write_table(changed, folder / "results.parquet")
        account(folder, changed.to_pylist())
        if refusal(folder) is None:
            assert json.dumps(findings([read_run(folder)]), allow_nan=False)
            read += 1
    assert read > 5


def test_a_page_comes_of_it(folder):
    assert "</html>" in render_experiments(findings([read_run(folder)]))
