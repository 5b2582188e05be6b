"""``patom screen``: rank the tasks of a table for review; no attack is run."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from patom.cli.app import app
from patom.cli.progress import progress
from patom.cli.streams import say
from patom.cli.words import Features, KindOption, Lambda, names, worked_on
from patom.wording import counted, percent, percent_digits

if TYPE_CHECKING:
    from patom.audit.screened import ScreenedTable
    from patom.datasets.tables.table import Table
    from patom.defenses import NewTaskInfluence, Screening

_FEW = 20  # rows of a task

_MEANING = {
    "own_loss": "its own rows are predicted badly",
    "harm": "the other tasks are predicted better without it",
    "reach": "its rows lie far out",
    "change": "its weights differ from the trusted ones",
}


@app.command()
def screen(
    table: Annotated[Path, typer.Argument(help="CSV or Parquet file.")],
    *,
    task: Annotated[str, typer.Option(help="Column that names each row's task.")],
    target: Annotated[str, typer.Option(help="Column to predict.")],
    features: Features = None,
    kind: Annotated[KindOption, typer.Option(help="What the target is.")] = KindOption.auto,
    trusted: Annotated[
        Path | None, typer.Option(help="Table of the same columns that is known to be clean.", show_default=False)
    ] = None,
    new: Annotated[
        list[str] | None,
        typer.Option(
            help="Tasks that joined lately, separated by commas; may be repeated. [default: those that are not in "
            "--trusted, if given]",
            show_default=False,
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Tasks to print.")] = 10,
    out: Annotated[
        Path | None, typer.Option(help="JSON file with all tasks and all scores.", show_default=False)
    ] = None,
    lambda_1: Lambda = None,
    lambda_2: Annotated[float | None, typer.Option("--lambda-2")] = None,
    standardise: Annotated[bool, typer.Option(help="Bring columns to one scale first.")] = True,
    resamples: Annotated[
        int, typer.Option(min=0, help="Tables of honest tasks to draw for p-values; 99 take as long as 99 rankings.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="All random draws follow from it.")] = 0,
) -> None:
    """Rank the tasks of a table for review, the most suspicious first.

    A task is suspicious if its rows are predicted badly, if the others are predicted better without it, if its rows lie
    far out or, with --trusted, if its weights have changed. The number is how many robust standard deviations it is
    above the median task in the worst of these. With --resamples the p is how often an honest task with as many rows
    would be as suspicious; without, tasks of few rows (*) may stand out by chance. It ranks tasks, and accuses nobody.

    With --new or --trusted a second list ranks new tasks by what they do to the model of the old ones: how far its
    predictions for the old tasks' rows move, and by what share the loss of these rows rises, alone and together.
    """
    from patom.atomic import require_place, write_atomically
    from patom.audit import read_table
    from patom.audit.screened import screen_table

    if out is not None:
        require_place(out)
    chosen = partial(names, features) if features else None
    named: dict[str, Any] = {"task": task, "target": target, "features": chosen, "kind": kind.value}
    read = read_table(table, **named)
    reference = None if trusted is None else read_table(trusted, **named)
    joined = names(new, set(map(str, set(read.task.tolist())))) if new else None
    with progress("Screening") as show:
        screened = screen_table(
            read, reference=reference, new=joined, lambda_1=lambda_1, lambda_2=lambda_2, standardise=standardise,
            resamples=resamples, seed=seed, progress=show,
        )  # fmt: skip
    if out is not None:
        text = json.dumps(_plain(screened, read), indent=1) + "\n"
        write_atomically(out, text.encode())
    say(_all_lines(screened, read, top))


def _all_lines(screened: "ScreenedTable", read: "Table", top: int) -> list[str]:
    data = worked_on("Screened", read.y.size, _rows(screened.found), screened.features, screened.notes)
    ranked = [] if screened.new_tasks is None else _new_lines(screened.new_tasks, top)
    return [*_lines(screened.found, top), *ranked, *data]


def _lines(found: "Screening", top: int) -> list[str]:
    shown = found.order[:top]
    rows = _rows(found)
    names, width = [str(task) for task in found.tasks], max(len(str(task)) for task in found.tasks[shown])
    digits = max(len(f"{rows[i]:,}") for i in shown)
    lines = [f"{found.tasks.size} tasks, the most suspicious first:"]
    for place, i in enumerate(shown, start=1):
        p = "" if found.p_values is None else f"  p {found.p_values[i]:.3f}"
        size = f"{rows[i]:>{digits},} rows{'*' if rows[i] < _FEW else ' '}"
        score = f"{found.suspicion[i]:5.1f}{p}  {_MEANING[found.reasons[i]]}"
        lines.append(f"{place:>3}  {names[i]:<{width}}  {size}  {score}")
    if any(rows[i] < _FEW for i in shown):
        more = "" if found.p_values is not None else ", and --resamples gives p-values that reckon with it"
        lines.append(f"* fewer than {_FEW} rows: such a task stands out by chance more easily{more}.")
    return lines


def _new_lines(found: "NewTaskInfluence", top: int) -> list[str]:
    """New tasks, and what all of them do together."""
    shown = found.order[:top]
    width, digits = max(len(str(task)) for task in found.tasks[shown]), max(len(f"{n:,}") for n in found.n_rows[shown])
    lines = [f"{counted(found.tasks.size, 'new task')}, those that raise the loss of the old ones most first:"]
    for place, i in enumerate(shown, start=1):
        moved, first, last = (
            f"{percent_digits(float(part[i])):>5} %"
            for part in (found.alone, found.loss_rise, found.marginal_loss_rise)
        )
        size = f"{found.n_rows[i]:>{digits},} rows"
        effect = f"alone moves predictions {moved}, raises loss {first}; after the others {last}"
        lines.append(f"{place:>3}  {found.tasks[i]!s:<{width}}  {size}  {effect}")
    if found.tasks.size > 1:
        moved, rise = percent(found.together), found.together_loss_rise
        lines.append(
            f"All {found.tasks.size:,} together move the predictions of the old tasks by {moved}, and "
            f"{'lower' if rise < 0.0 else 'raise'} their loss by {percent(abs(rise))}."
        )
    return lines


def _rows(found: "Screening") -> list[int]:
    return [] if found.n_rows is None else [int(count) for count in found.n_rows]


def _plain(screened: "ScreenedTable", table: "Table") -> dict[str, Any]:
    found = screened.found
    names, rows = found.scores.dtype.names, _rows(found)
    finite = {name: [None if value != value else float(value) for value in found.scores[name]] for name in names}  # noqa: PLR0124  (NaN)
    return {
        "source": table.source,
        "task_column": table.task_column,
        "target_column": table.target_column,
        "n_rows": int(table.y.size),
        "n_tasks": int(found.tasks.size),
        "features": list(screened.features),
        "notes": list(screened.notes),
        "tasks": [
            {
                "task": found.tasks[i].item(),
                "n_rows": rows[i],
                "suspicion": float(found.suspicion[i]),
                "p_value": None if found.p_values is None else float(found.p_values[i]),
                "reason": found.reasons[i],
                "scores": {name: finite[name][i] for name in names},
                "most_correlated": [label.item() for label in found.next_to([found.tasks[i].item()])[:3]],
            }
            for i in found.order
        ],
        **({} if screened.new_tasks is None else {"new_tasks": _plain_new(screened.new_tasks)}),
    }


def _plain_new(found: "NewTaskInfluence") -> dict[str, Any]:
    return {
        "together": found.together,
        "together_loss_rise": found.together_loss_rise,
        "tasks": [
            {
                "task": found.tasks[i].item(),
                "n_rows": int(found.n_rows[i]),
                "alone": float(found.alone[i]),
                "loss_rise": float(found.loss_rise[i]),
                "marginal": float(found.marginal[i]),
                "marginal_loss_rise": float(found.marginal_loss_rise[i]),
                "share": float(found.share[i]),
            }
            for i in found.order
        ],
    }
