"""What the exact gradient costs: its linear system against the warm solve beside it, on the data of the paper."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from benchmarks.extent import Extent
from benchmarks.interleaved import Run, Spread, interleave, ratio, seconds, steady, timed
from benchmarks.problems import Shape, digits, landmine, mnist, sarcos
from patom import ThreatModel
from patom.attacks.ascent.spectral import Coordinates, first_scales, typical_distance
from patom.attacks.draws import draw
from patom.attacks.gradients import implicit_gradient
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel, bilevel
from patom.core.arrays import FloatArray

BUDGET = 0.2
SETTINGS: dict[str, dict[str, Any]] = {
    "ascent": {"tolerance": 1e-3, "factored": True},
    "1e-3": {"tolerance": 1e-3},
    "1e-6": {"tolerance": 1e-6},
}
"""As an ascent solves it, by a factor where that is cheap; and by plain products to two relative residuals."""
MOVES = {"far": 1.0, "near": 0.03}
"""Length of the move before the warm solve, in sizes of the region: an ascent's first, and one towards its end."""


@dataclass(frozen=True)
class AdjointCase:
    """Ratios are the system's time over that of the warm solve."""

    data: str
    kind: str
    lam: float
    move: str
    solve_seconds: Spread
    ratios: dict[str, Spread]


def cases(extent: Extent) -> Iterator[AdjointCase]:
    """Real data where they are in the data home, and drawn to shape elsewhere."""
    builds = (sarcos, landmine, digits, mnist)
    for shape in (build() for build in (builds[:-1] if extent.quick else builds)):
        tasks = np.unique(shape.task)
        k = min(10, tasks.size // 2)
        for kind, attackers in (("direct", tasks[:k]), ("indirect", tasks[k : 2 * k])):
            for lam in (1e-1, 1e-2, 1e-3):
                threat = ThreatModel(tuple(tasks[:k].tolist()), tuple(attackers.tolist()), BUDGET)
                yield from _moves(shape, kind, lam, threat, extent.rounds)


def _moves(shape: Shape, kind: str, lam: float, threat: ThreatModel, rounds: int) -> Iterator[AdjointCase]:
    program = bilevel(shape.model(lam), shape.X, shape.y, shape.task, threat)
    rng = np.random.default_rng(0)
    start = draw(program, "uniform", "resampled", rng)
    W = program.solve(start, program.solve(None).W).W
    for name, length in MOVES.items():
        spot = _Spot(program, _moved(program, start, W, length, rng), W)
        first = spot.solve()
        contestants = {"solve": spot.solve} | {
            label: partial(spot.gradient, first.outcome.W, **settings) for label, settings in SETTINGS.items()
        }
        runs = interleave({label: steady(run, first.seconds) for label, run in contestants.items()}, rounds)
        ratios = {label: ratio(runs[label], runs["solve"]) for label in SETTINGS}
        yield AdjointCase(shape.name, kind, lam, name, seconds(runs["solve"]), ratios)


@dataclass
class _Spot:
    """Rows as an ascent meets them: new to the solve, and what that prepared from them at hand for the gradient."""

    program: Bilevel
    injection: Injection
    W: FloatArray

    def solve(self) -> Run:
        self.injection = replace(self.injection)  # the program remembers an injection by the object
        return timed(partial(self.program.solve, self.injection, self.W, polish=False))

    def gradient(self, W: FloatArray, **settings: Any) -> Run:
        return timed(partial(implicit_gradient, self.program, self.injection, W, **settings))


def _moved(program: Bilevel, start: Injection, W: FloatArray, length: float, rng: np.random.Generator) -> Injection:
    """The rows after a step along the exact gradient."""
    coordinates = Coordinates(program, typical_distance(program, start, rng), labels=False)
    slopes = implicit_gradient(program, start, W).features
    step = length * first_scales(slopes, coordinates.size, per_row=True) * slopes
    return coordinates.injection(start, coordinates.project(start, start.X + step))
