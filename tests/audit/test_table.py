import datetime
import time
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patom.audit.table import TableError, read_table


@pytest.fixture(name="read")
def fixture_read(tmp_path):
    """Write CSV text, bytes or an Arrow table as data.csv or data.parquet, and read it back."""

    def read(content, *, task="t", target="y", **settings):
        if isinstance(content, pa.Table):
            path = tmp_path / "data.parquet"
            pq.write_table(content, path)
        else:
            path = tmp_path / "data.csv"
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_table(path, task=task, target=target, **settings)

    return read


@pytest.fixture(name="fault")
def fixture_fault(read):
    """Give the sentence of the error; every one is a single sentence on a single line."""

    def fault(content, **settings):
        with pytest.raises(TableError) as caught:
            read(content, **settings)
        message = str(caught.value)
        assert message.endswith(".")
        assert "\n" not in message
        assert ". " not in message
        assert caught.value.__cause__ is None
        return message

    return fault


def arrow(**columns):
    """A table of three rows with t, x and y, unless others are given."""
    return pa.table({"t": ["a", "b", "a"], "x": [1.0, 2.0, 4.0], "y": [0.5, 1.5, 2.5]} | columns)


# --- what is read -----------------------------------------------------------------------------------------


def test_csv_regression_is_read_in_file_order(read):
    table = read("site,x,when,y,open\nb,1,2020-01-01,0.5,true\na,2,2020-01-02,-1.5,false\nb,3,2020-01-03,7,true\n",
                 task="site")  # fmt: skip
    assert (table.name, table.source, table.kind) == ("data", "data.csv", "regression")
    assert (table.features, table.task_column, table.target_column) == (("x", "open"), "site", "y")
    np.testing.assert_array_equal(table.X, [[1, 1], [2, 0], [3, 1]])
    np.testing.assert_array_equal(table.y, [0.5, -1.5, 7])
    assert table.task.tolist() == ["b", "a", "b"]
    assert table.X.dtype == table.y.dtype == np.float64
    assert table.X.flags.c_contiguous
    assert table.classes is None
    assert table.kind_reason == "the target holds 3 distinct numbers"
    assert table.notes == (
        "Left out of the features, as they hold no numbers: 'when'.",
        "Regression, since the target holds 3 distinct numbers.",
    )


def test_a_table_cannot_be_reassigned(read):
    table = read("t,x,y\n1,2,3\n2,3,5\n")
    with pytest.raises(AttributeError):
        table.name = "other"


def test_features_keep_the_order_they_are_asked_for_in(read):
    table = read("a,t,b,c,y\n1,p,2,3,4\n5,q,6,7,8\n", features=("c", "a"))
    assert table.features == ("c", "a")
    np.testing.assert_array_equal(table.X, [[3, 1], [7, 5]])


def test_one_feature_may_be_given_as_a_string(read):
    assert read("price,t,b,y\n1,p,2,3\n5,q,6,7\n", features="price").features == ("price",)


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


def test_pandas_and_polars_files_with_categories(tmp_path):
    columns = {"t": ["b", "a", "b", "c"], "x": [1, 2, 3, 4], "y": ["yes", "no", "no", "yes"]}
    pd.DataFrame(columns).astype({"t": "category", "y": "category"}).to_parquet(tmp_path / "pandas")
    pl.DataFrame(columns).cast({"t": pl.Categorical, "y": pl.Enum(["yes", "no"])}).write_parquet(
        tmp_path / "polars"
    )
    for name in ("pandas", "polars"):  # no extension: known by content
        table = read_table(tmp_path / name, task="t", target="y")
        assert table.task.tolist() == columns["t"]
        assert table.classes == ("no", "yes")
        np.testing.assert_array_equal(table.y, [1, -1, -1, 1])


def test_the_content_decides_not_the_extension(tmp_path):
    path = tmp_path / "table.parquet"
    path.write_text("PAR1,t,y\n1,2,3\n2,2,4\n3,2,9\n")
    assert read_table(path, task="t", target="y").features == ("PAR1",)


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
    table = read(arrow(x=column))
    np.testing.assert_array_equal(table.X[:, 0], expected)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view(), pa.binary()])
def test_numbers_stored_as_text_are_read_and_noted(read, kind):
    table = read(arrow(x=pa.array(["1", " -2.5e1", "+.5"]).cast(kind)))
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
    table = read(arrow(left=column))
    assert table.features == ("x",)
    assert table.notes[0] == "Left out of the features, as they hold no numbers: 'left'."


def test_many_columns_left_out_are_counted_past_twenty(read):
    table = read(arrow(**{f"c{i}": ["u", "v", "w"] for i in range(30)}))
    assert table.notes[0].endswith("'c18', 'c19' and 10 more.")


# --- task labels ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["3", "-1", "20"], [3, -1, 20]),
        (["3.0", "1", "2e1"], [3, 1, 20]),
        (["007", "7", "08"], ["007", "7", "08"]),
        (["12345678901234567890", "12345678901234567891", "1"],) * 2,
        (["NA", "DE", "null"],) * 2,
        (["True", "False", "True"],) * 2,
        (["2020-01-01", "2020-01-02", "2020-01-01"],) * 2,
        (["a", "1", "b "],) * 2,
    ],
)
def test_csv_task_labels(read, written, expected):
    labels = read("t,x,y\n" + "".join(f"{label},{i},{i}\n" for i, label in enumerate(written))).task
    assert labels.tolist() == expected
    assert labels.dtype == np.int64 or labels.dtype.kind == "U"


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([3, -1, 3], pa.int8()), [3, -1, 3]),
        (pa.array([1, 2, 3], pa.uint64()), [1, 2, 3]),
        (pa.array([2**64 - 1, 2, 3], pa.uint64()), [str(2**64 - 1), "2", "3"]),
        (pa.array([1.0, 2.0, -3.0]), [1, 2, -3]),
        (pa.array([Decimal("7"), Decimal("8"), Decimal("7")]), [7, 8, 7]),
        (pa.array([Decimal("7.00"), Decimal("8.00"), Decimal("7.00")]), [7, 8, 7]),
        (pa.array([True, False, True]), ["True", "False", "True"]),
        (pa.array(["1", "02", "1"]), ["1", "02", "1"]),
        (pa.array(["v", "w", "v"], pa.large_string()), ["v", "w", "v"]),
        (pa.array(["v", "w", "v"], pa.string_view()), ["v", "w", "v"]),
        (pa.array(["v", "w", "v"]).dictionary_encode(), ["v", "w", "v"]),
        (pa.array([b"v", b"w", b"v"]), ["v", "w", "v"]),
        (pa.array([datetime.date(2020, 1, 2)] * 3), ["2020-01-02"] * 3),
    ],
    ids=lambda value: str(value.type) if hasattr(value, "type") else "",
)
def test_parquet_task_labels(read, column, expected):
    labels = read(arrow(t=column)).task
    assert labels.tolist() == expected
    assert labels.dtype == np.int64 or labels.dtype.kind == "U"


@pytest.mark.parametrize("label", ["", " "])
def test_an_empty_task_is_missing(fault, label):
    assert fault(f"t,x,y\na,1,2\n{label},2,3\n,3,5\n") == (
        "data.csv names no task in row 2 (line 3 of the file), column 't' (2 rows in all): "
        "drop such rows or name their task."
    )


@pytest.mark.parametrize("label", ["", "NaN", "NA"])
def test_a_missing_number_among_task_numbers(fault, label):
    assert "names no task in row 2 (line 3 of the file)" in fault(f"t,x,y\n1,1,2\n{label},2,3\n2,3,5\n")


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["a", None, "b"]),
        pa.array(["a", None, "b"]).dictionary_encode(),
        pa.array([1, None, 2]),
        pa.array([1.0, float("nan"), 2.0]),
        pa.array([True, None, False]),
        pa.array([datetime.date(2020, 1, 1), None, None]),
    ],
    ids=lambda column: str(column.type),
)
def test_a_null_task_is_an_error_with_its_row(fault, column):
    assert fault(arrow(t=column)).startswith("data.parquet names no task in row 2, column 't' (")


@pytest.mark.parametrize(
    "content", ["t,x,y\n2,1,2\n1.5,2,3\n", arrow(t=[2.0, 1.5, 3.0])], ids=["csv", "parquet"]
)
def test_a_task_is_no_measurement(fault, content):
    message = fault(content)
    assert message.startswith("The task column 't' of data.")
    assert "holds 1.5 in row 2" in message
    assert message.endswith("tasks are named by whole numbers or by text.")


def test_a_task_number_beyond_exact_floats_is_refused_rather_than_merged(fault):
    assert "holds 1.80144e+16 in row 1" in fault(arrow(t=[2.0**54, 1.0, 2.0]))


def test_a_list_is_no_task(fault):
    assert fault(arrow(t=[[1], [2], [3]])).endswith("holds values of type list<element: int64>, not labels.")


def test_prose_is_no_task(fault):
    message = fault("t,x,y\na,1,2\n" + "word " * 120 + ",2,3\n")
    assert "holds a label of 600 characters in row 2 (line 3 of the file)" in message


# --- regression or classification -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "classes", "signs"),
    [
        (["yes", "no", "yes"], ("no", "yes"), [1, -1, 1]),
        (["no", "no", "yes"], ("no", "yes"), [-1, -1, 1]),
        (pa.array(["yes", "no", "yes"]).dictionary_encode(), ("no", "yes"), [1, -1, 1]),
        ([True, False, False], ("False", "True"), [1, -1, -1]),
        ([0, 1, 1], ("0", "1"), [-1, 1, 1]),
        ([-1.0, 1.0, 1.0], ("-1", "1"), [-1, 1, 1]),
        ([0.5, 2.25, 0.5], ("0.5", "2.25"), [-1, 1, -1]),
        ([Decimal("1"), Decimal("2"), Decimal("1")], ("1", "2"), [-1, 1, -1]),
        (["1", "0", "?"][:2] + ["1"], ("0", "1"), [1, -1, 1]),
    ],
)
def test_two_values_are_classes_and_the_last_in_order_is_positive(read, target, classes, signs):
    table = read(arrow(y=target))
    assert table.kind == "classification"
    assert table.classes == classes
    np.testing.assert_array_equal(table.y, signs)
    assert table.kind_reason == f"the target holds two classes, {classes[0]!r} and {classes[1]!r}"
    assert f"{classes[1]!r} is the positive class (+1), as it sorts last." in table.notes[-1]


def test_two_numbers_say_how_to_have_a_regression(read):
    text = "t,x,y\n1,1,10\n2,2,20\n"
    assert "If the two numbers are quantities, set the kind to 'regression'." in read(text).notes[-1]
    table = read(text, kind="regression")
    assert (table.kind, table.kind_reason, table.classes) == ("regression", "it was asked for", None)
    np.testing.assert_array_equal(table.y, [10, 20])
    assert "quantities" not in read(text, kind="classification").notes[-1]


def test_few_whole_numbers_are_quantities_and_it_says_so(read):
    table = read("t,x,y\n" + "".join(f"1,{i},{i % 5}\n" for i in range(40)))
    assert table.kind == "regression"
    assert table.kind_reason == "the target holds 5 distinct whole numbers, taken as quantities"
    assert table.notes == (
        "Regression, since the target holds 5 distinct whole numbers, taken as quantities; if they stand for "
        "classes, make one-vs-rest tasks of them with patom.datasets.one_vs_rest_tasks, or keep two classes.",
    )


def test_many_whole_numbers_are_just_numbers(read):
    table = read("t,x,y\n" + "".join(f"1,{i},{i}\n" for i in range(1200)))
    assert table.kind_reason == "the target holds 1,200 distinct numbers"


def test_more_than_two_words(fault):
    rows = "".join(f"1,{i},{name}\n" for i, name in enumerate("gabcdef"))
    assert fault("t,x,y\n" + rows) == (
        "The target 'y' of data.csv holds 7 classes ('a', 'b', 'c', 'd', 'e' and 2 more) where two are needed: "
        "make one-vs-rest tasks of them with patom.datasets.one_vs_rest_tasks, or keep the rows of two classes."
    )


@pytest.mark.parametrize("target", [[1.0, 2.0, 3.5], ["a", "b", "c"], ["1", "2", "x"]])
def test_classification_of_three_values_is_an_error(fault, target):
    assert "holds 3 classes (" in fault(arrow(y=target), kind="classification")


def test_regression_on_words(fault):
    assert fault("t,x,y\n1,1,no\n2,2,yes\n3,3,no\n", kind="regression") == (
        "The target 'y' of data.csv holds words such as 'no', which no regression can predict: set the kind to "
        "'classification' or choose another target."
    )


@pytest.mark.parametrize("kind", ["auto", "regression", "classification"])
@pytest.mark.parametrize(
    ("target", "shown"), [([4.0] * 3, "'4'"), (["no"] * 3, "'no'"), ([True] * 3, "'True'")]
)
def test_a_constant_target(fault, kind, target, shown):
    message = fault(arrow(y=target), kind=kind)
    if kind == "regression" and target[0] == "no":
        assert "which no regression can predict" in message
    else:
        assert message == (
            f"The target 'y' of data.parquet is constant: it is {shown} in every row, so there is nothing to learn."
        )


def test_a_date_is_no_target(fault):
    assert fault("t,x,y\n1,1,2020-01-01\n2,2,2020-01-02\n") == (
        "The column 'y' of data.csv holds values of type date32[day], not numbers."
    )


def test_an_unknown_kind(fault):
    assert fault("t,x,y\n1,2,3\n", kind="ranking") == (
        "The kind must be 'auto', 'regression' or 'classification', not 'ranking'."
    )


# --- files that cannot be read ----------------------------------------------------------------------------


def test_missing_file_folder_and_unreadable_file(tmp_path, monkeypatch):
    def message(path):
        with pytest.raises(TableError) as caught:
            read_table(path, task="t", target="y")
        return str(caught.value)

    assert message(tmp_path / "no.csv") == f"There is no file '{tmp_path}/no.csv'."
    assert message(str(tmp_path)) == f"'{tmp_path}' is a folder, not a CSV or Parquet file."

    def denied(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    assert message(tmp_path / "x.csv") == f"'{tmp_path}/x.csv' cannot be read: permission denied."


@pytest.mark.parametrize("content", [b"", b"\n\n", b"  \r\n", b"\xef\xbb\xbf\n"])
def test_an_empty_file(fault, content):
    assert fault(content).endswith("data.csv' is empty: it needs a header line and data rows.")


@pytest.mark.parametrize(
    "content", ["t,x,y\n", "t,x,y", arrow().slice(0, 0)], ids=["line", "bare", "parquet"]
)
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
    pq.write_table(arrow(), tmp_path / "whole")
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


# --- names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        ("users,x,y", "the nearest name is 'users'"),
        ("USER,x,y", "the nearest name is 'USER'"),
        ("users,user_id,y", "the nearest names are 'users' and 'user_id'"),
        ("a,b,y", "its columns are 'a', 'b' and 'y'"),
        ("alpha", "its column is 'alpha'"),
    ],
)
def test_a_missing_column_gets_the_nearest_names(fault, header, hint):
    row = ",".join("1" for _ in header.split(","))
    assert fault(f"{header}\n{row}\n", task="user") == f"data.csv has no column 'user': {hint}."


def test_a_missing_target_and_a_missing_feature(fault):
    assert (
        fault("t,x,y\n1,2,3\n", target="z") == "data.csv has no column 'z': its columns are 't', 'x' and 'y'."
    )
    assert fault("t,xx,y\n1,2,3\n", features=["x"]) == "data.csv has no column 'x': the nearest name is 'xx'."


def test_a_parquet_file_without_columns(fault):
    assert fault(pa.table({})) == "data.parquet has no column 't': it has none."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "t"}, "'t' is named as the task and as the target: they must be two columns."),
        ({"features": ["x", "t"]}, "The task column 't' cannot be a feature too: take it off the features."),
        ({"features": ["y"]}, "The target column 'y' cannot be a feature too: take it off the features."),
        ({"features": ["x", "x"]}, "The features name 'x' more than once."),
        ({"features": []}, "The features name no column: name at least one, or leave them to be chosen."),
    ],
)
def test_columns_used_twice_or_not_at_all(fault, options, message):
    assert fault("t,x,y\n1,2,3\n2,3,4\n", **options) == message


def test_duplicated_names(fault):
    expected = "has more than one column named 'x' and 'z': rename them."
    assert fault("t,x,x,z,y,z\n1,2,3,4,5,6\n") == f"data.csv {expected}"
    both = pa.table([pa.array([1, 2])] * 6, names=["t", "x", "x", "z", "y", "z"])
    assert fault(both) == f"data.parquet {expected}"


@pytest.mark.parametrize("text", ["t,y\n1,2\n2,3\n", "t,x,y\n1,red,2\n2,blue,3\n"])
def test_no_feature_left(fault, text):
    assert fault(text) == "data.csv has no feature: no column but 't' and 'y' holds numbers."


# --- values -----------------------------------------------------------------------------------------------


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
    assert where in fault(arrow(**columns))


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


def test_a_stray_word_in_the_target(fault):
    assert "The column 'y' of data.csv holds '?' in row 3 (line 4 of the file)" in fault(
        "t,x,y\n1,1,1.5\n2,2,2\n3,3,?\n4,4,7\n"
    )


def test_long_values_are_cut_in_messages(fault):
    message = fault("t,x,y\n1,1,1\n2," + "z" * 500 + ",2\n3,3,3\n")
    assert "'" + "z" * 37 + "...'" in message
    assert len(message) < 300


# --- any table --------------------------------------------------------------------------------------------

NUMBERS = st.floats(-1e300, 1e300)


@st.composite
def tables(draw):
    rows = draw(st.integers(3, 12))
    task = draw(st.lists(st.text("abc1 ü,\"'", min_size=1).filter(str.strip), min_size=rows, max_size=rows))
    X = draw(st.lists(st.lists(NUMBERS, min_size=rows, max_size=rows), min_size=1, max_size=4))
    y = draw(st.lists(NUMBERS, min_size=rows, max_size=rows, unique=True))
    return pa.table(
        {"task": ["t" + label for label in task], "y": y, **{f"x{i}": x for i, x in enumerate(X)}}
    )


@settings(max_examples=40, deadline=None)
@given(table=tables())
def test_csv_and_parquet_hold_what_was_written(tmp_path_factory, table):
    folder = tmp_path_factory.mktemp("table")
    pa.csv.write_csv(table, folder / "a.csv")
    pq.write_table(table, folder / "a.parquet")
    X = np.column_stack([column.to_numpy() for column in table.columns[2:]])
    for path in folder.iterdir():
        back = read_table(path, task="task", target="y", kind="regression")
        assert back.features == tuple(table.column_names[2:])
        assert back.task.tolist() == table["task"].to_pylist()
        np.testing.assert_array_equal(back.X, X)
        np.testing.assert_array_equal(back.y, table["y"].to_numpy())


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


def test_a_long_table_is_read_without_a_loop_over_rows(tmp_path):
    n = 200_000
    rng = np.random.default_rng(0)
    columns = {"t": rng.integers(0, 500, n).astype(str), "y": rng.normal(size=n), "x": rng.normal(size=n)}
    columns["t"] = np.char.add("user ", columns["t"])
    pa.csv.write_csv(pa.table(columns), tmp_path / "long.csv")
    start = time.perf_counter()
    table = read_table(tmp_path / "long.csv", task="t", target="y")
    assert time.perf_counter() - start < 3.0  # about 0.2 s on an idle core; a loop over values takes longer
    np.testing.assert_array_equal(table.task, columns["t"])
    np.testing.assert_array_equal(table.X[:, 0], columns["x"])
