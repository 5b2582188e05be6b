"""Reverse mode against finite differences of the same steps and, in the limit of many, the exact gradient."""

from dataclasses import replace

import numpy as np
import pytest

from patom import Ball, GreyBox, OwnData, RandomAttack, Targeted, ThreatModel
from patom.attacks import AttackStatus, BackGradient
from patom.attacks.baselines.back_gradient import back_gradient, descend
from patom.attacks.draws import draw
from patom.attacks.gradients import GradientStatus, implicit_gradient
from patom.attacks.program import bilevel
from patom.core.data_term import data_term

LOSSES = ("squared_error", "huber", "squared_hinge", "logistic", "unclipped_hinge")
KINDS = {"direct": (["a", "b"], ["a", "b"]), "indirect": (["a", "d"], ["b", "c"])}
OMEGAS = {"learned": None, "given": np.diag([0.4, 0.3, 0.2, 0.1]) + 0.05, "given, rank 1": np.ones((4, 4))}
every_loss = pytest.mark.parametrize("loss", LOSSES)
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def make_run(make_tasks, make_victim):
    def run_of(loss, kind, *, weight=0.02, omega="learned", d=4, budget=0.2, **threat):
        X, y, task = make_tasks(loss, n_features=d)
        model = make_victim(loss, lambda_1=weight, lambda_2=weight, task_covariance=OMEGAS[omega], tol=1e-13)
        return {"model": model, "X": X, "y": y, "task": task, "threat": ThreatModel(*KINDS[kind], budget, **threat)}

    return run_of


@pytest.fixture
def make_program(make_run):
    """The program, drawn rows, and the clean optimum, from which a descent on all rows has some way to go."""

    def program_of(loss, kind, **settings):
        run = make_run(loss, kind, **settings)
        program = bilevel(run["model"], run["X"], run["y"], run["task"], run["threat"])
        rows = draw(program, "uniform", "uniform", np.random.default_rng(0))
        return program, rows, program.solve(None).W

    return program_of


def assert_reverse_mode_is_the_derivative(program, rows, W, steps):
    descent = descend(program, rows, W, steps)
    found = back_gradient(program, rows, descent)

    def utility(X):
        term, end = data_term(program.lower.rows(replace(rows, X=X)), program.problem.loss), W
        for _ in range(steps):
            end = program.problem.penalty.prox(end - term.value_and_gradient(end)[1] / descent.L, descent.L)
        return program.utility(end)

    assert utility(rows.X) == program.utility(descent.end)
    rng, h = np.random.default_rng(1), 1e-5
    for _ in range(3):
        move = rng.standard_normal(rows.X.shape)
        difference = (utility(rows.X + h * move) - utility(rows.X - h * move)) / (2.0 * h)
        scale = np.linalg.norm(found) * np.linalg.norm(move)
        assert np.vdot(found, move) == pytest.approx(difference, abs=1e-6 * scale)


@pytest.mark.in_pairs
@pytest.mark.parametrize("d", [2, 5])  # d + 1 < m and d + 1 > m
@pytest.mark.parametrize("steps", [1, 2, 30])
@every_kind
@every_loss
def test_finite_differences_through_the_steps(make_program, loss, kind, steps, d):
    assert_reverse_mode_is_the_derivative(*make_program(loss, kind, d=d), steps)


@pytest.mark.parametrize("weight", [1e-3, 0.1])
@pytest.mark.parametrize("omega", OMEGAS)
@every_kind
def test_finite_differences_at_other_penalties(make_program, kind, omega, weight):
    for start in (1.0, 0.0):  # from the clean optimum, and from nothing: the rank grows on the way
        program, rows, W = make_program("logistic", kind, weight=weight, omega=omega)
        assert_reverse_mode_is_the_derivative(program, rows, start * W, 20)


@pytest.mark.in_pairs
@pytest.mark.parametrize("omega", OMEGAS)
@every_kind
@every_loss
def test_with_more_steps_it_tends_to_the_exact_gradient(make_program, loss, kind, omega):
    program, rows, W = make_program(loss, kind, omega=omega, weight=0.1, d=3)
    exact = implicit_gradient(program, rows, program.solve(rows, start=W).W)
    assert exact.status is GradientStatus.SMOOTH
    errors = [
        np.linalg.norm(back_gradient(program, rows, descend(program, rows, W, steps)) - exact.features)
        for steps in (1, 4, 16, 1000)
    ]
    assert errors[0] > errors[1] > errors[2] > errors[3]
    assert errors[0] > 1e-2 * np.linalg.norm(exact.features)
    assert errors[3] < 1e-6 * np.linalg.norm(exact.features)


def test_the_descent_is_that_of_problem_1(make_program):
    program, rows, W = make_program("squared_hinge", "direct")
    optimum = program.solve(rows, start=W)
    ends = [descend(program, rows, W, steps).end for steps in (0, 10, 100, 2000)]
    distances = [np.linalg.norm(end - optimum.W) for end in ends]
    assert distances == sorted(distances, reverse=True)
    assert ends[0] is W
    assert distances[-1] < 1e-6 * np.linalg.norm(optimum.W)


def test_it_starts_at_the_random_attacks_rows(make_run):
    run = {**make_run("squared_error", "direct"), "random_state": 3}
    still, random = BackGradient(max_iter=0).poison(**run), RandomAttack().poison(**run)
    np.testing.assert_array_equal(still.X, random.X)
    assert still.utility == random.utility


def test_every_row_moves_as_far(make_run):
    """Once the region is so wide that no move ends on its boundary, by the step times the typical distance."""
    run = {**make_run("squared_error", "direct", d=2, region=Ball(30.0)), "random_state": 0}
    start = BackGradient(max_iter=0).poison(**run)
    moves = [np.linalg.norm(BackGradient(step, max_iter=1).poison(**run).X - start.X, axis=1) for step in (1e-3, 2e-3)]
    typical = np.sqrt(2.0 * 30.0**2 / 2.0)  # E ||x - y||^2 = 2 E ||x||^2, and r^2 is uniform in the disc
    for move, step in zip(moves, (1e-3, 2e-3), strict=True):
        np.testing.assert_allclose(move, move[0], rtol=1e-9)
        assert move[0] == pytest.approx(step * typical, rel=0.5)
    assert moves[1][0] == pytest.approx(2.0 * moves[0][0])


@pytest.mark.slow
@every_kind
@every_loss
def test_it_harms_more_than_random_rows(make_run, loss, kind):
    run = {**make_run(loss, kind), "random_state": 0}
    result, random = BackGradient().poison(**run), RandomAttack().poison(**run)
    assert result.utility > random.utility
    np.testing.assert_array_equal(result.y, random.y)


def test_the_best_rows_are_returned_not_the_last(make_run):
    run = {**make_run("squared_error", "indirect"), "random_state": 0}
    long = BackGradient(step_size=1.0, max_iter=30).poison(**run)
    best = int(long.history.iteration[-1])
    assert 0 < best < 30  # so long steps go up and down
    short = BackGradient(step_size=1.0, max_iter=best).poison(**run)
    np.testing.assert_array_equal(short.X, long.X)
    assert short.utility == long.utility


def test_rows_that_prove_worse_than_the_start_are_not_returned(make_run):
    """One step of a descent is a poor fit, and here what seems a rise is none."""
    run = make_run("huber", "indirect", weight=0.01)
    proved = []
    for seed in range(4):
        result = BackGradient(step_size=2.0, max_iter=2, inner_steps=1).poison(**run, random_state=seed)
        assert (np.diff(result.history.utility) > 0.0).all()
        if result.cost.solves == 3 and result.history.size == 1:
            np.testing.assert_array_equal(result.X, RandomAttack().poison(**run, random_state=seed).X)
            proved.append(seed)
    assert proved


def test_the_better_of_several_starts_is_returned(make_run):
    run = {**make_run("squared_error", "indirect"), "random_state": 0}
    result = BackGradient(n_starts=3, max_iter=10).poison(**run)
    assert len(set(result.start_utilities.tolist())) == 3
    assert result.expected_utility == result.start_utilities.max()


def test_what_it_costs(make_run):
    run = {**make_run("squared_error", "direct"), "random_state": 0}
    costs = [BackGradient(max_iter=5, inner_steps=steps).poison(**run).cost for steps in (20, 40)]
    assert [cost.products for cost in costs] == [100, 200]
    assert [cost.adjoint_solves for cost in costs] == [0, 0]
    assert all(cost.solves == 3 for cost in costs)  # clean, start, best
    assert 110 <= costs[1].solver_steps - costs[0].solver_steps <= 130  # six descents, and what the fits differ


def test_uncoupled_tasks_cannot_be_hurt_through_each_other(make_run):
    run = make_run("squared_error", "indirect")
    run["model"].set_params(task_covariance=np.eye(4) / 4)
    result = BackGradient().poison(**run, random_state=0)
    assert result.utility == pytest.approx(result.clean_utility, rel=1e-12)
    assert result.status is AttackStatus.LOCAL_OPTIMUM


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
    run = {**make_run(loss, "direct", **threat), "random_state": 0}
    result = BackGradient(max_iter=10).poison(**run)  # refused if it breaks the threat model
    assert result.expected_utility > result.history.utility[0]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"step_size": 0.0}, "step_size of BackGradient must be a finite number above 0.0; got 0.0"),
        ({"max_iter": -1}, "max_iter of BackGradient must be a whole number at least 0; got -1"),
        ({"inner_steps": 0}, "inner_steps of BackGradient must be a whole number at least 1; got 0"),
        ({"n_starts": 0}, "n_starts of BackGradient"),
        ({"features": "best"}, "features of BackGradient must be one of"),
        ({"labels": "worst"}, "labels of BackGradient must be one of"),
    ],
)
def test_bad_settings_are_one_sentence(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        BackGradient(**settings)
