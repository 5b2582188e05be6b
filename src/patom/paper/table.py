"""The table of a run: a row a cell, in the grid's order, with the same bytes whichever worker computed them.

``StoredRow`` is what a row must be so that a page can be made of it; ``SCHEMA`` follows from it. ``reading`` reads the
folder of a finished run back.
"""

import json
from collections.abc import Collection, Iterable, Mapping
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


def account(records: Collection[Mapping[str, Any]]) -> dict[str, Any]:
    """How many cells there are, failed and have a fit above its tolerance; and the worst gap."""
    gaps = [record["gap"] for record in records if record.get("gap") is not None]
    return {
        "cells": len(records), "failed": sum(bool(record.get("error")) for record in records),
        "uncertified": sum(record.get("certified") is False for record in records),
        "worst_gap": max(gaps, default=None),
    }  # fmt: skip
