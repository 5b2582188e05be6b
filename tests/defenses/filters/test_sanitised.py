"""An estimator behind a filter is the estimator on the rows kept."""

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge

from patom import MTRLClassifier, MTRLRegressor, RandomAttack, ThreatModel
from patom.defenses import Chain, Leverage, Sanitised, Sphere, Trim


@pytest.fixture(name="data", params=["quantity", "classes"])
def fixture_data(request):
    rng = np.random.default_rng(4)
    task = np.array(["north", "south"])[rng.integers(0, 2, 60)]
    X = rng.standard_normal((60, 3))
    y = X @ [1.0, 2.0, -1.0]
    return X, (y if request.param == "quantity" else np.where(y > 0.0, "up", "down")), task


def learner(y):
    return MTRLRegressor(0.01, 0.01) if y.dtype.kind == "f" else MTRLClassifier(0.01, 0.01)


def test_it_is_the_estimator_on_the_rows_kept(data):
    X, y, task = data
    filter_ = Chain([Sphere(fraction=0.1), Leverage(fraction=0.1)])
    model = Sanitised(learner(y), filter_).fit(X, y, task=task)
    kept = filter_.keep(X, y, task).kept
    expected = learner(y).fit(X[kept], y[kept], task=task[kept])
    np.testing.assert_array_equal(model.kept_.kept, kept)
    np.testing.assert_array_equal(model.predict(X, task=task), expected.predict(X, task=task))
    assert model.score(X, y, task=task) == expected.score(X, y, task=task)
    np.testing.assert_array_equal(model.coef_, expected.coef_)
    assert model.tasks_.tolist() == ["north", "south"]
    assert is_regressor(model) == (y.dtype.kind == "f")
    assert is_classifier(model) == (y.dtype.kind != "f")
    assert hasattr(model, "decision_function") == (y.dtype.kind != "f")


def test_scikit_learns_estimators_take_all_tasks_as_one(data):
    X, y, task = data
    inner = Ridge() if y.dtype.kind == "f" else LogisticRegression()
    model = Sanitised(inner, Sphere(fraction=0.2)).fit(X, y, task=task)
    kept = Sphere(fraction=0.2).keep(X, y, task).kept
    expected = clone(inner).fit(X[kept], y[kept])
    np.testing.assert_array_equal(model.predict(X, task=task), expected.predict(X))
    assert hasattr(model, "predict_proba") == (y.dtype.kind != "f")


def test_a_filter_that_drops_nothing_is_no_filter(data):
    X, y, task = data
    model = Sanitised(learner(y), Sphere(fraction=0.0)).fit(X, y, task=task)
    np.testing.assert_array_equal(model.coef_, learner(y).fit(X, y, task=task).coef_)


def test_attacks_are_replayed_against_it(data):
    X, y, task = data
    result = RandomAttack().poison(
        learner(y), X, y, task=task, threat=ThreatModel(["north"], ["north"], 0.3), random_state=0
    )
    model = result.refit(Sanitised(learner(y), Trim(learner(y), fraction=0.2)), X, y, task=task)
    assert model.kept_.kept.size == y.size + result.y.size


def test_data_frames_keep_their_names(data):
    pd = pytest.importorskip("pandas")
    X, y, task = data
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = Sanitised(learner(y), Sphere()).fit(frame, y, task=pd.Series(task))
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]


def test_before_the_fit_there_is_nothing(data):
    model = Sanitised(learner(data[1]), Sphere())
    with pytest.raises(NotFittedError):
        model.predict(data[0], task=data[2])
    with pytest.raises(AttributeError, match="Sanitised has no attribute 'coef_'"):
        _ = model.coef_
    assert clone(model).sanitiser.fraction == 0.05


def test_what_is_no_filter_is_refused(data):
    X, y, task = data
    with pytest.raises(ValueError, match=r"^sanitiser of Sanitised must be a filter, such as Sphere\(\); got 3\.$"):
        Sanitised(learner(y), 3).fit(X, y, task=task)


def test_what_was_fitted_answers_whatever_is_set_later():
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((40, 2)), np.repeat(["a", "b"], 20)
    y = X[:, 0] * np.where(task == "a", 1.0, -1.0)
    model = Sanitised(MTRLRegressor(), Sphere(0.1)).fit(X, y, task=task)
    expected = model.predict(X, task=task), model.score(X, y, task=task)
    model.set_params(estimator=Ridge())
    np.testing.assert_array_equal(model.predict(X, task=task), expected[0])
    assert model.score(X, y, task=task) == expected[1]
