"""A Parquet file as it is opened, and the sentence where it cannot be read: unlike others, damaged, or too large."""

import errno
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from patom.datasets.tables.columns import names_row_numbers, plain
from patom.pipes import name_of

_BATCH = 1 << 14  # rows decoded at a time


class UnreadableError(ValueError):
    """What cannot be read; ``reason`` is pyarrow's or the system's."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class DamagedError(UnreadableError):
    """Bytes that are no Parquet file, or no longer one; any other unreadable file is whole."""


@dataclass(frozen=True, eq=False)
class ParquetSource:
    """An open Parquet file: its columns by name, read when they are asked for.

    Parameters
    ----------
    name : str
        For messages.
    file : pyarrow.parquet.ParquetFile
    why_untyped : str or None
        Why the schema that Arrow left beside Parquet's own was not read, where that was so.
    schema : pyarrow Schema
        Names and types of the columns, in the file's order; of an extension's the type that it is stored as.
    index : frozenset of str
        The columns that hold no feature but the rows' index, as pandas says or as their names do.
    extensions : frozenset of str
        The columns whose numbers or bytes mean what an extension of Arrow's types says, as pandas' periods.
    """

    name: str
    file: Any
    why_untyped: str | None
    schema: Any = field(init=False)
    index: frozenset[str] = field(init=False)
    extensions: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        schema = self.file.schema_arrow  # built anew each time
        names, written = schema.names, {name for name in _index_columns(schema) if isinstance(name, str)}
        fields = zip(names, map(_storage, schema.types), strict=True)
        index = written.intersection(names).union(filter(names_row_numbers, names))
        object.__setattr__(self, "schema", pa.schema(list(fields)))
        object.__setattr__(self, "index", frozenset(index))
        object.__setattr__(self, "extensions", frozenset(kept.name for kept in schema if _is_extended(kept)))

    def column(self, name: str) -> Any:
        """One column of all rows, as `plain` leaves it."""
        with explained(self.name, name):
            found = self.file.read(columns=[name], use_threads=False)
            return plain(found.column(name))  # a struct's field may have come along: "s.b" is in "s", too

    def batches(self, groups: Sequence[int], columns: list[str]) -> Iterator[tuple[int, Any]]:
        """First row, among those read, and columns of a batch."""
        first = 0
        for group in groups:  # asked for together, Arrow would read ahead
            with explained(self.name):
                read = self.file.iter_batches(_BATCH, row_groups=[group], columns=columns, use_threads=False)
            while True:
                with explained(self.name):
                    batch = next(read, None)
                if batch is None:
                    break
                yield first, batch
                first += batch.num_rows


def open_parquet(path: Path, content: bytes | None = None) -> ParquetSource:
    """Open a Parquet file by its path, or ``content``, what a pipe gave.

    Raises
    ------
    UnreadableError, DamagedError, MemoryError
        As `explained` says.

    Examples
    --------
    >>> file = io.BytesIO()
    >>> pq.write_table(pa.table({"price": [1.5, 2.0], "sold": [3, 1]}), file)
    >>> open_parquet(Path("sales.parquet"), file.getvalue()).schema.names
    ['price', 'sold']
    """

    def source() -> Any:
        # As bytes, since pyarrow takes no text for a path that is none.
        return pa.OSFile(os.fsencode(path)) if content is None else pa.BufferReader(content)

    with explained(name_of(path)):
        try:
            return ParquetSource(name_of(path), pq.ParquetFile(source()), None)
        except MemoryError:
            raise
        except pa.ArrowException as error:  # the type of one column may do it, as integers of 128 bits
            first = error
        try:
            with path.open("rb") if content is None else io.BytesIO(content) as file:
                alone = pq.ParquetFile(source(), metadata=_parquet_alone(file))
            return ParquetSource(name_of(path), alone, _first_line(first))
        except (pa.ArrowException, OSError):
            raise first from None


@contextmanager
def explained(name: str, column: str | None = None) -> Iterator[None]:
    """Turn pyarrow's errors into sentences without a full stop.

    Raises
    ------
    UnreadableError
        What pyarrow lacks, or the disk refuses.
    DamagedError
        A file that begins as a Parquet file and does not go on as one.
    MemoryError
        A file that does not fit into memory.

    Examples
    --------
    >>> with explained("sales.parquet"):
    ...     raise pa.ArrowInvalid("Unexpected end of stream")
    Traceback (most recent call last):
        ...
    patom.datasets.tables.parquet_file.DamagedError: sales.parquet begins as a Parquet file but is damaged or cut short
    """
    what = name if column is None else f"the column {column!r} of {name}"
    try:
        yield
    except MemoryError:  # Arrow's own among them
        raise MemoryError(_too_large(what)) from None
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        number = getattr(error, "errno", None)
        if number == errno.ENOMEM:
            raise MemoryError(_too_large(what)) from None
        if number is not None:  # the system's word, not Arrow's
            reason = os.strerror(number).lower()
            raise UnreadableError(f"{what} cannot be read: {reason}", reason) from None
        raise DamagedError(f"{name} begins as a Parquet file but is damaged or cut short", _first_line(error)) from None
    except pa.ArrowException as error:  # the most of them: not implemented
        reason = _first_line(error)
        raise UnreadableError(f"{what} cannot be read by pyarrow {pa.__version__} ({reason})", reason) from None


def _too_large(what: str) -> str:
    return f"{what} does not fit into memory: read fewer rows or columns, or allow more memory"


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__


def _index_columns(schema: Any) -> list[Any]:
    try:
        found = (schema.pandas_metadata or {}).get("index_columns", [])
    except (ValueError, AttributeError):  # no JSON, or none of pandas
        return []
    return list(found) if isinstance(found, list) else []


def _parquet_alone(file: IO[bytes]) -> Any:
    """A file's metadata without the schema that Arrow left in it: columns then have the types of Parquet."""
    file.seek(-8, io.SEEK_END)
    length = int.from_bytes(file.read(4), "little")
    file.seek(-8 - length, io.SEEK_END)
    before, key, after = file.read(length).rpartition(b"ARROW:schema")  # behind the columns' names
    footer = before + b"-" * len(key) + after
    return pq.read_metadata(pa.BufferReader(b"PAR1" + footer + length.to_bytes(4, "little") + b"PAR1"))


def _storage(kind: Any) -> Any:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _is_extended(kept: Any) -> bool:
    """Whether a column is of an extension type, known to this process or not."""
    return isinstance(kept.type, pa.BaseExtensionType) or b"ARROW:extension:name" in (kept.metadata or {})
