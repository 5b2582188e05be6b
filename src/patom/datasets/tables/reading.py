"""A user's file, CSV or Parquet, told apart by content; a pipe is read once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patom.datasets.tables.csv_file import read_csv
from patom.datasets.tables.file import ColumnError, TableError, TableFile
from patom.datasets.tables.parquet_file import DamagedError, ParquetSource, UnreadableError, open_parquet
from patom.pipes import NotAFileError, name_of, pipe_content

_HEAD = 1 << 16  # bytes that tell the kind of file


def read_file(path: Path, task: str, target: str) -> TableFile:
    r"""Read a CSV or Parquet file, told apart by content.

    Parameters
    ----------
    path : path of the file, or of a pipe; CSV is UTF-8 with a header, separated by commas, semicolons, tabs or bars,
        or by what Excel's first line `sep=;` names.
    task, target : names of two columns, by which the separator is known; of a CSV, the task is read as text.

    Returns
    -------
    TableFile

    Raises
    ------
    TableError
        If the file cannot be read, or is empty, ragged or of another kind.
    MemoryError
        If it does not fit into memory.

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
    try:
        piped = pipe_content(path)
    except NotAFileError as error:
        raise TableError(f"{error}, not a CSV or Parquet file.") from None
    head = _head(path) if piped is None else piped[:_HEAD]
    if head.startswith(b"PAR1") and b"\0" in head:  # a CSV header may begin with the same letters
        return _read_parquet(path, piped)
    return read_csv(_filled(path, piped), name_of(path), (task, target))


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError:  # said where the file is read
        return b""


def _filled(path: Path, piped: bytes | None) -> bytes:
    try:
        data = path.read_bytes() if piped is None else piped
    except MemoryError:
        raise MemoryError(f"{name_of(path)} does not fit into memory: bring fewer rows or columns") from None
    except FileNotFoundError:
        raise TableError(f"There is no file '{path}'.") from None
    except OSError as error:
        raise TableError(f"'{path}' cannot be read: {(error.strerror or str(error)).lower()}.") from None
    if not data.removeprefix(b"\xef\xbb\xbf").strip():
        raise TableError(f"'{path}' is empty: it needs a header line and data rows.")
    return data


@dataclass(frozen=True, eq=False)
class ParquetColumns:
    """The columns of a Parquet file, each read when it is asked for: a table as far as reading one goes."""

    parquet: ParquetSource

    @property
    def column_names(self) -> list[str]:
        """In the file's order."""
        return list(self.parquet.schema.names)

    @property
    def num_rows(self) -> int:
        """Of the whole file."""
        return int(self.parquet.file.metadata.num_rows)

    @property
    def schema(self) -> Any:
        """As the file has it, dictionaries and bytes too."""
        return self.parquet.schema

    def __getitem__(self, name: str) -> Any:
        try:
            return self.parquet.column(name)
        except DamagedError as error:
            raise TableError(f"{error}.") from None
        except UnreadableError as error:
            raise ColumnError(f"{str(error)[0].upper()}{str(error)[1:]}.") from None


def _read_parquet(path: Path, piped: bytes | None) -> TableFile:
    try:
        opened = open_parquet(path, piped)
    except UnreadableError as error:
        raise TableError(f"{error}.") from None
    notes = () if opened.why_untyped is None else (_untyped(opened.why_untyped),)
    return TableFile(name_of(path), ParquetColumns(opened), b"", None, notes, opened.index, opened.extensions)


def _untyped(why: str) -> str:
    return (
        f"The file's columns have the types of Parquet, as pyarrow cannot read those of Arrow beside them ({why}); "
        "a duration counts as whole numbers."
    )
