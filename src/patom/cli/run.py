"""``patom run``: the experiments of a grid."""

from pathlib import Path
from typing import Annotated

import typer

from patom.cli.app import EXIT_FAIL, app, when_interrupted
from patom.cli.progress import progress
from patom.cli.streams import say, tell


@app.command()
def run(
    grid: Annotated[
        str,
        typer.Argument(
            help="A preset (fig1, fig2, fig3, settings, attacks, adversary, defenses, screening) or a TOML file."
        ),
    ],
    *,
    out: Annotated[Path, typer.Option(help="Folder for the results; a run that was stopped in it goes on.")],
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
    """Run the experiments of a grid, cell by cell; each finished cell is kept at once.

    Writes results.parquet (a row a cell), timings.parquet and provenance.json. `patom report` shows them.
    """
    if dask is not None and jobs:
        raise ValueError("--jobs is for processes of this machine and --dask for a cluster: give one of them.")
    from joblib import cpu_count

    from patom import paper

    read = paper.read_grid(grid)
    chosen = paper.only(read, only) if only else read
    stopped = f"finished cells are kept in {out}, and the same command goes on from there."
    with when_interrupted(stopped), progress("Computing") as show:
        went = paper.run_grid(
            chosen,
            out,
            seeds=seeds,
            n_jobs=jobs or cpu_count(),
            dask=dask,
            data_home=None if data_home is None else str(data_home),
            progress=show,
        )
    before = f", {went.resumed} of them from before" if went.resumed else ""
    say([f"{went.cells} cells{before}; {went.seconds:.0f} seconds of computing. Next: patom report {out}"])
    if went.uncertified:
        tell(f"{went.uncertified} cells have a fit above its tolerance; see the column gap.")
    if went.failed:
        cell, error = went.failures[0]
        tell(f"{went.failed} of {went.cells} cells failed; the first, {cell}: {error}")
        raise typer.Exit(EXIT_FAIL)
