"""The best place of a row against a search over the region, and what placing and relocating bring."""

import numpy as np
import pytest

from patom import Ball, ProjectedAscent, ThreatModel
from patom.attacks.adversary.places import OwnData
from patom.attacks.ascent.climb import Climb
from patom.attacks.ascent.placement import best_places, effects, in_blocks, relocate, with_best_label
from patom.attacks.ascent.spectral import typical_distance
from patom.attacks.draws import draw
from patom.attacks.gradients import adjoint
from patom.attacks.injection import Injection
from patom.attacks.program import bilevel
from patom.core.regions import Box

REGIONS = {
    "ball": Ball(1.0),
    "ball elsewhere": Ball(0.5, centre=[0.3, 0.0, -0.2, 0.1]),
    "box": Box(-0.5, [0.5, 1.0, 0.2, 0.7]),
    "own data": OwnData(),
}
LOSSES = ("squared_error", "huber", "squared_hinge", "logistic", "unclipped_hinge")


@pytest.fixture(name="program_of")
def fixture_program_of(make_tasks, make_victim):
    def make(loss, region=REGIONS["ball"], targets=("a",), attackers=("a", "b"), seed=0):
        X, y, task = make_tasks(loss, seed=seed)
        victim = make_victim(loss, lambda_1=0.02, lambda_2=0.02, tol=1e-10)
        return bilevel(victim, X, y, task, ThreatModel(targets, attackers, 0.2, region))

    return make


def placed(program, seed=0):
    """A fit with drawn rows in it, its adjoint, and these rows."""
    rows = draw(program, "uniform", "resampled", np.random.default_rng(seed))
    W = program.solve(rows, program.clean.W).W
    return rows, W, adjoint(program, rows, W)[0].v, typical_distance(program, rows, np.random.default_rng(9))


@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS.keys())
@pytest.mark.parametrize("loss", LOSSES)
def test_no_place_of_the_region_has_a_larger_effect(loss, region, program_of):
    program = program_of(loss, region)
    rows, W, v, size = placed(program)
    best = best_places(program, W, v, rows, size)
    assert program.places.contains(best.X, best.task_index, best.y).all()
    height, rng = effects(program, W, v, best), np.random.default_rng(1)
    scale = np.abs(height).max()
    for _ in range(4_000):
        elsewhere = effects(program, W, v, Injection(program.sample(rows, rng), rows.y, rows.task_index))
        assert (elsewhere <= height + 2e-3 * scale).all()


@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
def test_no_label_has_a_larger_effect(loss, program_of):
    program = program_of(loss)
    rows, W, v, size = placed(program)
    best = with_best_label(program, W, v, rows, size)
    low, high = program.extremes(rows.task_index)
    for y in (low, high, 0.5 * (low + high)) if loss == "squared_error" else (low, high):
        other = best_places(program, W, v, Injection(rows.X, y, rows.task_index), size)
        assert (effects(program, W, v, other) <= effects(program, W, v, best) + 1e-12).all()


@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
def test_the_effect_is_the_adjoint_along_the_rows_gradient(loss, program_of):
    program = program_of(loss)
    rows, W, v, _ = placed(program)
    weights, slope = program.lower.weights(rows), program.problem.loss.slope
    model = program.problem.penalty.model(W, program.lower.term(rows).expand(W).gradient)
    for k in range(rows.y.size):
        pull, z = np.zeros_like(W), rows.predictions(W)[k : k + 1]
        pull[rows.task_index[k]] = weights[k] * slope(z, rows.y[k : k + 1]) * np.append(rows.X[k], 1.0)
        # (H + K) dW = -pull, so the utility moves by <dU/dW, dW> = -<v, pull>.
        assert effects(program, W, v, rows)[k] == pytest.approx(-float(np.vdot(v, model.project(pull))), rel=1e-6)


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
def test_rows_placed_in_blocks_do_more_than_rows_as_drawn(loss, labels, program_of):
    program = program_of(loss)
    rows, W, _, size = placed(program)
    found, fitted = in_blocks(program, rows, size, np.random.default_rng(2), labels=labels)
    assert program.places.contains(found.X, found.task_index, found.y).all()
    assert program.utility(fitted) > program.utility(W)
    np.testing.assert_array_equal(found.task_index, rows.task_index)
    if not labels:
        np.testing.assert_array_equal(found.y, rows.y)


def test_relocation_keeps_only_what_is_higher_within_its_moves(program_of):
    helped = 0
    for seed in range(6):
        program = program_of("squared_hinge", targets=("a",), attackers=("b",), seed=seed)
        rows, W, _, size = placed(program, seed)
        climb = Climb(program, size, "exact", labels=True, per_row=True).begin(rows, W).on(40)
        before = climb.utility
        relocate(climb, 4, 60, np.random.default_rng(3))
        assert climb.tried <= 60
        assert climb.utility >= before
        helped += climb.utility > before * (1.0 + 1e-6)
    assert helped > 0


def test_starts_differ_and_the_best_is_returned(make_tasks, make_victim):
    X, y, task = make_tasks("squared_hinge", seed=3)
    threat = ThreatModel(["a"], ["b"], 0.3)
    run = {"X": X, "y": y, "task": task, "threat": threat, "random_state": 0}
    model = make_victim("squared_hinge", lambda_1=1e-4, lambda_2=1e-4)
    result = ProjectedAscent(n_starts=6, optimise_labels=True).poison(model, **run)
    assert len(set(result.start_utilities.tolist())) > 3
    assert result.expected_utility == result.start_utilities.max()


def test_places_do_not_depend_on_how_many_are_looked_for_at_a_time(program_of, monkeypatch):
    program = program_of("squared_error")
    rows, W, v, size = placed(program)
    whole = best_places(program, W, v, rows, size)
    monkeypatch.setattr("patom.attacks.ascent.placement._AT_A_TIME", 1)
    np.testing.assert_array_equal(best_places(program, W, v, rows, size).X, whole.X)
