"""The referee's climb: plan with the filter held, judge by the attacked model, look again at what passes, repeat."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.optimize import minimize

from benchmarks.referee_game import Array, Game, Injected, Judged
from benchmarks.referee_held import Held, Point
from benchmarks.referee_search import Habits

ANGLES, RADII = 24, (0.3, 0.6, 1.0)
LITTLE = 0.003
"""A relative gain of a round that counts as none."""


@dataclass
class Start:
    """Rows on their way: those judged worst, how far a climb may move them, and rounds in a row that brought little."""

    name: str
    judged: Judged
    reach: float = 1.0
    idle: int = 0
    rounds: int = 0
    habits: Habits = field(default_factory=Habits)

    def take(self, judged: Judged) -> bool:
        """Take these rows if they do more harm."""
        better = judged.smooth > self.judged.smooth
        if better:
            self.judged = judged
        return better

    def gained_since(self, before: float) -> bool:
        """Note a round that began at this utility, and say whether it brought much."""
        gained = self.judged.smooth - before > LITTLE * max(before, 0.1)
        self.idle, self.rounds = (0 if gained else self.idle + 1), self.rounds + 1
        return gained

    @property
    def done(self) -> bool:
        """Whether further rounds promise nothing."""
        return self.idle > 5


@dataclass(frozen=True)
class Climber:
    """Rounds of a start. ``plans`` are unfitted estimators of (1), which rounds plan on in turn."""

    game: Game
    rng: np.random.Generator
    plans: Sequence[Any]
    shape: Array | None

    def round(self, start: Start) -> None:
        """Rows that do not pass go elsewhere, then all climb; after an idle round the least useful are placed anew."""
        before, plan = start.judged.smooth, self.plans[start.rounds % len(self.plans)]
        self._bring_back(start)
        if start.idle:
            held = Held(self.game, start.judged, plan, self.shape)
            for free in (True, False):
                mine = self._passing(start.judged)
                if mine.any():
                    self._try(start, placed_anew(held, start.judged.rows, mine, 0.5 / start.idle, free, self.rng))
        held = Held(self.game, start.judged, plan, self.shape)
        steps = 10 if start.rounds < 2 else 20
        better = self._try(start, climb(held, start.judged, self._passing(start.judged), start.reach, steps))
        start.reach = min(2.0, 2.0 * start.reach) if better else 0.3 * start.reach
        start.gained_since(before)

    def _passing(self, judged: Judged) -> Array:
        return judged.passed[self.game.X.shape[0] :]

    def _try(self, start: Start, rows: Injected) -> bool:
        """Judge these rows and, if they are no gain, again with those back in place that do not pass any more."""
        old, judged = start.judged, self.game.judge(rows)
        if start.take(judged):
            return True
        lost = self._passing(old) & ~self._passing(judged)
        if not lost.any():
            return False
        X = np.where(lost[:, None], old.rows.X, rows.X)
        return start.take(self.game.judge(Injected(X, np.where(lost, old.rows.y, rows.y), rows.task)))

    def _bring_back(self, start: Start) -> None:
        """Rows that do not pass become copies of rows of their task that do, or get the other class."""
        passing, rows = self._passing(start.judged), start.judged.rows
        if passing.all() or not passing.any():
            return
        model = np.arange(rows.y.size)
        for k in np.flatnonzero(~passing):
            near = np.flatnonzero(passing & (rows.task == rows.task[k]))
            model[k] = self.rng.choice(near if near.size else np.flatnonzero(passing))
        start.take(self.game.judge(Injected(rows.X[model], _clipped(rows.y[model], self.game), rows.task)))
        if self.game.classes is not None:
            start.take(self.game.judge(replace(rows, y=np.where(passing, rows.y, -rows.y))))


def _clipped(y: Array, game: Game) -> Array:
    return np.clip(y, game.low, game.high)


def climb(held: Held, judged: Judged, mine: Array, reach: float, steps: int) -> Injected:
    """L-BFGS on the rows that pass, features and a quantity's labels, each at most ``reach`` away; the best it met."""
    game, rows, d = held.game, judged.rows, held.game.X.shape[1]
    if not mine.any():
        return rows
    task, low, half = rows.task[mine], game.low[mine], 0.5 * (game.high - game.low)[mine]
    quantity, size = game.classes is None, d * task.size
    begin = held.room.inside(judged.moved[game.X.shape[0] :][mine]).ravel()
    if quantity:  # labels from -1 to +1
        begin = np.append(begin, np.clip((rows.y[mine] - low) / np.where(half > 0.0, half, 1.0) - 1.0, -1.0, 1.0))
    best = (-np.inf, rows.X[mine], rows.y[mine])
    scale = 0.0

    def minus(free: Array) -> tuple[float, Array]:
        nonlocal best, scale
        X, back = held.room.rows(free[:size].reshape(-1, d))
        y = low + half * (1.0 + free[size:]) if quantity else rows.y[mine]
        point = held.at(Injected(X, y, task))
        if point.value > best[0]:
            best = (point.value, X, y)
        slope = np.append(back(point.by_features).ravel(), half * point.by_labels if quantity else [])
        if scale == 0.0 and slope.any():  # the first step is as long as the slope
            scale = 0.3 * reach * np.sqrt(task.size) / float(np.linalg.norm(slope))
        return -scale * point.value, -scale * slope

    ends = np.stack([begin - reach, begin + reach], axis=1)
    ends[size:] = ends[size:].clip(-1.0, 1.0)
    minimize(minus, begin, jac=True, method="L-BFGS-B", bounds=ends, options={"maxfun": steps, "maxcor": 10})
    X, y = rows.X.copy(), rows.y.copy()
    X[mine], y[mine] = best[1:]
    return Injected(X, y, rows.task)


def placed_anew(
    held: Held, rows: Injected, mine: Array, share: float, free: bool, rng: np.random.Generator
) -> Injected:
    """The share of the rows whose linearised effect lags most, and those that do not pass first, at their best places.

    ``free``: with either end of the labels, otherwise only rows that have one, with it.
    """
    now = Injected(rows.X[mine], rows.y[mine], rows.task[mine])
    point = held.at(now)
    effect, placed = best_places(held, point, rows, free)
    lag = np.where(np.isneginf(effect), -np.inf, np.inf)
    lag[mine] = effect[mine] - effects(held, point, now)
    chosen = np.argsort(-lag)[: max(1, int(share * lag.size))]
    chosen = chosen[lag[chosen] > -np.inf]
    X, y = rows.X.copy(), rows.y.copy()
    X[chosen], y[chosen] = _apart(held, placed.X[chosen], rng), placed.y[chosen]
    return Injected(X, y, rows.task)


def greedy(held: Held, rows: Injected, blocks: int, rng: np.random.Generator) -> Injected:
    """Rows placed in blocks, each where the linearised effect is largest beside the blocks before it."""
    turn = np.arange(rows.y.size) % blocks
    X, y = rows.X.copy(), rows.y.copy()
    for block in range(blocks):
        done, now = turn < block, turn == block
        point = held.at(Injected(X[done], y[done], rows.task[done]))
        _, placed = best_places(held, point, Injected(X, y, rows.task), True)
        X[now], y[now] = _apart(held, placed.X[now], rng), placed.y[now]
    return Injected(X, y, rows.task)


def _apart(held: Held, X: Array, rng: np.random.Generator) -> Array:
    """Rows a little apart from each other, in the room."""
    return held.room.rows(held.room.inside(X + 0.02 * rng.standard_normal(X.shape) @ held.room.root.T))[0]


def effects(held: Held, point: Point, rows: Injected) -> Array:
    """-l'(w'x, y) v'x / n_i of each row: what it adds to the utility, to first order in its weight."""
    at = np.searchsorted(held.game.tasks, rows.task)
    X = np.column_stack([rows.X, np.ones(rows.y.size)])
    z = np.sum(X * point.W[at], axis=1)
    return -held.slope(z, rows.y, held.delta) * np.sum(X * point.v[at], axis=1) / point.sizes[at]


def best_places(held: Held, point: Point, rows: Injected, free: bool) -> tuple[Array, Injected]:
    """The largest effect of a row in each row's task, and where it is: in span{w, v}, at either end of the labels."""
    game, turn = held.game, 2.0 * np.pi * np.arange(ANGLES) / ANGLES
    effect, X, y = np.full(rows.y.size, -np.inf), rows.X.copy(), rows.y.copy()
    for each in np.unique(rows.task):
        own, i = np.flatnonzero(rows.task == each), np.searchsorted(game.tasks, each)
        plane = np.linalg.qr(held.room.root.T @ np.column_stack([point.v[i, :-1], point.W[i, :-1]]))[0]
        ring = np.stack([np.cos(turn), np.sin(turn)][: plane.shape[1]], axis=1) @ plane.T
        places = held.room.rows(np.concatenate([radius * ring for radius in RADII]))[0]
        for end in (game.low[own[0]], game.high[own[0]]):
            found = effects(held, point, Injected(places, np.full(len(places), end), np.full(len(places), each)))
            k = int(np.argmax(found))
            better = own[(free | (rows.y[own] == end)) & (found[k] > effect[own])]
            effect[better], X[better], y[better] = found[k], places[k], end
    return effect, Injected(X, y, rows.task)
