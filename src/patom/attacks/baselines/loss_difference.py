"""By how much a row speaks for a decoy: its loss under the current weights less its loss under the decoy's."""

from dataclasses import dataclass, replace

import numpy as np

from patom.attacks.baselines.row_by_row import climb, highest, with_either_label
from patom.attacks.injection import Injection, stacked
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.core.rows import append_constant

_FAR = 1e3  # times a unit direction: beyond any region of the data's scale
_STEPS = 30


@dataclass(frozen=True)
class LossDifference:
    """l(w_i'x, y) - l(v_i'x, y) of rows (x, y) of task i, for current weights w and a decoy's v.

    Convex in x by the first term and concave by the second, so it has local maxima. In the y of a regression it is
    monotone, as the slope of a convex function of y - z is, so that its largest value is at an extreme label.

    Parameters
    ----------
    program : Bilevel
    W, decoy : arrays of shape (m, p)
    """

    program: Bilevel
    W: FloatArray
    decoy: FloatArray

    def values(self, rows: Injection) -> FloatArray:
        """The difference of each row, shape (r,)."""
        loss, (here, there) = self.program.problem.loss, self._predictions(rows)
        return np.asarray(loss.value(here, rows.y) - loss.value(there, rows.y))

    def slopes(self, rows: Injection) -> FloatArray:
        """Its gradient in the features, shape (r, d)."""
        loss, (here, there), task = self.program.problem.loss, self._predictions(rows), rows.task_index
        ahead = loss.slope(here, rows.y)[:, None] * self.W[task, :-1]
        return np.asarray(ahead - loss.slope(there, rows.y)[:, None] * self.decoy[task, :-1])

    def labelled(self, rows: Injection) -> Injection:
        """The rows, each with the class or the extreme target that speaks more for the decoy."""
        return highest(stacked(with_either_label(self.program, rows)), rows.y.size, self.values)

    def largest(self, rows: Injection, size: float, *, labels: bool) -> Injection:
        """For each row the features, and the label if ``labels``, of the largest difference that was found.

        The best of several ascents: from the row as it is and from the region's far ends along w, v and w - v and
        against them. ``size`` is the length of a first step. Costs up to 30 projections of 7, or 14, times the rows.
        """
        versions = with_either_label(self.program, rows) if labels else (rows,)
        starts = stacked([start for version in versions for start in (version, *self._far_ends(version))])
        ends = climb(self.program, starts, self.values, self.slopes, size, _STEPS)
        return highest(ends, rows.y.size, self.values)

    def _far_ends(self, rows: Injection) -> list[Injection]:
        w, v = self.W[rows.task_index, :-1], self.decoy[rows.task_index, :-1]
        ends = []
        for direction in (w, v, w - v):
            far = _FAR * direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-150)
            ends += [replace(rows, X=self.program.project(X, rows)) for X in (far, -far)]
        return ends

    def _predictions(self, rows: Injection) -> tuple[FloatArray, FloatArray]:
        x, task = append_constant(rows.X), rows.task_index
        return np.einsum("rp,rp->r", x, self.W[task]), np.einsum("rp,rp->r", x, self.decoy[task])
