"""PATOM's compiled sweep against NumPy and a matrix product's rate, and where the time of a whole attack goes."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np

import patom.attacks.patom as algorithm
from benchmarks.extent import Extent
from benchmarks.interleaved import Run, Spread, interleave, ratio, seconds, spread, timed
from benchmarks.limits import counts, matmul, matmul_flops, numba_threads
from benchmarks.plain_attack import transcription
from benchmarks.problems import Shape, digits, mnist
from patom import PATOM, ThreatModel
from patom.attacks import AttackResult
from patom.attacks.program import Bilevel

_ALL, _LOW, _HIGH = tuple(range(10)), tuple(range(5)), tuple(range(5, 10))
_SWEEPS: dict[str, tuple[Callable[[], Shape], tuple[int, ...], tuple[int, ...], float]] = {
    # data, targets, attackers, budget
    "one task attacks one, 20 %": (digits, (0,), (1,), 0.2),
    "five tasks attack five, 20 %": (digits, _LOW, _HIGH, 0.2),
    "ten tasks attack themselves, 30 %": (digits, _ALL, _ALL, 0.3),
    "five tasks attack themselves, 20 %": (mnist, _LOW, _LOW, 0.2),
}
_ATTACKS = {"direct": (_LOW, _LOW, 0.2), "indirect": (_LOW, _HIGH, 0.2)}


@dataclass(frozen=True)
class SweepCase:
    """The sweep of one iteration; ratios are NumPy's time over the compiled code's.

    ``rates`` are 10^9 operations a second, 4 for each injected row, sample and feature; ``shares`` of the rate of a
    matrix product on as many threads.
    """

    data: str
    attack: str
    injected_rows: int
    samples: int
    numpy_seconds: Spread
    seconds: dict[str, Spread]
    ratios: dict[str, Spread]
    rates: dict[str, float]
    shares: dict[str, Spread]
    largest_difference: float


@dataclass(frozen=True)
class AttackCase:
    """One run of PATOM: seconds, and the shares of solving problem (1), the sweeps and the rest."""

    attack: str
    lam: float
    injected_rows: int
    seconds: Spread
    solve: Spread
    sweep: Spread
    rest: Spread
    solver_steps: list[int]


def sweeps(extent: Extent) -> Iterator[SweepCase]:
    """Sweep after sweep, with inputs taken from the first iteration of a real attack."""
    for name, (build, targets, attackers, budget) in _SWEEPS.items():
        shape = build()
        yield _sweep_case(shape, name, _sweep_inputs(shape, ThreatModel(targets, attackers, budget)), extent.rounds)


def _sweep_case(shape: Shape, name: str, inputs: tuple[Any, ...], rounds: int) -> SweepCase:
    labels = {f"{n} thread{'s' * (n > 1)}": n for n in counts()}
    plain = (*inputs[:-1], inputs[-1].radius)
    contestants = {"NumPy": partial(timed, partial(transcription, *plain))}
    contestants |= {label: partial(_compiled_sweep, inputs, n) for label, n in labels.items()}
    contestants |= {f"product, {label}": partial(matmul, n) for label, n in labels.items()}
    for label in labels:
        contestants[label]()  # threads start unclocked
    runs = interleave(contestants, rounds)
    flops = 4.0 * inputs[0].size * inputs[1].shape[0]
    per_flop = {label: [run.seconds / matmul_flops() for run in runs[f"product, {label}"]] for label in labels}
    return SweepCase(
        shape.name,
        name,
        injected_rows=inputs[0].shape[0],
        samples=inputs[1].shape[0],
        numpy_seconds=seconds(runs["NumPy"]),
        seconds={label: seconds(runs[label]) for label in labels},
        ratios={label: ratio(runs["NumPy"], runs[label]) for label in labels},
        rates={label: flops / seconds(runs[label]).median / 1e9 for label in labels},
        shares={
            label: spread([flops * best / run.seconds for best, run in zip(per_flop[label], runs[label], strict=True)])
            for label in labels
        },
        largest_difference=max(
            float(np.abs(runs[label][-1].outcome - runs["NumPy"][-1].outcome).max()) for label in labels
        ),
    )


def _compiled_sweep(inputs: tuple[Any, ...], threads: int) -> Run:
    with numba_threads(threads):
        return timed(partial(algorithm.sweep, *inputs))


def _sweep_inputs(shape: Shape, threat: ThreatModel) -> tuple[Any, ...]:
    seen: list[tuple[Any, ...]] = []

    def listen(*inputs: Any) -> Any:
        seen.append(inputs)
        return sweep(*inputs)

    sweep = algorithm.sweep
    with patch.object(algorithm, "sweep", listen):
        _poison(shape, threat, lam=0.1, max_iter=1)
    return seen[0]


def attacks(extent: Extent) -> Iterator[AttackCase]:
    """Attack after attack, with the package's own settings: ten iterations, eta = 100."""
    shape = digits()
    for name, (targets, attackers, budget) in _ATTACKS.items():
        for lam in (1e-1,) if extent.quick else (1e-1, 1e-2, 1e-3):
            yield _attack(shape, name, ThreatModel(targets, attackers, budget), lam, extent.rounds)


def _attack(shape: Shape, name: str, threat: ThreatModel, lam: float, rounds: int) -> AttackCase:
    solving, sweeping = Stopwatch(), Stopwatch()
    totals: list[float] = []
    shares: dict[str, list[float]] = {"solve": [], "sweep": [], "rest": []}
    for _ in range(rounds):
        solving.seconds = sweeping.seconds = 0.0
        with solving.on(Bilevel, "solve"), sweeping.on(algorithm, "sweep"):
            run = timed(partial(_poison, shape, threat, lam=lam))
        totals.append(run.seconds)
        shares["solve"].append(solving.seconds / run.seconds)
        shares["sweep"].append(sweeping.seconds / run.seconds)
        shares["rest"].append(1.0 - (solving.seconds + sweeping.seconds) / run.seconds)
    result: AttackResult = run.outcome
    steps = [int(steps) for steps in result.history["solver_steps"]]
    spreads = {share: spread(values) for share, values in shares.items()}
    return AttackCase(name, lam, result.X.shape[0], spread(totals), **spreads, solver_steps=steps)


def _poison(shape: Shape, threat: ThreatModel, *, lam: float, max_iter: int = 10) -> AttackResult:
    attack = PATOM(max_iter=max_iter)
    return attack.poison(shape.model(lam), shape.X, shape.y, task=shape.task, threat=threat, random_state=0)


class Stopwatch:
    """Adds up the seconds spent in a function while it is ``on``."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def on(self, owner: Any, name: str) -> AbstractContextManager[Any]:
        """Put the clocked function in the place of ``owner.name``."""
        function: Callable[..., Any] = getattr(owner, name)

        def clocked(*args: Any, **settings: Any) -> Any:
            begin = time.perf_counter()
            try:
                return function(*args, **settings)
            finally:
                self.seconds += time.perf_counter() - begin

        return patch.object(owner, name, clocked)
