"""PATOM, Algorithm 1 of the paper: projected stochastic gradient ascent with implicit gradients.

In its inner loop, ``sweep``, every sampled target row moves every injected row, which is projected at once.
Injected rows do not depend on each other within a sweep and are handled in parallel; the order of the samples matters
and is kept.

Inside a ball around 0, a row that has been moved and projected again and again is still a sum,

    x = (x_0 + sum_l c_l s_l) / growth,    x's_j = (x_0's_j + sum_l c_l s_l's_j) / growth,

where a projection only lets ``growth`` grow. So a block of samples takes one matrix product before, for x_0's_j, a
recurrence in the c_l, which needs no features, and one matrix product after, for the sum.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numba
import numpy as np
import numpy.typing as npt
from numba import prange

from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.base import Attack, Run
from patom.attacks.draws import draw
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.attacks.records import AttackStatus
from patom.attacks.result import AttackResult
from patom.core.arrays import FloatArray, IntArray
from patom.core.jit import compiled, compiled_serial
from patom.core.regions import Ball, Region
from patom.core.relationship import Relationship
from patom.models.threads import one_blas_thread
from patom.results.methods import Method

Callback = Callable[[int, FloatArray], None]
_STRETCH = 16_384
"""Samples that are held at a time."""
_BLOCK = 32  # samples: fewer make narrow matrix products, more a long recurrence
_TILE = 64  # injected rows handled together, side by side in memory
_WIDTH = 8  # of which the processor takes so many at once
_LARGEST = 300.0  # logarithm of what a block may let ``growth`` grow to


@dataclass(frozen=True)
class PATOM(Attack):
    """The paper's attack, to the letter.

    An iteration samples clean rows of the target tasks and, for each in turn, moves every injected row by the update
    of eq. 6, which projects it at once; then problem (1) is solved again. The gradient is that of eq. 15 and 16, which
    hold the duals and Omega fixed: this makes it cheap and, for indirect attacks, poor.

    Parameters
    ----------
    step_size : float, default 100.0
        The paper's eta.
    max_iter : int, default 10
        Iterations, each with one solve of (1).
    batch_ratio : float, default 3.0
        Samples of an iteration over the rows aimed at, the target tasks' clean ones; drawn with replacement.
    features, labels : str, default "uniform" and "resampled"
        How the injected rows are drawn at the start, see ``patom.attacks.draws.draw``. Labels stay.
    n_starts : int, default 1
        Independent starts; the one with the highest final utility is kept, and the spread of the others
        estimates how far from a global optimum it may be (paper, section 5.2).

    Notes
    -----
    An iteration costs a solve from the last optimum and one sweep, 4 r b d operations for r injected rows and b
    samples. Beside the data it holds a few thousand samples and the injected rows' gains towards their tasks at a time.

    Examples
    --------
    >>> from patom import MTRLRegressor
    >>> X, y = np.linspace(-1, 1, 20).reshape(-1, 1), np.linspace(-1, 1, 20)
    >>> threat = ThreatModel(targets=[0], attackers=[0], budget=0.25)
    >>> result = PATOM().poison(MTRLRegressor(), X, y, threat=threat, random_state=0)
    >>> result.X.shape, bool(result.utility > result.clean_utility)
    ((5, 1), True)
    """

    name: ClassVar[Method] = Method.PATOM

    step_size: float = 100.0
    max_iter: int = 10
    batch_ratio: float = 3.0
    features: str = "uniform"
    labels: str = "resampled"
    n_starts: int = 1

    def poison(
        self,
        model: Any,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        task: Any = None,
        threat: ThreatModel,
        random_state: int | np.random.Generator | None = None,
        callback: Callback | None = None,
    ) -> AttackResult:
        """As in every attack, see ``Attack.poison``.

        ``callback(iteration, X_injected)`` is called after each iteration of each start, 0 being the random start.
        """
        return self._poison(partial(self._runs, callback=callback), model, (X, y, task), threat, random_state)

    def _runs(
        self, program: Bilevel, W: FloatArray, rngs: list[np.random.Generator], callback: Callback | None = None
    ) -> list[Run]:
        return [self._ascend(program, W, rng, callback) for rng in rngs]

    def _ascend(self, program: Bilevel, W: FloatArray, rng: np.random.Generator, callback: Callback | None) -> Run:
        record = Run(draw(program, self.features, self.labels, rng))
        relationship: Relationship | None = None
        for iteration in range(self.max_iter + 1):
            if relationship is not None:
                record.injection = self._move(program, record.injection, W, relationship, rng)
            W = record.fit(program, iteration, W).W
            if callback is not None:
                callback(iteration, record.injection.X.copy())
            relationship = program.lower.penalty(record.injection).relationship(W)
            if not _couples(relationship, program):
                record.settle(AttackStatus.UNCOUPLED)
                break
        return record

    def _move(
        self,
        program: Bilevel,
        injection: Injection,
        W: FloatArray,
        relationship: Relationship,
        rng: np.random.Generator,
    ) -> Injection:
        """One pass of eq. 6 over a batch of the rows aimed at; W, Phi and the duals stay those of the last solve."""
        X, task = program.aim.rows
        batch = rng.choice(np.arange(task.size), size=max(1, round(self.batch_ratio * task.size)))
        pushes = self.step_size * program.aim.size * program.aim.slopes(W)  # the size for the slopes of eq. 2's sum
        duals = program.lower.duals(injection, W)
        for start in range(0, batch.size, _STRETCH):
            drawn = batch[start : start + _STRETCH]
            tasks, group = np.unique(task[drawn], return_inverse=True)
            samples, moved = X[drawn, :-1], np.empty(injection.X.shape)
            for rows, coupling in relationship.coupling_blocks(injection.task_index, tasks):
                before, after, gain = injection.X[rows], moved[rows], duals[rows, None] * coupling
                for chosen, region in program.places.groups(injection.task_index[rows], injection.y[rows]):
                    after[chosen] = sweep(before[chosen], samples, pushes[drawn], group, gain[chosen], region)
            injection = replace(injection, X=moved)
        return injection


def _couples(relationship: Relationship, program: Bilevel) -> bool:
    """Whether any task that is aimed at follows an attacking one."""
    top = relationship.spectrum[0]
    norm = top / (relationship.lambda_1 * top + relationship.lambda_2)  # of Phi
    # Rounding in Omega's eigenvectors leaves about 1e-17 between tasks without any relationship.
    blocks = relationship.coupling_blocks(program.attackers, program.aim.tasks)
    return any(float(np.abs(coupling).max()) > 1e-12 * norm for _, coupling in blocks)


def sweep(
    X: FloatArray, samples: FloatArray, pushes: FloatArray, sample_group: IntArray, gain: FloatArray, region: Region
) -> FloatArray:
    """Apply eq. 6 sample by sample: x_r <- Proj(x_r + push_q gain_r,g(q) x_q) for q in order, for every r.

    ``X``, shape (r, d), are the injected rows' features, which are not changed, and ``samples``, shape (b, d), the
    clean rows x_q of the target tasks that were sampled. ``pushes``, shape (b,), are the step size times the slopes
    l'(w_p'x_q, y_q), and ``gain``, shape (r, t), is dual times coupling, a^_r Phi_ip; ``sample_group``, shape (b,),
    says which of the t columns is each sample's task p. In a ball around 0 samples are taken in blocks; in any other
    region each sample is followed by the region's ``project``.

    Returns an array of shape (r, d), the same bytes whatever the number of threads. Costs 4 r b d operations; in a ball
    around 0 they are matrix products, beside which 64 b d more, the recurrence's 40 r b, and 32 b numbers in memory
    count little.
    """
    if isinstance(region, Ball) and region.around_zero:
        return _sweep_ball(X, np.ascontiguousarray(samples), pushes, sample_group, gain, region.radius)
    for sample, push, group in zip(samples, pushes, sample_group, strict=True):
        X = region.project(X + push * gain[:, group, None] * sample)
    return X


def _sweep_ball(
    X: FloatArray, samples: FloatArray, pushes: FloatArray, group: IntArray, gain: FloatArray, radius: float
) -> FloatArray:
    r, d = X.shape
    padded = -(-r // _WIDTH) * _WIDTH
    rows, gains = np.zeros((padded, d)), np.zeros((gain.shape[1], padded))
    rows[:r], gains[:, :r] = X, gain.T
    tiles, bounds = _packed(rows), _bounds(samples, pushes, group, np.abs(gains).max(axis=1), radius)
    with one_blas_thread():
        _run(r * samples.size)(
            tiles, samples, pushes, group, gains, radius**2, bounds,
            np.empty((bounds.size - 1, _BLOCK, _BLOCK)), min(numba.get_num_threads(), -(-r // _TILE)),
        )  # fmt: skip
    return _unpacked(tiles, d)[:r]


def _bounds(samples: FloatArray, pushes: FloatArray, group: IntArray, reach: FloatArray, radius: float) -> IntArray:
    """Where the blocks begin, and the end.

    A sample lets ``growth`` grow by at most 1 + |step| ||s|| / radius. Where a block could let it overflow, the
    block's samples come one by one.
    """
    logs = np.log1p(np.abs(pushes) * reach[group] * np.sqrt(np.einsum("bd,bd->b", samples, samples)) / radius)
    begins = np.arange(pushes.size) % _BLOCK == 0
    wild = ~(np.add.reduceat(logs, np.flatnonzero(begins)) <= _LARGEST)
    return np.append(np.flatnonzero(begins | np.repeat(wild, _BLOCK)[: pushes.size]), pushes.size)


def _packed(X: FloatArray) -> FloatArray:
    """The tiles, each transposed, one after the other, shape (r d,); the last one may be narrower."""
    whole = X.shape[0] // _TILE * _TILE
    tiles = X[:whole].reshape(-1, _TILE, X.shape[1]).swapaxes(1, 2)
    return np.concatenate([tiles.ravel(), X[whole:].T.ravel()])


def _unpacked(tiles: FloatArray, d: int) -> FloatArray:
    """The inverse of ``_packed``, shape (r, d)."""
    whole = tiles.size // (_TILE * d) * _TILE * d
    rows = tiles[:whole].reshape(-1, d, _TILE).swapaxes(1, 2).reshape(-1, d)
    return np.concatenate([rows, tiles[whole:].reshape(d, -1).T])


@compiled
def _run(
    tiles: FloatArray, samples: FloatArray, pushes: FloatArray, group: IntArray, gains: FloatArray, limit: float,
    bounds: IntArray, grams: FloatArray, crews: int,
) -> None:  # fmt: skip
    for k in prange(bounds.size - 1):
        block = samples[bounds[k] : bounds[k + 1]]
        grams[k, : block.shape[0], : block.shape[0]] = np.dot(block, block.T)
    n_tiles = (gains.shape[1] + _TILE - 1) // _TILE
    for crew in prange(crews):  # what happens to a tile does not depend on its crew
        first, last = crew * n_tiles // crews, (crew + 1) * n_tiles // crews
        _work(tiles, first, last, samples, pushes, group, gains, limit, bounds, grams)


@compiled_serial
def _work(
    tiles: FloatArray, first: int, last: int, samples: FloatArray, pushes: FloatArray, group: IntArray,
    gains: FloatArray, limit: float, bounds: IntArray, grams: FloatArray,
) -> None:  # fmt: skip
    """Some tiles' share: block after block, each for all tiles in turn, so that its samples stay in cache."""
    d = samples.shape[1]
    sums, dots, steps = np.empty(d * _TILE), np.empty(_BLOCK * _TILE), np.empty(_BLOCK * _TILE)
    for k in range(bounds.size - 1):
        start, stop = bounds[k], bounds[k + 1]
        block, n = samples[start:stop], stop - start
        for t in range(first, last):
            tile = tiles[t * _TILE * d : (t + 1) * _TILE * d]
            w = tile.size // d
            x, total = tile.reshape(d, w), sums[: d * w].reshape(d, w)
            D, C = dots[: n * w].reshape(n, w), steps[: n * w].reshape(n, w)
            np.dot(block, x, D)
            growth = _recur(D, C, _squares(x), pushes[start:stop], group[start:stop], gains, t * _TILE, grams[k], limit)
            np.dot(block.T, C, total)
            _add(x, total, growth)


@compiled_serial
def _squares(x: FloatArray) -> FloatArray:
    squares = np.zeros(x.shape[1])
    for c in range(x.shape[0]):
        for r in range(x.shape[1]):
            squares[r] += x[c, r] * x[c, r]
    return squares


@compiled_serial
def _recur(
    D: FloatArray, C: FloatArray, squares: FloatArray, pushes: FloatArray, group: IntArray, gains: FloatArray,
    offset: int, gram: FloatArray, limit: float,
) -> FloatArray:  # fmt: skip
    """Fill the c_l of a block into ``C`` and return ``growth``; ``D`` holds x_0's_j, ``squares`` the ||x||^2."""
    growth, inverse = np.ones(D.shape[1]), 1.0 / limit
    for q in range(D.shape[0]):
        _complete(D, C, gram, q)
        push, g, own = pushes[q], group[q], gram[q, q]
        for r in range(D.shape[1]):
            step = push * gains[g, offset + r]
            square = squares[r] + step * (2.0 * D[q, r] / growth[r] + step * own)
            C[q, r] = step * growth[r]
            squares[r] = min(square, limit)
            growth[r] *= np.sqrt(max(square * inverse, 1.0))  # 1 exactly for a row that stays inside
    return growth


@compiled_serial
def _complete(D: FloatArray, C: FloatArray, gram: FloatArray, q: int) -> None:
    """Add sum_l c_l s_l's_q to x_0's_q, four samples at a time."""
    for k in range(0, q - q % 4, 4):
        a, b, c, d = gram[q, k], gram[q, k + 1], gram[q, k + 2], gram[q, k + 3]
        for r in range(D.shape[1]):
            D[q, r] += a * C[k, r] + b * C[k + 1, r] + c * C[k + 2, r] + d * C[k + 3, r]
    for k in range(q - q % 4, q):
        for r in range(D.shape[1]):
            D[q, r] += gram[q, k] * C[k, r]


@compiled_serial
def _add(x: FloatArray, total: FloatArray, growth: FloatArray) -> None:
    shrink = 1.0 / growth
    for c in range(x.shape[0]):
        for r in range(x.shape[1]):
            x[c, r] = (x[c, r] + total[c, r]) * shrink[r]
