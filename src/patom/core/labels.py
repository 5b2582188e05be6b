"""Task labels: any hashable values in, positions out."""

from collections.abc import Hashable
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

import numpy as np

from patom.core.arrays import AnyArray, BoolArray, IntArray


def as_labels(task: Any, n_rows: int) -> AnyArray:
    """One label a row as a one-dimensional array; ``None`` puts every row into task 0.

    Raises
    ------
    ValueError
        Where the number of labels is not ``n_rows`` or a label is missing (None or NaN).
    """
    if task is None:
        return np.zeros(n_rows, dtype=np.int64)
    try:
        labels = np.asarray(task)
    except ValueError:  # tuples of different lengths
        labels = np.empty((0, 0))
    if labels.ndim == 0:
        raise ValueError(f"task must hold one label for each of the {n_rows} rows of X; got a {type(task).__name__}.")
    if labels.ndim > 1 or _renamed(task, labels):
        rows = task if isinstance(task, list | tuple) else labels.tolist()  # a data frame would give its columns
        labels = np.empty(len(rows), dtype=object)
        labels[:] = [tuple(label) if isinstance(label, list | np.ndarray) else label for label in rows]
    if labels.size != n_rows:
        raise ValueError(f"task must hold one label for each of the {n_rows} rows of X; got {labels.size}.")
    missing = np.flatnonzero(is_missing(labels))
    if missing.size:
        raise ValueError(f"task holds a missing label in row {missing[0]}; name a task for every row.")
    return labels


def encode(labels: AnyArray) -> tuple[AnyArray, IntArray]:
    """Distinct labels, sorted where they can be and else as they come, and each row's position among them.

    >>> encode(np.array(["b", "a", "b"]))
    (array(['a', 'b'], dtype='<U1'), array([1, 0, 1]))
    """
    if labels.dtype != object:
        return _encode_plain(labels)
    seen = list(dict.fromkeys(labels.tolist()))
    with suppress(TypeError):  # labels of several types have no order
        seen.sort()
    distinct = np.empty(len(seen), dtype=object)
    distinct[:] = seen
    if all(isinstance(label, str) for label in seen):
        distinct = distinct.astype(str)
    place = {label: i for i, label in enumerate(seen)}
    return distinct, np.fromiter((place[label] for label in labels.tolist()), np.int64, labels.size)


def _encode_plain(labels: AnyArray) -> tuple[AnyArray, IntArray]:
    """Labels of a type that numpy can sort, without sorting where they are sorted, or whole numbers close together."""
    if labels.dtype.kind in "biufmMUS" and labels.size > 0 and (labels[1:] >= labels[:-1]).all():
        changes = labels[1:] != labels[:-1]
        index = np.zeros(labels.size, dtype=np.int64)
        np.cumsum(changes, out=index[1:])
        return labels[np.concatenate([[True], changes])], index
    if labels.dtype.kind == "i" and labels.size > 0 and int(labels.max()) - int(labels.min()) < 4 * labels.size:
        least = int(labels.min())
        shifted = labels.astype(np.int64) - least
        present = np.bincount(shifted) > 0
        place = np.cumsum(present) - 1
        return (np.flatnonzero(present) + least).astype(labels.dtype), place[shifted]
    distinct, index = np.unique(labels, return_inverse=True)
    return distinct, index.astype(np.int64)


def positions(labels: AnyArray, tasks: AnyArray, *, argument: str) -> IntArray:
    """Position of each label among ``tasks``; ``argument`` is named where a label is not among them."""
    wanted, index = encode(labels)
    place = {label: i for i, label in enumerate(tasks.tolist())}
    found = [place.get(label, -1) for label in wanted.tolist()]
    if -1 in found:
        raise ValueError(f"{argument} names {_unknown(wanted.tolist()[found.index(-1)], tasks)}")
    return np.array(found, dtype=np.int64)[index]


def _unknown(label: Hashable, tasks: AnyArray) -> str:
    near = get_close_matches(str(label), [str(task) for task in tasks.tolist()], n=3)
    hint = f"the nearest names are {', '.join(near)}" if near else f"tasks are {_few(tasks)}"
    return f"the task {label!r}, which the training data do not hold; {hint}."


def _few(tasks: AnyArray, most: int = 5) -> str:
    names = [repr(task) for task in tasks[:most].tolist()]
    return ", ".join(names) + (f" and {tasks.size - most} more" if tasks.size > most else "")


def _renamed(task: Any, labels: AnyArray) -> bool:
    """Whether numpy wrote other labels out as text: it makes "1" of 1 and "nan" of a gap next to a string."""
    return isinstance(task, list | tuple) and labels.dtype.kind in "US" and len({type(label) for label in task}) > 1


def is_missing(labels: AnyArray) -> BoolArray:
    """Which labels are gaps: None, NaN, or what pandas writes for them; shape (n,)."""
    if labels.dtype == object:
        return np.array([_is_gap(label) for label in labels.tolist()], dtype=bool)
    return np.isnan(labels) if labels.dtype.kind in "fmM" else np.zeros(labels.size, dtype=bool)


def _is_gap(label: Any) -> bool:
    # pandas' NA has no truth value, so it is known by its name; a NaN is the one label unequal to itself.
    return label is None or type(label).__name__ in ("NAType", "NaTType") or bool(label != label)  # noqa: PLR0124
