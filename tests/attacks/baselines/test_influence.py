"""First-order effects against problems solved anew; the climb against its surroundings; labels; what it costs."""

from dataclasses import replace

import numpy as np
import pytest

from patom import Box, GreyBox, OwnData, RandomAttack, Targeted, ThreatModel
from patom.attacks import Influence
from patom.attacks.ascent.placement import effects
from patom.attacks.gradients import adjoint, through_rows
from patom.attacks.injection import Injection
from patom.attacks.program import bilevel
from patom.core.data_term import data_term

LOSSES = ("squared_error", "huber", "squared_hinge", "logistic", "unclipped_hinge")
KINDS = {"direct": (["a", "b"], ["a", "b"]), "indirect": (["a", "d"], ["b", "c"])}
every_loss = pytest.mark.parametrize("loss", LOSSES)
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def make_run(make_tasks, make_victim):
    def run_of(loss, kind, budget=0.4, **threat):
        X, y, task = make_tasks(loss)
        model = make_victim(loss, lambda_1=0.02, lambda_2=0.01, tol=1e-13)
        return {"model": model, "X": X, "y": y, "task": task, "threat": ThreatModel(*KINDS[kind], budget, **threat)}

    return run_of


def at_the_clean_optimum(model, X, y, task, threat):
    program = bilevel(model, X, y, task, threat)
    W = program.solve(None).W
    return program, W, adjoint(program, None, W)[0].v


def some_rows(program, seed=0):
    """Two rows of one attacking task and one of the other."""
    rng, task = np.random.default_rng(seed), program.attackers[[0, 1, 1]]
    classes = program.problem.loss.margin
    y = np.array([1.0, -1.0, -1.0]) if classes else rng.standard_normal(3)
    return Injection(0.5 * rng.standard_normal((3, program.problem.rows.n_columns - 1)), y, task)


def seen(program, result):
    """A result's rows as the program has them."""
    task = np.searchsorted(program.problem.tasks, result.task)
    return Injection(result.X, program.victim.known_targets(result.y), task)


@every_kind
@every_loss
def test_first_order_effects_by_problems_solved_anew(make_run, loss, kind):
    """Each task's clean rows many times over: the same problem (1), in which a row added weighs next to nothing."""
    run = make_run(loss, kind)
    program, W, v = at_the_clean_optimum(**run)
    rows = some_rows(program)
    g = data_term(program.problem.rows, program.problem.loss).value_and_gradient(W)[1]
    shed = (g * v).sum(axis=1)[rows.task_index]  # what the weight taken from a task's clean rows does

    def slope(times):
        data = {name: np.tile(run[name], (times, 1) if name == "X" else times) for name in ("X", "y", "task")}
        many = bilevel(run["model"], **data, threat=run["threat"])
        rise = many.utility(many.solve(rows, start=W).W) - program.utility(W)
        return rise, effects(many, W, v, rows).sum() + (shed / many.lower.rows(rows).counts[rows.task_index]).sum()

    (rise, predicted), (half, half_predicted) = slope(500), slope(1000)
    # The error is of second order: halving all weights makes it four times smaller.
    assert 4.0 * half - rise == pytest.approx(4.0 * half_predicted - predicted, rel=1e-4)
    assert half == pytest.approx(half_predicted, rel=0.05)


@every_kind
@every_loss
def test_slopes_are_those_of_the_effects(make_run, loss, kind):
    program, W, v = at_the_clean_optimum(**make_run(loss, kind))
    rows, h = some_rows(program), 1e-6
    slopes, _ = through_rows(program, rows, W, v)
    for feature in range(rows.X.shape[1]):
        move = h * np.eye(rows.X.shape[1])[feature]
        ends = [effects(program, W, v, replace(rows, X=rows.X + sign * move)) for sign in (1.0, -1.0)]
        np.testing.assert_allclose((ends[0] - ends[1]) / (2.0 * h), slopes[:, feature], rtol=1e-5, atol=1e-9)


@every_kind
@every_loss
def test_no_place_nearby_is_better_than_where_the_climb_ends(make_run, loss, kind):
    run = make_run(loss, kind, region=Box(-0.6, 0.5))
    program, W, v = at_the_clean_optimum(**run)
    start, top = (seen(program, Influence(climb_steps=n).poison(**run, random_state=0)) for n in (0, 300))
    below, height = (effects(program, W, v, rows) for rows in (start, top))
    assert (height >= below).all()
    moving = np.linalg.norm(through_rows(program, start, W, v)[0], axis=1) > 0.0
    assert moving.any()
    assert (height > below)[moving].all()
    inside = height != 0.0  # of the hinge's margin
    assert inside.any()
    rng = np.random.default_rng(1)
    for size in np.logspace(-4, -2, 200):
        near = replace(top, X=program.project(top.X + size * rng.standard_normal(top.X.shape), top))
        assert (effects(program, W, v, near) <= height + 1e-4 * abs(height).max())[inside].all()


@every_kind
@every_loss
def test_it_is_one_shot_and_harms_more_than_random_rows(make_run, loss, kind):
    run = {**make_run(loss, kind), "random_state": 0}
    result, random = Influence().poison(**run), RandomAttack().poison(**run)
    assert (result.cost.solves, result.cost.adjoint_solves) == (2, 1)
    assert result.utility > random.utility
    np.testing.assert_array_equal(result.y, random.y)
    still = Influence(climb_steps=0).poison(**run)
    np.testing.assert_array_equal(still.X, random.X)


@every_kind
@every_loss
def test_with_labels_each_row_has_the_better_of_two(make_run, loss, kind):
    run = make_run(loss, kind)
    program, W, v = at_the_clean_optimum(**run)
    chosen, drawn = (Influence(optimise_labels=moves).poison(**run, random_state=0) for moves in (True, False))

    rows = seen(program, chosen)
    low, high = (bound[rows.task_index] for bound in program.label_bounds)
    assert ((rows.y == low) | (rows.y == high)).all()
    assert effects(program, W, v, rows).sum() > effects(program, W, v, seen(program, drawn)).sum()
    assert len(set(zip(rows.task_index.tolist(), rows.y.tolist(), strict=True))) > 1


def test_a_task_of_one_class_may_get_the_other(make_run):
    run = make_run("logistic", "direct")
    run["y"] = np.where(run["task"] == "a", "yes", run["y"])
    result = Influence(optimise_labels=True).poison(**run, random_state=0)
    assert "no" in result.y[result.task == "a"]


@pytest.mark.in_turn
@pytest.mark.parametrize(
    "threat",
    [
        {"knowledge": GreyBox(share=0.5)},
        {"region": OwnData()},
        {"objective": Targeted(np.full((1, 4), 0.5), task=["a"])},
    ],
    ids=["grey box", "own data", "targeted"],
)
@pytest.mark.parametrize("loss", ["squared_error", "logistic"])
def test_other_threats(make_run, loss, threat):
    run = {**make_run(loss, "indirect", **threat), "random_state": 0}
    result = Influence(optimise_labels=True).poison(**run)  # refused if it breaks the threat model
    assert result.utility > result.clean_utility


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"climb_steps": -1}, "climb_steps of Influence must be a whole number at least 0; got -1"),
        ({"features": "best"}, "features of Influence must be one of"),
        ({"labels": "worst"}, "labels of Influence must be one of"),
    ],
)
def test_bad_settings_are_one_sentence(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        Influence(**settings)
