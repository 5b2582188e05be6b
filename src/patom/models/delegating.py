"""What estimators around a fitted ``estimator_`` share: predictions, score, learned attributes and tags."""

from typing import Any

import numpy.typing as npt
from sklearn.base import BaseEstimator, MetaEstimatorMixin, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from patom.core.arrays import AnyArray
from patom.models.scoring import given_targets
from patom.models.settings import number_targets


class Delegating(MetaEstimatorMixin, BaseEstimator):
    """An estimator that predicts as its fitted ``estimator_`` does, and has its learned attributes."""

    estimator: Any

    def predict(self, X: npt.ArrayLike, task: Any = None) -> AnyArray:
        """Predictions of the fitted estimator, shape (n,); ``task`` names each row's task (None if fitted on one)."""
        return self._respond("predict", X, task)

    @available_if(lambda self: has(self, "decision_function"))
    def decision_function(self, X: npt.ArrayLike, task: Any = None) -> AnyArray:
        """Margins of the fitted estimator, shape (n,)."""
        return self._respond("decision_function", X, task)

    @available_if(lambda self: has(self, "predict_proba"))
    def predict_proba(self, X: npt.ArrayLike, task: Any = None) -> AnyArray:
        """Class probabilities of the fitted estimator, shape (n, number of classes)."""
        return self._respond("predict_proba", X, task)

    def score(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None) -> float:
        """The fitted estimator's own score: R^2 of a regressor, accuracy of a classifier.

        Targets that ``fit`` refuses are errors here too.
        """
        check_is_fitted(self)
        targets = given_targets(y)
        if is_regressor(self):
            targets = number_targets(targets, type(self).__name__)
        return float(self.estimator_.score(X, targets, **routed(self.estimator_, task)))

    def _respond(self, method: str, X: npt.ArrayLike, task: Any) -> AnyArray:
        check_is_fitted(self)
        found: AnyArray = getattr(self.estimator_, method)(X, **routed(self.estimator_, task))
        return found

    def _inner(self) -> Any:
        """The estimator that is cloned and fitted."""
        return self.estimator

    def __getattr__(self, name: str) -> Any:
        # What the estimator learned (tasks_, coef_, classes_, duality_gap_, ...) can be read here too.
        learned = name.endswith("_") and not name.startswith("_")
        if learned and "estimator_" in self.__dict__:
            return getattr(self.__dict__["estimator_"], name)
        lacking = f"{type(self).__name__} has no attribute {name!r}"
        if learned:
            raise NotFittedError(f"{lacking}: this instance is not fitted yet. Call 'fit' first.")
        raise AttributeError(f"{lacking}.")

    def __dir__(self) -> list[str]:
        learned = [name for name in dir(self.__dict__.get("estimator_")) if name.endswith("_") and name[0] != "_"]
        return sorted({*super().__dir__(), *learned})

    def __sklearn_tags__(self) -> Tags:
        return tags_of(self._inner(), super().__sklearn_tags__())


def tags_of(estimator: Any, tags: Tags) -> Tags:
    """A wrapper's tags with those of the estimator inside, as far as they are about its data and its kind."""
    inner = get_tags(estimator)
    tags.estimator_type, tags.classifier_tags = inner.estimator_type, inner.classifier_tags
    tags.regressor_tags, tags.target_tags = inner.regressor_tags, inner.target_tags
    tags.input_tags = inner.input_tags
    return tags


def routed(estimator: Any, task: Any) -> dict[str, Any]:
    """The ``task`` argument, where the estimator's ``fit`` takes one; others learn from all tasks' rows as one."""
    return {"task": task} if has_fit_parameter(estimator, "task") else {}


def has(wrapper: Any, method: str) -> bool:
    """Raise the inner estimator's own AttributeError when it lacks the method, for ``available_if``."""
    getattr(vars(wrapper).get("estimator_", wrapper.estimator), method)
    return True
