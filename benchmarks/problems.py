"""Problem (1) at the shapes of the paper's experiments; the digits are real, the others drawn to shape."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from patom import MTRLClassifier, MTRLRegressor
from patom.attacks.bilevel import MTRL
from patom.core.arrays import AnyArray, FloatArray
from patom.datasets import load_digits_tasks


@dataclass(frozen=True)
class Shape:
    """Rows to fit; ``X``: (n, d) with rows in the unit ball, as the paper scales them."""

    name: str
    X: FloatArray
    y: AnyArray
    task: AnyArray
    estimator: type[MTRL]

    def model(self, lam: float, *, solver: str = "accelerated", max_iter: int = 10_000) -> MTRL:
        """The estimator with lambda_1 = lambda_2 = ``lam`` and its default tolerance, a gap of 1e-8."""
        return self.estimator(lambda_1=lam, lambda_2=lam, tol=1e-8, solver=solver, max_iter=max_iter)


def sarcos_shape() -> Shape:
    """7 tasks of 300 rows, 21 features of falling scale, squared error; targets of rank 3 and noise."""
    rng = np.random.default_rng(1)
    task = np.repeat(np.arange(7), 300)
    X = _unit_ball(rng.standard_normal((task.size, 21)) @ _falling_scales(21, rng))
    signal = _low_rank_signal(X, task, 3, rng)
    return Shape("SARCOS shape", X, signal + 0.3 * rng.standard_normal(task.size), task, MTRLRegressor)


def landmine_shape() -> Shape:
    """29 tasks of 90 to 130 rows, 9 features, squared hinge; a tenth of the rows positive, as mines are rare."""
    rng = np.random.default_rng(2)
    task = np.repeat(np.arange(29), rng.integers(90, 131, 29))
    X = _unit_ball(rng.standard_normal((task.size, 9)))
    score = _low_rank_signal(X, task, 2, rng) + 0.5 * rng.standard_normal(task.size)
    return Shape("Landmine shape", X, np.where(score > np.quantile(score, 0.9), 1, -1), task, MTRLClassifier)


def digits() -> Shape:
    """Scikit-learn's digits as ten one-vs-rest tasks, 2,516 rows, 64 features, squared hinge."""
    X, y, task = load_digits_tasks().train
    return Shape("digits", X, y, task, MTRLClassifier)


SHAPES: tuple[Callable[[], Shape], ...] = (sarcos_shape, landmine_shape, digits)


def _unit_ball(X: FloatArray) -> FloatArray:
    return np.asarray(X / np.linalg.norm(X, axis=1).max())


def _falling_scales(d: int, rng: np.random.Generator) -> FloatArray:
    return np.asarray(0.8 ** np.arange(d)[:, None] * rng.standard_normal((d, d)))


def _low_rank_signal(X: FloatArray, task: AnyArray, rank: int, rng: np.random.Generator) -> FloatArray:
    """x'w_i of unit variance over all rows, the w_i spanning ``rank`` directions."""
    W = rng.standard_normal((task.max() + 1, rank)) @ rng.standard_normal((rank, X.shape[1]))
    signal = np.einsum("nd,nd->n", X, W[task])
    return np.asarray(signal / signal.std())
