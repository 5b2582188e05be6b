"""The textbook alternation: right where it converges, and honest where it does not."""

import numpy as np
import pytest

from patom.core import losses
from patom.core.data_term import data_term
from patom.core.penalties.learned import SpectralPenalty
from patom.core.penalties.penalty import fenchel_gap
from patom.core.rows import group_rows
from patom.core.solvers.accelerated import solve
from patom.core.solvers.alternating import alternate
from patom.core.solvers.solution import Status


def term_of(loss, m, d, rows_each):
    rng = np.random.default_rng(0)
    index = np.repeat(np.arange(m), rows_each)
    X, B = rng.standard_normal((index.size, d)), rng.standard_normal((m, 2)) @ rng.standard_normal((2, d))
    y = (X * B[index]).sum(axis=1) + 0.3 * rng.standard_normal(index.size)
    return data_term(group_rows(X, np.sign(y) if loss.margin else y, index, m), loss)


CASES = [
    (losses.logistic, (3, 8, 6), (10.0, 10.0)),
    (losses.logistic, (4, 12, 6), (0.1, 0.1)),
    (losses.squared_hinge, (4, 12, 6), (1.0, 1.0)),
    (losses.squared_error, (4, 12, 6), (10.0, 1.0)),
    (losses.squared_error, (2, 5, 20), (10.0, 10.0)),
    (losses.squared_error, (3, 4, 20), (1.0, 1e-3)),
    (losses.squared_error, (1, 3, 10), (0.1, 0.1)),
    (losses.squared_error, (4, 3, 10), (0.1, 0.0)),
]


@pytest.mark.parametrize(("loss", "shape", "lambdas"), CASES)
def test_same_objective_where_it_converges(loss, shape, lambdas):
    term = term_of(loss, *shape)
    solution = alternate(term, *lambdas, max_iter=300)
    assert solution.status is Status.CONVERGED
    assert solution.objective == pytest.approx(solve(term, SpectralPenalty(*lambdas)).objective, rel=2e-8)


@pytest.mark.parametrize(
    ("shape", "lambdas", "max_iter", "status"),
    [
        ((8, 2, 5), (0.01, 0.01), 300, Status.STALLED),  # fewer columns than tasks
        ((4, 3, 10), (10.0, 10.0), 300, Status.STALLED),  # a rank-one optimum
        ((8, 2, 5), (0.1, 0.1), 10, Status.MAX_ITER),
        ((4, 3, 10), (0.1, 0.1), 1, Status.MAX_ITER),
    ],
)
def test_honest_where_it_does_not(shape, lambdas, max_iter, status):
    term = term_of(losses.squared_error, *shape)
    solution, best = alternate(term, *lambdas, max_iter=max_iter), solve(term, SpectralPenalty(*lambdas)).objective
    assert solution.status is status
    assert solution.duality_gap > 1e-8 * min(1.0, solution.objective)
    assert solution.n_iter <= max_iter
    assert solution.objective > best * (1 + 1e-7)  # it is indeed not there


@pytest.mark.in_turn
@pytest.mark.parametrize(
    "loss", [losses.squared_error, losses.squared_hinge, losses.huber(1.0)], ids=lambda loss: loss.name
)
@pytest.mark.parametrize("lambdas", [(0.1, 0.1), (0.0, 0.1), (10.0, 10.0), (1e-3, 1e-3)])
@pytest.mark.parametrize("shape", [(4, 3, 10), (3, 8, 4), (6, 2, 1)])
def test_gap_and_status_agree(loss, shape, lambdas):
    term, penalty = term_of(loss, *shape), SpectralPenalty(*lambdas)
    solution = alternate(term, *lambdas, max_iter=40)
    value, gradient = term.value_and_gradient(solution.W)
    assert solution.objective == value + penalty.value(solution.W)
    assert solution.duality_gap == max(fenchel_gap(penalty, solution.W, gradient), 0.0)
    certified = solution.duality_gap <= 1e-8 * min(1.0, solution.objective)
    assert (solution.status is Status.CONVERGED) == certified
    best = solve(term, penalty).objective
    assert solution.objective - solution.duality_gap <= best
    assert solution.objective >= best * (1 - 1e-8)
