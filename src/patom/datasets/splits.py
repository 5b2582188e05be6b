"""Draw the training and test rows of a data set."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from patom.core.arrays import BoolArray, IntArray
from patom.core.grouped import places_within


def hold_out(
    y: ArrayLike, task: ArrayLike, *, fraction: float, stratify: bool, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Split the rows into training and test rows, task by task.

    A group is a task or, with ``stratify``, a class within a task. Of a group of k rows, ``fraction`` * k rows are held
    out, rounded down or up; remainders are carried from group to group, so the same holds for each task and for the
    whole table. At least one row of every group is kept for training: a group of one row is never held out, and no row
    at all may be if groups are very small.

    ``y`` are (n,) targets, of which only equality matters; ``task`` (n,) labels. Returns the sorted row numbers
    (train, test), together 0 to n - 1. ValueError if the fraction is not between 0 and 1, or y and task differ in
    length.

    Notes
    -----
    Cost: a few sorts of n values, whatever the number of groups. One uniform draw decides where the carried
    remainders start, and n more the order within groups. The paper does not say how it draws the rows of a
    task; doing so uniformly, or by class, is this package's choice.

    Examples
    --------
    >>> task = np.repeat(["a", "b"], [8, 1])
    >>> train, test = hold_out(np.zeros(9), task, fraction=0.25, stratify=False, rng=np.random.default_rng(0))
    >>> test.size, task[train].tolist().count("a"), 8 in train
    (2, 6, True)
    """
    y, task = np.asarray(y), np.asarray(task)
    if not 0.0 < fraction < 1.0:
        raise ValueError(f"fraction must be above 0 and below 1, but it is {fraction!r}.")
    if y.ndim != 1 or y.shape != task.shape:
        raise ValueError(
            f"y and task must be two vectors of one length, but have the shapes {y.shape} and {task.shape}."
        )
    group = _groups(y, task) if stratify else np.unique(task, return_inverse=True)[1]
    sizes = np.bincount(group)
    # Rounding the running total, not each group, keeps small groups from all being rounded the same way.
    edges = np.floor(fraction * np.cumsum(sizes) + rng.random())
    held = np.minimum(np.diff(edges, prepend=0.0).astype(np.intp), sizes - 1)
    order = np.lexsort((rng.random(y.size), group))
    is_test = np.zeros(y.size, dtype=bool)
    is_test[order] = places_within(sizes) < np.repeat(held, sizes)
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)


def _groups(y: NDArray[np.generic], task: NDArray[np.generic]) -> NDArray[np.intp]:
    """Give each row the number of its pair (task, class); the pairs of one task have adjacent numbers."""
    task_code = np.unique(task, return_inverse=True)[1]
    classes, class_code = np.unique(y, return_inverse=True)
    pair = task_code * classes.size + class_code
    return np.unique(pair, return_inverse=True)[1]


def mark_drawn(groups: Sequence[IntArray], counts: Sequence[int], rng: np.random.Generator) -> BoolArray:
    """Mark so many rows of each group, drawn without replacement; the groups are the numbers of all rows, shape (n,).

    >>> mark_drawn([np.array([0, 2]), np.array([1])], [2, 0], np.random.default_rng(0))
    array([ True, False,  True])
    """
    marked = np.zeros(sum(rows.size for rows in groups), dtype=np.bool_)
    for rows, count in zip(groups, counts, strict=True):
        marked[rng.choice(rows, size=count, replace=False)] = True
    return marked


def share(wanted: float, available: int) -> int:
    """A number of rows, rounded, with one row at least on either side where there are two.

    >>> share(2.4, 10), share(0.1, 10), share(9.9, 10), share(0.9, 1)
    (2, 1, 9, 1)
    """
    least = 1 if available >= 2 else 0
    return min(max(round(wanted), least), available - least)
