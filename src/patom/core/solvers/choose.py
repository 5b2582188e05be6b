"""Which algorithm serves which problem, and why: every size that selects an algorithm or a layout of the data.

Problem (1) has m tasks, n rows and p columns, the constant among them. A fit decides in this order:

1. ``solver="alternating"`` takes the textbook's alternation (``alternating``), on request only, as it can stall.
2. ``layout``: very many tasks go to ``sharded``, which keeps rows where they are and no second moments. Otherwise a
   large table is borrowed, in its own order and type, and a small one is copied, task by task, with the constant.
3. ``moments_are_cheaper``: a quadratic loss needs second moments only, where these are fewer than the rows' numbers.
4. ``is_compiled``: with Omega learned and small second moments each question of the solver is one compiled call
   (``compiled``). A given Omega and the penalties of other learners are solved on plain arrays (``oracle``).
5. ``interior_space``: a cold start at small lambdas begins with an interior-point method, where it has few coordinates.
6. ``is_factored``: few weights have Newton's system factored; more of them take conjugate gradients.
7. ``parallel``: a loop over the rows starts threads only where there is much to do.

The figures are those of ``docs/benchmarks.md`` (two cores). "Chosen by hand": no measurement of other values is kept.
This file also holds constants of compiled loops, so that machine code on disk depends on it (``core.jit``).
"""

from enum import Enum, auto

PARALLEL_WORK = 4_000_000
"""Multiplications above which a loop over the rows runs in parallel.

A pass over 6,000 rows of 129 columns (774,000 multiplications) took 7.6 ms with two threads and 0.24 ms with one. At
2 GB of rows two threads take 0.7 to 1.1 times the time of one. The value itself was chosen by hand.
"""

COMPILED_MOMENTS = 4_000_000
"""Entries of all tasks' second moments, m p^2, up to which a problem is compiled: 32 MB. Chosen by hand.

It holds the four shapes of the benchmark (SARCOS 3,400 entries, Landmine 2,900, MNIST 166,000, synthetic 192,000): the
compiled solver is at least 1.5 times as fast as every peer there, at a gap of 1e-8. It also holds a thousand tasks of
51 columns (2.6 million), whose fit on 200 rows each takes 0.16 s; ``sharded`` takes 0.20 s on a tenth of the rows.
"""
SHARDED_MOMENTS = 2_000_000
"""The same bound for a sharded fit where the rows hold fewer numbers than their second moments.

A thousand tasks of 20 rows and 51 columns (2.6 million entries of moments, a million numbers in rows) then need 6.3
arrays of the weights' size beyond the data. With 200 rows each, where moments are kept, it is 76 such arrays (30 MB).
"""
TASKS_A_COLUMN = 4
"""Tasks for each column from which on a fit may be sharded: its (p, p) matrices are then small beside W.

Chosen by hand.
"""
COPIED_NUMBERS = 2_000_000
"""Numbers in rows below which a fit copies them: 16 MB. Chosen by hand."""

INTERIOR_WIDTH = 16
"""Tasks or columns up to which the interior-point method goes first. Chosen by hand.

With k of them a step solves one system of k (k + 1)/2 coordinates: k^4/4 entries, 18,500 at 16. It made solves of the
paper's data (k = 7 on SARCOS, 10 on Landmine and MNIST) 4 to 25 times as fast as before, together with the compiled
steps: two to seven interior-point steps at any lambda.
"""
ROW_SPACE_NUMBERS = 20_000_000
"""Numbers in rows above which that method is not used with p > m, as it would copy the rows. Chosen by hand."""
ROW_SPACE_COLUMNS = 64
"""Columns up to which sweeps of the alternation, then cheap, improve the row space where p > m. Chosen by hand."""

DIRECT_NEWTON_WEIGHTS = 400
"""Weights in all tasks up to which Newton's system is factored, not solved by iteration. Chosen by hand.

An exact gradient's system takes 0.2 to 1.0 of the time of the warm solve beside it where it is factored (SARCOS, 154
weights, and Landmine, 290). Products take 0.5 to 1.9 of it to a residual of 1e-3, and 0.6 to 3.1 to 1e-6.
"""

RESPONSE_WEIGHTS = 2_000
"""The same where one factor serves some 40 systems. Chosen by hand."""

BLOCK_ROWS = 8192
"""Rows in one product of matrices that sums second moments; bounds the copy of borrowed rows. Chosen by hand."""
THREAD_NUMBERS = 2_000_000
"""Numbers, in features and weights, that one thread of a sharded pass treats at a time. Chosen by hand."""
CACHE_NUMBERS = 250_000
"""Numbers that a sweep takes into the cache at a time: 2 MB. Chosen by hand."""
MODEL_TASKS = 2_000
"""Tasks, evenly spaced, whose curvature stands for that of all in the model that steers sweeps. Chosen by hand."""
IMPLICIT_OMEGA_WEIGHTS = 2_000_000
"""Weights above which Omega's eigenvectors are kept as W times a small matrix, not as an array. Chosen by hand."""


class Layout(Enum):
    """How a fit holds its rows."""

    COPIED = auto()
    BORROWED = auto()
    SHARDED = auto()


class InteriorSpace(Enum):
    """Where a cold start's interior-point method works."""

    NOWHERE = auto()
    COLUMNS = auto()
    ROW_SPACE = auto()


def layout(n_tasks: int, n_columns: int, n_numbers: int, *, shardable: bool) -> Layout:
    """How to hold a table of ``n_numbers`` features of all rows.

    ``shardable``: Omega is learned by the accelerated solver, and all rows of a task count alike, as the passes over
    shards know 1/n_i only. Where moments are small the compiled solver is faster, however many the rows.

    >>> layout(1_000, 51, 1_000_000, shardable=True), layout(1_000, 51, 10_000_000, shardable=True)
    (<Layout.SHARDED: 3>, <Layout.BORROWED: 2>)
    """
    moments = n_tasks * n_columns**2
    large = moments > (SHARDED_MOMENTS if n_numbers < moments else COMPILED_MOMENTS)
    if shardable and large and n_tasks >= TASKS_A_COLUMN * n_columns:
        return Layout.SHARDED
    return Layout.BORROWED if n_numbers >= COPIED_NUMBERS else Layout.COPIED


def moments_are_cheaper(n_tasks: int, n_columns: int, n_rows: int) -> bool:
    """Whether moments are the cheaper form of a quadratic loss: an iteration costs m p^2 with them, 2 n p with rows."""
    return n_tasks * n_columns <= 2 * n_rows


def is_compiled(n_tasks: int, n_columns: int) -> bool:
    """Whether the second moments, or the Hessian's blocks, are small enough for the compiled solver."""
    return n_tasks * n_columns**2 <= COMPILED_MOMENTS


def interior_space(n_tasks: int, n_columns: int, n_numbers: int) -> InteriorSpace:
    """Where the interior-point method works: on the columns, or on m combinations of them if there are more columns."""
    if min(n_tasks, n_columns) > INTERIOR_WIDTH:
        return InteriorSpace.NOWHERE
    if n_columns <= n_tasks:
        return InteriorSpace.COLUMNS
    return InteriorSpace.NOWHERE if n_numbers > ROW_SPACE_NUMBERS else InteriorSpace.ROW_SPACE


def is_factored(n_weights: int, most: int = DIRECT_NEWTON_WEIGHTS) -> bool:
    """Whether Newton's system is factored; else it is solved by conjugate gradients."""
    return n_weights <= most


def steps_for_a_sweep(n_columns: int, rows_a_task: float) -> float:
    """Accelerated steps that a sharded solver takes in the time of a sweep, from operations in cache against reads.

    A sweep does p + min(p, n/m) operations for each number in the rows; that nine of them take as long as a step was
    chosen by hand. At p = 51 and a thousand rows a task, a sweep takes about 35 times, a step 1.5 times as long as
    reading the rows: 23 steps a sweep, where this says 11.
    """
    return max(2.0, (n_columns + min(n_columns, rows_a_task)) / 9.0)


def begins_with_steps(expected: float, exchange: float) -> bool:
    """Whether a sharded solve begins with accelerated steps: with at most the time of 20 sweeps. Chosen by hand.

    ``expected``: the steps that smoothness over the lambdas calls for; ``exchange``: steps in the time of a sweep.
    """
    return expected <= 20.0 * exchange


def sweeps_are_faster(folds: float, gained: float, steps: int, exchange: float) -> bool:
    """Whether sweeps promise to be done first, where ``steps`` steps have just lowered the gap by ``gained`` folds.

    A fold is a factor of e, and ``folds`` is how many are still to go. Sweeps are expected to take two to begin with,
    and one for each 3.5 folds. Chosen by hand.
    """
    return folds * steps > (2.0 + folds / 3.5) * exchange * gained
