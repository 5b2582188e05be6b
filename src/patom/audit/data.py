"""The data under audit: held-out rows apart, features in the unit ball, and the way back to the user's units."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from patom import metrics
from patom.audit.scaling import Scaling, fit_scaling
from patom.audit.split import hold_out
from patom.audit.table import Table
from patom.audit.wording import counted
from patom.core.arrays import AnyArray, FloatArray, IntArray
from patom.core.labels import encode
from patom.datasets import load_digits_tasks


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

    def score_tasks(self, prediction: FloatArray) -> FloatArray:
        """Test metric of each task from predictions (or margins) of the test rows, shape (m,).

        NaN where a task's test rows cannot tell: none, one class only, constant targets.
        """
        metric = metrics.nmse if self.kind == "regression" else metrics.auc
        scores = metrics.per_task(metric, self.y_test, prediction, self.task_test)
        values = np.full(self.tasks.size, np.nan)
        values[scores.tasks.astype(np.int64)] = scores.values
        return values


def table_data(
    table: Table, *, seed: int = 0, test_fraction: float = 0.3, standardise: bool = True, max_rows: int = 5_000
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

    Raises
    ------
    ValueError
        If no test row can be held out, as when every task has a single row, or the training rows cannot be scaled.
    """
    rng = np.random.default_rng([seed, 1])
    notes = list(table.notes)
    table, note = _sample(table, max_rows, rng)
    if note:
        notes.append(note)
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
        "notes": notes,
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


def _sample(table: Table, max_rows: int, rng: np.random.Generator) -> tuple[Table, str | None]:
    """At most about ``max_rows`` rows: of every task where that leaves each enough, else whole tasks."""
    n = table.y.size
    if n <= max_rows:
        return table, None
    tasks, index = encode(table.task)
    if max_rows >= 20 * tasks.size:
        keep, _ = hold_out(table.y, table.task, fraction=1.0 - max_rows / n, stratify=False, rng=rng)
        what = "rows of every task"
    else:
        order = rng.permutation(tasks.size)
        chosen = order[np.cumsum(np.bincount(index)[order]) <= max_rows]
        chosen = chosen if chosen.size else order[:1]
        keep = np.flatnonzero(np.isin(index, chosen))
        what = f"{chosen.size:,} whole tasks of {tasks.size:,}"
    sampled = replace(table, X=table.X[keep], y=table.y[keep], task=table.task[keep])
    return sampled, f"A random sample was audited: {keep.size:,} of {n:,} rows ({what}); max_rows sets its size."
