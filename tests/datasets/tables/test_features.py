import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from patom.datasets.tables.table import read_table


def test_features_keep_the_order_they_are_asked_for_in(read):
    table = read("a,t,b,c,y\n1,p,2,3,4\n5,q,6,7,8\n", features=("c", "a"))
    assert table.features == ("c", "a")
    np.testing.assert_array_equal(table.X, [[3, 1], [7, 5]])


def test_one_feature_may_be_given_as_a_string(read):
    assert read("price,t,b,y\n1,p,2,3\n5,q,6,7\n", features="price").features == ("price",)


def test_unnamed_columns_are_left_out(read):
    table = read(",t,x,y,,\n0,1,2,3,,\n1,1,3,4,,\n2,1,3,5.5,,\n")
    assert table.features == ("x",)
    assert table.notes[0] == "Columns without a name were left out: they are most likely row numbers."


def test_the_index_pandas_writes_is_left_out(tmp_path):
    frame = pd.DataFrame({"t": [1, 2, 2], "x": [0.5, 1.5, 2.5], "y": [1.0, 2.0, 4.0]}, index=[7, 8, 9])
    frame.to_parquet(tmp_path / "p.parquet")
    frame.to_csv(tmp_path / "p.csv")
    for name in ("p.parquet", "p.csv"):
        assert read_table(tmp_path / name, task="t", target="y").features == ("x",)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([1, 2, 3], pa.uint8()), [1, 2, 3]),
        (pa.array([2**62, 2**53 + 1, -5]), [2.0**62, 2.0**53, -5]),
        (pa.array([2**64 - 1, 0, 1], pa.uint64()), [2.0**64, 0, 1]),
        (pa.array([0.5, 1, 2], pa.float16()), [0.5, 1, 2]),
        (pa.array([Decimal("1.50"), Decimal("-2"), Decimal("3")]), [1.5, -2, 3]),
        (pa.array([Decimal("1.5"), Decimal("-2"), Decimal("3")], pa.decimal256(50, 3)), [1.5, -2, 3]),
        (pa.array([True, False, True]), [1, 0, 1]),
        (pa.array([3, 1, 3]).dictionary_encode(), [3, 1, 3]),
        (pa.chunked_array([[1.0], [2.0, 3.0]]), [1, 2, 3]),
    ],
    ids=lambda value: str(value.type) if hasattr(value, "type") else "",
)
def test_numeric_types_become_float64(read, column, expected):
    table = read({"x": column})
    np.testing.assert_array_equal(table.X[:, 0], expected)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view(), pa.binary()])
def test_numbers_stored_as_text_are_read_and_noted(read, kind):
    table = read({"x": pa.array(["1", " -2.5e1", "+.5"]).cast(kind)})
    np.testing.assert_array_equal(table.X[:, 0], [1, -25, 0.5])
    assert table.notes[0] == "Stored as text and read as numbers: 'x'."


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["red", "green", "7"]),
        pa.array(["", " ", ""]),
        pa.nulls(3),
        pa.nulls(3, pa.int64()),
        pa.array([datetime.date(2020, 1, 1)] * 3),
        pa.array([datetime.datetime(2020, 1, 1)] * 3),
        pa.array([[1], [2], [3]]),
        pa.array([b"\xff", b"\xfe", b"1"]),
        pa.array(["red", "red", "blue"]).dictionary_encode(),
    ],
    ids=lambda column: str(column.type),
)
def test_columns_that_hold_no_numbers_are_left_out_by_name(read, column):
    table = read({"left": column})
    assert table.features == ("x",)
    assert table.notes[0] == "Left out of the features, as they hold no numbers: 'left'."


def test_many_columns_left_out_are_counted_past_twenty(read):
    table = read({f"c{i}": ["u", "v", "w"] for i in range(30)})
    assert table.notes[0].endswith("'c18', 'c19' and 10 more.")


@pytest.mark.parametrize("text", ["t,y\n1,2\n2,3\n", "t,x,y\n1,red,2\n2,blue,3\n"])
def test_no_feature_left(fault, text):
    assert fault(text) == "data.csv has no feature: no column but 't' and 'y' holds numbers."


@pytest.mark.parametrize(
    ("text", "what", "column", "count"),
    [
        ("t,x,z,y\n1,1,1,1\n2,,1,2\n3,,,3\n", "a missing", "x", "3 missing or infinite values in 2 rows"),
        ("t,x,z,y\n1,1,1,1\n2,1,NaN,2\n3,1,1,3\n", "a missing", "z", "1 missing or infinite value in 1 row"),
        (
            "t,x,z,y\n1,1,1,1\n2,-inf,1,2\n3,1,1,3\n",
            "an infinite",
            "x",
            "1 missing or infinite value in 1 row",
        ),
        (
            "t,x,z,y\n1,1,1,1\n2,1e400,1,2\n3,1,1,3\n",
            "an infinite",
            "x",
            "1 missing or infinite value in 1 row",
        ),
        ("t,x,z,y\n1,1,1,1\n2,1,1,\n3,,1,3\n", "a missing", "y", "2 missing or infinite values in 2 rows"),
        ("t,x,z,y\n1,1,1,no\n2,1,1,\n3,1,1,yes\n", "a missing", "y", "1 missing or infinite value in 1 row"),
        (
            "t,x,z,y\n1,1,1,1\n2,1,1,inf\n3,1,1,2\n",
            "an infinite",
            "y",
            "1 missing or infinite value in 1 row",
        ),
    ],
)
def test_missing_and_infinite_values(fault, text, what, column, count):
    assert fault(text) == (
        f"data.csv holds {what} value in row 2 (line 3 of the file), column {column!r} ({count} in all): "
        "drop such rows or fill the values in."
    )


@pytest.mark.parametrize(
    ("columns", "where"),
    [
        ({"x": [1, None, 3]}, "row 2, column 'x'"),
        ({"x": [1.0, 2.0, float("nan")]}, "row 3, column 'x'"),
        ({"x": [Decimal("1"), None, None]}, "row 2, column 'x'"),
        ({"x": [True, None, False]}, "row 2, column 'x'"),
        ({"x": ["1", "2", ""]}, "row 3, column 'x'"),
        ({"y": pa.nulls(3)}, "row 1, column 'y'"),
        ({"y": ["", "b", "a"]}, "row 1, column 'y'"),
        ({"y": ["", "", ""]}, "row 1, column 'y'"),
        ({"y": pa.array(["b", None, "a"]).dictionary_encode()}, "row 2, column 'y'"),
        ({"y": [True, False, None]}, "row 3, column 'y'"),
    ],
)
def test_missing_values_in_parquet_are_told_by_row_alone(fault, columns, where):
    assert where in fault(columns)


def test_an_empty_column_is_an_error_only_if_it_is_asked_for(read, fault):
    text = "t,x,empty,y\n1,1,,2\n2,3,,4\n"
    assert read(text).features == ("x",)
    assert "(2 missing or infinite values in 2 rows in all)" in fault(text, features=["empty"])


def test_a_stray_word_in_a_numeric_column(fault):
    text = "t,x,y\n1,1,1\n2,abc,2\n3,3,3\n"
    start = "The column 'x' of data.csv holds 'abc' in row 2 (line 3 of the file), which is not a number "
    count = "(1 such value in all): correct such values (numbers are written like -1.5 or 2e3), "
    assert fault(text) == start + count + "drop their rows, or choose the features by name."
    assert fault(text, features=["x"]) == start + count + "or drop their rows."


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        (["1", "2", "a", "b"], True),  # half of them numbers
        (["1", "a", "b", "c"], False),
        (["1", "", "", "a"], True),  # empty values do not count
        (["1,5", "2,5", "3,5", "4,5"], True),  # decimal commas
        (["1 %", "20%", "3 %", "4 %"], True),
        (["1-2", "3-4", "10:30", "v2"], False),
    ],
)
def test_a_column_is_refused_if_half_its_values_are_meant_as_numbers(read, fault, values, refused):
    rows = "".join(f'{i},{i},"{value}",{i}\n' for i, value in enumerate(values))
    text = "t,z,x,y\n" + rows
    if refused:
        assert "which is not a number" in fault(text)
    else:
        assert read(text).features == ("z",)
    assert read(text, features=["z"]).features == ("z",)
    assert "which is not a number" in fault(text, features=["x"])


def test_a_date_asked_for_as_a_feature(fault):
    assert fault("t,x,y\n1,2020-01-01,2\n2,2020-01-02,3\n", features=["x"]) == (
        "The column 'x' of data.csv holds values of type date32[day], not numbers."
    )


def test_a_date_is_no_target(fault):
    assert fault("t,x,y\n1,1,2020-01-01\n2,2,2020-01-02\n") == (
        "The column 'y' of data.csv holds values of type date32[day], not numbers."
    )


def test_a_stray_word_in_the_target(fault):
    assert "The column 'y' of data.csv holds '?' in row 3 (line 4 of the file)" in fault(
        "t,x,y\n1,1,1.5\n2,2,2\n3,3,?\n4,4,7\n"
    )


def test_long_values_are_cut_in_messages(fault):
    message = fault("t,x,y\n1,1,1\n2," + "z" * 500 + ",2\n3,3,3\n")
    assert "'" + "z" * 37 + "...'" in message
    assert len(message) < 300


BEYOND = ["9223372036854775808", "9223372036854775809", "18446744073709551616"]
ROUNDED = "Rounded to float64, as they hold whole numbers beyond 2**53: {}."


@pytest.mark.parametrize(
    ("written", "noted"),
    [
        (["9007199254740993", "9007199254740992", "1"], True),
        (BEYOND, True),
        (["9007199254740993.0", "9007199254740992.0", "1"], True),
        (["-9007199254740993", "+9007199254740992", "1"], True),
        (["1e+17", "2.5e+300", "1"], False),  # floats as programs write them
        (["9007199254740991", "1", "2"], False),
        (["0000000000000000000001", "1", "2"], False),
    ],
)
def test_whole_numbers_that_float64_rounds_are_noted_however_they_are_kept(read, written, noted):
    of_csv = read("t,x,y\n" + "".join(f"a{i},{value},{i * i}\n" for i, value in enumerate(written)))
    of_text = read({"x": pa.array([f" {value} " for value in written])})
    for table in (of_csv, of_text):
        assert (ROUNDED.format("'x'") in table.notes) == noted


def test_all_columns_that_float64_rounds_are_noted_in_the_order_of_the_file(read):
    rows = "".join(f"a{i},{value},{value},0.5,{i * i},1e+20\n" for i, value in enumerate(BEYOND))
    table = read("t,x,z,u,y,w\n" + rows)
    assert table.features == ("x", "z", "u", "w")
    assert ROUNDED.format("'x' and 'z'") in table.notes
