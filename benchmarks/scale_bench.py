"""Time and memory of ``fit`` as tasks and rows grow, each size in a fresh process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.extent import Extent
from benchmarks.interleaved import Spread, spread
from benchmarks.problems import SQUARED_ERROR, SQUARED_HINGE

SLOPE_GOAL, ARRAYS_GOAL = 1.05, 8.0
TASKS, ROWS = (1_000, 10_000, 100_000, 1_000_000), (20, 200, 2_000)
_FEATURES, _FEW_ROWS, _FEW_TASKS = 50, 20, 1_000
_ALLOWANCE, _ALLOWANCE_SLOW = 20.0, 600.0
"""Seconds of fits for one size; at least one round is measured."""
_PATIENCE, _PATIENCE_SLOW = 120.0, 7_200.0
"""Seconds after which a size has failed."""
_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Size:
    """``rows`` of each task."""

    tasks: int
    rows: int
    features: int
    loss: str


@dataclass(frozen=True)
class Reading:
    """One size: ``iterations`` is ten steps without the end, ``fit`` the whole to a gap of 1e-8.

    ``arrays``: peak of resident memory beyond the data, in arrays of (m x d) numbers.
    """

    size: Size
    data_bytes: int
    peak_bytes: int
    arrays: float
    iterations: Spread
    fit: Spread
    steps: int
    gap: float
    rank: int
    status: str


@dataclass(frozen=True)
class ScaleCase:
    """One axis and loss. ``slopes`` of log time over log size, of ten iterations and of whole fits."""

    axis: str
    loss: str
    readings: list[Reading]
    slopes: dict[str, Spread]
    failed: list[str]


def cases(extent: Extent) -> Iterator[ScaleCase]:
    """A million tasks wait for ``--slow`` and for the memory that they take."""
    tasks = TASKS[: 2 if extent.quick else 4 if extent.slow else 3]
    rows = ROWS[: 2 if extent.quick else 3]
    for loss in (SQUARED_ERROR, SQUARED_HINGE):
        with suppress(RuntimeError):  # compiled code goes to disk: compiling takes memory that is no fit's
            _measured(Size(tasks[0], _FEW_ROWS, _FEATURES, loss), replace(extent, rounds=1))
        yield _case("tasks", loss, [Size(m, _FEW_ROWS, _FEATURES, loss) for m in tasks], extent)
        yield _case("rows of a task", loss, [Size(_FEW_TASKS, n, _FEATURES, loss) for n in rows], extent)


def _case(axis: str, loss: str, sizes: Sequence[Size], extent: Extent) -> ScaleCase:
    readings, failed, laps = [], [], []
    for size in sizes:
        try:
            found = _measured(size, extent)
        except RuntimeError as error:
            failed.append(str(error))
            continue
        laps.append(found)
        readings.append(_reading(size, found))
    lengths = [reading.size.tasks * reading.size.rows for reading in readings]
    slopes = {
        name: _slope(lengths, [lap[key] for lap in laps]) for name, key in (("iterations", "fixed"), ("fit", "total"))
    }
    return ScaleCase(axis, loss, readings, {name: each for name, each in slopes.items() if each}, failed)


def _reading(size: Size, found: dict[str, Any]) -> Reading:
    arrays = (found["peak_bytes"] - found["data_bytes"]) / (8.0 * size.tasks * size.features)
    return Reading(
        size, found["data_bytes"], found["peak_bytes"], arrays, spread(found["fixed"]), spread(found["total"]),
        found["steps"], found["gap"], found["rank"], found["status"],
    )  # fmt: skip


def _measured(size: Size, extent: Extent) -> dict[str, Any]:
    needed = 8 * size.tasks * size.rows * size.features
    if needed > 0.6 * _available():
        raise RuntimeError(
            f"{size.tasks} tasks of {size.rows} rows are {needed / 1e9:.1f} GB: too little memory is free."
        )
    settings = asdict(size) | {"rounds": extent.rounds, "allowance": _ALLOWANCE_SLOW if extent.slow else _ALLOWANCE}
    patience = _PATIENCE_SLOW if extent.slow else _PATIENCE
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.scale_child", json.dumps(settings)],
            cwd=_ROOT, capture_output=True, text=True, check=False, env=_environment(), timeout=patience,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{size.tasks} tasks of {size.rows} rows took more than {patience:g} s.") from None
    if done.returncode != 0:
        raise RuntimeError(f"{size.tasks} tasks of {size.rows} rows ended with {done.returncode}: {done.stderr[-500:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _slope(lengths: Sequence[int], laps: Sequence[Sequence[float]]) -> Spread | None:
    """Of each round that all sizes have."""
    if len(lengths) < 2:
        return None
    rounds = zip(*laps, strict=False)
    return spread([float(np.polyfit(np.log(lengths), np.log(seconds), 1)[0]) for seconds in rounds])


def _available() -> float:
    """Bytes of memory that are free, as far as the system tells."""
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        return np.inf
    line = next(line for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable"))
    return float(line.split()[1]) * 1024.0


def _environment() -> dict[str, str]:
    """The child's BLAS has one thread, as ours has."""
    return os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
