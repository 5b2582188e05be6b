"""Rows of a class whose share in a task is larger than in the other tasks."""

from dataclasses import dataclass

import numpy as np

from patom.core.arrays import FloatArray, IntArray
from patom.defenses.filters.sanitiser import Judged, Rows, Sanitiser
from patom.defenses.parts import middles
from patom.defenses.votes import VOTES, middle_vote, votes_of
from patom.models.settings import require_at_least, require_choice


@dataclass(eq=False, repr=False)
class Shares(Sanitiser):
    """Bring a class's share of a task's rows down to what is usual among the tasks, dropping its oddest rows.

    Where one class is rare, an attacker does best to give her rows that class: a fifth of a task's rows then outnumbers
    the real rows of the class by far. The other tasks show how many rows the class should have, and where they lie:
    the rows that are farthest from the class's centre are dropped. Each coordinate of the centre is the median over
    all tasks, by ``votes``, of the task's median.

    Parameters
    ----------
    tolerance : float, default 1.5
        At least 1. A class may have a share of up to ``tolerance`` times the median of its shares over tasks. For
        classes of equal size, 1.5 allows three quarters of a task's rows.
    votes : {"capped", "rows", "tasks"}, default "capped"
        What a task counts in the medians over tasks, as in ``Clip``.

    Notes
    -----
    Does nothing where y is a quantity or there is one task. On clean data it drops rows of tasks whose share is
    above that of most. One pass over the rows, and a sort for the medians.

    Examples
    --------
    >>> X = np.array([[0.0], [0.1], [0.2], [1.0], [0.0], [0.1], [0.2], [1.1], [0.1], [0.9], [4.0], [5.0]])
    >>> y, task = np.repeat([0, 1, 0, 1, 0, 1], [3, 1, 3, 1, 1, 3]), np.repeat([1, 2, 3], 4)
    >>> Shares(tolerance=2.0).keep(X, y, task).kept[-4:]
    array([ True,  True, False, False])
    """

    tolerance: float = 1.5
    votes: str = "capped"

    def check(self) -> None:
        require_choice("Shares", VOTES, votes=self.votes)
        require_at_least("Shares", 1.0, tolerance=self.tolerance)

    def judge(self, rows: Rows) -> Judged:
        """Distances to the class's centre; the threshold is that of the farthest row of the task's class that stays."""
        score, threshold, why = np.zeros(rows.y.size), np.zeros(rows.y.size), np.full(rows.y.size, "", dtype=object)
        groups = rows.groups() if rows.classes else []
        sizes = _sizes(rows)
        total = sizes.sum(axis=1)
        usual = middle_vote(sizes / np.maximum(total, 1)[:, None], votes_of(self.votes, total))
        centres = [_centre(rows, groups, votes_of(self.votes, total), positive=side) for side in (False, True)]
        for group in groups:
            side = int(rows.y[group[0]] > 0.0)
            score[group] = np.linalg.norm(rows.X[group] - centres[side], axis=1)
            others = sizes[rows.task_index[group[0]], 1 - side]
            stay = _allowed(group.size, int(others), self.tolerance * float(usual[side]))
            order = group[np.lexsort((*rows.X[group].T, score[group]))]
            threshold[group] = score[order[stay - 1]]
            why[order[stay:]] = self.name
        return Judged(score, threshold, why.astype(str))


def _sizes(rows: Rows) -> IntArray:
    """Rows of each task present and class, shape (m, 2)."""
    sizes = np.zeros((rows.tasks.size, 2), dtype=np.int64)
    np.add.at(sizes, (rows.task_index, (rows.y > 0.0).astype(np.int64)), 1)
    return sizes


def _centre(rows: Rows, groups: list[IntArray], votes: FloatArray, *, positive: bool) -> FloatArray:
    """The coordinates' median over tasks of their medians in the class, shape (d,).

    A task has the votes of all of its rows: by its rows of the class, who floods a class would vote most.
    """
    own = [group for group in groups if (rows.y[group[0]] > 0.0) == positive]
    if not own:
        return np.zeros(rows.X.shape[1])
    return middle_vote(middles(rows.X, own), votes[[rows.task_index[group[0]] for group in own]])


def _allowed(size: int, others: int, share: float) -> int:
    """How many of a class's rows may stay beside the other class's: at least one, all where the share allows.

    >>> _allowed(26, 94, 0.09), _allowed(5, 94, 0.09), _allowed(5, 0, 0.5), _allowed(5, 5, 1.2)
    (9, 5, 5, 5)
    """
    if share >= 1.0 or others == 0:
        return size
    return min(size, max(1, int(share * others / (1.0 - share) + 1e-9)))
