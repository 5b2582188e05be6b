"""Rows far from the middle of their task's class."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import numpy as np

from patom.core.arrays import FloatArray, IntArray
from patom.core.grouped import over_groups
from patom.core.regions import Ball, Region
from patom.defenses.filters.sanitiser import Oddest, Rows
from patom.models.settings import require_choice

CENTRES = ("median", "mean")
INSIDE = 1.0 - 1e-9
"""Of a threshold: a row on the edge of a filter's region passes in spite of rounding."""


class Sphere(Oddest):
    """Drop the rows farthest from the centre of their task's class (Steinhardt, Koh and Liang 2017, section 3.1).

    Parameters
    ----------
    fraction : float, default 0.05
        Of each group, in [0, 1); rounded down to whole rows.
    centre : {"median", "mean"}, default "median"
        The paper's is the mean; injected rows move the coordinates' medians less.

    Notes
    -----
    On clean data it drops ``fraction`` of the rows. One pass over the rows, and a sort for the median.

    Examples
    --------
    >>> X = np.array([[0.0], [0.1], [0.2], [0.1], [5.0]])
    >>> Sphere(fraction=0.2).keep(X, [1.0, 2.0, 3.0, 4.0, 5.0]).kept
    array([ True,  True,  True,  True, False])
    """

    name: ClassVar[str] = "sphere"

    def __init__(self, fraction: float = 0.05, centre: str = "median") -> None:
        super().__init__(fraction)
        self.centre = centre

    def check(self) -> None:
        """Refuse settings that cannot be used."""
        super().check()
        require_choice("Sphere", CENTRES, centre=self.centre)

    def scores(self, rows: Rows) -> FloatArray:
        """Distance to the centre of the group."""
        groups = rows.groups()
        centres, away = middles(rows.X, groups, self.centre), np.empty(rows.X.shape)
        away[np.concatenate(groups)] = np.repeat(centres, [group.size for group in groups], axis=0)
        return np.asarray(np.linalg.norm(rows.X - away, axis=1))

    def regions(self, rows: Rows) -> list[tuple[Region, ...]]:
        """Balls around the centres."""
        threshold = self.judge(rows).threshold
        balls: list[tuple[Region, ...]] = []
        for group in rows.groups():
            radius = INSIDE * threshold[group[0]]
            balls.append((Ball(radius, middle(rows.X[group], self.centre)),) if radius > 0.0 else ())
        return balls


def middle(X: FloatArray, centre: str) -> FloatArray:
    """The coordinates' medians or means, shape (d,)."""
    return np.asarray(np.median(X, axis=0) if centre == "median" else X.mean(axis=0))


def middles(X: FloatArray, groups: Sequence[IntArray], centre: str) -> FloatArray:
    """``middle`` of each group's rows, shape (g, d)."""
    return over_groups(partial(np.median if centre == "median" else np.mean, axis=1), X, groups)
