"""An audit's files: all of them whole, none by two audits at once."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from patom.atomic import write_together
from patom.audit.run import Audit
from patom.folder import OutputFolder

FILES = ("report.json", "curves.parquet", "injected.parquet", "report.html")


class AuditFolder(OutputFolder):
    """The folder an audit writes to, locked for as long as the audit runs; see ``OutputFolder``."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, "audit", FILES)

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


def _write_json(report: dict[str, Any], file: IO[bytes]) -> None:
    file.write(json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n")
