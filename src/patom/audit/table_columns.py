"""The columns of a table's file as task labels, features and a target, or one sentence on why not."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from patom.audit.table_file import TableError, TableFile, is_named
from patom.audit.wording import counted, listed, quoted

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:inf|infinity|nan)$"
_MEANT_AS_NUMBER = _NUMBER + r"|^[+-]?\d*[.,]?\d+([eE][+-]?\d+)?\s?%?$"  # also 1,5 and 20 %
_SAFE_INTEGER = r"^(0|-?[1-9]\d{0,17})$"  # as int64 it prints as it was written
_LONGEST_LABEL = 500  # characters; a fixed-width array of longer ones would fill the memory


def task_labels(file: TableFile, name: str) -> NDArray[Any]:
    """Read the named column as task labels, (n,): int64 if they are whole numbers, else str.

    Numbers that a CSV writes in a way int64 would not print, such as '007', stay text. Raises TableError if a
    label is missing, longer than 500 characters, a number that is not whole, or no label at all.

    Examples
    --------
    >>> file = TableFile("sales.parquet", pa.table({"shop": [3.0, 1.0]}), b"", None)
    >>> task_labels(file, "shop")
    array([3, 1])
    """
    column = file.columns[name]
    if file.delimiter is not None:
        column = _typed(column)
    missing = _missing(column)
    if missing.any():
        raise TableError(
            f"{file.source} names no task in {file.row(int(missing.argmax()))}, column {name!r} "
            f"({counted(int(missing.sum()), 'row')} in all): drop such rows or name their task."
        )
    try:
        if pa.types.is_decimal(column.type):
            column = _typed(column.cast(pa.string()))
        if pa.types.is_floating(column.type):
            return _whole(file, name, column)
        if pa.types.is_integer(column.type) and pc.max(column).as_py() < 2**63:
            return np.asarray(column.cast(pa.int64()).to_numpy())
        if pa.types.is_boolean(column.type):
            column = pc.if_else(column, "True", "False")
        column = column.cast(pa.large_string())
    except pa.ArrowException:
        what = f"values of type {column.type}"
        raise TableError(f"The task column {name!r} of {file.source} holds {what}, not labels.") from None
    length = pc.utf8_length(column).to_numpy()
    if length.max() > _LONGEST_LABEL:
        raise TableError(
            f"The task column {name!r} of {file.source} holds a label of {length.max():,} characters in "
            f"{file.row(int(length.argmax()))}: a task label is a short name (at most {_LONGEST_LABEL})."
        )
    distinct = pc.unique(column)
    codes = pc.index_in(column, value_set=distinct).to_numpy()
    labels: NDArray[np.str_] = np.asarray(distinct.to_pylist(), dtype=str)[codes]
    return labels


def _typed(text: Any) -> Any:
    """Task labels written as numbers, as numbers, if none of them would print differently."""
    blank = pc.is_in(text, value_set=pa.array(pa.csv.ConvertOptions().null_values, text.type))
    filled = text.filter(pc.invert(blank))

    def every(pattern: str) -> bool:
        return len(filled) > 0 and bool(pc.all(pc.match_substring_regex(filled, pattern)).as_py())

    if every(_SAFE_INTEGER):
        number = pa.int64()
    elif every(_NUMBER) and not every(r"^[+-]?\d+$"):
        number = pa.float64()
    else:
        return text
    return pc.if_else(blank, pa.scalar(None, text.type), text).cast(number)


def _whole(file: TableFile, name: str, column: Any) -> NDArray[np.int64]:
    values = column.cast(pa.float64()).to_numpy()
    odd = ~((np.abs(values) < 2.0**53) & (values == np.rint(values)))
    if odd.any():
        row = int(odd.argmax())
        raise TableError(
            f"The task column {name!r} of {file.source} holds {values[row]:g} in {file.row(row)}: "
            "tasks are named by whole numbers or by text."
        )
    return np.asarray(values, dtype=np.int64)


def feature_matrix(
    file: TableFile, task: str, target: str, asked: Sequence[str] | None
) -> tuple[tuple[str, ...], NDArray[np.float64], list[str]]:
    """Read the features asked for, or all other columns that hold numbers, one column at a time into one matrix.

    Gives d names, (n, d) float64 values, NaN where missing, and notes on the columns left out and on those read as
    numbers from text. Raises TableError if no feature is left, or if a value is not a number in a column that
    was asked for or at least half of whose values are meant as numbers.

    Examples
    --------
    >>> file = TableFile("sales.parquet", pa.table({"shop": [3, 1], "price": [0.5, 2], "sold": [7, 9]}), b"", None)
    >>> feature_matrix(file, "shop", "sold", None)
    (('price',), array([[0.5],
           [2. ]]), [])
    """
    others = [name for name in file.columns.column_names if name not in (task, target)]
    named = [name for name in others if is_named(name)] if asked is None else list(asked)
    way_out = "or drop their rows" if asked else "drop their rows, or choose the features by name"
    read = partial(_numbers, file, required=asked is not None, way_out=way_out)
    typed = {name for name in named if _is_number(_held(file.columns.schema.field(name).type))}
    told = {name: values for name in named if name not in typed and (values := read(name)) is not None}
    text, chosen = list(told), [name for name in named if name in typed or name in told]
    columns, X = _filled(file, chosen, lambda name: told.pop(name) if name in told else read(name))
    if not columns:
        raise TableError(f"{file.source} has no feature: no column but {task!r} and {target!r} holds numbers.")
    notes = []
    if asked is None and len(named) < len(others):
        notes.append("Columns without a name were left out: they are most likely row numbers.")
    left_out = [name for name in named if name not in columns]
    if left_out:
        notes.append(f"Left out of the features, as they hold no numbers: {listed(left_out, 20)}.")
    if text:
        notes.append(f"Stored as text and read as numbers: {listed(text, 20)}.")
    return tuple(columns), X, notes


def _filled(
    file: TableFile, names: list[str], read: Callable[[str], NDArray[np.float64] | None]
) -> tuple[list[str], NDArray[np.float64]]:
    """The columns that hold a value, in one matrix that is allocated once, where all of them do."""
    X, full = np.empty((file.columns.num_rows, len(names))), np.ones(len(names), dtype=bool)
    for j, name in enumerate(names):
        values = read(name)
        full[j] = values is not None
        X[:, j] = 0.0 if values is None else values
    if not full.all():
        X = np.ascontiguousarray(X[:, full])
    return [name for name, kept in zip(names, full, strict=True) if kept], X


def target_values(file: TableFile, name: str, kind: str) -> tuple[NDArray[np.float64], list[str] | None]:
    """Read the target as numbers, or as positions in the sorted names of its classes.

    Gives (n,) float64 values, NaN where missing, and the names of the classes, None if the values are numbers.
    `kind` is "auto", "regression" or "classification". Raises TableError if a regression is asked for and the
    target holds words, or if it holds neither numbers nor words.

    Examples
    --------
    >>> file = TableFile("sales.parquet", pa.table({"sold": ["yes", "no", "yes"]}), b"", None)
    >>> target_values(file, "sold", "auto")
    (array([1., 0., 1.]), ['no', 'yes'])
    """
    column = file.columns[name]
    if not _is_text(column):
        values = _numbers(file, name, required=True)
        assert values is not None
        return values, ["False", "True"] if pa.types.is_boolean(column.type) else None
    words = pc.if_else(pa.array(_missing(column)), pa.scalar(None, column.type), column)
    names = sorted(pc.unique(words).drop_null().to_pylist())
    if kind == "regression" or (kind == "auto" and len(names) != 2):
        values = _numbers(file, name, required=False)
        if values is not None:
            return values, None
        if kind == "regression" and names:
            raise TableError(
                f"The target {name!r} of {file.source} holds words such as {quoted(names[0])}, which no "
                "regression can predict: set the kind to 'classification' or choose another target."
            )
    codes = pc.index_in(words, value_set=pa.array(names, words.type))
    return np.asarray(codes.cast(pa.float64()).to_numpy(), dtype=np.float64), names


def _numbers(
    file: TableFile, name: str, *, required: bool, way_out: str = "or drop their rows"
) -> NDArray[np.float64] | None:
    """Read a column as float64, NaN where missing; None if it holds no numbers and none are required."""
    column = file.columns[name]
    if column.null_count == len(column):
        return np.full(len(column), np.nan) if required else None
    if not _is_text(column):
        if _is_number(column.type):
            return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
        if required:
            held = f"values of type {column.type}, not numbers"
            raise TableError(f"The column {name!r} of {file.source} holds {held}.")
        return None
    missing, text = _missing(column), pc.utf8_trim_whitespace(column)
    odd = ~missing & ~_matches(text, _NUMBER)
    meant = int(_matches(text, _MEANT_AS_NUMBER).sum())
    if odd.any() and (required or 2 * meant >= int((~missing).sum())):
        row = int(odd.argmax())
        raise TableError(
            f"The column {name!r} of {file.source} holds {quoted(column[row].as_py())} in {file.row(row)}, "
            f"which is not a number ({counted(int(odd.sum()), 'such value')} in all): correct such values "
            f"(numbers are written like -1.5 or 2e3), {way_out}."
        )
    if odd.any() or (missing.all() and not required):
        return None
    text = pc.if_else(pa.array(missing), pa.scalar(None, text.type), text)
    return np.asarray(text.cast(pa.float64()).to_numpy(), dtype=np.float64)


def check_finite(file: TableFile, columns: dict[str, NDArray[np.float64]]) -> None:
    """Raise TableError, with the first row and column, if a value of the (n,) columns is missing or infinite.

    Examples
    --------
    >>> file = TableFile("sales.parquet", pa.table({"price": [1, None]}), b"", None)
    >>> check_finite(file, {"price": np.array([1, np.nan])})
    Traceback (most recent call last):
    patom.audit.table_file.TableError: sales.parquet holds a missing value in row 2, column 'price' (1 missing or...
    """
    found = {name: bad for name, values in columns.items() if (bad := ~np.isfinite(values)).any()}
    if not found:
        return
    anywhere = np.any(list(found.values()), axis=0)
    row, rows, values = int(anywhere.argmax()), int(anywhere.sum()), int(np.sum(list(found.values())))
    name = next(name for name, bad in found.items() if bad[row])
    what = "a missing value" if np.isnan(columns[name][row]) else "an infinite value"
    raise TableError(
        f"{file.source} holds {what} in {file.row(row)}, column {name!r} "
        f"({counted(values, 'missing or infinite value')} in {counted(rows, 'row')} in all): "
        "drop such rows or fill the values in."
    )


def _missing(column: Any) -> NDArray[np.bool_]:
    """Mark null, NaN and blank text."""
    blank = pc.is_null(column, nan_is_null=True)
    if _is_text(column):
        blank = pc.or_(blank, pc.fill_null(pc.equal(pc.utf8_trim_whitespace(column), ""), False))
    return np.asarray(blank.to_numpy(), dtype=bool)


def _matches(text: Any, pattern: str) -> NDArray[np.bool_]:
    found = pc.fill_null(pc.match_substring_regex(text, pattern), False)
    return np.asarray(found.to_numpy(), dtype=bool)


def _held(of: Any) -> Any:
    return of.value_type if pa.types.is_dictionary(of) else of


def _is_number(of: Any) -> bool:
    numeric = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal)
    return any(is_type(of) for is_type in numeric)


def _is_text(column: Any) -> bool:
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))
