"""The hypergradient on data as people have them, and what it refuses."""

import re

import numpy as np
import pandas as pd
import pytest
from hypergradient_problems import attack_on

from patom import MTRLClassifier, MTRLRegressor
from patom.attacks import hypergradient


def arguments(attack):
    return {
        "X": attack.X,
        "y": attack.y,
        "task": attack.task,
        "X_poison": attack.X_poison,
        "y_poison": attack.y_poison,
        "task_poison": attack.task_poison,
        "targets": attack.targets,
    }


def gradient_of(attack, *, full=False, **changed):
    given = arguments(attack) | changed
    return hypergradient(given.pop("model", attack.model), given.pop("X"), given.pop("y"), full=full, **given)


@pytest.fixture
def regression():
    return attack_on("squared_error", "hybrid", per_task=3)


@pytest.fixture
def classes():
    return attack_on("squared_hinge", "hybrid", per_task=3)


def test_each_row_keeps_its_place(regression):
    rng = np.random.default_rng(0)
    plain = gradient_of(regression, full=True)
    assert len(set(regression.task_poison)) == 2
    assert list(regression.task_poison) != sorted(regression.task_poison)
    order, clean = rng.permutation(6), rng.permutation(regression.y.size)
    poison = {name: arguments(regression)[name][order] for name in ("X_poison", "y_poison", "task_poison")}
    rows = {name: arguments(regression)[name][clean] for name in ("X", "y", "task")}
    mixed = gradient_of(regression, full=True, **poison, **rows)
    np.testing.assert_allclose(mixed.features, plain.features[order], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(mixed.labels, plain.labels[order], rtol=1e-7, atol=1e-9)


def test_the_order_of_targets_does_not_matter(regression):
    np.testing.assert_array_equal(
        gradient_of(regression, targets=regression.targets[::-1]), gradient_of(regression, targets=regression.targets)
    )


def test_the_gradient_adds_up_over_the_targets(regression):
    alone = [gradient_of(regression, targets=target) for target in regression.targets]
    np.testing.assert_allclose(sum(alone), gradient_of(regression), atol=1e-9)


@pytest.mark.parametrize(
    "labels",
    [np.array(["no", "yes"]), np.array(["no", "yes"], dtype=object), np.array([False, True]), np.array([0, 1])],
)
def test_any_two_classes(classes, labels):
    def named(y):
        return labels[(y > 0).astype(int)]

    found = gradient_of(classes, y=named(classes.y), y_poison=named(classes.y_poison), full=True)
    plain = gradient_of(classes, full=True)
    np.testing.assert_array_equal(found.features, plain.features)
    np.testing.assert_array_equal(found.labels, plain.labels)


def test_injected_rows_of_one_class(classes):
    same = np.ones_like(classes.y_poison)
    assert gradient_of(classes, y_poison=same).shape == (6, 3)


@pytest.mark.parametrize("names", [[10, 3, 25, 7], ["north", 1, ("b", 1), 2.5], [2.5, 1.5, 0.5, 3.5]])
def test_any_task_labels(regression, names):
    def named(task):
        labels = np.empty(len(task), dtype=object)
        labels[:] = [names["abcd".index(label)] for label in task]
        return labels

    tasks = {"task": named(regression.task), "task_poison": named(regression.task_poison)}
    found = gradient_of(regression, targets=list(named(regression.targets)), **tasks)
    np.testing.assert_allclose(found, gradient_of(regression), rtol=1e-7, atol=1e-9)


def test_frames_and_lists(regression):
    framed = {name: pd.DataFrame(arguments(regression)[name], columns=["u", "v", "w"]) for name in ("X", "X_poison")}
    listed = {name: arguments(regression)[name].tolist() for name in ("y", "task", "y_poison", "task_poison")}
    np.testing.assert_allclose(gradient_of(regression, **framed, **listed), gradient_of(regression), rtol=1e-10)


def test_without_tasks():
    attack = attack_on("squared_error", n_tasks=1)
    bare = gradient_of(attack, task=None, task_poison=None, targets=0)
    np.testing.assert_array_equal(bare, gradient_of(attack))


def test_many_injected_rows_in_one_task(regression):
    rng = np.random.default_rng(0)
    many = {"X_poison": rng.standard_normal((50, 3)), "y_poison": rng.standard_normal(50), "task_poison": ["a"] * 50}
    assert gradient_of(regression, **many).shape == (50, 3)


def test_nothing_passed_in_changes(regression):
    regression.fit()
    model = MTRLRegressor(tol=1e-13).fit(regression.X, regression.y, task=regression.task)
    before, given = dict(vars(model)), {name: np.copy(value) for name, value in arguments(regression).items()}
    gradient_of(regression, model=model)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())
    for name, value in arguments(regression).items():
        np.testing.assert_array_equal(value, given[name])
    unfitted = MTRLRegressor()
    gradient_of(regression, model=unfitted)
    assert not hasattr(unfitted, "tasks_")


def spoilt(values, place, value):
    values = values.copy()
    values[place] = value
    return values


REFUSED = {
    "NaN": ({"X_poison": lambda a: spoilt(a.X_poison, (1, 2), np.nan)}, "X_poison holds NaN in row 1, column 2;"),
    "infinite": ({"X_poison": lambda a: spoilt(a.X_poison, (0, 1), np.inf)}, "X_poison holds infinity in row 0,"),
    "too few columns": ({"X_poison": lambda a: a.X_poison[:, :2]}, "X_poison has 2 columns; X has 3."),
    "too many columns": ({"X_poison": lambda _: np.ones((6, 5))}, "X_poison has 5 columns; X has 3."),
    "a single row": ({"X_poison": lambda a: a.X_poison[0]}, "Expected 2D array, got 1D array"),
    "no rows": ({"X_poison": lambda a: a.X_poison[:0]}, r"Found array with 0 sample"),
    "words": ({"y_poison": lambda _: ["x"] * 6}, "y must hold numbers for MTRLRegressor"),
    "no target": ({"y_poison": lambda a: spoilt(a.y_poison, 3, np.nan)}, "y holds NaN in row 3;"),
    "short y": ({"y_poison": lambda a: a.y_poison[1:]}, "Found input variables with inconsistent numbers of samples"),
    "short task": ({"task_poison": lambda a: a.task_poison[1:]}, "task must hold one label for each of the 6 rows"),
    "task of another type": (
        {
            "task": lambda a: np.unique(a.task, return_inverse=True)[1],
            "targets": lambda _: [1],
            "task_poison": lambda _: ["1"] * 6,
        },
        "task_poison names the task '1' (str), and the training data hold 1 (int); give both the same type",
    ),
    "no task": ({"task_poison": lambda _: None}, "task_poison names the task 0, which the training data do not hold"),
    "unknown target": ({"targets": lambda _: ["z"]}, "targets of ThreatModel names the task 'z', which the training"),
    "no targets": ({"targets": lambda _: []}, "targets of ThreatModel must name at least one task; got none."),
    "target twice": ({"targets": lambda _: ["a", "a"]}, "targets of ThreatModel must name each task once"),
    "clean NaN": ({"X": lambda a: spoilt(a.X, (4, 0), np.nan)}, "X holds NaN in row 4, column 0;"),
    "gradient": ({"gradient": lambda _: "true"}, "gradient of hypergradient must be one of 'paper', 'frozen_"),
    "setting": ({"model": lambda _: MTRLRegressor(lambda_1=-1.0)}, "lambda_1 of MTRLRegressor must be a finite number"),
}


@pytest.mark.parametrize(("changed", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_in_a_sentence(regression, changed, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        gradient_of(regression, **{name: change(regression) for name, change in changed.items()})


def test_an_unknown_class_is_refused(classes):
    with pytest.raises(ValueError, match=r"^y holds the label .*2.* in row 1; the classes are"):
        gradient_of(classes, y_poison=spoilt(classes.y_poison, 1, 2))


def test_another_model_is_refused(regression):
    with pytest.raises(TypeError, match=r"^model must be an MTRLRegressor or MTRLClassifier to be attacked; got str"):
        gradient_of(regression, model="ridge")


def test_regression_targets_for_a_classifier_are_refused(regression):
    with pytest.raises(ValueError, match=r"continuous"):
        gradient_of(regression, model=MTRLClassifier())
