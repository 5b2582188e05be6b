"""The best attack on a tiny problem that a search without the package's attacks finds.

From many starts a quasi-Newton method climbs; then one row after another goes to the best point of a grid over the
disc, with every label of a grid where labels move, the others staying where they are, each point by a solve of (1).
What improves is climbed again, until nothing does.
"""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.optimize import minimize

from benchmarks.tiny_problems import Tiny
from patom.attacks.draws import draw
from patom.attacks.gradients import implicit_gradient
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.models.threads import one_blas_thread

_WORTH = 1e-6  # relative rise of the utility below which a round of the grid counts as none


@dataclass(frozen=True)
class Effort:
    """How hard the search tries."""

    starts: int = 12
    finalists: int = 2  # local optima from which the grid goes on
    rounds: int = 4  # of the grid, at most
    radii: int = 3
    angles: int = 16
    labels: int = 3  # of a regressor's moved labels

    def disc(self) -> FloatArray:
        """Points of the unit disc, shape (k, 2)."""
        radii = np.arange(1, self.radii + 1) / self.radii
        angles = 2.0 * np.pi * np.arange(self.angles) / self.angles
        return np.array([(0.0, 0.0), *((r * np.cos(a), r * np.sin(a)) for r, a in product(radii, angles))])


@dataclass(frozen=True)
class Spot:
    """Injected rows and the utility there."""

    injection: Injection
    utility: float
    W: FloatArray


def at(program: Bilevel, injection: Injection, start: FloatArray) -> Spot:
    """Solve (1)."""
    W = program.solve(injection, start).W
    return Spot(injection, program.utility(W), W)


def search(problem: Tiny, like: Injection, effort: Effort = Effort()) -> Spot:
    """The best rows found; ``like`` has their tasks and, where labels are as drawn, their labels."""
    program, rng = problem.program, np.random.default_rng([problem.seed, 1])
    moved = problem.labels == "moved"
    found = []
    with one_blas_thread():
        for number in range(effort.starts):
            drawn = draw(program, ("uniform", "corners")[number % 2], "uniform", rng)
            start = drawn if moved else replace(like, X=drawn.X)
            found.append(climbed(program, at(program, start, program.clean.W), labels=moved))
        found.sort(key=lambda spot: -spot.utility)
        return max(
            (refined(program, spot, effort, labels=moved) for spot in found[: effort.finalists]),
            key=lambda spot: spot.utility,
        )


def refined(program: Bilevel, best: Spot, effort: Effort, *, labels: bool) -> Spot:
    """One row after another at the best point of the grid, and a climb, until nothing improves."""
    for _ in range(effort.rounds):
        before = best.utility
        for row in range(best.injection.y.size):
            best = with_row(program, best, row, effort, labels=labels)
        if best.utility <= before * (1.0 + _WORTH):
            break
        best = max(best, climbed(program, best, labels=labels), key=lambda spot: spot.utility)
    return best


def with_row(program: Bilevel, best: Spot, row: int, effort: Effort, *, labels: bool) -> Spot:
    """A row at the best point of the grid, or where it is."""
    low, high = (float(each[row]) for each in program.extremes(best.injection.task_index))
    margin = program.problem.loss.margin
    values = np.linspace(low, high, 2 if margin else effort.labels) if labels else [float(best.injection.y[row])]
    here = best.injection
    for point, value in product(effort.disc(), values):
        X, y = here.X.copy(), here.y.copy()
        X[row], y[row] = point, value
        best = max(best, at(program, replace(here, X=X, y=y), best.W), key=lambda spot: spot.utility)
    return best


def climbed(program: Bilevel, start: Spot, *, labels: bool) -> Spot:
    """A quasi-Newton climb in signed radii, angles and, for a regressor's moved labels, labels."""
    like, n = start.injection, start.injection.y.size
    low, high = program.bounds(like.task_index)
    free = labels and not program.problem.loss.margin and bool((high > low).all())
    best = start

    def rows(v: FloatArray) -> Injection:
        r, angle = v[:n], v[n : 2 * n]
        X = np.column_stack([r * np.cos(angle), r * np.sin(angle)])
        return replace(like, X=X, y=low + (high - low) * v[2 * n :] if free else like.y)

    def fall(v: FloatArray) -> tuple[float, FloatArray]:
        nonlocal best
        spot = at(program, rows(v), best.W)
        best = max(best, spot, key=lambda each: each.utility)
        slopes = implicit_gradient(program, spot.injection, spot.W)
        ahead = np.column_stack([np.cos(v[n : 2 * n]), np.sin(v[n : 2 * n])])
        aside = np.column_stack([-ahead[:, 1], ahead[:, 0]])
        by = [(slopes.features * ahead).sum(axis=1), v[:n] * (slopes.features * aside).sum(axis=1)]
        if free:
            by.append((high - low) * slopes.labels)
        return -spot.utility, -np.concatenate(by)

    first = [np.hypot(*like.X.T), np.arctan2(like.X[:, 1], like.X[:, 0])]
    limits = [(-1.0, 1.0)] * n + [(None, None)] * n
    if free:
        first.append((like.y - low) / (high - low))
        limits += [(0.0, 1.0)] * n
    minimize(fall, np.concatenate(first), jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": 60})
    return best
