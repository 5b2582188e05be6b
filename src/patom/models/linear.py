"""What every estimator with one linear model a task shares: reading rows, labels of tasks and classes, predictions."""

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d, validate_data

from patom.core.arrays import AnyArray, FloatArray, IntArray
from patom.core.exact import exact_column
from patom.core.kernels import borrowed_products
from patom.core.labels import as_labels, encode, positions
from patom.core.rows import BorrowedRows, Grouping, TaskRows, append_constant, grouping
from patom.core.solvers.solution import Solution, Status
from patom.core.task_weights import TaskWeights
from patom.models.reading import reading
from patom.models.scoring import TARGETS, accuracy, r_squared
from patom.models.settings import (
    encode_classes,
    known_classes,
    number_targets,
    require_features,
    require_finite,
    require_predictions,
    require_targets,
    row_weights,
    shares_of,
)
from patom.models.task_weights import Setting, weighing

# How scikit-learn reads X and y; NaN and infinity are refused by ``require_finite``, which says where.
_FEATURES: dict[str, Any] = {"dtype": [np.float64, np.float32], "order": "C", "ensure_all_finite": False}


@dataclass(frozen=True)
class Table:
    """The rows that were passed in, checked.

    X, shape (n, d), is float64 or float32 in C order, the caller's own array where it had that form. y, shape (n,), are
    targets, or -1 and +1. ``shares``, shape (n,), are the rows' shares of their task's loss, with a sum of 1 a task;
    None where all of a task's rows count alike. ``weighing`` is what the tasks' losses weigh, None where each weighs 1.
    """

    X: AnyArray
    y: FloatArray
    groups: Grouping
    shares: FloatArray | None = None
    weighing: TaskWeights | None = None

    def grouped(self) -> TaskRows:
        """Copied, the constant appended, task by task."""
        X = append_constant(np.asarray(self.groups.arrange(self.X), dtype=np.float64))
        y, offsets = np.array(self.groups.arrange(self.y)), self.groups.offsets
        return TaskRows(X, y, offsets, shares=self._shares(), weighing=self.weighing)

    def borrowed(self) -> BorrowedRows:
        """The same rows where they are."""
        y, groups = self.groups.arrange(self.y), self.groups
        shares = self._shares()
        return BorrowedRows(self.X, y, groups.offsets, groups.order, shares=shares, weighing=self.weighing)

    def _shares(self) -> FloatArray | None:
        return None if self.shares is None else self.groups.arrange(self.shares)


class LinearTasks(BaseEstimator, ABC):
    """One linear model a task; a subclass says how the weights are learned."""

    tol: float
    status_: Enum
    row_dtype: str = "float64"
    unseen: str = "error"
    task_weights: Setting = "tasks"

    def _read(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any, sample_weight: Any = None) -> "Table":
        """Check the data and learn the labels of tasks, classes and features; copies only arrays of another form.

        Rows of weight 0 are left out after the checks.
        """
        features = _FEATURES | {"dtype": np.dtype(self.row_dtype)}
        with reading(X=X, y=y):
            X_, y_ = validate_data(self, X, exact_column(y), validate_separately=(features, TARGETS))
        check_consistent_length(X_, y_)
        require_features(X_, columns=getattr(self, "feature_names_in_", None))
        y_, labels, weight = column_or_1d(y_, warn=True), as_labels(task, X_.shape[0]), None
        if sample_weight is not None:
            weight = row_weights(sample_weight, X_.shape[0])
            if not weight.all():
                X_, y_, labels, weight = (part[weight > 0.0] for part in (X_, y_, labels, weight))
        targets = self._encode_targets(y_)
        self.tasks_, index = encode(labels)
        shares = None if weight is None else shares_of(weight, index, self.tasks_.size)
        weighs = weighing(self.task_weights, self.tasks_)
        return Table(X_, targets, grouping(index, self.tasks_.size), shares, weighs)

    def _keep(self, W: FloatArray) -> None:
        self._weights = W
        self.coef_, self.intercept_ = W[:, :-1], W[:, -1]

    def _certify(self, solution: Solution) -> None:
        self._keep(solution.W)
        self.objective_, self.duality_gap_ = solution.objective, solution.duality_gap
        self.n_iter_, self.status_ = solution.n_iter, solution.status
        warn_of_gap(solution, self.tol, stacklevel=5)

    @abstractmethod
    def _encode_targets(self, y: AnyArray) -> FloatArray: ...

    def _decide(self, X: npt.ArrayLike, task: Any) -> FloatArray:
        check_is_fitted(self)
        with reading(X=X):
            X_ = validate_data(self, X, reset=False, **_FEATURES)
        columns = getattr(self, "feature_names_in_", None)
        require_finite(X_, columns=columns)
        return require_predictions(self._products(X_, self._positions(task, X_.shape[0])), X_, columns=columns)

    def _products(self, X: FloatArray, place: IntArray) -> FloatArray:
        unseen = np.flatnonzero(place < 0)
        if unseen.size == 0:
            return borrowed_products(X, place, self._weights)
        decision = borrowed_products(X, np.maximum(place, 0), self._weights)
        mean = self._weights.mean(axis=0)
        with np.errstate(over="ignore", invalid="ignore"):
            decision[unseen] = X[unseen] @ mean[:-1] + mean[-1]
        return decision

    def _positions(self, task: Any, n_rows: int) -> IntArray:
        """Each row's task among ``tasks_``, shape (n,); -1 for one never seen, where ``unseen`` allows it."""
        if task is None and self.tasks_.size > 1:
            raise ValueError(f"task must name each row's task: the model was fitted on {self.tasks_.size} tasks.")
        if task is None:
            return np.zeros(n_rows, dtype=np.int64)
        return positions(as_labels(task, n_rows), self.tasks_, argument="task", unseen=self.unseen == "mean")


def warn_of_gap(solution: Solution, tol: float, *, stacklevel: int) -> None:
    """Warn where a solve ended above its tolerance; ``stacklevel`` counts from this function."""
    if solution.status in (Status.MAX_ITER, Status.ROUNDING, Status.STALLED):
        warnings.warn(
            f"{solution.status.value} Gap {solution.duality_gap:.2g}, tol {tol:.2g}, "
            f"{solution.n_iter} iterations; raise max_iter or tol, or scale the features.",
            ConvergenceWarning,
            stacklevel=stacklevel,
        )


class LinearRegressor(RegressorMixin, LinearTasks):
    """Targets that are numbers."""

    def predict(self, X: npt.ArrayLike, task: Any = None) -> FloatArray:
        """Predicted targets, shape (n,); ``task`` names each row's task (None if fitted on one)."""
        return self._decide(X, task)

    def score(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None, sample_weight: Any = None) -> float:
        """R^2 over all rows, weighted if weights are given; targets and weights that ``fit`` refuses are errors too."""
        return r_squared(y, self.predict(X, task=task), sample_weight, owner=type(self).__name__)

    def _encode_targets(self, y: AnyArray) -> FloatArray:
        targets = number_targets(y, type(self).__name__)
        require_targets(targets)
        return targets

    known_targets = _encode_targets


class LinearClassifier(ClassifierMixin, LinearTasks):
    """Targets of two classes, -1 and +1 inside."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def decision_function(self, X: npt.ArrayLike, task: Any = None) -> FloatArray:
        """Margins w_i'x, shape (n,); above 0 for the positive class."""
        return self._decide(X, task)

    def predict(self, X: npt.ArrayLike, task: Any = None) -> AnyArray:
        """Predicted classes, shape (n,); ``task`` names each row's task (None if fitted on one)."""
        positive = self._decide(X, task) > 0.0
        return np.asarray(self.classes_[positive.astype(int)])

    def score(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None, sample_weight: Any = None) -> float:
        """Accuracy over all rows, weighted if weights are given; a class that ``fit`` has not seen counts as wrong."""
        return accuracy(y, self.predict(X, task=task), self.classes_, sample_weight)

    def _encode_targets(self, y: AnyArray) -> FloatArray:
        self.classes_, targets = encode_classes(y)
        return targets

    def known_targets(self, y: AnyArray) -> FloatArray:
        """Labels among ``classes_`` as -1 and +1; refused if one is another."""
        return known_classes(y, self.classes_)
