"""Means over seeds, with intervals."""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.stats import t as student

from patom.results.parts import Interval


def interval(values: Iterable[float], confidence: float, *, varied: bool = False) -> Interval:
    """Mean and Student's t interval over the finite values; None where there are too few.

    ``varied``: without bounds if all values are exactly the same, which does not show how they vary. This happens if a
    metric is at its best value, as on few test rows or separable classes: an interval of width zero would be wrong.

    >>> interval([1.0, 2.0, 3.0], 0.95).mean
    2.0
    >>> interval([0.0, 0.0, 0.0], 0.95, varied=True)
    Interval(mean=0.0, low=None, high=None)
    """
    x = np.array([value for value in values if np.isfinite(value)])
    if x.size < 2 or (varied and (x == x[0]).all()):
        return Interval.of(float(x[0]) if x.size else None)
    half = float(student.ppf(0.5 + confidence / 2.0, x.size - 1)) * float(x.std(ddof=1)) / x.size**0.5
    return Interval.of(float(x.mean()), float(x.mean()) - half, float(x.mean()) + half)


def varied_interval(values: Iterable[float], confidence: float) -> Interval:
    """An ``interval`` whose values must vary: that of an audit's figures over seeds."""
    return interval(values, confidence, varied=True)


def prevented(left: Sequence[float], all_: Sequence[float], confidence: float, *, varied: bool = False) -> Interval:
    """The share of the damage that a defense prevents, 1 - mean(left)/mean(all), paired by seed.

    It is a ratio of means, since the ratio of a single seed has no mean if its damage may be near 0; the interval is
    Student's for the linearised ratio. None if there is no damage to prevent. ``varied`` as in ``interval``.

    >>> prevented([0.25, 0.25, 0.25], [0.5, 1.0, 1.5], 0.95).mean
    0.75
    """
    part, whole = np.asarray(left, dtype=float), np.asarray(all_, dtype=float)
    known = np.isfinite(part) & np.isfinite(whole)
    if not known.any() or not whole[known].mean() > 0.0:
        return interval([], confidence)
    ratio = part[known].mean() / whole[known].mean()
    shares = 1.0 - ratio - (part[known] - ratio * whole[known]) / whole[known].mean()
    return interval(shares, confidence, varied=varied)
