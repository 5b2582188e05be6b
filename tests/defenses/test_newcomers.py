"""Ranking of new tasks: against refits by hand, invariances, what it finds, and what is refused."""

import numpy as np
import pytest
from sklearn.base import clone

from patom import Capped, MTRLClassifier, MTRLRegressor, NewTasks, RandomAttack, ThreatModel
from patom.core.covariances import mean_regularised_covariance
from patom.datasets import make_related_tasks
from patom.defenses import rank_new_tasks

REGRESSION = MTRLRegressor(0.01, 0.02, tol=1e-12)
CLASSES = MTRLClassifier(0.01, 0.02, tol=1e-12)
NUMBERS = ("alone", "loss_rise", "marginal", "marginal_loss_rise", "together", "together_loss_rise")
OLD, NEW = ["a", "c", "e", "f"], ["b", "d"]


def table(kind="regression"):
    """Six tasks, labels of text, of 30 rows; the second and the fourth are new and smaller."""
    X, y, task = make_related_tasks(n_tasks=6, n_features=4, n_train=30, kind=kind, random_state=3).train
    place = np.arange(y.size) % 30
    keep = (place < 30) & ~((task == 1) & (place >= 3)) & ~((task == 3) & (place >= 12))
    return X[keep], y[keep], np.array(list("abcdef"))[task[keep]]


def by_hand(model, X, y, task, joined):
    """Predictions for each old task, and the mean loss, of a public fit on the old and some new tasks."""
    inside = np.isin(task, [*OLD, *joined])
    fitted = clone(model).fit(X[inside], y[inside], task=task[inside])
    if isinstance(model, MTRLRegressor):
        z = [fitted.predict(X[task == label], task=task[task == label]) for label in OLD]
        losses = [np.mean((y[task == label] - own) ** 2) for label, own in zip(OLD, z, strict=True)]
    else:
        z = [fitted.decision_function(X[task == label], task=task[task == label]) for label in OLD]
        sign = {label: np.where(y[task == label] == fitted.classes_[1], 1.0, -1.0) for label in OLD}
        losses = [np.mean(np.maximum(0.0, 1.0 - sign[label] * own) ** 2) for label, own in zip(OLD, z, strict=True)]
    return z, float(np.mean(losses))


@pytest.mark.filterwarnings("ignore:n_0 of Capped names")  # a part of the tasks is fitted
@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("regression", REGRESSION), ("classification", CLASSES),
        ("regression", clone(REGRESSION).set_params(task_weights="rows")),
        ("regression", clone(REGRESSION).set_params(task_weights=Capped({"b": 40.0}, others=20.0))),
    ],
)  # fmt: skip
def test_it_is_what_refits_give(kind, model):
    X, y, task = table(kind)
    found = rank_new_tasks(model, X, y, task=task, new=NEW)
    before, loss = by_hand(model, X, y, task, [])

    def effect(joined):
        after, now = by_hand(model, X, y, task, joined)
        moved = sum(np.mean((b - a) ** 2) for a, b in zip(before, after, strict=True))
        return np.array([np.sqrt(moved / sum(np.mean(z**2) for z in before)), now / loss - 1.0])

    everyone = effect(NEW)
    assert found.tasks.tolist() == NEW
    assert found.n_rows.tolist() == [3, 12]
    np.testing.assert_allclose([found.together, found.together_loss_rise], everyone, rtol=1e-5)
    for i, (own, other) in enumerate((NEW, NEW[::-1])):
        np.testing.assert_allclose([found.alone[i], found.loss_rise[i]], effect([own]), rtol=1e-5, atol=1e-7)
        marginal = [found.marginal[i], found.marginal_loss_rise[i]]
        np.testing.assert_allclose(marginal, everyone - effect([other]), rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(found.share, (found.loss_rise + found.marginal_loss_rise) / 2)
    assert found.order.tolist() == sorted([0, 1], key=lambda i: -found.share[i])


def test_of_a_single_new_task_first_and_last_are_the_same():
    X, y, task = table()
    found = rank_new_tasks(REGRESSION, X, y, task=task, new="b")
    assert found.tasks.tolist() == ["b"]
    for name in ("alone", "marginal"):
        assert getattr(found, name)[0] == pytest.approx(found.together, rel=1e-6)
    for name in ("loss_rise", "marginal_loss_rise"):
        assert getattr(found, name)[0] == pytest.approx(found.together_loss_rise, rel=1e-6)


def test_one_old_task_is_enough_and_its_copy_moves_it_little():
    X, y, task = table()
    own = task == "a"
    X, y = np.vstack([X[own], X[own], X[own]]), np.concatenate([y[own], y[own], 3.0 * y[own][::-1]])
    found = rank_new_tasks(REGRESSION, X, y, task=np.repeat(["old", "copy", "odd"], own.sum()), new=["copy", "odd"])
    copy, odd = 0, 1
    assert 0.0 < found.alone[copy] < 0.5 * found.alone[odd]
    assert found.tasks[found.order].tolist() == ["odd", "copy"]


def test_the_order_of_rows_and_the_names_of_tasks_play_no_part():
    X, y, task = table()
    found = rank_new_tasks(REGRESSION, X, y, task=task, new=NEW)
    shuffled = np.random.default_rng(0).permutation(y.size)
    named = dict(zip("abcdef", (5, 9, 3, 1, 7, 2), strict=True))  # puts the new tasks at other places
    other = np.array([named[label] for label in task[shuffled]])
    again = rank_new_tasks(REGRESSION, X[shuffled], y[shuffled], task=other, new=[9, 1, 9])
    assert again.tasks.tolist() == [1, 9]
    for name in NUMBERS[:4]:
        np.testing.assert_allclose(getattr(again, name), getattr(found, name)[::-1], rtol=1e-5, atol=1e-8)
    assert again.together == pytest.approx(found.together, rel=1e-6)


def test_the_scale_of_the_targets_plays_no_part():
    X, y, task = table()
    found, scaled = (rank_new_tasks(REGRESSION, X, factor * y, task=task, new=NEW) for factor in (1.0, 1e3))
    for name in NUMBERS:
        np.testing.assert_allclose(getattr(scaled, name), getattr(found, name), rtol=1e-5, atol=1e-8)


def test_identical_accounts_get_the_same():
    X, y, task = table()
    own = task == "b"
    X, y, task = np.vstack([X, X[own]]), np.append(y, y[own]), np.append(task, ["B"] * own.sum())
    found = rank_new_tasks(REGRESSION, X, y, task=task, new=["B", "b", "d"])
    for name in NUMBERS[:4]:
        values = getattr(found, name)
        assert values[0] == pytest.approx(values[1], rel=1e-5)
        assert abs(values[0] - values[2]) > 1e-3 * abs(values[0])


def test_of_a_given_covariance_the_block_of_the_tasks_that_are_there_is_used():
    X, y, task = table()
    omega = mean_regularised_covariance(6, 2.0)
    found = rank_new_tasks(clone(REGRESSION).set_params(task_covariance=omega), X, y, task=task, new=NEW)

    def predictions(tasks):
        at = ["abcdef".index(label) for label in tasks]
        inside = np.isin(task, tasks)
        model = clone(REGRESSION).set_params(task_covariance=omega[np.ix_(at, at)])
        model.fit(X[inside], y[inside], task=task[inside])
        return [model.predict(X[task == label], task=task[task == label]) for label in OLD]

    before, after = predictions(OLD), predictions(sorted([*OLD, "b"]))
    moved = sum(np.mean((b - a) ** 2) for a, b in zip(before, after, strict=True))
    assert found.alone[0] == pytest.approx(np.sqrt(moved / sum(np.mean(z**2) for z in before)), rel=1e-5)
    independent = clone(REGRESSION).set_params(task_covariance=np.eye(6) / 6)
    found = rank_new_tasks(independent, X, y, task=task, new=NEW)
    assert max(np.abs(getattr(found, name)).max() for name in NUMBERS) < 1e-6


@pytest.mark.parametrize("seed", range(2))
def test_see_saw_accounts_come_before_honest_newcomers(seed):
    X, y, task = make_related_tasks(n_tasks=20, random_state=seed).train
    keep = (task < 15) | (np.arange(y.size) % 40 < 2 + task)  # the last five are new, of 17 rows and more
    X, y, task = X[keep], y[keep], task[keep]
    model, attack = MTRLRegressor(0.01, 0.01), RandomAttack(features="see-saw", labels="extremes")
    threat = ThreatModel(targets=list(range(15)), attackers=NewTasks(5, 2))
    result = attack.poison(model, X, y, task=task, threat=threat, random_state=seed)
    both, done = result.combine(X, y, task), []
    new = [15, 16, 17, 18, 19, *result.new_tasks]
    found = rank_new_tasks(model, both.X, both.y, task=both.task, new=new, progress=lambda: done.append(1))
    assert set(found.tasks[found.order[:5]].tolist()) == set(result.new_tasks)
    assert found.together_loss_rise > 0.5
    assert len(done) == 2 * len(new) + 2


def test_honest_newcomers_may_raise_the_training_loss_and_lower_the_test_error():
    """As docs/screening.md says: a loss rise alone is no harm."""
    data = make_related_tasks(n_tasks=30, n_train=10, random_state=0)
    X, y, task = data.train
    new, model = np.arange(0, 30, 3), MTRLRegressor(0.01, 0.01)
    assert rank_new_tasks(model, X, y, task=task, new=new).together_loss_rise > 0.01
    old, tested = ~np.isin(task, new), ~np.isin(data.test.task, new)
    rows, targets, label = (part[tested] for part in data.test)
    before, after = (
        np.mean((targets - clone(model).fit(X[some], y[some], task=task[some]).predict(rows, task=label)) ** 2)
        for some in (old, np.ones(y.size, dtype=bool))
    )
    assert after < 0.99 * before


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ([], "new must name a task at least; got none"),
        (["z"], "new names the task 'z', which the training data do not hold"),
        ("bd", "new names the task 'bd'"),
        (7, "new names the task 7"),
        (list("abcdef"), "new names all tasks"),
        (np.ma.masked_array(["b", "d"], mask=[False, True]), "new holds a masked value"),
    ],
)
def test_bad_new_tasks_are_refused(new, reason):
    X, y, task = table()
    with pytest.raises(ValueError, match=reason):
        rank_new_tasks(REGRESSION, X, y, task=task, new=new)


def test_other_bad_input_is_refused():
    X, y, task = table()
    with pytest.raises(ValueError, match="rank_new_tasks must be an MTRLRegressor or MTRLClassifier; got str"):
        rank_new_tasks("ridge", X, y, task=task, new=NEW)
    with pytest.raises(ValueError, match="predicts 0 for all their rows; check y"):
        rank_new_tasks(REGRESSION, X, np.where(np.isin(task, NEW), y, 0.0), task=task, new=NEW)
    with pytest.raises(ValueError, match="X holds NaN in row 2"):
        rank_new_tasks(REGRESSION, np.where(np.arange(y.size)[:, None] == 2, np.nan, X), y, task=task, new=NEW)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        rank_new_tasks(REGRESSION, X, y[:-1], task=task, new=NEW)
    with pytest.raises(ValueError, match="new names all tasks"):
        rank_new_tasks(REGRESSION, X, y, task=None, new=0)
