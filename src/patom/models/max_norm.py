"""A scaler that divides all features by one number, so that every training row lies in the unit ball."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from patom.core.arrays import FloatArray, largest_norm


class MaxNormScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Divide all features by the largest Euclidean norm of a training row.

    The paper scales its data in this way: its lambdas and the filters of ``patom.defenses`` assume rows in the unit
    ball. New rows may be longer than 1.

    Attributes
    ----------
    scale_ : float
        The largest norm, 1.0 where all rows are zero.

    Examples
    --------
    >>> MaxNormScaler().fit_transform([[3.0, 4.0], [0.0, 1.0]])
    array([[0.6, 0.8],
           [0. , 0.2]])
    """

    def fit(self, X: npt.ArrayLike, y: Any = None) -> Self:  # noqa: ARG002  (a step of a pipeline is handed y)
        """Find the largest norm of the rows of X, shape (n, d)."""
        rows = validate_data(self, X, dtype=np.float64)
        self.scale_ = largest_norm(rows)
        return self

    def transform(self, X: npt.ArrayLike) -> FloatArray:
        """The rows of X over the largest norm, shape (n, d)."""
        check_is_fitted(self)
        return np.asarray(validate_data(self, X, dtype=np.float64, reset=False) / self.scale_)
