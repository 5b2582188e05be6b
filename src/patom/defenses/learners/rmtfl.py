"""Robust multi-task feature learning: features that tasks share, and outlier tasks that share none."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.data_term import data_term
from patom.core.losses import Loss
from patom.core.penalties.two_parts import Groups, TwoPartPenalty, TwoPartTerm, halves
from patom.core.rows import TaskRows
from patom.core.solvers.accelerated import solve
from patom.core.solvers.solution import Solution
from patom.defenses.learners.base import TwoPartLearner
from patom.models.linear import LinearClassifier, LinearRegressor
from patom.models.settings import require_at_least


def rmtfl(
    rows: TaskRows,
    loss: Loss,
    lambda_1: float,
    lambda_2: FloatArray | float,
    *,
    tol: float = 1e-8,
    max_iter: int = 10_000,
) -> Solution:
    """Minimise f(P + Q) + lambda_1 sum_c ||P_c||_2 + sum_i lambda_2i ||Q_i||_2, c over columns, i over rows.

    ``lambda_2`` is one number, or one a task, shape (m,). The solution's W is [P; Q], shape (2 m, p). Costs one
    gradient of the data term a step.
    """
    term = TwoPartTerm(data_term(rows, loss))
    (m, p), bound = term.term.shape, term.value_and_gradient(np.zeros(term.shape))[0]
    shared = Groups(np.full((1, p), lambda_1), axis=0, bound=bound)
    own = Groups(np.full((m, 1), np.reshape(lambda_2, (-1, 1))), axis=1, bound=bound)
    return solve(term, TwoPartPenalty(shared, own), tol=tol, max_iter=max_iter)


@dataclass(eq=False, repr=False)
class _RMTFL(TwoPartLearner):
    """What regression and classification share."""

    lambda_1: float = 0.01
    lambda_2: float = 0.01
    tol: float = 1e-8
    max_iter: int = 10_000
    task_weights: Any = "rows"

    def _check_settings(self) -> None:
        super()._check_settings()
        require_at_least(type(self).__name__, 0.0, strict=True, lambda_1=self.lambda_1, lambda_2=self.lambda_2)

    def _learn(self, rows: TaskRows) -> None:
        rows, weights = self._weighed(rows)
        found = rmtfl(rows, self._loss, self.lambda_1, weights * self.lambda_2, tol=self.tol, max_iter=self.max_iter)
        self.shared_, self.own_ = halves(found.W)
        self._certify(replace(found, W=self.shared_ + self.own_))


class RMTFLRegressor(LinearRegressor, _RMTFL):
    """Robust multi-task feature learning (Gong, Ye and Zhang 2012) for regression.

    The weights are W = P + Q, where P uses few features, the same in all tasks, and Q is zero but for outlier tasks::

        min  sum_i c_i [ 1/n_i sum_j (y_ij - w_i'x_ij)^2 + lambda_2 ||q_i||_2 ] + lambda_1 sum_c ||P_c||_2

    c over features, i over tasks, p_i + q_i = w_i. Tasks weigh c_i by their rows (1 in the paper), so that whoever
    opens accounts does not choose the features. A constant feature is appended, so each w_i holds its bias, which is
    penalised like the rest. The problem is convex, and ``duality_gap_`` certifies how close the fit came.

    Parameters
    ----------
    lambda_1 : float, default 0.01
        Strength of the shared part's penalty, above 0. Past the largest norm of a feature's gradients at 0, P is 0.
    lambda_2 : float, default 0.01
        Strength of the outliers' penalty, above 0. Above ``lambda_1`` times the root of the number of features and one,
        no task is an outlier; below ``lambda_1`` over the root of the number of tasks, nothing is shared.
    tol : float, default 1e-8
        Bound on the duality gap; for an objective below 1, on the gap relative to it.
    max_iter : int, default 10000
        Bound on solver steps.
    task_weights : {"rows", "tasks"} or Capped, default "rows"
        c_i, as in ``MTRLRegressor``; "tasks" is 1 for each, as in the paper.

    Attributes
    ----------
    tasks_ : array of shape (m,)
        Task labels, sorted.
    coef_, intercept_ : arrays of shape (m, d) and (m,)
    shared_, own_ : arrays of shape (m, d + 1)
        P and Q, the bias last.
    outliers_ : array
        Labels of the tasks whose q_i is not zero.
    objective_, duality_gap_, n_iter_ : float, float and int
    status_ : patom.core.solvers.solution.Status

    References
    ----------
    Gong, Ye and Zhang 2012, "Robust multi-task feature learning", KDD, its formulation of P and Q.

    Examples
    --------
    >>> X = np.tile([[-1.0, 0.0], [0.0, -1.0], [0.0, 1.0], [1.0, 0.0]], (4, 1))
    >>> task = np.repeat(["a", "b", "c", "odd"], 4)
    >>> y = np.where(task == "odd", 5.0 * X[:, 1], 2.0 * X[:, 0])
    >>> RMTFLRegressor(lambda_1=0.5, lambda_2=0.4).fit(X, y, task=task).outliers_
    array(['odd'], dtype='<U3')
    """


class RMTFLClassifier(LinearClassifier, _RMTFL):
    """Robust multi-task feature learning for two classes.

    The problem of ``RMTFLRegressor`` with the squared hinge max(0, 1 - y w'x)^2, y = -1 or +1.
    Parameters and attributes are those of ``RMTFLRegressor``, and ``classes_``, the two labels of y, sorted; the
    second is the positive class. A single task may hold one class only.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [0.0], [1.0]])
    >>> model = RMTFLClassifier(lambda_1=0.01, lambda_2=0.01)
    >>> model.fit(X, ["no", "yes", "yes", "no"], task=["a", "a", "b", "b"]).predict(X, task=["a", "a", "b", "b"])
    array(['no', 'yes', 'yes', 'no'], dtype='<U3')
    """
