"""A Parquet file as it is opened, and the sentence where it cannot be read: types, damage, too little memory."""

import errno
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from patom.datasets.tables.columns import names_row_numbers, plain
from patom.datasets.tables.file import DamagedError, TableFile, UnreadableError
from patom.pipes import name_of

_BATCH = 1 << 14  # rows decoded at a time


@dataclass(frozen=True, eq=False)
class ParquetFile(TableFile):
    """An open Parquet file, whose columns are read when they are used: ``columns`` is pyarrow's ParquetFile."""

    stored: Any = None  # names and types of the columns; of an extension the type that it is stored as

    @property
    def schema(self) -> Any:
        """Names and Arrow types of the columns, in the file's order."""
        return self.stored

    @property
    def n_rows(self) -> int:
        """Number of rows of the whole file."""
        return int(self.columns.metadata.num_rows)

    def column(self, name: str) -> Any:
        """All rows of one column, as `columns.plain` leaves it."""
        with explained(self.source, name):
            found = self.columns.read(columns=[name], use_threads=False)
            return plain(found.column(name))  # a struct's field may have come along: "s.b" is in "s", too

    def batches(self, groups: Sequence[int], columns: list[str]) -> Iterator[tuple[int, Any]]:
        """For each batch of rows its first row, counted among those read, and its columns."""
        first = 0
        for group in groups:  # if pyarrow had all groups at once, it would read ahead
            with explained(self.source):
                read = self.columns.iter_batches(_BATCH, row_groups=[group], columns=columns, use_threads=False)
            while True:
                with explained(self.source):
                    batch = next(read, None)
                if batch is None:
                    break
                yield first, batch
                first += batch.num_rows


def open_parquet(path: Path, content: bytes | None = None) -> ParquetFile:
    """Open a Parquet file by its path, or ``content``, what a pipe gave. Raises what `explained` raises.

    >>> file = io.BytesIO()
    >>> pq.write_table(pa.table({"price": [1.5, 2.0], "sold": [3, 1]}), file)
    >>> open_parquet(Path("sales.parquet"), file.getvalue()).schema.names
    ['price', 'sold']
    """

    def source() -> Any:
        # The path is given as bytes, since pyarrow refuses text that is not UTF-8.
        return pa.OSFile(os.fsencode(path)) if content is None else pa.BufferReader(content)

    with explained(name_of(path)):
        try:
            return _described(name_of(path), pq.ParquetFile(source()))
        except MemoryError:
            raise
        except pa.ArrowException as error:  # the type of one column may cause it, such as integers of 128 bits
            first = error
        try:
            with path.open("rb") if content is None else io.BytesIO(content) as file:
                alone = pq.ParquetFile(source(), metadata=_parquet_alone(file))
            return _described(name_of(path), alone, _first_line(first))
        except (pa.ArrowException, OSError):
            raise first from None


def _described(name: str, file: Any, why_untyped: str | None = None) -> ParquetFile:
    """The file, with what its schema says of the columns; ``why_untyped`` says why Arrow's part was not read."""
    schema = file.schema_arrow  # built anew each time
    names, written = schema.names, {name for name in _index_columns(schema) if isinstance(name, str)}
    notes = () if why_untyped is None else (
        f"The file's columns have the types of Parquet, as pyarrow cannot read those of Arrow beside them "
        f"({why_untyped}); a duration counts as whole numbers.",
    )  # fmt: skip
    return ParquetFile(
        source=name,
        columns=file,
        notes=notes,
        index=frozenset(written.intersection(names).union(filter(names_row_numbers, names))),
        extensions=frozenset(kept.name for kept in schema if _is_extended(kept)),
        stored=pa.schema([(kept.name, getattr(kept.type, "storage_type", kept.type)) for kept in schema]),
    )


@contextmanager
def explained(name: str, column: str | None = None) -> Iterator[None]:
    """Turn pyarrow's errors into sentences.

    UnreadableError for what this pyarrow cannot decode or the disk refuses, DamagedError for a file that begins as a
    Parquet file and does not go on as one, MemoryError for a file that does not fit into memory.

    >>> with explained("sales.parquet"):
    ...     raise pa.ArrowInvalid("Unexpected end of stream")
    Traceback (most recent call last):
        ...
    patom.datasets.tables.file.DamagedError: sales.parquet begins as a Parquet file but is damaged or cut short.
    """
    what = name if column is None else f"the column {column!r} of {name}"
    too_large = f"{what} does not fit into memory: read fewer rows or columns, or allow more memory"
    try:
        yield
    except MemoryError:  # Arrow's own is one of them
        raise MemoryError(too_large) from None
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        number = getattr(error, "errno", None)
        if number == errno.ENOMEM:
            raise MemoryError(too_large) from None
        if number is not None:  # the system refused, not Arrow
            reason = os.strerror(number).lower()
            raise UnreadableError(f"{what} cannot be read: {reason}", reason) from None
        raise DamagedError(f"{name} begins as a Parquet file but is damaged or cut short", _first_line(error)) from None
    except pa.ArrowException as error:  # mostly: not implemented
        reason = _first_line(error)
        raise UnreadableError(f"{what} cannot be read by pyarrow {pa.__version__} ({reason})", reason) from None


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__


def _index_columns(schema: Any) -> list[Any]:
    try:
        found = (schema.pandas_metadata or {}).get("index_columns", [])
    except (ValueError, AttributeError):  # metadata that is no JSON, or not written by pandas
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


def _is_extended(kept: Any) -> bool:
    """Whether a column is of an extension type, known to this process or not."""
    return isinstance(kept.type, pa.BaseExtensionType) or b"ARROW:extension:name" in (kept.metadata or {})
