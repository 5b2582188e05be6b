"""Checks of estimator settings and of the numbers in X and y; every refusal is one sentence."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.multiclass import check_classification_targets

from patom.core.arrays import AnyArray, FloatArray, IntArray
from patom.core.exact import exact_array
from patom.core.labels import is_missing, places
from patom.models.reading import require_shown

LARGEST_FEATURE, TARGETS = 1e40, (1e-100, 1e60)
STRENGTHS, THRESHOLDS, COVARIANCES = (1e-50, 1e50), (1e-60, 1e60), (1e-30, 1e30)
"""Bounds on features, targets, lambdas, Huber's delta and a given Omega's largest entry.

Within them nothing overflows on the way to an optimum and its certificate. The largest product is in a Newton step:
a gradient (features times targets) times the Hessian (features squared) times a gradient. With features up to 1e40 and
targets up to 1e60 it is 1e280, and float64, up to 1.8e308, can still hold sums over rows and columns; divided by a
lambda of 1e-50 the square of a gradient, 1e200, is far below that limit too. At the lower end, squares of targets of
1e-100 are 1e-200, and a tolerance's share of them is still a normal number.
"""
_FLOAT32 = float(np.finfo(np.float32).max)
_BLOCK = 100_000


def require_at_least(owner: str, lower: float, *, strict: bool = False, whole: bool = False, **settings: Any) -> None:
    """Refuse settings that are not finite (``whole``) numbers of at least ``lower``, or above it if ``strict``."""
    kinds = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    for name, value in settings.items():
        number = isinstance(value, kinds) and not isinstance(value, bool)
        if not (number and math.isfinite(value) and (value > lower or (value == lower and not strict))):
            bound = f"above {lower}" if strict else f"at least {lower}"
            kind = "whole" if whole else "finite"
            raise ValueError(f"{name} of {owner} must be a {kind} number {bound}; got {value!r}.")


def require_share(owner: str, *, above: bool = False, below: bool = False, **settings: Any) -> None:
    """Refuse settings that are not numbers from 0 to 1, or above 0 if ``above``, or below 1 if ``below``."""
    require_at_least(owner, 0.0, strict=above, **settings)
    for name, value in settings.items():
        if value > 1.0 or (below and value == 1.0):
            raise ValueError(f"{name} of {owner} must be {'below' if below else 'at most'} 1; got {value!r}.")


def require_moderate(owner: str, bounds: tuple[float, float], **settings: Any) -> None:
    """Refuse settings that are not 0 and outside of bounds within which nothing overflows.

    >>> require_moderate("MTRLRegressor", STRENGTHS, lambda_1=1e-90)
    Traceback (most recent call last):
        ...
    ValueError: lambda_1 of MTRLRegressor must be 0 or from 1e-50 to 1e+50, so that float64 can hold what comes of it;
    got 1e-90.
    """
    least, most = bounds
    for name, value in settings.items():
        if value != 0.0 and not least <= float(value) <= most:
            raise ValueError(
                f"{name} of {owner} must be 0 or from {least:.0e} to {most:.0e}, so that float64 can hold what comes "
                f"of it; got {value!r}."
            )


def require_choice(owner: str, choices: Sequence[str], **settings: Any) -> None:
    """Refuse a setting that is none of the named choices."""
    for name, value in settings.items():
        if value not in choices:
            raise ValueError(f"{name} of {owner} must be one of {', '.join(map(repr, choices))}; got {value!r}.")


def require_finite(X: AnyArray, *, name: str = "X", columns: Sequence[str] | None = None) -> None:
    """Refuse NaN and infinity, naming the first row and column that holds one."""
    values = X.reshape(X.shape[0], -1)
    with np.errstate(over="ignore", invalid="ignore"):  # a sum costs no array; it is finite if all values are
        total = values.sum()
    if np.isfinite(total):
        return
    bad = np.concatenate([np.empty((0, 2), dtype=np.int64), *_not_finite(values)])
    if bad.size == 0:
        return
    row, column = bad[0]
    what = "NaN" if np.isnan(values[row, column]) else "infinity"
    where = f"row {row}" if X.ndim == 1 else f"row {row}, column {column if columns is None else repr(columns[column])}"
    more = f" ({len(bad)} NaN or infinite values in all)" if len(bad) > 1 else ""
    raise ValueError(f"{name} holds {what} in {where}{more}; drop or impute such values first.")


def _not_finite(values: AnyArray) -> Iterator[IntArray]:
    """Rows and columns of NaN and infinity, block by block, so that no second array as large is made."""
    for start in range(0, values.shape[0], _BLOCK):
        rows, columns = np.nonzero(~np.isfinite(values[start : start + _BLOCK]))
        yield np.column_stack([rows + start, columns])


def require_features(X: AnyArray, *, name: str = "X", columns: Sequence[str] | None = None) -> None:
    """Refuse NaN, infinity and features beyond 1e40, naming row and column. Takes one pass over the usual X.

    >>> require_features(np.array([[1.0, 2e80]]), columns=["height", "income"])
    Traceback (most recent call last):
        ...
    ValueError: X holds 2e+80 in row 0, column 'income', and fits take features up to 1e+40; scale the column first.
    """
    largest = _largest(X)
    if largest <= LARGEST_FEATURE:  # which NaN is not
        return
    if X.dtype == np.float32:
        _require_float32(X, columns)
    require_finite(X, name=name, columns=columns)
    row, column = np.argwhere(np.abs(X) == largest)[0]
    raise ValueError(
        f"{name} holds {X[row, column]:.3g} in row {row}, {_named(column, columns)}, and fits take features up to "
        f"{LARGEST_FEATURE:.0e}; scale the column first."
    )


def require_predictions(z: FloatArray, X: AnyArray, *, columns: Sequence[str] | None = None) -> FloatArray:
    """Predictions, shape (n,), of rows X; refused where one is beyond float64, naming the row and its largest feature.

    >>> require_predictions(np.array([1.0, np.inf]), np.array([[1.0, 2.0], [3.0, 1e300]]))
    Traceback (most recent call last):
        ...
    ValueError: The prediction for row 1 of X is beyond float64: it holds 1e+300 in column 1; scale the
    column as for fit.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        total = z.sum()
    if np.isfinite(total) or np.isfinite(z).all():
        return z
    row = int(np.argmin(np.isfinite(z)))
    column = int(np.abs(X[row]).argmax())
    raise ValueError(
        f"The prediction for row {row} of X is beyond float64: it holds {X[row, column]:.3g} in "
        f"{_named(column, columns)}; scale the column as for fit."
    )


def _largest(values: AnyArray) -> float:
    """In size; NaN where one is."""
    return max(float(values.max()), -float(values.min())) if values.size else 0.0


def _require_float32(X: AnyArray, columns: Sequence[str] | None) -> None:
    infinite = np.argwhere(np.isinf(X))
    if infinite.size:
        row, column = infinite[0]
        raise ValueError(
            f"X holds infinity, or a number beyond float32's {_FLOAT32:.2g}, in row {row}, {_named(column, columns)}; "
            "drop such values, scale the column, or set row_dtype='float64'."
        )


def _named(column: int, columns: Sequence[str] | None) -> str:
    return f"column {column if columns is None else repr(str(columns[column]))}"


def require_targets(y: FloatArray) -> None:
    """Refuse NaN, infinity, targets beyond 1e60, and targets that are not 0 but all below 1e-100.

    >>> require_targets(np.array([0.0, 1e-200]))
    Traceback (most recent call last):
        ...
    ValueError: y holds nothing above 1e-200 in size, and fits take targets whose largest is 0 or from 1e-100 to 1e+60;
    scale y first.
    """
    (least, most), largest = TARGETS, _largest(y)
    if largest == 0.0 or least <= largest <= most:
        return
    require_finite(y, name="y")
    what = "nothing above" if largest < least else "up to"
    raise ValueError(
        f"y holds {what} {largest:.3g} in size, and fits take targets whose largest is 0 or from {least:.0e} to "
        f"{most:.0e}; scale y first."
    )


def require_covariance(omega: Any, n_tasks: int) -> FloatArray:
    """A given task covariance as a float array, refused unless (m, m), finite, symmetric and positive semi-definite."""
    if issparse(omega):
        raise ValueError("task_covariance must be a dense array; convert it with toarray().")
    require_shown(task_covariance=omega)
    matrix = _real_numbers(omega, "task_covariance must be an (m, m) array of numbers.")
    if matrix.shape != (n_tasks, n_tasks):
        raise ValueError(
            f"task_covariance must have shape ({n_tasks}, {n_tasks}), one row a task of the data; got {matrix.shape}."
        )
    largest = float(np.abs(matrix).max())  # NaN where one is
    if not (math.isfinite(largest) and np.allclose(matrix, matrix.T, rtol=1e-8, atol=1e-12 * largest)):
        raise ValueError("task_covariance must be finite and symmetric.")
    if largest > 0.0:
        require_moderate("task_covariance", COVARIANCES, **{"The largest entry": largest})
    values = np.linalg.eigvalsh(matrix)
    if values[-1] <= 0.0 or values[0] < -1e-10 * values[-1]:
        raise ValueError(
            f"task_covariance must be positive semi-definite and not 0; its eigenvalues run from {values[0]:.3g} "
            f"to {values[-1]:.3g}."
        )
    return 0.5 * (matrix + matrix.T)


def number_targets(y: AnyArray, owner: str) -> FloatArray:
    """Targets to predict as numbers; refuses text, dates, NaN and infinity.

    >>> number_targets(np.array([1, 2]), "a regressor")
    array([1., 2.])
    """
    targets = _real_numbers(y, f"y must hold numbers for {owner}; got {y.dtype} values.")
    require_finite(targets, name="y")
    return targets


def _real_numbers(values: Any, refusal: str) -> FloatArray:
    """As float64, or a ValueError; also for dates and complex numbers, which numpy would turn into numbers."""
    others = (complex, np.complexfloating, np.datetime64, np.timedelta64)
    try:
        array = np.asarray(values)
        if array.dtype.kind in "mMc" or (array.dtype == object and any(isinstance(v, others) for v in array.flat)):
            raise TypeError
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(refusal) from None


def row_weights(given: Any, n_rows: int) -> FloatArray:
    """``sample_weight`` as numbers, shape (n,); refused unless finite, at least 0 and not all 0.

    >>> row_weights([1, 2, 0], 3)
    array([1., 2., 0.])
    """
    require_shown(sample_weight=given)
    refusal = "sample_weight must hold numbers, real ones up to 1.8e308, one for each row of X."
    weight = _real_numbers(given, refusal)
    if weight.ndim == 0:
        weight = np.full(n_rows, weight)
    if weight.shape != (n_rows,):
        raise ValueError(
            f"sample_weight must be one-dimensional, with one weight for each of the {n_rows} rows of X; got shape "
            f"{weight.shape}."
        )
    require_finite(weight, name="sample_weight")
    if weight.min() < 0.0:
        row = int(weight.argmin())
        raise ValueError(f"sample_weight must be at least 0; got {weight[row]:g} in row {row}.")
    if not weight.any():
        raise ValueError("sample_weight is zero for every row; give some row a weight above zero.")
    return weight


def shares_of(weight: FloatArray, task_index: IntArray, n_tasks: int) -> FloatArray | None:
    """What each row counts for in its task, adding up to 1 a task, shape (n,); None where a task's rows count alike.

    >>> shares_of(np.array([1.0, 3.0, 2.0]), np.array([0, 0, 1]), 2)
    array([0.25, 0.75, 1.  ])
    """
    largest = np.zeros(n_tasks)
    np.maximum.at(largest, task_index, weight)
    relative = weight / largest[task_index]  # so that the weights of a task may be as small as they like
    if (relative == 1.0).all():
        return None
    return np.asarray(relative / np.bincount(task_index, relative, n_tasks)[task_index])


def encode_classes(y: AnyArray) -> tuple[AnyArray, FloatArray]:
    """The two classes of y, sorted, and y as -1 and +1; refused unless there are exactly two and no gaps.

    Classes are text, numbers, dates or other values that have an order, each as it was given; objects that a plain
    type of numbers holds get that type. Bytes are refused, as scikit-learn's metrics know none.

    >>> encode_classes(np.array(["no", "yes", "no"]))
    (array(['no', 'yes'], dtype='<U3'), array([-1.,  1., -1.]))
    """
    require_labels(y)
    y = _plain(y)
    if (two := _two_numbers(y)) is not None:
        check_classification_targets(two)
        return two, np.where(y == two[1], 1.0, -1.0)
    try:
        classes, index = np.unique(y, return_inverse=True)
    except TypeError:
        kinds = ", ".join(sorted({type(label).__name__ for label in y.tolist()}))
        raise ValueError(f"y mixes labels that have no order ({kinds}); make all of them text or numbers.") from None
    if y.dtype.kind in "biuf":  # of other types scikit-learn knows no more than that it does not know them
        check_classification_targets(y)
    if classes.size > 2:
        raise ValueError(
            f"Only binary classification is supported. The type of the target is multiclass, with "
            f"{classes.size} classes: make one-vs-rest tasks with patom.datasets.one_vs_rest_tasks."
        )
    if classes.size < 2:
        raise ValueError(
            f"y holds one class only, {classes.tolist()[0]!r}; a classifier needs two classes over all tasks."
        )
    return classes, np.where(index == 1, 1.0, -1.0)


def require_labels(y: AnyArray) -> None:
    """Refuse class labels with a gap among them, naming its row."""
    if y.dtype.kind == "f":
        require_finite(y, name="y")
    gaps = np.flatnonzero(is_missing(y))
    if gaps.size:
        raise ValueError(f"y holds a missing label in row {gaps[0]}; drop such rows first.")


def _plain(y: AnyArray) -> AnyArray:
    """Classes as they are, or objects as numbers of a type that holds all of them; refuses bytes."""
    if y.dtype.kind not in "SO":
        return y
    labels = y.tolist()
    row = next((row for row, label in enumerate(labels) if isinstance(label, bytes)), None)
    if row is not None:
        raise ValueError(f"y holds bytes, {labels[row]!r} in row {row}; decode such labels to text first.")
    array = exact_array(labels)
    return array if array.dtype.kind in "biufmM" else y


def _two_numbers(y: AnyArray) -> AnyArray | None:
    """The two distinct numbers in y, sorted, found without sorting y; None where they are no numbers or not two."""
    if y.dtype.kind not in "biuf" or y.size == 0:
        return None
    two = np.array([y.min(), y.max()])
    return two if two[0] < two[1] and ((y == two[0]) | (y == two[1])).all() else None


def known_classes(y: AnyArray, classes: AnyArray) -> FloatArray:
    """Labels as -1 and +1; refused if one is neither of the two classes.

    >>> known_classes(np.array(["yes", "no"]), np.array(["no", "yes"]))
    array([ 1., -1.])
    """
    found = _equal(exact_array(y), classes)
    if found.size and found.min() < 0:
        first = int(found.argmin())
        raise ValueError(f"y holds the label {y[first]!r} in row {first}; the classes are {classes.tolist()}.")
    return np.where(found == 1, 1.0, -1.0)


def _equal(y: AnyArray, classes: AnyArray) -> IntArray:
    """Place of each label among the classes, -1 for another; numbers of one type are not sorted for it."""
    if y.dtype == classes.dtype and y.dtype.kind in "biuf":
        return np.where(y == classes[1], 1, np.where(y == classes[0], 0, -1))
    return places(y, classes)
