"""Regression in which outlying rows lose their weight: redescending losses by reweighted squared errors."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags
from sklearn.utils.validation import validate_data

from patom.core.arrays import FloatArray
from patom.core.kernels import row_products
from patom.core.rows import TaskRows
from patom.core.solvers.solution import Solution
from patom.defenses.filters.trim import dropped, trim
from patom.defenses.parts import task_slices
from patom.models.delegating import Delegating, tags_of
from patom.models.mtrl import MTRLRegressor
from patom.models.problem import Problem
from patom.models.settings import require_at_least, require_choice
from patom.models.threads import one_blas_thread

STARTS = ("trimmed", "huber")
_NORMAL = 0.6744897501960817  # the median of |z| for a standard normal z
_SHARE, _ROUNDS = 0.3, 10


@dataclass(frozen=True)
class Robust:
    """A loss rho(e) of residuals, equal to e^2 near 0, and its weights rho'(e)/(2 e) for reweighted squared errors.

    ``value`` never falls with |e| and ``weight`` never rises; ``delta`` is where the loss leaves e^2. ``c`` is delta
    over the noise's scale at which the estimate of a mean keeps 95 % efficiency for normal noise.
    """

    value: Callable[[FloatArray, FloatArray], FloatArray]
    weight: Callable[[FloatArray, FloatArray], FloatArray]
    c: float


@dataclass(frozen=True)
class Reached:
    """Where reweighting ended: the last weighted problem's solution, and the objective of (1) with rho.

    ``settled`` where the last of ``n_iter`` fits lowered the objective by less than the tolerance.
    """

    solution: Solution
    objective: float
    n_iter: int
    settled: bool


def _bowl(e: FloatArray, delta: FloatArray) -> FloatArray:
    return np.asarray(np.maximum(1.0 - (e / delta) ** 2, 0.0))


LOSSES = {
    "tukey": Robust(
        value=lambda e, delta: delta**2 / 3.0 * (1.0 - _bowl(e, delta) ** 3),
        weight=lambda e, delta: _bowl(e, delta) ** 2,
        c=4.685,
    ),
    "cauchy": Robust(
        value=lambda e, delta: delta**2 * np.log1p((e / delta) ** 2),
        weight=lambda e, delta: 1.0 / (1.0 + (e / delta) ** 2),
        c=2.385,
    ),
    "huber": Robust(
        value=lambda e, delta: np.where(np.abs(e) <= delta, e**2, 2.0 * delta * np.abs(e) - delta**2),
        weight=lambda e, delta: delta / np.maximum(np.abs(e), delta),
        c=1.345,
    ),
}


@dataclass(eq=False, repr=False)
class Reweighted(RegressorMixin, Delegating):
    """MTRL with Tukey's biweight, Cauchy's or Huber's loss of the residuals, by iteratively reweighted squared errors.

    Minimises (1) with rho in the place of the squared error: sum_i 1/n_i sum_j rho(y_ij - w_i'x_ij) + R(W). Tukey's
    rho is e^2 near 0 and constant from c scales on, so a row with a large residual has no influence at all, neither by
    its target nor by its features. A row counts w = rho'(e)/(2 e) times in the next squared-error fit, until nothing
    changes.

    Parameters
    ----------
    estimator : MTRLRegressor, optional
        With ``loss="squared_error"``; its penalties are kept. Default as it comes.
    loss : {"tukey", "cauchy", "huber"}, default "tukey"
    c : float, optional
        Where the loss leaves the squared error, in scales of the residuals, above 0; by default 4.685, 2.385 or 1.345,
        which give 95 % efficiency for normal noise.
    scale : float, optional
        Of all tasks' residuals, in units of y, above 0. By default each task's own: the median of the start's absolute
        residuals over 0.6745, which is a standard deviation for normal noise; it stays fixed from there.
    start : {"trimmed", "huber"}, default "trimmed"
        Tukey's and Cauchy's losses have several minima: start at the fit on the 70 % of each task's rows that fit best
        (``Trim``), or at Huber's.
    max_iter : int, default 200
    tol : float, default 1e-10
        Relative fall of the objective at which it ends.

    Attributes
    ----------
    weights_ : array of shape (n,)
        Of the training rows, 0 to 1, in the order given.
    scale_ : array of shape (m,)
    objective_ : float
        Of (1) with rho.
    n_iter_ : int
        Fits after the start.
    coef_, intercept_, tasks_, task_covariance_ and the rest
        As in ``MTRLRegressor``.

    Notes
    -----
    The factor stays 1/n_i, whatever the weights: each fit then minimises a majorant of one fixed objective, which falls
    at each step. With 1/(sum of weights) a task whose rows lost their weight would count as much as before, and no
    objective would be minimised. A task with many such rows depends more on its related tasks instead.
    A weighted row is the row times sqrt(w), target and constant included. Costs a warm fit an iteration.

    References
    ----------
    Beaton and Tukey 1974, "The fitting of power series, meaning polynomials", for the biweight.
    Holland and Welsch 1977, "Robust regression using iteratively reweighted least-squares", for the constants.

    Examples
    --------
    >>> X = np.linspace(-1.0, 1.0, 20)[:, None]
    >>> y = 2.0 * X[:, 0] + 0.1 * (-1.0) ** np.arange(20)
    >>> y[[2, 3, 4]] = 9.0
    >>> model = Reweighted(MTRLRegressor(1e-3, 1e-3)).fit(X, y)
    >>> model.predict([[1.0]]).round(1), np.flatnonzero(model.weights_ == 0.0)
    (array([2.]), array([2, 3, 4]))
    """

    estimator: Any = None
    loss: str = "tukey"
    c: float | None = None
    scale: float | None = None
    start: str = "trimmed"
    max_iter: int = 200
    tol: float = 1e-10

    score = Delegating.score

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None) -> Self:
        """Fit from the start to a stationary point; arguments as in ``MTRLRegressor.fit``.

        Without ``sample_weight``: rows get the weights that the loss gives them.

        Warns
        -----
        ConvergenceWarning
            Where the objective still fell at ``max_iter``.
        """
        self._check()
        self.estimator_ = clone(self._inner())
        problem = self.estimator_.problem(X, y, task=task)
        validate_data(self, X, y, skip_check_array=True)
        with one_blas_thread():
            W = beginning(problem, self.start)
            self.scale_ = scales(problem.rows, W) if self.scale is None else np.full(problem.tasks.size, self.scale)
            robust = LOSSES[self.loss]
            delta = np.repeat((robust.c if self.c is None else self.c) * self.scale_, problem.rows.counts)
            found = reweight(problem, robust, delta, W, self.max_iter, self.tol)
        self.objective_, self.n_iter_ = found.objective, found.n_iter
        if not found.settled:
            warnings.warn(
                f"Reweighted stopped at max_iter, {self.max_iter}, with its objective still falling; raise it or tol.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.estimator_.adopt(found.solution, problem.penalty)
        weights = robust.weight(residuals(problem.rows, found.solution.W), delta)
        order = np.argsort(self.estimator_._positions(task, weights.size), kind="stable")
        self.weights_ = np.empty(weights.size)
        self.weights_[order] = weights
        return self

    def _check(self) -> None:
        if self.estimator is not None and not isinstance(self.estimator, MTRLRegressor):
            kind = type(self.estimator).__name__
            raise ValueError(f"estimator of Reweighted must be an MTRLRegressor, residuals have no class; got {kind}.")
        if self.estimator is not None and self.estimator.loss != "squared_error":
            raise ValueError(
                f"loss of Reweighted's estimator must be 'squared_error', set Reweighted's own; got "
                f"{self.estimator.loss!r}."
            )
        require_choice("Reweighted", tuple(LOSSES), loss=self.loss)
        require_choice("Reweighted", STARTS, start=self.start)
        for name in ("c", "scale"):
            if getattr(self, name) is not None:
                require_at_least("Reweighted", 0.0, strict=True, **{name: getattr(self, name)})
        require_at_least("Reweighted", 1, whole=True, max_iter=self.max_iter)
        require_at_least("Reweighted", 0.0, tol=self.tol)

    def __sklearn_tags__(self) -> Tags:
        return tags_of(MTRLRegressor(), super(Delegating, self).__sklearn_tags__())

    def _inner(self) -> MTRLRegressor:
        inner: MTRLRegressor = MTRLRegressor() if self.estimator is None else self.estimator
        return inner


def reweight(problem: Problem, robust: Robust, delta: FloatArray, W: FloatArray, max_iter: int, tol: float) -> Reached:
    """Squared-error fits with the weights of the fit before, from W, until the objective no longer falls.

    rho(e) <= rho(e0) + w(e0) (e^2 - e0^2), as rho is concave in e^2: each fit minimises a majorant that touches the
    objective at the fit before, which therefore never rises.
    """
    rows = problem.rows
    before = objective(problem, robust, delta, W)
    number, falling = 0, True
    while falling and number < max_iter:
        root = np.sqrt(robust.weight(residuals(rows, W), delta))
        weighted = replace(rows, X=root[:, None] * rows.X, y=root * rows.y)
        solution = problem.solve(weighted, start=W, polish=False)
        W, number = solution.W, number + 1
        after = objective(problem, robust, delta, W)
        falling, before = before - after > tol * before, after
    return Reached(solution, before, number, not falling)


def objective(problem: Problem, robust: Robust, delta: FloatArray, W: FloatArray) -> float:
    """Sum_i 1/n_i sum_j rho(y_ij - w_i'x_ij) + R(W); ``delta``: (n,)."""
    losses = robust.value(residuals(problem.rows, W), delta)
    return float(problem.rows.weights @ losses) + problem.penalty.value(W)


def residuals(rows: TaskRows, W: FloatArray) -> FloatArray:
    """Residuals y - w'x, shape (n,)."""
    return rows.y - row_products(rows.X, rows.offsets, W)


def scales(rows: TaskRows, W: FloatArray) -> FloatArray:
    """Each task's median absolute residual over 0.6745, shape (m,).

    Deviations are from 0, not from the median: where the penalty shrinks the bias, all residuals are large, and rows
    should not lose their weight for that. A task of which at least half the rows fit exactly gets a small scale in
    place of 0.
    """
    size = np.abs(residuals(rows, W))
    found = np.array([np.median(size[own]) for own in task_slices(rows)]) / _NORMAL
    least = np.sqrt(np.finfo(float).eps) * np.array([np.abs(rows.y[own]).max() for own in task_slices(rows)])
    return np.asarray(np.maximum(found, np.where(least > 0.0, least, 1.0)))


def beginning(problem: Problem, start: str) -> FloatArray:
    """W to start from, shape (m, p): the fit on the rows that fit best, or Huber's, its scale estimated each time."""
    rows = problem.rows
    if start == "trimmed":
        counts = rows.counts - dropped(rows.counts, _SHARE)
        return trim(problem, np.ones(rows.y.size, dtype=bool), counts, max_iter=50).W
    W = problem.solve(polish=False).W
    for _ in range(_ROUNDS):
        delta = np.repeat(LOSSES["huber"].c * scales(rows, W), rows.counts)
        W = reweight(problem, LOSSES["huber"], delta, W, 1, 0.0).solution.W
    return W
