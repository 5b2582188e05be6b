"""The rows of a table in an order that does not depend on the file's, and a sample where there are many."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patom.core.arrays import AnyArray, BoolArray
from patom.core.grouped import places_within
from patom.core.labels import encode
from patom.datasets.splits import hold_out
from patom.datasets.tables.table import Table

LEAST_PER_TASK = 20
"""Rows of a task in a sample: where a sample cannot hold so many of every task, it leaves tasks out."""


def in_own_order(table: Table) -> Table:
    """The same rows, sorted by task, then target, then features.

    Draws from rows in this order depend neither on the file's order of rows nor on units. Costs a sort and, while it
    lasts, a copy of the rows.
    """
    columns = {"task": encode(table.task)[1], "target": table.y} | {str(k): x for k, x in enumerate(table.X.T)}
    order = pc.sort_indices(pa.table(columns), sort_keys=[(name, "ascending") for name in columns]).to_numpy()
    return replace(table, X=table.X[order], y=table.y[order], task=table.task[order])


def sampled(
    table: Table, max_rows: int, keep: Sequence[object], rng: np.random.Generator
) -> tuple[Table, dict[str, int] | None]:
    """About ``max_rows`` rows at most, of every task if each can have enough of them, else of some tasks.

    Parameters
    ----------
    keep : task labels
        Tasks that the sample must hold, as far as they fit.

    Returns
    -------
    Table
    dict or None
        ``rows`` of ``of_rows`` and ``tasks`` of ``of_tasks``; None where all rows were taken.
    """
    n = table.y.size
    if n <= max_rows:
        return table, None
    tasks, index = encode(table.task)
    if max_rows >= LEAST_PER_TASK * tasks.size:
        stratify = table.kind == "classification"
        rows, _ = hold_out(table.y, table.task, fraction=1.0 - max_rows / n, stratify=stratify, rng=rng)
    else:
        rows = _some_tasks(index, max_rows, np.isin(tasks.astype(str), [str(label) for label in keep]), rng)
    taken = {"rows": rows.size, "of_rows": n, "tasks": np.unique(index[rows]).size, "of_tasks": tasks.size}
    return replace(table, X=table.X[rows], y=table.y[rows], task=table.task[rows]), taken


def _some_tasks(index: AnyArray, max_rows: int, kept: BoolArray, rng: np.random.Generator) -> AnyArray:
    """Rows of the tasks kept and of as many others as fit, in random order; no task fills more than a fiftieth."""
    cap = max(LEAST_PER_TASK, max_rows // 50)
    order = rng.permutation(kept.size)
    order = order[np.argsort(~kept[order], kind="stable")]
    counts = np.minimum(np.bincount(index), cap)
    chosen = np.zeros(kept.size, dtype=bool)
    chosen[order[np.cumsum(counts[order]) <= max_rows]] = True
    shuffled = rng.permutation(index.size)
    shuffled = shuffled[np.argsort(index[shuffled], kind="stable")]
    rank = places_within(np.bincount(index))
    return np.sort(shuffled[(rank < cap) & chosen[index[shuffled]]])
