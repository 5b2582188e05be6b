"""The lower bound on injected rows: never above what an attack used, close to it for strong ones."""

import cvxpy as cp
import numpy as np
import pytest

from patom import (
    Ball,
    Box,
    ByTask,
    Ellipsoid,
    GreyBox,
    Intersection,
    MTRLRegressor,
    OwnData,
    ProjectedAscent,
    RandomAttack,
    Slab,
    ThreatModel,
)  # fmt: skip
from patom.attacks import ModelTargeted, points_needed
from patom.attacks.baselines.model_targeted import LossDifference, online
from patom.attacks.certified.points_needed import fewest, largest_difference
from patom.attacks.draws import draw
from patom.attacks.program import bilevel

LOSSES = ("squared_error", "huber", "squared_hinge", "logistic", "unclipped_hinge")
REGIONS = {
    "ball": Ball(0.9),
    "box": Box(-0.4, [0.5, 0.3, 0.2, 0.6]),
    "ellipsoid": Ellipsoid(np.diag([0.5, 0.1, 0.1, 0.2]), 1.2, 0.1),
    "ball and slab": Intersection(Ball(0.9), Slab([1.0, 0.0, 1.0, 0.0], 0.1)),
    "by task": ByTask({"a": Ball(0.5), "b": Box(-0.3, 0.3), "c": Ball(0.2)}),
    "own data": OwnData(within=Ball(0.8)),
}


@pytest.fixture
def make_run(make_tasks, make_victim):
    def make(loss, attackers=("a", "b"), region=REGIONS["ball"], budget=0.3, seed=0, **settings):
        X, y, task = make_tasks(loss, seed=seed)
        model = make_victim(loss, **{"lambda_1": 0.01, "lambda_2": 0.01, **settings})
        return {
            "model": model, "X": X, "y": y, "task": task, "threat": ThreatModel(["a"], list(attackers), budget, region),
        }  # fmt: skip

    return make


@pytest.mark.in_turn
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("attackers", [("a",), ("a", "b"), ("b", "c", "d")])
def test_weights_that_were_learned_from_k_rows_need_no_more(make_run, loss, attackers):
    for seed in range(2):
        run = make_run(loss, attackers, seed=seed)
        for attack in (RandomAttack(), ProjectedAscent(n_starts=1, max_iter=10, optimise_labels=True)):
            result = attack.poison(**run, random_state=seed)
            assert 0.0 < points_needed(**run, decoy=result.model) <= result.y.size


@pytest.mark.parametrize("loss", LOSSES)
def test_it_is_close_to_what_a_strong_attack_uses(make_run, loss):
    run = make_run(loss, ("a",))
    result = ProjectedAscent(optimise_labels=True).poison(**run, random_state=0)
    assert 0.7 * result.y.size < points_needed(**run, decoy=result.model) <= result.y.size


@pytest.mark.in_turn
@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
def test_it_holds_for_every_region(make_run, region, loss):
    run = make_run(loss, ("a", "b", "c"), REGIONS[region])
    result = ProjectedAscent(n_starts=1, max_iter=10, optimise_labels=True).poison(**run, random_state=1)
    assert 0.0 < points_needed(**run, decoy=result.model) <= result.y.size


def test_it_is_below_the_rows_with_which_the_online_attack_arrives(make_run):
    run = make_run("squared_error", budget=3.0)
    program = bilevel(*(run[name] for name in ("model", "X", "y", "task", "threat")))
    decoy = ProjectedAscent(n_starts=1).poison(**make_run("squared_error"), random_state=0).model
    D = np.column_stack([decoy.coef_, decoy.intercept_])
    clean = program.solve(None).W
    rows = online(
        program, clean, D, draw(program, "uniform", "resampled", np.random.default_rng(0)), 1.0, block=1, labels=True
    )
    arrived = np.linalg.norm(program.solve(rows).W - D) < 0.1 * np.linalg.norm(clean - D)
    assert arrived
    assert points_needed(**run, decoy=D) <= rows.y.size


def test_it_is_below_the_rows_of_the_model_targeted_attack(make_run):
    run = make_run("squared_hinge", ("a",))
    result = ModelTargeted().poison(**run, random_state=0)
    assert 0.5 * result.y.size < points_needed(**run, decoy=result.model) <= result.y.size


def test_clean_weights_need_no_rows_and_stronger_decoys_more(make_run):
    run = make_run("squared_error", ("a",))
    clean = run["model"].fit(run["X"], run["y"], task=run["task"])
    assert points_needed(**run, decoy=clean) == pytest.approx(0.0, abs=1e-3)
    W = np.column_stack([clean.coef_, clean.intercept_])
    needs = [points_needed(**run, decoy=W * np.array([[factor], [1.0], [1.0], [1.0]])) for factor in (0.8, 0.4, 0.0)]
    assert (np.diff(needs) > 0.0).all()


def test_weights_out_of_reach_need_infinitely_many(make_run):
    run = make_run("squared_error", ("b",), task_covariance=np.eye(4) / 4.0)
    clean = run["model"].fit(run["X"], run["y"], task=run["task"])
    W = np.column_stack([clean.coef_, clean.intercept_])
    W[0] += 1.0  # a's weights, which b's rows don't reach
    assert points_needed(**run, decoy=W) == np.inf


def test_one_task_in_one_dimension_by_hand():
    """Mean (y - w)^2 with ridge l: k rows at the far label h give w = (n m + k h)/((n + k)(1 + l/2))."""
    y, k, ridge = np.linspace(-1.0, 1.0, 20), 4, 0.2
    data = {"X": np.zeros((20, 1)), "y": y, "threat": ThreatModel([0], [0], 0.2, Ball(1e-9))}
    model = MTRLRegressor(0.1, 0.1)
    weight = (20 * y.mean() + k * 1.0) / ((20 + k) * (1.0 + ridge / 2.0))
    assert 0.97 * k < points_needed(model, **data, decoy=[[0.0, weight]]) <= k


@pytest.mark.parametrize("seed", range(8))
def test_the_fewest_rows_by_an_interior_point_solver(seed):
    rng = np.random.default_rng(seed)
    n, c = rng.uniform(5.0, 40.0, 4), rng.uniform(-1.0, 3.0, 4)
    excess = rng.uniform(0.1, 0.9) * np.maximum(c, 0.0).sum()
    rho = cp.Variable(4, nonneg=True)
    wanted = cp.Problem(cp.Minimize(n @ (cp.inv_pos(1.0 - rho) - 1.0)), [c @ rho >= excess]).solve(solver="CLARABEL")
    assert fewest(excess, c, n) == pytest.approx(wanted, rel=1e-6)


def test_fewest_at_its_ends():
    assert fewest(-0.1, np.ones(2), np.ones(2)) == 0.0
    assert fewest(2.0, np.ones(2), np.ones(2)) == np.inf
    assert fewest(1.0, np.array([-1.0, 2.0]), np.array([1.0, 10.0])) == pytest.approx(10.0)


@pytest.mark.in_turn
@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_largest_difference_is_above_every_row(make_run, loss, region):
    rng = np.random.default_rng(3)
    run = make_run(loss, ("a", "b", "c"), REGIONS[region])
    program = bilevel(*(run[name] for name in ("model", "X", "y", "task", "threat")))
    W, D = 2.0 * rng.standard_normal((2, 4, 5))
    difference, rows = LossDifference(program, W, D), draw(program, "uniform", "resampled", rng)
    found = difference.values(difference.largest(rows, 1.0, labels=True))
    for i in range(3):
        bound = largest_difference(program, i, W[i], D[i])
        best = found[rows.task_index == i].max()
        assert bound >= best - 1e-12
        if region in ("ball", "ellipsoid"):  # exact but for the 1e-6 at which arcs are left
            assert bound == pytest.approx(best, rel=1e-3)


def test_the_true_victim_counts_whatever_the_attacker_knows(make_run):
    run = make_run("squared_error", ("a",))
    decoy = ProjectedAscent(n_starts=1).poison(**run, random_state=0).model
    blind = ThreatModel(["a"], ["a"], 0.3, Ball(0.9), knowledge=GreyBox(0.3))
    assert points_needed(**{**run, "threat": blind}, decoy=decoy) == points_needed(**run, decoy=decoy)


def test_bad_arguments_are_one_sentence(make_run):
    with pytest.raises(ValueError, match=r"^decoy must hold weights of shape \(4, 5\), the bias last; got \(4, 4\)"):
        points_needed(**make_run("squared_error"), decoy=np.zeros((4, 4)))

    class Everything:
        def project(self, X):
            return X

        def contains(self, X):
            return np.ones(len(X), dtype=bool)

        def sample(self, n, d, rng):
            return rng.standard_normal((n, d))

    with pytest.raises(ValueError, match=r"^region of ThreatModel must hold a Ball, a Box with finite bounds"):
        points_needed(**make_run("squared_error", region=Everything()), decoy=np.zeros((4, 5)))
