"""The folder of a run: each finished cell at once, the table at the end."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import IO, Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, Field

from patom.atomic import left_behind, write_atomically, write_together
from patom.folder import OutputFolder
from patom.paper.cell import Cell, canonical
from patom.paper.stored_rows import StoredRow
from patom.paper.table import SCHEMA, plain, row, write_table
from patom.plain_json import read_json
from patom.shapes import require_shape

CELLS, TABLE, TIMINGS, PROVENANCE = "cells", "results.parquet", "timings.parquet", "provenance.json"
Stamp = Mapping[str, Any]
"""What a kept result is good for: the version of patom and the sha256 of the data files."""


class RunFolder(OutputFolder):
    """The folder a run writes to, locked for as long as it runs; see ``OutputFolder``.

    ``cells/KEY.json`` holds a finished cell, written whole or not at all. A cell is taken up again if its stamp
    is the present one and it did not fail.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, "run", (TABLE, TIMINGS, PROVENANCE))

    def _clear_the_way(self) -> None:
        super()._clear_the_way()
        cells = self.path / CELLS
        cells.mkdir(exist_ok=True)
        self._created.insert(0, cells)  # an empty one goes again
        for left in left_behind(cells):
            left.unlink()

    def kept(self, cell: Cell, stamp: Stamp) -> dict[str, Any] | None:
        """What an earlier run kept of a cell: its record, seconds and commit; None if it must be computed.

        Raises
        ------
        OSError
            Where there is something that cannot be read, as a folder in the file's place.
        """
        path = self.path / CELLS / f"{cell.key}.json"
        try:
            found: dict[str, Any] = read_json(path.read_bytes())
            require_shape(_Kept, found)
            if found.pop("sha256") != _digest(cell, found):  # changed by something else than patom
                return None
            require_shape(StoredRow, dict.fromkeys(SCHEMA.names) | row(cell, found["record"]))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OSError(f"The finished cell {path} cannot be read: {error.strerror or error}.") from error
        except ValueError:
            return None
        return found if found["stamp"] == stamp and not found["record"].get("error") else None

    def keep(
        self, cell: Cell, stamp: Stamp, record: Mapping[str, Any], seconds: float, commit: str | None
    ) -> dict[str, Any]:
        """Keep a finished cell, and give back what a later ``kept`` would.

        Raises
        ------
        OSError
            As on a full disk, in one sentence.
        """
        kept = {"cell": str(cell), "stamp": stamp, "record": plain(record), "seconds": seconds, "commit": commit}
        text = json.dumps(kept | {"sha256": _digest(cell, kept)}, ensure_ascii=False, allow_nan=False)
        try:
            write_atomically(self.path / CELLS / f"{cell.key}.json", lambda file: file.write(text.encode()))
        except OSError as error:
            raise OSError(
                f"A finished cell could not be kept in {self.path}: {error.strerror or error}; "
                "those kept before are whole, and the same command goes on from there."
            ) from error
        return kept

    def write(
        self, cells: Sequence[Cell], provenance: Mapping[str, Any], done: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Write table, timings and provenance, all of them or none.

        Parameters
        ----------
        cells : sequence of Cell
            In the order of the table.
        provenance : dict
            The same for the same results; a part goes into the table's metadata, and the sha256 of both tables is
            written beside it, so that files of different runs are told apart.
        done : mapping of a cell's key to what ``kept`` gives
        """
        rows = [row(cell, done[cell.key]["record"]) for cell in cells]
        timings = {name: [entry[name] for entry in done.values()] for name in ("seconds", "commit")}
        contents = {
            TABLE: _bytes(partial(write_table, rows, provenance["results"])),
            TIMINGS: _bytes(partial(pq.write_table, pa.table({"key": list(done)} | timings))),
        }
        told = dict(provenance) | {"sha256": {name: sha256(content).hexdigest() for name, content in contents.items()}}
        contents[PROVENANCE] = json.dumps(told, indent=1, ensure_ascii=False).encode() + b"\n"
        try:
            write_together({self.path / name: partial(_put, content) for name, content in contents.items()})
        except OSError as error:
            raise OSError(
                f"The results could not be written to {self.path}: {error.strerror or error}; "
                "the finished cells are kept, and the same command goes on from there."
            ) from error


class _Kept(BaseModel, strict=True, extra="forbid"):
    """A finished cell's file."""

    cell: str
    stamp: dict[str, Any]
    record: dict[str, Any]
    seconds: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    commit: str | None
    sha256: str


def _digest(cell: Cell, kept: Mapping[str, Any]) -> str:
    """Of what is kept and of the cell that it is kept for, whose key is the file's name."""
    return sha256(canonical(dict(kept) | {"key": cell.key}).encode()).hexdigest()


def _bytes(write: Callable[[IO[bytes]], object]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def _put(content: bytes, file: IO[bytes]) -> None:
    file.write(content)
