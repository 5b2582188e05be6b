"""An audit's files: all of them whole, none by two audits at once."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from errno import EISDIR
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from patom.atomic import write_atomically, write_together
from patom.audit.run import Audit

FILES = ("report.json", "curves.parquet", "injected.parquet", "report.html")
LOCK = ".patom.lock"


class AuditFolder:
    """The folder an audit writes to, locked for as long as the audit runs.

    Entering creates it (and its parents) and makes sure that it can be written; leaving without ``write`` removes
    what entering created. A lock or hidden files that a killed audit left are no hindrance.

    Raises
    ------
    OSError
        Where the folder cannot be created or written, or another audit holds it; the message is one sentence.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = FileLock(self.path / LOCK)
        self._created: list[Path] = []

    def __enter__(self) -> Self:
        try:
            self._created = [folder for folder in (self.path, *self.path.parents) if not os.path.exists(folder)]
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            self._clear_the_way()
        except Timeout:
            raise OSError(f"Another audit is writing to {self.path}; wait for it or choose another folder.") from None
        except OSError as error:
            self._leave()
            raise OSError(f"The output folder {self.path} cannot be written: {error.strerror or error}.") from error
        except BaseException:  # Ctrl-C
            self._leave()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._leave()

    def write(self, audit: Audit, page: str) -> list[Path]:
        """Write page, report and tables, all of them or none; files of an earlier audit are replaced.

        Raises
        ------
        OSError
            As on a full disk, in one sentence.
        """
        contents: dict[str, Callable[[IO[bytes]], object]] = {
            "report.json": partial(_write_json, audit.report),
            "curves.parquet": partial(pq.write_table, pa.Table.from_pylist(audit.curves)),
            "injected.parquet": partial(pq.write_table, pa.table(audit.injected)),
            "report.html": lambda file: file.write(page.encode()),
        }
        try:
            write_together({self.path / name: contents[name] for name in FILES})
        except OSError as error:
            raise OSError(
                f"The audit could not be written to {self.path}, where no file was changed: {error.strerror or error}."
            ) from error
        return [self.path / name for name in FILES]

    def _clear_the_way(self) -> None:
        """Take away what a killed audit left, and refuse now what could only fail at the end."""
        for name in FILES:
            for left in self.path.glob(f".{name}.*.partial"):
                left.unlink()
            if (self.path / name).is_dir():
                raise IsADirectoryError(EISDIR, f"{name} in it is a folder")
        write_atomically(self.path / ".patom.probe", lambda _: None)
        (self.path / ".patom.probe").unlink()

    def _leave(self) -> None:
        """Unlock, and remove the folders that were created, should nothing be in them."""
        if self._lock.is_locked:
            with suppress(OSError):  # while it is held, so that nobody else's is taken away
                (self.path / LOCK).unlink()
            self._lock.release()
        for folder in self._created:
            with suppress(OSError):  # never made, or no longer empty
                folder.rmdir()


def _write_json(report: dict[str, Any], file: IO[bytes]) -> None:
    file.write(json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n")
