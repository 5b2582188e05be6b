"""read_table and read_parquet take the same columns for the same thing, and refuse the same ones."""

import datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patom.datasets import read_parquet
from patom.datasets.tables.table import read_table

COLUMNS = {"t": ["a", "b", "a"], "x": [1.0, 2.0, 4.0], "y": [0.5, 1.5, 2.5]}


@pytest.fixture
def both(tmp_path):
    """What each reader makes of a table with some columns replaced, in row groups of two rows; or its refusal."""

    def read(**columns):
        found = []
        pq.write_table(pa.table(COLUMNS | columns), tmp_path / "a.parquet", row_group_size=2)
        for reader in (read_table, read_parquet):
            try:
                found.append(reader(tmp_path / "a.parquet", task="t", target="y", features=["x"]))
            except ValueError as error:
                found.append(str(error))
        return found

    return read


LABELS = [
    ["1", "02", "1"],
    [3, 1, 3],
    [3.0, 1.0, 3.0],
    [True, False, True],
    [Decimal("7.00"), Decimal("8.00"), Decimal("7.00")],
    pa.array([datetime.date(2020, 1, 2)] * 3),
    pa.array(["v", "w", "v"]).dictionary_encode(),
    pa.array([b"v", b"w", b"v"]),
    pa.array([2**64 - 1, 2, 3], pa.uint64()),
]


@pytest.mark.parametrize("column", LABELS, ids=lambda column: str(pa.array(column).type))
def test_labels_are_the_same_except_that_a_table_has_text_beyond_int64(both, column):
    table, rows = both(t=column)
    assert table.task.tolist() == (rows.task.astype(str) if rows.task.dtype == object else rows.task).tolist()


REFUSED = {
    "missing label": ({"t": ["a", "b", None]}, "a.parquet names no task in row 3, column 't'"),
    "blank label": ({"t": ["a", "b", " "]}, "a.parquet names no task in row 3, column 't'"),
    "long label": ({"t": ["a", "b", "x" * 501]}, "the task column 't' of a.parquet holds a label of 501 characters"),
    "half a label": ({"t": [1.0, 2.5, 3.0]}, "the task column 't' of a.parquet holds 2.5 in row 2"),
    "inexact label": ({"t": [1.0, 2.0**53, 3.0]}, "the task column 't' of a.parquet holds 9.0072e+15 in row 2"),
    "nested label": ({"t": [[1], [2], [3]]}, "the task column 't' of a.parquet holds values of type list"),
    "cut label": ({"t": ["a", "a\0", "b"]}, "the task column 't' of a.parquet holds the label 'a\\x00'"),
    "missing target": ({"y": [1.0, None, 2.0]}, "a.parquet holds a missing value in row 2, column 'y'"),
    "blank class": ({"y": ["u", "", "v"]}, "a.parquet holds a missing value in row 2, column 'y'"),
    "infinite target": ({"y": [1.0, float("inf"), 2.0]}, "a.parquet holds an infinite value in row 2, column 'y'"),
    "date for a target": ({"y": pa.array([1, 2, 3], pa.date32())}, "the column 'y' of a.parquet holds values of type"),
    "missing feature": ({"x": [1.0, 2.0, None]}, "a.parquet holds a missing value in row 3, column 'x'"),
    "date for a feature": ({"x": pa.array([1, 2, 3], pa.date32())}, "the column 'x' of a.parquet holds values of type"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_are_the_same(both, case):
    columns, said = REFUSED[case]
    of_table, of_rows = both(**columns)
    assert said[1:] in of_table
    assert of_rows.startswith(f"read_parquet: {said}")
