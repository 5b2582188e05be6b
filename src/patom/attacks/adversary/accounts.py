"""Accounts that the attacker opens: new tasks whose rows are all hers (the paper's fictitious accounts).

In problem (1) they are tasks as any other: k accounts add k terms 1/n_i sum_j l, whatever their rows. The honest tasks
come first, in their order, and the accounts after them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from patom.attacks.adversary.aim import Aim
from patom.core.arrays import AnyArray, IntArray
from patom.core.exact import joined, objects
from patom.core.rows import TaskRows
from patom.models.problem import Problem
from patom.models.settings import require_at_least
from patom.models.task_weights import weighing

NAME = "account"
"""Of accounts among tasks whose labels are no whole numbers: account-1, account-2, and so on."""


@dataclass(frozen=True)
class NewTasks:
    """New tasks as attackers: accounts that the attacker opens, with rows of her own only.

    Parameters
    ----------
    accounts : int
        Their number, at least 1.
    rows : int, or sequence of int
        Rows of each account, at least 1: one number for all, or one an account.

    Raises
    ------
    ValueError
        A number is no whole number of at least 1, or ``rows`` has another length than ``accounts``.

    Examples
    --------
    >>> NewTasks(accounts=10, rows=3).counts
    array([3, 3, 3, 3, 3, 3, 3, 3, 3, 3])
    """

    accounts: int
    rows: int | tuple[int, ...]

    def __post_init__(self) -> None:
        require_at_least("NewTasks", 1, whole=True, accounts=self.accounts)
        if isinstance(self.rows, int | np.integer):
            require_at_least("NewTasks", 1, whole=True, rows=self.rows)
            return
        if isinstance(self.rows, str) or not isinstance(self.rows, Sequence | np.ndarray):
            raise ValueError(f"rows of NewTasks must be a whole number, or one an account; got {self.rows!r}.")
        object.__setattr__(self, "rows", tuple(self.rows))
        for number, each in enumerate(self.rows):
            named: dict[str, Any] = {f"rows[{number}]": each}
            require_at_least("NewTasks", 1, whole=True, **named)
        if len(self.rows) != self.accounts:
            raise ValueError(f"rows of NewTasks must be {self.accounts} numbers, one an account; got {len(self.rows)}.")

    @property
    def counts(self) -> IntArray:
        """Rows of each account, shape (k,)."""
        return np.broadcast_to(np.array(self.rows, dtype=np.int64), (self.accounts,)).copy()

    def labels(self, tasks: AnyArray) -> AnyArray:
        """Labels that no task has, shape (k,): the next whole numbers, or names where tasks have others.

        >>> NewTasks(2, 1).labels(np.array([3, 7])), NewTasks(2, 1).labels(np.array(["a", "account-1"]))
        (array([8, 9]), array(['account-2', 'account-3'], dtype=object))
        """
        if tasks.dtype.kind in "iu":
            after = max(0, int(tasks.max())) + 1
            if after + self.accounts <= np.iinfo(np.int64).max:
                return np.arange(after, after + self.accounts)
        taken = {label for label in tasks.tolist() if isinstance(label, str) and label.startswith(NAME)}
        free = (name for i in range(1, self.accounts + len(taken) + 1) if (name := f"{NAME}-{i}") not in taken)
        return objects([next(free) for _ in range(self.accounts)])


def with_accounts(problem: Problem, victim: Any, labels: AnyArray) -> Problem:
    """Problem (1) with accounts of these labels as tasks without clean rows; ``victim`` is the problem's estimator.

    A ValueError where Omega is given, since it says nothing of tasks that do not exist yet.
    """
    if victim.task_covariance is not None:
        raise ValueError(
            "attackers of ThreatModel are new tasks, of which the victim's task_covariance says nothing; leave it at "
            "None, or attack through tasks that it has."
        )
    tasks, rows = joined(problem.tasks, labels), problem.rows
    offsets = np.append(rows.offsets, np.full(labels.size, rows.offsets[-1]))
    more = TaskRows(rows.X, rows.y, offsets, shares=rows.shares, weighing=weighing(victim.task_weights, tasks))
    return replace(problem, rows=more, tasks=tasks)


def padded(aim: Aim, accounts: int) -> Aim:
    """The aim as a function of the weights of all tasks; accounts have no part in it."""
    terms = (replace(term, offsets=np.append(term.offsets, np.full(accounts, term.offsets[-1]))) for term in aim.terms)
    return Aim(tuple(terms))
