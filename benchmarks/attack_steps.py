"""One step of an attack posed to everybody: clean rows, injected rows, the optimum under them."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks.plain_attack import PlainProblem, coupling, transcription
from benchmarks.problems import Shape
from patom import PATOM, ThreatModel
from patom.attacks.gradients import Accuracy, implicit_gradient
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel, bilevel
from patom.core.arrays import FloatArray
from patom.core.rows import TaskRows, append_constant

BUDGET = 0.2
_STEP = 0.1  # of an exact iteration: so far moves each row, in radii, along its own slope
RADIUS = 1.0


@dataclass(frozen=True)
class Step:
    """Where an iteration begins: injected rows and W, (m, p).

    PATOM's as printed sweeps from the optimum under these rows; the exact one first solves, from the optimum before
    they moved.
    """

    shape: Shape
    lam: float
    threat: ThreatModel
    program: Bilevel
    injection: Injection
    W: FloatArray

    @property
    def clean(self) -> TaskRows:
        """The clean rows."""
        return self.program.problem.rows

    @cached_property
    def aimed(self) -> np.ndarray[Any, Any]:
        """Positions of the clean rows aimed at."""
        return np.flatnonzero(np.isin(self.clean.task_index, self.program.targets))

    def plain(self, injection: Injection) -> PlainProblem:
        """Clean and injected rows for NumPy."""
        return PlainProblem(
            np.concatenate([self.clean.X, append_constant(injection.X)]),
            np.concatenate([self.clean.y, injection.y]),
            np.concatenate([self.clean.task_index, injection.task_index]),
            self.clean.n_tasks, self.lam, self.program.problem.loss.margin,
        )  # fmt: skip


def tasks_of(shape: Shape, kind: str) -> ThreatModel:
    """Targets and attackers: up to ten tasks each, at most half of all."""
    tasks = np.unique(shape.task)
    k = min(10, tasks.size // 2)
    attackers = tasks[:k] if kind == "direct" else tasks[k : 2 * k]
    return ThreatModel(tuple(tasks[:k].tolist()), tuple(attackers.tolist()), BUDGET)


def after_one_iteration(shape: Shape, lam: float, kind: str) -> Step:
    """The state after PATOM's first iteration, seed 0."""
    model, threat = shape.model(lam), tasks_of(shape, kind)
    result = PATOM(max_iter=1).poison(model, shape.X, shape.y, task=shape.task, threat=threat, random_state=0)
    program = bilevel(model, shape.X, shape.y, shape.task, threat)
    index = np.searchsorted(program.problem.tasks, result.task)
    injection = Injection(result.X, program.victim.known_targets(result.y), index)
    return Step(shape, lam, threat, program, injection, program.solve(injection).W)


def plain_patom(step: Step, seed: int) -> tuple[FloatArray, FloatArray, int]:
    """PATOM's iteration in NumPy: sample, sweep, solve. The moved rows, W and steps of the solve."""
    problem, W, injected = step.plain(step.injection), step.W, step.injection
    rng, aimed = np.random.default_rng(seed), step.aimed
    batch = rng.choice(aimed, size=3 * aimed.size)
    X, y, task = step.clean.X[batch], step.clean.y[batch], step.clean.task_index[batch]
    pushes = 100.0 * problem.slope(np.einsum("qp,qp->q", X, W[task]), y)
    x = append_constant(injected.X)
    counts = np.bincount(problem.task)[injected.task_index]
    duals = -problem.slope(np.einsum("rp,rp->r", x, W[injected.task_index]), injected.y) / counts
    gain = duals[:, None] * coupling(W, step.lam)[injected.task_index]
    moved = replace(injected, X=transcription(injected.X, X[:, :-1], pushes, task, gain, RADIUS))
    return moved.X, *step.plain(moved).solve(W, 1e-8)


def plain_exact(step: Step) -> tuple[FloatArray, FloatArray, int]:
    """An iteration along the exact gradient in NumPy: solve from ``step.W``, differentiate, move.

    The slopes, W, steps of the solve.
    """
    problem, injected = step.plain(step.injection), step.injection
    W, steps = problem.solve(step.W, 1e-8)
    X, y, task = step.clean.X[step.aimed], step.clean.y[step.aimed], step.clean.task_index[step.aimed]
    slopes = problem.slope(np.einsum("qp,qp->q", X, W[task]), y) / y.size
    g = np.zeros_like(W)
    np.add.at(g, task, slopes[:, None] * X)
    v, _ = problem.adjoint(W, g)
    x, index = append_constant(injected.X), injected.task_index
    z, along = np.einsum("rp,rp->r", x, W[index]), np.einsum("rp,rp->r", x, v[index])
    weight = -1.0 / np.bincount(problem.task)[index]
    found = (weight * problem.slope(z, injected.y))[:, None] * v[index, :-1]
    found += (weight * problem.curvature(z, injected.y) * along)[:, None] * W[index, :-1]
    moved_along(injected, found)
    return found, W, steps


def our_exact(step: Step) -> tuple[FloatArray, FloatArray, int]:
    """The same by PATOM."""
    injected = replace(step.injection)  # the program remembers an injection by the object; this one is new to it
    solution = step.program.solve(injected, step.W, polish=False)
    found = implicit_gradient(step.program, injected, solution.W, accuracy=Accuracy(1e-3)).features
    moved_along(injected, found)
    return found, solution.W, solution.n_iter


def moved_along(injection: Injection, slopes: FloatArray) -> Injection:
    """Each row a step along its own slope, back onto the ball."""
    lengths = np.maximum(np.linalg.norm(slopes, axis=1, keepdims=True), np.finfo(float).tiny)
    X = injection.X + _STEP * RADIUS * slopes / lengths
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    return replace(injection, X=X * np.minimum(1.0, RADIUS / np.maximum(norms, np.finfo(float).tiny)))
