"""LambdaSearch against a plain transcription of its rule, on clean, poisoned and scarce rows."""

import warnings
from collections import Counter

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score, roc_auc_score

from patom import LambdaSearch, MTRLClassifier, MTRLRegressor, mean_regularised_covariance
from patom.core.solvers.solution import Status
from patom.models.lambda_search import GRID, N_FOLDS, folds, strongest_first, strongest_near_best

FEW = (1e-3, 1e-1, 1.0)
at_an_edge = pytest.mark.filterwarnings("ignore:LambdaSearch chose:UserWarning")


def make(kind="regression", sizes=(30, 24, 18, 9), d=4, noise=0.5, seed=0):
    """Related linear tasks, their rows in mixed order."""
    rng = np.random.default_rng(seed)
    index = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    X = rng.normal(size=(index.size, d))
    weights = rng.normal(size=d) + 0.5 * rng.normal(size=(len(sizes), d))
    y = (X * weights[index]).sum(axis=1) + noise * rng.normal(size=index.size)
    task = np.array([f"t{i}" for i in range(len(sizes))])[index]
    return X, y if kind == "regression" else np.where(y > 0.0, "yes", "no"), task


def by_hand(estimator, X, y, task, lambdas, n_folds, choice, seed):
    """The chosen pair and all mean scores, from cold fits, plain loops and scikit-learn's metrics."""
    rows = np.argsort(task, kind="stable")
    X, y, task = X[rows], y[rows], task[rows]
    names, classify = sorted(set(task)), is_classifier(estimator)
    fold, seen = np.zeros(y.size, dtype=int), Counter()
    for row in np.random.default_rng(seed).permutation(y.size):
        group = 2 * names.index(task[row]) + (classify and y[row] == max(y))
        fold[row] = (seen[group] + group) % n_folds if seen[group] else -1
        seen[group] += 1
    table = []
    for lambda_1 in lambdas:
        for lambda_2 in lambdas:
            scores = []
            for held in range(n_folds):
                model = clone(estimator).set_params(lambda_1=lambda_1, lambda_2=lambda_2)
                model.fit(X[fold != held], y[fold != held], task=task[fold != held])
                of_tasks = []
                for name in names:
                    mine = (fold == held) & (task == name)
                    if mine.sum() < 2 or len(set(y[mine])) < 2:
                        continue
                    if classify:
                        decision = model.decision_function(X[mine], task=task[mine])
                        of_tasks.append(roc_auc_score(y[mine], decision))
                    else:
                        of_tasks.append(1.0 - r2_score(y[mine], model.predict(X[mine], task=task[mine])))
                scores.append(np.mean(of_tasks))
            error = np.std(scores, ddof=1) / n_folds**0.5
            table.append((lambda_1 + lambda_2, lambda_2, lambda_1, np.mean(scores), error))
    sign = 1.0 if classify else -1.0
    best = max(table, key=lambda line: (sign * line[3], line[:2]))
    slack = best[4] if choice == "one_standard_error" else 0.0
    chosen = max(line for line in table if sign * line[3] >= sign * best[3] - slack)
    return (chosen[2], chosen[1]), {(line[2], line[1]): line[3] for line in table}


class TestFolds:
    @pytest.mark.parametrize("kind", ["regression", "classification"])
    @pytest.mark.parametrize("n_folds", [2, 3, 5])
    def test_even_and_a_row_of_every_task_and_class_stays_in(self, kind, n_folds):
        _, y, task = make(kind, sizes=(40, 25, 6, 1))
        index = np.unique(task, return_inverse=True)[1]
        positive = None if kind == "regression" else y == "yes"
        fold = folds(index, positive, n_folds, np.random.default_rng(0))
        groups = index if positive is None else 2 * index + positive
        for group in np.unique(groups):
            mine = fold[groups == group]
            sizes = [(mine == held).sum() for held in range(n_folds)]
            assert (mine == -1).sum() == 1
            assert max(sizes) - min(sizes) <= 1
            assert sum(sizes) == mine.size - 1

    def test_small_tasks_fill_every_fold(self):
        fold = folds(np.repeat(np.arange(30), 2), None, 3, np.random.default_rng(0))
        np.testing.assert_array_equal(np.bincount(fold + 1), [30, 10, 10, 10])

    def test_rows_are_drawn(self):
        index = np.repeat([0, 1], 20)
        drawn = {tuple(folds(index, None, 3, np.random.default_rng(seed))) for seed in range(5)}
        assert len(drawn) == 5


class TestChoice:
    def test_strongest_first(self):
        pairs = strongest_first((1.0, 0.1, 0.01))
        assert pairs[:5] == [(1.0, 1.0), (0.1, 1.0), (1.0, 0.1), (0.01, 1.0), (1.0, 0.01)]
        assert pairs[-1] == (0.01, 0.01)
        assert len(set(pairs)) == 9

    def test_the_first_within_so_many_standard_errors(self):
        # The last is the best: mean 0.90, standard error 0.0115.
        gains = np.array([[0.87] * 3, [0.885] * 3, [0.895] * 3, [0.88, 0.90, 0.92]])
        assert [strongest_near_best(gains, errors=errors) for errors in (0.0, 1.0, 2.0, 3.0)] == [3, 2, 1, 0]
        assert strongest_near_best(gains) == 2

    def test_ties_go_to_the_first(self):
        assert strongest_near_best(np.array([[0.1, 0.2], [0.5, 0.5], [0.5, 0.5]]), errors=0.0) == 1

    def test_folds_without_a_score_count_in_no_mean(self):
        nan = float("nan")
        assert strongest_near_best(np.array([[0.8, nan, 0.8], [0.9, nan, 0.9], [nan, nan, nan]])) == 1
        assert strongest_near_best(np.array([[nan, 0.8, nan], [nan, 0.9, nan]])) == 1  # one fold has no error
        assert strongest_near_best(np.full((4, 3), nan)) == 0


class TestAgainstTheTranscription:
    @pytest.mark.in_turn
    @pytest.mark.parametrize("choice", ["one_standard_error", "best"])
    @pytest.mark.parametrize(
        "estimator",
        [
            MTRLRegressor(),
            MTRLRegressor(loss="huber", huber_delta=0.5),
            MTRLRegressor(task_covariance=mean_regularised_covariance(4, 1.0)),
            MTRLClassifier(),
            MTRLClassifier(loss="logistic"),
        ],
        ids=["squared error", "huber", "coupled", "squared hinge", "logistic"],
    )
    def test_pair_scores_and_fit(self, estimator, choice):
        X, y, task = make("classification" if is_classifier(estimator) else "regression", noise=2.0)
        search = LambdaSearch(estimator, lambdas=FEW, choice=choice, random_state=3).fit(X, y, task=task)
        pair, means = by_hand(estimator, X, y, task, FEW, 3, choice, 3)
        assert (search.lambda_1_, search.lambda_2_) == pair
        assert search.scores_.shape == (9, 3)
        for lambda_1, lambda_2, mean in search.scores_:
            assert mean == pytest.approx(means[lambda_1, lambda_2], rel=1e-6)
        last = clone(estimator).set_params(lambda_1=pair[0], lambda_2=pair[1]).fit(X, y, task=task)
        np.testing.assert_array_equal(search.estimator_.coef_, last.coef_)
        np.testing.assert_array_equal(search.predict(X, task=task), last.predict(X, task=task))

    @pytest.mark.slow
    @pytest.mark.parametrize("seed", range(6))
    def test_over_data_and_folds(self, seed):
        X, y, task = make(noise=3.0, seed=seed)
        chosen = {}
        for choice in ("best", "one_standard_error"):
            search = LambdaSearch(MTRLRegressor(), FEW, n_folds=4, choice=choice, random_state=seed)
            search.fit(X, y, task=task)
            chosen[choice] = search.lambda_1_, search.lambda_2_
            assert chosen[choice] == by_hand(MTRLRegressor(), X, y, task, FEW, 4, choice, seed)[0]
        assert sum(chosen["best"]) <= sum(chosen["one_standard_error"])

    def test_tasks_that_cannot_be_scored_count_in_no_mean(self):
        X, y, task = make("classification", sizes=(30, 20, 12, 1))
        y[task == "t1"] = "no"
        search = LambdaSearch(MTRLClassifier(), FEW).fit(X, y, task=task)
        pair, means = by_hand(MTRLClassifier(), X, y, task, FEW, 3, "one_standard_error", 0)
        assert (search.lambda_1_, search.lambda_2_) == pair
        assert search.scores_[-1, 2] == pytest.approx(means[1e-3, 1e-3])
        assert search.tasks_.tolist() == ["t0", "t1", "t2", "t3"]

    def test_scores_are_in_order_and_the_grid_may_be_in_any(self):
        X, y, task = make()
        search = LambdaSearch(MTRLRegressor()).fit(X, y, task=task)
        np.testing.assert_array_equal(search.scores_[:, :2], strongest_first(GRID))
        again = LambdaSearch(MTRLRegressor(), lambdas=np.array(GRID[::-1])).fit(X, y, task=task)
        np.testing.assert_array_equal(again.scores_, search.scores_)

    def test_defaults_are_the_audits(self):
        search = LambdaSearch(MTRLRegressor())
        assert (search.lambdas, search.n_folds) == ((1e-4, 1e-3, 1e-2, 1e-1, 1.0), 3) == (GRID, N_FOLDS)
        assert (search.choice, search.random_state) == ("one_standard_error", 0)


class TestReproducible:
    def test_same_rows_same_answer(self):
        X, y, task = make()
        first, second = (LambdaSearch(MTRLRegressor(), FEW).fit(X, y, task=task) for _ in range(2))
        np.testing.assert_array_equal(first.scores_, second.scores_)
        np.testing.assert_array_equal(first.estimator_.coef_, second.estimator_.coef_)

    @at_an_edge
    def test_other_folds_other_scores(self):
        X, y, task = make()
        first, second = (LambdaSearch(MTRLRegressor(), FEW, random_state=seed).fit(X, y, task=task) for seed in (0, 1))
        assert (first.scores_[:, 2] != second.scores_[:, 2]).all()

    def test_order_counts_within_a_task_only(self):
        X, y, task = make()
        search = LambdaSearch(MTRLRegressor(), FEW).fit(X, y, task=task)
        sorted_ = np.argsort(task, kind="stable")
        grouped = LambdaSearch(MTRLRegressor(), FEW).fit(X[sorted_], y[sorted_], task=task[sorted_])
        np.testing.assert_array_equal(grouped.scores_, search.scores_)
        turned = LambdaSearch(MTRLRegressor(), FEW).fit(X[::-1], y[::-1], task=task[::-1])
        assert (turned.scores_[:, 2] != search.scores_[:, 2]).all()


class TestPoisoned:
    """Half as many injected rows again in every task, whose labels pull the other way."""

    @pytest.fixture(params=["regression", "classification"])
    def case(self, request):
        X, y, task = make(request.param, sizes=(40, 40, 40), noise=0.0, seed=2)
        rows = np.arange(0, 120, 2)
        wrong = -y[rows] if request.param == "regression" else np.where(y[rows] == "yes", "no", "yes")
        poisoned = np.vstack([X, X[rows]]), np.concatenate([y, wrong]), np.concatenate([task, task[rows]])
        estimator = MTRLRegressor() if request.param == "regression" else MTRLClassifier()
        return LambdaSearch(estimator), (X, y, task), poisoned

    def test_the_lambdas_follow_the_data(self, case):
        search, (X, y, task), (X_, y_, task_) = case
        clean = clone(search).fit(X, y, task=task)
        attacked = clone(search).fit(X_, y_, task=task_)
        assert attacked.lambda_1_ + attacked.lambda_2_ > 5 * (clean.lambda_1_ + clean.lambda_2_)

    def test_each_fit_forgets_the_last(self, case):
        search, (X, y, task), (X_, y_, task_) = case
        twice = clone(search).fit(X_, y_, task=task_).fit(X, y, task=task)
        once = clone(search).fit(X, y, task=task)
        np.testing.assert_array_equal(twice.scores_, once.scores_)
        np.testing.assert_array_equal(twice.estimator_.coef_, once.estimator_.coef_)


def test_noise_in_the_labels_is_met_with_stronger_penalties_and_does_less_harm():
    X, y, task = make(sizes=(20, 20, 20), d=8, noise=0.0, seed=4)
    search = LambdaSearch(MTRLRegressor()).fit(X, y, task=task)
    rng = np.random.default_rng(0)
    rows = np.tile(np.arange(60), 2)
    labels = 20.0 * rng.normal(size=120)
    X_, y_, task_ = np.vstack([X, X[rows]]), np.concatenate([y, labels]), np.concatenate([task, task[rows]])
    tuned = clone(search).fit(X_, y_, task=task_)
    fixed = clone(search.estimator_).fit(X_, y_, task=task_)
    assert tuned.lambda_1_ + tuned.lambda_2_ > search.lambda_1_ + search.lambda_2_
    clean, at_fixed, at_tuned = (1.0 - model.score(X, y, task=task) for model in (search, fixed, tuned))
    assert clean < at_tuned < 0.8 * at_fixed


class TestFewRows:
    @pytest.mark.parametrize("task", [None, ["only"] * 30])
    def test_one_task(self, task):
        X, y, _ = make(sizes=(30,))
        search = LambdaSearch(MTRLRegressor(), FEW).fit(X, y, task=task)
        pair, _ = by_hand(MTRLRegressor(), X, y, np.zeros(30), FEW, 3, "one_standard_error", 0)
        assert (search.lambda_1_, search.lambda_2_) == pair
        assert search.predict(X[:2]).shape == (2,)

    @pytest.mark.parametrize("size", [1, 2, 4])
    def test_nothing_to_score_leaves_the_strongest(self, size):
        # Of four rows one stays in, so that each fold holds one row, which has no variance.
        X, y, task = make(sizes=[size] * 5)
        search = LambdaSearch(MTRLRegressor(), FEW).fit(X, y, task=task)
        assert (search.lambda_1_, search.lambda_2_) == (1.0, 1.0)
        assert np.isnan(search.scores_[:, 2]).all()
        assert search.status_ is Status.CONVERGED

    def test_one_class_in_every_task_leaves_the_strongest(self):
        X, _, task = make(sizes=(12, 12))
        search = LambdaSearch(MTRLClassifier(), FEW, choice="best").fit(X, np.where(task == "t0", 3, 7), task=task)
        assert (search.lambda_1_, search.lambda_2_) == (1.0, 1.0)
        assert np.isnan(search.scores_[:, 2]).all()
        assert search.classes_.tolist() == [3, 7]

    @at_an_edge
    def test_five_rows_a_task_can_be_scored(self):
        X, y, task = make(sizes=[5] * 30, noise=0.0)
        assert np.isfinite(LambdaSearch(MTRLRegressor(), FEW).fit(X, y, task=task).scores_).all()


def test_only_the_last_fit_warns():
    X, y, task = make()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search = LambdaSearch(MTRLRegressor(max_iter=1), FEW).fit(X, y, task=task)
    assert [warning.category for warning in caught] == [ConvergenceWarning]
    assert search.status_ is Status.MAX_ITER


class TestWeakEdge:
    """What tells the rows apart lies in directions of little variance, which only weak penalties let speak."""

    @pytest.fixture
    def twins(self):
        """Three tasks of columns that are almost the same; the target is in their differences."""
        rng = np.random.default_rng(0)
        task = np.repeat(["a", "b", "c"], 40)
        own = rng.normal(size=(120, 4))
        y = own @ [1.0, -1.0, 1.0, -1.0] + 0.3 * rng.normal(size=120)
        return rng.normal(size=(120, 1)) + 0.02 * own, y, task

    def test_a_weaker_penalty_than_the_grids_is_found_where_it_is_better(self, twins):
        X, y, task = twins
        search = LambdaSearch(MTRLRegressor()).fit(X, y, task=task)
        assert max(search.lambda_1_, search.lambda_2_) <= 1e-5
        score = {(a, b): value for a, b, value in search.scores_}
        assert score[search.lambda_1_, search.lambda_2_] < 0.7 * score[1e-4, 1e-4]
        assert search.score(X, y, task=task) > 0.95

    def test_a_grid_of_ones_own_does_not_grow(self, twins):
        X, y, task = twins
        sentence = (
            r"lambda_1=0\.0001 and lambda_2=0\.0001, where its grid ends: weaker lambda_1 and weaker lambda_2 may"
        )
        with pytest.warns(UserWarning, match=sentence) as caught:
            search = LambdaSearch(MTRLRegressor(), lambdas=(1e-4, 1e-2)).fit(X, y, task=task)
        assert [warning.filename for warning in caught] == [__file__]
        assert (search.lambda_1_, search.lambda_2_) == (1e-4, 1e-4)
        assert len(search.scores_) == 4

    def test_but_says_where_it_ends_in_a_corner(self):
        rng = np.random.default_rng(0)
        X, task = rng.normal(size=(120, 3)), np.repeat(["a", "b", "c"], 40)
        y = X @ [1.0, 2.0, -1.0]
        with pytest.warns(UserWarning, match="lambda_1=10 and lambda_2=10, where its grid ends: weaker lambda_1 and"):
            LambdaSearch(MTRLRegressor(), lambdas=[10.0, 100.0]).fit(X, y, task=task)

    def test_a_single_pair_is_no_search(self, twins):
        X, y, task = twins
        assert len(LambdaSearch(MTRLRegressor(), lambdas=(1e-2,)).fit(X, y, task=task).scores_) == 1

    def test_where_even_the_weakest_is_too_strong_there_is_a_warning(self):
        rng = np.random.default_rng(0)
        parts, task = rng.normal(size=(240, 8)), np.repeat(["a", "b"], 120)
        X, y = parts * 10.0 ** (-0.7 * np.arange(8)), parts.sum(axis=1)
        sentence = (
            r"^LambdaSearch chose lambda_1=1e-08 and lambda_2=1e-08, where its grid ends: weaker lambda_1 and weaker "
            r"lambda_2 may do better still, so give a grid of your own that goes further\.$"
        )
        with pytest.warns(UserWarning, match=sentence) as caught:
            search = LambdaSearch(MTRLRegressor()).fit(X, y, task=task)
        assert [warning.filename for warning in caught] == [__file__]
        assert len(search.scores_) == 81
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            further = LambdaSearch(MTRLRegressor(), lambdas=(1e-12, 1e-10, 1e-8)).fit(X, y, task=task)
        assert further.scores_[-1, 2] < search.scores_[-1, 2]
