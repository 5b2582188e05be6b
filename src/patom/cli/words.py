"""What commands share: options, what is typed for them, the command again, and the data of a command in a few lines."""

import shlex
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from patom.wording import counted, listed, readable

if TYPE_CHECKING:
    from patom.results.audit import Data, Sample

_NAMED = 5  # columns; the others are only counted


class KindOption(StrEnum):
    """The kind of target; auto decides by its values."""

    auto = "auto"
    regression = "regression"
    classification = "classification"


Features = Annotated[
    list[str] | None,
    typer.Option(
        help="Feature columns, separated by commas; may be repeated. [default: the other numeric columns]",
        show_default=False,
    ),
]
Lambda = Annotated[float | None, typer.Option("--lambda-1", help="Given with --lambda-2. [default: cross-validation]")]


def command_again(context: typer.Context) -> str:
    """The command that gives the same report again, with the seed and the options that differ from the defaults."""
    first = ("table", "task", "target", "seed")
    typed = ["patom", str(context.info_name)]
    for option in sorted(context.command.params, key=lambda option: option.name not in first):
        value = context.params.get(str(option.name))
        if option.name in ("out", "jobs", "fail_above") or (value == option.default and option.name != "seed"):
            continue
        if isinstance(value, bool):
            typed.append(option.opts[0] if value else option.secondary_opts[0])
            continue
        for each in value if isinstance(value, list | tuple) else [value]:
            typed += [*option.opts[: option.name != "table"], str(each)]
    return readable(shlex.join(typed))


def names(typed: Sequence[str], known: Collection[str]) -> list[str]:
    """Typed names: an option's value is split at commas, but not within a known name.

    >>> names(["Paris, TX", "Rome,Oslo"], {"Paris, TX", "Rome", "Oslo"})
    ['Paris, TX', 'Rome', 'Oslo']
    >>> names(["Rome, Paris, TX"], {"Paris, TX", "Rome"}), names(["Paris, TX"], {"Paris", "TX"})
    (['Rome', 'Paris, TX'], ['Paris', 'TX'])
    """
    return [name for value in typed for name in _split(value, known)]


def _split(value: str, known: Collection[str]) -> list[str]:
    """From the left, the longest known name; text that is no known name, up to the next comma."""
    if value in known:  # as it is, blanks at its ends too
        return [value]
    parts, found = value.split(","), []
    while parts:
        ends = (end for end in range(len(parts), 1, -1) if ",".join(parts[:end]).strip() in known)
        end = next(ends, 1)
        found.append(",".join(parts[:end]).strip())
        del parts[:end]
    return [name for name in found if name]


def numbers(text: str, option: str) -> list[float]:
    """Numbers separated by commas; other text is refused with one sentence."""
    try:
        return [float(word) for word in text.split(",") if word.strip()]
    except ValueError:
        raise ValueError(f"{option} must be numbers separated by commas; got {text!r}.") from None


def audited(data: "Data") -> list[str]:
    """Lines on the data of an audit's report."""
    constant = set(data.constant_features)
    used = [name for name in data.features if name not in constant]
    sizes = [task.n_train + task.n_test for task in data.tasks]
    return worked_on("Audited", data.n_rows, sizes, used, data.notes, data.sample)


def worked_on(
    verb: str,
    n_rows: int,
    sizes: Sequence[int],
    features: Sequence[str],
    notes: Sequence[str],
    sample: "Sample | None" = None,
) -> list[str]:
    """Lines on rows, tasks and columns; ``sizes`` are the rows of each task.

    >>> from patom.results.audit import Sample
    >>> some = Sample(rows=40, of_rows=9_000, tasks=2, of_tasks=300)
    >>> notes = ["Regression, since it was asked for."]
    >>> for line in worked_on("Audited", 40, [10, 30], ["price", "size"], notes, some):
    ...     print(line)
    Audited: a random sample of 40 of 9,000 rows, 2 of 300 tasks, 10 to 30 rows a task.
      2 features: 'price' and 'size'.
      Regression, since it was asked for.
    """
    rows, tasks = counted(n_rows, "row"), counted(len(sizes), "task")
    if sample is not None:
        rows = f"a random sample of {sample.rows:,} of {counted(sample.of_rows, 'row')}"
        if sample.tasks < sample.of_tasks:
            tasks = f"{sample.tasks:,} of {counted(sample.of_tasks, 'task')}"
    least, most = min(sizes), max(sizes)
    each = counted(most, "row") if least == most else f"{least:,} to {counted(most, 'row')}"
    columns = f"{counted(len(features), 'feature')}: {listed(features, _NAMED)}."
    return [f"{verb}: {rows}, {tasks}, {each} a task.", *(f"  {line}" for line in (columns, *notes))]
