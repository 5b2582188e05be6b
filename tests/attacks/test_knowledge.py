"""Grey-box attackers: they plan on what they know and are measured on the true victim."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone

from patom import PATOM, Ball, LambdaSearch, ProjectedAscent, RandomAttack, ThreatModel
from patom.attacks import Availability, ByTask, GreyBox, OwnData, Sparing, Targeted
from patom.attacks.program import bilevel
from patom.core.regions import sphere_around

ATTACKS = {
    "PATOM": PATOM(step_size=10.0, max_iter=1),
    "ascent": ProjectedAscent(max_iter=5, n_starts=1),
    "labels": ProjectedAscent(max_iter=5, n_starts=2, optimise_labels=True),
    "random": RandomAttack(),
}
LOSSES = ("squared_error", "logistic")
VALUES = {"squared_error": lambda z, y: (y - z) ** 2, "logistic": lambda z, y: np.log1p(np.exp(-y * z))}


class Case:
    """Tasks of 9 to 14 rows; targets "a" and "c", attackers "c" and "b"."""

    def __init__(self, loss, make_tasks, make_victim):
        X, y, task = make_tasks(loss)
        keep = np.concatenate([np.flatnonzero(task == t)[:n] for t, n in zip("abcd", (9, 10, 14, 12), strict=True)])
        keep.sort()
        self.loss, self.data = loss, (X[keep], y[keep], task[keep])
        self.more = make_tasks(loss, seed=3, n_rows=20)
        self.model = make_victim(loss, lambda_1=0.01, lambda_2=0.02)

    def run(self, attack, knowledge=None, *, model=None, data=None, seed=0, tasks=("ac", "cb"), **threat):
        X, y, task = self.data if data is None else data
        threat = ThreatModel(list(tasks[0]), list(tasks[1]), 0.5, knowledge=knowledge, **threat)
        return attack.poison(self.model if model is None else model, X, y, task=task, threat=threat, random_state=seed)

    def program(self, knowledge, **threat):
        X, y, task = self.data
        return bilevel(self.model, X, y, task, ThreatModel(["a", "c"], ["c", "b"], 0.5, knowledge=knowledge, **threat))

    def loss_of(self, fitted, X, y, task):
        act = fitted.predict if self.loss == "squared_error" else fitted.decision_function
        chosen = np.isin(task, ["a", "c"])
        numbers = y if self.loss == "squared_error" else np.where(y == "yes", 1.0, -1.0)
        return VALUES[self.loss](act(X[chosen], task=task[chosen]), numbers[chosen]).mean()

    def refit(self, result, model=None):
        X, y, task = self.data
        model = clone(self.model if model is None else model)
        return model.fit(np.vstack([X, result.X]), np.append(y, result.y), task=np.append(task, result.task))

    def seen(self, knowledge):
        """The surrogate's rows in the labels of the data."""
        problem = self.program(knowledge).problem
        y = problem.rows.y if self.loss == "squared_error" else np.where(problem.rows.y > 0, "yes", "no")
        return problem.rows.X[:, :-1], y, problem.tasks[problem.rows.task_index]

    def own(self, *tasks, n=None, **settings):
        """Knowledge of other rows of some tasks, in that order."""
        X, y, task = self.more
        order = np.concatenate([np.flatnonzero(task == t)[:n] for t in tasks])
        return GreyBox(X=X[order], y=y[order], task=task[order], **settings)


@pytest.fixture(params=LOSSES)
def case(request, make_tasks, make_victim):
    return Case(request.param, make_tasks, make_victim)


@pytest.fixture(params=ATTACKS.values(), ids=ATTACKS.keys())
def attack(request):
    return request.param


def test_knowing_all_rows_is_knowing_everything(case, attack):
    white, grey = case.run(attack), case.run(attack, GreyBox(share=1.0, seed=5))
    assert grey.X.tobytes() == white.X.tobytes()
    assert grey.y.tolist() == white.y.tolist()
    assert grey.task.tolist() == white.task.tolist()
    assert (grey.utility, grey.clean_utility, grey.cost) == (white.utility, white.clean_utility, white.cost)
    assert grey.expected_utility == white.expected_utility


@pytest.mark.parametrize("share", [0.01, 0.34, 0.75])
def test_she_has_seen_a_share_of_each_tasks_rows(case, share):
    X, y, task = case.data
    seen_X, seen_y, seen_task = case.seen(GreyBox(share=share, seed=2))
    for label, n in zip("abcd", (9, 10, 14, 12), strict=True):
        own = {(*row, target) for row, target in zip(X[task == label], y[task == label], strict=True)}
        rows = [
            (*row, target) for row, target in zip(seen_X[seen_task == label], seen_y[seen_task == label], strict=True)
        ]
        assert len(rows) == n  # so that injected rows weigh what they will
        assert set(rows) <= own
        assert len(set(rows)) == max(1, int(share * n))
        often = [rows.count(row) for row in set(rows)]
        assert max(often) - min(often) <= 1


def test_what_she_does_is_measured_on_the_true_victim(case, attack):
    knowledge = GreyBox(share=0.4, lambda_1=0.05, seed=1)
    result = case.run(attack, knowledge)
    fitted = case.refit(result)
    assert result.utility == pytest.approx(case.loss_of(fitted, *case.data), rel=1e-6)
    X, y, task = case.data
    assert result.clean_utility == pytest.approx(
        case.loss_of(clone(case.model).fit(X, y, task=task), *case.data), rel=1e-3
    )
    np.testing.assert_array_equal(result.model.coef_, fitted.coef_)
    assert result.model.lambda_1 == 0.01

    seen_X, seen_y, seen_task = case.seen(knowledge)
    surrogate = clone(case.model).set_params(lambda_1=0.05)
    surrogate.fit(
        np.vstack([seen_X, result.X]), np.append(seen_y, result.y), task=np.append(seen_task, result.task)
    )  # what she expected
    assert result.expected_utility == pytest.approx(case.loss_of(surrogate, seen_X, seen_y, seen_task), rel=1e-3)
    assert abs(result.expected_utility / result.utility - 1.0) > 1e-2


def test_losses_by_task_are_the_truths(case):
    result = case.run(ATTACKS["ascent"], case.own("c", "b", "a"))
    assert result.tasks.tolist() == list("abcd")
    assert result.task_losses.target.tolist() == [True, False, True, False]
    assert result.task_losses.attacker.tolist() == [False, True, True, False]
    X, y, task = case.data
    fitted = case.refit(result)
    for label, loss in zip("ac", result.task_losses.attacked[[0, 2]], strict=True):
        chosen = task == label
        assert loss == pytest.approx(case.loss_of(fitted, X[chosen], y[chosen], task[chosen]), rel=1e-6)


def test_guessed_lambdas_are_those_she_plans_with(case, attack):
    guess = GreyBox(share=1.0, lambda_1=0.3, lambda_2=0.001)
    wrong = clone(case.model).set_params(lambda_1=0.3, lambda_2=0.001)
    grey, planned = case.run(attack, guess), case.run(attack, model=wrong)
    assert grey.X.tobytes() == planned.X.tobytes()
    assert grey.expected_utility == planned.expected_utility
    assert grey.utility == pytest.approx(case.loss_of(case.refit(grey), *case.data), rel=1e-6)
    assert grey.utility != pytest.approx(planned.utility, rel=1e-3)


def test_rows_of_her_own_of_fewer_tasks_in_another_order(case, attack):
    """As many rows of her own as the victim's tasks have: the attack is that on these rows alone."""
    rows = case.own("c", "a", "b", n=9)
    thin = {label: np.flatnonzero(case.data[2] == label)[:9] for label in "abcd"}
    keep = np.sort(np.concatenate(list(thin.values())))
    truth = tuple(values[keep] for values in case.data)
    labels = (-100.0, 100.0) if case.loss == "squared_error" else None
    grey = case.run(attack, rows, data=truth, label_range=labels)
    alone = case.run(attack, data=(rows.X, np.array(rows.y), np.array(rows.task)), label_range=labels)
    np.testing.assert_allclose(grey.X, alone.X, rtol=0.0, atol=1e-9)
    assert grey.y.tolist() == (pytest.approx(alone.y.tolist()) if labels else alone.y.tolist())
    assert grey.task.tolist() == alone.task.tolist()
    assert grey.expected_utility == pytest.approx(alone.expected_utility, rel=1e-6)
    assert grey.utility != pytest.approx(alone.utility, rel=1e-3)


def test_more_rows_of_her_own_than_the_task_has_are_thinned_out_evenly(case):
    X, _, task = case.seen(case.own("a", "b", "c", "d"))
    order = {tuple(row): k for k, row in enumerate(case.more[0][case.more[2] == "a"])}
    chosen = [order[tuple(row)] for row in X[task == "a"]]
    assert chosen == [20 * k // 9 for k in range(9)]


def test_region_labels_and_budget_are_the_truths(case, attack):
    X, y, task = case.data
    far = y + 50.0 if case.loss == "squared_error" else y
    rows = GreyBox(X=3.0 * X[::-1], y=far[::-1], task=task[::-1])
    result = case.run(attack, rows, region=OwnData("sphere", quantile=1.0))
    labels, counts = np.unique(result.task, return_counts=True)
    assert dict(zip(labels.tolist(), counts.tolist(), strict=True)) == {"b": 5, "c": 7}
    for label in "bc":
        own, injected = y[task == label], result.y[result.task == label]
        if case.loss == "squared_error":
            assert own.min() <= injected.min()
            assert injected.max() <= own.max()
            assert sphere_around(X[task == label], quantile=1.0).contains(result.X[result.task == label]).all()


@pytest.mark.parametrize("tasks", [("ac", "cb"), ("d", "cb"), ("b", "bd")])
def test_regions_and_ranges_by_task_follow_the_tasks(case, attack, tasks):
    """Her tasks have other positions than the victim's where she does not know the first."""
    X, y, task = case.data
    regions = {"b": Ball(0.3), "c": Ball(0.2, [2.0, 0.0, 0.0, 0.0]), "d": Ball(0.1, [-2.0, 0.0, 0.0, 0.0])}
    far = y + 10.0 * (task == "c") - 10.0 * (task == "d") if case.loss == "squared_error" else y
    knowledge = case.own(*dict.fromkeys(tasks[0] + tasks[1] + "c"))
    result = case.run(attack, knowledge, data=(X, far, task), region=ByTask(regions), tasks=tasks)
    assert set(result.task.tolist()) == set(tasks[1])
    for label in tasks[1]:
        assert regions[label].contains(result.X[result.task == label]).all()
        own, injected = sorted(far[task == label]), sorted(result.y[result.task == label])
        assert own[0] <= injected[0]
        assert injected[-1] <= own[-1]


def test_a_given_omega_is_known_among_her_tasks(case, attack):
    omega = np.array([[4.0, 1.0, 0.5, 0.0], [1.0, 3.0, 0.0, 1.0], [0.5, 0.0, 2.0, 0.3], [0.0, 1.0, 0.3, 1.0]]) / 10.0
    model = clone(case.model).set_params(task_covariance=omega)
    rows = case.own("c", "a", "b", n=9)
    keep = np.concatenate([np.flatnonzero(case.data[2] == label)[:9] for label in "abcd"])
    truth, settings = tuple(values[keep] for values in case.data), {"label_range": (-100.0, 100.0)}
    grey = case.run(attack, rows, model=model, data=truth, **settings)
    model.set_params(task_covariance=omega[:3, :3])
    alone = case.run(attack, model=model, data=(rows.X, np.array(rows.y), np.array(rows.task)), **settings)
    np.testing.assert_allclose(grey.X, alone.X, rtol=0.0, atol=1e-9)


def test_labels_of_several_types_in_another_order(case):
    X, y, task = case.data
    names = {"a": 1, "b": ("b", 2), "c": "c", "d": 2.5}

    def renamed(task):
        labels = np.empty(task.size, dtype=object)
        labels[:] = [names[label] for label in task]
        return labels

    order = np.argsort(task, kind="stable")[::-1]
    found = []
    for rows in (order, np.argsort(task, kind="stable")):
        knowledge = GreyBox(X=X[rows], y=y[rows], task=renamed(task)[rows])
        threat = ThreatModel([1], ["c", ("b", 2)], 0.5, knowledge=knowledge)
        attack = ProjectedAscent(max_iter=3, n_starts=1, features="resampled")
        found.append(attack.poison(case.model, X, y, task=renamed(task), threat=threat, random_state=0))
    for result in found:
        assert [label for label in result.task.tolist() if label == "c"] == ["c"] * 7
        assert set(result.task.tolist()) == {"c", ("b", 2)}
        fitted = result.refit(case.model, X, y, task=renamed(task))
        aimed = task == "a"
        act = fitted.predict if case.loss == "squared_error" else fitted.decision_function
        z, numbers = act(X[aimed], task=renamed(task)[aimed]), y[aimed]
        numbers = numbers if case.loss == "squared_error" else np.where(numbers == "yes", 1.0, -1.0)
        assert result.utility == pytest.approx(VALUES[case.loss](z, numbers).mean(), rel=1e-6)
    assert found[0].expected_utility == pytest.approx(found[1].expected_utility, rel=0.5)


@pytest.mark.in_turn
@pytest.mark.filterwarnings("ignore:LambdaSearch chose:UserWarning")  # a grid of a few ends at an edge
@pytest.mark.parametrize("knowledge", [None, GreyBox(share=0.6), GreyBox(share=1.0, lambda_1=1.0)])
@pytest.mark.parametrize("name", ["labels", "random"])
def test_a_victim_that_tunes_again_is_met_as_such(case, name, knowledge):
    attack = ATTACKS[name]
    search = LambdaSearch(case.model, lambdas=(0.001, 0.1, 10.0), n_folds=2)
    result = case.run(attack, knowledge, model=search)
    X, y, task = case.data
    clean = clone(search).fit(X, y, task=task)
    retuned = case.refit(result, search)
    assert isinstance(result.model, LambdaSearch)
    assert (result.model.lambda_1_, result.model.lambda_2_) == (retuned.lambda_1_, retuned.lambda_2_)
    assert result.utility == pytest.approx(case.loss_of(retuned, X, y, task), rel=1e-6)
    assert result.clean_utility == pytest.approx(case.loss_of(clean, X, y, task), rel=1e-3)
    fixed = clone(case.model).set_params(lambda_1=clean.lambda_1_, lambda_2=clean.lambda_2_)
    assert result.X.tobytes() == case.run(attack, knowledge, model=fixed).X.tobytes()
    assert not hasattr(search, "estimator_")


def test_the_seed_of_the_draw_decides_what_she_has_seen(case):
    one, same, other = (case.seen(GreyBox(share=0.5, seed=seed))[0] for seed in (0, 0, 1))
    assert one.tobytes() == same.tobytes()
    assert one.tobytes() != other.tobytes()
    found = [case.run(ATTACKS["ascent"], GreyBox(share=0.5, seed=seed)).X for seed in (0, 0, 1)]
    assert found[0].tobytes() == found[1].tobytes()
    assert not np.array_equal(found[0], found[2])


@pytest.mark.parametrize(
    "objective",
    [
        Targeted(0.5 * np.eye(4)[:2], ["c", "a"]),
        Sparing(Availability("worst")),
        Sparing(Targeted(np.eye(4)[:1], ["a"])),
    ],
)
def test_objectives_are_measured_on_the_true_victim(case, objective):
    result = case.run(ATTACKS["ascent"], case.own("c", "b", "a", n=9), objective=objective)
    truth = case.program(None, objective=objective)
    W = np.column_stack([result.model.coef_, result.model.intercept_])
    assert result.utility == truth.utility(W)
    assert result.expected_utility != pytest.approx(result.utility, rel=1e-6)


def test_what_she_knows_is_hers_and_compared_by_value(case):
    X, y, task = (values.copy() for values in case.data)
    one, other = GreyBox(X=X, y=y, task=task), GreyBox(X=X.tolist(), y=y.tolist(), task=task.tolist())
    assert one == other
    assert hash(one) == hash(other)
    X[0, 0] += 1.0
    assert one == other
    assert one != replace(one, X=X)
