"""An outsider's attack on any estimator, which shares no code with the package: ``python -m benchmarks.referee``.

A defense is worth what the worst attack leaves of it. The package's own attacks see the package's own gradients, so
that what they miss is missed everywhere. The referee knows an estimator by ``fit`` and its predictions, and has its
own starts, gradients and searches:

1. 24 starts that need no model of the victim (``referee_starts.py``), and the caller's own;
2. an evolution strategy over one or two points that all attacking tasks share (``referee_search.py``);
3. where the victim solves problem (1) on the rows that a filter passes: rounds of quasi-Newton ascent with the filter
   held, judged by the victim itself (``referee_climb.py``), and a start greedy in the linearised effect;
4. starts that join the best tasks of others;
5. random moves from the best rows on, with the last of the fits.

Every fit counts, also those of plans. The rows that do most harm to the reported metric on the targets' training rows
are kept; test rows only measure them.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.referee_climb import Climber, Start, greedy
from benchmarks.referee_game import Array, Game, Injected, Judged, decide
from benchmarks.referee_held import Held, planned_on
from benchmarks.referee_room import shape_of
from benchmarks.referee_search import clusters, wander
from benchmarks.referee_starts import starts as drawn

Rows = tuple[Array, Array, Array]
"""X, y and task."""
CLUSTERS, TOURNAMENT, AT_A_TIME = 0.08, 0.7, 20
"""Shares of the fits of each evolution strategy and of all before the last moves; random moves of a round."""


@dataclass(frozen=True)
class Verdict:
    """The most harmful rows that the referee found.

    Parameters
    ----------
    X, y, task : arrays of shape (r, d), (r,) and (r,)
        The rows, with labels as the estimator knows them.
    metric : "AUC" or "NMSE"
    training, test : float
        It, mean over the targets, on their training rows, and on the test rows if there are some.
    fits, starts : int
        Fits of all kinds, and starts.
    worst : str
        The start that led to the rows.
    seconds : float
    """

    X: Array
    y: Array
    task: Array
    metric: str
    training: float
    test: float | None
    fits: int
    starts: int
    worst: str
    seconds: float


def referee(
    model: Any,
    X: Array,
    y: Array,
    task: Array,
    *,
    targets: Sequence[Any],
    attackers: Sequence[Any],
    budget: float,
    radius: float = 1.0,
    label_range: tuple[float, float] | None = None,
    given: Sequence[Rows] = (),
    stand_ins: Sequence[Any] = (),
    test: Rows | None = None,
    starts: int = 24,
    fits: int = 2000,
    seed: int = 0,
) -> Verdict:
    """Attack a model through the rows of some tasks.

    Parameters
    ----------
    model : unfitted estimator
        With ``fit(X, y, task=task)``, and ``decision_function`` or ``predict``.
    X, y, task : arrays of shape (n, d), (n,) and (n,)
        The clean training rows.
    targets, attackers : task labels
        Whom the attacker wants to hurt, and whose rows she adds to.
    budget : float
        Her rows over a task's clean rows; rounded down to whole rows.
    radius : float, default 1.0
        Of the ball around 0 in which her rows lie.
    label_range : pair of floats, optional
        Of a quantity's labels; by default the range of the task's clean rows.
    given : sequence of (X, y, task)
        Rows to start from too, such as those of another attack; at most as many in each task as she may add.
    stand_ins : sequence of unfitted estimators of (1)
        To plan on where the model is none behind a filter or a rule.
    test : (X, y, task), optional
    starts, fits : int, default 24 and 2000
        Starts beside those given, and fits in all; the last round may need a few more.
    seed : int

    Raises
    ------
    ValueError
        For tasks, budgets or rows that cannot be used, with the argument's name.
    """
    game = Game(
        model, X, y, task, targets=targets, attackers=attackers, budget=budget, radius=radius, label_range=label_range
    )
    if not 1 <= starts <= fits:
        raise ValueError(f"starts must be at least 1 and at most fits; got {starts} starts and {fits} fits.")
    rng, begin = np.random.default_rng(seed), time.perf_counter()
    begun = [Start("given", game.judge(as_injected(game, rows))) for rows in given]
    begun = [replace(each, judged=filled(game, each.judged, rng)) for each in begun]
    source = drawn(game, rng)
    begun += [Start(name, game.judge(rows)) for name, rows in (next(source) for _ in range(starts))]
    climber = _climber(game, begun, stand_ins, rng)
    for points in (1, 2):
        share = CLUSTERS if climber.plans else 2 * CLUSTERS
        begun.append(Start(f"search over {points} points", clusters(game, rng, points, int(share * fits))))
    if climber.plans:
        held = Held(game, begun[0].judged, climber.plans[0], climber.shape)
        begun.append(Start("greedy", game.judge(greedy(held, begun[0].judged.rows, 8, rng))))
    found = tournament(climber, begun, int(TOURNAMENT * fits))
    last = max(found, key=lambda start: start.judged.harm)
    last.take(wander(game, last.judged, fits - game.fits, rng, last.habits))
    return _verdict(game, found, starts + len(given), test, time.perf_counter() - begin)


def _climber(game: Game, begun: list[Start], stand_ins: Sequence[Any], rng: np.random.Generator) -> Climber:
    plans = planned_on(begun[0].judged.model) or list(stand_ins)
    shapes = (shape_of(game, start.judged) for start in begun)
    return Climber(game, rng, plans, next((shape for shape in shapes if shape is not None), None))


def tournament(climber: Climber, begun: list[Start], fits: int) -> list[Start]:
    """Rounds of ever fewer starts, until so many fits are spent; when all are done, mixtures of the best go on."""
    alive, everybody = list(begun), list(begun)
    while climber.game.fits < fits:
        for start in alive:
            if climber.game.fits < fits:
                one_round(climber, start)
        everybody.sort(key=lambda start: -start.judged.smooth)
        new = Start("mixture", climber.game.judge(mixture(climber.game, everybody, climber.rng)))
        everybody.append(new)
        going = sorted((start for start in alive if not start.done), key=lambda start: -start.judged.smooth)
        alive = [new, *going[: max(3, len(going) // 2)]]
    return everybody


def one_round(climber: Climber, start: Start) -> None:
    """A climb, or random moves where climbs brought little or there is nothing to plan on."""
    if climber.plans and start.idle < 2:
        climber.round(start)
        return
    before = start.judged.smooth
    start.take(wander(climber.game, start.judged, AT_A_TIME, climber.rng, start.habits))
    if start.gained_since(before):
        start.reach = 0.5


def mixture(game: Game, ranked: list[Start], rng: np.random.Generator) -> Injected:
    """Each attacking task's rows from one of the best starts: for a target, mostly from that which hurts it most."""
    best = ranked[: max(4, len(ranked) // 3)]
    rows = best[0].judged.rows
    X, y = rows.X.copy(), rows.y.copy()
    for each in np.unique(game.places):
        pick = best[int(rng.integers(len(best)))]
        if each in game.targets and rng.random() < 0.8:
            k = game.targets.index(each)
            pick = max(ranked, key=lambda start: np.nan_to_num(start.judged.by_task[k]))
        own = game.places == each
        X[own], y[own] = pick.judged.rows.X[own], pick.judged.rows.y[own]
    return Injected(X, y, game.places)


def as_injected(game: Game, given: Rows) -> Injected:
    """Rows that somebody else found, ordered as the referee's own; refused where she may not add them."""
    X, y, task = (np.asarray(part) for part in given)
    order = np.concatenate([np.flatnonzero(task == each) for each in game.clean] + [np.zeros(0, dtype=int)])
    fits_in = all(np.count_nonzero(task == each) <= np.count_nonzero(game.places == each) for each in game.clean)
    if order.size != task.size or not fits_in:
        raise ValueError("given must hold rows of attacking tasks only, and no more of each than the budget allows.")
    if not np.linalg.norm(X, axis=1).max(initial=0.0) <= game.radius * (1.0 + 1e-9):
        raise ValueError(f"given must hold rows within the radius, {game.radius:g}.")
    return Injected(X[order].astype(float), game.as_numbers(y[order]), task[order])


def filled(game: Game, judged: Judged, rng: np.random.Generator) -> Judged:
    """Where rows are fewer than she may add, with copies of some, judged again."""
    rows = judged.rows
    if rows.y.size == game.places.size:
        return judged
    model = []
    for each in np.unique(game.places):
        own = np.flatnonzero(rows.task == each)
        need = np.count_nonzero(game.places == each)
        pool = own if own.size else np.arange(rows.y.size)
        model.append(np.concatenate([own, rng.choice(pool, need - own.size)]))
    chosen = np.concatenate(model)
    return game.judge(Injected(rows.X[chosen], np.clip(rows.y[chosen], game.low, game.high), game.places))


def _verdict(game: Game, found: list[Start], starts: int, test: Rows | None, seconds: float) -> Verdict:
    best = game.best
    assert best is not None
    led = max(found, key=lambda start: start.judged.harm)
    metric = (lambda harm: harm) if game.classes is None else (lambda harm: 1.0 - harm)
    measured = None if test is None else metric(measure(game, best.model, test))
    return Verdict(
        best.rows.X, game.as_labels(best.rows.y), best.rows.task, "NMSE" if game.classes is None else "AUC",
        metric(best.harm), measured, game.fits, starts, led.name, seconds,
    )  # fmt: skip


def measure(game: Game, model: Any, test: Rows) -> float:
    """The harm on test rows of the targets."""
    X, y, task = test
    chosen = [np.flatnonzero(task == each) for each in game.targets]
    scores = [decide(model, X[own], task[own]) for own in chosen]
    return game.harm([game.as_numbers(y)[own] for own in chosen], scores)


if __name__ == "__main__":
    from benchmarks.referee_cases import main

    main()
