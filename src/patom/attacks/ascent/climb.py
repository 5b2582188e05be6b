"""One ascent: stretches of spectral projected steps in coordinates of the rows, with flips of classes between them."""

from collections import deque
from dataclasses import dataclass, field, replace
from itertools import chain, repeat

import numpy as np

from patom.attacks.ascent.spectral_steps import first_scales, next_scales, shortened
from patom.attacks.base import Run
from patom.attacks.gradients import ROUGH, Hypergradient, implicit_gradient
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.attacks.records import AttackStatus
from patom.core.arrays import FloatArray
from patom.core.solvers.solution import Solution

_RECENT = 5  # iterates, above the lowest of which a move must rise (Grippo, Lampariello and Lucidi 1986)
_STRETCHES = (5, 15, 20)  # moves with one kind of scales before the other is used; the last length is repeated
_FEWEST = 0.1  # share of the promising flips below which flipping is given up
_SHORTEST = 1e-4  # of a move, before it is given up
_SUFFICIENT = 1e-4  # share of the rise that the slope promises (Armijo)
_WORTH = 1e-6  # relative rise of a stretch below which it counts as none


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


@dataclass
class Spot:
    """Injected rows, the optimum under them, the utility there and, once computed, its derivatives."""

    injection: Injection
    solution: Solution
    utility: float
    slopes: Hypergradient | None = None


@dataclass
class Climb:
    """An ascent under way."""

    program: Bilevel
    coordinates: Coordinates  # those that move
    gradient: str  # of the family in ``gradients``
    max_iter: int  # moves to try
    flips: bool  # whether classes may flip
    tried: int = field(default=0, init=False)

    @classmethod
    def over(cls, program: Bilevel, size: float, gradient: str, max_iter: int, *, labels: bool = False) -> "Climb":
        """An ascent in features and, with ``labels``, in labels: targets move with the features, classes flip.

        ``size`` is that of the region, see ``typical_distance``.
        """
        classes = program.problem.loss.margin
        coordinates = Coordinates(program, size, labels and not classes)
        return cls(program, coordinates, gradient, max_iter, flips=labels and classes)

    def run(self, injection: Injection, start: FloatArray, *, per_row: bool) -> Run:
        """Climb from rows and an optimum nearby; ``per_row``: which kind of scales comes first."""
        record = Run(injection)
        best = self._at(injection, start)
        record.note(0, best.utility, best.solution)
        idle, lengths = 0, chain(_STRETCHES, repeat(_STRETCHES[-1]))
        wide = self.program
        while self.tried < self.max_iter and idle < 2:
            before = record.utility
            self.program = wide.narrowed(best.injection)
            self.coordinates = replace(self.coordinates, program=self.program)
            best = self._stretch(self._flipped(best, record), record, next(lengths), per_row=per_row)
            idle = idle + 1 if record.utility - before <= _WORTH * abs(before) else 0
            per_row = not per_row
        if idle == 2:
            record.settle(AttackStatus.LOCAL_OPTIMUM)
        return record

    def _stretch(self, best: Spot, record: Run, length: int, *, per_row: bool) -> Spot:
        """Steps with one kind of scales, from the best spot known to the best one met."""
        coordinates, here, recent = self.coordinates, best, deque([best.utility], maxlen=_RECENT)
        slopes = self._slopes(here)
        scales, last = first_scales(slopes, coordinates.size, per_row=per_row), self.tried + length
        while self.tried < min(last, self.max_iter) and slopes.any():
            Z = coordinates.of(here.injection)
            move = coordinates.project(here.injection, Z + scales * slopes) - Z
            ahead = self._search(here, move, float(np.vdot(slopes, move)), min(recent))
            if ahead is None:
                break
            fallen, slopes = slopes, self._slopes(ahead)
            made = coordinates.of(ahead.injection) - Z
            scales = next_scales(scales, made, fallen - slopes, slopes, coordinates.size, per_row=per_row)
            here = ahead
            recent.append(here.utility)
            best = self._kept(here, best, record)
        return best

    def _search(self, here: Spot, move: FloatArray, slope: float, floor: float) -> Spot | None:
        """The spot at the end of the move or, while it is too low, on the way there; None where the move fails."""
        length, Z = 1.0, self.coordinates.of(here.injection)
        if slope <= np.finfo(float).eps * abs(here.utility):
            return None
        while length >= _SHORTEST and self.tried < self.max_iter:
            moved = self.coordinates.injection(here.injection, Z + length * move)
            ahead = self._try(self.program.lower.settled(moved, here.injection), here)
            if ahead.utility >= floor + _SUFFICIENT * length * slope:
                return ahead
            length = shortened(length, ahead.utility - here.utility, slope)
        return None

    def _flipped(self, best: Spot, record: Run) -> Spot:
        """Classes flipped where the gradient says that it pays: all of them or, if that fails, ever fewer.

        Where even few fail, flips are given up: features do what is left.
        """
        share = 1.0
        while self.flips and self.tried < self.max_iter:
            y = best.injection.y
            gain = -y * self._gradient(best).labels
            chosen = np.argsort(-gain, kind="stable")[: int(np.ceil(share * np.count_nonzero(gain > 0.0)))]
            moved = replace(best.injection, y=np.where(np.isin(np.arange(y.size), chosen), -y, y))
            better = best
            if chosen.size > 0:
                moved = replace(moved, X=self.program.project(moved.X, moved))
                better = self._kept(self._try(self.program.lower.settled(moved, best.injection), best), best, record)
            self.flips = better is not best or (chosen.size > 1 and share > _FEWEST)
            share = 1.0 if better is not best else 0.25 * share
            best = better
        return best

    def _try(self, injection: Injection, near: Spot) -> Spot:
        self.tried += 1
        return self._at(injection, near.solution.W)

    def _at(self, injection: Injection, start: FloatArray) -> Spot:
        # The solver ends in Newton's steps, which square the error: a looser gap would save next to nothing. The last
        # digits of W, which polishing brings, move the utility less than a kept step by far.
        solution = self.program.solve(injection, start, polish=self.tried == 0)
        return Spot(injection, solution, self.program.utility(solution.W))

    def _kept(self, ahead: Spot, best: Spot, record: Run) -> Spot:
        """The better of two spots, on the record if it is the new one."""
        if ahead.utility <= best.utility:
            return best
        record.injection = ahead.injection
        record.note(self.tried, ahead.utility, ahead.solution)
        return ahead

    def _gradient(self, spot: Spot) -> Hypergradient:
        if spot.slopes is None:
            spot.slopes = implicit_gradient(self.program, spot.injection, spot.solution.W, self.gradient, ROUGH)
        return spot.slopes

    def _slopes(self, spot: Spot) -> FloatArray:
        return self.coordinates.slopes(spot.injection, self._gradient(spot))
