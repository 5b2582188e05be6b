"""Rows from a Parquet file, row group by row group, into arrays that are allocated once."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from patom.core.arrays import AnyArray
from patom.datasets.dataset import LongTable
from patom.datasets.tables.columns import (
    NotWholeError,
    as_text,
    distinct_values,
    float_values,
    floats_or_exact,
    held,
    is_missing,
    is_number,
    plain,
    text_array,
    whole_numbers,
)
from patom.datasets.tables.parquet_file import ParquetSource, UnreadableError, open_parquet
from patom.pipes import NotAFileError, pipe_content


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
        Column of task labels: whole numbers, text or dates; None puts all rows into task 0.
    target : str
        Column of targets: numbers, or text for classes.
    features : sequence of str, optional
        Columns of numbers; by default all others, in the file's order, but for an index that pandas wrote and columns
        without a name: sorted by the target, a row's number is the target.
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
        A file that cannot be read, is no Parquet file or holds no rows, a column that is missing, named twice or used
        twice, text or dates for numbers, a missing or infinite value, a task label that is not whole or a float so
        large that it may stand for several.
    MemoryError
        Rows that do not fit into memory.

    Warns
    -----
    UserWarning
        Where an index or a column without a name was left out of the features.

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
    source = _Source(_opened(Path(path)), task, target)
    chosen = source.features(features)
    groups = source.groups(row_groups)
    n = sum(source.file.file.metadata.row_group(group).num_rows for group in groups)
    if n == 0:
        raise ValueError(f"read_parquet: {source.name} has no rows to read")
    if features is None and source.index:
        warnings.warn(source.left_out(), stacklevel=2)
    shape = (n, len(chosen))
    X: AnyArray = (
        np.empty(shape, dtype) if memory_map is None else np.lib.format.open_memmap(memory_map, "w+", dtype, shape)
    )
    y, labels = _Targets(source, target, n), _Labels(source, task, n)
    columns = [*chosen, target, *([] if task is None else [task])]
    try:
        for first, batch in source.file.batches(groups, columns):
            for j, name in enumerate(chosen):
                X[first : first + batch.num_rows, j] = source.numbers(batch[name], name, first, dtype)
            y.put(batch, first)
            labels.put(batch, first)
    except UnreadableError as error:
        raise ValueError(f"read_parquet: {error}") from None
    return LongTable(X, y.all(), labels.all())


def _opened(path: Path) -> ParquetSource:
    try:
        return open_parquet(path, pipe_content(path))
    except NotAFileError as error:
        raise ValueError(f"read_parquet: {error}, not a Parquet file") from None
    except UnreadableError as error:
        raise ValueError(f"read_parquet: '{path}' cannot be read as a Parquet file: {error.reason}") from None


@dataclass(frozen=True)
class _Source:
    """The file, and what its columns are for."""

    file: ParquetSource
    task: str | None
    target: str

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def roles(self) -> list[str]:
        return [self.target] if self.task is None else [self.task, self.target]

    @property
    def index(self) -> list[str]:
        """Columns that are no features by default."""
        return [name for name in self.file.schema.names if name in self.file.index and name not in self.roles]

    def left_out(self) -> str:
        left = ", ".join(map(repr, self.index))
        return (
            f"read_parquet: left out of the features of {self.name}, as row numbers or an index: {left}; name them "
            "in features to keep them"
        )

    def features(self, asked: Sequence[str] | None) -> list[str]:
        roles, names = self.roles, self.file.schema.names
        if len(set(roles)) < len(roles):
            raise ValueError(f"read_parquet: {self.task!r} is named as task and as target; they must be two columns")
        apart = {*roles, *(self.file.index if asked is None else ())}
        chosen = [name for name in names if name not in apart] if asked is None else list(asked)
        times = Counter(names)
        for name in (*roles, *chosen):
            if times[name] != 1:
                near = get_close_matches(str(name), names, 3, 0.5) or names
                what = f"no column {name!r}; the nearest names are {', '.join(map(repr, near))}"
                what = f"more than one column {name!r}; rename them" if name in times else what
                raise ValueError(f"read_parquet: {self.name} has {what}")
        twice = [name for name, used in Counter((*roles, *chosen)).items() if used > 1]
        if twice:
            raise ValueError(f"read_parquet: the column {twice[0]!r} is used twice; take it off the features once")
        if not chosen:
            raise ValueError(f"read_parquet: {self.name} has no feature: no column but {', '.join(map(repr, roles))}")
        types = dict(zip(names, self.file.schema.types, strict=True))
        for name in chosen:
            self.require_numbers(name, types[name], extended=asked is None and name in self.file.extensions)
        return chosen

    def require_numbers(self, name: str, kind: Any, *, extended: bool = False) -> None:
        if extended or not is_number(held(kind)):
            what = f"an extension type over {kind}" if extended else f"type {kind}"
            raise ValueError(
                f"read_parquet: the column {name!r} of {self.name} holds values of {what}, not numbers; "
                "leave it out of the features or turn it into numbers"
            )

    def groups(self, asked: Sequence[int] | None) -> list[int]:
        held_groups = self.file.file.metadata.num_row_groups
        strange = [] if asked is None else [group for group in asked if group not in range(held_groups)]
        if strange:
            raise ValueError(
                f"read_parquet: row_groups holds {strange[0]!r}; {self.name} has the row groups 0 to {held_groups - 1}"
            )
        return list(range(held_groups) if asked is None else asked)

    def numbers(self, column: Any, name: str, first: int, dtype: str = "float64") -> AnyArray:
        """A batch's column as finite numbers; ``first`` is its first row."""
        values = float_values(plain(column))
        with np.errstate(over="ignore"):
            kept = values.astype(dtype, copy=False)
        good = np.isfinite(kept)
        if not good.all():
            row = int(np.argmin(good))
            if np.isfinite(values[row]):
                raise ValueError(
                    f"read_parquet: {self.name} holds {values[row]:g} in row {first + row + 1}, column {name!r}, which "
                    f"is too large for {dtype}; read it as float64"
                )
            self.refuse("a missing value" if np.isnan(values[row]) else "an infinite value", name, first + row)
        return kept

    def refuse(self, what: str, name: str, row: int) -> None:
        raise ValueError(
            f"read_parquet: {self.name} holds {what} in row {row + 1}, column {name!r}; drop such rows or fill the "
            "values in"
        )


@dataclass
class _Labels:
    """Task labels, put in batch by batch: whole numbers, or text as each label's place among those that came."""

    source: _Source
    name: str | None
    n: int
    values: AnyArray | None = None
    places: dict[str, int] = field(default_factory=dict)

    def put(self, batch: Any, first: int) -> None:
        if self.name is None:
            return
        column = plain(batch[self.name])
        missing = is_missing(column)
        if missing.any():
            self.source.refuse("a missing value", self.name, first + int(missing.argmax()))
        part = self.numbers(column, first) if is_number(column.type) else self.codes(column)
        if self.values is None:
            self.values = np.zeros(self.n, part.dtype)
        elif "iOf".index(part.dtype.kind) > "iOf".index(self.values.dtype.kind):  # the more it can hold
            self.values = self.values.astype(part.dtype)
        self.values[first : first + part.size] = part

    def numbers(self, column: Any, first: int) -> AnyArray:
        try:
            return whole_numbers(column)
        except NotWholeError as error:
            raise ValueError(
                f"read_parquet: the task column {self.name!r} of {self.source.name} holds {error.shown} in row "
                f"{first + error.row + 1}; {error}"
            ) from None

    def codes(self, column: Any) -> AnyArray:
        try:
            distinct, codes = distinct_values(as_text(column))
        except TypeError as error:
            raise ValueError(f"read_parquet: the column {self.name!r} of {self.source.name} holds {error}") from None
        places = [self.places.setdefault(label, len(self.places)) for label in distinct]
        return np.asarray(places, np.int32)[codes]

    def all(self) -> AnyArray:
        """The labels of all rows."""
        if self.values is None:
            return np.zeros(self.n, dtype=np.int64)
        if not self.places:
            return self.values
        try:
            return text_array(list(self.places))[self.values]
        except ValueError as error:
            raise ValueError(f"read_parquet: the column {self.name!r} of {self.source.name} holds {error}") from None


class _Targets(_Labels):
    """Targets: numbers as float64 unless they are whole and float64 would change one, which may be two classes."""

    def numbers(self, column: Any, first: int) -> AnyArray:
        if not pa.types.is_floating(column.type):
            try:
                return whole_numbers(column)
            except NotWholeError:  # decimals that measure
                pass
        return self.source.numbers(column, str(self.name), first)

    def all(self) -> AnyArray:
        """The targets of all rows."""
        values = super().all()
        return floats_or_exact(values) if values.dtype.kind in "iO" else values
