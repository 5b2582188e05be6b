"""Metrics of predictions, the damage of an attack, and the change of task correlations.

Pure functions on arrays. A metric that has no value for its rows (one class only, constant targets) is NaN,
never an error: among many small tasks there are some of these, and `mean_over_tasks` leaves them out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from patom.core.arrays import AnyArray, FloatArray, IntArray
from patom.core.exact import exact_array, hidden, values_of
from patom.core.grouped import grouped_auc, grouped_nmse
from patom.core.labels import encode

Metric = Callable[[AnyArray, FloatArray], float]


def nmse(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> float:
    """Mean squared error over the variance of the test targets.

    Zero is perfect, one is as good as predicting the mean of the test targets; equal to 1 - R^2. The measure
    of the paper's regressions (Zhao et al. 2018, experiments).

    Parameters
    ----------
    y_true, y_pred : array of shape (n,)
        Targets and predictions in the same units.

    Returns
    -------
    float
        At least 0; NaN for fewer than two rows or constant targets. The variance is the mean squared
        deviation (divided by n).

    Raises
    ------
    ValueError
        Shapes that differ or are not one-dimensional.

    Examples
    --------
    >>> nmse([0.0, 2.0], [1.0, 1.0])
    1.0
    >>> nmse([3.0, 3.0], [3.0, 3.0])
    nan
    """
    targets, predictions = _pair(y_true, y_pred, "nmse")
    if targets.size < 2 or np.ptp(targets) == 0.0:
        return float("nan")
    variance = np.mean((targets - targets.mean()) ** 2)
    return float(np.mean((targets - predictions) ** 2) / variance)


def auc(y_true: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Area under the ROC curve: how often a positive row scores above a negative one, ties counted half.

    The rank statistic of Mann and Whitney. The measure of the paper's classifications (Zhao et al. 2018,
    experiments).

    Parameters
    ----------
    y_true : array of shape (n,)
        Labels of two classes; the larger is the positive one.
    score : array of shape (n,)
        Higher means more surely positive; only the order matters.

    Returns
    -------
    float
        Between 0 and 1, 0.5 is chance; NaN when there are no rows or one class only. Costs one sort.

    Raises
    ------
    ValueError
        Shapes that differ or are not one-dimensional, more than two classes, a score that is NaN.

    Examples
    --------
    >>> auc([-1, 1, -1, 1], [0.1, 0.4, 0.4, 0.8])
    0.875
    >>> auc([1, 1], [0.2, 0.3])
    nan
    """
    labels, scores = _pair(y_true, score, "auc")
    classes, codes = np.unique(labels, return_inverse=True)
    if classes.size > 2:
        raise ValueError(f"auc: y_true has {classes.size} classes; it must have two, the larger the positive one")
    if np.isnan(scores).any():
        raise ValueError(f"auc: score is NaN in row {int(np.argmax(np.isnan(scores)))}; rows need an order")
    if classes.size < 2:
        return float("nan")
    positive = codes == 1
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    excess = rankdata(scores)[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(excess / (n_positive * n_negative))


class TaskScores(NamedTuple):
    """One value of a metric for each task; unpacks as ``tasks, values``.

    Parameters
    ----------
    tasks : array of shape (m,)
        Labels.
    values : array of shape (m,)
        NaN where the metric has no value.

    Examples
    --------
    >>> TaskScores(np.array(["a"]), np.array([0.5])).as_dict()
    {'a': 0.5}
    """

    tasks: AnyArray
    values: FloatArray

    def as_dict(self) -> dict[Any, float]:
        """Values by label."""
        return dict(zip(values_of(self.tasks), self.values.tolist(), strict=True))


def per_task(metric: Metric, y_true: npt.ArrayLike, y_pred: npt.ArrayLike, task: npt.ArrayLike) -> TaskScores:
    """Evaluate a metric on the rows of each task.

    Parameters
    ----------
    metric : callable (y_true, y_pred) -> float
        `nmse`, `auc` or any other.
    y_true, y_pred : array of shape (n,)
        For `auc` the second is the score.
    task : array of shape (n,)
        Label of each row's task.

    Returns
    -------
    TaskScores
        Tasks in sorted order, or of first appearance without one. A metric but `nmse` and `auc` is called task by task.

    Raises
    ------
    ValueError
        Shapes that differ or are not one-dimensional.

    Examples
    --------
    >>> per_task(nmse, [0.0, 2.0, 5.0, 7.0], [1.0, 1.0, 5.0, 7.0], ["a", "a", "b", "b"]).as_dict()
    {'a': 1.0, 'b': 0.0}
    """
    targets, predictions = _pair(y_true, y_pred, "per_task")
    if hidden(task) is not None:
        raise ValueError("per_task: task hides labels under a mask; drop such rows first")
    labels, codes = encode(exact_array(task))
    if codes.size != targets.size:
        raise ValueError(f"per_task: task has {codes.size} rows and y_true {targets.size}; give one label for each")
    order = np.argsort(codes, kind="stable")
    targets, predictions, starts = targets[order], predictions[order], np.searchsorted(codes[order], range(labels.size))
    values = _at_once(metric, targets, predictions, starts)
    if values is None:
        pairs = zip(*(np.split(part, starts)[1:] for part in (targets, predictions)), strict=True)
        values = np.array([metric(*pair) for pair in pairs], dtype=np.float64)
    return TaskScores(labels, values)


def mean_over_tasks(values: npt.ArrayLike | TaskScores) -> float:
    """Mean over tasks that have a value: every task counts the same, however many rows it has.

    Parameters
    ----------
    values : array of shape (m,) or TaskScores
        NaN marks a task without a value.

    Returns
    -------
    float
        NaN when no task has a value.

    Examples
    --------
    >>> mean_over_tasks([0.5, float("nan"), 1.0])
    0.75
    """
    if hidden(values) is not None:
        raise ValueError("mean_over_tasks: values are hidden under a mask; give NaN in their place")
    numbers = np.asarray(values.values if isinstance(values, TaskScores) else values, dtype=np.float64)
    known = numbers[~np.isnan(numbers)]
    return float(known.mean()) if known.size else float("nan")


def relative_damage(clean: float, attacked: float, metric: Literal["NMSE", "AUC"]) -> float:
    """How much worse than the clean model a model is, relatively; positive is worse.

    NMSE is better when small, (attacked - clean) / clean; AUC is better when large, (clean - attacked) /
    clean.

    Parameters
    ----------
    clean, attacked : float
        The metric of the model fitted without and with the injected rows.
    metric : {"NMSE", "AUC"}

    Returns
    -------
    float
        Negative when the attack made the model better. NaN when either is NaN. From a clean value of zero: 0
        when nothing changed, otherwise infinite (NMSE: a perfect model became imperfect, +inf; AUC: -inf).

    Raises
    ------
    ValueError
        Another metric, or a negative value, as from a scorer with the opposite sign.

    Examples
    --------
    >>> relative_damage(0.5, 0.75, "NMSE"), relative_damage(1.0, 0.75, "AUC")
    (0.5, 0.25)
    """
    if metric not in ("NMSE", "AUC"):
        raise ValueError(f'relative_damage: metric is {metric!r}; it must be "NMSE" or "AUC"')
    if clean < 0.0 or attacked < 0.0:
        raise ValueError(
            f"relative_damage: clean is {clean} and attacked {attacked}; {metric} is never negative, so turn the sign"
        )
    worse = attacked - clean if metric == "NMSE" else clean - attacked
    if clean == 0.0 and worse != 0.0:
        return float(worse * np.inf)
    return float(worse / clean) if clean else 0.0


@dataclass(frozen=True)
class CorrelationShift:
    """How much the correlations between tasks changed; pairs are unordered, i < j.

    Parameters
    ----------
    n_pairs : int
        Pairs that have a correlation before and after.
    mean_absolute_change, largest_absolute_change : float
        Over those pairs, between 0 and 2; NaN when there are none.
    sign_flips : int
        Pairs whose correlation changed sign and exceeds ``threshold`` in size before and after.
    flipped : tuple of (i, j)
        Positions of these pairs, i < j.
    threshold : float
    """

    n_pairs: int
    mean_absolute_change: float
    largest_absolute_change: float
    sign_flips: int
    flipped: tuple[tuple[int, int], ...]
    threshold: float


def correlation_shift(before: npt.ArrayLike, after: npt.ArrayLike, *, threshold: float = 0.1) -> CorrelationShift:
    """Compare two matrices of task correlations.

    Read it next to the spectra: a covariance of rank one has correlations of exactly +-1, so flips can come
    from regularisation as much as from an attack.

    Parameters
    ----------
    before, after : array of shape (m, m)
        Symmetric; only entries above the diagonal are read. NaN marks a correlation that doesn't exist (a
        task without variance) and leaves the pair out.
    threshold : float, default 0.1
        A flip counts when the correlation is larger than this in size on both sides.

    Returns
    -------
    CorrelationShift
        Costs O(m^2).

    Raises
    ------
    ValueError
        Matrices that are not square or of different size, or a threshold outside [0, 1).

    Examples
    --------
    >>> correlation_shift([[1.0, 0.5], [0.5, 1.0]], [[1.0, -0.25], [-0.25, 1.0]])
    CorrelationShift(n_pairs=1, mean_absolute_change=0.75, largest_absolute_change=0.75, sign_flips=1,
    flipped=((0, 1),), threshold=0.1)
    """
    if hidden(before) is not None or hidden(after) is not None:
        raise ValueError("correlation_shift: a matrix hides values under a mask; give NaN in their place")
    old, new = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if old.ndim != 2 or old.shape[0] != old.shape[1] or old.shape != new.shape:
        raise ValueError(
            f"correlation_shift: before has shape {old.shape} and after {new.shape}; "
            "both must be square and of one size"
        )
    if not 0.0 <= threshold < 1.0:
        raise ValueError(f"correlation_shift: threshold is {threshold}; it must be at least 0 and below 1")
    i, j = np.triu_indices(old.shape[0], k=1)
    known = ~(np.isnan(old[i, j]) | np.isnan(new[i, j]))
    i, j = i[known], j[known]
    was, now = old[i, j], new[i, j]
    change = np.abs(now - was)
    flip = (was * now < 0.0) & (np.minimum(np.abs(was), np.abs(now)) > threshold)
    return CorrelationShift(
        n_pairs=int(change.size),
        mean_absolute_change=float(change.mean()) if change.size else float("nan"),
        largest_absolute_change=float(change.max()) if change.size else float("nan"),
        sign_flips=int(flip.sum()),
        flipped=tuple(zip(i[flip].tolist(), j[flip].tolist(), strict=True)),
        threshold=threshold,
    )


def _pair(first: npt.ArrayLike, second: npt.ArrayLike, name: str) -> tuple[AnyArray, FloatArray]:
    if hidden(first) is not None or hidden(second) is not None:
        raise ValueError(f"{name}: an array hides values under a mask; drop such rows from both first")
    targets, numbers = np.asarray(first), np.asarray(second, dtype=np.float64)
    if targets.ndim != 1 or targets.shape != numbers.shape:
        raise ValueError(
            f"{name}: the first array has shape {targets.shape} and the second {numbers.shape}; "
            "both must have one dimension and one length"
        )
    return targets, numbers


def _at_once(metric: Metric, targets: AnyArray, predictions: FloatArray, starts: IntArray) -> FloatArray | None:
    """The metric of all groups at once; None if it needs a loop over the groups."""
    if metric is nmse and starts.size and targets.dtype.kind in "iuf":
        return grouped_nmse(targets, predictions, starts)
    if metric is not auc or np.isnan(predictions).any():  # another metric's targets may have no order
        return None
    classes, codes = np.unique(targets, return_inverse=True)
    return grouped_auc(codes, predictions, starts) if 0 < classes.size <= 2 else None
