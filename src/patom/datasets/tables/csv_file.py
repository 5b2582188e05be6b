"""A CSV file as columns, whatever separates them, with the line of what is ragged."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.csv

from patom.datasets.tables.columns import names_row_numbers
from patom.datasets.tables.file import TableError, TableFile
from patom.wording import counted

_CONTROL = bytes(sorted(set(range(32)) - set(b"\t\n\f\r")))  # no text file holds these
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SEPARATOR = re.compile(rb'(?:\xef\xbb\xbf)?"?sep=([^"\r\n])"?(?=[\r\n])', re.IGNORECASE)  # Excel's first line


@dataclass(frozen=True, eq=False)
class CsvFile(TableFile):
    """A CSV file: ``data`` is its text in bytes, from which a row's line and a value's spelling are found again."""

    data: bytes = b""
    delimiter: str = ","

    def row(self, index: int) -> str:
        """Name the 0-based data row as a person counts it: 'row 17 (line 18 of the file)'."""
        text = io.TextIOWrapper(io.BytesIO(self.data), "utf-8-sig", errors="replace", newline="")
        records = csv.reader(text, delimiter=self.delimiter)
        try:  # record 0 is the header
            line = next(islice(_first_lines(records), index + 1, None))
        except (csv.Error, StopIteration):  # Python's parser and Arrow's differ on text as odd as this
            return super().row(index)
        return f"{super().row(index)} (line {line} of the file)"

    def as_written(self, names: Sequence[str]) -> dict[str, Any]:
        r"""The named columns as text, whatever type was found for them; costs another pass over the file.

        >>> file = read_csv(b"shop,sold\na,1e3\n", "sales.csv", ("shop", "sold"))
        >>> file.column("sold").to_pylist(), file.as_written(["sold"])["sold"].to_pylist()
        ([1000.0], ['1e3'])
        """
        types = dict.fromkeys(names, pa.string())
        text = _parsed(self.data, self.delimiter, column_types=types, include_columns=list(names))
        return {name: text[name] for name in names}


def _first_lines(records: Any) -> Iterator[int]:
    """Give the line each record starts on, past blank lines and line breaks in quotes."""
    before = 0
    for record in records:
        if record:
            yield before + 1
        before = records.line_num


def read_csv(data: bytes, source: str, wanted: tuple[str, str]) -> CsvFile:
    r"""Read the bytes of a CSV file in UTF-8; the task, the first of the ``wanted`` columns, as text.

    A first line `sep=;`, as Excel writes, names the separator; else it is the one of commas, semicolons, tabs and bars
    that splits the header into both wanted names, or into most columns. ``source`` is the file's name, for messages.
    Raises TableError for bytes that are no CSV table in UTF-8 and for a row of another length than the header's,
    MemoryError for a table that does not fit into memory.

    >>> read_csv(b"sep=;\nshop;sold\n007;3\n", "sales.csv", ("shop", "sold")).columns.to_pydict()
    {'shop': ['007'], 'sold': [3]}
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TableError(f"{source} is text in UTF-16", "save it as CSV in UTF-8")
    if data[:65536] != data[:65536].translate(None, _CONTROL):
        raise TableError(f"{source} is no CSV or Parquet file", "it holds binary data of another kind")
    named = _SEPARATOR.match(data)
    if named is not None and named[1].isascii():
        data, delimiter = data[named.end() :], named[1].decode()  # an empty line is left, so lines count as in the file
    else:
        delimiter = _delimiter(data, wanted)
    try:
        # Tasks are read as text, so that '007' and numbers of 20 digits stay what they are.
        columns = _parsed(data, delimiter, column_types={wanted[0]: pa.string()})
        names = list(columns.column_names)  # fails if the header is not UTF-8
    except MemoryError:
        raise MemoryError(f"{source} does not fit into memory: bring fewer rows or columns") from None
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise _fault(CsvFile(source, None, data=data, delimiter=delimiter), str(error).splitlines()[0]) from None
    by = _DELIMITERS.get(delimiter, repr(delimiter))
    notes = () if delimiter == "," else (f"The file's columns are separated by {by}.",)
    index = frozenset(filter(names_row_numbers, names))
    return CsvFile(source, columns, notes, index, data=data, delimiter=delimiter)


def _parsed(data: bytes, delimiter: str, ragged: Callable[[Any], str] | None = None, **convert: Any) -> Any:
    return pa.csv.read_csv(
        pa.BufferReader(data),
        # Without threads the parser numbers its rows, at little cost. A record must fit into a block.
        read_options=pa.csv.ReadOptions(use_threads=False, block_size=1 << 24),
        parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=ragged),
        convert_options=pa.csv.ConvertOptions(**convert),
    )


def _delimiter(data: bytes, wanted: tuple[str, str]) -> str:
    """Choose the delimiter whose header holds the wanted columns, else the one with most columns."""
    line = re.search(rb"[^\r\n]+", data)
    header = line.group().decode("utf-8-sig", errors="replace") if line else ""

    def merit(delimiter: str) -> tuple[int, int]:
        names = [name.strip('"') for name in header.split(delimiter)]
        return sum(name in names for name in wanted), len(names)

    return max(_DELIMITERS, key=merit)


def _fault(file: CsvFile, reason: str) -> TableError:
    if "Empty CSV" in reason:  # a header without a line end
        return TableError(f"{file.source} has no data rows")
    try:
        file.data.decode()
    except UnicodeDecodeError:
        return TableError(f"{file.source} cannot be read as CSV", "it is not in UTF-8, so save it as UTF-8")
    found: list[Any] = []

    def stop(record: Any) -> str:
        found.append(record)
        return "error"

    with suppress(pa.ArrowException):  # parsed again to learn the number of the row; its text is UTF-8 by now
        _parsed(file.data, file.delimiter, stop)
    if not found:
        return TableError(f"{file.source} cannot be read as CSV", reason)
    record = found[0]
    row = file.row(record.number - 2)  # the header is record 1
    hint = " (is a quotation mark left open?)" if "\n" in record.text else ""
    return TableError(
        f"{file.source} is ragged",
        f"{row} has {counted(record.actual_columns, 'value')} where the header names "
        f"{counted(record.expected_columns, 'column')}{hint}",
    )
