"""What the referee plays against: an estimator that is fitted on clean and injected rows, and a count of these fits.

The files of the referee, but for ``referee_cases.py``, import nothing of patom: an estimator is its ``fit``, its
predictions and its public fitted attributes. A filter's are ``kept_.kept``, the rows that pass, and ``kept_.X``, where
it leaves all rows.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.base import clone, is_classifier
from sklearn.metrics import roc_auc_score

Array = np.ndarray[Any, Any]
TAU = 0.3
"""How far two scores lie apart, in standard deviations of the task's scores, for their order to count."""


@dataclass(frozen=True)
class Injected:
    """Rows that an attacker adds: X, shape (r, d), y and task, shape (r,); classes are -1 and +1."""

    X: Array
    y: Array
    task: Array


@dataclass(frozen=True)
class Judged:
    """What one fit of the attacked model said about some rows.

    ``harm`` is the reported metric on the targets' training rows, so that more is worse: 1 - AUC or NMSE. ``smooth`` is
    a smooth form of it, and ``by_task`` that of each target. ``passed``: which rows, clean ones first, the model
    learned from; ``moved``: where it placed the features of all.
    """

    rows: Injected
    harm: float
    smooth: float
    by_task: Array
    passed: Array
    moved: Array
    model: Any


class Game:
    """The clean rows, the attacker's limits, and the estimator under attack, whose fits are counted.

    Her rows lie in the ball of this ``radius`` around 0, at most ``budget`` times a task's clean rows in each of the
    ``attackers``. A quantity's labels lie within ``label_range``, by default that of the task's clean rows.
    """

    def __init__(
        self,
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
    ) -> None:
        self.model, self.X, self.y, self.task, self.radius = model, np.asarray(X, dtype=float), y, task, radius
        self.tasks, self.targets, self.fits = np.unique(task), list(targets), 0
        self.best: Judged | None = None
        self.classes = np.unique(y) if is_classifier(model) else None
        self._check(attackers, budget, label_range)
        self.signs = self.as_numbers(y)
        self.clean = {each: np.flatnonzero(task == each) for each in attackers}
        counts = [int(budget * own.size + 1e-9) for own in self.clean.values()]
        if not any(counts):
            raise ValueError(f"budget rounds to no rows in any attacking task; got {budget!r}.")
        self.places = np.repeat(np.array(list(attackers)), counts)
        self.own = [np.flatnonzero(task == each) for each in targets]
        ends = {each: self._ends(self.signs[own], label_range) for each, own in self.clean.items()}
        self.low, self.high = np.array([ends[each] for each in self.places.tolist()]).T

    def _check(self, attackers: Sequence[Any], budget: float, label_range: tuple[float, float] | None) -> None:
        for name, given in (("targets", self.targets), ("attackers", list(attackers))):
            if not given or not np.isin(given, self.tasks).all():
                raise ValueError(f"{name} must be tasks of the clean rows, at least one; got {given!r}.")
        for name, value in (("budget", budget), ("radius", self.radius)):
            if not (np.isfinite(value) and value > 0.0):
                raise ValueError(f"{name} must be a number above 0; got {value!r}.")
        if not np.isfinite(self.X).all():
            raise ValueError("X holds values that are no finite numbers; drop such rows first.")
        if self.classes is not None and self.classes.size != 2:
            raise ValueError(f"y of a classifier must hold two classes; got {self.classes.size}.")
        if label_range is not None and not label_range[0] <= label_range[1]:
            raise ValueError(f"label_range must have the smaller number first; got {label_range!r}.")

    def _ends(self, y: Array, label_range: tuple[float, float] | None) -> tuple[float, float]:
        if self.classes is not None:
            return -1.0, 1.0
        return (float(y.min()), float(y.max())) if label_range is None else label_range

    def as_numbers(self, y: Array) -> Array:
        """Labels as numbers, -1 and +1 for classes."""
        if self.classes is None:
            return np.asarray(y, dtype=float)
        return np.where(np.asarray(y) == self.classes[1], 1.0, -1.0)

    def as_labels(self, y: Array) -> Array:
        """Numbers as the labels that the estimator knows."""
        return y if self.classes is None else self.classes[(y > 0.0).astype(int)]

    def within(self, X: Array) -> Array:
        """Rows pulled into the ball."""
        return X * (self.radius / np.maximum(self.radius, np.linalg.norm(X, axis=1, keepdims=True)))

    def fit(self, model: Any, X: Array, y: Array, task: Array) -> Any:
        """A fitted clone; counted."""
        self.fits += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of fits above their tolerance: the model is as it is
            return clone(model).fit(X, self.as_labels(y), task=task)

    def judge(self, rows: Injected) -> Judged:
        """Fit the attacked model on the clean rows and these; the most harmful rows of all are kept as ``best``."""
        X = np.concatenate([self.X, rows.X])
        model = self.fit(self.model, X, np.concatenate([self.signs, rows.y]), np.concatenate([self.task, rows.task]))
        scores = [decide(model, self.X[own], self.task[own]) for own in self.own]
        kept = getattr(model, "kept_", None)
        passed = np.ones(X.shape[0], dtype=bool) if kept is None else kept.kept
        moved = X if kept is None or kept.X is None else kept.X
        by_task, _ = self.smooth(scores)
        harm = self.harm([self.signs[own] for own in self.own], scores)
        judged = Judged(rows, harm, float(np.nanmean(by_task)), by_task, passed, moved, model)
        if self.best is None or judged.harm > self.best.harm:
            self.best = judged
        return judged

    def harm(self, labels: list[Array], scores: list[Array]) -> float:
        """1 - AUC or NMSE, mean over the tasks that have both classes or a variance."""
        pairs = list(zip(labels, scores, strict=True))
        if self.classes is None:
            return float(np.mean([np.mean((y - z) ** 2) / y.var() for y, z in pairs if y.var() > 0.0]))
        return float(np.mean([1.0 - roc_auc_score(y, z) for y, z in pairs if np.unique(y).size == 2]))

    def smooth(self, scores: list[Array]) -> tuple[Array, list[Array]]:
        """A smooth harm of each target, NaN where it has none, and the derivative of their mean by each score."""
        one = squares if self.classes is None else pairs
        found = [one(self.signs[own], score) for own, score in zip(self.own, scores, strict=True)]
        values = np.array([value for value, _ in found])
        known = np.count_nonzero(~np.isnan(values))
        return values, [slope / known for _, slope in found]


def decide(model: Any, X: Array, task: Array) -> Array:
    """Margins of a classifier, predictions of a regressor."""
    act = getattr(model, "decision_function", None) or model.predict
    return np.asarray(act(X, task=task), dtype=float)


def squares(y: Array, z: Array) -> tuple[float, Array]:
    """NMSE and its derivative by the predictions."""
    if y.var() == 0.0:
        return np.nan, np.zeros(z.size)
    scale = y.size * y.var()
    return float(np.sum((y - z) ** 2) / scale), 2.0 * (z - y) / scale


def pairs(y: Array, z: Array) -> tuple[float, Array]:
    """Mean over pairs of a positive and a negative row of sigma((z_n - z_p) / (TAU s)), s the scores' deviation."""
    positive, s = y > 0.0, float(z.std())
    if positive.all() or not positive.any():
        return np.nan, np.zeros(z.size)
    if s == 0.0:
        return 0.5, np.zeros(z.size)
    order = expit((z[~positive][None, :] - z[positive][:, None]) / (TAU * s))
    density = order * (1.0 - order) / (order.size * TAU * s)
    slope = np.zeros(z.size)
    slope[positive], slope[~positive] = -density.sum(axis=1), density.sum(axis=0)
    return float(order.mean()), slope - (slope @ z) * (z - z.mean()) / (z.size * s**2)
