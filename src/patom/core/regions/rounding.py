"""Whole numbers and one-hot groups: the nearest rows of a region with such columns."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from patom.core.arrays import BoolArray, FloatArray
from patom.core.regions.bounds import Fixed
from patom.core.regions.intersection import Intersection
from patom.core.regions.values import ByValue, Region, coordinates

_MAX_TRIES = 2_000
_WHOLE = 1e-9  # relative rounding that counts as a whole number


@dataclass(frozen=True, eq=False)
class Columns(ByValue):
    """Columns of whole numbers and one-hot groups, which injected rows must have too.

    Parameters
    ----------
    integer : sequence of int
        Columns that hold multiples of their unit.
    one_hot : sequence of sequences of int
        Groups of columns of which one holds its unit, and the others 0. No column may be named twice.
    unit : float or array of shape (d,), default 1.0
        What 1 is in the units of X, above 0: a column divided by 50 has the unit 0.02.
    origin : float or array of shape (d,), default 0.0
        Where 0 lies in the units of X: a column less its mean 3 has the origin -3.

    Examples
    --------
    >>> Columns(integer=[0], one_hot=[[1, 2]]).hold(np.array([[3.0, 0.0, 1.0], [3.0, 0.5, 0.5], [0.1, 1.0, 0.0]]))
    array([ True, False, False])
    """

    integer: tuple[int, ...] = ()
    one_hot: tuple[tuple[int, ...], ...] = ()
    unit: float | FloatArray = 1.0
    origin: float | FloatArray = 0.0

    def __post_init__(self) -> None:
        groups = self.one_hot if isinstance(self.one_hot, Iterable) else (self.one_hot,)
        object.__setattr__(self, "integer", _columns("integer", self.integer))
        object.__setattr__(self, "one_hot", tuple(_columns("a group of one_hot", group) for group in groups))
        for name in ("unit", "origin"):
            object.__setattr__(self, name, coordinates("Columns", name, getattr(self, name)))
        named = [*self.integer, *(column for group in self.one_hot for column in group)]
        widths = [np.size(value) for value in (self.unit, self.origin) if np.ndim(value) == 1]
        self.require(*widths[:1] or [max([column + 1 for column in named if column >= 0], default=1)])

    def require(self, d: int) -> None:
        """Refuse rows of ``d`` features where these columns don't fit them."""
        _require_shapes(d, self.unit, self.origin)  # no array of d numbers is made, d being whatever a file says
        _check(_slots(self.integer, self.one_hot), np.asarray(self.unit), d)

    def round(self, X: FloatArray, region: Region) -> FloatArray:
        """The nearest rows of the region that have them, see ``round_features``."""
        return round_features(
            X, region, integer=self.integer, one_hot=self.one_hot, unit=self.unit, origin=self.origin
        ).X

    def hold(self, X: FloatArray) -> BoolArray:
        """Which rows have whole numbers and one-hot groups where they should, up to rounding, shape (n,)."""
        self.require(X.shape[1])
        share = (X - self.origin) / self.unit
        rounding = 4.0 * np.finfo(float).eps * np.abs(self.origin) / self.unit  # of X itself, which may be far from 0
        whole = np.abs(share - np.rint(share)) <= _WHOLE * np.maximum(1.0, np.abs(share)) + rounding
        good = whole[:, list(self.integer)].all(axis=1)
        for group in map(list, self.one_hot):
            bits = np.rint(share[:, group])
            good &= whole[:, group].all(axis=1) & (bits.sum(axis=1) == 1.0) & np.isin(bits, [0.0, 1.0]).all(axis=1)
        return np.asarray(good)


class Rounded(NamedTuple):
    """Rounded rows, shape (n, d), and the largest l2 distance that one of them was moved, in the units of X."""

    X: FloatArray
    largest_move: float


def round_features(
    X: FloatArray,
    region: Region,
    *,
    integer: Sequence[int] = (),
    one_hot: Sequence[Sequence[int]] = (),
    unit: float | FloatArray = 1.0,
    origin: float | FloatArray = 0.0,
) -> Rounded:
    """The nearest rows of the region with whole numbers and one-hot groups where the data have them.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows of the region, as an attack that knows no whole numbers left them; not changed.
    region : Region
    integer, one_hot, unit, origin
        As in ``Columns``.

    Returns
    -------
    Rounded

    Raises
    ------
    ValueError
        For columns that are named twice or don't exist, or where none of a row's 2,000 nearest roundings lies in the
        region.

    Notes
    -----
    Roundings are tried from the nearest on, the other features following by projection, until none can be nearer than
    the best found: the answer is exact. With one rounded column a row costs a few projections; where the
    region cuts off most roundings of many columns, thousands.

    Examples
    --------
    >>> from patom import Box
    >>> round_features(np.array([[0.3, 1.8, 0.6, 0.1]]), Box(0.0, 1.5), integer=[1], one_hot=[[2, 3]])
    Rounded(X=array([[0.3, 1. , 1. , 0. ]]), largest_move=0.9...)
    """
    units, zeros = _by_feature(X.shape[1], unit, origin)
    slots = _slots(integer, one_hot)
    _check(slots, units, X.shape[1])
    region.contains(X[:0])  # refuses rows of another width, which below would look like a rounding outside
    rounded = np.array(X, dtype=np.float64)
    for i, row in enumerate(X):
        nearest = _nearest(row, region, slots, len(integer), units, zeros)
        if nearest is None:
            raise ValueError(
                f"region must hold rounded rows near those of X; row {i} has none among its {_MAX_TRIES} nearest "
                "roundings."
            )
        rounded[i] = nearest
    return Rounded(rounded, float(np.linalg.norm(rounded - X, axis=1).max(initial=0.0)))


def _columns(name: str, given: Any) -> tuple[int, ...]:
    columns = list(given) if isinstance(given, Iterable) else [given, None]
    if not all(isinstance(column, int | np.integer) and not isinstance(column, bool) for column in columns):
        raise ValueError(f"{name} of Columns must be positions of columns, whole numbers from 0 up; got {given!r}.")
    return tuple(map(int, columns))


def _by_feature(d: int, unit: float | FloatArray, origin: float | FloatArray) -> tuple[FloatArray, FloatArray]:
    """Unit and origin of each feature, shapes (d,)."""
    _require_shapes(d, unit, origin)
    return np.full(d, unit, dtype=np.float64), np.full(d, origin, dtype=np.float64)


def _require_shapes(d: int, unit: float | FloatArray, origin: float | FloatArray) -> None:
    for name, value in (("unit", unit), ("origin", origin)):
        if np.shape(value) not in ((), (d,)):
            raise ValueError(f"{name} must be one number or {d}, one a feature; got shape {np.shape(value)}.")


def _slots(integer: Sequence[int], one_hot: Sequence[Sequence[int]]) -> list[list[int]]:
    return [[column] for column in integer] + [list(group) for group in one_hot]


def _check(slots: list[list[int]], units: FloatArray, d: int) -> None:
    columns = [column for slot in slots for column in slot]
    if len(set(columns)) < len(columns) or any(not 0 <= column < d for column in columns):
        raise ValueError(f"integer and one_hot must name columns from 0 to {d - 1}, each once; got {columns!r}.")
    if any(not slot for slot in slots):
        raise ValueError("one_hot must be groups of at least one column; got an empty group.")
    if not (np.isfinite(units).all() and (units > 0.0).all()):
        raise ValueError(f"unit must be positive and finite; got {units!r}.")


def _nearest(
    row: FloatArray, region: Region, slots: list[list[int]], n_integer: int, units: FloatArray, zeros: FloatArray
) -> FloatArray | None:
    """The nearest rounded row of the region; None if no rounding that was tried lies in it."""
    columns = [column for slot in slots for column in slot]
    best, moved = None, np.inf
    for least, values in _roundings(row - zeros, slots, n_integer, units):
        if least >= moved:
            break
        found = _completed(row, region, columns, zeros[columns] + values)
        if found is not None and float(np.linalg.norm(found - row)) < moved:
            best, moved = found, float(np.linalg.norm(found - row))
    return best


def _roundings(
    row: FloatArray, slots: list[list[int]], n_integer: int, units: FloatArray
) -> Iterator[tuple[float, FloatArray]]:
    """Distance in the slots' columns, and the columns' values above their zeros, of the nearest roundings in order."""

    def option(slot: int, rank: int) -> tuple[float, FloatArray] | None:
        columns = slots[slot]
        if slot >= n_integer and rank >= len(columns):
            return None
        values = (_whole if slot < n_integer else _hot)(row[columns], units[columns], rank)
        return float(np.sum((values - row[columns]) ** 2)), values

    def entry(ranks: tuple[int, ...]) -> tuple[float, tuple[int, ...], FloatArray] | None:
        options = [option(slot, rank) for slot, rank in enumerate(ranks)]
        chosen = [each for each in options if each is not None]
        if len(chosen) < len(options):
            return None
        return (
            float(np.sqrt(sum(cost for cost, _ in chosen))),
            ranks,
            np.concatenate([v for _, v in chosen] or [row[:0]]),
        )

    first = (0,) * len(slots)
    heap, seen = [each for each in [entry(first)] if each is not None], {first}
    for _ in range(_MAX_TRIES):
        if not heap:
            return
        distance, ranks, values = heapq.heappop(heap)
        yield distance, values
        for slot in range(len(slots)):
            after = (*ranks[:slot], ranks[slot] + 1, *ranks[slot + 1 :])
            following = entry(after) if after not in seen else None
            seen.add(after)
            if following is not None:
                heapq.heappush(heap, following)


def _whole(values: FloatArray, unit: FloatArray, rank: int) -> FloatArray:
    """The multiple of the unit that is the nearest but ``rank``."""
    nearest = np.rint(values / unit)
    towards = np.where(values / unit >= nearest, 1.0, -1.0)
    step = (rank + 1) // 2 * (1.0 if rank % 2 else -1.0)
    return np.asarray((nearest + towards * step) * unit)


def _hot(values: FloatArray, unit: FloatArray, rank: int) -> FloatArray:
    """The group with one column at its unit that is the nearest but ``rank``."""
    order = np.argsort(unit**2 - 2.0 * unit * values, kind="stable")  # of the squared distances, but for |values|^2
    hot = np.zeros(values.size)
    hot[order[rank]] = unit[order[rank]]
    return hot


def _completed(row: FloatArray, region: Region, columns: list[int], values: FloatArray) -> FloatArray | None:
    """The nearest row of the region with those values, None if there is none."""
    rounded = row.copy()
    rounded[columns] = values
    if region.contains(rounded[None])[0]:
        return rounded
    if len(columns) == row.size:
        return None
    try:
        nearest: FloatArray = Intersection(region, Fixed(tuple(columns), values)).project(row[None])[0]
    except ValueError:
        return None
    return nearest
