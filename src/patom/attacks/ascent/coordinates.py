"""Injected rows as one array of coordinates to climb in: features, and targets where these move too."""

from dataclasses import dataclass, replace

import numpy as np

from patom.attacks.gradients import Hypergradient
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray


@dataclass(frozen=True)
class Coordinates:
    """Injected rows as one array: their features and, with ``labels``, their targets.

    A target is scaled to run from 0 to ``size``, so that a step across the range of targets counts as one across the
    region.
    """

    program: Bilevel
    size: float  # of the region, see ``typical_distance``: the length of a first step
    labels: bool

    def of(self, injection: Injection) -> FloatArray:
        """Shape (r, d), or (r, d + 1) with the targets last."""
        if not self.labels:
            return injection.X
        low, _ = self.program.bounds(injection.task_index)
        return np.column_stack([injection.X, (injection.y - low) * self._unit(injection)])

    def slopes(self, injection: Injection, found: Hypergradient) -> FloatArray:
        """The gradient in these coordinates."""
        if not self.labels:
            return found.features
        unit = self._unit(injection)
        by_label = np.divide(found.labels, unit, out=np.zeros_like(unit), where=unit > 0.0)
        return np.column_stack([found.features, by_label])

    def project(self, injection: Injection, Z: FloatArray) -> FloatArray:
        """The nearest coordinates of rows that may be injected."""
        if not self.labels:
            return self.program.project(Z, injection)
        most = np.where(self._unit(injection) > 0.0, self.size, 0.0)
        return np.column_stack([self.program.project(Z[:, :-1], injection), np.clip(Z[:, -1], 0.0, most)])

    def injection(self, like: Injection, Z: FloatArray) -> Injection:
        """The rows at these coordinates."""
        if not self.labels:
            return replace(like, X=Z)
        low, high = self.program.bounds(like.task_index)
        y = np.clip(low + Z[:, -1] * (high - low) / self.size, low, high)
        return replace(like, X=np.ascontiguousarray(Z[:, :-1]), y=y)

    def _unit(self, injection: Injection) -> FloatArray:
        """Coordinate over target; 0 where a task has one target only."""
        low, high = self.program.bounds(injection.task_index)
        return np.divide(self.size, high - low, out=np.zeros_like(low), where=high > low)


def typical_distance(program: Bilevel, injection: Injection, rng: np.random.Generator) -> float:
    """How far two rows that may be injected lie apart, root mean square; 1 where features can have but one value."""
    one, other = program.sample(injection, rng), program.sample(injection, rng)
    return float(np.sqrt(((one - other) ** 2).sum(axis=1).mean())) or 1.0
