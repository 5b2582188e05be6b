"""Finished runs read back: their tables, timings and provenance, checked against each other."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
from pydantic import AfterValidator, BaseModel, Field

from patom.paper.table import (
    CELLS,
    PROVENANCE,
    SCHEMA,
    TABLE,
    TIMINGS,
    Positives,
    StoredRow,
    Text,
    account,
    read_table,
)
from patom.plain_json import read_json
from patom.results.parts import Count, NotNegative, Number
from patom.shapes import shaped

_LATER = [name for name, field in StoredRow.model_fields.items() if not field.is_required()]  # than version 0.1
_TIMINGS = pa.schema([("key", pa.string()), ("seconds", pa.float64())])


def _of_patom(versions: dict[str, str]) -> dict[str, str]:
    if not versions.get("patom"):
        raise ValueError("it names no version of patom")
    return versions


class Results(BaseModel, strict=True):
    """What the results depend on."""

    title: Text
    seeds: Annotated[list[Count], Field(min_length=1)]
    versions: Annotated[dict[str, str], AfterValidator(_of_patom)]
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

    ``path`` is the folder of the run, or its table alone, which holds all but the seconds.

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
    if not folder.exists():
        raise FileNotFoundError(f"There is no file or folder {folder}; `patom run PRESET --out {folder}` makes one.")
    if not folder.is_dir():
        return _table_alone(folder)
    if not (folder / TABLE).is_file() or not (folder / PROVENANCE).is_file():
        if (folder / CELLS).is_dir():
            raise FileNotFoundError(f"{folder} holds a run that has not finished: run the same command again.")
        raise FileNotFoundError(f"{folder} holds no run; `patom run PRESET --out {folder}` makes one.")
    name = PROVENANCE
    try:
        provenance = _provenance(_content(folder / name))
        name = TABLE
        content = _signed(_content(folder / name), provenance, name)
        rows = _rows(content, provenance["results"])
        _require_account(rows, provenance)
        name = TIMINGS
        timed = (folder / name).exists()
        seconds = _seconds(_signed(_content(folder / name), provenance, name), rows) if timed else {}
    except ValueError as error:
        raise ValueError(f"{folder / name} is not what `patom run` wrote: {error}.") from None
    return [row | {"seconds": seconds.get(row["key"])} for row in rows], provenance


def read_runs(paths: Iterable[str | Path]) -> list[tuple[list[dict[str, Any]], dict[str, Any]]]:
    """Read several runs, see ``read_run``; of a folder with runs of several grids in it, all of these.

    A ValueError where two of them have an experiment of one name and figure: their cells would be taken together.
    """
    found, holders = [], dict[tuple[str, str], Path]()
    for path in (each for given in paths for each in _runs_in(Path(given))):
        rows, provenance = read_run(path)
        for row in rows:
            first = holders.setdefault((row["figure"], row["experiment"]), path)
            if first is not path:
                raise ValueError(
                    f"{first} and {path} both have an experiment {row['experiment']!r} for the figure "
                    f"{row['figure']!r}; give each run once, and different experiments different names."
                )
        found.append((rows, provenance))
    return found


def _runs_in(path: Path) -> list[Path]:
    """The path itself; or the folders in it that hold runs, finished or not, where it is no run."""
    if not path.is_dir() or (path / TABLE).exists() or (path / CELLS).exists():
        return [path]
    inside = sorted(each for each in path.iterdir() if (each / TABLE).is_file() or (each / CELLS).is_dir())
    return inside or [path]


def _table_alone(path: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The rows and what the table says of itself; how the run went is counted from the rows."""
    try:
        if not path.is_file():
            raise ValueError("it is no regular file")
        content = _content(path)
        results = _results(read_table(content, optional=SCHEMA.names))
        shaped(Results, results)
        rows = _rows(content, results)
        if not rows:
            raise ValueError("it has no rows")
        _require_seeds(rows, results, "its own metadata do")
        cells = {(row["experiment"], row["pair"], row["key"]) for row in rows}
        if len(cells) < len(rows):
            raise ValueError("it holds a cell twice")
    except ValueError as error:
        raise ValueError(f"{path} is neither the folder of a run nor its table: {error}.") from None
    commits = [results["commit"]] if results["commit"] else []
    return [row | {"seconds": None} for row in rows], {
        "results": results, "run": account({row["key"]: row for row in rows}.values()) | {"commits": commits},
    }  # fmt: skip


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OSError(f"{path} cannot be read: {error.strerror or error}.") from error


def _provenance(content: bytes) -> dict[str, Any]:
    provenance: dict[str, Any] = read_json(content)
    shaped(Provenance, provenance)
    return provenance


def _signed(content: bytes, provenance: Mapping[str, Any], name: str) -> bytes:
    """The content, if it is that of which the provenance tells."""
    if provenance.get("sha256") and provenance["sha256"].get(name) != sha256(content).hexdigest():
        raise ValueError(
            f"it was changed, or is of another run than {PROVENANCE} beside it; the same `patom run` writes both anew"
        )
    return content


def _rows(content: bytes, results: Mapping[str, Any]) -> list[dict[str, Any]]:
    early = results["versions"]["patom"].startswith("0.1.")
    found = read_table(content, optional=_LATER if early else ())
    if _results(found) != results:
        raise ValueError(f"it is of another run than {PROVENANCE} beside it")
    rows = [dict.fromkeys(SCHEMA.names) | one for one in found.to_pylist()]
    for number, one in enumerate(rows, start=1):
        shaped(StoredRow, one, where=f"row {number}", between=", column ")
    return rows


def _results(table: pa.Table) -> dict[str, Any]:
    """What the results depend on, from the table's metadata."""
    said = (table.schema.metadata or {}).get(b"patom")
    if said is None:
        raise ValueError("it does not say of which run it is")
    found: dict[str, Any] = read_json(said)
    return found


def _require_account(rows: Sequence[Mapping[str, Any]], provenance: Mapping[str, Any]) -> None:
    """What the provenance says of the run is what the table says, cell by cell."""
    cells = {found["key"]: found for found in rows}
    for name, value in account(cells.values()).items():
        if provenance["run"][name] != value:
            raise ValueError(
                f"its rows come to {name} of {value}, and {PROVENANCE} beside it says {provenance['run'][name]}"
            )
    _require_seeds(rows, provenance["results"], f"{PROVENANCE} beside it does")


def _require_seeds(rows: Sequence[Mapping[str, Any]], results: Mapping[str, Any], who: str) -> None:
    strangers = {row["seed"] for row in rows} - set(results["seeds"])
    if strangers:
        raise ValueError(f"it holds the seed {min(strangers)}, which {who} not")


def _seconds(content: bytes, rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Wall time of each cell's computing by key."""
    timings = read_table(content, _TIMINGS)
    keys, seconds = (timings[name].to_pylist() for name in _TIMINGS.names)
    if len(set(keys)) < len(keys) or set(keys) != {row["key"] for row in rows}:
        raise ValueError(f"its keys are not those of {TABLE} beside it, each once")
    if not all(value is not None and 0.0 <= value < float("inf") for value in seconds):
        raise ValueError("its seconds must be numbers, at least 0")
    return dict(zip(keys, seconds, strict=True))
