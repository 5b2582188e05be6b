"""``score`` reads targets, classes and weights as ``fit`` does, in every estimator that has one."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, r2_score

from patom import MTRLClassifier, MTRLRegressor
from patom.defenses import ARMULRegressor, Coupled, PartitionMedian, Reweighted, Sanitised, Shrunken, Sphere
from patom.models import LambdaSearch, TaskColumn
from patom.models.scoring import accuracy
from patom.models.settings import known_classes

RNG = np.random.default_rng(0)
N = 60
X = RNG.standard_normal((N, 2))
TASK = np.repeat([0.0, 1.0], N // 2)
TABLE = np.column_stack([TASK, X])
Y = X[:, 0] + 0.1 * RNG.standard_normal(N)
WEIGHT = RNG.integers(1, 4, N).astype(float)
HIDDEN = np.arange(N) == 3
REGRESSORS = {
    "MTRL": MTRLRegressor(),
    "learner": ARMULRegressor(),
    "search": LambdaSearch(MTRLRegressor(), (0.1,)),
    "reweighted": Reweighted(),
    "filtered": Sanitised(MTRLRegressor(), Sphere(0.1)),
    "coupled": Coupled(MTRLRegressor(), Shrunken()),
    "parts": PartitionMedian(MTRLRegressor(), 3),
    "column": TaskColumn(MTRLRegressor()),
}
CLASSIFIERS = {
    "MTRL": MTRLClassifier(),
    "search": LambdaSearch(MTRLClassifier(), (0.1,)),
    "filtered": Sanitised(MTRLClassifier(), Sphere(0.1)),
    "parts": PartitionMedian(MTRLClassifier(), 3),
    "column": TaskColumn(MTRLClassifier()),
}
WEIGHED = {"MTRL", "learner", "search", "column"}


def fitted(kind, estimator, y):
    return estimator.fit(TABLE, y) if kind == "column" else estimator.fit(X, y, task=TASK)


def scored(kind, model, y, **weights):
    return model.score(TABLE, y, **weights) if kind == "column" else model.score(X, y, task=TASK, **weights)


def predicted(kind, model):
    return model.predict(TABLE) if kind == "column" else model.predict(X, task=TASK)


@pytest.mark.parametrize("kind", REGRESSORS)
class TestRegressors:
    @pytest.fixture
    def model(self, kind):
        return fitted(kind, REGRESSORS[kind], Y)

    def test_a_mask_is_no_number(self, kind, model):
        with pytest.raises(ValueError, match="y holds a masked value in row 3"):
            scored(kind, model, np.ma.array(Y, mask=HIDDEN))

    @pytest.mark.parametrize(
        "y",
        [
            (1e9 * Y).astype("datetime64[ns]"),
            (1e9 * Y).astype("timedelta64[ns]"),
            np.array([np.timedelta64(1, "s"), *Y[1:]], dtype=object),
            np.array(["text"] * N),
        ],
        ids=["dates", "lengths of time", "lengths of time as objects", "text"],
    )
    def test_nor_are_dates_and_text(self, kind, model, y):
        with pytest.raises(ValueError, match="y must hold numbers for"):
            scored(kind, model, y)

    def test_nor_is_nan(self, kind, model):
        with pytest.raises(ValueError, match="y holds NaN in row 3"):
            scored(kind, model, np.where(HIDDEN, np.nan, Y))

    def test_it_is_r2(self, kind, model):
        assert scored(kind, model, Y) == r2_score(Y, predicted(kind, model))
        if kind in WEIGHED:
            expected = r2_score(Y, predicted(kind, model), sample_weight=WEIGHT)
            assert scored(kind, model, Y, sample_weight=WEIGHT) == pytest.approx(expected)


@pytest.mark.parametrize("kind", CLASSIFIERS)
class TestClassifiers:
    def test_a_mask_is_no_class(self, kind):
        model = fitted(kind, CLASSIFIERS[kind], Y > 0)
        with pytest.raises(ValueError, match="y holds a masked value in row 3"):
            scored(kind, model, np.ma.array(Y > 0, mask=HIDDEN))

    @pytest.mark.parametrize("gap", [None, np.nan])
    def test_nor_is_a_gap(self, kind, gap):
        labels = np.where(Y > 0, "yes", "no").astype(object)
        model = fitted(kind, CLASSIFIERS[kind], labels)
        labels = labels.copy()
        labels[3] = gap
        with pytest.raises(ValueError, match="y holds a missing label in row 3"):
            scored(kind, model, labels)

    def test_any_two_classes_are_compared_as_they_are(self, kind):
        both = {
            "numbers": (0, 1), "truth": (False, True), "text": ("no", "yes"),
            "dates": (np.datetime64("2020-01-01"), np.datetime64("2020-01-02")), "large": (2**53, 2**53 + 1),
        }  # fmt: skip
        for first, second in both.values():
            labels = np.array([second if value > 0 else first for value in Y])
            model = fitted(kind, CLASSIFIERS[kind], labels)
            right = np.mean(predicted(kind, model) == labels)
            assert 0.8 < scored(kind, model, labels) == pytest.approx(right)

    def test_a_class_never_seen_is_wrong(self, kind):
        labels = np.where(Y > 0, "yes", "no").astype("<U5")
        model = fitted(kind, CLASSIFIERS[kind], labels)
        wrong = predicted(kind, model) != labels
        labels[:6], wrong[:6] = "maybe", True
        assert scored(kind, model, labels) == pytest.approx(1.0 - wrong.mean())

    def test_one_that_only_looks_like_a_class_is_refused(self, kind):
        model = fitted(kind, CLASSIFIERS[kind], (Y > 0).astype(int))
        with pytest.raises(
            ValueError, match=r"y names the class '[01]' \(str\), and the training data hold [01] \(int\)"
        ):
            scored(kind, model, (Y > 0).astype(int).astype(str))

    def test_it_is_accuracy(self, kind):
        model = fitted(kind, CLASSIFIERS[kind], Y > 0)
        assert scored(kind, model, Y > 0) == accuracy_score(Y > 0, predicted(kind, model))
        if kind in WEIGHED:
            expected = accuracy_score(Y > 0, predicted(kind, model), sample_weight=WEIGHT)
            assert scored(kind, model, Y > 0, sample_weight=WEIGHT) == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["MTRL", "search", "column"])
@pytest.mark.parametrize("models", [REGRESSORS, CLASSIFIERS], ids=["regressors", "classifiers"])
class TestWeights:
    @pytest.mark.parametrize(
        ("weight", "sentence"),
        [
            (-WEIGHT, "sample_weight must be at least 0"),
            (np.ma.array(WEIGHT, mask=HIDDEN), "sample_weight holds a masked value in row 3"),
            (np.where(HIDDEN, np.nan, 1.0), "sample_weight holds NaN in row 3"),
            (WEIGHT * 1j, "sample_weight must hold numbers"),
            (WEIGHT[1:], "sample_weight must be one-dimensional"),
        ],
        ids=["negative", "masked", "NaN", "complex", "too few"],
    )
    def test_what_fit_refuses(self, kind, models, weight, sentence):
        y = Y if models is REGRESSORS else Y > 0
        model = fitted(kind, models[kind], y)
        with pytest.raises(ValueError, match=sentence):
            scored(kind, model, y, sample_weight=weight)

    def test_any_size(self, kind, models):
        y = Y if models is REGRESSORS else Y > 0
        model = fitted(kind, models[kind], y)
        usual = scored(kind, model, y, sample_weight=WEIGHT)
        assert scored(kind, model, y, sample_weight=1e307 * WEIGHT) == pytest.approx(usual)


def test_classes_that_numpy_merges_are_two():
    labels = ["a", "a\0"] * 30
    model = MTRLClassifier().fit(X, labels)
    right = [one == other for one, other in zip(model.predict(X).tolist(), labels, strict=True)]
    assert model.score(X, labels) == pytest.approx(np.mean(right))


def test_dates_as_classes_in_another_unit():
    days = np.where(Y > 0, "2020-01-02", "2020-01-01").astype("datetime64[D]")
    model = MTRLClassifier().fit(X, days)
    assert model.score(X, days.astype("datetime64[ns]")) == model.score(X, days) > 0.8


def test_classes_of_bytes():
    classes = np.array([b"a", b"b"])
    assert accuracy([b"a", b"b", b"b"], classes[[0, 1, 0]], classes) == pytest.approx(2.0 / 3.0)


@pytest.mark.parametrize(("classes", "y"), [(["0", "1"], [1, 0]), ([0, 1], ["1", "0"])])
def test_known_classes_keep_their_types(classes, y):
    with pytest.raises(ValueError, match=r"y holds the label .* in row 0; the classes are"):
        known_classes(np.array(y), np.array(classes))
