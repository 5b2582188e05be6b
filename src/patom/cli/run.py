"""``patom run``: the experiments of a grid, or of several."""

import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from patom.cli.app import EXIT_FAIL, app, when_interrupted
from patom.cli.progress import progress
from patom.cli.streams import say, tell

if TYPE_CHECKING:
    from patom.paper import Grid, Run


@app.command()
def run(
    grids: Annotated[
        list[str],
        typer.Argument(
            help="Presets (fig1, fig2, fig3, settings, attacks, adversary, defenses, screening) or TOML files."
        ),
    ],
    *,
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for the results, of several grids one in it for each; a run that was stopped in it goes on."
        ),
    ],
    jobs: Annotated[int, typer.Option(min=0, help="Worker processes. [default: all cores]", show_default=False)] = 0,
    dask: Annotated[str | None, typer.Option(help="Address of a dask scheduler, in place of processes.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Number of seeds. [default: the grid's]")] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Experiments whose names hold this; may be repeated. [default: all]")
    ] = None,
    data_home: Annotated[
        Path | None, typer.Option(help="Where data files are kept. [default: PATOM_DATA_HOME, or a cache folder]")
    ] = None,
) -> None:
    """Run the experiments of grids, cell by cell; each finished cell is kept at once.

    Writes results.parquet (a row a cell), timings.parquet and provenance.json. `patom report` shows them.
    """
    if dask is not None and jobs:
        raise ValueError("--jobs is for processes of this machine and --dask for a cluster: give one of them.")
    from joblib import cpu_count

    from patom.paper import run_grid
    from patom.paper.run import prepared

    folders = _folders(grids, only, out)
    home = None if data_home is None else str(data_home)
    compute = partial(run_grid, seeds=seeds, n_jobs=jobs or cpu_count(), dask=dask, data_home=home)
    if len(folders) > 1:  # what is wrong with the last one is said before the first has run
        for grid in folders.values():
            prepared(grid, seeds, home)
    went = []
    with when_interrupted(f"finished cells are kept in {out}, and the same command goes on from there."):
        for number, (folder, grid) in enumerate(folders.items(), start=1):
            of = f" grid {number} of {len(folders)}" if len(folders) > 1 else ""
            with progress(f"Computing{of}") as show:
                went.append(compute(grid, folder, progress=show))
    _tell_how_it_went(went, shlex.join(["patom", "report", str(out)]))


def _folders(grids: Sequence[str], words: Sequence[str] | None, out: Path) -> "dict[Path, Grid]":
    """The folder of each grid, and what of the grid is to run there: ``out`` itself where there is but one.

    Of several grids those without an experiment called like one of the words are left out.
    """
    from patom.paper import only, read_grid

    read = {name: read_grid(name) for name in grids}
    names = [Path(name).stem for name in grids]
    if len(grids) > 1 and {".", ".."} & set(names):
        strange = next(grid for grid, name in zip(grids, names, strict=True) if name in (".", ".."))
        raise ValueError(f"{strange!r} would name no folder of its own; rename the file.")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"Two grids are called {twice!r}; each needs a folder of its own: run them one by one.")
    if words:
        read = only(read, words)
    return {out if len(grids) == 1 else out / Path(name).stem: grid for name, grid in read.items()}


def _tell_how_it_went(went: "Sequence[Run]", report: str) -> None:
    """Say what was done and what comes next; status 1 if a cell failed."""
    cells, resumed, failed, uncertified = (
        sum(getattr(one, name) for one in went) for name in ("cells", "resumed", "failed", "uncertified")
    )
    before = f", {resumed} of them from before" if resumed else ""
    say([f"{cells} cells{before}; {sum(one.seconds for one in went):.0f} seconds of computing. Next: {report}"])
    if uncertified:
        tell(f"{uncertified} cells have a fit above its tolerance; see the column gap.")
    if failed:
        cell, error = next(one.failures[0] for one in went if one.failures)
        tell(f"{failed} of {cells} cells failed; the first, {cell}: {error}")
        raise typer.Exit(EXIT_FAIL)
