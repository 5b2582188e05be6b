"""Where a see-saw's directions lie, and that the best of the ways to choose them is kept."""

import numpy as np
import pytest

from patom import Ball, Capped, MTRLRegressor, NewTasks, ThreatModel
from patom.attacks.draws import draw
from patom.attacks.program import bilevel
from patom.attacks.see_saw import _placed, axes
from patom.datasets import make_related_tasks


def rows_and_weights(rank, d=7, m=5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((60, d)) @ rng.standard_normal((d, d))
    return X, rng.standard_normal((m, rank)) @ rng.standard_normal((rank, d)), rng


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_directions_are_orthonormal_and_unused_but_for_the_tilt(rank):
    X, W, _ = rows_and_weights(rank)
    found = axes(X, W)
    assert [each.shape for each in found] == [(7, 7 - rank)] * 5
    for each in found:
        np.testing.assert_allclose(each.T @ each, np.eye(7 - rank), atol=1e-12)
    for each in found[:2]:
        np.testing.assert_allclose(W @ each, 0.0, atol=1e-12)
    spread = np.var(X @ found[0], axis=0)
    assert (np.diff(spread) >= 0.0).all()
    for each, tilt in zip(found[1:], (0.0, -0.1, 0.15, 0.35), strict=True):
        np.testing.assert_allclose(W @ each[:, 1:], 0.0, atol=1e-12)
        assert found[1][:, 0] @ each[:, 0] == pytest.approx(np.sqrt(1.0 - tilt**2))


def test_the_first_axis_varies_most_with_the_predictions():
    X, W, rng = rows_and_weights(3)
    free = np.linalg.svd(W)[2][3:].T
    Z = X - X.mean(axis=0)

    def together(f):
        return np.linalg.norm((Z @ f) @ (Z @ W.T))  # with W' = V diag(s) U': U changes no norm

    first = axes(X, W)[1][:, 0]
    for _ in range(200):
        other = free @ rng.standard_normal(free.shape[1])
        assert together(other / np.linalg.norm(other)) <= together(first)


@pytest.mark.parametrize("W", [np.zeros((3, 4)), np.eye(4), np.ones((3, 1))], ids=["none", "all", "one feature"])
def test_weights_that_use_nothing_or_everything(W):
    X = np.random.default_rng(0).standard_normal((20, W.shape[1]))
    found = axes(X, W)
    assert len(found) == 1
    assert found[0].shape == (W.shape[1], W.shape[1] if not W.any() else 1)


@pytest.mark.parametrize("accounts", [1, 2, 8])
def test_the_best_way_is_kept(accounts):
    X, y, task = make_related_tasks(n_tasks=4, n_features=9, n_train=12, n_groups=2, random_state=3).train
    threat = ThreatModel([0, 1, 2, 3], NewTasks(accounts, 2))
    program = bilevel(MTRLRegressor(0.01, 0.01), X, y, task, threat)
    found = draw(program, "see-saw", "extremes", np.random.default_rng(0))
    W = program.clean.W
    tried = [
        program.utility(program.solve(_placed(program, found, np.ones(4 + accounts), each[:, :accounts])).W)
        for each in axes(X, W[:4, :-1])
    ]
    assert program.utility(program.solve(found).W) == pytest.approx(max(tried), rel=1e-7)
    assert len(set(np.round(tried, 6))) > 1


def test_a_tilt_helps_a_single_account():
    """On features that vary together, one account does more along the stand-in of what the honest tasks use."""
    rng = np.random.default_rng(0)
    task, common = np.repeat(np.arange(4), 40), rng.standard_normal((160, 1))
    X = 0.2 * (common + 0.3 * rng.standard_normal((160, 8)))
    y = 10.0 * X[:, 0] + 0.1 * rng.standard_normal(160)
    program = bilevel(MTRLRegressor(0.01, 0.01), X, y, task, ThreatModel([0, 1, 2, 3], NewTasks(1, 2)))
    found = draw(program, "see-saw", "extremes", np.random.default_rng(0))
    plain = _placed(program, found, np.ones(5), axes(X, program.clean.W[:4, :-1])[0][:, :1])
    rise = {name: program.utility(program.solve(rows).W) for name, rows in (("kept", found), ("plain", plain))}
    assert rise["kept"] > 1.02 * rise["plain"]


@pytest.mark.parametrize("weights", ["rows", Capped(12)], ids=["rows", "capped"])
def test_where_accounts_weigh_little_their_rows_lie_further_out(weights):
    """eps^2 = (lambda_1 + q lambda_2)/(2 c) gives the longest weights of accounts alone that weigh c."""
    X, y, task = make_related_tasks(n_tasks=4, n_features=9, n_train=12, n_groups=2, random_state=3).train
    threat = ThreatModel([0, 1, 2, 3], NewTasks(2, 2), region=Ball(100.0), label_range=(-3.0, 3.0))
    program = bilevel(MTRLRegressor(0.01, 0.01, task_weights=weights), X, y, task, threat)
    found = draw(program, "see-saw", "extremes", np.random.default_rng(0))
    n_ref = 12.0 if isinstance(weights, Capped) else (4 * 12**2 + 2 * 2**2) / (4 * 12 + 2 * 2)
    c, q = 2.0 / n_ref, np.linalg.matrix_rank(found.X, tol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(found.X, axis=1), np.sqrt((0.01 + q * 0.01) / (2.0 * c)))

    def length(factor):
        model = MTRLRegressor(0.01, 0.01, tol=1e-12, task_weights=Capped(2.0 / c))
        return np.linalg.svd(model.fit(factor * found.X, found.y, task=found.task_index).coef_, compute_uv=False).sum()

    assert length(1.0) > max(length(0.8), length(1.25))


@pytest.mark.parametrize("weights", ["rows", Capped(40)], ids=["rows", "capped"])
def test_weighed_tasks_are_harmed_too(weights):
    """At the length for tasks of weight 1 accounts do next to nothing; at their own they do what they can."""
    X, y, task = make_related_tasks(n_tasks=4, n_features=8, n_train=40, n_groups=2, random_state=1).train
    threat = ThreatModel([0, 1, 2, 3], NewTasks(30, 2))
    program = bilevel(MTRLRegressor(0.01, 0.01, task_weights=weights), X, y, task, threat)
    found = draw(program, "see-saw", "extremes", np.random.default_rng(0))
    as_if = _placed(program, found, np.ones(34), axes(X, program.clean.W[:4, :-1])[0])
    clean = program.utility(program.clean.W)
    kept, plain = (program.utility(program.solve(rows).W) / clean - 1.0 for rows in (found, as_if))
    assert kept > 2.0 * plain
    assert kept > 0.1
