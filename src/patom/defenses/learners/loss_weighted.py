"""Byzantine resilient multi-task learning: a task weighs the others' models by their losses on its own rows."""

from dataclasses import dataclass

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.data_term import data_term
from patom.core.losses import Loss
from patom.core.rows import TaskRows
from patom.defenses.learners.base import Iterated, IterationStatus, Learner
from patom.defenses.votes import VOTES, votes_of
from patom.models.linear import LinearClassifier, LinearRegressor
from patom.models.settings import require_at_least, require_choice

_TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True)
class Cooperation(Iterated):
    """Where the rounds ended, with the last round's weights, shape (m, m): row k holds those that task k gave.

    ``risks``, shape (n_iter, m), are each task's own after each round; none rises.
    """

    weights: FloatArray
    risks: FloatArray


def cooperate(
    rows: TaskRows,
    loss: Loss,
    ridge: float,
    *,
    rounds: int | None = None,
    votes: str = "tasks",
    tol: float = 1e-6,
    max_iter: int = 10_000,
) -> Cooperation:
    """Gradient steps and aggregation in turn, from zero, until the steps are short or for a number of rounds.

    Task k's risk is r_k(w) = mean loss of its rows + ridge/2 ||w||^2. A round takes w_k to the mean of the models
    w_l - grad r_l(w_l)/L, weighed by ``loss_weights`` of their risks r_k. Costs O(n m p).
    """
    count = votes_of(votes, rows.counts)
    term = data_term(rows, loss)
    L, limit = term.smoothness + ridge, max_iter if rounds is None else rounds
    W, residual, risks = np.zeros(term.shape), np.inf, np.empty((limit, rows.n_tasks))
    weights, n_iter = np.eye(rows.n_tasks), 0
    while n_iter < limit and (residual > tol or rounds is not None):
        adapted = W - (term.value_and_gradient(W)[1] + ridge * W) / L
        weights = loss_weights(risks_of_models(rows, loss, ridge, adapted), count)
        following = weights @ adapted
        risks[n_iter] = np.diag(risks_of_models(rows, loss, ridge, following))
        residual = float(np.linalg.norm(following - W)) / max(float(np.linalg.norm(following)), _TINY)
        W, n_iter = following, n_iter + 1
    unsettled = IterationStatus.MAX_ITER if rounds is None else IterationStatus.ROUNDS
    status = IterationStatus.REACHED if residual <= tol else unsettled
    return Cooperation(W, residual, n_iter, status, weights, risks[:n_iter])


def risks_of_models(rows: TaskRows, loss: Loss, ridge: float, W: FloatArray) -> FloatArray:
    """Risk of every model on every task's rows, shape (m, m): entry (k, l) is that of model l for task k."""
    values = loss.value(rows.X @ W.T, rows.y[:, None])
    means = np.add.reduceat(values, rows.offsets[:-1], axis=0) / rows.counts[:, None]
    return np.asarray(means + 0.5 * ridge * (W**2).sum(axis=1))


def loss_weights(losses: FloatArray, votes: FloatArray | float = 1.0) -> FloatArray:
    """Weights a_kl proportional to votes_l/losses_kl where losses_kl <= losses_kk, 0 elsewhere; shape (m, m).

    Rows sum to 1. In a row with zero losses, these share the weight.

    >>> loss_weights(np.array([[2.0, 1.0, 3.0], [5.0, 1.0, 2.0], [0.0, 4.0, 0.0]])).round(2)
    array([[0.33, 0.67, 0.  ],
           [0.  , 1.  , 0.  ],
           [0.5 , 0.  , 0.5 ]])
    """
    least = losses.min(axis=1, keepdims=True)
    inverse = np.divide(least, losses, out=np.ones_like(losses), where=losses > least)
    kept = np.where(losses <= np.diag(losses)[:, None], votes * inverse, 0.0)
    return np.asarray(kept / kept.sum(axis=1, keepdims=True))


@dataclass(eq=False, repr=False)
class _LossWeighted(Learner):
    """What regression and classification share."""

    lambda_1: float = 0.01
    rounds: int | None = None
    tol: float = 1e-6
    max_iter: int = 10_000
    votes: str = "capped"

    def _check_settings(self) -> None:
        owner = type(self).__name__
        require_choice(owner, VOTES, votes=self.votes)
        require_at_least(owner, 0.0, strict=True, lambda_1=self.lambda_1)
        if self.rounds is not None:
            require_at_least(owner, 1, whole=True, rounds=self.rounds)

    def _learn(self, rows: TaskRows) -> None:
        found = cooperate(
            rows, self._loss, self.lambda_1, rounds=self.rounds, votes=self.votes, tol=self.tol,
            max_iter=self.max_iter,
        )  # fmt: skip
        self.weights_ = found.weights
        self._keep_iterated(found)


class LossWeightedRegressor(LinearRegressor, _LossWeighted):
    """Byzantine resilient multi-task learning (Li, Abbas and Koutsoukos 2020) for regression, on fixed rows.

    Every task is an agent that holds its own rows. In each round it takes a gradient step on its own risk::

        r_k(w) = 1/n_k sum_j (y_kj - w'x_kj)^2 + lambda_1/2 ||w||^2

    and then takes the weighted mean of all agents' models: model l has a weight in proportion to its votes over
    r_k(w_l) where r_k(w_l) is at most r_k(w_k), and 0 elsewhere. A model that predicts a task's rows badly cannot
    influence this task. In the paper each model has one vote; then whoever opens accounts has most.

    A constant feature is appended, so each w_k holds its bias, which is penalised like the rest.

    Parameters
    ----------
    lambda_1 : float, default 0.01
        Strength of the ridge, above 0. The paper has none; here it makes the fixed point unique.
    rounds : int, optional
        Number of rounds, at least 1; None to go on until a step is short.
    tol : float, default 1e-6
        Bound on the last step's length over the norm of the weights.
    max_iter : int, default 10000
        Bound on rounds where ``rounds`` is None.
    votes : {"capped", "rows", "tasks"}, default "capped"
        Of a task's model, as in ``Clip``; "tasks" is one each, as in the paper.

    Attributes
    ----------
    tasks_ : array of shape (m,)
        Task labels, sorted.
    coef_, intercept_ : arrays of shape (m, d) and (m,)
    weights_ : array of shape (m, m)
        Of the last round; row k holds the weights that task k gave the tasks' models.
    residual_ : float
        Length of the last step over the norm of the weights.
    n_iter_ : int
    status_ : patom.defenses.learners.base.IterationStatus

    Notes
    -----
    A round never raises a task's risk: the risk is convex, and no model in the mean has a higher one. The only fixed
    point is therefore each task's own minimum: **run until the steps are short, this is independent ridge regression**.
    The neighbours only give a head start, part of which a small ``rounds`` keeps. The paper's agents see new rows in
    each round and are evaluated on the way.

    The paper's losses are running means over the rounds; rows are fixed here, so the present losses are used.

    References
    ----------
    Li, Abbas and Koutsoukos 2020, "Byzantine resilient distributed multi-task learning", NeurIPS: its loss-based
    weights and the filter of larger losses.

    Examples
    --------
    >>> X = np.tile(np.eye(2), (3, 1))
    >>> y, task = np.array([1.0, 2.0, 1.0, 2.0, -9.0, 9.0]), np.repeat(["a", "b", "odd"], 2)
    >>> LossWeightedRegressor(rounds=5).fit(X, y, task=task).weights_
    array([[0.5, 0.5, 0. ],
           [0.5, 0.5, 0. ],
           [0. , 0. , 1. ]])
    """


class LossWeightedClassifier(LinearClassifier, _LossWeighted):
    """Byzantine resilient multi-task learning for two classes.

    As ``LossWeightedRegressor`` with the squared hinge max(0, 1 - y w'x)^2, y = -1 or +1.
    Parameters and attributes are those of ``LossWeightedRegressor``, and ``classes_``, the two labels of y, sorted; the
    second is the positive class. A single task may hold one class only.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [0.0], [1.0]])
    >>> model = LossWeightedClassifier(lambda_1=0.01)
    >>> model.fit(X, ["no", "yes", "yes", "no"], task=["a", "a", "b", "b"]).predict(X, task=["a", "a", "b", "b"])
    array(['no', 'yes', 'yes', 'no'], dtype='<U3')
    """
