"""The tables of finished runs, as ``docs/results`` keeps them."""

from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from patom.paper import presets, read_grid, read_run

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "docs" / "results"
Row = dict[str, Any]
Run = tuple[list[Row], dict[str, Any]]
"""Rows and provenance."""


def keep(folder: Path, into: Path = KEPT) -> Path:
    """Keep the table of a finished run of a preset under the preset's name, which its folder must have.

    A ValueError for a part of the preset, or fewer seeds than it has.
    """
    name = folder.resolve().name
    rows, told = read_run(folder)
    if name not in presets():
        raise ValueError(f"{folder} must have the name of a preset: {', '.join(presets())}.")
    grid = read_grid(name)
    missing = {experiment.name for experiment in grid.experiments} - {row["experiment"] for row in rows}
    if missing or len(told["results"]["seeds"]) < grid.seeds or told["run"]["failed"]:
        raise ValueError(f"{folder} is not all of {name}: run it with all experiments and {grid.seeds} seeds.")
    kept = into / f"{name}.parquet"
    table = pq.read_table(folder / "results.parquet")
    pq.write_table(table, kept, compression="zstd", compression_level=19, write_page_checksum=True)
    return kept


@cache
def kept(name: str) -> Run:
    """Read a kept table."""
    return read_run(KEPT / f"{name}.parquet")
