"""Hold out test rows of every task."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def hold_out(
    y: ArrayLike,
    task: ArrayLike,
    *,
    fraction: float,
    stratify: bool,
    rng: np.random.Generator,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Split the rows into training and test rows, task by task.

    A group is a task or, with `stratify`, a class within a task. Of a group of k rows, fraction * k rows are
    held out, rounded down or up; remainders are carried from group to group, so the same holds for each task
    and for the whole table. At least one row of every group is kept for training: a group of one row is never
    held out, and no row at all may be if groups are very small.

    Parameters
    ----------
    y : (n,) targets; only their equality matters, and only with `stratify`.
    task : (n,) task labels.
    fraction : the part of the rows to hold out, above 0 and below 1.
    stratify : whether to split the classes of a task separately (for classification).
    rng : source of all draws; the same state gives the same split.

    Returns
    -------
    (train, test) : sorted row numbers that together are 0..n-1.

    Raises
    ------
    ValueError
        If the fraction is not between 0 and 1, or y and task differ in length.

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
    rank = np.arange(y.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    is_test = np.zeros(y.size, dtype=bool)
    is_test[order] = rank < np.repeat(held, sizes)
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)


def _groups(y: NDArray[np.generic], task: NDArray[np.generic]) -> NDArray[np.intp]:
    """Give each row the number of its pair (task, class); the pairs of one task have adjacent numbers."""
    task_code = np.unique(task, return_inverse=True)[1]
    classes, class_code = np.unique(y, return_inverse=True)
    pair = task_code * classes.size + class_code
    return np.unique(pair, return_inverse=True)[1]
