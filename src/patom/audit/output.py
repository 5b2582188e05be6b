"""What an audit gives, and its files: all of them whole, none by two audits at once."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from patom.atomic import Content, write_together
from patom.folder import OutputFolder
from patom.plain_json import json_text

FILES = ("report.json", "curves.parquet", "injected.parquet", "report.html")


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Parameters
    ----------
    report : dict
        Everything the page shows, of plain values: what ``report.json`` holds. Free of times and dates, so the
        same data, settings and versions give the same bytes on processors of one kind.
    curves : list of dict
        One tidy record for each attack.
    injected : dict of columns
        The rows of the most harmful attack found, in the user's columns and units.
    """

    report: dict[str, Any]
    curves: list[dict[str, Any]]
    injected: dict[str, Any]


class AuditFolder(OutputFolder):
    """The folder an audit writes to, locked for as long as the audit runs; see ``OutputFolder``."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, "audit", FILES)

    def write(self, audit: Audit, page: str) -> list[Path]:
        """Write page, report and tables, all of them or none; files of an earlier audit are replaced.

        An OSError, as on a full disk, is one sentence.
        """
        contents: dict[str, Content] = {
            "report.json": json_text(audit.report).encode(),
            "curves.parquet": partial(pq.write_table, pa.Table.from_pylist(audit.curves)),
            "injected.parquet": partial(pq.write_table, pa.table(audit.injected)),
            "report.html": page.encode(),
        }
        try:
            write_together({self.path / name: contents[name] for name in FILES})
        except OSError as error:
            raise OSError(
                f"The audit could not be written to {self.path}, where no file was changed: {error.strerror or error}."
            ) from error
        return [self.path / name for name in FILES]
