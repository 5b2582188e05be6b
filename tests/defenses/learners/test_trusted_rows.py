"""TrustedRows as an estimator: what it keeps, what it drops, what nothing can move, and what it refuses."""

import pickle
import re

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge

from patom import LambdaSearch, MTRLClassifier, MTRLRegressor, ProjectedAscent, ThreatModel
from patom.defenses import Sanitised, Sphere, TrustedRows

NAMES = np.array(["ann", "bob", "cat", "dan"])
BAD = 8  # rows of each of the first two tasks whose targets are wrong


def made(kind, seed=0, *, wrong=True, n=60, trusted=20):
    """Trusted rows of tasks 0 and 1, the other rows of all tasks in no order, which of these are wrong, a learner."""
    rng = np.random.default_rng(seed)
    index = np.repeat(np.arange(4), n)
    X = rng.uniform(-1.0, 1.0, (index.size, 3))
    W = np.array([2.0, -1.0, 0.5]) + 0.3 * rng.standard_normal((4, 3))
    z = (X * W[index]).sum(axis=1) + 0.3 * rng.standard_normal(index.size)
    place = np.tile(np.arange(n), 4)
    known = (place < trusted) & (index < 2)
    bad = (place >= n - BAD) & (index < 2) & wrong
    X[bad] = np.sign(X[bad])  # far out
    y = np.where(bad, -8.0 * np.sign(X[:, 0]), z) if kind == "quantity" else np.where(z > 0.0, 1.0, -1.0)
    if kind == "classes":
        y[bad] = -np.sign(X[bad, 0])
    learner = (MTRLRegressor if kind == "quantity" else MTRLClassifier)(0.01, 0.01)
    rest = rng.permutation(np.flatnonzero(~known))
    return (X[known], y[known], index[known]), (X[rest], y[rest], index[rest]), bad[rest], learner


@pytest.fixture(name="kind", params=["quantity", "classes"])
def fixture_kind(request):
    return request.param


@pytest.fixture(name="data")
def fixture_data(kind):
    return made(kind)


def fitted(data, **settings):
    trusted, (X, y, task), _, learner = data
    return TrustedRows(learner, *trusted, **settings).fit(X, y, task=task)


def test_wrong_rows_lose_their_weight_and_others_keep_it(data):
    model, bad = fitted(data), data[2]
    assert model.row_weights_[bad].mean() < (0.35 if is_classifier(model) else 0.05)
    assert model.row_weights_[~bad].mean() > 0.96
    assert model.row_weights_.min() >= 0.0
    assert model.row_weights_.max() <= 1.0


def test_it_is_near_the_fit_without_wrong_rows(data):
    trusted, (X, y, task), bad, learner = data
    model = fitted(data)
    parts = [np.concatenate([one, more[~bad]]) for one, more in zip(trusted, (X, y, task), strict=True)]
    clean = clone(learner).fit(parts[0], parts[1], task=parts[2])
    both = [np.concatenate(pair) for pair in zip(trusted, (X, y, task), strict=True)]
    plain = clone(learner).fit(both[0], both[1], task=both[2])
    off, before = (np.linalg.norm(each.coef_[:2] - clean.coef_[:2]) for each in (model, plain))
    assert off < 0.5 * before


def test_what_is_right_is_what_the_trusted_rows_say(data):
    """With trusted rows of the wrong kind the others are dropped: weights that ignored them would not change."""
    (X_t, _, task_t), rest, bad, learner = data
    wrong = (-1.0 if is_classifier(learner) else -8.0) * np.sign(X_t[:, 0])
    far = np.sign(X_t)
    model = fitted(((far, wrong, task_t), rest, bad, learner))
    first = rest[2] < 2
    assert model.row_weights_[bad].mean() > 0.9
    assert model.row_weights_[~bad & first].mean() < 0.3


@pytest.mark.parametrize("seed", range(4))
def test_clean_rows_keep_their_weight(kind, seed):
    data = made(kind, seed, wrong=False)
    trusted, (X, y, task), _, learner = data
    model = fitted(data)
    assert (1.0 - model.row_weights_).mean() < 0.05
    both = [np.concatenate(pair) for pair in zip(trusted, (X, y, task), strict=True)]
    plain = clone(learner).fit(both[0], both[1], task=both[2])
    assert np.linalg.norm(model.coef_ - plain.coef_) < 0.12 * np.linalg.norm(plain.coef_)


def test_at_a_high_price_it_is_the_plain_fit(data):
    trusted, (X, y, task), _, learner = data
    model = fitted(data, price=1e9)
    assert (model.row_weights_ == 1.0).all()
    assert (model.task_weights_ == 1.0).all()
    assert model.history_.size == 1
    both = [np.concatenate(pair) for pair in zip(trusted, (X, y, task), strict=True)]
    plain = clone(learner).fit(both[0], both[1], task=both[2])
    np.testing.assert_allclose(model.coef_, plain.coef_, atol=1e-6)
    np.testing.assert_allclose(model.task_covariance_, plain.task_covariance_, atol=1e-6)


def test_one_task_is_a_ridge_with_the_weights():
    """(X'QX/n + (lambda_1 + lambda_2)/2 I) w = X'Qy/n, the trusted rows' weights 1."""
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1.0, 1.0, (40, 2)), rng.standard_normal(40)
    y[30:] = 9.0
    model = TrustedRows(MTRLRegressor(0.02, 0.03, tol=1e-12), X[:15], y[:15], price=2.0).fit(X[15:], y[15:])
    q, A = np.append(np.ones(15), model.row_weights_), np.column_stack([X, np.ones(40)])
    assert q.min() < 0.5
    w = np.linalg.solve(A.T @ (q[:, None] * A) / 40 + 0.025 * np.eye(3), A.T @ (q * y) / 40)
    np.testing.assert_allclose(np.append(model.coef_[0], model.intercept_[0]), w, atol=1e-7)
    assert model.task_weights_ == pytest.approx([model.row_weights_.mean()])


def test_neither_the_order_of_rows_nor_the_names_of_tasks_matter(data):
    trusted, (X, y, task), bad, learner = data
    exact = clone(learner).set_params(tol=1e-12)
    few = {"max_iter": 10}  # over many steps rows at the corner of a hinge make much of rounding
    model = fitted((trusted, (X, y, task), bad, exact), **few)
    order = np.random.default_rng(1).permutation(y.size)
    again = fitted((trusted, (X[order], y[order], task[order]), bad, exact), **few)
    np.testing.assert_allclose(again.row_weights_, model.row_weights_[order], atol=1e-5)
    np.testing.assert_allclose(again.coef_, model.coef_, atol=1e-5)
    named = fitted(((*trusted[:2], NAMES[trusted[2]]), (X, y, NAMES[task]), bad, exact), **few)
    assert named.tasks_.tolist() == NAMES.tolist()
    np.testing.assert_array_equal(named.row_weights_, model.row_weights_)


def test_history_and_weights_of_tasks(data):
    model, task = fitted(data), data[1][2]
    expected = [model.row_weights_[task == i].mean() for i in range(4)]
    np.testing.assert_allclose(model.task_weights_, expected, rtol=1e-12)
    assert model.history_.dropped[-1] == pytest.approx(1.0 - model.row_weights_.mean(), rel=1e-9)
    assert model.history_.trusted_loss[-1] < model.history_.trusted_loss[0]
    assert model.history_.price[-1] == 8.0
    assert min(vars(model.trusted_units_).values()) > 0.0


def test_an_account_may_be_dropped_and_keeps_its_name(data):
    trusted, (X, y, task), bad, learner = data
    more = np.full((3, 3), 0.9)
    targets = np.full(3, -9.0) if is_regressor(learner) else np.full(3, -1.0)
    rows = (np.vstack([X, more]), np.append(y, targets), np.append(task, [7, 7, 7]))
    model = fitted((trusted, rows, np.append(bad, [False] * 3), learner))
    assert model.tasks_.tolist() == [0, 1, 2, 3, 7]
    assert model.predict(more, task=[7, 7, 7]).shape == (3,)


def test_a_task_may_have_trusted_rows_only(data):
    trusted, (X, y, task), bad, learner = data
    left = task != 1
    model = fitted((trusted, (X[left], y[left], task[left]), bad[left], learner))
    assert model.tasks_.tolist() == [0, 1, 2, 3]
    assert model.task_weights_[1] == 1.0


def test_it_predicts_as_its_estimator(data):
    trusted, (X, y, task), _, learner = data
    model = TrustedRows(learner, *trusted)
    with pytest.raises(NotFittedError):
        model.predict(X, task=task)
    model.fit(X, y, task=task)
    np.testing.assert_array_equal(model.predict(X, task=task), model.estimator_.predict(X, task=task))
    assert model.score(X, y, task=task) == model.estimator_.score(X, y, task=task)
    assert is_regressor(model) == isinstance(learner, MTRLRegressor)
    assert is_classifier(model) == hasattr(model, "decision_function") == isinstance(learner, MTRLClassifier)
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.predict(X, task=task), model.predict(X, task=task))
    np.testing.assert_array_equal(restored.row_weights_, model.row_weights_)
    assert not hasattr(learner, "tasks_")


def test_it_is_the_same_each_time_and_leaves_its_input_alone(data):
    trusted, rest, _, learner = data
    copies = [part.copy() for part in (*trusted, *rest)]
    model = TrustedRows(learner, *trusted)
    first = clone(model).fit(*rest[:2], task=rest[2])
    second = model.fit(*rest[:2], task=rest[2])
    np.testing.assert_array_equal(first.row_weights_, second.row_weights_)
    np.testing.assert_array_equal(first.coef_, second.coef_)
    for part, copy in zip((*trusted, *rest), copies, strict=True):
        np.testing.assert_array_equal(part, copy)
    parameters = model.get_params()
    assert {"estimator", "X", "y", "task", "price", "n_folds", "max_iter", "random_state"} <= set(parameters)
    np.testing.assert_array_equal(clone(model).X, trusted[0])


@pytest.mark.filterwarnings("ignore:LambdaSearch chose:UserWarning")  # a grid of a few ends at an edge
def test_a_search_chooses_its_lambdas_first(data):
    trusted, (X, y, task), bad, learner = data
    search = LambdaSearch(learner, lambdas=(1e-3, 1e-1))
    both = [np.concatenate(pair) for pair in zip(trusted, (X, y, task), strict=True)]
    chosen = clone(search).fit(both[0], both[1], task=both[2])
    fixed = clone(learner).set_params(lambda_1=chosen.lambda_1_, lambda_2=chosen.lambda_2_)
    found = fitted((trusted, (X, y, task), bad, search))
    np.testing.assert_array_equal(found.coef_, fitted((trusted, (X, y, task), bad, fixed)).coef_)


def test_one_task_without_labels(data):
    (X_t, y_t, _), (X, y, _), _, learner = data
    model = TrustedRows(learner, X_t, y_t).fit(X, y)
    zeros = TrustedRows(learner, X_t, y_t, np.zeros(y_t.size, dtype=int)).fit(X, y, task=np.zeros(y.size, dtype=int))
    np.testing.assert_array_equal(model.coef_, zeros.coef_)
    assert model.predict(X).shape == y.shape


def test_classes_may_be_text_and_the_trusted_rows_of_one_class():
    trusted, (X, y, task), bad, learner = made("classes")
    words = {-1.0: "no", 1.0: "yes"}
    named = [np.array([words[value] for value in part.tolist()]) for part in (trusted[1], y)]
    model = fitted(((trusted[0], named[0], trusted[2]), (X, named[1], task), bad, learner))
    np.testing.assert_array_equal(model.row_weights_, fitted((trusted, (X, y, task), bad, learner)).row_weights_)
    assert model.classes_.tolist() == ["no", "yes"]
    own = trusted[1] > 0.0
    positive = TrustedRows(learner, *(part[own] for part in trusted)).fit(X, y, task=task)
    assert np.isfinite(positive.coef_).all()


def test_data_frames_keep_their_names(data):
    pd = pytest.importorskip("pandas")
    (X_t, y_t, task_t), (X, y, task), _, learner = data
    names = list("abc")
    model = TrustedRows(learner, pd.DataFrame(X_t, columns=names), pd.Series(y_t), pd.Series(task_t))
    frame = pd.DataFrame(X, columns=names)
    model.fit(frame, pd.Series(y), task=pd.Series(task))
    assert model.feature_names_in_.tolist() == names
    np.testing.assert_array_equal(model.row_weights_, fitted(data).row_weights_)
    np.testing.assert_array_equal(model.predict(frame, task=task), fitted(data).predict(X, task=task))
    turned = pd.DataFrame(X_t, columns=list("cba"))
    with pytest.raises(ValueError, match=r"^X of TrustedRows has the columns \['c', 'b', 'a'\]; the training"):
        TrustedRows(learner, turned, y_t, task_t).fit(frame, y, task=task)


def test_it_may_stand_behind_a_filter(data):
    trusted, (X, y, task), _, learner = data
    model = TrustedRows(learner, *trusted)
    behind = Sanitised(model, Sphere(fraction=0.1)).fit(X, y, task=task)
    kept = behind.kept_.kept
    np.testing.assert_array_equal(behind.coef_, clone(model).fit(X[kept], y[kept], task=task[kept]).coef_)


@pytest.mark.parametrize("loss", ["huber", "logistic", "unclipped_hinge"])
def test_other_losses(loss):
    trusted, rest, bad, learner = made("quantity" if loss == "huber" else "classes")
    model = fitted((trusted, rest, bad, learner.set_params(loss=loss)))
    assert model.row_weights_[bad].mean() < model.row_weights_[~bad].mean()


@pytest.mark.parametrize("noise", [0.0, 1e-9])
def test_targets_without_noise(noise):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, (60, 2))
    y = X @ [1.0, 2.0] + noise * rng.standard_normal(60)
    model = TrustedRows(MTRLRegressor(1e-6, 1e-6), X[:20], y[:20]).fit(X[20:], y[20:])
    assert model.score(X, y) > 0.999
    still = TrustedRows(MTRLRegressor(), X[:20], np.zeros(20)).fit(X[20:], np.zeros(40))
    np.testing.assert_array_equal(still.row_weights_, 1.0)
    np.testing.assert_array_equal(still.coef_, 0.0)


def test_an_attack_on_the_plain_model_does_less_to_it(data):
    trusted, (X, y, task), _, learner = made(
        data[3] and ("classes" if is_classifier(data[3]) else "quantity"), wrong=False
    )
    attack = ProjectedAscent(optimise_labels=True, n_starts=1, max_iter=15)
    threat = ThreatModel([0, 1], [0, 1], 0.2, label_range=(-3.0, 3.0))
    result = attack.poison(learner, X, y, task=task, threat=threat, random_state=0)
    target = task < 2

    def loss(model):
        z = getattr(model, "decision_function", model.predict)(X[target], task=task[target])
        hinge = np.maximum(0.0, 1.0 - y[target] * z)
        return float(np.mean(hinge**2 if is_classifier(learner) else (y[target] - z) ** 2))

    clean, plain = clone(learner).fit(X, y, task=task), result.refit(learner, X, y, task=task)
    defended = result.refit(TrustedRows(learner, *trusted), X, y, task=task)
    assert loss(defended) - loss(clean) < 0.5 * (loss(plain) - loss(clean))


def refuses(sentence):
    return pytest.raises(ValueError, match=f"^{re.escape(sentence)}")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"estimator": Ridge()}, "estimator of TrustedRows must be an MTRLRegressor, an MTRLClassifier or a"),
        ({"price": 0.0}, "price of TrustedRows must be a finite number above 0.0; got 0.0."),
        ({"price": np.nan}, "price of TrustedRows must be a finite number above 0.0; got nan."),
        ({"price": "low"}, "price of TrustedRows must be a finite number above 0.0; got 'low'."),
        ({"n_folds": 1}, "n_folds of TrustedRows must be a whole number at least 2; got 1."),
        ({"max_iter": 0}, "max_iter of TrustedRows must be a whole number at least 1; got 0."),
        ({"random_state": -1}, "random_state of TrustedRows must be a whole number at least 0; got -1."),
        ({"X": None}, "X of TrustedRows must be rows, shape (q, d); got an array of shape ()."),
        ({"X": []}, "X of TrustedRows must be rows, shape (q, d); got an array of shape (0,)."),
        ({"X": [["a", "b", "c"]] * 40}, "X of TrustedRows must be an array of numbers, shape (q, d); the given"),
        ({"X": np.full((40, 3), np.nan)}, "X of TrustedRows holds NaN in row 0, column 0"),
        ({"X": np.ones((40, 2))}, "X of TrustedRows has 2 columns; the training data have 3."),
        ({"X": np.ones((1, 3)), "y": [1.0], "task": [0]}, "X of TrustedRows must hold two trusted rows at least"),
        ({"y": [1.0]}, "y of TrustedRows must hold 40 values, one a row; got 1."),
        ({"y": [np.nan] + [1.0] * 39}, "y of TrustedRows must be targets like those of the data: y holds"),
        ({"y": ["x"] + ["z"] * 39}, "y of TrustedRows must be targets like those of the data: y"),
        ({"task": None}, "task of TrustedRows must be given where fit gets one, and only there; fit got a task."),
        ({"task": [0]}, "task of TrustedRows must name each trusted row's task: task must hold one"),
        ({"task": [None] * 40}, "task of TrustedRows must name each trusted row's task: task holds a"),
        ({"task": ["0"] * 40}, "task of TrustedRows names the task '0' (str), and the training data hold 0 (int)"),
    ],
    ids=lambda value: "" if isinstance(value, str) else "-".join(value),
)  # fmt: skip
def test_what_makes_no_sense_is_refused(data, settings, said):
    trusted, (X, y, task), _, learner = data
    with refuses(said):
        TrustedRows(learner, *trusted).set_params(**settings).fit(X, y, task=task)


def test_rows_of_fit_are_checked_as_those_of_the_learner(data):
    trusted, (X, y, task), _, learner = data
    model = TrustedRows(learner, *trusted)
    wild = X.copy()
    wild[3, 1] = np.inf
    with refuses("X holds infinity in row 3, column 1"):
        model.fit(wild, y, task=task)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X, y[:-1], task=task)
    with refuses("task must hold one label for each of the"):
        model.fit(X, y, task=task[:-1])
    with refuses("task of TrustedRows must be given where fit gets one, and only there; fit got none."):
        model.fit(X, y)
    masked = np.ma.masked_array(trusted[0], mask=np.eye(40, 3))
    with refuses("X of TrustedRows holds a masked value in row 0, column 0"):
        clone(model).set_params(X=masked).fit(X, y, task=task)
