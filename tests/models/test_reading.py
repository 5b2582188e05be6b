"""What is no number is refused by its row and column; what a mask hides is refused as NaN is."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from patom import Ball, MTRLClassifier, MTRLRegressor, RandomAttack, ThreatModel
from patom.attacks import GreyBox, hypergradient
from patom.datasets import from_target_matrix, from_task_arrays
from patom.defenses import PartitionMedian, Sanitised, Sphere
from patom.metrics import auc, nmse
from patom.models import LambdaSearch, TaskColumn

N = 12
Y = np.arange(float(N))
TASK = np.repeat(["a", "b"], N // 2)
LEARNERS = [
    MTRLRegressor(),
    LambdaSearch(MTRLRegressor(), lambdas=(0.1,)),
    Sanitised(MTRLRegressor(), Sphere(0.1)),
    PartitionMedian(MTRLRegressor(), n_parts=3),
]
LEARNER = pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: type(learner).__name__)


def features():
    return np.random.default_rng(0).uniform(-0.5, 0.5, (N, 2))


def masked(values, *at):
    mask = np.zeros(np.shape(values), dtype=bool)
    mask[at] = True
    return np.ma.masked_array(values, mask=mask)


@LEARNER
class TestMasks:
    def test_features(self, learner):
        with pytest.raises(ValueError, match="X holds a masked value in row 3, column 1; drop or impute such values"):
            learner.fit(masked(features(), 3, 1), Y, task=TASK)

    def test_targets(self, learner):
        with pytest.raises(ValueError, match="y holds a masked value in row 3; drop"):
            learner.fit(features(), masked(Y, 3), task=TASK)

    def test_tasks(self, learner):
        with pytest.raises(ValueError, match="task holds a missing label in row 3"):
            learner.fit(features(), Y, task=masked(TASK, 3))

    def test_features_to_predict(self, learner):
        model = learner.fit(features(), Y, task=TASK)
        with pytest.raises(ValueError, match="X holds a masked value in row 0, column 0 "):
            model.predict(masked(features(), 0), task=TASK)

    def test_nothing_hidden_is_an_array(self, learner):
        plain = learner.fit(features(), Y, task=TASK).predict(features(), task=TASK)
        shown = [np.ma.masked_array(part) for part in (features(), Y, TASK)]
        np.testing.assert_array_equal(learner.fit(*shown[:2], task=shown[2]).predict(shown[0], task=shown[2]), plain)


def test_classes_under_a_mask():
    with pytest.raises(ValueError, match="y holds a masked value in row 2"):
        MTRLClassifier().fit(features(), masked(Y > 5, 2), task=TASK)


THREAT = ThreatModel(targets=["a"], attackers=["b"], budget=0.4, region=Ball(1.0))


@pytest.mark.parametrize(
    "use",
    [
        lambda X, y: RandomAttack().poison(MTRLRegressor(), X, y, task=TASK, threat=THREAT, random_state=0),
        lambda X, y: hypergradient(
            MTRLRegressor(), features(), Y, task=TASK, X_poison=X, y_poison=y, task_poison=TASK, targets=["a"]
        ),
        lambda X, y: GreyBox(X=X, y=y, task=TASK),
        lambda X, y: from_task_arrays({"a": (X, y), "b": (X, y)}),
        lambda X, y: from_target_matrix(X, np.ma.stack([y, y], axis=1)),
        lambda X, y: TaskColumn(MTRLRegressor(), column=1).fit(X, y),
    ],
    ids=["attack", "hypergradient", "GreyBox", "from_task_arrays", "from_target_matrix", "TaskColumn"],
)
@pytest.mark.parametrize("part", ["X", "y"])
def test_masks_elsewhere(use, part):
    X, y = (masked(features(), 3), Y) if part == "X" else (features(), masked(Y, 3))
    with pytest.raises(ValueError, match="masked value"):
        use(X, y)


@pytest.mark.parametrize("metric", [nmse, auc])
def test_metrics_of_hidden_values(metric):
    for pair in ((masked(Y > 5, 1), Y), (Y > 5, masked(Y, 1))):
        with pytest.raises(ValueError, match="hides values under a mask"):
            metric(*pair)


@LEARNER
class TestColumns:
    @pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
    @pytest.mark.parametrize(
        ("values", "sentence"),
        [
            (["1.5"] * 7 + ["red"] * 5, r"X holds 'red' in row 7, column 'colour', which is not a number; encode"),
            (pd.to_datetime(["2020-01-01"] * N), r"X holds dates or times in column 'colour'; turn them into numbers"),
            (pd.to_timedelta([1] * N), r"X holds dates or times in column 'colour'"),
        ],
        ids=["text", "dates", "lengths of time"],
    )
    def test_named(self, learner, frame, values, sentence):
        values = (
            values
            if isinstance(values, list)
            else pd.Series(values).dt.to_pydatetime().tolist()
            if values.dtype.kind == "M"
            else values.to_pytimedelta().tolist()
        )
        with pytest.raises(ValueError, match=sentence):
            learner.fit(frame({"size": Y, "colour": values}), Y, task=TASK)

    def test_numbered(self, learner):
        table = features().astype(object)
        table[4, 1] = "red"
        for given in (table, table.tolist()):
            with pytest.raises(ValueError, match=r"X holds 'red' in row 4, column 1, which is not a number"):
                learner.fit(given, Y, task=TASK)

    def test_at_predict(self, learner):
        model = learner.fit(pd.DataFrame(features(), columns=["size", "age"]), Y, task=TASK)
        table = pd.DataFrame({"size": Y, "age": ["old"] * N})
        with pytest.raises(ValueError, match="X holds 'old' in row 0, column 'age'"):
            model.predict(table, task=TASK)

    def test_dates_alone_are_no_numbers_either(self, learner):
        days = np.full((N, 1), np.datetime64("2020-01-01"))
        with pytest.raises(ValueError, match="X holds dates or times in column 0"):
            learner.fit(days, Y, task=TASK)

    def test_nor_as_targets(self, learner):
        with pytest.raises(ValueError, match="y must hold numbers"):
            learner.fit(features(), np.arange(N).astype("datetime64[D]"), task=TASK)


def test_numbers_written_as_text_are_numbers():
    frame = pd.DataFrame({"a": Y.astype(str)})
    np.testing.assert_array_equal(
        MTRLRegressor().fit(frame, Y, task=TASK).coef_,
        MTRLRegressor().fit(pd.DataFrame({"a": Y}), Y, task=TASK).coef_,
    )


def test_a_long_text_is_cut_short():
    with pytest.raises(ValueError, match=r"X holds 'x{36}\.\.\. in row 0") as error:
        MTRLRegressor().fit([["x" * 1000]], [1.0])
    assert len(str(error.value)) < 150


@pytest.mark.parametrize("given", [[2**53, 2**53 + 1, 5.0] * 4, ["1", 1, "0"] * 4])
def test_classes_that_one_type_cannot_hold_are_not_merged(given):
    with pytest.raises(ValueError):  # noqa: PT011  (scikit-learn's own words)
        MTRLClassifier().fit(features(), given, task=TASK)
