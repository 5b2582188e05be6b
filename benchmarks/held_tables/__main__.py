"""``python -m benchmarks.held_tables [NAME ...] [--splits 3]``: models on clean rows, a line of Markdown a table.

Task NMSE (lower is better) or AUC (higher is) of held-out rows, as the audit measures it: tasks together, as each has
few test rows. Means over the splits; MTRL's with a 95 % interval. About two minutes of one core for all tables.
"""

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.svm import LinearSVC

from benchmarks.held_tables import RECIPES, load, split
from patom import LambdaSearch, MTRLClassifier, MTRLRegressor
from patom.audit.data import AuditData
from patom.core.arrays import AnyArray, FloatArray
from patom.intervals import interval

STRENGTHS = np.logspace(-3, 4, 15)
HEADER = (
    "table", "from", "rows", "tasks", "rows a task", "features", "metric", "a model a task", "pooled", "MTRL",
    "interval", "its lambdas (splits)",
)  # fmt: skip


def single(kind: str) -> Any:
    """Ridge or a linear SVM, tuned by cross-validation on the rows that it gets."""
    if kind == "regression":
        return RidgeCV(STRENGTHS)
    svm = LinearSVC(dual=False, max_iter=10_000)
    return GridSearchCV(svm, {"C": 1 / STRENGTHS}, scoring="roc_auc", cv=3)


def decide(model: Any, X: AnyArray, **task: AnyArray) -> FloatArray:
    """Predictions of a regression, margins of a classification."""
    return np.asarray((model.decision_function if hasattr(model, "decision_function") else model.predict)(X, **task))


def independent(data: AuditData) -> FloatArray:
    """A model a task."""
    decision = np.zeros(data.y_test.size)
    for task in range(data.tasks.size):
        train, test = data.task_train == task, data.task_test == task
        model = single(data.kind).fit(data.X_train[train], data.y_train[train])
        decision[test] = decide(model, data.X_test[test])
    return decision


def pooled(data: AuditData) -> FloatArray:
    """One model for all, but for an intercept a task."""
    columns = np.eye(data.tasks.size)
    train, test = np.c_[data.X_train, columns[data.task_train]], np.c_[data.X_test, columns[data.task_test]]
    return decide(single(data.kind).fit(train, data.y_train), test)


def mtrl(data: AuditData) -> tuple[FloatArray, tuple[float, float]]:
    """Multi-task relationship learning, and the lambdas that it chose."""
    model = LambdaSearch(MTRLRegressor() if data.kind == "regression" else MTRLClassifier())
    model.fit(data.X_train, data.y_train, task=data.task_train)
    return decide(model, data.X_test, task=data.task_test), (model.lambda_1_, model.lambda_2_)


def line(name: str, splits: int) -> list[str]:
    """A table's cells below ``HEADER``."""
    held = load(name)
    parts = [split(held, seed) for seed in range(splits)]
    found = [mtrl(data) for data in parts]
    mean = interval([data.score(decision) for data, (decision, _) in zip(parts, found, strict=True)], 0.95)
    n, d = held.table.X.shape
    tasks, counts = np.unique(held.table.task, return_counts=True)
    return [
        name, f"{held.package} {held.version}", f"{n:,}", f"{tasks.size}", f"{counts.min()} to {counts.max()}", f"{d}",
        parts[0].metric, _mean(independent, parts), _mean(pooled, parts), f"{mean.mean:.3f}",
        "" if mean.low is None else f"{mean.low:.2f} to {mean.high:.2f}",
        "; ".join(f"{one:g}, {two:g} ({count})" for (one, two), count in Counter(pair for _, pair in found).items()),
    ]  # fmt: skip


def _mean(decision: Callable[[AuditData], FloatArray], parts: list[AuditData]) -> str:
    return f"{np.mean([data.score(decision(data)) for data in parts]):.3f}"


def _joined(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.held_tables")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RECIPES)} (default: all)")
    parser.add_argument("--splits", type=int, default=3, help="of training and test rows (default: %(default)s)")
    options = parser.parse_args()
    names = options.names or list(RECIPES)
    unknown = [name for name in names if name not in RECIPES]
    if unknown:
        parser.error(f"there is no held-out table {unknown[0]!r}; choose among {', '.join(RECIPES)}.")
    if options.splits < 1:
        parser.error(f"--splits must be at least 1; got {options.splits}.")
    for cells in (HEADER, ["---"] * len(HEADER)):
        print(_joined(cells))
    try:
        for name in names:
            print(_joined(line(name, options.splits)), flush=True)
    except ModuleNotFoundError as error:  # a package of data sets
        sys.exit(str(error))


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main()
