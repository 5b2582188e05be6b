"""The attack that takes tasks for learners of their own: its surrogate, its aim, and what the coupling costs it."""

import numpy as np
import pytest

from patom import (
    MTRLRegressor,
    ProjectedAscent,
    RandomAttack,
    Sparing,
    Targeted,
    ThreatModel,
)  # fmt: skip
from patom.attacks import Availability, SingleTask
from patom.attacks.baselines.single_task import uncoupled
from patom.attacks.program import bilevel


@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
def test_the_surrogate_learns_each_task_as_problem_1_does_alone(make_tasks, make_victim, loss):
    X, y, task = make_tasks(loss)
    model = make_victim(loss, lambda_1=0.03, lambda_2=0.05)
    alone = uncoupled(bilevel(model, X, y, task, ThreatModel(["a"], ["b"], 0.2)))
    W = alone.solve(None).W
    for i, label in enumerate("abcd"):
        own = task == label
        fitted = make_victim(loss, lambda_1=0.03, lambda_2=0.05, tol=1e-12).fit(X[own], y[own], task=task[own])
        np.testing.assert_allclose(W[i], np.append(fitted.coef_[0], fitted.intercept_[0]), atol=1e-5)


def test_the_surrogates_ridge_in_closed_form(make_tasks):
    X, y, task = make_tasks("squared_error")
    model = MTRLRegressor(0.03, 0.05, solver="alternating")  # whose Omega plays no part
    W = uncoupled(bilevel(model, X, y, task, ThreatModel(["a"], ["b"], 0.2))).solve(None).W
    x, own = np.column_stack([X, np.ones(len(X))]), task == "c"
    A = 2.0 * x[own].T @ x[own] / own.sum() + 0.08 * np.eye(5)
    np.testing.assert_allclose(W[2], np.linalg.solve(A, 2.0 * x[own].T @ y[own] / own.sum()), rtol=1e-7)


@pytest.mark.parametrize(
    ("targets", "attackers", "stranded"),
    [(["a", "b"], ["b", "a"], []), (["a"], ["b", "c"], ["b", "c"]), (["a", "b"], ["b", "c"], ["c"])],
)
def test_only_attackers_that_reach_no_target_add_their_own_loss(make_tasks, targets, attackers, stranded):
    X, y, task = make_tasks("squared_error")
    program = bilevel(MTRLRegressor(), X, y, task, ThreatModel(targets, attackers, 0.2))
    W = np.random.default_rng(0).standard_normal((4, 5))
    z = (np.column_stack([X, np.ones(len(X))]) * W[["abcd".index(label) for label in task]]).sum(axis=1)
    own = np.isin(task, stranded)
    more = ((y - z)[own] ** 2).mean() if stranded else 0.0
    assert uncoupled(program).utility(W) == pytest.approx(program.utility(W) + more, rel=1e-12)


def test_it_starts_at_the_random_attacks_rows(make_tasks):
    X, y, task = make_tasks("squared_error")
    run = {"X": X, "y": y, "task": task, "threat": ThreatModel(["a"], ["a"], 0.3), "random_state": 5}
    still, random = (attack.poison(MTRLRegressor(), **run) for attack in (SingleTask(max_iter=0), RandomAttack()))
    np.testing.assert_array_equal(still.X, random.X)
    assert still.utility == random.utility
    assert still.history.iteration.tolist() == [0]


def test_without_coupling_it_is_the_projected_ascent(make_tasks):
    X, y, task = make_tasks("squared_error")
    run = {"X": X, "y": y, "task": task, "threat": ThreatModel(["a", "b"], ["a", "b"], 0.3), "random_state": 0}
    model = MTRLRegressor(0.02, 0.0, tol=1e-12)
    ours, theirs = (attack(max_iter=3, n_starts=1).poison(model, **run) for attack in (SingleTask, ProjectedAscent))
    np.testing.assert_allclose(ours.X, theirs.X, atol=1e-5)
    assert ours.expected_utility == pytest.approx(theirs.expected_utility, rel=1e-5)


def test_the_utility_is_the_coupled_victims(make_tasks):
    X, y, task = make_tasks("squared_error")
    threat = ThreatModel(["a", "b"], ["a", "b"], 0.3)
    result = SingleTask().poison(MTRLRegressor(0.01, 0.02), X, y, task=task, threat=threat, random_state=0)
    chosen = np.isin(task, ["a", "b"])
    loss = ((result.model.predict(X[chosen], task=task[chosen]) - y[chosen]) ** 2).mean()
    assert result.expected_utility == pytest.approx(loss, rel=1e-6)
    assert result.expected_utility > 2.0 * result.history.utility[0]
    assert result.cost.solves > result.history.iteration[-1] > 10  # the surrogate's solves count
    assert result.cost.adjoint_solves > 5


def test_an_indirect_attack_hurts_the_attackers_and_falls_behind_one_that_knows_the_coupling(make_tasks):
    rises = []
    for seed in range(3):
        X, y, task = make_tasks("squared_error", seed=seed, n_rows=30)
        run = {"X": X, "y": y, "task": task, "threat": ThreatModel(["a"], ["b", "c"], 0.2), "random_state": seed}
        model = MTRLRegressor(0.01, 0.01)
        ours = SingleTask().poison(model, **run)
        by_task = ours.task_losses[ours.task_losses["attacker"]]
        assert (by_task["attacked"] > 1.5 * by_task["clean"]).all()
        knowing = ProjectedAscent(n_starts=1).poison(model, **run)
        rises.append((ours.utility - ours.clean_utility, knowing.utility - knowing.clean_utility))
    ours_mean, knowing_mean = np.mean(rises, axis=0)
    assert knowing_mean > 2.0 * max(ours_mean, 0.0)


def test_labels_move_where_asked(make_tasks):
    X, y, task = make_tasks("squared_error")
    run = {"X": X, "y": y, "task": task, "threat": ThreatModel(["a"], ["a"], 0.3), "random_state": 0}
    kept = SingleTask().poison(MTRLRegressor(0.01, 0.01), **run)
    moved = SingleTask(optimise_labels=True, features="resampled", labels="flipped").poison(
        MTRLRegressor(0.01, 0.01), **run
    )
    np.testing.assert_array_equal(kept.y, RandomAttack().poison(MTRLRegressor(0.01, 0.01), **run).y)
    assert moved.utility > kept.utility


@pytest.mark.parametrize(
    "objective", [Targeted(np.ones((1, 4)) / 2.0, ["a"]), Sparing(Availability()), Availability("worst")]
)
def test_every_objective_goes(make_tasks, objective):
    X, y, task = make_tasks("squared_error")
    for attackers in (["a"], ["b"]):
        threat = ThreatModel(["a"], attackers, 0.3, objective=objective)
        result = SingleTask(max_iter=5).poison(MTRLRegressor(), X, y, task=task, threat=threat, random_state=0)
        assert result.utility == pytest.approx(result.expected_utility, rel=1e-4)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"max_iter": 1.5}, "max_iter of SingleTask must be a whole number at least 0; got 1.5"),
        ({"n_starts": 0}, "n_starts of SingleTask must be a whole number at least 1; got 0"),
        ({"features": "far"}, "features of SingleTask must be one of"),
    ],
)
def test_bad_settings_are_one_sentence(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        SingleTask(**settings)
