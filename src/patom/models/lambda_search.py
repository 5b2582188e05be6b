"""Lambdas by cross-validation: an estimator that chooses them at every fit; the grid and the folds, also for audits."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.utils import Tags, get_tags
from sklearn.utils.validation import check_is_fitted

from patom.core.arrays import BoolArray, FloatArray, IntArray
from patom.core.grouped import places_within
from patom.core.kernels import row_products
from patom.core.penalties.penalty import Penalty
from patom.core.rows import TaskRows
from patom.metrics import Metric, auc, mean_over_tasks, nmse, per_task
from patom.models.delegating import Delegating
from patom.models.mtrl import MTRLClassifier, MTRLRegressor
from patom.models.problem import Problem
from patom.models.settings import require_at_least, require_choice, shares_of
from patom.models.threads import one_blas_thread

GRID = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
WEAKER = (1e-5, 1e-6, 1e-7, 1e-8)
STRONGER = (10.0, 100.0, 1e3, 1e4)
"""Where ``GRID`` may grow to, a decade at a time."""
WORTH = 1e-4
"""Of NMSE or AUC: with less than this left to gain, as in data without noise, the grid does not grow."""

NMSE = {"guess": 1.0, "perfect": 0.0}
AUC = {"guess": 0.5, "perfect": 1.0}
"""Scores of a model that guesses, and of a perfect one."""

Pair = tuple[float, float]

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


@dataclass(frozen=True)
class Searched:
    """The pairs that a search tried, strongest first, their scores, shape (k, n_folds), and the position chosen.

    ``edges`` are "weaker lambda_1", "stronger lambda_2" and so on, where the grid could not grow though by the rule of
    ``search`` it should; empty for a single value, where there is nothing to search.
    """

    pairs: list[Pair]
    scores: FloatArray
    chosen: int
    edges: tuple[str, ...]


def strongest_first(lambdas: Sequence[float], others: Sequence[float] | None = None) -> list[Pair]:
    """All pairs (lambda_1, lambda_2), by falling sum; of equal sums the one with the larger lambda_2 first.

    ``others`` are the values of lambda_2, by default those of lambda_1.

    >>> strongest_first([0.1, 1.0])
    [(1.0, 1.0), (0.1, 1.0), (1.0, 0.1), (0.1, 0.1)]
    """
    return sorted(product(sorted(lambdas), sorted(lambdas if others is None else others)), key=lambda pair: -sum(pair))


def strongest_near_best(gains: FloatArray, *, errors: float = 1.0) -> int:
    """The first candidate whose mean gain is within so many standard errors (over folds) of the largest.

    Where gains hardly differ, the largest of them is a matter of chance (Breiman, Friedman, Olshen and Stone
    1984, section 3.4.3).

    ``gains``, shape (k, n_folds), are of candidates from the strongest penalties on; higher is better, NaN where a fold
    could not be scored. Without ``errors`` it is the best, and of equal ones the strongest; 0 where none has a gain.

    >>> gains = np.array([[0.7, 0.7, 0.7], [0.8, 0.8, 0.8], [0.7, 0.8, 1.0]])
    >>> strongest_near_best(gains), strongest_near_best(gains, errors=0.0)
    (1, 2)
    """
    return int(np.argmax(_near_best(gains, errors)))


def search(
    score: Callable[[list[Pair]], Sequence[Sequence[float]] | FloatArray],
    lambdas: Sequence[float],
    *,
    guess: float,
    perfect: float,
    errors: float = 1.0,
) -> Searched:
    """Score all pairs and choose one; ``GRID`` grows where its best pairs all lie at an edge: see ``LambdaSearch``.

    Other lambdas than ``GRID`` stay as they are, and by the same rule the result names the edges at which they should
    grow.

    ``score`` maps a list of pairs to scores of shape (len(pairs), n_folds), and is called again with the new pairs at
    each growth: 25 pairs in all where ``GRID`` suffices, 81 at most. ``lambdas`` are the values of either lambda;
    ``guess`` and ``perfect`` are the scores of a model that guesses and of a perfect one, of which either may be the
    higher; ``errors`` is that of ``strongest_near_best``.

    >>> found = search(lambda pairs: [[abs(np.log10(a / 1e-6)) + b] for a, b in pairs], GRID,
    ...                guess=1.0, perfect=0.0)
    >>> found.pairs[found.chosen], len(found.pairs)
    ((1e-06, 1e-06), 49)
    """
    sign, whole = (1.0 if perfect > guess else -1.0), abs(perfect - guess)
    values = sorted(set(lambdas))
    axes, known = [values, values], dict[Pair, Sequence[float] | FloatArray]()
    while True:
        pairs = strongest_first(*axes)
        new = [pair for pair in pairs if pair not in known]
        known |= zip(new, score(new), strict=True)
        scores = np.array([known[pair] for pair in pairs], dtype=np.float64)
        gains = sign * (scores - guess)
        edges = _edges(pairs, gains, whole) if len(values) > 1 else ()
        longer = [_longer(axis, *edge) for axis, edge in zip(axes, edges, strict=False)]
        if values != sorted(GRID) or longer == axes:
            return Searched(pairs, scores, strongest_near_best(gains, errors=errors), _named(edges))
        axes = longer


def _means(gains: FloatArray) -> FloatArray:
    """Of each candidate over its folds, shape (k,); -inf where none could be scored."""
    return np.nan_to_num([mean_over_tasks(row) for row in gains], nan=-np.inf)


def _near_best(gains: FloatArray, errors: float) -> BoolArray:
    """Which candidates are within so many standard errors of the best; all, where none has a gain."""
    means = _means(gains)
    best = int(np.argmax(means))
    known = gains[best][np.isfinite(gains[best])]
    error = float(known.std(ddof=1)) / known.size**0.5 if known.size > 1 else 0.0
    return np.asarray(means >= means[best] - errors * error)


def _edges(pairs: Sequence[Pair], gains: FloatArray, whole: float) -> list[tuple[bool, bool]]:
    """For either lambda, whether to go on to weaker and to stronger values; a perfect model gains ``whole``."""
    tried, near, means = np.array(pairs), _near_best(gains, 1.0), _means(gains)
    worth = bool(means.max() < whole - WORTH)
    weak = tried[near].max(axis=0) == tried.min(axis=0)
    strong = bool(near[0]) and near.sum() == 1 and means[0] > 0.0  # the strongest pair comes first
    return [(worth and bool(axis), worth and bool(strong)) for axis in weak]


def _longer(axis: list[float], weak: bool, strong: bool) -> list[float]:
    weaker = [value for value in WEAKER if weak and value < axis[0]][:1]
    stronger = [value for value in STRONGER if strong and value > axis[-1]][:1]
    return [*weaker, *axis, *stronger]


def _named(edges: Sequence[tuple[bool, bool]]) -> tuple[str, ...]:
    sides = [(name, *edge) for name, edge in zip(("lambda_1", "lambda_2"), edges, strict=False)]
    return tuple(f"{'weaker' if weak else 'stronger'} {name}" for name, weak, strong in sides if weak or strong)


class LambdaSearch(Delegating):
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

    def score(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None, sample_weight: Any = None) -> float:
        """R^2 of a regressor, accuracy of a classifier, over all rows, weighted by ``sample_weight``."""
        check_is_fitted(self)
        return float(self.estimator_.score(X, y, task=task, sample_weight=sample_weight))

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
    return TaskRows(rows.X[chosen], rows.y[chosen], offsets, shares=shares, weighing=rows.weighing)
