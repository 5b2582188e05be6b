"""The folder of a run: each finished cell is written at once, the table at the end; and a finished run is read back."""

import io
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import IO, Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, Field

from patom.atomic import left_behind, write_atomically, write_together
from patom.folder import OutputFolder
from patom.paper import table
from patom.paper.cells import Cell, canonical
from patom.paper.table import SCHEMA, Count, NotNegative, Number, Positives, StoredRow, Text, row
from patom.plain_json import read_json
from patom.shapes import require_shape

CELLS, TABLE, TIMINGS, PROVENANCE = "cells", "results.parquet", "timings.parquet", "provenance.json"
Stamp = Mapping[str, Any]
"""The version of patom and the sha256 of the data files with which a kept result was computed."""
_LATER = [name for name, field in StoredRow.model_fields.items() if not field.is_required()]  # than version 0.1
_TIMINGS = pa.schema([("key", pa.string()), ("seconds", pa.float64())])


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
        kept = {"cell": str(cell), "stamp": stamp, "record": table.plain(record), "seconds": seconds, "commit": commit}
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

        ``cells`` are in the order of the table; ``done`` maps a cell's key to what ``kept`` gives. The provenance is
        the same for the same results. A part of it goes into the table's metadata, and the sha256 of both tables is
        written beside it, so that files of different runs are recognised.
        """
        rows = [row(cell, done[cell.key]["record"]) for cell in cells]
        timings = {name: [entry[name] for entry in done.values()] for name in ("seconds", "commit")}
        contents = {
            TABLE: _bytes(partial(table.write_table, rows, provenance["results"])),
            TIMINGS: _bytes(partial(pq.write_table, pa.table({"key": list(done)} | timings))),
        }
        provenance = dict(provenance) | {
            "sha256": {name: sha256(content).hexdigest() for name, content in contents.items()}
        }
        contents[PROVENANCE] = json.dumps(provenance, indent=1, ensure_ascii=False).encode() + b"\n"
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


class Results(BaseModel, strict=True):
    """What the results depend on."""

    title: Text
    seeds: Annotated[list[Count], Field(min_length=1)]
    versions: dict[str, str]
    commit: str | None
    files: dict[str, str]
    notes: list[str]


class Went(BaseModel, strict=True):
    """How the run went."""

    cells: Positives
    failed: Count
    uncertified: Count
    worst_gap: Number | None
    seconds: NotNegative
    workers: str
    commits: list[str]


class Provenance(BaseModel, strict=True):
    """Where results come from; ``sha256`` of the tables, which versions before 0.3 did not write."""

    results: Results
    run: Went
    sha256: dict[str, str] = Field(default_factory=dict)


def read_run(path: str | Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Read the table, each row with the seconds that it took, and the provenance of a finished run.

    Raises
    ------
    FileNotFoundError
        The folder holds no finished run; the message says what to do.
    ValueError
        A file is not what a run writes, or not of the same run as the others; one sentence with its name.
    OSError
        A file cannot be read.
    """
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file, not the folder of a run.")
    if not (folder / TABLE).is_file() or not (folder / PROVENANCE).is_file():
        begun = (folder / CELLS).is_dir()
        what = "a run that has not finished: run the same command again" if begun else "no run"
        raise FileNotFoundError(f"{folder} holds {what}; `patom run PRESET --out {folder}` makes one.")
    name = PROVENANCE
    try:
        provenance = _provenance(_content(folder / name))
        name = TABLE
        content = _signed(_content(folder / name), provenance, name)
        rows = _rows(content, provenance)
        name = TIMINGS
        timed = (folder / name).exists()
        seconds = _seconds(_signed(_content(folder / name), provenance, name), rows) if timed else {}
    except ValueError as error:
        raise ValueError(f"{folder / name} is not what `patom run` wrote: {error}.") from None
    return [row | {"seconds": seconds.get(row["key"])} for row in rows], provenance


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OSError(f"{path} cannot be read: {error.strerror or error}.") from error


def _provenance(content: bytes) -> dict[str, Any]:
    provenance: dict[str, Any] = read_json(content)
    require_shape(Provenance, provenance)
    if not provenance["results"]["versions"].get("patom"):
        raise ValueError("results.versions names no version of patom")
    return provenance


def _signed(content: bytes, provenance: Mapping[str, Any], name: str) -> bytes:
    """The content, if it is that of which the provenance tells."""
    if provenance.get("sha256") and provenance["sha256"].get(name) != sha256(content).hexdigest():
        raise ValueError(
            f"it was changed, or is of another run than {PROVENANCE} beside it; the same `patom run` writes both anew"
        )
    return content


def _rows(content: bytes, provenance: Mapping[str, Any]) -> list[dict[str, Any]]:
    early = provenance["results"]["versions"]["patom"].startswith("0.1.")
    found = table.read_table(content, optional=_LATER if early else ())
    if read_json((found.schema.metadata or {}).get(b"patom", b"")) != provenance["results"]:
        raise ValueError(f"it is of another run than {PROVENANCE} beside it")
    rows = [dict.fromkeys(SCHEMA.names) | one for one in found.to_pylist()]
    for number, one in enumerate(rows, start=1):
        require_shape(StoredRow, one, where=f"row {number}", between=", column ")
    _require_account(rows, provenance)
    return rows


def account(records: Collection[Mapping[str, Any]]) -> dict[str, Any]:
    """How many cells there are, failed and have a fit above its tolerance; and the worst gap."""
    gaps = [record["gap"] for record in records if record.get("gap") is not None]
    return {
        "cells": len(records), "failed": sum(bool(record.get("error")) for record in records),
        "uncertified": sum(record.get("certified") is False for record in records),
        "worst_gap": max(gaps, default=None),
    }  # fmt: skip


def _require_account(rows: Sequence[Mapping[str, Any]], provenance: Mapping[str, Any]) -> None:
    """What the provenance says of the run is what the table says, cell by cell."""
    cells = {found["key"]: found for found in rows}
    for name, value in account(cells.values()).items():
        if provenance["run"][name] != value:
            raise ValueError(
                f"its rows come to {name} of {value}, and {PROVENANCE} beside it says {provenance['run'][name]}"
            )
    strangers = {row["seed"] for row in rows} - set(provenance["results"]["seeds"])
    if strangers:
        raise ValueError(f"it holds the seed {min(strangers)}, which {PROVENANCE} beside it does not")


def _seconds(content: bytes, rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Wall time of each cell's computing by key."""
    timings = table.read_table(content, _TIMINGS)
    keys, seconds = (timings[name].to_pylist() for name in _TIMINGS.names)
    if len(set(keys)) < len(keys) or set(keys) != {row["key"] for row in rows}:
        raise ValueError(f"its keys are not those of {TABLE} beside it, each once")
    if not all(value is not None and 0.0 <= value < float("inf") for value in seconds):
        raise ValueError("its seconds must be numbers, at least 0")
    return dict(zip(keys, seconds, strict=True))
