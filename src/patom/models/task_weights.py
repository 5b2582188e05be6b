"""The estimators' setting ``task_weights``: what a task's loss weighs in problem (1)."""

import warnings
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from patom.core.arrays import AnyArray, FloatArray
from patom.core.exact import exact_array, exact_value
from patom.core.labels import places, positions
from patom.core.task_weights import ByRows, TaskWeights, UpTo
from patom.models.settings import require_at_least, require_choice


@dataclass(frozen=True)
class Capped:
    """A task's loss weighs min(1, n_i/n_0): in full from n_0 rows on, less with fewer rows.

    An attacker who opens accounts then gains no more than their rows: k accounts of n rows weigh k n/n_0. Where honest
    tasks have few rows themselves, there is little between them and an account, and a cap helps little. (A rule of the
    same name, ``patom.defenses.Capped``, caps the eigenvalues of Omega and is for ``Coupled``.)

    Parameters
    ----------
    n_0 : float, or mapping of task label to float
        Rows from which a task has a full weight, above 0; a number for all tasks, or one a task: more for tasks that
        are young or not trusted, less for those that are.
    others : float, optional
        For tasks that the mapping does not name, such as those that join later; None refuses them.

    Raises
    ------
    ValueError
        A number is not above 0, or ``others`` stands beside a number for all. ``fit`` warns of a name that is no task.

    Examples
    --------
    >>> Capped(50)
    Capped(n_0=50, others=None)
    >>> Capped({"a": 10}, others=100).others
    100
    """

    n_0: float | tuple[tuple[Hashable, float], ...]
    others: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.n_0, Mapping):
            object.__setattr__(self, "n_0", tuple((exact_value(task), rows) for task, rows in self.n_0.items()))
        if not isinstance(self.n_0, tuple):
            require_at_least("Capped", 0.0, strict=True, n_0=self.n_0)
            if self.others is not None:
                raise ValueError(f"others of Capped is for a mapping n_0; here n_0 is {self.n_0!r} for all tasks.")
            return
        if not self.n_0:
            raise ValueError("n_0 of Capped must name one task at least; got an empty mapping.")
        for task, rows in self.n_0:
            named: dict[str, Any] = {f"n_0[{task!r}]": rows}
            require_at_least("Capped", 0.0, strict=True, **named)
        if self.others is not None:
            require_at_least("Capped", 0.0, strict=True, others=self.others)

    def up_to(self, tasks: AnyArray) -> UpTo:
        """The weights of these tasks, by their labels, shape (m,)."""
        if not isinstance(self.n_0, tuple):
            return UpTo(float(self.n_0))
        named = exact_array([task for task, _ in self.n_0])
        strangers = named[places(named, tasks) < 0]
        if strangers.size:
            warnings.warn(
                f"n_0 of Capped names {strangers[0]!s}, which is no task of the training rows: check its spelling.",
                UserWarning,
                stacklevel=4,
            )
        known = positions(tasks, named, argument="task", unseen=True)
        if self.others is None and (known < 0).any():
            raise ValueError(
                f"n_0 of Capped names no number for task {tasks[known < 0][0]!s}, and others is None; give one of them."
            )
        least: FloatArray = np.array([rows for _, rows in self.n_0], dtype=np.float64)
        return UpTo(np.where(known < 0, 1.0 if self.others is None else self.others, least[known]))


Setting = Literal["tasks", "rows"] | Capped
_NAMED = ("tasks", "rows")


def require_task_weights(owner: str, setting: Any) -> None:
    """Refuse what ``weighing`` does not know."""
    if not isinstance(setting, Capped):
        if not isinstance(setting, str):
            raise ValueError(f"task_weights of {owner} must be 'tasks', 'rows' or patom.Capped(n_0); got {setting!r}.")
        require_choice(owner, _NAMED, task_weights=setting)


def weighing(setting: Setting, tasks: AnyArray) -> TaskWeights | None:
    """How the core weighs tasks of these labels; None where each weighs 1."""
    if isinstance(setting, Capped):
        return setting.up_to(tasks)
    return ByRows() if setting == "rows" else None
