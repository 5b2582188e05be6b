"""The tables of finished runs, as ``docs/results`` keeps them."""

from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from patom.paper import read_run

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "docs" / "results"
Row = dict[str, Any]
Run = tuple[list[Row], dict[str, Any]]
"""Rows and provenance."""


def keep(folder: Path, into: Path = KEPT) -> Path:
    """Keep the table of a finished run under the folder's name, after it was read as a whole."""
    read_run(folder)
    kept = into / f"{folder.resolve().name}.parquet"
    table = pq.read_table(folder / "results.parquet")
    pq.write_table(table, kept, compression="zstd", compression_level=19)
    return kept


@cache
def kept(name: str) -> Run:
    """Read a kept table."""
    return read_run(KEPT / f"{name}.parquet")
