"""One PATOM iteration on MNIST's protocol, held against its warm solve and its floating-point operations."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numba
import numpy as np

from benchmarks.attack_bench import Stopwatch
from benchmarks.attack_steps import tasks_of
from benchmarks.extent import Extent
from benchmarks.interleaved import Run, Spread, interleave, spread
from benchmarks.limits import matmul, matmul_flops
from benchmarks.problems import Shape, mnist
from patom import PATOM
from patom.attacks.program import Bilevel

SOLVES, SHARE_OF_RATE = 1.5, 0.5
"""The goal: at most so many warm solves, plus the operations at this share of a matrix product's rate."""
LAMBDAS = (1e-1, 1e-2)
_ITERATION, _PRODUCT = "iteration", "matrix product"


@dataclass(frozen=True)
class IterationCase:
    """``flops`` = 4 r b d: r injected rows, b samples, d features; each moves and is measured once for each sample.

    ``over_allowance``: seconds over 1.5 warm solves plus the operations at half the rate that matrix products reach on
    as many threads as the machine has cores; ``over_one_core``: on one.
    """

    data: str
    kind: str
    lam: float
    injected_rows: int
    samples: int
    features: int
    threads: int
    seconds: Spread
    solve_seconds: Spread
    rate: Spread
    over_allowance: Spread
    over_one_core: Spread


def cases(extent: Extent) -> Iterator[IterationCase]:
    """Five of the ten tasks attack, 20 %, three samples for each row aimed at."""
    shape, kinds = mnist(), ("direct", "indirect")
    for kind in kinds[:1] if extent.quick else kinds:
        for lam in LAMBDAS[:1] if extent.quick else LAMBDAS:
            yield _case(shape, kind, lam, extent.rounds)


def _case(shape: Shape, kind: str, lam: float, rounds: int) -> IterationCase:
    threads = numba.get_num_threads()
    threat = tasks_of(shape, kind)
    _iteration(shape, kind, lam)  # compiled code and its threads start
    contestants = {
        _ITERATION: lambda: _iteration(shape, kind, lam),
        _PRODUCT: lambda: matmul(threads),
        "one core": lambda: matmul(1),
    }
    runs = interleave(contestants, rounds)
    solves, rows = [run.outcome[0] for run in runs[_ITERATION]], runs[_ITERATION][-1].outcome[1]
    samples = round(3.0 * np.count_nonzero(np.isin(shape.task, threat.targets)))
    flops = 4.0 * rows * samples * shape.X.shape[1]

    def over(products: list[Run]) -> Spread:
        return spread([
            run.seconds / (SOLVES * solve + flops * product.seconds / (SHARE_OF_RATE * matmul_flops()))
            for run, solve, product in zip(runs[_ITERATION], solves, products, strict=True)
        ])  # fmt: skip

    rate = spread([matmul_flops() / run.seconds / 1e9 for run in runs[_PRODUCT]])
    took = spread([run.seconds for run in runs[_ITERATION]])
    return IterationCase(
        shape.name, kind, lam, rows, samples, shape.X.shape[1], threads, took, spread(solves), rate,
        over(runs[_PRODUCT]), over(runs["one core"]),
    )  # fmt: skip


def _iteration(shape: Shape, kind: str, lam: float) -> Run:
    """The second iteration by the clock of its callback; the outcome: seconds of its solve, and injected rows."""
    rings: list[tuple[float, float]] = []
    solving = Stopwatch()

    def ring(*_: object) -> None:
        rings.append((time.perf_counter(), solving.seconds))

    with solving.on(Bilevel, "solve"):
        result = PATOM(max_iter=2).poison(
            shape.model(lam), shape.X, shape.y, task=shape.task, threat=tasks_of(shape, kind), random_state=0,
            callback=ring,
        )  # fmt: skip
    (began, solved_before), (ended, solved) = rings[1:3]
    if solved <= solved_before:
        raise RuntimeError("An iteration of PATOM must solve (1) by Bilevel.solve to be clocked; it did not.")
    return Run(ended - began, (solved - solved_before, result.X.shape[0]))
