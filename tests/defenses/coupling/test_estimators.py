"""Coupled and TrustedMTRL as estimators, and what trusted tasks are promised."""

import pickle

import cvxpy as cp
import numpy as np
import pytest
from scikit_checks import check_all
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge

from patom import LambdaSearch, MTRLClassifier, MTRLRegressor
from patom.defenses import Coupled, HeldOut, Sanitised, Shrunken, Sphere, TrustedMTRL


@pytest.mark.parametrize("estimator", [Coupled(MTRLRegressor(), Shrunken()), Coupled(MTRLClassifier(), Shrunken())])
def test_scikit_learns_own_checks(estimator):
    check_all(estimator)


@pytest.fixture(name="model", params=["coupled", "trusted"])
def fixture_model(request, data):
    learner = data[3]
    return Coupled(learner, HeldOut()) if request.param == "coupled" else TrustedMTRL(learner, [0, 1])


def test_it_predicts_as_its_estimator(model, data):
    X, y, task, learner = data
    with pytest.raises(NotFittedError):
        model.predict(X, task=task)
    with pytest.raises(AttributeError, match="has no attribute 'coef_'"):
        _ = model.coef_
    model.fit(X, y, task=task)
    np.testing.assert_array_equal(model.predict(X, task=task), model.estimator_.predict(X, task=task))
    assert model.score(X, y, task=task) == model.estimator_.score(X, y, task=task) > 0.5
    assert model.tasks_.tolist() == [0, 1, 2, 3, 4]
    assert is_regressor(model) == isinstance(learner, MTRLRegressor)
    assert is_classifier(model) == hasattr(model, "decision_function") == isinstance(learner, MTRLClassifier)
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.predict(X, task=task), model.predict(X, task=task))
    np.testing.assert_array_equal(clone(model).fit(X, y, task=task).coef_, model.coef_)
    assert not hasattr(learner, "tasks_")


def test_it_may_stand_behind_a_filter(model, data):
    X, y, task, _ = data
    behind = Sanitised(model, Sphere(fraction=0.1)).fit(X, y, task=task)
    kept = behind.kept_.kept
    np.testing.assert_array_equal(behind.coef_, clone(model).fit(X[kept], y[kept], task=task[kept]).coef_)


@pytest.mark.filterwarnings("ignore:LambdaSearch chose:UserWarning")  # a grid of a few ends at an edge
def test_a_search_chooses_its_lambdas_first(model, data):
    X, y, task, learner = data
    search = LambdaSearch(learner, lambdas=(1e-3, 1e-1))
    chosen = clone(search).fit(X, y, task=task)
    fixed = clone(learner).set_params(lambda_1=chosen.lambda_1_, lambda_2=chosen.lambda_2_)
    found = clone(model).set_params(estimator=search).fit(X, y, task=task)
    np.testing.assert_array_equal(found.coef_, clone(model).set_params(estimator=fixed).fit(X, y, task=task).coef_)


def test_data_frames_keep_their_names(model, data):
    pd = pytest.importorskip("pandas")
    X, y, task, _ = data
    model.fit(pd.DataFrame(X, columns=list("abcd")), y, task=pd.Series(task))
    assert model.feature_names_in_.tolist() == list("abcd")


@pytest.mark.parametrize(
    ("estimator", "said"),
    [
        (Ridge(), "must be an MTRLRegressor, an MTRLClassifier or a LambdaSearch of one; got Ridge"),
        (MTRLRegressor(task_covariance=np.eye(5)), "must learn Omega .* task_covariance=an array"),
        (MTRLRegressor(solver="alternating"), "must learn Omega by solver='accelerated'; got solver='alternating'"),
    ],
    ids=["ridge", "given", "alternating"],
)
def test_other_estimators_are_refused(model, data, estimator, said):
    X, y, task, _ = data
    name = type(model).__name__
    with pytest.raises(ValueError, match=f"^estimator of {name} {said}"):
        clone(model).set_params(estimator=estimator).fit(X, y, task=task)


def test_what_is_no_rule_is_refused(data):
    X, y, task, learner = data
    with pytest.raises(ValueError, match=r"^rule of Coupled must be a rule for Omega, such as HeldOut\(\); got 3\.$"):
        Coupled(learner, 3).fit(X, y, task=task)


class TestTrusted:
    def test_other_tasks_rows_do_not_move_them(self, data):
        X, y, task, learner = data
        rng = np.random.default_rng(0)
        before = TrustedMTRL(learner, [1, 3]).fit(X, y, task=task)
        other = ~np.isin(task, [1, 3])
        wild, labels = np.where(other[:, None], 100.0 * rng.standard_normal(X.shape), X), y.copy()
        labels[other] = rng.permutation(labels[other]) if isinstance(learner, MTRLClassifier) else 1e3
        after = TrustedMTRL(learner.set_params(max_iter=50_000), [1, 3]).fit(wild, labels, task=task)
        for name in ("coef_", "intercept_"):
            np.testing.assert_array_equal(getattr(after, name)[[1, 3]], getattr(before, name)[[1, 3]])
        assert not np.allclose(after.coef_[0], before.coef_[0])

    def test_they_are_the_fit_without_the_others(self, data):
        X, y, task, learner = data
        own = np.isin(task, [1, 3])
        model = TrustedMTRL(learner, [3, 1]).fit(X, y, task=task)
        np.testing.assert_array_equal(model.coef_[[1, 3]], learner.fit(X[own], y[own], task=task[own]).coef_)

    def test_nor_do_other_tasks_move_each_other(self, data):
        X, y, task, learner = data
        flipped = np.where(task == 4, -y, y)
        before, after = (TrustedMTRL(learner, 0).fit(X, labels, task=task).coef_ for labels in (y, flipped))
        np.testing.assert_allclose(after[:4], before[:4], atol=1e-7)

    @pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
    def test_another_task_against_an_interior_point(self, data, share):
        X, y, task, learner = data
        model = TrustedMTRL(learner, [0, 1], share=share).fit(X, y, task=task)
        T = np.column_stack([model.coef_[:2], model.intercept_[:2]])
        values, vectors = np.linalg.eigh(T.T @ T)
        D = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
        M = (1.0 - share) * D / np.trace(D) + share * np.eye(5) / 5
        values, vectors = np.linalg.eigh(M)
        root = vectors * np.sqrt(np.where(values > 1e-12, values, 0.0))
        own = task == 2
        u = cp.Variable(5)
        z = np.column_stack([X, np.ones(y.size)])[own] @ root @ u
        squares = y[own] - z if isinstance(learner, MTRLRegressor) else cp.pos(1.0 - cp.multiply(y[own], z))
        loss = cp.sum_squares(squares) / own.sum()
        cp.Problem(
            cp.Minimize(loss + 0.01 / 2 * cp.sum_squares(root @ u) + 0.02 / 2 * cp.sum_squares(u))
        ).solve(solver=cp.CLARABEL, tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12)  # fmt: skip
        np.testing.assert_allclose(np.append(model.coef_[2], model.intercept_[2]), root @ u.value, atol=1e-5)

    def test_all_trusted_is_the_plain_fit(self, data):
        X, y, task, learner = data
        model = TrustedMTRL(learner, range(5)).fit(X, y, task=task)
        np.testing.assert_array_equal(model.coef_, learner.fit(X, y, task=task).coef_)

    def test_without_a_relationship_term_each_task_is_its_own_ridge(self, data):
        X, y, task, learner = data
        learner.set_params(lambda_1=0.1, lambda_2=0.0)
        model = TrustedMTRL(learner, 0).fit(X, y, task=task)
        np.testing.assert_allclose(model.coef_, learner.fit(X, y, task=task).coef_, atol=1e-6)

    def test_labels_may_be_text(self, data):
        X, y, task, learner = data
        names = np.array(["ann", "bob", "cat", "dan", "eve"])[task]
        model = TrustedMTRL(learner, "bob").fit(X, y, task=names)
        np.testing.assert_array_equal(model.coef_, TrustedMTRL(learner, 1).fit(X, y, task=task).coef_)

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({"trusted": []}, "trusted of TrustedMTRL must name one task at least"),
            ({"trusted": [9]}, "trusted of TrustedMTRL"),
            ({"share": -0.1}, "share of TrustedMTRL must be a finite number at least 0"),
            ({"share": 1.5}, "share of TrustedMTRL must be at most 1"),
        ],
    )
    def test_settings_that_make_no_sense(self, data, settings, said):
        X, y, task, learner = data
        with pytest.raises(ValueError, match=f"^{said}"):
            TrustedMTRL(learner, [0]).set_params(**settings).fit(X, y, task=task)
