"""Where the referee starts: rows that need no model of the victim but a ridge regression of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.referee_game import Array, Game, Injected


@dataclass(frozen=True)
class Draw:
    """Features for all rows that the attacker may add, shape (r, d), and labels for them."""

    game: Game
    rng: np.random.Generator

    def by_task(self, value: Callable[[Array, Array], Array]) -> Array:
        """A row for each one to add, from the clean rows of its task and their labels."""
        made = {each: value(self.game.X[own], self.game.signs[own]) for each, own in self.game.clean.items()}
        return np.stack([made[each] for each in self.game.places.tolist()])

    def clean(self) -> Array:
        """Clean rows of the task."""
        return self.game.X[[self.rng.choice(self.game.clean[each]) for each in self.game.places.tolist()]]

    def corners(self) -> Array:
        """The edge of the ball in any directions."""
        drawn = self.rng.standard_normal((self.game.places.size, self.game.X.shape[1]))
        return self.game.radius * drawn / np.linalg.norm(drawn, axis=1, keepdims=True)

    def points(self, number: int, *, shared: bool) -> Array:
        """Copies of a few corners, in each task or for all."""
        places, corners, turn = self.game.places, self.corners(), np.arange(self.game.places.size) % number
        first = 0 if shared else np.argmax(places[:, None] == places[None, :], axis=1)
        return corners[np.minimum(first + turn, places.size - 1)]

    def weights(self, *signs: float) -> Array:
        """The edge of the ball along each task's weights, with these signs in turn."""
        w = self.by_task(lambda X, y: ridge(X, y)[:-1])
        length = np.linalg.norm(w, axis=1, keepdims=True)
        return self.game.radius * np.resize(signs, (w.shape[0], 1)) * w / np.where(length > 0.0, length, 1.0)

    def axes(self) -> Array:
        """The edge of the ball along one of the first three principal axes of all rows, either way."""
        axes = np.linalg.svd(self.game.X - self.game.X.mean(axis=0), full_matrices=False)[2][:3]
        r = self.game.places.size
        return self.game.radius * self.rng.choice([-1.0, 1.0], (r, 1)) * axes[self.rng.integers(len(axes), size=r)]

    def middle(self, side: float) -> Array:
        """The mean of the task's rows of high labels, or of low ones, a little apart from each other."""

        def mean(X: Array, y: Array) -> Array:
            chosen = side * y > side * np.median(y) if np.unique(y).size > 2 else side * y > 0.0
            return X[chosen].mean(axis=0) if chosen.any() else X.mean(axis=0)

        return self.by_task(mean) + 0.01 * self.game.X.std() * self.corners() / self.game.radius

    def opposite(self, X: Array) -> Array:
        """Labels at the end that is away from the ridge regression's prediction."""
        z = np.sum(self.by_task(ridge) * np.column_stack([X, np.ones(X.shape[0])]), axis=1)
        return np.where(z > 0.5 * (self.game.low + self.game.high), self.game.low, self.game.high)

    def ends(self, X: Array) -> Array:
        """Labels at either end."""
        return np.where(self.rng.random(X.shape[0]) < 0.5, self.game.low, self.game.high)


FEATURES: dict[str, Callable[[Draw], Array]] = {
    "clean rows": Draw.clean,
    "turned rows": lambda draw: -draw.clean(),
    "corners": Draw.corners,
    "a point a task": lambda draw: draw.points(1, shared=False),
    "two points a task": lambda draw: draw.points(2, shared=False),
    "a point for all": lambda draw: draw.points(1, shared=True),
    "two points for all": lambda draw: draw.points(2, shared=True),
    "weights": lambda draw: draw.weights(-1.0, 1.0),
    "weights up": lambda draw: draw.weights(1.0),
    "weights down": lambda draw: draw.weights(-1.0),
    "principal axes": Draw.axes,
    "middle of the high": lambda draw: draw.middle(1.0),
    "middle of the low": lambda draw: draw.middle(-1.0),
    "near 0": lambda draw: 0.01 * draw.corners(),
}
LABELS: dict[str, Callable[[Draw, Array], Array]] = {
    "low": lambda draw, _: draw.game.low.copy(),
    "high": lambda draw, _: draw.game.high.copy(),
    "ends": Draw.ends,
    "opposite": Draw.opposite,
}
PAIRS = [
    ("clean rows", "opposite"), ("corners", "ends"), ("a point a task", "opposite"), ("weights", "opposite"),
    ("middle of the high", "low"), ("corners", "low"), ("turned rows", "ends"), ("a point for all", "high"),
    ("clean rows", "low"), ("two points a task", "ends"), ("middle of the low", "high"), ("weights up", "low"),
    ("principal axes", "ends"), ("two points for all", "ends"), ("clean rows", "high"), ("near 0", "low"),
    ("weights down", "high"), ("a point a task", "low"), ("corners", "high"), ("principal axes", "opposite"),
    ("a point for all", "low"), ("near 0", "high"), ("a point a task", "high"), ("corners", "opposite"),
]  # fmt: skip


def starts(game: Game, rng: np.random.Generator) -> Iterator[tuple[str, Injected]]:
    """Rows with a name, without end: every pair of the list in turn, then again with other draws."""
    draw = Draw(game, rng)
    while True:
        for features, labels in PAIRS:
            X = game.within(FEATURES[features](draw))
            yield f"{features}, {labels}", Injected(X, LABELS[labels](draw, X), game.places)


def ridge(X: Array, y: Array) -> Array:
    """Weights and a constant, shape (d + 1,)."""
    X = np.column_stack([X, np.ones(X.shape[0])])
    size = X.T @ X / X.shape[0]
    return np.linalg.solve(size + 1e-3 * np.trace(size) / size.shape[0] * np.eye(size.shape[0]), X.T @ y / X.shape[0])
