"""Multi-task relationship learning whose Omega a rule chooses."""

from typing import Any, Self

import numpy.typing as npt
from sklearn.base import clone

from patom.defenses.coupling.learner import require_learner, with_lambdas
from patom.defenses.coupling.rule import CouplingRule
from patom.defenses.delegating import Delegating
from patom.models.threads import one_blas_thread


class Coupled(Delegating):
    """Choose Omega by a rule from the training rows, then solve problem (1) with that Omega given.

    Parameters
    ----------
    estimator : MTRLRegressor, MTRLClassifier or LambdaSearch
        With Omega learned. A search chooses its lambdas first, with Omega learned.
    rule : CouplingRule
        Such as ``HeldOut()``.

    Attributes
    ----------
    estimator_ : MTRLRegressor or MTRLClassifier
        Fitted with the chosen Omega, which is its ``task_covariance_``. What it learned is read from here as well.

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

    def __init__(self, estimator: Any, rule: Any) -> None:
        self.estimator = estimator
        self.rule = rule

    def check(self) -> None:
        """Refuse an estimator or a rule that cannot be used."""
        require_learner("Coupled", self.estimator)
        if not isinstance(self.rule, CouplingRule):
            raise ValueError(f"rule of Coupled must be a rule for Omega, such as HeldOut(); got {self.rule!r}.")
        self.rule.check()

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None) -> Self:
        """Choose Omega and fit.

        Parameters
        ----------
        X : array or data frame of shape (n, d)
        y : array of shape (n,)
        task : array of shape (n,), optional
            As in ``MTRLRegressor.fit``.

        Raises
        ------
        ValueError
            For values or settings that cannot be used, with the argument's name.
        """
        self.check()
        learner = with_lambdas(self.estimator, X, y, task)
        with one_blas_thread():
            omega = clone(self.rule).covariance(learner.problem(X, y, task=task))
        self.estimator_ = clone(learner).set_params(task_covariance=omega).fit(X, y, task=task)
        return self
