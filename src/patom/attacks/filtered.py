"""The lower level of a victim with a filter: problem (1) on the rows that pass it."""

from dataclasses import dataclass

import numpy as np

from patom.attacks.adversary.places import Places
from patom.attacks.injection import Injection
from patom.core.arrays import BoolArray, FloatArray, IntArray
from patom.core.regions import Region
from patom.core.rows import TaskRows, group_rows
from patom.defenses.filters.sanitiser import Sanitiser, checked_rows

_ROUNDS = 20  # of cyclic projections


@dataclass(frozen=True)
class Passed:
    """What a filter lets pass of clean and injected rows together.

    Parameters
    ----------
    rows : TaskRows
        Those that pass.
    clean, injected : arrays of bool, shapes (n,) and (r,)
        Which of the clean rows, in the order of the problem, and of the injected ones those are.
    X : array of shape (r, d)
        The injected rows' features as the filter leaves them.
    """

    rows: TaskRows
    clean: BoolArray
    injected: BoolArray
    X: FloatArray


@dataclass(frozen=True)
class Near:
    """A region's rows that lie near some other regions too, which need not meet it.

    Cyclic projections, the region's last: cheap, never without an answer, and close enough where the filter has the
    last word anyway.
    """

    region: Region
    others: tuple[Region, ...]

    def project(self, X: FloatArray) -> FloatArray:
        """Rows of the region, from projections in turn."""
        for _ in range(_ROUNDS):
            for other in (*self.others, self.region):
                X = other.project(X)
            if all(other.contains(X).all() for other in self.others):
                break
        return X

    def contains(self, X: FloatArray) -> BoolArray:
        """Which rows lie in the region."""
        return self.region.contains(X)

    def sample(self, n: int, d: int, rng: np.random.Generator) -> FloatArray:
        """Rows drawn from the region and projected."""
        return self.project(self.region.sample(n, d, rng))


def passed(sanitiser: Sanitiser, clean: TaskRows, injection: Injection | None) -> Passed:
    """Filter clean and injected rows together, as the victim does; costs what the filter costs."""
    X, y, task_index = clean.X[:, :-1], clean.y, clean.task_index
    if injection is not None:
        X, y, task_index = _together(clean, injection)
    found = sanitiser.keep(X, y, task_index)
    kept, X = found.kept, X if found.X is None else found.X
    rows = group_rows(X[kept], y[kept], task_index[kept], clean.n_tasks)
    return Passed(rows, kept[: clean.y.size], kept[clean.y.size :], X[clean.y.size :])


def pulled_back(sanitiser: Sanitiser, clean: TaskRows, injection: Injection, slopes: FloatArray) -> FloatArray:
    """Derivatives by the injected rows, shape (r, d), from those by the rows as the filter leaves them."""
    rows = checked_rows(*_together(clean, injection))
    everywhere = np.concatenate([np.zeros((clean.y.size, slopes.shape[1])), slopes])
    return sanitiser.pulled_back(rows, everywhere)[clean.y.size :]


def narrowed(sanitiser: Sanitiser, places: Places, clean: TaskRows, injection: Injection) -> Places:
    """Where injected rows may lie, and would pass the filter as it stands with this injection.

    Thresholds and centres move with the rows: what passes is up to the filter, this is only where to look.
    """
    X, y, task_index = _together(clean, injection)
    rows = checked_rows(X, y, task_index)
    attacked = np.isin(rows.task_index, injection.task_index)
    number = np.zeros((clean.n_tasks, 2), dtype=np.int64) if places.number is None else places.number.copy()
    regions = list(places.regions)
    for group, passes in zip(rows.groups(), sanitiser.regions(rows), strict=True):
        if not passes or not attacked[group[0]]:
            continue
        task, sides = rows.task_index[group[0]], [int(y[group[0]] > 0.0)] if rows.classes else [0, 1]
        for side in sides:
            near = Near(places.regions[number[task, side]], passes)
            number[task, side] = len(regions)
            regions.append(near)
    return Places(tuple(regions), number)


def _together(clean: TaskRows, injection: Injection) -> tuple[FloatArray, FloatArray, IntArray]:
    """Features, targets and tasks of clean rows and injected ones, in this order."""
    X, y = np.concatenate([clean.X[:, :-1], injection.X]), np.append(clean.y, injection.y)
    return X, y, np.append(clean.task_index, injection.task_index)
