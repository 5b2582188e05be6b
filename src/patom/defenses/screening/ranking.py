"""Screening of tasks: which to review, in what order, which next once one is confirmed, and p-values.

The p-values compare a table with drawn ones that are like it and whose tasks are all honest.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.base import clone
from sklearn.utils import check_consistent_length, column_or_1d

from patom.core.arrays import AnyArray, BoolArray, FloatArray, IntArray
from patom.core.exact import exact_array, exact_column
from patom.core.kernels import row_products
from patom.core.labels import places, positions
from patom.core.losses import Loss
from patom.core.penalties.learned import SpectralPenalty
from patom.core.relationship import Relationship
from patom.core.rows import TaskRows, append_constant
from patom.defenses.parts import folds, require_mtrl
from patom.defenses.screening.scores import RANKED, Scored, Scores, middles, score_tasks
from patom.models.problem import Problem
from patom.models.reading import require_shown
from patom.models.settings import require_at_least
from patom.models.threads import one_blas_thread

_TOLERANCE = 1e-4  # of the fits: ranks are compared, not digits
_TIED = 1e-9  # relatively: of two tasks alone both are as suspicious in every table, but for rounding
_DRAWN = 2**22  # normal numbers at a time: 32 MiB


@dataclass(frozen=True)
class Screening:
    """Tasks and how suspicious they are.

    Parameters
    ----------
    tasks : array of shape (m,)
    scores : record array of shape (m,)
        ``own_loss``: held-out loss of the task's own rows. ``harm``: how much lower the other tasks' held-out losses
        would be without it, relatively, mean over tasks. ``reach``: how far out its rows lie, the 0.9 quantile of their
        distances from the task's median row. ``change``: distance of its weights from the reference's over the
        latter's norm, NaN without one. ``correlation``: mean of its three strongest absolute correlations less the
        mean of the others (the paper's local clusters).
    deviation : record array of shape (m,)
        The same less their median over tasks, divided by their robust standard deviation (from the median absolute
        deviation).
    suspicion : array of shape (m,)
        Largest deviation of those in ``RANKED``.
    relationship : Relationship
        Of the fitted model.
    p_values : array of shape (m,), or None
        Where all tasks are honest, how often the task in this place is as suspicious as this one. One in twenty honest
        tasks has a value of 0.05 or less. None where no tables were drawn.
    n_rows : array of shape (m,), or None
        Rows of each task. The fewer, the more its scores vary by chance: ``p_values`` take that into account, the
        ranking does not, since a malicious task may be small.
    """

    tasks: AnyArray
    scores: Scores
    deviation: Scores
    suspicion: FloatArray
    relationship: Relationship
    p_values: FloatArray | None = None
    n_rows: IntArray | None = None

    @property
    def order(self) -> IntArray:
        """Positions of the tasks, the most suspicious first."""
        return np.argsort(-self.suspicion, kind="stable")

    @property
    def correlations(self) -> FloatArray:
        """Task correlations of the fitted model, shape (m, m); built at each call."""
        return self.relationship.correlation()

    @property
    def reasons(self) -> list[str]:
        """The score that makes each task as suspicious as it is, in the order of ``tasks``."""
        table = np.column_stack([self.deviation[name] for name in RANKED])
        return [RANKED[k] for k in np.nanargmax(np.where(np.isnan(table), -np.inf, table), axis=1)]

    def next_to(self, confirmed: Hashable | Iterable[Hashable]) -> AnyArray:
        """Tasks to look at once some are confirmed malicious: the most strongly correlated with any of them first.

        The follow-up that the paper describes in its conclusion.
        """
        require_shown(confirmed=confirmed)
        given = [confirmed] if isinstance(confirmed, str) or not isinstance(confirmed, Iterable) else list(confirmed)
        found = positions(exact_array(given), self.tasks, argument="confirmed")
        left = np.setdiff1d(np.arange(self.tasks.size), found)
        blocks = self.relationship.correlation_blocks(found)
        strength = np.max([np.abs(block).max(axis=0) for _, block in blocks], axis=0)[left]
        return np.asarray(self.tasks[left[np.argsort(-strength, kind="stable")]])


def screen(
    model: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    task: Any,
    reference: Any = None,
    n_folds: int = 3,
    n_resamples: int = 0,
    random_state: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> Screening:
    """Score tasks for review, from their rows and their effects on each other; no attack is run.

    Parameters
    ----------
    model : MTRLRegressor or MTRLClassifier
        The learner in use, its Omega learned; not changed.
    X, y, task
        Rows as for ``fit``, of two tasks at least.
    reference : fitted MTRLRegressor or MTRLClassifier, optional
        Fitted on trusted data with the same features; tasks that it was not fitted on have no ``change``.
    n_folds : int, default 3
        For held-out losses.
    n_resamples : int, default 0
        Tables of honest tasks to draw for ``p_values``; 99 give values down to 0.01.
    random_state : int, default 0
        Of the folds and of those tables. Rows are dealt to folds in their order, task by task in the order of labels:
        other seeds, orders of rows or names of tasks give other folds, and tasks of few rows move in the list.
    progress : callable
        Called after each of the m + 2 parts of the work, and after each table.

    Returns
    -------
    Screening
        Costs ``n_folds`` fits for each of the m tasks left out; each table costs as much again, its fits stopped at a
        gap of 1e-4.

    Notes
    -----
    The tables (a parametric bootstrap) assume that honest tasks are alike: their weights are draws from one normal
    distribution, their rows are spread around their middles in the same way, and they share their noise (for classes:
    the probabilities for which the predictions are optimal). All of this is estimated from the half of the tasks that
    is least suspicious, so it is valid while fewer than half are malicious. Each task has its own number of rows and
    its own middle; tasks of the reference have the reference's weights. Suspicion is in units of the tasks' own
    spread, so honest tasks may differ more than by chance. But if one of them differs far more than the others, it
    gets a small p-value, malicious or not.

    Raises
    ------
    ValueError
        For data or settings that cannot be used.

    Examples
    --------
    >>> from patom import MTRLRegressor
    >>> from patom.datasets import make_related_tasks
    >>> X, y, task = make_related_tasks(n_tasks=6, similarity=1.0, n_features=3, random_state=1).train
    >>> y[task == 4] = -y[task == 4][::-1]  # the wrong targets
    >>> found = screen(MTRLRegressor(0.01, 0.01), X, y, task=task)
    >>> print(found.tasks[found.order[0]], found.reasons[found.order[0]])
    4 own_loss
    """
    require_at_least("screen", 2, whole=True, n_folds=n_folds)
    require_at_least("screen", 0, whole=True, n_resamples=n_resamples)
    require_mtrl("screen", model)
    check_consistent_length(X, column_or_1d(exact_column(y)))
    problem = clone(model).problem(X, y, task=task)
    penalty = problem.penalty
    if problem.rows.n_tasks < 2 or not isinstance(penalty, SpectralPenalty):
        raise ValueError("screen needs two tasks or more, and a model whose task_covariance is learned.")
    trusted = None if reference is None else _weights(reference, problem.tasks, problem.rows.n_columns)
    rng = np.random.default_rng(random_state)
    fold = folds(problem.rows, n_folds, rng)
    with one_blas_thread():
        found = score_tasks(problem, penalty, fold, n_folds, trusted, progress=progress)
        result = Screening(
            problem.tasks, found.scores, found.deviation, found.suspicion, found.relationship, None, problem.rows.counts
        )
        if n_resamples == 0:
            return result
        p = p_values(problem, penalty, fold, n_folds, found, trusted, n_resamples, rng, progress)
    return replace(result, p_values=p)


def _weights(reference: Any, tasks: AnyArray, n_columns: int) -> FloatArray:
    """Weights of a reference for tasks, shape (m, p); NaN for those that it does not know."""
    trusted = np.column_stack([reference.coef_, reference.intercept_])
    if trusted.shape[1] != n_columns:
        raise ValueError(f"reference has {trusted.shape[1] - 1} features; X has {n_columns - 1}.")
    place = places(tasks, reference.tasks_)
    return np.where((place < 0)[:, None], np.nan, trusted[place])


@dataclass(frozen=True)
class Honest:
    """What honest tasks are drawn from.

    Weights are ``mean``, shape (p,), plus ``g @ spread``, shape (k, p), with standard normal g; the last of them is the
    value at the middle of a task's features. ``features``, shape (r, d), are rows less their task's middle, and
    ``noise``, shape (r,), is how much targets differ from w'x; a margin loss does not use it.
    """

    mean: FloatArray
    spread: FloatArray
    features: FloatArray
    noise: FloatArray


def p_values(
    problem: Problem,
    penalty: SpectralPenalty,
    fold: IntArray,
    n_folds: int,
    observed: Scored,
    trusted: FloatArray | None,
    n_resamples: int,
    rng: np.random.Generator,
    progress: Callable[[], None] = lambda: None,
) -> FloatArray:
    """Share of honest tables in which the task in a task's place is at least as suspicious as it, shape (m,).

    The table at hand counts as one of them, so that none is below 1/(n_resamples + 1) (Davison and Hinkley 1997,
    eq. 4.11). Arguments as for ``score_tasks``; ``progress`` is called after each table.
    """
    honest = honest_tasks(problem, observed.W, least_suspicious(observed.suspicion))
    centre, reached = middles(problem.rows), np.ones(problem.rows.n_tasks)
    known = None if trusted is None else _at_middles(trusted, centre)
    loose = replace(problem, tol=max(problem.tol, _TOLERANCE))
    least = observed.suspicion - _TIED * np.abs(observed.suspicion)
    for _ in range(n_resamples):
        V = draw_weights(honest, known, problem.rows.n_tasks, rng)
        drawn = replace(loose, rows=draw_rows(honest, V, centre, problem.rows.offsets, problem.loss, rng))
        reached += score_tasks(drawn, penalty, fold, n_folds, trusted).suspicion >= least
        progress()
    return reached / (n_resamples + 1.0)


def least_suspicious(suspicion: FloatArray) -> BoolArray:
    """Half of the tasks, rounded up: those that are taken for honest."""
    chosen = np.zeros(suspicion.size, dtype=bool)
    chosen[np.argsort(suspicion, kind="stable")[: -(-suspicion.size // 2)]] = True
    return chosen


def honest_tasks(problem: Problem, W: FloatArray, among: BoolArray) -> Honest:
    """What the tasks ``among`` all have in common: mean and covariance of the weights, rows, noise."""
    rows, centre = problem.rows, middles(problem.rows)
    V, chosen = _at_middles(W, centre)[among], among[rows.task_index]
    mean = V.mean(axis=0)
    noise = (rows.y - row_products(rows.X, rows.offsets, W))[chosen]
    return Honest(
        mean=mean,
        spread=(V - mean) / max(1.0, len(V) - 1.0) ** 0.5,
        features=(rows.X[:, :-1] - centre[rows.task_index])[chosen],
        noise=noise - noise.mean(),
    )


def draw_weights(honest: Honest, known: FloatArray | None, n_tasks: int, rng: np.random.Generator) -> FloatArray:
    """Weights of honest tasks, normal, but those that are known; shape (m, p)."""
    V, k = np.empty((n_tasks, honest.mean.size)), len(honest.spread)
    height = max(1, _DRAWN // k)
    for first in range(0, n_tasks, height):
        part = V[first : first + height]
        part[:] = honest.mean + rng.standard_normal((len(part), k)) @ honest.spread
    return V if known is None else np.where(np.isnan(known), V, known)


def draw_rows(
    honest: Honest, V: FloatArray, centre: FloatArray, offsets: IntArray, loss: Loss, rng: np.random.Generator
) -> TaskRows:
    """Rows around the tasks' middles, shape (m, d), as many as each task has, with targets that ``V`` predicts."""
    task = np.repeat(np.arange(len(V)), np.diff(offsets))
    away = honest.features[rng.integers(len(honest.features), size=task.size)]
    z = np.einsum("ij,ij->i", append_constant(away), V[task])
    if loss.margin:
        y = np.where(rng.random(z.size) < positive_share(z, loss), 1.0, -1.0)
    else:
        y = z + honest.noise[rng.integers(honest.noise.size, size=z.size)]
    return TaskRows(append_constant(away + centre[task]), y, offsets)


def positive_share(z: FloatArray, loss: Loss) -> FloatArray:
    """The probability of +1 for which the prediction z has the least expected loss (Zhang 2004, Ann. Statist. 32)."""
    return np.asarray(expit(z) if loss.name == "logistic" else np.clip((1.0 + z) / 2.0, 0.0, 1.0))


def _at_middles(W: FloatArray, centre: FloatArray) -> FloatArray:
    """Weights whose last is the value at the task's middle in place of the one at 0."""
    return np.column_stack([W[:, :-1], np.einsum("ij,ij->i", W[:, :-1], centre) + W[:, -1]])
