"""The data under audit: held-out rows apart, features in the unit ball, and the way back to the user's units."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from patom import metrics
from patom.audit.scaling import Scaling, fit_scaling
from patom.audit.split import hold_out
from patom.audit.table import Table
from patom.audit.wording import counted
from patom.core.arrays import AnyArray, BoolArray, FloatArray, IntArray
from patom.core.labels import encode
from patom.datasets import load_digits_tasks
from patom.models.settings import require_at_least

LEAST_TEST_ROWS = 6
"""With fewer, the variance under an NMSE is a guess: for normal targets the ratio's own variance is infinite."""
_LEAST_PER_TASK = 20  # rows in a sample; tasks are left out rather than cut below


@dataclass(frozen=True)
class AuditData:
    """Training and test rows as the attacks see them.

    Parameters
    ----------
    kind : {"regression", "classification"}
    X_train, X_test : arrays of shape (n, d)
        Scaled: training rows lie in the unit ball.
    y_train, y_test : arrays of shape (n,)
        Scaled targets, or -1 and +1.
    task_train, task_test : arrays of shape (n,)
        Positions among ``tasks``.
    tasks : array of shape (m,)
        Labels, sorted; every task has training rows, not every one test rows.
    scaling : Scaling
        Back to the user's units.
    about : dict
        What the report says of the data.
    """

    kind: Literal["regression", "classification"]
    X_train: FloatArray
    y_train: FloatArray
    task_train: IntArray
    X_test: FloatArray
    y_test: FloatArray
    task_test: IntArray
    tasks: AnyArray
    scaling: Scaling
    features: tuple[str, ...]
    about: dict[str, Any]

    @property
    def metric(self) -> Literal["NMSE", "AUC"]:
        """NMSE for regression, AUC for classification, both on the test rows."""
        return "NMSE" if self.kind == "regression" else "AUC"

    @property
    def counts(self) -> IntArray:
        """Training rows of each task, shape (m,)."""
        return np.bincount(self.task_train, minlength=self.tasks.size)

    @property
    def measurable(self) -> BoolArray:
        """Whether a task's test rows allow a metric of its own, shape (m,)."""
        return np.isfinite(self.score_tasks(np.zeros(self.y_test.size)))

    @property
    def pooled(self) -> bool:
        """Whether most tasks have too few test rows, so that tasks are measured together."""
        return 2 * int(self.measurable.sum()) < self.tasks.size

    def score_tasks(self, decision: FloatArray) -> FloatArray:
        """Test metric of each task from predictions (or margins) of the test rows, shape (m,).

        NaN where a task's test rows cannot tell: for AUC one class only; for NMSE constant targets or fewer than
        ``LEAST_TEST_ROWS`` rows.
        """
        scores = metrics.per_task(self._metric, self.y_test, decision, self.task_test)
        values = np.full(self.tasks.size, np.nan)
        values[scores.tasks.astype(np.int64)] = scores.values
        if self.kind == "regression":
            values[np.bincount(self.task_test, minlength=self.tasks.size) < LEAST_TEST_ROWS] = np.nan
        return values

    def score(self, decision: FloatArray, among: BoolArray | None = None) -> float:
        """Test metric of some tasks (a mask; all by default): the mean of those measurable, or over pooled rows.

        NaN where none can be measured.
        """
        mask = np.ones(self.tasks.size, dtype=bool) if among is None else among
        if self.pooled:
            rows = mask[self.task_test]
            return self._metric(self.y_test[rows], decision[rows])
        return metrics.mean_over_tasks(self.score_tasks(decision)[mask])

    @property
    def _metric(self) -> metrics.Metric:
        return metrics.nmse if self.kind == "regression" else metrics.auc


def table_data(
    table: Table,
    *,
    seed: int = 0,
    test_fraction: float = 0.3,
    standardise: bool = True,
    max_rows: int = 5_000,
    keep: Sequence[Hashable] = (),
) -> AuditData:
    """Hold out test rows of every task, and scale.

    Parameters
    ----------
    table : Table
    seed : int
    test_fraction : float
        Of each task's rows (each class's, for classification).
    standardise : bool
        Centre columns and divide by their standard deviation before the paper's division by the largest norm: a
        table's columns have units of their own. Uses training rows only.
    max_rows : int
        A larger table is audited on a random sample of this size, since the attack costs the square of the rows.
    keep : task labels
        Tasks that a sample must hold, where it cannot hold all.

    Raises
    ------
    ValueError
        If no test row can be held out, as when every task has a single row, or the training rows cannot be scaled.
    """
    require_at_least("the audit", 0.0, strict=True, test_fraction=test_fraction)
    require_at_least("the audit", _LEAST_PER_TASK, whole=True, max_rows=max_rows)
    if test_fraction >= 1.0:
        raise ValueError(f"test_fraction of the audit must be below 1; got {test_fraction:g}.")
    rng = np.random.default_rng([seed, 1])
    table, sampled = _sample(table, max_rows, keep, rng)
    stratify = table.kind == "classification"
    train, test = hold_out(table.y, table.task, fraction=test_fraction, stratify=stratify, rng=rng)
    if not test.size:
        kept = "class of each task" if stratify else "task"
        raise ValueError(
            f"No test row can be held out at test_fraction {test_fraction:g}: there are {counted(table.y.size, 'row')} "
            f"in {counted(np.unique(table.task).size, 'task')}, and a row of each {kept} must stay for training, so "
            "bring more rows of each task, name a coarser task column or raise test_fraction."
        )
    about = {
        "name": table.name,
        "source": table.source,
        "kind_reason": table.kind_reason,
        "task_column": table.task_column,
        "target_column": table.target_column,
        "classes": table.classes,
        "positive_class": None if table.classes is None else table.classes[1],
        "notes": [*table.notes, *sampled],
    }
    tasks, index = encode(table.task)
    return _scaled(table.kind, table.X, table.y, index, train, test, tasks, table.features, standardise, about)


def digits_data(*, seed: int = 0, test_fraction: float = 0.3) -> AuditData:
    """The embedded data: scikit-learn's digits as ten one-vs-rest tasks; no image is in both parts."""
    digits = load_digits_tasks(test_fraction=test_fraction, random_state=seed, scaled=False)
    X = np.concatenate([digits.train.X, digits.test.X])
    y = np.concatenate([digits.train.y, digits.test.y]).astype(np.float64)
    tasks, index = encode(np.concatenate([digits.train.task, digits.test.task]))
    train = np.arange(digits.train.y.size)
    test = np.arange(digits.train.y.size, y.size)
    about = {
        "name": digits.name,
        "source": digits.source,
        "kind_reason": "one task a digit: this digit or another",
        "task_column": digits.task_name,
        "target_column": digits.target_name,
        "classes": ("another digit", "this digit"),
        "positive_class": "this digit",
        "notes": [],
    }
    return _scaled("classification", X, y, index, train, test, tasks, digits.feature_names, False, about)


def _scaled(
    kind: Literal["regression", "classification"],
    X: FloatArray,
    y: FloatArray,
    index: IntArray,
    train: AnyArray,
    test: AnyArray,
    tasks: AnyArray,
    features: tuple[str, ...],
    standardise: bool,
    about: dict[str, Any],
) -> AuditData:
    scaling = fit_scaling(X[train], y[train], kind=kind, standardise=standardise)
    dropped = [name for i, name in enumerate(features) if i not in set(scaling.kept.tolist())]
    if dropped:
        about["notes"].append(_constant_note(dropped))
    scale = {"standardised": standardise, "norm": float(scaling.norm)}
    about |= {"kind": kind, "features": list(features), "n_features": len(features), "scale": scale}
    return AuditData(
        kind=kind,
        X_train=scaling.features(X[train]),
        y_train=scaling.target(y[train]),
        task_train=index[train],
        X_test=scaling.features(X[test]),
        y_test=scaling.target(y[test]),
        task_test=index[test],
        tasks=tasks,
        scaling=scaling,
        features=features,
        about=about | {"n_rows": int(y.size), "n_train": int(train.size), "n_test": int(test.size)},
    )


def _constant_note(names: list[str], most: int = 8) -> str:
    shown = ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
    return f"Features that are constant over the training rows were left out: {shown}."


def _sample(
    table: Table, max_rows: int, keep: Sequence[Hashable], rng: np.random.Generator
) -> tuple[Table, tuple[str, ...]]:
    """About ``max_rows`` rows at most, and a note: of every task where that leaves each enough, else of some tasks."""
    n = table.y.size
    if n <= max_rows:
        return table, ()
    tasks, index = encode(table.task)
    if max_rows >= _LEAST_PER_TASK * tasks.size:
        stratify = table.kind == "classification"
        rows, _ = hold_out(table.y, table.task, fraction=1.0 - max_rows / n, stratify=stratify, rng=rng)
        what = "rows of every task"
    else:
        rows = _some_tasks(index, max_rows, np.isin(tasks.astype(str), [str(label) for label in keep]), rng)
        what = f"of {np.unique(index[rows]).size:,} of {counted(tasks.size, 'task')}"
    sampled = replace(table, X=table.X[rows], y=table.y[rows], task=table.task[rows])
    return sampled, (f"A random sample was audited: {rows.size:,} of {n:,} rows ({what}); max_rows sets its size.",)


def _some_tasks(index: IntArray, max_rows: int, kept: BoolArray, rng: np.random.Generator) -> AnyArray:
    """Rows of the tasks kept and of as many others as fit, in random order; no task fills more than a fiftieth."""
    cap = max(_LEAST_PER_TASK, max_rows // 50)
    order = rng.permutation(kept.size)
    order = order[np.argsort(~kept[order], kind="stable")]
    counts = np.minimum(np.bincount(index), cap)
    chosen = np.zeros(kept.size, dtype=bool)
    chosen[order[np.cumsum(counts[order]) <= max_rows]] = True
    shuffled = rng.permutation(index.size)
    shuffled = shuffled[np.argsort(index[shuffled], kind="stable")]
    rank = np.arange(index.size) - np.repeat(np.cumsum(np.bincount(index)) - np.bincount(index), np.bincount(index))
    return np.sort(shuffled[(rank < cap) & chosen[index[shuffled]]])
