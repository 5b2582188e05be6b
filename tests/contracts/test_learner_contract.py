"""What every learner that holds out against other tasks promises."""

import pickle
import re

import numpy as np
import pytest
from scikit_checks import check_all
from sklearn.base import clone, is_classifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV

from patom import MTRLClassifier, MTRLRegressor, RandomAttack, TaskColumn, ThreatModel
from patom.defenses import (
    ARMULClassifier,
    ARMULRegressor,
    LossWeightedClassifier,
    LossWeightedRegressor,
    RMTFLClassifier,
    RMTFLRegressor,
    Sanitised,
    Sphere,
)

LEARNERS = {
    "rmtfl": RMTFLRegressor(),
    "rmtfl, classes": RMTFLClassifier(),
    "armul": ARMULRegressor(),
    "armul, classes": ARMULClassifier(),
    "armul, rank": ARMULRegressor(rank=1),
    "armul, rank, classes": ARMULClassifier(rank=1),
    "loss-weighted": LossWeightedRegressor(lambda_1=0.1),
    "loss-weighted, classes": LossWeightedClassifier(lambda_1=0.1),
    "loss-weighted, rounds": LossWeightedRegressor(rounds=20),
}
SLOW = ("loss-weighted", "loss-weighted, classes")


@pytest.mark.parametrize("estimator", [clone(learner) for name, learner in LEARNERS.items() if name not in SLOW])
def test_scikit_learns_own_checks(estimator):
    check_all(estimator)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Stopped at max_iter")  # plain gradient steps on features around 100
@pytest.mark.parametrize("estimator", [clone(LEARNERS[name]) for name in SLOW])
def test_scikit_learns_own_checks_stopped_early(estimator):
    check_all(estimator)


@pytest.fixture(params=LEARNERS.values(), ids=LEARNERS.keys())
def learner(request):
    return clone(request.param)


@pytest.fixture(name="data")
def fixture_data(learner):
    """X, y and text tasks of 20, 31 and 12 rows in no order."""
    rng = np.random.default_rng(5)
    task = rng.permutation(np.repeat(["a", "b", "c"], [20, 31, 12]))
    X = rng.standard_normal((task.size, 3))
    y = X @ [1.0, -1.0, 0.5] + (task == "b") + 0.3 * rng.standard_normal(task.size)
    return X, (np.where(y > 0.0, "yes", "no") if is_classifier(learner) else y), task


def decide(model, X, task):
    return getattr(model, "decision_function", model.predict)(X, task=task)


def refuses(sentence):
    return pytest.raises(ValueError, match=re.escape(sentence))


def test_one_linear_model_a_task(learner, data):
    X, y, task = data
    model = learner.fit(X, y, task=task)
    assert model.tasks_.tolist() == ["a", "b", "c"]
    assert (model.coef_.shape, model.intercept_.shape) == ((3, 3), (3,))
    index = np.searchsorted(model.tasks_, task)
    expected = (X * model.coef_[index]).sum(axis=1) + model.intercept_[index]
    np.testing.assert_allclose(decide(model, X, task), expected, atol=1e-12)
    if is_classifier(model):
        np.testing.assert_array_equal(model.predict(X, task=task), np.where(expected > 0.0, "yes", "no"))
        assert model.score(X, y, task=task) == accuracy_score(y, model.predict(X, task=task)) > 0.8
    else:
        assert model.score(X, y, task=task) == r2_score(y, model.predict(X, task=task)) > 0.5
    assert model.n_iter_ >= 1


def test_it_is_the_same_each_time_and_leaves_its_input_alone(learner, data):
    copies = [part.copy() for part in data]
    X, y, task = data
    first = clone(learner).fit(X, y, task=task)
    np.testing.assert_array_equal(clone(learner).fit(X, y, task=task).coef_, first.coef_)
    np.testing.assert_array_equal(first.fit(X[:, :2], y).fit(X, y, task=task).coef_, first.coef_)
    for part, copy in zip(data, copies, strict=True):
        np.testing.assert_array_equal(part, copy)
    restored = pickle.loads(pickle.dumps(first))
    np.testing.assert_array_equal(decide(restored, X, task), decide(first, X, task))
    assert restored.status_ is first.status_


def test_neither_the_order_of_rows_nor_the_names_of_tasks_matter(learner, data):
    X, y, task = data
    if is_classifier(learner):  # classes that can be parted have no optimum to compare: low-rank weights grow for ever
        y = np.where(np.arange(y.size) % 5 == 0, np.where(y == "yes", "no", "yes"), y)
    model, order = clone(learner).fit(X, y, task=task), np.random.default_rng(0).permutation(y.size)
    shuffled = clone(learner).fit(X[order], y[order], task=task[order])
    np.testing.assert_allclose(shuffled.coef_, model.coef_, atol=1e-3)
    renamed = np.array([{"a": 30, "b": -2, "c": 7}[label] for label in task])
    numbered = clone(learner).fit(X, y, task=renamed)
    assert numbered.tasks_.tolist() == [-2, 7, 30]
    np.testing.assert_allclose(decide(numbered, X, renamed), decide(model, X, task), atol=2e-3)


def test_duplicated_rows_change_nothing_but_their_number(learner, data):
    X, y, task = data
    if isinstance(learner, ARMULRegressor | ARMULClassifier):
        learner.set_params(lambda_1=np.full(3, 0.1))  # a number stands for strengths that know the rows
    once = clone(learner).fit(X, y, task=task)
    twice = clone(learner).fit(np.tile(X, (2, 1)), np.tile(y, 2), task=np.tile(task, 2))
    np.testing.assert_allclose(twice.coef_, once.coef_, atol=1e-3)


def test_one_task_is_what_no_task_is(learner, data):
    X, y, _ = data
    without = clone(learner).fit(X, y)
    np.testing.assert_array_equal(clone(learner).fit(X, y, task=["all"] * y.size).coef_, without.coef_)
    assert without.tasks_.tolist() == [0]
    np.testing.assert_array_equal(without.predict(X), without.predict(X, task=[0] * y.size))


def test_tasks_of_one_row(learner):
    X = np.random.default_rng(0).standard_normal((5, 3))
    y = np.array(["u", "v", "u", "v", "v"]) if is_classifier(learner) else np.arange(5.0)
    model = learner.fit(X, y, task=list("abcde"))
    assert np.isfinite(model.coef_).all()


def test_constant_targets(learner, data):
    X, _, task = data
    if is_classifier(learner):
        y = np.where(task == "a", "no", "yes")  # one class in each task
        assert learner.fit(X, y, task=task).score(X, y, task=task) > 0.9
    else:
        np.testing.assert_array_equal(learner.fit(X, np.zeros(task.size), task=task).coef_, 0.0)
        assert np.isfinite(learner.fit(X, np.full(task.size, 7.0), task=task).coef_).all()


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_what_is_not_finite_is_refused(learner, data, value, word):
    X, y, task = data
    model = clone(learner).fit(X, y, task=task)
    X[4, 1] = value
    with refuses(f"X holds {word} in row 4, column 1; drop or impute such values first."):
        clone(learner).fit(X, y, task=task)
    with refuses(f"X holds {word} in row 4, column 1; drop or impute such values first."):
        model.predict(X, task=task)
    if not is_classifier(learner):
        X[4, 1], y[3] = 0.0, value
        with refuses(f"y holds {word} in row 3"):
            learner.fit(X, y, task=task)


def test_tasks_that_it_does_not_know_are_refused(learner, data):
    X, y, task = data
    with pytest.raises(NotFittedError):
        learner.predict(X, task=task)
    model = learner.fit(X, y, task=task)
    with refuses("task names the task 'd', which the training data do not hold"):
        model.predict(X[:1], task=["d"])
    with refuses("task must name each row's task: the model was fitted on 3 tasks."):
        model.predict(X)


BAD = [
    ("tol", 0.0, "above 0.0"), ("tol", -1.0, "above 0.0"), ("tol", "small", "above 0.0"),
    ("max_iter", 0, "at least 1"), ("max_iter", 2.5, "at least 1"), ("lambda_1", 0.0, "above 0.0"),
    ("lambda_1", -0.1, "above 0.0"), ("lambda_1", np.nan, "above 0.0"), ("lambda_1", None, "above 0.0"),
    ("lambda_2", 0.0, "above 0.0"), ("lambda_2", np.inf, "above 0.0"), ("rank", 0, "at least 1"),
    ("rank", 1.5, "at least 1"), ("rank", True, "at least 1"), ("rounds", 0, "at least 1"),
]  # fmt: skip


def test_bad_settings_are_refused_in_one_sentence(learner, data):
    own = [bad for bad in BAD if bad[0] in learner.get_params()]
    assert len(own) >= 8
    for name, value, bound in own:
        kind = "whole" if bound == "at least 1" else "finite"
        sentence = f"{name} of {type(learner).__name__} must be a {kind} number {bound}; got {value!r}."
        with refuses(sentence):
            clone(learner).set_params(**{name: value}).fit(*data[:2], task=data[2])


@pytest.mark.parametrize("value", [[0.1, 0.2], [0.1, 0.2, 0.0], [0.1, 0.2, np.nan], ["a", "b", "c"], [[0.1, 0.2, 0.3]]])
@pytest.mark.parametrize("kind", [ARMULRegressor, ARMULClassifier])
def test_strengths_that_do_not_fit_the_tasks_are_refused(kind, value):
    X, task = np.random.default_rng(0).standard_normal((6, 2)), list("aabbcc")
    y = [0, 1] * 3
    with refuses(
        f"lambda_1 of {kind.__name__} must be a number above 0, or one for each of the 3 tasks; got {value!r}."
    ):
        kind(lambda_1=value).fit(X, y, task=task)


@pytest.mark.parametrize("name", [name for name in LEARNERS if "rounds" not in name])
def test_stopping_early_is_warned_of(name):
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((60, 4)), np.repeat([0, 1, 2], 20)
    y = X @ [1.0, 2.0, 0.0, -1.0] + 0.5 * rng.standard_normal(60)
    learner = clone(LEARNERS[name]).set_params(max_iter=1)
    y = np.sign(y) if is_classifier(learner) else y
    with pytest.warns(ConvergenceWarning, match=r"^Stopped at max_iter: .*raise max_iter or tol") as record:
        learner.fit(X, y, task=task)
    assert record[0].filename == __file__
    assert learner.n_iter_ == 1


def test_it_stands_behind_a_filter(learner, data):
    X, y, task = data
    filter_ = Sphere(fraction=0.1)
    kept = filter_.keep(X, y, task).kept
    model = Sanitised(learner, filter_).fit(X, y, task=task)
    expected = clone(learner).fit(X[kept], y[kept], task=task[kept])
    np.testing.assert_array_equal(model.predict(X, task=task), expected.predict(X, task=task))
    assert is_classifier(model) == is_classifier(learner)


def test_it_takes_its_tasks_from_a_column(learner, data):
    X, y, task = data
    table = np.column_stack([np.searchsorted(["a", "b", "c"], task), X])
    search = GridSearchCV(TaskColumn(learner), {"estimator__lambda_1": [0.05, 0.1]}, cv=2).fit(table, y)
    expected = clone(learner).set_params(lambda_1=search.best_params_["estimator__lambda_1"])
    np.testing.assert_array_equal(
        search.predict(table), expected.fit(X, y, task=table[:, 0]).predict(X, task=table[:, 0])
    )


def test_attacks_are_replayed_against_it(learner, data):
    X, y, task = data
    victim = MTRLClassifier() if is_classifier(learner) else MTRLRegressor()
    result = RandomAttack().poison(victim, X, y, task=task, threat=ThreatModel(["a"], ["b"], 0.3), random_state=0)
    model = result.refit(learner, X, y, task=task)
    rows, targets, tasks, _ = result.combine(X, y, task)
    np.testing.assert_array_equal(model.coef_, clone(learner).fit(rows, targets, task=tasks).coef_)


def test_names_of_columns_are_kept(learner, data):
    pd = pytest.importorskip("pandas")
    X, y, task = data
    model = learner.fit(pd.DataFrame(X, columns=["u", "v", "w"]), y, task=pd.Series(task))
    assert model.feature_names_in_.tolist() == ["u", "v", "w"]
