"""The reference of ``benchmarks.tiny``: its solver, its search, and what is kept of it."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from benchmarks import tiny_known
from benchmarks.tiny_problems import CLEAN, LOSSES, Outcome, Tiny, problems
from benchmarks.tiny_reference import search
from benchmarks.tiny_solver import FastProgram
from evidence.results import KEPT

from patom import Ball, MTRLRegressor, ProjectedAscent, ThreatModel
from patom.attacks.injection import Injection
from patom.attacks.program import bilevel

REFERENCE = KEPT / "tiny_reference.parquet"


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("lambda_", [0.01, 0.1])
def test_the_fast_solver_agrees_with_the_package(loss, lambda_):
    """At lambda 0.1 some optima have a lower rank, where the smoothed penalty is furthest from the true one."""
    problem = Tiny("hybrid", loss, "drawn", 3, lambda_, seed=5)
    program, fast = problem.program, FastProgram(problem.program)
    for injection in problem.drawn:
        spot, true = fast.at(injection, program.clean.W), program.solve(injection, program.clean.W)
        assert spot.utility == pytest.approx(program.utility(true.W), rel=3e-3)
        assert spot.utility == pytest.approx(program.utility(spot.W), rel=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_fast_slopes_agree_with_finite_differences(loss):
    problem = Tiny("indirect", loss, "drawn", 1, 0.1, seed=2)
    fast, injection, h = FastProgram(problem.program), problem.drawn[0], 1e-5
    spot = fast.at(injection, problem.program.clean.W)
    features, labels = fast.slopes(spot)
    for row, column in np.ndindex(injection.X.shape):
        step = np.zeros(injection.X.shape)
        step[row, column] = h
        ends = [fast.at(replace(injection, X=injection.X + sign * step), spot.W).utility for sign in (1, -1)]
        assert (ends[0] - ends[1]) / (2 * h) == pytest.approx(features[row, column], rel=1e-5, abs=1e-9)
    if not problem.program.problem.loss.margin:
        ends = [
            fast.at(replace(injection, y=injection.y + sign * np.array([h, 0.0])), spot.W).utility for sign in (1, -1)
        ]
        assert (ends[0] - ends[1]) / (2 * h) == pytest.approx(labels[0], rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("moved", [False, True])
def test_the_search_finds_the_best_row_of_a_single_task(moved):
    """With one task (1) is ridge regression at lambda_1 + lambda_2: a closed form, tried at 100,000 rows."""
    rng = np.random.default_rng(3)
    X = Ball().sample(CLEAN, 2, rng)
    y = X @ [1.0, -0.5] + 0.2 * rng.standard_normal(CLEAN)
    program = bilevel(MTRLRegressor(0.05, 0.05), X, y, np.zeros(CLEAN), ThreatModel([0], [0], 1.01 / CLEAN))
    like = Injection(np.zeros((1, 2)), y[:1], np.zeros(1, dtype=np.int64))
    spot = search(program, like, moved=moved, seed=0)

    def utility(points, label):
        clean, added = np.column_stack([X, np.ones(CLEAN)]), np.column_stack([points, np.ones(len(points))])
        A = 2.0 * (clean.T @ clean + added[:, :, None] * added[:, None]) / (CLEAN + 1) + 0.1 * np.eye(3)
        b = 2.0 * (clean.T @ y + label * added) / (CLEAN + 1)
        w = np.linalg.solve(A, b[:, :, None])[:, :, 0]
        return ((w @ clean.T - y) ** 2).mean(axis=1)

    assert (y.min() <= spot.injection.y[0] <= y.max()) if moved else (spot.injection.y[0] == y[0])
    assert np.linalg.norm(spot.injection.X) <= 1.0 + 1e-12
    assert utility(spot.injection.X, spot.injection.y)[0] == pytest.approx(spot.utility, rel=1e-7)
    radii, angles = np.meshgrid(np.linspace(0.0, 1.0, 51), np.linspace(0.0, 2.0 * np.pi, 361))
    points = (radii[..., None] * np.stack([np.cos(angles), np.sin(angles)], axis=-1)).reshape(-1, 2)
    labels = np.linspace(y.min(), y.max(), 7) if moved else y[:1]
    best = max(utility(points, label).max() for label in labels)
    assert best * (1.0 - 1e-9) <= spot.utility <= best * 1.001


@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
def test_labels_as_drawn_are_those_of_the_ascent(loss):
    problem = Tiny("hybrid", loss, "drawn", 3, 0.01, seed=8)
    X, y, task = problem.data
    for number, drawn in enumerate(problem.drawn[:1]):
        found = ProjectedAscent(max_iter=0, n_starts=number + 1).poison(
            problem.model, X, y, task=task, threat=problem.threat, random_state=8
        )
        np.testing.assert_array_equal(found.y, drawn.y)
        np.testing.assert_allclose(found.X, drawn.X, atol=1e-12)


def test_the_kept_reference_holds_each_problem_and_reaches_what_it_says():
    table = tiny_known.read(REFERENCE)
    assert list(table) == list(problems())
    for lines in list(table.values())[::7]:
        for line in lines:
            problem, rows = line.problem, line.injection
            assert problem.gain(rows) == pytest.approx(line.gain, rel=1e-6)
            assert tiny_known.labels_of(problem, rows) == line.pattern
            assert (np.linalg.norm(rows.X, axis=1) <= 1.0 + 1e-9).all()
            low, high = problem.program.bounds(rows.task_index)
            assert ((rows.y >= low - 1e-9) & (rows.y <= high + 1e-9)).all()
            np.testing.assert_array_equal(rows.task_index, problem.drawn[0].task_index)


def test_an_attack_raises_the_best_known_gain_only_with_the_drawn_labels():
    problem = Tiny("direct", "squared_error", "drawn", 1, 0.01, seed=0)
    lines = [tiny_known.known(problem, each, "search") for each in problem.patterns]
    better = ProjectedAscent(n_starts=1).poison(
        problem.model, *problem.data[:2], task=problem.data[2], threat=problem.threat, random_state=0
    )
    rows = better.X.tolist(), better.y.tolist(), better.task.tolist()
    outcome = Outcome(0.0, 0.0, "", *rows)
    raised = tiny_known.raised(lines, problem, outcome, "ascent")
    assert [line.by for line in raised] == ["ascent", *["search"] * (len(lines) - 1)]
    assert raised[0].gain == pytest.approx(better.utility / better.clean_utility - 1.0, rel=1e-6)
    others = replace(outcome, y=[value + 1e-3 for value in outcome.y])
    assert tiny_known.raised(lines, problem, others, "ascent") == lines


def test_the_reference_is_small():
    assert REFERENCE.stat().st_size < 100_000
    assert pq.read_metadata(REFERENCE).num_rows < 400
