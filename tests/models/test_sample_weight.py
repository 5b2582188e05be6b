"""``sample_weight``: a row's share of its task's loss, the same as the row so many times."""

import re

import numpy as np
import pytest
import sklearn
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from patom import MTRLClassifier, MTRLRegressor
from patom.core.covariances import mean_regularised_covariance
from patom.core.solvers import choose
from patom.defenses import (
    ARMULRegressor,
    Coupled,
    PartitionMedian,
    Reweighted,
    Sanitised,
    Shrunken,
    Sphere,
    TrustedMTRL,
)
from patom.metrics import nmse
from patom.models import LambdaSearch, TaskColumn
from patom.models.lambda_search import folds

TIMES = np.array([1, 2, 0, 3, 1, 5, 1, 0, 2, 1, 1, 4] * 4)
MODELS = {
    "squared_error": MTRLRegressor(0.01, 0.02),
    "huber": MTRLRegressor(0.01, 0.02, loss="huber", huber_delta=0.3),
    "squared_hinge": MTRLClassifier(0.01, 0.02),
    "logistic": MTRLClassifier(0.01, 0.02, loss="logistic"),
    "unclipped_hinge": MTRLClassifier(0.01, 0.02, loss="unclipped_hinge"),
    "given Omega": MTRLRegressor(0.01, 0.02, task_covariance=mean_regularised_covariance(3)),
    "ridge": MTRLRegressor(0.1, 0.0),
}
MODEL = pytest.mark.parametrize("kind", MODELS)


@pytest.fixture(params=[2, 30], ids=["few columns", "more columns than rows"])
def data(request):
    """48 rows of three tasks of different sizes; y in two signs, and not only."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((48, request.param)) / request.param**0.5
    y = X[:, 0] + 0.3 * rng.standard_normal(48)
    return X, y, np.repeat(["a", "b", "c"], [10, 14, 24])[rng.permutation(48)]


def targets(kind, y):
    return np.sign(y) if isinstance(MODELS[kind], MTRLClassifier) else y


def same(one, other, atol=1e-7):
    np.testing.assert_array_equal(one.tasks_, other.tasks_)
    np.testing.assert_allclose(one.coef_, other.coef_, atol=atol)
    np.testing.assert_allclose(one.intercept_, other.intercept_, atol=atol)
    assert one.objective_ == pytest.approx(other.objective_, abs=1e-8)


@MODEL
@pytest.mark.parametrize("borrowed", [False, True])
def test_whole_weights_are_repeated_rows(kind, borrowed, data, monkeypatch):
    X, y, task = data[0], targets(kind, data[1]), data[2]
    rows = np.repeat(np.arange(48), TIMES)
    again = MODELS[kind].fit(X[rows], y[rows], task=task[rows])
    repeated = again.coef_.copy(), again.objective_
    if borrowed:
        monkeypatch.setattr(choose, "COPIED_NUMBERS", 1)
    model = MODELS[kind].fit(X, y, task=task, sample_weight=TIMES)
    np.testing.assert_allclose(model.coef_, repeated[0], atol=1e-7)
    assert model.objective_ == pytest.approx(repeated[1], abs=1e-8)
    assert model.duality_gap_ <= 1e-8


def test_the_textbooks_alternation_too(data):
    X, y, task = data
    rows = np.repeat(np.arange(48), TIMES)
    model = MTRLRegressor(0.1, 0.1, solver="alternating", tol=1e-2)
    repeated = model.fit(X[rows], y[rows], task=task[rows]).coef_.copy()
    np.testing.assert_allclose(model.fit(X, y, task=task, sample_weight=TIMES).coef_, repeated, atol=1e-9)


@MODEL
def test_weights_count_within_a_task_only(kind, data):
    X, y, task = data[0], targets(kind, data[1]), data[2]
    weight = 1.0 + np.arange(48.0)
    first = MODELS[kind].fit(X, y, task=task, sample_weight=weight).coef_.copy()
    scaled = weight * np.select([task == "a", task == "b"], [1e-200, 3.0], 1e150)
    np.testing.assert_allclose(MODELS[kind].fit(X, y, task=task, sample_weight=scaled).coef_, first, atol=1e-9)


@pytest.mark.in_pairs
@MODEL
@pytest.mark.parametrize("weight", [np.ones(48), 7, [0.1] * 48, np.full(48, 1e300)])
def test_equal_weights_are_no_weights(kind, weight, data):
    X, y, task = data[0], targets(kind, data[1]), data[2]
    plain = MODELS[kind].fit(X, y, task=task).coef_.copy()
    np.testing.assert_array_equal(MODELS[kind].fit(X, y, task=task, sample_weight=weight).coef_, plain)


def test_a_task_or_class_without_weight_is_not_there(data):
    X, y, task = data
    model = MTRLRegressor().fit(X, y, task=task, sample_weight=(task != "b").astype(int))
    assert model.tasks_.tolist() == ["a", "c"]
    three = np.where(np.arange(48) < 4, "maybe", np.where(y > 0, "yes", "no"))
    model = MTRLClassifier().fit(X, three, task=task, sample_weight=three != "maybe")
    assert model.classes_.tolist() == ["no", "yes"]


def test_very_many_tasks(monkeypatch):
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((240, 2)), np.repeat(np.arange(60), 4)
    y = rng.standard_normal(240)
    times = rng.integers(1, 4, 240)
    rows = np.repeat(np.arange(240), times)
    again = MTRLRegressor().fit(X[rows], y[rows], task=task[rows])
    monkeypatch.setattr(choose, "SHARDED_MOMENTS", 1)
    same(MTRLRegressor().fit(X, y, task=task, sample_weight=times), again)


def test_rows_kept_in_single_precision(data):
    X, y, task = data
    single = MTRLRegressor(0.01, 0.02, row_dtype="float32").fit(X, y, task=task, sample_weight=TIMES)
    same(single, MTRLRegressor(0.01, 0.02).fit(X, y, task=task, sample_weight=TIMES), atol=1e-5)


@pytest.mark.parametrize(
    ("weight", "sentence"),
    [
        (
            np.ones(47),
            "sample_weight must be one-dimensional, with one weight for each of the 48 rows of X; got shape (47,)",
        ),
        (np.ones((48, 1)), "one-dimensional"),
        (-np.eye(48)[3], "sample_weight must be at least 0; got -1 in row 3."),
        (np.where(np.arange(48) == 5, np.nan, 1.0), "sample_weight holds NaN in row 5"),
        (np.zeros(48), "sample_weight is zero for every row"),
        (["a"] * 48, "sample_weight must hold numbers"),
        (np.ones(48) + 1j, "sample_weight must hold numbers"),
        (np.ones(48, dtype="timedelta64[s]"), "sample_weight must hold numbers"),
        (np.array([np.timedelta64(1, "s")] * 47 + [1], dtype=object), "sample_weight must hold numbers"),
        (np.array([np.complex64(1)] * 47 + [1], dtype=object), "sample_weight must hold numbers"),
        ([10**400] * 48, "sample_weight must hold numbers"),
        (np.ma.masked_array(np.ones(48), mask=np.arange(48) == 2), "sample_weight holds a masked value in row 2"),
    ],
)
def test_weights_that_are_none(weight, sentence, data):
    X, y, task = data
    with pytest.raises(ValueError, match=re.escape(sentence)):
        MTRLRegressor().fit(X, y, task=task, sample_weight=weight)


def test_scores_take_weights(data):
    X, y, task = data
    for model, labels in ((MTRLRegressor(), y), (MTRLClassifier(), np.sign(y))):
        model.fit(X, labels, task=task)
        rows = np.repeat(np.arange(48), TIMES)
        expected = model.score(X[rows], labels[rows], task=task[rows])
        assert model.score(X, labels, task=task, sample_weight=TIMES) == pytest.approx(expected)


def table(X, task):
    return np.column_stack([task.astype(object), X.astype(object)])


def test_through_a_task_column(data):
    X, y, task = data
    direct = MTRLRegressor().fit(X, y, task=task, sample_weight=TIMES)
    model = TaskColumn(MTRLRegressor()).fit(table(X, task), y, sample_weight=TIMES)
    np.testing.assert_array_equal(model.estimator_.coef_, direct.coef_)


def test_a_scaler_before_it_stays_unweighted(data):
    X, y, task = data
    model = TaskColumn(make_pipeline(StandardScaler(), MTRLRegressor())).fit(table(X, task), y, sample_weight=TIMES)
    direct = MTRLRegressor().fit(StandardScaler().fit_transform(X), y, task=task, sample_weight=TIMES)
    np.testing.assert_allclose(model.estimator_[-1].coef_, direct.coef_, atol=1e-12)


def test_through_a_grid_search(data):
    X, y, task = data
    search = GridSearchCV(TaskColumn(MTRLRegressor()), {"estimator__lambda_1": [0.1]}, cv=2)
    search.fit(table(X, task), y, sample_weight=TIMES)
    direct = MTRLRegressor(0.1).fit(X, y, task=task, sample_weight=TIMES)
    np.testing.assert_array_equal(search.best_estimator_.estimator_.coef_, direct.coef_)


def test_a_search_chooses_and_fits_with_them(data):
    X, y, task = data
    search = LambdaSearch(MTRLRegressor(), (0.01, 0.1, 1.0)).fit(X, y, task=task, sample_weight=TIMES)
    refit = MTRLRegressor(search.lambda_1_, search.lambda_2_).fit(X, y, task=task, sample_weight=TIMES)
    np.testing.assert_array_equal(search.coef_, refit.coef_)
    there = TIMES > 0
    plain = LambdaSearch(MTRLRegressor(), (0.01, 0.1, 1.0)).fit(X[there], y[there], task=task[there])
    assert np.abs(search.scores_[:, 2] - plain.scores_[:, 2]).max() > 1e-3


def test_its_folds_fit_rows_by_their_weights(data):
    X, y, task = data
    weight = 1.0 + np.arange(48.0)
    order = np.argsort(task, kind="stable")
    X, y, task = X[order], y[order], task[order]
    search = LambdaSearch(MTRLRegressor(), (0.1, 0.2), n_folds=2, choice="best")
    search.fit(X, y, task=task, sample_weight=weight)
    index = np.unique(task, return_inverse=True)[1]
    fold = folds(index, None, 2, np.random.default_rng(0))
    scores = []
    for held in range(2):
        kept, out = fold != held, fold == held
        model = MTRLRegressor(0.1, 0.1).fit(X[kept], y[kept], task=task[kept], sample_weight=weight[kept])
        z = model.predict(X[out], task=task[out])
        scores.append(np.mean([nmse(y[out][index[out] == i], z[index[out] == i]) for i in range(3)]))
    found = {(a, b): score for a, b, score in search.scores_}
    assert found[0.1, 0.1] == pytest.approx(np.mean(scores), rel=1e-6)


@pytest.mark.parametrize("estimator", [MTRLRegressor(), MTRLClassifier()])
def test_equal_weights_are_none_in_a_search(estimator, data):
    X, y, task = data[0], targets("logistic" if isinstance(estimator, MTRLClassifier) else "huber", data[1]), data[2]
    plain = LambdaSearch(estimator, (0.01, 0.1, 1.0)).fit(X, y, task=task)
    for weight in (3.0, np.select([task == "a", task == "b"], [1e-200, 3.0], 1e150)):
        found = LambdaSearch(estimator, (0.01, 0.1, 1.0)).fit(X, y, task=task, sample_weight=weight)
        np.testing.assert_array_equal(found.scores_, plain.scores_)
        np.testing.assert_array_equal(found.coef_, plain.coef_)


@pytest.mark.filterwarnings("ignore:LambdaSearch chose:UserWarning")  # a grid of a few ends at an edge
def test_weights_of_any_size_in_a_search(data):
    X, y, task = data
    weight = np.where(np.arange(48) % 3 == 0, 1e200, 1e-200)
    assert np.isfinite(
        LambdaSearch(MTRLRegressor(), (0.1, 1.0)).fit(X, y, task=task, sample_weight=weight).scores_
    ).all()


@pytest.mark.filterwarnings("ignore:LambdaSearch chose:UserWarning")  # a grid of a few ends at an edge
def test_a_search_in_a_task_column(data):
    X, y, task = data
    direct = LambdaSearch(MTRLRegressor(), (0.1, 1.0)).fit(X, y, task=task, sample_weight=TIMES)
    model = TaskColumn(LambdaSearch(MTRLRegressor(), (0.1, 1.0))).fit(table(X, task), y, sample_weight=TIMES)
    np.testing.assert_array_equal(model.estimator_.coef_, direct.coef_)


def test_rows_of_no_weight_are_checked(data):
    X, y, task = data
    X = X.copy()
    X[2] = np.nan
    with pytest.raises(ValueError, match="X holds NaN in row 2"):
        MTRLRegressor().fit(X, y, task=task, sample_weight=TIMES)


class TestEstimatorsWithoutWeights:
    INNER = (
        Sanitised(MTRLRegressor(), Sphere(0.1)),
        Coupled(MTRLRegressor(), Shrunken()),
        TrustedMTRL(MTRLRegressor(), trusted="a"),
        PartitionMedian(MTRLRegressor(), 3),
        Reweighted(MTRLRegressor()),
        ARMULRegressor(),
    )

    @pytest.mark.parametrize("inner", INNER, ids=lambda inner: type(inner).__name__)
    @pytest.mark.parametrize("last", [False, True], ids=["alone", "last step"])
    def test_in_a_task_column(self, inner, last, data):
        X, y, task = data
        model = TaskColumn(make_pipeline(StandardScaler(), inner) if last else inner)
        name = type(inner).__name__
        sentence = rf"^TaskColumn: {name}\.fit takes no sample_weight, .* leave the weights out or wrap"
        with pytest.raises(TypeError, match=sentence):
            model.fit(table(X, task), y, sample_weight=TIMES)
        model.fit(table(X, task), y)

    def test_a_step_that_asks_for_them_does_not_hide_it(self, data):
        X, y, task = data
        with sklearn.config_context(enable_metadata_routing=True):
            scaler = StandardScaler().set_fit_request(sample_weight=True)
        model = TaskColumn(make_pipeline(scaler, Coupled(MTRLRegressor(), Shrunken())))
        with pytest.raises(TypeError, match=r"Coupled\.fit takes no sample_weight"):
            model.fit(table(X, task), y, sample_weight=TIMES)

    def test_a_last_step_may_decline_them(self, data):
        X, y, task = data
        with sklearn.config_context(enable_metadata_routing=True):
            scaler = StandardScaler().set_fit_request(sample_weight=True)
            last = MTRLRegressor().set_fit_request(sample_weight=False)
        model = TaskColumn(make_pipeline(scaler, last)).fit(table(X, task), y, sample_weight=TIMES)
        scaled = StandardScaler().fit(X, sample_weight=TIMES).transform(X)
        np.testing.assert_allclose(
            model.estimator_[-1].coef_, MTRLRegressor().fit(scaled, y, task=task).coef_, atol=1e-9
        )
