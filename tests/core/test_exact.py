"""Arrays hold the values given: what numpy's plain types would change stays an object."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from patom.core.exact import exact_array, exact_column, exact_value, hidden, joined, values_of

BIG = 2**63 + 1

KEPT = {
    "ints past float64": [2**53, 2**53 + 1, 5.0],
    "ints past both 64-bit types": [BIG + 1, -1, BIG],
    "ints past every type": [2**70, 2**70 + 1],
    "numpy's ints": [np.uint64(BIG), np.int64(-1), np.uint64(BIG + 1)],
    "complex": [2**53 + 1, 1j],
    "text and numbers": ["1", 1, 2.5],
    "null characters": ["a\0", "a"],
    "bytes and null characters": [b"a\0", b"a"],
    "far dates beside nanoseconds": [np.datetime64("3000-01-01"), np.datetime64("2020-01-01T00:00:00.000000001")],
    "decimals": [Decimal(2**53), Decimal(2**53 + 1)],
    "zones": [dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2020, 1, 2, tzinfo=dt.UTC)],
    "a day and its midnight": [dt.date(2020, 1, 1), dt.datetime(2020, 1, 1)],
    "tuples": [(2**53 + 1, 0.5), (2**53, 0.5)],
}


@pytest.mark.parametrize("kind", KEPT)
def test_values_stay_what_they_are(kind):
    array = exact_array(KEPT[kind])
    assert array.dtype == object
    assert array.tolist() == KEPT[kind]
    assert len(set(array.tolist())) == len(KEPT[kind])


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        ([1, 2], "i8"),
        ([1, 0.5], "f8"),
        ([2**53, 0.5], "f8"),
        ([BIG, BIG + 1], "u8"),
        (["a", "bc"], "U2"),
        ([True, False], "?"),
    ],
)
def test_plain_types_where_they_hold_the_values(given, dtype):
    array = exact_array(given)
    assert array.dtype == dtype
    assert array.tolist() == given


def test_an_array_is_not_copied():
    array = np.arange(3)
    assert exact_array(array) is array


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_columns_of_a_frame_are_not_brought_to_one_type(frame):
    table = frame({"a": [2**53, 2**53 + 1], "b": [0.5, 0.5]})
    assert exact_array(table).tolist() == [(2**53, 0.5), (2**53 + 1, 0.5)]


def test_whole_numbers_of_128_bits():
    assert exact_array(pl.Series([2**100, 1], dtype=pl.Int128)).tolist() == [2**100, 1]


DATES = {
    "Timestamps": [pd.Timestamp("2020-01-02 03:04:05.123456789"), pd.Timestamp("2020-01-01")],
    "datetimes": [dt.datetime(2020, 1, 2, 3), dt.datetime(2020, 1, 1)],
    "dates": [dt.date(2020, 1, 2), dt.date(2020, 1, 1)],
    "numpy's": [np.datetime64("2020-01-02T03"), np.datetime64("2020-01-01")],
}


@pytest.mark.parametrize("kind", DATES)
def test_dates_of_every_library_are_numpys(kind):
    given = DATES[kind]
    array = exact_array(given)
    assert array.dtype.kind == "M"
    assert [pd.Timestamp(value) for value in array] == [pd.Timestamp(value) for value in given]


@pytest.mark.parametrize("given", [[dt.timedelta(hours=1)], [pd.Timedelta(1, "h")], [np.timedelta64(3600, "s")]])
def test_so_are_lengths_of_time(given):
    assert exact_array(given).tolist() == [dt.timedelta(hours=1)]


def test_a_missing_date_stays_missing():
    assert np.isnat(exact_array([pd.Timestamp("2020-01-01"), pd.NaT])).tolist() == [False, True]


def test_values_that_can_be_looked_up():
    days = np.array(["2020-01-01"], dtype="datetime64[ns]")
    assert values_of(days) == [np.datetime64("2020-01-01")]  # tolist() gives a number of nanoseconds
    assert exact_value(days[0]) == np.datetime64("2020-01-01")
    assert [type(exact_value(value)) for value in (np.int64(1), np.str_("a"), 2**70)] == [int, str, int]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.array([2**62 + 1]), np.array([BIG], dtype=np.uint64)),
        (np.array([2**53 + 1]), np.array([0.5])),
        (np.array([1]), np.array(["1"])),
        (np.array([True]), np.array(["True"])),
        (np.array(["a"]), np.array([("a", 1)], dtype=object)[:1, 0]),
    ],
)
def test_joined_arrays_keep_their_values(first, second):
    assert joined(first, second).tolist() == first.tolist() + second.tolist()


def test_joined_text_keeps_its_type():
    assert joined(np.array(["a"]), np.array(["abc"])).dtype == "U3"


def test_what_a_mask_hides():
    assert hidden([1, 2]) is None
    assert hidden(np.ma.masked_array([1, 2], mask=[0, 0])) is None
    assert hidden(np.ma.masked_array([1, 2], mask=[0, 1])).tolist() == [False, True]


@pytest.mark.parametrize(
    ("values", "mask"),
    [
        ([np.ma.masked, 1.0], [True, False]),
        (list(np.ma.masked_array([1, 2], mask=[0, 1])), [False, True]),
        (list(np.ma.masked_array([[1, 2], [3, 4]], mask=[[0, 0], [0, 1]])), [[False, False], [False, True]]),
        ([[1, 2], [np.ma.masked, 4]], [[False, False], [True, False]]),
        ([(1,), np.ma.masked_array([1, 2], mask=[0, 1]), np.ma.masked], [False, True, True]),
        (np.array([np.ma.masked, None], dtype=object), [True, False]),
        ([np.array([1, 2]), np.ma.masked_array([1, 2])], None),
        ([[1, 2], [3]], None),
        ([], None),
    ],
)
def test_what_masks_hide_within(values, mask):
    found = hidden(values)
    assert (found if mask is None else found.tolist()) == mask


@pytest.mark.parametrize("values", [["a", "a\0", "b"], [b"a", b"a\0", b"b"]])
def test_text_of_polars_is_not_cut_short(values):
    assert exact_array(pl.Series(values)).tolist() == values


def test_a_frame_with_whole_numbers_of_128_bits():
    frame = pl.DataFrame({"a": pl.Series([2**100, 1], dtype=pl.Int128), "b": ["x", "y"]})
    assert exact_array(frame).tolist() == [(2**100, "x"), (1, "y")]


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([["a"], ["a\0"]], [["a"], ["a\0"]]),
        ([[1], ["1"]], [[1], ["1"]]),
        ([(2**63 + 2,), (-1,)], [[2**63 + 2], [-1]]),
        (pl.Series(["a", "a\0"]), ["a", "a\0"]),
        (pl.Series([1, 2], dtype=pl.Int128), [1, 2]),
        (pl.DataFrame({"y": pl.Series([1, 2], dtype=pl.Int128)}), [[1], [2]]),
    ],
)
def test_a_column_keeps_its_values(values, kept):
    column = exact_column(values)
    assert isinstance(column, np.ndarray)
    assert column.tolist() == kept


def test_arrays_of_many_types_are_joined():
    arrays = [np.array([1]), np.array([0.5]), np.array([2**63], dtype=np.uint64)]
    assert joined(*arrays).tolist() == [1, 0.5, 2**63]
    assert joined(*arrays[:2]).dtype == np.float64
    assert joined(np.array([0.5], dtype=np.float32), np.array([0.1])).tolist() == [0.5, 0.1]
