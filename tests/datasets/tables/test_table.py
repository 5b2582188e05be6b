import sys
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patom.datasets.tables.table import read_table


def test_csv_regression_is_read_in_file_order(read):
    rows = ["b,1,2020-01-01,0.5,true", "a,2,2020-01-02,-1.5,false", "b,3,2020-01-03,7,true"]
    table = read("\n".join(["site,x,when,y,open", *rows]), task="site")
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
        (["1", "0", "1"], ("0", "1"), [1, -1, 1]),
    ],
)
def test_two_values_are_classes_and_the_last_in_order_is_positive(read, target, classes, signs):
    table = read({"y": target})
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
        "The target 'y' of data.csv holds 7 classes ('a', 'b', 'c', 'd', 'e' and 2 more) where two are "
        "needed: make one-vs-rest tasks of them with patom.datasets.one_vs_rest_tasks, or keep the rows of "
        "two classes."
    )


@pytest.mark.parametrize("target", [[1.0, 2.0, 3.5], ["a", "b", "c"], ["1", "2", "x"]])
def test_classification_of_three_values_is_an_error(fault, target):
    assert "holds 3 classes (" in fault({"y": target}, kind="classification")


def test_regression_on_words(fault):
    assert fault("t,x,y\n1,1,no\n2,2,yes\n3,3,no\n", kind="regression") == (
        "The target 'y' of data.csv holds words such as 'no', which no regression can predict: set the kind "
        "to 'classification' or choose another target."
    )


@pytest.mark.parametrize("kind", ["auto", "regression", "classification"])
@pytest.mark.parametrize(("target", "shown"), [([4.0] * 3, "'4'"), (["no"] * 3, "'no'"), ([True] * 3, "'True'")])
def test_a_constant_target(fault, kind, target, shown):
    message = fault({"y": target}, kind=kind)
    if kind == "regression" and target[0] == "no":
        assert "which no regression can predict" in message
    else:
        assert message == (
            f"The target 'y' of data.parquet is constant: it is {shown} in every row, so there is nothing to learn."
        )


def test_an_unknown_kind(fault):
    assert fault("t,x,y\n1,2,3\n", kind="ranking") == (
        "The kind must be 'auto', 'regression' or 'classification', not 'ranking'."
    )


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
    assert fault("t,x,y\n1,2,3\n", target="z") == "data.csv has no column 'z': its columns are 't', 'x' and 'y'."
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


NUMBERS = st.floats(-1e300, 1e300)


@st.composite
def tables(draw):
    rows = draw(st.integers(3, 12))
    task = draw(st.lists(st.text("abc1 ü,\"'", min_size=1).filter(str.strip), min_size=rows, max_size=rows))
    X = draw(st.lists(st.lists(NUMBERS, min_size=rows, max_size=rows), min_size=1, max_size=4))
    y = draw(st.lists(NUMBERS, min_size=rows, max_size=rows, unique=True))
    return pa.table({"task": ["t" + label for label in task], "y": y, **{f"x{i}": x for i, x in enumerate(X)}})


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


def test_no_line_of_the_reader_runs_once_a_row(tmp_path):
    def lines_run(n):
        path = tmp_path / f"{n}.csv"
        path.write_text("t,u,x,y\n" + "".join(f"user {i % 5},{i % 3},0.{i},1.{i}\n" for i in range(n)))
        count = 0

        def trace(frame, event, _):
            nonlocal count
            count += event == "line" and frame.f_globals["__name__"].startswith("patom.datasets.tables")
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            table = read_table(path, task="t", target="y")
        finally:
            sys.settrace(before)
        assert table.X.shape == (n, 2)
        return count

    assert lines_run(2000) == lines_run(50) > 0
