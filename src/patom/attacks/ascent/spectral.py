"""Spectral projected steps in coordinates of the rows, whose lengths come from the last step.

The lengths are those of Barzilai and Borwein (1988); Birgin, Martinez and Raydan (2000) project such steps.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from patom.attacks.gradients import Hypergradient
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.core.solvers.solution import Solution

_RECENT = 5  # iterates, above the lowest of which a move must rise (Grippo, Lampariello and Lucidi 1986)
_SHORTEST = 1e-4  # of a move, before it is given up
_SUFFICIENT = 1e-4  # share of the rise that the slope promises (Armijo)
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

    def slopes(self, injection: Injection, by_features: FloatArray, by_labels: FloatArray) -> FloatArray:
        """Derivatives by features, shape (r, d), and by targets, (r,), in these coordinates."""
        if not self.labels:
            return by_features
        unit = self._unit(injection)
        return np.column_stack([by_features, np.divide(by_labels, unit, out=np.zeros_like(unit), where=unit > 0.0)])

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
