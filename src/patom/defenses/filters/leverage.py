"""Rows that pull hard on their task's fit, wherever their targets lie."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from patom.core.arrays import FloatArray
from patom.core.regions import Ellipsoid, Region
from patom.core.rows import append_constant
from patom.defenses.filters.sanitiser import INSIDE, Oddest, Rows
from patom.models.settings import require_at_least


@dataclass(eq=False, repr=False)
class Leverage(Oddest):
    """Drop the rows of the highest leverage x'(X'X/n + ridge I)^-1 x within their task, the constant appended.

    Parameters
    ----------
    fraction : float, default 0.05
        Of each group, in [0, 1); rounded down to whole rows.
    ridge : float, default 1e-3
        Above 0. Choose it of the order of the learner's lambdas: directions that the learner ignores then count little.

    Notes
    -----
    Injected rows raise X'X too, so they hide one another: where they are many, each has a low leverage. On clean data
    it drops ``fraction`` of the rows. Costs n d^2 a task.

    Examples
    --------
    >>> X = np.array([[0.0], [0.1], [-0.1], [0.2], [2.0]])
    >>> Leverage(fraction=0.2).keep(X, [1.0, 2.0, 3.0, 4.0, 5.0]).kept
    array([ True,  True,  True,  True, False])
    """

    fraction: float = 0.05
    ridge: float = 1e-3

    def check(self) -> None:
        super().check()
        require_at_least("Leverage", 0.0, strict=True, ridge=self.ridge)

    def scores(self, rows: Rows) -> FloatArray:
        score = np.empty(rows.y.size)
        for task in rows.of_tasks():
            X = append_constant(rows.X[task])
            score[task] = np.einsum("np,pn->n", X, cho_solve(cho_factor(self._moment(X)), X.T))
        return score

    def regions(self, rows: Rows) -> list[tuple[Region, ...]]:
        """Ellipsoids: with the constant split off, (x - c)'A (x - c) is at most the threshold less a constant."""
        threshold = self.judge(rows).threshold
        found: list[tuple[Region, ...]] = []
        for group in rows.groups():
            inverse = np.linalg.inv(self._moment(append_constant(rows.X[rows.task_index == rows.task_index[group[0]]])))
            covariance = np.linalg.inv(inverse[:-1, :-1])
            centre = -covariance @ inverse[:-1, -1]
            room = INSIDE * threshold[group[0]] - inverse[-1, -1] - centre @ inverse[:-1, -1]
            shape = 0.5 * (covariance + covariance.T)
            found.append((Ellipsoid(shape, np.sqrt(room), centre),) if room > 0.0 else ())
        return found

    def _moment(self, X: FloatArray) -> FloatArray:
        return np.asarray(X.T @ X / X.shape[0] + self.ridge * np.eye(X.shape[1]))
