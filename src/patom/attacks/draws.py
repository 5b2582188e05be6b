"""Where an attack starts: injected rows drawn at random.

The paper does not say how it draws labels; the choices here are the ones an attacker would think of first.
"""

from typing import Literal, get_args

import numpy as np

from patom.attacks.bilevel import Bilevel, Injection
from patom.core.arrays import FloatArray, IntArray

Features = Literal["uniform", "resampled"]
Labels = Literal["resampled", "uniform", "flipped"]
FEATURES, LABELS = get_args(Features), get_args(Labels)


def draw(program: Bilevel, features: str, labels: str, rng: np.random.Generator) -> Injection:
    """Random injected rows within budget and region.

    Parameters
    ----------
    program : Bilevel
    features : {"uniform", "resampled"}
        Uniform in the region, or clean rows of the task, projected onto the region.
    labels : {"resampled", "uniform", "flipped"}
        Those of clean rows of the task (of the same rows as the features, where both are resampled); uniform
        between the task's smallest and largest target, or either class with equal chance; or mirrored: the
        other class, or smallest plus largest minus the target.
    """
    rows = program.problem.rows
    task_index = np.repeat(program.attackers, program.counts)
    first, count = rows.offsets[task_index], rows.counts[task_index]
    source = first + (rng.random(task_index.size) * count).astype(np.int64)
    if features == "resampled":
        X = program.region.project(rows.X[source, :-1])
    else:
        X = program.region.sample(task_index.size, rows.n_columns - 1, rng)
    return Injection(X, _labels(program, labels, source, task_index, rng), task_index)


def _labels(
    program: Bilevel, labels: str, source: IntArray, task_index: IntArray, rng: np.random.Generator
) -> FloatArray:
    y = program.problem.rows.y[source]
    if labels == "resampled":
        return y
    if program.problem.loss.margin:
        return -y if labels == "flipped" else rng.choice([-1.0, 1.0], size=y.size)
    low, high = label_bounds(program, task_index)
    return low + high - y if labels == "flipped" else low + (high - low) * rng.random(y.size)


def label_bounds(program: Bilevel, task_index: IntArray) -> tuple[FloatArray, FloatArray]:
    """Smallest and largest clean target of the task of each injected row."""
    rows = program.problem.rows
    low = np.minimum.reduceat(rows.y, rows.offsets[:-1])
    high = np.maximum.reduceat(rows.y, rows.offsets[:-1])
    return low[task_index], high[task_index]
