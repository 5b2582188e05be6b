"""Coordinates to climb in: there and back, slopes by the chain rule, projections to the nearest."""

import numpy as np
import pytest

from patom import Ball, Box, MTRLRegressor, ThreatModel
from patom.attacks import ByTask
from patom.attacks.ascent.spectral import Coordinates, typical_distance
from patom.attacks.draws import draw
from patom.attacks.gradients import implicit_gradient
from patom.attacks.injection import Injection
from patom.attacks.program import bilevel

REGIONS = {
    "ball": Ball(0.8),
    "by task": ByTask({"b": Ball(0.3, [1.0, 0.0, 0.0, 0.0]), "c": Box(-0.2, [0.1, 0.2, 0.3, 0.4])}),
}


@pytest.fixture(params=REGIONS)
def program(request, make_tasks):
    X, y, task = make_tasks("squared_error")
    y = np.where(task == "c", 3.0 * y - 1.0, y)
    threat = ThreatModel(["a"], ["b", "c"], 0.4, REGIONS[request.param])
    return bilevel(MTRLRegressor(0.01, 0.01), X, y, task, threat)


@pytest.fixture
def injection(program):
    return draw(program, "uniform", "uniform", np.random.default_rng(0))


@pytest.fixture(params=[False, True], ids=["features", "labels"])
def coordinates(request, program):
    return Coordinates(program, 1.7, request.param)


def spans(program, injection):
    low, high = (bound[injection.task_index] for bound in program.label_bounds)
    return low, high


def test_there_and_back(coordinates, injection):
    Z = coordinates.of(injection)
    assert Z.shape == (12, 5 if coordinates.labels else 4)
    back = coordinates.injection(injection, Z)
    np.testing.assert_array_equal(back.X, injection.X)
    np.testing.assert_allclose(back.y, injection.y, rtol=1e-14, atol=1e-15)
    np.testing.assert_array_equal(back.task_index, injection.task_index)
    np.testing.assert_allclose(coordinates.of(back), Z, rtol=0, atol=1e-14)
    assert back.X.flags.c_contiguous


def test_the_range_of_targets_is_as_long_as_the_region(program, injection):
    low, high = spans(program, injection)
    coordinates = Coordinates(program, 1.7, labels=True)
    for y, expected in ((low, 0.0), (0.5 * (low + high), 0.85), (high, 1.7)):
        found = coordinates.of(Injection(injection.X, y, injection.task_index))[:, -1]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)
    assert np.unique(high - low).size == 2


def test_moves_stay_in_the_range_whatever_rounding_does(coordinates, program, injection):
    low, high = spans(program, injection)
    for end in (0.0, 1.7, 1.7 * (1.0 + 1e-15)):
        Z = np.column_stack([injection.X, np.full(12, end)])[:, : 4 + coordinates.labels]
        moved = coordinates.injection(injection, Z)
        assert (low <= moved.y).all()
        assert (moved.y <= high).all()


def slopes_of(coordinates, program, injection):
    found = implicit_gradient(program, injection, program.solve(injection).W)
    return coordinates.slopes(injection, found.features, found.labels)


def test_slopes_are_the_chain_rule(coordinates, program, injection):
    """By finite differences of the utility along a move in the coordinates's coordinates."""
    slopes = slopes_of(coordinates, program, injection)
    Z, move = coordinates.of(injection), np.random.default_rng(1).standard_normal(slopes.shape)
    if coordinates.labels:  # away from the ends, which would stop it
        Z[:, -1] = np.clip(Z[:, -1], 0.1, 1.6)
        injection = coordinates.injection(injection, Z)
        slopes = slopes_of(coordinates, program, injection)
    h = 1e-4
    ends = [program.utility(program.solve(coordinates.injection(injection, Z + t * move)).W) for t in (-h, h)]
    assert np.vdot(slopes, move) == pytest.approx((ends[1] - ends[0]) / (2.0 * h), rel=1e-3)


def test_projections_are_the_nearest_allowed_coordinates(coordinates, program, injection):
    rng = np.random.default_rng(2)
    Z = coordinates.of(injection) + 2.0 * rng.standard_normal((12, 4 + coordinates.labels))
    nearest = coordinates.project(injection, Z)
    X = program.project(Z[:, :4], injection)
    np.testing.assert_array_equal(nearest[:, :4], X)
    assert program.places.contains(nearest[:, :4], injection.task_index, injection.y).all()
    if coordinates.labels:
        np.testing.assert_array_equal(nearest[:, 4], np.clip(Z[:, 4], 0.0, 1.7))
    np.testing.assert_allclose(coordinates.project(injection, nearest), nearest, rtol=0, atol=1e-12)
    for seed in range(20):  # no other allowed rows are nearer
        other = draw(program, "uniform", "uniform", np.random.default_rng(seed))
        distance = np.linalg.norm(coordinates.of(other) - Z, axis=1)
        assert (distance >= np.linalg.norm(nearest - Z, axis=1) - 1e-12).all()


def test_a_task_with_one_target_keeps_it(make_tasks):
    X, y, task = make_tasks("squared_error")
    y = np.where(task == "b", 0.5, y)
    program = bilevel(MTRLRegressor(), X, y, task, ThreatModel(["a"], ["b", "c"], 0.4))
    injection, coordinates = (
        draw(program, "uniform", "uniform", np.random.default_rng(0)),
        Coordinates(program, 1.0, labels=True),
    )
    mine = injection.task_index == 1
    Z = coordinates.of(injection)
    np.testing.assert_array_equal(Z[mine, -1], 0.0)
    slopes = slopes_of(coordinates, program, injection)
    np.testing.assert_array_equal(slopes[mine, -1], 0.0)
    assert (slopes[~mine, -1] != 0.0).all()
    moved = coordinates.injection(injection, coordinates.project(injection, Z + 0.3))
    np.testing.assert_array_equal(moved.y[mine], 0.5)
    assert (moved.y[~mine] >= injection.y[~mine]).all()


@pytest.mark.parametrize("region", [Ball(0.01), Ball(1.0), Ball(300.0, 5.0)])
def test_the_typical_distance_is_that_of_two_rows_of_the_region(region, make_tasks):
    X, y, task = make_tasks("squared_error")
    program = bilevel(MTRLRegressor(), X, y, task, ThreatModel(["a"], ["b"], 20.0, region))
    injection = draw(program, "uniform", "uniform", np.random.default_rng(0))
    found = typical_distance(program, injection, np.random.default_rng(1))
    # In a ball of d features, the mean square distance from the centre is r^2 d / (d + 2).
    assert found == pytest.approx(region.radius * np.sqrt(2.0 * 4.0 / 6.0), rel=0.05)


def test_a_region_of_one_point_leaves_room_for_labels(make_tasks):
    X, y, task = make_tasks("squared_error")
    program = bilevel(MTRLRegressor(), X, y, task, ThreatModel(["a"], ["b"], 0.4, Box(0.5, 0.5)))
    injection = draw(program, "uniform", "uniform", np.random.default_rng(0))
    size = typical_distance(program, injection, np.random.default_rng(1))
    assert size == 1.0
    coordinates = Coordinates(program, size, labels=True)
    np.testing.assert_allclose(coordinates.injection(injection, coordinates.of(injection)).y, injection.y, atol=1e-15)
