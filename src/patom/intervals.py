"""Means over seeds, and how sure they are."""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.stats import t as student


def interval(values: Iterable[float], confidence: float) -> dict[str, float | None]:
    """Mean and Student's t interval over the finite values; None where there are too few.

    >>> interval([1.0, 2.0, 3.0], 0.95)["mean"]
    2.0
    """
    x = np.array([value for value in values if np.isfinite(value)])
    if x.size < 2:
        return {"mean": float(x[0]) if x.size else None, "low": None, "high": None}
    half = float(student.ppf(0.5 + confidence / 2.0, x.size - 1)) * float(x.std(ddof=1)) / x.size**0.5
    return {"mean": float(x.mean()), "low": float(x.mean()) - half, "high": float(x.mean()) + half}


def kept_off(left: Sequence[float], all_: Sequence[float], confidence: float) -> dict[str, float | None]:
    """The share of a damage that a defense keeps off, 1 - mean(left)/mean(all), paired by seed.

    A ratio of means, since a seed's own ratio has no mean where its damage may be near 0; the interval is Student's of
    the linearised ratio. None where there is no damage to keep off.

    >>> kept_off([0.25, 0.25, 0.25], [0.5, 1.0, 1.5], 0.95)["mean"]
    0.75
    """
    part, whole = np.asarray(left, dtype=float), np.asarray(all_, dtype=float)
    known = np.isfinite(part) & np.isfinite(whole)
    if not known.any() or not whole[known].mean() > 0.0:
        return interval([], confidence)
    ratio = part[known].mean() / whole[known].mean()
    return interval(1.0 - ratio - (part[known] - ratio * whole[known]) / whole[known].mean(), confidence)
