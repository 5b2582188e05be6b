"""``patom audit``: measure how much damage injected training rows can do."""

import math
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from patom.cli.app import EXIT_CANNOT_SAY, EXIT_FAIL, app, when_interrupted
from patom.cli.progress import Show, progress, roughly
from patom.cli.streams import say, tell
from patom.cli.words import Features, KindOption, Lambda, audited, command_again, names, numbers

if TYPE_CHECKING:
    from patom.audit import AuditData, AuditSettings
    from patom.audit.steps import Steps
    from patom.datasets.tables.table import Table as ReadTable
    from patom.results.audit import Results


class Attack(StrEnum):
    """How injected rows are optimised."""

    ascent = "ascent"
    patom = "patom"


class Region(StrEnum):
    """Where injected rows may lie."""

    ball = "ball"
    own_data = "own-data"


Table = Annotated[
    Path | None, typer.Argument(help="CSV or Parquet file; the embedded digits if left out.", show_default=False)
]
Budgets = Annotated[
    str | None, typer.Option(help="Injected rows per clean row, separated by commas. [default: 0.05,0.1,0.2,0.3]")
]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        help="Tasks to hurt, separated by commas; may be repeated. [default: a random half for each seed]",
        show_default=False,
    ),
]
Attackers = Annotated[
    list[str] | None,
    typer.Option(
        help="Tasks that indirect attacks go through, as --targets. [default: all but the targets]", show_default=False
    ),
]
AttackOption = Annotated[
    Attack, typer.Option(help="How rows are optimised: the strongest attack of this package, or the paper's.")
]
KeepLabels = Annotated[bool, typer.Option("--keep-labels", help="Injected rows keep the targets they were drawn with.")]
RegionOption = Annotated[
    Region,
    typer.Option(help="Where injected rows may lie: in the ball of all rows, or where they look like their task's."),
]
Iterations = Annotated[
    int | None,
    typer.Option(min=1, help="Most moves of an attack. [default: 40, 400 where the worst is followed up; PATOM's 10]"),
]
StepSize = Annotated[
    float | None, typer.Option(help="PATOM's step size; the paper's is 100. [default: the best of five in a pilot]")
]
Accounts = Annotated[
    str,
    typer.Option(help='Numbers of new accounts that an attacker opens, separated by commas, or "none".'),
]
FailAbove = Annotated[
    float | None,
    typer.Option(help="Exit with status 1 if the worst relative damage is above this, with 3 if the audit cannot say."),
]


@app.command()
def audit(
    context: typer.Context,
    table: Table = None,
    *,
    task: Annotated[str | None, typer.Option(help="Column that names each row's task.")] = None,
    target: Annotated[str | None, typer.Option(help="Column to predict.")] = None,
    features: Features = None,
    kind: Annotated[KindOption, typer.Option(help="What the target is.")] = KindOption.auto,
    out: Annotated[Path, typer.Option(help="Folder for the report and its data.")] = Path("audit"),
    budgets: Budgets = None,
    seeds: Annotated[int, typer.Option(min=1, help="Attacks of each kind and budget.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="All random draws follow from it.")] = 0,
    targets: Targets = None,
    attackers: Attackers = None,
    lambda_1: Lambda = None,
    lambda_2: Annotated[float | None, typer.Option("--lambda-2")] = None,
    loss: Annotated[str | None, typer.Option(help="Loss of the estimator. [default: squared error or hinge]")] = None,
    test_fraction: Annotated[float, typer.Option(help="Part of each task held out to measure damage.")] = 0.3,
    standardise: Annotated[bool, typer.Option(help="Bring a table's columns to one scale first.")] = True,
    max_rows: Annotated[int, typer.Option(min=20, help="Audit a random sample of a larger table.")] = 5_000,
    attack: AttackOption = Attack.ascent,
    keep_labels: KeepLabels = False,
    region: RegionOption = Region.ball,
    iterations: Iterations = None,
    step_size: StepSize = None,
    accounts: Accounts = "1,3,10,30",
    account_rows: Annotated[int, typer.Option(min=1, help="Rows of each new account.")] = 2,
    fail_above: FailAbove = None,
    jobs: Annotated[int, typer.Option(min=0, help="Worker processes. [default: all cores]", show_default=False)] = 0,
) -> None:
    """Measure how much damage injected training rows can do to a multi-task model.

    It also tries defenses, against an attacker who knows them. Writes report.html (self-contained), report.json,
    curves.parquet and injected.parquet (the rows of the most harmful attack found).

    The risk is called high, moderate or low only if the intervals over seeds support it; otherwise the audit cannot
    say. With --fail-above the status is 1 if some attack's whole interval is above it, 0 if all intervals end at or
    below it, and 3 otherwise, for example with a single seed or a model that is no better than predicting the mean.
    """
    from patom.audit import AuditSettings

    settings = AuditSettings(
        budgets=None if budgets is None else tuple(numbers(budgets, "--budgets")),
        n_seeds=seeds, seed=seed, attack=attack.value, iterations=iterations, step_size=step_size,
        keep_labels=keep_labels, region="ball" if region is Region.ball else "own_data",
        lambda_1=lambda_1, lambda_2=lambda_2, loss=loss,
        accounts=_accounts(accounts), account_rows=account_rows,
    )  # fmt: skip
    if fail_above is not None and not math.isfinite(fail_above):
        raise ValueError(f"--fail-above must be a finite number; got {fail_above}.")
    read = _read(table, task, target, features, kind)
    settings = _aimed(settings, read, targets, attackers)
    data = _split(read, settings, test_fraction=test_fraction, standardise=standardise, max_rows=max_rows)
    results = _run(data, settings, out, jobs, fail_above, command_again(context))
    _tell(results, out)
    gate = results.fail_above
    if gate is not None and gate.exceeded is not False:
        raise typer.Exit(EXIT_FAIL if gate.exceeded else EXIT_CANNOT_SAY)


def _accounts(typed: str) -> tuple[int, ...]:
    if typed.strip() == "none":
        return ()
    found = numbers(typed, "--accounts")
    if not found or any(each != int(each) or each < 1 for each in found):
        raise ValueError(f'--accounts must be whole numbers of at least 1, or "none"; got {typed!r}.')
    return tuple(int(each) for each in found)


def _read(
    table: Path | None, task: str | None, target: str | None, features: list[str] | None, kind: KindOption
) -> "ReadTable | None":
    """The user's table; None for the embedded data."""
    from patom.audit import read_table

    if table is None:
        if task is not None or target is not None or features:
            raise ValueError("--task, --target and --features describe a table: name its file, or leave them out.")
        return None
    if task is None or target is None:
        raise ValueError(f"{'--task' if task is None else '--target'} must name a column of {table}.")
    chosen = partial(names, features) if features else None
    return read_table(table, task=task, target=target, features=chosen, kind=kind.value)


def _aimed(
    settings: "AuditSettings", read: "ReadTable | None", targets: list[str] | None, attackers: list[str] | None
) -> "AuditSettings":
    """The settings with the typed tasks, whose names are known once the table is read."""
    known = set(map(str, range(10) if read is None else set(read.task.tolist())))
    aims, through = (tuple(names(typed, known)) if typed else None for typed in (targets, attackers))
    return replace(settings, targets=aims, attackers=through)


def _split(
    read: "ReadTable | None", settings: "AuditSettings", *, test_fraction: float, standardise: bool, max_rows: int
) -> "AuditData":
    from patom.audit import digits_data, table_data

    if read is None:
        return digits_data(seed=settings.seed, test_fraction=test_fraction)
    keep = [*(settings.targets or ()), *(settings.attackers or ())]
    return table_data(
        read, seed=settings.seed, test_fraction=test_fraction, standardise=standardise, max_rows=max_rows, keep=keep
    )


def _run(
    data: "AuditData", settings: "AuditSettings", out: Path, jobs: int, fail_above: float | None, command: str
) -> "Results":
    """Run the audit and write its files."""
    from joblib import cpu_count

    from patom.audit import AuditFolder, run_audit
    from patom.report import render_page
    from patom.results.audit import Results

    n_jobs = jobs or cpu_count()
    with when_interrupted("the files of an audit are written all or none."), AuditFolder(out) as folder:
        with progress("Attacking") as show:
            plan = partial(_tell_plan, show, n_jobs)
            found = run_audit(
                data, settings, n_jobs=n_jobs, progress=show, planned=plan, fail_above=fail_above, command=command
            )
        folder.write(found, render_page(found.report))
    return Results.model_validate(found.report)


def _tell_plan(show: Show, n_jobs: int, ahead: "Steps", seconds: float | None) -> None:
    """Show the plan at once, and its duration once a fit was timed."""
    if seconds is not None:
        show.plan(f"about {roughly(seconds)} in all.")
        return
    kinds = f"{ahead.random} random, {ahead.pilots + ahead.optimised} optimised, {ahead.defended} on defended models"
    if ahead.accounts:
        kinds += f", {ahead.accounts} by new accounts"
    if ahead.thorough:
        kinds += f", {ahead.thorough} that follow the worst up"
    searched = f" and {ahead.lambdas} pairs of lambdas to choose from" if ahead.lambdas else ""
    processes = "one process" if n_jobs == 1 else f"{n_jobs} processes"
    show.plan(
        f"{ahead.attacks} attacks ({kinds}){searched}, on {processes}; a first fit tells how long that takes, and "
        "compiles for half a minute where it is the machine's first."
    )


def _tell(results: "Results", out: Path) -> None:
    verdict, gate = results.verdict, results.fail_above
    helping = [] if results.remedies is None else [results.remedies.reason]
    lines = [verdict.headline, f"  Risk: {verdict.risk}. {verdict.reason}"]
    lines += [f"  {sentence}" for sentence in (*verdict.sentences, *helping)]
    say([*lines, *audited(results.data), f"Report: {out / 'report.html'}"])
    if gate is not None and gate.exceeded is not False:
        above = f"above --fail-above {gate.threshold:g}"
        exceeded = f"the worst damage is {above}: {gate.reason}." if gate.exceeded else ""
        tell(exceeded or f"cannot say whether the worst damage is {above}. {gate.reason}")
