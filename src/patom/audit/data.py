"""The data under audit: a sample of a large table, split into training and test rows and scaled into the unit ball."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patom import metrics
from patom.core.arrays import AnyArray, BoolArray, FloatArray, IntArray
from patom.core.grouped import places_within
from patom.core.labels import encode
from patom.datasets import load_digits_tasks
from patom.datasets.dataset import Kind, LongTable
from patom.datasets.scaling import Scaling, fit_scaling
from patom.datasets.splits import hold_out
from patom.datasets.tables.table import Table
from patom.evaluate import measure
from patom.evaluate.measure import METRICS
from patom.evaluate.seeding import Stream, generator
from patom.models.settings import require_at_least
from patom.results.audit import Data, Metric, Sample, Scale, Task
from patom.wording import counted

LEAST_PER_TASK = 20
"""The fewest rows of a task in a sample: a sample that cannot hold so many leaves tasks out."""
_WORDS = ("name", "source", "kind_reason", "task_column", "target_column", "kind")  # of a table, for the report


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
    about : patom.results.audit.Data
        What the report says of the data, but for the tasks' clean metric.
    pooled : bool
        Whether tasks are measured together, as the test rows of some are few.
    again : callable, optional
        Of the number of a draw, to the same rows split anew into training and test rows.
    draws : tuple of int
        The draw of each replicate of an audit, 0 for this split; see ``patom.audit.draws``.
    """

    kind: Kind
    X_train: FloatArray
    y_train: FloatArray
    task_train: IntArray
    X_test: FloatArray
    y_test: FloatArray
    task_test: IntArray
    tasks: AnyArray
    scaling: Scaling
    features: tuple[str, ...]
    about: Data
    pooled: bool
    again: Callable[[int], "AuditData"] | None = None
    draws: tuple[int, ...] = ()

    def of_replicate(self, replicate: int) -> "AuditData":
        """The split of a replicate, made at each call; this one where there are no others."""
        draw = self.draws[replicate] if self.draws else 0
        if draw and self.again is not None:
            return self.again(draw)
        return replace(self, again=None, draws=())

    @property
    def train(self) -> LongTable:
        """Training rows in long format."""
        return LongTable(self.X_train, self.y_train, self.task_train)

    @property
    def test(self) -> LongTable:
        """Test rows in long format."""
        return LongTable(self.X_test, self.y_test, self.task_test)

    def mask(self, places: Sequence[int]) -> BoolArray:
        """Whether a task is one of those at these positions, shape (m,)."""
        return np.isin(np.arange(self.tasks.size), places)

    @property
    def metric(self) -> Metric:
        """NMSE for regression, AUC for classification, both on the test rows."""
        return METRICS[self.kind][0]

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
        """Which tasks have so few test rows that their own metric is mostly noise, shape (m,)."""
        return measure.have_few(self.kind, self.y_test, self.task_test, self.tasks.size)

    def score_tasks(self, decision: FloatArray) -> FloatArray:
        """Test metric of each task from predictions (or margins) of the test rows, shape (m,).

        NaN where a task's test rows cannot tell: for AUC one class only; for NMSE constant targets or fewer than
        ``measure.LEAST_TEST_ROWS`` rows.
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


def in_own_order(table: Table) -> Table:
    """The rows sorted by task, then target, then features.

    Draws from rows in this order do not depend on the order of the file, nor on the units. Costs a sort and a copy.
    """
    columns = {"task": encode(table.task)[1], "target": table.y} | {str(k): x for k, x in enumerate(table.X.T)}
    order = pc.sort_indices(pa.table(columns), sort_keys=[(name, "ascending") for name in columns]).to_numpy()
    return replace(table, X=table.X[order], y=table.y[order], task=table.task[order])


def sampled(
    table: Table, max_rows: int, keep: Sequence[object], rng: np.random.Generator
) -> tuple[Table, Sample | None]:
    """About ``max_rows`` rows at most: of every task where that leaves each enough, else of some tasks.

    The tasks ``keep`` come first. Also returns how much was taken, None where all was.
    """
    n = table.y.size
    if n <= max_rows:
        return table, None
    tasks, index = encode(table.task)
    if max_rows >= LEAST_PER_TASK * tasks.size:
        stratify = table.kind == "classification"
        rows, _ = hold_out(table.y, table.task, fraction=1.0 - max_rows / n, stratify=stratify, rng=rng)
    else:
        rows = _some_tasks(index, max_rows, np.isin(tasks.astype(str), [str(label) for label in keep]), rng)
    taken = Sample(rows=rows.size, of_rows=n, tasks=np.unique(index[rows]).size, of_tasks=tasks.size)
    return replace(table, X=table.X[rows], y=table.y[rows], task=table.task[rows]), taken


def _some_tasks(index: AnyArray, max_rows: int, kept: BoolArray, rng: np.random.Generator) -> AnyArray:
    """Rows of the tasks kept and of as many others as fit, in random order; no task fills more than a fiftieth."""
    cap = max(LEAST_PER_TASK, max_rows // 50)
    order = rng.permutation(kept.size)
    order = order[np.argsort(~kept[order], kind="stable")]
    counts = np.minimum(np.bincount(index), cap)
    chosen = np.zeros(kept.size, dtype=bool)
    chosen[order[np.cumsum(counts[order]) <= max_rows]] = True
    shuffled = rng.permutation(index.size)
    shuffled = shuffled[np.argsort(index[shuffled], kind="stable")]
    rank = places_within(np.bincount(index))
    return np.sort(shuffled[(rank < cap) & chosen[index[shuffled]]])


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

    The order of the table's rows plays no part: they are sorted by what they hold before anything is drawn.

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
        replicates draw their training and test rows from that one sample.
    keep : task labels
        Tasks that a sample must hold, where it cannot hold all.

    Raises
    ------
    ValueError
        If no test row can be held out, as when every task has a single row, or the training rows cannot be scaled.
    """
    require_at_least("the audit", 0.0, strict=True, test_fraction=test_fraction)
    require_at_least("the audit", LEAST_PER_TASK, whole=True, max_rows=max_rows)
    if test_fraction >= 1.0:
        raise ValueError(f"test_fraction of the audit must be below 1; got {test_fraction:g}.")
    rng = generator(seed, Stream.SAMPLE)
    table, taken = sampled(in_own_order(table), max_rows, keep, rng)
    first = _table_split(table, test_fraction, standardise, rng, taken=taken)
    split = partial(_table_split, table, test_fraction, standardise, pooled=first.pooled)
    return replace(first, again=partial(_again, split, seed))


def digits_data(*, seed: int = 0, test_fraction: float = 0.3) -> AuditData:
    """The embedded data: scikit-learn's digits as ten one-vs-rest tasks; no image is in both parts."""
    split = partial(_digits_split, test_fraction)
    return replace(split(seed), again=partial(_again, split, seed))


def _again(split: Callable[[np.random.Generator], AuditData], seed: int, draw: int) -> AuditData:
    return split(generator(seed, Stream.SPLIT, draw))


def _table_split(
    table: Table,
    test_fraction: float,
    standardise: bool,
    rng: np.random.Generator,
    *,
    taken: Sample | None = None,
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
    return _scaled(table, train, test, standardise, taken, pooled)


def _digits_split(test_fraction: float, random_state: int | np.random.Generator) -> AuditData:
    digits = load_digits_tasks(test_fraction=test_fraction, random_state=random_state, scaled=False)
    X, y, task = (np.concatenate(parts) for parts in zip(digits.train, digits.test, strict=True))
    table = Table(
        name=digits.name, source=digits.source, kind="classification",
        kind_reason="one task a digit: this digit or another", X=X, y=y.astype(np.float64), task=task,
        features=digits.feature_names, task_column=digits.task_name, target_column=digits.target_name,
        classes=("another digit", "this digit"), notes=(),
    )  # fmt: skip
    return _scaled(table, np.arange(digits.train.n_rows), np.arange(digits.train.n_rows, y.size), standardise=False)


def _scaled(
    table: Table,
    train: IntArray,
    test: IntArray,
    standardise: bool,
    taken: Sample | None = None,
    pooled: bool | None = None,
) -> AuditData:
    """The two parts of a table, scaled; ``taken`` says how large a sample it is, ``pooled`` how it is measured."""
    scaling = fit_scaling(table.X[train], table.y[train], kind=table.kind, standardise=standardise)
    used, constant = used_features(table.features, scaling)
    tasks, index = encode(table.task)
    if pooled is None:
        pooled = bool(measure.have_few(table.kind, table.y[test], index[test], tasks.size).any())
    counts = zip(tasks, *(np.bincount(index[part], minlength=tasks.size) for part in (train, test)), strict=True)
    return AuditData(
        kind=table.kind,
        X_train=scaling.features(table.X[train]),
        y_train=scaling.target(table.y[train]),
        task_train=index[train],
        X_test=scaling.features(table.X[test]),
        y_test=scaling.target(table.y[test]),
        task_test=index[test],
        tasks=tasks,
        scaling=scaling,
        features=table.features,
        about=Data(
            **{name: getattr(table, name) for name in _WORDS},
            classes=None if table.classes is None else list(table.classes),
            positive_class=None if table.classes is None else table.classes[1],
            sample=taken,
            notes=[*table.notes, *_sample_note(taken), *constant_note(constant)],
            features=list(table.features),
            n_features=len(used),
            constant_features=list(constant),
            scale=Scale(standardised=standardise, norm=float(scaling.norm)),
            n_rows=table.y.size,
            n_train=train.size,
            n_test=test.size,
            tasks=[Task(task=str(task), n_train=int(n), n_test=int(k), clean=None) for task, n, k in counts],
        ),
        pooled=pooled,
    )


def _sample_note(taken: Sample | None) -> list[str]:
    if taken is None:
        return []
    which = f"of {taken.tasks:,} of {counted(taken.of_tasks, 'task')}"
    what = "rows of every task" if taken.tasks == taken.of_tasks else which
    return [f"A random sample was audited: {taken.rows:,} of {taken.of_rows:,} rows ({what}); max_rows sets its size."]


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
