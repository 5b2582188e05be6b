"""Some of the tasks with their rows and their part of every (m, p) array; only small messages leave a shard.

The solver works with W, gradients and the like without holding them: it sends a shard numbers, (p, p) matrices and the
numbers of slots, each slot an array of shape (m, p), and receives numbers and (p, p) sums over the tasks. An answer
depends on the rows and on the messages so far and on nothing else, so a shard that is lost can be made again by sending
its rows and those messages to another machine.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Protocol

import numba
import numpy as np

from patom.core.arrays import AnyArray, FloatArray, IntArray, read_only
from patom.core.kernels import AS_THEY_LIE
from patom.core.losses import SQUARED_HINGE
from patom.core.solvers.choose import CACHE_NUMBERS, THREAD_NUMBERS
from patom.core.solvers.sharded import kernels
from patom.core.solvers.sharded.settle import curvatures, settle

Sums = tuple[FloatArray, ...]


class Shard:
    """Tasks, their rows and their slots; a single one is all ``Shards`` of a fit in this process.

    ``features``, shape (n, d), are float64 or float32, C-contiguous, and borrowed: never copied or written to; the
    constant is implied, p = d + 1. ``y`` is in their order. Task ``i`` owns the rows at the places
    ``offsets[i]:offsets[i + 1]`` of ``order``, which is None where rows are in the order of their tasks already.
    ``loss`` is what ``losses.loss_code`` returns.

    A pass is cut into chunks of tasks by the number of rows alone, and chunks are summed in their order, so no answer
    depends on the number of threads. A slot costs 8 m p bytes once it is used.
    """

    def __init__(
        self,
        features: AnyArray,
        y: FloatArray,
        offsets: IntArray,
        order: IntArray | None,
        loss: tuple[int, float],
    ) -> None:
        self._X, self._y = read_only(features), read_only(y)
        self._order = read_only(AS_THEY_LIE if order is None else order)
        self._offsets, self._loss = read_only(offsets), loss
        self.shape: tuple[int, int] = (offsets.size - 1, features.shape[1] + 1)
        self.n_rows: int = features.shape[0]
        self._chunks = chunks(offsets, self.shape[1], THREAD_NUMBERS)
        self._slots: dict[int, FloatArray] = {}

    def reduce(self, method: str, *arguments: Any) -> list[Sums]:
        return [getattr(self, method)(*arguments)]

    def value_without_weights(self) -> Sums:
        """The data term at W = 0."""

        def work(first: int, last: int) -> Sums:
            value = np.zeros(1)
            kernels.value_without_weights(self._y, self._order, self._offsets, first, last, *self._loss, value)
            return (value,)

        return self._sum(work)

    def largest_curvature(self) -> Sums:
        """The largest eigenvalue over tasks of sum_j x_ij x_ij'/n_i, a little from below, and their largest diagonal.

        Shapes (1,) and (p,); not sums over shards.
        """
        start = np.random.default_rng(0).standard_normal(self.shape[1])

        def work(first: int, last: int) -> Sums:
            largest, squares = np.zeros(1), np.zeros(start.size)
            kernels.largest_curvature(self._X, self._order, self._offsets, first, last, start, largest, squares)
            return largest, squares

        return tuple(np.max(part, axis=0) for part in zip(*self._map(work), strict=True))

    def evaluate(self, source: int, T: FloatArray, B: FloatArray, W: int | None = None) -> Sums:
        """The data term at W = U B with U = source T: its value, and with its gradient G: U'U, U'G and G'G.

        W is kept in a slot, ``source`` itself or another, if one is named.
        """
        from_ = self._slot(source)
        kept = None if W is None else self._slot(W)

        def work(first: int, last: int) -> Sums:
            U, value = from_[first:last] @ T, np.zeros(1)
            here = U @ B if kept is None else np.matmul(U, B, out=kept[first:last])
            G = here if kept is None else np.empty(here.shape)  # in place of W, where no slot keeps it
            kernels.differentiate(*self._rows(first, last), here, G, value)
            return value, U.T @ U, U.T @ G, G.T @ G

        return self._sum(work)

    def begin(self, W: int, Y: int, Z: int, L: float) -> Sums:
        """Y = W and Z = Y - gradient/L; Z'Z."""
        W_, Y_, Z_ = self._slot(W), self._slot(Y), self._slot(Z)

        def work(first: int, last: int) -> Sums:
            here = slice(first, last)
            Y_[here] = W_[here]
            kernels.forward(*self._rows(first, last), Y_, Z_, L)
            return (Z_[here].T @ Z_[here],)

        return self._sum(work)

    def accelerate(self, W: int, Y: int, Z: int, M: Sequence[FloatArray], push: float, L: float) -> Sums:
        """One accelerated step: W = Z M, Y = W + push (W - last W), Z = Y - gradient/L; Z'Z and the test for a restart.

        ``M`` is a product of one or two factors. The test is ``kernels.accelerate``'s, about the step before this one.
        """
        W_, Y_, Z_ = self._slot(W), self._slot(Y), self._slot(Z)

        def work(first: int, last: int) -> Sums:
            ahead, uphill = Z_[first:last], np.zeros(1)
            for factor in M:
                ahead = ahead @ factor
            kernels.accelerate(*self._rows(first, last), W_, Y_, Z_, ahead, push, L, uphill)
            return Z_[first:last].T @ Z_[first:last], uphill

        return self._sum(work)

    def gram(self, slot: int) -> Sums:
        """W'W of a slot."""
        W_ = self._slot(slot)
        return self._sum(lambda first, last: (W_[first:last].T @ W_[first:last],))

    def sweep(self, A: FloatArray, W: int, stride: int) -> Sums:
        """Every task's own optimum for weights A a with ||a||^2/2 as penalty, from ``W`` on, which is overwritten.

        The data term's value there, and with V = -gradient the sums over tasks of a a', a v' and v v'; then, over every
        ``stride``-th task, the sums of what ``_bends`` returns and their number.
        """
        W_ = self._slot(W)

        def work(first: int, last: int) -> Sums:
            return total(self._sweep(A, W_, start, stop, stride) for start, stop in self._blocks(first, last))

        return self._sum(work)

    def write(self, slot: int, W: FloatArray | None) -> None:
        """Fill a slot, shape (m, p), or with zeros."""
        self._slot(slot)[:] = 0.0 if W is None else W

    def read(self, slot: int) -> FloatArray:
        """A slot, shape (m, p); not a copy."""
        return self._slot(slot)

    def drop(self, slot: int) -> Sums:
        """Free a slot's memory."""
        self._slots.pop(slot, None)
        return ()

    def _slot(self, slot: int) -> FloatArray:
        if slot not in self._slots:
            self._slots[slot] = np.empty(self.shape)
        return self._slots[slot]

    def _rows(self, first: int, last: int) -> tuple[AnyArray, FloatArray, IntArray, IntArray, int, int, int, float]:
        return self._X, self._y, self._order, self._offsets, first, last, *self._loss

    def _sweep(self, A: FloatArray, W: FloatArray, first: int, last: int, stride: int) -> Sums:
        """A block of a sweep, small enough for its rows' coordinates to stay in cache."""
        offsets = self._offsets[first : last + 1] - self._offsets[first]
        X, y = self._block(self._offsets[first], self._offsets[last])
        predictions, duals, value = np.zeros(y.size), np.empty(y.size), np.zeros(1)
        a, V = np.empty((last - first, A.shape[1])), np.empty((last - first, A.shape[0]))
        if self._loss[0] >= SQUARED_HINGE:  # else one Newton step does, from anywhere
            kernels.predict(X, offsets, W[first:last], predictions)
        F = X @ A[:-1]
        F += A[-1]
        settle(F, y, offsets, *self._loss, predictions, a, duals, value)
        kernels.collect(X, offsets, duals, V)
        np.matmul(a, A.T, out=W[first:last])
        sums = value, a.T @ a, a.T @ V, V.T @ V
        chosen = [slice(offsets[i], offsets[i + 1]) for i in range(-first % stride, last - first, stride)]
        bends = (_bends(X[rows], F[rows], y[rows], predictions[rows], self._loss) for rows in chosen)
        return sums + (total(bends) or (np.zeros((A.shape[1],) * 2), np.zeros((A.shape[0],) * 2), np.zeros(1)))

    def _blocks(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        bounds = first + chunks(self._offsets[first : last + 1], self.shape[1], CACHE_NUMBERS)
        return pairwise(bounds.tolist())

    def _block(self, start: int, stop: int) -> tuple[FloatArray, FloatArray]:
        """Rows of consecutive places as float64, grouped; no copies where they are so already."""
        places: IntArray | slice = self._order[start:stop] if self._order.size > 0 else slice(start, stop)
        return np.asarray(self._X[places], dtype=np.float64), self._y[places]

    def _sum(self, work: Callable[[int, int], Sums]) -> Sums:
        return total(self._map(work))

    def _map(self, work: Callable[[int, int], Sums]) -> Iterator[Sums]:
        def quiet(first: int, last: int) -> Sums:
            with np.errstate(over="ignore", invalid="ignore"):  # the solver handles what is not finite
                return work(first, last)

        firsts, lasts = self._chunks[:-1].tolist(), self._chunks[1:].tolist()
        threads = min(numba.get_num_threads(), len(firsts))
        if threads == 1:
            yield from map(quiet, firsts, lasts)
            return
        with ThreadPoolExecutor(threads) as pool:
            yield from pool.map(quiet, firsts, lasts)


def chunks(offsets: IntArray, p: int, size: int) -> IntArray:
    """Bounds of runs of tasks, each of about ``size`` numbers in features and a slot.

    >>> chunks(np.array([0, 10_000, 20_000, 21_000]), 101, 2_000_000)
    array([0, 2, 3])
    """
    work = (offsets - offsets[0]) * (p - 1) + np.arange(offsets.size) * p
    return np.unique(np.searchsorted(work, np.append(np.arange(0, work[-1], size), work[-1])))


def _bends(X: FloatArray, F: FloatArray, y: FloatArray, z: FloatArray, loss: tuple[int, float]) -> Sums:
    """One task's (I + F'CF)^-1, C the curvatures at its predictions over n, X'X/n with the constant, and 1."""
    curvature = np.empty(z.size)
    curvatures(z, y, *loss, curvature)
    full = np.column_stack([X, np.ones(z.size)])
    resolvent = np.asarray(np.linalg.inv(np.eye(F.shape[1]) + F.T @ (F * (curvature / z.size)[:, None])))
    return resolvent, full.T @ full / z.size, np.ones(1)


def total(parts: Iterable[Sums]) -> Sums:
    """What shards, or chunks of one, return, added up in their order."""
    totals: Sums = ()
    for part in parts:
        totals = tuple(map(np.add, totals, part)) if totals else part
    return totals


class Shards(Protocol):
    """All tasks, somewhere."""

    @property
    def shape(self) -> tuple[int, int]:
        """(m, p) of all tasks together."""

    @property
    def n_rows(self) -> int:
        """Rows of all tasks together."""

    def reduce(self, method: str, *arguments: Any) -> list[Sums]:
        """What the method of that name of ``Shard`` returns for each shard, in their order."""

    def write(self, slot: int, W: FloatArray | None) -> None:
        """Fill a slot of every shard from the rows of W, shape (m, p), or with zeros."""

    def read(self, slot: int) -> FloatArray:
        """A slot of all shards, shape (m, p), or what stands for one that stays in other processes."""
