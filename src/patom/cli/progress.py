"""Progress of long work: a bar on a terminal, elsewhere a line every ten seconds, and the plan before it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

from patom.cli.streams import printable, tell

EVERY_SECONDS = 10.0
"""Between two lines where there is no terminal."""


@dataclass(frozen=True)
class Show:
    """What long work calls to show its progress: ``came`` or itself after each step, ``plan`` before the first."""

    came: Callable[[int, int], None]
    plan: Callable[[str], None]

    def __call__(self, done: int, total: int) -> None:  # noqa: D102
        self.came(done, total)


@contextmanager
def progress(what: str, *, size: bool = False) -> Iterator[Show]:
    """Show the progress of the block, in steps, or in bytes if ``size``."""
    from rich import progress as parts
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        with _lines(what, _megabytes if size else str) as show:
            yield show
        return
    counts = (
        (parts.DownloadColumn(), parts.TransferSpeedColumn())
        if size
        else (parts.MofNCompleteColumn(), parts.TimeElapsedColumn())
    )
    left = parts.TextColumn("left"), parts.TimeRemainingColumn()
    columns = (parts.TextColumn(what), parts.BarColumn(), *counts, *left)
    with parts.Progress(*columns, console=console, transient=True) as bar:
        job = bar.add_task(what, total=None)
        yield Show(
            lambda done, total: bar.update(job, completed=done, total=total),
            lambda sentence: console.print(f"patom: {what}: {printable(sentence)}", markup=False, highlight=False),
        )


@contextmanager
def _lines(what: str, printed: Callable[[int], str]) -> Iterator[Show]:
    """Lines in a log: the plan or the number of steps, then the progress, also during a long step."""
    came, planned = Came(monotonic()), False
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(EVERY_SECONDS):
            tell(f"{what}: {how_far(came, monotonic(), printed)}")

    def show(done: int, total: int) -> None:
        nonlocal came
        begins = came.total == 0
        came = Came(came.began, done, total, done if begins else came.first)
        if begins and not planned:
            tell(f"{what}: {how_far(came, monotonic(), printed)}")

    def plan(sentence: str) -> None:
        nonlocal planned
        planned = True
        tell(f"{what}: {sentence}")

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield Show(show, plan)
    finally:
        ended.set()
        watching.join()


@dataclass(frozen=True)
class Came:
    """Progress of work: when it began, steps done, all steps, and steps that were done when it began."""

    began: float
    done: int = 0
    total: int = 0
    first: int = 0


def how_far(came: Came, now: float, printed: Callable[[int], str] = str) -> str:
    """Steps done, their time, and an estimate of the time for the others.

    >>> how_far(Came(0.0), 12.0), how_far(Came(0.0, 30, 120), 61.0), how_far(Came(0.0, 30, 120, 20), 61.0)
    ('12 s so far', '30 of 120, 1 min 1 s so far, about 3 min left', '30 of 120, 1 min 1 s so far, about 9 min left')
    """
    seconds, done, total = now - came.began, came.done, came.total
    so_far = f"{_minutes(seconds)} so far"
    if total == 0:
        return so_far
    new = done - came.first
    left = f", about {roughly(seconds * (total - done) / new)} left" if new > 0 else ""
    return f"{printed(done)} of {printed(total)}, {so_far}{left}"


def roughly(seconds: float) -> str:
    """Ten-second steps below two minutes, minutes below two hours, then hours.

    >>> roughly(3.0), roughly(70.0), roughly(1000.0), roughly(30_000.0)
    ('10 s', '70 s', '17 min', '8 h')
    """
    if seconds < 115.0:
        return f"{max(10, 10 * round(seconds / 10.0))} s"
    return f"{round(seconds / 60.0)} min" if seconds < 7200.0 else f"{round(seconds / 3600.0)} h"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
