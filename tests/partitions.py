"""Rows for a fit on a cluster, made where they are asked for."""

import numpy as np


def rows(k, *, tasks=8, each=6, d=4, classes=False, dtype=np.float64):
    """The k-th partition: ``tasks`` tasks of their own, their rows mixed."""
    rng = np.random.default_rng([7, k])
    task = rng.permutation(np.repeat([f"p{k}-{i:05d}" for i in range(tasks)], each))
    X = rng.standard_normal((task.size, d)).astype(dtype)
    y = X @ np.linspace(1.0, -0.5, d) + 0.5 * rng.standard_normal(task.size)
    return X, np.where(y > 0.0, "yes", "no") if classes else y, task


def features_and_tasks(k, **settings):
    """What ``predict_partitions`` wants of the same rows."""
    X, _, task = rows(k, **settings)
    return X, task


def together(count, **settings):
    """All partitions' rows in one."""
    return [np.concatenate(parts) for parts in zip(*(rows(k, **settings) for k in range(count)), strict=True)]
