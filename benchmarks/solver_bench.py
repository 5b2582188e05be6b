"""The solver against everybody at the same certified gap, and against itself as lambda falls."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks import torch_peers
from benchmarks.conic_peers import PEERS, Conic, Peer
from benchmarks.contestants import (
    ALTERNATION,
    FIT,
    REDUCED,
    SOLVE,
    Settle,
    Settled,
    alternation,
    objective_and_gap,
    ours,
)
from benchmarks.extent import Extent
from benchmarks.interleaved import Run, Spread, interleave, ratio, seconds, spread, steady
from benchmarks.problems import SHAPES, SQUARED_ERROR, SQUARED_HINGE, Shape
from patom.models.problem import Problem

LAMBDAS = (1e-1, 1e-2, 1e-3, 1e-4)
GAPS = (1e-4, 1e-8)
LOSSES = (SQUARED_ERROR, SQUARED_HINGE)
OURS = (SOLVE, REDUCED, FIT)

_HEAVY = {("Clarabel", "MNIST"), ("Clarabel", "synthetic")}  # minutes and gigabytes a run
_ALLOWANCE = {1e-4: 8.0, 1e-8: 60.0}
"""Seconds for all rounds of one contestant; the goals are about 1e-8. Who is slower gets fewer rounds, at least one."""
_PATIENCE, _PATIENCE_SLOW = 60.0, 900.0
"""Seconds after which a conic solver is stopped."""
_SEARCH, _SEARCH_SLOW = 10.0, 60.0
"""Seconds after which a PyTorch method has not reached the gap."""
_SWEEPING, _SWEEPING_SLOW = 4.0, 60.0
"""Seconds after which the alternation has not."""


@dataclass(frozen=True)
class Entry:
    """One contestant on one problem.

    ``seconds`` is the wall's; ``own_seconds`` the solver's own clock's, where it has one. ``ratios`` are wall seconds
    over those of PATOM's forms in the same round, by their names; ``own_ratio`` the own clock over "PATOM, reduced".
    Who did not reach the gap has the seconds of one run and no ratios. ``compilation`` is cvxpy's, in seconds.
    """

    contestant: str
    setting: str
    reached: bool
    gap: float
    steps: int
    status: str
    seconds: Spread
    own_seconds: Spread | None
    ratios: dict[str, Spread]
    own_ratio: Spread | None
    compilation: float | None


@dataclass(frozen=True)
class Case:
    """One problem to one relative gap, PATOM's forms first; ``skipped`` waits for ``--slow``."""

    data: str
    loss: str
    lam: float
    goal: float
    n_tasks: int
    n_rows: int
    n_features: int
    rank: int
    entries: list[Entry]
    skipped: list[str]


@dataclass(frozen=True)
class LambdaCase:
    """Our solve over the lambdas, by turns; ``ratios`` are times over that at the largest lambda."""

    data: str
    loss: str
    goal: float
    lambdas: list[float]
    seconds: list[Spread]
    steps: list[int]
    ratios: list[Spread]


def cases(extent: Extent) -> Iterator[Case]:
    """Problem after problem; ``quick`` takes the first and the last lambda and two data sets."""
    for shape in (build() for build in (SHAPES[:2] if extent.quick else SHAPES)):
        for loss in LOSSES:
            for lam in LAMBDAS[:: len(LAMBDAS) - 1] if extent.quick else LAMBDAS:
                yield from _problem(shape.with_loss(loss), loss, lam, extent)


def lambda_cases(extent: Extent) -> Iterator[LambdaCase]:
    """How our time grows as lambda falls."""
    for shape in (build() for build in (SHAPES[:2] if extent.quick else SHAPES)):
        for loss in LOSSES:
            lossy, goal = shape.with_loss(loss), GAPS[-1]
            ready = {f"{lam:g}": ours(lossy, lam, _stated(lossy, lam))[SOLVE](goal) for lam in LAMBDAS}
            runs = interleave({name: _steady(each) for name, each in ready.items()}, extent.rounds)
            ratios = [ratio(runs[name], runs[f"{LAMBDAS[0]:g}"]) for name in runs]
            steps = [run[-1].outcome.steps for run in runs.values()]
            yield LambdaCase(
                shape.name, loss, goal, list(LAMBDAS), [seconds(run) for run in runs.values()], steps, ratios
            )


def missing() -> list[str]:
    """Packages of peers that are not installed."""
    return sorted({package for peer in PEERS for package in peer.missing} | set(torch_peers.missing()))


def _stated(shape: Shape, lam: float) -> Problem:
    return shape.model(lam).problem(shape.X, shape.y, task=shape.task)


def _problem(shape: Shape, loss: str, lam: float, extent: Extent) -> Iterator[Case]:
    problem = _stated(shape, lam)
    conic = [peer for peer in PEERS if not peer.missing and (extent.slow or not _heavy(peer, shape))]
    skipped = [peer.name for peer in PEERS if not peer.missing and peer not in conic]
    contestants, compilations = _contestants(shape, lam, problem, conic, extent.slow)
    for goal in GAPS:
        ready = {name: settle(goal) for name, settle in contestants.items()}
        entries = _entries(problem, ready, goal, extent, compilations)
        best = ready[SOLVE].trial.outcome.W
        rank = int(np.linalg.matrix_rank(best, tol=1e-9 * np.linalg.norm(best)))
        m, (n, d) = problem.rows.n_tasks, shape.X.shape
        yield Case(shape.name, loss, lam, goal, m, n, d, rank, entries, skipped)


def _heavy(peer: Peer, shape: Shape) -> bool:
    return (peer.name, shape.name.removesuffix(" shape")) in _HEAVY


def _contestants(
    shape: Shape, lam: float, problem: Problem, conic: list[Peer], slow: bool
) -> tuple[dict[str, Settle], dict[str, float]]:
    contestants = ours(shape, lam, problem)
    contestants[ALTERNATION] = alternation(problem, _SWEEPING_SLOW if slow else _SWEEPING)
    compilations: dict[str, float] = {}
    if conic:
        program = Conic(problem, _PATIENCE_SLOW if slow else _PATIENCE)
        compilations = {peer.name: program.compilation(peer) for peer in conic}
        contestants |= {peer.name: program.settle(peer) for peer in conic}
    if not torch_peers.missing():
        for method in torch_peers.METHODS:
            contestants[method] = torch_peers.settle(method, problem, _SEARCH_SLOW if slow else _SEARCH)
    return contestants, compilations


def _entries(
    problem: Problem, ready: dict[str, Settled], goal: float, extent: Extent, compilations: dict[str, float]
) -> list[Entry]:
    rounds = {name: _rounds(each, goal, extent) for name, each in ready.items() if each.reached or name in OURS}
    runs = interleave({name: _steady(ready[name]) for name in rounds}, rounds)
    return [
        _entry(name, each, runs, objective_and_gap(problem, _last(each, runs.get(name)).outcome.W)[1], goal,
               compilations.get(name))
        for name, each in ready.items()
    ]  # fmt: skip


def _steady(each: Settled) -> Callable[[], Run]:
    return steady(each.run, each.trial.seconds)


def _rounds(each: Settled, goal: float, extent: Extent) -> int:
    if extent.slow:
        return extent.rounds
    return max(1, min(extent.rounds, int(_ALLOWANCE[goal] / each.trial.seconds)))


def _last(each: Settled, runs: list[Run] | None) -> Run:
    return runs[-1] if runs else each.trial


def _entry(
    name: str, each: Settled, runs: dict[str, list[Run]], gap: float, goal: float, compilation: float | None
) -> Entry:
    mine = runs.get(name, [each.trial])
    own = [run.outcome.own_seconds for run in mine if run.outcome.own_seconds is not None]
    base = runs[REDUCED]
    return Entry(
        name, each.setting, gap <= goal, gap, mine[-1].outcome.steps, mine[-1].outcome.status, seconds(mine),
        own_seconds=spread(own) if own else None,
        ratios={form: ratio(mine, runs[form]) for form in OURS} if name in runs else {},
        own_ratio=spread([a / b.seconds for a, b in zip(own, base, strict=False)]) if own and name in runs else None,
        compilation=compilation,
    )  # fmt: skip
