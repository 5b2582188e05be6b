"""Rows that are given with an objective or with a grey-box attacker: checked once and kept read-only."""

from collections.abc import Callable
from typing import Any

from patom.core.arrays import AnyArray, FloatArray, read_only
from patom.core.exact import exact_array, values_of
from patom.core.labels import as_labels
from patom.models.given import rows_given, values_given


def keep_rows(holder: Any, *, instead: str | None = None) -> None:
    """Check ``X`` and, where given, ``y`` and ``task`` of a frozen dataclass; labels are kept as tuples.

    ``instead`` names the rows that are used where neither X nor y is given; None where X must be.

    Raises
    ------
    ValueError
        For anything but finite rows of shape (q, d), q values and q hashable labels.
    """
    owner = type(holder).__name__
    if instead is not None:
        if (holder.X is None) != (holder.y is None) or (holder.X is None and holder.task is not None):
            raise ValueError(f"X and y of {owner} must be given together, or neither for {instead}.")
        if holder.X is None:
            return
    rows = rows_given(owner, holder.X)
    object.__setattr__(holder, "X", read_only(rows))
    if getattr(holder, "y", None) is not None:
        object.__setattr__(holder, "y", values_given(owner, holder.y, rows.shape[0]))
    if holder.task is not None:
        labels = tuple(values_of(as_labels(holder.task, rows.shape[0])))
        try:
            hash(labels)
        except TypeError as error:
            raise ValueError(f"task of {owner} must hold hashable labels, such as strings: {error}.") from None
        object.__setattr__(holder, "task", labels)


def labels_of(holder: Any) -> AnyArray:
    """The rows' task labels as an array, shape (q,); task 0 for all where none are given."""
    return as_labels(None if holder.task is None else list(holder.task), holder.X.shape[0])


def numbers_of(holder: Any, encode: Callable[[AnyArray], FloatArray]) -> FloatArray:
    """The rows' targets as numbers, shape (q,), by ``encode``, which refuses what the victim does not know."""
    try:
        return encode(exact_array(holder.y))
    except ValueError as error:
        raise ValueError(f"y of {type(holder).__name__} must be targets like those of the data: {error}") from None
