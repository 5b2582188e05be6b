"""A finished run, read back: its files are held against each other and against what a run writes."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
from pydantic import BaseModel, Field

from patom.paper.store import CELLS, PROVENANCE, TABLE, TIMINGS
from patom.paper.stored_rows import Count, NotNegative, Number, Positives, StoredRow, Text
from patom.paper.table import SCHEMA, read_table
from patom.plain_json import read_json
from patom.shapes import require_shape

Run = tuple[list[dict[str, Any]], dict[str, Any]]
"""Rows and provenance."""
_LATER = [name for name, field in StoredRow.model_fields.items() if not field.is_required()]  # than version 0.1
_TIMINGS = pa.schema([("key", pa.string()), ("seconds", pa.float64())])


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


def read_run(path: str | Path) -> Run:
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
        told = _provenance(_content(folder / name))
        name = TABLE
        content = _signed(_content(folder / name), told, name)
        rows = _rows(content, told)
        name = TIMINGS
        timed = (folder / name).exists()
        seconds = _seconds(_signed(_content(folder / name), told, name), rows) if timed else {}
    except ValueError as error:
        raise ValueError(f"{folder / name} is not what `patom run` wrote: {error}.") from None
    return [row | {"seconds": seconds.get(row["key"])} for row in rows], told


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OSError(f"{path} cannot be read: {error.strerror or error}.") from error


def _provenance(content: bytes) -> dict[str, Any]:
    told: dict[str, Any] = read_json(content)
    require_shape(Provenance, told)
    if not told["results"]["versions"].get("patom"):
        raise ValueError("results.versions names no version of patom")
    return told


def _signed(content: bytes, told: Mapping[str, Any], name: str) -> bytes:
    """The content, if it is that of which the provenance tells."""
    if told.get("sha256") and told["sha256"].get(name) != hashlib.sha256(content).hexdigest():
        raise ValueError(
            f"it was changed, or is of another run than {PROVENANCE} beside it; the same `patom run` writes both anew"
        )
    return content


def _rows(content: bytes, told: Mapping[str, Any]) -> list[dict[str, Any]]:
    early = told["results"]["versions"]["patom"].startswith("0.1.")
    table = read_table(content, optional=_LATER if early else ())
    if read_json((table.schema.metadata or {}).get(b"patom", b"")) != told["results"]:
        raise ValueError(f"it is of another run than {PROVENANCE} beside it")
    rows = [dict.fromkeys(SCHEMA.names) | row for row in table.to_pylist()]
    for number, row in enumerate(rows, start=1):
        require_shape(StoredRow, row, where=f"row {number}", between=", column ")
    _require_account(rows, told)
    return rows


def _require_account(rows: Sequence[Mapping[str, Any]], told: Mapping[str, Any]) -> None:
    """What the provenance says of the run is what the table says, cell by cell."""
    cells = {row["key"]: row for row in rows}
    gaps = [row["gap"] for row in cells.values() if row["gap"] is not None]
    account = {
        "cells": len(cells), "failed": sum(row["error"] is not None for row in cells.values()),
        "uncertified": sum(row["certified"] is False for row in cells.values()), "worst_gap": max(gaps, default=None),
    }  # fmt: skip
    for name, value in account.items():
        if told["run"][name] != value:
            raise ValueError(f"its rows come to {name} of {value}, and {PROVENANCE} beside it says {told['run'][name]}")
    strangers = {row["seed"] for row in rows} - set(told["results"]["seeds"])
    if strangers:
        raise ValueError(f"it holds the seed {min(strangers)}, which {PROVENANCE} beside it does not")


def _seconds(content: bytes, rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Wall time of each cell's computing by key."""
    table = read_table(content, _TIMINGS)
    keys, seconds = (table[name].to_pylist() for name in _TIMINGS.names)
    if len(set(keys)) < len(keys) or set(keys) != {row["key"] for row in rows}:
        raise ValueError(f"its keys are not those of {TABLE} beside it, each once")
    if not all(value is not None and 0.0 <= value < float("inf") for value in seconds):
        raise ValueError("its seconds must be numbers, at least 0")
    return dict(zip(keys, seconds, strict=True))
