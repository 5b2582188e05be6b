"""Converters: data as people have them become rows in long format.

Users have one pair (X_i, y_i) for each task, one X with a matrix of targets of which some were not observed, or
multi-class labels, which become one task for each class.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from patom.core.arrays import AnyArray, BoolArray, FloatArray, IntArray
from patom.core.exact import joined
from patom.datasets.arguments import (
    ColumnNames,
    check_finite,
    exact_entries,
    holds_numbers,
    label_array,
    plain_numbers,
    read_matrix,
    read_target,
)
from patom.datasets.dataset import LongTable


def from_task_arrays(tasks: Sequence[tuple[Any, Any]] | Mapping[Any, tuple[Any, Any]]) -> LongTable:
    """Stack one pair ``(X_i, y_i)`` for each task into long format.

    Parameters
    ----------
    tasks : sequence or mapping of pairs
        ``X_i`` of shape (n_i, d), numeric, array or data frame; ``y_i`` of shape (n_i,), numbers or labels. A
        sequence names its tasks 0 to m - 1, a mapping by its keys.

    Returns
    -------
    LongTable
        Tasks in the order given, within a task rows in the order given; one copy of the data. The cost is
        linear in rows and tasks: 100,000 small tasks of arrays take less than a second.

    Raises
    ------
    ValueError
        No task, an empty task, lengths of ``X_i`` and ``y_i`` that differ, numbers or names of features that
        differ between tasks, a feature that is not a finite number, a missing or infinite target, targets
        that are numbers in one task and labels in another.
    TypeError
        ``tasks`` or one of its entries is of another type.

    Examples
    --------
    >>> X, y, task = from_task_arrays({"ann": ([[1.0, 2.0]], [3.0]), "bob": ([[4.0, 5.0]], [6.0])})
    >>> task.tolist(), y.tolist()
    (['ann', 'bob'], [3.0, 6.0])
    """
    labels, pairs = _split_tasks(tasks)
    features: list[FloatArray] = []
    targets: list[AnyArray] = []
    first_names: ColumnNames = None
    for label, pair in zip(labels, pairs, strict=True):
        X, names = read_matrix(pair[0], f"from_task_arrays: X of task {label!r}")
        y = read_target(pair[1], f"from_task_arrays: y of task {label!r}", n_rows=X.shape[0])
        first_names = names if first_names is None else first_names
        if features and X.shape[1] != features[0].shape[1]:
            raise ValueError(
                f"from_task_arrays: task {label!r} has {X.shape[1]} features and task {labels[0]!r} has "
                f"{features[0].shape[1]}; give every task the same features in the same order"
            )
        if names is not None and names != first_names:
            raise ValueError(
                f"from_task_arrays: the columns of task {label!r} are {list(names)}, "
                f"those of an earlier task {list(first_names or ())}; give every task the same, in one order"
            )
        features.append(X)
        targets.append(y)
    X = np.concatenate(features)
    _check_finite_by_task(X, "X", features, labels, first_names)
    y, counts = _join_targets(targets, labels), [own.size for own in targets]
    return LongTable(X, y, np.repeat(label_array(labels, "from_task_arrays: tasks"), counts))


def from_target_matrix(X: Any, Y: Any, tasks: Iterable[Hashable] | None = None) -> LongTable:
    """Turn one feature matrix and a matrix of targets, one column for each task, into long format.

    Parameters
    ----------
    X : array or data frame of shape (n, d)
        Features that the tasks share, finite numbers.
    Y : array or data frame of shape (n, m)
        Targets, numbers; NaN (or a data frame's null) means "not observed" and gives no row. They become float64 but
        where whole numbers from 2**53 on would change; these stay what they are.
    tasks : iterable of m labels, optional
        Names of the columns of ``Y``. Default: a data frame's column names, else 0 to m - 1.

    Returns
    -------
    LongTable
        Tasks in the order of the columns, within a task rows in the order of ``X``. A row of ``X`` is
        repeated for every observed target: memory is d numbers for each of them.

    Raises
    ------
    ValueError
        ``X`` and ``Y`` of different length, a feature that is not a finite number, an infinite target, a task
        with nothing observed, labels that are too many, too few or repeated.

    Examples
    --------
    >>> X, y, task = from_target_matrix([[1.0], [2.0]], [[5.0, 6.0], [float("nan"), 7.0]], tasks=["u", "v"])
    >>> X.ravel().tolist(), y.tolist(), task.tolist()
    ([1.0, 1.0, 2.0], [5.0, 6.0, 7.0], ['u', 'v', 'v'])
    """
    features, names = read_matrix(X, "from_target_matrix: X")
    targets, columns = read_matrix(Y, "from_target_matrix: Y")
    n, m = targets.shape
    if n != features.shape[0]:
        raise ValueError(
            f"from_target_matrix: X has {features.shape[0]} rows and Y has {n}; give both one row for each example"
        )
    chosen = list(tasks) if tasks is not None else list(columns or range(m))
    if len(chosen) != m:
        raise ValueError(f"from_target_matrix: tasks has {len(chosen)} labels for the {m} columns of Y")
    labels = label_array(chosen, "from_target_matrix: tasks")
    check_finite(features, "from_target_matrix: X", names)
    observed = ~np.isnan(targets)
    _check_target_matrix(targets, observed, chosen)
    task_index, row = np.nonzero(observed.T)
    y = targets[row, task_index]
    if (np.abs(y) >= 2.0**53).any():
        y = plain_numbers(exact_entries(Y)[row, task_index])
    return LongTable(features[row], y, labels[task_index])


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


def _split_tasks(tasks: Any) -> tuple[list[Any], list[tuple[Any, Any]]]:
    """Labels and pairs, each entry known to be a pair."""
    if isinstance(tasks, Mapping):
        labels, pairs = list(tasks.keys()), list(tasks.values())
    elif isinstance(tasks, list | tuple):
        labels, pairs = list(range(len(tasks))), list(tasks)
    else:
        raise TypeError(
            f"from_task_arrays: tasks is of type {type(tasks).__name__}; pass a list or a dict of pairs (X_i, y_i)"
        )
    if not pairs:
        raise ValueError("from_task_arrays: tasks is empty; pass one pair (X_i, y_i) or more")
    for label, pair in zip(labels, pairs, strict=True):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise TypeError(f"from_task_arrays: task {label!r} is no pair; pass (X_i, y_i) for every task")
    return labels, pairs


def _join_targets(targets: list[AnyArray], labels: list[Any]) -> AnyArray:
    numeric = [holds_numbers(y) for y in targets]
    if len(set(numeric)) > 1:
        other = labels[numeric.index(not numeric[0])]
        raise ValueError(
            "from_task_arrays: y holds numbers in some tasks and labels in others "
            f"({labels[0]!r} and {other!r} differ); make them one kind"
        )
    y = joined(*targets)
    _check_finite_by_task(y, "y", targets, labels)
    return y


def _check_target_matrix(targets: FloatArray, observed: BoolArray, labels: list[Any]) -> None:
    if np.isinf(targets).any():
        row, column = np.argwhere(np.isinf(targets))[0]
        raise ValueError(
            f"from_target_matrix: Y is infinite in row {row}, task {labels[column]!r}; use NaN for not observed"
        )
    if not observed.any(axis=0).all():
        label = labels[int(np.argmin(observed.any(axis=0)))]
        raise ValueError(f"from_target_matrix: task {label!r} has nothing observed in Y; leave the column out")


def _check_finite_by_task(
    array: AnyArray, letter: str, parts: Sequence[AnyArray], labels: list[Any], names: ColumnNames = None
) -> None:
    """Check all tasks' values at once, and task by task only where one may be bad."""
    if array.dtype == object or (array.dtype.kind == "f" and not np.isfinite(array).all()):
        for label, own in zip(labels, parts, strict=True):
            check_finite(own, f"from_task_arrays: {letter} of task {label!r}", names)


def _draw(rows: IntArray, count: int | None, generator: np.random.Generator, name: str) -> IntArray:
    if count is None:
        return rows
    if not isinstance(count, Integral) or not 1 <= count <= rows.size:
        raise ValueError(f"{name} has {rows.size} rows to draw from, asked for {count}; ask for 1 to {rows.size}")
    return generator.choice(rows, size=int(count), replace=False)
