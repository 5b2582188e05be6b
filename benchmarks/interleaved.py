"""Time contestants by turns (A B A B ...), so that whatever else the machine does meets all of them alike."""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Run:
    """One timed run: seconds, and whatever it returned."""

    seconds: float
    outcome: Any


@dataclass(frozen=True)
class Spread:
    """Median and range of the rounds."""

    median: float
    low: float
    high: float


def timed(call: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> Run:
    """Call and clock; the garbage collector waits, as in ``timeit``."""
    gc.disable()
    try:
        begin = clock()
        outcome = call()
        return Run(clock() - begin, outcome)
    finally:
        gc.enable()


def interleave(contestants: Mapping[str, Callable[[], Run]], rounds: int) -> dict[str, list[Run]]:
    """``rounds`` times each contestant once, in turn."""
    runs: dict[str, list[Run]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            runs[name].append(run())
    return runs


def seconds(runs: Sequence[Run]) -> Spread:
    """Median and range of the seconds."""
    return spread([run.seconds for run in runs])


def ratio(runs: Sequence[Run], baseline: Sequence[Run]) -> Spread:
    """Median and range over the rounds of seconds over the baseline's seconds of the same round."""
    return spread([run.seconds / base.seconds for run, base in zip(runs, baseline, strict=True)])


def spread(values: Sequence[float]) -> Spread:
    """Median and range of the values."""
    return Spread(median(values), min(values), max(values))
