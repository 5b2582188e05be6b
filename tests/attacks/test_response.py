"""The weights' answer to the rows: against fits, its slopes against differences, and what leaps are for."""

from dataclasses import replace

import numpy as np
import pytest

from patom import Availability, MTRLClassifier, MTRLRegressor, ProjectedAscent, ThreatModel
from patom.attacks.ascent import climb as climbing
from patom.attacks.ascent import response as responding
from patom.attacks.ascent.response import led, response
from patom.attacks.ascent.spectral import Coordinates, FittedSpot, Spot
from patom.attacks.draws import draw
from patom.attacks.program import bilevel
from patom.defenses import Clip, Sanitised


def spot_of(kind, make_tasks, metric="loss", victim=None):
    """A program and a fitted spot in it."""
    X, y, task = make_tasks("squared_hinge" if kind == "classes" else "squared_error")
    model = (MTRLClassifier if kind == "classes" else MTRLRegressor)(0.01, 0.01) if victim is None else victim
    program = bilevel(model, X, y, task, ThreatModel(["a"], ["a", "b"], 0.3, objective=Availability(metric=metric)))
    rows = draw(program, "uniform", "resampled", np.random.default_rng(0))
    solution = program.solve(rows, program.clean.W)
    return program, FittedSpot(rows, program.utility(solution.W), solution)


def nudged(rows, size, seed=1):
    return replace(rows, X=rows.X + size * np.random.default_rng(seed).standard_normal(rows.X.shape))


@pytest.mark.parametrize("kind", ["numbers", "classes"])
def test_the_answer_is_that_of_fits_to_first_order(kind, make_tasks):
    program, spot = spot_of(kind, make_tasks)
    answer, errors, moves = response(program, spot), [], []
    for size in (1e-2, 1e-3):
        rows = nudged(spot.injection, size)
        fitted = program.solve(rows, spot.solution.W).W
        errors.append(np.abs(answer.weights(rows) - fitted).max())
        moves.append(np.abs(fitted - spot.solution.W).max())
    assert errors[0] < 0.1 * moves[0]
    assert errors[1] < 0.02 * errors[0]  # the error is of second order
    np.testing.assert_array_equal(answer.weights(spot.injection), spot.solution.W)


@pytest.mark.parametrize(
    ("kind", "metric", "labels"),
    [("numbers", "loss", False), ("numbers", "loss", True), ("classes", "loss", False), ("classes", "auc", False)],
)
def test_its_slopes_by_differences(kind, metric, labels, make_tasks):
    program, spot = spot_of(kind, make_tasks, metric)
    answer, coordinates = response(program, spot), Coordinates(program, 1.0, labels)
    here = nudged(spot.injection, 0.05)
    Z, D = coordinates.of(here), np.random.default_rng(2).standard_normal(coordinates.of(here).shape)
    ahead, behind = (answer.visit(coordinates.injection(here, Z + t * D), spot).utility for t in (1e-6, -1e-6))
    found = np.vdot(answer.slopes(coordinates, Spot(here, 0.0)), D)
    assert found == pytest.approx((ahead - behind) / 2e-6, rel=1e-5)


def test_there_is_none_without_a_cheap_factor(make_tasks, monkeypatch):
    program, spot = spot_of("classes", make_tasks)
    assert response(program, spot) is not None
    monkeypatch.setattr(responding, "RESPONSE_WEIGHTS", 1)
    assert response(program, spot) is None


def test_rows_are_led_no_farther_than_the_reach(make_tasks):
    program, spot = spot_of("classes", make_tasks, "auc")
    answer, coordinates = response(program, spot), Coordinates(program, 1.0, labels=False)
    near, far = (led(answer, coordinates, reach=reach, per_row=False) for reach in (0.02, 10.0))
    moved = np.linalg.norm(near.injection.X - spot.injection.X, axis=1).mean()
    assert 0.0 < moved <= 0.02 + 1e-12
    assert far.utility > near.utility > spot.utility


def test_leaps_reach_more_of_the_auc_with_fewer_fits(make_tasks, monkeypatch):
    X, y, task = make_tasks("squared_hinge")
    threat = ThreatModel(["a"], ["a", "b"], 0.3, objective=Availability(metric="auc"))
    attack = ProjectedAscent(n_starts=2)
    found = attack.poison(MTRLClassifier(0.01, 0.01), X, y, task=task, threat=threat, random_state=0)
    monkeypatch.setattr(climbing, "response", lambda *_: None)
    without = attack.poison(MTRLClassifier(0.01, 0.01), X, y, task=task, threat=threat, random_state=0)
    assert found.cost.solves < without.cost.solves
    assert found.utility >= 0.99 * without.utility


@pytest.mark.parametrize("filtered", [False, True])
def test_the_last_record_is_what_the_rows_do(filtered, make_tasks):
    X, y, task = make_tasks("squared_hinge")
    model = MTRLClassifier(0.01, 0.01)
    model = Sanitised(model, Clip()) if filtered else model
    threat = ThreatModel(["a"], ["a", "b"], 0.3, objective=Availability(metric="auc"))
    found = ProjectedAscent(n_starts=2, max_iter=80).poison(model, X, y, task=task, threat=threat, random_state=0)
    assert found.utility == pytest.approx(found.history.utility[-1], rel=1e-4)
    assert (np.diff(found.history.utility) > 0.0).all()
