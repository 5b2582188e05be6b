"""Rows far out along the line between the classes of their task."""

from typing import ClassVar

import numpy as np

from patom.core.arrays import BoolArray, FloatArray, IntArray
from patom.core.regions import Region
from patom.core.regions.slab import Slab as Between
from patom.defenses.sanitiser import Oddest, Rows
from patom.defenses.sphere import CENTRES, INSIDE, middle
from patom.models.settings import require_choice


class Slab(Oddest):
    """Drop the rows farthest from their class's centre along the line between the centres of the task's classes.

    Where y is a quantity, the line joins the centres of the rows below and above the task's median target. A task
    with one class only has no line, and keeps its rows.

    Parameters
    ----------
    fraction : float, default 0.05
        Of each group, in [0, 1); rounded down to whole rows.
    centre : {"median", "mean"}, default "median"
        The paper's is the mean.

    Notes
    -----
    Steinhardt, Koh and Liang 2017, section 3.1. On clean data it drops ``fraction`` of the rows. Two passes over the
    rows, and a sort for the medians.

    Examples
    --------
    >>> X = np.array([[0.0, 1.0], [0.1, 1.0], [1.0, 1.0], [1.1, 1.0], [9.0, 1.0], [0.9, 1.0]])
    >>> Slab(fraction=0.3).keep(X, ["no", "no", "yes", "yes", "yes", "yes"]).kept
    array([ True,  True,  True,  True, False,  True])
    """

    name: ClassVar[str] = "slab"

    def __init__(self, fraction: float = 0.05, centre: str = "median") -> None:
        super().__init__(fraction)
        self.centre = centre

    def check(self) -> None:
        """Refuse settings that cannot be used."""
        super().check()
        require_choice("Slab", CENTRES, centre=self.centre)

    def scores(self, rows: Rows) -> FloatArray:
        """Distance to the class's centre along the line."""
        score = np.zeros(rows.y.size)
        for task in rows.of_tasks():
            upper = _upper(rows, task)
            if upper.all() or not upper.any():
                continue
            low, high = self._centres(rows, task, upper)
            line = (high - low) / (np.linalg.norm(high - low) or 1.0)
            score[task] = np.abs(rows.X[task] @ line - np.where(upper, high @ line, low @ line))
        return score

    def regions(self, rows: Rows) -> list[tuple[Region, ...]]:
        """Slabs across the line, for classes; a quantity has two, one for low targets and one for high."""
        if not rows.classes:
            return super().regions(rows)
        threshold = self.judge(rows).threshold
        slabs: list[tuple[Region, ...]] = []
        for group in rows.groups():
            task = np.flatnonzero(rows.task_index == rows.task_index[group[0]])
            upper, width = _upper(rows, task), INSIDE * threshold[group[0]]
            if width <= 0.0 or upper.all() or not upper.any():
                slabs.append(())
                continue
            low, high = self._centres(rows, task, upper)
            slabs.append((Between(high - low, width, high if rows.y[group[0]] > 0.0 else low),))
        return slabs

    def _centres(self, rows: Rows, task: IntArray, upper: BoolArray) -> tuple[FloatArray, FloatArray]:
        low, high = (middle(rows.X[task[part]], self.centre) for part in (~upper, upper))
        return low, high


def _upper(rows: Rows, task: IntArray) -> BoolArray:
    """Which rows of a task are of the upper class, or above the median target."""
    return np.asarray(rows.y[task] > (0.0 if rows.classes else np.median(rows.y[task])))
