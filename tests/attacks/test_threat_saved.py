"""Every kind of threat survives a file: equal, as usable as before, and without pickle."""

import itertools
import re

import numpy as np
import pytest

from patom import (
    AttackResult,
    Ball,
    Box,
    Ellipsoid,
    Fixed,
    Intersection,
    LambdaSearch,
    MTRLClassifier,
    MTRLRegressor,
    RandomAttack,
    Slab,
    ThreatModel,
)
from patom.attacks import Availability, ByTask, GreyBox, OwnData, Sparing, Targeted
from patom.core.regions import Columns

ROWS = np.random.default_rng(0).standard_normal((3, 4))
OWN = Availability("worst", ROWS, [0.5, -1.0, 1e-300], ["a", "b", "a"])
OBJECTIVES = {
    "mean": Availability(),
    "least": Availability("least"),
    "own rows": OWN,
    "raise": Targeted(ROWS, ["b", "a", "a"]),
    "lower": Targeted(ROWS[:1], ["a"], "lower"),
    "sparing": Sparing(OWN, 0.5),
    "sparing twice": Sparing(Sparing(Targeted(ROWS, ["b", "a", "a"]), 2.0), 1e-3),
}
REGIONS = {
    "ball": Ball(1.5, [0.1, 0.0, 0.0, -0.1]),
    "by task": ByTask({"c": Box([-1.0, -np.inf, 0.0, 0.0], [1.0, np.inf, 0.5, 0.5]), "b": Ball(0.5)}),
    "by task, all kinds": ByTask(
        {
            "b": Intersection(Ball(), Slab([1.0, 0.0, 2.0, 0.0], 0.3), Fixed([1], [0.25])),
            "c": Ellipsoid(np.diag([1.0, 0.5, 0.25, 0.5]), 1.1, 0.2),
        }
    ),
    "own data": OwnData(),
    "own data within": OwnData("mahalanobis", 0.9, 0.25, Intersection(Ball(0.9), Ball(1.2, 0.3))),
}
COLUMNS = Columns([0], [[1, 3]], unit=[0.1, 0.5, 1.0, 0.25], origin=0.05)
KNOWLEDGE = {
    "all": None,
    "a share": GreyBox(share=0.6, lambda_1=0.5, seed=3),
    "rows": GreyBox(
        X=np.random.default_rng(1).standard_normal((6, 4)), y=np.arange(6.0), task=list("cabcab"), lambda_2=0.0
    ),
}
RANGES = (None, (-1.0, 2.5), (0.0, 0.0))
THREATS = [
    *({"objective": objective, "region": REGIONS["ball"]} for objective in OBJECTIVES.values()),
    *(
        {"region": region, "knowledge": knowledge, "label_range": RANGES[(k + k // 3) % 3]}
        for k, (region, knowledge) in enumerate(itertools.product(REGIONS.values(), KNOWLEDGE.values()))
    ),
    {"columns": COLUMNS, "region": Box(-2.0, 2.0), "objective": OWN, "knowledge": KNOWLEDGE["rows"]},
]


@pytest.fixture(params=THREATS, ids=[str(k) for k in range(len(THREATS))])
def threat(request):
    return ThreatModel(["a", "b"], ["b", "c"], 0.3, **request.param)


def attacked(threat, data, model=None, attack=RandomAttack(features="resampled")):  # noqa: B008
    X, y, task = data
    return attack.poison(model or MTRLRegressor(0.02, 0.01), X, y, task=task, threat=threat, random_state=0)


def reloaded(result, folder):
    result.save(folder / "attack.npz")
    with np.load(folder / "attack.npz", allow_pickle=False) as file:
        assert all(file[name].dtype != object for name in file.files)
    return AttackResult.load(folder / "attack.npz")


def test_a_threat_survives_a_file(threat, make_tasks, tmp_path):
    result = attacked(threat, make_tasks("squared_error"))
    loaded = reloaded(result, tmp_path)
    assert loaded.threat == threat
    assert hash(loaded.threat) == hash(threat)
    assert repr(loaded.threat) == repr(threat)
    again = attacked(loaded.threat, make_tasks("squared_error"))
    for name in ("X", "y"):
        assert getattr(again, name).tobytes() == getattr(result, name).tobytes() == getattr(loaded, name).tobytes()
    assert (again.utility, again.clean_utility) == (result.utility, result.clean_utility)


def test_so_does_the_rest_of_the_result(threat, make_tasks, tmp_path):
    result = attacked(threat, make_tasks("squared_error"))
    loaded = reloaded(result, tmp_path)
    for name in ("utility", "clean_utility", "expected_utility", "cost", "attack", "status"):
        assert getattr(loaded, name) == getattr(result, name)
    np.testing.assert_equal(loaded.collateral, result.collateral)
    for name in ("task_losses", "history"):
        before, after = getattr(result, name), getattr(loaded, name)
        assert after.dtype.names == before.dtype.names
        assert after.tobytes() == before.tobytes()
    assert loaded.task_losses.target.tolist() == [True, True, False, False]
    assert loaded.tasks.tolist() == result.tasks.tolist()


def test_saved_twice_it_is_the_same(threat, make_tasks, tmp_path):
    once = reloaded(attacked(threat, make_tasks("squared_error")), tmp_path)
    twice = reloaded(once, tmp_path)
    assert twice.threat == once.threat
    assert twice.X.tobytes() == once.X.tobytes()


@pytest.mark.parametrize("names", [[0, 1, 2, 3], [0.5, 1.5, 2.5, -3.5], [True, False], ["", "b c", "ü", "nan"]])
def test_task_labels_of_rows_keep_their_type(names, make_tasks, tmp_path):
    X, y, task = make_tasks("squared_error")
    labels = np.array([names["abcd".index(label) % len(names)] for label in task])
    own, rows = Availability(X=ROWS[:1], y=[1.0], task=names[:1]), GreyBox(X=X, y=y, task=labels)
    threat = ThreatModel(
        names[:1], names[1:2], 0.2, ByTask({name: Ball() for name in names}), Sparing(own), knowledge=rows
    )
    loaded = reloaded(attacked(threat, (X, y, labels)), tmp_path).threat
    assert loaded == threat
    for one, other in (
        (loaded.objective.objective.task, names[:1]),
        (loaded.knowledge.task, labels.tolist()),
        ([name for name, _ in loaded.region.regions], names),
    ):
        assert list(one) == list(other)
        assert [type(label) for label in one] == [type(label) for label in other]


@pytest.mark.parametrize("classes", [["no", "yes"], [0, 1], [False, True]])
def test_classes_of_rows_keep_their_type(classes, make_tasks, tmp_path):
    X, y, task = make_tasks("squared_hinge")
    y = np.array(classes)[(y == "yes").astype(int)]
    threat = ThreatModel(["a"], ["b"], 0.2, objective=Availability(X=X[:3], y=y[:3], task=["a"] * 3))
    result = attacked(threat, (X, y, task), MTRLClassifier())
    loaded = reloaded(result, tmp_path)
    assert loaded.threat == threat
    assert [type(label) for label in loaded.threat.objective.y] == [type(label) for label in y[:3].tolist()]
    assert attacked(loaded.threat, (X, y, task), MTRLClassifier()).utility == result.utility


@pytest.mark.filterwarnings("ignore:LambdaSearch chose:UserWarning")  # a grid of a few ends at an edge
def test_a_victim_that_tunes_is_replayed(make_tasks, tmp_path):
    X, y, task = make_tasks("squared_error")
    search = LambdaSearch(MTRLRegressor(), lambdas=(0.01, 1.0), n_folds=2)
    result = attacked(ThreatModel(["a"], ["b"], 0.5, OwnData()), (X, y, task), search)
    again = reloaded(result, tmp_path).refit(search, X, y, task=task)
    assert again.lambda_1_ == result.model.lambda_1_
    np.testing.assert_array_equal(again.coef_, result.model.coef_)


class MyBall(Ball):
    pass


class Mine:
    """An objective and a rule of a user's own."""

    def aim(self, problem, targets, encode):
        return Availability().aim(problem, targets, encode)

    def places(self, problem, attackers):
        return OwnData().places(problem, attackers)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"objective": Mine()},
            "objective of ThreatModel is a Mine, which load would not know; only patom's can be saved.",
        ),
        ({"objective": Sparing(Mine())}, "objective of ThreatModel is a Mine, which load would not know"),
        ({"region": Mine()}, "region of ThreatModel is a Mine, which load would not know"),
        ({"region": MyBall()}, "region of ThreatModel is a MyBall, which load would not know"),
        ({"region": ByTask({"b": Ball(), "c": MyBall()})}, "region of ThreatModel is a MyBall, which load would not"),
        ({"region": OwnData(within=MyBall())}, "region of ThreatModel is a MyBall, which load would not know"),
    ],
)
def test_parts_of_a_users_own_attack_but_are_not_saved(settings, message, make_tasks, tmp_path):
    result = attacked(ThreatModel(["a"], ["b", "c"], 0.3, **settings), make_tasks("squared_error"))
    assert result.X.shape == (8, 4)
    with pytest.raises(TypeError, match="^" + re.escape(message)):
        result.save(tmp_path / "attack.npz")
    assert not list(tmp_path.iterdir())
