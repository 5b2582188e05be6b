"""Problem (1) on the paper's data and on shapes of our own; real data where the data home has them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from patom import MTRLClassifier, MTRLRegressor
from patom.attacks.program import MTRL
from patom.core.arrays import AnyArray, FloatArray
from patom.datasets import load_digits_tasks, load_landmine, load_mnist, load_sarcos

SQUARED_ERROR, SQUARED_HINGE = "squared error", "squared hinge"


@dataclass(frozen=True)
class Shape:
    """Rows to fit; ``X``: (n, d) with rows in the unit ball, as the paper scales them."""

    name: str
    X: FloatArray
    y: AnyArray
    task: AnyArray
    estimator: type[MTRL]

    def model(self, lam: float, *, tol: float = 1e-8, solver: str = "accelerated", max_iter: int = 10_000) -> MTRL:
        """The estimator with lambda_1 = lambda_2 = ``lam``."""
        return self.estimator(lambda_1=lam, lambda_2=lam, tol=tol, solver=solver, max_iter=max_iter)

    def with_loss(self, loss: str) -> "Shape":
        """The same rows under squared error or squared hinge.

        Squared error takes the classes -1 and +1 as numbers; the hinge asks on which side of its task's median a
        target lies.
        """
        if loss == SQUARED_ERROR:
            return replace(self, y=self.y.astype(np.float64), estimator=MTRLRegressor)
        if self.estimator is MTRLClassifier:
            return self
        return replace(self, y=_sides(self.y, self.task), estimator=MTRLClassifier)


def sarcos() -> Shape:
    """7 tasks of 300 rows, 21 features, standardised targets; from the test file, or drawn to shape."""
    try:
        train = load_sarcos(standardise_targets=True, random_state=0, source="test_file").train
    except OSError:
        return sarcos_shape()
    return Shape("SARCOS", *train, MTRLRegressor)


def landmine() -> Shape:
    """29 tasks of 89 to 138 rows, 9 features, classes; or drawn to shape."""
    try:
        return Shape("Landmine", *load_landmine(random_state=0).train, MTRLClassifier)
    except OSError:
        return landmine_shape()


def mnist() -> Shape:
    """Ten one-vs-rest tasks of 600 rows, 128 components, classes; or drawn to shape."""
    try:
        return Shape("MNIST", *load_mnist(random_state=0).train, MTRLClassifier)
    except OSError:
        return mnist_shape()


def digits() -> Shape:
    """Scikit-learn's digits as ten one-vs-rest tasks, 2,516 rows, 64 features, squared hinge."""
    X, y, task = load_digits_tasks().train
    return Shape("digits", X, y, task, MTRLClassifier)


def synthetic() -> Shape:
    """200 tasks of 100 rows, 30 features, targets of rank 3 and noise."""
    rng = np.random.default_rng(3)
    task = np.repeat(np.arange(200), 100)
    X = _unit_ball(rng.standard_normal((task.size, 30)))
    return Shape("synthetic", X, _noisy_signal(X, task, 3, rng), task, MTRLRegressor)


def sarcos_shape() -> Shape:
    """7 tasks of 300 rows, 21 features of falling scale, squared error; targets of rank 3 and noise."""
    rng = np.random.default_rng(1)
    task = np.repeat(np.arange(7), 300)
    X = _unit_ball(rng.standard_normal((task.size, 21)) @ _falling_scales(21, rng))
    return Shape("SARCOS shape", X, _noisy_signal(X, task, 3, rng), task, MTRLRegressor)


def landmine_shape() -> Shape:
    """29 tasks of 90 to 130 rows, 9 features, squared hinge; a tenth of the rows positive, as mines are rare."""
    rng = np.random.default_rng(2)
    task = np.repeat(np.arange(29), rng.integers(90, 131, 29))
    X = _unit_ball(rng.standard_normal((task.size, 9)))
    score = _low_rank_signal(X, task, 2, rng) + 0.5 * rng.standard_normal(task.size)
    return Shape("Landmine shape", X, np.where(score > np.quantile(score, 0.9), 1, -1), task, MTRLClassifier)


def mnist_shape() -> Shape:
    """10 tasks of 600 rows, 128 features of falling scale, squared hinge; half of each task's rows positive."""
    rng = np.random.default_rng(4)
    task = np.repeat(np.arange(10), 600)
    X = _unit_ball(rng.standard_normal((task.size, 128)) * 0.97 ** np.arange(128))
    return Shape("MNIST shape", X, _sides(_noisy_signal(X, task, 5, rng), task), task, MTRLClassifier)


SHAPES: tuple[Callable[[], Shape], ...] = (sarcos, landmine, mnist, synthetic)


def _sides(y: AnyArray, task: AnyArray) -> AnyArray:
    """Which side of its task's median each target lies on, -1 or +1."""
    labels, index = np.unique(task, return_inverse=True)
    medians = np.array([np.median(y[index == i]) for i in range(labels.size)])
    return np.where(y > medians[index], 1, -1)


def _unit_ball(X: FloatArray) -> FloatArray:
    return np.asarray(X / np.linalg.norm(X, axis=1).max())


def _falling_scales(d: int, rng: np.random.Generator) -> FloatArray:
    return np.asarray(0.8 ** np.arange(d)[:, None] * rng.standard_normal((d, d)))


def _low_rank_signal(X: FloatArray, task: AnyArray, rank: int, rng: np.random.Generator) -> FloatArray:
    """x'w_i of unit variance over all rows, the w_i spanning ``rank`` directions."""
    W = rng.standard_normal((task.max() + 1, rank)) @ rng.standard_normal((rank, X.shape[1]))
    signal = np.einsum("nd,nd->n", X, W[task])
    return np.asarray(signal / signal.std())


def _noisy_signal(X: FloatArray, task: AnyArray, rank: int, rng: np.random.Generator) -> FloatArray:
    return np.asarray(_low_rank_signal(X, task, rank, rng) + 0.3 * rng.standard_normal(task.size))
