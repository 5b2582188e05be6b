"""What every region answers, and what regions share: checked arguments, comparison by value, row norms."""

from collections.abc import Hashable
from dataclasses import fields
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from patom.core.arrays import BoolArray, FloatArray, read_only
from patom.core.exact import hidden

SLACK = 1e-12
"""Rounding that ``contains`` forgives, relative to the numbers that describe the region."""


@runtime_checkable
class Region(Protocol):
    """A closed convex set of feature vectors (the constant feature takes no part).

    A row that holds NaN is projected to a row that holds NaN and is contained nowhere; the other rows are unaffected.
    """

    def project(self, X: FloatArray) -> FloatArray:
        """The nearest points of the region, row by row, shape (n, d); a row inside comes back as it is."""

    def contains(self, X: FloatArray) -> BoolArray:
        """Which rows lie in the region, up to rounding, shape (n,)."""

    def sample(self, n: int, d: int, rng: np.random.Generator) -> FloatArray:
        """Rows drawn uniformly from the region, shape (n, d)."""


class ByValue:
    """Equal and hashed by the fields of a dataclass, arrays included."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and _key(self) == _key(other)

    def __hash__(self) -> int:
        return hash((type(self).__name__, _key(self)))


def _key(value: Any) -> Hashable:
    if isinstance(value, ByValue):
        return (type(value), *(_key(getattr(value, part.name)) for part in fields(value)))  # type: ignore[arg-type]
    if isinstance(value, np.ndarray):
        return (value.shape, value.tobytes())
    if isinstance(value, tuple):
        return tuple(map(_key, value))
    key: Hashable = value
    return key


def positive(owner: str, name: str, value: Any) -> float:
    """A positive finite number as a float."""
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not (number and 0.0 < value < np.inf):
        raise ValueError(f"{name} of {owner} must be a positive finite number; got {value!r}.")
    return float(value)


def coordinates(owner: str, name: str, value: npt.ArrayLike, *, finite: bool = True) -> float | FloatArray:
    """One number for all features, or a number for each as a read-only array of shape (d,)."""
    require_shown(owner, name, value)
    try:
        array = np.array(value, dtype=np.float64) + 0.0  # a copy, in which -0.0 is 0.0
    except (TypeError, ValueError):
        raise ValueError(f"{name} of {owner} must be a number or an array of shape (d,); got {value!r}.") from None
    if array.ndim > 1 or array.size == 0:
        raise ValueError(
            f"{name} of {owner} must be a number or an array of shape (d,); got an array of shape {array.shape}."
        )
    if np.isnan(array).any() or (finite and not np.isfinite(array).all()):
        raise ValueError(f"{name} of {owner} must be {'finite' if finite else 'free of NaN'}; got {value!r}.")
    return float(array) if array.ndim == 0 else read_only(array)


def require_shown(owner: str, name: str, value: Any) -> None:
    """Refuse values with a masked one among them, which is no number."""
    if hidden(value) is not None:
        raise ValueError(f"{name} of {owner} holds a masked value; give a number in its place.")


def require_width(owner: str, d: int, *given: float | FloatArray) -> None:
    """Refuse rows of another number of features than the region's own arrays have."""
    for value in given:
        if np.ndim(value) == 1 and np.size(value) != d:
            raise ValueError(f"{owner} is a region of {np.size(value)} features, but the rows have {d}.")


def row_norms(X: FloatArray) -> FloatArray:
    """l2 norms of the rows, shape (n, 1), that neither overflow nor underflow on the way.

    >>> row_norms(np.array([[3e200, 4e200]]))
    array([[5.e+200]])
    """
    largest = np.abs(X).max(axis=1, initial=0.0, keepdims=True)
    usable = np.isfinite(largest) & (largest > 0.0)
    # Powers of two: dividing by them and multiplying again changes no bit of an ordinary norm.
    scale = np.ldexp(1.0, np.frexp(np.where(usable, largest, 1.0))[1] - 1)
    with np.errstate(under="ignore", invalid="ignore"):
        return np.asarray(scale * np.linalg.norm(X / scale, axis=1, keepdims=True))
