"""Random bilevel problems for the gradient's tests: the utility as a function of the injected rows, solved anew."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.base import clone

from patom import MTRLClassifier, MTRLRegressor
from patom.attacks import hypergradient

DELTA = 0.4
REGRESSION = ("squared_error", "huber")
LOSSES = (*REGRESSION, "squared_hinge", "logistic", "unclipped_hinge")
KINDS = {"direct": ((1, 2), (1, 2)), "indirect": ((0, 3), (1, 2)), "hybrid": ((0, 1), (1, 2))}
VALUES = {  # the formulas; which piece of the loss a row is on
    "squared_error": (lambda z, y: (y - z) ** 2, lambda z, _: np.zeros(z.shape)),
    "huber": (
        lambda z, y: np.where(abs(z - y) <= DELTA, (z - y) ** 2, 2 * DELTA * abs(z - y) - DELTA**2),
        lambda z, y: np.sign(z - y) * (abs(z - y) > DELTA),
    ),
    "squared_hinge": (lambda z, y: np.maximum(0, 1 - y * z) ** 2, lambda z, y: y * z < 1),
    "logistic": (lambda z, y: np.log1p(np.exp(-y * z)), lambda z, _: np.zeros(z.shape)),
    "unclipped_hinge": (lambda z, y: (1 - y * z) ** 2, lambda z, _: np.zeros(z.shape)),
}


@dataclass(frozen=True)
class Attack:
    """Clean rows, injected rows and the victim; ``y`` holds numbers, -1 and +1 for a classifier."""

    model: MTRLRegressor | MTRLClassifier
    X: np.ndarray
    y: np.ndarray
    task: np.ndarray
    X_poison: np.ndarray
    y_poison: np.ndarray
    task_poison: np.ndarray
    targets: tuple

    def fit(self):
        X, y = np.vstack([self.X, self.X_poison]), np.append(self.y, self.y_poison)
        return clone(self.model).fit(X, y, task=np.append(self.task, self.task_poison))

    def predictions(self, fitted):
        """z of the clean and of the injected rows."""
        W = np.column_stack([fitted.coef_, fitted.intercept_])
        place = {label: i for i, label in enumerate(fitted.tasks_.tolist())}
        X, task = np.vstack([self.X, self.X_poison]), np.append(self.task, self.task_poison)
        z = np.einsum("np,np->n", np.column_stack([X, np.ones(len(X))]), W[[place[label] for label in task.tolist()]])
        return z[: len(self.X)], z[len(self.X) :]

    def utility(self, measure=None):
        """U, and the piece of the map: every row's side of the loss's corners, and the rank.

        ``measure(fitted)``, a value and the sides of further rows, takes the place of the summed loss.
        """
        fitted = self.fit()
        z, z_poison = self.predictions(fitted)
        value, side = VALUES[self.model.loss]
        chosen = np.isin(self.task, self.targets)
        found, *further = (value(z, self.y)[chosen].sum(),) if measure is None else measure(fitted)
        return found, (side(z, self.y), side(z_poison, self.y_poison), fitted.task_spectrum_.size, *further)

    def moved(self, features=0.0, labels=0.0):
        return replace(self, X_poison=self.X_poison + features, y_poison=self.y_poison + labels)

    def gradient(self, gradient="exact", objective=None):
        rows = {"X_poison": self.X_poison, "y_poison": self.y_poison, "task_poison": self.task_poison}
        return hypergradient(
            self.model, self.X, self.y, task=self.task, targets=self.targets, objective=objective,
            gradient=gradient, full=True, **rows,
        )  # fmt: skip


def attack_on(loss, kind="direct", *, seed=0, n_tasks=4, d=3, n_rows=10, per_task=2, spread=0.7, **settings):
    """Related linear tasks "a", "b", ... of ``n_rows`` rows and up, all in random order."""
    rng = np.random.default_rng([seed, n_tasks, d])
    counts = n_rows + rng.integers(0, n_rows, n_tasks)
    common, own = rng.standard_normal(d), rng.standard_normal((n_tasks, d))
    weights = 2.0 * (common + spread * own)
    targets, attackers = (tuple("abcdefgh"[i % n_tasks] for i in tasks) for tasks in KINDS[kind])

    def rows(index):
        X = 0.8 * rng.standard_normal((index.size, d))
        y = (X * weights[index]).sum(axis=1) + 0.3 + 0.5 * rng.standard_normal(index.size)
        return X, y if loss in REGRESSION else np.where(y > 0, 1.0, -1.0), np.array(list("abcdefgh"))[index]

    clean = rows(rng.permutation(np.repeat(np.arange(n_tasks), counts)))
    X, y, task = rows(rng.permutation(np.repeat([ord(name) - ord("a") for name in dict.fromkeys(attackers)], per_task)))
    y = -y if loss not in REGRESSION else y + rng.standard_normal(y.size)
    if loss == "huber":
        settings["huber_delta"] = DELTA
    model = (MTRLRegressor if loss in REGRESSION else MTRLClassifier)(loss=loss, tol=1e-13, **settings)
    return Attack(model, *clean, X, y, task, tuple(dict.fromkeys(targets)))


def derivative(utility, step=2.5e-4):
    """d utility(t) / dt at 0 by four points, all on the piece of the map that 0 is on: a smooth map has a step."""
    _, piece = utility(0.0)
    while step > 1e-8:
        ends = {k: utility(k * step) for k in (-2, -1, 1, 2)}
        if all(all(np.array_equal(*pair) for pair in zip(there, piece, strict=True)) for _, there in ends.values()):
            return (8 * (ends[1][0] - ends[-1][0]) - (ends[2][0] - ends[-2][0])) / (12 * step)
        step /= 4
    raise AssertionError("no step stays on one smooth piece")


def assert_derivative(attack, features, measure=None):
    """Along a random move of all injected rows, to a relative error of 1e-6."""
    assert features.shape == attack.X_poison.shape
    move = np.random.default_rng(1).standard_normal(features.shape)
    move /= np.linalg.norm(move)
    difference = derivative(lambda t: attack.moved(features=t * move).utility(measure))
    assert abs(np.vdot(features, move) - difference) < 1e-6 * np.linalg.norm(features)
