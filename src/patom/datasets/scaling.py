"""Bring features into the unit ball, and points of the ball back into the table's units."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from patom.core.arrays import FloatArray, largest_norm
from patom.datasets.dataset import LongTable

_ROUNDING = 16 * np.finfo(float).eps  # a column whose range is this part of its largest value is constant
_SMALLEST = 2.0**-1020  # a smaller spread or norm could not be halved without losing digits
_MARGIN = 1 + 32 * float(np.finfo(float).eps)  # rounding then puts no training row outside the ball


@dataclass(frozen=True, eq=False)
class Scaling:
    """An affine map, column by column, of a table's features into the unit ball and of its target.

    With d columns in the table and d_used that vary: a row x becomes ((x[kept] - centre) / scale) / norm, a
    target y becomes (y - y_centre) / y_scale. There and back is exact to 1e-12 of a column's largest value
    (or, with a single norm for columns of different size, until a quotient falls below 1e-308).

    Attributes
    ----------
    centre, scale : (d_used,) in the units of the table.
    norm : the largest norm of a training row after centring and scaling, increased by 32 units of rounding.
    kept : (d_used,) numbers of the columns used, ascending.
    constants : (d,) what a column that was dropped holds; NaN for columns used.
    y_centre, y_scale : 0 and 1 unless regression targets were standardised.

    Examples
    --------
    >>> scaling = fit_scaling([[3.0, 7.0], [-4.0, 7.0]], [0.0, 1.0], kind="regression", standardise=False)
    >>> scaling.features([[2.0, 7.0]]).round(6), scaling.features_back([[1.0]]).round(6)
    (array([[0.5]]), array([[4., 7.]]))
    """

    centre: FloatArray
    scale: FloatArray
    norm: float
    kept: NDArray[np.intp]
    constants: FloatArray
    y_centre: float
    y_scale: float

    def features(self, X: ArrayLike) -> FloatArray:
        """Map (n, d) rows in the table's units to (n, d_used) rows of the model.

        Training rows then have a norm of at most 1; others may exceed it. ValueError if the number of columns is not d,
        or a value is missing, infinite or so far from the training rows that it overflows.
        """
        X = _matrix(X, "X", self.constants.size)
        with np.errstate(over="ignore", invalid="ignore"):
            # Halves keep the difference of two huge numbers of opposite sign finite.
            Z = (X[:, self.kept] / 2 - self.centre / 2) / (self.scale / 2) / self.norm
        _refuse_overflow(Z, "X", X[:, self.kept], self.kept)
        return Z

    def features_back(self, Z: ArrayLike) -> FloatArray:
        """Map (n, d_used) points to (n, d) rows in the table's units; dropped columns take their constant.

        ValueError if the number of columns is not d_used, or a value is missing, infinite or overflows.
        """
        Z = _matrix(Z, "Z", self.kept.size)
        X = np.tile(self.constants, (Z.shape[0], 1))
        with np.errstate(over="ignore", invalid="ignore"):
            X[:, self.kept] = (Z * self.norm * (self.scale / 2) + self.centre / 2) * 2
        _refuse_overflow(X[:, self.kept], "Z", Z, np.arange(self.kept.size))
        return X

    def target(self, y: ArrayLike) -> FloatArray:
        """Map targets (n,) of the table to those of the model."""
        return (np.asarray(y, dtype=np.float64) / 2 - self.y_centre / 2) / (self.y_scale / 2)

    def target_back(self, z: ArrayLike) -> FloatArray:
        """Map targets (n,) of the model, such as predictions, to the table's units."""
        return (np.asarray(z, dtype=np.float64) * (self.y_scale / 2) + self.y_centre / 2) * 2


def fit_scaling(
    X: ArrayLike, y: ArrayLike, *, kind: Literal["regression", "classification"], standardise: bool
) -> Scaling:
    """Choose the scaling from the training rows.

    The paper divides all features by the largest norm of a row, so that every row lies in the unit l2 ball (the
    feasible region of the attack, with radius 1). Where columns have different units, ``standardise`` first subtracts
    each column's mean and divides by its standard deviation (of the n rows, not n - 1), and does so with regression
    targets too; classes stay -1 and +1.

    Columns that are constant over the training rows, up to 16 units of rounding of their largest value or with a
    spread below 2**-1020 (1e-307), are dropped: they hold nothing to learn from, and dividing by their spread would
    magnify rounding errors. Values up to 1.7e308 neither overflow nor lose digits.

    ``X`` are the (n, d) features of the training rows in the table's units, ``y`` their (n,) targets. ValueError if X
    is no finite matrix, y does not fit it, every column is constant, a target to be standardised is constant, or rows
    are so long that their norm overflows. Costs a few passes over the n d values.

    References
    ----------
    Zhao et al. (AAAI 2018), section "Experiments".

    Examples
    --------
    >>> scaling = fit_scaling([[1.0], [3.0]], [10.0, 30.0], kind="regression", standardise=True)
    >>> scaling.centre, scaling.scale, scaling.target([10.0, 30.0])
    (array([2.]), array([1.]), array([-1.,  1.]))
    """
    X = _matrix(X, "X", None)
    y = np.asarray(y, dtype=np.float64)
    if y.shape != X.shape[:1] or not np.isfinite(y).all():
        raise ValueError(f"y must hold {X.shape[0]} finite targets, one for each row of X; its shape is {y.shape}.")
    if kind not in ("regression", "classification"):
        raise ValueError(f"kind must be 'regression' or 'classification', but it is {kind!r}.")
    mean, deviation, varies = _moments(X)
    if not varies.any():
        raise ValueError("Every feature is constant over the training rows, so there is nothing to learn from.")
    kept = np.flatnonzero(varies)
    centre, scale = (mean[kept], deviation[kept]) if standardise else (np.zeros(kept.size), np.ones(kept.size))
    y_centre, y_scale = 0.0, 1.0
    if standardise and kind == "regression":
        y_mean, y_deviation, y_varies = _moments(y[:, np.newaxis])
        if not y_varies[0]:
            raise ValueError("The target is constant over the training rows, so there is nothing to learn.")
        y_centre, y_scale = float(y_mean[0]), float(y_deviation[0])
    Z = (X[:, kept] / 2 - centre / 2) / (scale / 2)
    return Scaling(
        centre=centre,
        scale=scale,
        norm=_largest_norm(Z),
        kept=kept,
        constants=np.where(varies, np.nan, mean),
        y_centre=y_centre,
        y_scale=y_scale,
    )


def _moments(X: FloatArray) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Mean, standard deviation and whether a column varies, without overflow, by powers of two."""
    largest = np.abs(X).max(axis=0)
    exponent = np.frexp(largest)[1]
    U = np.ldexp(X, -exponent)  # in [-1, 1], and exact
    low, high = U.min(axis=0), U.max(axis=0)
    spread = high - low
    mean = np.clip(U.mean(axis=0), low, high)  # rounding may put the mean of equal numbers beside them
    deviation = np.ldexp(np.minimum(U.std(axis=0), spread / 2), exponent)
    varies = (spread > _ROUNDING * np.abs(U).max(axis=0)) & (deviation >= _SMALLEST)
    return np.ldexp(mean, exponent), deviation, varies


def _largest_norm(Z: FloatArray) -> float:
    exponent = np.frexp(np.abs(Z).max())[1]
    relative = np.linalg.norm(np.ldexp(Z, -exponent), axis=1).max() * _MARGIN
    with np.errstate(over="ignore"):
        norm = float(np.ldexp(relative, exponent))
    if not np.isfinite(norm):
        raise ValueError("The rows of X are too long for float64: divide the features by a constant first.")
    return norm


def _matrix(values: ArrayLike, name: str, columns: int | None) -> FloatArray:
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2 or (columns is not None and matrix.shape[1] != columns):
        wanted = "(n, d)" if columns is None else f"(n, {columns})"
        raise ValueError(f"{name} must have the shape {wanted}, but it is {matrix.shape}.")
    if columns is None and not (matrix.size and np.isfinite(matrix).all()):
        raise ValueError(f"{name} must hold at least one row and finite values only.")
    return matrix


def _refuse_overflow(result: FloatArray, name: str, given: FloatArray, columns: NDArray[np.intp]) -> None:
    finite = np.isfinite(result)
    if finite.all():
        return
    row, column = np.argwhere(~finite)[0]
    raise ValueError(
        f"{name}[{row}, {columns[column]}] is {given[row, column]:g}, which is missing, infinite or too far "
        "from the training rows to be scaled."
    )


def in_unit_ball(train: LongTable, test: LongTable, *, scaled: bool) -> tuple[LongTable, LongTable, float, str]:
    """Divide all features by the largest norm of a training row, the scaling of the published data sets, if ``scaled``.

    Training rows then lie in the unit ball, test rows possibly slightly outside. Also returns the number, which is 1 if
    all features are zero, and a sentence on what was done, empty if nothing was.

    >>> rows = LongTable(np.array([[3.0, 4.0]]), np.zeros(1), np.zeros(1))
    >>> in_unit_ball(rows, rows, scaled=True)[2:]
    (5.0, ' Features divided by the largest norm of a training row.')
    """
    if not scaled:
        return train, test, 1.0, ""
    scale = largest_norm(train.X)
    did = " Features divided by the largest norm of a training row."
    return train._replace(X=train.X / scale), test._replace(X=test.X / scale), scale, did


def standardise(train: FloatArray, test: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Subtract the mean of the training rows, (n, k), and divide by their standard deviation, column by column.

    A column that is constant over the training rows is only centred.

    >>> standardise(np.array([[1.0], [3.0]]), np.array([[5.0]]))[1].tolist()
    [[3.0]]
    """
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation = np.where(train.max(axis=0) > train.min(axis=0), deviation, 1.0)
    return (train - mean) / deviation, (test - mean) / deviation
