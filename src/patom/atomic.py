"""Files are written completely or not at all."""

import io
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import EISDIR, ELOOP, ENAMETOOLONG, ENXIO
from pathlib import Path
from typing import IO

Content = bytes | Callable[[IO[bytes]], object]
"""Of a file: its bytes, or a function that writes them."""
PATIENCE = 2.0
"""Seconds within which the other end of a pipe must be opened."""
_LONGEST = 230  # bytes of a name to which the parts of a hidden name can be added
_HIDDEN = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.partial")


def write_atomically(path: Path, content: Content) -> None:
    """Write a hidden file beside ``path``, then rename it to ``path``.

    After a crash, a full disk or Ctrl-C an earlier file at ``path`` is unchanged.
    """
    write_together({path: content})


def write_together(contents: Mapping[Path, Content]) -> None:
    """Write a hidden file beside every path, then rename them all.

    No file is replaced before all are complete: after a failure the earlier files are still there. Hidden files have
    names ``.NAME.*.partial``; only a killed process leaves any. A symbolic link stays: its target is replaced. A pipe
    or a terminal gets the whole content at the end, since it cannot be replaced.

    An OSError is the system's about a folder or disk, with the path as it was given, or is about a path of a folder, a
    disk or a socket, links that lead only to each other, or a pipe that nobody opens for reading within two seconds.
    """
    streams = {path for path in contents if _is_stream(path)}
    targets = {path: Path(os.path.realpath(path)) for path in contents if path not in streams}
    hidden = {path: hidden_name(target) for path, target in targets.items()}
    try:
        for path in targets:
            with _named(path), open(hidden[path], "xb") as file:
                _fill(file, contents[path])
                file.flush()
                os.fsync(file.fileno())
        held = {path: _whole(contents[path]) for path in streams}
        for path, target in targets.items():
            with _named(path):
                os.replace(hidden[path], target)
    finally:
        for name in hidden.values():
            with suppress(FileNotFoundError, NotADirectoryError):
                os.unlink(name)
    for path, content in held.items():
        with _named(path):
            _send(path, content)


def require_place(path: Path) -> None:
    """Refuse a path that ``write_atomically`` cannot write to, with the same errors, before the work begins."""
    if not _is_stream(path):
        probe = hidden_name(Path(os.path.realpath(path)))
        with _named(path):
            probe.touch(exist_ok=False)
            probe.unlink()


def hidden_name(path: Path) -> Path:
    """The hidden file that is filled and then renamed to ``path``."""
    name = os.fsdecode(os.fsencode(path.name)[:_LONGEST])
    return path.with_name(f".{name}.{secrets.token_hex(4)}.partial")


def left_behind(folder: Path, names: Iterable[str] | None = None) -> Iterator[Path]:
    """Hidden files of ours that a killed process left in a folder, of the named files or of all."""
    chosen = None if names is None else set(names)
    for path in folder.iterdir():
        ours = _HIDDEN.fullmatch(path.name)
        if ours and (chosen is None or ours["name"] in chosen):
            yield path


def _is_stream(path: Path) -> bool:
    """Whether a path takes bytes but keeps no file, such as ``/dev/stdout`` or a pipe."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno in (ELOOP, ENAMETOOLONG):
            raise
        return False  # it does not exist yet, or opening it raises the error
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(path))
    if stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        raise OSError(f"'{path}' is a {'disk' if stat.S_ISBLK(mode) else 'socket'}, not a file to write results to.")
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


def _send(path: Path, content: bytes) -> None:
    """Write all bytes to a device, or to a pipe as soon as it has a reader."""
    if not path.is_fifo():
        path.write_bytes(content)
        return
    until = time.monotonic() + PATIENCE
    while True:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)  # otherwise it would wait for a reader for ever
            break
        except OSError as error:
            if error.errno != ENXIO:
                raise
            if time.monotonic() > until:
                raise OSError(f"'{path}' is a pipe that nobody reads; open it for reading first.") from None
        time.sleep(0.02)
    os.set_blocking(descriptor, True)
    with open(descriptor, "wb") as pipe:
        pipe.write(content)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Let the system's errors name the path, not the hidden file."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.strerror is None:  # it has its own sentence
            raise
        raise type(error)(error.errno, error.strerror, str(path)) from error


def _fill(file: IO[bytes], content: Content) -> None:
    if isinstance(content, bytes):
        file.write(content)
    else:
        content(file)


def _whole(content: Content) -> bytes:
    file = io.BytesIO()
    _fill(file, content)
    return file.getvalue()
