"""``patom report``: the page of a run or of an audit, from its files."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from patom.cli.app import app
from patom.cli.streams import say

_AUDITED = "report.json"


@app.command()
def report(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Folders of runs or their tables (several make one page), or an audit's folder."),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the page. [default: the first folder, or the table's]", show_default=False),
    ] = None,
) -> None:
    """Show results beside the paper's claims.

    Writes report.html (self-contained), findings.json (all that the page shows) and each figure as SVG.
    """
    into = out or (folders[0].parent if folders[0].is_file() else folders[0])
    if len(folders) == 1 and (folders[0] / _AUDITED).exists():
        written = _audit_page(folders[0], into)
    else:
        written = _run_page(folders, into)
    say([f"Report: {written}"])


def _audit_page(folder: Path, into: Path) -> Path:
    from patom.plain_json import read_json
    from patom.report import render_page
    from patom.results.audit import Results
    from patom.shapes import shaped

    path = folder / _AUDITED
    if not path.is_file():
        raise ValueError(f"{path} is not what an audit writes: it is no regular file.")
    try:
        found = read_json(path.read_bytes())
        shaped(Results, found)
    except ValueError as error:
        raise ValueError(f"{path} is not what an audit writes: {error}.") from None
    except OSError as error:
        raise OSError(f"{path} cannot be read: {error.strerror or error}.") from error
    return _write(into, {"report.html": render_page(found)})


def _run_page(folders: list[Path], into: Path) -> Path:
    from patom.paper import findings
    from patom.paper.reading import read_runs
    from patom.plain_json import json_text
    from patom.report import render_experiments, save_experiment_figures
    from patom.wording import readable

    typed = readable(shlex.join(["patom", "report", *map(str, folders)]))
    found = findings(read_runs(folders), command=typed)
    page = _write(into, {"report.html": render_experiments(found), "findings.json": json_text(found)})
    save_experiment_figures(found, into)
    return page


def _write(into: Path, texts: dict[str, str]) -> Path:
    from patom.atomic import write_together
    from patom.folder import OutputFolder

    with OutputFolder(into, "report", list(texts)):
        write_together({into / name: text.encode() for name, text in texts.items()})
    return into / "report.html"
