"""Statistics of many groups of rows, in one step for all groups of a size."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from patom.core.arrays import AnyArray, FloatArray, IntArray


def over_groups(
    statistic: Callable[[FloatArray], FloatArray], values: FloatArray, groups: Sequence[IntArray]
) -> FloatArray:
    """A statistic of each group's rows, shape (g, ...).

    ``statistic`` maps the values of k groups of one size, shape (k, size, ...), to shape (k, ...); ``groups`` are g
    arrays of positions in ``values``, at least one, none of them empty.

    >>> over_groups(lambda parts: parts.mean(axis=1), np.array([1.0, 2.0, 4.0]), [np.array([0, 2]), np.array([1])])
    array([2.5, 2. ])
    """
    found: FloatArray | None = None
    for which in _of_one_size(np.array([group.size for group in groups])):
        part = statistic(values[np.stack([groups[i] for i in which])])
        found = np.empty((len(groups), *part.shape[1:])) if found is None else found
        found[which] = part
    if found is None:
        raise ValueError("groups of over_groups must hold one group at least; got none.")
    return found


def _of_one_size(sizes: IntArray) -> Iterator[IntArray]:
    order = np.argsort(sizes, kind="stable")
    yield from np.split(order, np.unique(sizes[order], return_index=True)[1])[1:]


def places_within(counts: IntArray) -> IntArray:
    """The place of each row within its group, 0 to c - 1 for a group of c rows, groups side by side; shape (n,).

    >>> places_within(np.array([3, 1, 2]))
    array([0, 1, 2, 0, 0, 1])
    """
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def whole_rows(shares: AnyArray) -> IntArray:
    """Numbers of rows rounded down; a product such as 0.29 * 100, which is below 29 in float64, counts as whole.

    >>> whole_rows(np.array([0.29 * 100, 0.9]))
    array([29,  0])
    """
    return np.asarray(np.floor(shares + 1e-9), dtype=np.int64)


def grouped_nmse(y: FloatArray, z: FloatArray, starts: IntArray) -> FloatArray:
    """Mean squared error over the variance of the targets, shape (g,); NaN where a group's are constant.

    ``y`` and ``z``, shape (n,), are targets and predictions, the rows of a group side by side; ``starts``, shape (g,),
    says where each group begins; none is empty.

    >>> grouped_nmse(np.array([0.0, 2.0, 5.0]), np.array([1.0, 1.0, 5.0]), np.array([0, 2]))
    array([ 1., nan])
    """
    counts = np.diff(np.append(starts, y.size))
    values = np.full(starts.size, np.nan)
    for groups in _of_one_size(counts):
        rows = starts[groups, None] + np.arange(counts[groups[0]])
        targets, error = y[rows], np.mean((y[rows] - z[rows]) ** 2, axis=1)
        variance = np.mean((targets - targets.mean(axis=1, keepdims=True)) ** 2, axis=1)
        varied = np.ptp(targets, axis=1) > 0.0
        values[groups[varied]] = error[varied] / variance[varied]
    return values


def grouped_auc(code: IntArray, score: FloatArray, starts: IntArray) -> FloatArray:
    """Area under the ROC curve, ties counted half, shape (g,); NaN where a group has one class.

    ``code``, shape (n,): whole numbers, at most two of them in a group, of which the larger stands for the positive
    class; ``score``, shape (n,): no NaN. Groups as for ``grouped_nmse``.

    >>> grouped_auc(np.array([0, 1, 0, 1, 1]), np.array([0.1, 0.4, 0.4, 0.8, 0.2]), np.array([0, 4]))
    array([0.875,   nan])
    """
    counts = np.diff(np.append(starts, code.size))
    group = np.repeat(np.arange(starts.size), counts)
    order = np.lexsort((score, group))
    changes = (np.diff(score[order]) != 0.0) | (np.diff(group) != 0)
    first = np.flatnonzero(np.concatenate([[True], changes]))
    ties = np.diff(np.append(first, code.size))
    rank = np.empty(code.size)
    rank[order] = np.repeat(first + (ties + 1) / 2.0, ties) - np.repeat(starts, counts)  # from 1 within a group
    least = np.minimum.reduceat(code, starts)
    positive = code > np.repeat(least, counts)
    n_positive = np.add.reduceat(positive.astype(np.int64), starts)
    excess = np.add.reduceat(np.where(positive, rank, 0.0), starts) - n_positive * (n_positive + 1) / 2
    pairs = n_positive * (counts - n_positive)
    return np.asarray(np.divide(excess, pairs, out=np.full(starts.size, np.nan), where=pairs > 0))
