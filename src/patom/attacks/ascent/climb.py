"""One ascent: stretches of spectral projected steps in coordinates of the rows, with flips of classes between them.

The lengths of the steps are those of Barzilai and Borwein (1988); Birgin, Martinez and Raydan (2000) project them.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from typing import Self, TypeVar

import numpy as np

from patom.attacks.base import Run
from patom.attacks.gradients import ROUGH, Hypergradient, implicit_gradient
from patom.attacks.injection import Injection
from patom.attacks.lower_level import FilteredLevel
from patom.attacks.program import Bilevel
from patom.attacks.records import AttackStatus
from patom.core.arrays import FloatArray
from patom.core.solvers.solution import Solution

_RECENT = 5  # iterates, above the lowest of which a move must rise (Grippo, Lampariello and Lucidi 1986)
_STRETCHES = (5, 15, 20)  # moves with one kind of scales before the other is used; the last length is repeated
_FEWEST = 0.1  # share of the promising flips below which flipping is given up
_SHORTEST = 1e-4  # of a move, before it is given up
_SUFFICIENT = 1e-4  # share of the rise that the slope promises (Armijo)
_SLOW = 0.01  # share of the gain so far, up to which a stretch's rise counts as next to nothing
_WORTH = 1e-6  # relative rise of a stretch below which it counts as none
_SPAN_OF_ROWS = (0.05, 20.0)  # a row's step before projection, in sizes of the region
_SPAN_OF_ALL = (1e-3, 1e3)  # the longest row's, where all share one scale
_NONE = 1e-150  # a slope that counts as none
_SHORT = 1e-6  # of the longest row's slope: shorter ones count as so long
_GROWTH = 4.0  # of a scale along which the slope did not fall


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


def first_scales(slopes: FloatArray, size: float, *, per_row: bool) -> FloatArray:
    """Factors on the slopes that move each row, or the row of the largest slope, by ``size``; shape (r, 1).

    >>> first_scales(np.array([[3.0, 4.0], [0.0, 1.0]]), 2.0, per_row=True).ravel()
    array([0.4, 2. ])
    >>> first_scales(np.array([[3.0, 4.0], [0.0, 1.0]]), 2.0, per_row=False).ravel()
    array([0.4, 0.4])
    """
    return size / _lengths(slopes, per_row=per_row)


def next_scales(
    scales: FloatArray, move: FloatArray, fall: FloatArray, slopes: FloatArray, size: float, *, per_row: bool
) -> FloatArray:
    """Factors for the next step: <move, move> / <move, fall>, the inverse curvature along the last move; shape (r, 1).

    ``scales`` are the last factors, ``fall`` is by how much the slopes fell along the last ``move``, and ``slopes`` are
    the new ones, all by row. No step is much longer than ``size``, that of the region, or next to nothing. With
    ``per_row`` each row has a factor by its own curvature, else all rows have one.
    """
    squares, bends = (move**2).sum(axis=1, keepdims=True), (move * fall).sum(axis=1, keepdims=True)
    if not per_row:
        squares, bends = np.full_like(squares, squares.sum()), np.full_like(bends, bends.sum())
    curved = bends > np.finfo(float).tiny
    wanted = np.divide(squares, bends, out=_GROWTH * scales, where=curved)
    low, high = _SPAN_OF_ROWS if per_row else _SPAN_OF_ALL
    unit = size / _lengths(slopes, per_row=per_row)
    return np.asarray(np.clip(wanted, low * unit, high * unit))


def shortened(length: float, rise: float, slope: float) -> float:
    """A shorter length of a move: where the parabola through the slope and the rise found peaks, within limits.

    >>> shortened(1.0, rise=-1.0, slope=1.0), shortened(1.0, rise=-1e9, slope=1.0)
    (0.25, 0.1)
    """
    bend = length * slope - rise
    peak = 0.5 * length**2 * slope / bend if bend > 0.0 else 0.5 * length
    return float(min(max(peak, 0.1 * length), 0.5 * length))


def _lengths(slopes: FloatArray, *, per_row: bool) -> FloatArray:
    lengths = np.linalg.norm(slopes, axis=1, keepdims=True)
    longest = max(float(lengths.max(initial=0.0)), _NONE)
    # A row without a slope, such as one beyond the hinge's margin, stays, and its factor must stay finite.
    return np.maximum(lengths, _SHORT * longest) if per_row else np.full_like(lengths, longest)


@dataclass
class Spot:
    """Injected rows, and the utility there."""

    injection: Injection
    utility: float


@dataclass
class FittedSpot(Spot):
    """Injected rows with the optimum under them and, once computed, the utility's derivatives."""

    solution: Solution
    slopes: Hypergradient | None = None


AnySpot = TypeVar("AnySpot", bound=Spot)


def ascend(
    coordinates: Coordinates,
    start: AnySpot,
    visit: Callable[[Injection, AnySpot], AnySpot],
    slopes_at: Callable[[AnySpot], FloatArray],
    *,
    moves: int,
    most: int,
    per_row: bool,
) -> Iterator[AnySpot]:
    """Spots that spectral projected steps with a non-monotone line search reach one after another from ``start``.

    ``visit`` evaluates rows near a spot, and ``slopes_at`` differentiates the utility at a spot by the coordinates. A
    step along the projected slope is shortened until the utility is above the lowest of the last five spots. No new
    step begins after ``moves`` visits, and none is made after ``most``. Ends early where no step rises.
    """
    here, recent, tried = start, deque([start.utility], maxlen=_RECENT), 0
    slopes = slopes_at(here)
    scales = first_scales(slopes, coordinates.size, per_row=per_row)
    while tried < min(moves, most) and slopes.any():
        Z, length = coordinates.of(here.injection), 1.0
        move = coordinates.project(here.injection, Z + scales * slopes) - Z
        slope = float(np.vdot(slopes, move))
        if slope <= np.finfo(float).eps * abs(here.utility):
            return
        while True:
            if length < _SHORTEST or tried >= most:
                return
            ahead, tried = visit(coordinates.injection(here.injection, Z + length * move), here), tried + 1
            if ahead.utility >= min(recent) + _SUFFICIENT * length * slope:
                break
            length = shortened(length, ahead.utility - here.utility, slope)
        yield ahead
        before, slopes = slopes, slopes_at(ahead)
        made = coordinates.of(ahead.injection) - Z
        scales = next_scales(scales, made, before - slopes, slopes, coordinates.size, per_row=per_row)
        here = ahead
        recent.append(here.utility)


@dataclass
class Climb:
    """An ascent under way, in features and, with ``labels``, in labels: targets move with the features, classes flip.

    It stands at the ``best`` rows so far, and can go ``on`` as often as its owner likes.
    """

    program: Bilevel
    size: float  # of the region, see ``typical_distance``
    gradient: str  # one of the family in ``gradients``
    labels: bool = field(default=False, kw_only=True)
    per_row: bool = field(kw_only=True)  # which kind of scales comes first
    tried: int = field(default=0, init=False)  # moves
    record: Run = field(init=False)
    best: FittedSpot = field(init=False)
    flips: bool = field(init=False)  # whether classes may flip
    _idle: int = field(default=0, init=False)  # stretches on end that brought nothing
    _most: int = field(default=0, init=False)  # moves, for now

    def __post_init__(self) -> None:
        self.flips = self.labels and self.program.problem.loss.margin
        self._narrow, self._lengths = self.program, chain(_STRETCHES, repeat(_STRETCHES[-1]))
        self._filtered = self.filter_held = isinstance(self.program.lower, FilteredLevel)

    @property
    def coordinates(self) -> Coordinates:
        """Those that move."""
        return Coordinates(self._narrow, self.size, self.labels and not self.program.problem.loss.margin)

    @property
    def utility(self) -> float:
        """The highest so far."""
        return self.record.utility

    @property
    def rows(self) -> Injection:
        """The best so far."""
        return self.record.injection

    @property
    def settled(self) -> bool:
        """Whether two stretches on end brought nothing: ``on`` does no more."""
        return self._idle == 2

    def begin(self, injection: Injection, start: FloatArray) -> Self:
        """Stand at these rows; ``start`` is an optimum nearby, shape (m, p)."""
        self.record = Run(injection)
        self.best = self._at(injection, start)
        self.record.note(0, self.best.utility, self.best.solution)
        return self

    def on(self, moves: int) -> Self:
        """Climb from the best rows so far, with so many more moves at most."""
        self._most = self.tried + moves
        while self.tried < self._most and not self.settled:
            before = self.utility
            if self.filter_held:
                self._stretch_with_filter_held()
            else:
                self._narrow = self.program.narrowed(self.best.injection)
                self._stretch()
            idle = self.utility - before <= _WORTH * abs(before)
            self._idle = self._idle + 1 if idle else 0
            self.filter_held ^= idle and self._filtered
            self.per_row = not self.per_row
        if self.settled:
            self.record.settle(AttackStatus.LOCAL_OPTIMUM)
        return self

    def to_the_end(self, moves: int, clean_utility: float) -> Self:
        """Climb until ``moves`` were tried in all, or the last stretch brought next to nothing of the gain so far."""
        while self.tried < moves and not self.settled:
            before = self.utility
            self.on(min(_STRETCHES[-1], moves - self.tried))
            if self.utility - before <= _SLOW * (self.utility - clean_utility):
                self.record.settle(AttackStatus.SETTLED)
                break
        return self

    def _stretch(self) -> None:
        self._flip()
        for ahead in ascend(
            self.coordinates, self.best, self._try, self._slopes,
            moves=next(self._lengths), most=self._most - self.tried, per_row=self.per_row,
        ):  # fmt: skip
            self._keep(ahead)

    def _stretch_with_filter_held(self) -> None:
        """A stretch as if the filter did not move; then the victim with its filter judges."""
        here = self.best
        held = replace(self, program=self.program.held(here.injection))
        moves = min(next(self._lengths), self._most - self.tried)
        inside = replace(here.injection, X=held.program.project(here.injection.X, here.injection))
        held.begin(inside, here.solution.W).on(moves)
        self.tried += held.tried
        self._keep(self._at(held.rows, held.best.solution.W))

    def detour(self, injection: Injection, moves: int) -> bool:
        """Climb from other rows, and take what that reaches if it is higher than the best so far; whether it is."""
        other = replace(self, per_row=True).begin(
            self.program.lower.settled(injection, self.best.injection), self.best.solution.W
        )
        other.on(moves)
        self.tried += other.tried + 1
        higher = other.utility > self.utility
        if higher:
            self._idle = 0
        self._keep(other.best)
        return higher

    def _flip(self) -> None:
        """Classes flipped where the gradient says that it pays: all of them or, if that fails, ever fewer.

        Where even few fail, flips are given up: features do what is left.
        """
        share = 1.0
        while self.flips and self.tried < self._most:
            best, y = self.best, self.best.injection.y
            gain = -y * self._gradient(best).labels
            chosen = np.argsort(-gain, kind="stable")[: int(np.ceil(share * np.count_nonzero(gain > 0.0)))]
            moved = replace(best.injection, y=np.where(np.isin(np.arange(y.size), chosen), -y, y))
            if chosen.size > 0:
                moved = replace(moved, X=self._narrow.project(moved.X, moved))
                self._keep(self._try(moved, best))
            higher = self.best is not best
            self.flips = higher or (chosen.size > 1 and share > _FEWEST)
            share = 1.0 if higher else 0.25 * share

    def _try(self, moved: Injection, near: FittedSpot) -> FittedSpot:
        self.tried += 1
        return self._at(self.program.lower.settled(moved, near.injection), near.solution.W)

    def _at(self, injection: Injection, start: FloatArray) -> FittedSpot:
        # The solver ends in Newton's steps, which square the error: a looser gap would save next to nothing. The last
        # digits of W, which polishing brings, move the utility less than a kept step by far.
        solution = self.program.solve(injection, start, polish=self.tried == 0)
        return FittedSpot(injection, self.program.utility(solution.W), solution)

    def _keep(self, ahead: FittedSpot) -> None:
        """Stand at this spot, and put it on the record, if it is higher than the best so far."""
        if ahead.utility > self.best.utility:
            self.best = ahead
            self.record.injection = ahead.injection
            self.record.note(self.tried, ahead.utility, ahead.solution)

    def _gradient(self, spot: FittedSpot) -> Hypergradient:
        if spot.slopes is None:
            spot.slopes = implicit_gradient(self.program, spot.injection, spot.solution.W, self.gradient, ROUGH)
        return spot.slopes

    def _slopes(self, spot: FittedSpot) -> FloatArray:
        return self.coordinates.slopes(spot.injection, self._gradient(spot))
