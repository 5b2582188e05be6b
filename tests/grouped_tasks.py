"""Rows of a few linear tasks, grouped, for the functions below the estimators."""

import numpy as np

from patom.core.losses import squared_hinge
from patom.core.rows import group_rows


def grouped_tasks(loss, counts=(12, 20, 9, 15), d=3, seed=0, noise=0.1):
    """Tasks around a common model, the last one its opposite; y is +-1 for the hinge."""
    rng = np.random.default_rng(seed)
    index = np.repeat(np.arange(len(counts)), counts)
    X, w = rng.standard_normal((index.size, d)), rng.standard_normal(d)
    sign = np.where(index == len(counts) - 1, -1.0, 1.0)
    y = sign * (X @ w + 0.3) + noise * rng.standard_normal(index.size)
    return group_rows(X, np.sign(y) if loss is squared_hinge else y, index, len(counts))
