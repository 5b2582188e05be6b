"""The median of votes, and how far so many changed votes can move it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from patom.core.arrays import FloatArray, IntArray

CURVE = np.dtype([("rows", "i8"), ("certified", "f8"), ("error", "f8")])


@dataclass(frozen=True)
class Certificate:
    """What so many changed votes can do to predictions that are medians of votes.

    Parameters
    ----------
    votes : array of shape (n_parts, n)
        Each part's prediction (its margin, for a classifier) of each row; NaN where it abstains.
    y : array of shape (n,)
        True targets; -1 and +1 for a classifier.
    within : float, optional
        How far a prediction may be off, in units of y; None for classes, where its side counts.

    Examples
    --------
    Three of five votes must change before the median of the first row leaves [-1, 1]; the second row is off as it is.

    >>> votes = np.array([[0.0, 9.0], [0.5, 9.0], [-0.5, 9.0], [0.2, 9.0], [0.1, 9.0]])
    >>> certificate = Certificate(votes, np.zeros(2), within=1.0)
    >>> certificate.tolerated
    array([ 2, -1])
    >>> certificate.curve()["certified"]
    array([0.5, 0.5, 0.5])
    """

    votes: FloatArray
    y: FloatArray
    within: float | None

    def bounds(self, changed: int) -> tuple[FloatArray, FloatArray]:
        """Between what each prediction stays when so many votes change, shapes (n,); infinite where it may go anywhere.

        The bounds are reached: by votes changed to very small, or very large, values.
        """
        return median_bounds(self.votes, changed)

    @property
    def tolerated(self) -> IntArray:
        """The largest number of changed votes at which each prediction surely is right, shape (n,); -1 for none."""
        found = np.full(self.y.size, -1)
        for changed in range(self.most + 1):
            found[self._right(*self.bounds(changed))] = changed
        return found

    @property
    def most(self) -> int:
        """The largest number of changed votes at which any prediction is bounded."""
        return int((np.count_nonzero(~np.isnan(self.votes), axis=0).max() - 1) // 2)

    def curve(self) -> np.recarray[Any, Any]:
        """Against the number of injected rows: the share of predictions surely right, and the error at worst.

        The error is the mean squared error where every prediction is as far off as it can be; for classes the share
        of predictions that are not surely right. Each row has the worst attack on itself, so it is an upper bound.
        """
        found = np.recarray(self.most + 1, CURVE)
        for changed in range(self.most + 1):
            low, high = self.bounds(changed)
            certified = float(self._right(low, high).mean())
            error = float((np.maximum(self.y - low, high - self.y) ** 2).mean())
            found[changed] = (changed, certified, 1.0 - certified if self.within is None else error)
        return found

    def _right(self, low: FloatArray, high: FloatArray) -> Any:
        if self.within is None:
            return np.where(self.y > 0.0, low > 0.0, high <= 0.0)
        return np.maximum(self.y - low, high - self.y) <= self.within


def median_bounds(votes: FloatArray, changed: int) -> tuple[FloatArray, FloatArray]:
    """The smallest and largest median of each column when any ``changed`` of its votes may change; NaNs abstain.

    Of s votes in ascending order the median is the mean of those at (s - 1)//2 and s//2. Changed to very small values,
    k votes above it move both places down by k; nothing moves them further. A voter that appears or disappears moves
    the median by half a place at most, so the bounds hold for such changes too.

    >>> median_bounds(np.array([[1.0], [2.0], [3.0], [7.0], [np.nan]]), 1)
    (array([1.5]), array([5.]))
    """
    ascending = np.sort(votes, axis=0)  # NaN last
    count = np.count_nonzero(~np.isnan(votes), axis=0)
    places = (count - 1) // 2, count // 2

    def at(place: IntArray) -> FloatArray:
        values = np.take_along_axis(ascending, np.clip(place, 0, votes.shape[0] - 1)[None], axis=0)[0]
        return np.where(place < 0, -np.inf, np.where(place >= count, np.inf, values))

    low, high = (0.5 * (at(places[0] + shift) + at(places[1] + shift)) for shift in (-changed, changed))
    return low, high
