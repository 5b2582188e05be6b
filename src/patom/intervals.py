"""Means over seeds, and how sure they are."""

from collections.abc import Iterable

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
