"""Labels of tasks and classes from a Parquet file: each as it stands there, or refused; never two made one."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patom import MTRLClassifier, MTRLRegressor
from patom.datasets import read_parquet


@pytest.fixture
def labels(tmp_path):
    """Read a column as task, in row groups of two rows."""

    def read(column, **settings):
        x = np.arange(float(len(column)))
        path = tmp_path / "sales.parquet"
        pq.write_table(pa.table({"shop": column, "x": x, "sold": -x}), path, row_group_size=2)
        return read_parquet(path, **{"task": "shop", "target": "sold"} | settings)

    return read


def decimals(values, kind):
    return pa.array([Decimal(value) for value in values], kind)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (decimals([2**63 + 1, 2**63 + 2, 2**64, 5], pa.decimal128(20, 0)), [2**63 + 1, 2**63 + 2, 2**64, 5]),
        (decimals([2**53, 2**53 + 1, 2**53], pa.decimal128(38, 0)), [2**53, 2**53 + 1, 2**53]),
        (decimals(["9007199254740993.00", "1.00", "1.00"], pa.decimal128(38, 2)), [2**53 + 1, 1, 1]),
        (decimals([10**60, 10**60 + 1, -7], pa.decimal256(70, 0)), [10**60, 10**60 + 1, -7]),
        (pa.array([2**63 + 2, 1, 2**63 + 1, 2**64 - 1], pa.uint64()), [2**63 + 2, 1, 2**63 + 1, 2**64 - 1]),
        (pa.array([1, 2, 2**63, 1], pa.uint64()), [1, 2, 2**63, 1]),  # beyond int64 in the second row group
        (pa.array([2**62 + 1, -(2**63), 2**63 - 1]), [2**62 + 1, -(2**63), 2**63 - 1]),
        (pa.array([7, 8, 7], pa.uint64()), [7, 8, 7]),
        (decimals([10**18, 10**18 + 1], pa.decimal128(38, 0)).dictionary_encode(), [10**18, 10**18 + 1]),
    ],
    ids=lambda value: str(value.type) if hasattr(value, "type") else "",
)
def test_whole_numbers_of_any_width_are_exact(labels, column, expected):
    task = labels(column).task
    assert task.tolist() == expected
    assert all(type(label) is int for label in task.tolist())
    assert task.dtype == (np.int64 if max(map(abs, expected)) <= 2**63 - 1 or min(expected) == -(2**63) else object)


def test_labels_beyond_int64_agree_however_the_file_is_read(labels):
    column = pa.array([1, 2, 2**63, 1], pa.uint64())
    whole = labels(column)
    parts = [labels(column, row_groups=[group]).task.tolist() for group in (0, 1)]
    assert parts[0] + parts[1] == whole.task.tolist()
    model = MTRLRegressor().fit(whole.X, whole.y, task=whole.task)
    first = labels(column, row_groups=[0])  # its labels are int64
    np.testing.assert_array_equal(
        model.predict(first.X, task=first.task), model.predict(whole.X[:2], task=whole.task[:2])
    )


@pytest.mark.parametrize(
    ("column", "shown", "why"),
    [
        (decimals(["9007199254740992.5", "1", "2"], pa.decimal128(38, 1)), "9007199254740992.5 in row 1", "whole"),
        (decimals(["1", "2", "0.50"], pa.decimal128(10, 2)), "0.50 in row 3", "whole"),
        (pa.array([1e19, 2e19, 3e19]), r"1e\+19 in row 1", "floats of 64 bits tell whole numbers apart below 9,007"),
        (pa.array([1.0, 2.0, 2.0**53]), r"9.0072e\+15 in row 3", "so store labels as integers or text"),
        (pa.array([1.0, 2.0**24], pa.float32()), r"1.67772e\+07 in row 2", "floats of 32 bits .* below 16,777,216"),
        (pa.array(np.array([1, 2, 2048], np.float16)), "2048 in row 3", "floats of 16 bits .* below 2,048"),
        (pa.array([1.0, np.inf]), "inf in row 2", "whole"),
    ],
    ids=lambda value: str(value.type) if hasattr(value, "type") else "",
)
def test_a_number_that_names_no_task_is_refused(labels, column, shown, why):
    with pytest.raises(ValueError, match=rf"the task column 'shop' of sales\.parquet holds {shown}; .*{why}"):
        labels(column)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([datetime.date(2020, 1, 2), datetime.date(2020, 1, 3)]), ["2020-01-02", "2020-01-03"]),
        (pa.array(["a", "b", "a"], pa.string_view()), ["a", "b", "a"]),
        (pa.array([b"a", b"b", b"a"]), ["a", "b", "a"]),
        (pa.array([True, False, True]), ["True", "False", "True"]),  # names, not the numbers 1 and 0
    ],
    ids=lambda value: str(value.type) if hasattr(value, "type") else "",
)
def test_dates_views_bytes_and_booleans(labels, column, expected):
    assert labels(column).task.tolist() == expected


@pytest.mark.parametrize(
    "column", [pa.array([[1], [2]]), pa.array([b"\xff", b"\xfe"]), pa.array([b"ab", b"cd"], pa.binary(2))]
)
def test_what_is_no_label_is_refused(labels, column):
    with pytest.raises(
        ValueError, match=r"the task column 'shop' of sales\.parquet holds values of type .*, not labels"
    ):
        labels(column)


def test_a_label_whose_end_an_array_of_text_would_lose_is_refused(labels):
    with pytest.raises(ValueError, match=r"holds the label 'a\\x00', whose last character .* would leave out"):
        labels(["a", "a\0", "b"])


@pytest.mark.parametrize(
    ("column", "dtype"),
    [
        (pa.array([2**53, 2**53 + 1] * 3), np.int64),
        (pa.array([2**63, 2**63 + 1] * 3, pa.uint64()), object),
        (decimals([2**53, 2**53 + 1] * 3, pa.decimal128(38, 0)), np.int64),
        (decimals(["9007199254740992.00", "9007199254740993.00"] * 3, pa.decimal128(38, 2)), np.int64),
    ],
    ids=lambda value: str(value.type) if hasattr(value, "type") else "",
)
def test_classes_that_float64_would_merge_stay_two(labels, column, dtype):
    y = labels(column, task=None, target="shop", features=["x"]).y
    assert y.tolist() == [int(value) for value in column.to_pylist()]
    assert y.dtype == dtype
    if dtype is np.int64:
        assert MTRLClassifier().fit(np.arange(6.0)[:, None], y).classes_.tolist() == [2**53, 2**53 + 1]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, 2, 2**53]),
        decimals(["0.3", "9007199254740993.0", "1.1"], pa.decimal128(38, 18)),
        decimals(["1", "2", "0.3"], pa.decimal128(38, 18)),  # whole in the first row group
        pa.array([0.5, 2.0**60, -1.0]),
    ],
    ids=lambda value: str(value.type) if hasattr(value, "type") else "",
)
def test_other_targets_are_the_nearest_float64(labels, column):
    y = labels(column, task=None, target="shop", features=["x"]).y
    assert y.dtype == np.float64
    assert y.tolist() == [float(value) for value in column.to_pylist()]


def test_decimal_features_are_the_nearest_float64(labels):
    column = decimals(["0.3", "0.1", "123456.789"], pa.decimal128(38, 18))
    assert labels(column, task=None, features=["shop"]).X[:, 0].tolist() == [0.3, 0.1, 123456.789]


def test_a_number_beyond_float32_is_refused(labels):
    with pytest.raises(ValueError, match=r"holds 1e\+300 in row 2, column 'shop', which is too large for float32"):
        labels([1.0, 1e300, 2.0], task=None, features=["shop"], dtype="float32")


@pytest.mark.parametrize("index", [None, "customer"])
def test_the_index_of_pandas_is_no_feature(tmp_path, index):
    frame = pd.DataFrame({"shop": ["a", "b", "a", "b"], "x": [4.0, 3.0, 2.0, 1.0], "sold": [3, 1, 4, 2]})
    frame.sort_values("sold").rename_axis(index).to_parquet(tmp_path / "a.parquet")
    name = index or "__index_level_0__"
    with pytest.warns(UserWarning, match=rf"left out of the features of a\.parquet, .*: '{name}'; name them"):
        assert read_parquet(tmp_path / "a.parquet", task="shop", target="sold").X.shape == (4, 1)
    asked = read_parquet(tmp_path / "a.parquet", task="shop", target="sold", features=["x", name])
    assert asked.X[:, 1].tolist() == [1, 3, 0, 2]
    if index:
        assert read_parquet(tmp_path / "a.parquet", task=index, target="sold", features=["x"]).task.tolist() == [
            1,
            3,
            0,
            2,
        ]


def test_columns_without_a_name_are_no_features(tmp_path):
    pq.write_table(pa.table([pa.array([1.0, 2.0])] * 4, names=["", "Unnamed: 0", "x", "y"]), tmp_path / "a.parquet")
    with pytest.warns(UserWarning, match="left out of the features of a.parquet, .*: '', 'Unnamed: 0'; name them"):
        assert read_parquet(tmp_path / "a.parquet", task=None, target="y").X.shape == (2, 1)


def test_names_are_not_compared_with_all_others(tmp_path):
    class Name(str):
        compared = 0
        __hash__ = str.__hash__

        def __eq__(self, other):
            Name.compared += 1
            return str.__eq__(self, other)

    names = [Name(f"x{j}") for j in range(100)]
    pq.write_table(pa.table({"y": [1.0, 2.0]} | {str(name): [0.5, 1.0] for name in names}), tmp_path / "a.parquet")
    read_parquet(tmp_path / "a.parquet", task=None, target="y", features=names)
    assert Name.compared < 20 * len(names)
