"""Our attack against installed poisoners at one task, where (1) with squared error is ridge regression.

Each peer lives in an environment of its own, ``.venv-peers/PACKAGE``, since neither's requirements go with ours, and
is run there by ``benchmarks/ridge_driver.py``, whose docstring says what it optimises and how. What is equal for all:

- **Problem.** 300 clean rows drawn anew for each seed, features scaled to [0, 1]; the injected rows start as clean
  rows with their labels mirrored, the same for both parties, and stay in the box. HolisticAI's targets are scaled to
  [0, 1]; SecML takes two classes only, so its targets, and ours beside it, are -1 and +1, the sides of the median.
- **Victim.** At m = 1, Omega = 1 and (1) is the mean squared error plus (lambda_1 + lambda_2)/2 ||w||^2, bias
  included. The peers leave the bias free; so do the figures. Ours attacks features and box over 100 with lambda over
  100^2, which changes nothing but the bias's strength: a ten-thousandth of the weights'.
- **Figure of merit.** Mean squared error of the clean rows under ``RidgeProblem.loss``, one exact refit for all.
- **Seconds** of the processor, in each party's own process with one BLAS thread: a peer's run takes hundreds of times
  as long as ours, so turns alone would not make the machine's other work meet both alike.
- **Refits.** One start, ``n_starts=1``. Compared twice: the peer stopped after as many refits as our default run of 40
  moves took (the best rows it had held by then), and ours with ``max_iter`` the refits of the peer's whole run.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
from sklearn.datasets import load_diabetes

from benchmarks.extent import Extent
from benchmarks.interleaved import Spread, spread, timed
from benchmarks.peer_process import Driver, runs
from benchmarks.ridge import RidgeProblem
from patom import Box, MTRLRegressor, ProjectedAscent, ThreatModel
from patom.core.arrays import FloatArray
from patom.datasets import load_sarcos
from patom.intervals import interval
from patom.models.problem import Problem

_ROWS = 300
_SHRINK = 100.0  # of the features: the bias's strength is that of the weights over its square
_ROUND_OFF = 1e-9
_START = {"features": "resampled", "labels": "flipped", "n_starts": 1}

BUDGETS, LAMBDAS = (0.1, 0.2), (0.01, 0.1)


@dataclass(frozen=True)
class Contest:
    """A peer by its package, the targets it can take and whether labels are optimised, by both parties."""

    name: str
    package: str
    sides: bool
    optimise_labels: bool

    @property
    def labels(self) -> str:
        """What becomes of the injected labels, in a word."""
        return "optimised" if self.optimise_labels else "fixed"


CONTESTS = (
    Contest("SecML", "secml", sides=True, optimise_labels=False),
    Contest("HolisticAI", "holisticai", sides=False, optimise_labels=False),
    Contest("HolisticAI", "holisticai", sides=False, optimise_labels=True),
)


@dataclass(frozen=True)
class Found:
    """What one run reached."""

    loss: float
    seconds: float
    refits: int


@dataclass(frozen=True)
class Reading:
    """Median and range over the seeds."""

    loss: Spread
    seconds: Spread
    refits: Spread


@dataclass(frozen=True)
class RidgeCase:
    """One problem and one peer over the seeds.

    ``readings``: both parties by name, each also after the other's refits. ``leads``: our loss over the peer's, less
    1, mean over the seeds and 95 % interval of these paired differences: both after our refits, both after the
    peer's, and ours after our refits against the peer's whole run. ``time_ratio``: seconds of the latter two, the
    peer's over ours.
    """

    data: str
    peer: str
    labels: str
    budget: float
    lam: float
    injected_rows: int
    clean_loss: float
    start_loss: float
    readings: dict[str, Reading]
    leads: dict[str, dict[str, float | None]]
    time_ratio: Spread


OURS, PEER_SHORT, PEER, OURS_LONG = RUNS = ("PATOM", "peer, PATOM's refits", "peer", "PATOM, the peer's refits")
LEADS = {"our refits": (OURS, PEER_SHORT), "the peer's refits": (OURS_LONG, PEER), "each its own run": (OURS, PEER)}


def absent() -> list[str]:
    """Packages of peers that are not installed in their environments or do not load there, and data not to be had."""
    packages = dict.fromkeys(contest.package for contest in CONTESTS)
    return [package for package in packages if not runs(package)] + [name for name in DATA if not _at_hand(name)]


def _at_hand(data: str) -> bool:
    try:
        DATA[data](0)
    except OSError:
        return False
    return True


def cases(extent: Extent) -> Iterator[RidgeCase]:
    """Contest after contest, each seed by turns; one data set, budget and lambda unless ``slow``."""
    skipped = set(absent())
    contests = [contest for contest in CONTESTS if contest.package not in skipped]
    if contests:  # compiled code warms up unclocked
        _ours(*_problem(next(iter(DATA)), contests[0], BUDGETS[0], LAMBDAS[0], seed=0), max_iter=2)
    with ExitStack() as stack:
        drivers = {package: stack.enter_context(Driver(package)) for package in {c.package for c in contests}}
        for contest in contests:
            for data in [name for name in DATA if name not in skipped][: None if extent.slow else 1]:
                for budget in BUDGETS if extent.slow else BUDGETS[:1]:
                    for lam in LAMBDAS if extent.slow else LAMBDAS[1:]:
                        yield _case(drivers[contest.package], contest, data, budget, lam, extent.rounds)


def _case(driver: Driver, contest: Contest, data: str, budget: float, lam: float, rounds: int) -> RidgeCase:
    found: dict[str, list[Found]] = {name: [] for name in RUNS}
    starts, cleans = [], []
    for seed in range(rounds):
        setting = _problem(data, contest, budget, lam, seed)
        problem = setting[0]
        ours = _ours(*setting, max_iter=ProjectedAscent().max_iter)
        short, whole = _theirs(driver, problem, ours.refits, contest.labels)
        for name, run in zip(RUNS, (ours, short, whole, _ours(*setting, max_iter=whole.refits)), strict=True):
            found[name].append(run)
        starts.append(problem.loss(problem.X_start, problem.y_start))
        cleans.append(problem.loss(problem.X[:0], problem.y[:0]))
    return RidgeCase(
        data, f"{contest.name} {driver.version}", contest.labels, budget, lam, problem.y_start.size,
        clean_loss=float(np.median(cleans)),
        start_loss=float(np.median(starts)),
        readings={name: _reading(found[name]) for name in RUNS},
        leads={name: _lead(found[ours], found[peer]) for name, (ours, peer) in LEADS.items()},
        time_ratio=spread([peer.seconds / ours.seconds for peer, ours in zip(found[PEER], found[OURS], strict=True)]),
    )  # fmt: skip


def _reading(found: list[Found]) -> Reading:
    return Reading(*(spread([getattr(run, name) for run in found]) for name in ("loss", "seconds", "refits")))


def _lead(ours: list[Found], peer: list[Found]) -> dict[str, float | None]:
    return interval([mine.loss / other.loss - 1.0 for mine, other in zip(ours, peer, strict=True)], 0.95).as_dict()


Setting = tuple[RidgeProblem, float, int, bool]


def _problem(data: str, contest: Contest, budget: float, lam: float, seed: int) -> Setting:
    """The problem with the rows that our attack starts from, and what ``_ours`` needs besides."""
    X, y = DATA[data](seed)
    X = _unit(X)
    y = np.where(y > np.median(y), 1.0, -1.0) if contest.sides else _unit(y)
    bare = RidgeProblem(X, y, X[:0], y[:0], lam)
    start = _poison(bare, budget, seed, contest.optimise_labels, max_iter=0)
    problem = RidgeProblem(X, y, *_rows(start), lam)
    gap = abs(problem.loss(problem.X_start, problem.y_start) / start.history["utility"][0] - 1.0)
    if gap > 1e-3:
        raise RuntimeError(f"Our victim and the common one must agree on the start to 1e-3; they differ by {gap:.1e}.")
    return problem, budget, seed, contest.optimise_labels


def _ours(problem: RidgeProblem, budget: float, seed: int, optimise_labels: bool, max_iter: int) -> Found:
    """Our attack, clocked with its checks and its last fit; every solve of (1) is a refit."""
    refits = 0
    solve = Problem.solve

    def counted(self: Problem, *rows: Any, **settings: Any) -> Any:
        nonlocal refits
        refits += 1
        return solve(self, *rows, **settings)

    with patch.object(Problem, "solve", counted):
        run = timed(partial(_poison, problem, budget, seed, optimise_labels, max_iter), time.process_time)
    if abs(run.outcome.history["utility"][0] / problem.loss(problem.X_start, problem.y_start) - 1.0) > 1e-3:
        raise RuntimeError("Our attack must start from the rows that the peer starts from; it did not.")
    X, y = _rows(run.outcome)
    return Found(_checked(problem, X, y, "optimised" if optimise_labels else "fixed"), run.seconds, refits)


def _poison(problem: RidgeProblem, budget: float, seed: int, optimise_labels: bool, max_iter: int) -> Any:
    lam = problem.lam / _SHRINK**2
    threat = ThreatModel(targets=[0], attackers=[0], budget=budget, region=Box(0.0, 1.0 / _SHRINK))
    attack = ProjectedAscent(max_iter=max_iter, optimise_labels=optimise_labels, **_START)
    task = np.zeros(problem.y.size, dtype=int)
    model = MTRLRegressor(lambda_1=lam, lambda_2=lam)
    return attack.poison(model, problem.X / _SHRINK, problem.y, task=task, threat=threat, random_state=seed)


def _theirs(driver: Driver, problem: RidgeProblem, limit: int, labels: str) -> tuple[Found, Found]:
    """The peer after ``limit`` refits and at its end, by its own process's clock."""
    found = driver.run(problem, limit, labels)
    refits = int(found["refits"])
    early, late = (_checked(problem, found["X" + part], found["y" + part], labels) for part in ("_limit", ""))
    return Found(early, float(found["limit_seconds"]), min(limit, refits)), Found(late, float(found["seconds"]), refits)


def _rows(result: Any) -> tuple[FloatArray, FloatArray]:
    return np.clip(_SHRINK * result.X, 0.0, 1.0), result.y


def _checked(problem: RidgeProblem, X: FloatArray, y: FloatArray, labels: str) -> float:
    """The common loss of rows that keep to the rules."""
    kept = np.array_equal(y, problem.y_start) if labels == "fixed" else y.min() >= 0.0 and y.max() <= 1.0 + _ROUND_OFF
    if X.shape != problem.X_start.shape or X.min() < -_ROUND_OFF or X.max() > 1.0 + _ROUND_OFF or not kept:
        raise RuntimeError(f"Injected rows must keep number, box and labels ({labels}); these do not.")
    return problem.loss(X, y)


def _unit(values: FloatArray) -> FloatArray:
    low, high = values.min(axis=0), values.max(axis=0)
    return np.asarray((values - low) / (high - low))


def _diabetes(seed: int) -> tuple[FloatArray, FloatArray]:
    X, y = load_diabetes(return_X_y=True)
    rows = np.random.default_rng(seed).permutation(y.size)[:_ROWS]
    return X[rows], y[rows]


def _sarcos(seed: int) -> tuple[FloatArray, FloatArray]:
    X, y, task = load_sarcos(n_train=_ROWS, source="test_file", standardise_targets=True, random_state=seed).train
    return X[task == 1], y[task == 1]


DATA = {"diabetes": _diabetes, "SARCOS, torque 1": _sarcos}
