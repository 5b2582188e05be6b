"""``predict_proba`` of the logistic loss, for log loss and calibration."""

import pickle

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score

from patom import MTRLClassifier, MTRLRegressor
from patom.defenses import Sanitised, Sphere
from patom.models import LambdaSearch, TaskColumn

RNG = np.random.default_rng(1)
X = RNG.standard_normal((120, 2))
TASK = np.repeat(["a", "b"], 60)
Y = np.where(RNG.uniform(size=120) < 1.0 / (1.0 + np.exp(-2.0 * X[:, 0])), "yes", "no")
TABLE = np.column_stack([TASK.astype(object), X.astype(object)])
LOGISTIC = MTRLClassifier(1e-3, 1e-3, loss="logistic")


def test_they_are_those_that_the_loss_fits():
    """With nothing but a bias to learn and next to no penalty, the probability is the share of the class."""
    model = MTRLClassifier(1e-9, 0.0, loss="logistic").fit(np.zeros((120, 1)), Y)
    share = np.mean(Y == "yes")
    np.testing.assert_allclose(model.predict_proba([[0.0]]), [[1.0 - share, share]], atol=1e-6)


def test_they_minimise_the_penalised_log_loss():
    model = MTRLClassifier(0.01, 0.0, loss="logistic").fit(X, Y)
    A = np.column_stack([X, np.ones(120)])

    def objective(w):
        p = 1.0 / (1.0 + np.exp(-A @ w))
        return log_loss(Y, np.column_stack([1.0 - p, p])) + 0.005 * w @ w

    w = minimize(objective, np.zeros(3), tol=1e-12).x
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], 1.0 / (1.0 + np.exp(-A @ w)), atol=1e-4)


def test_rows_add_up_and_agree_with_the_classes():
    model = LOGISTIC.fit(X, Y, task=TASK)
    p = model.predict_proba(1e3 * X, task=TASK)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert (p >= 0.0).all()
    np.testing.assert_array_equal(model.classes_[p.argmax(axis=1)], model.predict(1e3 * X, task=TASK))


@pytest.mark.parametrize("loss", ["squared_hinge", "unclipped_hinge"])
def test_other_losses_have_none(loss):
    model = MTRLClassifier(loss=loss)
    assert not hasattr(model, "predict_proba")
    assert not hasattr(TaskColumn(model), "predict_proba")
    with pytest.raises(AttributeError, match="predict_proba"):
        model.fit(X, Y, task=TASK).predict_proba(X, task=TASK)
    assert not hasattr(MTRLRegressor(), "predict_proba")


def test_log_loss_and_calibration_through_a_task_column():
    model = TaskColumn(MTRLClassifier(1e-3, 1e-3, loss="logistic"))
    scores = cross_val_score(model, TABLE, Y, scoring="neg_log_loss", cv=3)
    assert (-scores < np.log(2.0)).all()
    calibrated = CalibratedClassifierCV(model, cv=3).fit(TABLE, Y)
    assert log_loss(Y, calibrated.predict_proba(TABLE)) < np.log(2.0)


def test_behind_a_filter_and_in_a_search():
    for model in (Sanitised(LOGISTIC, Sphere(0.05)), LambdaSearch(LOGISTIC, lambdas=(1e-3,))):
        p = model.fit(X, Y, task=TASK).predict_proba(X, task=TASK)
        assert p.shape == (120, 2)
    assert not hasattr(LambdaSearch(MTRLClassifier()), "predict_proba")


def test_they_are_of_the_loss_that_was_fitted():
    hinge = MTRLClassifier().fit(X, Y, task=TASK).set_params(loss="logistic")
    with pytest.raises(AttributeError) as caught:
        hinge.predict_proba(X, task=TASK)
    assert "this one has loss='squared_hinge'; fit it again." in str(caught.value.__cause__)
    assert hinge.fit(X, Y, task=TASK).predict_proba(X, task=TASK).shape == (120, 2)
    search = LambdaSearch(MTRLClassifier(), lambdas=(1e-3,)).fit(X, Y, task=TASK).set_params(estimator__loss="logistic")
    behind = Sanitised(MTRLClassifier(), Sphere(0.05)).fit(X, Y, task=TASK).set_params(estimator__loss="logistic")
    column = TaskColumn(MTRLClassifier()).fit(TABLE, Y).set_params(estimator__loss="logistic")
    column.estimator_.set_params(loss="logistic")
    assert not any(hasattr(model, "predict_proba") for model in (search, behind, column))


def test_and_stay_where_the_setting_changes_later():
    model = clone(LOGISTIC).fit(X, Y, task=TASK)
    before = model.predict_proba(X, task=TASK)
    np.testing.assert_array_equal(model.set_params(loss="squared_hinge").predict_proba(X, task=TASK), before)
    search = LambdaSearch(clone(LOGISTIC), lambdas=(1e-3,)).fit(X, Y, task=TASK)
    before = search.predict_proba(X, task=TASK)
    search.set_params(estimator__loss="squared_hinge")
    np.testing.assert_array_equal(search.predict_proba(X, task=TASK), before)


def test_models_stored_without_the_fitted_loss_predict():
    model = clone(LOGISTIC).fit(X, Y, task=TASK)
    before = model.predict_proba(X, task=TASK)
    del model._fitted_loss
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X, task=TASK), before)
