"""The referee's searches of zeroth order: each candidate is one fit of the attacked model, which they only judge."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from benchmarks.referee_game import Array, Game, Injected, Judged


def clusters(game: Game, rng: np.random.Generator, points: int, fits: int) -> Judged:
    """An evolution strategy over a few points that all tasks share, in at most eight principal directions.

    Separable CMA-ES (Ros and Hansen 2008). A point's last number is its label; an attacking task's rows are copies of
    the points in turn.
    """
    middle = game.X.mean(axis=0)
    axes = np.linalg.svd(game.X - middle, full_matrices=False)[2][:8]
    spread = (game.X - middle) @ axes.T
    scale = np.append(3.0 * spread.std(axis=0), 1.0)
    turn = np.arange(game.places.size) % points

    def rows(genes: Array) -> Injected:
        genes = genes.reshape(points, -1)[turn] * scale
        share = 0.5 + 0.5 * np.tanh(genes[:, -1])
        if game.classes is not None:
            share = np.where(share > 0.5, 1.0, 0.0)
        X = game.within(middle + genes[:, :-1] @ axes)
        return Injected(X, game.low + share * (game.high - game.low), game.places)

    return evolve(lambda genes: game.judge(rows(genes)), points * scale.size, fits, rng)


def evolve(judge: Callable[[Array], Judged], size: int, fits: int, rng: np.random.Generator) -> Judged:
    """The worst that a strategy from N(0, 1) on meets in so many fits, at least one."""
    number = 4 + int(3.0 * np.log(size))
    parents = number // 2
    weight = np.log(number / 2.0 + 0.5) - np.log(np.arange(1, parents + 1))
    weight /= weight.sum()
    many = 1.0 / float(np.sum(weight**2))
    c_s, c_c = (many + 2.0) / (size + many + 5.0), 4.0 / (size + 4.0)
    c_1, damp = 2.0 / ((size + 1.3) ** 2 + many), 1.0 + c_s
    c_m = min(1.0 - c_1, 2.0 * (many - 2.0 + 1.0 / many) / ((size + 2.0) ** 2 + many))
    faster = (size + 2.0) / 3.0  # a diagonal may be learned faster than a whole matrix
    c_1, c_m = min(0.5, faster * c_1), min(0.5, faster * c_m)
    mean, sigma, spread = np.zeros(size), 0.7, np.ones(size)
    path_s, path_c, typical = np.zeros(size), np.zeros(size), np.sqrt(size) * (1.0 - 0.25 / size)
    best: Judged | None = None
    for first in range(0, max(fits, 1), number):
        steps = np.sqrt(spread) * rng.standard_normal((min(number, max(fits, 1) - first), size))
        found = [judge(mean + sigma * step) for step in steps]
        best = max([*found, *([best] if best else [])], key=lambda each: each.smooth)
        if len(found) < number:
            break
        order = np.argsort([-each.smooth for each in found])[:parents]
        step = weight @ steps[order]
        mean = mean + sigma * step
        path_s = (1.0 - c_s) * path_s + np.sqrt(c_s * (2.0 - c_s) * many) * step / np.sqrt(spread)
        path_c = (1.0 - c_c) * path_c + np.sqrt(c_c * (2.0 - c_c) * many) * step
        spread = (1.0 - c_1 - c_m) * spread + c_1 * path_c**2 + c_m * (weight @ steps[order] ** 2)
        sigma *= np.exp(c_s / damp * (np.linalg.norm(path_s) / typical - 1.0))
    assert best is not None
    return best


@dataclass
class Habits:
    """How far each kind of move goes, and how often it paid lately."""

    size: Array = field(default_factory=lambda: np.full(5, 0.3))
    credit: Array = field(default_factory=lambda: np.ones(5))

    def learn(self, kind: int, *, paid: bool) -> None:
        """Go farther and more often where it paid."""
        self.size[kind] = np.clip(self.size[kind] * (1.5 if paid else 0.9), 1e-3, 2.0)
        self.credit[kind] = 0.9 * self.credit[kind] + (1.0 if paid else 0.02)


def wander(game: Game, judged: Judged, fits: int, rng: np.random.Generator, habits: Habits | None = None) -> Judged:
    """Random moves from some rows on, each kept if it does more harm; ``habits`` are kept up."""
    habits, moves = habits or Habits(), Moves(game, rng)
    kinds = (moves.together, moves.each, moves.longer, moves.copies, moves.labels)
    for _ in range(fits):
        k = int(rng.choice(len(kinds), p=habits.credit / habits.credit.sum()))
        tried = kinds[k](judged.rows, habits.size[k])
        found = game.judge(Injected(game.within(tried.X), tried.y, tried.task))
        paid = found.smooth > judged.smooth
        habits.learn(k, paid=paid)
        judged = found if paid else judged
    return judged


@dataclass(frozen=True)
class Moves:
    """Random changes of rows, by a size from 0 to 2."""

    game: Game
    rng: np.random.Generator

    def _some(self, share: float = 0.5) -> Array:
        """Rows of one task, mostly, or of all; or a random share of these."""
        places = self.game.places
        own = places == self.rng.choice(places) if self.rng.random() < 0.7 else np.ones(places.size, dtype=bool)
        return np.flatnonzero(own & (self.rng.random(places.size) < share) if self.rng.random() < 0.5 else own)

    def together(self, rows: Injected, size: float) -> Injected:
        """Some rows move alike."""
        X = rows.X.copy()
        X[self._some()] += size * _typical(X) * self.rng.standard_normal(X.shape[1])
        return replace(rows, X=X)

    def each(self, rows: Injected, size: float) -> Injected:
        """Some rows move, each its own way."""
        X, chosen = rows.X.copy(), self._some()
        X[chosen] += size * _typical(X) * self.rng.standard_normal((chosen.size, X.shape[1]))
        return replace(rows, X=X)

    def longer(self, rows: Injected, size: float) -> Injected:
        """Some rows get longer or shorter."""
        X = rows.X.copy()
        X[self._some()] *= np.exp(size * self.rng.standard_normal())
        return replace(rows, X=X)

    def copies(self, rows: Injected, size: float) -> Injected:
        """A share of a task's rows become copies of one of them."""
        model, pool = np.arange(rows.y.size), np.flatnonzero(rows.task == self.rng.choice(rows.task))
        model[pool[self.rng.random(pool.size) < 0.5 * size]] = self.rng.choice(pool)
        return Injected(rows.X[model], rows.y[model], rows.task)

    def labels(self, rows: Injected, size: float) -> Injected:
        """Classes of some rows turn; a quantity's labels go a part of the way to an end."""
        y, chosen = rows.y.copy(), self._some(min(1.0, size))
        ends = self.game.high if self.rng.random() < 0.5 else self.game.low
        turned = -y if self.game.classes is not None else y + min(1.0, size) * (ends - y)
        y[chosen] = turned[chosen]
        return replace(rows, y=y)


def _typical(X: Array) -> float:
    return float(np.sqrt(np.mean(X**2)))
