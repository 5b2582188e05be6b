"""No attack passes by the check of what it returns; regions of every kind hold, and survive a file."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from patom import (
    PATOM,
    AttackResult,
    Ball,
    Box,
    Ellipsoid,
    Fixed,
    Intersection,
    MTRLClassifier,
    MTRLRegressor,
    NewTasks,
    RandomAttack,
    Slab,
    ThreatModel,
    attacks,
)  # fmt: skip
from patom.attacks import base
from patom.attacks.base import Attack
from patom.core.regions import own_data
from patom.results.methods import Method

REGIONS = {
    "ball": Ball(0.8),
    "ball elsewhere": Ball(0.5, [0.4, 0.0, 0.2, 0.0]),
    "box": Box([-1.0, 0.0, 0.0, -0.5], 0.5),
    "ball and open box": Intersection(Ball(0.9), Box(0.0, [np.inf, 1.0, np.inf, 0.3])),
    "ball and fixed": Intersection(Ball(0.9), Fixed([2, 0], [0.5, -0.1])),
    "ellipsoid": Ellipsoid(np.diag([0.5, 0.1, 0.1, 0.2]), 1.2, 0.1),
    "ball and slab": Intersection(Ball(0.9), Slab([1.0, 0.0, 1.0, 0.0], 0.1)),
}
ATTACKS = {"patom": PATOM(max_iter=1), "random": RandomAttack()}


@pytest.fixture(params=REGIONS)
def region(request):
    return REGIONS[request.param]


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_attacks_stay_in_any_region_which_survives_a_file(attack, region, make_tasks, tmp_path):
    X, y, task = make_tasks("squared_error")
    threat = ThreatModel(["a"], ["b"], 0.3, region)
    result = attack.poison(MTRLRegressor(), X, y, task=task, threat=threat, random_state=0)
    assert region.contains(result.X).all()
    result.save(tmp_path / "attack.npz")
    loaded = AttackResult.load(tmp_path / "attack.npz")
    assert loaded.threat == threat
    assert hash(loaded.threat) == hash(threat)
    X_new = np.random.default_rng(0).standard_normal((5, 4))
    np.testing.assert_array_equal(loaded.threat.region.project(X_new), region.project(X_new))


def test_a_region_from_clean_data_goes_with_an_attack(make_tasks):
    X, y, task = make_tasks("squared_hinge")
    own, other = (X[(task == "b") & (y == label)] for label in ("yes", "no"))
    threat = ThreatModel(["a"], ["b"], 0.3, own_data(own, other))
    result = PATOM(max_iter=2).poison(MTRLClassifier(), X, y, task=task, threat=threat, random_state=0)
    assert threat.region.contains(result.X).all()


def spoil_features(injection):
    X = injection.X.copy()
    X[1] *= 2.0 / np.linalg.norm(X[1])
    return replace(injection, X=X)


def spoil_with_nan(injection):
    X = injection.X.copy()
    X[1, 0] = np.nan
    return replace(injection, X=X)


def spoil_label(injection):
    y = injection.y.copy()
    y[1] = 1e3
    return replace(injection, y=y)


def spoil_label_with_nan(injection):
    return replace(injection, y=np.where(np.arange(injection.y.size) == 1, np.nan, injection.y))


def one_too_many(injection):
    more = np.append(np.arange(injection.y.size), 0)
    return replace(injection, X=injection.X[more], y=injection.y[more], task_index=injection.task_index[more])


def another_task(injection):
    return replace(injection, task_index=np.where(injection.task_index == 1, 2, injection.task_index))


def a_column_short(injection):
    return replace(injection, X=injection.X[:, :-1])


@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (spoil_features, "row 1 outside the threat's region, Ball"),
        (spoil_with_nan, "row 1 outside the threat's region, Ball"),
        (spoil_label, "row 1 with the label 1000.0, which its task does not allow"),
        (spoil_label_with_nan, "row 1 with the label nan, which its task does not allow"),
        (one_too_many, "5 rows in task b, which may have 4"),
        (another_task, "4 rows in task c, which may have 0"),
        (a_column_short, r"features of shape \(4, 3\) and labels of shape \(4,\) for 4 tasks"),
    ],
)
def test_a_broken_attack_is_caught(loss, name, spoil, what, make_tasks, make_victim, monkeypatch):
    X, y, task = make_tasks(loss)
    kind = type(ATTACKS[name])
    given = kind._runs

    def runs(*arguments, **settings):
        made = given(*arguments, **settings)
        for run in made:
            run.injection = spoil(run.injection)
        return made

    monkeypatch.setattr(kind, "_runs", runs)
    threat = ThreatModel(["a"], ["b"], 0.3, Ball(1.0))
    message = rf"^{type(ATTACKS[name]).__name__} broke the threat model: it returned {what}; this is a mistake in the "
    with pytest.raises(RuntimeError, match=message + r"attack\.$"):
        ATTACKS[name].poison(make_victim(loss), X, y, task=task, threat=threat, random_state=0)


@pytest.mark.parametrize("seed", range(3))
def test_flipped_labels_at_the_end_of_the_range_are_no_break(make_tasks, seed):
    X, y, task = make_tasks("squared_error")
    threat, attack = ThreatModel(["a"], ["b", "c"], 2.0), RandomAttack(labels="flipped")
    far = 1e6 + y / 3.0  # so that low + high - y rounds
    assert attack.poison(MTRLRegressor(), X, far, task=task, threat=threat, random_state=seed).y.size == 60


def test_no_attack_passes_by():
    """Results are made in ``base``, where promises are checked, and from a file in ``load``; attacks only make runs."""
    makers = set()
    for path in Path(base.__file__).parent.rglob("*.py"):
        called = {node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
        if any(isinstance(function, ast.Name) and function.id == "AttackResult" for function in called):
            makers.add(path.stem)
    assert makers == {"base"}
    everything = [getattr(attacks, name) for name in attacks.__all__]
    kinds = [kind for kind in everything if isinstance(kind, type) and issubclass(kind, Attack)]
    assert sorted(kind.name for kind in kinds) == sorted(Method)
    assert [kind for kind in kinds if "poison" in vars(kind)] == [PATOM]  # for its callback
    for kind in kinds:
        assert kind._poison is Attack._poison


def test_a_fit_that_is_worse_than_zero_for_an_honest_task_is_reported(make_tasks, monkeypatch):
    """The first theorem is asserted after every attack: not for tasks with injected rows, nor for a given Omega."""
    X, y, task = make_tasks("squared_error")
    weights = base._weights
    monkeypatch.setattr(base, "_weights", lambda *given: -3.0 * weights(*given))
    threat = ThreatModel(["a"], ["b"], 0.3)

    def attack(model, threat=threat):
        return RandomAttack().poison(model, X, y, task=task, threat=threat, random_state=0)

    with pytest.raises(RuntimeError, match=r"leaves task a, which has none, a loss of .* above .*predicting 0"):
        attack(MTRLRegressor(0.01, 0.01))
    others = set(task.tolist())
    m = len(others)
    attack(MTRLRegressor(0.01, 0.01, task_covariance=np.eye(m) / m))
    attack(MTRLRegressor(0.01, 0.01), ThreatModel(["a"], sorted(others), 0.3))


@pytest.mark.parametrize("seed", range(5))
def test_a_task_of_targets_0_is_no_broken_promise(seed):
    """Its loss is 1e-32 beside others, above that of predicting 0, which is exactly 0."""
    rng = np.random.default_rng(seed)
    task, X = np.repeat(np.arange(4), 15), Ball().sample(60, 3, rng)
    y = np.where(task == 0, 0.0, X @ [2.0, -1.0, 1.0] + 0.1 * rng.standard_normal(60))
    for lambdas in ((0.01, 0.01), (0.1, 1e-3)):
        for attack in (RandomAttack(), RandomAttack(features="see-saw", labels="extremes")):
            threat = ThreatModel([0, 1, 2, 3], NewTasks(5, 2))
            result = attack.poison(MTRLRegressor(*lambdas), X, y, task=task, threat=threat, random_state=seed)
            assert result.task_losses["clean"][0] < 1e-20
