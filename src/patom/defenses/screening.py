"""Screening of tasks: which to review, in what order, which next once one is confirmed, and p-values.

Scores say how odd tasks are by their rows and fits. The p-values compare a table with drawn ones that are like it and
whose tasks are all honest.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.base import clone
from sklearn.utils import check_consistent_length, column_or_1d

from patom.core.arrays import AnyArray, BoolArray, FloatArray, IntArray
from patom.core.exact import exact_array, exact_column
from patom.core.grouped import over_groups
from patom.core.kernels import row_products
from patom.core.labels import places, positions
from patom.core.losses import Loss
from patom.core.penalties.learned import SpectralPenalty
from patom.core.relationship import Relationship
from patom.core.rows import TaskRows, append_constant
from patom.defenses.parts import TO_DEVIATION, folds, kept_rows, middles, part_of, require_mtrl
from patom.defenses.votes import middle_vote, votes_of
from patom.models.problem import Problem
from patom.models.reading import require_shown
from patom.models.settings import require_at_least
from patom.models.threads import one_blas_thread

__path__: list[str] = []  # pickles of version 0.2.0 look for modules in here, see ``patom.moved``

SCORES = np.dtype(
    [("own_loss", "f8"), ("harm", "f8"), ("reach", "f8"), ("change", "f8"), ("correlation", "f8")]
)  # fmt: skip
RANKED = ("own_loss", "harm", "reach", "change")
"""What makes a task suspicious; not ``correlation``, the paper's idea, which may mislead: docs/screening.md."""
Scores = np.recarray[Any, Any]
_NEAREST = 3  # tasks that make a local cluster
_OUTER = 0.9  # quantile of the rows' distances from the middle of their task
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
        deviation). In both medians a task counts by its rows, up to a third of all, so that new accounts of few rows
        decide nothing.
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
        found, W = score_tasks(problem, penalty, fold, n_folds, trusted, progress=progress)
        if n_resamples == 0:
            return found
        p = p_values(problem, penalty, fold, n_folds, found.suspicion, W, trusted, n_resamples, rng, progress)
    return replace(found, p_values=p)


def _weights(reference: Any, tasks: AnyArray, n_columns: int) -> FloatArray:
    """Weights of a reference for tasks, shape (m, p); NaN for those that it does not know."""
    trusted = np.column_stack([reference.coef_, reference.intercept_])
    if trusted.shape[1] != n_columns:
        raise ValueError(f"reference has {trusted.shape[1] - 1} features; X has {n_columns - 1}.")
    place = places(tasks, reference.tasks_)
    return np.where((place < 0)[:, None], np.nan, trusted[place])


def score_tasks(
    problem: Problem,
    penalty: SpectralPenalty,
    fold: IntArray,
    n_folds: int,
    trusted: FloatArray | None = None,
    *,
    progress: Callable[[], None] = lambda: None,
) -> tuple[Screening, FloatArray]:
    """Score the tasks of a problem with this penalty, without p-values; returns the fit, shape (m, p), too.

    ``fold``, shape (n,), is from ``folds``. ``trusted``, shape (m, p), are the reference's weights, NaN for tasks that
    it does not have; ``progress`` is called m + 2 times.
    """
    rows, scores = problem.rows, np.recarray(problem.rows.n_tasks, SCORES)
    W = problem.solve().W
    progress()
    losses = held_out_losses(problem, fold, n_folds, W)
    progress()
    scores["own_loss"], scores["reach"] = losses, _reach(rows)
    for i in range(rows.n_tasks):
        scores["harm"][i] = _harm(problem, fold, n_folds, W, losses, i)
        progress()
    scores["change"] = np.nan if trusted is None else _change(W, trusted)
    relationship = penalty.relationship(W)
    blocks = relationship.correlation_blocks(np.arange(rows.n_tasks))
    scores["correlation"] = np.concatenate([_cluster(np.abs(block), own.start) for own, block in blocks])
    deviation = np.recarray(scores.size, SCORES)
    for name in SCORES.names or ():
        deviation[name] = _deviation(scores[name], votes_of("capped", rows.counts))
    suspicion = np.nanmax(np.column_stack([deviation[name] for name in RANKED]), axis=1)
    return Screening(problem.tasks, scores, deviation, suspicion, relationship, n_rows=rows.counts), W


def held_out_losses(problem: Problem, fold: IntArray, n_folds: int, W: FloatArray) -> FloatArray:
    """Mean held-out loss of each task, shape (m,); the training loss where nothing could be held out."""
    rows, total = problem.rows, np.zeros(problem.rows.y.size)
    for number in range(n_folds):
        kept = fold != number
        fitted = problem.solve(kept_rows(rows, kept), start=W, polish=False).W
        losses = problem.loss.value(row_products(rows.X, rows.offsets, fitted), rows.y)
        total += np.where(fold == -1, losses / n_folds, np.where(kept, 0.0, losses))
    return np.asarray(np.add.reduceat(total, rows.offsets[:-1]) / rows.counts)


def _harm(problem: Problem, fold: IntArray, n_folds: int, W: FloatArray, losses: FloatArray, i: int) -> float:
    """Mean over the other tasks of how much lower, relatively, their held-out loss is without task i."""
    rows, others = problem.rows, np.delete(np.arange(problem.rows.n_tasks), i)
    found = held_out_losses(part_of(problem, others), fold[rows.task_index != i], n_folds, W[others])
    known = losses[others] > 0.0
    return float(np.mean(1.0 - found[known] / losses[others][known])) if known.any() else 0.0


def median_rows(rows: TaskRows) -> FloatArray:
    """Median row of each task, without the constant; shape (m, d)."""
    return middles(rows.X[:, :-1], _positions(rows))


def _reach(rows: TaskRows) -> FloatArray:
    away = np.linalg.norm(rows.X[:, :-1] - median_rows(rows)[rows.task_index], axis=1)
    return over_groups(partial(np.quantile, q=_OUTER, axis=1), away, _positions(rows))


def _positions(rows: TaskRows) -> list[IntArray]:
    """Of each task's rows."""
    return np.split(np.arange(rows.y.size), rows.offsets[1:-1])


def _change(W: FloatArray, trusted: FloatArray) -> FloatArray:
    norm = np.linalg.norm(trusted, axis=1)
    away = np.linalg.norm(W - trusted, axis=1)
    return np.asarray(np.divide(away, norm, out=np.full(norm.size, np.nan), where=norm > 0.0))


def _cluster(strength: FloatArray, first: int) -> FloatArray:
    """Of the tasks from ``first`` on; ``strength``, their absolute correlations with all m tasks, is overwritten."""
    count, m = strength.shape
    strength[np.arange(count), first + np.arange(count)] = -np.inf  # not with itself
    near = min(_NEAREST, m - 1)
    strength.partition(m - near, axis=1)
    rest = strength[:, : m - near]
    rest[np.isneginf(rest)] = 0.0
    return np.asarray(strength[:, m - near :].mean(axis=1) - rest.sum(axis=1) / max(1, m - 1 - near))


def _deviation(score: FloatArray, votes: FloatArray) -> FloatArray:
    """Distance from the median in robust standard deviations; 0 where all scores are equal or unknown."""
    if np.isnan(score).all():
        return score.copy()
    away = score - middle_vote(score, votes)
    spread = TO_DEVIATION * float(middle_vote(np.abs(away), votes)) or np.nanmean(np.abs(away))
    return np.divide(away, spread, out=np.zeros_like(away), where=spread > 0.0)


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
    observed: FloatArray,
    W: FloatArray,
    trusted: FloatArray | None,
    n_resamples: int,
    rng: np.random.Generator,
    progress: Callable[[], None] = lambda: None,
) -> FloatArray:
    """Share of honest tables in which the task in a task's place is at least as suspicious as it, shape (m,).

    The table at hand counts as one of them, so that none is below 1/(n_resamples + 1) (Davison and Hinkley 1997,
    eq. 4.11). ``observed`` is its suspicion, shape (m,), and ``W`` its fit; the other arguments are those of
    ``score_tasks``. ``progress`` is called after each table.
    """
    honest = honest_tasks(problem, W, least_suspicious(observed))
    centre, reached = median_rows(problem.rows), np.ones(problem.rows.n_tasks)
    known = None if trusted is None else _at_middles(trusted, centre)
    loose = replace(problem, tol=max(problem.tol, _TOLERANCE))
    least = observed - _TIED * np.abs(observed)
    for _ in range(n_resamples):
        V = draw_weights(honest, known, problem.rows.n_tasks, rng)
        drawn = replace(loose, rows=draw_rows(honest, V, centre, problem.rows.offsets, problem.loss, rng))
        reached += score_tasks(drawn, penalty, fold, n_folds, trusted)[0].suspicion >= least
        progress()
    return reached / (n_resamples + 1.0)


def least_suspicious(suspicion: FloatArray) -> BoolArray:
    """Half of the tasks, rounded up: those that are taken for honest."""
    chosen = np.zeros(suspicion.size, dtype=bool)
    chosen[np.argsort(suspicion, kind="stable")[: -(-suspicion.size // 2)]] = True
    return chosen


def honest_tasks(problem: Problem, W: FloatArray, among: BoolArray) -> Honest:
    """What the tasks ``among`` all have in common: mean and covariance of the weights, rows, noise."""
    rows, centre = problem.rows, median_rows(problem.rows)
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
