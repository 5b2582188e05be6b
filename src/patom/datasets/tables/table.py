"""A user's table, CSV or Parquet, as arrays, with notes on all that was decided for the user."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import log
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from patom.core.labels import encode
from patom.datasets.dataset import Kind
from patom.datasets.tables.csv_file import read_csv
from patom.datasets.tables.features import check_finite, feature_matrix
from patom.datasets.tables.file import TableError, TableFile, piped_bytes
from patom.datasets.tables.labels import Target, target_values, task_labels
from patom.datasets.tables.parquet_file import open_parquet
from patom.pipes import name_of
from patom.wording import listed, quoted, readable

__all__ = ["Table", "TableError", "read_table"]

_HEAD = 1 << 16  # bytes of a file that show its kind
_FEW_VALUES = 20  # whole numbers with no more distinct values than this may be class codes
_CHANCE = 1e-4  # a note is written only if chance explains a column in at most this share of random tables
_SOME = 50_000  # rows that are looked at first
_BLOCK = 1 << 17  # values that are sorted together


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
    content = _content(path) if piped is None else piped
    if re.fullmatch(rb"(\xef\xbb\xbf)?\s*", content):
        raise TableError(f"'{path}' is empty", "it needs a header line and data rows")
    return read_csv(content, name_of(path), (task, target))


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError:  # reported where the file is read
        return b""


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except MemoryError:
        raise MemoryError(f"{name_of(path)} does not fit into memory: bring fewer rows or columns") from None
    except FileNotFoundError:
        raise TableError(f"There is no file '{path}'") from None
    except OSError as error:
        raise TableError(f"'{path}' cannot be read", (error.strerror or str(error)).lower()) from None


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


def leakage_notes(
    X: NDArray[np.float64], y: NDArray[np.float64], task: NDArray[Any], names: Sequence[str]
) -> list[str]:
    """Notes on the features, (n, d), that are one to one with the tasks, (n,), or that determine the targets, (n,).

    A feature determines the targets if rows of one value have one target, and most values are repeated, or if targets
    only rise or only fall with it; in both cases only if that happens by chance in at most one table of 10,000. Costs
    a sort of 50,000 rows a column, and of all rows of a column where these suggest something.

    >>> rows = np.arange(40.0)
    >>> X = np.column_stack([rows, np.cos(rows), 7 - rows % 2])
    >>> for note in leakage_notes(X, np.sqrt(rows), (rows % 2).astype(int), ["row", "wave", "site"]):
    ...     print(note)
    Features with one value for each task, like another name of it: 'site'; leave out what is no measurement.
    Features that determine the target in every row: 'row'; leave out what is not known before the target is.
    """
    notes = []
    twins = [names[j] for j in _task_twins(X, task)]
    if twins:
        what = "Features with one value for each task, like another name of it"
        notes.append(f"{what}: {listed(twins)}; leave out what is no measurement.")
    answers = [names[j] for j in _answers(X, y)]
    if answers:
        what = "Features that determine the target in every row"
        notes.append(f"{what}: {listed(answers)}; leave out what is not known before the target is.")
    return notes


def _task_twins(X: NDArray[np.float64], task: NDArray[Any]) -> Iterator[int]:
    """Columns with one value for each task, a different one for each."""
    tasks, index = encode(task)
    share = np.bincount(index) / index.size
    if tasks.size < 2 or (index.size - tasks.size) * log(share @ share) >= log(_CHANCE / X.shape[1]):
        return
    order = np.argsort(index, kind="stable")
    last = np.append(index[order][1:] != index[order][:-1], True)
    some = _spread(index.size)
    some = some[~last[some]]
    for start, columns in _blocks(some.size, X.shape[1]):
        constant = (X[order[some], columns] == X[order[some + 1], columns]).all(axis=0)
        for j in start + np.flatnonzero(constant):
            own = X[order[last], j]
            if np.unique(own).size == tasks.size and (X[:, j] == own[index]).all():
                yield int(j)


def _answers(X: NDArray[np.float64], y: NDArray[np.float64]) -> Iterator[int]:
    """Columns that determine the target."""
    rows = _spread(y.size)
    some, limit = y[rows], log(_CHANCE / X.shape[1])
    least = limit / log(_same_by_chance(some))
    for start, columns in _blocks(rows.size, X.shape[1]):
        block = X[rows, columns]
        order = np.argsort(block, axis=0)
        block, target = np.take_along_axis(block, order, axis=0), some[order]
        same, equal = block[1:] == block[:-1], target[1:] == target[:-1]
        hopeful = ~(same & ~equal).any(axis=0) & (_one_way(target) | (same.sum(axis=0) > least))
        yield from (int(j) for j in start + np.flatnonzero(hopeful) if _determines(X[:, j], y, limit))


def _determines(column: NDArray[np.float64], y: NDArray[np.float64], limit: float) -> bool:
    order = np.argsort(column)
    column, y = column[order], y[order]
    new = np.concatenate([[True], column[1:] != column[:-1]])
    run, levels = np.cumsum(new) - 1, y[new]
    if (y != levels[run]).any():
        return False
    if _one_way(levels):
        _, counts = np.unique(levels, return_counts=True)
        # log of the share of all orders of the targets that rise
        orders = gammaln(counts + 1.0).sum() - gammaln(levels.size + 1.0)
        if log(2.0) + orders < limit:
            return True
    values, counts = np.unique(y, return_counts=True)
    rare = y != values[counts.argmax()]  # rows whose target is not the most frequent one
    repeated = np.bincount(run)[run] > 1
    chance = (y.size - levels.size) * log(_same_by_chance(y))
    return bool(chance < limit and 2 * (repeated & rare).sum() >= rare.sum())


def _one_way(values: NDArray[np.float64]) -> Any:
    """Whether columns only rise or only fall."""
    return (values[1:] >= values[:-1]).all(axis=0) | (values[1:] <= values[:-1]).all(axis=0)


def _blocks(rows: int, columns: int) -> Iterator[tuple[int, slice]]:
    """Parts of the columns that are examined together: the number of the first, and the part."""
    width = max(1, _BLOCK // max(rows, 1))
    return ((start, slice(start, start + width)) for start in range(0, columns, width))


def _same_by_chance(y: NDArray[np.float64]) -> float:
    """The probability that two rows have the same target; below 1, as targets are not constant."""
    _, counts = np.unique(y, return_counts=True)
    share = counts / y.size
    return min(float(share @ share), 1.0 - 1e-12)


def _spread(n: int) -> NDArray[np.int64]:
    """Positions of at most 50,000 of n rows, evenly spread."""
    return np.arange(n) if n <= _SOME else np.linspace(0, n - 1, _SOME).astype(np.int64)
