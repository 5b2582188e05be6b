"""Filters one after another."""

from typing import Any

import numpy as np

from patom.core.arrays import IntArray
from patom.core.regions import Region
from patom.defenses.sanitiser import Judged, Rows, Sanitiser


class Chain(Sanitiser):
    """Apply filters one after another, each to the rows that the ones before it left.

    Parameters
    ----------
    steps : list of Sanitiser
        At least one.

    Examples
    --------
    >>> from patom.defenses import Leverage, Sphere
    >>> X = np.array([[0.0], [0.1], [-0.1], [0.2], [9.0], [2.0]])
    >>> kept = Chain([Sphere(fraction=0.2), Leverage(fraction=0.2)]).keep(X, np.arange(6.0))
    >>> kept.why.tolist()
    ['', '', '', '', 'sphere', 'leverage']
    """

    def __init__(self, steps: Any) -> None:
        self.steps = steps

    def check(self) -> None:
        """Refuse settings that cannot be used, of the steps too."""
        steps = self.steps if isinstance(self.steps, list | tuple) else [self.steps]
        if not steps or not all(isinstance(step, Sanitiser) for step in steps):
            raise ValueError(f"steps of Chain must be one filter or more, such as Sphere(); got {self.steps!r}.")
        for step in steps:
            step.check()

    def judge(self, rows: Rows) -> Judged:
        """Scores of the filter that dropped a row or, if none did, of the last."""
        n = rows.y.size
        score, threshold, why = np.empty(n), np.empty(n), np.full(n, "", dtype=object)
        left = np.arange(n)
        for step in self.steps:
            found = step.judge(rows.at(left))
            score[left], threshold[left], why[left] = found.score, found.threshold, found.why
            left = left[found.why == ""]
        return Judged(score, threshold, why.astype(str))

    def regions(self, rows: Rows) -> list[tuple[Region, ...]]:
        """Those of all steps, each from the rows that the steps before it leave."""
        by_group: dict[tuple[int, bool], tuple[Region, ...]] = {}
        left = np.arange(rows.y.size)
        for step in self.steps:
            part = rows.at(left)
            for group, regions in zip(part.groups(), step.regions(part), strict=True):
                by_group[_key(part, group)] = by_group.get(_key(part, group), ()) + regions
            left = left[step.judge(part).why == ""]
        return [by_group[_key(rows, group)] for group in rows.groups()]


def _key(rows: Rows, group: IntArray) -> tuple[int, bool]:
    """A group's task, and its class where there are classes."""
    return int(rows.task_index[group[0]]), bool(rows.classes and rows.y[group[0]] > 0.0)
