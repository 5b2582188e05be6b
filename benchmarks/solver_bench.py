"""The solver against general-purpose convex solvers and the textbook alternation, on one problem after the other."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from benchmarks.interleaved import Run, Spread, interleave, ratio, seconds, timed
from benchmarks.peers import PEERS, Compiled, Peer
from benchmarks.problems import SHAPES, Shape
from patom.attacks.bilevel import MTRL
from patom.core.arrays import FloatArray
from patom.core.data_term import data_term
from patom.core.penalty import fenchel_gap
from patom.models.problem import Problem

LAMBDAS = (1e-1, 1e-2, 1e-3, 1e-4)
OURS, ALTERNATION = "PATOM", "alternation"
SWEEPS = 300  # of the alternation, at most: where it has not converged by then it crawls

# Five to ten seconds a run, so at half of the lambdas only.
_SLOW = {("digits", "Clarabel"): (1e-1, 1e-3)}


@dataclass(frozen=True)
class Entry:
    """One contestant on one problem.

    ``ratio`` is its time over PATOM's, ``excess`` its objective over the certified lower bound, less 1; ``gap``
    is the Fenchel gap at its W over the objective there.
    """

    contestant: str
    seconds: Spread
    ratio: Spread
    steps: int
    status: str
    excess: float
    gap: float


@dataclass(frozen=True)
class Case:
    """One problem with everybody who solved it, PATOM first."""

    problem: str
    lam: float
    n_tasks: int
    n_rows: int
    n_features: int
    rank: int
    entries: list[Entry]


def cases(rounds: int, *, quick: bool = False) -> Iterator[Case]:
    """Problem after problem; ``quick`` takes every other lambda and leaves out the slowest peer's worst."""
    for shape in (build() for build in SHAPES):
        for lam in LAMBDAS[::2] if quick else LAMBDAS:
            peers = [peer for peer in PEERS if not peer.missing and _worth_waiting(shape, peer, lam, quick)]
            yield _case(shape, lam, peers, rounds)


def _worth_waiting(shape: Shape, peer: Peer, lam: float, quick: bool) -> bool:
    lambdas = _SLOW.get((shape.name, peer.name))
    return lambdas is None or (lam in lambdas and not quick)


def _case(shape: Shape, lam: float, peers: list[Peer], rounds: int) -> Case:
    problem = shape.model(lam).problem(shape.X, shape.y, task=shape.task)
    contestants: dict[str, Callable[[], Run]] = {
        OURS: partial(_fit, shape, shape.model(lam)),
        ALTERNATION: partial(_fit, shape, shape.model(lam, solver="alternating", max_iter=SWEEPS)),
    }
    for run in contestants.values():
        run()  # compiled code and BLAS warm up unclocked
    if peers:
        compiled = Compiled(problem)
        contestants |= {peer.name: partial(compiled.run, peer) for peer in peers}
    runs = interleave(contestants, rounds)
    best: MTRL = runs[OURS][-1].outcome
    lower_bound = best.objective_ - best.duality_gap_
    entries = [_entry(name, runs[name], runs[OURS], problem, lower_bound) for name in runs]
    m, (n, d) = problem.rows.n_tasks, shape.X.shape
    return Case(shape.name, lam, m, n, d, best.task_spectrum_.size, entries)


def _fit(shape: Shape, model: MTRL) -> Run:
    """The whole of ``fit``, with the checks of its input."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the table shows the gap
        return timed(partial(model.fit, shape.X, shape.y, task=shape.task))


def _entry(name: str, runs: list[Run], ours: list[Run], problem: Problem, lower_bound: float) -> Entry:
    outcome = runs[-1].outcome
    if isinstance(outcome, MTRL):
        W = np.column_stack([outcome.coef_, outcome.intercept_])
        steps, status = outcome.n_iter_, outcome.status_.name.lower()
    else:
        W, steps, status = outcome.W, outcome.steps, outcome.status
    objective, gap = _certify(problem, W)
    return Entry(name, seconds(runs), ratio(runs, ours), steps, status, objective / lower_bound - 1.0, gap / objective)


def _certify(problem: Problem, W: FloatArray) -> tuple[float, float]:
    """Value of (1) and the Fenchel gap at W, whoever found it."""
    value, gradient = data_term(problem.rows, problem.loss).value_and_gradient(W)
    return value + problem.penalty.value(W), fenchel_gap(problem.penalty, W, gradient)
