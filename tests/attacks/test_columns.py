"""Whole-number and one-hot columns: they hold after any attack, and what they cost is measured."""

import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone

from patom import PATOM, Ball, Box, Intersection, MTRLRegressor, ProjectedAscent, RandomAttack, ThreatModel
from patom.attacks import ByTask, GreyBox, OwnData, random
from patom.core.regions import Columns

ATTACKS = {
    "PATOM": PATOM(max_iter=2),
    "ascent": ProjectedAscent(max_iter=5, n_starts=2),
    "labels": ProjectedAscent(max_iter=5, n_starts=2, optimise_labels=True),
    "random": RandomAttack(labels="flipped"),
    "random, corners": RandomAttack(features="corners"),
}
# Feature 0 counts by 0.2 from -0.1, features 1 and 3 are one-hot in units of 0.5, feature 2 is free.
COLUMNS = Columns(integer=[0], one_hot=[[3, 1]], unit=[0.2, 0.5, 1.0, 0.5], origin=[-0.1, 0.0, 0.0, 0.25])
REGIONS = {
    "ball": Ball(1.2),
    "ball elsewhere": Ball(0.9, [0.3, 0.1, -0.2, 0.4]),
    "box": Box([-0.75, 0.0, -1.0, 0.25], [0.6, 0.5, 1.0, 0.75]),
    "ball and box": Intersection(Ball(1.1), Box([-1.0, 0.0, -0.3, -1.0], 1.0)),
}


def kept(X):
    """The columns written out: multiples of 0.2 from -0.1; (0.5, 0.25) or (0, 0.75)."""
    whole = (X[:, 0] + 0.1) / 0.2
    hot = np.abs(X[:, [1, 3]] - [0.5, 0.25]).max(axis=1) < 1e-9
    other = np.abs(X[:, [1, 3]] - [0.0, 0.75]).max(axis=1) < 1e-9
    return (np.abs(whole - np.rint(whole)) < 1e-9) & (hot ^ other)


def run(attack, data, model, **threat):
    X, y, task = data
    given = {"region": REGIONS["ball"], "columns": COLUMNS} | threat
    return attack.poison(model, X, y, task=task, threat=ThreatModel(["a"], ["a", "b"], 0.4, **given), random_state=0)


def mean_loss(fitted, data):
    X, y, task = (values[data[2] == "a"] for values in data)
    if isinstance(fitted, MTRLRegressor):
        return ((fitted.predict(X, task=task) - y) ** 2).mean()
    return (np.maximum(0.0, 1.0 - np.where(y == "yes", 1.0, -1.0) * fitted.decision_function(X, task=task)) ** 2).mean()


@pytest.fixture(params=["squared_error", "squared_hinge"])
def problem(request, make_tasks, make_victim):
    return make_tasks(request.param), make_victim(request.param, lambda_1=0.01, lambda_2=0.01)


@pytest.mark.in_turn
@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS.keys())
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_columns_hold_in_the_region_and_the_utility_is_measured_with_them(attack, region, problem):
    data, model = problem
    result = run(attack, data, model, region=region)
    assert kept(result.X).all()
    assert region.contains(result.X).all()
    X, y, task = data
    rounded = clone(model).fit(np.vstack([X, result.X]), np.append(y, result.y), task=np.append(task, result.task))
    assert result.utility == pytest.approx(mean_loss(rounded, data), rel=1e-6)

    free = run(attack, data, model, region=region, columns=None)  # attacks ignore the columns on the way
    assert result.expected_utility == free.expected_utility
    assert result.start_utilities.tolist() == free.start_utilities.tolist()
    assert free.utility == pytest.approx(result.expected_utility, rel=1e-3)
    np.testing.assert_array_equal(result.y, free.y)
    assert not kept(free.X).all()


def test_rounding_goes_to_the_nearest_row(problem):
    data, model = problem
    free = run(ATTACKS["ascent"], data, model, region=REGIONS["box"], columns=None).X
    rounded = run(ATTACKS["ascent"], data, model, region=REGIONS["box"]).X
    whole = 0.2 * np.arange(-3, 4) - 0.1  # those within the box
    np.testing.assert_allclose(np.abs(rounded - free)[:, 0], np.abs(whole - free[:, :1]).min(axis=1), atol=1e-12)
    hot = np.array([[0.5, 0.25], [0.0, 0.75]])
    distances = np.linalg.norm(free[:, None, [1, 3]] - hot, axis=2)
    moved = np.linalg.norm((rounded - free)[:, [1, 3]], axis=1)
    np.testing.assert_allclose(moved, distances.min(axis=1), atol=1e-12)
    np.testing.assert_array_equal(rounded[:, 2], free[:, 2])


def test_rounded_rows_lie_in_their_own_region(problem):
    data, model = problem
    regions = {"a": Box(-0.6, 0.75), "b": Ball(1.0, [0.7, 0.2, 0.0, 0.4])}
    result = run(ATTACKS["ascent"], data, model, region=ByTask(regions))
    assert kept(result.X).all()
    assert all(region.contains(result.X[result.task == label]).all() for label, region in regions.items())


def test_rounded_rows_look_like_their_class(problem):
    data, model = problem
    X = data[0].copy()
    X[:, 0] = 0.2 * np.rint(5.0 * X[:, 0]) - 0.1
    columns = Columns(integer=[0], unit=0.2, origin=[-0.1, 0.0, 0.0, 0.0])
    result = run(ATTACKS["labels"], (X, *data[1:]), model, region=OwnData(), columns=columns)
    share = (result.X[:, 0] + 0.1) / 0.2
    np.testing.assert_allclose(share, np.rint(share), atol=1e-9)  # and in the region, or it would have been refused


def test_a_grey_box_attackers_rows_are_rounded_too(problem):
    data, model = problem
    result = run(ATTACKS["ascent"], data, model, knowledge=GreyBox(share=0.5))
    assert kept(result.X).all()
    assert result.utility == pytest.approx(mean_loss(result.model, data), rel=1e-6)


def test_no_columns_change_nothing(problem):
    data, model = problem
    one, other = (run(ATTACKS["ascent"], data, model, columns=columns) for columns in (None, Columns()))
    assert one.X.tobytes() == other.X.tobytes()


@pytest.mark.parametrize(("origin", "unit"), [(1e8 / 3.0, 0.1), (-1e6 / 7.0, 1e-3), (12345.678, 1.0), (0.1, 1e6)])
def test_columns_far_from_zero_hold_as_well_as_float64_can(origin, unit, make_tasks):
    X, y, task = make_tasks("squared_error")
    centre = np.array([origin, 0.0, 0.0, 0.0])
    region = Box(centre - 30.0 * unit, centre + 30.0 * unit)
    columns = Columns(integer=[0], unit=unit, origin=[origin, 0.0, 0.0, 0.0])
    threat = ThreatModel(["a"], ["b"], 0.4, region, columns=columns)
    result = RandomAttack().poison(MTRLRegressor(tol=1e3), X, y, task=task, threat=threat, random_state=0)
    assert len(set(result.X[:, 0])) > 3
    step = (result.X[:, 0] - origin) / unit
    assert np.abs(step - np.rint(step)).max() < 1e-6
    halfway = result.X + np.array([0.5 * unit, 0.0, 0.0, 0.0])
    assert not columns.hold(halfway).any()


BREAKS = {
    "between": lambda X: X + np.array([0.1, 0.0, 0.0, 0.0]),
    "two hot": lambda X: np.column_stack([X[:, 0], np.full(len(X), 0.5), X[:, 2], np.full(len(X), 0.75)]),
    "none hot": lambda X: np.column_stack([X[:, 0], np.zeros(len(X)), X[:, 2], np.full(len(X), 0.25)]),
    "minus one": lambda X: np.column_stack([X[:, 0], np.full(len(X), -0.5), X[:, 2], np.full(len(X), 0.25)]),
    "two": lambda X: np.column_stack([X[:, 0], np.ones(len(X)), X[:, 2], np.full(len(X), 0.25)]),
    "two and minus one": lambda X: np.column_stack([X[:, 0], np.ones(len(X)), X[:, 2], np.full(len(X), -0.25)]),
    "nearly hot": lambda X: np.column_stack([X[:, 0], np.full(len(X), 0.45), X[:, 2], np.full(len(X), 0.25)]),
    "half hot": lambda X: np.column_stack([X[:, 0], np.full(len(X), 0.25), X[:, 2], np.full(len(X), 0.5)]),
}


@pytest.mark.parametrize("change", BREAKS.values(), ids=BREAKS.keys())
def test_a_broken_column_is_caught(change, problem, monkeypatch):
    data, model = problem
    good = RandomAttack()
    assert COLUMNS.hold(run(good, data, model, region=Ball(5.0)).X).all()

    def careless(threat, injection, region):
        return change(threat.columns.round(injection.X, region))

    monkeypatch.setattr("patom.attacks.base._rounded", lambda _, t, i: replace(i, X=careless(t, i, Ball(5.0))))
    message = (
        r"^RandomAttack broke the threat model: it returned row 0 with a column that should be a whole number or one"
    )
    with pytest.raises(RuntimeError, match=message):
        run(good, data, model, region=Ball(5.0))


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("region", "columns"),
    [
        (Box(0.1, 0.9), Columns(integer=[0])),
        (Ball(0.4), Columns(one_hot=[[0, 1, 2]])),
        (Ball(0.5, 0.6), Columns(integer=[0, 1, 2, 3], unit=10.0)),
        (ByTask({"a": Ball(), "b": Box(0.1, 0.9)}), Columns(integer=[0])),
    ],
)
def test_a_region_without_rounded_rows_is_refused(region, columns, problem):
    data, model = problem
    with pytest.raises(
        ValueError, match=r"^region must hold rounded rows near those of X; row 0 has none among its 2000 n"
    ):
        run(RandomAttack(), data, model, region=region, columns=columns)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (Columns(integer=[4]), "integer and one_hot must name columns from 0 to 3, each once; got [4]."),
        (Columns(integer=[0], unit=[1.0, 2.0]), "unit must be one number or 4, one a feature; got shape (2,)."),
        (Columns(integer=[0], origin=np.zeros(5)), "origin must be one number or 4, one a feature; got shape (5,)."),
    ],
)
def test_columns_that_the_data_do_not_have_are_refused_before_the_attack(columns, message, problem, monkeypatch):
    data, model = problem
    monkeypatch.setattr(random, "draw", None)  # it is not called
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        run(RandomAttack(), data, model, columns=columns)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"integer": 3}, "integer of Columns must be positions of columns, whole numbers from 0 up; got 3."),
        ({"integer": [1.5]}, "integer of Columns must be positions of columns, whole numbers from 0 up; got [1.5]."),
        ({"integer": [True]}, "integer of Columns must be positions of columns"),
        ({"integer": ["age"]}, "integer of Columns must be positions of columns"),
        ({"integer": [-1]}, "integer and one_hot must name columns from 0 to 0, each once; got [-1]."),
        ({"integer": [0, 0]}, "integer and one_hot must name columns from 0 to 0, each once; got [0, 0]."),
        ({"integer": [1], "one_hot": [[1, 2]]}, "integer and one_hot must name columns from 0 to 2, each once"),
        (
            {"one_hot": [0, 1]},
            "a group of one_hot of Columns must be positions of columns, whole numbers from 0 up; got 0",
        ),
        ({"one_hot": 3}, "a group of one_hot of Columns must be positions of columns"),
        ({"one_hot": [[]]}, "one_hot must be groups of at least one column; got an empty group."),
        ({"integer": [0], "unit": -1.0}, "unit must be positive and finite; got"),
        ({"integer": [0], "unit": np.inf}, "unit of Columns must be finite; got inf."),
        ({"integer": [0], "origin": np.nan}, "origin of Columns must be finite; got nan."),
        (
            {"integer": [3], "unit": [1.0, 2.0]},
            "integer and one_hot must name columns from 0 to 1, each once; got [3].",
        ),
        ({"unit": [1.0, 2.0], "origin": [0.0] * 3}, "origin must be one number or 2, one a feature; got shape (3,)."),
    ],
)
def test_what_cannot_be_columns_is_one_sentence(settings, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        Columns(**settings)


def test_columns_are_compared_by_value():
    assert Columns(np.array([0]), np.array([[1, 2]]), unit=[0.5] * 3) == Columns([0], [(1, 2)], unit=np.full(3, 0.5))
    assert Columns([0], origin=1.0) != Columns([0])
    assert hash(Columns([0])) == hash(Columns((0,)))


def test_a_column_of_one_is_always_hot():
    columns = Columns(one_hot=[[0]], unit=2.0, origin=1.0)
    np.testing.assert_array_equal(columns.round(np.array([[-5.0, 0.3], [2.9, 1.0]]), Box(-9.0, 9.0))[:, 0], [3.0, 3.0])
    assert columns.hold(np.array([[3.0, 0.0], [1.0, 0.0], [5.0, 0.0]])).tolist() == [True, False, False]
