"""The values of ``score``: targets, classes and weights are read as ``fit`` reads them, then compared exactly."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_array, check_consistent_length, column_or_1d

from patom.core.arrays import AnyArray, FloatArray
from patom.core.exact import exact_column
from patom.core.labels import places, require_new
from patom.models.reading import reading
from patom.models.settings import number_targets, require_labels, require_targets, row_weights

TARGETS: dict[str, Any] = {"dtype": None, "ensure_2d": False, "ensure_all_finite": False}
"""How scikit-learn reads y; NaN and infinity are refused by ``require_finite``, which says where."""


def given_targets(y: Any) -> AnyArray:
    """Targets as ``fit`` reads them, numbers or classes, shape (n,); a value under a mask is refused."""
    with reading(y=y):
        return np.asarray(column_or_1d(check_array(exact_column(y), input_name="y", **TARGETS), warn=True))


def r_squared(y: Any, predicted: npt.ArrayLike, sample_weight: Any = None, *, owner: str) -> float:
    """R^2 of predictions, shape (n,); targets and weights that ``fit`` refuses are a ValueError, which names ``owner``.

    >>> r_squared([1, 2, 3], [1.0, 2.0, 2.0], owner="a regressor")
    0.5
    """
    targets = number_targets(given_targets(y), owner)
    require_targets(targets)
    check_consistent_length(predicted, targets)
    weight = _relative(sample_weight, targets.size)
    return float(r2_score(targets, predicted, sample_weight=weight))


def accuracy(y: Any, predicted: AnyArray, classes: AnyArray, sample_weight: Any = None) -> float:
    """Share of the rows, or of their weights, whose predicted class is the true one.

    A label that is not among the ``classes`` that ``fit`` has seen counts as predicted wrongly. Missing labels, labels
    that differ from a known class only by type, such as the text "0" for 0, and weights that ``fit`` refuses are a
    ValueError.

    >>> accuracy(["a", "b", "new"], np.array(["a", "a", "a"]), np.array(["a", "b"]))
    0.3333333333333333
    """
    labels = given_targets(y)
    check_consistent_length(predicted, labels)
    require_labels(labels)
    found = places(labels, classes)
    require_new(labels[found < 0], classes, argument="y", kind="class")
    right = (found >= 0) & (found == places(predicted, classes))
    return float(np.average(right, weights=_relative(sample_weight, labels.size)))


def _relative(sample_weight: Any, n_rows: int) -> FloatArray | None:
    """Weights divided by the largest, so that no sum of them overflows."""
    if sample_weight is None:
        return None
    weight = row_weights(sample_weight, n_rows)
    return np.asarray(weight / weight.max())
