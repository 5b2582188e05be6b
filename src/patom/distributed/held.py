"""A worker's part of a fit: its partitions' rows and shards, in its own memory, addressed by key.

Every request names the number of messages before it. A worker that replaces a dead one has not seen them all: it
answers so, and gets them again. A shard's answers depend on its rows and on these messages alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from weakref import finalize

import numba
import numpy as np
from distributed import get_worker
from sklearn.utils.validation import check_array

from patom.core.arrays import AnyArray, FloatArray, IntArray
from patom.core.exact import exact_column
from patom.core.kernels import borrowed_products
from patom.core.labels import as_labels, encode, is_missing, positions
from patom.core.rows import grouping
from patom.core.solvers.sharded.shard import Shard, Sums
from patom.models.reading import reading, require_shown
from patom.models.settings import (
    known_classes,
    require_features,
    require_finite,
    require_predictions,
    require_targets,
)
from patom.models.threads import one_blas_thread

_NUMBERS = [np.float64, np.float32]
_MOST_THREADS = numba.get_num_threads()  # at the start: all threads of the process
Message = tuple[str, tuple[Any, ...]]
"""A method of ``Shard`` and its arguments."""


@dataclass(frozen=True)
class About:
    """A partition as the driver knows it: where it is and what it holds, without a row.

    ``values`` are the distinct targets, at most three of them: enough to know two classes.
    """

    key: str
    address: str
    tasks: AnyArray
    values: AnyArray
    n_rows: int
    n_features: int
    names: tuple[str, ...] | None


@dataclass(frozen=True)
class Behind:
    """In place of an answer: the worker has seen only ``seen`` messages, -1 where it does not hold the partition."""

    seen: int


@dataclass
class Held:
    """A partition in this process."""

    X: AnyArray
    y: AnyArray
    index: IntArray
    tasks: AnyArray
    shard: Shard | None = None
    seen: int = 0
    answer: Sums | None = None
    lock: Lock = field(default_factory=Lock)


_HELD: dict[str, Held] = {}


class Lease:
    """Holds the partition while dask keeps this object, which is while the fit holds its future.

    A copy that dask makes, on another worker or on disk, is only the description; the rows stay until ``release``.
    """

    def __init__(self, about: About) -> None:
        self.about = about
        self._end = finalize(self, release, [about.key])

    def __reduce__(self) -> tuple[Any, ...]:
        self._end.detach()
        return _copy, (self.about,)


def _copy(about: About) -> Lease:
    lease = Lease(about)
    lease._end.detach()
    return lease


def load(key: str, source: Any) -> Lease:
    """Read a partition on this worker: from a callable, or from the rows themselves if they are here."""
    rows = source() if callable(source) else source
    if not isinstance(rows, tuple | list) or len(rows) != 3:
        raise TypeError(f"a partition must give (X, y, task); got {type(rows).__name__}.")
    names = getattr(rows[0], "columns", None)
    require_shown(y=rows[1])
    X, y = _features(rows[0]), np.asarray(exact_column(rows[1]))
    if y.shape != (X.shape[0],) or X.shape[0] == 0:
        raise ValueError(
            f"a partition must hold one target a row, and a row at least; got shapes {X.shape}, {y.shape}."
        )
    require_features(X, columns=names)
    if is_missing(y).any():
        raise ValueError(f"y holds a missing value in row {int(is_missing(y).argmax())}; drop such rows first.")
    tasks, index = encode(as_labels(rows[2], X.shape[0]))
    _HELD[key] = Held(X, y, index, tasks)
    values = np.unique(y)[:3] if y.dtype != object else encode(y)[0][:3]
    named = None if names is None else tuple(map(str, names))
    return Lease(About(key, get_worker().address, tasks, values, X.shape[0], X.shape[1], named))


def _features(given: Any) -> AnyArray:
    with reading(X=given):
        shape = np.shape(given)
    if len(shape) != 2 or shape[1] == 0:
        raise ValueError(f"a partition's X must have two dimensions, and a column at least; got shape {shape}.")
    with reading(X=given):
        X = check_array(given, dtype=_NUMBERS, order="C", ensure_all_finite=False, ensure_min_samples=0)
    return np.asarray(X)


def serve(
    key: str, seen: int, start: tuple[Any, ...], messages: Sequence[Message], *, changes: bool = True
) -> Sums | Behind | None:
    """The last message's answer; ``seen`` is the number of messages before these.

    ``start`` are the arguments of ``_begin``, which makes the shard at the first request; ``changes`` says whether the
    messages write slots, and so are counted.
    """
    held = _HELD.get(key)
    if held is None:
        return Behind(-1)
    with held.lock, one_blas_thread():
        if held.seen < seen:
            return Behind(held.seen)
        if held.shard is None:
            held.shard = _begin(held, *start)
        _share_threads()
        for method, arguments in messages[held.seen - seen :]:  # dask may repeat a request whose answer was lost
            held.answer = getattr(held.shard, method)(*arguments)
            held.seen += changes
        return held.answer


def _begin(held: Held, classes: AnyArray | None, loss: tuple[int, float]) -> Shard:
    if classes is None:
        y = np.asarray(held.y, dtype=np.float64)
        require_targets(y)
    else:
        y = known_classes(held.y, classes)
    groups = grouping(held.index, held.tasks.size)
    return Shard(held.X, y, groups.offsets, groups.order, loss)


def _share_threads() -> None:
    """The worker's threads, shared among the partitions that it holds."""
    numba.set_num_threads(min(_MOST_THREADS, max(1, get_worker().state.nthreads // len(_HELD))))


def read(key: str, seen: int, slot: int, rows: IntArray | None = None) -> FloatArray | Behind:
    """A slot, shape (m, p), or some rows of it."""
    held = _HELD.get(key)
    if held is None or held.shard is None or held.seen < seen:
        return Behind(-1 if held is None else held.seen)
    W = held.shard.read(slot)
    return np.array(W if rows is None else W[rows])


def predict(k: int, key: str, slot: int, source: Any) -> FloatArray:
    """Predictions w_i'x of the rows that a source gives, shape (n,), by the weights of partition ``k``."""
    held = _HELD.get(key)
    if held is None or held.shard is None:
        raise ChildProcessError(f"Partition {k}: the worker that held its weights is gone; ask for predictions again.")
    try:
        rows = source() if callable(source) else source
        if not isinstance(rows, tuple | list) or len(rows) != 2:
            raise TypeError(f"a partition to predict must give (X, task); got {type(rows).__name__}.")
        names = getattr(rows[0], "columns", None)
        X = _features(rows[0])
        if X.shape[1] != held.X.shape[1]:
            raise ValueError(f"X must have the {held.X.shape[1]} columns of the fit; got {X.shape[1]}.")
        require_finite(X, columns=names)
        place = positions(as_labels(rows[1], X.shape[0]), held.tasks, argument="task")
        return require_predictions(borrowed_products(X, place, held.shard.read(slot)), X, columns=names)
    except (ValueError, TypeError) as error:
        raise type(error)(f"Partition {k}: {error}") from error


def release(keys: Sequence[str]) -> None:
    """Forget partitions."""
    for key in keys:
        _HELD.pop(key, None)
