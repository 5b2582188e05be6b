"""The null of screening: tables whose tasks are all honest, made like the table at hand, and their suspicions."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from patom.core.arrays import BoolArray, FloatArray, IntArray
from patom.core.kernels import row_products
from patom.core.losses import Loss
from patom.core.penalties.learned import SpectralPenalty
from patom.core.rows import TaskRows, append_constant
from patom.defenses.screening.scores import Scored, middles, score_tasks
from patom.models.problem import Problem

_TOLERANCE = 1e-4  # of the fits: ranks are compared, not digits
_TIED = 1e-9  # relatively: of two tasks alone both are as suspicious in every table, but for rounding
_DRAWN = 2**22  # normal numbers at a time: 32 MiB


@dataclass(frozen=True)
class Honest:
    """What honest tasks are drawn from.

    Parameters
    ----------
    mean : array of shape (p,)
        Mean weights, the last of them the value at the middle of a task's features.
    spread : array of shape (k, p)
        ``g @ spread`` with standard normal g is a draw's distance from the mean.
    features : array of shape (r, d)
        Rows, their task's middle subtracted.
    noise : array of shape (r,)
        What targets differ from w'x by; of no use for a margin loss.
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
