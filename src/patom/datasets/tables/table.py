"""A user's table, CSV or Parquet, as arrays, with notes on all that was decided for the user."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from patom.datasets.dataset import Kind
from patom.datasets.tables.columns import distinct_values, is_text, missing_values
from patom.datasets.tables.csv_file import read_csv
from patom.datasets.tables.features import check_finite, column_numbers, feature_matrix, may_round
from patom.datasets.tables.file import TableError, TableFile, piped_bytes
from patom.datasets.tables.labels import task_labels
from patom.datasets.tables.leakage import leakage_notes
from patom.datasets.tables.parquet_file import open_parquet
from patom.pipes import name_of
from patom.wording import listed, quoted, readable

__all__ = ["Table", "TableError", "read_table"]

_HEAD = 1 << 16  # bytes of a file that show its kind
_FEW_VALUES = 20  # whole numbers with no more distinct values than this may be class codes


@dataclass(frozen=True, eq=False)
class Table:
    """A table in long format: n rows of d features, each with one task label and one target.

    `name` and `source` are the file's stem and name; `kind_reason` completes "regression, since ...";
    `X` is (n, d) float64; `y` is (n,) float64, for classification -1 or +1; `task` is (n,), int64 or str;
    `classes` is (negative, positive) as printed, None for regression; `notes` are sentences on all that was
    decided for the user. Rows and default features are in the file's order.
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


def read_table(
    path: str | PathLike[str],
    *,
    task: str,
    target: str,
    features: Sequence[str] | Callable[[Sequence[str]], Sequence[str]] | None = None,
    kind: Literal["auto", "regression", "classification"] = "auto",
) -> Table:
    r"""Read a CSV or Parquet file (recognised by content) with a task column and a target column.

    Parameters
    ----------
    path : path of the file, or of a pipe, as `/dev/stdin`, which is read once; CSV is UTF-8 with a header, separated
        by commas, semicolons, tabs or bars, or by what Excel's first line `sep=;` names.
    task : name of the task column: whole numbers become int64, anything else str. Labels are not changed:
        whole numbers beyond int64 and codes of a CSV such as '007' or '2E1' are text, floats too large to be exact are
        refused.
    target : name of the target column: numbers, or two classes (the one that sorts last is +1).
    features : names of the feature columns, or a function that chooses among the file's; by default all remaining
        columns that hold numbers (integer, float, bool, decimal). The others are left out with a note, as are columns
        without a name, an index that pandas wrote, and nested ones; a text column is an error if at least half of its
        values are meant as numbers, such as 1,234 or $1.50.
    kind : "auto" takes a bool target, two words or two numbers for classification, more numbers for
        regression.

    Returns
    -------
    Table
        Its notes name features that have one value for each task, or that determine the target.

    Raises
    ------
    TableError
        If the file cannot be read or is no table, if a column is missing, named twice or used twice, if a
        value is missing, infinite or no number, if the target is constant or holds more than two classes.
    MemoryError
        If the file does not fit into memory.

    Notes
    -----
    Cost: one pass over the file and a sort of the target, and of 50,000 rows of each column; memory 8 n d bytes and a
    column more, and for a CSV file about twice the file besides.

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
        raise TableError(f"the kind must be 'auto', 'regression' or 'classification', not {kind!r}")
    path = Path(path)
    file = open_table(path, task, target)
    features = features(file.schema.names) if callable(features) else features
    features = [features] if isinstance(features, str) else features
    file.require(task, target, features)
    if not file.n_rows:
        raise TableError(f"{file.source} has no data rows")
    labels = task_labels(file, task)
    names, X, notes = feature_matrix(file, task, target, features)
    found = target_values(file, target, kind)
    values = found.values
    with np.errstate(over="ignore", invalid="ignore"):  # sums cost no array, and are finite if all values are
        total = X.sum() + values.sum()
    if not np.isfinite(total):
        check_finite(file, dict(zip(names, X.T, strict=True)) | {target: values})
    chosen, reason, classes, kind_note = _choose_kind(file, target, found, kind)
    y = values if classes is None else np.where(values == values.max(), 1.0, -1.0)
    return Table(
        name=readable(path.stem),
        source=readable(name_of(path)),
        kind=chosen,
        kind_reason=reason,
        X=X,
        y=y,
        task=labels,
        features=names,
        task_column=task,
        target_column=target,
        classes=classes,
        notes=(*file.notes, *notes, *leakage_notes(X, y, labels, names), kind_note),
    )


def open_table(path: Path, task: str, target: str) -> TableFile:
    r"""Open a CSV or Parquet file, recognised by content, or read a pipe.

    A CSV file's separator is found by the names of the task and of the target; its task is read as text. It takes one
    pass and about twice its size in memory. The columns of a Parquet file are read when they are used, one at a time.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "sales.csv")
    ...     _ = path.write_text("shop;sold\n007;3\n008;5\n")
    ...     file = open_table(path, "shop", "sold")
    >>> file.column("shop").to_pylist(), file.row(1), file.notes
    (['007', '008'], 'row 2 (line 3 of the file)', ("The file's columns are separated by semicolons.",))
    """
    piped = piped_bytes(path, "a CSV or Parquet file")
    head = _head(path) if piped is None else piped[:_HEAD]
    if head.startswith(b"PAR1") and b"\0" in head:  # a CSV header may begin with the same letters
        return open_parquet(path, piped)
    return read_csv(_content(path) if piped is None else _filled(path, piped), name_of(path), (task, target))


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError:  # reported where the file is read
        return b""


def _content(path: Path) -> bytes:
    try:
        return _filled(path, path.read_bytes())
    except MemoryError:
        raise MemoryError(f"{name_of(path)} does not fit into memory: bring fewer rows or columns") from None
    except FileNotFoundError:
        raise TableError(f"There is no file '{path}'") from None
    except OSError as error:
        raise TableError(f"'{path}' cannot be read", (error.strerror or str(error)).lower()) from None


def _filled(path: Path, data: bytes) -> bytes:
    if not data.removeprefix(b"\xef\xbb\xbf").strip():
        raise TableError(f"'{path}' is empty", "it needs a header line and data rows")
    return data


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
        written = file.as_written([name])  # of a CSV file: whole numbers beyond int64 were taken for floats
        column = column if written is None else written[name]
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


def _choose_kind(
    file: TableFile, name: str, target: Target, asked: str
) -> tuple[Kind, str, tuple[str, str] | None, str]:
    """Choose the kind, the reason for it, (negative, positive) and a note."""
    distinct, words = np.unique(target.values), target.words
    first = [words[int(v)] for v in distinct[:5]] if words else [_printed(v) for v in distinct[:5]]
    count = target.count or distinct.size
    if count == 1:
        raise TableError(
            f"the target {name!r} of {file.source} is constant",
            f"it is {quoted(first[0])} in every row, so there is nothing to learn",
        )
    if count > 2 and (words is not None or asked == "classification"):
        raise TableError(
            f"the target {name!r} of {file.source} holds {count:,} classes ({listed(first, 5, count)}) "
            "where two are needed",
            "make one-vs-rest tasks of them with patom.datasets.one_vs_rest_tasks, or keep the rows of two classes",
        )
    if asked == "regression":
        return "regression", "it was asked for", None, "Regression, since it was asked for."
    if count == 2:
        reason = f"the target holds two classes, {quoted(first[0])} and {quoted(first[1])}"
        why = "it was asked for" if asked == "classification" else reason
        note = f"Classification, since {why}; {quoted(first[1])} is the positive class (+1), as it sorts last."
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
