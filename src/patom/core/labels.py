"""Task labels: any hashable values in, positions out."""

from collections.abc import Hashable
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

import numpy as np

from patom.core.arrays import AnyArray, BoolArray, IntArray
from patom.core.exact import exact_array, hidden, objects, same_moments, values_of


def as_labels(task: Any, n_rows: int) -> AnyArray:
    """One label a row as a one-dimensional array; ``None`` puts every row into task 0.

    A wrong number of labels, or a missing one (None or NaN), is a ValueError.
    """
    if task is None:
        return np.zeros(n_rows, dtype=np.int64)
    mask = hidden(task)
    if mask is not None and mask.ndim > 0:
        _refuse_missing(np.any(mask.reshape(mask.shape[0], -1), axis=1))
    labels = exact_array(task)
    if labels.ndim == 0:
        raise ValueError(f"task must hold one label for each of the {n_rows} rows of X; got a {type(task).__name__}.")
    if labels.size != n_rows:
        raise ValueError(f"task must hold one label for each of the {n_rows} rows of X; got {labels.size}.")
    _refuse_missing(is_missing(labels))
    return labels


def _refuse_missing(gaps: BoolArray) -> None:
    if gaps.any():
        raise ValueError(f"task holds a missing label in row {int(gaps.argmax())}; name a task for every row.")


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
    place = {label: i for i, label in enumerate(seen)}
    index = np.fromiter((place[label] for label in labels.tolist()), np.int64, labels.size)
    return (exact_array(seen) if all(isinstance(label, str) for label in seen) else objects(seen)), index


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


def positions(labels: AnyArray, tasks: AnyArray, *, argument: str, unseen: bool = False) -> IntArray:
    """Position of each label among ``tasks``; ``argument`` is named where a label is not among them.

    With ``unseen`` such a label has position -1, unless it is a known one but for its type: see ``require_new``.
    """
    found = places(labels, tasks)
    if unseen:
        require_new(labels[found < 0], tasks, argument=argument)
    elif found.size and found.min() < 0:
        raise ValueError(f"{argument} names {_unknown(values_of(labels)[int(found.argmin())], tasks)}")
    return found


def places(labels: AnyArray, tasks: AnyArray) -> IntArray:
    """Position of each label among ``tasks``, -1 for one that is not there; dates match in whatever unit.

    >>> places(np.array(["b", "c"]), np.array(["a", "b"]))
    array([ 1, -1])
    """
    wanted, index = encode(labels)
    known = np.ones(wanted.size, dtype=bool)
    if wanted.dtype.kind != tasks.dtype.kind and {wanted.dtype.kind, tasks.dtype.kind} & set("mM"):
        known[:] = False  # a date is not the number that it is kept as
    elif tasks.dtype.kind in "mM":
        wanted, known = same_moments(wanted, tasks.dtype)
    place = {task: i for i, task in enumerate(values_of(tasks))}
    found = [place.get(label, -1) if there else -1 for label, there in zip(values_of(wanted), known, strict=True)]
    return np.array(found, dtype=np.int64)[index]


def require_new(labels: AnyArray, known: AnyArray, *, argument: str, kind: str = "task") -> None:
    """Refuse labels that differ from a known one in type only, which is a mistake.

    >>> require_new(np.array(["7", "0"]), np.array([0, 1]), argument="task")
    Traceback (most recent call last):
        ...
    ValueError: task names the task '0' (str), and the training data hold 0 (int); give both the same type.
    """
    if labels.size == 0:
        return
    looks = {look: label for label in values_of(known) for look in _looks(label)}
    for label in dict.fromkeys(values_of(labels)):
        like = next((looks[look] for look in _looks(label) if look in looks), None)
        if like is not None:
            raise ValueError(
                f"{argument} names the {kind} {_typed(label)}, and the training data hold {_typed(like)}; give both "
                "the same type."
            )


def _looks(label: Any) -> list[str]:
    """How a label may be written: 2.0 also as 2, bytes also as their text."""
    if isinstance(label, float) and label.is_integer():
        return [str(label), str(int(label))]
    return [label.decode(errors="replace")] if isinstance(label, bytes) else [str(label)]


def _typed(label: Any) -> str:
    return f"{_printed(label)} ({type(label).__name__})"


def _unknown(label: Hashable, tasks: AnyArray) -> str:
    near = get_close_matches(str(label), [str(task) for task in values_of(tasks)], n=3)
    hint = f"the nearest names are {', '.join(near)}" if near else f"tasks are {_few(tasks)}"
    return f"the task {_printed(label)}, which the training data do not hold; {hint}."


def _few(tasks: AnyArray, most: int = 5) -> str:
    names = [_printed(task) for task in values_of(tasks[:most])]
    return ", ".join(names) + (f" and {tasks.size - most} more" if tasks.size > most else "")


def _printed(label: Any) -> str:
    return str(label) if isinstance(label, np.generic) else repr(label)


def is_missing(labels: AnyArray) -> BoolArray:
    """Which labels are gaps: None, NaN, what pandas writes for them, or numpy's masked value; shape (n,)."""
    if labels.dtype == object:
        return np.array([_is_gap(label) for label in labels.tolist()], dtype=bool)
    return np.isnan(labels) if labels.dtype.kind in "fmM" else np.zeros(labels.size, dtype=bool)


def _is_gap(label: Any) -> bool:
    # pandas' NA has no truth value, so it is known by its name; a NaN is the one label unequal to itself.
    if label is None or label is np.ma.masked or type(label).__name__ in ("NAType", "NaTType"):
        return True
    return bool(label != label)  # noqa: PLR0124
