"""The data of a command in a few lines: rows, tasks, the columns used, and choices made for the user."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from patom.wording import counted, listed

if TYPE_CHECKING:
    from patom.results.audit import Data, Sample

_NAMED = 5  # columns; the others are only counted


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
