"""One ascent: stretches of moves with one kind of steps each, and flips of classes between them."""

from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from typing import Self

import numpy as np

from patom.attacks.ascent.response import led, response
from patom.attacks.ascent.spectral import Coordinates, FittedSpot, ascend
from patom.attacks.base import Run
from patom.attacks.gradients import ROUGH, Hypergradient, implicit_gradient
from patom.attacks.injection import Injection
from patom.attacks.lower_level import FilteredLevel
from patom.attacks.program import Bilevel
from patom.attacks.records import AttackStatus
from patom.core.arrays import FloatArray

_STRETCHES = (5, 15, 20)  # moves with one kind of scales before the other is used; the last length is repeated
_FEWEST = 0.1  # share of the promising flips below which flipping is given up
_SLOW = 0.003  # share of the gain so far, or of what can still be gained, up to which a stretch's rise is small
_WORTH = 1e-6  # relative rise of a stretch below which it counts as none
_LEAP = 5  # moves that a leap by the response counts as: about as long it takes
_REACH = (0.01, 0.3, 2.0)  # of a leap, in sizes of the region: below the first it is given up; at first; at most
_HELD = (0.25, 0.6)  # share kept of what a leap promised: below it the next goes less far, above it farther


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
    _reach: float = field(default=0.0, init=False)  # of the next leap; where it is too short, the next stretch has none

    def __post_init__(self) -> None:
        self.flips = self.labels and self.program.problem.loss.margin
        self._narrow, self._lengths = self.program, chain(_STRETCHES, repeat(_STRETCHES[-1]))
        self._filtered = self.filter_held = isinstance(self.program.lower, FilteredLevel)
        self._leaps = self.gradient == "exact" and np.isfinite(self.program.aim.most) and not self._filtered

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
                self._leap() if self._leaps and self._reach > _REACH[0] else self._stretch()
            idle = self.utility - before <= _WORTH * abs(before)
            self._idle = self._idle + 1 if idle else 0
            self.filter_held ^= idle and self._filtered
            self.per_row = not self.per_row
        if self.settled:
            self.record.settle(AttackStatus.LOCAL_OPTIMUM)
        return self

    def to_the_end(self, moves: int, clean_utility: float) -> Self:
        """Climb until ``moves`` were tried in all, or two stretches on end rose by a small share of the gain so far.

        One alone may end in a dip that pays later. Of a bounded utility it is a share of what is left, if that is less.
        """
        most, small = self.program.aim.most, 0
        while self.tried < moves and not self.settled:
            before = self.utility
            self.on(min(_STRETCHES[-1], moves - self.tried))
            gain = min(self.utility - clean_utility, most - self.utility)
            small = small + 1 if self.utility - before <= _SLOW * gain else 0
            if small == 2:
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
        self._reach = _REACH[1] if self.tried >= sum(_STRETCHES[:2]) else 0.0

    def _leap(self) -> None:
        """A stretch of leaps: a fit judges where moves that need none end, as in a trust region."""
        self._flip()
        low, high = _HELD
        for _ in range(0, min(next(self._lengths), self._most - self.tried), _LEAP):
            answer = response(self._narrow, self.best)
            self._leaps = answer is not None
            if answer is None or self._reach <= _REACH[0]:
                return
            here = self.best
            ahead = led(answer, self.coordinates, reach=self._reach * self.size, per_row=self.per_row)
            self._keep(self._try(ahead.injection, here))
            self.tried += _LEAP - 1
            kept = (self.utility - here.utility) / max(ahead.utility - here.utility, _WORTH * abs(here.utility))
            self._reach = min(self._reach * (0.4 if kept < low else 1.7 if kept > high else 1.0), _REACH[2])
            self.per_row = not self.per_row

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
        found = self._gradient(spot)
        return self.coordinates.slopes(spot.injection, found.features, found.labels)
