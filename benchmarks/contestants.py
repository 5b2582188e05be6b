"""Who solves problem (1) to a certified gap, and how each is clocked.

The gap is the Fenchel gap at the W that somebody found over the objective there, so one measure for all. What it
takes to reach it (a tolerance, a number of steps) is found beforehand, off the clock: no peer pays for certificates.
"""

import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from benchmarks.interleaved import Run, timed
from benchmarks.problems import Shape
from patom.core.arrays import FloatArray
from patom.core.data_term import data_term
from patom.core.penalties.penalty import fenchel_gap
from patom.core.solvers.accelerated import solve
from patom.models.problem import Problem
from patom.models.threads import one_blas_thread

SOLVE, REDUCED, FIT, ALTERNATION = "PATOM", "PATOM, reduced", "PATOM, fit", "alternation"
SWEEPS = 300  # of the alternation, at most: where it has not converged by then it crawls


@dataclass(frozen=True)
class Found:
    """What somebody found; ``W``: (m, p), or None.

    ``own_seconds`` is the time by the solver's own clock, where it has one.
    """

    W: FloatArray | None
    steps: int
    status: str
    own_seconds: float | None = None


@dataclass(frozen=True)
class Settled:
    """A contestant ready to be clocked.

    ``trial`` is the run off the clock that reached the gap or, at the end of patience, did not.
    """

    run: Callable[[], Run]
    setting: str
    trial: Run
    gap: float
    reached: bool


Settle = Callable[[float], Settled]


def objective_and_gap(problem: Problem, W: FloatArray | None) -> tuple[float, float]:
    """Value of (1) and the relative Fenchel gap at W, whoever found it."""
    if W is None or not np.isfinite(W).all():
        return np.inf, np.inf
    value, gradient = data_term(problem.rows, problem.loss).value_and_gradient(W)
    objective = value + problem.penalty.value(W)
    return objective, fenchel_gap(problem.penalty, W, gradient) / objective


def settled(problem: Problem, run: Callable[[], Run], setting: str, goal: float) -> Settled:
    """Try once."""
    trial = run()
    gap = objective_and_gap(problem, trial.outcome.W)[1]
    return Settled(run, setting, trial, gap, gap <= goal)


def ours(shape: Shape, lam: float, problem: Problem) -> dict[str, Settle]:
    """PATOM in three forms, with ``tol`` the gap that is asked for.

    ``Problem.solve`` on rows grouped by task, moments and all, polished as users get it; the solver alone, from the
    moments where the loss is quadratic, stopped at the gap as the peers are; and the whole of ``fit``, with the
    checks of its input.
    """
    return {
        SOLVE: lambda gap: _try_ours(problem, partial(_solve, replace(problem, tol=gap)), gap),
        REDUCED: lambda gap: _try_ours(problem, partial(_solve_reduced, problem, gap), gap),
        FIT: lambda gap: _try_ours(problem, partial(_fit, shape, shape.model(lam, tol=gap)), gap),
    }


def alternation(problem: Problem, patience: float) -> Settle:
    """The textbook's, ``solver="alternating"``."""

    def settle(gap: float) -> Settled:
        slow = replace(problem, tol=gap, solver="alternating", max_iter=SWEEPS)
        return settled(problem, partial(_within, partial(_solve, slow), patience), f"up to {SWEEPS} sweeps", gap)

    return settle


@contextmanager
def given_up_after(patience: float) -> Iterator[None]:
    """Raise TimeoutError inside the block once so many seconds have passed; Python's own loops only."""

    def ring(*_: Any) -> None:
        raise TimeoutError(f"More than {patience:g} s.")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, patience)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def _try_ours(problem: Problem, run: Callable[[], Run], gap: float) -> Settled:
    run()  # compiled code warms up
    return settled(problem, run, f"tol={gap:g}", gap)


def _within(run: Callable[[], Run], patience: float) -> Run:
    try:
        with given_up_after(patience):
            return run()
    except TimeoutError as error:
        return Run(patience, Found(None, 0, str(error)))


def _solve(problem: Problem) -> Run:
    with one_blas_thread():
        run = timed(problem.solve)
    return Run(run.seconds, Found(run.outcome.W, run.outcome.n_iter, run.outcome.status.name.lower()))


def _solve_reduced(problem: Problem, gap: float) -> Run:
    with one_blas_thread():
        term = data_term(problem.rows, problem.loss)  # anew each time: what it remembers is not for the next run
        run = timed(partial(solve, term, problem.penalty, tol=gap, max_iter=problem.max_iter, polish=False))
    return Run(run.seconds, Found(run.outcome.W, run.outcome.n_iter, run.outcome.status.name.lower()))


def _fit(shape: Shape, model: Any) -> Run:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the table shows the gap
        run = timed(partial(model.fit, shape.X, shape.y, task=shape.task))
    W = np.column_stack([model.coef_, model.intercept_])
    return Run(run.seconds, Found(W, model.n_iter_, model.status_.name.lower()))
