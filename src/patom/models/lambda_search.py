"""An estimator that chooses its lambdas by cross-validation at every fit, and the folds that an audit uses too."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from patom.core.arrays import AnyArray, BoolArray, FloatArray, IntArray
from patom.core.grouped import places_within
from patom.core.kernels import row_products
from patom.core.penalties.penalty import Penalty
from patom.core.rows import TaskRows
from patom.metrics import Metric, auc, mean_over_tasks, nmse, per_task
from patom.models.lambda_grid import AUC, GRID, NMSE, Pair, search
from patom.models.mtrl import MTRLClassifier, MTRLRegressor
from patom.models.problem import Problem
from patom.models.settings import require_at_least, require_choice, shares_of
from patom.models.threads import one_blas_thread

N_FOLDS = 3
_LEAST = float(np.finfo(float).tiny)  # rows of one task whose shares all rounded to 0 count alike
_STANDARD_ERRORS = {"one_standard_error": 1.0, "best": 0.0}


def folds(task_index: IntArray, positive: BoolArray | None, n_folds: int, rng: np.random.Generator) -> IntArray:
    """A fold for each row, spread evenly within each task and class; a group's first row stays in.

    A task of one row would otherwise be absent from some fits; -1 keeps it in all of them. ``positive``, shape (n,),
    marks the rows of the positive class; None for a regression.

    >>> fold = folds(np.array([0, 0, 0, 0, 1]), None, 3, np.random.default_rng(0))
    >>> np.sort(fold[:4]), fold[4]
    (array([-1,  0,  1,  2]), np.int64(-1))
    """
    group = task_index * 2 + (0 if positive is None else positive)
    order = rng.permutation(group.size)
    order = order[np.argsort(group[order], kind="stable")]
    rank = places_within(np.bincount(group))
    fold = np.empty(group.size, dtype=np.int64)
    fold[order] = np.where(rank == 0, -1, (rank + group[order]) % n_folds)  # so that small groups fill all folds
    return fold


def _delegated(name: str, doc: str) -> property:
    """An attribute of the fitted estimator inside."""

    def read(self: "LambdaSearch") -> Any:
        check_is_fitted(self)
        return getattr(self.estimator_, name)

    return property(read, doc=doc)


class LambdaSearch(MetaEstimatorMixin, BaseEstimator):
    """Multi-task relationship learning that chooses lambda_1 and lambda_2 anew at every fit.

    As a victim it tunes on all rows that it gets, poisoned ones too. Measured at fixed lambdas an attack can look
    more harmful than it is (Carnerero-Cano, Muñoz-González, Spencer and Lupu 2023, who tune on trusted rows). Attacks
    use the lambdas that it chooses on clean rows; their damage is measured with those that it chooses on poisoned ones.

    Parameters
    ----------
    estimator : MTRLRegressor or MTRLClassifier
        Its own lambdas are not used.
    lambdas : sequence of float, default (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
        Above 0; every pair of them is tried. The default grid grows by decades where its best pairs lie at an edge,
        down to 1e-8 and up to 1e4. Your own grid is tried as it is; where it should grow by the same rule, a warning
        tells you. With a single value there is nothing to choose, and no warning.
    n_folds : int, default 3
        At least 2. Rows are dealt to folds within each task and class; the first row of each stays in all fits, so
        that no fit lacks a task or a class.
    choice : {"one_standard_error", "best"}, default "one_standard_error"
        The strongest penalties within one standard error (over folds) of the best, or the best; ties go to the
        stronger. Stronger is the larger sum of the two, then the larger lambda_2.
    random_state : int, default 0
        Seed of the folds. An int only: two fits on the same rows must choose the same.

    Attributes
    ----------
    estimator_ : MTRLRegressor or MTRLClassifier
        The clone with the chosen lambdas, fitted on all rows.
    lambda_1_, lambda_2_ : float
    scores_ : array of shape (k, 3)
        lambda_1, lambda_2 and the mean score over folds of each pair tried, strongest first.
    classes_ : array of shape (2,)
        For a classifier.
    coef_, intercept_, tasks_, status_, duality_gap_, relationship_, task_spectrum_, task_correlation_, task_covariance_
        Those of ``estimator_``.

    Notes
    -----
    The score of a fold is the mean over tasks of the held-out NMSE (lower is better), or AUC (higher is). A task
    whose held-out rows allow none (constant targets, one class) counts in no mean. Where no task can be scored
    in any fold the strongest penalties tried are chosen, and ``scores_`` holds NaN for all. The NMSE of a few held-out
    rows is an estimate with a heavy tail: with fewer than about twenty rows a task, expect strong penalties.

    Folds follow the order of the rows within a task: other orders may choose other lambdas. The order of rows of
    different tasks has no effect.

    The default grid gets one more decade in two cases: where all pairs within one standard error (over folds) of the
    best have the weakest value of a lambda; and where (1.0, 1.0) is the only such pair, and beats predicting the mean,
    or guessing. (With nothing to learn the strongest penalties are best, however strong.) It does not grow where less
    than 1e-4 is left to gain.

    Costs k ``n_folds`` fits, k the number of pairs (25 in the default grid, 81 where it has grown all the way), and
    one on all rows. Those of a fold start from one another, strongest penalties first, anew where the grid grows; one
    that ends above ``tol`` is scored as it is, without a warning.

    References
    ----------
    Carnerero-Cano, Muñoz-González, Spencer and Lupu 2023, "Hyperparameter learning under data poisoning:
    analysis of the influence of regularization via multiobjective bilevel optimization", arXiv 2306.01613.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, task = rng.standard_normal((60, 2)), np.repeat(["a", "b"], 30)
    >>> y = X @ [1.0, -1.0]
    >>> search = LambdaSearch(MTRLRegressor()).fit(X, y, task=task)
    >>> search.lambda_1_, search.lambda_2_
    (0.0001, 0.0001)
    >>> y[::3] *= -1.0
    >>> search = search.fit(X, y, task=task)
    >>> search.lambda_1_, search.lambda_2_
    (1.0, 1.0)
    """

    def __init__(
        self,
        estimator: MTRLRegressor | MTRLClassifier,
        lambdas: Sequence[float] = GRID,
        n_folds: int = N_FOLDS,
        choice: str = "one_standard_error",
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.lambdas = lambdas
        self.n_folds = n_folds
        self.choice = choice
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None, sample_weight: Any = None) -> Self:
        """Choose the lambdas by cross-validation and fit with them on all rows.

        Parameters
        ----------
        X : array or data frame of shape (n, d)
        y : array of shape (n,)
        task, sample_weight : arrays of shape (n,), optional
            As in ``MTRLRegressor.fit``. Rows that folds fit on count by their weights, held-out rows alike.

        Raises
        ------
        TypeError
            ``estimator`` is neither MTRLRegressor nor MTRLClassifier.
        ValueError
            For values or settings that cannot be used, with the argument's name.

        Warns
        -----
        ConvergenceWarning
            Where the duality gap of the last fit stayed above ``tol``.
        UserWarning
            Where the scores still rise towards an edge at which the grid cannot grow: your own grid, or the default
            one at its bounds.
        """
        self._check_settings()
        problem = self._with((self.lambdas[0], self.lambdas[0])).problem(X, y, task, sample_weight)
        with one_blas_thread():
            found = search(
                lambda pairs: self._cross_validate(problem, pairs), self.lambdas,
                **(AUC if self._classifies else NMSE), errors=_STANDARD_ERRORS[self.choice],
            )  # fmt: skip
        self.lambda_1_, self.lambda_2_ = chosen = found.pairs[found.chosen]
        self.scores_ = np.column_stack([found.pairs, [mean_over_tasks(row) for row in found.scores]])
        if found.edges:
            warnings.warn(
                f"LambdaSearch chose lambda_1={chosen[0]:g} and lambda_2={chosen[1]:g}, where its grid ends: "
                f"{' and '.join(found.edges)} may do better still, so give a grid of your own that goes further.",
                UserWarning,
                stacklevel=2,
            )
        self.estimator_ = self._with(chosen).fit(X, y, task=task, sample_weight=sample_weight)
        return self

    def predict(self, X: npt.ArrayLike, task: Any = None) -> AnyArray:
        """Predicted targets or classes, shape (n,); ``task`` names each row's task (None if fitted on one)."""
        check_is_fitted(self)
        return np.asarray(self.estimator_.predict(X, task=task))

    @available_if(lambda self: self._classifies)
    def decision_function(self, X: npt.ArrayLike, task: Any = None) -> FloatArray:
        """Margins w_i'x of a classifier, shape (n,); above 0 for the positive class."""
        check_is_fitted(self)
        return np.asarray(self.estimator_.decision_function(X, task=task))

    @available_if(lambda self: hasattr(vars(self).get("estimator_", self.estimator), "predict_proba"))
    def predict_proba(self, X: npt.ArrayLike, task: Any = None) -> FloatArray:
        """Class probabilities, shape (n, 2), where the estimator has them."""
        check_is_fitted(self)
        return np.asarray(self.estimator_.predict_proba(X, task=task))

    def score(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None, sample_weight: Any = None) -> float:
        """R^2 of a regressor, accuracy of a classifier, over all rows, weighted by ``sample_weight``."""
        check_is_fitted(self)
        return float(self.estimator_.score(X, y, task=task, sample_weight=sample_weight))

    classes_ = _delegated("classes_", "The two classes of a classifier, sorted.")
    n_features_in_ = _delegated("n_features_in_", "Columns of X.")
    feature_names_in_ = _delegated("feature_names_in_", "Their names, when X was a data frame.")
    tasks_ = _delegated("tasks_", "Task labels, sorted, shape (m,).")
    coef_ = _delegated("coef_", "Weights, shape (m, d).")
    intercept_ = _delegated("intercept_", "Biases, shape (m,).")
    status_ = _delegated("status_", "How the fit on all rows ended.")
    duality_gap_ = _delegated("duality_gap_", "Certificate of the fit on all rows.")
    relationship_ = _delegated("relationship_", "Omega without its m x m matrix.")
    task_spectrum_ = _delegated("task_spectrum_", "Non-zero eigenvalues of Omega, descending, shape (k,).")
    task_correlation_ = _delegated("task_correlation_", "Task correlations, shape (m, m); built at each call.")
    task_covariance_ = _delegated("task_covariance_", "Omega, shape (m, m); built at each call.")

    def _with(self, pair: Pair) -> MTRLRegressor | MTRLClassifier:
        """The estimator, unfitted, with these lambdas."""
        model: MTRLRegressor | MTRLClassifier = clone(self.estimator)
        model.set_params(lambda_1=pair[0], lambda_2=pair[1])
        return model

    def _cross_validate(self, problem: Problem, pairs: Sequence[Pair]) -> FloatArray:
        """The score of each pair on each fold, shape (k, n_folds)."""
        rows, penalties = problem.rows, [self._with(pair).penalty(problem.rows.n_tasks) for pair in pairs]
        positive = rows.y > 0.0 if self._classifies else None
        fold = folds(rows.task_index, positive, self.n_folds, np.random.default_rng(self.random_state))
        metric = auc if self._classifies else nmse
        parts = ((_subset(rows, fold != held), _subset(rows, fold == held)) for held in range(self.n_folds))
        scores = [[_score(metric, held, W) for W in _path(problem, penalties, kept)] for kept, held in parts]
        return np.transpose(scores)

    def _check_settings(self) -> None:
        owner = type(self).__name__
        if not isinstance(self.estimator, MTRLRegressor | MTRLClassifier):
            raise TypeError(
                f"estimator of {owner} must be an MTRLRegressor or MTRLClassifier; got {type(self.estimator).__name__}."
            )
        if np.ndim(self.lambdas) != 1 or len(self.lambdas) == 0:
            raise ValueError(f"lambdas of {owner} must be a sequence of at least one number; got {self.lambdas!r}.")
        named: dict[str, Any] = {f"lambdas[{place}]": value for place, value in enumerate(self.lambdas)}
        require_at_least(owner, 0.0, strict=True, **named)
        require_at_least(owner, 2, whole=True, n_folds=self.n_folds)
        require_choice(owner, tuple(_STANDARD_ERRORS), choice=self.choice)
        require_at_least(owner, 0, whole=True, random_state=self.random_state)

    @property
    def _classifies(self) -> bool:
        return isinstance(self.estimator, MTRLClassifier)

    def __sklearn_tags__(self) -> Tags:
        return get_tags(self.estimator)


def _path(problem: Problem, penalties: Sequence[Penalty], rows: TaskRows) -> Iterator[FloatArray]:
    """The optimum on ``rows`` under each penalty, each solve starting from the one before."""
    W = None
    for penalty in penalties:
        W = replace(problem, penalty=penalty).solve(rows, W).W
        yield W


def _score(metric: Metric, rows: TaskRows, W: FloatArray) -> float:
    """Mean over tasks of the metric on held-out rows."""
    return mean_over_tasks(per_task(metric, rows.y, row_products(rows.X, rows.offsets, W), rows.task_index))


def _subset(rows: TaskRows, chosen: BoolArray) -> TaskRows:
    """The rows chosen by a mask of shape (n,), with their shares among them; a task may be left without any."""
    index, shares = rows.task_index[chosen], rows.shares
    if shares is not None:
        shares = shares_of(np.maximum(shares[chosen], _LEAST), index, rows.n_tasks)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(index, minlength=rows.n_tasks))])
    return TaskRows(rows.X[chosen], rows.y[chosen], offsets, shares=shares)
