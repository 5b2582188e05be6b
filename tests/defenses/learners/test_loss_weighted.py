"""Loss-weighted rounds: weights in closed form, risks that never rise, attackers that are not heard."""

import numpy as np
import pytest

from patom.core.data_term import data_term
from patom.core.losses import squared_error
from patom.core.penalties.given import fixed_covariance
from patom.core.rows import group_rows
from patom.core.solvers.accelerated import solve
from patom.defenses import LossWeightedRegressor
from patom.defenses.learners.base import IterationStatus
from patom.defenses.learners.loss_weighted import cooperate, loss_weights, risks_of_models


def plain_weights(losses):
    """The rule as the paper says it, entry by entry."""
    m = len(losses)
    weights = np.zeros((m, m))
    for k in range(m):
        heard = [j for j in range(m) if losses[k, j] <= losses[k, k]]
        for j in heard:
            weights[k, j] = (1.0 / losses[k, j]) / sum(1.0 / losses[k, p] for p in heard)
    return weights


@pytest.mark.parametrize("seed", range(5))
def test_weights_are_the_rule(seed):
    losses = np.random.default_rng(seed).uniform(0.1, 2.0, (6, 6))
    np.testing.assert_allclose(loss_weights(losses), plain_weights(losses), rtol=1e-12)


def test_weights_by_hand():
    found = loss_weights(np.array([[4.0, 1.0, 5.0], [9.0, 2.0, 2.0], [1.0, 1.0, 0.5]]))
    np.testing.assert_allclose(found, [[0.2, 0.8, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]])


def test_a_model_has_the_votes_of_its_rows():
    losses, votes = np.array([[4.0, 1.0, 2.0], [9.0, 2.0, 2.0], [1.0, 1.0, 0.5]]), np.array([8.0, 6.0, 2.0])
    found = loss_weights(losses, votes)
    np.testing.assert_allclose(found, [[2 / 9, 6 / 9, 1 / 9], [0.0, 3 / 4, 1 / 4], [0.0, 0.0, 1.0]])


def test_accounts_do_not_outvote_a_model():
    """Twenty accounts of one row, whose models predict the first task as well as the other honest task's does."""
    rng = np.random.default_rng(0)
    task = np.append(np.repeat([0, 1], 40), np.arange(2, 22))
    X = rng.standard_normal((100, 2))
    given = {
        votes: LossWeightedRegressor(rounds=1, votes=votes).fit(X, X @ [1.0, -1.0], task=task).weights_[0, :2].sum()
        for votes in ("rows", "tasks")
    }
    assert given["rows"] > 0.75
    assert given["tasks"] < 0.5


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_weights_do_not_overflow(scale):
    found = loss_weights(scale * np.array([[2.0, 1.0], [1.0, 1.0]]))
    np.testing.assert_allclose(found, [[1 / 3, 2 / 3], [0.5, 0.5]])


def test_models_without_loss_share_the_weight():
    losses = np.array([[1.0, 0.0, 0.0, 2.0], [1.0, 0.0, 1.0, 1.0], [0.0] * 4, [3.0, 1.0, 1.0, 0.0]])
    np.testing.assert_array_equal(
        loss_weights(losses), [[0.0, 0.5, 0.5, 0.0], [0.0, 1.0, 0.0, 0.0], [0.25] * 4, [0.0, 0.0, 0.0, 1.0]]
    )


def test_risks_are_each_models_on_each_tasks_rows(make_rows, loss):
    rows, W = make_rows(), np.random.default_rng(1).standard_normal((4, 4))
    risks = risks_of_models(rows, loss, 0.3, W)
    for k in range(4):
        own = slice(rows.offsets[k], rows.offsets[k + 1])
        for j in range(4):
            expected = loss.value(rows.X[own] @ W[j], rows.y[own]).mean() + 0.15 * W[j] @ W[j]
            assert risks[k, j] == pytest.approx(expected, rel=1e-12)


def test_a_round_is_a_gradient_step_and_a_mean(make_rows, loss):
    rows, ridge = make_rows(), 0.1
    term = data_term(rows, loss)
    first, second = (cooperate(rows, loss, ridge, rounds=rounds) for rounds in (1, 2))
    adapted = first.W - (term.value_and_gradient(first.W)[1] + ridge * first.W) / (term.smoothness + ridge)
    expected = plain_weights(risks_of_models(rows, loss, ridge, adapted)) @ adapted
    np.testing.assert_allclose(second.W, expected, rtol=1e-12)
    assert second.residual == pytest.approx(np.linalg.norm(second.W - first.W) / np.linalg.norm(second.W))
    assert (second.n_iter, second.status) == (2, IterationStatus.ROUNDS)


@pytest.mark.in_turn
@pytest.mark.parametrize("ridge", [1e-3, 0.1])
def test_no_tasks_risk_ever_rises(make_rows, loss, ridge):
    found = cooperate(make_rows(), loss, ridge, max_iter=50_000)
    assert found.status is IterationStatus.REACHED
    assert found.residual <= 1e-6
    assert (np.diff(found.risks, axis=0) <= 1e-12).all()


def test_it_comes_to_rest_at_the_independent_ridge_fits(make_rows, loss):
    rows = make_rows()
    found = cooperate(rows, loss, 0.1, tol=1e-12)
    alone = solve(data_term(rows, loss), fixed_covariance(np.eye(4), 0.1, 0.0)).W
    np.testing.assert_allclose(found.W, alone, atol=1e-9)


def test_early_on_neighbours_help_and_the_attacker_is_not_heard():
    rng = np.random.default_rng(0)
    index, truth = np.repeat(np.arange(5), [4, 40, 40, 40, 40]), np.array([1.0, -2.0, 0.5])
    X = rng.standard_normal((index.size, 3))
    y = X @ truth + 0.3 * rng.standard_normal(index.size)
    y[index == 4] = -20.0 * (X @ truth)[index == 4]
    rows = group_rows(X, y, index, 5)
    heard = np.zeros((5, 5))
    for rounds in range(1, 30):
        heard = np.maximum(heard, cooperate(rows, squared_error, 1e-3, rounds=rounds).weights)
    assert heard[:4, 4].max() == 0.0
    assert heard[0, 1:4].max() > 0.2
    together = cooperate(rows, squared_error, 1e-3, rounds=10).W
    alone = cooperate(group_rows(X[index == 0], y[index == 0], index[index == 0], 1), squared_error, 1e-3, rounds=10).W
    assert np.linalg.norm(together[0, :-1] - truth) < np.linalg.norm(alone[0, :-1] - truth)


def test_an_attacker_cannot_raise_anothers_risk():
    rng = np.random.default_rng(2)
    X, index = rng.standard_normal((30, 2)), np.repeat([0, 1, 2], 10)
    y = X @ [1.0, 1.0] + 0.1 * rng.standard_normal(30)
    y[index == 2] *= -1e3
    model = LossWeightedRegressor(lambda_1=0.01).fit(X, y, task=index)
    clean = LossWeightedRegressor(lambda_1=0.01).fit(X[:20], y[:20], task=index[:20])
    np.testing.assert_allclose(model.coef_[:2], clean.coef_, atol=1e-2)
    np.testing.assert_array_equal(model.weights_[:2, 2], 0.0)
