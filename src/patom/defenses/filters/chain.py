"""Filters one after another."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from patom.core.arrays import FloatArray, IntArray
from patom.core.regions import Region
from patom.defenses.filters.sanitiser import Judged, Rows, Sanitiser


@dataclass(eq=False, repr=False)
class Chain(Sanitiser):
    """Apply filters one after another, each to the rows that the ones before it left, as they left them.

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

    steps: Any

    def check(self) -> None:
        steps = self.steps if isinstance(self.steps, list | tuple) else [self.steps]
        if not steps or not all(isinstance(step, Sanitiser) for step in steps):
            raise ValueError(f"steps of Chain must be one filter or more, such as Sphere(); got {self.steps!r}.")
        for step in steps:
            step.check()

    def judge(self, rows: Rows) -> Judged:
        """Scores of the filter that dropped a row or, if none did, of the last."""
        n = rows.y.size
        score, threshold, why = np.empty(n), np.empty(n), np.full(n, "", dtype=object)
        X, moves = rows.X.copy(), False
        for _, left, _, found in self._in_turn(rows):
            score[left], threshold[left], why[left] = found.score, found.threshold, found.why
            if found.X is not None:
                X[left], moves = found.X, True
        return Judged(score, threshold, why.astype(str), X if moves else None)

    def regions(self, rows: Rows) -> list[tuple[Region, ...]]:
        """Those of all steps, each from the rows that the steps before it leave."""
        by_group: dict[tuple[int, bool], tuple[Region, ...]] = {}
        for step, _, part, _ in self._in_turn(rows):
            for group, regions in zip(part.groups(), step.regions(part), strict=True):
                by_group[_key(part, group)] = by_group.get(_key(part, group), ()) + regions
        return [by_group[_key(rows, group)] for group in rows.groups()]

    def pulled_back(self, rows: Rows, slopes: FloatArray) -> FloatArray:
        """Through the steps backwards; rows that a step drops have no slope to carry."""
        found = slopes.copy()
        for step, left, part, _ in reversed(list(self._in_turn(rows))):
            found[left] = step.pulled_back(part, found[left])
        return found

    def _in_turn(self, rows: Rows) -> Iterator[tuple[Sanitiser, IntArray, Rows, Judged]]:
        """Each step, the positions of the rows that it sees, these rows, and its judgement of them."""
        left, part = np.arange(rows.y.size), rows
        for step in self.steps:
            found = step.judge(part)
            yield step, left, part, found
            stay = np.flatnonzero(found.why == "")
            left = left[stay]
            part = (part if found.X is None else replace(part, X=found.X)).at(stay)


def _key(rows: Rows, group: IntArray) -> tuple[int, bool]:
    """A group's task, and its class where there are classes."""
    return int(rows.task_index[group[0]]), bool(rows.classes and rows.y[group[0]] > 0.0)
