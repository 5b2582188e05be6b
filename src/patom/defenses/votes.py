"""How much each task counts where a defense takes a middle over tasks.

One vote a task is what an attacker mints by opening accounts: k of them with two rows each outvote k - 1 honest tasks.
Votes by rows cost her rows. But then a single large task decides, honest or not; capped, none has over a third.
"""

from typing import Literal, get_args

import numpy as np

from patom.core.arrays import FloatArray, IntArray

Votes = Literal["rows", "capped", "tasks"]
VOTES = get_args(Votes)
"""A task's votes: its rows; its rows up to a third of all votes; or one."""
LARGEST = 1.0 / 3.0
"""The largest share of all votes that a task has, where they are capped and there are three tasks or more."""


def votes_of(setting: str, counts: IntArray) -> FloatArray:
    """Votes of tasks with so many rows, shape (m,).

    >>> votes_of("rows", np.array([2, 4])), votes_of("tasks", np.array([2, 4]))
    (array([2., 4.]), array([1., 1.]))
    >>> votes_of("capped", np.array([2, 4, 9, 30]))
    array([2., 4., 6., 6.])
    """
    rows = counts.astype(np.float64)
    if setting == "tasks":
        return np.ones(counts.size)
    return np.minimum(rows, _cap(rows)) if setting == "capped" else rows


def _cap(rows: FloatArray) -> float:
    """The largest c for which no min(n_i, c) is over a third of their sum; the fewest rows where there is none.

    With the j largest tasks at c and the others' rows adding up to s, c = (j c + s)/3.
    """
    largest = np.sort(rows)[::-1]
    left = np.append(largest[::-1].cumsum()[::-1], 0.0)  # rows of all but the j largest
    for j in range(min(rows.size, 3)):
        c = LARGEST * float(left[j]) / (1.0 - LARGEST * j)
        if largest[j] <= c * (1.0 + 1e-12):
            return max(c, float(largest[j]))
    return float(largest[-1]) if largest.size else 0.0


def middle_vote(values: FloatArray, votes: FloatArray) -> FloatArray:
    """Median over tasks, shape (...), of values of shape (m, ...), each counting as often as its task has votes.

    The mean of two neighbours where exactly half of the votes are below; with equal votes the plain median. NaN where
    all are; other NaNs have no vote.

    >>> middle_vote(np.array([1.0, 2.0, 9.0]), np.array([1.0, 1.0, 3.0]))
    array(9.)
    >>> middle_vote(np.array([1.0, 2.0, 4.0, 9.0]), np.ones(4))
    array(3.)
    """
    order = np.argsort(values, axis=0)
    ranked = np.take_along_axis(values, order, axis=0)
    share = np.where(np.isnan(ranked), 0.0, votes[order])
    below = np.cumsum(share, axis=0)
    half = 0.5 * below[-1]
    slack = 1e-12 * half  # sums of votes may round
    lower = np.argmax(below >= half - slack, axis=0)[None]
    upper = np.argmax(below > half + slack, axis=0)[None]
    ends = [np.take_along_axis(ranked, place, axis=0)[0] for place in (lower, upper)]
    return np.asarray(np.where(half > 0.0, 0.5 * (ends[0] + ends[1]), np.nan))
