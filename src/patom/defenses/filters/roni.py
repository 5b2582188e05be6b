"""Rows and tasks that harm the predictions of others: reject on negative impact."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from patom.core.arrays import BoolArray, FloatArray
from patom.core.data_term import data_term
from patom.core.kernels import row_products, weighted_sums
from patom.core.solvers.compiled.adjoint import tangent_inverse
from patom.core.solvers.newton import solve_tangent
from patom.defenses.filters.sanitiser import Oddest, Rows
from patom.defenses.parts import folds, kept_rows, problem_on, require_mtrl
from patom.models.problem import Problem
from patom.models.settings import require_at_least
from patom.models.threads import one_blas_thread

_TOLERANCE, _PRODUCTS = 1e-6, 1_000  # of the linear system: rows are only ranked by it


@dataclass(eq=False, repr=False)
class Roni(Oddest):
    """Drop the rows that raise the loss of other rows most (Nelson et al. 2008, reject on negative impact).

    The impact of a row is how much lower the held-out loss, the mean over all tasks, would be without it. To first
    order, one linear system a fold gives that of every row at once (Koh and Liang 2017); the original refits without
    each row.

    Parameters
    ----------
    estimator : MTRLRegressor or MTRLClassifier, optional
        Whose fit is judged; default as each comes.
    fraction : float, default 0.05
        Of each group, in [0, 1); rounded down to whole rows.
    n_folds : int, default 5
        At least 2. Each row is judged by the held-out rows of the folds that it is not in.
    random_state : int, default 0
        Of the folds.

    Notes
    -----
    The held-out rows may be poisoned as well; rows that are trusted judge better. On clean data it drops ``fraction``
    of the rows. Costs a fit and a linear system a fold.

    Examples
    --------
    >>> from patom import MTRLRegressor
    >>> X = np.linspace(-1.0, 1.0, 20)[:, None]
    >>> y = 2.0 * X[:, 0]
    >>> y[-1] = -5.0
    >>> np.flatnonzero(~Roni(MTRLRegressor(1e-3, 1e-3), fraction=0.05).keep(X, y).kept)
    array([19])
    """

    estimator: Any = None
    fraction: float = 0.05
    n_folds: int = 5
    random_state: int = 0

    def check(self) -> None:
        super().check()
        require_at_least("Roni", 2, whole=True, n_folds=self.n_folds)
        require_mtrl("Roni", self.estimator)

    def scores(self, rows: Rows) -> FloatArray:
        problem, order = problem_on(self.estimator, rows)
        fold = folds(problem.rows, self.n_folds, np.random.default_rng(self.random_state))
        harm = np.zeros(order.size)
        with one_blas_thread():
            for number in range(self.n_folds):
                kept = fold != number
                if not kept.all():
                    harm[kept] += impacts(problem, kept)
        score = np.empty(order.size)
        score[order] = harm / (self.n_folds - 1)
        return score


def impacts(problem: Problem, kept: BoolArray) -> FloatArray:
    """By how much each kept row raises the mean over tasks of the held-out loss, to first order; shape (kept,).

    Without row j of task i, grad f loses l'(z) x/n_i, and the held-out loss moves by <v_i, x> l'(z)/n_i.
    """
    rows, loss = kept_rows(problem.rows, kept), problem.loss
    W = problem.solve(rows, polish=False).W
    term, penalty = data_term(rows, loss), problem.penalty
    model = penalty.model(W, term.value_and_gradient(W)[1])
    held = held_out_gradient(problem, ~kept, W)
    found = solve_tangent(
        model, term.hessian(W), model.project(held), tolerance=_TOLERANCE, max_products=_PRODUCTS,
        inverse=tangent_inverse(term, model, W),
    )  # fmt: skip
    z, along = (row_products(rows.X, rows.offsets, V) for V in (W, found.v))
    return np.asarray(-loss.slope(z, rows.y) * along * rows.weights)


def held_out_gradient(problem: Problem, held: BoolArray, W: FloatArray) -> FloatArray:
    """Gradient by W of the mean over tasks of the held-out rows' mean loss, shape (m, p)."""
    rows = problem.rows
    counts = np.add.reduceat(held.astype(np.int64), rows.offsets[:-1])
    weight = np.where(held, 1.0 / np.repeat(np.maximum(counts, 1) * np.count_nonzero(counts), rows.counts), 0.0)
    slopes = problem.loss.slope(row_products(rows.X, rows.offsets, W), rows.y)
    return weighted_sums(rows.X, rows.offsets, weight * slopes)
