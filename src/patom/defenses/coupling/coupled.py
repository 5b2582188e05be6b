"""Multi-task relationship learning whose Omega a rule chooses, and the learner inside of such estimators."""

from dataclasses import dataclass
from typing import Any, Self

import numpy.typing as npt
from sklearn.base import clone

from patom.defenses.coupling.rule import CouplingRule
from patom.models import LambdaSearch, MTRLClassifier, MTRLRegressor
from patom.models.delegating import Delegating
from patom.models.threads import one_blas_thread

MTRL = MTRLRegressor | MTRLClassifier


def require_learner(owner: str, estimator: Any) -> None:
    """Refuse an estimator that does not solve (1) with Omega learned, in the accelerated way."""
    learner = estimator.estimator if isinstance(estimator, LambdaSearch) else estimator
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


@dataclass(eq=False, repr=False)
class Coupled(Delegating):
    """Choose Omega from the training rows by a rule, then solve problem (1) with this Omega fixed.

    Parameters
    ----------
    estimator : MTRLRegressor, MTRLClassifier or LambdaSearch
        With Omega learned. A search chooses its lambdas first, with Omega learned.
    rule : CouplingRule
        Such as ``HeldOut()``.

    Attributes
    ----------
    estimator_ : MTRLRegressor or MTRLClassifier
        Fitted with the chosen Omega, which is its ``task_covariance_``. Its learned attributes are attributes here too.

    Examples
    --------
    >>> from patom import MTRLRegressor
    >>> from patom.datasets import make_related_tasks
    >>> from patom.defenses import Shrunken
    >>> X, y, task = make_related_tasks(n_tasks=3, similarity=1.0, n_features=3, random_state=0).train
    >>> plain = MTRLRegressor(0.01, 0.01).fit(X, y, task=task)
    >>> model = Coupled(MTRLRegressor(0.01, 0.01), Shrunken(0.5)).fit(X, y, task=task)
    >>> bool(abs(model.task_correlation_[0, 1]) < 0.75 * abs(plain.task_correlation_[0, 1]))
    True
    """

    estimator: Any
    rule: Any

    def check(self) -> None:
        """Refuse an estimator or a rule that cannot be used."""
        require_learner("Coupled", self.estimator)
        if not isinstance(self.rule, CouplingRule):
            raise ValueError(f"rule of Coupled must be a rule for Omega, such as HeldOut(); got {self.rule!r}.")
        self.rule.check()

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None) -> Self:
        """Choose Omega and fit; arguments and errors as in ``MTRLRegressor.fit``."""
        self.check()
        learner = with_lambdas(self.estimator, X, y, task)
        with one_blas_thread():
            omega = clone(self.rule).covariance(learner.problem(X, y, task=task))
        self.estimator_ = clone(learner).set_params(task_covariance=omega).fit(X, y, task=task)
        return self
