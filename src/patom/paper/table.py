"""The table of a run: a row a cell, in the grid's order, with the same bytes whichever worker computed them.

``StoredRow`` is what a row must be so that a page can be made of it; ``SCHEMA`` follows from it. ``read_run`` reads the
folder of a finished run back.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from types import NoneType, UnionType
from typing import IO, Annotated, Any, Literal, Union, get_args, get_origin

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model, model_validator

from patom.attacks.draws import Features, Labels
from patom.attacks.gradients import Gradient
from patom.defenses.screening import SCORES
from patom.paper.cells import Cell, canonical
from patom.paper.description import Attack, Figure, Loss
from patom.plain_json import read_json
from patom.results.methods import AttackName, Method, Reach
from patom.results.parts import Count, NotNegative, Number, Positive
from patom.shapes import shaped

CELLS, TABLE, TIMINGS, PROVENANCE = "cells", "results.parquet", "timings.parquet", "provenance.json"
RANKINGS = (*(f"score_{name}" for name in SCORES.names or ()), "suspicion", "suspicion_trusted")
"""What screening ranks tasks by: columns of a value a task, as are those with ``_clean``, before the attack."""
FOLLOW_UP = "next_to"
"""The column of the tasks to look at next, in their order."""
LISTS = (*(f"{name}{when}" for when in ("", "_clean") for name in RANKINGS), FOLLOW_UP, f"{FOLLOW_UP}_clean")
"""Columns that screening fills, a value a task."""


def _is_json(text: str) -> str:
    if not isinstance(read_json(text), dict):
        raise ValueError("it must be a JSON object")
    return text


def _different(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("it names a task twice")
    return names


_NEEDED = {Method.PATOM: ("step_size", "max_iter"), Method.ASCENT: ("gradient", "optimise_labels")}
Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]
Options = Annotated[str, AfterValidator(_is_json)]
Tasks = Annotated[list[str], Field(min_length=1), AfterValidator(_different)]
Numbers = list[Number | None]
Positives = Annotated[int, Field(ge=1)]


class Asked(BaseModel):
    """The cell."""

    model_config = ConfigDict(strict=True, extra="forbid")

    experiment: Text
    figure: Figure
    data: Text
    data_options: Options
    seed: Count
    pair: Text
    targets: Tasks
    attackers: Tasks
    method: Attack
    attack: Text
    kind: Text
    budget: Positive
    radius: Positive
    start: Count
    loss: Loss | None
    lambda_1: NotNegative
    lambda_2: NotNegative
    constant: Literal["after", "before"]
    adversary: Options | None = None  # not in tables of versions before 0.2
    defense: Options | None = None
    features: Features | None
    labels: Labels | None
    step_size: Positive | None
    max_iter: Positives | None
    batch_ratio: Positive | None
    gradient: Gradient | None
    optimise_labels: bool | None
    n_starts: Positives | None
    key: Annotated[str, Field(pattern=r"\A[0-9a-f]{32}\z")]

    @model_validator(mode="after")
    def _one_attack(self) -> "Asked":
        name, reach = AttackName.parse(self.method), Reach.between(self.targets, self.attackers)
        if (name.method, name.reach) != (self.attack, reach) or self.kind != reach:
            raise ValueError(f"method and kind must be of {self.attack} and {reach}, as its tasks are")
        needed = [*_NEEDED.get(name.method, ()), *(["defense"] if self.figure == "defenses" else [])]
        lacking = [name for name in needed if getattr(self, name) is None]
        if lacking:
            raise ValueError(f"{self.method} needs {lacking[0]}")
        return self


class Came(Asked):
    """The cell and its record: all that its figure needs, or an error alone."""

    rows_injected: Count | None
    caught: Share | None = None
    dropped: Share | None = None
    metric: Literal["NMSE", "AUC"] | None
    metric_clean: Number | None
    metric_attacked: Number | None
    damage: Number | None
    others_clean: Number | None
    others_attacked: Number | None
    task_metric_clean: Numbers | None
    task_metric_attacked: Numbers | None
    target_loss_clean: Number | None = None
    target_loss: Number | None = None
    utility_clean: Number | None
    utility: Annotated[Numbers, Field(min_length=1)] | None
    metric_by_iteration: Annotated[Numbers, Field(min_length=1)] | None = None
    collateral: Number | None = None
    solves: Count | None = None
    solver_steps: Count | None = None
    adjoint_solves: Count | None = None
    products: Count | None = None
    gap: Number | None
    certified: bool | None
    status: Text | None
    tasks: Tasks | None
    spectrum_clean: list[Number] | None
    spectrum: list[Number] | None
    correlation_clean: Numbers | None
    correlation: Numbers | None
    error: Text | None

    @model_validator(mode="after")
    def _whole(self) -> "Came":
        came = Came.model_fields.keys() - Asked.model_fields.keys() - {"error"}
        if self.error is not None:
            held = [name for name in sorted(came) if getattr(self, name) is not None]
            if held:
                raise ValueError(f"a cell that failed has no {held[0]}")
            return self
        lacking = [name for name in _ALWAYS if getattr(self, name) is None]
        if lacking:
            raise ValueError(f"{lacking[0]} is missing, and there is no error")
        for name in ("task_metric_clean", "task_metric_attacked"):
            self._require_length(name, len(self.targets))
        if self.figure == "correlations":
            self._require_relationships()
        if self.figure == "screening":
            self._require_rankings()
        return self

    def _require_relationships(self) -> None:
        m = self._require_tasks()
        for name in ("correlation", "correlation_clean"):
            self._require_length(name, m * m)
        for name in ("spectrum", "spectrum_clean"):
            found = getattr(self, name)
            if found is None or len(found) > m:
                raise ValueError(f"{name} must hold at most {m} numbers, one a task")

    def _require_rankings(self) -> None:
        m = self._require_tasks()
        for name in LISTS:
            if not name.startswith(FOLLOW_UP):
                self._require_length(name, m)
            elif getattr(self, name) is None or not set(getattr(self, name)) <= set(self.tasks or ()):
                raise ValueError(f"{name} must name tasks")

    def _require_tasks(self) -> int:
        if self.tasks is None or not {*self.targets, *self.attackers} <= set(self.tasks):
            raise ValueError("tasks must hold the targets and the attackers")
        return len(self.tasks)

    def _require_length(self, name: str, n: int) -> None:
        found = getattr(self, name)
        if found is None or len(found) != n:
            raise ValueError(f"{name} must hold {n} numbers; it holds {0 if found is None else len(found)}")


_ALWAYS = ("rows_injected", "metric", "utility", "certified", "status")
_SCREENED: dict[str, Any] = {
    name: (Tasks | None if name.startswith(FOLLOW_UP) else Numbers | None, None) for name in LISTS
}
StoredRow = create_model("StoredRow", __base__=Came, __doc__="A row of the table.", **_SCREENED)


def _column(kind: Any) -> pa.DataType:
    """The Parquet type of a field's annotation; every column may hold null."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is list:
        return pa.list_(_column(parts[0]))
    if origin is Annotated:
        return _column(parts[0])
    if origin in (Union, UnionType):
        return _column(next(part for part in parts if part is not NoneType))
    return _COLUMNS[str if origin is Literal else kind]


_COLUMNS = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
_LAST = ("error", "key")
_NAMES = (*(name for name in StoredRow.model_fields if name not in _LAST), *_LAST)
SCHEMA = pa.schema([(name, _column(StoredRow.model_fields[name].annotation)) for name in _NAMES])
"""The columns of the table, in their order."""


def row(cell: Cell, record: Mapping[str, Any]) -> dict[str, Any]:
    """A cell and its record as one row."""
    options = {name: value for name, value in cell.data.items() if name != "name"}
    attack = {name: value for name, value in cell.attack.items() if name != "name"}
    asked = {
        "experiment": cell.experiment, "figure": cell.figure, "data": cell.data["name"],
        "data_options": canonical(options), "seed": cell.seed, "pair": cell.pair,
        "targets": [str(task) for task in cell.targets], "attackers": [str(task) for task in cell.attackers],
        "method": str(cell.method), "attack": cell.attack["name"], "kind": cell.method.reach.value,
        "budget": cell.budget, "radius": cell.radius, "start": cell.start, "key": cell.key,
        "adversary": canonical(cell.adversary), "defense": canonical(cell.defense),
    }  # fmt: skip
    return asked | cell.model | attack | dict(record)


def write_table(rows: Iterable[Mapping[str, Any]], provenance: Mapping[str, Any], file: IO[bytes]) -> None:
    """Write rows as Parquet, the provenance as its metadata."""
    schema = SCHEMA.with_metadata({"patom": json.dumps(provenance, sort_keys=True)})
    table = pa.Table.from_pylist([dict(row) for row in rows], schema=schema)
    pq.write_table(table, file, write_page_checksum=True)


def read_table(content: bytes, schema: pa.Schema = SCHEMA, optional: Collection[str] = ()) -> pa.Table:
    """The columns of a schema, of its types, from the bytes of a Parquet file; others are left out.

    A ValueError says in a clause why bytes are no whole Parquet file, or which column they lack that is not
    ``optional``.
    """
    try:
        table = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True).read()
        table.validate(full=True)  # text that is no UTF-8 is found here
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError):
        raise ValueError("it is no Parquet file, or a damaged one") from None
    for field in schema:
        found = table.schema.get_all_field_indices(field.name)
        if len(found) > 1 or not (found or field.name in optional):
            raise ValueError(f"it has {'two columns' if found else 'no column'} {field.name}")
        if found and table.schema.field(found[0]).type != field.type:
            raise ValueError(f"its column {field.name} must be {field.type}; it is {table.schema.field(found[0]).type}")
    return table.select([name for name in schema.names if name in table.column_names])


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
