"""Weights of rows, learned by projected gradient steps through the fit: what they change, at a price for each row."""

from collections import deque
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
_RECENT = 5  # steps, below the highest of which a step must end (Grippo, Lampariello and Lucidi 1986)
_WORTH = 1e-4  # relative change over these steps below which a level ends
_SHORTEST = 1e-3  # move of the row of the steepest slope at which a step is given up
_LONGEST = 1e3  # move of that row, before it is cut


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
    the rows of the largest effect lose their weight first; with a row less, others have a smaller effect. The last
    level takes ``max_iter`` steps at most, the others a fifth, and a step an adjoint and one or two warm fits. Should
    even all weights at 0 do better than the end, as rows may hide each other's effect, it starts there again.
    """
    fit = fit_with(problem, judge, np.ones(problem.rows.y.size))
    steps = [Step(np.inf, fit.value, 0.0)]

    def descend(start: Fit, factor: float, most: int) -> Fit:
        end, cost = start, np.where(free, factor * price / size, 0.0)
        for better in _descend(problem, judge, free, cost, start, most):
            end = better
            steps.append(Step(factor * price, end.value, float(1.0 - end.q[free].mean())))
        return end

    steepest = float(slopes(problem, fit)[free].max(initial=0.0)) * size / price
    level = int(np.ceil(np.log2(min(steepest, 2.0**LEVELS)))) if steepest > 1.0 else -1
    for k in range(level, -1, -1):
        fit = descend(fit, 2.0**k, max(1, max_iter // 5) if k else max_iter)
    if level >= 0:
        cost, none = np.where(free, price / size, 0.0), fit_with(problem, judge, np.where(free, 0.0, 1.0), fit.W)
        if _total(none, cost) < _total(fit, cost):
            fit = descend(none, 1.0, max_iter)
    return fit, steps


def _descend(
    problem: Problem, judge: Judge, free: BoolArray, cost: FloatArray, fit: Fit, max_iter: int
) -> Iterator[Fit]:
    """Fits of lower and lower value + cost'(1 - q), ``cost`` of shape (n,), by spectral projected gradient steps.

    A step is as long as the inverse curvature along the last one, and shortened until the total is below the highest of
    the last few (Birgin, Martinez and Raydan 2000): it may rise on the way, and so leave a plateau.
    """
    slope = np.where(free, slopes(problem, fit) - cost, 0.0)
    moving = np.where(slope > 0.0, fit.q > 0.0, fit.q < 1.0) & (slope != 0.0)
    if not moving.any():
        return
    # Most of the rows that move do so by 1 at most.
    length = 1.0 / float(np.quantile(np.abs(slope[moving]), 0.9, method="inverted_cdf"))
    best = _total(fit, cost)
    totals = deque([best], maxlen=_RECENT)
    for _ in range(max_iter):
        found = _shortened(problem, judge, cost, fit, slope, length, max(totals))
        if found is None:
            return
        after = np.where(free, slopes(problem, found) - cost, 0.0)
        length = _spectral(found.q - fit.q, after - slope, after, length)
        fit, slope, total = found, after, _total(found, cost)
        totals.append(total)
        if total < best:
            best = total
            yield fit
        if len(totals) == _RECENT and max(totals) - min(totals) <= _WORTH * best:
            return


def _shortened(
    problem: Problem, judge: Judge, cost: FloatArray, fit: Fit, slope: FloatArray, length: float, bound: float
) -> Fit | None:
    """The first fit along shorter and shorter projected steps whose total is enough below ``bound``, or None."""
    while length * float(np.abs(slope).max()) > _SHORTEST:
        q = np.clip(fit.q - length * slope, 0.0, 1.0)
        found = fit_with(problem, judge, q, fit.W)
        if _total(found, cost) <= bound + _SUFFICIENT * float(slope @ (q - fit.q)):
            return found
        length *= 0.25
    return None


def _spectral(move: FloatArray, rise: FloatArray, slope: FloatArray, length: float) -> float:
    """The next step's length: <move, move> / <move, rise> of slopes; within limits, and longer where they fell."""
    bend, steepest = float(move @ rise), max(float(np.abs(slope).max()), np.finfo(float).tiny)
    wanted = float(move @ move) / bend if bend > 0.0 else 4.0 * length
    return float(np.clip(wanted, 10.0 * _SHORTEST / steepest, _LONGEST / steepest))


def _total(fit: Fit, cost: FloatArray) -> float:
    return fit.value + float(cost @ (1.0 - fit.q))
