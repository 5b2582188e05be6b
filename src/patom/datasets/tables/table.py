"""A user's table, CSV or Parquet, as arrays, with notes on all that was decided for the user."""

import difflib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from patom.datasets.tables.columns import names_row_numbers
from patom.datasets.tables.features import check_finite, feature_matrix
from patom.datasets.tables.file import TableError, TableFile
from patom.datasets.tables.reading import read_file
from patom.datasets.tables.target import Target, target_values
from patom.datasets.tables.tasks import task_labels
from patom.datasets.tables.tells import telling_notes
from patom.datasets.tables.wording import listed, quoted, readable
from patom.pipes import name_of

__all__ = ["Kind", "Table", "TableError", "read_table"]

Kind = Literal["regression", "classification"]
_FEW_VALUES = 20  # whole numbers with no more distinct values than this may be class codes


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


def read_table(
    path: str | PathLike[str],
    *,
    task: str,
    target: str,
    features: Sequence[str] | Callable[[Sequence[str]], Sequence[str]] | None = None,
    kind: Literal["auto", "regression", "classification"] = "auto",
) -> Table:
    r"""Read a CSV or Parquet file (told apart by content) with a task column and a target column.

    Parameters
    ----------
    path : path of the file, or of a pipe, as `/dev/stdin`, which is read once; CSV is UTF-8 with a header, separated
        by commas, semicolons, tabs or bars, or by what Excel's first line `sep=;` names.
    task : name of the task column: whole numbers become int64, anything else str. Labels stay what they are: whole
        numbers beyond int64 and codes of a CSV such as '007' or '2E1' are text, floats too large to be exact refused.
    target : name of the target column: numbers, or two classes (the one that sorts last is +1).
    features : names of the feature columns, or a function that chooses among the file's; by default all remaining
        columns that hold numbers (integer, float, bool, decimal). The others are left out with a note, as are columns
        without a name, an index that pandas wrote, and nested ones; a text column at least half of whose values are
        meant as numbers, such as 1,234 or $1.50, is an error.
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
        raise TableError(f"The kind must be 'auto', 'regression' or 'classification', not {kind!r}.")
    path = Path(path)
    file = read_file(path, task, target)
    features = features(file.columns.column_names) if callable(features) else features
    features = [features] if isinstance(features, str) else features
    _check_names(file, task, target, features)
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
        notes=(*file.notes, *notes, *telling_notes(X, y, labels, names), kind_note),
    )


def _check_names(file: TableFile, task: str, target: str, features: Sequence[str] | None) -> None:
    if task == target:
        raise TableError(f"{task!r} is named as the task and as the target: they must be two columns.")
    names = file.columns.column_names
    held = Counter(names)
    wanted = {task, target, *(features or ())}
    doubled = [name for name, times in held.items() if times > 1 and (name in wanted or not names_row_numbers(name))]
    if doubled:
        raise TableError(f"{file.source} has more than one column named {listed(doubled)}: rename them.")
    chosen = () if features is None else features
    for name in (task, target, *chosen):
        if name not in held:
            raise TableError(f"{file.source} has no column {name!r}: {_nearest(name, names)}.")
    for name in (task, target):
        if name in chosen:
            role = "task" if name == task else "target"
            raise TableError(f"The {role} column {name!r} cannot be a feature too: take it off the features.")
    twice = [name for name, times in Counter(chosen).items() if times > 1]
    if twice:
        raise TableError(f"The features name {listed(twice)} more than once.")
    if features is not None and not chosen:
        raise TableError("The features name no column: name at least one, or leave them to be chosen.")
    if not file.columns.num_rows:
        raise TableError(f"{file.source} has no data rows.")


def _nearest(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name.casefold(), [other.casefold() for other in names], 3, 0.5)
    near = [other for other in names if other.casefold() in close]
    if not near:
        return f"its column{'s are' if names[1:] else ' is'} {listed(names)}" if names else "it has none"
    return f"the nearest name{'s are' if near[1:] else ' is'} {listed(near)}"


def _choose_kind(
    file: TableFile, name: str, target: Target, asked: str
) -> tuple[Kind, str, tuple[str, str] | None, str]:
    """Choose the kind, the reason for it, (negative, positive) and a note."""
    distinct, words = np.unique(target.values), target.words
    first = [words[int(v)] for v in distinct[:5]] if words else [_printed(v) for v in distinct[:5]]
    count = target.count or distinct.size
    if count == 1:
        raise TableError(
            f"The target {name!r} of {file.source} is constant: it is {quoted(first[0])} in every row, "
            "so there is nothing to learn."
        )
    if count > 2 and (words is not None or asked == "classification"):
        raise TableError(
            f"The target {name!r} of {file.source} holds {count:,} classes ({listed(first, 5, count)}) "
            "where two are needed: make one-vs-rest tasks of them with patom.datasets.one_vs_rest_tasks, or "
            "keep the rows of two classes."
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
