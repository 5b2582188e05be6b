"""Multi-class labels as one task for each class, with all rows or as many as are drawn."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np

from patom.core.arrays import AnyArray, IntArray
from patom.datasets.dataset import LongTable
from patom.datasets.tables.arrays import check_finite, read_matrix, read_target


def one_vs_rest_tasks(
    X: Any,
    y: Any,
    *,
    positives: int | None = None,
    negatives: int | None = None,
    random_state: int | np.random.Generator | None = None,
) -> LongTable:
    """Turn multi-class labels into one task for each class: +1 for its rows, -1 for the others'.

    The paper makes its ten MNIST tasks in this way, with 300 rows of the digit and 300 of the others in each
    (Zhao et al. 2018, experiments): ``positives=300, negatives=300``.

    Parameters
    ----------
    X : array or data frame of shape (n, d)
        Features, finite numbers.
    y : array of shape (n,)
        Class labels, two classes at least.
    positives, negatives : int, optional
        Number of rows of the class and of the others, drawn without replacement for every task on its own.
        Default: all of them.
    random_state : int, numpy Generator or None, default None
        Source of the draws; without draws it is not used.

    Returns
    -------
    LongTable
        Tasks in sorted order of the classes and labelled by them, ``y`` integers -1 and +1, within a task
        rows in the order of ``X``. Without limits every row occurs once in every task: memory is n m d
        numbers.

    Raises
    ------
    ValueError
        Fewer than two classes, fewer rows than asked for, a missing label, a feature that is not a finite
        number.

    Examples
    --------
    >>> X, y, task = one_vs_rest_tasks([[1.0], [2.0], [3.0]], ["a", "b", "c"], negatives=1, random_state=0)
    >>> task.tolist(), sorted(y.tolist())
    (['a', 'a', 'b', 'b', 'c', 'c'], [-1, -1, -1, 1, 1, 1])
    """
    features, names = read_matrix(X, "one_vs_rest_tasks: X")
    labels = read_target(y, "one_vs_rest_tasks: y", n_rows=features.shape[0])
    check_finite(features, "one_vs_rest_tasks: X", names)
    check_finite(labels, "one_vs_rest_tasks: y")
    try:
        classes, codes = np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise ValueError("one_vs_rest_tasks: y mixes types that have no order; make all labels text") from error
    if classes.size < 2:
        raise ValueError(
            f"one_vs_rest_tasks: y holds the one class {classes.tolist()[0]!r}; it takes two to tell apart"
        )
    limits = [positives] * classes.size, [negatives] * classes.size
    table = one_vs_rest(features, codes, *limits, np.random.default_rng(random_state), classes.tolist())
    return table._replace(task=classes[table.task])


def one_vs_rest(
    X: AnyArray,
    codes: IntArray,
    positives: Sequence[int | None],
    negatives: Sequence[int | None],
    generator: np.random.Generator,
    classes: Sequence[Any],
) -> LongTable:
    """One task for each of m classes, labelled by its number 0 to m - 1; rows of a task in the order of ``X``.

    ``codes`` are the classes of the rows, (n,). Of ``positives`` and ``negatives``, m numbers of rows to draw without
    replacement, None takes all. ``classes`` are names for errors: ValueError where there are fewer rows than asked for.

    >>> one_vs_rest(np.eye(2), np.array([0, 1]), [None] * 2, [None] * 2, np.random.default_rng(0), ["a", "b"]).y
    array([ 1, -1, -1,  1])
    """
    chosen = []
    for code, label in enumerate(classes):
        inside = codes == code
        own = _draw(np.flatnonzero(inside), positives[code], generator, f"positives: class {label!r}")
        others = _draw(np.flatnonzero(~inside), negatives[code], generator, f"negatives: task {label!r}")
        chosen.append(np.sort(np.concatenate([own, others])))
    rows, task = np.concatenate(chosen), np.repeat(np.arange(len(chosen)), [rows.size for rows in chosen])
    return LongTable(X[rows].astype(np.float64, copy=False), np.where(codes[rows] == task, 1, -1), task)


def _draw(rows: IntArray, count: int | None, generator: np.random.Generator, name: str) -> IntArray:
    if count is None:
        return rows
    if not isinstance(count, Integral) or not 1 <= count <= rows.size:
        raise ValueError(f"{name} has {rows.size} rows to draw from, asked for {count}; ask for 1 to {rows.size}")
    return generator.choice(rows, size=int(count), replace=False)
