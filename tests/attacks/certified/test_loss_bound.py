"""The bound against attacks that are made, and against what is known exactly."""

import numpy as np
import pytest

from patom import (
    PATOM,
    Ball,
    Box,
    ByTask,
    Ellipsoid,
    GreyBox,
    LambdaSearch,
    MTRLClassifier,
    MTRLRegressor,
    ProjectedAscent,
    RandomAttack,
    Targeted,
    ThreatModel,
    mean_regularised_covariance,
)
from patom import Slab as SlabRegion
from patom.attacks import loss_bound
from patom.attacks.certified.loss_bound import bound_at, furthest, play, rounded, solve_mixture, totals, worst_rows
from patom.attacks.injection import Injection
from patom.attacks.program import bilevel
from patom.defenses import Sanitised, Sphere

LOSSES = ("squared_error", "squared_hinge", "huber", "logistic")
KINDS = {"direct": ["a", "b"], "indirect": ["c", "d"], "hybrid": ["b", "c"]}
REGIONS = {
    "ball": Ball(1.0),
    "ball off centre": Ball(0.5, [0.3, 0.0, -0.2, 0.1]),
    "box": Box(-0.6, [0.2, 0.5, 0.6, 0.7]),
    "ellipsoid": Ellipsoid(np.diag([1.0, 0.2, 0.5, 0.1]), 0.9),
    "by task": ByTask({"a": Ball(1.0), "b": Box(-0.5, 0.5)}),
}


@pytest.mark.in_pairs
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_no_attack_gets_above_it(loss, kind, seed, make_tasks, make_victim):
    X, y, task = make_tasks(loss, seed=seed)
    lambdas = np.random.default_rng(seed).choice([1e-3, 1e-2, 1e-1], 2)
    victim = make_victim(loss, lambda_1=lambdas[0], lambda_2=lambdas[1])
    threat = ThreatModel(KINDS["direct"], KINDS[kind], [0.07, 0.2, 0.5][seed % 3])
    bound = loss_bound(victim, X, y, task=task, threat=threat)
    attacks = [
        ProjectedAscent(max_iter=15, n_starts=2, optimise_labels=True),
        RandomAttack(features="corners", labels="flipped"),
        RandomAttack(),
    ]
    for attack in attacks:
        result = attack.poison(victim, X, y, task=task, threat=threat, random_state=seed)
        assert result.utility <= bound.value
        assert result.clean_utility == pytest.approx(bound.clean, rel=1e-6)
    assert bound.lower <= bound.value
    assert bound.clean <= bound.value * (1.0 + 1e-9)


@pytest.mark.in_turn
@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS.keys())
@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
def test_other_regions(region, loss, make_tasks, make_victim):
    X, y, task = make_tasks(loss)
    threat = ThreatModel(["a", "b"], ["a", "b"], 0.3, region=region)
    victim = make_victim(loss, lambda_1=0.01, lambda_2=0.01)
    bound = loss_bound(victim, X, y, task=task, threat=threat)
    attack = ProjectedAscent(max_iter=15, n_starts=2, optimise_labels=True)
    assert attack.poison(victim, X, y, task=task, threat=threat, random_state=0).utility <= bound.value


@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
@pytest.mark.parametrize("kind", KINDS)
def test_its_rows_are_allowed_and_reach_the_lower_end(loss, kind, make_tasks, make_victim):
    X, y, task = make_tasks(loss)
    victim = make_victim(loss, lambda_1=0.01, lambda_2=0.01)
    threat = ThreatModel(["a", "b"], KINDS[kind], 0.2)
    bound = loss_bound(victim, X, y, task=task, threat=threat)
    assert Ball(1.0).contains(bound.X).all()
    assert all(np.count_nonzero(bound.task == label) == 3 for label in KINDS[kind])
    assert bound.task.size == 6
    if loss == "squared_error":
        assert all(
            y[task == label].min() <= value <= y[task == label].max()
            for label, value in zip(bound.task, bound.y, strict=True)
        )
    victim.fit(np.concatenate([X, bound.X]), np.concatenate([y, bound.y]), task=np.concatenate([task, bound.task]))
    aimed = np.isin(task, ["a", "b"])
    if loss == "squared_error":
        losses = (y - victim.predict(X, task=task)) ** 2
    else:
        signs = np.where(y == "yes", 1.0, -1.0)
        losses = np.maximum(0.0, 1.0 - signs * victim.decision_function(X, task=task)) ** 2
    assert losses[aimed].mean() == pytest.approx(bound.lower, rel=1e-5)


@pytest.mark.parametrize("n_poison", [2, 5, 20, 40])
def test_one_dimension_by_hand(n_poison):
    # 20 clean rows at the origin with target 0, injected targets of -1 or 1: w = 0 is best against their mixture, so
    # G = r/(n + r). With t = s/(n + r) the rest is (1 - s) n b^2/(n + r) + R >= 0, and s = 1 leaves the bound r/n.
    X, y = np.zeros((20, 1)), np.append(np.zeros(18), [-1e-12, 1e-12])
    threat = ThreatModel([0], [0], n_poison / 20, label_range=(-1.0, 1.0))
    bound = loss_bound(MTRLRegressor(), X, y, threat=threat, max_iter=3000, tol=1e-3)
    assert bound.objective == pytest.approx(n_poison / (20 + n_poison), rel=2e-3)
    assert bound.value == pytest.approx(n_poison / 20, rel=2e-3)
    assert bound.factor == pytest.approx(20 + n_poison)
    # The best attack puts all targets at one end: b (n + r + (n + r)(lambda_1 + lambda_2)/2) = r.
    b = n_poison / ((20 + n_poison) * 1.1)
    assert b**2 <= bound.value


def test_small_budgets_bring_it_down_to_the_clean_loss(make_victim):
    rng = np.random.default_rng(0)
    X = Ball().sample(4000, 2, rng)
    y = X[:, 0] + 0.3 * rng.standard_normal(4000)
    threat = ThreatModel([0], [0], 1.0 / 4000, label_range=(-1.0, 1.0))
    bound = loss_bound(make_victim("squared_error"), X, y, threat=threat)
    assert bound.clean < bound.value < 1.1 * bound.clean
    assert bound.factor > 4002.0  # so t is below what the plain bound takes
    program = bilevel(make_victim("squared_error"), X, y, None, threat)
    assert bound_at(program, bound.objective, 1.0 / 4001.0, bound.W) > bound.value


@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge", "logistic"])
def test_the_games_two_sides_meet(loss, make_tasks, make_victim):
    X, y, task = make_tasks(loss)
    program = bilevel(make_victim(loss, lambda_1=0.05, lambda_2=0.05), X, y, task, ThreatModel(["a"], ["a", "c"], 0.2))
    game = play(program, 2000, 1e-3)
    assert game.lower <= game.upper <= game.lower * (1.0 + 1.1e-3)
    assert np.bincount(game.rows.task_index, game.mixture).round(9).tolist() == [3.0, 0.0, 3.0]
    rows = rounded(program, game)
    assert np.bincount(rows.task_index).tolist() == [3, 0, 3]


@pytest.mark.parametrize("loss", LOSSES)
def test_worst_rows_against_many_random_ones(loss, make_tasks, make_victim):
    X, y, task = make_tasks(loss)
    program = bilevel(make_victim(loss), X, y, task, ThreatModel(["a"], ["a", "c"], 0.2))
    W = np.random.default_rng(1).standard_normal((4, 5))
    rows, losses = worst_rows(program, W)
    assert rows.task_index.tolist() == [0, 2]
    z = (rows.X * W[[0, 2], :-1]).sum(axis=1) + W[[0, 2], -1]
    np.testing.assert_allclose(program.problem.loss.value(z, rows.y), losses)
    rng = np.random.default_rng(2)
    for place, i in enumerate((0, 2)):
        some = Ball(1.0).sample(5000, 4, rng) @ W[i, :-1] + W[i, -1]
        low, high = (-1.0, 1.0) if program.problem.loss.margin else (bound[i] for bound in program.label_bounds)
        targets = rng.choice([low, high], 5000) if program.problem.loss.margin else rng.uniform(low, high, 5000)
        assert program.problem.loss.value(some, targets).max() <= losses[place]


@pytest.mark.parametrize("name", ["ball", "ball off centre", "box", "ellipsoid"])
@pytest.mark.parametrize("v", [[1.0, -2.0, 0.5, 3.0], [0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
def test_furthest_points(name, v):
    region, v = REGIONS[name], np.array(v)
    x = furthest(region, v)
    assert x.shape == (4,)
    assert region.contains(x[None]).all()
    beyond = region.project((x + 1e3 * v)[None])[0]  # a projection from far out is the furthest point, in the limit
    assert v @ x >= v @ beyond - 1e-12
    assert v @ x >= (region.sample(5000, 4, np.random.default_rng(0)) @ v).max()


def test_a_mixture_of_whole_rows_is_an_injection(make_tasks, make_victim):
    X, y, task = make_tasks("squared_hinge")
    program = bilevel(make_victim("squared_hinge"), X, y, task, ThreatModel(["a"], ["b", "c"], 0.2))
    rng = np.random.default_rng(0)
    rows = RandomAttack().poison(
        make_victim("squared_hinge"), X, y, task=task, threat=ThreatModel(["a"], ["b", "c"], 0.2), random_state=rng
    )
    index = np.searchsorted(program.problem.tasks, rows.task)
    injection = Injection(rows.X, np.where(rows.y == "yes", 1.0, -1.0), index)
    start = program.solve(None).W
    found = solve_mixture(program, injection, np.ones(6), start)
    assert found.objective == pytest.approx(program.solve(injection).objective, rel=1e-7)
    assert totals(program).tolist() == [15, 18, 18, 15]


def test_a_given_task_covariance(make_tasks, make_victim):
    X, y, task = make_tasks("squared_error")
    victim = make_victim("squared_error", lambda_1=0.01, task_covariance=mean_regularised_covariance(4))
    threat = ThreatModel(["a"], ["b"], 0.4)
    bound = loss_bound(victim, X, y, task=task, threat=threat)
    attack = ProjectedAscent(max_iter=15, n_starts=1, optimise_labels=True)
    result = attack.poison(victim, X, y, task=task, threat=threat, random_state=0)
    assert bound.clean < result.utility <= bound.value


def test_knowledge_plays_no_part(make_tasks, make_victim):
    X, y, task = make_tasks("squared_error")
    plain = loss_bound(make_victim("squared_error"), X, y, task=task, threat=ThreatModel(["a"], ["b"], 0.2))
    grey = ThreatModel(["a"], ["b"], 0.2, knowledge=GreyBox(share=0.5))
    assert loss_bound(make_victim("squared_error"), X, y, task=task, threat=grey).value == plain.value


def test_one_row_tasks_and_constant_targets():
    X, y, task = np.eye(4), np.array([1.0, 1.0, 1.0, 2.0]), [0, 0, 0, "one"]
    threat = ThreatModel([0], [0], 0.4)
    bound = loss_bound(MTRLRegressor(), X, y, task=task, threat=threat)
    assert np.isfinite(bound.value)
    assert bound.value >= bound.lower
    assert bound.y.tolist() == [1.0]
    other = loss_bound(MTRLRegressor(), X, y, task=task, threat=ThreatModel(["one"], [0], 0.4))
    assert other.value >= max(other.lower, other.clean)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"model": Sanitised(MTRLRegressor(), Sphere())}, TypeError, "model of loss_bound must be .*; got Sanitised"),
        ({"model": LambdaSearch(MTRLRegressor())}, TypeError, "model of loss_bound must be .*; got LambdaSearch"),
        ({"threat": 3}, TypeError, "threat must be a ThreatModel; got int"),
        ({"threat": ThreatModel([0], [0], 0.5, region=Box(-np.inf, 1.0))}, ValueError, "region of .* must be bounded"),
        (
            {"threat": ThreatModel([0], [0], 0.5, region=SlabRegion([1.0], 1.0))},
            ValueError,
            "region of ThreatModel must be a Ball, Box or Ellipsoid for loss_bound; got Slab",
        ),
        (
            {"threat": ThreatModel([0], [0], 0.5, objective=Targeted([[0.0]]))},
            ValueError,
            "objective of ThreatModel must be Availability",
        ),
        ({"max_iter": 0}, ValueError, "max_iter of loss_bound must be a whole number at least 1"),
        ({"tol": 0.0}, ValueError, "tol of loss_bound must be a finite number above 0"),
        ({"X": [[np.nan], [1.0], [2.0], [3.0]]}, ValueError, "X holds NaN in row 0"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(change, error, said):
    given = {
        "model": MTRLRegressor(),
        "X": np.arange(4.0)[:, None],
        "y": np.arange(4.0),
        "threat": ThreatModel([0], [0], 0.5),
    }
    given |= change
    with pytest.raises(error, match=f"^{said}"):
        loss_bound(given.pop("model"), given.pop("X"), given.pop("y"), **given)


@pytest.mark.slow
def test_against_the_paper(make_tasks):
    X, y, task = make_tasks("squared_hinge", seed=7)
    victim = MTRLClassifier(0.01, 0.01)
    threat = ThreatModel(["a"], ["a"], 0.2)
    result = PATOM(step_size=1.0).poison(victim, X, y, task=task, threat=threat, random_state=0)
    assert result.utility <= loss_bound(victim, X, y, task=task, threat=threat).value
