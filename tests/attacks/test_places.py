"""Where rows of each task and class may lie: whatever the attack, against the defenses' sets written out by hand."""

import re

import numpy as np
import pytest

from patom import (
    PATOM,
    Ball,
    Box,
    Intersection,
    MTRLClassifier,
    MTRLRegressor,
    ProjectedAscent,
    RandomAttack,
    ThreatModel,
)
from patom.attacks import ByTask, OwnData
from patom.attacks.program import bilevel

ATTACKS = {
    "PATOM": PATOM(max_iter=2),
    "PATOM, corners": PATOM(max_iter=1, features="corners", labels="uniform"),
    "ascent": ProjectedAscent(max_iter=3),
    "ascent, labels": ProjectedAscent(max_iter=4, n_starts=4, optimise_labels=True),
    "random": RandomAttack(labels="flipped"),
    "random, clean rows": RandomAttack(features="resampled", labels="uniform"),
    "random, clusters": RandomAttack(features="clusters"),
}
DEFENSES = ("sphere", "sphere_and_slab", "mahalanobis")
LOSSES = ("squared_error", "squared_hinge")


@pytest.fixture(params=ATTACKS.values(), ids=ATTACKS.keys())
def attack(request):
    return request.param


def by_hand(defense, own, others, quantile=0.95, shrinkage=0.1):
    """The set that the defense keeps, as a test of rows: sphere, slab, Mahalanobis distance around the clean mean."""
    centre = own.mean(axis=0)

    def within(distance):
        limit = np.quantile(distance(own), quantile)
        return lambda X: distance(X) <= limit * (1.0 + 1e-9)

    def sphere(X):
        return np.sqrt(((X - centre) ** 2).sum(axis=1))

    if defense == "mahalanobis":
        S = np.cov(own.T, bias=True)
        S = (1.0 - shrinkage) * S + shrinkage * np.trace(S) / S.shape[0] * np.eye(S.shape[0])
        return within(lambda X: np.sqrt(((X - centre) @ np.linalg.inv(S) * (X - centre)).sum(axis=1)))
    tests = [within(sphere)]
    if defense == "sphere_and_slab" and len(others):
        line = others.mean(axis=0) - centre
        tests.append(within(lambda X: np.abs((X - centre) @ line) / np.linalg.norm(line)))
    return lambda X: np.all([test(X) for test in tests], axis=0)


def sets_by_hand(defense, X, y, task, **settings):
    """By task and class; a regression has one set a task."""
    classes = np.unique(y) if y.dtype.kind == "U" else [None]
    return {
        (label, c): by_hand(
            defense,
            X[(task == label) & (True if c is None else y == c)],
            X[(task == label) & (False if c is None else y != c)],
            **settings,
        )
        for label in np.unique(task)
        for c in classes
    }


def run(attack, data, region, model=None, budget=0.4, **threat):
    X, y, task = data
    model = (MTRLClassifier if y.dtype.kind == "U" else MTRLRegressor)(0.01, 0.01) if model is None else model
    threat = ThreatModel(["a"], ["a", "b", "c"], budget, region, **threat)
    return attack.poison(model, X, y, task=task, threat=threat, random_state=0)


@pytest.mark.in_turn
@pytest.mark.parametrize("defense", DEFENSES)
@pytest.mark.parametrize("loss", LOSSES)
def test_rows_look_like_their_task_and_class(attack, loss, defense, make_tasks):
    data = make_tasks(loss)
    sets = sets_by_hand(defense, *data)
    result = run(attack, data, OwnData(defense))
    for label in "abc":
        for c in np.unique(result.y) if loss == "squared_hinge" else [None]:
            chosen = (result.task == label) & (True if c is None else result.y == c)
            assert sets[label, c](result.X[chosen]).all()


def test_classes_flipped_on_the_way_end_in_the_other_classs_set(make_tasks):
    """The two sets hardly meet, so a flip without a projection would show."""
    X, y, task = make_tasks("squared_hinge")
    X = X + np.where(y == "yes", 0.4, -0.4)[:, None] * [1.0, 0.0, 0.0, 0.0]
    sets = sets_by_hand("sphere_and_slab", X, y, task, quantile=0.8)
    threat = ThreatModel(["a"], ["a", "b"], 0.4, OwnData(quantile=0.8))
    start, result = (
        ProjectedAscent(max_iter=n, n_starts=1, optimise_labels=True).poison(
            MTRLClassifier(0.01, 0.01), X, y, task=task, threat=threat, random_state=2
        )
        for n in (0, 10)
    )
    flipped = np.flatnonzero(start.y != result.y)
    assert flipped.size >= 3
    for r in range(result.y.size):
        assert sets[result.task[r], result.y[r]](result.X[r : r + 1]).all()
    for r in flipped:
        assert not sets[result.task[r], start.y[r]](result.X[r : r + 1]).any()
        assert not sets[result.task[r], result.y[r]](start.X[r : r + 1]).any()


@pytest.mark.parametrize("quantile", [0.5, 1.0])
@pytest.mark.parametrize("defense", DEFENSES)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_sets_are_the_defenses_ones(loss, defense, quantile, make_tasks):
    X, y, task = make_tasks(loss)
    model = MTRLClassifier() if loss == "squared_hinge" else MTRLRegressor()
    rule = OwnData(defense, quantile=quantile, shrinkage=0.3)
    program = bilevel(model, X, y, task, ThreatModel(["a"], ["b", "d"], 0.4, rule))
    sets = sets_by_hand(defense, X, y, task, quantile=quantile, shrinkage=0.3)
    rng = np.random.default_rng(0)
    for label, i in (("b", 1), ("d", 3)):
        for sign, c in ((-1.0, "no"), (1.0, "yes")) if loss == "squared_hinge" else ((-1.0, None), (0.5, None)):
            own = X[(task == label) & (True if c is None else y == c)]
            rows = own[rng.integers(0, len(own), 400)] + 0.3 * rng.standard_normal((400, 4))
            inside = program.places.contains(rows, np.full(400, i), np.full(400, sign))
            np.testing.assert_array_equal(inside, sets[label, c](rows))
            assert 0.05 < inside.mean() < 0.95
            nearest = program.places.project(rows, np.full(400, i), np.full(400, sign))
            np.testing.assert_array_equal(nearest[inside], rows[inside])
            assert sets[label, c](nearest).all()
            drawn = program.places.sample(np.full(50, i), np.full(50, sign), 4, rng)
            assert sets[label, c](drawn).all()


QUICK = (PATOM(max_iter=1, batch_ratio=0.2), ProjectedAscent(max_iter=3, n_starts=1), RandomAttack(features="corners"))


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("defense", "within"),
    [("sphere", Ball(0.8)), ("sphere", Box(-0.5, 0.5)), ("sphere_and_slab", Ball(0.8)), ("mahalanobis", Ball(0.6))],
)
@pytest.mark.parametrize("quick", QUICK)
def test_another_region_holds_beside_the_set(quick, defense, within, make_tasks):
    data = make_tasks("squared_hinge")
    sets = sets_by_hand(defense, *data)
    result = run(quick, data, OwnData(defense, within=within), budget=0.2)
    assert within.contains(result.X).all()
    for row, label, c in zip(result.X, result.task, result.y, strict=True):
        assert sets[label, c](row[None]).all()


def spoiled(make_tasks, change):
    X, y, task = make_tasks("squared_hinge")
    mine = np.flatnonzero(task == "b")
    return change(X.copy(), y.copy(), mine), task


def one_of_a_class(X, y, mine):
    y[mine] = np.where(np.arange(mine.size) == 0, "yes", "no")
    return X, y


def one_class_only(X, y, mine):
    y[mine] = "no"
    return X, y


def one_class_twice_over(X, y, mine):
    X[mine[y[mine] == "yes"]] = 0.25
    return X, y


@pytest.mark.in_turn
@pytest.mark.parametrize("change", [one_of_a_class, one_class_only, one_class_twice_over])
@pytest.mark.parametrize("defense", DEFENSES)
def test_a_class_without_a_set_of_its_own_takes_the_tasks(attack, defense, change, make_tasks):
    (X, y), task = spoiled(make_tasks, change)
    data, mine = (X, y, task), task == "b"
    whole = by_hand(defense, X[mine], X[:0])
    result = run(attack, data, OwnData(defense))
    chosen = (result.task == "b") & (result.y == "yes")
    assert whole(result.X[chosen]).all()
    few = (result.task == "b") & (result.y == "no")
    own = by_hand(defense, X[mine & (y == "no")], X[mine & (y == "yes")])
    assert own(result.X[few]).all()


@pytest.mark.parametrize(
    ("defense", "shrinkage", "why"),
    [
        ("sphere", 0.1, "X of sphere_around must hold rows that differ;"),
        ("sphere_and_slab", 0.1, "X of sphere_around must hold rows that differ;"),
        ("mahalanobis", 0.1, "covariance of Ellipsoid must be"),
    ],
)
def test_a_task_of_one_point_is_refused(defense, shrinkage, why, make_tasks):
    X, y, task = make_tasks("squared_error")
    with pytest.raises(
        ValueError, match=f"^region of ThreatModel is OwnData, but the rows of task b allow no .*: {why}"
    ):
        run(RandomAttack(), (np.where(task[:, None] == "b", 0.5, X), y, task), OwnData(defense, shrinkage=shrinkage))


def test_a_task_of_one_row_is_refused(make_tasks):
    X, y, task = make_tasks("squared_error")
    keep = (task != "b") | (np.cumsum(task == "b") == 1)
    threat = ThreatModel(["a"], ["b"], 1.0, OwnData())
    with pytest.raises(ValueError, match=r"the rows of task b allow no such set: there is one row only\.$"):
        RandomAttack().poison(MTRLRegressor(), X[keep], y[keep], task=task[keep], threat=threat)


def test_fewer_rows_than_features_need_shrinkage():
    rng = np.random.default_rng(0)
    data = rng.standard_normal((45, 30)), rng.standard_normal(45), np.repeat(list("abc"), 15)
    with pytest.raises(ValueError, match=r"^region of ThreatModel is OwnData, but .* task a .* or shrink it\.$"):
        run(RandomAttack(), data, OwnData("mahalanobis", shrinkage=0.0))
    assert run(RandomAttack(), data, OwnData("mahalanobis", shrinkage=0.2)).X.shape == (18, 30)


def test_duplicate_rows_are_rows(make_tasks):
    X, y, task = (np.repeat(values, 3, axis=0) for values in make_tasks("squared_error"))
    sets = sets_by_hand("mahalanobis", X, y, task)
    result = run(ProjectedAscent(max_iter=3), (X, y, task), OwnData("mahalanobis"))
    assert all(sets[label, None](result.X[result.task == label]).all() for label in "abc")


BY_TASK = {"c": Box(-0.2, 0.1), "a": Ball(0.3, [1.0, 0.0, 0.0, 0.0]), "b": Intersection(Ball(2.0), Box(0.0, np.inf))}


@pytest.mark.in_turn
@pytest.mark.parametrize("loss", LOSSES)
def test_each_task_has_its_region(attack, loss, make_tasks):
    result = run(attack, make_tasks(loss), ByTask(BY_TASK))
    for label, region in BY_TASK.items():
        rows = result.X[result.task == label]
        assert region.contains(rows).all()
        assert rows.shape[0] == 6
    assert not BY_TASK["c"].contains(result.X[result.task == "a"]).any()


def test_one_region_for_every_task_is_that_region(make_tasks):
    data = make_tasks("squared_error")
    for attack in (
        PATOM(max_iter=2, features="corners"),
        ProjectedAscent(max_iter=3, features="resampled", n_starts=1),
    ):
        one, other = (
            run(attack, data, region) for region in (Box(-0.7, 0.7), ByTask(dict.fromkeys("abcd", Box(-0.7, 0.7))))
        )
        np.testing.assert_allclose(other.X, one.X, rtol=0.0, atol=1e-7)


def test_labels_of_any_type_and_order(make_tasks):
    X, y, task = make_tasks("squared_error")
    names = {"a": 1, "b": ("b", 2), "c": "c", "d": 2.5}
    labels = np.empty(task.size, dtype=object)
    labels[:] = [names[label] for label in task]
    rule = ByTask([[names[label], region] for label, region in BY_TASK.items()])
    threat = ThreatModel([1], [("b", 2), "c"], 0.4, rule)
    result = PATOM(max_iter=1).poison(MTRLRegressor(), X, y, task=labels, threat=threat, random_state=0)
    for label in ("b", "c"):
        chosen = np.array([given == names[label] for given in result.task.tolist()])
        assert chosen.sum() == 6
        assert BY_TASK[label].contains(result.X[chosen]).all()


@pytest.mark.parametrize(
    ("regions", "message"),
    [
        (Ball(), "regions of ByTask must be a mapping of task label to region; got Ball("),
        (["a", "b"], "regions of ByTask must be a mapping of task label to region; got ['a', 'b']."),
        ([("a", Ball(), 1.0)], "regions of ByTask must be a mapping of task label to region; got"),
        ({}, "regions of ByTask must name at least one task; got none."),
        (
            [("a", Ball()), ("a", Ball(2.0))],
            "regions of ByTask must name each task once, by its label; got ['a', 'a'].",
        ),
        ([(["a"], Ball())], "regions of ByTask must name each task once, by its label; got [['a']]."),
        ({"a": Ball}, "regions of ByTask must be regions such as Ball; task 'a' has <class"),
        ({"a": OwnData()}, "regions of ByTask must be regions such as Ball; task 'a' has OwnData("),
        ({"a": 1.0}, "regions of ByTask must be regions such as Ball; task 'a' has 1.0."),
    ],
)
def test_bad_regions_by_task_are_one_sentence(regions, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        ByTask(regions)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"defense": "slab"},
            "defense of OwnData must be one of 'sphere', 'sphere_and_slab', 'mahalanobis'; got 'slab'.",
        ),
        ({"quantile": 0.0}, "quantile of OwnData must be a finite number above 0.0; got 0.0."),
        ({"quantile": 95}, "quantile of OwnData must be at most 1; got 95."),
        ({"quantile": "high"}, "quantile of OwnData must be a finite number above 0.0; got 'high'."),
        ({"quantile": np.nan}, "quantile of OwnData must be a finite number above 0.0; got nan."),
        ({"shrinkage": -0.1}, "shrinkage of OwnData must be a finite number at least 0.0; got -0.1."),
        ({"shrinkage": 2}, "shrinkage of OwnData must be at most 1; got 2."),
        ({"within": Ball}, "within of OwnData must be a region such as Ball; got <class"),
        ({"within": ByTask({"a": Ball()})}, "within of OwnData must be a region such as Ball; got ByTask("),
    ],
)
def test_bad_settings_of_own_data_are_one_sentence(settings, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        OwnData(**settings)


@pytest.mark.parametrize(
    ("region", "message"),
    [
        (
            ByTask({"z": Ball(), **BY_TASK}),
            "regions of ByTask names the task 'z', which the training data do not hold;",
        ),
        (ByTask({"a": Ball(), "b": Ball()}), "regions of ByTask must hold every attacking task; c has none."),
        (
            ByTask({"a": Ball(1.0, [0.0, 1.0]), "b": Ball(), "c": Ball()}),
            "Ball is a region of 2 features, but the rows",
        ),
        (
            OwnData(within=Ball(0.1, 50.0)),
            "regions of Intersection (Ball, Ball) must have common points, and more than",
        ),
    ],
)
def test_regions_that_do_not_fit_the_data_are_refused(region, message, make_tasks):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        run(RandomAttack(), make_tasks("squared_error"), region)
