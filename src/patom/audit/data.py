"""The data under audit: held-out rows apart, features in the unit ball, and the way back to the user's units."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from patom import metrics
from patom.audit.sample import LEAST_PER_TASK, in_own_order, sampled
from patom.core.arrays import AnyArray, BoolArray, FloatArray, IntArray
from patom.core.labels import encode
from patom.datasets import load_digits_tasks
from patom.datasets.scaling import Scaling, fit_scaling
from patom.datasets.splits import hold_out
from patom.datasets.tables.table import Table
from patom.evaluate import measure
from patom.evaluate.measure import LEAST_TEST_ROWS
from patom.models.settings import require_at_least
from patom.wording import counted

__all__ = ["LEAST_TEST_ROWS", "AuditData", "digits_data", "table_data"]


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
    pooled : bool
        Whether tasks are measured together, as the test rows of some are few.
    again : callable, optional
        Of a number, to the same rows split anew into training and test rows: the draw of another seed.
    numbers : tuple of int
        Which split each seed of an audit has, 0 for this one; see ``patom.audit.draws``.
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
    pooled: bool
    again: Callable[[int], "AuditData"] | None = None
    numbers: tuple[int, ...] = ()

    def of_seed(self, replicate: int) -> "AuditData":
        """The split of a seed, made at each call; this one where there are no others."""
        number = self.numbers[replicate] if self.numbers else 0
        if number and self.again is not None:
            return self.again(number)
        return replace(self, again=None, numbers=())

    @property
    def splits(self) -> list["AuditData"]:
        """Those of all seeds."""
        return [self.of_seed(replicate) for replicate in range(len(self.numbers))]

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
    def few(self) -> BoolArray:
        """Which tasks have few test rows, so that a figure of their own is mostly noise, shape (m,)."""
        return measure.have_few(self.kind, self.y_test, self.task_test, self.tasks.size)

    def score_tasks(self, decision: FloatArray) -> FloatArray:
        """Test metric of each task from predictions (or margins) of the test rows, shape (m,).

        NaN where a task's test rows cannot tell: for AUC one class only; for NMSE constant targets or fewer than
        ``LEAST_TEST_ROWS`` rows.
        """
        return measure.by_task(self.kind, self.y_test, decision, self.task_test, self.tasks.size)

    def score(self, decision: FloatArray, among: BoolArray | None = None) -> float:
        """Test metric of some tasks (a mask; all by default): the mean of those measurable, or together if ``pooled``.

        NaN where none can be measured.
        """
        mask = np.ones(self.tasks.size, dtype=bool) if among is None else among
        if not self.pooled:
            return metrics.mean_over_tasks(self.score_tasks(decision)[mask])
        rows = mask[self.task_test]
        y, answers, task = self.y_test[rows], decision[rows], self.task_test[rows]
        if self.kind == "classification":
            return measure.auc_together(y, answers, task)
        return measure.nmse_together(y, answers, task, self.y_train, self.task_train)


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
        A larger table is audited on a random sample of this size, since the attack costs the square of the rows. All
        seeds draw their training and test rows from that one sample.
    keep : task labels
        Tasks that a sample must hold, where it cannot hold all.

    Raises
    ------
    ValueError
        If no test row can be held out, as when every task has a single row, or the training rows cannot be scaled.

    Notes
    -----
    The order of the table's rows plays no part: they are sorted by what they hold before anything is drawn.
    """
    require_at_least("the audit", 0.0, strict=True, test_fraction=test_fraction)
    require_at_least("the audit", LEAST_PER_TASK, whole=True, max_rows=max_rows)
    if test_fraction >= 1.0:
        raise ValueError(f"test_fraction of the audit must be below 1; got {test_fraction:g}.")
    rng = np.random.default_rng([seed, 1])
    table, taken = sampled(in_own_order(table), max_rows, keep, rng)
    first = _table_split(table, _about_table(table, taken), test_fraction, standardise, rng)
    return replace(first, again=partial(_table_again, table, test_fraction, standardise, first.pooled, seed))


def _about_table(table: Table, taken: dict[str, int] | None) -> dict[str, Any]:
    return {
        "name": table.name,
        "source": table.source,
        "kind_reason": table.kind_reason,
        "task_column": table.task_column,
        "target_column": table.target_column,
        "classes": table.classes,
        "positive_class": None if table.classes is None else table.classes[1],
        "sample": taken,
        "notes": [*table.notes, *_sample_note(taken)],
    }


def _sample_note(taken: dict[str, int] | None) -> list[str]:
    if taken is None:
        return []
    which = f"of {taken['tasks']:,} of {counted(taken['of_tasks'], 'task')}"
    what = "rows of every task" if taken["tasks"] == taken["of_tasks"] else which
    return [
        f"A random sample was audited: {taken['rows']:,} of {taken['of_rows']:,} rows ({what}); max_rows sets its size."
    ]


def _table_again(
    table: Table, test_fraction: float, standardise: bool, pooled: bool, seed: int, number: int
) -> AuditData:
    rng = np.random.default_rng([seed, 5, number])
    return _table_split(table, _about_table(table, None), test_fraction, standardise, rng, pooled)


def _table_split(
    table: Table,
    about: dict[str, Any],
    test_fraction: float,
    standardise: bool,
    rng: np.random.Generator,
    pooled: bool | None = None,
) -> AuditData:
    stratify = table.kind == "classification"
    train, test = hold_out(table.y, table.task, fraction=test_fraction, stratify=stratify, rng=rng)
    if not test.size:
        kept = "class of each task" if stratify else "task"
        raise ValueError(
            f"No test row can be held out at test_fraction {test_fraction:g}: there are {counted(table.y.size, 'row')} "
            f"in {counted(np.unique(table.task).size, 'task')}, and a row of each {kept} must stay for training, so "
            "bring more rows of each task, name a coarser task column or raise test_fraction."
        )
    tasks, index = encode(table.task)
    return _scaled(table.kind, table.X, table.y, index, train, test, tasks, table.features, standardise, about, pooled)


def digits_data(*, seed: int = 0, test_fraction: float = 0.3) -> AuditData:
    """The embedded data: scikit-learn's digits as ten one-vs-rest tasks; no image is in both parts."""
    first = _digits_split(seed, test_fraction)
    return replace(first, again=partial(_digits_again, seed, test_fraction))


def _digits_again(seed: int, test_fraction: float, number: int) -> AuditData:
    return _digits_split(np.random.default_rng([seed, 5, number]), test_fraction)


def _digits_split(random_state: int | np.random.Generator, test_fraction: float) -> AuditData:
    digits = load_digits_tasks(test_fraction=test_fraction, random_state=random_state, scaled=False)
    X = np.concatenate([digits.train.X, digits.test.X])
    y = np.concatenate([digits.train.y, digits.test.y]).astype(np.float64)
    tasks, index = encode(np.concatenate([digits.train.task, digits.test.task]))
    train = np.arange(digits.train.y.size)
    test = np.arange(digits.train.y.size, y.size)
    about: dict[str, Any] = {
        "name": digits.name,
        "source": digits.source,
        "kind_reason": "one task a digit: this digit or another",
        "task_column": digits.task_name,
        "target_column": digits.target_name,
        "classes": ("another digit", "this digit"),
        "positive_class": "this digit",
        "sample": None,
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
    pooled: bool | None = None,
) -> AuditData:
    scaling = fit_scaling(X[train], y[train], kind=kind, standardise=standardise)
    used, constant = used_features(features, scaling)
    about["notes"] += constant_note(constant)
    scale = {"standardised": standardise, "norm": float(scaling.norm)}
    about |= {"kind": kind, "features": list(features), "n_features": len(used), "constant_features": list(constant)}
    about |= {"scale": scale, "n_rows": int(y.size), "n_train": int(train.size), "n_test": int(test.size)}
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
        about=about,
        pooled=bool(measure.have_few(kind, y[test], index[test], tasks.size).any()) if pooled is None else pooled,
    )


def used_features(features: Sequence[str], scaling: Scaling) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the features that vary over the rows of a scaling, and of those that do not."""
    varies = np.isin(np.arange(len(features)), scaling.kept)
    named = [
        [name for name, each in zip(features, varies, strict=True) if each == is_used] for is_used in (True, False)
    ]
    return tuple(named[0]), tuple(named[1])


def constant_note(names: Sequence[str], most: int = 8) -> list[str]:
    """A sentence on features that are constant; none where there are none."""
    shown = ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
    return [f"Features that are constant over the training rows were left out: {shown}."] if names else []
