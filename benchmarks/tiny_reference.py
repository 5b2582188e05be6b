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

from benchmarks.tiny_solver import FastProgram, Spot
from patom.attacks.draws import at_features
from patom.attacks.gradients import implicit_gradient
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.models.threads import one_blas_thread

_WORTH = 1e-6  # relative rise of the utility below which a round counts as none
_STEPS = 60  # of a climb
_POLLED = (0.1, 0.03, 0.01, 3e-3, 1e-3)  # steps of coordinates


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


def search(program: Bilevel, like: Injection, *, moved: bool, seed: int, effort: Effort = Effort()) -> Spot:
    """The best rows found; ``like`` has their tasks and, but for labels that are ``moved``, their labels."""
    rng, ours = np.random.default_rng([seed, 1]), Search(program, like, moved, effort)
    with one_blas_thread():
        found = sorted((ours.fast(number, rng) for number in range(effort.starts)), key=lambda spot: -spot.utility)
        return best_of(*(ours.exactly(spot) for spot in found[: effort.finalists]))


@dataclass(frozen=True)
class Climber:
    """A quasi-Newton climb, and a poll around its end, in signed radii, angles and a regressor's labels that move.

    ``at`` and ``slopes`` are the fast solver's or the package's.
    """

    program: Bilevel
    at: At
    slopes: Slopes
    labels: bool  # whether a regressor's labels move

    def coordinates(self, injection: Injection) -> FloatArray:
        """Radii from -1 to 1, angles, and labels from 0 to 1, one after another."""
        low, high = self.program.bounds(injection.task_index)
        polar = [np.hypot(*injection.X.T), np.arctan2(injection.X[:, 1], injection.X[:, 0])]
        return np.concatenate([*polar, (injection.y - low) / (high - low)] if self.labels else polar)

    def limits(self, n: int) -> list[tuple[float, float]]:
        """Of the coordinates of n rows."""
        return [(-1.0, 1.0)] * n + [(-np.inf, np.inf)] * n + [(0.0, 1.0)] * (n * self.labels)

    def injection(self, like: Injection, v: FloatArray) -> Injection:
        """The rows at these coordinates."""
        n = like.y.size
        X = v[:n, None] * _direction(v[n : 2 * n])
        if not self.labels:
            return replace(like, X=X)
        low, high = self.program.bounds(like.task_index)
        return replace(like, X=X, y=low + (high - low) * v[2 * n :])

    def gradient(self, spot: Spot, v: FloatArray) -> FloatArray:
        """Of the utility by the coordinates."""
        n, (features, labels) = spot.injection.y.size, self.slopes(spot)
        ahead = _direction(v[n : 2 * n])
        aside = np.column_stack([-ahead[:, 1], ahead[:, 0]])
        by = [(features * ahead).sum(axis=1), v[:n] * (features * aside).sum(axis=1)]
        low, high = self.program.bounds(spot.injection.task_index)
        return np.concatenate([*by, (high - low) * labels] if self.labels else by)

    def climb(self, start: Spot) -> Spot:
        """The best spot on the way."""
        best, like = start, start.injection

        def fall(v: FloatArray) -> tuple[float, FloatArray]:
            nonlocal best
            spot = self.at(self.injection(like, v), best.W)
            best = best_of(best, spot)
            return -spot.utility / start.utility, -self.gradient(spot, v) / start.utility

        minimize(
            fall, self.coordinates(like), jac=True, method="L-BFGS-B", bounds=self.limits(like.y.size),
            options={"maxiter": _STEPS, "ftol": 1e-13, "gtol": 1e-9},
        )  # fmt: skip
        return best

    def poll(self, best: Spot) -> Spot:
        """One coordinate after another a step up or down, ever smaller ones: what a kink keeps from the climb."""
        v = self.coordinates(best.injection)
        low, high = np.array(self.limits(best.injection.y.size)).T
        for step, column, sign in product(_POLLED, range(v.size), (-1.0, 1.0)):
            moved = v.copy()
            moved[column] = np.clip(v[column] + sign * step, low[column], high[column])
            spot = self.at(self.injection(best.injection, moved), best.W)
            if spot.utility > best.utility:
                best, v = spot, moved
        return best


def _direction(angle: FloatArray) -> FloatArray:
    return np.column_stack([np.cos(angle), np.sin(angle)])


@dataclass(frozen=True)
class Search:
    """The search on one program; ``like`` has the rows' tasks and, where labels stay, their labels."""

    program: Bilevel
    like: Injection
    moved: bool  # whether labels move
    effort: Effort

    def fast(self, number: int, rng: np.random.Generator) -> Spot:
        """From one start, with the fast solver."""
        solver = FastProgram(self.program)
        climber = self.climber(solver.at, solver.slopes)
        best = solver.at(self.start(number, rng), self.program.clean.W)
        if number % 2:
            best = climber.climb(best)
        for _ in range(self.effort.rounds):
            before = best.utility
            for row in rng.permutation(best.injection.y.size):
                best = solver.with_row(best, row, self.effort.disc(), self.labels(best.injection, row))
            best = climber.climb(best)
            if best.utility <= before * (1.0 + _WORTH):
                break
        return best

    def exactly(self, spot: Spot) -> Spot:
        """The spot by the package's solver, and a climb and a poll from there."""

        def at(injection: Injection, start: FloatArray) -> Spot:
            W = self.program.solve(injection, start).W
            return Spot(injection, self.program.utility(W), W)

        def slopes(spot: Spot) -> tuple[FloatArray, FloatArray]:
            found = implicit_gradient(self.program, spot.injection, spot.W)
            return found.features, found.labels

        climber = self.climber(at, slopes)
        return climber.climb(climber.poll(climber.climb(at(spot.injection, spot.W))))

    def climber(self, at: At, slopes: Slopes) -> Climber:
        """With one of the two solvers."""
        return Climber(self.program, at, slopes, labels=self.moved and not self.program.problem.loss.margin)

    def start(self, number: int, rng: np.random.Generator) -> Injection:
        """Rows at random; labels that move are either extreme."""
        low, high = self.program.extremes(self.like.task_index)
        y = np.where(rng.random(low.size) < 0.5, low, high) if self.moved else self.like.y
        return at_features(self.program, replace(self.like, y=y), ("uniform", "corners")[number // 2 % 2], rng)

    def labels(self, injection: Injection, row: int) -> FloatArray:
        """What a row's label may be."""
        if not self.moved:
            return injection.y[row : row + 1].copy()
        low, high = (float(each[row]) for each in self.program.extremes(injection.task_index))
        return np.linspace(low, high, 2 if self.program.problem.loss.margin else self.effort.labels)


def best_of(*spots: Spot) -> Spot:
    """The spot of the highest utility."""
    return max(spots, key=lambda spot: spot.utility)
