"""A user's table, CSV or Parquet, as arrays, with notes on all that was decided for the user."""

import csv
import difflib
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

Kind = Literal["regression", "classification"]

_CONTROL = bytes(sorted(set(range(32)) - set(b"\t\n\f\r")))  # no text file holds these
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:inf|infinity|nan)$"
_MEANT_AS_NUMBER = _NUMBER + r"|^[+-]?\d*[.,]?\d+([eE][+-]?\d+)?\s?%?$"  # also 1,5 and 20 %
_SAFE_INTEGER = r"^(0|-?[1-9]\d{0,17})$"  # as int64 it prints as it was written
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_LONGEST_LABEL = 500  # characters; a fixed-width array of longer ones would fill the memory
_FEW_VALUES = 20  # whole numbers with no more distinct values than this may be class codes


class TableError(ValueError):
    """A table that cannot be used; the message is one sentence for the person who brought it."""


@dataclass(frozen=True, eq=False)
class Table:
    """A table in long format: n rows, d features, one task label and one target each.

    `name` and `source` are the file's stem and name; `kind_reason` completes "regression, since ...";
    `X` is (n, d) float64; `y` is (n,) float64, for classification -1 or +1; `task` is (n,), int64 or str;
    `classes` is (negative, positive) as printed, None for regression; `notes` are sentences on all that was
    decided for the user. Rows and default features stand in the file's order.
    """

    name: str
    source: str
    kind: Kind
    kind_reason: str
    X: NDArray[np.float64]
    y: NDArray[np.float64]
    task: NDArray[Any]
    features: tuple[str, ...]
    task_column: str
    target_column: str
    classes: tuple[str, str] | None
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _File:
    """The columns as read, and the way back from a row to its line."""

    source: str
    columns: pa.Table
    data: bytes
    delimiter: str | None  # None for Parquet
    notes: tuple[str, ...] = ()

    def row(self, index: int) -> str:
        """Name the 0-based data row as a person counts it: 'row 17 (line 18 of the file)'."""
        if self.delimiter is None:
            return f"row {index + 1}"
        text = io.TextIOWrapper(io.BytesIO(self.data), "utf-8-sig", errors="replace", newline="")
        records = csv.reader(text, delimiter=self.delimiter)
        try:  # record 0 is the header
            line = next(islice(_first_lines(records), index + 1, None))
        except (csv.Error, StopIteration):  # the parsers differ on text as odd as this
            return f"row {index + 1}"
        return f"row {index + 1} (line {line} of the file)"


def read_table(
    path: str | PathLike[str],
    *,
    task: str,
    target: str,
    features: Sequence[str] | None = None,
    kind: Literal["auto", "regression", "classification"] = "auto",
) -> Table:
    r"""Read a CSV or Parquet file (told apart by content) with a task column and a target column.

    Parameters
    ----------
    path : path of the file; CSV is UTF-8 with a header, separated by commas, semicolons, tabs or bars.
    task : name of the task column: whole numbers become int64, anything else str.
    target : name of the target column: numbers, or two classes (the one that sorts last is +1).
    features : names of the feature columns; by default all remaining columns that hold numbers (integer,
        float, bool, decimal). The others are left out with a note, except a text column at least half of
        whose values are meant as numbers, which is an error.
    kind : "auto" takes a bool target, two words or two numbers for classification, more numbers for
        regression.

    Returns
    -------
    Table

    Raises
    ------
    TableError
        If the file cannot be read or is no table, if a column is missing, named twice or used twice, if a
        value is missing, infinite or no number, if the target is constant or holds more than two classes.

    Notes
    -----
    Cost: one pass over the file and a sort of the target; memory about twice the file plus 8 n d bytes.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "sales.csv")
    ...     _ = path.write_text("shop,price,sold\nnorth,1.5,no\nsouth,2.5,yes\n")
    ...     table = read_table(path, task="shop", target="sold")
    >>> table.kind, table.features, table.classes, table.y
    ('classification', ('price',), ('no', 'yes'), array([-1.,  1.]))
    """
    if kind not in ("auto", "regression", "classification"):
        raise TableError(f"The kind must be 'auto', 'regression' or 'classification', not {kind!r}.")
    path = Path(path)
    data = _read_bytes(path)
    file = _read_parquet(data, path.name) if _is_parquet(data) else _read_csv(data, path.name, (task, target))
    features = [features] if isinstance(features, str) else features
    _check_names(file, task, target, features)
    labels = _task_labels(file, task)
    columns, notes = _features(file, task, target, features)
    values, words = _target(file, target, kind)
    _check_finite(file, columns | {target: values})
    chosen, reason, classes, kind_note = _choose_kind(file, target, values, words, kind)
    return Table(
        name=path.stem,
        source=path.name,
        kind=chosen,
        kind_reason=reason,
        X=np.column_stack(list(columns.values())),
        y=values if classes is None else np.where(values == values.max(), 1.0, -1.0),
        task=labels,
        features=tuple(columns),
        task_column=task,
        target_column=target,
        classes=classes,
        notes=(*file.notes, *notes, kind_note),
    )


def _read_bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except IsADirectoryError:
        raise TableError(f"'{path}' is a folder, not a CSV or Parquet file.") from None
    except FileNotFoundError:
        raise TableError(f"There is no file '{path}'.") from None
    except OSError as error:
        raise TableError(f"'{path}' cannot be read: {(error.strerror or str(error)).lower()}.") from None
    if not data.removeprefix(b"\xef\xbb\xbf").strip():
        raise TableError(f"'{path}' is empty: it needs a header line and data rows.")
    return data


def _is_parquet(data: bytes) -> bool:
    return data.startswith(b"PAR1") and b"\0" in data[:65536]  # a CSV header may begin with the same letters


def _read_parquet(data: bytes, source: str) -> _File:
    try:
        columns = pa.parquet.ParquetFile(pa.BufferReader(data)).read()
        columns = pa.table([_plain(column) for column in columns.columns], names=columns.column_names)
    except (pa.ArrowException, OSError):
        raise TableError(f"{source} begins as a Parquet file but is damaged or cut short.") from None
    return _File(source, columns, data, None)


def _plain(column: Any) -> Any:
    """Undo dictionary encoding, and read bytes as text where they are UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        try:
            return column.cast(pa.large_string())
        except pa.ArrowInvalid:
            return column
    return column.cast(pa.large_string()) if str(column.type) == "string_view" else column


def _read_csv(data: bytes, source: str, wanted: tuple[str, str]) -> _File:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TableError(f"{source} is text in UTF-16: save it as CSV in UTF-8.")
    if data[:65536] != data[:65536].translate(None, _CONTROL):
        raise TableError(f"{source} is no CSV or Parquet file: it holds binary data of another kind.")
    delimiter = _delimiter(data, wanted)
    ragged: list[Any] = []

    def stop(record: Any) -> str:
        ragged.append(record)
        return "error"

    try:
        columns: Any = pa.csv.read_csv(
            pa.BufferReader(data),
            # Without threads the parser numbers its rows, at little cost. A record must fit into a block.
            read_options=pa.csv.ReadOptions(use_threads=False, block_size=1 << 24),
            parse_options=pa.csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=stop
            ),
            # Tasks are read as text, so that '007' and numbers of 20 digits stay what they are.
            convert_options=pa.csv.ConvertOptions(column_types={wanted[0]: pa.string()}),
        )
        columns.column_names  # noqa: B018  (fails if the header is not UTF-8)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        if not ragged:
            reason = str(error).splitlines()[0]
            reason = "it is not in UTF-8, so save it as UTF-8" if "utf" in reason.lower() else reason
            raise TableError(f"{source} cannot be read as CSV: {reason}.") from None
        raise _ragged(_File(source, None, data, delimiter), ragged[0]) from None
    notes = () if delimiter == "," else (f"The file's columns are separated by {_DELIMITERS[delimiter]}.",)
    return _File(source, columns, data, delimiter, notes)


def _ragged(file: _File, record: Any) -> TableError:
    row = file.row(record.number - 2)  # the header is record 1
    hint = " (is a quotation mark left open?)" if "\n" in record.text else ""
    return TableError(
        f"{file.source} is ragged: {row} has {_count(record.actual_columns, 'value')} where the header names "
        f"{_count(record.expected_columns, 'column')}{hint}."
    )


def _first_lines(records: Any) -> Iterator[int]:
    """Give the line each record starts on, past blank lines and line breaks in quotes."""
    before = 0
    for record in records:
        if record:
            yield before + 1
        before = records.line_num


def _delimiter(data: bytes, wanted: tuple[str, str]) -> str:
    """Choose the delimiter whose header holds the wanted columns, else the one with most columns."""
    line = re.search(rb"[^\r\n]+", data)
    header = line.group().decode("utf-8-sig", errors="replace") if line else ""

    def merit(delimiter: str) -> tuple[int, int]:
        names = [name.strip('"') for name in header.split(delimiter)]
        return sum(name in names for name in wanted), len(names)

    return max(_DELIMITERS, key=merit)


def _check_names(file: _File, task: str, target: str, features: Sequence[str] | None) -> None:
    if task == target:
        raise TableError(f"{task!r} is named as the task and as the target: they must be two columns.")
    names = file.columns.column_names
    doubled = [name for name, times in Counter(names).items() if times > 1 and _is_named(name)]
    if doubled:
        raise TableError(f"{file.source} has more than one column named {_listed(doubled)}: rename them.")
    chosen = () if features is None else features
    for name in (task, target, *chosen):
        if name not in names:
            raise TableError(f"{file.source} has no column {name!r}: {_nearest(name, names)}.")
    for name in (task, target):
        if name in chosen:
            role = "task" if name == task else "target"
            raise TableError(f"The {role} column {name!r} cannot be a feature too: take it off the features.")
    twice = [name for name, times in Counter(chosen).items() if times > 1]
    if twice:
        raise TableError(f"The features name {_listed(twice)} more than once.")
    if features is not None and not chosen:
        raise TableError("The features name no column: name at least one, or leave them to be chosen.")
    if not file.columns.num_rows:
        raise TableError(f"{file.source} has no data rows.")


def _nearest(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name.casefold(), [other.casefold() for other in names], 3, 0.5)
    near = [other for other in names if other.casefold() in close]
    if not near:
        return f"its column{'s are' if names[1:] else ' is'} {_listed(names)}" if names else "it has none"
    return f"the nearest name{'s are' if near[1:] else ' is'} {_listed(near)}"


def _is_named(name: str) -> bool:
    """Tell whether a column has a name of its own; row indices written by pandas have none."""
    return bool(name.strip()) and not name.startswith("__index_level_")


def _task_labels(file: _File, name: str) -> NDArray[Any]:
    column = file.columns[name]
    if file.delimiter is not None:
        column = _typed(column)
    missing = _missing(column)
    if missing.any():
        raise TableError(
            f"{file.source} names no task in {file.row(int(missing.argmax()))}, column {name!r} "
            f"({_count(int(missing.sum()), 'row')} in all): drop such rows or name their task."
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


def _whole(file: _File, name: str, column: Any) -> NDArray[np.int64]:
    values = column.cast(pa.float64()).to_numpy()
    odd = ~((np.abs(values) < 2.0**53) & (values == np.rint(values)))
    if odd.any():
        row = int(odd.argmax())
        raise TableError(
            f"The task column {name!r} of {file.source} holds {values[row]:g} in {file.row(row)}: "
            "tasks are named by whole numbers or by text."
        )
    return np.asarray(values, dtype=np.int64)


def _missing(column: Any) -> NDArray[np.bool_]:
    """Mark null, NaN and blank text."""
    blank = pc.is_null(column, nan_is_null=True)
    if _is_text(column):
        blank = pc.or_(blank, pc.fill_null(pc.equal(pc.utf8_trim_whitespace(column), ""), False))
    return np.asarray(blank.to_numpy(), dtype=bool)


def _matches(text: Any, pattern: str) -> NDArray[np.bool_]:
    found = pc.fill_null(pc.match_substring_regex(text, pattern), False)
    return np.asarray(found.to_numpy(), dtype=bool)


def _is_text(column: Any) -> bool:
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def _features(
    file: _File, task: str, target: str, asked: Sequence[str] | None
) -> tuple[dict[str, NDArray[np.float64]], list[str]]:
    """Read the feature columns, with notes on those left out and those read as numbers from text."""
    others = [name for name in file.columns.column_names if name not in (task, target)]
    named = [name for name in others if _is_named(name)] if asked is None else list(asked)
    way_out = "or drop their rows" if asked else "drop their rows, or choose the features by name"
    read = {name: _numbers(file, name, required=asked is not None, way_out=way_out) for name in named}
    columns = {name: values for name, values in read.items() if values is not None}
    if not columns:
        raise TableError(
            f"{file.source} has no feature: no column but {task!r} and {target!r} holds numbers."
        )
    notes = []
    if asked is None and len(named) < len(others):
        notes.append("Columns without a name were left out: they are most likely row numbers.")
    left_out = [name for name in named if name not in columns]
    if left_out:
        notes.append(f"Left out of the features, as they hold no numbers: {_listed(left_out, 20)}.")
    text = [name for name in columns if _is_text(file.columns[name])]
    if text:
        notes.append(f"Stored as text and read as numbers: {_listed(text, 20)}.")
    return columns, notes


def _numbers(
    file: _File, name: str, *, required: bool, way_out: str = "or drop their rows"
) -> NDArray[np.float64] | None:
    """Read a column as float64, NaN where missing; None if it holds no numbers and none are required."""
    column = file.columns[name]
    if column.null_count == len(column):
        return np.full(len(column), np.nan) if required else None
    if not _is_text(column):
        numeric = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal)
        if any(is_type(column.type) for is_type in numeric):
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
            f"The column {name!r} of {file.source} holds {_short(column[row].as_py())} in {file.row(row)}, "
            f"which is not a number ({_count(int(odd.sum()), 'such value')} in all): correct such values "
            f"(numbers are written like -1.5 or 2e3), {way_out}."
        )
    if odd.any() or (missing.all() and not required):
        return None
    text = pc.if_else(pa.array(missing), pa.scalar(None, text.type), text)
    return np.asarray(text.cast(pa.float64()).to_numpy(), dtype=np.float64)


def _target(file: _File, name: str, kind: str) -> tuple[NDArray[np.float64], list[str] | None]:
    """Read the target as numbers, or as positions in the sorted names of its classes; NaN where missing."""
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
                f"The target {name!r} of {file.source} holds words such as {_short(names[0])}, which no "
                "regression can predict: set the kind to 'classification' or choose another target."
            )
    codes = pc.index_in(words, value_set=pa.array(names, words.type), skip_nulls=True)
    return np.asarray(codes.cast(pa.float64()).to_numpy(), dtype=np.float64), names


def _check_finite(file: _File, columns: dict[str, NDArray[np.float64]]) -> None:
    bad = np.column_stack([~np.isfinite(values) for values in columns.values()])
    if not bad.any():
        return
    row = int(bad.any(axis=1).argmax())
    name = list(columns)[int(bad[row].argmax())]
    what = "a missing value" if np.isnan(columns[name][row]) else "an infinite value"
    rows = int(bad.any(axis=1).sum())
    raise TableError(
        f"{file.source} holds {what} in {file.row(row)}, column {name!r} "
        f"({_count(int(bad.sum()), 'missing or infinite value')} in {_count(rows, 'row')} in all): "
        "drop such rows or fill the values in."
    )


def _choose_kind(
    file: _File, name: str, values: NDArray[np.float64], words: list[str] | None, asked: str
) -> tuple[Kind, str, tuple[str, str] | None, str]:
    """Choose the kind, the reason for it, (negative, positive) and a note."""
    distinct = np.unique(values)
    first = [words[int(v)] for v in distinct[:5]] if words else [_printed(v) for v in distinct[:5]]
    count = distinct.size
    if count == 1:
        raise TableError(
            f"The target {name!r} of {file.source} is constant: it is {_short(first[0])} in every row, "
            "so there is nothing to learn."
        )
    if count > 2 and (words is not None or asked == "classification"):
        raise TableError(
            f"The target {name!r} of {file.source} holds {count:,} classes ({_listed(first, 5, count)}) "
            "where two are needed: make one-vs-rest tasks of them with patom.datasets.one_vs_rest_tasks, or "
            "keep the rows of two classes."
        )
    if asked == "regression":
        return "regression", "it was asked for", None, "Regression, since it was asked for."
    if count == 2:
        reason = f"the target holds two classes, {_short(first[0])} and {_short(first[1])}"
        why = "it was asked for" if asked == "classification" else reason
        note = (
            f"Classification, since {why}; {_short(first[1])} is the positive class (+1), as it sorts last."
        )
        if asked == "auto" and words is None:
            note += " If the two numbers are quantities, set the kind to 'regression'."
        return "classification", why, (first[0], first[1]), note
    if count <= _FEW_VALUES and bool((distinct == np.rint(distinct)).all()):
        reason = f"the target holds {count} distinct whole numbers, taken as quantities"
        note = f"Regression, since {reason}; if they stand for classes, make one-vs-rest tasks of them with "
        return "regression", reason, None, note + "patom.datasets.one_vs_rest_tasks, or keep two classes."
    reason = f"the target holds {count:,} distinct numbers"
    return "regression", reason, None, f"Regression, since {reason}."


def _printed(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(float(value))


def _short(value: str) -> str:
    return repr(value if len(value) <= 40 else value[:37] + "...")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _listed(names: Sequence[str], limit: int = 8, total: int | None = None) -> str:
    """Join names to "'a', 'b' and 'c'", or past the limit to "'a', 'b' and 7 more"."""
    total = len(names) if total is None else total
    shown = [_short(name) for name in names[:limit]]
    if total > len(shown):
        shown.append(f"{total - len(shown):,} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if shown[1:] else shown)
