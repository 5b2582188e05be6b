"""Run a grid: compute the cells that are not kept yet, keep each as it finishes, write the table."""

import io
import json
import platform
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import IO, Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
from joblib import delayed
from pydantic import BaseModel, Field

import patom
from patom.atomic import left_behind, write_atomically, write_together
from patom.datasets.dataset import Dataset
from patom.folder import OutputFolder
from patom.paper.cells import Cell, canonical, plan
from patom.paper.compute import compute, load
from patom.paper.description import Grid
from patom.paper.table import CELLS, PROVENANCE, SCHEMA, TABLE, TIMINGS, StoredRow, account, row, write_table
from patom.plain_json import finite, read_json
from patom.shapes import shaped
from patom.workers import as_they_finish

PACKAGES = ("numpy", "scipy", "numba", "scikit-learn", "threadpoolctl")
"""Those whose versions could change a number."""
Progress = Callable[[int, int], None]
"""Called with the cells done and the cells in all."""
Stamp = Mapping[str, Any]
"""The version of patom and the sha256 of the data files with which a kept result was computed."""


@dataclass(frozen=True)
class Run:
    """How a run went.

    Parameters
    ----------
    cells, resumed, failed, uncertified : int
        Cells in all, those that were kept from before, those that failed, those with a fit above its tolerance.
    seconds : float
        Of computing, summed over the workers, kept cells included.
    failures : tuple of (str, str)
        A failed cell and its error.
    """

    cells: int
    resumed: int
    failed: int
    uncertified: int
    seconds: float
    failures: tuple[tuple[str, str], ...]


def run_grid(
    grid: Grid,
    out: str | Path,
    *,
    seeds: int | None = None,
    n_jobs: int = 1,
    dask: str | None = None,
    data_home: str | None = None,
    progress: Progress | None = None,
) -> Run:
    """Run a grid into a folder; a run that was stopped goes on where it stopped.

    The table does not depend on the number or kind of workers, nor on how often the run was stopped. A cell that
    fails is recorded with its error, and the others go on; running again tries it again.

    Parameters
    ----------
    grid : Grid
    out : str or Path
        Folder for cells, table, timings and provenance.
    seeds : int, optional
        Split seeds 0 to ``seeds`` - 1 in place of the grid's number; more seeds later reuse the cells of fewer.
    n_jobs : int
        Processes of this machine.
    dask : str, optional
        Address of a dask scheduler, in place of processes. Its workers fetch data files that they do not have.
    data_home : str, optional
        As for the loaders.
    progress : callable (done, total), optional

    Raises
    ------
    ValueError
        For tasks or losses that the data do not allow.
    OSError
        For data that cannot be fetched, a folder that cannot be written or that another run holds, a scheduler
        that does not answer, a worker that was ended from outside.
    """
    seeds = grid.seeds if seeds is None else seeds
    drawn, cells = prepared(grid, seeds, data_home)
    files = {experiment.name: dict(data.files) for experiment, data in zip(grid.experiments, drawn, strict=True)}
    stamps = {cell.key: {"patom": patom.__version__, "files": files[cell.experiment]} for cell in cells}
    report, at = progress or (lambda *_: None), commit()
    with RunFolder(out) as folder:
        done = {cell.key: kept for cell in cells if (kept := folder.kept(cell, stamps[cell.key]))}
        resumed = len(done)
        waiting = list({cell.key: cell for cell in cells if cell.key not in done}.values())
        waiting.sort(
            key=lambda cell: cell.seed
        )  # all experiments seed by seed: then the first seed tells the time left
        report(resumed, len(stamps))
        for cell, record, seconds in _computed(waiting, data_home, n_jobs, dask):
            done[cell.key] = folder.keep(cell, stamps[cell.key], record, seconds, at)
            report(len(done), len(stamps))
        files_of_all = {name: sha for data in drawn for name, sha in data.files.items()}
        results = {
            "title": grid.title, "seeds": list(range(seeds)), "versions": versions(),
            "commit": at, "files": dict(sorted(files_of_all.items())),
            "notes": list(dict.fromkeys(f"{data.name}: {data.description}" for data in drawn)),
        }  # fmt: skip
        done = {cell.key: done[cell.key] for cell in cells}  # in the table's order
        counts = account([entry["record"] for entry in done.values()])
        seconds = sum(entry["seconds"] for entry in done.values())
        about = counts | {
            "seconds": seconds, "workers": f"dask at {dask}" if dask else f"{n_jobs} processes",
            "commits": sorted({entry["commit"] for entry in done.values() if entry["commit"]}),
        }  # fmt: skip
        folder.write(cells, {"results": results, "run": about}, done)
    names = {cell.key: str(cell) for cell in cells}
    errors = ((names[key], entry["record"].get("error")) for key, entry in done.items())
    failures = tuple((cell, error) for cell, error in errors if error)
    return Run(len(done), resumed, len(failures), counts["uncertified"], seconds, failures)


def prepared(grid: Grid, seeds: int | None, data_home: str | None) -> tuple[list[Dataset], list[Cell]]:
    """The data of each experiment at the first seed, and all cells; raises what ``run_grid`` does at its start."""
    drawn = [load(experiment.data.model_dump(), 0, data_home) for experiment in grid.experiments]
    tasks = [list(dict.fromkeys(data.train.task.tolist())) for data in drawn]
    return drawn, plan(grid, [data.kind for data in drawn], tasks, grid.seeds if seeds is None else seeds)


def _computed(
    waiting: Sequence[Cell], home: str | None, n_jobs: int, dask: str | None
) -> Iterator[tuple[Cell, dict[str, Any], float]]:
    if not waiting:
        return
    jobs = (delayed(_numbered)(k, cell, home) for k, cell in enumerate(waiting))
    for k, record, seconds in as_they_finish(jobs, min(n_jobs, len(waiting)), dask=dask):
        yield waiting[k], record, seconds


def _numbered(k: int, cell: Cell, home: str | None) -> tuple[int, dict[str, Any], float]:
    return k, *compute(cell, home)


def versions() -> dict[str, str]:
    """Versions of what computes.

    >>> sorted(versions())[:3]
    ['numba', 'numpy', 'patom']
    """
    return {"patom": patom.__version__, "python": platform.python_version()} | {
        name: version(name) for name in PACKAGES
    }


def commit() -> str | None:
    """Commit of the source tree this code runs from, with "-dirty" if files changed since; None outside of one."""
    here = Path(__file__)
    with suppress(OSError, subprocess.CalledProcessError):
        _git(here, "ls-files", "--error-unmatch", here.name)  # a virtual environment may lie in somebody's repository
        return _git(here, "describe", "--always", "--dirty", "--abbrev=12", "--match=")
    return None


def _git(file: Path, *arguments: str) -> str:
    command = ["git", "-C", str(file.parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


class RunFolder(OutputFolder):
    """The folder a run writes to, locked for as long as it runs; see ``OutputFolder``.

    ``cells/KEY.json`` holds a finished cell, written whole or not at all. A cell is taken up again if its stamp
    is the present one and it did not fail.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, "run", (TABLE, TIMINGS, PROVENANCE))

    def _clear_the_way(self) -> None:
        super()._clear_the_way()
        cells = self.path / CELLS
        cells.mkdir(exist_ok=True)
        self._created.insert(0, cells)  # an empty one goes again
        for left in left_behind(cells):
            left.unlink()

    def kept(self, cell: Cell, stamp: Stamp) -> dict[str, Any] | None:
        """What an earlier run kept of a cell: its record, seconds and commit; None if it must be computed.

        What is there and cannot be read, such as a folder in the file's place, raises an OSError.
        """
        path = self.path / CELLS / f"{cell.key}.json"
        try:
            found: dict[str, Any] = read_json(path.read_bytes())
            shaped(_Kept, found)
            if found.pop("sha256") != _digest(cell, found):  # changed by something else than patom
                return None
            shaped(StoredRow, dict.fromkeys(SCHEMA.names) | row(cell, found["record"]))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OSError(f"The finished cell {path} cannot be read: {error.strerror or error}.") from error
        except ValueError:
            return None
        return found if found["stamp"] == stamp and not found["record"].get("error") else None

    def keep(
        self, cell: Cell, stamp: Stamp, record: Mapping[str, Any], seconds: float, commit: str | None
    ) -> dict[str, Any]:
        """Keep a finished cell, and return what ``kept`` returns later; an OSError is one sentence."""
        kept = {"cell": str(cell), "stamp": stamp, "record": finite(dict(record)), "seconds": seconds, "commit": commit}
        text = json.dumps(kept | {"sha256": _digest(cell, kept)}, ensure_ascii=False, allow_nan=False)
        try:
            write_atomically(self.path / CELLS / f"{cell.key}.json", text.encode())
        except OSError as error:
            raise OSError(
                f"A finished cell could not be kept in {self.path}: {error.strerror or error}; "
                "those kept before are whole, and the same command goes on from there."
            ) from error
        return kept

    def write(
        self, cells: Sequence[Cell], provenance: Mapping[str, Any], done: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Write table, timings and provenance, all of them or none.

        ``cells`` are in the order of the table; ``done`` maps a cell's key to what ``kept`` gives. The provenance is
        the same for the same results. A part of it goes into the table's metadata, and the sha256 of both tables is
        written beside it, so that files of different runs are recognised.
        """
        rows = [row(cell, done[cell.key]["record"]) for cell in cells]
        timings = {name: [entry[name] for entry in done.values()] for name in ("seconds", "commit")}
        contents = {
            TABLE: _bytes(partial(write_table, rows, provenance["results"])),
            TIMINGS: _bytes(partial(pq.write_table, pa.table({"key": list(done)} | timings))),
        }
        provenance = dict(provenance) | {
            "sha256": {name: sha256(content).hexdigest() for name, content in contents.items()}
        }
        contents[PROVENANCE] = json.dumps(provenance, indent=1, ensure_ascii=False).encode() + b"\n"
        try:
            write_together({self.path / name: content for name, content in contents.items()})
        except OSError as error:
            raise OSError(
                f"The results could not be written to {self.path}: {error.strerror or error}; "
                "the finished cells are kept, and the same command goes on from there."
            ) from error


class _Kept(BaseModel, strict=True, extra="forbid"):
    """A finished cell's file."""

    cell: str
    stamp: dict[str, Any]
    record: dict[str, Any]
    seconds: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    commit: str | None
    sha256: str


def _digest(cell: Cell, kept: Mapping[str, Any]) -> str:
    """Of what is kept and of the cell that it is kept for, whose key is the file's name."""
    return sha256(canonical(dict(kept) | {"key": cell.key}).encode()).hexdigest()


def _bytes(write: Callable[[IO[bytes]], object]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()
