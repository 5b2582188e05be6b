"""What the exact gradient costs: its linear system against the warm solve beside it, on the data of the paper."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.interleaved import Spread, interleave, ratio, seconds, timed
from benchmarks.problems import Shape, digits, landmine_shape, sarcos_shape
from patom import ThreatModel
from patom.attacks.ascent.charts import Chart, typical_distance
from patom.attacks.ascent.spectral_steps import first_scales
from patom.attacks.bilevel import Bilevel, bilevel
from patom.attacks.draws import draw
from patom.attacks.gradients import implicit_gradient
from patom.attacks.injection import Injection
from patom.core.arrays import FloatArray
from patom.datasets import load_landmine, load_mnist, load_sarcos
from patom.models import MTRLClassifier, MTRLRegressor

BUDGET = 0.2
TOLERANCES = {"1e-3": 1e-3, "1e-6": 1e-6}
"""Relative residuals of the linear system: that of the ascent, and one for checks."""
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


def cases(rounds: int, *, quick: bool = False) -> Iterator[AdjointCase]:
    """Real data where they are in the data home, and drawn to shape elsewhere."""
    for shape in (_sarcos(), _landmine(), digits()) if quick else (_sarcos(), _landmine(), digits(), _mnist()):
        if shape is None:
            continue
        tasks = np.unique(shape.task)
        k = min(10, tasks.size // 2)
        for kind, attackers in (("direct", tasks[:k]), ("indirect", tasks[k : 2 * k])):
            for lam in (1e-1, 1e-2, 1e-3):
                threat = ThreatModel(tuple(tasks[:k].tolist()), tuple(attackers.tolist()), BUDGET)
                yield from _moves(shape, kind, lam, threat, rounds)


def _moves(shape: Shape, kind: str, lam: float, threat: ThreatModel, rounds: int) -> Iterator[AdjointCase]:
    program = bilevel(shape.model(lam), shape.X, shape.y, shape.task, threat)
    rng = np.random.default_rng(0)
    start = draw(program, "uniform", "resampled", rng)
    W = program.solve(start, program.solve(None).W).W
    for name, length in MOVES.items():
        moved = _moved(program, start, W, length, rng)
        solve = partial(timed, partial(program.solve, moved, W, polish=False))
        ahead = solve().outcome.W
        contestants = {"solve": solve} | {
            label: partial(timed, partial(implicit_gradient, program, moved, ahead, tolerance=tolerance))
            for label, tolerance in TOLERANCES.items()
        }
        runs = interleave(contestants, rounds)
        ratios = {label: ratio(runs[label], runs["solve"]) for label in TOLERANCES}
        yield AdjointCase(shape.name, kind, lam, name, seconds(runs["solve"]), ratios)


def _moved(program: Bilevel, start: Injection, W: FloatArray, length: float, rng: np.random.Generator) -> Injection:
    """The rows after a step along the exact gradient."""
    chart = Chart(program, typical_distance(program, start, rng), labels=False)
    slopes = implicit_gradient(program, start, W).features
    step = length * first_scales(slopes, chart.size, per_row=True) * slopes
    return chart.injection(start, chart.project(start, start.X + step))


def _sarcos() -> Shape:
    try:
        train = load_sarcos(standardise_targets=True, random_state=0, source="test_file").train
    except OSError:
        return sarcos_shape()
    return Shape("SARCOS", *train, MTRLRegressor)


def _landmine() -> Shape:
    try:
        return Shape("Landmine", *load_landmine(random_state=0).train, MTRLClassifier)
    except OSError:
        return landmine_shape()


def _mnist() -> Shape | None:
    try:
        return Shape("MNIST", *load_mnist(random_state=0).train, MTRLClassifier)
    except OSError:
        return None
