"""Where the rows of each task and class may lie: one region for all, one a task, or what looks like its own data."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np

from patom.core.arrays import BoolArray, FloatArray, IntArray
from patom.core.exact import exact_array
from patom.core.labels import positions
from patom.core.regions import Intersection, Region, ellipsoid_around, own_data, sphere_around
from patom.models.problem import Problem
from patom.models.settings import require_choice, require_share

Defense = Literal["sphere", "sphere_and_slab", "mahalanobis"]


@dataclass(frozen=True)
class Places:
    """The region of each injected row, by its task and class."""

    regions: tuple[Region, ...]
    number: IntArray | None = None  # which holds a task's rows with y <= 0 and with y > 0, (m, 2); None: one for all

    def of(self, task: int, target: float) -> Region:
        """The region of a task's rows (a position) with that target."""
        return self.regions[0 if self.number is None else self.number[task, int(target > 0.0)]]

    def groups(self, task_index: IntArray, y: FloatArray) -> Iterator[tuple[IntArray | slice, Region]]:
        """Positions of the rows of each region, and the region."""
        if self.number is None:
            yield slice(None), self.regions[0]
            return
        which = self.number[task_index, (y > 0.0).astype(np.int64)]
        order = np.argsort(which, kind="stable")
        found, firsts = np.unique(which[order], return_index=True)
        for k, rows in zip(found, np.split(order, firsts)[1:], strict=True):
            yield rows, self.regions[k]

    def project(self, X: FloatArray, task_index: IntArray, y: FloatArray) -> FloatArray:
        """The nearest allowed rows, shape (r, d)."""
        nearest = np.empty(X.shape)
        for rows, region in self.groups(task_index, y):
            nearest[rows] = region.project(X[rows])
        return nearest

    def contains(self, X: FloatArray, task_index: IntArray, y: FloatArray) -> BoolArray:
        """Which rows are allowed, shape (r,)."""
        inside = np.empty(X.shape[0], dtype=bool)
        for rows, region in self.groups(task_index, y):
            inside[rows] = region.contains(X[rows])
        return inside

    def sample(self, task_index: IntArray, y: FloatArray, d: int, rng: np.random.Generator) -> FloatArray:
        """Rows drawn uniformly from their regions, shape (r, d)."""
        drawn = np.empty((task_index.size, d))
        for rows, region in self.groups(task_index, y):
            drawn[rows] = region.sample(task_index[rows].size, d, rng)
        return drawn


@runtime_checkable
class Rule(Protocol):
    """Regions that depend on the task, or on the victim's clean data."""

    def places(self, problem: Problem, attackers: IntArray) -> Places:
        """The regions of the attacking tasks (positions), whose rows may be injected."""


@runtime_checkable
class RuleWithAccounts(Rule, Protocol):
    """A rule that also says where the rows of new accounts may lie."""

    def of_accounts(self, problem: Problem) -> tuple[Region, ...]:
        """The region of an account's rows; or two, of those with y <= 0 and with y > 0."""


@dataclass(frozen=True)
class ByTask:
    """A region for each attacking task.

    Parameters
    ----------
    regions : mapping of task label to Region, or tuple of such pairs

    Examples
    --------
    >>> from patom import Ball
    >>> ByTask({"a": Ball(1.0), "b": Ball(0.5)}).regions[1]
    ('b', Ball(radius=0.5, centre=0.0))
    """

    regions: tuple[tuple[Hashable, Region], ...]

    def __post_init__(self) -> None:
        pairs = _pairs(self.regions)
        for label, region in pairs:
            if isinstance(region, type) or not isinstance(region, Region):
                raise ValueError(f"regions of ByTask must be regions such as Ball; task {label!r} has {region!r}.")
        labels = [label for label, _ in pairs]
        if not labels:
            raise ValueError("regions of ByTask must name at least one task; got none.")
        if not all(isinstance(label, Hashable) for label in labels) or len(set(labels)) < len(labels):
            raise ValueError(f"regions of ByTask must name each task once, by its label; got {labels!r}.")
        object.__setattr__(self, "regions", pairs)

    def places(self, problem: Problem, attackers: IntArray) -> Places:
        """The given regions; every attacking task must have one."""
        labels = exact_array([label for label, _ in self.regions])
        named = positions(labels, problem.tasks, argument="regions of ByTask")
        missing = np.setdiff1d(attackers, named)
        if missing.size:
            raise ValueError(
                f"regions of ByTask must hold every attacking task; {problem.tasks[missing[0]]!s} has none."
            )
        number = np.zeros((problem.rows.n_tasks, 2), dtype=np.int64)
        number[named] = np.arange(named.size)[:, None]
        return Places(tuple(region for _, region in self.regions), number)

    def of_accounts(self, problem: Problem) -> tuple[Region, ...]:  # noqa: ARG002
        """Accounts have no label that could be named: a ValueError."""
        raise ValueError(
            "regions of ByTask name no region for the accounts of NewTasks; give one region for all attacking tasks."
        )


def _pairs(given: Any) -> tuple[tuple[Any, Any], ...]:
    listed = list(given.items() if isinstance(given, Mapping) else given) if isinstance(given, Iterable) else [given]
    if not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in listed):
        raise ValueError(f"regions of ByTask must be a mapping of task label to region; got {given!r}.")
    return tuple((label, region) for label, region in listed)


@dataclass(frozen=True)
class OwnData:
    """Rows that look like the clean rows of their task and class: what sanitisation defenses let pass.

    Parameters
    ----------
    defense : {"sphere_and_slab", "sphere", "mahalanobis"}, default "sphere_and_slab"
        The set that the defense keeps (Steinhardt, Koh and Liang 2017, section 3.1), around the mean of the task's
        class; the slab lies along the line between the class means. For regression, around the task's mean, without
        a slab.
    quantile : float, default 0.95
        Of the clean rows' own distances; in (0, 1].
    shrinkage : float, default 0.1
        Of the covariance, for "mahalanobis", see ``ellipsoid_around``.
    within : Region, optional
        Another region that the rows must lie in too, such as the paper's ball.

    Notes
    -----
    A class with too few rows for a set of its own takes that of the whole task. Accounts (``NewTasks``) take the set
    around the rows of all tasks.

    Examples
    --------
    >>> OwnData(quantile=0.9).defense
    'sphere_and_slab'
    """

    defense: Defense = "sphere_and_slab"
    quantile: float = 0.95
    shrinkage: float = 0.1
    within: Region | None = None

    def __post_init__(self) -> None:
        require_choice("OwnData", get_args(Defense), defense=self.defense)
        require_share("OwnData", above=True, quantile=self.quantile)
        require_share("OwnData", shrinkage=self.shrinkage)
        if self.within is not None and (isinstance(self.within, type) or not isinstance(self.within, Region)):
            raise ValueError(f"within of OwnData must be a region such as Ball; got {self.within!r}.")

    def places(self, problem: Problem, attackers: IntArray) -> Places:
        """A region for each attacking task and class, from the clean rows; costs a pass over them."""
        rows, margin = problem.rows, problem.loss.margin
        regions: list[Region] = []
        number = np.zeros((rows.n_tasks, 2), dtype=np.int64)
        for i in attackers:
            X, y = (part[rows.offsets[i] : rows.offsets[i + 1]] for part in (rows.X[:, :-1], rows.y))
            own = self._regions(X, y, f"the rows of task {problem.tasks[i]!s}", margin=margin)
            number[i] = len(regions) + np.array([0, len(own) - 1])
            regions.extend(own)
        return Places(tuple(regions), number)

    def of_accounts(self, problem: Problem) -> tuple[Region, ...]:
        """An account's rows look like the clean rows of all tasks together."""
        rows = problem.rows
        return self._regions(rows.X[:, :-1], rows.y, "the rows of all tasks", margin=problem.loss.margin)

    def _regions(self, X: FloatArray, y: FloatArray, whose: str, *, margin: bool) -> tuple[Region, ...]:
        """One region, or one for each class."""
        if not margin:
            return (self._region(X, np.ones(y.size, dtype=bool), whose),)
        return tuple(self._region(X, (y > 0.0) == positive, whose) for positive in (False, True))

    def _region(self, X: FloatArray, chosen: BoolArray, whose: str) -> Region:
        """The set around the chosen rows, where they allow one, or around all rows."""
        why = "there is one row only."
        for own, others in ((X[chosen], X[~chosen]), (X, X[:0])):
            if own.shape[0] > 1:
                try:
                    region = self._around(own, others)
                except ValueError as error:  # too few distinct rows for a set
                    why = str(error)
                else:
                    return region if self.within is None else Intersection(region, self.within)
        raise ValueError(f"region of ThreatModel is OwnData, but {whose} allow no such set: {why}")

    def _around(self, own: FloatArray, others: FloatArray) -> Region:
        if self.defense == "mahalanobis":
            return ellipsoid_around(own, quantile=self.quantile, shrinkage=self.shrinkage)
        distinct = others.shape[0] > 0 and np.any(others.mean(axis=0) != own.mean(axis=0))
        if self.defense == "sphere" or not distinct:
            return sphere_around(own, quantile=self.quantile)
        return own_data(own, others, quantile=self.quantile)
