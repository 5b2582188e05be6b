"""A task never seen: refused, or predicted by the mean of the tasks' models."""

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, cross_val_score

from patom import MTRLClassifier, MTRLRegressor
from patom.defenses import Coupled, PartitionMedian, Reweighted, Sanitised, Shrunken, Sphere, TrustedMTRL, TrustedRows
from patom.models import LambdaSearch, TaskColumn

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 3))
TASK = np.repeat(["a", "b", "c"], [10, 20, 30])
Y = X[:, 0] + 0.1 * RNG.standard_normal(60)


def test_the_mean_of_the_models():
    model = MTRLRegressor(unseen="mean").fit(X, Y, task=TASK)
    new = model.predict(X, task=["new"] * 60)
    np.testing.assert_allclose(new, X @ model.coef_.mean(axis=0) + model.intercept_.mean(), atol=1e-12)


def test_known_tasks_predict_as_ever():
    plain = MTRLRegressor().fit(X, Y, task=TASK).predict(X, task=TASK)
    given = TASK.copy()
    given[::7] = "z"
    mixed = MTRLRegressor(unseen="mean").fit(X, Y, task=TASK).predict(X, task=given)
    np.testing.assert_array_equal(mixed[given == TASK], plain[given == TASK])
    assert (mixed[::7] != plain[::7]).all()


def test_margins_and_probabilities():
    model = MTRLClassifier(unseen="mean", loss="logistic").fit(X, Y > 0, task=TASK)
    z = model.decision_function(X, task=[3] * 60)
    np.testing.assert_allclose(z, X @ model.coef_.mean(axis=0) + model.intercept_.mean(), atol=1e-12)
    np.testing.assert_allclose(model.predict_proba(X, task=[3] * 60)[:, 1], 1.0 / (1.0 + np.exp(-z)))


def test_by_default_it_is_refused():
    for model in (MTRLRegressor().fit(X, Y, task=TASK), LambdaSearch(MTRLRegressor()).fit(X, Y, task=TASK)):
        with pytest.raises(ValueError, match="task names the task 'new', which the training data do not hold"):
            model.predict(X[:1], task=["new"])


def test_tasks_must_still_be_named():
    with pytest.raises(ValueError, match="task must name each row's task"):
        MTRLRegressor(unseen="mean").fit(X, Y, task=TASK).predict(X)


@pytest.mark.parametrize("value", ["ignore", None, True])
def test_other_answers_are_refused(value):
    with pytest.raises(ValueError, match="unseen of MTRLRegressor must be one of 'error', 'mean'; got"):
        MTRLRegressor(unseen=value).fit(X, Y, task=TASK)


def test_cross_validation_over_tasks():
    table = np.column_stack([TASK.astype(object), X.astype(object)])
    folds = GroupKFold(3)
    scores = cross_val_score(TaskColumn(MTRLRegressor(1e-3, 1e-3, unseen="mean")), table, Y, groups=TASK, cv=folds)
    assert scores.min() > 0.9


@pytest.mark.parametrize(
    ("fitted", "asked", "words"),
    [
        (np.repeat([0, 1, 2], 20), "0", r"'0' \(str\), and the training data hold 0 \(int\)"),
        (np.repeat(["0", "1", "2"], 20), 0, r"0 \(int\), and the training data hold '0' \(str\)"),
        (np.repeat(["0", "1", "2"], 20), 2.0, r"2.0 \(float\), and the training data hold '2' \(str\)"),
        (np.repeat([0.0, 1.0, 2.5], 20), "1", r"'1' \(str\), and the training data hold 1.0 \(float\)"),
        (np.repeat(["a", "b", "c"], 20), b"b", r"b'b' \(bytes\), and the training data hold 'b' \(str\)"),
        (
            np.repeat(["2020-01-01", "2020-01-02"], 30).astype("datetime64[D]"),
            "2020-01-02",
            r"'2020-01-02' \(str\), and the training data hold 2020-01-02 \(datetime64\)",
        ),
    ],
)
@pytest.mark.parametrize(
    "estimator",
    [
        MTRLRegressor(unseen="mean"),
        LambdaSearch(MTRLRegressor(unseen="mean"), (0.1,)),
        PartitionMedian(MTRLRegressor(unseen="mean"), 3),
    ],
    ids=["MTRL", "search", "parts"],
)
def test_a_label_of_another_type_is_not_a_new_task(estimator, fitted, asked, words):
    model = estimator.fit(X, Y, task=fitted)
    with pytest.raises(ValueError, match=rf"^task names the task {words}; give both the same type\.$"):
        model.predict(X[:2], task=["new", asked])


OBEDIENT = {
    "search": LambdaSearch(MTRLRegressor(unseen="mean"), (0.1,)),
    "trusted": TrustedMTRL(MTRLRegressor(unseen="mean"), trusted="a"),
    "trusted rows": TrustedRows(MTRLRegressor(unseen="mean"), X[:9], Y[:9], TASK[:9]),
    "coupled": Coupled(MTRLRegressor(unseen="mean"), Shrunken()),
    "filtered": Sanitised(MTRLRegressor(unseen="mean"), Sphere(0.1)),
    "reweighted": Reweighted(MTRLRegressor(unseen="mean")),
    "parts": PartitionMedian(MTRLRegressor(unseen="mean"), 3),
    "parts of filtered rows": PartitionMedian(Sanitised(MTRLRegressor(unseen="mean"), Sphere(0.1)), 3),
}


@pytest.mark.parametrize("kind", OBEDIENT)
def test_estimators_around_it_obey(kind):
    predicted = OBEDIENT[kind].fit(X, Y, task=TASK).predict(X, task=["new"] * 60)
    assert np.corrcoef(predicted, Y)[0, 1] > 0.9


def test_every_part_votes_on_a_new_task():
    model = PartitionMedian(MTRLRegressor(unseen="mean"), 3).fit(X, Y, task=TASK)
    given = np.where(np.arange(60) % 2, TASK, "new")
    votes = model.votes(X, task=given)
    expected = [part.predict(X, task=["new"] * 60) for part in model.estimators_]
    np.testing.assert_array_equal(votes[:, ::2], np.array(expected)[:, ::2])
    np.testing.assert_array_equal(votes[:, 1::2], model.votes(X, task=TASK)[:, 1::2])
    with pytest.raises(ValueError, match="task names the task 'new', which the training data do not hold"):
        PartitionMedian(MTRLRegressor(), 3).fit(X, Y, task=TASK).predict(X, task=given)
