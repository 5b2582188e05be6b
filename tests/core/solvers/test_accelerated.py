"""The solver and its certificate: the gap bounds the distance to the optimum, nothing converges without it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patom.core import losses
from patom.core.data_term import MomentTerm, RowTerm, data_term
from patom.core.penalties.given import fixed_covariance
from patom.core.penalties.learned import SpectralPenalty
from patom.core.penalties.penalty import fenchel_gap
from patom.core.rows import group_rows
from patom.core.solvers.accelerated import solve
from patom.core.solvers.solution import Status

LOSSES = [losses.squared_error, losses.huber(1.0), losses.squared_hinge, losses.logistic, losses.unclipped_hinge]
few = settings(deadline=None, derandomize=True, max_examples=40)
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)


def rows_of(loss, m=4, d=3, rows_each=8, seed=0):
    rng = np.random.default_rng(seed)
    index = np.repeat(np.arange(m), rows_each)
    X, B = rng.standard_normal((index.size, d)), rng.standard_normal((m, d))
    y = (X * B[index]).sum(axis=1) + 0.5 * rng.standard_normal(index.size)
    return group_rows(X, np.sign(y) if loss.margin else y, index, m)


def term_of(loss, *shape_and_seed):
    return data_term(rows_of(loss, *shape_and_seed), loss)


def objective(term, penalty, W):
    return term.value_and_gradient(W)[0] + penalty.value(W)


@st.composite
def problems(draw):
    m, d, rows_each = draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(st.integers(1, 8))
    term = term_of(draw(st.sampled_from(LOSSES)), m, d, rows_each, draw(st.integers(0, 10_000)))
    lambda_1, lambda_2 = draw(st.sampled_from([(10, 1), (0.1, 0.1), (1e-3, 1e-2), (0, 0.1), (0.1, 0), (1e-4, 10)]))
    if draw(st.booleans()):
        return term, SpectralPenalty(lambda_1, lambda_2)
    factor = np.random.default_rng(0).standard_normal((m, draw(st.integers(1, m))))
    return term, fixed_covariance(factor @ factor.T, lambda_1, lambda_2)


def somewhere(term, penalty, seed):
    """A random W where R is finite: a prox step lands there."""
    rng = np.random.default_rng(seed)
    return penalty.prox(rng.exponential(2.0) * rng.standard_normal(term.shape), rng.exponential(1.0) + 0.1)


@few
@given(problem=problems(), seed=st.integers(0, 1000))
def test_gap_bounds_the_distance_from_any_other_weights(problem, seed):
    term, penalty = problem
    W = somewhere(term, penalty, seed)
    value, gradient = term.value_and_gradient(W)
    gap = fenchel_gap(penalty, W, gradient)
    bound = value + penalty.value(W) - gap
    best = solve(term, penalty)
    rounding = 1e-13 * (abs(gap) + value)
    assert gap >= -rounding
    for other in (
        best.W,
        *(somewhere(term, penalty, seed + k) for k in range(1, 20)),
        *(t * best.W for t in (0.9, 1.1)),
    ):
        assert bound <= objective(term, penalty, other) + rounding


@few
@given(problem=problems(), max_iter=st.integers(1, 120), tol=st.sampled_from([1e-3, 1e-6, 1e-8, 1e-11]))
def test_status_says_what_the_gap_says(problem, max_iter, tol):
    term, penalty = problem
    solution = solve(term, penalty, tol=tol, max_iter=max_iter)
    assert solution.n_iter <= max_iter
    value, gradient = term.value_and_gradient(solution.W)
    assert solution.objective == value + penalty.value(solution.W)
    assert solution.duality_gap == max(fenchel_gap(penalty, solution.W, gradient), 0.0)
    reached = solution.duality_gap <= tol * min(1.0, solution.objective)
    assert (solution.status is Status.CONVERGED) == reached
    if not reached:
        assert solution.status in (Status.MAX_ITER, Status.PRECISION)
    if solution.status is Status.MAX_ITER:
        assert solution.n_iter == max_iter
    else:
        best = solve(term, penalty, tol=1e-12).objective
        assert best <= solution.objective * (1 + 1e-11)
        assert solution.objective - solution.duality_gap <= best * (1 + 1e-11)


@every_loss
@pytest.mark.parametrize("given_omega", [False, True], ids=["omega learned", "omega given"])
def test_gap_is_zero_at_the_optimum(loss, given_omega):
    term = term_of(loss)
    penalty = fixed_covariance(np.diag([0.4, 0.3, 0.3, 0.0]), 0.1, 0.1) if given_omega else SpectralPenalty(0.1, 0.1)
    solution = solve(term, penalty, tol=1e-300)  # as far as float64 goes
    assert solution.status is Status.PRECISION or solution.duality_gap == 0.0
    assert solution.duality_gap <= 1e-14 * term.value_and_gradient(np.zeros(term.shape))[0]


@every_loss
def test_a_start_at_the_optimum_is_recognised(loss):
    term, penalty = term_of(loss), SpectralPenalty(0.1, 0.1)
    first = solve(term, penalty)
    again = solve(term, penalty, start=first.W)
    assert again.n_iter == 0
    assert again.objective == pytest.approx(first.objective, rel=1e-14)
    np.testing.assert_allclose(again.W, first.W, rtol=0, atol=1e-10)


@every_loss
def test_unpolished_weights_are_certified_and_polished_ones_nearer_to_a_fixed_point(loss):
    term, penalty = term_of(loss), SpectralPenalty(1e-2, 1e-2)
    rough, polished = (solve(term, penalty, tol=1e-4, polish=polish) for polish in (False, True))

    def residual(W):
        L = term.smoothness
        return np.linalg.norm(W - penalty.prox(W - term.value_and_gradient(W)[1] / L, L))

    assert rough.status is polished.status is Status.CONVERGED
    assert rough.duality_gap <= 1e-4
    assert residual(polished.W) < 0.1 * residual(rough.W)


@every_loss
def test_any_start_leads_to_the_same_optimum(loss):
    term, penalty = term_of(loss), SpectralPenalty(1e-2, 1e-2)
    start = 10.0 * np.random.default_rng(0).standard_normal(term.shape)
    kept = start.copy()
    warm, cold = solve(term, penalty, start=start), solve(term, penalty)
    assert warm.status is cold.status is Status.CONVERGED
    assert warm.objective == pytest.approx(cold.objective, rel=1e-12)
    np.testing.assert_allclose(warm.W, cold.W, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(start, kept)


@pytest.mark.parametrize("loss", [losses.squared_error, losses.unclipped_hinge], ids=lambda loss: loss.name)
def test_moments_and_rows_lead_to_the_same_optimum(loss):
    rows, penalty = rows_of(loss), SpectralPenalty(1e-2, 1e-2)
    by_moments = data_term(rows, loss)
    assert isinstance(by_moments, MomentTerm)
    by_rows = RowTerm(rows, loss)
    assert solve(by_rows, penalty).objective == pytest.approx(solve(by_moments, penalty).objective, rel=1e-10)


@every_loss
def test_a_smoothness_estimated_too_low_does_no_harm(loss):
    term, penalty = term_of(loss), SpectralPenalty(1e-2, 1e-2)
    low = replace(term)
    vars(low)["smoothness"] = 0.8 * term.smoothness  # in the place of what would be measured
    solution = solve(low, penalty)
    assert solution.status is Status.CONVERGED
    assert solution.objective == pytest.approx(solve(term, penalty).objective, rel=1e-8)


@pytest.mark.parametrize("loss", [losses.squared_error, losses.huber(1.0)], ids=lambda loss: loss.name)
@pytest.mark.parametrize("penalty", [SpectralPenalty(0.1, 0.1), SpectralPenalty(0.0, 0.1), SpectralPenalty(0.1, 0.0)])
def test_targets_of_zero(loss, penalty):
    term = data_term(group_rows(np.ones((6, 2)), np.zeros(6), np.array([0, 0, 1, 1, 2, 2]), 3), loss)
    solution = solve(term, penalty)
    assert solution.status is Status.CONVERGED
    assert (solution.objective, solution.duality_gap, solution.n_iter) == (0.0, 0.0, 0)
    np.testing.assert_array_equal(solution.W, 0.0)


@every_loss
def test_the_same_bytes_every_time(loss):
    term, penalty = term_of(loss), SpectralPenalty(1e-3, 1e-3)
    first, second = solve(term, penalty), solve(term, penalty)
    assert first.W.tobytes() == second.W.tobytes()
    assert (first.objective, first.duality_gap, first.n_iter) == (second.objective, second.duality_gap, second.n_iter)
