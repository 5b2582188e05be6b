"""Tasks drawn to a centre by a norm that lets outliers go: adaptive and robust multi-task learning."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.data_term import DataTerm, data_term
from patom.core.losses import Loss
from patom.core.penalties.given import ridge
from patom.core.penalties.two_parts import Centre, Groups, TwoPartPenalty, TwoPartTerm, halves
from patom.core.rows import TaskRows
from patom.core.solvers.accelerated import solve
from patom.core.solvers.solution import Solution
from patom.defenses.learners.base import Iterated, IterationStatus, TwoPartLearner
from patom.models.linear import LinearClassifier, LinearRegressor
from patom.models.settings import require_at_least


def one_centre(
    rows: TaskRows, loss: Loss, strength: FloatArray, *, tol: float = 1e-8, max_iter: int = 10_000
) -> Solution:
    """Minimise f(1 beta' + V) + sum_i strength_i ||v_i||_2 (Duan and Wang 2023, vanilla ARMUL); strength: (m,).

    The solution's W is [1 beta'; V], shape (2 m, p). No penalty bounds beta, so its duality gap is relative to centres
    of up to twice the norm of the one found (or up to norm 1). If the optimum's centre has k times that norm, the gap
    bounds the distance from the optimum up to a factor of about k, since the objective is convex.
    """
    term = TwoPartTerm(data_term(rows, loss))
    bound = term.value_and_gradient(np.zeros(term.shape))[0]
    own, radius, start, steps = Groups(strength[:, None], axis=1, bound=bound), 1.0, None, 0
    while True:
        found = solve(term, TwoPartPenalty(Centre(radius), own), tol=tol, max_iter=max_iter - steps, start=start)
        steps += found.n_iter
        size = float(np.linalg.norm(found.W[0]))
        if 2.0 * size <= radius or steps >= max_iter:
            return replace(found, n_iter=steps)
        start, radius = found.W, 3.0 * size


_TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True)
class Descended(Iterated):
    """Where the descent for low-rank centres ended; W is [S; V], shape (2 m, p).

    ``objectives`` are those at the start and after each step that was taken; they never rise.
    """

    objectives: FloatArray


def low_rank_centres(
    rows: TaskRows, loss: Loss, strength: FloatArray, rank: int, *, tol: float = 1e-6, max_iter: int = 10_000
) -> Descended:
    """Descend on f(S + V) + sum_i strength_i ||v_i||_2 over S of a rank (low-rank ARMUL), from the independent fits.

    Each step is a proximal one in S and V together: a truncated singular value decomposition for S, shrunk rows for V.
    It starts ahead of the last point, by its momentum; where that would raise the objective, at the point itself. The
    problem is not convex: the descent ends at a stationary point.
    """
    term = TwoPartTerm(data_term(rows, loss))
    own, L = Groups(strength[:, None], axis=1, bound=np.inf), term.smoothness
    W = independent_fits(term.term)
    S = truncated(W, rank)
    last = Z = np.concatenate([S, W - S])
    momentum, residual, n_iter, objectives = 1.0, np.inf, 0, [_objective(term, own, Z)]
    while residual > tol and n_iter < max_iter:
        following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
        origin = Z + (momentum - 1.0) / following * (Z - last)
        ahead = _step(term, own, rank, origin, L)
        value, n_iter = _objective(term, own, ahead), n_iter + 1
        rise = value - objectives[-1]
        if rise > 0.0 and momentum > 1.0:
            momentum, last = 1.0, Z
        elif rise > 1e-12 * objectives[-1]:  # L was below the smoothness
            L *= 2.0
        else:
            residual = float(np.linalg.norm(ahead - origin)) / max(float(np.linalg.norm(ahead)), _TINY)
            if rise > 0.0:  # rounding
                break
            last, Z, momentum = Z, ahead, following
            objectives.append(value)
    status = IterationStatus.REACHED if residual <= tol else IterationStatus.MAX_ITER
    return Descended(Z, residual, n_iter, status, np.array(objectives))


def independent_fits(term: DataTerm) -> FloatArray:
    """Each task's minimum of f, shape (m, p), by a ridge of a millionth of the curvature."""
    return solve(term, ridge(term.shape[0], 1e-6 * max(term.smoothness, _TINY))).W


def truncated(W: FloatArray, rank: int) -> FloatArray:
    """The nearest matrix of at most that rank."""
    U, s, Qt = np.linalg.svd(W, full_matrices=False)
    return np.asarray((U[:, :rank] * s[:rank]) @ Qt[:rank])


def by_rows(constant: float, rows: TaskRows) -> FloatArray:
    """Strengths C sqrt(p / n_i), shape (m,): the order that the paper's theory requires.

    >>> from patom.core.rows import group_rows
    >>> by_rows(2.0, group_rows(np.zeros((10, 1)), np.zeros(10), np.repeat([0, 1], [2, 8]), 2))
    array([2., 1.])
    """
    return np.asarray(constant * np.sqrt(rows.n_columns / rows.counts))


def _step(term: TwoPartTerm, own: Groups, rank: int, Z: FloatArray, L: float) -> FloatArray:
    S, V = halves(Z - term.value_and_gradient(Z)[1] / L)
    return np.concatenate([truncated(S, rank), own.prox(V, L)])


def _objective(term: TwoPartTerm, own: Groups, Z: FloatArray) -> float:
    return term.value_and_gradient(Z)[0] + own.value(halves(Z)[1])


@dataclass(eq=False, repr=False)
class _ARMUL(TwoPartLearner):
    """What regression and classification share."""

    lambda_1: Any = 0.1
    rank: int | None = None
    tol: float = 1e-6
    max_iter: int = 10_000
    task_weights: Any = "rows"

    def _check_settings(self) -> None:
        super()._check_settings()
        if self.rank is not None:
            require_at_least(type(self).__name__, 1, whole=True, rank=self.rank)

    def _learn(self, rows: TaskRows) -> None:
        rows, weights = self._weighed(rows)
        strength = weights * self._strength(rows)
        if self.rank is None:
            found = one_centre(rows, self._loss, strength, tol=self.tol, max_iter=self.max_iter)
            self.centres_, self.own_ = halves(found.W)
            self._certify(replace(found, W=self.centres_ + self.own_))
        else:
            ended = low_rank_centres(rows, self._loss, strength, self.rank, tol=self.tol, max_iter=self.max_iter)
            self.centres_, self.own_ = halves(ended.W)
            self.objective_ = float(ended.objectives[-1])
            self._keep_iterated(replace(ended, W=self.centres_ + self.own_))

    def _strength(self, rows: TaskRows) -> FloatArray:
        owner = type(self).__name__
        if np.ndim(self.lambda_1) == 0:
            require_at_least(owner, 0.0, strict=True, lambda_1=self.lambda_1)
            return by_rows(self.lambda_1, rows)
        given = np.asarray(self.lambda_1)
        if given.shape != (rows.n_tasks,) or given.dtype.kind not in "iuf" or not (given > 0.0).all():
            raise ValueError(
                f"lambda_1 of {owner} must be a number above 0, or one for each of the {rows.n_tasks} tasks; "
                f"got {self.lambda_1!r}."
            )
        return given.astype(np.float64)


class ARMULRegressor(LinearRegressor, _ARMUL):
    """Adaptive and robust multi-task learning (Duan and Wang 2023) for regression.

    Each task is drawn to a centre by a norm that is not squared: similar tasks meet there, and the pull of a task that
    is far away is bounded, so that it cannot move the others far::

        min  sum_i c_i [ 1/n_i sum_j (y_ij - w_i'x_ij)^2 + lambda_i ||w_i - b_i||_2 ]

    over the w_i and the centres b_i: one b for all tasks (vanilla), or the rows of a matrix of low rank. A constant
    feature is appended, so each w_i holds its bias, which is drawn to the centre's like the rest; the centre itself is
    not penalised. Tasks weigh c_i by their rows, as in the paper; with c_i = 1 a task of few rows, whose lambda_i is
    large, would pull the centre most, and whoever opens accounts would place it.

    Parameters
    ----------
    lambda_1 : float or array of shape (m,), default 0.1
        Above 0. A number C stands for lambda_i = C sqrt((d + 1) / n_i), the order that the paper's theory requires; an
        array holds the lambda_i, in sorted order of the task labels.
    rank : int, optional
        Rank of the matrix of centres, at least 1; None for one centre.
    tol : float, default 1e-6
        With one centre, bound on the duality gap (for an objective below 1, on the gap relative to it). With a rank,
        bound on the last step's length over the norm of the weights.
    max_iter : int, default 10000
        Bound on solver steps.
    task_weights : {"rows", "tasks"} or Capped, default "rows"
        c_i, as in ``MTRLRegressor``; "tasks" is 1 for each.

    Attributes
    ----------
    tasks_ : array of shape (m,)
        Task labels, sorted.
    coef_, intercept_ : arrays of shape (m, d) and (m,)
    centres_, own_ : arrays of shape (m, d + 1)
        The b_i, and w_i - b_i, the bias last.
    outliers_ : array
        Labels of the tasks that are not at their centre.
    objective_, n_iter_ : float and int
    duality_gap_ : float
        With one centre, which is a convex problem: the objective is at most this far above that of any centre of up to
        twice the norm.
    residual_ : float
        With a rank, where a stationary point is reached: length of the last step over the norm of the weights.
    status_ : patom.core.solvers.solution.Status, or patom.defenses.learners.base.IterationStatus with a rank

    References
    ----------
    Duan and Wang 2023, "Adaptive and robust multi-task learning", Annals of Statistics 51(5): 2015-2039: vanilla and
    low-rank ARMUL.

    Examples
    --------
    >>> X = np.tile(np.eye(2), (4, 1))
    >>> y = np.array([1.0, 2.0] * 3 + [-9.0, 9.0])
    >>> task = np.repeat(["a", "b", "c", "odd"], 2)
    >>> model = ARMULRegressor(lambda_1=np.full(4, 0.05)).fit(X, y, task=task)
    >>> model.outliers_, model.predict(np.eye(2), task=["a", "a"]).round(1)
    (array(['odd'], dtype='<U3'), array([1., 2.]))
    """


class ARMULClassifier(LinearClassifier, _ARMUL):
    """Adaptive and robust multi-task learning for two classes.

    The problem of ``ARMULRegressor`` with the squared hinge max(0, 1 - y w'x)^2, y = -1 or +1.
    Parameters and attributes are those of ``ARMULRegressor``, and ``classes_``, the two labels of y, sorted; the
    second is the positive class. A single task may hold one class only.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [0.0], [1.0]])
    >>> model = ARMULClassifier(lambda_1=0.01)
    >>> model.fit(X, ["no", "yes", "yes", "no"], task=["a", "a", "b", "b"]).predict(X, task=["a", "a", "b", "b"])
    array(['no', 'yes', 'yes', 'no'], dtype='<U3')
    """
