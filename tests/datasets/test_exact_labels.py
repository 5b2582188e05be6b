"""Targets stay what they were given as: no type that numpy chooses makes one class, or one task, of two."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest

from patom import MTRLRegressor
from patom.datasets import from_target_matrix, from_task_arrays, one_vs_rest_tasks

BIG = 2**63
X = np.arange(6.0)[:, None]
PAIR = X[:2]


@pytest.mark.parametrize(
    "classes",
    [
        [2**53, 2**53 + 1, 5.0],
        [BIG + 2, -1, BIG + 1],
        [2**70, 2**70 + 1, 1],
        ["a", "a\0", "b"],
        [b"a", b"a\0", b"b"],
        [Decimal(2**53), Decimal(2**53 + 1), Decimal(1)],
        [Decimal("0.1"), Decimal("0.10000000000000000001"), Decimal(1)],
        [Fraction(1, 3), Fraction(10**20, 3 * 10**20 + 1), Fraction(1)],
        [1.5, 1, 2**53 + 1],
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "given",
    [list, lambda values: np.array(values, dtype=object), lambda values: pd.Series(values, dtype=object)],
    ids=["list", "objects", "Series"],
)
def test_every_class_is_a_task(classes, given):
    _, y, task = one_vs_rest_tasks(X, given(classes * 2))
    assert list(dict.fromkeys(task.tolist())) == sorted(classes)
    assert (y == 1).sum() == 6


@pytest.mark.parametrize(
    "series",
    [
        pl.Series(["a", "a\0", "b"] * 2),
        pl.Series([2**100, 2**100 + 1, 1] * 2, dtype=pl.Int128),
        pl.Series([2**63, 2**63 + 1, 1] * 2, dtype=pl.UInt64),
        pl.Series([Decimal(2**53), Decimal(2**53 + 1), Decimal(1)] * 2),
    ],
    ids=lambda series: str(series.dtype),
)
def test_every_class_of_a_polars_series_is_a_task(series):
    assert sorted(set(one_vs_rest_tasks(X, series).task.tolist())) == sorted(set(series.to_list()))


@pytest.mark.parametrize(
    ("classes", "dtype"),
    [([10**17 + 1, 10**17 + 2, 7], "i8"), ([1, 2, 3], "i8"), ([1, 2.5, 3], "f8"), (["a", "b", "c"], "U1")],
)
def test_objects_become_the_type_that_holds_them(classes, dtype):
    task = one_vs_rest_tasks(X, np.array(classes * 2, dtype=object)).task
    assert task.dtype == dtype
    assert list(dict.fromkeys(task.tolist())) == sorted(classes)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.array([BIG, BIG + 1], dtype=np.uint64), np.array([1, 2])),
        (np.array([2**53 + 1, 1]), np.array([0.5, 1.0])),
        ([2**53 + 1, 1], [0.5, 1.0]),
        ([Decimal(2**53), Decimal(2**53 + 1)], [1.0, 2.5]),
        ([BIG + 2, -1], [1, 2]),
        (["a", "a\0"], ["b", "c"]),
        (np.array(["a", "a\0"], dtype=object), np.array(["b", "c"])),
        (pl.Series(["a", "a\0"]), ["b", "c"]),
    ],
)
def test_targets_of_tasks_that_differ_in_type_stay_what_they_are(first, second):
    y = from_task_arrays([(PAIR, first), (PAIR, second)]).y
    assert y.tolist() == [value for part in (first, second) for value in np.asarray(part, dtype=object).tolist()]
    if not isinstance(y[0], str):
        MTRLRegressor().fit(np.vstack([PAIR, PAIR]), y, task=[0, 0, 1, 1])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_target_that_is_no_number_is_found_beside_numbers_past_every_type(bad):
    with pytest.raises(ValueError, match=r"from_task_arrays: y of task 1 has (NaN|an infinite value) in row 1"):
        from_task_arrays([(PAIR, np.array([BIG, BIG + 1], dtype=np.uint64)), (PAIR, [0.5, bad])])


def test_a_number_past_float64_is_refused_as_infinite():
    with pytest.raises(ValueError, match="one_vs_rest_tasks: y has an infinite value in row 0"):
        one_vs_rest_tasks(X, [10**400, 10**400 + 1, 1] * 2)
    with pytest.raises(ValueError, match="X of task 0 has an infinite value in row 1, column 0"):
        from_task_arrays([([[1], [10**400]], [1, 2])])


def test_decimals_that_float64_tells_apart_are_floats():
    y = from_task_arrays([(PAIR, [Decimal("0.1"), Decimal("2.50")])]).y
    assert y.dtype == np.float64
    assert y.tolist() == [0.1, 2.5]


@pytest.mark.parametrize(
    "Y",
    [
        np.array([[2**53, 1], [2**53 + 1, 2]]),
        [[2**53, 0.5], [2**53 + 1, None]],
        pd.DataFrame({"a": [2**53, 2**53 + 1], "b": [0.5, np.nan]}),
        pl.DataFrame({"a": [2**53, 2**53 + 1], "b": [0.5, None]}),
        pl.DataFrame({"a": pl.Series([2**53, 2**53 + 1], dtype=pl.Int128), "b": [0.5, None]}),
        [[Decimal(2**53), 0.5], [Decimal(2**53 + 1), 1]],
    ],
)
def test_a_matrix_of_targets_keeps_whole_numbers(Y):
    y, task = from_target_matrix(PAIR, Y)[1:]
    assert [int(value) for value in y[task == task[0]]] == [2**53, 2**53 + 1]


def test_features_of_128_bits_are_numbers():
    table = pl.DataFrame({"a": pl.Series([1, 2], dtype=pl.Int128), "b": [0.5, None]})
    np.testing.assert_array_equal(from_task_arrays([(table.fill_null(3.0), [1, 2])]).X, [[1, 0.5], [2, 3]])
