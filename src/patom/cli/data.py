"""``patom data``: list, fetch and check the public data sets."""

import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from patom.cli.app import EXIT_FAIL, app, when_interrupted
from patom.cli.progress import progress
from patom.cli.streams import say

if TYPE_CHECKING:
    from patom.datasets import RemoteFile, Source

data_app = typer.Typer(help="List, fetch and check the public data sets.")
app.add_typer(data_app, name="data")

Sets = Annotated[list[str] | None, typer.Argument(help="Names of data sets; all if left out.", show_default=False)]
Home = Annotated[
    Path | None,
    typer.Option(help="Folder that keeps them. [default: PATOM_DATA_HOME, else the user's cache]", show_default=False),
]


@data_app.callback(invoke_without_command=True)
def _help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        say(context.get_help().splitlines())


@data_app.command("list")
def list_sets(*, data_home: Home = None) -> None:
    """Show what each data set is, its size, terms and origin, and whether its files are there."""
    from patom import datasets

    home = datasets.data_home(data_home)
    lines = [f"Data home: {home}"]
    for source in datasets.SOURCES.values():
        states = datasets.verify(source, home)
        rows = [(file.name, _megabytes(file.size), states[file.name].name.lower()) for file in source.files]
        lines += ["", *_wrapped(f"{source.name}  {source.title}; {_megabytes(source.size)} to fetch", "")]
        lines += [f"  {name:<33} {size:>9}  {state}" for name, size, state in rows]
        lines += [*_wrapped(f"Origin: {source.origin}", "  "), *_wrapped(f"Terms: {source.terms}", "  ")]
        folders = dict.fromkeys(file.url.rpartition("/")[0] + "/" for file in source.files)
        lines += [f"  Fetched from: {address}" for address in folders]
    say(lines)


@data_app.command()
def fetch(sets: Sets = None, *, data_home: Home = None) -> None:
    """Fetch files that are missing or wrong; correct files are not fetched again."""
    from patom import datasets

    home = datasets.data_home(data_home)
    files = [file for source in _chosen(sets) for file in source.files]
    failed: list[str] = []
    with when_interrupted("what came of a file is kept, and the next `patom data fetch` goes on from there."):
        for file in files:
            try:
                say([_fetch_one(file, home)])
            except OSError as error:  # the others may come from another host
                failed.append(str(error))
    if failed:
        raise OSError(f"{len(failed)} of {len(files)} files are not in {home}: {' '.join(failed)}")


@data_app.command()
def verify(sets: Sets = None, *, data_home: Home = None) -> None:
    """Check every file against the published checksums; status 1 if one is missing or wrong."""
    from patom import datasets

    home = datasets.data_home(data_home)
    states = {name: state for source in _chosen(sets) for name, state in datasets.verify(source, home).items()}
    say([f"{state.name.lower():<7}  {home / name}" for name, state in states.items()])
    if any(state is not datasets.FileState.RIGHT for state in states.values()):
        raise typer.Exit(EXIT_FAIL)


def _chosen(names: list[str] | None) -> "list[Source]":
    from patom.datasets import SOURCES

    for name in names or ():
        if name not in SOURCES:
            raise ValueError(f"There is no data set {name!r}; those that can be fetched are {', '.join(SOURCES)}.")
    return [SOURCES[name] for name in dict.fromkeys(names or SOURCES)]


def _fetch_one(file: "RemoteFile", home: Path) -> str:
    """Fetch a file unless it is there; the sentence names the case."""
    from patom.datasets import require

    asked = False
    with progress(file.name, size=True) as show:

        def came(done: int, total: int) -> None:
            nonlocal asked
            asked = True
            show(done, total)

        require(file, home, progress=came)
    return f"{file.name}: {'fetched, and right' if asked else 'already there and right'}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.0f} kB"


def _wrapped(text: str, indent: str) -> list[str]:
    """Wrapped to the terminal's width; in a pipe lines are not wrapped, and an address is never broken."""
    if not sys.stdout.isatty():
        return [indent + text]
    width = max(shutil.get_terminal_size().columns, 30)
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=f"{indent}  ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
