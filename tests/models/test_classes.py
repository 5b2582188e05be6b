"""Classes stay what they were given as, or are refused in a sentence of ours; no two become one."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from patom import MTRLClassifier, MTRLRegressor
from patom.core.labels import values_of
from patom.defenses import PartitionMedian, Sanitised, Sphere
from patom.models import LambdaSearch
from patom.models.settings import encode_classes, known_classes

N = 24
X = np.random.default_rng(0).normal(size=(N, 2))
POSITIVE = X[:, 0] > 0.0
TASK = np.repeat(["a", "b"], N // 2)

PAIRS = {
    "null characters": ["a", "a\0"],
    "past both 64-bit types": [-1, 2**63 + 2],
    "past every type": [2**70, 2**70 + 1],
    "decimals": [Decimal(2**53), Decimal(2**53 + 1)],
    "truth": [False, True],
    "numbers": [1, 2],
    "dates": [dt.date(2020, 1, 1), dt.date(2020, 1, 2)],
    "lengths of time": [dt.timedelta(1), dt.timedelta(2)],
}


def drawn(pair):
    return [pair[positive] for positive in POSITIVE.astype(int)]


GIVEN = {
    "list": list,
    "column": lambda y: [[value] for value in y],
    "objects": lambda y: np.array(y, dtype=object),
    "Series": lambda y: pd.Series(y, dtype=object),
}


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.filterwarnings("ignore:A column-vector y")
def test_both_are_learned_and_predicted(pair, given):
    y = drawn(PAIRS[pair])
    model = MTRLClassifier(1e-6, 1e-6).fit(X, GIVEN[given](y), task=TASK)
    assert values_of(model.classes_) == PAIRS[pair]
    margins = model.decision_function(X, task=TASK)
    assert values_of(model.predict(X, task=TASK)) == [PAIRS[pair][positive] for positive in (margins > 0.0).astype(int)]
    assert np.mean((margins > 0.0) == POSITIVE) > 0.9
    np.testing.assert_array_equal(known_classes(np.array(y, dtype=object), model.classes_) > 0.0, POSITIVE)


@pytest.mark.parametrize(
    ("series", "classes"),
    [
        (pl.Series(drawn(["a", "a\0"])), ["a", "a\0"]),
        (pl.Series(drawn([1, 2]), dtype=pl.Int128), [1, 2]),
        (pl.Series(drawn([1, 2**100]), dtype=pl.Int128), [1, 2**100]),
        (pl.DataFrame({"y": pl.Series(drawn([1, 2]), dtype=pl.Int128)}), [1, 2]),
    ],
    ids=["text", "Int128", "large Int128", "frame"],
)
@pytest.mark.filterwarnings("ignore:A column-vector y")
def test_so_are_those_of_polars(series, classes):
    assert MTRLClassifier().fit(X, series, task=TASK).classes_.tolist() == classes


@pytest.mark.parametrize(
    "learner",
    [
        LambdaSearch(MTRLClassifier(), lambdas=(0.1,)),
        Sanitised(MTRLClassifier(), Sphere(0.1)),
        PartitionMedian(MTRLClassifier(), n_parts=2),
    ],
    ids=lambda learner: type(learner).__name__,
)
@pytest.mark.parametrize("pair", ["null characters", "past both 64-bit types", "decimals"])
def test_learners_around_a_classifier_keep_both(learner, pair):
    model = learner.fit(X, drawn(PAIRS[pair]), task=TASK)
    assert values_of(model.classes_) == PAIRS[pair]


@pytest.mark.parametrize(
    "learner", [MTRLRegressor(), Sanitised(MTRLRegressor(), Sphere(0.1))], ids=["alone", "filtered"]
)
@pytest.mark.parametrize("y", [pl.Series(range(N), dtype=pl.Int128), [2**63 + 2, -1, 0.5] * 8], ids=["Int128", "list"])
def test_a_regression_rounds_what_float64_cannot_hold(learner, y):
    floats = np.array([float(value) for value in y])
    found = learner.fit(X, y, task=TASK).predict(X, task=TASK)
    np.testing.assert_array_equal(found, learner.fit(X, floats, task=TASK).predict(X, task=TASK))


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (drawn([b"a", b"b"]), "y holds bytes, b'[ab]' in row 0; decode such labels to text first."),
        (np.array(drawn([b"a", b"b"])), "y holds bytes, "),
        (np.array(drawn([b"a", b"b"]), dtype=object), "y holds bytes, "),
        ([[value] for value in drawn([1, "1"])], r"y mixes labels that have no order \(int, str\)"),
        (drawn([1, "1"]), r"y mixes labels that have no order \(int, str\)"),
        ([*drawn([1, 2])[:-1], 2**70], "binary classification is supported.* multiclass, with 3 classes"),
    ],
)
@pytest.mark.filterwarnings("ignore:A column-vector y")
def test_what_cannot_be_kept_is_refused(y, said):
    with pytest.raises(ValueError, match=said):
        MTRLClassifier().fit(X, y, task=TASK)


def test_features_of_128_bits_are_refused_by_name():
    table = pl.DataFrame({"size": X[:, 0], "id": pl.Series(range(N), dtype=pl.Int128)})
    with pytest.raises(ValueError, match="X holds whole numbers of 128 bits in column 'id'; cast"):
        MTRLRegressor().fit(table, X[:, 1], task=TASK)


@pytest.mark.parametrize(
    "task",
    [
        pl.Series(["a", "a\0", "b"] * 8),
        pl.DataFrame({"id": pl.Series([1, 2, 3] * 8, dtype=pl.Int128)}),
        pl.DataFrame({"id": pl.Series([1, 1, 2] * 8, dtype=pl.Int128), "part": ["a", "a\0", "a"] * 8}),
    ],
    ids=["text", "Int128", "columns"],
)
def test_tasks_of_polars_stay_apart(task):
    assert MTRLRegressor().fit(X, X[:, 0], task=task).tasks_.size == 3


def test_a_class_is_known_by_its_value_not_by_what_float64_makes_of_it():
    classes, _ = encode_classes(np.array([1.0, 2.0**53]))
    with pytest.raises(ValueError, match=f"y holds the label .*{2**53 + 1}.* in row 1; the classes are"):
        known_classes(np.array([1, 2**53 + 1]), classes)
    assert known_classes(np.array([1, 2**53]), classes).tolist() == [-1.0, 1.0]


def test_dates_are_known_in_every_unit():
    classes, _ = encode_classes(np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[ns]"))
    assert known_classes(np.array([dt.date(2020, 1, 2), dt.date(2020, 1, 1)]), classes).tolist() == [1.0, -1.0]
