"""Decoys, the two ways towards them, and what both are built from."""

from dataclasses import replace

import numpy as np
import pytest

from patom import Ball, Box, MTRLRegressor, ProjectedAscent, RandomAttack, ThreatModel
from patom.attacks import ModelTargeted
from patom.attacks.ascent.spectral import Coordinates
from patom.attacks.baselines.model_targeted import LossDifference, Stationarity, decoys, online, settle, turned
from patom.attacks.draws import draw
from patom.attacks.injection import Injection
from patom.attacks.program import bilevel

LOSSES = ("squared_error", "huber", "squared_hinge", "logistic", "unclipped_hinge")
OMEGAS = {"learned": None, "given": 0.4 * np.eye(4) / 4.0 + 0.6 * np.ones((4, 4)) / 4.0}
REGION = Ball(0.9)


@pytest.fixture
def make_program(make_tasks, make_victim):
    def make(loss, omega="learned", *, kind="direct", region=REGION, budget=0.3, **settings):
        X, y, task = make_tasks(loss)
        model = make_victim(
            loss, task_covariance=OMEGAS[omega], **{"lambda_1": 0.01, "lambda_2": 0.02, "tol": 1e-10, **settings}
        )
        attackers = ["a", "b"] if kind == "direct" else ["c", "d"]
        return bilevel(model, X, y, task, ThreatModel(["a", "b"], attackers, budget, region))

    return make


def drawn_rows(program, seed=0):
    return draw(program, "uniform", "resampled", np.random.default_rng(seed))


# Decoys


@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
def test_turned_rows_are_the_targets_worst_with_their_labels_turned_round(make_program, loss):
    program = make_program(loss, kind="indirect")
    W, rows = program.solve(None).W, program.problem.rows
    found = turned(program, W, 0.2, 2)
    assert found.task_index.tolist() == [0, 0, 0, 1, 1, 1] * 2  # 0.2 of 15
    z = np.einsum("np,np->n", rows.X, W[rows.task_index])
    losses = program.problem.loss.value(z, rows.y)
    for i in (0, 1):
        own = slice(rows.offsets[i], rows.offsets[i + 1])
        worst = np.argsort(-losses[own])[:3]
        np.testing.assert_array_equal(found.X[3 * i : 3 * i + 3], rows.X[own][worst, :-1])
        y = rows.y[own]
        mirrored = -y if loss == "squared_hinge" else y.min() + y.max() - y
        np.testing.assert_allclose(found.y[3 * i : 3 * i + 3], mirrored[worst])


def test_decoys_do_harm_the_most_harmful_first(make_program):
    program = make_program("squared_error")
    clean = program.solve(None).W
    utilities = [program.utility(W) for W in decoys(program, clean)]
    assert len(utilities) > 5
    assert (np.diff(utilities) <= 0.0).all()
    assert min(utilities) > program.utility(clean)


# The loss difference


@pytest.mark.parametrize("loss", LOSSES)
def test_slopes_of_the_loss_difference_by_finite_differences(make_program, loss):
    program, rng = make_program(loss), np.random.default_rng(1)
    difference = LossDifference(program, rng.standard_normal((4, 5)), rng.standard_normal((4, 5)))
    rows, move, h = drawn_rows(program), rng.standard_normal((8, 4)), 1e-6
    ends = [difference.values(replace(rows, X=rows.X + sign * h * move)) for sign in (1.0, -1.0)]
    along = (difference.slopes(rows) * move).sum(axis=1)
    np.testing.assert_allclose(along, (ends[0] - ends[1]) / (2.0 * h), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_no_label_in_between_beats_both_extremes(make_program, loss):
    program, rng = make_program(loss, kind="indirect"), np.random.default_rng(2)
    difference = LossDifference(program, rng.standard_normal((4, 5)), rng.standard_normal((4, 5)))
    rows = drawn_rows(program)
    best = difference.values(difference.labelled(rows))
    low, high = (bound[rows.task_index] for bound in program.label_bounds)
    for share in np.linspace(0.0, 1.0, 11):
        assert (difference.values(replace(rows, y=low + share * (high - low))) <= best + 1e-12).all()


@pytest.mark.parametrize("region", [Ball(0.9), Box(-0.6, [0.2, 0.7, 0.1, 0.9])], ids=["ball", "box"])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_largest_difference_found_is_beaten_by_no_sample(make_program, loss, region):
    program, rng = make_program(loss, region=region), np.random.default_rng(3)
    difference = LossDifference(program, *(2.0 * rng.standard_normal((2, 4, 5))))
    rows = drawn_rows(program)
    for labels in (False, True):
        found = difference.largest(rows, 1.0, labels=labels)
        assert region.contains(found.X).all()
        np.testing.assert_array_equal(found.task_index, rows.task_index)
        if not labels:
            np.testing.assert_array_equal(found.y, rows.y)
        values = difference.values(found)
        for _ in range(300):
            tried = replace(rows, X=region.sample(8, 4, rng))
            tried = difference.labelled(tried) if labels else tried
            assert (difference.values(tried) <= values + 1e-9).all()


# The duality gap of given weights


@pytest.mark.parametrize("omega", OMEGAS)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_gap_is_the_solvers_own_and_vanishes_at_the_optimum(make_program, loss, omega):
    program = make_program(loss, omega)
    rows = drawn_rows(program)
    solution = program.solve(rows)
    merit = Stationarity(program, solution.W)
    assert merit.gap(rows) == pytest.approx(solution.duality_gap, abs=1e-12)
    assert merit.gap(rows) <= 1e-9
    other = Stationarity(program, program.solve(None).W)
    assert other.gap(rows) > 1e-5
    term = program.problem.loss.value
    inside = program.lower.rows(rows)
    z = np.einsum("np,np->n", inside.X, other.W[inside.task_index])
    objective = inside.weights @ term(z, inside.y) + program.problem.penalty.value(other.W)
    assert objective - solution.objective <= other.gap(rows)


@pytest.mark.parametrize("omega", OMEGAS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("lambda_1", [0.01, 0.0])
def test_slopes_of_the_gap_by_finite_differences(make_program, loss, omega, lambda_1):
    program, rng = make_program(loss, omega, lambda_1=lambda_1), np.random.default_rng(4)
    rows, merit = drawn_rows(program), Stationarity(program, program.solve(None).W + 0.1 * rng.standard_normal((4, 5)))
    move, h = rng.standard_normal(rows.X.shape), 1e-5
    ends = [merit.gap(replace(rows, X=rows.X + sign * h * move)) for sign in (1.0, -1.0)]
    along = float(np.vdot(merit.slopes(rows), move))
    assert along == pytest.approx((ends[0] - ends[1]) / (2.0 * h), rel=1e-4)


def test_the_gap_of_a_ridge_is_the_squared_gradient(make_program):
    program = make_program("squared_error", "given", lambda_2=0.0)
    rows, W = drawn_rows(program), np.random.default_rng(5).standard_normal((4, 5))
    merit = Stationarity(program, W)
    gradient = merit.gradient(rows) + 0.01 * W
    assert merit.gap(rows) == pytest.approx((gradient**2).sum() / 0.02, rel=1e-9)


@pytest.mark.parametrize("loss", ["squared_error", "logistic"])
def test_rows_settle_where_a_reachable_decoy_is_optimal(make_program, loss):
    program = make_program(loss)
    hidden = drawn_rows(program, seed=6)
    decoy, start = program.solve(hidden).W, replace(hidden, X=drawn_rows(program, seed=7).X)
    merit = Stationarity(program, decoy)
    rows = settle(merit, start, Coordinates(program, 1.0, labels=False), 600)
    assert merit.gap(rows) < 1e-4 * merit.gap(start)
    distances = [np.linalg.norm(program.solve(injection).W - decoy) for injection in (rows, start)]
    assert distances[0] < 0.05 * distances[1]
    assert REGION.contains(rows.X).all()


# The attack


def strong_decoy(program, budget_rows):
    """What the victim learns from rows in a corner with the highest label: reachable by as many."""
    X = np.tile(REGION.project(np.full((1, 4), 9.0)), (2 * budget_rows, 1))
    task = np.repeat([0, 1], budget_rows)
    return program.solve(Injection(X, program.label_bounds[1][task], task)).W


def test_online_rows_approach_a_decoy_within_reach(make_program):
    distances = []
    for budget in (0.2, 1.0, 4.0):
        program = make_program("squared_error", budget=budget)
        clean, decoy, rows = program.solve(None).W, strong_decoy(program, 3), drawn_rows(program)
        found = online(program, clean, decoy, rows, 1.0, block=1, labels=True)
        distances.append(np.linalg.norm(program.solve(found).W - decoy) / np.linalg.norm(clean - decoy))
    assert distances[0] > distances[1] > distances[2]
    assert distances[2] < 0.15


def test_the_first_block_speaks_for_the_decoy_against_the_clean_fit(make_program):
    program = make_program("squared_error", budget=0.3)
    clean, rows = program.solve(None).W, drawn_rows(program)
    decoy = decoys(program, clean)[0]
    found = online(program, clean, decoy, rows, 1.0, block=2, labels=False)
    best = LossDifference(program, clean, decoy).largest(rows, 1.0, labels=False)
    np.testing.assert_array_equal(found.X[[0, 1, 4, 5]], best.X[[0, 1, 4, 5]])
    assert np.abs(found.X[[2, 3]] - best.X[[2, 3]]).max() > 1e-6  # after another fit


@pytest.mark.slow
@pytest.mark.parametrize("method", ["online", "kkt"])
@pytest.mark.parametrize("loss", LOSSES)
def test_direct_attacks_do_much_more_harm_than_random_rows(make_tasks, make_victim, method, loss):
    X, y, task = make_tasks(loss, n_rows=30)
    run = {"X": X, "y": y, "task": task, "threat": ThreatModel(["a", "b"], ["a", "b"], 0.2), "random_state": 0}
    model = make_victim(loss, lambda_1=0.01, lambda_2=0.01)
    random = RandomAttack().poison(model, **run)
    result = ModelTargeted(method).poison(model, **run)
    assert result.utility - result.clean_utility > 2.0 * (random.utility - random.clean_utility)
    np.testing.assert_array_equal(result.y, random.y)
    labelled = ModelTargeted(method, optimise_labels=True).poison(model, **run)
    assert labelled.utility > random.utility
    for label in "ab":
        own = np.sort(y[task == label])
        assert np.isin(labelled.y[labelled.task == label], own[[0, -1]]).all()


def test_kkt_solves_for_the_decoys_and_their_rows_only(make_tasks):
    X, y, task = make_tasks("squared_error", n_rows=30)
    threat = ThreatModel(["a", "b"], ["a", "b"], 0.2)
    result = ModelTargeted("kkt").poison(MTRLRegressor(0.01, 0.01), X, y, task=task, threat=threat, random_state=0)
    assert result.cost.solves <= 1 + 9 + 1 + 9
    assert result.cost.adjoint_solves == 0


def test_an_indirect_attack_is_no_match_for_the_exact_gradient(make_tasks):
    X, y, task = make_tasks("squared_error", n_rows=30)
    run = {"X": X, "y": y, "task": task, "threat": ThreatModel(["a"], ["b", "c"], 0.2), "random_state": 0}
    ours, theirs = (
        attack.poison(MTRLRegressor(0.01, 0.01), **run) for attack in (ModelTargeted("kkt"), ProjectedAscent())
    )
    assert ours.utility <= theirs.utility
    assert ours.utility >= RandomAttack().poison(MTRLRegressor(0.01, 0.01), **run).utility


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"method": "best"}, "method of ModelTargeted must be one of 'online', 'kkt'; got 'best'"),
        ({"block": 0}, "block of ModelTargeted must be a whole number at least 1; got 0"),
        ({"max_iter": -1}, "max_iter of ModelTargeted must be a whole number at least 0; got -1"),
    ],
)
def test_bad_settings_are_one_sentence(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        ModelTargeted(**settings)
