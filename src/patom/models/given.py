"""Rows that are a setting, held by value: what they must be, with errors that name their owner."""

from typing import Any

import numpy as np

from patom.core.arrays import AnyArray, FloatArray
from patom.core.exact import exact_array, exact_column, joined, values_of
from patom.models.reading import require_shown
from patom.models.settings import require_features


def rows_given(owner: str, given: Any) -> FloatArray:
    """``X`` of an ``owner`` as finite numbers, shape (q, d), a copy; anything else is a ValueError."""
    require_shown(**{f"X of {owner}": given})
    try:
        rows = np.array(given, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        kind = type(given).__name__
        raise ValueError(f"X of {owner} must be an array of numbers, shape (q, d); the given {kind} is none.") from None
    if rows.ndim != 2 or rows.size == 0:
        raise ValueError(f"X of {owner} must be rows, shape (q, d); got an array of shape {rows.shape}.")
    require_features(rows, name=f"X of {owner}")
    return rows


def values_given(owner: str, given: Any, n: int) -> tuple[Any, ...]:
    """``y`` of an ``owner`` as ``n`` values, numbers or classes, each as it was given; other numbers are refused."""
    require_shown(**{f"y of {owner}": given})
    column = exact_column(given)
    if getattr(column, "shape", ())[1:] == (1,):
        column = np.asarray(column).ravel()
    y = tuple(values_of(np.atleast_1d(exact_array(column))))
    if len(y) != n:
        raise ValueError(f"y of {owner} must hold {n} values, one a row; got {len(y) or type(given).__name__}.")
    return y


def joined_targets(first: AnyArray, more: AnyArray) -> AnyArray:
    """Targets, one after the other: numbers in a type for all of them, classes as they are."""
    numbers = {first.dtype.kind, more.dtype.kind} <= set("biuf")
    return np.concatenate([first, more]) if numbers else joined(first, more)
