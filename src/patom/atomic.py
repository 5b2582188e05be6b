"""Files appear whole or not at all."""

import io
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

Write = Callable[[IO[bytes]], object]

_HIDDEN = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.partial")


def write_atomically(path: Path, write: Write) -> None:
    """Let ``write`` fill a hidden file beside ``path``, then rename it to ``path``.

    A crash, a full disk or Ctrl-C on the way leaves an earlier file at ``path`` as it was.
    """
    write_together({path: write})


def write_together(writes: Mapping[Path, Write]) -> None:
    """Fill a hidden file beside every path, then rename them all.

    No file is replaced before all are whole: what fails, fails with the earlier files in place. Hidden files are
    named ``.NAME.*.partial``; only a process that is killed leaves any. A symbolic link stays one: what it points to is
    replaced. A pipe or a terminal gets the whole content at the end, as there is nothing to replace.

    Raises
    ------
    OSError
        What the system says of a folder or disk, and for a path at a disk or a socket, which no result belongs on.
    """
    streams = {path for path in writes if _is_stream(path)}
    targets = {path: Path(os.path.realpath(path)) for path in writes if path not in streams}
    hidden = {path: hidden_name(target) for path, target in targets.items()}
    try:
        for path in targets:
            with open(hidden[path], "xb") as file:
                writes[path](file)
                file.flush()
                os.fsync(file.fileno())
        held = {path: _whole(writes[path]) for path in streams}
        for path, target in targets.items():
            os.replace(hidden[path], target)
    finally:
        for name in hidden.values():
            with suppress(FileNotFoundError):
                os.unlink(name)
    for path, content in held.items():
        path.write_bytes(content)


def hidden_name(path: Path) -> Path:
    """Where a file is filled before it is renamed to ``path``."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")


def left_behind(folder: Path, names: Iterable[str] | None = None) -> Iterator[Path]:
    """Hidden files in a folder that a killed process left, of the named files or of all; nobody else's."""
    chosen = None if names is None else set(names)
    for path in folder.iterdir():
        ours = _HIDDEN.fullmatch(path.name)
        if ours and (chosen is None or ours["name"] in chosen):
            yield path


def _is_stream(path: Path) -> bool:
    """Whether a path leads to something that takes bytes and keeps no file, such as ``/dev/stdout`` or a pipe."""
    try:
        mode = path.stat().st_mode
    except OSError:  # not there yet, or said when it is opened
        return False
    if stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        raise OSError(f"'{path}' is a {'disk' if stat.S_ISBLK(mode) else 'socket'}, not a file to write results to.")
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


def _whole(write: Write) -> bytes:
    content = io.BytesIO()
    write(content)
    return content.getvalue()
