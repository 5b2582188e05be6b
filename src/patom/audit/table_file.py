"""A CSV or Parquet file as columns, told apart by content, with the way back from a row to its line."""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from patom.audit.wording import counted

_CONTROL = bytes(sorted(set(range(32)) - set(b"\t\n\f\r")))  # no text file holds these
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


class TableError(ValueError):
    """A table that cannot be used; the message is one sentence for the person who brought it."""


@dataclass(frozen=True, eq=False)
class TableFile:
    """The columns as read, and the way back from a row to its line.

    `source` is the file's name; `columns` is an Arrow table without dictionaries, bytes that are UTF-8 being text, or
    reads as one; `data` is the content of a CSV file; `notes` are sentences on how it was read.
    """

    source: str
    columns: Any
    data: bytes
    delimiter: str | None  # None for Parquet
    notes: tuple[str, ...] = ()

    def row(self, index: int) -> str:
        """Name the 0-based data row as a person counts it: 'row 17 (line 18 of the file)'."""
        if self.delimiter is None:
            return f"row {index + 1}"
        text = io.TextIOWrapper(io.BytesIO(self.data), "utf-8-sig", errors="replace", newline="")
        records = csv.reader(text, delimiter=self.delimiter)
        try:  # record 0 is the header
            line = next(islice(_first_lines(records), index + 1, None))
        except (csv.Error, StopIteration):  # the parsers differ on text as odd as this
            return f"row {index + 1}"
        return f"row {index + 1} (line {line} of the file)"


def read_file(path: Path, task: str, target: str) -> TableFile:
    r"""Read a CSV or Parquet file, told apart by content.

    Parameters
    ----------
    path : path of the file; CSV is UTF-8 with a header, separated by commas, semicolons, tabs or bars.
    task, target : names of two columns, by which the separator is known; of a CSV, the task is read as text.

    Returns
    -------
    TableFile

    Raises
    ------
    TableError
        If the file cannot be read, or is empty, ragged or of another kind.

    Notes
    -----
    Cost: a CSV file takes one pass and about twice its size in memory. Of a Parquet file the columns stay where they
    are until they are asked for, one at a time.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "sales.csv")
    ...     _ = path.write_text("shop;sold\n007;3\n008;5\n")
    ...     file = read_file(path, "shop", "sold")
    >>> file.columns["shop"].to_pylist(), file.row(1), file.notes
    (['007', '008'], 'row 2 (line 3 of the file)', ("The file's columns are separated by semicolons.",))
    """
    return _read_parquet(path) if _is_parquet(path) else _read_csv(_read_bytes(path), path.name, (task, target))


def is_named(column: str) -> bool:
    """Tell whether a column has a name of its own; row indices written by pandas have none.

    Examples
    --------
    >>> is_named("price"), is_named(" "), is_named("__index_level_0__")
    (True, False, False)
    """
    return bool(column.strip()) and not column.startswith("__index_level_")


def _read_bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except IsADirectoryError:
        raise TableError(f"'{path}' is a folder, not a CSV or Parquet file.") from None
    except FileNotFoundError:
        raise TableError(f"There is no file '{path}'.") from None
    except OSError as error:
        raise TableError(f"'{path}' cannot be read: {(error.strerror or str(error)).lower()}.") from None
    if not data.removeprefix(b"\xef\xbb\xbf").strip():
        raise TableError(f"'{path}' is empty: it needs a header line and data rows.")
    return data


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(65536)
    except OSError:  # said where the file is read
        return False
    return head.startswith(b"PAR1") and b"\0" in head  # a CSV header may begin with the same letters


@dataclass(frozen=True, eq=False)
class ParquetColumns:
    """The columns of a Parquet file, each read when it is asked for: a table as far as reading one goes."""

    file: Any
    source: str

    @property
    def column_names(self) -> list[str]:
        """In the file's order."""
        return list(self.file.schema_arrow.names)

    @property
    def num_rows(self) -> int:
        """Of the whole file."""
        return int(self.file.metadata.num_rows)

    @property
    def schema(self) -> Any:
        """As the file has it, dictionaries and bytes too."""
        return self.file.schema_arrow

    def __getitem__(self, name: str) -> Any:
        with _undamaged(self.source):
            return _plain(self.file.read(columns=[name]).column(0))


def _read_parquet(path: Path) -> TableFile:
    with _undamaged(path.name):
        return TableFile(path.name, ParquetColumns(pa.parquet.ParquetFile(path), path.name), b"", None)


@contextmanager
def _undamaged(source: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError):
        raise TableError(f"{source} begins as a Parquet file but is damaged or cut short.") from None


def _plain(column: Any) -> Any:
    """Undo dictionary encoding, and read bytes as text where they are UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        try:
            return column.cast(pa.large_string())
        except pa.ArrowInvalid:
            return column
    return column.cast(pa.large_string()) if str(column.type) == "string_view" else column


def _read_csv(data: bytes, source: str, wanted: tuple[str, str]) -> TableFile:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TableError(f"{source} is text in UTF-16: save it as CSV in UTF-8.")
    if data[:65536] != data[:65536].translate(None, _CONTROL):
        raise TableError(f"{source} is no CSV or Parquet file: it holds binary data of another kind.")
    delimiter = _delimiter(data, wanted)
    ragged: list[Any] = []

    def stop(record: Any) -> str:
        ragged.append(record)
        return "error"

    try:
        columns: Any = pa.csv.read_csv(
            pa.BufferReader(data),
            # Without threads the parser numbers its rows, at little cost. A record must fit into a block.
            read_options=pa.csv.ReadOptions(use_threads=False, block_size=1 << 24),
            parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=stop),
            # Tasks are read as text, so that '007' and numbers of 20 digits stay what they are.
            convert_options=pa.csv.ConvertOptions(column_types={wanted[0]: pa.string()}),
        )
        columns.column_names  # noqa: B018  (fails if the header is not UTF-8)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        if not ragged:
            reason = str(error).splitlines()[0]
            if "Empty CSV" in reason:  # a header without a line end
                raise TableError(f"{source} has no data rows.") from None
            reason = "it is not in UTF-8, so save it as UTF-8" if "utf" in reason.lower() else reason
            raise TableError(f"{source} cannot be read as CSV: {reason}.") from None
        raise _ragged(TableFile(source, None, data, delimiter), ragged[0]) from None
    notes = () if delimiter == "," else (f"The file's columns are separated by {_DELIMITERS[delimiter]}.",)
    return TableFile(source, columns, data, delimiter, notes)


def _delimiter(data: bytes, wanted: tuple[str, str]) -> str:
    """Choose the delimiter whose header holds the wanted columns, else the one with most columns."""
    line = re.search(rb"[^\r\n]+", data)
    header = line.group().decode("utf-8-sig", errors="replace") if line else ""

    def merit(delimiter: str) -> tuple[int, int]:
        names = [name.strip('"') for name in header.split(delimiter)]
        return sum(name in names for name in wanted), len(names)

    return max(_DELIMITERS, key=merit)


def _ragged(file: TableFile, record: Any) -> TableError:
    row = file.row(record.number - 2)  # the header is record 1
    hint = " (is a quotation mark left open?)" if "\n" in record.text else ""
    return TableError(
        f"{file.source} is ragged: {row} has {counted(record.actual_columns, 'value')} where the header names "
        f"{counted(record.expected_columns, 'column')}{hint}."
    )


def _first_lines(records: Any) -> Iterator[int]:
    """Give the line each record starts on, past blank lines and line breaks in quotes."""
    before = 0
    for record in records:
        if record:
            yield before + 1
        before = records.line_num
