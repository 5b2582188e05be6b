"""What all row filters share: which rows stay, where they are moved, why others go; and any estimator behind one."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import partial
from numbers import Number
from typing import Any, ClassVar, Self

import narwhals as nw
import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from patom.core.arrays import AnyArray, BoolArray, FloatArray, IntArray
from patom.core.exact import exact_column
from patom.core.grouped import over_groups
from patom.core.labels import as_labels, encode
from patom.core.regions import Region
from patom.models.delegating import Delegating, routed
from patom.models.reading import reading
from patom.models.settings import number_targets, require_features, require_finite, require_share, require_targets

INSIDE = 1.0 - 1e-9
"""Factor of a threshold: a row on the edge of a filter's region passes in spite of rounding."""
TALLY = np.dtype([("rows", "i8"), ("dropped", "i8")])


@dataclass(frozen=True)
class Rows:
    """Checked rows: X, shape (n, d), y, shape (n,), and the position of each row's task among the m ``tasks``.

    Where y holds two ``classes``, they are -1 and +1.
    """

    X: FloatArray
    y: FloatArray
    task_index: IntArray
    tasks: AnyArray
    classes: bool

    def of_tasks(self) -> list[IntArray]:
        """Positions of the rows of each task."""
        order = np.argsort(self.task_index, kind="stable")
        parts = np.split(order, np.cumsum(np.bincount(self.task_index, minlength=self.tasks.size))[:-1])
        return [part for part in parts if part.size > 0]

    def at(self, chosen: IntArray) -> "Rows":
        """Some of the rows; tasks keep their positions."""
        return replace(self, X=self.X[chosen], y=self.y[chosen], task_index=self.task_index[chosen])

    def groups(self) -> list[IntArray]:
        """Positions of the rows of each task and class, or of each task where y is a quantity."""
        if not self.classes:
            return self.of_tasks()
        halves = [(rows[self.y[rows] < 0.0], rows[self.y[rows] > 0.0]) for rows in self.of_tasks()]
        return [part for pair in halves for part in pair if part.size > 0]


@dataclass(frozen=True)
class Kept:
    """Which rows stay, and why the others go.

    Parameters
    ----------
    kept : array of bool, shape (n,)
    score : array of shape (n,)
        How odd each row is to the filter that dropped it or, for rows that stay, to the last one.
    threshold : array of shape (n,)
        Rows of a higher score are dropped.
    why : array of str, shape (n,)
        The filter that dropped the row; empty for rows that stay.
    tasks, task_index : arrays of shape (m,) and (n,)
        Task labels, and each row's position among them.
    X : array of shape (n, d), optional
        Features of all rows as the filter leaves them; None where it moves none.
    """

    kept: BoolArray
    score: FloatArray
    threshold: FloatArray
    why: AnyArray
    tasks: AnyArray
    task_index: IntArray
    X: FloatArray | None = None

    @property
    def by_task(self) -> np.recarray[Any, Any]:
        """Rows and dropped rows of each task, in the order of ``tasks``."""
        m = self.tasks.size
        found = np.recarray(m, TALLY)
        found["rows"] = np.bincount(self.task_index, minlength=m)
        found["dropped"] = np.bincount(self.task_index[~self.kept], minlength=m)
        return found

    def select(self, *arrays: Any) -> tuple[Any, ...]:
        """The rows that stay, of arrays or data frames; None stays None."""
        chosen = np.flatnonzero(self.kept)
        return tuple(None if given is None else _taken(given, chosen) for given in arrays)

    def features(self, X: Any) -> Any:
        """The rows of X that stay, as the filter leaves them."""
        (stay,) = self.select(X)
        return stay if self.X is None else _holding(stay, self.X[self.kept])


@dataclass(frozen=True)
class Judged:
    """Scores, thresholds and the filter that dropped each row, shapes (n,), and the rows as the filter leaves them.

    As in ``Kept``.
    """

    score: FloatArray
    threshold: FloatArray
    why: AnyArray
    X: FloatArray | None = None


class Sanitiser(BaseEstimator, ABC):
    """A filter of rows. Every task keeps at least one row."""

    name: ClassVar[str]
    """What ``Kept.why`` calls it: its class, in small letters."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.name = cls.__name__.lower()

    def keep(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None) -> Kept:
        """Decide which rows stay.

        Parameters
        ----------
        X : array or data frame of shape (n, d)
            Finite numbers.
        y : array of shape (n,)
            Two distinct values, or text, are classes; anything else is a quantity.
        task : array of shape (n,), optional
            Each row's task; None puts all rows into one.

        Returns
        -------
        Kept

        Raises
        ------
        ValueError
            For values or settings that cannot be used, with the argument's name.
        """
        self.check()
        rows = checked_rows(X, y, task)
        found = self.judge(rows)
        return Kept(found.why == "", found.score, found.threshold, found.why, rows.tasks, rows.task_index, found.X)

    def fit_resample(self, X: Any, y: Any, task: Any = None) -> tuple[Any, ...]:
        """The rows that stay: (X, y), and their tasks where ``task`` is given.

        With this method a filter is a sampler of imbalanced-learn, whose pipelines have steps that change the number of
        rows.
        """
        kept = self.keep(X, y, task)
        stay = (kept.features(X), *kept.select(y, task))
        return stay[:2] if task is None else stay

    @abstractmethod
    def check(self) -> None:
        """Refuse settings that cannot be used."""

    @abstractmethod
    def judge(self, rows: Rows) -> Judged:
        """Score the rows, and name the filter for those that go."""

    def regions(self, rows: Rows) -> list[tuple[Region, ...]]:
        """For each of ``groups``, the regions in which a row must lie to pass; thresholds and centres are held fixed.

        A row passes if it lies in all regions of its group, and an attacker who knows the filter projects her rows onto
        them. A group has no regions where no convex set is known.
        """
        return [()] * len(rows.groups())

    def pulled_back(self, rows: Rows, slopes: FloatArray) -> FloatArray:  # noqa: ARG002  (where no row is moved)
        """Derivatives by the rows, shape (n, d), from those by the rows as they leave; thresholds held fixed."""
        return slopes


class Oddest(Sanitiser):
    """A filter that drops the ``fraction`` of rows of the highest scores in each group.

    Groups are the rows of a task and class or, where y is a quantity, of a task. Rows of equal scores stay or go
    together, but for copies of a row, which would all stay: so many of them go as the fraction asks for.
    """

    def __init__(self, fraction: float = 0.05) -> None:
        self.fraction = fraction

    def check(self) -> None:
        require_share(type(self).__name__, below=True, fraction=self.fraction)

    def judge(self, rows: Rows) -> Judged:
        score = self.scores(rows)
        groups, threshold = rows.groups(), np.empty(score.size)
        cuts = over_groups(partial(cut, fraction=self.fraction), score, groups)
        order, sizes = np.concatenate(groups), np.array([group.size for group in groups])
        threshold[order] = np.repeat(cuts, sizes)
        goes = score > threshold
        gone = np.add.reduceat(goes[order], np.cumsum(sizes) - sizes, dtype=np.int64)
        missing = (self.fraction * sizes + 1e-9).astype(np.int64) - gone
        for k in np.flatnonzero(missing > 0):
            group, highest = groups[k], cuts[k]
            if highest > score[group].min():  # rows of the lowest score are not odd
                goes[_copies(rows.X, group[score[group] == highest])[: missing[k]]] = True
        return Judged(score, threshold, np.where(goes, self.name, ""))

    @abstractmethod
    def scores(self, rows: Rows) -> FloatArray:
        """How odd each row is, shape (n,)."""


@dataclass(eq=False, repr=False)
class Sanitised(Delegating):
    """Fit an estimator on the rows that a filter keeps.

    Parameters
    ----------
    estimator : estimator
        Of patom or of scikit-learn. Where its ``fit`` takes no ``task``, it learns from all tasks' rows as one.
    sanitiser : Sanitiser
        A filter, or a ``Chain`` of some.

    Attributes
    ----------
    estimator_ : estimator
        Fitted on the rows kept.
    kept_ : Kept
        Which those are, and why the others went.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from patom.defenses import Sphere
    >>> X = [[0.0], [1.0], [2.0], [3.0], [40.0]]
    >>> model = Sanitised(Ridge(alpha=0.0), Sphere(fraction=0.2)).fit(X, [0.0, 1.0, 2.0, 3.0, -40.0])
    >>> model.predict([[4.0]]).round(6), model.kept_.why.tolist()
    (array([4.]), ['', '', '', '', 'sphere'])
    """

    estimator: Any
    sanitiser: Any

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None) -> Self:
        """Filter, then fit a clone of the estimator; arguments and errors as its own and the filter's.

        Without ``sample_weight``: filters know none, so all rows count alike.
        """
        if not isinstance(self.sanitiser, Sanitiser):
            raise ValueError(f"sanitiser of Sanitised must be a filter, such as Sphere(); got {self.sanitiser!r}.")
        self.kept_ = clone(self.sanitiser).keep(X, y, task)
        rows, (targets, tasks) = self.kept_.features(X), self.kept_.select(y, task)
        self.estimator_ = clone(self.estimator).fit(rows, targets, **routed(self.estimator, tasks))
        return self


def _copies(X: FloatArray, tied: IntArray) -> IntArray:
    """The second and further copies of each row among some, those of the most frequent row first.

    >>> _copies(np.array([[1.0], [2.0], [1.0], [3.0], [3.0], [3.0]]), np.arange(6))
    array([4, 5, 2])
    """
    _, first, which, number = np.unique(X[tied], axis=0, return_index=True, return_inverse=True, return_counts=True)
    more = np.setdiff1d(np.arange(tied.size), first)
    return tied[more[np.lexsort((which.ravel()[more], -number[which.ravel()[more]]))]]


def cut(scores: FloatArray, fraction: float) -> FloatArray:
    """The largest of the last axis but for the ``fraction`` of highest ones, rounded down; ties stay.

    >>> cut(np.array([3.0, 1.0, 2.0, 9.0]), 0.25), cut(np.array([[3.0, 1.0]]), 0.25)
    (array(3.), array([3.]))
    """
    size = scores.shape[-1]
    last = size - 1 - min(int(fraction * size + 1e-9), size - 1)
    return np.asarray(np.partition(scores, last, axis=-1)[..., last])


def checked_rows(X: npt.ArrayLike, y: npt.ArrayLike, task: Any) -> Rows:
    """Rows as filters take them; refuses gaps, infinities and arrays of unequal length."""
    with reading(X=X, y=y):
        features = check_array(X, dtype=np.float64, ensure_all_finite=False, input_name="X")
    require_features(features, columns=getattr(X, "columns", None))
    targets = column_or_1d(exact_column(y))
    check_consistent_length(features, targets)
    tasks, index = encode(as_labels(task, features.shape[0]))
    values, classes = _as_numbers(targets)
    return Rows(features, values, index, tasks, classes)


def _as_numbers(y: AnyArray) -> tuple[FloatArray, bool]:
    """Targets as numbers, and whether it holds two classes, which are then -1 and +1."""
    numeric = y.dtype.kind in "biuf"
    if y.dtype.kind == "f":
        require_finite(y, name="y")
    distinct, index = np.unique(y, return_inverse=True)
    if distinct.size == 2:
        return np.where(index == 1, 1.0, -1.0), True
    if y.dtype == object and all(isinstance(value, Number) for value in y.tolist()):
        y, numeric = number_targets(y, "a filter"), True
    if not numeric:
        raise ValueError(f"y must hold numbers or two classes for a filter; got {distinct.size} values of text.")
    values = y.astype(np.float64)
    require_targets(values)
    return values, False


def _holding(given: Any, values: FloatArray) -> Any:
    """Values in a container like the one given: a data frame of its library, with its names, or an array."""
    if not hasattr(given, "columns"):
        return values
    frame = nw.from_native(given)
    columns = {name: values[:, k] for k, name in enumerate(frame.columns)}
    made = nw.from_dict(columns, backend=nw.get_native_namespace(frame)).to_native()
    return made.set_axis(given.index) if hasattr(given, "index") else made


def _taken(given: Any, rows: IntArray) -> Any:
    if hasattr(given, "iloc"):
        return given.iloc[rows]
    if isinstance(given, list | tuple):
        return type(given)(given[row] for row in rows.tolist())
    return given[rows] if isinstance(given, np.ndarray) else given[rows.tolist()]
