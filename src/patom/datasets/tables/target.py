"""The target of a table's file as numbers or as classes, each as the file has it, or one sentence on why not."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from patom.datasets.tables.columns import distinct_values, is_text
from patom.datasets.tables.csv_file import as_written
from patom.datasets.tables.features import column_numbers, may_round, missing_values
from patom.datasets.tables.file import TableError, TableFile
from patom.datasets.tables.wording import quoted


@dataclass(frozen=True, eq=False)
class Target:
    """A target: `values` is (n,) float64, NaN where missing.

    `words` are the sorted names of the classes, of which the values are places, or None if the values are numbers;
    `count` is that of distinct numbers where float64 holds fewer.
    """

    values: NDArray[np.float64]
    words: list[str] | None = None
    count: int | None = None


def target_values(file: TableFile, name: str, kind: str) -> Target:
    """Read the target as numbers, or as places among the sorted names of its classes.

    `kind` is "auto", "regression" or "classification". Two numbers that float64 would make one are two classes.
    Raises TableError if a regression is asked for and the target holds words or numbers that float64 cannot tell
    apart, or if it holds neither numbers nor words.

    Examples
    --------
    >>> file = TableFile("sales.parquet", pa.table({"sold": ["yes", "no", "yes"]}), b"", None)
    >>> target_values(file, "sold", "auto")
    Target(values=array([1., 0., 1.]), words=['no', 'yes'], count=None)
    """
    column = file.columns[name]
    if is_text(column.type):
        return _of_text(file, name, column, kind)
    values = column_numbers(file, name, column, required=True)
    assert values is not None
    if pa.types.is_boolean(column.type):
        return Target(values, ["False", "True"])
    if pa.types.is_floating(column.type) and file.delimiter is not None and (np.abs(values) >= 2.0**53).any():
        column = as_written(file, [name])[name]  # whole numbers beyond int64 were taken for floats
    return _told_apart(file, name, column, values, kind)


def _of_text(file: TableFile, name: str, column: Any, kind: str) -> Target:
    words = pc.if_else(pa.array(missing_values(column)), pa.scalar(None, column.type), column)
    names = sorted(pc.unique(words).drop_null().to_pylist())
    if kind == "regression" or (kind == "auto" and len(names) != 2):
        values = column_numbers(file, name, column, required=False)
        if values is not None:
            return _told_apart(file, name, column, values, kind)
        if kind == "regression" and names:
            raise TableError(
                f"The target {name!r} of {file.source} holds words such as {quoted(names[0])}, which no "
                "regression can predict: set the kind to 'classification' or choose another target."
            )
    codes = pc.index_in(words, value_set=pa.array(names, words.type))
    return Target(np.asarray(codes.cast(pa.float64()).to_numpy(), dtype=np.float64), names)


def _told_apart(file: TableFile, name: str, column: Any, values: NDArray[np.float64], kind: str) -> Target:
    """Numbers; where float64 makes one of two whole ones beyond 2**53, with their count, or as classes if two."""
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
            f"The target {name!r} of {file.source} holds {count:,} whole numbers that float64 cannot tell apart, as "
            f"all are near {values[0]:g}: subtract one of them from all."
        )
    return Target(values, count=count)


def _whole_spelled(text: Any) -> Any:
    """Whole numbers written as text, each in one spelling; None if some are written otherwise."""
    plain = pc.replace_substring_regex(pc.utf8_trim_whitespace(text), r"^\+|\.0*$", "")
    plain = pc.replace_substring_regex(plain, r"^(-?)0+(\d)", r"\1\2")
    return plain if pc.all(pc.match_substring_regex(plain, r"^-?\d+$")).as_py() else None
