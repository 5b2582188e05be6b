"""The columns of a user's file, and the way back from a row to its line."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any


class TableError(ValueError):
    """A table that cannot be used; the message is one sentence for the person who brought it."""


class ColumnError(TableError):
    """One column that pyarrow cannot read in a file that is whole."""


@dataclass(frozen=True, eq=False)
class TableFile:
    """The columns as read, and the way back from a row to its line.

    `source` is the file's name; `columns` is an Arrow table without dictionaries, bytes that are UTF-8 being text, or
    reads as one; `data` is the content of a CSV file; `notes` are sentences on how it was read; `index` are columns
    that number the rows, and `extensions` those whose values mean what an extension of Arrow's types says.
    """

    source: str
    columns: Any
    data: bytes
    delimiter: str | None  # None for Parquet
    notes: tuple[str, ...] = ()
    index: frozenset[str] = frozenset()
    extensions: frozenset[str] = frozenset()

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


def _first_lines(records: Any) -> Iterator[int]:
    """Give the line each record starts on, past blank lines and line breaks in quotes."""
    before = 0
    for record in records:
        if record:
            yield before + 1
        before = records.line_num
