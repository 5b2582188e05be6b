"""The folder of a run: each finished cell at once, the table at the end."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from patom.atomic import left_behind, write_atomically, write_together
from patom.experiments.cell import Cell
from patom.experiments.table import plain, read_table, row, write_table
from patom.folder import OutputFolder

CELLS, TABLE, TIMINGS, PROVENANCE = "cells", "results.parquet", "timings.parquet", "provenance.json"
Run = tuple[list[dict[str, Any]], dict[str, Any]]
"""Rows and provenance."""
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
        """What an earlier run kept of a cell: its record, seconds and commit; None if it must be computed."""
        try:
            found: dict[str, Any] = json.loads((self.path / CELLS / f"{cell.key}.json").read_bytes())
            whole = {"record", "seconds", "commit"} <= set(found)
            usable = whole and found["stamp"] == stamp and not found["record"].get("error")
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError):  # damaged by something else than patom
            return None
        return found if usable else None

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
        text = json.dumps(kept, ensure_ascii=False, allow_nan=False)
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
            The same for the same results; a part goes into the table's metadata.
        done : mapping of a cell's key to what ``kept`` gives
        """
        rows = [row(cell, done[cell.key]["record"]) for cell in cells]
        timings = {name: [entry[name] for entry in done.values()] for name in ("seconds", "commit")}
        contents: dict[str, Callable[[IO[bytes]], object]] = {
            TABLE: partial(write_table, rows, provenance["results"]),
            TIMINGS: partial(pq.write_table, pa.table({"key": list(done)} | timings)),
            PROVENANCE: lambda file: file.write(json.dumps(provenance, indent=1, ensure_ascii=False).encode() + b"\n"),
        }
        try:
            write_together({self.path / name: write for name, write in contents.items()})
        except OSError as error:
            raise OSError(
                f"The results could not be written to {self.path}: {error.strerror or error}; "
                "the finished cells are kept, and the same command goes on from there."
            ) from error


def read_run(path: str | Path) -> Run:
    """Read the table, each row with the seconds that it took, and the provenance of a finished run.

    Raises
    ------
    FileNotFoundError
        The folder holds no finished run; the message says what to do.
    """
    folder = Path(path)
    if not (folder / TABLE).is_file() or not (folder / PROVENANCE).is_file():
        begun = (folder / CELLS).is_dir()
        what = "a run that has not finished: run the same command again" if begun else "no run"
        raise FileNotFoundError(f"{folder} holds {what}; `patom run PRESET --out {folder}` makes one.")
    rows, seconds = read_table(folder / TABLE), _seconds(folder / TIMINGS)
    told = json.loads((folder / PROVENANCE).read_text("utf-8"))
    return [row | {"seconds": seconds.get(row["key"])} for row in rows], told


def _seconds(path: Path) -> dict[str, float]:
    """Wall time of each cell's computing by key; none where the file is missing."""
    if not path.is_file():
        return {}
    table = pq.read_table(path, columns=["key", "seconds"]).to_pydict()
    return dict(zip(table["key"], table["seconds"], strict=True))
