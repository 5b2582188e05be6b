from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patom.datasets.tables.table import TableError, read_table


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators_are_found_and_noted(read, separator):
    text = "t,x,y\n1,2.5,3\n2,3.5,4.5\n3,1,1\n".replace(",", separator)
    table = read(text)
    np.testing.assert_array_equal(table.X[:, 0], [2.5, 3.5, 1])
    name = {";": "semicolons", "\t": "tabs", "|": "bars"}[separator]
    assert table.notes[0] == f"The file's columns are separated by {name}."


def test_the_separator_that_splits_the_wanted_names_wins(read):
    table = read("t,a;b;c;d;e,y\n1,2,3\n2,4,5\n")
    assert table.features == ("a;b;c;d;e",)


def test_byte_order_mark_carriage_returns_and_quotes(read):
    table = read(b'\xef\xbb\xbf"t",x,"y"\r\n"n, w",1,2\r\n\r\n"line\nbreak",2,4\r\n')
    assert table.task.tolist() == ["n, w", "line\nbreak"]
    np.testing.assert_array_equal(table.y, [-1, 1])


def test_line_breaks_in_quotes_may_cross_the_blocks_the_parser_reads(read):
    story = '"' + "words\n" * 1_600_000 + '"'  # 9.6 MB twice, blocks of 16 MiB
    table = read(f"t,x,story,y\n1,2,{story},3\n2,3,{story},4\n", kind="regression")
    np.testing.assert_array_equal(table.X, [[2], [3]])
    np.testing.assert_array_equal(table.y, [3, 4])


def test_pandas_and_polars_files_with_categories(tmp_path):
    columns = {"t": ["b", "a", "b", "c"], "x": [1, 2, 3, 4], "y": ["yes", "no", "no", "yes"]}
    pd.DataFrame(columns).astype({"t": "category", "y": "category"}).to_parquet(tmp_path / "pandas")
    pl.DataFrame(columns).cast({"t": pl.Categorical, "y": pl.Enum(["yes", "no"])}).write_parquet(tmp_path / "polars")
    for name in ("pandas", "polars"):  # no extension: known by content
        table = read_table(tmp_path / name, task="t", target="y")
        assert table.task.tolist() == columns["t"]
        assert table.classes == ("no", "yes")
        np.testing.assert_array_equal(table.y, [1, -1, -1, 1])


def test_the_content_decides_not_the_extension(tmp_path):
    path = tmp_path / "table.parquet"
    path.write_text("PAR1,t,y\n1,2,3\n2,2,4\n3,2,9\n")
    assert read_table(path, task="t", target="y").features == ("PAR1",)


def test_missing_file_folder_and_unreadable_file(tmp_path, monkeypatch):
    def message(path):
        with pytest.raises(TableError) as caught:
            read_table(path, task="t", target="y")
        return str(caught.value)

    assert message(tmp_path / "no.csv") == f"There is no file '{tmp_path}/no.csv'."
    assert message(str(tmp_path)) == f"'{tmp_path}' is a folder, not a CSV or Parquet file."

    def denied(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    assert message(tmp_path / "x.csv") == f"'{tmp_path}/x.csv' cannot be read: permission denied."


@pytest.mark.parametrize("content", [b"", b"\n\n", b"  \r\n", b"\xef\xbb\xbf\n"])
def test_an_empty_file(fault, content):
    assert fault(content).endswith("data.csv' is empty: it needs a header line and data rows.")


NO_ROWS = {"t": [], "x": [], "y": []}


@pytest.mark.parametrize("content", ["t,x,y\n", "t,x,y", NO_ROWS], ids=["line", "bare", "parquet"])
def test_no_data_rows(fault, content):
    assert fault(content).endswith(" has no data rows.")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bytes(range(256)), "data.csv is no CSV or Parquet file: it holds binary data of another kind."),
        (b"\x89PNG\r\n\x1a\n", "data.csv is no CSV or Parquet file: it holds binary data of another kind."),
        (b"\x1f\x8b\x08\x00", "data.csv is no CSV or Parquet file: it holds binary data of another kind."),
        (b"PAR1" + bytes(50), "data.csv begins as a Parquet file but is damaged or cut short."),
        ("t,x,y\n1,2,3\n".encode("utf-16"), "data.csv is text in UTF-16: save it as CSV in UTF-8."),
        (
            "t,x,y\né,2,3\n".encode("latin-1"),
            "data.csv cannot be read as CSV: it is not in UTF-8, so save it as UTF-8.",
        ),
        (
            "t,é,y\n1,2,3\n".encode("latin-1"),
            "data.csv cannot be read as CSV: it is not in UTF-8, so save it as UTF-8.",
        ),
    ],
)
def test_other_formats(fault, content, message):
    assert fault(content) == message


def test_a_parquet_file_cut_short(tmp_path, fault):
    pq.write_table(pa.table({"t": ["a", "b"], "x": [1.0, 2.0], "y": [0.5, 1.5]}), tmp_path / "whole")
    assert fault((tmp_path / "whole").read_bytes()[:-9]).endswith("is damaged or cut short.")


@pytest.mark.parametrize(
    ("text", "where", "held"),
    [
        ("t,x,y\n1,2,3\n1,2\n3,3,3\n", "row 2 (line 3 of the file)", "2 values"),
        ("t,x,y\n\n1,2,3\n\n1,2,3,4\n3,3\n", "row 2 (line 5 of the file)", "4 values"),
        ('t,x,y\n"a\nb",2,3\n1\n3,3,3\n', "row 2 (line 4 of the file)", "1 value"),
    ],
)
def test_ragged_rows(fault, text, where, held):
    assert fault(text) == f"data.csv is ragged: {where} has {held} where the header names 3 columns."


def test_an_open_quotation_mark_is_suspected(fault):
    assert fault('t,x,y\n1,2,3\n1,"2,3\n4,5,6\n') == (
        "data.csv is ragged: row 2 (line 3 of the file) has 2 values where the header names 3 columns "
        "(is a quotation mark left open?)."
    )


@settings(max_examples=40, deadline=None)
@given(data=st.data(), rows=st.integers(3, 15))
def test_the_line_named_is_the_line_of_the_row(tmp_path_factory, data, rows):
    bad = data.draw(st.integers(0, rows - 1))
    blank = data.draw(st.lists(st.integers(0, 2), min_size=rows, max_size=rows))
    broken = data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows))
    lines = ["t,x,y"]
    for row in range(rows):
        lines += [""] * blank[row]
        if row == bad:
            expected = len(lines) + 1
        label = '"b\n"' if broken[row] else "a"
        lines += f"{label},{'' if row == bad else row},{row}".split("\n")
    path = tmp_path_factory.mktemp("line") / "a.csv"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(TableError, match=rf"in row {bad + 1} \(line {expected} of the file\)"):
        read_table(path, task="t", target="y")
