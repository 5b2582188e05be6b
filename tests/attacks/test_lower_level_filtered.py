"""A victim behind a filter, and attackers who know it."""

from dataclasses import replace

import numpy as np
import pytest

from patom import PATOM, Ball, GreyBox, MTRLClassifier, MTRLRegressor, ProjectedAscent, RandomAttack, ThreatModel
from patom.attacks import hypergradient
from patom.attacks.draws import draw, slipping
from patom.attacks.gradients import implicit_gradient
from patom.attacks.injection import Injection
from patom.attacks.lower_level import CyclicProjection, LowerLevel
from patom.attacks.program import bilevel
from patom.core.regions import Slab as Between
from patom.defenses import Chain, Clip, Leverage, Neighbours, Sanitised, Shares, Slab, Sphere, Trim
from patom.defenses.filters.sanitiser import checked_rows

FILTERS = {
    "sphere": Sphere(fraction=0.15),
    "slab": Slab(fraction=0.15),
    "leverage": Leverage(fraction=0.15),
    "neighbours": Neighbours(fraction=0.15),
    "trim": Trim(fraction=0.1, n_starts=2),
    "chain": Chain([Sphere(fraction=0.1), Slab(fraction=0.1)]),
    "clip": Clip(),
    "clip, whitened": Clip(metric="whitened"),
    "clip and shares": Chain([Clip(over="task"), Shares(tolerance=1.1)]),
}
THREAT = ThreatModel([0, 1], [0, 1], 0.25, Ball(1.0))


@pytest.fixture(name="data", params=["squared_error", "squared_hinge"])
def fixture_data(request):
    """Three related tasks of 40 rows well inside the ball, and a learner."""
    rng = np.random.default_rng(3)
    task, X = np.repeat([0, 1, 2], 40), 0.3 * rng.standard_normal((120, 3))
    X /= max(1.0, np.linalg.norm(X, axis=1).max())
    y = X @ [2.0, -1.0, 1.0] + 0.1 * rng.standard_normal(120)
    if request.param == "squared_error":
        return X, y, task, MTRLRegressor(0.01, 0.01, tol=1e-12)
    return X, np.where(y > 0.0, 1.0, -1.0), task, MTRLClassifier(0.01, 0.01, tol=1e-12)


@pytest.fixture(name="filter_", params=FILTERS.values(), ids=FILTERS.keys())
def fixture_filter(request):
    return request.param


def target_loss(model, data):
    """Mean loss of the target tasks' clean rows."""
    X, y, task, learner = data
    own = np.isin(task, [0, 1])
    if isinstance(learner, MTRLRegressor):
        return np.mean((y[own] - model.predict(X[own], task=task[own])) ** 2)
    return np.mean(np.maximum(0.0, 1.0 - y[own] * model.decision_function(X[own], task=task[own])) ** 2)


@pytest.mark.in_turn
@pytest.mark.parametrize("attack", [RandomAttack(), ProjectedAscent(max_iter=6, n_starts=2), PATOM(max_iter=2)])
def test_the_damage_is_that_to_the_victim_with_its_filter(attack, data, filter_):
    X, y, task, learner = data
    victim = Sanitised(learner, filter_)
    result = attack.poison(victim, X, y, task=task, threat=THREAT, random_state=0)
    again = result.refit(victim, X, y, task=task)
    assert result.utility == pytest.approx(target_loss(again, data), rel=1e-6)
    assert result.clean_utility == pytest.approx(target_loss(victim.fit(X, y, task=task), data), rel=1e-6)
    assert result.expected_utility == pytest.approx(result.utility, rel=1e-5)
    np.testing.assert_array_equal(result.model.kept_.kept, again.kept_.kept)
    assert (np.linalg.norm(result.X, axis=1) <= 1.0 + 1e-9).all()


def test_who_knows_the_filter_does_more_than_who_does_not(data):
    X, y, task, learner = data
    victim = Sanitised(learner, Chain([Sphere(fraction=0.2), Slab(fraction=0.05)]))
    attack = ProjectedAscent(n_starts=1)
    knowing = attack.poison(victim, X, y, task=task, threat=THREAT, random_state=0)
    naive = attack.poison(learner, X, y, task=task, threat=THREAT, random_state=0).refit(victim, X, y, task=task)
    assert knowing.utility > target_loss(naive, data)
    slipped = knowing.model.kept_.kept[-knowing.y.size :].mean()
    assert slipped > naive.kept_.kept[-knowing.y.size :].mean()


@pytest.mark.parametrize("attack", [RandomAttack(), ProjectedAscent(max_iter=4, n_starts=1)])
def test_who_knows_half_of_the_rows_plans_with_the_filter_on_those(attack, data):
    X, y, task, learner = data
    victim = Sanitised(learner, Sphere(fraction=0.15))
    threat = replace(THREAT, knowledge=GreyBox(share=0.5))
    result = attack.poison(victim, X, y, task=task, threat=threat, random_state=0)
    assert result.clean_utility == pytest.approx(target_loss(victim.fit(X, y, task=task), data), rel=1e-6)
    assert result.utility == pytest.approx(target_loss(result.refit(victim, X, y, task=task), data), rel=1e-6)
    assert result.expected_utility != pytest.approx(result.utility, rel=1e-6)


@pytest.mark.parametrize("name", ["sphere", "leverage", "chain"])
def test_its_gradient_is_that_of_the_rows_that_pass(name, data):
    """Central differences of the whole problem, filter and all, where no row changes sides."""
    X, y, task, learner = data
    program = bilevel(Sanitised(learner, FILTERS[name]), X, y, task, THREAT)
    injection = draw(program, "uniform", "resampled", np.random.default_rng(1))
    W = program.solve(injection).W
    found = implicit_gradient(program, injection, W)
    passes = program.lower.passed(injection).injected
    assert passes.any()
    assert not passes.all()
    np.testing.assert_array_equal(found.features[~passes], 0.0)

    def utility(row, column, step):
        moved = replace(injection, X=injection.X.copy())
        moved.X[row, column] += step
        np.testing.assert_array_equal(program.lower.passed(moved).injected, passes)
        return program.utility(program.solve(moved, start=W).W)

    for row in np.flatnonzero(passes)[:3]:
        for column in range(3):
            slope = (utility(row, column, 1e-5) - utility(row, column, -1e-5)) / 2e-5
            assert found.features[row, column] == pytest.approx(slope, rel=1e-3, abs=1e-7)


def test_hypergradients_know_the_filter(data):
    X, y, task, learner = data
    rows = {"X_poison": [[9.0, 0.0, 0.0], [0.05, 0.0, 0.0]], "y_poison": y[:2], "task_poison": [0, 0]}
    found = hypergradient(Sanitised(learner, Sphere(fraction=0.05)), X, y, task=task, targets=[0], **rows)
    np.testing.assert_array_equal(found[0], 0.0)
    assert found[1].any()


def test_rows_where_the_filter_points_pass(data, filter_):
    X, y, task, learner = data
    program = bilevel(Sanitised(learner, filter_), X, y, task, THREAT)
    injection = slipping(
        program, draw(program, "corners", "resampled", np.random.default_rng(0)), np.random.default_rng(1)
    )
    near = program.narrowed(injection).project(injection.X, injection)
    assert program.places.contains(near, injection.task_index, injection.y).all()
    if filter_.regions(checked_rows(X, y, task))[0]:
        clean = Injection(X[task < 2], y[task < 2], task[task < 2])
        found = program.lower.sanitiser.keep(X, y, task)
        passing, entering = found.kept[task < 2], (X if found.X is None else found.X)[task < 2]
        inside = program.narrowed(clean).project(clean.X, clean)
        untouched = passing & (np.abs(entering - clean.X) < 1e-9).all(axis=1)
        assert untouched.sum() > 10
        away = np.abs(inside[untouched] - clean.X[untouched]).max(axis=1) > 1e-3
        # Each row is there twice here. Of a row at a filter's edge one of the two may go, and move the next filter's.
        assert away.sum() <= (1 if isinstance(filter_, Chain) else 0)


def test_with_the_filter_held_the_fit_is_that_behind_the_filter(data, filter_):
    """At the rows where it is held, if all of them pass and none is moved."""
    X, y, task, learner = data
    program = bilevel(Sanitised(learner, filter_), X, y, task, THREAT)
    rng = np.random.default_rng(0)
    injection = slipping(program, draw(program, "resampled", "resampled", rng), rng)
    injection = injection.chosen(program.lower.passes(injection))
    injection = replace(injection, X=program.lower.passed(injection).X[program.lower.passes(injection)])
    held = program.held(injection)
    if program.lower.passes(injection).all() and np.allclose(program.lower.passed(injection).X, injection.X):
        np.testing.assert_allclose(held.solve(injection).W, program.solve(injection).W, atol=1e-5)
    clean = held.problem.rows
    kept = program.lower.passed(injection)
    np.testing.assert_array_equal(
        clean.counts + np.bincount(injection.task_index[kept.injected], minlength=3), kept.rows.counts
    )
    assert held.held(injection) is held
    assert type(held.lower) is LowerLevel


def test_moves_that_would_be_caught_are_not_made(data):
    X, y, task, learner = data
    program = bilevel(Sanitised(learner, Sphere(fraction=0.1)), X, y, task, THREAT)
    before = slipping(
        program, draw(program, "resampled", "resampled", np.random.default_rng(0)), np.random.default_rng(1)
    )
    moved = replace(before, X=before.X.copy())
    moved.X[0] = [1.0, 0.0, 0.0]
    assert program.lower.passed(before).injected[0]
    assert not program.lower.passed(moved).injected[0]
    settled = program.lower.settled(moved, before)
    np.testing.assert_array_equal(settled.X[0], before.X[0])
    np.testing.assert_array_equal(settled.X[1:], moved.X[1:])
    plain = bilevel(learner, X, y, task, THREAT)
    assert plain.lower.settled(moved, before) is moved


def test_regions_that_do_not_meet_still_give_rows():
    near = CyclicProjection(Ball(1.0), (Between([1.0, 0.0], 0.1, [5.0, 0.0]),))
    rows = near.project(np.array([[0.0, 0.0], [9.0, 9.0]]))
    assert near.contains(rows).all()
    np.testing.assert_allclose(rows[0], [1.0, 0.0], atol=1e-9)


def test_only_an_mtrl_behind_a_filter_can_be_attacked(data):
    X, y, task, _ = data
    with pytest.raises(TypeError, match="to be attacked; got Sanitised"):
        RandomAttack().poison(Sanitised(Sanitised(MTRLRegressor(), Sphere()), Sphere()), X, y, task=task, threat=THREAT)
