"""The learner inside of estimators that choose Omega."""

from typing import Any

import numpy.typing as npt
from sklearn.base import clone

from patom.models import LambdaSearch, MTRLClassifier, MTRLRegressor

MTRL = MTRLRegressor | MTRLClassifier


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
