"""Any estimator behind a filter of its training rows."""

from typing import Any, Self

import numpy.typing as npt
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from patom.core.arrays import AnyArray
from patom.defenses.sanitiser import Sanitiser


class Sanitised(MetaEstimatorMixin, BaseEstimator):
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
        """Filter, then fit a clone of the estimator; arguments and errors as its own and the filter's."""
        if not isinstance(self.sanitiser, Sanitiser):
            raise ValueError(f"sanitiser of Sanitised must be a filter, such as Sphere(); got {self.sanitiser!r}.")
        self.kept_ = clone(self.sanitiser).keep(X, y, task)
        rows, (targets, tasks) = self.kept_.features(X), self.kept_.select(y, task)
        self._multi = bool(has_fit_parameter(self.estimator, "task"))
        settings = {"task": tasks} if self._multi else {}
        self.estimator_ = clone(self.estimator).fit(rows, targets, **settings)
        return self

    def predict(self, X: npt.ArrayLike, task: Any = None) -> AnyArray:
        """Predictions of the fitted estimator, shape (n,)."""
        return self._respond("predict", X, task)

    @available_if(lambda self: _has(self, "decision_function"))
    def decision_function(self, X: npt.ArrayLike, task: Any = None) -> AnyArray:
        """Margins of the fitted estimator, shape (n,)."""
        return self._respond("decision_function", X, task)

    @available_if(lambda self: _has(self, "predict_proba"))
    def predict_proba(self, X: npt.ArrayLike, task: Any = None) -> AnyArray:
        """Class probabilities of the fitted estimator, shape (n, number of classes)."""
        return self._respond("predict_proba", X, task)

    def score(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None) -> float:
        """The fitted estimator's own score."""
        check_is_fitted(self)
        return float(self.estimator_.score(X, y, **self._routed(task)))

    def _respond(self, method: str, X: npt.ArrayLike, task: Any) -> AnyArray:
        check_is_fitted(self)
        found: AnyArray = getattr(self.estimator_, method)(X, **self._routed(task))
        return found

    def _routed(self, task: Any) -> dict[str, Any]:
        return {"task": task} if self._multi else {}

    def __getattr__(self, name: str) -> Any:
        # What the estimator learned (tasks_, coef_, classes_, duality_gap_, ...) is read as if it were here.
        if name.endswith("_") and not name.startswith("_") and "estimator_" in self.__dict__:
            return getattr(self.__dict__["estimator_"], name)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.")

    def __sklearn_tags__(self) -> Tags:
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.estimator_type, tags.classifier_tags = inner.estimator_type, inner.classifier_tags
        tags.regressor_tags, tags.target_tags = inner.regressor_tags, inner.target_tags
        tags.input_tags = inner.input_tags
        return tags


def _has(wrapper: Sanitised, method: str) -> bool:
    """Raise the estimator's own AttributeError when it lacks the method, for ``available_if``."""
    getattr(wrapper.__dict__.get("estimator_", wrapper.estimator), method)
    return True
