"""Files appear whole or not at all."""

import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

Write = Callable[[IO[bytes]], object]


def write_atomically(path: Path, write: Write) -> None:
    """Let ``write`` fill a hidden file beside ``path``, then rename it to ``path``.

    A crash, a full disk or Ctrl-C on the way leaves an earlier file at ``path`` as it was.
    """
    write_together({path: write})


def write_together(writes: Mapping[Path, Write]) -> None:
    """Fill a hidden file beside every path, then rename them all.

    No file is replaced before all are whole: what fails, fails with the earlier files in place. Hidden files are
    named ``.NAME.*.partial``; only a process that is killed leaves any.
    """
    hidden = {path: path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial") for path in writes}
    try:
        for path, write in writes.items():
            with open(hidden[path], "xb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
        for path, name in hidden.items():
            os.replace(name, path)
    finally:
        for name in hidden.values():
            with suppress(FileNotFoundError):
                os.unlink(name)
