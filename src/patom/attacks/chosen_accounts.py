"""How many accounts to open: the split of a given number of rows over new tasks that does most harm."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from patom.attacks.adversary.accounts import NewTasks
from patom.attacks.adversary.knowledge import GreyBox
from patom.attacks.adversary.objectives import Availability, Objective
from patom.attacks.adversary.places import Rule
from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.ascent.projected_ascent import ProjectedAscent
from patom.attacks.base import Attack
from patom.attacks.records import Tally
from patom.attacks.result import AttackResult
from patom.core.regions import Ball, Columns, Region
from patom.models.settings import require_at_least

_OWNER = "choose_accounts"
_ATTACK = ProjectedAscent(optimise_labels=True)
_STARTS, _MOVES = 2, 6  # of the short ascent by which a split is judged; the second start is a see-saw


class TriedSplit(NamedTuple):
    """A number of accounts over which the rows were split.

    ``short_ascent`` is the utility that made it worth a full attack or not. ``utility`` is that of the full attack, NaN
    where there was none. Both are as the attacker saw them.
    """

    accounts: int
    short_ascent: float
    utility: float


@dataclass(frozen=True)
class ChosenAccounts:
    """The accounts to open, and how they were found.

    Parameters
    ----------
    accounts : NewTasks
        Their number, and the rows of each.
    utility : float
        Of the full attack through them, as the attacker saw it.
    table : tuple of TriedSplit
        Every split, by its number of accounts.
    result : AttackResult
        The attack through these accounts.
    cost : Tally
        Of everything together.
    """

    accounts: NewTasks
    utility: float
    table: tuple[TriedSplit, ...]
    result: AttackResult
    cost: Tally


def choose_accounts(
    model: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    task: Any = None,
    targets: Any,
    rows: int,
    splits: Iterable[int] | None = None,
    region: Region | Rule = Ball(),  # noqa: B008  (frozen)
    objective: Objective | None = None,
    label_range: tuple[float, float] | None = None,
    columns: Columns | None = None,
    knowledge: GreyBox | None = None,
    trials: int = 3,
    attack: Attack = _ATTACK,
    random_state: int | np.random.Generator | None = None,
) -> ChosenAccounts:
    """Choose over how many new accounts to split a number of rows.

    In problem (1) every account weighs as much as any task, which speaks for many accounts; but one row alone cannot
    force long weights on the model, which two rows on a see-saw can (see ``patom.attacks.draws.see_saw``). Where tasks
    weigh by their rows, little depends on the split. Each split is judged by the beginning of its ascent, 6 moves of
    two starts; the most promising splits are attacked in full, and the best is kept.

    Parameters
    ----------
    model, X, y, task
        As for ``PATOM.poison``.
    targets, region, objective, label_range, columns, knowledge
        As in ``ThreatModel``.
    rows : int
        Rows of all accounts together, at least 1. Each account has ``rows // accounts`` of them or one more.
    splits : whole numbers, optional
        The numbers of accounts to try, from 1 to ``rows``. Default ``ladder(rows)``: ``rows``, half of it, and so on
        to 1.
    trials : int, default 3
        Splits that are attacked in full; all where there are no more.
    attack : attack, default ProjectedAscent(optimise_labels=True)
        The full attack. The short ascents are its beginning if it is a ``ProjectedAscent``, else that of the default.
    random_state : int, Generator or None
        An int goes to every attack as it is.

    Returns
    -------
    ChosenAccounts
        Costs about a quarter of an attack for each split, and ``trials`` attacks. An ascent on more than ten accounts
        is cheapest where all have equally many rows, see ``ProjectedAscent``: where ``accounts`` divides ``rows``.

    Raises
    ------
    ValueError
        For unknown tasks, numbers of accounts that are no whole numbers from 1 to ``rows`` or come twice, a victim
        with a given ``task_covariance``, or as ``PATOM.poison``.
    TypeError
        For a model or an attack of another kind.

    Examples
    --------
    >>> from patom import MTRLRegressor
    >>> from patom.datasets import make_related_tasks
    >>> X, y, task = make_related_tasks(n_tasks=4, n_features=6, random_state=0).train
    >>> aim = {"targets": [0, 1], "rows": 8}
    >>> found = choose_accounts(MTRLRegressor(0.01, 0.01), X, y, task=task, **aim, random_state=0)
    >>> [tried.accounts for tried in found.table], found.accounts
    ([1, 2, 4, 8], NewTasks(accounts=4, rows=2))
    """
    require_at_least(_OWNER, 1, whole=True, rows=rows, trials=trials)
    rows = int(rows)
    numbers = ladder(rows) if splits is None else _checked(splits, rows)
    if not isinstance(attack, Attack):
        raise TypeError(f"attack of {_OWNER} must be an attack such as ProjectedAscent(); got {attack!r}.")
    if not isinstance(random_state, int | np.integer):
        random_state = int(np.random.default_rng(random_state).integers(2**32))
    aim = Availability() if objective is None else objective
    threats = [
        ThreatModel(targets, (split_evenly(rows, k),), None, region, aim, label_range, columns, knowledge)
        for k in numbers
    ]
    ascent = attack if isinstance(attack, ProjectedAscent) else _ATTACK
    short = replace(ascent, n_starts=min(_STARTS, ascent.n_starts), max_iter=min(_MOVES, ascent.max_iter))

    def by(method: Attack, i: int) -> AttackResult:
        return method.poison(model, X, y, task=task, threat=threats[i], random_state=random_state)

    begun = [by(short, i) for i in range(len(numbers))]
    promises = [result.known_utility for result in begun]
    promising = np.argsort(-np.array(promises), kind="stable")[:trials]
    found = {i: by(attack, i) for i in sorted(promising.tolist())}
    reached = [found[i].known_utility if i in found else float("nan") for i in range(len(numbers))]
    best = int(np.nanargmax(reached))
    cost = sum((result.cost for result in (*begun, *found.values())), Tally())
    table = tuple(map(TriedSplit, numbers, promises, reached))
    return ChosenAccounts(split_evenly(rows, numbers[best]), reached[best], table, found[best], cost)


def ladder(rows: int) -> list[int]:
    """Numbers of accounts, ascending: as many as rows, half as many, and so on to one.

    >>> ladder(30)
    [1, 2, 4, 8, 15, 30]
    """
    return [1] if rows == 1 else [*ladder((rows + 1) // 2), rows]


def split_evenly(rows: int, accounts: int) -> NewTasks:
    """So many rows over so many accounts: none has over one more than another, and those that have come first.

    >>> split_evenly(6, 3), split_evenly(5, 3)
    (NewTasks(accounts=3, rows=2), NewTasks(accounts=3, rows=(2, 2, 1)))
    """
    each, over = divmod(rows, accounts)
    return NewTasks(accounts, (each + 1,) * over + (each,) * (accounts - over) if over else each)


def _checked(splits: Any, rows: int) -> list[int]:
    """The numbers of accounts, ascending."""
    if isinstance(splits, str | bytes) or not isinstance(splits, Iterable) or getattr(splits, "ndim", 1) == 0:
        raise ValueError(f"splits of {_OWNER} must be a list of whole numbers of accounts; got {splits!r}.")
    numbers = list(splits)
    if not numbers:
        raise ValueError(f"splits of {_OWNER} must have at least one number of accounts; got none.")
    for place, number in enumerate(numbers):
        named: dict[str, Any] = {f"splits[{place}]": number}
        require_at_least(_OWNER, 1, whole=True, **named)
        if number > rows:
            raise ValueError(f"splits[{place}] of {_OWNER} must be at most rows, {rows}; got {number!r}.")
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"splits of {_OWNER} must have each number once; got {numbers!r}.")
    return sorted(int(number) for number in numbers)
