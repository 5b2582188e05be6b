"""A few tasks that are known to be clean: the other tasks use their subspace and cannot change it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from patom.core.arrays import FloatArray, IntArray
from patom.core.exact import exact_array
from patom.core.labels import positions
from patom.core.penalties.given import ridge
from patom.core.penalties.learned import SpectralPenalty
from patom.core.solvers.solution import Solution, Status
from patom.defenses.coupling.coupled import require_learner, with_lambdas
from patom.defenses.parts import part_of
from patom.models.delegating import Delegating
from patom.models.problem import Problem
from patom.models.reading import require_shown
from patom.models.settings import require_share
from patom.models.threads import one_blas_thread


@dataclass(eq=False, repr=False)
class TrustedMTRL(Delegating):
    """Learn the trusted tasks together, then each other task on its own, drawn to the trusted tasks' subspace.

    Parameters
    ----------
    estimator : MTRLRegressor, MTRLClassifier or LambdaSearch
        With Omega learned. A search chooses its lambdas first, on all rows.
    trusted : task label, or iterable of task labels
        At least one, from the data.
    share : float, default 0.1
        From 0, weights in the subspace only, to 1, no subspace.

    Attributes
    ----------
    estimator_ : MTRLRegressor or MTRLClassifier
        With the weights of all tasks. Its ``task_covariance_`` is the Omega that belongs to them; its objective and
        gap are sums over the two problems.

    Notes
    -----
    ||W||_*^2 is also the least tr(W D^-1 W') over covariances D of the features, of trace 1 (Argyriou, Evgeniou and
    Pontil 2008, "Convex multi-task feature learning"), so the trusted tasks' fit has a D of its own, D = (W'W)^(1/2)
    over its trace. Another task minimises its mean loss + lambda_1/2 ||w||^2 + lambda_2/2 w'M^-1 w with M = (1 -
    share) D + share I/p. With given lambdas the rows of the other tasks affect neither a trusted task nor one another:
    an attacker harms only the tasks into which she injects rows. Related tasks that are not trusted do not help each
    other either. Costs a fit of the trusted tasks and one of ridges.

    Examples
    --------
    >>> from patom import MTRLRegressor
    >>> X = np.tile([[0.0], [1.0], [2.0]], (2, 1))
    >>> y, task = np.array([0.0, 1.0, 2.0, 9.0, 9.0, 9.0]), np.repeat(["a", "b"], 3)
    >>> model = TrustedMTRL(MTRLRegressor(0.01, 0.01), trusted="a").fit(X, y, task=task)
    >>> bool((model.coef_[0] == MTRLRegressor(0.01, 0.01).fit(X[:3], y[:3]).coef_[0]).all())
    True
    """

    estimator: Any
    trusted: Any
    share: float = 0.1

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None) -> Self:
        """Fit the trusted tasks, then the others; arguments and errors as in ``MTRLRegressor.fit``.

        There is no ``sample_weight``: all rows of a task count alike.
        """
        require_learner("TrustedMTRL", self.estimator)
        require_share("TrustedMTRL", share=self.share)
        learner = with_lambdas(self.estimator, X, y, task)
        problem = learner.problem(X, y, task=task)
        trusted = self._trusted(problem)
        with one_blas_thread():
            learner.adopt(lean(problem, trusted, self.share), problem.penalty)
        self.estimator_ = learner
        return self

    def _trusted(self, problem: Problem) -> IntArray:
        require_shown(trusted=self.trusted)
        alone = isinstance(self.trusted, str) or not isinstance(self.trusted, Iterable)
        labels = exact_array([self.trusted] if alone else list(self.trusted))
        if labels.size == 0:
            raise ValueError("trusted of TrustedMTRL must name one task at least; got none.")
        return np.unique(positions(labels, problem.tasks, argument="trusted of TrustedMTRL"))


def lean(problem: Problem, trusted: IntArray, share: float) -> Solution:
    """The fit of the trusted tasks, and the other tasks' fits in its subspace, as one solution."""
    others = np.setdiff1d(np.arange(problem.rows.n_tasks), trusted)
    first = part_of(problem, trusted).solve()
    if others.size == 0:
        return first
    root = _root(first.W, share, *problem.penalty.weights)
    alone = part_of(problem, others)
    stretched = replace(alone.rows, X=np.ascontiguousarray(alone.rows.X @ root))
    second = replace(alone, rows=stretched, penalty=ridge(others.size, 1.0)).solve()
    W = np.empty((problem.rows.n_tasks, problem.rows.n_columns))
    W[trusted], W[others] = first.W, second.W @ root
    statuses = (first.status, second.status)
    order = (Status.MAX_ITER, Status.ROUNDING, Status.PRECISION)
    worst = next((status for status in order if status in statuses), first.status)
    objective, gap = first.objective + second.objective, first.duality_gap + second.duality_gap
    return Solution(W, objective, gap, first.n_iter + second.n_iter, worst)


def _root(W: FloatArray, share: float, lambda_1: float, lambda_2: float) -> FloatArray:
    """(lambda_1 I + lambda_2 M^-1)^(-1/2), shape (p, p): w = root u has the penalty 1/2 ||u||^2."""
    features = SpectralPenalty(lambda_1, lambda_2).relationship(np.ascontiguousarray(W.T)).covariance()
    values, vectors = np.linalg.eigh((1.0 - share) * features + share / W.shape[1] * np.eye(W.shape[1]))
    if lambda_2 == 0.0:
        return np.asarray(np.eye(W.shape[1]) / np.sqrt(lambda_1))
    values = np.where(values > W.shape[1] * np.finfo(float).eps * values[-1], values, 0.0)
    return np.asarray((vectors * np.sqrt(values / (lambda_1 * values + lambda_2))) @ vectors.T)
