"""Rows far from the centre of their task's class, or far out on the line between the centres of its two classes."""

from dataclasses import dataclass

import numpy as np

from patom.core import regions
from patom.core.arrays import FloatArray, IntArray
from patom.defenses.filters.sanitiser import INSIDE, Oddest, Rows
from patom.defenses.parts import middles
from patom.models.settings import require_choice

CENTRES = ("median", "mean")


@dataclass(eq=False, repr=False)
class Centred(Oddest):
    """A filter of rows by their distance from a centre."""

    fraction: float = 0.05
    centre: str = "median"

    def check(self) -> None:
        super().check()
        require_choice(type(self).__name__, CENTRES, centre=self.centre)


@dataclass(eq=False, repr=False)
class Sphere(Centred):
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

    def scores(self, rows: Rows) -> FloatArray:
        groups = rows.groups()
        centres, away = middles(rows.X, groups, self.centre), np.empty(rows.X.shape)
        away[np.concatenate(groups)] = np.repeat(centres, [group.size for group in groups], axis=0)
        return np.asarray(np.linalg.norm(rows.X - away, axis=1))

    def regions(self, rows: Rows) -> list[tuple[regions.Region, ...]]:
        threshold, groups = self.judge(rows).threshold, rows.groups()
        balls: list[tuple[regions.Region, ...]] = []
        for group, centre in zip(groups, middles(rows.X, groups, self.centre), strict=True):
            radius = INSIDE * threshold[group[0]]
            balls.append((regions.Ball(radius, centre),) if radius > 0.0 else ())
        return balls


@dataclass(eq=False, repr=False)
class SlabFilter(Centred):
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
    >>> SlabFilter(fraction=0.3).keep(X, ["no", "no", "yes", "yes", "yes", "yes"]).kept
    array([ True,  True,  True,  True, False,  True])
    """

    def scores(self, rows: Rows) -> FloatArray:
        parts = [_halves(rows, task) for task in rows.of_tasks()]
        parts = [pair for pair in parts if all(part.size > 0 for part in pair)]
        score = np.zeros(rows.y.size)
        if not parts:
            return score
        low, high = (middles(rows.X, side, self.centre) for side in zip(*parts, strict=True))
        length = np.linalg.norm(high - low, axis=1, keepdims=True)
        line = (high - low) / np.where(length > 0.0, length, 1.0)
        for side, centre in zip(zip(*parts, strict=True), (low, high), strict=True):
            chosen, pair = np.concatenate(side), np.repeat(np.arange(len(parts)), [part.size for part in side])
            score[chosen] = np.abs(np.einsum("rd,rd->r", rows.X[chosen] - centre[pair], line[pair]))
        return score

    def regions(self, rows: Rows) -> list[tuple[regions.Region, ...]]:
        """Slabs across the line, for classes; a quantity has two, one for low targets and one for high."""
        if not rows.classes:
            return super().regions(rows)
        threshold = self.judge(rows).threshold
        slabs: list[tuple[regions.Region, ...]] = []
        for task in rows.of_tasks():
            low, high = _halves(rows, task)
            if low.size == 0 or high.size == 0:
                slabs.append(())
                continue
            centres = middles(rows.X, [low, high], self.centre)
            for part, centre in zip((low, high), centres, strict=True):
                width = INSIDE * threshold[part[0]]
                slabs.append((regions.Slab(centres[1] - centres[0], width, centre),) if width > 0.0 else ())
        return slabs


# The public name, which `repr`, errors, generated code and pickles show too. Inside the package `Slab` is the region.
Slab = SlabFilter
SlabFilter.__name__ = SlabFilter.__qualname__ = "Slab"
SlabFilter.name, SlabFilter.__init__.__qualname__ = "slab", "Slab.__init__"


def _halves(rows: Rows, task: IntArray) -> tuple[IntArray, IntArray]:
    """The rows of a task's lower and upper class, or up to the median target and above it."""
    upper = rows.y[task] > (0.0 if rows.classes else np.median(rows.y[task]))
    return task[~upper], task[upper]
