"""The data of ``benchmarks.accounts`` and ``benchmarks.strength``, and what is measured on them."""

from typing import Any

import numpy as np

from patom.datasets import load_digits_tasks, load_landmine, load_mnist, load_sarcos
from patom.datasets.dataset import Dataset
from patom.metrics import auc, mean_over_tasks, nmse, per_task


def data_of(name: str, seed: int) -> Dataset:
    """One split of a data set."""
    if name == "SARCOS":
        return load_sarcos(source="test_file", standardise_targets=True, random_state=seed)
    loaders = {"Landmine": load_landmine, "MNIST": load_mnist, "digits": load_digits_tasks}
    return loaders[name](random_state=seed)


def metric_of(data: Dataset, model: Any, tasks: Any = None) -> float:
    """Mean test NMSE or AUC of some tasks, all if None."""
    chosen = np.ones(data.test.task.size, dtype=bool) if tasks is None else np.isin(data.test.task, tasks)
    X, y, task = (part[chosen] for part in data.test)
    if data.kind == "regression":
        return float(mean_over_tasks(per_task(nmse, y, model.predict(X, task=task), task)))
    return float(mean_over_tasks(per_task(auc, y, model.decision_function(X, task=task), task)))
