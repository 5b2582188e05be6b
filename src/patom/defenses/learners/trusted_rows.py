"""A few rows that are known to be clean: the others count as far as the fit stays good by these."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import is_classifier
from sklearn.utils.validation import check_consistent_length, column_or_1d, validate_data

from patom.core.arrays import AnyArray, BoolArray, FloatArray, IntArray
from patom.core.exact import exact_array, exact_column, joined, values_of
from patom.core.labels import as_labels, encode, places, require_new
from patom.defenses.coupling.coupled import MTRL, require_learner, with_lambdas
from patom.defenses.learners.row_weights import Step, learn_weights, weighted
from patom.defenses.learners.trusted_loss import trusted_loss
from patom.models.delegating import Delegating
from patom.models.given import joined_targets, rows_given, values_given
from patom.models.problem import Problem
from patom.models.reading import named, reading
from patom.models.scoring import TARGETS
from patom.models.settings import known_classes, number_targets, require_at_least, require_features
from patom.models.threads import one_blas_thread

HISTORY = np.dtype([("price", "f8"), ("trusted_loss", "f8"), ("dropped", "f8")])


@dataclass(eq=False, repr=False)
class TrustedRows(Delegating):
    """Learn weights of rows so that a loss on a few trusted rows falls, by exact gradients through the fit.

    Each row that is not trusted has a weight from 0 to 1 in problem (1). They are chosen to minimise::

        J(W(q)) + price/n_0 sum_j (1 - q_j),    J(W) = T/E + C/V_C + M/V_M

    with W(q) the optimum of (1) with these weights. T is the mean loss of the trusted rows, C and M are the distance of
    predictions, on all rows of the tasks with trusted rows, from those of the fit on the trusted rows alone; E, V_C and
    V_M are the sizes of all three that the trusted rows lead one to expect (Notes). n_0 is the mean number of rows of
    these tasks. The trusted rows take part in the fit too, with a weight of 1 that stays.

    Parameters
    ----------
    estimator : MTRLRegressor, MTRLClassifier or LambdaSearch
        With Omega learned. A search chooses its lambdas first, on all rows, each with a weight of 1.
    X, y, task : arrays of shape (q, d), (q,) and (q,)
        The trusted rows, two at least, which must not be among those of ``fit``. ``task`` names tasks of ``fit``'s, or
        tasks that only have trusted rows; some tasks may have none. Leave it at None where ``fit`` gets none.
    price : float, default 8.0
        What weight costs, above 0: by how much J must fall for as many rows to lose it as a task has. A large price
        leaves all weights at 1; a small one follows the trusted rows alone.
    n_folds : int, default 10
        Of the trusted rows, for E, V_C and V_M; at least 2.
    max_iter : int, default 40
        Gradient steps at ``price``; before, up to four higher prices take a fifth of them each.
    random_state : int, default 0
        Of the folds.

    Attributes
    ----------
    estimator_ : MTRLRegressor or MTRLClassifier
        Fitted on all rows with their weights. Its learned attributes are attributes here too.
    row_weights_ : array of shape (n,)
        Of the rows given to ``fit``, in their order.
    task_weights_ : array of shape (m,)
        Mean weight of each task's rows that are not trusted, in the order of ``tasks_``; 1 for a task without any.
    trusted_units_ : Units
        E, V_C and V_M as ``loss``, ``spread`` and ``mean``.
    history_ : record array
        ``price``, ``trusted_loss`` J and the mean weight ``dropped``, at the start and after each step.

    Notes
    -----
    The gradient is exact: dJ/dq_ij = -l'(w_i'x_ij, y_ij)/n_i v_i'x_ij with the adjoint v, one linear system a step
    and one inner product a row. Ren, Zeng, Yang and Urtasun 2018 take such steps through one step of training.

    **T alone is not enough.** An attacker who knows the trusted rows lowers their loss and harms other rows: a few rows
    do not fill all directions. With C and M the fit must predict about what the trusted rows alone would predict,
    everywhere. What an attacker can still do who knows all this is not known yet. Nothing that she injects moves the
    trusted fit, its loss on held-out trusted rows E, or its variances V_C and V_M, which are by the jackknife over
    folds of the trusted rows.

    Weights on clean rows are 1 but for few: the price keeps them there. Costs eleven fits on the trusted rows, and
    up to two hundred warm fits and adjoints on all rows where there is much to drop.

    References
    ----------
    Ren, Zeng, Yang and Urtasun 2018, "Learning to reweight examples for robust deep learning", ICML.

    Examples
    --------
    >>> from patom import MTRLRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1.0, 1.0, (60, 2))
    >>> y = X @ [1.0, -2.0] + 0.5 * rng.standard_normal(60)
    >>> y[:5] = 9.0  # the wrong targets
    >>> model = TrustedRows(MTRLRegressor(1e-3, 1e-3), X[40:], y[40:]).fit(X[:40], y[:40])
    >>> np.flatnonzero(model.row_weights_ < 0.5)
    array([0, 1, 2, 3, 4])
    """

    estimator: Any
    X: Any
    y: Any
    task: Any = None
    price: float = 8.0
    n_folds: int = 10
    max_iter: int = 40
    random_state: int = 0

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None) -> Self:
        """Learn the weights and fit; arguments and errors as in ``MTRLRegressor.fit``, with the trusted rows besides.

        There is no ``sample_weight``: rows get the weights that are learned.
        """
        require_learner("TrustedRows", self.estimator)
        require_at_least("TrustedRows", 0.0, strict=True, price=self.price)
        require_at_least("TrustedRows", 2, whole=True, n_folds=self.n_folds)
        require_at_least("TrustedRows", 1, whole=True, max_iter=self.max_iter)
        require_at_least("TrustedRows", 0, whole=True, random_state=self.random_state)
        both = self._together(X, y, task)
        learner = with_lambdas(self.estimator, *both)
        problem = learner.problem(*both)
        order = np.argsort(encode(both[2])[1], kind="stable")
        with one_blas_thread():
            self._learn(learner, problem, order)
        return self

    def _learn(self, learner: MTRL, problem: Problem, order: IntArray) -> None:
        """The weights and the fit; ``order`` sorts all rows by task, the trusted ones first among them."""
        n_trusted, rows = len(self.X), problem.rows
        trusted = order < n_trusted
        judge = trusted_loss(problem, trusted, self.n_folds, np.random.default_rng(self.random_state))
        size = float(rows.counts[np.unique(rows.task_index[trusted])].mean())
        found, steps = learn_weights(problem, judge, ~trusted, self.price, size, self.max_iter)
        learner.adopt(problem.solve(weighted(rows, found.q), start=found.W), problem.penalty)
        self.estimator_, self.trusted_units_ = learner, judge.units
        self.history_ = _history(steps)
        self.task_weights_ = _by_task(found.q, ~trusted, rows.task_index, rows.n_tasks)
        weights = np.empty(order.size)
        weights[order] = found.q
        self.row_weights_ = weights[n_trusted:]

    def _together(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any) -> tuple[Any, AnyArray, AnyArray]:
        """The trusted rows, checked, and after them those given: features, targets and tasks."""
        trusted = rows_given("TrustedRows", self.X)
        with reading(X=X, y=y):
            rows, targets = validate_data(
                self, X, exact_column(y),
                validate_separately=({"dtype": np.float64, "ensure_all_finite": False}, TARGETS),
            )  # fmt: skip
        require_features(rows, columns=getattr(self, "feature_names_in_", None))
        check_consistent_length(rows, targets)
        targets, labels = column_or_1d(targets, warn=True), as_labels(task, rows.shape[0])
        self._require_columns(rows.shape[1], trusted, X)
        known = exact_array(values_given("TrustedRows", self.y, trusted.shape[0]))
        self._require_targets(known, targets)
        tasks = self._labels(trusted.shape[0], labels, given=task is not None)
        return named(np.concatenate([trusted, rows]), X), joined_targets(known, targets), joined(tasks, labels)

    def _require_columns(self, d: int, trusted: FloatArray, X: Any) -> None:
        if trusted.shape[0] < 2:
            raise ValueError("X of TrustedRows must hold two trusted rows at least; got one.")
        if trusted.shape[1] != d:
            raise ValueError(f"X of TrustedRows has {trusted.shape[1]} columns; the training data have {d}.")
        names = [list(getattr(frame, "columns", ())) for frame in (self.X, X)]
        if all(names) and names[0] != names[1]:
            raise ValueError(f"X of TrustedRows has the columns {names[0]}; the training data have {names[1]}.")

    def _require_targets(self, known: AnyArray, targets: AnyArray) -> None:
        """Refuse trusted targets that are not like those of ``fit``: no numbers, or of another class."""
        classes = encode(exact_array(values_of(targets)))[0]
        try:
            if not is_classifier(self):
                number_targets(known, "a regressor")
            elif classes.size == 2:
                known_classes(known, classes)
        except ValueError as error:
            raise ValueError(f"y of TrustedRows must be targets like those of the data: {error}") from None

    def _labels(self, n: int, labels: AnyArray, *, given: bool) -> AnyArray:
        """The trusted rows' task labels, shape (n,); a label that differs from a known one in type only is refused."""
        if (self.task is None) == given:
            got = "a task" if given else "none"
            raise ValueError(f"task of TrustedRows must be given where fit gets one, and only there; fit got {got}.")
        try:
            tasks = as_labels(self.task, n)
        except ValueError as error:
            raise ValueError(f"task of TrustedRows must name each trusted row's task: {error}") from None
        known = encode(labels)[0]
        require_new(tasks[places(tasks, known) < 0], known, argument="task of TrustedRows")
        return tasks


def _history(steps: list[Step]) -> np.recarray[Any, Any]:
    return np.array([(step.price, step.value, step.dropped) for step in steps], dtype=HISTORY).view(np.recarray)


def _by_task(q: FloatArray, free: BoolArray, task_index: IntArray, n_tasks: int) -> FloatArray:
    """Mean weight of each task's free rows, 1 where it has none, shape (m,)."""
    counts = np.bincount(task_index[free], minlength=n_tasks)
    return np.where(counts > 0, np.bincount(task_index, q * free, minlength=n_tasks) / np.maximum(counts, 1), 1.0)
