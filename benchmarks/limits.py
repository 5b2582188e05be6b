"""What the machine can do, streaming from memory and multiplying matrices, and how near our passes come to it.

The rows are 2 GB, far more than any cache holds. A pass is held against reading the same bytes once by as many
threads, the faster of a compiled sum and of BLAS's inner product of the array with itself; a whole iteration reads
them once as well if it is as good as it can be.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numba
import numpy as np
from numba import njit, prange
from threadpoolctl import threadpool_limits

from benchmarks.extent import Extent
from benchmarks.interleaved import Run, Spread, interleave, ratio, seconds, spread, timed
from patom.core.arrays import FloatArray
from patom.core.data_term import data_term
from patom.core.kernels import gram_products, row_products, weighted_sums
from patom.core.losses import loss_code, squared_error, squared_hinge
from patom.core.penalties.learned import SpectralPenalty
from patom.core.rows import TaskRows
from patom.core.solvers.sharded.problem import ShardedProblem
from patom.core.solvers.sharded.shard import Shard
from patom.core.solvers.sharded.solver import Momentum, W

STREAM, MATMUL = "streaming", "matrix product"
PASS_GOAL, ITERATION_GOAL = 1.5, 2.0

_BYTES, _BYTES_QUICK = 2_000_000_000, 400_000_000
_FEATURES, _ROWS_A_TASK = 50, 1000
_ORDER = 2048  # of the multiplied matrices
_STEPS = 3  # of the solver in one run
_CHUNKS = 1024


@dataclass(frozen=True)
class Limit:
    """``rate`` in 10^9 bytes or floating-point operations a second."""

    what: str
    threads: int
    rate: Spread


@dataclass(frozen=True)
class Share:
    """One of our loops: 10^9 bytes a second, and its time over that of reading the rows once.

    ``over_product`` is its time over that of its floating-point operations at the rate of a matrix product, where
    these are what bounds it.
    """

    what: str
    threads: int
    seconds: Spread
    rate: float
    over_stream: Spread
    goal: float | None
    over_product: Spread | None = None


@dataclass(frozen=True)
class LimitsCase:
    """The machine's limits with so many threads, and our shares of them."""

    gigabytes: float
    limits: list[Limit]
    shares: list[Share]


def cases(extent: Extent) -> Iterator[LimitsCase]:
    """With one thread, and with as many as there are cores."""
    rows = _rows(_BYTES_QUICK if extent.quick else _BYTES)
    for threads in counts():
        yield _case(rows, threads, extent.rounds)


def counts() -> list[int]:
    """One thread, and one for each core."""
    return sorted({1, numba.config.NUMBA_NUM_THREADS})


def matmul(threads: int) -> Run:
    """A product of matrices by as many BLAS threads; ``matmul_flops`` says how much it is."""
    A = np.ones((_ORDER, _ORDER))
    with threadpool_limits(limits=threads, user_api="blas"):
        return timed(lambda: A @ A)


def matmul_flops() -> float:
    """Floating-point operations of ``matmul``."""
    return 2.0 * _ORDER**3


@contextmanager
def numba_threads(count: int) -> Iterator[None]:
    """So many within the block."""
    before = numba.get_num_threads()
    numba.set_num_threads(count)
    try:
        yield
    finally:
        numba.set_num_threads(before)


def _case(rows: TaskRows, threads: int, rounds: int) -> LimitsCase:
    size = rows.X.nbytes
    contestants = _passes(rows) | _of_fits(rows)
    clocked: dict[str, Callable[[], Run]] = {
        name: partial(_with_threads, threads, call) for name, call in contestants.items()
    }
    clocked |= {STREAM: partial(_read, rows.X, threads), MATMUL: partial(matmul, threads)}
    for run in clocked.values():
        run()  # compiled code and its threads start
    runs = interleave(clocked, rounds)
    limits = [
        Limit(STREAM, threads, spread([size / run.seconds / 1e9 for run in runs[STREAM]])),
        Limit(MATMUL, threads, spread([matmul_flops() / run.seconds / 1e9 for run in runs[MATMUL]])),
    ]
    shares = [_share(name, threads, rows, runs) for name in contestants]
    return LimitsCase(size / 1e9, limits, shares)


def _passes(rows: TaskRows) -> dict[str, Callable[[], Any]]:
    """Our loops over the rows, each of which could read them once."""
    rng = np.random.default_rng(1)
    weights = 0.1 * rng.standard_normal((rows.n_tasks, rows.n_columns))
    factors = rng.random(rows.y.size) + 0.5
    return {
        "row_products": partial(row_products, rows.X, rows.offsets, weights),
        "weighted_sums": partial(weighted_sums, rows.X, rows.offsets, factors),
        "gram_products": partial(gram_products, rows.X, rows.offsets, factors, weights),
        "moments, squared error": partial(data_term, rows, squared_error),
    }


def _of_fits(rows: TaskRows) -> dict[str, Callable[[], Any]]:
    """What a fit of that size does: value, gradient and certificate in one pass; accelerated steps, to be divided."""
    features = np.ascontiguousarray(rows.X[:, :-1])
    shard = Shard(features, rows.y, rows.offsets, None, loss_code(squared_hinge))
    problem = ShardedProblem(shard, SpectralPenalty(0.1, 0.1), squared_hinge.curvature_bound)
    problem.shards.write(W, None)
    return {
        "value, gradient and gap, hinge": lambda: problem.evaluate(W, problem.factors(W)),
        "iteration, hinge": lambda: Momentum(problem, 2.0).advance(_STEPS),
    }


def _share(name: str, threads: int, rows: TaskRows, runs: dict[str, list[Run]]) -> Share:
    iterates = name.startswith("iteration")
    mine = [Run(run.seconds / (_STEPS if iterates else 1), None) for run in runs[name]]
    took = seconds(mine)
    product = None
    if name.startswith("moments"):  # X'X: as many operations as half of a full product, by symmetry
        flops = float(rows.y.size) * rows.n_columns * (rows.n_columns + 1)
        product = spread([
            run.seconds / (flops * base.seconds / matmul_flops())
            for run, base in zip(mine, runs[MATMUL], strict=True)
        ])  # fmt: skip
    goal = None if product else (ITERATION_GOAL if iterates else PASS_GOAL)
    return Share(name, threads, took, rows.X.nbytes / took.median / 1e9, ratio(mine, runs[STREAM]), goal, product)


def _with_threads(count: int, call: Callable[[], Any]) -> Run:
    with numba_threads(count):
        return Run(timed(call).seconds, None)


def _rows(size: int) -> TaskRows:
    """Rows of about so many bytes, filled in place; labels -1 and +1."""
    p, rng = _FEATURES + 1, np.random.default_rng(0)
    m = size // (8 * p * _ROWS_A_TASK)
    X = np.empty((m * _ROWS_A_TASK, p))
    for block in np.split(X, m):
        rng.random(out=block)
    X -= 0.5
    X[:, -1] = 1.0
    y = np.where(rng.random(X.shape[0]) < 0.5, -1.0, 1.0)
    return TaskRows(X, y, np.arange(m + 1, dtype=np.int64) * _ROWS_A_TASK)


def _read(X: FloatArray, threads: int) -> Run:
    """Read every number once, in the faster of two ways."""
    x = X.reshape(-1)
    with threadpool_limits(limits=threads, user_api="blas"):
        inner = timed(lambda: x @ x)
    return min(inner, _with_threads(threads, partial(_sums, x, _CHUNKS)), key=lambda run: run.seconds)


@njit(parallel=True, fastmath=True, nogil=True)
def _sums(x: FloatArray, chunks: int) -> FloatArray:
    out = np.empty(chunks)
    for k in prange(chunks):
        part = x[k * x.size // chunks : (k + 1) * x.size // chunks]
        total = 0.0
        for j in range(part.size):
            total += part[j]
        out[k] = total
    return out
