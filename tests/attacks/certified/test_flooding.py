"""Bounds for attacks from outside of the targets: never exceeded, met by a see-saw, and their parts one by one."""

from dataclasses import replace

import numpy as np
import pytest

from patom import Ball, Capped, MTRLClassifier, MTRLRegressor, NewTasks, ProjectedAscent, RandomAttack, ThreatModel
from patom.attacks import flooding_bound, loss_bound
from patom.attacks.certified.flooding import flooding, longest_others, zero_bound
from patom.attacks.program import bilevel
from patom.core import losses
from patom.defenses import Clip, Sanitised

LOSSES = ("squared_error", "huber", "squared_hinge", "logistic", "unclipped_hinge")


def nuclear(W):
    return np.linalg.svd(W, compute_uv=False).sum()


def drawn(loss, seed, m=4, d=3):
    rng = np.random.default_rng(seed)
    task = np.repeat(np.arange(m), rng.integers(3, 12, m))
    X = Ball().sample(task.size, d, rng)
    y = 3.0 * np.einsum("nd,nd->n", X, rng.standard_normal((m, d))[task]) + 0.3 * rng.standard_normal(task.size)
    return X, y if loss in MTRLRegressor.LOSSES else np.where(y > np.median(y), 1, -1), task


def victim(loss, rng, **settings):
    lambdas = rng.choice([1e-4, 1e-3, 1e-2, 1e-1, 1.0], 2)
    return (MTRLRegressor if loss in MTRLRegressor.LOSSES else MTRLClassifier)(*lambdas, loss=loss, **settings)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("weights", ["tasks", "rows", Capped(6.0)], ids=str)
@pytest.mark.parametrize("seed", range(6))
def test_no_attack_from_outside_gets_above_them(loss, weights, seed):
    rng = np.random.default_rng(seed)
    X, y, task = drawn(loss, seed)
    model = victim(loss, rng, task_weights=weights)
    attackers = [NewTasks(int(rng.integers(1, 8)), int(rng.integers(1, 4))), [2, 3, NewTasks(3, 2)], [2, 3]][seed % 3]
    budget = None if isinstance(attackers, NewTasks) else 1.0
    threat = ThreatModel([0, 1], attackers, budget)
    program = bilevel(model, X, y, task, threat)
    for attack in (
        ProjectedAscent(max_iter=10, n_starts=2, optimise_labels=True),
        RandomAttack(features="see-saw", labels="extremes"),
        RandomAttack(features="corners", labels="flipped"),
    ):
        result = attack.poison(model, X, y, task=task, threat=threat, random_state=seed)
        assert result.utility <= flooding_bound(model, X, y, task=task, threat=threat)
        assert result.utility <= zero_bound(program)
        at_zero = losses_at_zero(loss, y)
        attacked = result.task_losses["attacked"]
        for i in np.flatnonzero(~result.task_losses["attacker"]):  # the first theorem, task by task, gap included
            weight = 1.0 if weights == "tasks" else 1e-3
            assert attacked[i] <= at_zero[task == i].mean() + 1e-8 / weight


def losses_at_zero(loss, y):
    if loss in ("squared_error", "huber"):
        y = np.abs(y)
        return y**2 if loss == "squared_error" else np.where(y <= 1.0, y**2, 2.0 * y - 1.0)
    return np.full(y.size, np.log(2.0) if loss == "logistic" else 1.0)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("seed", range(10))
def test_the_others_norm_is_bounded_by_what_they_lose_at_zero(loss, seed):
    """And of what is proved on the way: the trace norm's square is superadditive, and -l'(z) z <= kappa l(0)."""
    rng = np.random.default_rng(seed)
    X, y, task = drawn(loss, seed)
    model = victim(loss, rng)
    threat = ThreatModel([0, 1], NewTasks(int(rng.integers(1, 9)), 2), region=Ball(5.0))
    program = bilevel(model, X, y, task, threat)
    attack = RandomAttack(features=["see-saw", "corners"][seed % 2], labels="extremes")
    fitted = attack.poison(model, X, y, task=task, threat=threat, random_state=seed).model
    W = np.column_stack([fitted.coef_, fitted.intercept_])
    assert nuclear(W[2:]) <= longest_others(program)
    assert nuclear(W) ** 2 >= (nuclear(W[:2]) ** 2 + nuclear(W[2:]) ** 2) * (1.0 - 1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_kappa_is_no_smaller_than_it_must_be(name):
    loss = losses.huber(0.7) if name == "huber" else getattr(losses, name)
    kappa = 1.0 if name == "huber" else 0.5
    z, y = np.meshgrid(
        np.linspace(-9.0, 9.0, 2001), [-1.0, 1.0] if name in MTRLClassifier.LOSSES else [-3.0, -0.4, 2.0]
    )
    most = -loss.slope(z, y) * z / loss.value(np.zeros(z.shape), y)
    assert most.max() <= kappa + 1e-12
    if name != "logistic":
        assert most.max() > 0.9 * (0.8 if name == "huber" else kappa)


def test_many_see_saws_come_close_to_the_loss_at_zero():
    X, y, task = drawn("squared_error", 0, d=8)
    model, threat = MTRLRegressor(0.01, 0.01), ThreatModel([0, 1], NewTasks(200, 2), region=Ball(10.0))
    result = RandomAttack(features="see-saw", labels="extremes").poison(
        model, X, y, task=task, threat=threat, random_state=0
    )
    program = bilevel(model, X, y, task, threat)
    assert (
        0.8 * zero_bound(program) < result.utility <= zero_bound(program)
    )  # what they keep are the see-saws' directions


def test_the_flooding_bound_is_the_smaller_one_where_few_rows_weigh_little():
    X, y, task = drawn("squared_error", 1)
    model = MTRLRegressor(0.01, 1e-3, task_weights=Capped(200))
    found = loss_bound(model, X, y, task=task, threat=ThreatModel([0, 1], NewTasks(3, 2)))
    assert found.by in ("flooding", "game")
    assert found.value == min(found.bounds.values()) == found.bounds[found.by]
    assert found.bounds["flooding"] < found.bounds["zero"]
    for rows in (20, 200):  # and grows with them
        more = flooding(bilevel(model, X, y, task, ThreatModel([0, 1], NewTasks(3, rows))))
        assert more > found.bounds["flooding"]


def test_where_rows_go_into_targets_or_omega_is_not_learned_from_all_rows_there_is_none():
    X, y, task = drawn("squared_error", 2)
    model = MTRLRegressor(0.01, 0.01)
    inside = ThreatModel([0, 1], [1, 2], 0.5)
    assert flooding_bound(model, X, y, task=task, threat=inside) == np.inf
    found = loss_bound(model, X, y, task=task, threat=inside)
    assert (found.by, found.bounds["zero"]) == ("game", np.inf)
    outside = replace(inside, attackers=[2])
    assert loss_bound(model, X, y, task=task, threat=outside).bounds["zero"] < np.inf
    given = MTRLRegressor(0.01, 0.01, task_covariance=np.eye(4) / 4)
    assert flooding_bound(given, X, y, task=task, threat=outside) == np.inf
    filtered = bilevel(Sanitised(model, Clip()), X, y, task, outside)
    assert zero_bound(filtered) == np.inf
    assert flooding_bound(MTRLRegressor(0.1, 0.0), X, y, task=task, threat=outside) == np.inf
    with pytest.raises(TypeError, match="model of flooding_bound must be an MTRLRegressor or MTRLClassifier; got Sani"):
        flooding_bound(Sanitised(model, Clip()), X, y, task=task, threat=outside)


@pytest.mark.parametrize("loss", LOSSES)
def test_all_tasks_may_be_targets(loss):
    """Of equal sizes: then the weights of all honest rows vanish from the game, and the accounts have none."""
    X, y, task = drawn(loss, 0)
    kept = np.concatenate([np.flatnonzero(task == i)[:3] for i in np.unique(task)])
    X, y, task = X[kept], y[kept], task[kept]
    model = victim(loss, np.random.default_rng(0))
    threat = ThreatModel(np.unique(task), NewTasks(5, 2))
    bound = loss_bound(model, X, y, task=task, threat=threat)
    assert all(np.isfinite(value) for value in bound.bounds.values())
    result = RandomAttack(features="see-saw", labels="extremes").poison(model, X, y, task=task, threat=threat)
    assert max(bound.clean, result.utility) <= bound.value
