"""Weights of rows, learned by projected gradient steps through the fit: what they change, at a price for each row."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from patom.core.arrays import BoolArray, FloatArray
from patom.core.data_term import MomentTerm, RowTerm, data_term
from patom.core.penalties.given import ridge
from patom.core.rows import TaskRows
from patom.core.solvers.compiled.adjoint import solve_adjoint
from patom.models.problem import Problem

ROUGH = 1e-3
"""Relative residual of the adjoint system on the way, enough for a direction."""
LEVELS = 4
"""Times that the price is halved on its way down, at most: the worst rows go first."""
_SUFFICIENT = 1e-4  # share of the fall that the slopes promise (Armijo)
_WORTH = 1e-4  # relative fall of a step below which a level ends
_SHORTEST = 1e-3  # move of the row of the steepest slope at which a step is given up


class Judge(Protocol):
    """What the weights of rows should lower, a function of the fit."""

    def at(self, W: FloatArray) -> tuple[float, FloatArray]:
        """The value and its gradient by W, shape (m, p)."""


@dataclass(frozen=True)
class Fit:
    """The optimum of (1) with row weights q: row j of task i counts q_j c_i/n_i, where it counted c_i/n_i before."""

    q: FloatArray  # (n,)
    W: FloatArray  # (m, p)
    value: float  # the judge's, and
    gradient: FloatArray  # its gradient by W, shape (m, p)
    term: MomentTerm | RowTerm


@dataclass(frozen=True)
class Step:
    """What is kept of a fit on the way: the price, the judge's value, and the mean weight that rows have lost."""

    price: float
    value: float
    dropped: float


def weighted(rows: TaskRows, q: FloatArray) -> TaskRows:
    """The rows with weights, shape (n,); a task's factor 1/n_i stays, so that other rows gain nothing by one's loss."""
    return replace(rows, shares=q / np.repeat(rows.counts, rows.counts))


def fit_with(problem: Problem, judge: Judge, q: FloatArray, start: FloatArray | None = None) -> Fit:
    """The fit with row weights, and what the judge says of it; ``start``, shape (m, p), is a warm start."""
    term = data_term(weighted(problem.rows, q), problem.loss)
    W = problem.solve(start=start, polish=False, term=term).W
    return Fit(q, W, *judge.at(W), term)


def slopes(problem: Problem, fit: Fit, tolerance: float = ROUGH) -> FloatArray:
    """The derivative of the judge's value by each row's weight, shape (n,).

    -c_i/n_i l'(w_i'x, y) v_i'x with the adjoint v: one linear system, and one inner product a row.
    """
    rows, term, penalty = problem.rows, fit.term.expand(fit.W), problem.penalty
    if penalty.weights[1] == 0.0:  # nothing confines W to a rank
        penalty = ridge(fit.W.shape[0], penalty.weights[0])
    model = penalty.model(fit.W, term.gradient)
    v = solve_adjoint(
        fit.term, term, model, fit.W, fit.gradient, tolerance=tolerance, max_products=2_000, factored=True
    ).v
    return -rows.weights * problem.loss.slope(rows.products(fit.W), rows.y) * rows.products(v)


def learn_weights(
    problem: Problem, judge: Judge, free: BoolArray, price: float, size: float, max_iter: int
) -> tuple[Fit, list[Step]]:
    """Minimise the judge's value + price/size sum_j (1 - q_j) over the weights of the ``free`` rows, in [0, 1].

    From all weights at 1: a local minimum. The price begins at up to 2^LEVELS times its value and is halved, so that
    the rows of the largest effect lose their weight first; with a row less, others have a smaller effect. Each level
    takes ``max_iter`` steps at most, and each step an adjoint and about two warm fits.
    """
    fit = fit_with(problem, judge, np.ones(problem.rows.y.size))
    steps = [Step(np.inf, fit.value, 0.0)]
    steepest = float(slopes(problem, fit)[free].max(initial=0.0)) * size / price
    level = int(np.ceil(np.log2(min(steepest, 2.0**LEVELS)))) if steepest > 1.0 else -1
    for factor in 2.0 ** np.arange(level, -1, -1):
        cost = np.where(free, factor * price / size, 0.0)
        for found in _descend(problem, judge, free, cost, fit, max_iter):
            fit = found
            steps.append(Step(float(factor * price), fit.value, float(1.0 - fit.q[free].mean())))
    return fit, steps


def _descend(
    problem: Problem, judge: Judge, free: BoolArray, cost: FloatArray, fit: Fit, max_iter: int
) -> Iterator[Fit]:
    """Fits of falling value + cost'(1 - q), by projected gradient steps; ``cost``, shape (n,)."""
    length = None
    for _ in range(max_iter):
        slope = np.where(free, slopes(problem, fit) - cost, 0.0)
        moving = np.where(slope > 0.0, fit.q > 0.0, fit.q < 1.0) & (slope != 0.0)
        if not moving.any():
            return
        if length is None:  # most of the rows that move do so by 1 at most
            length = 1.0 / float(np.quantile(np.abs(slope[moving]), 0.9, method="inverted_cdf"))
        found, length = _shortened(problem, judge, cost, fit, slope, length)
        if found is None:
            return
        fall = _total(fit, cost) - _total(found, cost)
        fit, length = found, 2.0 * length
        yield fit
        if fall <= _WORTH * _total(fit, cost):
            return


def _shortened(
    problem: Problem, judge: Judge, cost: FloatArray, fit: Fit, slope: FloatArray, length: float
) -> tuple[Fit | None, float]:
    """The first fit along shorter and shorter projected steps whose total falls enough, and its length; or None."""
    while length * float(np.abs(slope).max()) > _SHORTEST:
        q = np.clip(fit.q - length * slope, 0.0, 1.0)
        found = fit_with(problem, judge, q, fit.W)
        if _total(found, cost) <= _total(fit, cost) + _SUFFICIENT * float(slope @ (q - fit.q)):
            return found, length
        length *= 0.25
    return None, length


def _total(fit: Fit, cost: FloatArray) -> float:
    return fit.value + float(cost @ (1.0 - fit.q))
