"""Clipping: rows far out are moved in, so that no row weighs more than a common one."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.grouped import over_groups
from patom.core.regions import Ball, Ellipsoid, Region
from patom.defenses.filters.sanitiser import INSIDE, Judged, Rows, Sanitiser
from patom.defenses.parts import TO_DEVIATION, middles
from patom.defenses.votes import VOTES, middle_vote, votes_of
from patom.models.settings import require_at_least, require_choice, require_share

_OVER = ("tasks", "task")
_METRICS = ("euclidean", "whitened")


@dataclass(frozen=True)
class Measured:
    """Rows less their middle (``away``, shape (n, d)), and the ``radius`` within which each may stay, shape (n,).

    ``axes`` are orthonormal columns, shape (d, d), and ``spread`` is the squared length along them that counts as 1,
    shape (n, d); without axes distances are Euclidean. The radius is infinite where a row may lie anywhere.
    """

    away: FloatArray
    axes: FloatArray | None
    spread: FloatArray
    radius: FloatArray

    @property
    def distance(self) -> FloatArray:
        """Of each row from its middle, shape (n,)."""
        if self.axes is None:
            return np.asarray(np.linalg.norm(self.away, axis=1))
        return np.asarray(np.linalg.norm(self.away @ self.axes / np.sqrt(self.spread), axis=1))

    @property
    def gradient(self) -> FloatArray:
        """Of half the squared distance by the row, shape (n, d)."""
        return self.away if self.axes is None else np.asarray((self.away @ self.axes / self.spread) @ self.axes.T)


@dataclass(eq=False, repr=False)
class Clip(Sanitiser):
    """Move rows that are too far from the middle to a given distance from it, along a straight line; drop none.

    An injected row's pull on the weights grows with its length (eq. 13 and 14), and attacks end at the far ends of the
    region, where few clean rows lie. A filter that drops the farthest rows stops only attackers who do not know it;
    one who knows it puts her rows just inside. Clipped at a common row's distance, injected rows weigh no more than
    others, and clean rows keep their direction and their target. Predictions are made for rows as they are, unclipped.

    Parameters
    ----------
    quantile : float, default 0.5
        Of the distances in a task, in (0, 1]; rows farther out than it are pulled in.
    over : {"tasks", "task"}, default "tasks"
        Where middle and distance are measured. "tasks": medians over all tasks of each task's own, by ``votes``; an
        attacker with fewer than half of the votes moves neither by much. "task": in each task by itself, for tasks
        whose rows lie in different places.
    votes : {"capped", "rows", "tasks"}, default "capped"
        A task's votes: its rows, up to a third of all votes, so that no large task decides; its rows; or one, which an
        attacker who opens accounts mints as she likes.
    metric : {"euclidean", "whitened"}, default "euclidean"
        Plain distances, or distances divided by the rows' spread along their principal axes: an attacker then has
        little freedom in directions in which clean rows hardly vary. For features that are strongly correlated.
    ridge : float, default 1.0
        Above 0. Times the mean of the squared spreads, it is added to each; larger is closer to plain distances.

    Notes
    -----
    Shorter rows need weaker penalties: divide the lambdas by the square of the factor by which ``Kept.X`` is shorter.
    Where the distance is 0, because half of the rows are equal, nothing is moved. One pass over the rows, and a sort
    for the medians.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [-1.0], [2.0], [-50.0]])
    >>> Clip().fit_resample(X, [0.0, 1.0, 2.0, 3.0, 4.0])[0].ravel()
    array([ 0.,  1., -1.,  1., -1.])
    """

    quantile: float = 0.5
    over: str = "tasks"
    metric: str = "euclidean"
    ridge: float = 1.0
    votes: str = "capped"

    def check(self) -> None:
        require_share("Clip", above=True, quantile=self.quantile)
        require_at_least("Clip", 0.0, strict=True, ridge=self.ridge)
        require_choice("Clip", _OVER, over=self.over)
        require_choice("Clip", _METRICS, metric=self.metric)
        require_choice("Clip", VOTES, votes=self.votes)

    def judge(self, rows: Rows) -> Judged:
        """Distances to the middle after the move; the threshold is where a row is pulled to, and all stay."""
        seen = self._measured(rows)
        distance, radius = seen.distance, seen.radius
        short = np.minimum(1.0, np.divide(radius, distance, out=np.ones_like(radius), where=distance > 0.0))
        X = rows.X - (1.0 - short)[:, None] * seen.away
        return Judged(short * distance, radius, np.full(radius.size, ""), X)

    def regions(self, rows: Rows) -> list[tuple[Region, ...]]:
        """Balls or ellipsoids that no row is pulled out of: an attacker loses nothing by staying inside."""
        seen = self._measured(rows)
        found: list[tuple[Region, ...]] = []
        for group in rows.groups():
            first = group[0]
            bound, centre = INSIDE * seen.radius[first], rows.X[first] - seen.away[first]
            if not np.isfinite(bound):
                found.append(())
            elif seen.axes is None:
                found.append((Ball(bound, centre),))
            else:
                root = seen.axes * np.sqrt(seen.spread[first])
                found.append((Ellipsoid(root @ root.T, bound, centre),))
        return found

    def pulled_back(self, rows: Rows, slopes: FloatArray) -> FloatArray:
        """A row that is pulled in moves along the surface only, and less than it did outside."""
        seen = self._measured(rows)
        distance = seen.distance
        outside = distance > seen.radius
        along = np.einsum("rd,rd->r", seen.away, slopes)[outside] / np.square(distance[outside])
        tangent = slopes[outside] - along[:, None] * seen.gradient[outside]
        found = slopes.copy()
        found[outside] = (seen.radius[outside] / distance[outside])[:, None] * tangent
        return found

    def _measured(self, rows: Rows) -> Measured:
        tasks = rows.of_tasks()
        owner = np.empty(rows.y.size, dtype=np.int64)  # among the tasks that have rows
        owner[np.concatenate(tasks)] = np.repeat(np.arange(len(tasks)), [task.size for task in tasks])
        votes = votes_of(self.votes, np.array([task.size for task in tasks]))
        away = rows.X - self._voted(middles(rows.X, tasks), votes)[owner]
        axes, spread = None, np.ones((rows.y.size, 1))
        if self.metric == "whitened":
            axes = _principal_axes(away)
            deviations = TO_DEVIATION * middles(np.abs(away @ axes), tasks)
            squared = np.square(self._voted(deviations, votes))
            eased = squared + self.ridge * squared.mean(axis=1, keepdims=True)
            spread = np.where(squared.any(axis=1, keepdims=True), eased, 1.0)[owner]
        seen = Measured(away, axes, spread, np.full(rows.y.size, np.inf))
        own = over_groups(partial(np.quantile, q=self.quantile, axis=1), seen.distance, tasks)
        reach = self._voted(own, votes)
        return replace(seen, radius=np.where(reach > 0.0, reach, np.inf)[owner])

    def _voted(self, own: FloatArray, votes: FloatArray) -> FloatArray:
        """Each task's own value, shape (m, ...), or the median over tasks in place of each."""
        return np.broadcast_to(middle_vote(own, votes), own.shape) if self.over == "tasks" else own


def _principal_axes(away: FloatArray) -> FloatArray:
    """Of rows cut to the median length, shape (d, d): longer rows would turn the axes."""
    length = np.linalg.norm(away, axis=1)
    common = float(np.median(length))
    short = np.minimum(1.0, np.divide(common, length, out=np.ones_like(length), where=length > 0.0))
    near = short[:, None] * away
    return np.asarray(np.linalg.eigh(near.T @ near)[1])
