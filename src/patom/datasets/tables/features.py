"""The features of a table's file as one matrix, or one sentence on why not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from patom.datasets.tables.columns import float_values, held, is_missing, is_number, is_text, may_be_text
from patom.datasets.tables.csv_file import as_written
from patom.datasets.tables.file import ColumnError, TableError, TableFile
from patom.datasets.tables.numbers import meant_as_numbers, numbers_among
from patom.datasets.tables.wording import counted, listed, quoted


def feature_matrix(
    file: TableFile, task: str, target: str, asked: Sequence[str] | None
) -> tuple[tuple[str, ...], NDArray[np.float64], list[str]]:
    """Read the features asked for, or all other columns that hold numbers, one column at a time into one matrix.

    Gives d names, (n, d) float64 values, NaN where missing, and notes on the columns left out, on those read as
    numbers from text and on those that float64 rounds. Raises TableError if no feature is left, or if a value is not
    a number in a column that was asked for or at least half of whose values are meant as numbers.

    Examples
    --------
    >>> file = TableFile("sales.parquet", pa.table({"shop": [3, 1], "price": [0.5, 2], "sold": [7, 9]}), b"", None)
    >>> feature_matrix(file, "shop", "sold", None)
    (('price',), array([[0.5],
           [2. ]]), [])
    """
    names = file.columns.column_names
    types = {name: held(kind) for name, kind in zip(names, file.columns.schema.types, strict=True)}
    others = [name for name in names if name not in (task, target)]
    named = [name for name in others if name not in file.index] if asked is None else list(asked)
    strange = set() if asked else {name for name in named if name in file.extensions or _is_packed(types[name])}
    reading = _Reading(file, required=asked is not None)
    typed = {name for name in named if is_number(types[name])} - strange
    told: dict[str, NDArray[np.float64]] = {}
    for name in named:  # text becomes numbers, or is left out, before there is room for all
        if name not in typed and name not in strange and (asked is not None or may_be_text(types[name])):
            values = reading.numbers(name)
            if values is not None:
                told[name] = values
    text, chosen = list(told), [name for name in named if name in typed or name in told]
    columns, X = _filled(file, chosen, lambda name: told.pop(name) if name in told else reading.numbers(name))
    if not columns:
        raise TableError(f"{file.source} has no feature: no column but {task!r} and {target!r} holds numbers.")
    notes = _left_out(file, others, columns, strange.union(reading.unreadable)) if asked is None else []
    if text:
        notes.append(f"Stored as text and read as numbers: {listed(text, 20)}.")
    rounded = reading.rounded(columns)
    if rounded:
        notes.append(f"Rounded to float64, as they hold whole numbers beyond 2**53: {listed(rounded, 20)}.")
    return tuple(columns), X, notes


def _left_out(file: TableFile, others: list[str], features: list[str], strange: set[str]) -> list[str]:
    kept = {*features}
    index = [name for name in others if name in file.index]
    written = [name for name in index if name.strip()]
    odd = [name for name in others if name in strange]
    empty = [name for name in others if name not in kept and name not in file.index and name not in strange]
    notes = []
    if len(written) < len(index):
        notes.append("Columns without a name were left out: they are most likely row numbers.")
    if written:
        notes.append(f"Left out of the features, as row numbers or an index: {listed(written, 20)}.")
    if empty:
        notes.append(f"Left out of the features, as they hold no numbers: {listed(empty, 20)}.")
    if odd:
        notes.append(f"Left out of the features, as their types cannot be read as numbers: {listed(odd, 20)}.")
    return notes


def _is_packed(kind: Any) -> bool:
    """Whether values are bytes of one length, which may be anything: integers of 128 bits, identifiers, hashes."""
    return bool(pa.types.is_fixed_size_binary(kind))


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


@dataclass
class _Reading:
    """Columns as float64, and what is to be said of them."""

    file: TableFile
    required: bool
    large: dict[str, bool] = field(default_factory=dict)  # with values from 2**53 on; False if they may all be floats
    unreadable: list[str] = field(default_factory=list)

    def numbers(self, name: str) -> NDArray[np.float64] | None:
        """A column as float64, NaN where missing; None if it holds no numbers and none are required."""
        try:
            column = self.file.columns[name]
        except ColumnError:
            if self.required:
                raise
            self.unreadable.append(name)
            return None
        way_out = "or drop their rows" if self.required else "drop their rows, or choose the features by name"
        values = column_numbers(self.file, name, column, required=self.required, way_out=way_out)
        if values is not None and (np.abs(values) >= 2.0**53).any():
            self._keep_large(name, column)
        return values

    def _keep_large(self, name: str, column: Any) -> None:
        """Remember that a column holds whole numbers from 2**53 on, or that its text in the file is to be asked."""
        if may_round(column.type) or (is_text(column.type) and _long_whole(column)):
            self.large[name] = True
        elif pa.types.is_floating(column.type) and self.file.delimiter is not None:
            self.large[name] = False  # whole numbers beyond int64 were taken for floats

    def rounded(self, columns: Sequence[str]) -> list[str]:
        """Those of the columns that hold whole numbers beyond 2**53; takes a pass over a CSV with floats so large."""
        doubtful = [name for name in columns if self.large.get(name) is False]
        text = as_written(self.file, doubtful) if doubtful else {}
        return [name for name in columns if self.large.get(name) or (name in doubtful and _long_whole(text[name]))]


def _long_whole(text: Any) -> bool:
    """Whether one of the numbers, as written, is whole and has digits for 2**53 at least."""
    return bool(pc.any(pc.match_substring_regex(text, r"^\s*[+-]?0*[1-9]\d{15,}(\.0*)?\s*$")).as_py())


def may_round(kind: Any) -> bool:
    """Whether an Arrow type holds whole numbers beyond 2**53, of which float64 holds some only."""
    return bool(pa.types.is_decimal(kind) or (pa.types.is_integer(kind) and kind.bit_width == 64))


def column_numbers(
    file: TableFile, name: str, column: Any, *, required: bool, way_out: str = "or drop their rows"
) -> NDArray[np.float64] | None:
    """A column as float64, (n,), NaN where missing; None if it holds no numbers and none are ``required``.

    Raises TableError if a value is not a number in a column that is required or at least half of whose values are
    meant as numbers; the sentence ends in `way_out`.

    Examples
    --------
    >>> column = pa.chunked_array([["1", "-2e1"]])
    >>> column_numbers(TableFile("sales.csv", None, b"", ","), "price", column, required=False)
    array([  1., -20.])
    """
    if column.null_count == len(column):
        return np.full(len(column), np.nan) if required else None
    if is_number(column.type):
        return float_values(column)
    if not is_text(column.type):
        if required:
            raise TableError(f"The column {name!r} of {file.source} holds values of type {column.type}, not numbers.")
        return None
    missing, text = missing_values(column), pc.utf8_trim_whitespace(column)
    odd = ~missing & ~numbers_among(text)
    if odd.any() and (required or 2 * int((meant_as_numbers(text) & ~missing).sum()) >= int((~missing).sum())):
        row = int(odd.argmax())
        raise TableError(
            f"The column {name!r} of {file.source} holds {quoted(column[row].as_py())} in {file.row(row)}, "
            f"which is not a number ({counted(int(odd.sum()), 'such value')} in all): correct such values "
            f"(numbers are written like -1.5 or 2e3), {way_out}."
        )
    if odd.any() or (missing.all() and not required):
        return None
    text = pc.if_else(pa.array(missing), pa.scalar(None, text.type), text)
    return float_values(text)


def check_finite(file: TableFile, columns: dict[str, NDArray[np.float64]]) -> None:
    """Raise TableError, with the first row and column, if a value of the (n,) columns is missing or infinite.

    Examples
    --------
    >>> file = TableFile("sales.parquet", pa.table({"price": [1, None]}), b"", None)
    >>> check_finite(file, {"price": np.array([1, np.nan])})
    Traceback (most recent call last):
    patom.datasets.tables.file.TableError: sales.parquet holds a missing value in row 2, column 'price' (1 missing or...
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


def missing_values(column: Any) -> NDArray[np.bool_]:
    """Mark null, NaN and blank text, shape (n,).

    Examples
    --------
    >>> missing_values(pa.array(["a", " ", None]))
    array([False,  True,  True])
    """
    missing = is_missing(column)
    if is_text(column.type):
        blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(column), ""), False)
        missing |= np.asarray(blank.to_numpy(zero_copy_only=False), dtype=bool)
    return missing
