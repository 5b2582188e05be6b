"""Rows far out pulled in: no row can weigh more than a common one."""

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.regions import Ball, Region
from patom.defenses.sanitiser import Judged, Rows, Sanitiser
from patom.defenses.sphere import INSIDE, middle
from patom.models.settings import require_at_least, require_choice

_OVER = ("tasks", "task")


class Clip(Sanitiser):
    """Pull rows beyond a distance from the middle back to it, along the line to the middle; drop none.

    An injected row's pull on the weights grows with its length (eq. 6 and 7), and attacks end at the region's far
    ends, where few clean rows lie. Dropping the farthest rows hurts the attacker who does not know of it; who does
    puts hers just inside. Clipped at a common row's distance, hers weigh no more than anybody's, and the clean rows
    keep their direction and their target. Predictions are for rows as they come.

    Parameters
    ----------
    quantile : float, default 0.5
        Of the distances in a task, in (0, 1]; rows farther out than it are pulled in.
    over : {"tasks", "task"}, default "tasks"
        Where middle and distance are measured: medians over all tasks of each task's, so that every task has one
        vote and who injects into fewer than half of them moves neither by much; or in each task by itself, for
        tasks whose rows lie in different places.

    Notes
    -----
    Rows of shorter length need weaker penalties: lower the lambdas by the square of what ``Kept.X`` is shorter by.
    Where the distance comes to 0, as half of the rows are equal, nothing is moved. One pass over the rows, and a sort
    for the medians.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [-1.0], [2.0], [-50.0]])
    >>> Clip().fit_resample(X, [0.0, 1.0, 2.0, 3.0, 4.0])[0].ravel()
    array([ 0.,  1., -1.,  1., -1.])
    """

    def __init__(self, quantile: float = 0.5, over: str = "tasks") -> None:
        self.quantile = quantile
        self.over = over

    def check(self) -> None:
        """Refuse settings that cannot be used."""
        require_at_least("Clip", 0.0, strict=True, quantile=self.quantile)
        if self.quantile > 1.0:
            raise ValueError(f"quantile of Clip must be at most 1; got {self.quantile!r}.")
        require_choice("Clip", _OVER, over=self.over)

    def judge(self, rows: Rows) -> Judged:
        """Distances to the middle after the move; the threshold is where a row is pulled to, and all stay."""
        away, radius = self._measured(rows)
        distance = np.linalg.norm(away, axis=1)
        short = np.minimum(1.0, np.divide(radius, distance, out=np.ones_like(radius), where=distance > 0.0))
        X = rows.X - (1.0 - short)[:, None] * away
        return Judged(short * distance, radius, np.full(radius.size, ""), X)

    def regions(self, rows: Rows) -> list[tuple[Region, ...]]:
        """Balls that no row is pulled out of: an attacker loses nothing by staying inside."""
        away, radius = self._measured(rows)
        balls: list[tuple[Region, ...]] = []
        for group in rows.groups():
            first = group[0]
            bound = INSIDE * radius[first]
            balls.append((Ball(bound, rows.X[first] - away[first]),) if np.isfinite(bound) else ())
        return balls

    def pulled_back(self, rows: Rows, slopes: FloatArray) -> FloatArray:
        """A row that is pulled in moves along the sphere only, and less than it did outside."""
        away, radius = self._measured(rows)
        distance = np.linalg.norm(away, axis=1)
        outside = distance > radius
        ahead = away[outside] / distance[outside, None]
        tangent = slopes[outside] - np.einsum("rd,rd->r", ahead, slopes[outside])[:, None] * ahead
        found = slopes.copy()
        found[outside] = (radius[outside] / distance[outside])[:, None] * tangent
        return found

    def _measured(self, rows: Rows) -> tuple[FloatArray, FloatArray]:
        """Each row less its middle, and how far out it may stay, infinite where it may anywhere."""
        tasks = rows.of_tasks()
        middles = np.array([middle(rows.X[task], "median") for task in tasks])
        if self.over == "tasks":
            middles[:] = np.median(middles, axis=0)
        away, radius = np.empty(rows.X.shape), np.empty(rows.y.size)
        for task, centre in zip(tasks, middles, strict=True):
            away[task] = rows.X[task] - centre
            radius[task] = np.quantile(np.linalg.norm(away[task], axis=1), self.quantile)
        if self.over == "tasks":
            radius[:] = np.median([radius[task[0]] for task in tasks])
        return away, np.where(radius > 0.0, radius, np.inf)
