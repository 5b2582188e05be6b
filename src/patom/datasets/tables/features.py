"""The features of a table's file as one matrix: numbers, and text that is or is meant as numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from patom.datasets.tables.columns import float_values, is_number, is_text, may_be_text, missing_values
from patom.datasets.tables.file import DamagedError, TableError, TableFile, UnreadableError
from patom.wording import counted, listed, quoted

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:inf|infinity|nan)$"

_SPACE = r"[\s\p{Zs}\p{Cf}]"  # no-break, narrow and zero-width ones too
_SIGN = r"[+\-\x{2010}-\x{2015}\x{2212}\x{FE63}\x{FF0B}\x{FF0D}]"
_MONEY = (
    r"(?:[A-Z]{0,3}\p{Sc}|(?i:usd|eur|gbp|jpy|chf|cny|inr|cad|aud|nzd|sek|nok|dkk|pln|czk|huf|rub|brl|mxn|zar|krw|try)"
    r"|kr\.?|z\x{142}|Rs\.?)"
)
_MARK = rf"(?:{_MONEY}|[%\x{{2030}}\x{{FF05}}\x{{B0}}])"
_GROUPED = "|".join(
    [
        r"\p{Nd}{1,3}(?:,\p{Nd}{2,3})*,\p{Nd}{3}(?:\.\p{Nd}*)?",  # 1,234.5, and 12,34,567 as in India
        r"\p{Nd}{1,3}(?:\.\p{Nd}{3})+,\p{Nd}*",  # 1.234,5
        r"\p{Nd}{1,3}(?:\.\p{Nd}{3}){2,}",  # 1.234.567
        r"\p{Nd}{1,3}(?:['\x{2019}\x{2BC}\x{B4}`]\p{Nd}{3})+(?:[.,]\p{Nd}*)?",  # 1'234.5
        rf"\p{{Nd}}{{1,3}}(?:{_SPACE}\p{{Nd}}{{3}})+(?:[.,]\p{{Nd}}*)?",  # 1 234,5
        r"\p{Nd}{1,3}(?:\x{66C}\p{Nd}{3})+(?:\x{66B}\p{Nd}*)?",  # the same in Arabic
        rf"\p{{Nd}}*{_SPACE}?[\x{{BC}}-\x{{BE}}\x{{2150}}-\x{{215E}}]",  # one and a half
    ]
)
_POWER = rf"(?:[eEdD]|{_SPACE}?[x\x{{D7}}\x{{B7}}*]{_SPACE}?10(?:\^|\*\*))"
_DIGITS = rf"(?:{_GROUPED}|\p{{Nd}}+[.,\x{{66B}}\x{{B7}}]?\p{{Nd}}*|[.,]\p{{Nd}}+)(?:{_POWER}{_SIGN}?\p{{Nd}}+)?"
_SIGNED = rf"{_SIGN}?{_SPACE}?{_DIGITS}|{_DIGITS}{_SIGN}"
_MARKED = (
    rf"{_SIGN}?{_SPACE}*{_MARK}?{_SPACE}*(?:{_SIGNED}){_SPACE}*{_MARK}?{_SIGN}?"
    rf"|\({_SPACE}*{_MARK}?{_SPACE}*{_DIGITS}{_SPACE}*{_MARK}?{_SPACE}*\)"  # bookkeepers' minus
    rf"|{_MARK}{_SPACE}*\({_DIGITS}\)"
)
# The apostrophe is a spreadsheet's, which makes text of a number.
_MEANT = rf"^{_SPACE}*'?(?:{_MARKED}){_SPACE}*$"

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_OTHER = "|".join(
    [
        rf"^(?:{_OCTET}\.){{3}}{_OCTET}$",  # an address
        rf"^\+\d+(?:{_SPACE}\d+)+$|^\d{{3}}(?:{_SPACE}\d{{3}}){{2}}$",  # a telephone
    ]
)


def feature_matrix(
    file: TableFile, task: str, target: str, asked: Sequence[str] | None
) -> tuple[tuple[str, ...], NDArray[np.float64], list[str]]:
    """Read the features named, or all other columns that hold numbers, one column at a time into one matrix.

    Returns d names, (n, d) float64 values, NaN where missing, and notes on the columns left out, on those read as
    numbers from text and on those that float64 rounds. Raises TableError if no feature is left, or if a value is not
    a number in a column that was named or at least half of whose values are meant as numbers.

    >>> file = TableFile("sales.parquet", pa.table({"shop": [3, 1], "price": [0.5, 2], "sold": [7, 9]}))
    >>> feature_matrix(file, "shop", "sold", None)
    (('price',), array([[0.5],
           [2. ]]), [])
    """
    types = file.types
    named = file.default_features((task, target)) if asked is None else list(asked)
    # bytes of one length may be anything: integers of 128 bits, identifiers, hashes
    packed = {name for name in named if pa.types.is_fixed_size_binary(types[name])}
    strange = set() if asked else packed.union(file.extensions.intersection(named))
    reading = _Reading(file, required=asked is not None)
    typed = {name for name in named if is_number(types[name])} - strange
    parsed: dict[str, NDArray[np.float64]] = {}
    for name in named:  # text becomes numbers, or is left out, before there is room for all
        if name not in typed and name not in strange and (asked is not None or may_be_text(types[name])):
            values = reading.numbers(name)
            if values is not None:
                parsed[name] = values
    text, chosen = list(parsed), [name for name in named if name in typed or name in parsed]
    columns, X = _filled(file, chosen, lambda name: parsed.pop(name) if name in parsed else reading.numbers(name))
    if not columns:
        raise file.no_feature(task, target)
    others = [name for name in file.schema.names if name not in (task, target)]
    notes = _left_out(file, others, columns, strange.union(reading.unreadable)) if asked is None else []
    if text:
        notes.append(f"Stored as text and read as numbers: {listed(text, 20)}.")
    rounded = reading.rounded(columns)
    if rounded:
        notes.append(f"Rounded to float64, as they hold whole numbers beyond 2**53: {listed(rounded, 20)}.")
    return tuple(columns), X, notes


def _left_out(file: TableFile, others: list[str], features: list[str], strange: set[str]) -> list[str]:
    index = [name for name in others if name in file.index]
    taken = file.index.union(features)
    rest = [name for name in others if name not in taken]
    reasons = {
        "as row numbers or an index": [name for name in index if name.strip()],
        "as they hold no numbers": [name for name in rest if name not in strange],
        "as their types cannot be read as numbers": [name for name in rest if name in strange],
    }
    unnamed = any(not name.strip() for name in index)
    notes = ["Columns without a name were left out: they are most likely row numbers."] if unnamed else []
    return notes + [f"Left out of the features, {why}: {listed(names, 20)}." for why, names in reasons.items() if names]


def _filled(
    file: TableFile, names: list[str], read: Callable[[str], NDArray[np.float64] | None]
) -> tuple[list[str], NDArray[np.float64]]:
    """The columns that hold a value, in one matrix; no copy of it is made if all columns do."""
    X, full = np.empty((file.n_rows, len(names))), np.ones(len(names), dtype=bool)
    for j, name in enumerate(names):
        values = read(name)
        full[j] = values is not None
        X[:, j] = 0.0 if values is None else values
    if not full.all():
        X = np.ascontiguousarray(X[:, full])
    return [name for name, kept in zip(names, full, strict=True) if kept], X


@dataclass
class _Reading:
    """Columns as float64, and what the notes say of them."""

    file: TableFile
    required: bool
    large: set[str] = field(default_factory=set)  # columns that hold whole numbers from 2**53 on
    doubtful: set[str] = field(default_factory=set)  # columns of which only the text in the file can tell
    unreadable: list[str] = field(default_factory=list)

    def numbers(self, name: str) -> NDArray[np.float64] | None:
        """A column as float64, NaN where missing; None if it holds no numbers and none are required."""
        try:
            column = self.file.column(name)
        except UnreadableError as error:
            if self.required or isinstance(error, DamagedError):
                raise
            self.unreadable.append(name)
            return None
        way_out = "or drop their rows" if self.required else "drop their rows, or choose the features by name"
        values = column_numbers(self.file, name, column, required=self.required, way_out=way_out)
        if values is not None and (np.abs(values) >= 2.0**53).any():
            if may_round(column.type) or (is_text(column.type) and _long_whole(column)):
                self.large.add(name)
            elif pa.types.is_floating(column.type):  # in a CSV file whole numbers beyond int64 were taken for floats
                self.doubtful.add(name)
        return values

    def rounded(self, columns: Sequence[str]) -> list[str]:
        """Those of the columns that hold whole numbers beyond 2**53; takes a pass over a CSV with floats so large."""
        doubtful = [name for name in columns if name in self.doubtful]
        written = self.file.as_written(doubtful) if doubtful else {}
        found = self.large.union(name for name, text in written.items() if _long_whole(text))
        return [name for name in columns if name in found]


def _long_whole(text: Any) -> bool:
    """Whether one of the numbers, as written, is whole and has at least the 16 digits of 2**53."""
    return bool(pc.any(pc.match_substring_regex(text, r"^\s*[+-]?0*[1-9]\d{15,}(\.0*)?\s*$")).as_py())


def may_round(kind: Any) -> bool:
    """Whether an Arrow type holds whole numbers beyond 2**53, which float64 may round."""
    return bool(pa.types.is_decimal(kind) or (pa.types.is_integer(kind) and kind.bit_width == 64))


def column_numbers(
    file: TableFile, name: str, column: Any, *, required: bool, way_out: str = "or drop their rows"
) -> NDArray[np.float64] | None:
    """A column as float64, (n,), NaN where missing; None if it holds no numbers and none are ``required``.

    Raises TableError if a value is not a number in a column that is required or at least half of whose values are
    meant as numbers; the sentence ends in `way_out`.

    >>> column = pa.chunked_array([["1", "-2e1"]])
    >>> column_numbers(TableFile("sales.csv", None), "price", column, required=False)
    array([  1., -20.])
    """
    if column.null_count == len(column):
        return np.full(len(column), np.nan) if required else None
    if is_number(column.type):
        return float_values(column)
    if not is_text(column.type):
        if required:
            raise file.not_numbers(name, f"type {column.type}")
        return None
    missing, text = missing_values(column), pc.utf8_trim_whitespace(column)
    odd = ~missing & ~numbers_among(text)
    if odd.any() and (required or 2 * int((meant_as_numbers(text) & ~missing).sum()) >= int((~missing).sum())):
        row = int(odd.argmax())
        raise TableError(
            f"the column {name!r} of {file.source} holds {quoted(column[row].as_py())} in {file.row(row)}, "
            f"which is not a number ({counted(int(odd.sum()), 'such value')} in all)",
            f"correct such values (numbers are written like -1.5 or 2e3), {way_out}",
        )
    if odd.any() or (missing.all() and not required):
        return None
    text = pc.if_else(pa.array(missing), pa.scalar(None, text.type), text)
    return float_values(text)


def check_finite(file: TableFile, columns: dict[str, NDArray[np.float64]]) -> None:
    """Raise TableError, with the first row and column, if a value of the (n,) columns is missing or infinite.

    >>> file = TableFile("sales.parquet", pa.table({"price": [1, None]}))
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
    total = f" ({counted(values, 'missing or infinite value')} in {counted(rows, 'row')} in all)"
    raise file.not_finite(row, name, missing=bool(np.isnan(columns[name][row])), of_all=total)


def numbers_among(text: Any) -> NDArray[np.bool_]:
    """Mark text that is read as a number, such as -1.5 or 2e3, shape (n,).

    >>> numbers_among(pa.array(["2e3", "1,5", None]))
    array([ True, False, False])
    """
    return _matches(text, _NUMBER)


def meant_as_numbers(text: Any) -> NDArray[np.bool_]:
    """Mark text that is a number to a person, shape (n,); no dates, times, versions, addresses or telephones.

    >>> meant_as_numbers(pa.array(["1,234,567", "$1.50", "(1.5)", "20 %", "2020-01-02", "10:30", "v1.2"])).tolist()
    [True, True, True, True, False, False, False]
    """
    return _matches(text, _NUMBER) | (_matches(text, _MEANT) & ~_matches(text, _OTHER))


def _matches(text: Any, pattern: str) -> NDArray[np.bool_]:
    found = pc.fill_null(pc.match_substring_regex(text, pattern), False)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)
