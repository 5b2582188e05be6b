"""Targets whose whole numbers float64 does not hold: classes stay apart, quantities are counted as they are."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

BIG = 2**53

TWO = {
    "integers": {"y": [BIG, BIG + 1, BIG]},
    "beyond int64": {"y": pa.array([2**63, 2**63 + 1, 2**63], pa.uint64())},
    "decimals": {"y": pa.array([Decimal(BIG), Decimal(BIG + 1), Decimal(BIG)], pa.decimal128(38, 0))},
    "text": {"y": [str(BIG), str(BIG + 1), str(BIG)]},
    "csv": f"t,x,y\na,1,{BIG}\nb,2,{BIG + 1}\na,3,{BIG}\n",
    "csv beyond int64": f"t,x,y\na,1,{2**64}\nb,2,{2**64 + 1}\na,3,{2**64}\n",
}


@pytest.mark.parametrize("kind", ["auto", "classification"])
@pytest.mark.parametrize("content", TWO.values(), ids=TWO)
def test_two_classes_that_float64_would_merge_stay_two(read, content, kind):
    table = read(content, kind=kind)
    assert table.kind == "classification"
    np.testing.assert_array_equal(table.y, [-1, 1, -1])
    low, high = map(int, table.classes)
    assert high - low == 1


THREE = {
    "integers": {"y": [BIG, BIG + 1, 5]},
    "decimals": {"y": pa.array([Decimal(BIG), Decimal(BIG + 1), Decimal(5)], pa.decimal128(38, 0))},
    "text": {"y": [str(BIG), str(BIG + 1), "5"]},
    "csv": f"t,x,y\na,1,{BIG}\nb,2,{BIG + 1}\na,3,5\n",
    "csv beyond int64": f"t,x,y\na,1,{2**64}\nb,2,{2**64 + 1}\na,3,5\n",
}


@pytest.mark.parametrize("content", THREE.values(), ids=THREE)
def test_three_numbers_are_not_two_classes(read, fault, content):
    table = read(content)
    assert table.kind == "regression"
    assert table.kind_reason == "the target holds 3 distinct whole numbers, taken as quantities"
    assert "holds 3 classes (" in fault(content, kind="classification")


@pytest.mark.parametrize("content", TWO.values(), ids=TWO)
def test_a_regression_on_numbers_that_float64_merges_is_refused(fault, content):
    assert "holds 2 whole numbers that float64 cannot tell apart, as all are near" in fault(content, kind="regression")


def test_other_large_numbers_are_quantities(read):
    table = read("t,x,y\n" + "".join(f"{i % 3},{i},{1.7e18 + 1e9 * i:.0f}\n" for i in range(30)))
    assert (table.kind, table.kind_reason) == ("regression", "the target holds 30 distinct numbers")


def test_one_number_in_several_spellings_is_one(fault):
    spelled = {"y": ["18446744073709551616", "+18446744073709551616", "018446744073709551616.0"]}
    assert "is constant: it is '1.8446744073709552e+19' in every row" in fault(spelled)


def test_decimals_are_the_nearest_floats(read):
    column = pa.array([Decimal("0.3"), Decimal("0.1"), Decimal("0.3")], pa.decimal128(38, 18))
    assert read({"y": column}).classes == ("0.1", "0.3")
    assert read({"x": column}).X[:, 0].tolist() == [0.3, 0.1, 0.3]
