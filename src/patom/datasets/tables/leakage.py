"""Features that reveal the task or the target: another name of it, a row number after sorting, a copy of the answer."""

from collections.abc import Iterator, Sequence
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from patom.core.labels import encode
from patom.wording import listed

_CHANCE = 1e-4  # a note is written only if chance explains a column in at most this share of random tables
_SOME = 50_000  # rows that are looked at first
_BLOCK = 1 << 17  # values that are sorted together


def leakage_notes(
    X: NDArray[np.float64], y: NDArray[np.float64], task: NDArray[Any], names: Sequence[str]
) -> list[str]:
    """Notes on the features, (n, d), that are one to one with the tasks, (n,), or that determine the targets, (n,).

    A feature determines the targets if rows of one value have one target, and most values are repeated, or if targets
    only rise or only fall with it; in both cases only if that happens by chance in at most one table of 10,000. Costs
    a sort of 50,000 rows a column, and of all rows of a column where these suggest something.

    >>> rows = np.arange(40.0)
    >>> X = np.column_stack([rows, np.cos(rows), 7 - rows % 2])
    >>> for note in leakage_notes(X, np.sqrt(rows), (rows % 2).astype(int), ["row", "wave", "site"]):
    ...     print(note)
    Features with one value for each task, like another name of it: 'site'; leave out what is no measurement.
    Features that determine the target in every row: 'row'; leave out what is not known before the target is.
    """
    notes = []
    twins = [names[j] for j in _task_twins(X, task)]
    if twins:
        what = "Features with one value for each task, like another name of it"
        notes.append(f"{what}: {listed(twins)}; leave out what is no measurement.")
    answers = [names[j] for j in _answers(X, y)]
    if answers:
        what = "Features that determine the target in every row"
        notes.append(f"{what}: {listed(answers)}; leave out what is not known before the target is.")
    return notes


def _task_twins(X: NDArray[np.float64], task: NDArray[Any]) -> Iterator[int]:
    """Columns with one value for each task, a different one for each."""
    tasks, index = encode(task)
    share = np.bincount(index) / index.size
    if tasks.size < 2 or (index.size - tasks.size) * log(share @ share) >= log(_CHANCE / X.shape[1]):
        return
    order = np.argsort(index, kind="stable")
    last = _last_of_run(index[order])
    some = _spread(index.size)
    some = some[~last[some]]
    for start, columns in _blocks(some.size, X.shape[1]):
        constant = (X[order[some], columns] == X[order[some + 1], columns]).all(axis=0)
        for j in start + np.flatnonzero(constant):
            own = X[order[last], j]
            if np.unique(own).size == tasks.size and (X[:, j] == own[index]).all():
                yield int(j)


def _last_of_run(values: NDArray[np.int64]) -> NDArray[np.bool_]:
    last = np.ones(values.size, dtype=bool)
    np.not_equal(values[1:], values[:-1], out=last[:-1])
    return last


def _answers(X: NDArray[np.float64], y: NDArray[np.float64]) -> Iterator[int]:
    """Columns that determine the target."""
    rows = _spread(y.size)
    some, limit = y[rows], log(_CHANCE / X.shape[1])
    least = limit / log(_same_by_chance(some))
    for start, columns in _blocks(rows.size, X.shape[1]):
        block = X[rows, columns]
        order = np.argsort(block, axis=0)
        block, target = np.take_along_axis(block, order, axis=0), some[order]
        same, equal = block[1:] == block[:-1], target[1:] == target[:-1]
        hopeful = ~(same & ~equal).any(axis=0) & (_one_way(target) | (same.sum(axis=0) > least))
        yield from (int(j) for j in start + np.flatnonzero(hopeful) if _determines(X[:, j], y, limit))


def _determines(column: NDArray[np.float64], y: NDArray[np.float64], limit: float) -> bool:
    order = np.argsort(column)
    column, y = column[order], y[order]
    new = np.concatenate([[True], column[1:] != column[:-1]])
    run, levels = np.cumsum(new) - 1, y[new]
    if (y != levels[run]).any():
        return False
    if _one_way(levels):
        _, counts = np.unique(levels, return_counts=True)
        orders = gammaln(counts + 1.0).sum() - gammaln(
            levels.size + 1.0
        )  # log of the share of all orders of the targets that rise
        if log(2.0) + orders < limit:
            return True
    values, counts = np.unique(y, return_counts=True)
    rare = y != values[counts.argmax()]  # rows whose target is not the most frequent one
    repeated = np.bincount(run)[run] > 1
    chance = (y.size - levels.size) * log(_same_by_chance(y))
    return bool(chance < limit and 2 * (repeated & rare).sum() >= rare.sum())


def _one_way(values: NDArray[np.float64]) -> Any:
    """Whether columns only rise or only fall."""
    return (values[1:] >= values[:-1]).all(axis=0) | (values[1:] <= values[:-1]).all(axis=0)


def _blocks(rows: int, columns: int) -> Iterator[tuple[int, slice]]:
    """Parts of the columns that are examined together: the number of the first, and the part."""
    width = max(1, _BLOCK // max(rows, 1))
    return ((start, slice(start, start + width)) for start in range(0, columns, width))


def _same_by_chance(y: NDArray[np.float64]) -> float:
    """The probability that two rows have the same target; below 1, as targets are not constant."""
    _, counts = np.unique(y, return_counts=True)
    share = counts / y.size
    return min(float(share @ share), 1.0 - 1e-12)


def _spread(n: int) -> NDArray[np.int64]:
    """Positions of at most 50,000 of n rows, evenly spread."""
    return np.arange(n) if n <= _SOME else np.linspace(0, n - 1, _SOME).astype(np.int64)
