"""Arguments as users give them, such as arrays, data frames and counts: turned into plain ones, or refused.

Every function takes ``name``, the words that its errors start with (which argument of which function, which task), and
``names``, a data frame's column names, where errors name a column.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import narwhals as nw
import numpy as np

from patom.core.arrays import AnyArray, FloatArray
from patom.core.exact import exact_array, hidden, objects

ColumnNames = tuple[Any, ...] | None


def read_matrix(value: Any, name: str) -> tuple[FloatArray, ColumnNames]:
    """Read an array-like or data frame as a matrix of float64, (n, d), NaN where missing, and a frame's column names.

    Text is no number, even when it looks like one. Not a copy when the input was such an array. ValueError for other
    than two dimensions, no rows or columns, ragged rows, a sparse matrix, dates, and entries that are not numbers.

    >>> read_matrix([[1, None]], "X")
    (array([[ 1., nan]]), None)
    >>> read_matrix([[1, 2], [3, "red"]], "f: X")
    Traceback (most recent call last):
        ...
    ValueError: f: X has the non-numeric value 'red' in row 1, column 1; encode or drop the column
    """
    array, names = _array(value, name)
    if array.size == 0:
        raise ValueError(f"{name} is empty (shape {array.shape}); leave it out or give it rows and columns")
    if array.ndim != 2:
        raise ValueError(f"{name} has shape {array.shape}; it must have two dimensions, (rows, columns)")
    if array.dtype.kind in "mM":
        raise ValueError(
            f"{name} holds dates or times; turn them into numbers, such as days since a date, or leave them out"
        )
    if array.dtype.kind not in "biuf":
        entries = array.astype(object)
        at = next((at for at, entry in np.ndenumerate(entries) if not _is_number(entry)), None)
        if at is not None:
            raise ValueError(
                f"{name} has the non-numeric value {entries[at]!r} in row {at[0]}, column "
                f"{_column(at[1], names)}; encode or drop the column"
            )
        array = _numbers(entries)
    return array.astype(np.float64, copy=False), names


def read_target(value: Any, name: str, *, n_rows: int) -> AnyArray:
    """Read targets of shape (n_rows,): numbers, or labels of which none is missing.

    Numbers keep their type; objects that are all numbers get one that holds them, float64 also where it only rounds
    fractions that stay different, or where one is missing (NaN). Labels are text or objects, as are numbers that every
    type would change. ValueError for another shape or length, a missing label, and types that are neither numbers nor
    labels (dates).

    >>> read_target([1, 2], "y", n_rows=2), read_target(["cat", "dog"], "y", n_rows=2)
    (array([1, 2]), array(['cat', 'dog'], dtype='<U3'))
    """
    array = _exact(value, _array(value, name)[0])
    if array.ndim != 1:
        raise ValueError(f"{name} has shape {array.shape}; it must have one dimension, one target for each row")
    if array.size != n_rows:
        raise ValueError(f"{name} has {array.size} targets and its X {n_rows} rows; give one target for each row")
    if array.dtype.kind not in "biufUSO":
        raise ValueError(f"{name} is of type {array.dtype}; it must hold numbers or labels")
    if array.dtype.kind != "O":
        return array
    if holds_numbers(array):
        return plain_numbers(array)
    missing = next((row for row, entry in enumerate(array) if _is_missing(entry)), None)
    if missing is not None:
        raise ValueError(f"{name} has no label in row {missing}; drop the row or fill it")
    return exact_array(array.tolist()) if all(isinstance(entry, str) for entry in array) else array


def holds_numbers(array: AnyArray) -> bool:
    """Whether an array's entries are all numbers, missing ones included."""
    return array.dtype.kind in "biuf" or (array.dtype == object and all(map(_is_number, array.flat)))


def plain_numbers(entries: AnyArray) -> AnyArray:
    """Objects that are numbers, in a type that holds them; unchanged where float64 would make some equal or others."""
    floats = _numbers(entries)
    if not np.isfinite(floats).all():
        return floats
    array = exact_array(entries.tolist())
    if array.dtype != object:
        return array
    distinct = set(entries.tolist())
    kept = all(float(value) == value for value in distinct if value == int(value))
    return floats if kept and np.unique(floats).size == len(distinct) else array


def exact_entries(value: Any) -> AnyArray:
    """The entries of what ``read_matrix`` takes as objects, shape (n, k), each of its own type."""
    frame = nw.from_native(value, eager_only=True, pass_through=True)
    rows = frame.rows() if isinstance(frame, nw.DataFrame) else value
    return np.array(rows, dtype=object)


def label_array(labels: Sequence[Any], name: str) -> AnyArray:
    """Make an array of m hashable labels, each of which may occur once.

    It is of numbers, text or dates when all labels are that and numpy's type for them holds each, else of objects.
    TypeError for a label that is not hashable, ValueError for one that occurs twice.

    >>> label_array(["a", "b"], "tasks"), label_array([("a", 1), "b"], "tasks")
    (array(['a', 'b'], dtype='<U1'), array([('a', 1), 'b'], dtype=object))
    """
    mask = hidden(labels)
    if mask is not None:
        raise ValueError(f"{name} has a masked label in place {np.argwhere(mask)[0][0]}; give every task a label")
    seen: set[Any] = set()
    for label in labels:
        try:
            repeated = label in seen
        except TypeError as error:
            raise TypeError(f"{name} has the label {label!r}, which is not hashable; use text or numbers") from error
        if repeated:
            raise ValueError(f"{name} has the label {label!r} twice; give every task its own")
        seen.add(label)
    return objects(labels) if any(isinstance(label, bool) for label in labels) else exact_array(labels)


def check_finite(array: AnyArray, name: str, names: ColumnNames = None) -> None:
    """Refuse NaN and infinite entries, naming the first; arrays of shape (n,) or (n, d) that are not of floats pass.

    >>> check_finite(np.array([[0.0, np.nan]]), "f: X", ("age", "height"))
    Traceback (most recent call last):
        ...
    ValueError: f: X has NaN in row 0, column 'height'; drop or fill it
    """
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        what = "NaN" if np.isnan(array[at]) else "an infinite value"
        where = f"row {at[0]}" + (f", column {_column(at[1], names)}" if len(at) > 1 else "")
        raise ValueError(f"{name} has {what} in {where}; drop or fill it")


def check_count(value: Any, name: str, *, least: int = 1) -> int:
    """A whole number of at least ``least``, or ValueError; ``name`` starts the sentence.

    >>> check_count(0, "load_sarcos: n_train")
    Traceback (most recent call last):
        ...
    ValueError: load_sarcos: n_train is 0; it must be a whole number of at least 1
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} is {value!r}; it must be a whole number of at least {least}")
    return int(value)


def _array(value: Any, name: str) -> tuple[AnyArray, ColumnNames]:
    """Any array-like or data frame as an array, with column names of the latter."""
    mask = hidden(value)
    if mask is not None:
        raise ValueError(f"{name} has a masked value in row {np.argwhere(mask)[0][0]}; drop or fill it")
    if isinstance(value, np.ndarray):  # narwhals would cost more than all else when there are 100,000 tasks
        return value, None
    if hasattr(value, "toarray"):
        raise ValueError(f"{name} is a sparse matrix; pass its .toarray()")
    try:
        frame = value if isinstance(value, list) else nw.from_native(value, eager_only=True, pass_through=True)
        if isinstance(frame, nw.DataFrame):
            return _frame_array(frame), tuple(frame.columns)
    except ValueError as error:
        raise ValueError(f"{name} can't be read as a data frame: {' '.join(str(error).split())}") from error
    try:
        array = np.asarray(value)
        # a list that mixes numbers and text would become all text; as objects the text can be pointed at
        return (np.asarray(value, dtype=object), None) if array.dtype.kind in "US" else (array, None)
    except ValueError as error:
        raise ValueError(f"{name} is ragged: its rows have different lengths; make them equal") from error
    except Exception:  # polars has no array for its 128-bit whole numbers
        if not hasattr(value, "to_list"):
            raise
        return objects(value.to_list()), None


def _frame_array(frame: "nw.DataFrame[Any]") -> AnyArray:
    wide = any(kind in (nw.Int128, nw.UInt128) for kind in frame.schema.values())
    return np.array(frame.rows(), dtype=object) if wide else frame.to_numpy()


def _exact(value: Any, array: AnyArray) -> AnyArray:
    """A column without the changes that numpy's choice of a type made; dates stay what they were."""
    if array.ndim != 1 or isinstance(value, np.ndarray):
        return array
    exact = exact_array(value)
    return array if exact.dtype.kind in "mM" else exact


def _is_missing(entry: Any) -> bool:
    """Whether an entry of an object array stands for nothing: None, NaN, or pandas' NA and NaT."""
    if isinstance(entry, float | np.floating):
        return bool(np.isnan(entry))
    return entry is None or type(entry).__name__ in ("NAType", "NaTType")


def _is_number(entry: Any) -> bool:
    """Whether an entry of an object array is a number or missing; text that looks like a number is not."""
    return _is_missing(entry) or isinstance(entry, Real | Decimal | np.bool_)


def _numbers(entries: AnyArray) -> FloatArray:
    """Turn an object array whose entries are all numbers or missing into floats, infinite beyond float64."""
    flat = [np.nan if _is_missing(entry) else _float(entry) for entry in entries.flat]
    return np.array(flat, dtype=np.float64).reshape(entries.shape)


def _float(entry: Any) -> float:
    try:
        return float(entry)
    except OverflowError:
        return math.inf if entry > 0 else -math.inf


def _column(position: int, names: ColumnNames) -> str:
    return str(position) if names is None else repr(names[position])
