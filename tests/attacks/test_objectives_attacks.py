"""Attacks with each objective: they move what it asks for, which is measured on the victim fitted by hand."""

import numpy as np
import pytest
from sklearn.base import clone

from patom import PATOM, Ball, ProjectedAscent, RandomAttack, ThreatModel
from patom.attacks import AttackStatus, Availability, Sparing, Targeted, hypergradient

ATTACKS = {
    "PATOM": PATOM(step_size=10.0, max_iter=3),
    "ascent": ProjectedAscent(max_iter=15, n_starts=1),
    "paper's gradient": ProjectedAscent("paper", max_iter=15, n_starts=1),
    "labels": ProjectedAscent(max_iter=8, n_starts=2, optimise_labels=True),
    "random": RandomAttack(),
}
ASCENTS = ("ascent", "paper's gradient", "labels")
LOSSES = ("squared_error", "logistic")
VALUES = {"squared_error": lambda z, y: (y - z) ** 2, "logistic": lambda z, y: np.log1p(np.exp(-y * z))}


@pytest.fixture(params=LOSSES)
def case(request, make_tasks, make_victim):
    return Case(request.param, make_tasks(request.param), make_victim(request.param, lambda_1=0.01, lambda_2=0.01))


class Case:
    """Clean data with targets "a" and "b"; rows to aim at, and what the poisoned victim makes of them."""

    def __init__(self, loss, data, model):
        self.loss, (self.X, self.y, self.task), self.model = loss, data, model
        rng = np.random.default_rng(3)
        self.aimed, self.aimed_task = 0.5 * rng.standard_normal((3, 4)), ["b", "a", "a"]
        self.aimed_y = self.y[:3]

    def attack(self, name, objective, attackers=("b", "c"), budget=0.3):
        threat = ThreatModel(["a", "b"], attackers, budget, objective=objective)
        return ATTACKS[name].poison(self.model, self.X, self.y, task=self.task, threat=threat, random_state=0)

    def refit(self, result=None):
        X, y, task = self.X, self.y, self.task
        if result is not None:
            X, y, task = np.vstack([X, result.X]), np.append(y, result.y), np.append(task, result.task)
        return clone(self.model).set_params(tol=1e-12).fit(X, y, task=task)

    def z(self, fitted, X, task):
        act = fitted.predict if self.loss == "squared_error" else fitted.decision_function
        return act(X, task=task)

    def losses(self, fitted, X, y, task):
        y = y if self.loss == "squared_error" else np.where(y == "yes", 1.0, -1.0)
        return VALUES[self.loss](self.z(fitted, X, task), y)

    def by_task(self, fitted):
        loss = self.losses(fitted, self.X, self.y, self.task)
        return {label: loss[self.task == label].mean() for label in "abcd"}

    def objectives(self):
        """Each objective with its utility as a function of the fitted victim."""
        own = {"X": self.aimed, "y": self.aimed_y, "task": self.aimed_task}
        others = np.isin(self.task, ["c", "d"])
        return {
            "mean": (Availability(), lambda f: np.mean([self.by_task(f)[t] for t in "ab"])),  # tasks of equal size
            "worst": (Availability("worst"), lambda f: max(self.by_task(f)[t] for t in "ab")),
            "least": (Availability("least"), lambda f: min(self.by_task(f)[t] for t in "ab")),
            "own rows": (Availability(**own), lambda f: self.losses(f, **own).mean()),
            "raise": (Targeted(self.aimed, self.aimed_task), lambda f: self.z(f, self.aimed, self.aimed_task).mean()),
            "lower": (
                Targeted(self.aimed, self.aimed_task, "lower"),
                lambda f: -self.z(f, self.aimed, self.aimed_task).mean(),
            ),
            "sparing": (
                Sparing(Availability(), 2.0),
                lambda f: (
                    np.mean([self.by_task(f)[t] for t in "ab"])
                    - 2.0 * self.losses(f, self.X[others], self.y[others], self.task[others]).mean()
                ),
            ),
        }


@pytest.fixture(params=["mean", "worst", "least", "own rows", "raise", "lower", "sparing"])
def asked(request, case):
    return case.objectives()[request.param]


@pytest.mark.in_turn
@pytest.mark.parametrize("name", ATTACKS)
def test_the_utility_is_the_objective_on_the_poisoned_victim(case, asked, name):
    objective, utility = asked
    result = case.attack(name, objective)
    assert result.threat.objective is objective
    assert result.utility == pytest.approx(utility(case.refit(result)), rel=1e-3, abs=1e-5)
    assert result.clean_utility == pytest.approx(utility(case.refit()), rel=1e-3, abs=1e-5)
    if name in ASCENTS:
        assert result.utility > result.clean_utility
        assert (np.diff(result.history.utility) > 0.0).all()
        assert result.utility > result.history.utility[0]


@pytest.mark.parametrize("name", ASCENTS)
def test_predictions_on_the_chosen_rows_move_both_ways(case, name):
    clean = case.z(case.refit(), case.aimed, case.aimed_task).mean()
    up, down = (
        case.z(case.refit(case.attack(name, case.objectives()[way][0])), case.aimed, case.aimed_task).mean()
        for way in ("raise", "lower")
    )
    assert down < clean < up


def test_patoms_moves_follow_the_objective(case, asked):
    """Many samples of a short step come to the paper's gradient of the utility, times the rows first aimed at."""
    objective, _ = asked
    seen, attack = [], PATOM(step_size=1e-6, max_iter=1, batch_ratio=400.0, features="resampled")
    threat = ThreatModel(["a", "b"], ["b", "c"], 0.3, Ball(5.0), objective=objective)
    result = attack.poison(
        case.model, case.X, case.y, task=case.task, threat=threat, random_state=0,
        callback=lambda _, X: seen.append(X),
    )  # fmt: skip
    expected = hypergradient(
        case.model, case.X, case.y, task=case.task, X_poison=seen[0], y_poison=result.y, task_poison=result.task,
        targets=["a", "b"], objective=objective, gradient="paper",
    )  # fmt: skip
    n = 3 if objective.__class__ is Targeted or getattr(objective, "X", None) is not None else 30
    moved = (seen[1] - seen[0]) / (1e-6 * 400.0 * n)
    assert np.linalg.norm(moved - expected) < 0.15 * np.linalg.norm(expected)


def test_a_single_row_is_moved_through_another_task(case):
    row, task = case.aimed[:1], ["b"]
    clean = case.z(case.refit(), row, task)[0]
    moved = case.attack("ascent", Targeted(row, task), attackers=["c"], budget=1.0)
    assert case.z(case.refit(moved), row, task)[0] > clean
    assert moved.utility == pytest.approx(case.z(case.refit(moved), row, task)[0], rel=1e-3)


def test_the_worst_task_is_hurt_more_than_the_mean_and_the_least_is_spared_least(case):
    found = {over: case.by_task(case.refit(case.attack("ascent", Availability(over)))) for over in ("mean", "least")}
    worst = case.attack("ascent", Availability("worst"))
    by_task = case.by_task(case.refit(worst))
    assert worst.utility == pytest.approx(max(by_task["a"], by_task["b"]), rel=1e-3)
    assert worst.utility > np.mean([by_task["a"], by_task["b"]])
    assert min(found["least"][t] for t in "ab") > 1.05 * min(found["mean"][t] for t in "ab")


def test_sparing_does_less_harm_to_the_others(case):
    plain, spared = case.attack("ascent", Availability()), case.attack("ascent", Sparing(Availability(), 5.0))
    harm = [np.mean([case.by_task(case.refit(result))[t] for t in "cd"]) for result in (plain, spared)]
    assert harm[1] < harm[0]
    assert spared.collateral < plain.collateral
    assert plain.utility > np.mean([case.by_task(case.refit(spared))[t] for t in "ab"])  # which has its price


def test_a_heavier_weight_spares_more(case):
    harm = [
        case.attack("ascent", Sparing(Availability(), weight)).task_losses["attacked"][2:].mean()
        for weight in (0.0, 1.0, 100.0)
    ]
    assert harm[0] > harm[1] > harm[2]


def test_sparing_nobody_is_the_objective_itself(case):
    one, other = (case.attack("ascent", objective) for objective in (Availability(), Sparing(Availability(), 0.0)))
    assert one.X.tobytes() == other.X.tobytes()


def test_independent_tasks_cannot_be_reached(case):
    case.model.set_params(task_covariance=np.eye(4) / 4)
    objective = Targeted(case.aimed[1:], ["a", "a"])
    result = case.attack("ascent", objective, attackers=["c"])
    assert result.utility == pytest.approx(result.clean_utility, rel=1e-9)
    uncoupled = case.attack("PATOM", objective, attackers=["c"])
    assert uncoupled.status is AttackStatus.UNCOUPLED
