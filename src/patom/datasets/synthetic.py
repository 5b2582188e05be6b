"""Generated tasks whose relations are known: groups, negative relations, outliers."""

import math
from typing import Literal

import numpy as np

from patom.core.arrays import FloatArray
from patom.datasets.arguments import check_count
from patom.datasets.dataset import Dataset, LongTable

ATTEMPTS = 100
INTERCEPT = 0.3  # of the other weights' size, about: with 1, many a task would have one class only
WHERE = "make_related_tasks"  # what its errors start with


def make_related_tasks(
    *,
    n_tasks: int = 12,
    n_features: int = 10,
    n_train: int = 40,
    n_test: int = 100,
    n_groups: int = 3,
    negative: float = 0.0,
    n_outliers: int = 0,
    similarity: float = 0.9,
    noise: float = 0.1,
    kind: Literal["regression", "classification"] = "regression",
    random_state: int | np.random.Generator = 0,
) -> Dataset:
    """Generate linear tasks with a chosen relationship structure.

    Tasks 0, 1, ... fill the groups in order, as evenly as it goes, and the outliers come last. With c the direction
    of a group, orthogonal to those of the other groups and of the outliers where the dimensions allow it, and u_i
    a random direction orthogonal to c, task i of the group has the weights
    w_i = +-sqrt(d + 1) (sqrt(similarity) c + sqrt(1 - similarity) u_i), so that the cosine of two of them is
    ``similarity`` on average, up to the sign.

    Parameters
    ----------
    n_tasks : int, default 12
        Number of tasks m, outliers included.
    n_features : int, default 10
        Number of features d; rows are uniform in the unit ball.
    n_train, n_test : int, default 40 and 100
        Rows of each task.
    n_groups : int, default 3
        Groups of related tasks; each has one task at least.
    negative : float, default 0.0
        Share of the tasks of each group, between 0 and 1 and rounded, whose weights have the opposite sign; which
        ones is drawn.
    n_outliers : int, default 0
        Tasks whose weights are related to no other's.
    similarity : float, default 0.9
        Mean cosine of the weights within a group, intercept included, between 0 and 1.
    noise : float, default 0.1
        Standard deviation of the Gaussian noise on w'x; w'x has about 1.
    kind : {"regression", "classification"}, default "regression"
        The target is w'x plus noise, or the sign of that (intercepts are small beside the other weights).
    random_state : int or numpy Generator, default 0
        Source of all draws; the same int gives the same ones.

    Returns
    -------
    Dataset
        Tasks 0 to m - 1 (integers); the weights are in ``weights``, shape (m, d + 1). In a classification the rows
        of a task are drawn again, up to 100 times, until both tables have both classes.

    Raises
    ------
    ValueError
        A number is out of range, or there are fewer tasks than groups and outliers.

    Examples
    --------
    >>> data = make_related_tasks(n_tasks=4, n_groups=2, similarity=1.0, noise=0.0)
    >>> data.train.X.shape, data.weights.shape
    ((160, 10), (4, 11))
    >>> bool(np.allclose(data.weights[0], data.weights[1])), bool(abs(data.weights[0] @ data.weights[2]) < 1e-9)
    (True, True)
    """
    counts = {
        "n_tasks": n_tasks, "n_features": n_features, "n_train": n_train, "n_test": n_test, "n_groups": n_groups
    }  # fmt: skip
    for name, count in counts.items():
        check_count(count, f"{WHERE}: {name}")
    check_count(n_outliers, f"{WHERE}: n_outliers", least=0)
    if n_tasks < n_groups + n_outliers:
        raise ValueError(
            f"{WHERE}: n_tasks is {n_tasks}, fewer than n_groups {n_groups} plus n_outliers {n_outliers}; ask for more"
        )
    _check_numbers(negative, similarity, noise)
    if kind not in ("regression", "classification"):
        raise ValueError(f'{WHERE}: kind is {kind!r}; it must be "regression" or "classification"')
    generator = np.random.default_rng(random_state)
    sizes = [group.size for group in np.array_split(np.arange(n_tasks - n_outliers), n_groups)]
    W = _weights(sizes, n_outliers, n_features, similarity, negative, generator)
    tables = [_rows(w, n_train, n_test, noise, kind, generator) for w in W]
    train, test = (_stack([pair[side] for pair in tables]) for side in (0, 1))
    return Dataset(
        name="related_tasks",
        kind=kind,
        train=train,
        test=test,
        feature_names=tuple(f"x_{i}" for i in range(1, n_features + 1)),
        task_name="task",
        target_name="y",
        description=f"Generated linear tasks: {n_groups} groups of {min(sizes)} to {max(sizes)}, similarity "
        f"{similarity:g}, {negative:g} of each group negatively related, {n_outliers} outliers, noise {noise:g}.",
        weights=W,
    )


def _check_numbers(negative: float, similarity: float, noise: float) -> None:
    for name, share in (("negative", negative), ("similarity", similarity)):
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"{WHERE}: {name} is {share}; it must lie between 0 and 1")
    if not (noise >= 0.0 and math.isfinite(noise)):
        raise ValueError(f"{WHERE}: noise is {noise}; it must be 0 or more and finite")


def _weights(
    sizes: list[int],
    n_outliers: int,
    n_features: int,
    similarity: float,
    negative: float,
    generator: np.random.Generator,
) -> FloatArray:
    """Weights of all tasks, (m, d + 1)."""
    directions = _directions(len(sizes) + n_outliers, n_features + 1, generator)
    weights = []
    for centre, size in zip(directions, sizes, strict=False):
        own = _normal(size, n_features + 1, generator)
        own -= np.outer(own @ centre, centre)
        own /= np.linalg.norm(own, axis=1, keepdims=True)
        sign = np.ones((size, 1))
        sign[generator.choice(size, size=round(negative * size), replace=False)] = -1.0
        weights.append(sign * (math.sqrt(similarity) * centre + math.sqrt(1.0 - similarity) * own))
    return np.concatenate([*weights, directions[len(sizes) :]]) * math.sqrt(n_features + 1)


def _normal(count: int, dimension: int, generator: np.random.Generator) -> FloatArray:
    """Normal vectors, (count, dimension), with a small last entry."""
    vectors = generator.standard_normal((count, dimension))
    vectors[:, -1] *= INTERCEPT
    return vectors


def _directions(count: int, dimension: int, generator: np.random.Generator) -> FloatArray:
    """Random unit vectors, orthogonal to each other where the dimension allows it; (count, dimension)."""
    vectors = _normal(count, dimension, generator)
    if count <= dimension:
        Q, R = np.linalg.qr(vectors.T)
        vectors = (Q * np.sign(np.diag(R))).T  # the same signs from any LAPACK
    unit: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _rows(
    w: FloatArray, n_train: int, n_test: int, noise: float, kind: str, generator: np.random.Generator
) -> list[tuple[FloatArray, FloatArray]]:
    """Training and test rows of one task; those of a classification have both classes where possible."""
    for _ in range(ATTEMPTS):
        X = _unit_ball(n_train + n_test, w.size - 1, generator)
        y = X @ w[:-1] + w[-1] + noise * generator.standard_normal(len(X))
        if kind == "regression":
            break
        y = np.where(y < 0.0, -1, 1)
        if all(np.unique(part).size == min(part.size, 2) for part in (y[:n_train], y[n_train:])):
            break
    return [(X[:n_train], y[:n_train]), (X[n_train:], y[n_train:])]


def _unit_ball(count: int, dimension: int, generator: np.random.Generator) -> FloatArray:
    X = generator.standard_normal((count, dimension))
    radius = generator.random(count) ** (1.0 / dimension)
    scaled: FloatArray = X * (radius / np.linalg.norm(X, axis=1))[:, np.newaxis]
    return scaled


def _stack(pairs: list[tuple[FloatArray, FloatArray]]) -> LongTable:
    X, y = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    return LongTable(X, y, np.repeat(np.arange(len(pairs)), [len(pair[0]) for pair in pairs]))
