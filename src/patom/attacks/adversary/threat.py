"""The threat model: what the attacker wants, what she knows, and what she may inject where."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from patom.attacks.adversary.accounts import NewTasks
from patom.attacks.adversary.knowledge import GreyBox
from patom.attacks.adversary.objectives import Availability, Objective
from patom.attacks.adversary.places import Rule
from patom.core.arrays import AnyArray, IntArray
from patom.core.exact import exact_array, exact_value
from patom.core.grouped import whole_rows
from patom.core.labels import positions
from patom.core.regions import Ball, Columns, Region
from patom.models.reading import require_shown
from patom.models.settings import require_at_least
from patom.results.methods import Reach


@dataclass(frozen=True)
class ThreatModel:
    """What an attacker wants, knows and may do (paper, section 4.1).

    Parameters
    ----------
    targets : task labels
        The tasks that she wants to hurt. One label or several.
    attackers : task labels or NewTasks
        The tasks into which she can inject rows; accounts that she opens (``NewTasks``); or both in one list.
    budget : float, optional
        Injected rows of an attacking task over its clean rows, above 0; the number is rounded down. Needed where
        ``attackers`` names tasks; rows of accounts are given by ``NewTasks``.
    region : Region or Rule, default Ball(radius=1.0)
        Where the features of injected rows must lie, in the units of X: a ``Ball``, ``Box``, ``Ellipsoid`` or
        ``Slab``, features that cannot change (``Fixed``), an ``Intersection`` of these, or any convex set with the
        methods of ``patom.core.regions.Region``; for all attacking tasks, or one for each (``ByTask``), or what
        looks like the task's own data (``OwnData``).
    objective : Objective, default Availability()
        What she maximises: the targets' loss, or predictions on chosen rows (``Targeted``), with or without
        ``Sparing`` the other tasks.
    label_range : pair of floats, optional
        Smallest and largest target of an injected row, for regression; None for those of the task's clean rows, of an
        account those of all clean rows. A classifier's injected rows have one of its two classes.
    columns : Columns, optional
        Columns of whole numbers and one-hot groups. Attacks ignore them on the way and round at the end.
    knowledge : GreyBox, optional
        What she knows of the victim; None for everything (white box).

    Raises
    ------
    ValueError
        For an empty or repeated list of tasks, a budget that is not above 0, or none where one is needed.

    Examples
    --------
    >>> ThreatModel(targets=["a", "b"], attackers=["c"], budget=0.2).kind
    'indirect'
    >>> ThreatModel(targets=["a", "b"], attackers=NewTasks(accounts=10, rows=3)).kind
    'indirect'
    """

    targets: tuple[Hashable, ...]
    attackers: tuple[Hashable, ...]
    budget: float | None = None
    region: Region | Rule = field(default_factory=Ball)
    objective: Objective = field(default_factory=Availability)
    label_range: tuple[float, float] | None = None
    columns: Columns | None = None
    knowledge: GreyBox | None = None

    def __post_init__(self) -> None:
        for name in ("targets", "attackers"):
            require_shown(**{f"{name} of ThreatModel": getattr(self, name)})
            labels = _as_tuple(getattr(self, name))
            if not labels:
                raise ValueError(f"{name} of ThreatModel must name at least one task; got none.")
            if not all(isinstance(label, Hashable) for label in labels):
                raise TypeError(f"{name} of ThreatModel must be task labels, one or a flat list; got {labels!r}.")
            if len(set(labels)) < len(labels):
                raise ValueError(f"{name} of ThreatModel must name each task once; got {labels!r}.")
            object.__setattr__(self, name, labels)
        self._check_attackers()
        self._require("region", "a region such as Ball", Region, Rule)
        self._require("objective", "an objective such as Availability()", Objective)
        if self.columns is not None:
            self._require("columns", "a Columns", Columns)
        if self.knowledge is not None:
            self._require("knowledge", "a GreyBox", GreyBox)
        if self.label_range is not None:
            object.__setattr__(self, "label_range", _bounds(self.label_range))

    def _check_attackers(self) -> None:
        if sum(isinstance(each, NewTasks) for each in self.attackers) > 1:
            raise ValueError("attackers of ThreatModel must hold one NewTasks at most; give all accounts in one.")
        if any(isinstance(each, NewTasks) for each in self.targets):
            raise ValueError("targets of ThreatModel must be tasks with clean rows; NewTasks have none.")
        if self.old_attackers and self.budget is None:
            raise ValueError("budget of ThreatModel must say how many rows go into the attacking tasks; got None.")
        if self.old_attackers:
            require_at_least("ThreatModel", 0.0, strict=True, budget=self.budget)
        elif self.budget is not None:
            raise ValueError(
                f"budget of ThreatModel is for attacking tasks that exist; got {self.budget!r}. Rows of new tasks are "
                "NewTasks(accounts, rows)."
            )

    @property
    def accounts(self) -> NewTasks | None:
        """The accounts that she opens."""
        return next((each for each in self.attackers if isinstance(each, NewTasks)), None)

    @property
    def old_attackers(self) -> tuple[Hashable, ...]:
        """The attacking tasks that exist without her."""
        return tuple(each for each in self.attackers if not isinstance(each, NewTasks))

    def _require(self, name: str, what: str, *kinds: type) -> None:
        value = getattr(self, name)
        if isinstance(value, type) or not isinstance(value, kinds):
            raise ValueError(f"{name} of ThreatModel must be {what}; got {value!r}.")

    @property
    def kind(self) -> str:
        """Direct: targets and attackers are the same tasks. Indirect: no task is both. Hybrid: otherwise."""
        return Reach.between(self.targets, self.attackers).value

    def target_positions(self, tasks: AnyArray) -> IntArray:
        """Positions of the target tasks among ``tasks``, shape (m,)."""
        return _positions(self.targets, tasks, "targets of ThreatModel")

    def attacker_positions(self, tasks: AnyArray) -> IntArray:
        """Positions among ``tasks``, shape (m,), of the attacking tasks that exist without her."""
        return _positions(self.old_attackers, tasks, "attackers of ThreatModel")

    def injected_counts(self, clean_counts: IntArray) -> IntArray:
        """Rows to inject into each attacking task, the budget times its clean rows, rounded down.

        >>> ThreatModel(targets=[0], attackers=[0, 1], budget=0.3).injected_counts(np.array([10, 3]))
        array([3, 0])
        """
        if self.budget is None:
            return np.zeros(0, dtype=np.int64)
        counts = whole_rows(self.budget * clean_counts)
        if not counts.any() and self.accounts is None:
            raise ValueError(
                f"budget of ThreatModel rounds to no rows: {self.budget} of at most {clean_counts.max()} clean rows in "
                f"an attacking task; the smallest budget that injects a row is {1.0 / clean_counts.max():.3g}."
            )
        return counts


def _as_tuple(labels: Any) -> tuple[Hashable, ...]:
    if isinstance(labels, str | bytes) or not isinstance(labels, Iterable) or getattr(labels, "ndim", 1) == 0:
        labels = [labels]
    return tuple(exact_value(label) for label in labels)


def _bounds(given: Any) -> tuple[float, float]:
    try:
        low, high = (float(value) for value in given)
    except (TypeError, ValueError):
        raise ValueError(f"label_range of ThreatModel must be a pair of numbers; got {given!r}.") from None
    if not (np.isfinite(low) and np.isfinite(high) and low <= high):
        raise ValueError(f"label_range of ThreatModel must be finite, the smaller number first; got {given!r}.")
    return low, high


def _positions(labels: tuple[Hashable, ...], tasks: AnyArray, argument: str) -> IntArray:
    return positions(exact_array(labels), tasks, argument=argument) if labels else np.zeros(0, dtype=np.int64)
