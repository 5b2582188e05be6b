"""Data as people have them: frames, lists, columns, odd label types; and data that are refused in a sentence."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.exceptions import DataConversionWarning

from patom import PATOM, MTRLClassifier, MTRLRegressor, RandomAttack, ThreatModel
from patom.attacks import AttackStatus

SHORT = PATOM(max_iter=2)
NAMES = ["w", "x", "y", "z"]


@pytest.fixture
def regression(make_tasks):
    return make_tasks("squared_error")


def attack(X, y, task, threat=None, model=None, with_attack=SHORT):
    threat = ThreatModel(["a", "b"], ["b", "c"], 0.2) if threat is None else threat
    model = MTRLRegressor() if model is None else model
    return with_attack.poison(model, X, y, task=task, threat=threat, random_state=0)


FORMS = {
    "lists": lambda X, y, task: (X.tolist(), y.tolist(), task.tolist()),
    "pandas": lambda X, y, task: (
        pd.DataFrame(X, columns=NAMES, index=np.arange(len(y))[::-1]),
        pd.Series(y, index=np.arange(len(y)) + 5),
        pd.Series(task, index=[f"r{i}" for i in range(len(y))]),
    ),
    "unnamed pandas": lambda X, y, task: (pd.DataFrame(X), pd.Series(y), pd.Series(task, dtype="category")),
    "polars": lambda X, y, task: (pl.DataFrame(X, schema=NAMES), pl.Series(y), pl.Series(task.tolist())),
    "objects": lambda X, y, task: (X.astype(object), y.astype(object), task.astype(object)),
    "Fortran order": lambda X, y, task: (np.asfortranarray(X), np.repeat(y, 2)[::2], task),
    "read only": lambda X, y, task: tuple(_frozen(values) for values in (X, y, task)),
}


def _frozen(values):
    values = values.copy()
    values.flags.writeable = False
    return values


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_the_form_of_the_data_does_not_matter(regression, form):
    plain, other = attack(*regression), attack(*form(*regression))
    assert other.X.tobytes() == plain.X.tobytes()
    assert (other.X.dtype, other.y.dtype) == (np.float64, np.float64)
    assert other.y.tolist() == plain.y.tolist()
    assert other.task.tolist() == plain.task.tolist()
    np.testing.assert_array_equal(other.model.coef_, plain.model.coef_)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("with_attack", [SHORT, RandomAttack()], ids=["PATOM", "RandomAttack"])
def test_the_poisoned_model_knows_the_columns(regression, frame, with_attack):
    X, y, task = regression
    table = frame(dict(zip(NAMES, X.T, strict=True)))
    result = attack(table, y, task, with_attack=with_attack)
    assert result.model.feature_names_in_.tolist() == NAMES
    np.testing.assert_array_equal(
        result.model.predict(table, task=task), attack(X, y, task, with_attack=with_attack).model.predict(X, task=task)
    )


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_a_column_of_targets(regression):
    X, y, task = regression
    assert attack(X, y[:, None], task).X.tobytes() == attack(X, y, task).X.tobytes()


def test_a_column_of_targets_is_pointed_out_once(regression):
    X, y, task = regression
    with pytest.warns(DataConversionWarning, match="column-vector y") as caught:
        attack(X, y[:, None], task)
    assert len(caught) == 1


def test_single_precision_in_double_out(regression):
    X, y, task = regression
    result = attack(X.astype(np.float32), y.astype(np.float32), task)
    assert (result.X.dtype, result.y.dtype) == (np.float64, np.float64)
    np.testing.assert_allclose(result.X, attack(X.astype(np.float32).astype(float), y, task).X, atol=1e-3)


def test_whole_number_features_and_targets():
    X, y = np.arange(-5, 5).reshape(-1, 1), np.arange(10)
    result = attack(X, y, None, ThreatModel(0, 0, 0.3))
    assert (result.X.dtype, result.y.dtype) == (np.float64, np.float64)
    assert np.isin(result.y, y).all()


@pytest.mark.parametrize(
    ("labels", "dtype_kind"),
    [
        (np.array(["no", "yes"]), "U"),
        (np.array(["no", "yes"], dtype=object), "O"),
        (np.array([False, True]), "b"),
        (np.array([0, 1]), "i"),
        (np.array([-1, 1], dtype=np.int8), "i"),
        (np.array([1.0, 2.0]), "f"),
    ],
)
def test_classes_come_back_as_they_were(make_tasks, labels, dtype_kind):
    X, y, task = make_tasks("squared_hinge")
    plain = attack(X, y, task, model=MTRLClassifier())
    result = attack(X, labels[(y == "yes").astype(int)], task, model=MTRLClassifier())
    assert result.y.dtype.kind == dtype_kind
    assert result.y.tolist() == labels[(plain.y == "yes").astype(int)].tolist()
    assert result.X.tobytes() == plain.X.tobytes()
    assert result.model.classes_.tolist() == labels.tolist()


@pytest.mark.parametrize(
    "names",
    [
        [0, 1, 2, 3],
        [10**12, 10**12 + 1, 10**12 + 2, 10**12 + 3],
        [0.5, 1.5, 2.5, 3.5],
        [("a", 1), ("a", 2), ("b", 1), ("c",)],
        ["north", 1, ("b", 1), 2.5],
        [
            pd.Timestamp("2020-01-01"),
            pd.Timestamp("2020-01-02"),
            pd.Timestamp("2020-02-01"),
            pd.Timestamp("2021-01-01"),
        ],
    ],
)
def test_any_hashable_task_labels(regression, names):
    X, y, task = regression
    labels = np.empty(task.size, dtype=object)
    labels[:] = [names["abcd".index(label)] for label in task]
    result = attack(X, y, labels, ThreatModel(names[:2], names[1:3], 0.2))
    assert set(result.task.tolist()) == set(names[1:3])
    counts = [sum(label == name for label in result.task.tolist()) for name in names[1:3]]
    assert counts == [3, 3]
    assert result.model.tasks_.size == 4


def test_tasks_as_a_nullable_or_numpy_integer_column(regression):
    X, y, task = regression
    codes = np.searchsorted(["a", "b", "c", "d"], task)
    plain = attack(X, y, codes, ThreatModel([0, 1], [1, 2], 0.2))
    for form in (pd.Series(codes, dtype="Int64"), pl.Series(codes), codes.astype(np.uint8)):
        threat = ThreatModel(np.array([0, 1], dtype=np.int32), np.array([1, 2], dtype=np.uint8), 0.2)
        assert attack(X, y, form, threat).X.tobytes() == plain.X.tobytes()


def test_two_tasks_named_true_and_false(regression):
    X, y, task = regression
    result = attack(X, y, task > "b", ThreatModel(True, [False], 0.1))
    assert result.task.tolist() == [False] * 3


def test_a_budget_above_one(regression):
    result = attack(*regression, ThreatModel(["a"], ["b", "c"], 2.5))
    assert result.X.shape == (2 * 37, 4)


def test_clean_rows_may_lie_outside_the_region(regression):
    X, y, task = regression
    for features in ("uniform", "resampled"):
        result = attack(30.0 * X, y, task, with_attack=PATOM(max_iter=2, features=features))
        assert (np.linalg.norm(result.X, axis=1) <= 1.0 + 1e-12).all()


def test_a_single_task_and_a_single_feature():
    X = np.linspace(-1.0, 1.0, 20).reshape(-1, 1)
    result = attack(X, 3.0 * X[:, 0], None, ThreatModel(0, 0, 0.2))
    assert result.status is AttackStatus.COMPLETED
    assert result.X.shape == (4, 1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X, y, task: (np.where(X[4, 2] == X, np.nan, X), y, task), "X holds NaN in row 4, column 2;"),
        (lambda X, y, task: (np.where(X[4, 2] == X, np.inf, X), y, task), "X holds infinity in row 4, column 2;"),
        (lambda X, y, task: (X, np.where(y[7] == y, np.nan, y), task), "y holds NaN in row 7;"),
        (lambda X, y, task: (X, y, task[:-1]), "task must hold one label for each of the 60 rows of X; got 59."),
        (lambda X, y, _: (X, y, None), "targets of ThreatModel names the task 'a', which the training data do not"),
        (lambda X, y, task: (X, y[:-1], task), "Found input variables with inconsistent numbers of samples"),
        (lambda X, y, task: (X[0], y, task), "Expected 2D array, got 1D array"),
        (lambda X, y, task: (X, np.array(["many"] * y.size), task), "y must hold numbers for MTRLRegressor"),
    ],
)
@pytest.mark.parametrize("with_attack", [SHORT, RandomAttack()], ids=["PATOM", "RandomAttack"])
def test_data_that_fit_refuses_are_refused(regression, spoil, message, with_attack):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        attack(*spoil(*regression), with_attack=with_attack)


@pytest.mark.parametrize("with_attack", [SHORT, RandomAttack()], ids=["PATOM", "RandomAttack"])
def test_one_class_or_three_are_refused(regression, with_attack):
    X, _, task = regression
    with pytest.raises(ValueError, match=r"^y holds one class only, "):
        attack(X, np.ones(60, dtype=int), task, model=MTRLClassifier(), with_attack=with_attack)
    with pytest.raises(ValueError, match="one_vs_rest_tasks"):
        attack(X, np.arange(60) % 3, task, model=MTRLClassifier(), with_attack=with_attack)


@pytest.mark.parametrize(
    ("threat", "message"),
    [
        (ThreatModel(["e"], ["a"], 0.2), "targets of ThreatModel names the task 'e', which the training data do not"),
        (ThreatModel(["a"], ["a", 3], 0.2), "attackers of ThreatModel names the task 3, which the training data"),
        (ThreatModel(["a"], ["a"], 0.05), "budget of ThreatModel rounds to no rows: 0.05 of at most 15 clean rows"),
    ],
)
def test_threats_that_do_not_fit_the_data_are_refused(regression, threat, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        attack(*regression, threat)
