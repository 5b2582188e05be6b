"""Solved where the rows are: the optimum, certificate and statuses of the solver for arrays."""

import numpy as np
import pytest
from sharded_problems import LOSSES, draw, problem_of, shard_of, term_of

from patom.core import losses
from patom.core.penalties.learned import SpectralPenalty
from patom.core.penalties.penalty import fenchel_gap
from patom.core.solvers import choose
from patom.core.solvers.accelerated import solve
from patom.core.solvers.sharded.problem import ShardedProblem
from patom.core.solvers.sharded.solver import Momentum, Sweeps, solve_sharded
from patom.core.solvers.solution import Status

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
LAMBDAS = [(1.0, 1.0), (0.1, 0.1), (1e-2, 1e-2), (1e-3, 1e-3), (1e-4, 1e-4), (0.0, 0.1), (0.1, 0.0), (1e-3, 10.0)]


def certificate(rows, loss, lambdas, W):
    """Objective and gap by the whole arrays."""
    penalty = SpectralPenalty(*lambdas)
    value, gradient = term_of(*rows, loss).value_and_gradient(W)
    return value + penalty.value(W), fenchel_gap(penalty, W, gradient)


@pytest.mark.in_turn
@every_loss
@pytest.mark.parametrize("lambdas", LAMBDAS)
def test_the_optimum_is_that_of_arrays(loss, lambdas):
    rows = draw(loss)
    expected = solve(term_of(*rows, loss), SpectralPenalty(*lambdas))
    found = solve_sharded(problem_of(*rows, loss, *lambdas))
    assert found.status is expected.status is Status.CONVERGED
    assert found.objective == pytest.approx(expected.objective, rel=1e-11)
    np.testing.assert_allclose(found.W, expected.W, atol=1e-8 * np.abs(expected.W).max())
    objective, gap = certificate(rows, loss, lambdas, found.W)
    assert found.objective == pytest.approx(objective, rel=1e-12)
    assert found.duality_gap == pytest.approx(gap, abs=1e-9 * objective)
    assert found.duality_gap <= 1e-8 * min(1.0, objective)


@pytest.mark.in_turn
@every_loss
@pytest.mark.parametrize("lambdas", [(0.1, 0.1), (1e-2, 1e-2), (0.0, 0.1), (0.1, 0.0)])
def test_either_engine_gets_there_alone(loss, lambdas):
    rows = draw(loss)
    best = solve(term_of(*rows, loss), SpectralPenalty(*lambdas)).objective
    problem = problem_of(*rows, loss, *lambdas)
    problem.shards.write(0, None)
    momentum = Momentum(problem, problem.smoothness)
    for _ in range(8):
        momentum.advance(100)
    for found in (momentum.certify(), momentum.finish()):
        assert best * (1 - 1e-12) <= found.objective <= best * (1 + 1e-6)
        assert found.objective - best <= found.gap + 1e-13 * best
    problem.shards.write(0, None)
    sweeps = Sweeps(problem, 0, np.eye(6) / 6)
    for _ in range(40):
        found = sweeps.advance()
    assert found.objective == pytest.approx(best, rel=1e-12)
    assert found.gap <= 1e-10 * best


@every_loss
def test_the_gap_on_the_way_bounds_the_distance_and_is_that_of_arrays(loss):
    rows, lambdas = draw(loss), (0.03, 0.05)
    best = solve(term_of(*rows, loss), SpectralPenalty(*lambdas)).objective
    problem = problem_of(*rows, loss, *lambdas)
    problem.shards.write(0, None)
    sweeps = Sweeps(problem, 0, np.diag(np.arange(1.0, 7.0)) / 21.0)
    for _ in range(6):
        found = sweeps.advance()
        objective, gap = certificate(rows, loss, lambdas, problem.shards.read(0))
        assert (found.objective, found.gap) == pytest.approx((objective, gap), rel=1e-9, abs=1e-12)
        assert found.objective - found.gap <= best * (1 + 1e-12)
    momentum = Momentum(problem, problem.smoothness)
    momentum.advance(2)
    found = momentum.finish()
    objective, gap = certificate(rows, loss, lambdas, problem.shards.read(0))
    assert (found.objective, found.gap) == pytest.approx((objective, gap), rel=1e-9, abs=1e-12)


@every_loss
@pytest.mark.parametrize("max_iter", [1, 2, 7, 45])
def test_no_more_steps_than_allowed_and_an_honest_status(loss, max_iter):
    rows, lambdas = draw(loss, noise=2.0), (1.0, 1e-2)
    found = solve_sharded(problem_of(*rows, loss, *lambdas), tol=1e-13, max_iter=max_iter)
    assert found.n_iter <= max_iter
    objective, gap = certificate(rows, loss, lambdas, found.W)
    assert (found.objective, found.duality_gap) == pytest.approx((objective, gap), rel=1e-9, abs=1e-12 * objective)
    if found.status is Status.MAX_ITER:
        assert found.n_iter == max_iter


@every_loss
def test_a_start_at_the_optimum_is_recognised(loss):
    rows = draw(loss)
    first = solve_sharded(problem_of(*rows, loss))
    again = solve_sharded(problem_of(*rows, loss), start=first.W)
    assert again.n_iter == 0
    np.testing.assert_allclose(again.W, first.W, rtol=0, atol=1e-9)


@every_loss
def test_any_start_leads_to_the_same_optimum(loss):
    rows = draw(loss)
    start = 10.0 * np.random.default_rng(0).standard_normal((60, 6))
    kept = start.copy()
    warm, cold = solve_sharded(problem_of(*rows, loss), start=start), solve_sharded(problem_of(*rows, loss))
    assert warm.status is cold.status is Status.CONVERGED
    np.testing.assert_allclose(warm.W, cold.W, rtol=0, atol=1e-8)
    np.testing.assert_array_equal(start, kept)


@every_loss
def test_sweeps_alone(loss, monkeypatch):
    rows = draw(loss)
    monkeypatch.setattr(choose, "begins_with_steps", lambda *_: False)
    found = solve_sharded(problem_of(*rows, loss))
    assert found.status is Status.CONVERGED
    assert found.n_iter <= 20
    monkeypatch.undo()
    np.testing.assert_allclose(found.W, solve_sharded(problem_of(*rows, loss)).W, rtol=0, atol=1e-9)


@pytest.mark.parametrize("loss", [losses.squared_error, losses.huber(1.0)], ids=lambda loss: loss.name)
def test_targets_of_zero(loss):
    X, y, offsets = draw(loss)
    found = solve_sharded(problem_of(X, np.zeros_like(y), offsets, loss))
    assert found.status is Status.CONVERGED
    assert (found.objective, found.duality_gap, found.n_iter) == (0.0, 0.0, 0)
    np.testing.assert_array_equal(found.W, 0.0)


AWKWARD = {
    "one task": lambda X, y, offsets: (X, y, offsets[[0, -1]]),
    "a row a task": lambda X, y, _: (X, y, np.arange(len(X) + 1)),
    "many rows a task": lambda X, y, _: (X, y, np.array([0, len(X) // 2, len(X)])),
    "constant columns": lambda X, y, offsets: (
        np.column_stack([X[:, :3], np.zeros(len(X)), np.full(len(X), 3.0)]),
        y,
        offsets,
    ),
    "duplicate columns": lambda X, y, offsets: (np.ascontiguousarray(X[:, [0, 1, 1, 2, 0]]), y, offsets),
    "duplicate rows": lambda X, y, offsets: (np.ascontiguousarray(X[[0] * len(X)]), y, offsets),
    "all zeros": lambda X, y, offsets: (np.zeros_like(X), y, offsets),
    "far from zero": lambda X, y, offsets: (X + 10.0, y, offsets),
    "unscaled columns": lambda X, y, offsets: (X * np.array([30.0, 1.0, 1.0, 0.1, 1.0]), y, offsets),
}


@pytest.mark.in_turn
@pytest.mark.parametrize("kind", AWKWARD)
@pytest.mark.parametrize("lambdas", [(0.1, 0.1), (1e-3, 1e-3), (0.0, 0.1), (1e-2, 0.0)])
@every_loss
def test_awkward_rows(kind, lambdas, loss):
    rows = AWKWARD[kind](*draw(loss))
    found = solve_sharded(problem_of(*rows, loss, *lambdas))
    best = solve(term_of(*rows, loss), SpectralPenalty(*lambdas), tol=1e-10)
    assert found.status in (Status.CONVERGED, Status.PRECISION)
    assert found.objective <= best.objective * (1 + 1e-9)
    assert found.objective >= (best.objective - best.duality_gap) * (1 - 1e-11)


@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1e3, 1e9])
def test_targets_of_any_size(scale):
    X, y, offsets = draw(losses.squared_error)
    one = solve_sharded(problem_of(X, y, offsets, losses.squared_error))
    found = solve_sharded(problem_of(X, scale * y, offsets, losses.squared_error))
    assert found.status in (Status.CONVERGED, Status.PRECISION)
    np.testing.assert_allclose(found.W / scale, one.W, atol=1e-8)


class Several:
    """Tasks in three shards; one shard forgets its weights between messages if ``forgetful``."""

    def __init__(self, X, y, offsets, loss, *, forgetful=False):
        self.bounds = [0, 7, 30, len(offsets) - 1]
        self.shape, self.n_rows, self.forgetful = (len(offsets) - 1, X.shape[1] + 1), len(X), forgetful
        self.shards = []
        for first, last in zip(self.bounds[:-1], self.bounds[1:], strict=True):
            rows = slice(offsets[first], offsets[last])
            self.shards.append(shard_of(X[rows], y[rows], offsets[first : last + 1] - offsets[first], loss))

    def reduce(self, method, *arguments):
        if self.forgetful:
            self.shards[1].write(0, None)
        return [getattr(shard, method)(*arguments) for shard in self.shards]

    def write(self, slot, W):
        for shard, first, last in zip(self.shards, self.bounds[:-1], self.bounds[1:], strict=True):
            shard.write(slot, None if W is None else W[first:last])

    def read(self, slot):
        return np.concatenate([shard.read(slot) for shard in self.shards])


@pytest.mark.in_turn
@every_loss
@pytest.mark.parametrize("lambdas", [(0.1, 0.1), (1e-3, 1e-3)])
def test_several_shards_lead_to_the_same_weights(loss, lambdas, monkeypatch):
    rows = draw(loss)
    one = solve_sharded(problem_of(*rows, loss, *lambdas))
    for forgetful in (False, True):
        if forgetful:  # sweeps alone, which do not depend on what shards keep between messages
            monkeypatch.setattr(choose, "begins_with_steps", lambda *_: False)
        shards = Several(*rows, loss, forgetful=forgetful)
        found = solve_sharded(ShardedProblem(shards, SpectralPenalty(*lambdas), loss.curvature_bound))
        np.testing.assert_allclose(found.W, one.W, rtol=0, atol=1e-8 * np.abs(one.W).max())
        assert found.objective == pytest.approx(one.objective, rel=1e-12)


def test_no_more_than_three_slots():
    rows = draw(losses.squared_error)
    shard = shard_of(*rows, losses.squared_error)
    asked = []
    held = shard._slot
    shard._slot = lambda slot: asked.append(len(shard._slots)) or held(slot)
    solve_sharded(ShardedProblem(shard, SpectralPenalty(1.0, 1.0), 2.0))
    assert max(asked) <= 3
    assert list(shard._slots) == [0]
