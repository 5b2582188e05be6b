"""What estimators around a fitted ``estimator_`` share."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from patom.core.arrays import AnyArray, FloatArray
from patom.models import LambdaSearch, MTRLClassifier, MTRLRegressor

MTRL = MTRLRegressor | MTRLClassifier


class Delegating(MetaEstimatorMixin, BaseEstimator):
    """An estimator that predicts as its fitted ``estimator_`` does, and has what that learned."""

    estimator: Any

    def predict(self, X: npt.ArrayLike, task: Any = None) -> AnyArray:
        """Predicted targets or classes, shape (n,); ``task`` names each row's task (None if fitted on one)."""
        check_is_fitted(self)
        return np.asarray(self.estimator_.predict(X, task=task))

    @available_if(lambda self: isinstance(_learner_in(self.estimator), MTRLClassifier))
    def decision_function(self, X: npt.ArrayLike, task: Any = None) -> FloatArray:
        """Margins w_i'x of a classifier, shape (n,); above 0 for the positive class."""
        check_is_fitted(self)
        return np.asarray(self.estimator_.decision_function(X, task=task))

    def score(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None) -> float:
        """R^2 of a regressor, accuracy of a classifier, over all rows."""
        check_is_fitted(self)
        return float(self.estimator_.score(X, y, task=task))

    def __getattr__(self, name: str) -> Any:
        # What the estimator learned (tasks_, coef_, classes_, duality_gap_, ...) is read as if it were here.
        if name.endswith("_") and not name.startswith("_") and "estimator_" in self.__dict__:
            return getattr(self.__dict__["estimator_"], name)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.")

    def __sklearn_tags__(self) -> Tags:
        return get_tags(self.estimator)


def require_learner(owner: str, estimator: Any) -> None:
    """Refuse an estimator that does not solve (1) with Omega learned, in the accelerated way."""
    learner = _learner_in(estimator)
    if not isinstance(learner, MTRL):
        raise ValueError(
            f"estimator of {owner} must be an MTRLRegressor, an MTRLClassifier or a LambdaSearch of one; got "
            f"{type(estimator).__name__}."
        )
    if learner.task_covariance is not None or learner.solver != "accelerated":
        raise ValueError(
            f"estimator of {owner} must learn Omega by solver='accelerated'; got solver={learner.solver!r} and "
            f"task_covariance={'None' if learner.task_covariance is None else 'an array'}."
        )


def with_lambdas(estimator: MTRL | LambdaSearch, X: npt.ArrayLike, y: npt.ArrayLike, task: Any) -> MTRL:
    """An unfitted clone of the learner; a search first chooses its lambdas on these rows, Omega learned."""
    if isinstance(estimator, LambdaSearch):
        search = clone(estimator).fit(X, y, task=task)
        chosen: MTRL = clone(estimator.estimator).set_params(lambda_1=search.lambda_1_, lambda_2=search.lambda_2_)
        return chosen
    learner: MTRL = clone(estimator)
    return learner


def _learner_in(estimator: Any) -> Any:
    return estimator.estimator if isinstance(estimator, LambdaSearch) else estimator
