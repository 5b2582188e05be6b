"""Rows from a Parquet file, row group by row group, into arrays that are allocated once."""

import warnings
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from patom.core.arrays import AnyArray
from patom.datasets.dataset import LongTable
from patom.datasets.tables.columns import NotWholeError, float_values, is_number, plain, whole_numbers
from patom.datasets.tables.features import may_round
from patom.datasets.tables.file import TableError, TableFile, UnreadableError, piped_bytes
from patom.datasets.tables.labels import Labels
from patom.datasets.tables.parquet_file import ParquetFile, open_parquet
from patom.wording import listed


def read_parquet(
    path: str | PathLike[str],
    *,
    task: str | None,
    target: str,
    features: Sequence[str] | None = None,
    row_groups: Sequence[int] | None = None,
    dtype: Literal["float64", "float32"] = "float64",
    memory_map: str | PathLike[str] | None = None,
) -> LongTable:
    """Read a table's rows for ``fit``, with the features in memory once.

    Parameters
    ----------
    path : path of a Parquet file
        Or of a pipe, as `/dev/stdin`, which is read whole, once.
    task : str or None
        Column of task labels: whole numbers, text of at most 500 characters, dates or booleans; None puts all rows
        into task 0.
    target : str
        Column of targets: numbers, or text for classes.
    features : sequence of str, optional
        Columns of numbers; by default all others, in the file's order, except an index that pandas wrote and columns
        without a name: where rows are sorted by the target, their numbers reveal it.
    row_groups : sequence of int, optional
        The part of the file to read, by its row groups, in this order; by default all.
    dtype : {"float64", "float32"}, default "float64"
        Of the features.
    memory_map : path, optional
        A file to write the features to (NumPy's format, overwritten) and read them from, for tables larger than memory.

    Returns
    -------
    LongTable
        ``X`` of shape (n, d), rows in the order read. ``task`` is int64 or str, or Python's integers where one is
        beyond int64; ``y`` is float64 or str, or whole numbers as they are where float64 would change one. Costs one
        pass, 8 n d bytes (none, where they are mapped), the labels, and the batch of rows being decoded.

    Raises
    ------
    ValueError
        A file that cannot be read, is no Parquet file or holds no rows, a column that is missing or used twice, two
        columns of one name, text or dates for numbers, a missing or infinite value, blank text for a label, a task
        label that is not whole or a float so large that it may stand for several.
    MemoryError
        Rows that do not fit into memory.

    Warns
    -----
    UserWarning
        Where an index or a column without a name was left out of the features, where float64 rounds features, which
        hold whole numbers beyond 2**53, and where pyarrow cannot read the file's own types of whole numbers, so that
        features may be durations.

    Examples
    --------
    >>> import tempfile
    >>> import pyarrow.parquet as pq
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sales = pa.table({"shop": ["n", "s", "n"], "price": [1.5, 2.0, 2.5], "sold": [3, 1, 2]})
    ...     pq.write_table(sales, f"{folder}/sales.parquet", row_group_size=2)
    ...     table = read_parquet(f"{folder}/sales.parquet", task="shop", target="sold")
    >>> table.X, table.y, table.task
    (array([[1.5],
           [2. ],
           [2.5]]), array([3., 1., 2.]), array(['n', 's', 'n'], dtype='<U1'))
    """
    try:
        file = _opened(Path(path))
        chosen = _features(file, task, target, features)
        groups = _groups(file, row_groups)
        n = sum(file.columns.metadata.row_group(group).num_rows for group in groups)
        if n == 0:
            raise TableError(f"{file.source} has no rows to read")
        shape = (n, len(chosen))
        X: AnyArray = (
            np.empty(shape, dtype) if memory_map is None else np.lib.format.open_memmap(memory_map, "w+", dtype, shape)
        )
        y, labels = _Targets(file, target, n), None if task is None else Labels(file, task, n)
        rounded: set[str] = set()
        for first, batch in file.batches(groups, [*chosen, target, *([] if task is None else [task])]):
            for j, name in enumerate(chosen):
                column = plain(batch[name])
                X[first : first + batch.num_rows, j] = values = _finite(file, column, name, first, dtype)
                if may_round(column.type) and (np.abs(values) >= 2.0**53).any():
                    rounded.add(name)
            y.put(plain(batch[target]), first)
            if labels is not None:
                labels.put(plain(batch[task]), first)
        table = LongTable(X, y.all(), np.zeros(n, dtype=np.int64) if labels is None else labels.all())
    except TableError as error:
        raise ValueError(f"read_parquet: {error.clause}") from None
    for sentence in _doubts(file, chosen, rounded, None if features is not None else (task, target)):
        warnings.warn(f"read_parquet: {sentence}", stacklevel=2)
    return table


def _opened(path: Path) -> ParquetFile:
    content = piped_bytes(path, "a Parquet file")
    try:
        return open_parquet(path, content)
    except UnreadableError as error:
        raise TableError(f"'{path}' cannot be read as a Parquet file: {error.reason}") from None


def _features(file: TableFile, task: str | None, target: str, asked: Sequence[str] | None) -> list[str]:
    """Names of the features, all of them columns of numbers."""
    asked = [asked] if isinstance(asked, str) else asked
    file.require(task, target, asked)
    chosen = file.default_features((task, target)) if asked is None else list(asked)
    if not chosen:
        raise file.no_feature(task, target)
    types = file.types
    for name in chosen:
        extended = asked is None and name in file.extensions
        if extended or not is_number(types[name]):
            what = f"an extension type over {types[name]}" if extended else f"type {types[name]}"
            raise file.not_numbers(name, what, "leave it out of the features or turn it into numbers")
    return chosen


def _groups(file: ParquetFile, asked: Sequence[int] | None) -> list[int]:
    count = file.columns.metadata.num_row_groups
    groups = list(range(count) if asked is None else asked)
    strange = [group for group in groups if group not in range(count)]
    if strange:
        raise TableError(f"row_groups holds {strange[0]!r}", f"{file.source} has the row groups 0 to {count - 1}")
    return groups


def _finite(file: TableFile, column: Any, name: str, first: int, dtype: str = "float64") -> AnyArray:
    """A part of a column as finite numbers; ``first`` is its first row."""
    values = float_values(column)
    with np.errstate(over="ignore"):
        kept = values.astype(dtype, copy=False)
    good = np.isfinite(kept)
    if not good.all():
        row = int(np.argmin(good))
        if np.isfinite(values[row]):
            place = f"{file.row(first + row)}, column {name!r}"
            what = f"{file.source} holds {values[row]:g} in {place}, which is too large for {dtype}"
            raise TableError(what, "read it as float64")
        raise file.not_finite(first + row, name, missing=bool(np.isnan(values[row])))
    return kept


def _doubts(
    file: TableFile, chosen: list[str], rounded: set[str], roles: tuple[str | None, str] | None
) -> Iterator[str]:
    """What a user should know of the features; those are chosen by default where there are ``roles``."""
    left = [] if roles is None else [name for name in file.schema.names if name in file.index and name not in roles]
    if left:
        yield (
            f"left out of the features of {file.source}, as row numbers or an index: {', '.join(map(repr, left))}; "
            "name them in features to keep them"
        )
    if rounded:
        names = listed([name for name in chosen if name in rounded])
        yield f"rounded to float64, as they hold whole numbers beyond 2**53: {names}"
    types = file.types
    if file.notes and any(pa.types.is_int64(types[name]) for name in chosen):
        yield " ".join(file.notes).removesuffix(".")


class _Targets(Labels):
    """Targets: text, or numbers as float64 unless they are whole and float64 would change one, which may be a class."""

    role = "target"

    def prepared(self, column: Any) -> Any:
        """Truth values are the numbers 0 and 1; dates are neither numbers nor classes."""
        if pa.types.is_temporal(column.type):
            raise self.file.not_numbers(self.name, f"type {column.type}")
        return column

    def missing(self, row: int, of_all: str) -> TableError:
        """The error where a row has no target."""
        return self.file.not_finite(row, self.name, missing=True, of_all=of_all)

    def numbers(self, column: Any, first: int) -> AnyArray:
        """A part of the rows: whole numbers exactly, others as float64."""
        if not pa.types.is_floating(column.type):
            try:
                return whole_numbers(column)
            except NotWholeError:  # decimals that are no whole numbers
                pass
        return _finite(self.file, column, self.name, first)

    def all(self) -> AnyArray:
        """The targets of all rows: float64, whole numbers of which float64 would change one, or str."""
        values = super().all()
        if values.dtype.kind not in "iO":
            return values
        floats = values.astype(np.float64)
        large = np.abs(floats) >= 2.0**53
        return floats if floats[large].tolist() == values[large].tolist() else values
