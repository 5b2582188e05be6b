"""Rows far from other rows of their task, or whose targets differ from their neighbours'."""

from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import NearestNeighbors

from patom.core.arrays import FloatArray
from patom.defenses.filters.sanitiser import Oddest, Rows
from patom.models.settings import require_at_least, require_choice

OF = ("features", "targets")


@dataclass(eq=False, repr=False)
class Neighbours(Oddest):
    """Drop the rows that are far from their k nearest neighbours, or whose targets differ most from theirs.

    Parameters
    ----------
    fraction : float, default 0.05
        Of each group, in [0, 1); rounded down to whole rows.
    k : int, default 5
        Neighbours; fewer in a group of fewer rows.
    of : {"features", "targets"}, default "features"
        Distance to the k-th nearest row of the task's class (Koh, Steinhardt and Liang 2022, appendix B); or the
        difference between a row's target and the mean target of its k nearest rows in the task, which for classes is
        the share of neighbours of the other one (label sanitisation; Paudice, Munoz-Gonzalez and Lupu 2018).

    Notes
    -----
    On clean data it drops up to ``fraction`` of the rows. Distances between the rows of a task, by scikit-learn's
    trees or in full, whichever is faster.

    Examples
    --------
    >>> X = np.array([[0.0], [0.1], [0.2], [1.0], [1.1], [1.2], [0.15]])
    >>> y = ["no", "no", "no", "yes", "yes", "yes", "yes"]
    >>> Neighbours(fraction=0.25, k=2, of="targets").keep(X, y).kept
    array([ True,  True,  True,  True,  True,  True, False])
    """

    fraction: float = 0.05
    k: int = 5
    of: str = "features"

    def check(self) -> None:
        super().check()
        require_at_least("Neighbours", 1, whole=True, k=self.k)
        require_choice("Neighbours", OF, of=self.of)

    def scores(self, rows: Rows) -> FloatArray:
        score = np.zeros(rows.y.size)
        for group in rows.groups() if self.of == "features" else rows.of_tasks():
            k = min(self.k, group.size - 1)
            if k == 0:
                continue
            # Called without X, a row is not its own neighbour, though copies of it may be.
            distance, near = NearestNeighbors(n_neighbors=k).fit(rows.X[group]).kneighbors()
            differs = np.abs(rows.y[group] - rows.y[group][near].mean(axis=1))
            score[group] = distance[:, -1] if self.of == "features" else differs
        return score
