"""Rows beyond a class: what a filter takes for one more class, a start where far rows do not pass.

A filter looks at classes one by one: at their middles, spreads and shares. Rows of one class at one point move the
middle of that class to themselves, and pass. Placed beyond the *other* class, seen from their own, they turn the
direction that tells the two apart. How far beyond depends on the filter, so that a few distances are tried on the
victim itself: no gradient is needed.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.core.rows import TaskRows

_PLACES = (-4.0, -2.5, -1.5, -1.0, -0.5, 1.5)  # on the line from the other class's mean, 0, to their own, 1
_JITTER = 0.02  # of the region's size, so that rows of one point can part


def beyond(
    program: Bilevel, drawn: Injection, size: float, rng: np.random.Generator, *, labels: bool
) -> Iterator[Injection]:
    """Rows of each task at a point on the line through the means of its two classes, for each place on it.

    A quantity has two classes as well, its targets above and up to the median. With ``labels`` all rows are of the
    higher class, then all of the lower one, with the extreme label; else each is of the class that it was drawn with.
    """
    low, high = program.extremes(drawn.task_index)
    noise = rng.standard_normal(drawn.X.shape) * (_JITTER * size / np.sqrt(drawn.X.shape[1]))
    middles = np.stack([_means(program.problem.rows, i) for i in range(program.problem.rows.n_tasks)])
    for y in (high, low) if labels else (drawn.y,):
        own = (y > 0.5 * (low + high)).astype(int)
        there, here = middles[drawn.task_index, 1 - own], middles[drawn.task_index, own]
        for place in _PLACES:
            rows = replace(drawn, X=there + place * (here - there) + noise, y=y)
            yield replace(rows, X=program.project(rows.X, rows))


def _means(rows: TaskRows, task: int) -> FloatArray:
    """Of the lower and of the higher class of a task's clean rows, shape (2, d); all tasks' for an account."""
    own = slice(rows.offsets[task], rows.offsets[task + 1]) if rows.counts[task] else slice(None)
    X, y = rows.X[own, :-1], rows.y[own]
    higher = y > (np.median(y) if np.unique(y).size > 2 else 0.5 * (y.min() + y.max()))
    if higher.all() or not higher.any():
        return np.stack([X.mean(axis=0)] * 2)
    return np.stack([X[~higher].mean(axis=0), X[higher].mean(axis=0)])
