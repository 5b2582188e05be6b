"""The columns of a table, whatever file they come from, and the sentence on a table that cannot be used."""

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from patom.datasets.tables.columns import names_row_numbers, plain
from patom.pipes import NotAFileError, pipe_content
from patom.wording import listed


class TableError(ValueError):
    """A table that cannot be used; the message is one sentence for the person who brought it.

    ``what`` is wrong, without a full stop; ``remedy`` says what to do about it, or why it is wrong.

    >>> error = TableError("the column 'x' is empty", "fill it")
    >>> str(error), error.clause
    ("The column 'x' is empty: fill it.", "the column 'x' is empty; fill it")
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        what = f"T{self.what[1:]}" if self.what.startswith("the ") else self.what
        return f"{what}: {self.remedy}." if self.remedy else f"{what}."

    @property
    def clause(self) -> str:
        """The message as a part of a longer sentence."""
        return f"{self.what}; {self.remedy}" if self.remedy else self.what


class UnreadableError(TableError):
    """A file, or a column of it, that cannot be read; ``reason`` is pyarrow's or the system's."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(what)
        self.reason = reason


class DamagedError(UnreadableError):
    """Bytes that are no whole Parquet file; with any other UnreadableError the file itself is whole."""


@dataclass(frozen=True, eq=False)
class TableFile:
    """The columns of a table by their names; this class is for an Arrow table in memory."""

    source: str  # the file's name, for messages
    columns: Any
    notes: tuple[str, ...] = ()  # sentences on how the file was read
    index: frozenset[str] = frozenset()  # columns that number the rows; by default they are no features
    extensions: frozenset[str] = frozenset()  # columns of an extension type of Arrow's, such as pandas' periods

    @property
    def schema(self) -> Any:
        """Names and Arrow types of the columns, in the file's order."""
        return self.columns.schema

    @property
    def types(self) -> dict[str, Any]:
        """Arrow types of the columns' values, by name: of a dictionary that of its entries."""
        kinds = self.schema.types
        values = [kind.value_type if pa.types.is_dictionary(kind) else kind for kind in kinds]
        return dict(zip(self.schema.names, values, strict=True))

    @property
    def n_rows(self) -> int:
        """Number of rows of the whole file."""
        return int(self.columns.num_rows)

    def column(self, name: str) -> Any:
        """All rows of one column, as `columns.plain` leaves it."""
        return plain(self.columns[name])

    def row(self, index: int) -> str:
        """Name the 0-based data row as a person counts it: 'row 17'."""
        return f"row {index + 1}"

    def as_written(self, names: Sequence[str]) -> dict[str, Any]:  # noqa: ARG002  (a CSV file has an answer)
        """The named columns as text, as written in the file; none of a file whose columns have types."""
        return {}

    def default_features(self, roles: Sequence[str | None]) -> list[str]:
        """Names of the columns that have no other role and do not number the rows."""
        taken = {*roles, *self.index}
        return [name for name in self.schema.names if name not in taken]

    def require(self, task: str | None, target: str, features: Sequence[str] | None) -> None:
        """Refuse column names that the file does not have, or has twice, and columns that are used twice.

        >>> TableFile("sales.csv", pa.table({"no": [1], "sold": [2]})).require(None, "sole", None)
        Traceback (most recent call last):
            ...
        patom.datasets.tables.file.TableError: sales.csv has no column 'sole': the nearest name is 'sold'.
        """
        if task == target:
            raise TableError(f"{task!r} is named as the task and as the target", "they must be two columns")
        names, roles = self.schema.names, [target] if task is None else [task, target]
        held, chosen = Counter(names), [] if features is None else features
        wanted = {*roles, *chosen}
        doubled = [
            name for name, times in held.items() if times > 1 and (name in wanted or not names_row_numbers(name))
        ]
        if doubled:
            raise TableError(f"{self.source} has more than one column named {listed(doubled)}", "rename them")
        for name in (*roles, *chosen):
            if name not in held:
                raise TableError(f"{self.source} has no column {name!r}", _nearest(name, names))
        for name in roles:
            if name in chosen:
                role = "task" if name == task else "target"
                raise TableError(f"the {role} column {name!r} cannot be a feature too", "take it off the features")
        twice = [name for name, times in Counter(chosen).items() if times > 1]
        if twice:
            raise TableError(f"the features name {listed(twice)} more than once")
        if features is not None and not chosen:
            raise TableError("the features name no column", "name at least one, or leave them to be chosen")

    def no_feature(self, *roles: str | None) -> TableError:
        """The error where no column but those of the roles holds numbers."""
        others = " and ".join(repr(role) for role in roles if role is not None)
        return TableError(f"{self.source} has no feature", f"no column but {others} holds numbers")

    def not_numbers(self, name: str, kind: str, remedy: str = "") -> TableError:
        """The error where a column holds values of another type than numbers."""
        return TableError(f"the column {name!r} of {self.source} holds values of {kind}, not numbers", remedy)

    def not_finite(self, row: int, name: str, *, missing: bool, of_all: str = "") -> TableError:
        """The error where a number is missing or infinite; ``of_all`` says how many are."""
        what = "a missing value" if missing else "an infinite value"
        place = f"{self.row(row)}, column {name!r}{of_all}"
        return TableError(f"{self.source} holds {what} in {place}", "drop such rows or fill the values in")


def piped_bytes(path: Path, wanted: str) -> bytes | None:
    """What a pipe holds; None for a plain file and for a missing one. TableError where ``path`` can be neither.

    >>> piped_bytes(Path("/dev/null"), "a CSV file")
    Traceback (most recent call last):
        ...
    patom.datasets.tables.file.TableError: '/dev/null' is a device, not a CSV file.
    """
    try:
        return pipe_content(path)
    except NotAFileError as error:
        raise TableError(f"{error}, not {wanted}") from None


def _nearest(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name.casefold(), [other.casefold() for other in names], 3, 0.5)
    near = [other for other in names if other.casefold() in close]
    if not near:
        return f"its column{'s are' if names[1:] else ' is'} {listed(names)}" if names else "it has none"
    return f"the nearest name{'s are' if near[1:] else ' is'} {listed(near)}"
