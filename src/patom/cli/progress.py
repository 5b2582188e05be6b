"""How far long work has come: a bar on a terminal, and elsewhere a line every ten seconds."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from patom.cli.streams import tell

EVERY_SECONDS = 10.0
"""Between two lines where there is no terminal."""

Show = Callable[[int, int], None]


@contextmanager
def progress(what: str, *, size: bool = False) -> Iterator[Show]:
    """Yield a function of the steps done and the steps in all, or of bytes where ``size`` says so."""
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
        yield lambda done, total: bar.update(job, completed=done, total=total)


@contextmanager
def _lines(what: str, printed: Callable[[int], str]) -> Iterator[Show]:
    """Lines in a log: they go on while a step takes long, and what is killed leaves how far it came."""
    began, came = monotonic(), (0, 0)
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(EVERY_SECONDS):
            done, total = came
            tell(f"{what}: {how_far(done, total, monotonic() - began, printed)}")

    def show(done: int, total: int) -> None:
        nonlocal came
        came = done, total

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield show
    finally:
        ended.set()
        watching.join()


def how_far(done: int, total: int, seconds: float, printed: Callable[[int], str] = str) -> str:
    """Steps done, the time that they took, and the time that the others will take if they are like these.

    >>> how_far(0, 0, 12.0), how_far(30, 120, 61.0)
    ('12 s so far', '30 of 120, 1 min 1 s so far, about 3 min left')
    """
    so_far = f"{_minutes(seconds)} so far"
    if total == 0:
        return so_far
    left = f", about {_roughly(seconds * (total - done) / done)} left" if done else ""
    return f"{printed(done)} of {printed(total)}, {so_far}{left}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _roughly(seconds: float) -> str:
    """Ten-second steps below two minutes, minutes below two hours, then hours."""
    if seconds < 120.0:
        return f"{max(10, 10 * round(seconds / 10.0))} s"
    return f"{round(seconds / 60.0)} min" if seconds < 7200.0 else f"{round(seconds / 3600.0)} h"
