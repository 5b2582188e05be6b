"""The tidy table of a run: a row a cell, in the grid's order, the same bytes whichever worker computed them."""

import json
import math
from collections.abc import Collection, Iterable, Mapping
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from patom.defenses.screening import SCORES
from patom.paper.cell import Cell, canonical

_TEXTS, _NUMBERS = pa.list_(pa.string()), pa.list_(pa.float64())
RANKINGS = (*(f"score_{name}" for name in SCORES.names or ()), "suspicion", "suspicion_trusted")
SCHEMA = pa.schema(
    [
        # what was asked for
        *[(name, pa.string()) for name in ("experiment", "figure", "data", "data_options")],
        ("seed", pa.int64()),
        ("pair", pa.string()),
        *[("targets", _TEXTS), ("attackers", _TEXTS)],
        *[(name, pa.string()) for name in ("method", "attack", "kind")],
        *[("budget", pa.float64()), ("radius", pa.float64()), ("start", pa.int64())],
        *[("loss", pa.string()), ("lambda_1", pa.float64()), ("lambda_2", pa.float64()), ("constant", pa.string())],
        *[("adversary", pa.string()), ("defense", pa.string())],
        *[("features", pa.string()), ("labels", pa.string())],
        *[("step_size", pa.float64()), ("max_iter", pa.int64()), ("batch_ratio", pa.float64())],
        *[("gradient", pa.string()), ("optimise_labels", pa.bool_()), ("n_starts", pa.int64())],
        # what came out
        *[("rows_injected", pa.int64()), ("caught", pa.float64()), ("dropped", pa.float64())],
        ("metric", pa.string()),
        *[(name, pa.float64()) for name in ("metric_clean", "metric_attacked", "damage", "others_clean")],
        ("others_attacked", pa.float64()),
        *[("task_metric_clean", _NUMBERS), ("task_metric_attacked", _NUMBERS)],
        *[("target_loss_clean", pa.float64()), ("target_loss", pa.float64())],
        *[("utility_clean", pa.float64()), ("utility", _NUMBERS), ("collateral", pa.float64())],
        *[(name, pa.int64()) for name in ("solves", "solver_steps", "adjoint_solves", "products")],
        *[("gap", pa.float64()), ("certified", pa.bool_()), ("status", pa.string())],
        *[("tasks", _TEXTS), ("spectrum_clean", _NUMBERS), ("spectrum", _NUMBERS)],
        *[("correlation_clean", _NUMBERS), ("correlation", _NUMBERS)],
        *[(f"{name}{when}", _NUMBERS) for when in ("", "_clean") for name in RANKINGS],
        *[(name, _TEXTS) for name in ("next_to", "next_to_clean")],
        ("error", pa.string()),
        ("key", pa.string()),
    ]
)


def row(cell: Cell, record: Mapping[str, Any]) -> dict[str, Any]:
    """A cell and its record as one row."""
    options = {name: value for name, value in cell.data.items() if name != "name"}
    attack = {name: value for name, value in cell.attack.items() if name != "name"}
    asked = {
        "experiment": cell.experiment, "figure": cell.figure, "data": cell.data["name"],
        "data_options": canonical(options), "seed": cell.seed, "pair": cell.pair,
        "targets": [str(task) for task in cell.targets], "attackers": [str(task) for task in cell.attackers],
        "method": cell.method, "attack": cell.attack["name"], "kind": cell.kind, "budget": cell.budget,
        "radius": cell.radius, "start": cell.start, "key": cell.key, "adversary": canonical(cell.adversary),
        "defense": canonical(cell.defense),
    }  # fmt: skip
    return asked | cell.model | attack | dict(record)


def write_table(rows: Iterable[Mapping[str, Any]], provenance: Mapping[str, Any], file: IO[bytes]) -> None:
    """Write rows as Parquet, the provenance as its metadata."""
    schema = SCHEMA.with_metadata({"patom": json.dumps(provenance, sort_keys=True)})
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=schema), file)


def read_table(content: bytes, schema: pa.Schema = SCHEMA, optional: Collection[str] = ()) -> pa.Table:
    """The columns of a schema, of its types, from the bytes of a Parquet file; others are left out.

    Raises
    ------
    ValueError
        For what is no whole Parquet file, or lacks a column that is not ``optional``; a clause that says what.
    """
    try:
        table = pq.ParquetFile(pa.BufferReader(content)).read()
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


def plain(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as JSON holds it: numbers that are not finite become None."""
    return {name: _plain(value) for name, value in record.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
