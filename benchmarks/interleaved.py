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
    rounds: int


def timed(call: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> Run:
    """Call and clock; the garbage collector waits, as in ``timeit``."""
    gc.disable()
    try:
        begin = clock()
        outcome = call()
        return Run(clock() - begin, outcome)
    finally:
        gc.enable()


def interleave(contestants: Mapping[str, Callable[[], Run]], rounds: int | Mapping[str, int]) -> dict[str, list[Run]]:
    """``rounds`` times each contestant once, in turn; given by name, who has had its rounds sits out."""
    turns = dict.fromkeys(contestants, rounds) if isinstance(rounds, int) else rounds
    runs: dict[str, list[Run]] = {name: [] for name in contestants}
    for turn in range(max(turns.values(), default=0)):
        for name, run in contestants.items():
            if turn < turns[name]:
                runs[name].append(run())
    return runs


def steady(run: Callable[[], Run], expected: float, at_least: float = 0.03) -> Callable[[], Run]:
    """A run that repeats one that is ``expected`` to be short until ``at_least`` so many seconds are clocked.

    Its seconds are their mean: the first run after somebody else's finds the caches cold, which counts for more the
    shorter it is.
    """
    repeats = max(1, min(100, round(at_least / max(expected, 1e-9))))

    def repeated() -> Run:
        runs = [run() for _ in range(repeats)]
        return Run(sum(each.seconds for each in runs) / repeats, runs[-1].outcome)

    return repeated


def seconds(runs: Sequence[Run]) -> Spread:
    """Median and range of the seconds."""
    return spread([run.seconds for run in runs])


def ratio(runs: Sequence[Run], baseline: Sequence[Run]) -> Spread:
    """Median and range over the rounds that both ran of seconds over the baseline's seconds of the same round."""
    return spread([run.seconds / base.seconds for run, base in zip(runs, baseline, strict=False)])


def spread(values: Sequence[float]) -> Spread:
    """Median and range of the values."""
    return Spread(median(values), min(values), max(values), len(values))
