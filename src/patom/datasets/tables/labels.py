"""The task column and the target column of a table, each value as the file has it, or one sentence on why not."""

from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from patom.core.arrays import AnyArray
from patom.datasets.tables.columns import (
    NotWholeError,
    distinct_values,
    is_number,
    is_text,
    missing_values,
    whole_numbers,
)
from patom.datasets.tables.csv_file import CsvFile
from patom.datasets.tables.features import column_numbers, may_round
from patom.datasets.tables.file import TableError, TableFile
from patom.wording import counted, quoted

_FLOAT = r"^-?((0|[1-9]\d*)(\.\d*)?|\.\d+|\d(\.\d*)?e[+-]\d{2,3})$"  # as programs print floats; 2E1 may be a room
_LONGEST_LABEL = 500  # characters; a fixed-width array of longer ones would fill the memory


@dataclass
class Labels:
    """Task labels of n rows, put in one part of the rows after another.

    Whole numbers are kept exactly, anything else as text. TableError for a label that is missing or longer than 500
    characters, a number that is not whole, a float that may stand for several integers, and values of other types.

    >>> labels = Labels(TableFile("sales.parquet", None), "shop", 3)
    >>> labels.put(pa.array(["south", "north"]), 0)
    >>> labels.put(pa.array(["south"]), 2)
    >>> labels.all()
    array(['south', 'north', 'south'], dtype='<U5')
    """

    file: TableFile
    name: str
    n: int
    values: AnyArray | None = None  # whole numbers, or places of text
    places: dict[str, int] = field(default_factory=dict)

    role = "task"

    def put(self, column: Any, first: int = 0) -> None:
        """Add the labels of the rows from ``first`` on: a column as `columns.plain` leaves it."""
        column = self.prepared(column)
        missing = missing_values(column)
        if missing.any():
            whole = f" ({counted(int(missing.sum()), 'row')} in all)" if len(column) == self.n else ""
            raise self.missing(first + int(missing.argmax()), whole)
        part = self.numbers(column, first) if is_number(column.type) else self.text(column, first)
        if self.values is None:
            self.values = np.zeros(self.n, part.dtype)
        elif "iOf".index(part.dtype.kind) > "iOf".index(self.values.dtype.kind):  # a type that holds more
            self.values = self.values.astype(part.dtype)
        self.values[first : first + part.size] = part

    def prepared(self, column: Any) -> Any:
        """Truth values are names, not the numbers 0 and 1."""
        return pc.if_else(column, "True", "False") if pa.types.is_boolean(column.type) else column

    def missing(self, row: int, of_all: str) -> TableError:
        """The error where a row has no label."""
        return TableError(
            f"{self.file.source} names no task in {self.file.row(row)}, column {self.name!r}{of_all}",
            "drop such rows or name their task",
        )

    def numbers(self, column: Any, first: int) -> AnyArray:
        """A part of the rows, as whole numbers."""
        try:
            return whole_numbers(column)
        except NotWholeError as error:
            raise self.refused(f"{error.shown} in {self.file.row(first + error.row)}", str(error)) from None

    def text(self, column: Any, first: int) -> AnyArray:
        """A part of the rows, as places among the labels so far."""
        if pa.types.is_temporal(column.type):
            with suppress(pa.ArrowException):  # a time zone that is not installed
                column = column.cast(pa.large_string())
        if not is_text(column.type):
            raise self.refused(f"values of type {column.type}, not labels")
        length = pc.utf8_length(column).to_numpy(zero_copy_only=False)
        if length.max(initial=0) > _LONGEST_LABEL:
            row = self.file.row(first + int(length.argmax()))
            remedy = f"a {self.role} label is a short name (at most {_LONGEST_LABEL})"
            raise self.refused(f"a label of {length.max():,} characters in {row}", remedy)
        distinct, codes = distinct_values(column)
        places = [self.places.setdefault(label, len(self.places)) for label in distinct]
        return np.asarray(places, np.int32)[codes]

    def all(self) -> AnyArray:
        """The labels of all rows: int64, Python's integers where one is beyond int64, or str."""
        assert self.values is not None
        if not self.places:
            return self.values
        cut = [label for label in self.places if label.endswith("\0")]
        if cut:
            what = f"the label {cut[0]!r}, whose last character an array of text would leave out"
            raise self.refused(what, "rename it")
        return np.asarray(list(self.places), dtype=str)[self.values]

    def refused(self, what: str, remedy: str = "") -> TableError:
        """The error where the column holds what is no label."""
        return TableError(f"the {self.role} column {self.name!r} of {self.file.source} holds {what}", remedy)


def task_labels(file: TableFile, name: str) -> NDArray[Any]:
    """Read the named column as task labels, (n,): int64 if they are whole numbers, else str.

    Labels in a CSV file count as numbers if int64 prints them as they stand there, except for `.0`, and `1e+05` does
    where no other spelling means the same; '007', '2E1' and '1e5' stay text, as do whole numbers beyond int64. Raises
    TableError as `Labels` does.

    >>> file = TableFile("sales.parquet", pa.table({"shop": [3.0, 1.0]}))
    >>> task_labels(file, "shop")
    array([3, 1])
    """
    labels, column = Labels(file, name, file.n_rows), file.column(name)
    labels.put(_codes(labels, column) if isinstance(file, CsvFile) else column)
    found = labels.all()
    return found if found.dtype != object else found.astype(str)


def _codes(labels: Labels, text: Any) -> Any:
    """A CSV's labels as int64 where they are numbers in the spelling that numbers have, else as they are.

    `1e+05` is 100000, unless another label is that too.
    """
    blank = pc.is_in(text, value_set=pa.array(pa.csv.ConvertOptions().null_values, text.type))
    written = pc.if_else(blank, pa.scalar(None, text.type), text)
    spelled = pc.unique(written).drop_null()
    if not len(spelled) or not pc.all(pc.match_substring_regex(spelled, _FLOAT)).as_py():
        return text
    if pc.max(pc.utf8_length(spelled)).as_py() > _LONGEST_LABEL:  # refused as text; so many digits take long to read
        return text
    spelled = spelled.to_pylist()
    values = [Decimal(label) for label in spelled]
    for label, value in zip(spelled, values, strict=True):
        cut = "e" in label and abs(value) >= 2**53  # some of its digits may be lost
        if cut or value != int(value):
            row = labels.file.row(int(pc.index(text, pa.scalar(label, text.type)).as_py()))
            why = "store labels with all their digits" if cut else "tasks are named by whole numbers or by text"
            raise labels.refused(f"{label} in {row}", why)
    plain = {label.rstrip("0").rstrip(".") if "." in label and "e" not in label else label for label in spelled}
    whole = [int(value) for value in values]
    if len(set(whole)) < len(plain) or any(not -(2**63) <= value < 2**63 for value in whole):
        return text
    places = pc.index_in(written, value_set=pa.array(spelled, text.type), skip_nulls=True)
    return pa.array(whole, pa.int64()).take(places)


@dataclass(frozen=True, eq=False)
class Target:
    """A target: `values` is (n,) float64, NaN where missing.

    `words` are the sorted names of the classes, and the values places among them, or None if the values are numbers;
    `count` is the number of distinct numbers in the file where float64 makes some of them equal.
    """

    values: NDArray[np.float64]
    words: list[str] | None = None
    count: int | None = None


def target_values(file: TableFile, name: str, kind: str) -> Target:
    """Read the target as numbers, or as places among the sorted names of its classes.

    `kind` is "auto", "regression" or "classification". Two numbers that float64 would make equal are two classes.
    Raises TableError if `kind` is "regression" and the target holds words or numbers that float64 cannot tell apart,
    or if it holds neither numbers nor words.

    >>> file = TableFile("sales.parquet", pa.table({"sold": ["yes", "no", "yes"]}))
    >>> target_values(file, "sold", "auto")
    Target(values=array([1., 0., 1.]), words=['no', 'yes'], count=None)
    """
    column = file.column(name)
    if is_text(column.type):
        return _of_text(file, name, column, kind)
    values = column_numbers(file, name, column, required=True)
    assert values is not None
    if pa.types.is_boolean(column.type):
        return Target(values, ["False", "True"])
    if pa.types.is_floating(column.type) and (np.abs(values) >= 2.0**53).any():
        # in a CSV file whole numbers beyond int64 were taken for floats
        column = file.as_written([name]).get(name, column)
    return _distinguished(file, name, column, values, kind)


def _of_text(file: TableFile, name: str, column: Any, kind: str) -> Target:
    words = pc.if_else(pa.array(missing_values(column)), pa.scalar(None, column.type), column)
    names = sorted(pc.unique(words).drop_null().to_pylist())
    if kind == "regression" or (kind == "auto" and len(names) != 2):
        values = column_numbers(file, name, column, required=False)
        if values is not None:
            return _distinguished(file, name, column, values, kind)
        if kind == "regression" and names:
            raise TableError(
                f"the target {name!r} of {file.source} holds words such as {quoted(names[0])}, which no "
                "regression can predict",
                "set the kind to 'classification' or choose another target",
            )
    codes = pc.index_in(words, value_set=pa.array(names, words.type))
    return Target(np.asarray(codes.cast(pa.float64()).to_numpy(), dtype=np.float64), names)


def _distinguished(file: TableFile, name: str, column: Any, values: NDArray[np.float64], kind: str) -> Target:
    """Numbers; where float64 makes some beyond 2**53 equal, with the count of distinct ones, or as classes if two."""
    large = np.isfinite(values).all() and (np.abs(values) >= 2.0**53).any()
    if not large or not (is_text(column.type) or may_round(column.type)):
        return Target(values)
    numbers = _whole_spelled(column) if is_text(column.type) else column
    if numbers is None:
        return Target(values)
    count, left = len(pc.unique(numbers)), np.unique(values).size
    if count == left:
        return Target(values)
    if kind == "classification" or (kind == "auto" and count == 2):
        written, codes = distinct_values(numbers)
        exact = sorted(map(int, written))
        place = {number: k for k, number in enumerate(exact)}
        places = np.array([place[int(number)] for number in written], dtype=np.float64)
        return Target(places[codes], [str(number) for number in exact])
    if left == 1:
        raise TableError(
            f"the target {name!r} of {file.source} holds {count:,} whole numbers that float64 cannot tell apart, as "
            f"all are near {values[0]:g}",
            "subtract one of them from all",
        )
    return Target(values, count=count)


def _whole_spelled(text: Any) -> Any:
    """Whole numbers written as text, each in one spelling; None if some are written otherwise."""
    plain = pc.replace_substring_regex(pc.utf8_trim_whitespace(text), r"^\+|\.0*$", "")
    plain = pc.replace_substring_regex(plain, r"^(-?)0+(\d)", r"\1\2")
    return plain if pc.all(pc.match_substring_regex(plain, r"^-?\d+$")).as_py() else None
