"""Values of an Arrow column: whole numbers exactly, others as float64 or as text."""

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patom.core.arrays import AnyArray, BoolArray, FloatArray, IntArray
from patom.core.exact import objects

_ROW_NUMBERS = re.compile(r"\s*|__index_level_\d+__|Unnamed: \d+((\.|_level_)\d+)?|\.\.\.\d+")
_EXACT = {16: 2**11, 32: 2**24, 64: 2**53}  # from this value on, a float of so many bits may stand for several integers


class NotWholeError(ValueError):
    """A number that cannot be a task label: `row` is its place, `shown` how it is printed, the message says why."""

    def __init__(self, row: int, shown: str, why: str = "tasks are named by whole numbers or by text") -> None:
        super().__init__(why)
        self.row, self.shown = row, shown


def names_row_numbers(name: str) -> bool:
    """Whether a column's name is empty, or one that pandas and R give to an index without a name.

    >>> [names_row_numbers(name) for name in ("", "__index_level_0__", "Unnamed: 0", "...1", "price")]
    [True, True, True, True, False]
    """
    return _ROW_NUMBERS.fullmatch(name) is not None


def is_number(kind: Any) -> bool:
    """Whether values of an Arrow type are numbers: integers, floats, decimals or booleans."""
    numeric = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal)
    return any(is_type(kind) for is_type in numeric)


def is_text(kind: Any) -> bool:
    """Whether values of an Arrow type, as `plain` leaves it, are text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def may_be_text(kind: Any) -> bool:
    """Whether `plain` can make text of values of an Arrow type."""
    return is_text(kind) or str(kind) in ("string_view", "binary", "large_binary", "binary_view")


def plain(column: Any) -> Any:
    """An Arrow column without extensions, dictionaries and views; text if it is valid UTF-8, and else bytes.

    >>> plain(pa.array(["b", "a", "b"]).dictionary_encode()).to_pylist(), plain(pa.array([b"1"])).type
    (['b', 'a', 'b'], DataType(large_string))
    """
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.cast(column.type.storage_type)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if str(column.type).endswith("_view"):
        column = column.cast(pa.large_string() if column.type == "string_view" else pa.large_binary())
    try:
        if is_text(column.type):
            column.validate(full=True)  # a file may hold any bytes as text
        elif pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            return column.cast(pa.large_string())
    except pa.ArrowInvalid:
        return column.cast(pa.large_binary())
    return column


def float_values(column: Any) -> FloatArray:
    """Numbers as float64, shape (n,), each rounded to the nearest; NaN where one is missing.

    >>> from decimal import Decimal
    >>> float_values(pa.array([Decimal("0.3"), None], pa.decimal128(38, 18)))
    array([0.3, nan])
    """
    if pa.types.is_decimal(column.type):  # Arrow's own conversion may be wrong in the last digit
        column = column.cast(pa.large_string())
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)


def whole_numbers(column: Any) -> AnyArray:
    """A column of numbers, none missing, as exact integers, shape (n,): int64, or Python's where one is beyond int64.

    Raises NotWholeError for a number that is not whole, and for a float so large that it may stand for several
    integers.

    >>> whole_numbers(pa.array([3.0, -1.0])), whole_numbers(pa.array([2**63, 1], pa.uint64()))
    (array([ 3, -1]), array([9223372036854775808, 1], dtype=object))
    """
    if pa.types.is_floating(column.type):
        return _whole_floats(column)
    if str(column.type).startswith(("decimal32", "decimal64")):  # Arrow does not convert these to int64
        column = column.cast(pa.decimal128(38, column.type.scale))
    try:
        return np.asarray(column.cast(pa.int64()).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid:
        distinct, codes = distinct_values(column)
    for code, value in enumerate(distinct):  # in the order of rows
        if value != int(value):
            raise NotWholeError(int((codes == code).argmax()), f"{value:f}")
    return objects([int(value) for value in distinct])[codes]


def _whole_floats(column: Any) -> IntArray:
    values, bits = float_values(column), column.type.bit_width
    odd = ~((np.abs(values) < _EXACT[bits]) & (values == np.rint(values)))
    if not odd.any():
        return np.asarray(values, dtype=np.int64)
    row = int(odd.argmax())
    if np.isinf(values[row]) or values[row] != np.rint(values[row]):
        raise NotWholeError(row, f"{values[row]:g}")
    raise NotWholeError(
        row,
        f"{values[row]:g}",
        f"floats of {bits} bits tell whole numbers apart below {_EXACT[bits]:,}, so store labels as integers or text",
    )


def distinct_values(column: Any) -> tuple[list[Any], IntArray]:
    """The k distinct values, in order of appearance, and each row's position among them, shape (n,).

    >>> distinct_values(pa.array(["b", "a", "b"]))
    (['b', 'a'], array([0, 1, 0], dtype=int32))
    """
    distinct = pc.unique(column)
    codes = pc.index_in(column, value_set=distinct).to_numpy(zero_copy_only=False)
    return distinct.to_pylist(), np.asarray(codes, dtype=np.int32)


def missing_values(column: Any) -> BoolArray:
    """Which values are null, NaN or blank text, shape (n,).

    >>> missing_values(pa.array(["a", " ", None])), missing_values(pa.array([1.5, float("nan")]))
    (array([False,  True,  True]), array([False,  True]))
    """
    missing = pc.is_null(column, nan_is_null=True)
    if is_text(column.type):
        blank = pc.equal(pc.utf8_trim_whitespace(column), "")
        missing = pc.or_(missing, pc.fill_null(blank, False))
    return np.asarray(missing.to_numpy(zero_copy_only=False), dtype=bool)
