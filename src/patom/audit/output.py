"""An audit's files: all of them whole, none by two audits at once."""

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from patom.atomic import write_atomically
from patom.audit.run import Audit


class AuditFolder:
    """The folder an audit writes to, locked for as long as the audit runs.

    Entering creates it (and its parents) and makes sure that it can be written; leaving without ``write`` removes
    what entering created.

    Raises
    ------
    OSError
        Where the folder cannot be created or written, or another audit holds it; the message is one sentence.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = FileLock(self.path / ".patom.lock")
        self._created: list[Path] = []

    def __enter__(self) -> Self:
        try:
            missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
            self.path.mkdir(parents=True, exist_ok=True)
            self._created = missing
            write_atomically(self.path / ".patom.probe", lambda _: None)
            (self.path / ".patom.probe").unlink()
            self._lock.acquire(timeout=0)
        except Timeout:
            raise OSError(f"Another audit is writing to {self.path}; wait for it or choose another folder.") from None
        except OSError as error:
            self._remove_created()
            raise OSError(f"The output folder {self.path} cannot be written: {error.strerror or error}.") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._lock.release()
        (self.path / ".patom.lock").unlink(missing_ok=True)
        if kind is not None:
            self._remove_created()

    def write(self, audit: Audit, page: str) -> list[Path]:
        """Write page, report and tables, each whole or not at all; a file of an earlier audit is replaced."""
        contents: dict[str, Any] = {
            "report.json": json.dumps(audit.report, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n",
            "curves.parquet": pa.Table.from_pylist(audit.curves),
            "injected.parquet": pa.table(audit.injected),
            "report.html": page.encode(),
        }
        for name, content in contents.items():
            self._write(name, content)
        return [self.path / name for name in contents]

    def _write(self, name: str, content: Any) -> None:
        if isinstance(content, bytes):
            write_atomically(self.path / name, lambda file: file.write(content))
        else:
            write_atomically(self.path / name, lambda file: pq.write_table(content, file))

    def _remove_created(self) -> None:
        for folder in self._created:
            if folder.exists() and not any(folder.iterdir()):
                folder.rmdir()
