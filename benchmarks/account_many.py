"""See-saw accounts beside thousands of tasks: a part of ``python -m benchmarks.accounts``, by the name "many"."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from patom import MTRLRegressor, NewTasks, ThreatModel
from patom.attacks import flooding_bound
from patom.core.arrays import AnyArray, FloatArray
from patom.datasets import make_related_tasks

TASKS, SHARES = (1_000, 10_000, 100_000), (0.001, 0.01, 0.03, 0.1, 0.3)
BOUNDED = 1_000  # tasks: the bound costs 41 fits of all of them for each number of accounts
ALSO_FALLING = 10_000  # tasks, up to which a lambda_2 that falls with their number is tried too
ROWS, FEATURES = 30, 20
Record = dict[str, Any]


def beside_many_tasks(seed: int) -> Iterator[Record]:
    """The honest tasks' training loss over that of predicting 0, through the public estimator alone, and the bound.

    Of two placings the worse: along the direction that the clean model uses least, or along all directions in turn.
    """
    for m in TASKS:
        X, y, task = make_related_tasks(n_tasks=m, n_features=FEATURES, n_train=ROWS, n_test=1, random_state=seed).train
        X, largest = X / float(np.linalg.norm(X, axis=1).max()), float(np.mean(y**2))
        for name, lambda_2 in (("0.01", 0.01), ("5/m", 5.0 / m))[: 1 if m > ALSO_FALLING else 2]:
            model = MTRLRegressor(0.01, lambda_2)
            axes = np.linalg.svd(model.fit(X, y, task=task).coef_, full_matrices=False)[2][::-1]
            setting = {"tasks": m, "lambda_2": name}
            clean = float(np.mean((y - model.predict(X, task=task)) ** 2)) / largest
            yield {**setting, "accounts": 0, "share": 0.0, "loss": clean, "bound": None}
            for share in SHARES:
                k = round(share * m)
                losses = [_loss(model, X, y, task, _see_saw(axes, q, k, lambda_2)) for q in (1, FEATURES)]
                bound = None
                if m <= BOUNDED and name == "0.01":
                    threat = ThreatModel(np.unique(task).tolist(), NewTasks(k, 2))
                    bound = min(1.0, flooding_bound(model, X, y, task=task, threat=threat) / largest)
                yield {**setting, "accounts": k, "share": share, "loss": max(losses) / largest, "bound": bound}


def _see_saw(axes: FloatArray, q: int, k: int, lambda_2: float) -> FloatArray:
    """Two opposite rows for each of k accounts, along q directions in turn, shape (2k, d)."""
    eps = min(1.0, np.sqrt(0.5 * (0.01 + min(k, q) * lambda_2)))
    along = eps * axes[np.arange(k) % q]
    return np.stack([along, -along], axis=1).reshape(-1, axes.shape[1])


def _loss(model: Any, X: FloatArray, y: FloatArray, task: AnyArray, rows: FloatArray) -> float:
    """The honest tasks' mean loss where accounts with the largest and smallest targets join."""
    k, largest = rows.shape[0] // 2, float(np.abs(y).max())
    labels, names = np.tile([largest, -largest], k), task.max() + 1 + np.repeat(np.arange(k), 2)
    model.fit(np.vstack([X, rows]), np.append(y, labels), task=np.append(task, names))
    return float(np.mean((y - model.predict(X, task=task)) ** 2))
