"""What an attacker may want; every objective makes an ``Aim`` from a given problem.

The paper's is ``Availability``, the target tasks' training loss. All are maximised.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np

from patom.attacks.adversary.aim import Aim, AimedAt, OverTasks, PairTerm, Pointwise, Term
from patom.attacks.adversary.given_rows import keep_rows, labels_of, numbers_of
from patom.core.arrays import AnyArray, BoolArray, FloatArray, IntArray
from patom.core.exact import values_of
from patom.core.labels import positions
from patom.core.regions.values import ByValue
from patom.core.rows import TaskRows, append_constant, offsets_of
from patom.models.problem import Problem
from patom.models.settings import require_at_least, require_choice

Direction = Literal["raise", "lower"]
Encode = Callable[[AnyArray], FloatArray]


@runtime_checkable
class Objective(Protocol):
    """What is maximised over the injected rows."""

    def aim(self, problem: Problem, targets: IntArray, encode: Encode) -> Aim:
        """The utility on this problem; ``targets`` are positions, ``encode`` turns targets y into numbers."""


@dataclass(frozen=True, eq=False)
class Availability(ByValue):
    """Raise the target tasks' loss, or lower their AUC: on their clean training rows (paper, eq. 2), or on given rows.

    Parameters
    ----------
    metric : {"loss", "auc"}, default "loss"
        What is raised: the loss, or a smooth 1 - AUC, for two classes. The AUC is what people read of a classifier, and
        the loss may rise without it: where margins shrink or a bias moves.
    over_tasks : {"mean", "worst", "least"}, default "mean"
        Mean over the rows of all targets, which is the paper's sum over their number; or that of the target that is
        hurt most; or that of the target that is hurt least, so that all are hurt. Of the AUC, the mean over tasks.
    X, y, task : arrays of shape (q, d), (q,) and (q,), optional
        Validation rows of target tasks, in place of the training rows.

    Examples
    --------
    >>> Availability().over_tasks
    'mean'
    """

    over_tasks: OverTasks = "mean"
    X: FloatArray | None = None
    y: tuple[Any, ...] | None = None
    task: tuple[Hashable, ...] | None = None
    metric: AimedAt = "loss"

    def __post_init__(self) -> None:
        require_choice("Availability", get_args(OverTasks), over_tasks=self.over_tasks)
        require_choice("Availability", get_args(AimedAt), metric=self.metric)
        keep_rows(self, instead="the training rows")

    def aim(self, problem: Problem, targets: IntArray, encode: Encode) -> Aim:
        """The loss, or 1 - AUC, of the target tasks' rows, or of the given ones."""
        loss = problem.loss
        if self.metric == "auc":
            return Aim((self._pairs(problem, targets, encode),))
        if self.X is None:
            return Aim((_loss_on(problem, _among(targets, problem.rows), over_tasks=self.over_tasks),))
        X, order, offsets = _grouped(self, problem, targets)
        return Aim((Term(X, numbers_of(self, encode)[order], offsets, loss.value, loss.slope, self.over_tasks),))

    def _pairs(self, problem: Problem, targets: IntArray, encode: Encode) -> PairTerm:
        if not problem.loss.margin:
            raise ValueError("metric of Availability is 'auc', which is for two classes; leave it at 'loss'.")
        if self.X is None:
            X, y, offsets = _clean(problem, _among(targets, problem.rows))
        else:
            X, order, offsets = _grouped(self, problem, targets)
            y = numbers_of(self, encode)[order]
        term = PairTerm(X, y, offsets, self.over_tasks)
        if term.tasks.size == 0:
            raise ValueError("metric of Availability is 'auc', but no target has rows of both classes.")
        return term


@dataclass(frozen=True, eq=False)
class Targeted(ByValue):
    """Raise, or lower, the predictions (margins, for a classifier) on chosen rows.

    Parameters
    ----------
    X : array of shape (q, d)
        The rows, in the units of the training data; they need not be training rows.
    task : array of shape (q,), optional
        Their tasks, all of them targets of the threat model; None where there is one task only.
    direction : {"raise", "lower"}, default "raise"
        The utility is the mean prediction over the rows, or its negative.

    Examples
    --------
    >>> Targeted([[0.5, 0.0]], task=["a"], direction="lower").direction
    'lower'
    """

    X: FloatArray
    task: tuple[Hashable, ...] | None = None
    direction: Direction = "raise"

    def __post_init__(self) -> None:
        require_choice("Targeted", get_args(Direction), direction=self.direction)
        keep_rows(self)

    def aim(self, problem: Problem, targets: IntArray, encode: Encode) -> Aim:  # noqa: ARG002
        """The predictions of the given rows, up or down."""
        X, _, offsets = _grouped(self, problem, targets)
        sign = 1.0 if self.direction == "raise" else -1.0
        value: Pointwise = lambda z, _y: sign * z  # noqa: E731
        slope: Pointwise = lambda z, _y: np.full_like(z, sign)  # noqa: E731
        return Aim((Term(X, np.zeros(X.shape[0]), offsets, value, slope),))


@dataclass(frozen=True)
class Sparing:
    """Another objective, less ``weight`` times the mean training loss of the tasks that are not targets.

    For an attacker who wants to stay unnoticed: harm to other tasks would give her away.

    Parameters
    ----------
    objective : Objective
    weight : float, default 1.0
        At least 0. The attacking tasks count among the others, unless they are targets.

    Examples
    --------
    >>> Sparing(Availability(), weight=2.0).weight
    2.0
    """

    objective: Objective
    weight: float = 1.0

    def __post_init__(self) -> None:
        require_at_least("Sparing", 0.0, weight=self.weight)
        if isinstance(self.objective, type) or not isinstance(self.objective, Objective):
            raise ValueError(
                f"objective of Sparing must be an objective such as Availability(); got {self.objective!r}."
            )

    def aim(self, problem: Problem, targets: IntArray, encode: Encode) -> Aim:
        """The objective's terms and one more; none where every task is a target."""
        terms, others = self.objective.aim(problem, targets, encode).terms, ~_among(targets, problem.rows)
        if self.weight == 0.0 or not others.any():
            return Aim(terms)
        return Aim((*terms, _loss_on(problem, others, weight=-self.weight)))


def _among(tasks: IntArray, rows: TaskRows) -> BoolArray:
    """Which rows belong to ``tasks``, shape (n,)."""
    inside = np.zeros(rows.n_tasks, dtype=bool)
    inside[tasks] = True
    return np.asarray(inside[rows.task_index])


def _loss_on(problem: Problem, chosen: BoolArray, *, over_tasks: OverTasks = "mean", weight: float = 1.0) -> Term:
    """The loss of some clean training rows."""
    X, y, offsets = _clean(problem, chosen)
    return Term(X, y, offsets, problem.loss.value, problem.loss.slope, over_tasks, weight)


def _clean(problem: Problem, chosen: BoolArray) -> tuple[FloatArray, FloatArray, IntArray]:
    """Some clean training rows, their targets, and where each task's begin."""
    rows = problem.rows
    offsets = offsets_of(np.bincount(rows.task_index[chosen], minlength=rows.n_tasks))
    where = _stretch(chosen)
    return rows.X[where], rows.y[where], offsets


def _stretch(chosen: BoolArray) -> IntArray | slice:
    """Where the chosen rows are: as a slice, whose rows need no copy, if they lie side by side."""
    where = np.flatnonzero(chosen)
    if where.size and where[-1] - where[0] + 1 == where.size:
        return slice(int(where[0]), int(where[-1]) + 1)
    return where


def _grouped(objective: Any, problem: Problem, targets: IntArray) -> tuple[FloatArray, IntArray, IntArray]:
    """Rows of an objective grouped by task, with the constant; their order before; the offsets."""
    owner, X, labels = type(objective).__name__, objective.X, labels_of(objective)
    if X.shape[1] != problem.rows.n_columns - 1:
        raise ValueError(f"X of {owner} has {X.shape[1]} columns; the training data have {problem.rows.n_columns - 1}.")
    index = positions(labels, problem.tasks, argument=f"task of {owner}")
    stray = np.flatnonzero(~np.isin(index, targets))
    if stray.size:
        raise ValueError(
            f"task of {owner} must name targets of the threat model only; row {stray[0]} is of task "
            f"{values_of(labels)[stray[0]]!r}."
        )
    order = np.argsort(index, kind="stable")
    return append_constant(X[order]), order, offsets_of(np.bincount(index, minlength=problem.rows.n_tasks))
