"""What every rule for Omega promises."""

import numpy as np
import pytest
from sklearn.base import clone

from patom import MTRLClassifier, MTRLRegressor
from patom.defenses import Capped, Coupled, HeldOut, Shrunken, WithoutInfluential

RULES = {
    "shrunken": Shrunken(0.3),
    "capped": Capped(0.4),
    "held out": HeldOut(errors=0.5),
    "held out, learned variances": HeldOut(errors=0.0, variances="learned"),
    "without influential": WithoutInfluential(0.1),
}
UNIFORM = ["shrunken", "capped", "without influential"]


@pytest.fixture(name="rule", params=RULES.values(), ids=RULES.keys())
def fixture_rule(request):
    return clone(request.param)


@pytest.fixture(name="data", params=["quantity", "classes"])
def fixture_data(request):
    """X, y and text tasks of 20, 31, 12 and 25 rows in no order."""
    rng = np.random.default_rng(5)
    task = rng.permutation(np.repeat(["b", "a", "d", "c"], [20, 31, 12, 25]))
    X = rng.standard_normal((task.size, 3))
    y = X @ [1.0, -1.0, 0.5] + 0.4 * (task == "b") * X[:, 0] + 0.1 * rng.standard_normal(task.size)
    return X, (y if request.param == "quantity" else np.where(y > 0.0, "yes", "no")), task


def learner(y, **settings):
    return (MTRLRegressor if y.dtype.kind == "f" else MTRLClassifier)(0.02, 0.02, **settings)


def require_covariance(omega, m):
    assert omega.shape == (m, m)
    np.testing.assert_allclose(omega, omega.T, atol=1e-14)
    assert np.trace(omega) == pytest.approx(1.0, abs=1e-12)
    assert np.linalg.eigvalsh(omega)[0] > -1e-12


def test_omega_is_a_covariance_of_trace_one(rule, data):
    X, y, task = data
    require_covariance(rule.covariance(learner(y).problem(X, y, task=task)), 4)


def test_it_is_the_same_each_time_and_from_a_warm_start(rule, data):
    X, y, task = data
    problem = learner(y).problem(X, y, task=task)
    omega = rule.covariance(problem)
    np.testing.assert_array_equal(rule.covariance(problem), omega)
    start = np.random.default_rng(0).standard_normal((4, 4))
    np.testing.assert_allclose(rule.couple(problem, start).omega, omega, atol=1e-8)


@pytest.mark.parametrize("name", UNIFORM)
def test_tasks_under_other_names_have_the_same_relationships(name, data):
    X, y, task = data
    other = {"a": "z", "b": "k", "c": "a", "d": "q"}
    renamed = np.array([other[label] for label in task])
    order = [sorted(other.values()).index(other[label]) for label in "abcd"]
    before = RULES[name].covariance(learner(y, tol=1e-12).problem(X, y, task=task))
    after = RULES[name].covariance(learner(y, tol=1e-12).problem(X, y, task=renamed))
    np.testing.assert_allclose(after[np.ix_(order, order)], before, atol=1e-8)


def test_the_estimator_is_fitted_with_it(rule, data):
    X, y, task = data
    model = Coupled(learner(y), rule).fit(X, y, task=task)
    omega = rule.covariance(learner(y).problem(X, y, task=task))
    expected = learner(y, task_covariance=omega).fit(X, y, task=task)
    np.testing.assert_array_equal(model.coef_, expected.coef_)
    np.testing.assert_allclose(model.task_covariance_, omega, atol=1e-12)


def test_the_adjoint_of_its_derivative_by_differences(rule, data):
    """<B, d(chosen)> = <back(B), d(learned)>, as the learned Omega moves with the targets."""
    X, y, task = data
    rng = np.random.default_rng(1)
    numbers, push = np.where(X[:, 0] > 0.1, 1.0, -1.0) if y.dtype.kind != "f" else y, rng.standard_normal(y.size)

    def couple(step):
        problem = MTRLRegressor(0.02, 0.02, tol=1e-13).problem(X, numbers + step * push, task=task)
        found = rule.couple(problem)
        return found, problem.penalty.relationship(found.source.W).covariance()

    B = rng.standard_normal((4, 4))
    B = B + B.T
    (ahead, learned_ahead), (behind, learned_behind) = couple(1e-5), couple(-1e-5)
    source = couple(0.0)[0].source
    expected = np.vdot(source.back(B), learned_ahead - learned_behind)
    assert np.vdot(B, ahead.omega - behind.omega) == pytest.approx(expected, rel=1e-5, abs=1e-12)


@pytest.mark.parametrize("n_tasks", [1, 2, 3])
@pytest.mark.parametrize("n_rows", [1, 2])
def test_few_tasks_of_few_rows(rule, n_tasks, n_rows):
    rng = np.random.default_rng(n_tasks)
    task = np.repeat(np.arange(n_tasks), n_rows)
    X, y = rng.standard_normal((task.size, 2)), rng.standard_normal(task.size)
    require_covariance(rule.covariance(MTRLRegressor().problem(X, y, task=task)), n_tasks)
    assert np.isfinite(Coupled(MTRLRegressor(), rule).fit(X, y, task=task).coef_).all()


@pytest.mark.parametrize("y", [np.zeros(24), np.ones(24), np.arange(24.0) % 2], ids=["zero", "constant", "duplicates"])
def test_targets_that_say_little(rule, y):
    X, task = np.tile([[1.0, 0.0], [0.0, 1.0]], (12, 1)), np.repeat(["a", "b", "c"], 8)
    require_covariance(rule.covariance(MTRLRegressor().problem(X, y, task=task)), 3)
    assert np.isfinite(Coupled(MTRLRegressor(), rule).fit(X, y, task=task).coef_).all()


@pytest.mark.parametrize("lambdas", [(0.1, 0.0), (0.0, 0.1)])
def test_either_lambda_may_be_zero(rule, data, lambdas):
    X, y, task = data
    estimator = learner(y).set_params(lambda_1=lambdas[0], lambda_2=lambdas[1])
    require_covariance(rule.covariance(estimator.problem(X, y, task=task)), 4)
    model = Coupled(estimator, rule).fit(X, y, task=task)
    if lambdas[1] == 0.0:
        np.testing.assert_allclose(model.coef_, clone(estimator).fit(X, y, task=task).coef_, atol=1e-6)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (Shrunken(-0.1), "share of Shrunken must be a finite number at least 0"),
        (Shrunken(1.1), "share of Shrunken must be at most 1; got 1.1."),
        (Shrunken(np.nan), "share of Shrunken must be a finite number"),
        (Capped(0.0), "largest of Capped must be a finite number above 0"),
        (Capped("half"), "largest of Capped must be a finite number"),
        (HeldOut(n_folds=1), "n_folds of HeldOut must be a whole number at least 2"),
        (HeldOut(errors=-1.0), "errors of HeldOut must be a finite number at least 0"),
        (HeldOut(variances="some"), "variances of HeldOut must be one of 'equal', 'learned'; got 'some'."),
        (HeldOut(random_state=None), "random_state of HeldOut must be a whole number"),
        (WithoutInfluential(-1.0), "largest of WithoutInfluential must be a finite number at least 0"),
        (WithoutInfluential(True), "largest of WithoutInfluential must be a finite number"),
    ],
)
def test_settings_that_make_no_sense(made, said, data):
    X, y, task = data
    with pytest.raises(ValueError, match=f"^{said}"):
        made.covariance(learner(y).problem(X, y, task=task))
    with pytest.raises(ValueError, match=f"^{said}"):
        Coupled(learner(y), made).fit(X, y, task=task)
