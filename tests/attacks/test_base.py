"""What a result says of an attack: losses by task, collateral damage, what it cost, and what the attacker expected."""

import numpy as np
import pytest
from sklearn.base import clone

from patom import PATOM, Ball, LambdaSearch, ProjectedAscent, RandomAttack, ThreatModel
from patom.attacks import AttackStatus, Availability, GreyBox, Targeted, gradients
from patom.models import problem

ATTACKS = {
    "PATOM": PATOM(step_size=10.0, max_iter=3, n_starts=2),
    "ascent": ProjectedAscent(max_iter=7, n_starts=2),
    "paper's gradient": ProjectedAscent("paper", max_iter=7, n_starts=1),
    "labels": ProjectedAscent(max_iter=9, n_starts=2, optimise_labels=True),
    "random": RandomAttack(),
}
VALUES = {
    "squared_error": lambda z, y: (y - z) ** 2,
    "huber": lambda z, y: np.where(np.abs(y - z) < 1.0, (y - z) ** 2, 2.0 * np.abs(y - z) - 1.0),
    "squared_hinge": lambda z, y: np.maximum(0.0, 1.0 - y * z) ** 2,
}


@pytest.fixture(params=ATTACKS.values(), ids=ATTACKS.keys())
def attack(request):
    return request.param


def run(attack, data, model, targets=("a", "c"), attackers=("c", "b"), **threat):
    X, y, task = data
    threat = ThreatModel(targets, attackers, 0.3, **threat)
    return attack.poison(model, X, y, task=task, threat=threat, random_state=0)


def losses(model, data, result=None):
    """Mean loss of each task's clean rows, the model fitted on clean and injected rows."""
    X, y, task = data
    fitted = clone(model).set_params(tol=1e-12)
    if result is None:
        fitted.fit(X, y, task=task)
    else:
        fitted.fit(np.vstack([X, result.X]), np.append(y, result.y), task=np.append(task, result.task))
    classes = model.loss == "squared_hinge"
    z = (fitted.decision_function if classes else fitted.predict)(X, task=task)
    loss = VALUES[model.loss](z, np.where(y == "yes", 1.0, -1.0) if classes else y)
    return np.array([loss[task == label].mean() for label in np.unique(task)])


@pytest.mark.parametrize("loss", VALUES)
def test_task_losses_are_those_of_refitted_victims(attack, loss, make_tasks, make_victim):
    data, model = make_tasks(loss), make_victim(loss, lambda_1=0.003, lambda_2=0.01)
    result = run(attack, data, model, region=Ball(1.5))
    found = result.task_losses
    assert found.dtype.names == ("clean", "attacked", "target", "attacker")
    assert result.tasks.tolist() == list("abcd")
    np.testing.assert_allclose(found.clean, losses(model, data), rtol=1e-3)
    np.testing.assert_allclose(found.attacked, losses(model, data, result), rtol=1e-3)
    assert found.target.tolist() == [True, False, True, False]
    assert found.attacker.tolist() == [False, True, True, False]
    assert result.utility == pytest.approx(found.attacked[[0, 2]].mean(), rel=1e-9)  # tasks of equal size
    assert result.clean_utility == pytest.approx(found.clean[[0, 2]].mean(), rel=1e-9)
    assert result.collateral == found.attacked[[1, 3]].mean() / found.clean[[1, 3]].mean() - 1.0


def test_an_attacking_task_without_a_row_is_none(make_tasks, make_victim):
    X, y, task = make_tasks("squared_error")
    keep = (task != "b") | (np.cumsum(task == "b") <= 3)  # 3 rows, of which 0.3 is none
    result = run(ATTACKS["random"], (X[keep], y[keep], task[keep]), make_victim("squared_error"))
    assert result.task_losses.attacker.tolist() == [False, False, True, False]


def test_there_is_no_collateral_where_every_task_is_a_target(attack, make_tasks, make_victim):
    result = run(attack, make_tasks("huber"), make_victim("huber"), targets=tuple("abcd"), attackers=("a", "b"))
    assert np.isnan(result.collateral)
    assert result.task_losses.target.all()


def test_nor_where_the_others_had_no_loss(make_tasks, make_victim):
    X, y, task = make_tasks("squared_error")
    result = run(RandomAttack(), (X, 0.0 * y, task), make_victim("squared_error"))
    assert result.utility == result.clean_utility == 0.0
    assert np.isnan(result.collateral)


@pytest.fixture
def meter(monkeypatch):
    """Counts of what was solved, by wrapping the two solvers."""
    counts = {"solves": 0, "solver_steps": 0, "adjoint_solves": 0, "products": 0}
    solve, solve_adjoint = problem._solve, gradients.solve_adjoint

    def counted(*args, **settings):
        solution = solve(*args, **settings)
        counts["solves"] += 1
        counts["solver_steps"] += solution.n_iter
        return solution

    def counted_adjoint(*args, **settings):
        found = solve_adjoint(*args, **settings)
        counts["adjoint_solves"] += 1
        counts["products"] += found.products
        return found

    monkeypatch.setattr(problem, "_solve", counted)
    monkeypatch.setattr(gradients, "solve_adjoint", counted_adjoint)
    return counts


@pytest.mark.parametrize("objective", [Availability("worst"), Targeted([[0.5, 0.0, 0.0, 0.1]], ["c"])])
@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
def test_the_cost_is_what_was_solved(attack, loss, objective, make_tasks, make_victim, meter):
    result = run(attack, make_tasks(loss), make_victim(loss, lambda_1=0.01, lambda_2=0.01), objective=objective)
    cost = vars(result.cost)
    assert meter["solves"] == cost["solves"] + 1  # the victim that is handed out is no part of it
    assert meter["solver_steps"] == cost["solver_steps"] + result.model.n_iter_
    assert (meter["adjoint_solves"], meter["products"]) == (cost["adjoint_solves"], cost["products"])
    if isinstance(attack, PATOM):
        assert cost["solves"] == 1 + 2 * 4
    if isinstance(attack, RandomAttack):
        assert cost["solves"] == 2
    if isinstance(attack, ProjectedAscent):
        most = 1 + attack.n_starts * (1 + 2 * attack.max_iter)  # a kept move may take a second solve
        assert 1 + attack.n_starts < cost["solves"] <= most
        assert (cost["adjoint_solves"] == 0) == (attack.gradient == "paper")


def test_a_grey_box_attackers_cost_is_her_own(attack, make_tasks, make_victim, meter):
    result = run(attack, make_tasks("squared_error"), make_victim("squared_error"), knowledge=GreyBox(share=0.5))
    assert meter["solves"] == result.cost.solves + 2  # the true victim, clean and poisoned
    assert meter["products"] == result.cost.products


def test_the_cost_of_one_attack_does_not_leak_into_the_next(attack, make_tasks, make_victim):
    data, model = make_tasks("squared_error"), make_victim("squared_error")
    assert run(attack, data, model).cost == run(attack, data, model).cost


@pytest.mark.filterwarnings("ignore:LambdaSearch chose:UserWarning")  # a grid of a few ends at an edge
def test_expected_and_true_utility(attack, make_tasks, make_victim):
    data, model = make_tasks("huber"), make_victim("huber", lambda_1=0.01, lambda_2=0.01)
    result = run(attack, data, model)
    assert result.expected_utility == result.history.utility[-1] == result.start_utilities.max()
    assert result.utility == pytest.approx(result.expected_utility, rel=1e-3)
    tuned = run(attack, data, LambdaSearch(model, lambdas=(0.001, 1.0), n_folds=2))
    fixed = clone(model).set_params(lambda_1=tuned.model.lambda_1_, lambda_2=tuned.model.lambda_2_)
    assert tuned.utility == pytest.approx(losses(fixed, data, tuned)[[0, 2]].mean(), rel=1e-3)


@pytest.mark.filterwarnings("ignore:Stopped at max_iter")
def test_fits_that_stopped_early_are_told(attack, make_tasks, make_victim):
    data = make_tasks("squared_hinge")
    for knowledge in (None, GreyBox()):
        result = run(attack, data, make_victim("squared_hinge", max_iter=3, lambda_1=1e-4), knowledge=knowledge)
        assert result.status is AttackStatus.UNCERTIFIED
