"""Where a see-saw's directions lie, and that the best of the ways to choose them is kept."""

from dataclasses import replace

import numpy as np
import pytest

from patom import MTRLRegressor, NewTasks, ThreatModel
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
        program.utility(program.solve(_placed(program, found, np.unique(found.task_index), each[:, :accounts])).W)
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
    plain = replace(
        found, X=_placed(program, found, np.unique(found.task_index), axes(X, program.clean.W[:4, :-1])[0][:, :1]).X
    )
    rise = {name: program.utility(program.solve(rows).W) for name, rows in (("kept", found), ("plain", plain))}
    assert rise["kept"] > 1.02 * rise["plain"]
