"""What an attacker knows: everything (white box), or a surrogate on which she plans (grey box)."""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone

from patom.attacks.adversary.given_rows import keep_rows, labels_of, numbers_of
from patom.core.arrays import AnyArray, FloatArray, IntArray
from patom.core.grouped import whole_rows
from patom.core.labels import encode, positions
from patom.core.regions.values import ByValue
from patom.core.rows import TaskRows, group_rows
from patom.models.problem import Problem
from patom.models.settings import require_at_least, require_share


@dataclass(frozen=True, eq=False)
class GreyBox(ByValue):
    """An attacker who has a sample of the data, or data of her own, and may guess the lambdas wrong.

    She knows the model's form, a given Omega included, and how many rows each task has. Her rows are repeated or
    thinned out to that number, so that an injected row has the weight that it will have at the victim. Injected rows
    are chosen on the surrogate and measured on the true victim.

    Parameters
    ----------
    share : float, default 0.5
        Part of each task's clean rows that she has seen, drawn at random, at least one row a task; in (0, 1].
        Not used where she has rows of her own.
    lambda_1, lambda_2 : float, optional
        Her guesses; None for the true values.
    X, y, task : arrays of shape (q, d), (q,) and (q,), optional
        Rows of her own. They must hold the attackers and the targets; of tasks that they don't hold she knows nothing.
    seed : int, default 0
        Seed of the draw.

    Examples
    --------
    >>> GreyBox(share=0.25, lambda_1=0.01).share
    0.25
    """

    share: float = 0.5
    lambda_1: float | None = None
    lambda_2: float | None = None
    X: FloatArray | None = None
    y: tuple[Any, ...] | None = None
    task: tuple[Hashable, ...] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        require_share("GreyBox", above=True, share=self.share)
        for name in ("lambda_1", "lambda_2"):
            if getattr(self, name) is not None:
                require_at_least("GreyBox", 0.0, **{name: getattr(self, name)})
        require_at_least("GreyBox", 0, whole=True, seed=self.seed)
        keep_rows(self, instead="a share of the victim's rows")

    def surrogate(self, victim: Any, truth: Problem) -> Problem:
        """Problem (1) as she sees it; ``victim`` is the true one's estimator, which knows classes and settings."""
        if self.X is None:
            rows, tasks = _sampled(truth.rows, self.share, np.random.default_rng(self.seed)), truth.tasks
        else:
            rows, tasks = self._own(victim, truth)
        theirs = positions(tasks, truth.tasks, argument="task of GreyBox")
        guessed = {"lambda_1": self.lambda_1, "lambda_2": self.lambda_2}
        settings: dict[str, Any] = {name: value for name, value in guessed.items() if value is not None}
        if victim.task_covariance is not None:  # a given Omega's block among her tasks is theirs
            settings["task_covariance"] = np.asarray(victim.task_covariance)[np.ix_(theirs, theirs)]
        penalty = clone(victim).set_params(**settings).penalty(tasks.size)
        return replace(truth, rows=_as_many(rows, truth.rows.counts[theirs]), tasks=tasks, penalty=penalty)

    def _own(self, victim: Any, truth: Problem) -> tuple[TaskRows, AnyArray]:
        X = np.asarray(self.X)
        if X.shape[1] != truth.rows.n_columns - 1:
            raise ValueError(f"X of GreyBox has {X.shape[1]} columns; the data have {truth.rows.n_columns - 1}.")
        tasks, index = encode(labels_of(self))
        return group_rows(X, numbers_of(self, victim.known_targets), index, tasks.size), tasks


def _sampled(rows: TaskRows, share: float, rng: np.random.Generator) -> TaskRows:
    """A share of each task's rows without replacement, at least one, in their order."""
    counts = np.maximum(1, whole_rows(share * rows.counts))
    parts = [
        start + np.sort(rng.permutation(size)[:count])
        for start, size, count in zip(rows.offsets, rows.counts, counts, strict=False)
    ]
    return rows.chosen(np.concatenate(parts), counts)


def _as_many(rows: TaskRows, wanted: IntArray) -> TaskRows:
    """As many rows a task as wanted: each about as often as any other, or as many of them, evenly spaced."""
    parts = [
        start + np.arange(count) * size // count
        for start, size, count in zip(rows.offsets, rows.counts, wanted, strict=False)
    ]
    return rows.chosen(np.concatenate(parts), wanted)
