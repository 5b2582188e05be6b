"""The command line: the only place that prints, colours and shows progress."""

import math
import os
import shlex
import signal
import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

import patom

if TYPE_CHECKING:
    from patom.audit import AuditData

app = typer.Typer(
    name="patom",
    help="How badly could somebody hurt your multi-task model by feeding it data?",
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Kind(StrEnum):
    """What the target is; auto looks at it."""

    auto = "auto"
    regression = "regression"
    classification = "classification"


EXIT_ABOVE, EXIT_BAD_INPUT = 1, 2
UsageError: type[Exception] = typer.BadParameter.__bases__[0]  # click's, wherever Typer keeps it


def main() -> None:
    """Entry point: one sentence and status 2 for bad input, 128 and the signal's number for Ctrl-C or SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _stop)
    try:
        status = app(standalone_mode=False)
    except UsageError as error:
        refuse(error.format_message())  # type: ignore[attr-defined]
    except (ValueError, OSError) as error:
        refuse(str(error))
    except MemoryError:
        refuse("The memory does not suffice: fewer --jobs, a smaller --max-rows or smaller --budgets need less.")
    except _Stopped:
        typer.echo("patom: interrupted; the files of an audit are written all or none.", err=True)
        raise
    sys.exit(status)


def refuse(sentence: str) -> NoReturn:
    """Print one line on standard error and exit with status 2."""
    typer.echo("patom: " + " ".join(sentence.split()), err=True)
    sys.exit(EXIT_BAD_INPUT)


class _Stopped(SystemExit):
    """A signal asked to stop; its status is 128 and the signal's number."""


def _stop(number: int, _: FrameType | None) -> NoReturn:
    """Unwind what is under way, so that no worker and no half-written file stays behind."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)  # a second one would disturb the cleaning up
    raise _Stopped(128 + number)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"patom {patom.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def audit(
    context: typer.Context,
    table: Annotated[
        Path | None, typer.Argument(help="CSV or Parquet file; the embedded digits if left out.", show_default=False)
    ] = None,
    *,
    task: Annotated[str | None, typer.Option(help="Column that names each row's task.")] = None,
    target: Annotated[str | None, typer.Option(help="Column to predict.")] = None,
    features: Annotated[
        str | None, typer.Option(help="Feature columns, separated by commas. [default: the other numeric columns]")
    ] = None,
    kind: Annotated[Kind, typer.Option(help="What the target is.")] = Kind.auto,
    out: Annotated[Path, typer.Option(help="Folder for the report and its data.")] = Path("audit"),
    budgets: Annotated[
        str | None, typer.Option(help="Injected rows per clean row, separated by commas. [default: 0.05,0.1,0.2,0.3]")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Attacks of each kind and budget.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="All random draws follow from it.")] = 0,
    targets: Annotated[
        str | None, typer.Option(help="Tasks to hurt, separated by commas. [default: a random half for each seed]")
    ] = None,
    attackers: Annotated[
        str | None, typer.Option(help="Tasks the indirect attacks go through. [default: all but the targets]")
    ] = None,
    lambda_1: Annotated[
        float | None, typer.Option("--lambda-1", help="Given with --lambda-2. [default: cross-validation]")
    ] = None,
    lambda_2: Annotated[float | None, typer.Option("--lambda-2")] = None,
    loss: Annotated[str | None, typer.Option(help="Loss of the estimator. [default: squared error or hinge]")] = None,
    test_fraction: Annotated[float, typer.Option(help="Part of each task held out to measure damage.")] = 0.3,
    standardise: Annotated[bool, typer.Option(help="Bring a table's columns to one scale first.")] = True,
    max_rows: Annotated[int, typer.Option(min=20, help="Audit a random sample of a larger table.")] = 5_000,
    iterations: Annotated[int, typer.Option(min=1, help="PATOM's iterations.")] = 10,
    step_size: Annotated[
        float | None, typer.Option(help="PATOM's step size; the paper's is 100. [default: the best of five in a pilot]")
    ] = None,
    fail_above: Annotated[
        float | None, typer.Option(help="Exit with status 1 if the worst mean relative damage is above this.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Worker processes. [default: all cores]", show_default=False)] = 0,
) -> None:
    """Measure how much damage injected training rows can do to a multi-task model.

    Writes report.html (self-contained), report.json, curves.parquet and injected.parquet (the rows of the most
    harmful attack found).
    """
    from patom.audit import AuditFolder, AuditSettings, run_audit
    from patom.audit.verdict import gate
    from patom.report import render_page

    settings = AuditSettings(
        budgets=None if budgets is None else tuple(_numbers(budgets, "--budgets")),
        n_seeds=seeds,
        seed=seed,
        iterations=iterations,
        step_size=step_size,
        lambda_1=lambda_1,
        lambda_2=lambda_2,
        loss=loss,
        targets=None if targets is None else tuple(_words(targets)),
        attackers=None if attackers is None else tuple(_words(attackers)),
    )
    if fail_above is not None and not math.isfinite(fail_above):
        raise ValueError(f"--fail-above must be a finite number; got {fail_above}.")
    keep = [*(settings.targets or ()), *(settings.attackers or ())]
    data = _load(table, task, target, features, kind, seed, test_fraction, standardise, max_rows, keep)
    with AuditFolder(out) as folder:
        with _progress() as show:
            found = run_audit(data, settings, n_jobs=jobs or os.cpu_count() or 1, progress=show)
        found.report["command"] = _command(context)
        if fail_above is not None:
            found.report["fail_above"] = gate(found.report["verdict"]["worst_damage"], fail_above)
        folder.write(found, render_page(found.report))
    _tell(found.report, out)
    if fail_above is not None and found.report["fail_above"]["exceeded"] is not False:
        raise typer.Exit(EXIT_ABOVE)


def _load(
    table: Path | None,
    task: str | None,
    target: str | None,
    features: str | None,
    kind: Kind,
    seed: int,
    test_fraction: float,
    standardise: bool,
    max_rows: int,
    keep: list[Hashable],
) -> "AuditData":
    from patom.audit import digits_data, read_table, table_data

    if table is None:
        if task is not None or target is not None or features is not None:
            raise ValueError("--task, --target and --features describe a table: name its file, or leave them out.")
        return digits_data(seed=seed, test_fraction=test_fraction)
    if task is None or target is None:
        raise ValueError(f"{'--task' if task is None else '--target'} must name a column of {table}.")
    columns = None if features is None else _words(features)
    read = read_table(table, task=task, target=target, features=columns, kind=kind.value)
    return table_data(
        read, seed=seed, test_fraction=test_fraction, standardise=standardise, max_rows=max_rows, keep=keep
    )


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("Attacking"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"),
        TimeRemainingColumn(),
    )  # fmt: skip
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        job = bar.add_task("attacks", total=None)
        yield lambda done, total: bar.update(job, completed=done, total=total)


def _tell(report: dict[str, Any], out: Path) -> None:
    verdict, gate = report["verdict"], report["fail_above"]
    lines = [verdict["headline"], *(f"  {sentence}" for sentence in verdict["sentences"])]
    try:
        typer.echo("\n".join([*lines, f"Report: {out / 'report.html'}"]))
    except BrokenPipeError:  # nobody reads, as before `| head`: the status is the audit's all the same
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if gate is not None and gate["exceeded"] is not False:
        what = "is above" if gate["exceeded"] else "could not be measured, so it may be above"
        typer.echo(f"patom: the worst damage {what} --fail-above {gate['threshold']:g}.", err=True)


def _command(context: typer.Context) -> str:
    """The command that gives the same report again: what differs from the defaults, and the seed."""
    first = ("table", "task", "target", "seed")
    words = ["patom", str(context.info_name)]
    for option in sorted(context.command.params, key=lambda option: option.name not in first):
        value = context.params.get(str(option.name))
        if option.name in ("out", "jobs", "fail_above") or (value == option.default and option.name != "seed"):
            continue
        if value is False:
            words.append(option.secondary_opts[0])
        else:
            words += [*option.opts[: option.name != "table"], str(value)]
    return shlex.join(words)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _numbers(text: str, option: str) -> list[float]:
    try:
        return [float(word) for word in _words(text)]
    except ValueError:
        raise ValueError(f"{option} must be numbers separated by commas; got {text!r}.") from None
