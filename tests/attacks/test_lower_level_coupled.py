"""A victim with a rule for Omega, and attackers who know it."""

from dataclasses import replace

import numpy as np
import pytest

from patom import (
    PATOM,
    Ball,
    GreyBox,
    LambdaSearch,
    MTRLClassifier,
    MTRLRegressor,
    ProjectedAscent,
    RandomAttack,
    ThreatModel,
)
from patom.attacks import AT2FL, BackGradient, Influence, ModelTargeted, SingleTask, hypergradient, points_needed
from patom.attacks.draws import draw
from patom.attacks.gradients import implicit_gradient
from patom.attacks.program import bilevel
from patom.defenses import Capped, Coupled, HeldOut, Sanitised, Shrunken, Sphere, WithoutInfluential
from patom.defenses.coupling.rule import Coupling, CouplingRule

RULES = {
    "shrunken": Shrunken(0.3),
    "capped": Capped(0.4),
    "held out": HeldOut(errors=0.0),
    "held out, learned variances": HeldOut(errors=0.0, variances="learned"),
    "without influential": WithoutInfluential(0.1),
}
THREAT = ThreatModel([0], [1, 2], 0.2, Ball(1.0))


class Given(CouplingRule):
    """An Omega that does not depend on the rows."""

    def check(self):
        """Nothing to check."""

    def couple(self, problem, start=None):
        del start
        m = problem.rows.n_tasks
        return Coupling(0.3 * np.eye(m) / m + 0.7 * np.ones((m, m)) / m, np.zeros((m, problem.rows.n_columns)))


@pytest.fixture(name="data", params=["squared_error", "squared_hinge"])
def fixture_data(request):
    """Five related tasks of 25 rows, and a learner."""
    rng = np.random.default_rng(3)
    task, X = np.repeat(np.arange(5), 25), Ball().sample(125, 4, rng)
    W = rng.standard_normal(4) + 0.8 * rng.standard_normal((5, 4))
    y = (X * W[task]).sum(axis=1) + 0.1 * rng.standard_normal(125)
    if request.param == "squared_error":
        return X, y, task, MTRLRegressor(0.01, 0.02, tol=1e-13)
    return X, np.where(y > 0.0, 1.0, -1.0), task, MTRLClassifier(0.01, 0.02, tol=1e-13)


@pytest.fixture(name="rule", params=RULES.values(), ids=RULES.keys())
def fixture_rule(request):
    return request.param


def differences(program, injection, W, n_rows=3):
    """Central differences of the utility, with the whole problem solved again, rule and all; shape (n_rows, d)."""

    def utility(row, column, step):
        moved = replace(injection, X=injection.X.copy())
        moved.X[row, column] += step
        return program.utility(program.solve(moved, start=W).W)

    d = injection.X.shape[1]
    return np.array([[(utility(i, c, 1e-5) - utility(i, c, -1e-5)) / 2e-5 for c in range(d)] for i in range(n_rows)])


@pytest.mark.in_turn
def test_the_gradient_follows_omega_through_the_rule(rule, data):
    X, y, task, learner = data
    program = bilevel(Coupled(learner, rule), X, y, task, replace(THREAT, targets=(0, 1), attackers=(1, 2)))
    injection = draw(program, "uniform", "resampled", np.random.default_rng(1))
    W = program.solve(injection).W
    slopes = differences(program, injection, W)
    found = implicit_gradient(program, injection, W).features[:3]
    np.testing.assert_allclose(found, slopes, atol=1e-5 * np.abs(slopes).max())


@pytest.mark.parametrize("data", ["squared_error"], indirect=True)  # classes do not move by a little
def test_so_do_derivatives_by_targets(rule, data):
    X, y, task, learner = data
    program = bilevel(Coupled(learner, rule), X, y, task, replace(THREAT, targets=(0, 1), attackers=(1, 2)))
    injection = draw(program, "uniform", "resampled", np.random.default_rng(1))
    W = program.solve(injection).W
    ends = []
    for step in (1e-5, -1e-5):
        moved = replace(injection, y=injection.y + step * (np.arange(injection.y.size) == 1))
        ends.append(program.utility(program.solve(moved, start=W).W))
    found = implicit_gradient(program, injection, W).labels[1]
    assert found == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5)


def test_no_shrinkage_has_the_plain_gradient(data):
    X, y, task, learner = data
    rows = {"X_poison": X[:4], "y_poison": y[3::-1], "task_poison": [1, 1, 2, 2], "targets": [0]}
    plain = hypergradient(learner, X, y, task=task, **rows)
    found = hypergradient(Coupled(learner, Shrunken(0.0)), X, y, task=task, **rows)
    np.testing.assert_allclose(found, plain, atol=1e-6 * np.abs(plain).max())


@pytest.mark.parametrize("gradient", ["exact", "frozen_covariance"])
def test_an_omega_that_does_not_depend_on_the_rows(data, gradient):
    X, y, task, learner = data
    program = bilevel(Coupled(learner, Given()), X, y, task, THREAT)
    injection = draw(program, "uniform", "resampled", np.random.default_rng(1))
    W = program.solve(injection).W
    slopes = differences(program, injection, W)
    found = implicit_gradient(program, injection, W, gradient).features[:3]
    np.testing.assert_allclose(found, slopes, atol=1e-5 * np.abs(slopes).max())


@pytest.mark.in_turn
def test_the_damage_is_that_to_the_victim_with_its_rule(rule, data):
    X, y, task, learner = data
    victim = Coupled(learner, rule)
    result = ProjectedAscent(max_iter=8, n_starts=1).poison(victim, X, y, task=task, threat=THREAT, random_state=0)
    assert result.expected_utility == pytest.approx(result.utility, rel=1e-6)
    again = result.refit(victim, X, y, task=task)
    np.testing.assert_array_equal(again.coef_, result.model.coef_)


@pytest.mark.in_turn
def test_the_ascent_climbs_the_utility_on_the_victim_with_its_rule(rule, data):
    X, y, task, learner = data
    victim, threat = Coupled(learner, rule), replace(THREAT, targets=(0, 1), attackers=(1, 2))
    known = {"model": victim, "X": X, "y": y, "task": task, "threat": threat, "random_state": 0}
    result = ProjectedAscent(max_iter=20, n_starts=1).poison(**known)
    assert (np.diff(result.history.utility) > 0.0).all()
    assert result.utility > RandomAttack().poison(**known).utility
    assert result.utility > result.clean_utility


def test_behind_a_filter_the_rule_sees_the_rows_that_pass(data):
    X, y, task, learner = data
    victim = Sanitised(Coupled(learner, Shrunken(0.3)), Sphere(fraction=0.15))
    result = ProjectedAscent(max_iter=5, n_starts=1).poison(victim, X, y, task=task, threat=THREAT, random_state=0)
    assert result.expected_utility == pytest.approx(result.utility, rel=1e-6)
    program = bilevel(victim, X, y, task, THREAT)
    injection = draw(program, "uniform", "resampled", np.random.default_rng(1))
    rows = program.lower.passed(injection).rows
    expected = Shrunken(0.3).covariance(replace(program.problem, rows=rows))
    np.testing.assert_allclose(program.lower.coupling(injection).omega, expected, atol=1e-9)


def test_the_rule_is_asked_once_for_the_same_rows(data):
    X, y, task, learner = data
    program = bilevel(Coupled(learner, Shrunken()), X, y, task, THREAT)
    injection = draw(program, "uniform", "resampled", np.random.default_rng(1))
    first = program.lower.coupling(injection)
    assert program.lower.coupling(injection) is first
    assert program.lower.coupling(replace(injection)) is not first


def test_who_guesses_the_lambdas_asks_the_rule_with_her_guess(data):
    X, y, task, learner = data
    threat = replace(THREAT, knowledge=GreyBox(share=0.5, lambda_2=0.1))
    victim = Coupled(learner, Shrunken(0.3))
    result = ProjectedAscent(max_iter=4, n_starts=1).poison(victim, X, y, task=task, threat=threat, random_state=0)
    model = result.refit(victim, X, y, task=task)
    W = np.column_stack([model.coef_, model.intercept_])
    assert result.utility == pytest.approx(bilevel(victim, X, y, task, THREAT).utility(W), rel=1e-6)
    assert result.expected_utility != pytest.approx(result.utility, rel=1e-6)


@pytest.mark.parametrize(
    "attack",
    [
        PATOM(max_iter=2), AT2FL(max_iter=2), BackGradient(max_iter=2), Influence(), SingleTask(max_iter=3),
        ModelTargeted(),
    ],
    ids=lambda attack: type(attack).__name__,
)  # fmt: skip
def test_the_other_attacks_take_it_too(data, attack):
    X, y, task, learner = data
    victim = Coupled(learner, Shrunken(0.3))
    result = attack.poison(victim, X, y, task=task, threat=THREAT, random_state=0)
    W = np.column_stack([result.model.coef_, result.model.intercept_])
    assert result.utility == pytest.approx(bilevel(victim, X, y, task, THREAT).utility(W), rel=1e-6)


@pytest.mark.filterwarnings("ignore:LambdaSearch chose:UserWarning")  # a grid of a few ends at an edge
def test_a_search_inside_keeps_the_lambdas_of_clean_rows(data):
    X, y, task, learner = data
    search = LambdaSearch(learner, lambdas=(1e-3, 1e-1))
    program = bilevel(Coupled(search, Shrunken()), X, y, task, THREAT)
    chosen = search.fit(X, y, task=task)
    assert program.problem.penalty.weights == (chosen.lambda_1_, chosen.lambda_2_)


def test_a_lower_bound_of_rows_needs_a_penalty_that_stays(data):
    X, y, task, learner = data
    with pytest.raises(TypeError, match=r"^model of points_needed must not be Coupled"):
        points_needed(Coupled(learner, Shrunken()), X, y, task=task, threat=THREAT, decoy=np.zeros((5, 5)))


def test_settings_are_checked_before_the_attack(data):
    X, y, task, learner = data
    with pytest.raises(ValueError, match=r"^share of Shrunken must be at most 1; got 2\.0\.$"):
        PATOM().poison(Coupled(learner, Shrunken(2.0)), X, y, task=task, threat=THREAT)
    with pytest.raises(TypeError, match="to be attacked; got Sanitised"):
        PATOM().poison(
            Sanitised(Sanitised(Coupled(learner, Shrunken()), Sphere()), Sphere()), X, y, task=task, threat=THREAT
        )
