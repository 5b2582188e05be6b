"""The pairs (lambda_1, lambda_2) that a cross-validation scores, and how their grid grows past its edges."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from patom.core.arrays import BoolArray, FloatArray
from patom.metrics import mean_over_tasks

GRID = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
WEAKER = (1e-5, 1e-6, 1e-7, 1e-8)
STRONGER = (10.0, 100.0, 1e3, 1e4)
"""Where ``GRID`` may grow to, a decade at a time."""
WORTH = 1e-4
"""Of NMSE or AUC: with less than this left to gain, as in data without noise, the grid does not grow."""

NMSE = {"guess": 1.0, "perfect": 0.0}
AUC = {"guess": 0.5, "perfect": 1.0}
"""Scores of a model that guesses, and of a perfect one."""

Pair = tuple[float, float]


@dataclass(frozen=True)
class Searched:
    """The pairs that a search tried, strongest first, their scores, shape (k, n_folds), and the position chosen.

    ``edges`` are "weaker lambda_1", "stronger lambda_2" and so on, where the grid could not grow though by the rule of
    ``search`` it should; empty for a single value, where there is nothing to search.
    """

    pairs: list[Pair]
    scores: FloatArray
    chosen: int
    edges: tuple[str, ...]


def strongest_first(lambdas: Sequence[float], others: Sequence[float] | None = None) -> list[Pair]:
    """All pairs (lambda_1, lambda_2), by falling sum; of equal sums the one with the larger lambda_2 first.

    ``others`` are the values of lambda_2, by default those of lambda_1.

    >>> strongest_first([0.1, 1.0])
    [(1.0, 1.0), (0.1, 1.0), (1.0, 0.1), (0.1, 0.1)]
    """
    return sorted(product(sorted(lambdas), sorted(lambdas if others is None else others)), key=lambda pair: -sum(pair))


def strongest_near_best(gains: FloatArray, *, errors: float = 1.0) -> int:
    """The first candidate whose mean gain is within so many standard errors (over folds) of the largest.

    Where gains hardly differ, the largest of them is a matter of chance (Breiman, Friedman, Olshen and Stone
    1984, section 3.4.3).

    ``gains``, shape (k, n_folds), are of candidates from the strongest penalties on; higher is better, NaN where a fold
    could not be scored. Without ``errors`` it is the best, and of equal ones the strongest; 0 where none has a gain.

    >>> gains = np.array([[0.7, 0.7, 0.7], [0.8, 0.8, 0.8], [0.7, 0.8, 1.0]])
    >>> strongest_near_best(gains), strongest_near_best(gains, errors=0.0)
    (1, 2)
    """
    return int(np.argmax(_near_best(gains, errors)))


def search(
    score: Callable[[list[Pair]], Sequence[Sequence[float]] | FloatArray],
    lambdas: Sequence[float],
    *,
    guess: float,
    perfect: float,
    errors: float = 1.0,
) -> Searched:
    """Score all pairs and choose one; ``GRID`` grows where its best pairs all lie at an edge.

    The best pairs are those within one standard error of the best one. Where all of them have the weakest value of a
    lambda, that lambda gets a decade below, down to 1e-8. Where the pair of both strongest values is the only one, and
    beats a guess, both lambdas get a decade above, up to 1e4. (With nothing to learn the strongest penalties are best,
    however strong.) Neither happens with less than ``WORTH`` left to gain. Other lambdas than ``GRID`` stay as they
    are, and by the same rule the result names the edges at which they should grow.

    ``score`` maps a list of pairs to scores of shape (len(pairs), n_folds), and is called again with the new pairs at
    each growth: 25 pairs in all where ``GRID`` suffices, 81 at most. ``lambdas`` are the values of either lambda;
    ``guess`` and ``perfect`` are the scores of a model that guesses and of a perfect one, of which either may be the
    higher; ``errors`` is that of ``strongest_near_best``.

    >>> found = search(lambda pairs: [[abs(np.log10(a / 1e-6)) + b] for a, b in pairs], GRID,
    ...                guess=1.0, perfect=0.0)
    >>> found.pairs[found.chosen], len(found.pairs)
    ((1e-06, 1e-06), 49)
    """
    sign, whole = (1.0 if perfect > guess else -1.0), abs(perfect - guess)
    values = sorted(set(lambdas))
    axes, known = [values, values], dict[Pair, Sequence[float] | FloatArray]()
    while True:
        pairs = strongest_first(*axes)
        new = [pair for pair in pairs if pair not in known]
        known |= zip(new, score(new), strict=True)
        scores = np.array([known[pair] for pair in pairs], dtype=np.float64)
        gains = sign * (scores - guess)
        edges = _edges(pairs, gains, whole) if len(values) > 1 else ()
        longer = [_longer(axis, *edge) for axis, edge in zip(axes, edges, strict=False)]
        if values != sorted(GRID) or longer == axes:
            return Searched(pairs, scores, strongest_near_best(gains, errors=errors), _named(edges))
        axes = longer


def _means(gains: FloatArray) -> FloatArray:
    """Of each candidate over its folds, shape (k,); -inf where none could be scored."""
    return np.nan_to_num([mean_over_tasks(row) for row in gains], nan=-np.inf)


def _near_best(gains: FloatArray, errors: float) -> BoolArray:
    """Which candidates are within so many standard errors of the best; all, where none has a gain."""
    means = _means(gains)
    best = int(np.argmax(means))
    known = gains[best][np.isfinite(gains[best])]
    error = float(known.std(ddof=1)) / known.size**0.5 if known.size > 1 else 0.0
    return np.asarray(means >= means[best] - errors * error)


def _edges(pairs: Sequence[Pair], gains: FloatArray, whole: float) -> list[tuple[bool, bool]]:
    """For either lambda, whether to go on to weaker and to stronger values; a perfect model gains ``whole``."""
    tried, near, means = np.array(pairs), _near_best(gains, 1.0), _means(gains)
    worth = bool(means.max() < whole - WORTH)
    weak = tried[near].max(axis=0) == tried.min(axis=0)
    strong = bool(near[0]) and near.sum() == 1 and means[0] > 0.0  # the strongest pair comes first
    return [(worth and bool(axis), worth and bool(strong)) for axis in weak]


def _longer(axis: list[float], weak: bool, strong: bool) -> list[float]:
    weaker = [value for value in WEAKER if weak and value < axis[0]][:1]
    stronger = [value for value in STRONGER if strong and value > axis[-1]][:1]
    return [*weaker, *axis, *stronger]


def _named(edges: Sequence[tuple[bool, bool]]) -> tuple[str, ...]:
    sides = [(name, *edge) for name, edge in zip(("lambda_1", "lambda_2"), edges, strict=False)]
    return tuple(f"{'weaker' if weak else 'stronger'} {name}" for name, weak, strong in sides if weak or strong)
