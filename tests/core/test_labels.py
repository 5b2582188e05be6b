"""Task labels: any hashable values in, positions out, missing ones and strangers refused."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from patom.core.labels import as_labels, encode, places, positions

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


BIG = 2**63 + 1


@pytest.mark.parametrize("given", [[BIG + 1, -1, BIG], [2**53, 2**53 + 1, 5.0], ["a\0", "a", "b"]])
@pytest.mark.parametrize("container", [list, tuple])
def test_labels_that_one_type_cannot_hold_stay_apart(given, container):
    distinct, index = encode(as_labels(container(given), 3))
    assert [distinct[i] for i in index] == given
    assert distinct.size == 3
    np.testing.assert_array_equal(positions(as_labels(given[:2], 2), distinct, argument="task"), index[:2])


def test_text_that_pandas_holds_keeps_its_null_characters():
    assert encode(as_labels(pd.Series(["a\0", "a"]), 2))[0].tolist() == ["a", "a\0"]


UNITS = ["D", "h", "s", "ms", "us", "ns"]
DAYS = ["2020-01-02", "2020-01-01", "2020-01-02"]


@pytest.mark.parametrize("fitted", UNITS)
@pytest.mark.parametrize("given", UNITS)
def test_dates_are_known_in_every_unit(fitted, given):
    distinct, index = encode(np.array(DAYS, dtype=f"datetime64[{fitted}]"))
    np.testing.assert_array_equal(
        positions(np.array(DAYS, dtype=f"datetime64[{given}]"), distinct, argument="t"), index
    )


@pytest.mark.parametrize("fitted", [list, np.array, pd.Series, pd.DatetimeIndex, pl.Series])
@pytest.mark.parametrize("given", [list, np.array, pd.Series, pd.DatetimeIndex, pl.Series])
def test_dates_are_known_in_every_container(fitted, given):
    days = [pd.Timestamp(day) for day in DAYS]
    distinct, index = encode(as_labels(fitted(days), 3))
    np.testing.assert_array_equal(positions(as_labels(given(days), 3), distinct, argument="task"), index)


def test_lengths_of_time_are_known_in_every_unit():
    distinct, _ = encode(np.array([60, 120], dtype="timedelta64[s]"))
    given = as_labels([pd.Timedelta(2, "min"), pd.Timedelta(1, "min")], 2)
    assert positions(given, distinct, argument="task").tolist() == [1, 0]


@pytest.mark.parametrize("label", ["2020-01-01T00:30", "3000-01-01", "2020-01-03"])
def test_another_moment_is_a_stranger(label):
    tasks = np.array(DAYS[:2], dtype="datetime64[D]")
    with pytest.raises(ValueError, match=f"the task {label}, which the training data do not hold"):
        positions(np.array([label], dtype="datetime64"), tasks, argument="task")


def test_a_moment_that_the_unit_of_the_fit_cannot_hold_is_a_stranger():
    tasks = np.array(["2020-01-01"], dtype="datetime64[ns]")
    with pytest.raises(ValueError, match="the task 3000-01-01, which"):
        positions(np.array(["3000-01-01"], dtype="datetime64[D]"), tasks, argument="task")


def test_a_date_is_not_the_number_it_is_kept_as():
    days = np.array(["2020-01-01"], dtype="datetime64[ns]")
    with pytest.raises(ValueError, match="the task 1577836800000000000, which"):
        positions(days.astype(np.int64), days, argument="task")
    with pytest.raises(ValueError, match=r"the task 2020-01-01T00:00:00\.000000000, which"):
        positions(days, days.astype(np.int64), argument="task")


def test_a_masked_label_is_missing():
    with pytest.raises(ValueError, match="task holds a missing label in row 1; name a task for every row"):
        as_labels(np.ma.masked_array([1, 2, 3], mask=[0, 1, 0]), 3)
    assert as_labels(np.ma.masked_array([1, 2, 3], mask=[0, 0, 0]), 3).tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "task",
    [
        list(np.ma.masked_array([1, 2, 3], mask=[0, 1, 0])),
        list(np.ma.masked_array([[1, 2], [1, 3], [1, 4]], mask=[[0, 0], [1, 0], [0, 0]])),
        np.array(["a", np.ma.masked, "b"], dtype=object),
        pd.Series(["a", np.ma.masked, "b"], dtype=object),
    ],
    ids=["list", "rows", "objects", "Series"],
)
def test_a_label_masked_within_is_missing(task):
    with pytest.raises(ValueError, match="task holds a missing label in row 1; name a task for every row"):
        as_labels(task, 3)


def test_places_of_strangers_are_negative():
    assert places(np.array(["b", "z"]), np.array(["a", "b"])).tolist() == [1, -1]
