"""Which tasks to attack: the best k, by a greedy search on the exact gradient or by trying all subsets."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_consistent_length

from patom.attacks.adversary.knowledge import GreyBox
from patom.attacks.adversary.objectives import Availability, Objective
from patom.attacks.adversary.places import Rule
from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.ascent.climb import Climb
from patom.attacks.ascent.placement import effects
from patom.attacks.ascent.projected_ascent import ProjectedAscent
from patom.attacks.ascent.spectral import typical_distance
from patom.attacks.base import Attack
from patom.attacks.baselines.influence import most_effective
from patom.attacks.draws import draw
from patom.attacks.gradients import ROUGH, adjoint
from patom.attacks.injection import Injection, stacked
from patom.attacks.program import Bilevel, bilevel
from patom.attacks.records import Tally
from patom.attacks.result import AttackResult
from patom.core.arrays import FloatArray
from patom.core.exact import exact_array
from patom.core.labels import as_labels, encode, positions
from patom.core.regions import Ball, Columns, Region
from patom.models.reading import require_shown
from patom.models.settings import require_at_least, require_choice
from patom.models.threads import one_blas_thread

Search = Literal["greedy", "exhaustive"]
_OWNER = "choose_attackers"
_MOVES = 8  # of a trial's ascent
_STEPS = 30  # of the climb to where rows seem best, which needs no fit


class Tried(NamedTuple):
    """A set of tasks that was attacked.

    ``utility`` is what the attacker saw. ``first_order``, for the last task, is the rise that made it worth a trial;
    NaN in an exhaustive search.
    """

    attackers: tuple[Hashable, ...]
    utility: float
    first_order: float


@dataclass(frozen=True)
class ChosenAttackers:
    """The tasks to attack, and how they were found.

    Parameters
    ----------
    attackers : tuple of k task labels
        In the order chosen; in that of the tasks where all subsets were tried.
    utilities : array of shape (k,), or (1,) from an exhaustive search
        After each choice, as the attacker saw it at the end of the trial; of the best subset.
    table : tuple of Tried
        Every set that was attacked, in the order tried.
    result : AttackResult
        The attack on the chosen tasks.
    method : {"greedy", "exhaustive"}
    cost : Tally
        Of everything together.
    """

    attackers: tuple[Hashable, ...]
    utilities: FloatArray
    table: tuple[Tried, ...]
    result: AttackResult
    method: Search
    cost: Tally


def choose_attackers(
    model: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    task: Any = None,
    targets: Any,
    k: int,
    candidates: Iterable[Hashable] | None = None,
    budget: float,
    region: Region | Rule = Ball(),  # noqa: B008  (frozen)
    objective: Objective | None = None,
    label_range: tuple[float, float] | None = None,
    columns: Columns | None = None,
    knowledge: GreyBox | None = None,
    method: Search = "greedy",
    trials: int = 3,
    attack: Attack = ProjectedAscent(),  # noqa: B008  (frozen)
    random_state: int | np.random.Generator | None = None,
) -> ChosenAttackers:
    """Choose the k tasks through which the attacker does most harm.

    The greedy search adds one task at a time. One linear system at the optimum under the rows so far gives v, and
    with it the first-order effect of any row in any task (Koh and Liang 2017, see ``Influence``); each candidate's
    rows climb it to where they seem best, the most promising candidates are tried by a short ascent of their rows
    and the earlier ones together, and the best is kept. First-order effects alone choose badly where candidates are
    close: they ignore how the model reacts.

    Parameters
    ----------
    model, X, y, task
        As for ``PATOM.poison``.
    targets, budget, region, objective, label_range, columns, knowledge
        As in ``ThreatModel``; the budget is each attacking task's own.
    k : int
        How many tasks she can inject into.
    candidates : task labels, optional
        Among which; default all tasks. All but the targets give indirect attacks.
    method : {"greedy", "exhaustive"}, default "greedy"
        Or attack every subset of k candidates.
    trials : int, default 3
        Candidates that the greedy search tries at each choice.
    attack : attack, default ProjectedAscent()
        Of the exhaustive search, and of the final set in either. The greedy search's trials take its gradient,
        labels and starting rows if it is a ``ProjectedAscent``, else those of the default.
    random_state : int, Generator or None
        An int goes to every attack as it is.

    Returns
    -------
    ChosenAttackers
        Greedy costs k linear systems, k times ``trials`` ascents of 8 moves and one attack; exhaustive an attack for
        each of the m!/(k!(m - k)!) subsets of m candidates.

    Raises
    ------
    ValueError
        For unknown tasks, a k above the number of candidates whose budget amounts to a row, or as ``PATOM.poison``.

    Examples
    --------
    >>> from patom import MTRLRegressor
    >>> from patom.datasets import make_related_tasks
    >>> X, y, task = make_related_tasks(n_tasks=4, n_groups=2, similarity=1.0, n_features=3).train
    >>> aim = {"targets": [0], "candidates": [1, 2, 3], "k": 1, "budget": 0.2}
    >>> found = choose_attackers(MTRLRegressor(0.01, 0.01), X, y, task=task, **aim, random_state=0)
    >>> found.attackers  # the other task of the target's group
    (1,)
    """
    require_choice(_OWNER, get_args(Search), method=method)
    require_at_least(_OWNER, 1, whole=True, k=k, trials=trials)
    check_consistent_length(X, y)
    tasks, _ = encode(as_labels(task, np.shape(y)[0]))
    among: Any = tasks if candidates is None else candidates
    everybody = ThreatModel(
        targets, among, budget, region,
        Availability() if objective is None else objective, label_range, columns, knowledge,
    )  # fmt: skip
    require_shown(**{f"candidates of {_OWNER}": everybody.attackers})
    positions(exact_array(everybody.attackers), tasks, argument=f"candidates of {_OWNER}")  # refuses unknown tasks
    program = bilevel(model, X, y, task, everybody)
    if k > program.attackers.size:
        most = f"{program.attackers.size}, the candidates whose budget amounts to a row"
        raise ValueError(f"k of {_OWNER} must be at most {most}; got {k}.")
    if not isinstance(random_state, int | np.integer):
        random_state = int(np.random.default_rng(random_state).integers(2**32))

    def poison(attackers: tuple[Hashable, ...]) -> AttackResult:
        threat = replace(everybody, attackers=attackers)
        return attack.poison(model, X, y, task=task, threat=threat, random_state=random_state)

    if method == "exhaustive":
        return _exhaustive(program.problem.tasks[program.attackers].tolist(), k, poison)
    ascent = attack if isinstance(attack, ProjectedAscent) else ProjectedAscent()
    with one_blas_thread():
        table, kept = _greedy(program, k, trials, ascent, np.random.default_rng(random_state))
    result = poison(table[kept[-1]].attackers)
    utilities, cost = np.array([table[number].utility for number in kept]), program.tally + result.cost
    return ChosenAttackers(result.threat.attackers, utilities, tuple(table), result, method, cost)


def first_order_rises(program: Bilevel, W: FloatArray, v: FloatArray, rows: Injection) -> FloatArray:
    """The utility's first-order rise by the rows of each task alone, shape (m,), for tasks without injected rows yet.

    With ``c`` rows task i's part of grad f goes from g_i to (n_i g_i + sum_j l'(w_i'x_j, y_j) x_j)/(n_i + c) at the
    present ``W``, and the utility moves by -<v, that change>: c clean rows' worth of g_i is taken out.
    """
    clean = program.lower.term(None).value_and_gradient(W)[1]
    injected = np.bincount(rows.task_index, minlength=W.shape[0])
    gained = np.bincount(rows.task_index, effects(program, W, v, rows), minlength=W.shape[0])
    share = injected / (program.problem.rows.counts + injected)
    return np.asarray(gained + share * np.einsum("mp,mp->m", clean, v))


def _greedy(
    program: Bilevel, k: int, trials: int, ascent: ProjectedAscent, rng: np.random.Generator
) -> tuple[list[Tried], list[int]]:
    """Every trial, and which of them were kept."""
    drawn = draw(program, ascent.features, ascent.labels, rng)
    size, W = typical_distance(program, drawn, rng), program.solve(None).W
    here = _of_tasks(drawn, [])
    table: list[Tried] = []
    chosen: list[int] = []
    kept: list[int] = []
    while len(chosen) < k:
        left = np.setdiff1d(program.attackers, chosen)
        v = adjoint(program, here, W, accuracy=ROUGH)[0].v
        placed = most_effective(program, W, v, _of_tasks(drawn, left), size, _STEPS)
        rises = first_order_rises(program, W, v, placed)
        tried = left[np.argsort(-rises[left], kind="stable")[:trials]]
        runs = [
            Climb(program, size, ascent.gradient, labels=ascent.optimise_labels, per_row=True)
            .begin(stacked([here, _of_tasks(placed, i)]), W)
            .on(_MOVES)
            .record
            for i in tried
        ]
        best = int(np.argmax([run.utility for run in runs]))
        kept.append(len(table) + best)
        table += [
            Tried(tuple(program.problem.tasks[[*chosen, i]].tolist()), run.utility, float(rises[i]))
            for i, run in zip(tried, runs, strict=True)
        ]
        here, chosen = runs[best].injection, [*chosen, int(tried[best])]
        if len(chosen) < k:
            W = program.solve(here, start=W).W
    return table, kept


def _exhaustive(
    candidates: list[Hashable], k: int, poison: Callable[[tuple[Hashable, ...]], AttackResult]
) -> ChosenAttackers:
    table: list[Tried] = []
    tallies: list[Tally] = []
    highest = -np.inf
    for attackers in combinations(candidates, k):
        result = poison(attackers)
        utility = result.known_utility
        if utility > highest:
            best, highest = result, utility
        table.append(Tried(attackers, utility, float("nan")))
        tallies.append(result.cost)
    cost = sum(tallies, Tally())
    return ChosenAttackers(best.threat.attackers, np.array([highest]), tuple(table), best, "exhaustive", cost)


def _of_tasks(rows: Injection, tasks: npt.ArrayLike) -> Injection:
    return rows.chosen(np.isin(rows.task_index, tasks))
