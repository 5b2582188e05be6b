"""Paths of what is no plain file: a pipe is read once, to its end; folders, devices and sockets are refused."""

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
    """A path of something that cannot be read to its end; the caller adds what was expected to the message."""


def pipe_content(path: Path) -> bytes | None:
    """All bytes of a pipe, such as `/dev/stdin` or a shell's `<(...)`; None for a plain file and where there is none.

    A pipe can be read only once, so its bytes are kept in memory. Waits until the writer closes it.
    NotAFileError: a folder, a device, a terminal, a socket; a pipe that nobody has opened for writing within two
    seconds.

    >>> pipe_content(Path(os.devnull))
    Traceback (most recent call last):
        ...
    patom.pipes.NotAFileError: '/dev/null' is a device
    """
    try:
        mode = path.stat().st_mode
    except OSError:  # reported where the file is read
        return None
    if stat.S_ISFIFO(mode):
        return _read(path)
    kind = _KINDS.get(stat.S_IFMT(mode))
    if kind is not None:
        raise NotAFileError(f"'{path}' is {'a terminal' if _is_terminal(path, mode) else kind}")
    return None


def name_of(path: Path) -> str:
    """The name of a file in messages; of a pipe the whole path, as ``/dev/fd/63`` says more than 63."""
    return str(path) if path.is_fifo() else path.name


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # opening would else wait for a writer without end
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
