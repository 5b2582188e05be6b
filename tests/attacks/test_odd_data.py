"""Data as they should not be, with every part of a threat model: attacks run as before, or refuse in a sentence."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest

from patom import PATOM, Ball, Box, MTRLClassifier, MTRLRegressor, ProjectedAscent, RandomAttack, ThreatModel
from patom.attacks import Availability, ByTask, GreyBox, OwnData, Sparing, Targeted
from patom.core.regions import Columns

ATTACKS = {
    "PATOM": PATOM(max_iter=1),
    "ascent": ProjectedAscent(max_iter=3, n_starts=2),
    "labels": ProjectedAscent(max_iter=3, n_starts=2, optimise_labels=True),
    "random": RandomAttack(),
}


def threats(names, rows, targets):
    """One of each part; ``names`` stand for tasks "a", "b", "c", rows and targets for a few of "a" and "b"."""
    a, b, _ = names
    task = np.empty(3, dtype=object)
    task[:] = [b, a, b]
    own = {"X": rows, "y": targets, "task": task}
    return {
        "plain": {},
        "worst of own rows": {"objective": Availability("worst", **own)},
        "sparing": {"objective": Sparing(Targeted(rows, task, "lower"), 0.5)},
        "by task": {"region": ByTask([(name, Ball(0.5)) for name in names])},
        "own data": {"region": OwnData("sphere", within=Box(-2.0, 2.0))},
        "a share": {"knowledge": GreyBox(share=0.5)},
        "columns": {"columns": Columns([0], unit=0.1), "label_range": (-1.0, 1.0)},
    }


PARTS = tuple(threats("abc", np.ones((3, 1)), [0.0] * 3))


PAIRS = list(zip(("labels", "PATOM", "ascent", "random") * 2, PARTS, strict=False))


@pytest.fixture(params=PAIRS, ids=[", ".join(pair) for pair in PAIRS])
def case(request):
    """An attack and a part of a threat model."""
    name, part = request.param
    return ATTACKS[name], part


@pytest.fixture(params=ATTACKS.values(), ids=ATTACKS.keys())
def attack(request):
    return request.param


def run(attack, part, X, y, task, names=("a", "b", "c"), own=None, model=None):
    rows, known = (np.asarray(X, dtype=float)[:3], np.asarray(y)[:3]) if own is None else own
    threat = ThreatModel(list(names[:2]), list(names[1:]), 0.2, **threats(names, rows, known)[part])
    return attack.poison(model or MTRLRegressor(0.01, 0.01), X, y, task=task, threat=threat, random_state=0)


FORMS = {
    "lists": lambda X, y, task: (X.tolist(), y.tolist(), task.tolist()),
    "pandas": lambda X, y, task: (pd.DataFrame(X), pd.Series(y, index=np.arange(60) + 7), pd.Series(task)),
    "polars": lambda X, y, task: (pl.DataFrame(X), pl.Series(y), pl.Series(task.tolist())),
    "Fortran order": lambda X, y, task: (np.asfortranarray(X), np.repeat(y, 2)[::2], task.astype(object)),
    "read only": lambda *data: tuple(frozen(values) for values in data),
}


def frozen(values):
    values = values.copy()
    values.setflags(write=False)
    return values


@pytest.mark.in_turn
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_the_form_of_the_data_does_not_matter(case, form, make_tasks):
    data = make_tasks("squared_error")
    plain, other = run(*case, *data), run(*case, *form(*data))
    assert other.X.tobytes() == plain.X.tobytes()
    assert other.y.tolist() == plain.y.tolist()
    assert other.utility == plain.utility


@pytest.mark.in_turn
@pytest.mark.parametrize("names", [["z", "y", "x", "w"], ["10", "9", "8", "7"], [3, 1, 2, 0], ["b", 1, ("a", 2), 0.5]])
def test_tasks_may_be_named_anything_in_any_order(case, names, make_tasks):
    X, y, task = make_tasks("squared_error")
    labels = np.empty(task.size, dtype=object)
    labels[:] = [names["abcd".index(label)] for label in task]
    result = run(*case, X, y, labels, names[:3])
    assert {str(label) for label in result.task.tolist()} == {str(name) for name in names[1:3]}
    assert [result.task.tolist().count(name) for name in names[1:3]] == [3, 3]
    before = {str(name): loss for name, loss in zip(result.tasks.tolist(), result.task_losses.clean, strict=True)}
    plain = run(*case, X, y, task)
    for name, loss in zip(names, plain.task_losses.clean, strict=True):
        assert before[str(name)] == pytest.approx(loss, rel=1e-3)


@pytest.mark.parametrize("classes", [["yes", "no"], ["no", "yes"], [1, 0], [True, False], [2.0, -1.0]])
def test_classes_may_be_named_anything_in_any_order(case, classes, make_tasks):
    X, y, task = make_tasks("squared_hinge")
    named = np.array(classes)[(y == "yes").astype(int)]
    result = run(*case, X, named, task, model=MTRLClassifier(0.01, 0.01))
    assert set(result.y.tolist()) <= set(classes)
    assert result.y.dtype == named.dtype


SPOILED = {
    "duplicate rows": lambda X, y, task: (np.tile(X[:20], (3, 1)), np.tile(y[:20], 3), np.tile(task[:20], 3)),
    "a constant column": lambda X, y, task: (np.column_stack([X[:, :3], np.full(60, 0.3)]), y, task),
    "columns of zeros": lambda X, y, task: (X * [0.0, 1.0, 0.0, 1.0], y, task),
    "one feature": lambda X, y, task: (X[:, :1], y, task),
    "constant targets": lambda X, _, task: (X, np.full(60, 0.7), task),
    "one task's targets constant": lambda X, y, task: (X, np.where(task == "b", 0.7, y), task),
    "the same column twice": lambda X, y, task: (X[:, [0, 0, 1, 1]], y, task),
}


@pytest.mark.in_turn
@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
def test_degenerate_data_are_attacked(case, spoil, make_tasks):
    X, y, task = spoil(*make_tasks("squared_error"))
    result = run(*case, X, y, task)
    assert np.isfinite([result.utility, result.clean_utility]).all()
    assert np.isfinite(result.X).all()
    if isinstance(case[0], ProjectedAscent):
        assert (np.diff(result.history.utility) > 0.0).all()


def test_one_row_in_all(attack):
    for model in (MTRLRegressor(), MTRLClassifier()):
        X, y = (np.array([[0.5]]), np.array([1.0])) if isinstance(model, MTRLRegressor) else (np.eye(2), [0, 1])
        result = attack.poison(model, X, y, threat=ThreatModel([0], [0], 1.0), random_state=0)
        assert result.X.shape == X.shape


def test_one_row_a_task(attack):
    X, y, task = np.eye(3), np.array([1.0, -1.0, 2.0]), np.array(["c", "a", "b"])
    threat = ThreatModel(["a", "b"], ["b", "c"], 1.0, objective=Sparing(Availability("worst")), knowledge=GreyBox())
    result = attack.poison(MTRLRegressor(), X, y, task=task, threat=threat, random_state=0)
    assert result.task.tolist() == ["b", "c"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X, y, task: (X[:0], y[:0], task[:0]), "Found array with 0 sample(s)"),
        (lambda X, y, task: (X[:, :0], y, task), "Found array with 0 feature(s)"),
        (lambda X, y, task: (X[0], y, task), "Expected 2D array, got 1D array"),
        (lambda X, y, task: (np.where(np.isclose(X, X[4, 2]), np.nan, X), y, task), "X holds NaN in row 4, column 2;"),
        (lambda X, y, task: (X, np.where(y == y[7], np.inf, y), task), "y holds infinity in row 7;"),
        (lambda X, y, task: (X, y[:-1], task), "Found input variables with inconsistent numbers of samples"),
        (lambda X, y, task: (X, y, task[:-1]), "task must hold one label for each of the 60 rows of X; got 59."),
        (lambda X, y, task: (X, y, np.where(task == "d", None, task)), "task holds a missing label in row"),
        (lambda X, y, _: (X, y, "a"), "task must hold one label for each of the 60 rows of X; got a str."),
    ],
)
@pytest.mark.parametrize("part", ["plain", "by task", "own data", "a share", "columns"])
def test_data_that_cannot_be_fitted_are_refused(part, spoil, message, make_tasks):
    data = make_tasks("squared_error")
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        run(RandomAttack(), part, *spoil(*data), own=(data[0][:3], data[1][:3]))


@pytest.mark.parametrize("name", ["X", "y", "task"])
def test_the_attackers_own_rows_may_be_read_only(attack, name, make_tasks):
    X, y, task = make_tasks("squared_error")
    own = {"X": X, "y": y, "task": task} | {name: frozen({"X": X, "y": y, "task": task}[name])}
    aimed = np.isin(task, ["a"])
    settings = {"knowledge": GreyBox(**own), "objective": Availability("worst", X[aimed], y[aimed], task[aimed])}
    result = attack.poison(
        MTRLRegressor(), X, y, task=task, threat=ThreatModel(["a"], ["b"], 0.2, **settings), random_state=0
    )
    assert result.X.shape == (3, 4)


@pytest.mark.parametrize("features", ["corners", "clusters"])
@pytest.mark.parametrize("radius", [1e-6, 1.0, 1e4, 1e7])
def test_far_ends_are_far_whatever_the_size_of_the_region(radius, features, make_tasks):
    X, y, task = make_tasks("squared_error")
    threat = ThreatModel(["a"], ["b"], 1.0, Ball(radius))
    attack = RandomAttack(features=features)
    rows = attack.poison(MTRLRegressor(tol=1e3), X, y, task=task, threat=threat, random_state=0).X
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), radius, rtol=1e-9)
    if features == "clusters":
        assert np.ptp(rows / radius, axis=0).max() > 1.0  # two of them


def test_in_a_region_without_an_end_they_are_some_way_out(make_tasks):
    X, y, task = make_tasks("squared_error")
    threat = ThreatModel(["a"], ["b"], 1.0, Box([0.0, -1.0, -np.inf, -1.0], [1.0, np.inf, np.inf, 1.0]))
    attack = RandomAttack(features="corners")
    rows = attack.poison(MTRLRegressor(tol=1e3), X, y, task=task, threat=threat, random_state=0).X
    assert np.isin(rows[:, 0], [0.0, 1.0]).mean() > 0.8
    assert 10.0 < np.abs(rows[:, 2]).max() < 100.0
