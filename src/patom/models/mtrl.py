"""Multi-task relationship learning as scikit-learn estimators: thin shells over ``patom.core``."""

from abc import abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from patom.core import losses
from patom.core.arrays import FloatArray, IntArray
from patom.core.labels import as_labels, positions
from patom.core.penalties.given import fixed_covariance
from patom.core.penalties.learned import SpectralPenalty
from patom.core.penalties.penalty import Penalty
from patom.core.relationship import Relationship
from patom.core.solvers.solution import Solution
from patom.models.linear import LinearClassifier, LinearRegressor, LinearTasks
from patom.models.problem import Problem, solve_table
from patom.models.settings import (
    STRENGTHS,
    THRESHOLDS,
    require_at_least,
    require_choice,
    require_covariance,
    require_moderate,
)
from patom.models.task_weights import Setting, require_task_weights
from patom.models.threads import one_blas_thread

_SOLVERS, _ROW_DTYPES, _UNSEEN = ("accelerated", "alternating"), ("float64", "float32"), ("error", "mean")


class _MTRL(LinearTasks):
    """What regression and classification share: problem (1), its certificate and its task labels."""

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None, sample_weight: Any = None) -> Self:
        """Solve problem (1).

        Parameters
        ----------
        X : array or data frame of shape (n, d)
            Finite numbers. Scale them: the penalty treats all features alike.
        y : array of shape (n,)
        task : array of shape (n,), optional
            Each row's task, any hashable labels in any order; None puts all rows into one task.
        sample_weight : array of shape (n,), optional
            Finite real numbers of at least 0, relative within a task: a weight of 2 counts the row twice, and a weight
            of 0 leaves it out, after it was read and checked as the others are. Tasks weigh the same, whatever the
            weights of their rows. ``poison`` and ``AttackResult.refit`` fit the model again, without weights.

        Raises
        ------
        ValueError
            For values or settings that cannot be used, with the argument's name.

        Warns
        -----
        ConvergenceWarning
            Where the duality gap stayed above ``tol``; ``status_`` says why.
        """
        self._check_settings()
        table = self._read(X, y, task, sample_weight)
        with one_blas_thread():
            penalty = self.penalty(self.tasks_.size)
            solution = solve_table(table, self._loss(), penalty, self.solver, tol=self.tol, max_iter=self.max_iter)
            self.adopt(solution, penalty)
        return self

    def problem(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None, sample_weight: Any = None) -> Problem:
        """Problem (1) on these data as arrays, which ``fit`` solves, and attacks solve again on poisoned rows.

        Checks settings and data as ``fit`` does, and learns the labels of tasks, classes and features from them.
        """
        self._check_settings()
        rows = self._read(X, y, task, sample_weight).grouped()
        with one_blas_thread():
            penalty = self.penalty(rows.n_tasks)
        return Problem(rows, self.tasks_, self._loss(), penalty, self.tol, self.max_iter, self.solver)

    def adopt(self, solution: Solution, penalty: Penalty) -> None:
        """Take a solution of (1) as this model's fit; ``problem`` has learned the labels before."""
        self._certify(solution)
        self._fitted_loss = self.loss
        self.relationship_ = penalty.relationship(solution.W)

    def penalty(self, n_tasks: int) -> Penalty:
        """The penalty of (1) for so many tasks, Omega learned or given; checks the settings."""
        self._check_settings()
        if self.task_covariance is None:
            return SpectralPenalty(self.lambda_1, self.lambda_2)
        omega = require_covariance(self.task_covariance, n_tasks)
        return fixed_covariance(omega, self.lambda_1, self.lambda_2)

    def _check_settings(self) -> None:
        owner = type(self).__name__
        require_at_least(owner, 0.0, lambda_1=self.lambda_1, lambda_2=self.lambda_2)
        if self.lambda_1 + self.lambda_2 == 0.0:
            raise ValueError(f"lambda_1 and lambda_2 of {owner} must not both be 0; got 0 and 0.")
        require_moderate(owner, STRENGTHS, lambda_1=self.lambda_1, lambda_2=self.lambda_2)
        require_at_least(owner, 0.0, strict=True, tol=self.tol)
        require_at_least(owner, 1, whole=True, max_iter=self.max_iter)
        require_choice(owner, self.LOSSES, loss=self.loss)
        require_choice(owner, _SOLVERS, solver=self.solver)
        require_choice(owner, _ROW_DTYPES, row_dtype=self.row_dtype)
        require_choice(owner, _UNSEEN, unseen=self.unseen)
        require_task_weights(owner, self.task_weights)
        if self.solver == "alternating" and self.task_covariance is not None:
            raise ValueError(f"solver='alternating' of {owner} learns Omega; leave task_covariance at None.")

    @abstractmethod
    def _loss(self) -> losses.Loss: ...

    @property
    def task_spectrum_(self) -> FloatArray:
        """Non-zero eigenvalues of the task covariance, descending, shape (k,); always cheap."""
        return self._relationship().spectrum

    @property
    def task_covariance_(self) -> FloatArray:
        """Omega, shape (m, m), trace 1 unless given otherwise; built at each call.

        TooManyTasksError, a MemoryError, where it would not fit into memory.
        """
        return self._relationship().covariance()

    @property
    def task_correlation_(self) -> FloatArray:
        """Task correlations, shape (m, m), or TooManyTasksError.

        At rank one they are all exactly +-1: look at the spectrum too.
        """
        return self._relationship().correlation()

    def task_covariance_of(self, tasks: Any) -> FloatArray:
        """The block of Omega among some tasks, by their labels, shape (t, t); costs O(t^2 k).

        Raises
        ------
        ValueError
            For a label that is not in the training data.
        """
        return self._relationship().covariance(self._chosen(tasks))

    def task_correlation_of(self, tasks: Any) -> FloatArray:
        """The correlations among some tasks, by their labels, shape (t, t); as ``task_covariance_of``."""
        return self._relationship().correlation(self._chosen(tasks))

    def _chosen(self, tasks: Any) -> IntArray:
        check_is_fitted(self)
        chosen = list(tasks)
        return positions(as_labels(chosen, len(chosen)), self.tasks_, argument="tasks")

    def _relationship(self) -> Relationship:
        check_is_fitted(self)
        relationship: Relationship = self.relationship_
        return relationship


class MTRLRegressor(LinearRegressor, _MTRL):
    """Multi-task relationship learning for regression.

    Learns one linear model a task and the covariance Omega between tasks together::

        min  sum_i 1/n_i sum_j l(w_i'x_ij, y_ij) + lambda_1/2 ||W||_F^2 + lambda_2/2 tr(W Omega^-1 W')
        s.t. Omega positive semi-definite, tr(Omega) = 1                                               (1)

    A constant feature is appended, so each w_i holds its bias, which is penalised like the rest. The optimum is
    global, and ``duality_gap_`` certifies how close the fit came.

    Parameters
    ----------
    lambda_1, lambda_2 : float, default 0.1
        Strengths of the two penalties, at least 0 and not both 0.
    loss : {"squared_error", "huber"}, default "squared_error"
        (y - z)^2, or Huber's, equal to it within ``huber_delta`` and linear beyond.
    task_covariance : array of shape (m, m), optional
        A fixed Omega instead of a learned one, rows in sorted order of the task labels; see
        ``independent_covariance``, ``mean_regularised_covariance``, ``graph_covariance``, ``cluster_covariance``.
    tol : float, default 1e-8
        Bound on the duality gap; for an objective below 1, on the gap relative to it.
    max_iter : int, default 10000
        Bound on solver steps (sweeps, for the alternation).
    solver : {"accelerated", "alternating"}, default "accelerated"
        The alternation between W and Omega is the textbook's (Zhang and Yeung 2010); it can stall.
    huber_delta : float, default 1.0
        In units of y.
    row_dtype : {"float64", "float32"}, default "float64"
        How rows are kept while fitting; sums and weights are float64 either way. float32 halves the memory of X and
        rounds each feature by 6e-8 of itself.
    unseen : {"error", "mean"}, default "error"
        How to predict rows of a task that is not in the training data: refuse them, or use the mean of the tasks'
        models, as a cross-validation over tasks needs (``GroupKFold``).

    task_weights : {"tasks", "rows"} or Capped, default "tasks"
        What a task's loss weighs in (1): each 1, as in the paper; "rows", n_i/n_ref with n_ref = sum n_i^2 / sum n_i;
        or ``Capped(n_0)``, min(1, n_i/n_0). With "tasks" an account with a single row weighs as much as any task, and
        who may open accounts may ruin all tasks; the other two take that lever away, and fit tasks of few rows less
        closely.

    Attributes
    ----------
    tasks_ : array of shape (m,)
        Task labels, sorted.
    coef_, intercept_ : arrays of shape (m, d) and (m,)
    task_covariance_, task_correlation_ : arrays of shape (m, m)
    task_spectrum_ : array of shape (k,)
        Non-zero eigenvalues of Omega.
    objective_, duality_gap_, n_iter_ : float, float and int
    status_ : patom.core.solvers.solution.Status

    Notes
    -----
    Fits may run in several threads at once; their large loops take turns. In a process that was forked after a fit, as
    ``multiprocessing.Pool`` does on Linux, they run on one thread: ``docs/reproducibility.md``.

    References
    ----------
    Zhang and Yeung 2010, "A convex formulation for learning task relationships in multi-task learning".
    Zhao, An, Yu, Liu and Pan 2018, "Data poisoning attacks on multi-task relationship learning", eq. 1.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0], [1.0], [2.0], [0.0], [1.0], [2.0]])
    >>> y = np.array([0.0, 1.0, 2.0, 0.0, -1.0, -2.0])
    >>> task = ["up", "up", "up", "down", "down", "down"]
    >>> model = MTRLRegressor(lambda_1=0.01, lambda_2=0.01).fit(X, y, task=task)
    >>> model.predict([[3.0], [3.0]], task=["up", "down"]).round(1)
    array([ 3., -3.])
    >>> model.task_correlation_.round(2)
    array([[ 1., -1.],
           [-1.,  1.]])
    """

    LOSSES: ClassVar[tuple[str, ...]] = ("squared_error", "huber")

    def __init__(
        self,
        lambda_1: float = 0.1,
        lambda_2: float = 0.1,
        loss: str = "squared_error",
        task_covariance: npt.ArrayLike | None = None,
        tol: float = 1e-8,
        max_iter: int = 10_000,
        solver: str = "accelerated",
        huber_delta: float = 1.0,
        row_dtype: str = "float64",
        unseen: str = "error",
        task_weights: Setting = "tasks",
    ) -> None:
        self.lambda_1 = lambda_1
        self.lambda_2 = lambda_2
        self.loss = loss
        self.task_covariance = task_covariance
        self.tol = tol
        self.max_iter = max_iter
        self.solver = solver
        self.huber_delta = huber_delta
        self.row_dtype = row_dtype
        self.unseen = unseen
        self.task_weights = task_weights

    def _loss(self) -> losses.Loss:
        if self.loss == "huber":
            require_at_least(type(self).__name__, 0.0, strict=True, huber_delta=self.huber_delta)
            require_moderate(type(self).__name__, THRESHOLDS, huber_delta=self.huber_delta)
            return losses.huber(self.huber_delta)
        return losses.squared_error


def _has_probabilities(model: Any) -> bool:
    """Whether the fit, or the setting before ``fit``, is with the logistic loss; else an error with the loss fitted."""
    fitted = vars(model).get("_fitted_loss", model.loss)  # models stored by 0.2.0 have what they were fitted with
    if fitted == "logistic":
        return True
    again = "; fit it again" if model.loss == "logistic" else ""
    raise AttributeError(
        f"predict_proba of {type(model).__name__} needs loss='logistic', whose margins are log odds; this one has "
        f"loss={fitted!r}{again}."
    )


class MTRLClassifier(LinearClassifier, _MTRL):
    """Multi-task relationship learning for two classes.

    Problem (1) of ``MTRLRegressor`` with a loss of the margin y w'x, y = -1 or +1. For more classes make
    one-vs-rest tasks of them with ``patom.datasets.one_vs_rest_tasks``, as the paper does for MNIST.

    Parameters
    ----------
    lambda_1, lambda_2, task_covariance, tol, max_iter, solver, row_dtype, unseen, task_weights
        As in ``MTRLRegressor``.
    loss : {"squared_hinge", "logistic", "unclipped_hinge"}, default "squared_hinge"
        max(0, 1 - y z)^2; log(1 + exp(-y z)); or (1 - y z)^2, the squared hinge as the paper prints it (eq. 11),
        without the positive part, which is least squares.

    Attributes
    ----------
    classes_ : array of shape (2,)
        The labels of y, sorted; the second is the positive class. A single task may hold one class only.
    tasks_, coef_, intercept_ and the rest
        As in ``MTRLRegressor``.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0], [1.0], [0.0], [1.0]])
    >>> model = MTRLClassifier(lambda_1=0.01, lambda_2=0.01)
    >>> model.fit(X, ["no", "yes", "yes", "no"], task=["a", "a", "b", "b"]).predict(X, task=["a", "a", "b", "b"])
    array(['no', 'yes', 'yes', 'no'], dtype='<U3')
    """

    LOSSES: ClassVar[tuple[str, ...]] = ("squared_hinge", "logistic", "unclipped_hinge")

    def __init__(
        self,
        lambda_1: float = 0.1,
        lambda_2: float = 0.1,
        loss: str = "squared_hinge",
        task_covariance: npt.ArrayLike | None = None,
        tol: float = 1e-8,
        max_iter: int = 10_000,
        solver: str = "accelerated",
        row_dtype: str = "float64",
        unseen: str = "error",
        task_weights: Setting = "tasks",
    ) -> None:
        self.lambda_1 = lambda_1
        self.lambda_2 = lambda_2
        self.loss = loss
        self.task_covariance = task_covariance
        self.tol = tol
        self.max_iter = max_iter
        self.solver = solver
        self.row_dtype = row_dtype
        self.unseen = unseen
        self.task_weights = task_weights

    @available_if(_has_probabilities)
    def predict_proba(self, X: npt.ArrayLike, task: Any = None) -> FloatArray:
        """Probabilities of the two classes, in the order of ``classes_``, shape (n, 2); of a fit with ``"logistic"``.

        1/(1 + exp(-z)) of the margin z for the second class, which the logistic loss fits. The penalties pull margins
        towards 0, so calibrate where the numbers matter.
        """
        z = self._decide(X, task)
        return np.column_stack([expit(-z), expit(z)])

    def _loss(self) -> losses.Loss:
        named = (losses.squared_hinge, losses.logistic, losses.unclipped_hinge)
        return next(loss for loss in named if loss.name == self.loss)
