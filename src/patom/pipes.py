"""Paths that lead to no plain file: a pipe is read once and whole, what has no end is refused by its kind."""

import os
import stat
import time
from pathlib import Path

from patom.atomic import PATIENCE

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


class NotAFileError(ValueError):
    """A path that leads to nothing that can be read to its end; the message lacks its last words."""


def pipe_content(path: Path) -> bytes | None:
    """All bytes of a pipe, named or not, as `/dev/stdin` and a shell's `<(...)` are; None for what is no pipe.

    None is given for a plain file and where there is nothing: both can be opened as often as it takes. A pipe's bytes
    come once, and stand in memory. Waits as long as somebody writes.

    Parameters
    ----------
    path : Path

    Raises
    ------
    NotAFileError
        A folder, a device, a terminal, a socket; a pipe that nobody has opened for writing within two seconds.

    Examples
    --------
    >>> pipe_content(Path(os.devnull))
    Traceback (most recent call last):
        ...
    patom.pipes.NotAFileError: '/dev/null' is a device
    """
    try:
        mode = path.stat().st_mode
    except OSError:  # said where the file is read
        return None
    if stat.S_ISFIFO(mode):
        return _read(path)
    kind = _KINDS.get(stat.S_IFMT(mode))
    if kind is not None:
        raise NotAFileError(f"'{path}' is {'a terminal' if _is_terminal(path, mode) else kind}")
    return None


def name_of(path: Path) -> str:
    """What a file is called in sentences; a pipe by its whole path, as ``/dev/fd/63`` says more than 63."""
    return str(path) if path.is_fifo() else path.name


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # or it would wait for a writer for ever
    with open(descriptor, "rb", buffering=0) as pipe:
        until = time.monotonic() + PATIENCE
        while (first := pipe.read(1 << 16)) == b"" and time.monotonic() < until:
            time.sleep(0.02)
        if first == b"":
            raise NotAFileError(f"'{path}' is an empty pipe that nobody writes to")
        os.set_blocking(descriptor, True)
        return (first or b"") + pipe.read()  # None: a writer is there, and has written nothing so far


def _is_terminal(path: Path, mode: int) -> bool:
    if not stat.S_ISCHR(mode):
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.isatty(descriptor)
    finally:
        os.close(descriptor)
