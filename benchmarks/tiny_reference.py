"""The best attack on a tiny problem that a search without the package's attacks finds.

From many starts, one row after another goes to the best point of a dense grid over the disc, with every label of a grid
where labels move, the others staying where they are; a quasi-Newton method climbs from there; and so on until nothing
improves. Half the starts climb first. This is done on a fast solver (``tiny_solver``); the best few climb on with the
package's solver and exact gradient, which also measure what was reached.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.optimize import minimize

from benchmarks.tiny_problems import Tiny
from benchmarks.tiny_solver import FastProgram, Spot
from patom.attacks.draws import at_features
from patom.attacks.gradients import implicit_gradient
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.models.threads import one_blas_thread

_WORTH = 1e-6  # relative rise of the utility below which a round counts as none
_STEPS = 60  # of a climb


@dataclass(frozen=True)
class Effort:
    """How hard the search tries."""

    starts: int = 16
    finalists: int = 3
    rounds: int = 6  # of grid and climb, at most
    radii: int = 4
    angles: int = 16
    labels: int = 3  # of a regressor's moved labels

    def disc(self) -> FloatArray:
        """Points of the unit disc, shape (k, 2)."""
        radii = np.arange(1, self.radii + 1) / self.radii
        angles = 2.0 * np.pi * np.arange(self.angles) / self.angles
        return np.array([(0.0, 0.0), *((r * np.cos(a), r * np.sin(a)) for r, a in product(radii, angles))])


At = Callable[[Injection, FloatArray], Spot]
Slopes = Callable[[Spot], tuple[FloatArray, FloatArray]]


def search(problem: Tiny, like: Injection, effort: Effort = Effort()) -> Spot:
    """The best rows found; ``like`` has their tasks and, where labels are as drawn, their labels."""
    program, rng = problem.program, np.random.default_rng([problem.seed, 1])
    moved = problem.labels == "moved"
    with one_blas_thread():
        found = [_searched(program, like, effort, number, rng, moved=moved) for number in range(effort.starts)]
        found.sort(key=lambda spot: -spot.utility)
        return best_of(*(_exactly(program, spot, moved=moved) for spot in found[: effort.finalists]))


def _searched(
    program: Bilevel, like: Injection, effort: Effort, number: int, rng: np.random.Generator, *, moved: bool
) -> Spot:
    """From one start, with the fast solver."""
    fast = FastProgram(program)
    start = replace(like, y=_labels(program, like, rng)) if moved else like
    start = at_features(program, start, ("uniform", "corners")[number // 2 % 2], rng)
    best = fast.at(start, program.clean.W)
    if number % 2:
        best = climbed(program, fast.at, fast.slopes, best, moved=moved)
    for _ in range(effort.rounds):
        before = best.utility
        for row in rng.permutation(best.injection.y.size):
            best = fast.with_row(best, row, effort.disc(), labels_of(program, best.injection, row, effort, moved=moved))
        best = climbed(program, fast.at, fast.slopes, best, moved=moved)
        if best.utility <= before * (1.0 + _WORTH):
            break
    return best


def _exactly(program: Bilevel, spot: Spot, *, moved: bool) -> Spot:
    """The spot by the package's solver, and a climb from there."""

    def at(injection: Injection, start: FloatArray) -> Spot:
        W = program.solve(injection, start).W
        return Spot(injection, program.utility(W), W)

    def slopes(spot: Spot) -> tuple[FloatArray, FloatArray]:
        found = implicit_gradient(program, spot.injection, spot.W)
        return found.features, found.labels

    return climbed(program, at, slopes, at(spot.injection, spot.W), moved=moved)


def labels_of(program: Bilevel, injection: Injection, row: int, effort: Effort, *, moved: bool) -> FloatArray:
    """What a row's label may be."""
    if not moved:
        return injection.y[row : row + 1].copy()
    low, high = (float(each[row]) for each in program.extremes(injection.task_index))
    return np.linspace(low, high, 2 if program.problem.loss.margin else effort.labels)


def _labels(program: Bilevel, like: Injection, rng: np.random.Generator) -> FloatArray:
    """Either extreme, with equal chance."""
    low, high = program.extremes(like.task_index)
    return np.where(rng.random(low.size) < 0.5, low, high)


def best_of(*spots: Spot) -> Spot:
    return max(spots, key=lambda spot: spot.utility)


def climbed(program: Bilevel, at: At, slopes: Slopes, start: Spot, *, moved: bool) -> Spot:
    """A quasi-Newton climb in signed radii, angles and, for a regressor's moved labels, labels."""
    like, n = start.injection, start.injection.y.size
    low, high = program.bounds(like.task_index)
    free = moved and not program.problem.loss.margin
    best = start

    def rows(v: FloatArray) -> Injection:
        r, angle = v[:n], v[n : 2 * n]
        X = np.column_stack([r * np.cos(angle), r * np.sin(angle)])
        return replace(like, X=X, y=low + (high - low) * v[2 * n :] if free else like.y)

    def fall(v: FloatArray) -> tuple[float, FloatArray]:
        nonlocal best
        spot = at(rows(v), best.W)
        best = best_of(best, spot)
        features, labels = slopes(spot)
        ahead = np.column_stack([np.cos(v[n : 2 * n]), np.sin(v[n : 2 * n])])
        aside = np.column_stack([-ahead[:, 1], ahead[:, 0]])
        by = [(features * ahead).sum(axis=1), v[:n] * (features * aside).sum(axis=1)]
        return -spot.utility, -np.concatenate([*by, (high - low) * labels] if free else by)

    first = [np.hypot(*like.X.T), np.arctan2(like.X[:, 1], like.X[:, 0])]
    limits: list[tuple[float | None, float | None]] = [(-1.0, 1.0)] * n + [(None, None)] * n
    if free:
        first.append((like.y - low) / (high - low))
        limits += [(0.0, 1.0)] * n
    minimize(fall, np.concatenate(first), jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": _STEPS})
    return best
