"""Where an attack starts: injected rows drawn at random.

The paper does not say how it draws labels; these are the simplest choices.
"""

from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.attacks.see_saw import see_saw
from patom.core.arrays import FloatArray, IntArray
from patom.core.grouped import places_within

Features = Literal["uniform", "resampled", "corners", "clusters", "see-saw"]
Labels = Literal["resampled", "uniform", "flipped", "extremes"]
FEATURES, LABELS = get_args(Features), get_args(Labels)
_FAR = 10.0  # times a standard normal direction: beyond a region of unit scale
_REDRAWN = 5  # times
_FURTHER = 12  # powers of it that are tried, until no row is left inside


def draw(program: Bilevel, features: str, labels: str, rng: np.random.Generator) -> Injection:
    """Random injected rows within budget, region and range of labels.

    Parameters
    ----------
    program : Bilevel
    features : {"uniform", "resampled", "corners", "clusters", "see-saw"}
        Uniform in the region; clean rows of the task, projected onto the region; the region's far ends in random
        directions; all rows of a task at two opposite far ends, those of the lower labels and those of the higher; or
        at two opposite points so near that a task fits them by large weights, see ``see_saw``, which costs a few fits.
    labels : {"resampled", "uniform", "flipped", "extremes"}
        Those of clean rows of the task (of the same rows as the features, where both are resampled); uniform
        between the task's smallest and largest target, or either class with equal chance; mirrored: the
        other class, or smallest plus largest minus the target; or the largest and the smallest in turn.

    Clean rows of an account, which has none, are those of all tasks.
    """
    rows = program.problem.rows
    task_index = np.repeat(program.attackers, program.counts)
    new = rows.counts[task_index] == 0
    first = np.where(new, 0, rows.offsets[task_index])
    count = np.where(new, rows.y.size, rows.counts[task_index])
    source = first + (rng.random(task_index.size) * count).astype(np.int64)
    y = _labels(program, labels, rows.y[source], task_index, rng)
    return at_features(program, Injection(rows.X[source, :-1], y, task_index), features, rng)


def at_features(program: Bilevel, injection: Injection, features: str, rng: np.random.Generator) -> Injection:
    """The injection's labels with features drawn as ``draw`` says; "resampled" keeps its own, projected."""
    if features == "uniform":
        return replace(injection, X=program.sample(injection, rng))
    if features == "resampled":
        return replace(injection, X=program.project(injection.X, injection))
    if features == "see-saw":
        return see_saw(program, injection)
    n, d = injection.X.shape
    if features == "corners":
        ahead = rng.standard_normal((n, d))
    else:
        axis = rng.standard_normal((program.problem.rows.n_tasks, d))[injection.task_index]
        low, high = program.bounds(injection.task_index)
        ahead = np.where(injection.y > 0.5 * (low + high), 1.0, -1.0)[:, None] * axis
    return replace(injection, X=program.project(_beyond(program, injection, ahead), injection))


def slipping(program: Bilevel, injection: Injection, rng: np.random.Generator) -> Injection:
    """The injection, with the rows that do not pass the victim's filter drawn again from clean rows, a few times."""
    for _ in range(_REDRAWN):
        caught = ~program.lower.passes(injection)
        if not caught.any():
            break
        again = draw(program, "resampled", "resampled", rng)
        X, y = np.where(caught[:, None], again.X, injection.X), np.where(caught, again.y, injection.y)
        injection = replace(injection, X=X, y=y)
    return injection


def _beyond(program: Bilevel, injection: Injection, ahead: FloatArray) -> FloatArray:
    """Points outside the region in these directions; far points where the region is unbounded."""
    for power in range(1, _FURTHER + 1):
        points = injection.X + _FAR**power * ahead
        if not program.places.contains(points, injection.task_index, injection.y).any():
            return points
    return injection.X + _FAR * ahead


def _labels(program: Bilevel, labels: str, y: FloatArray, task_index: IntArray, rng: np.random.Generator) -> FloatArray:
    turn = places_within(np.bincount(task_index, minlength=program.problem.rows.n_tasks)) % 2  # tasks lie side by side
    if program.problem.loss.margin:
        if labels == "extremes":
            return np.where(turn == 0, 1.0, -1.0)
        if labels == "uniform":
            return rng.choice([-1.0, 1.0], size=y.size)
        return -y if labels == "flipped" else y
    low, high = program.bounds(task_index)
    if labels == "extremes":
        return np.where(turn == 0, high, low)
    if labels == "uniform":
        return low + (high - low) * rng.random(y.size)
    return np.clip(low + high - y if labels == "flipped" else y, low, high)
