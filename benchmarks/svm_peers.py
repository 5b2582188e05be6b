"""Our attacks against ART's poisoner of support vector machines, at one task and two classes.

Rows of scikit-learn's diabetes data in [0, 1], classes the sides of the median, drawn anew for each seed; few, since
ART's time grows with their cube. Injected rows start as clean rows of the other class, the same for all, keep their
labels and stay in the box. Everybody has as many iterations; ART takes them for one row after the other. What all
reached is judged by both victims, each refitted exactly: ours, the squared hinge, and ART's, the hinge. Seconds are the
processor's, in each party's own process.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.svm import SVC

from benchmarks.extent import Extent
from benchmarks.interleaved import Run, Spread, ratio, seconds, spread, timed
from benchmarks.peer_process import Driver, runs
from benchmarks.ridge import RidgeProblem
from patom import PATOM, Box, MTRLClassifier, ProjectedAscent, ThreatModel
from patom.core.arrays import FloatArray

PACKAGE, MODULE = "art", "svm_driver"
ART, PRINTED, ASCENT = "ART", "PATOM as printed", "ProjectedAscent"
_ROWS, _BUDGET, _LAMBDA, _ITERATIONS = 30, 0.1, 0.01, 10


@dataclass(frozen=True)
class SvmCase:
    """``squared_hinge`` and ``hinge``: mean loss of the clean rows, by party, after the refit of either victim.

    "clean" and "start" are without injected rows and with those that all start from. ``ratios``: ART's seconds over
    ours.
    """

    data: str
    peer: str
    rows: int
    injected_rows: int
    iterations: int
    squared_hinge: dict[str, Spread]
    hinge: dict[str, Spread]
    seconds: dict[str, Spread]
    ratios: dict[str, Spread]


def absent() -> list[str]:
    """The package, where it is not installed in its environment or does not load there."""
    return [] if runs(PACKAGE, MODULE) else [PACKAGE]


def cases(extent: Extent) -> Iterator[SvmCase]:
    """A seed a round."""
    if absent():
        return
    with Driver(PACKAGE, MODULE) as driver:
        found: dict[str, list[Run]] = {ART: [], PRINTED: [], ASCENT: []}
        reached: dict[str, list[tuple[float, float]]] = {"clean": [], "start": [], **{name: [] for name in found}}
        for seed in range(extent.rounds):
            problem = _problem(seed)
            reached["clean"].append(_losses(problem, problem.X[:0]))
            reached["start"].append(_losses(problem, problem.X_start))
            for name, run in _parties(driver, problem, seed).items():
                found[name].append(run())
                reached[name].append(_losses(problem, found[name][-1].outcome))
        yield SvmCase(
            "diabetes", f"{ART} {driver.version}", _ROWS, problem.y_start.size, _ITERATIONS,
            squared_hinge={name: spread([loss[0] for loss in losses]) for name, losses in reached.items()},
            hinge={name: spread([loss[1] for loss in losses]) for name, losses in reached.items()},
            seconds={name: seconds(each) for name, each in found.items()},
            ratios={name: ratio(found[ART], found[name]) for name in (PRINTED, ASCENT)},
        )  # fmt: skip


def _parties(driver: Driver, problem: RidgeProblem, seed: int) -> dict[str, Callable[[], Run]]:
    printed = PATOM(max_iter=_ITERATIONS, features="resampled", labels="flipped")
    ascent = ProjectedAscent(max_iter=_ITERATIONS, features="resampled", labels="flipped", n_starts=1)
    ours = {PRINTED: printed, ASCENT: ascent}
    return {ART: partial(_theirs, driver, problem)} | {
        name: partial(_ours, attack, problem, seed) for name, attack in ours.items()
    }


def _theirs(driver: Driver, problem: RidgeProblem) -> Run:
    found = driver.run(problem, _ITERATIONS)
    return Run(float(found["seconds"]), found["X"])


def _ours(attack: Any, problem: RidgeProblem, seed: int) -> Run:
    run = timed(partial(_poison, attack, problem, seed), time.process_time)
    return Run(run.seconds, run.outcome.X)


def _poison(attack: Any, problem: RidgeProblem, seed: int) -> Any:
    threat = ThreatModel(targets=[0], attackers=[0], budget=_BUDGET, region=Box(0.0, 1.0))
    task = np.zeros(problem.y.size, dtype=int)
    model = MTRLClassifier(lambda_1=problem.lam, lambda_2=problem.lam)
    return attack.poison(model, problem.X, problem.y, task=task, threat=threat, random_state=seed)


def _problem(seed: int) -> RidgeProblem:
    """Clean rows, and the start that our ascent draws."""
    X, y = load_diabetes(return_X_y=True)
    rows = np.random.default_rng(seed).permutation(y.size)[:_ROWS]
    X, y = X[rows], np.where(y[rows] > np.median(y[rows]), 1.0, -1.0)
    X = (X - X.min(axis=0)) / (X.max(axis=0) - X.min(axis=0))
    bare = RidgeProblem(X, y, X[:0], y[:0], _LAMBDA)
    start = _poison(ProjectedAscent(max_iter=0, features="resampled", labels="flipped", n_starts=1), bare, seed)
    return RidgeProblem(X, y, start.X, start.y, _LAMBDA)


def _losses(problem: RidgeProblem, X: FloatArray) -> tuple[float, float]:
    """Mean squared hinge and mean hinge of the clean rows, each after its own victim's refit."""
    y = problem.y_start[: X.shape[0]]
    rows, classes = np.concatenate([problem.X, X]), np.concatenate([problem.y, y])
    ours = MTRLClassifier(lambda_1=problem.lam, lambda_2=problem.lam).fit(rows, classes)
    theirs = SVC(C=1.0 / (2.0 * classes.size * problem.lam), kernel="linear").fit(rows, classes)
    short, other = (np.maximum(0.0, 1.0 - problem.y * fit.decision_function(problem.X)) for fit in (ours, theirs))
    return float(np.mean(short**2)), float(np.mean(other))
