"""One iteration of an attack against NumPy as one writes it down and against autograd through an unrolled solver."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from benchmarks import torch_peers
from benchmarks.attack_steps import Step, after_one_iteration, moved_along, our_exact, plain_exact, plain_patom
from benchmarks.extent import Extent
from benchmarks.interleaved import Run, Spread, interleave, ratio, seconds, steady, timed
from benchmarks.problems import Shape, landmine, mnist, sarcos
from benchmarks.torch_attack import Unrolled
from patom import PATOM
from patom.core.arrays import FloatArray
from patom.models.threads import one_blas_thread

OURS, NUMPY, TORCH = "PATOM", "NumPy", "PyTorch autograd"
PRINTED, EXACT = "PATOM as printed", "exact gradient"
LAMBDAS = (1e-1, 1e-2)
_GAP, _MOST_STEPS = 1e-8, 3_000


@dataclass(frozen=True)
class StepCase:
    """One iteration, gradient and warm solve to a gap of 1e-8; ratios are the others' time over ours.

    ``solver_steps`` of all parties; ``cosines`` of the others' gradients with ours at the same rows.
    """

    data: str
    kind: str
    iteration: str
    lam: float
    injected_rows: int
    seconds: dict[str, Spread]
    ratios: dict[str, Spread]
    solver_steps: dict[str, int]
    cosines: dict[str, float]


def cases(extent: Extent) -> Iterator[StepCase]:
    """Direct attacks of budget 0.2 on the paper's data."""
    for build in (sarcos, landmine) if extent.quick else (sarcos, landmine, mnist):
        shape = build()
        for lam in LAMBDAS[:1] if extent.quick else LAMBDAS:
            with one_blas_thread():
                step = after_one_iteration(shape, lam, "direct")
                yield _printed(shape, step, extent.rounds)
                yield _exact(shape, step, extent.rounds)


def _printed(shape: Shape, step: Step, rounds: int) -> StepCase:
    contestants: dict[str, Callable[[], Run]] = {
        OURS: partial(second_iteration, step),
        NUMPY: partial(timed, partial(plain_patom, step, 0)),
    }
    runs = interleave(contestants, rounds)
    steps = {OURS: runs[OURS][-1].outcome, NUMPY: runs[NUMPY][-1].outcome[2]}
    return _case(shape, step, PRINTED, runs, steps, {})


def second_iteration(step: Step) -> Run:
    """PATOM's second iteration, by the clock of its callback; the outcome is the number of solver steps."""
    rings: list[float] = []
    result = PATOM(max_iter=2).poison(
        step.shape.model(step.lam), step.shape.X, step.shape.y, task=step.shape.task, threat=step.threat,
        random_state=0, callback=lambda *_: rings.append(time.perf_counter()),
    )  # fmt: skip
    return Run(rings[2] - rings[1], int(result.history["solver_steps"][2]))


def _exact(shape: Shape, start: Step, rounds: int) -> StepCase:
    """From the optimum before a move along the exact gradient."""
    moved = moved_along(start.injection, our_exact(start)[0])
    step = replace(start, injection=moved, W=our_exact(start)[1])
    contestants: dict[str, Callable[[], Run]] = {
        OURS: partial(timed, partial(our_exact, step)),
        NUMPY: partial(timed, partial(plain_exact, step)),
    }
    mine, plain = our_exact(step), plain_exact(step)
    steps, cosines = {OURS: mine[2], NUMPY: plain[2]}, {NUMPY: _cosine(mine[0], plain[0])}
    if not torch_peers.missing():
        unrolled = Unrolled(step)
        steps[TORCH] = _steps_needed(unrolled, step)
        contestants[TORCH] = partial(timed, partial(_autograd_iteration, unrolled, steps[TORCH]))
        cosines[TORCH] = _cosine(mine[0], unrolled.run(steps[TORCH])[0])
    once = {name: run().seconds for name, run in contestants.items()}
    runs = interleave({name: steady(run, once[name]) for name, run in contestants.items()}, rounds)
    return _case(shape, step, EXACT, runs, steps, cosines)


def _autograd_iteration(unrolled: Unrolled, steps: int) -> Any:
    slopes, _ = unrolled.run(steps)
    return moved_along(unrolled.step.injection, slopes)


def _steps_needed(unrolled: Unrolled, step: Step) -> int:
    """Steps of the unrolled solver to the gap, found beforehand."""
    problem, steps, gap, objective = step.plain(step.injection), 0, np.inf, 1.0
    while gap > _GAP * min(1.0, objective) and steps < _MOST_STEPS:
        steps += 10
        objective, gap = problem.gap(unrolled.run(steps, differentiate=False)[1])
    return steps


def _case(
    shape: Shape, step: Step, iteration: str, runs: dict[str, list[Run]], steps: dict[str, int],
    cosines: dict[str, float],
) -> StepCase:  # fmt: skip
    ratios = {name: ratio(runs[name], runs[OURS]) for name in runs if name != OURS}
    spreads = {name: seconds(each) for name, each in runs.items()}
    rows = step.injection.y.size
    return StepCase(shape.name, step.threat.kind, iteration, step.lam, rows, spreads, ratios, steps, cosines)


def _cosine(one: FloatArray, other: FloatArray) -> float:
    return float(np.vdot(one, other) / (np.linalg.norm(one) * np.linalg.norm(other)))
