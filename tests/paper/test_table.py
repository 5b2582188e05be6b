"""The table of a run: what goes in comes out, and the same rows are the same bytes."""

import io
import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patom.paper.compute import compute
from patom.paper.table import SCHEMA, read_table, row, write_table
from patom.plain_json import finite


@pytest.fixture(name="through_file")
def fixture_through_file(tmp_path):
    def through_file(rows, provenance=None):
        with open(tmp_path / "t.parquet", "wb") as file:
            write_table(rows, provenance or {}, file)
        return read_table((tmp_path / "t.parquet").read_bytes()).to_pylist()

    return through_file


def as_bytes(rows, provenance):
    file = io.BytesIO()
    write_table(rows, provenance, file)
    return file.getvalue()


@pytest.mark.parametrize("figure", ["budgets", "correlations", "screening"])
def test_a_row_is_a_cell_and_its_record(cell, random_attack, figure, through_file):
    cells = [cell(figure=figure), cell(figure=figure, attack=random_attack, seed=5, pair="B", start=2)]
    records = [finite(compute(each)[0]) for each in cells]
    rows = [row(each, record) for each, record in zip(cells, records, strict=True)]
    # What is no column would be lost without a word.
    assert all(set(each) <= set(SCHEMA.names) for each in rows)
    first, second = through_file(rows)
    assert list(first) == SCHEMA.names
    for found, record in zip((first, second), records, strict=True):
        assert {name: found[name] for name in record} == record
        assert found["error"] is None
    asked = {
        "experiment": "made", "figure": figure, "data": "related", "seed": 0, "pair": "A", "targets": ["0", "2"],
        "attackers": ["1", "3"], "method": "patom-indirect", "attack": "patom", "kind": "indirect", "budget": 0.2,
        "radius": 1.0, "start": 0, "loss": None, "lambda_1": 0.1, "lambda_2": 0.1, "features": "uniform",
        "labels": "resampled", "step_size": 100.0, "max_iter": 2, "batch_ratio": 3.0, "key": cells[0].key,
    }  # fmt: skip
    assert {name: first[name] for name in asked} == asked
    assert json.loads(first["data_options"]) == {key: value for key, value in cells[0].data.items() if key != "name"}
    assert [second[name] for name in ("method", "seed", "pair", "start")] == ["random-indirect", 5, "B", 2]
    assert [second[name] for name in ("step_size", "max_iter", "batch_ratio")] == [None] * 3


def test_a_failed_cell_has_its_error_and_no_results(cell, through_file):
    (found,) = through_file([row(cell(), {"error": "ValueError: no."})])
    assert found["error"] == "ValueError: no."
    assert found["key"] == cell().key
    results = SCHEMA.names[SCHEMA.names.index("rows_injected") : SCHEMA.names.index("error")]
    assert [found[name] for name in results] == [None] * len(results)


def test_numbers_come_back_bit_by_bit_and_missing_ones_as_none(row, through_file):
    values = [0.1, -0.0, 5e-324, 1.7976931348623157e308, 1 / 3]
    made = row(utility=[*values, None], damage=None, metric_clean=5e-324, seed=2**53 + 1)
    (found,) = through_file([made])
    assert np.array(found["utility"][:-1]).tobytes() == np.array(values).tobytes()
    assert found["utility"][-1] is None
    assert found["damage"] is None
    assert (found["metric_clean"], found["seed"]) == (5e-324, 2**53 + 1)


def test_plain_records_have_no_nan():
    record = {"a": float("nan"), "b": [1.0, float("inf"), [float("-inf"), 2.0]], "c": "NaN", "d": True, "e": 3}
    found = finite(record)
    assert found == {"a": None, "b": [1.0, None, [None, 2.0]], "c": "NaN", "d": True, "e": 3}
    assert found["d"] is True


def test_rows_keep_their_order_and_nothing_is_dropped(row, through_file):
    rows = [row(seed=seed, experiment=name) for seed in (2, 0, 1) for name in ("b", "a")]
    assert [(found["seed"], found["experiment"]) for found in through_file(rows)] == [
        (2, "b"), (2, "a"), (0, "b"), (0, "a"), (1, "b"), (1, "a"),
    ]  # fmt: skip


def test_a_table_without_rows_is_a_table(through_file):
    assert through_file([]) == []


def test_the_same_rows_are_the_same_bytes(row):
    rows, about = [row(seed=seed) for seed in range(3)], {"title": "t", "seeds": [0, 1, 2]}
    assert as_bytes(rows, about) == as_bytes([dict(reversed(each.items())) for each in rows], about)
    assert as_bytes(rows, about) == as_bytes(rows, dict(reversed(about.items())))
    assert as_bytes(rows, about) != as_bytes([row(seed=seed, damage=0.25) for seed in range(3)], about)
    assert as_bytes(rows, about) != as_bytes(rows, about | {"title": "other"})


def test_the_table_says_where_it_comes_from(row):
    about = {"title": "Zwölf", "versions": {"patom": "1"}}
    metadata = pq.read_schema(io.BytesIO(as_bytes([row()], about))).metadata
    assert json.loads(metadata[b"patom"]) == about


def in_parquet(table):
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def test_columns_are_held_against_the_schema(row):
    table = pa.Table.from_pylist([row()], schema=SCHEMA)
    for place, field in enumerate(SCHEMA):
        with pytest.raises(ValueError, match=f"^it has no column {field.name}$"):
            read_table(in_parquet(table.drop_columns([field.name])))
        other = pa.float64() if field.type != pa.float64() else pa.string()
        said = re.escape(f"its column {field.name} must be {field.type}; it is {other}")
        with pytest.raises(ValueError, match=f"^{said}$"):
            read_table(in_parquet(table.set_column(place, field.name, pa.nulls(1, other))))
    with pytest.raises(ValueError, match=r"^it has two columns damage$"):
        read_table(in_parquet(table.append_column("damage", table["budget"])))
    assert read_table(in_parquet(table.append_column("mine", table["budget"]))).column_names == SCHEMA.names
