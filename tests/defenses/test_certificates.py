"""Models on parts of the rows, bounds on medians of votes, and certificates against all changes and attacks."""

from itertools import combinations, combinations_with_replacement, product

import numpy as np
import pytest
from scikit_checks import check_all
from sklearn.base import BaseEstimator, RegressorMixin, clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge

from patom import MTRLClassifier, MTRLRegressor, ProjectedAscent, ThreatModel
from patom.defenses import PartitionMedian
from patom.defenses.certificates import Certificate, digest_rows, median_bounds


@pytest.mark.parametrize(
    "estimator", [PartitionMedian(MTRLRegressor(), n_parts=3), PartitionMedian(MTRLClassifier(), n_parts=2)]
)
def test_scikit_learns_own_checks(estimator):
    check_all(estimator)


class Mean(RegressorMixin, BaseEstimator):
    """Predicts the mean target."""

    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


@pytest.fixture(name="data", params=["quantity", "classes"])
def fixture_data(request):
    rng = np.random.default_rng(3)
    task = np.array(["north", "south"])[rng.integers(0, 2, 90)]
    X = rng.standard_normal((90, 3))
    y = X @ [1.0, 2.0, -1.0] + 0.1 * rng.standard_normal(90)
    return X, (y if request.param == "quantity" else np.where(y > 0.0, "up", "down")), task


def learner(y):
    return MTRLRegressor(0.01, 0.01) if y.dtype.kind == "f" else MTRLClassifier(0.01, 0.01)


@pytest.mark.parametrize("seed", range(4))
def test_certificates_of_means_against_every_injection(seed):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((12, 1)), rng.standard_normal(12)
    model = PartitionMedian(Mean(), n_parts=5, random_state=seed).fit(X, y)
    (tolerated,) = model.certify([[0.0]], [0.0], within=1.0).tolerated
    # Rows that reach every part, with targets far to either side.
    pool = rng.standard_normal((200, 1))
    part = digest_rows(pool, np.zeros(200, dtype=int), seed) % 5
    reach = [pool[np.flatnonzero(part == number)[0]] for number in range(5)]
    choices = [(x, target) for x in reach for target in (-1e6, 1e6)]

    def worst(n_rows):
        far = 0.0
        for rows in combinations_with_replacement(choices, n_rows):
            more, targets = np.array([x for x, _ in rows]).reshape(-1, 1), np.array([target for _, target in rows])
            spoiled = clone(model).fit(np.concatenate([X, more]), np.concatenate([y, targets]))
            far = max(far, abs(float(spoiled.predict([[0.0]])[0])))
        return far

    if tolerated >= 0:
        assert all(worst(n_rows) <= 1.0 for n_rows in range(tolerated + 1))
    assert worst(tolerated + 1) > 1.0


def test_an_injected_row_changes_one_part(data):
    X, y, task = data
    model = PartitionMedian(learner(y), n_parts=5).fit(X, y, task=task)
    before = model.votes(X, task)
    for number in range(6):
        row = np.full((1, 3), 10.0 * number)
        spoiled = clone(model).fit(
            np.concatenate([row, X]), np.concatenate([y[-1:], y]), task=np.append(task[-1:], task)
        )
        changed = (spoiled.votes(X, task) != before).any(axis=1)
        assert np.count_nonzero(changed) <= 1


def test_a_changed_target_changes_one_part_and_a_moved_row_two():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((60, 2))
    y = X[:, 0]
    model = PartitionMedian(Ridge(), n_parts=7).fit(X, y)
    before = model.votes(X)
    for row in range(10):
        other, moved = y.copy(), X.copy()
        other[row], moved[row] = 50.0, 50.0
        assert np.count_nonzero((clone(model).fit(X, other).votes(X) != before).any(axis=1)) == 1
        assert np.count_nonzero((clone(model).fit(moved, y).votes(X) != before).any(axis=1)) <= 2


def test_the_order_of_rows_plays_no_role(data):
    X, y, task = data
    order = np.random.default_rng(0).permutation(y.size)
    expected = PartitionMedian(learner(y), n_parts=4).fit(X, y, task=task).votes(X, task)
    shuffled = PartitionMedian(learner(y), n_parts=4).fit(X[order], y[order], task=task[order])
    np.testing.assert_array_equal(shuffled.votes(X, task), expected)


def test_predictions_are_medians_of_fits_on_the_parts(data):
    X, y, task = data
    model = PartitionMedian(learner(y), n_parts=3, random_state=5).fit(X, y, task=task)
    part = digest_rows(X, task, 5) % 3
    fits = [learner(y).fit(X[part == k], y[part == k], task=task[part == k]) for k in range(3)]
    votes = [(fit.predict if y.dtype.kind == "f" else fit.decision_function)(X, task=task) for fit in fits]
    middle = np.median(votes, axis=0)
    np.testing.assert_allclose(model.votes(X, task), votes, rtol=1e-6, atol=1e-7)
    if y.dtype.kind == "f":
        np.testing.assert_allclose(model.predict(X, task), middle, rtol=1e-6, atol=1e-7)
    else:
        np.testing.assert_allclose(model.decision_function(X, task), middle, rtol=1e-6, atol=1e-7)
        np.testing.assert_array_equal(model.predict(X, task), np.where(middle > 0.0, "up", "down"))
    assert is_regressor(model) == (y.dtype.kind == "f")
    assert is_classifier(model) == (y.dtype.kind != "f")
    assert hasattr(model, "decision_function") == is_classifier(model)
    assert model.score(X, y, task=task) > 0.8


def test_one_part_is_the_estimator_itself(data):
    X, y, task = data
    model = PartitionMedian(learner(y), n_parts=1).fit(X, y, task=task)
    expected = learner(y).fit(X, y, task=task)
    respond = "predict" if y.dtype.kind == "f" else "decision_function"
    np.testing.assert_allclose(
        getattr(model, respond)(X, task=task), getattr(expected, respond)(X, task=task), rtol=1e-6, atol=1e-7
    )


def test_certified_predictions_withstand_an_attack(data):
    X, y, task = data
    model = PartitionMedian(learner(y), n_parts=9).fit(X, y, task=task)
    found = model.certify(X, y, task, within=2.0 if y.dtype.kind == "f" else None)
    for budget in (0.03, 0.05, 0.08):
        threat = ThreatModel(["north"], ["north"], budget)
        attack = ProjectedAscent(max_iter=5, n_starts=1, optimise_labels=True)
        result = attack.poison(learner(y), X, y, task=task, threat=threat, random_state=0)
        spoiled = result.refit(clone(model), X, y, task=task)
        safe = found.tolerated >= result.y.size
        if y.dtype.kind == "f":
            assert (np.abs(spoiled.predict(X, task) - y)[safe] <= 2.0).all()
        else:
            np.testing.assert_array_equal(spoiled.predict(X, task)[safe], y[safe])
    assert safe.any() or y.dtype.kind != "f"


def test_a_part_without_a_tasks_rows_abstains_there():
    rng = np.random.default_rng(0)
    task = np.array([0] * 50 + [1] * 2)
    X = rng.standard_normal((52, 2))
    model = PartitionMedian(MTRLRegressor(), n_parts=5).fit(X, X[:, 0], task=task)
    assert 1 <= model.voters_[:, 1].sum() <= 2
    assert model.voters_[:, 0].all()
    np.testing.assert_array_equal(np.isnan(model.votes(X, task)), ~model.voters_[:, task])
    tolerated = model.certify(X, X[:, 0], task, within=100.0).tolerated
    assert set(tolerated[:50]) == {2}
    assert set(tolerated[50:]) == {0}
    assert np.isfinite(model.predict(X, task)).all()


def test_without_tasks_scikit_learns_estimators_vote_on_all():
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((40, 2)), np.array([0] * 39 + [1])
    y = np.where(X[:, 0] > 0.0, 1, 0)
    model = PartitionMedian(LogisticRegression(), n_parts=3).fit(X, y, task=task)
    assert model.voters_.all()
    assert model.certify(X, y, task).tolerated.max() == 1


def test_labels_of_another_type_go_to_the_same_part():
    X = np.arange(6.0).reshape(3, 2)
    expected = digest_rows(X, np.array([1, 2, 3]), 0)
    np.testing.assert_array_equal(digest_rows(X, np.array([1.0, 2.0, 3.0]), 0), expected)
    assert (digest_rows(X, np.array(["1", "2", "3"]), 0) != expected).all()
    assert (digest_rows(X, np.array([1, 2, 3]), 1) != expected).all()


def test_parts_are_about_equal():
    X = np.random.default_rng(0).standard_normal((10_000, 1))
    counts = np.bincount((digest_rows(X, np.zeros(10_000, dtype=int), 0) % 10).astype(int))
    assert np.abs(counts - 1000).max() < 150


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"n_parts": 0}, "n_parts of PartitionMedian must be a whole number at least 1; got 0"),
        ({"n_parts": 2.0}, "n_parts of PartitionMedian must be a whole number"),
        ({"random_state": -1}, "random_state of PartitionMedian must be a whole number at least 0; got -1"),
    ],
)
def test_settings_that_make_no_sense(settings, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        PartitionMedian(MTRLRegressor(), **settings).fit([[0.0], [1.0]], [0.0, 1.0])


def test_what_cannot_be_used_is_refused_in_a_sentence():
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((30, 2)), ["a"] * 29 + ["b"]
    classes = np.where(X[:, 0] > 0.0, 1, 0)
    model = PartitionMedian(MTRLRegressor(), n_parts=3)
    with pytest.raises(NotFittedError):
        model.predict(X)
    with pytest.raises(ValueError, match="X holds NaN in row 0, column 1"):
        model.fit(np.where(np.eye(30, 2, 1) > 0.0, np.nan, X), X[:, 0])
    with pytest.raises(ValueError, match="y holds NaN in row 2"):
        model.fit(X, np.where(np.arange(30) == 2, np.nan, 0.0))
    with pytest.raises(ValueError, match="n_parts of PartitionMedian is too large: no part of 30 can learn task"):
        PartitionMedian(MTRLClassifier(), n_parts=30).fit(X, classes, task=task)
    model.fit(X, X[:, 0], task=task)
    with pytest.raises(ValueError, match=r"^task must name each row's task: the model was fitted on 2 tasks\.$"):
        model.predict(X)
    with pytest.raises(ValueError, match=r"^task names the task 'c'"):
        model.predict(X, task=["c"] * 30)
    with pytest.raises(ValueError, match=r"^within of certify must be a finite number at least 0\.0; got None"):
        model.certify(X, X[:, 0], task)
    classifier = PartitionMedian(MTRLClassifier(), n_parts=2).fit(X, classes)
    with pytest.raises(ValueError, match=r"^within is for regression"):
        classifier.certify(X, classes, within=1.0)
    with pytest.raises(ValueError, match=r"^y holds the label"):
        classifier.certify(X, classes + 5)


def test_what_was_fitted_answers_whatever_is_set_later(data):
    X, y, task = data
    model = PartitionMedian(clone(MTRLRegressor() if y.dtype.kind == "f" else MTRLClassifier()), 5).fit(X, y, task=task)
    before = model.votes(X, task=task)
    model.set_params(n_parts=9)
    np.testing.assert_array_equal(model.votes(X, task=task), before)


def test_classes_in_lists_stay_apart():
    X = np.linspace(-1.0, 1.0, 40)[:, None]
    labels = ["a" if value < 0 else "a\0" for value in X[:, 0]]
    model = PartitionMedian(MTRLClassifier(1e-3, 1e-3), 3).fit(X, labels)
    assert model.classes_.tolist() == ["a", "a\0"]
    assert model.score(X, labels) > 0.9


FAR = (-1e9, 1e9)


def changed_medians(votes, changed):
    """Medians of a column of votes after any ``changed`` parts voted far off, or abstained."""
    values = []
    for places in combinations(range(votes.size), changed):
        for new in product((*FAR, np.nan), repeat=changed):
            spoiled = votes.copy()
            spoiled[list(places)] = new
            if not np.isnan(spoiled).all():
                values.append(np.nanmedian(spoiled))
    return np.array(values)


@pytest.mark.in_turn
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n_votes", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("abstaining", [0, 1, 2])
def test_no_change_of_votes_moves_the_median_further_and_one_moves_it_so_far(seed, n_votes, abstaining):
    rng = np.random.default_rng([seed, n_votes, abstaining])
    votes = np.append(np.round(rng.standard_normal(n_votes), 1), np.full(abstaining, np.nan))
    for changed in range(1, 4):
        if changed > votes.size:
            break
        medians = changed_medians(votes, changed)
        (low,), (high,) = median_bounds(votes[:, None], changed)
        assert medians.min() >= low
        assert medians.max() <= high
        reached = medians.min() if np.isfinite(low) else -np.inf if medians.min() < -1e8 else medians.min()
        assert reached == pytest.approx(low)
        reached = medians.max() if np.isfinite(high) else np.inf if medians.max() > 1e8 else medians.max()
        assert reached == pytest.approx(high)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("within", [0.3, 1.0, None])
def test_so_many_changed_votes_do_no_harm_and_one_more_can(seed, within):
    rng = np.random.default_rng(seed)
    votes = np.append(rng.standard_normal(rng.integers(1, 6)) + (within is None), [np.nan] * int(rng.integers(0, 2)))
    y = np.array([1.0 if within is None else 0.2])
    (tolerated,) = Certificate(votes[:, None], y, within).tolerated

    def harmed(changed):
        medians = changed_medians(votes, changed) if changed else np.array([np.nanmedian(votes)])
        return (medians <= 0.0).any() if within is None else (np.abs(medians - y) > within).any()

    for changed in range(tolerated + 1):
        assert not harmed(changed)
    assert harmed(tolerated + 1)


def test_classes_at_zero_are_negative():
    votes = np.zeros((3, 2))
    assert Certificate(votes, np.array([1.0, -1.0]), None).tolerated.tolist() == [-1, 1]


def test_the_curve_counts_and_averages():
    rng = np.random.default_rng(0)
    votes, y = rng.standard_normal((7, 40)), rng.standard_normal(40)
    certificate = Certificate(votes, y, within=1.5)
    curve = certificate.curve()
    assert curve["rows"].tolist() == [0, 1, 2, 3]
    for rows, certified, error in curve:
        assert certified == np.mean(certificate.tolerated >= rows)
        ordered = np.sort(votes, axis=0)
        worst = np.maximum((ordered[3 - rows] - y) ** 2, (ordered[3 + rows] - y) ** 2)
        assert error == pytest.approx(worst.mean())
    assert curve["error"][0] == pytest.approx(np.mean((np.median(votes, axis=0) - y) ** 2))
