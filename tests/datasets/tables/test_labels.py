import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["3", "-1", "20"], [3, -1, 20]),
        (["3.0", "1", "2e1"],) * 2,
        (["1.0", "2E1", "3"],) * 2,  # a room, a well
        (["1.0", "2e1", "1.5"],) * 2,
        (["1.0", "2E+1", "3"],) * 2,
        (["1.0", "20e+01", "3"],) * 2,
        (["007", "7", "08"], ["007", "7", "08"]),
        (["12345678901234567890", "12345678901234567891", "1"],) * 2,
        (["NA", "DE", "null"],) * 2,
        (["True", "False", "True"],) * 2,
        (["2020-01-01", "2020-01-02", "2020-01-01"],) * 2,
        (["a", "1", "b "],) * 2,
        (["1E2", "10E1", "2E1"],) * 2,  # three codes, two numbers
        (["1E2", "2E1", "3"],) * 2,
        (["12e3", "120", "045"],) * 2,
        (["1e+05", "2e+05", "30", "7.0"], [100_000, 200_000, 30, 7]),
        (["1.000e+00", "-2.500e+01", "3.000e+00"], [1, -25, 3]),  # as numpy.savetxt does
        (["1e+05", "100000", "2"],) * 2,
        (["1e+05", "1.0e+05", "2"],) * 2,
        (["7", "7.0", "8.00", "9."], [7, 7, 8, 9]),
        (["7", "+7", "8"],) * 2,
        (["7.0", "+7", "8"],) * 2,
        (["007", "7.0"],) * 2,
        (["0", "-0", "1.0"],) * 2,
        (["123456789012345678.0", "123456789012345679", "1"], [123456789012345678, 123456789012345679, 1]),
        (["9007199254740993", "9007199254740992", "1"], [2**53 + 1, 2**53, 1]),
        ([str(2**63 - 1), str(-(2**63)), "1"], [2**63 - 1, -(2**63), 1]),
        ([f"{2**63 - 1}.0", f"{2**63 - 2}.00", "1"], [2**63 - 1, 2**63 - 2, 1]),
        ([str(2**63), str(2**63 - 1), "1"],) * 2,
        (["9223372036854775808.0", "9223372036854775809.0", "1"],) * 2,
        (["1", "inf", "2.0"],) * 2,
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
        (pa.array([Decimal(2**53), Decimal(2**53 + 1), Decimal(1)], pa.decimal128(38, 0)), [2**53, 2**53 + 1, 1]),
        (pa.array([Decimal("9007199254740993.00"), Decimal("9007199254740992.00"), Decimal(1)]), [2**53 + 1, 2**53, 1]),
        (pa.array([Decimal(2**63), Decimal(2**63 + 1), Decimal(-1)]), [str(2**63), str(2**63 + 1), "-1"]),
        (pa.array([Decimal(10**60), Decimal(10**60 + 1), Decimal(1)]), [str(10**60), str(10**60 + 1), "1"]),
    ],
    ids=lambda value: str(value.type) if hasattr(value, "type") else "",
)
def test_parquet_task_labels(read, column, expected):
    labels = read({"t": column}).task
    assert labels.tolist() == expected
    assert labels.dtype == np.int64 or labels.dtype.kind == "U"


@pytest.mark.parametrize("codes", [[2**53 + 1, 2**53, 1], [2**63 - 1, 10**18, 1]])
def test_codes_of_a_csv_have_the_type_of_parquet(read, codes):
    rows = "".join(f"{code},{i},{i}\n" for i, code in enumerate(codes))
    written, typed = read("t,x,y\n" + rows).task, read({"t": pa.array(codes)}).task
    assert written.dtype == typed.dtype
    np.testing.assert_array_equal(written, typed)


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
    assert fault({"t": column}).startswith("data.parquet names no task in row 2, column 't' (")


@pytest.mark.parametrize("content", ["t,x,y\n2,1,2\n1.5,2,3\n", {"t": [2.0, 1.5, 3.0]}], ids=["csv", "parquet"])
def test_a_task_is_no_measurement(fault, content):
    message = fault(content)
    assert message.startswith("The task column 't' of data.")
    assert "holds 1.5 in row 2" in message
    assert message.endswith("tasks are named by whole numbers or by text.")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"t": pa.array([Decimal("9007199254740992.5"), Decimal(1), Decimal(2)])}, "holds 9007199254740992.5 in row 1"),
        (
            {"t": pa.array([1.0, 2.0**24, 2.0], pa.float32())},
            "floats of 32 bits tell whole numbers apart below 16,777,216",
        ),
        ("t,x,y\n1.0,1,2\n4503599627370497.25,2,3\n", "holds 4503599627370497.25 in row 2 (line 3 of the file)"),
        (
            "t,x,y\n1e+05,1,2\n1e+18,2,3\n",
            "holds 1e+18 in row 2 (line 3 of the file): store labels with all their digits",
        ),
        ("t,x,y\n1,1,2\n1e-05,2,3\n", "holds 1e-05 in row 2 (line 3 of the file): tasks are named by whole numbers"),
        ({"t": ["a", "a\0", "b"]}, "holds the label 'a\\x00', whose last character an array of text would leave out"),
        ({"t": pa.array([b"ab", b"cd", b"ab"], pa.binary(2))}, "holds values of type fixed_size_binary[2], not labels"),
        ({"t": pa.array([b"\xff", b"b", b"c"])}, "holds values of type large_binary, not labels"),
    ],
)
def test_what_may_stand_for_two_tasks_or_none_is_refused(fault, content, said):
    message = fault(content)
    assert message.startswith("The task column 't' of data.")
    assert said in message


def test_a_task_number_beyond_exact_floats_is_refused_rather_than_merged(fault):
    assert "holds 1.80144e+16 in row 1" in fault({"t": [2.0**54, 1.0, 2.0]})


def test_a_list_is_no_task(fault):
    assert fault({"t": [[1], [2], [3]]}).endswith("holds values of type list<element: int64>, not labels.")


def test_prose_is_no_task(fault):
    message = fault("t,x,y\na,1,2\n" + "word " * 120 + ",2,3\n")
    assert "holds a label of 600 characters in row 2 (line 3 of the file)" in message


def test_a_number_of_a_million_digits_is_no_task_and_is_refused_at_once(fault):
    message = fault("t,x,y\n" + "1" * 1_000_000 + ",1,2\n2,2,3\n")
    assert "holds a label of 1,000,000 characters in row 1" in message
