"""What the learners share: the fit, how an iteration ended, and a warning where it did not reach its tolerance."""

import warnings
from abc import abstractmethod
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning

from patom.core.arrays import AnyArray, FloatArray
from patom.core.losses import Loss, squared_error, squared_hinge
from patom.core.rows import TaskRows
from patom.models.linear import LinearTasks
from patom.models.settings import require_at_least
from patom.models.task_weights import require_task_weights, weighing
from patom.models.threads import one_blas_thread


class IterationStatus(Enum):
    """How an iteration without a duality gap ended. The value is a sentence."""

    ROUNDS = "Stopped after the number of rounds that was given."
    REACHED = "At rest: a step moves the weights by at most the tolerance."
    MAX_ITER = "Stopped at max_iter: a step still moves the weights by more than the tolerance."


Rest = IterationStatus  # its name in pickles of version 0.2.0


@dataclass(frozen=True)
class Iterated:
    """Where such an iteration ended: W, shape (m, p), and the length of the last step over the norm of the weights."""

    W: FloatArray
    residual: float
    n_iter: int
    status: IterationStatus


class Learner(LinearTasks):
    """One linear model a task, learned together; a constant feature carries the bias."""

    max_iter: int

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None) -> Self:
        """Learn the tasks' models; arguments, errors and the ConvergenceWarning are those of ``MTRLRegressor.fit``.

        There is no ``sample_weight``: all rows of a task count alike. Scale X: penalties treat all features alike.
        """
        require_at_least(type(self).__name__, 0.0, strict=True, tol=self.tol)
        require_at_least(type(self).__name__, 1, whole=True, max_iter=self.max_iter)
        self._check_settings()
        rows = self._read(X, y, task).grouped()
        with one_blas_thread():
            self._learn(rows)
        return self

    @property
    def _loss(self) -> Loss:
        return squared_hinge if is_classifier(self) else squared_error

    @abstractmethod
    def _check_settings(self) -> None: ...

    @abstractmethod
    def _learn(self, rows: TaskRows) -> None: ...

    def _keep_iterated(self, found: Iterated) -> None:
        self._keep(found.W)
        self.residual_, self.n_iter_, self.status_ = found.residual, found.n_iter, found.status
        if found.status is IterationStatus.MAX_ITER:
            warnings.warn(
                f"{found.status.value} Residual {found.residual:.2g}, tol {self.tol:.2g}, {found.n_iter} iterations; "
                "raise max_iter or tol, or scale the features.",
                ConvergenceWarning,
                stacklevel=4,
            )


class TwoPartLearner(Learner):
    """A learner whose weights have a part that tasks share and one of each task's own."""

    own_: FloatArray
    task_weights: Any

    def _check_settings(self) -> None:
        require_task_weights(type(self).__name__, self.task_weights)

    def _weighed(self, rows: TaskRows) -> tuple[TaskRows, FloatArray]:
        """The rows with the tasks' weights c_i in their losses, and these weights, shape (m,).

        A task's own part is penalised c_i times as much too, so that its pull on the shared part is c_i times as large.
        """
        found = replace(rows, weighing=weighing(self.task_weights, self.tasks_))
        return found, np.ones(rows.n_tasks) if found.task_weights is None else found.task_weights

    @property
    def outliers_(self) -> AnyArray:
        """Labels of the tasks whose own part is not zero."""
        return np.asarray(self.tasks_[self.own_.any(axis=1)])
