"""Rows from a Parquet file, row group by row group, into arrays that are allocated once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from patom.core.arrays import AnyArray
from patom.datasets.dataset import LongTable

_BATCH = 1 << 14  # rows decoded at a time


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
    task : str or None
        Column of task labels: whole numbers or text; None puts all rows into task 0.
    target : str
        Column of targets: numbers, or text for classes.
    features : sequence of str, optional
        Columns of numbers; by default all others, in the file's order.
    row_groups : sequence of int, optional
        The part of the file to read, by its row groups, in this order; by default all.
    dtype : {"float64", "float32"}, default "float64"
        Of the features.
    memory_map : path, optional
        A file to write the features to (NumPy's format, overwritten) and read them from, for tables larger than memory.

    Returns
    -------
    LongTable
        ``X`` of shape (n, d), rows in the order read. Costs one pass, 8 n d bytes (none, where they are mapped), the
        labels, and the batch of rows being decoded.

    Raises
    ------
    ValueError
        A file that is no Parquet file or holds no rows, a column that is missing, named twice or used twice, text or
        dates for numbers, a missing or infinite value.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sales = pa.table({"shop": ["n", "s", "n"], "price": [1.5, 2.0, 2.5], "sold": [3, 1, 2]})
    ...     pq.write_table(sales, f"{folder}/sales.parquet", row_group_size=2)
    ...     table = read_parquet(f"{folder}/sales.parquet", task="shop", target="sold")
    >>> table.X, table.y, table.task
    (array([[1.5],
           [2. ],
           [2.5]]), array([3., 1., 2.]), array(['n', 's', 'n'], dtype='<U1'))
    """
    file = _opened(Path(path))
    source = _Source(Path(path).name, file, task, target)
    chosen = source.features(features)
    groups = list(range(file.metadata.num_row_groups)) if row_groups is None else source.groups(row_groups)
    n = sum(file.metadata.row_group(group).num_rows for group in groups)
    if n == 0:
        raise ValueError(f"read_parquet: {source.name} has no rows to read")
    shape = (n, len(chosen))
    X: AnyArray = (
        np.empty(shape, dtype) if memory_map is None else np.lib.format.open_memmap(memory_map, "w+", dtype, shape)
    )
    y, labels = _Column(source, target, n), _Column(source, task, n)
    for first, batch in source.batches(groups, chosen):
        for j, name in enumerate(chosen):
            X[first : first + batch.num_rows, j] = source.numbers(batch[name], name, first)
        y.put(batch, first)
        labels.put(batch, first)
    return LongTable(X, y.values(), labels.values(whole=True))


def _opened(path: Path) -> Any:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"read_parquet: '{path}' cannot be read as a Parquet file: {reason}") from None


@dataclass(frozen=True)
class _Source:
    """The file, and what its columns are for."""

    name: str
    file: Any
    task: str | None
    target: str

    def features(self, asked: Sequence[str] | None) -> list[str]:
        names = list(self.file.schema_arrow.names)
        roles = [self.target] if self.task is None else [self.task, self.target]
        if len(set(roles)) < len(roles):
            raise ValueError(f"read_parquet: {self.task!r} is named as task and as target; they must be two columns")
        chosen = [name for name in names if name not in roles] if asked is None else list(asked)
        for name in (*roles, *chosen):
            if names.count(name) != 1:
                near = get_close_matches(str(name), names, 3, 0.5) or names
                what = f"no column {name!r}; the nearest names are {', '.join(map(repr, near))}"
                what = f"more than one column {name!r}; rename them" if name in names else what
                raise ValueError(f"read_parquet: {self.name} has {what}")
        twice = [name for name in chosen if chosen.count(name) > 1 or name in roles]
        if twice:
            raise ValueError(f"read_parquet: the column {twice[0]!r} is used twice; take it off the features once")
        if not chosen:
            raise ValueError(f"read_parquet: {self.name} has no feature: no column but {', '.join(map(repr, roles))}")
        return chosen

    def groups(self, asked: Sequence[int]) -> list[int]:
        held = self.file.metadata.num_row_groups
        strange = [group for group in asked if group not in range(held)]
        if strange:
            raise ValueError(
                f"read_parquet: row_groups holds {strange[0]!r}; {self.name} has the row groups 0 to {held - 1}"
            )
        return list(asked)

    def batches(self, groups: list[int], features: list[str]) -> Iterator[tuple[int, Any]]:
        """First row, among those read, and columns of a batch."""
        columns, first = [*features, self.target, *([] if self.task is None else [self.task])], 0
        for group in groups:  # asked for together, Arrow would read ahead
            for batch in self.file.iter_batches(_BATCH, row_groups=[group], columns=columns, use_threads=False):
                yield first, batch
                first += batch.num_rows

    def numbers(self, column: Any, name: str, first: int) -> AnyArray:
        """A batch's column as float64; ``first`` is its first row."""
        kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal)
        if not any(is_kind(column.type) for is_kind in kinds):
            raise ValueError(
                f"read_parquet: the column {name!r} of {self.name} holds values of type {column.type}, not numbers; "
                "leave it out of the features or turn it into numbers"
            )
        values = np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
        good = np.isfinite(values)
        if not good.all():
            row = int(np.argmin(good))
            what = "a missing value" if np.isnan(values[row]) else "an infinite value"
            self.refuse(what, name, first + row)
        return values

    def refuse(self, what: str, name: str, row: int) -> None:
        raise ValueError(
            f"read_parquet: {self.name} holds {what} in row {row + 1}, column {name!r}; drop such rows or fill the "
            "values in"
        )


@dataclass
class _Column:
    """Targets or task labels: numbers, or text kept as each label's number in order of appearance until the end."""

    source: _Source
    name: str | None
    n: int
    numbers: AnyArray | None = None
    places: dict[str, int] = field(default_factory=dict)

    def put(self, batch: Any, first: int) -> None:
        if self.name is None:
            return
        column = batch[self.name]
        rows = slice(first, first + len(column))
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        if self.numbers is None:
            self.numbers = np.empty(self.n, np.int32 if text else np.float64 if _inexact(column.type) else np.int64)
        if not text:
            values = self.source.numbers(column, self.name, first)
            exact = self.numbers.dtype.kind == "i"
            self.numbers[rows] = column.cast(pa.int64()).to_numpy(zero_copy_only=False) if exact else values
            return
        codes = pc.dictionary_encode(column)
        if codes.null_count:
            self.source.refuse("a missing value", self.name, first + int(pc.index(pc.is_null(column), True).as_py()))
        places = [self.places.setdefault(label, len(self.places)) for label in codes.dictionary.to_pylist()]
        self.numbers[rows] = np.asarray(places, np.int32)[codes.indices.to_numpy()]

    def values(self, *, whole: bool = False) -> AnyArray:
        """All rows; ``whole`` refuses numbers that are not."""
        if self.numbers is None:
            return np.zeros(self.n, dtype=np.int64)
        if self.places:
            return np.asarray(list(self.places), dtype=str)[self.numbers]
        if not whole:
            return self.numbers.astype(np.float64, copy=False)
        odd = np.flatnonzero(self.numbers != np.rint(self.numbers))
        if odd.size:
            raise ValueError(
                f"read_parquet: the task column {self.name!r} of {self.source.name} holds {self.numbers[odd[0]]:g} in "
                f"row {odd[0] + 1}; tasks are named by whole numbers or by text"
            )
        return self.numbers.astype(np.int64, copy=False)


def _inexact(kind: Any) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_decimal(kind))
