"""Any estimator behind a filter of its training rows."""

from typing import Any, Self

import numpy.typing as npt
from sklearn.base import clone

from patom.defenses.delegating import Delegating
from patom.defenses.filters.sanitiser import Sanitiser


class Sanitised(Delegating):
    """Fit an estimator on the rows that a filter keeps.

    Parameters
    ----------
    estimator : estimator
        Of patom or of scikit-learn. Where its ``fit`` takes no ``task``, it learns from all tasks' rows as one.
    sanitiser : Sanitiser
        A filter, or a ``Chain`` of some.

    Attributes
    ----------
    estimator_ : estimator
        Fitted on the rows kept.
    kept_ : Kept
        Which those are, and why the others went.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from patom.defenses import Sphere
    >>> X = [[0.0], [1.0], [2.0], [3.0], [40.0]]
    >>> model = Sanitised(Ridge(alpha=0.0), Sphere(fraction=0.2)).fit(X, [0.0, 1.0, 2.0, 3.0, -40.0])
    >>> model.predict([[4.0]]).round(6), model.kept_.why.tolist()
    (array([4.]), ['', '', '', '', 'sphere'])
    """

    def __init__(self, estimator: Any, sanitiser: Any) -> None:
        self.estimator = estimator
        self.sanitiser = sanitiser

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None) -> Self:
        """Filter, then fit a clone of the estimator; arguments and errors as its own and the filter's.

        Without ``sample_weight``: filters know none, so all rows count alike.
        """
        if not isinstance(self.sanitiser, Sanitiser):
            raise ValueError(f"sanitiser of Sanitised must be a filter, such as Sphere(); got {self.sanitiser!r}.")
        self.kept_ = clone(self.sanitiser).keep(X, y, task)
        rows, (targets, tasks) = self.kept_.features(X), self.kept_.select(y, task)
        self.estimator_ = clone(self.estimator).fit(rows, targets, **self.routed(tasks))
        return self
