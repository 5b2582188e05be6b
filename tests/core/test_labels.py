"""Task labels: any hashable values in, positions out, missing ones and strangers refused."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from patom.core.labels import as_labels, encode, positions

KINDS = {
    "ints": [3, 1, 3, 2],
    "floats": [0.5, -1.0, 0.5, 0.0],
    "strings": ["up", "down", "up", "left"],
    "tuples": [("a", 1), ("b", 0), ("a", 1), ("a", 2)],
    "tuples of different lengths": [("a",), ("b", 0), ("a",), ()],
    "mixed": ["up", 3, "up", ("a", 1)],
    "numbers and their names": ["3", 3, "3", 4.5],
    "bytes and strings": [b"up", "up", b"up", "down"],
    "booleans": [True, False, True, False],
    "bytes": [b"a", b"b", b"a", b"c"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_label(kind):
    given = KINDS[kind]
    distinct, index = encode(as_labels(given, 4))
    assert len(set(given)) == distinct.size
    assert index.dtype == np.int64
    assert [distinct[i] for i in index] == given
    np.testing.assert_array_equal(positions(as_labels(given[::-1], 4), distinct, argument="task"), index[::-1])


@pytest.mark.parametrize("kind", ["ints", "floats", "strings", "tuples", "bytes"])
def test_labels_of_one_kind_are_sorted(kind):
    assert encode(as_labels(KINDS[kind], 4))[0].tolist() == sorted(set(KINDS[kind]))


def test_mixed_labels_come_as_they_come():
    assert encode(as_labels(KINDS["mixed"], 4))[0].tolist() == ["up", 3, ("a", 1)]


@pytest.mark.parametrize("container", [list, tuple, np.array, pd.Series, pl.Series, pd.Categorical, pd.Index])
def test_every_container(container):
    distinct, index = encode(as_labels(container(["b", "a", "b"]), 3))
    assert distinct.tolist() == ["a", "b"]
    np.testing.assert_array_equal(index, [1, 0, 1])


def test_a_shuffled_pandas_index_does_not_matter():
    distinct, index = encode(as_labels(pd.Series(["b", "a", "b"], index=[2, 0, 1]), 3))
    assert distinct[index].tolist() == ["b", "a", "b"]


def test_dates_are_labels():
    days = np.array(["2020-01-02", "2020-01-01", "2020-01-02"], dtype="datetime64[D]")
    distinct, index = encode(as_labels(days, 3))
    np.testing.assert_array_equal(distinct, days[[1, 0]])
    np.testing.assert_array_equal(positions(days, distinct, argument="task"), index)


def test_no_labels_are_one_task():
    distinct, index = encode(as_labels(None, 3))
    assert distinct.tolist() == [0]
    np.testing.assert_array_equal(index, 0)


@pytest.mark.parametrize(
    "missing",
    [
        ["a", None, "b"],
        [1.0, np.nan, 2.0],
        np.array(["a", np.nan, "b"], dtype=object),
        ["a", np.nan, "b"],
        ("a", float("nan"), "b"),
        pd.Series(["a", pd.NA, "b"]),
        pd.Series([1, None, 2], dtype="Int64"),
        pd.Series(["a", None, "b"], dtype="category"),
        pl.Series(["a", None, "b"]),
        np.array(["2020-01-01", "NaT", "2020-01-02"], dtype="datetime64[D]"),
        pd.Series(pd.to_datetime(["2020-01-01", None, "2020-01-02"])),
        pl.Series([1, None, 2]),
    ],
    ids=[
        "None",
        "NaN",
        "NaN among strings",
        "NaN in a list",
        "NaN in a tuple",
        "NA",
        "Int64",
        "category",
        "polars",
        "NaT",
        "pandas dates",
        "polars ints",
    ],
)
def test_a_missing_label_is_refused(missing):
    with pytest.raises(ValueError, match="task holds a missing label in row 1; name a task for every row"):
        as_labels(missing, 3)


@pytest.mark.parametrize(("given", "kind"), [("ab", "str"), (5, "int"), ({"a", "b"}, "set"), ({"a": 1}, "dict")])
def test_one_value_is_no_column(given, kind):
    with pytest.raises(ValueError, match=f"task must hold one label for each of the 2 rows of X; got a {kind}"):
        as_labels(given, 2)


def test_a_frame_of_several_columns_is_tuples():
    for frame in (pd.DataFrame, pl.DataFrame):
        labels = as_labels(frame({"site": ["a", "b"], "user": ["x", "y"]}), 2)
        assert labels.tolist() == [("a", "x"), ("b", "y")]


@pytest.mark.parametrize("given", [[], ["a"], ["a", "b", "c"], np.array([1, 2, 3])])
def test_one_label_a_row(given):
    with pytest.raises(ValueError, match=f"task must hold one label for each of the 2 rows of X; got {len(given)}"):
        as_labels(given, 2)


def test_a_stranger_is_refused_with_the_nearest_names():
    tasks = np.array(["left", "right", "up"])
    with pytest.raises(ValueError, match=r"targets names the task 'rigth', which .* nearest names are right"):
        positions(np.array(["left", "rigth"]), tasks, argument="targets")


def test_a_stranger_far_from_all_names_is_told_some():
    with pytest.raises(ValueError, match=r"the task 99, .*; tasks are 0, 1, 2, 3, 4 and 2 more"):
        positions(np.array([99]), np.arange(7), argument="task")


def test_a_number_is_not_its_name():
    with pytest.raises(ValueError, match="task names the task '1'"):
        positions(np.array(["1"]), np.array([1, 2]), argument="task")


def test_equal_numbers_are_one_task():
    np.testing.assert_array_equal(positions(np.array([2.0, 1.0]), np.array([1, 2]), argument="task"), [1, 0])
