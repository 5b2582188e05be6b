"""A task never seen: refused, or predicted by the mean of the tasks' models."""

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, cross_val_score

from patom import MTRLClassifier, MTRLRegressor
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
