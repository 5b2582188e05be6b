"""How large and how small numbers may be, so that nothing overflows on the way to an optimum and its certificate.

The largest product there is of a Newton step: a gradient, features times targets, times the Hessian, features squared,
times a gradient again. With features up to 1e40 and targets up to 1e60 that is 1e280, which leaves float64, 1.8e308,
room for sums over rows and columns; divided by a lambda of 1e-50 the square of a gradient, 1e200, is far from its end,
too. Below, squares of targets of 1e-100 are 1e-200, and a tolerance's share of them is still a normal number.
"""

from collections.abc import Sequence

import numpy as np

from patom.core.arrays import AnyArray, FloatArray
from patom.models.settings import require_finite

FEATURES = 1e40
TARGETS = (1e-100, 1e60)
_FLOAT32 = float(np.finfo(np.float32).max)


def require_features(X: AnyArray, *, name: str = "X", columns: Sequence[str] | None = None) -> None:
    """Refuse NaN, infinity and features beyond 1e40, naming row and column. Takes one pass over the usual X.

    Examples
    --------
    >>> require_features(np.array([[1.0, 2e80]]), columns=["height", "income"])
    Traceback (most recent call last):
        ...
    ValueError: X holds 2e+80 in row 0, column 'income', and fits take features up to 1e+40; scale the column first.
    """
    largest = _largest(X)
    if largest <= FEATURES:  # which NaN is not
        return
    if X.dtype == np.float32:
        _require_float32(X, columns)
    require_finite(X, name=name, columns=columns)
    row, column = np.argwhere(np.abs(X) == largest)[0]
    raise ValueError(
        f"{name} holds {X[row, column]:.3g} in row {row}, {_named(column, columns)}, and fits take features up to "
        f"{FEATURES:.0e}; scale the column first."
    )


def require_predictions(z: FloatArray, X: AnyArray, *, columns: Sequence[str] | None = None) -> FloatArray:
    """Predictions, shape (n,), of rows X; refused where one is beyond float64, naming the row and its largest feature.

    Examples
    --------
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

    Examples
    --------
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
