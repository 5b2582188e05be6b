"""The two gradients that freeze parts of the map, and a classifier's label gradient, each against its definition."""

from dataclasses import replace

import numpy as np
import pytest
from hypergradient_problems import KINDS, LOSSES, assert_derivative, attack_on
from sklearn.base import clone

from patom import Ball
from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.gradients import GradientStatus
from patom.attacks.patom import sweep
from patom.attacks.program import bilevel
from patom.core.penalties.learned import SpectralPenalty
from patom.core.solvers.accelerated import solve

MARGIN = ("squared_hinge", "logistic", "unclipped_hinge")


def push_of(loss, z_q, y_q, z_r, y_r, n):
    """The factors of eq. 15 and eq. 16 (with the positive parts that the paper leaves out)."""
    if loss == "squared_error":
        return 4.0 / n * (z_q - y_q) * (y_r - z_r)
    return -4.0 / n * y_q * max(0.0, 1.0 - y_q * z_q) * y_r * max(0.0, 1.0 - y_r * z_r)


@pytest.mark.parametrize("d", [2, 5])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
def test_the_papers_is_eq_15_and_16_summed_over_the_target_rows(loss, kind, d):
    attack = attack_on(loss, kind, seed=1, d=d, lambda_1=0.01, lambda_2=0.02)
    fitted = attack.fit()
    z, z_poison = attack.predictions(fitted)
    Omega, names = fitted.task_covariance_, fitted.tasks_.tolist()
    Phi = Omega @ np.linalg.inv(0.01 * Omega + 0.02 * np.eye(4))
    expected = np.zeros(attack.X_poison.shape)
    for r, i in enumerate(attack.task_poison):
        n = np.sum(attack.task == i) + np.sum(attack.task_poison == i)
        for q, p in enumerate(attack.task):
            if p in attack.targets:
                push = push_of(loss, z[q], attack.y[q], z_poison[r], attack.y_poison[r], n)
                expected[r] += push * Phi[names.index(i), names.index(p)] * attack.X[q]
    found = attack.gradient("paper")
    np.testing.assert_allclose(found.features, expected, rtol=1e-8, atol=1e-9 * np.abs(expected).max())
    assert found.products == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_papers_is_one_sweep_over_all_target_rows(loss, kind):
    """Where nothing is projected, Algorithm 1's steps add up to eta times the gradient."""
    attack, eta = attack_on(loss, kind, seed=4), 0.7
    attackers = sorted(set(attack.task_poison.tolist()))
    program = bilevel(attack.model, attack.X, attack.y, attack.task, ThreatModel(attack.targets, attackers, 1.0))
    order = np.argsort(attack.task_poison, kind="stable")
    fitted, rows = attack.fit(), program.problem.rows
    W = np.column_stack([fitted.coef_, fitted.intercept_])
    chosen = np.isin(rows.task_index, program.targets)
    task = rows.task_index[chosen]
    slopes = program.problem.loss.slope((rows.X[chosen] * W[task]).sum(axis=1), rows.y[chosen])
    coupling = program.problem.penalty.relationship(W).coupling(program.attackers, program.targets)
    place = np.searchsorted(attackers, attack.task_poison)
    z_poison = attack.predictions(fitted)[1]
    n = np.array([np.sum(attack.task == i) + np.sum(attack.task_poison == i) for i in attack.task_poison])
    gain = (-program.problem.loss.slope(z_poison, attack.y_poison) / n)[:, None] * coupling[place]
    group = np.searchsorted(program.targets, task)
    moved = sweep(attack.X_poison[order], rows.X[chosen, :-1], eta * slopes, group, gain[order], Ball(radius=1e9))
    expected = attack.X_poison + eta * attack.gradient("paper").features
    np.testing.assert_allclose(moved, expected[order], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(("kind", "d"), [("direct", 2), ("indirect", 6), ("hybrid", 3)])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_frozen_covariances_by_finite_differences(loss, kind, d):
    attack = attack_on(loss, kind, seed=3, d=d, lambda_1=0.02, lambda_2=0.02)
    found = attack.gradient("frozen_covariance")
    assert found.status is GradientStatus.SMOOTH
    fixed = clone(attack.model).set_params(task_covariance=attack.fit().task_covariance_)
    assert_derivative(replace(attack, model=fixed), found.features)


def test_the_frozen_covariances_at_rank_one():
    attack = attack_on("squared_error", "hybrid", spread=0.02, lambda_1=0.5, lambda_2=0.5)
    assert attack.fit().task_spectrum_.size == 1
    fixed = clone(attack.model).set_params(task_covariance=attack.fit().task_covariance_)
    assert_derivative(replace(attack, model=fixed), attack.gradient("frozen_covariance").features)


@pytest.mark.parametrize("loss", LOSSES)
def test_with_a_fixed_covariance_exact_is_frozen(loss):
    attack = attack_on(loss, "hybrid", task_covariance=np.cov([[1.0, 2, 4], [0, 1, 5], [3, 1, 2], [2, 2, -1]]))
    exact, frozen = attack.gradient("exact"), attack.gradient("frozen_covariance")
    np.testing.assert_array_equal(exact.features, frozen.features)
    np.testing.assert_array_equal(exact.labels, frozen.labels)


def test_the_three_differ_where_omega_is_learned():
    attack = attack_on("squared_error", "indirect", lambda_1=0.01, lambda_2=0.01)
    exact, frozen, paper = (attack.gradient(name).features for name in ("exact", "frozen_covariance", "paper"))
    scale = np.linalg.norm(exact)
    assert min(np.linalg.norm(a - b) for a, b in [(exact, frozen), (exact, paper), (frozen, paper)]) > 0.1 * scale


# l(s) of the margin s = y z, and its derivatives
VALUE = {
    "squared_hinge": lambda s: np.maximum(0.0, 1.0 - s) ** 2,
    "logistic": lambda s: np.log1p(np.exp(-s)),
    "unclipped_hinge": lambda s: (1.0 - s) ** 2,
}
SLOPE = {
    "squared_hinge": lambda s: -2.0 * np.maximum(0.0, 1.0 - s),
    "logistic": lambda s: -1.0 / (1.0 + np.exp(s)),
    "unclipped_hinge": lambda s: 2.0 * (s - 1.0),
}
CURVATURE = {
    "squared_hinge": lambda s: 2.0 * (s < 1.0),
    "logistic": lambda s: 0.25 / np.cosh(0.5 * s) ** 2,
    "unclipped_hinge": lambda s: np.full_like(s, 2.0),
}


class Mixture:
    """The data term where each row carries its own weight: a label y in between is a row of both classes."""

    def __init__(self, attack, labels):
        names = sorted(set(attack.task))
        X = np.vstack([attack.X, attack.X_poison, attack.X_poison])
        self.X = np.column_stack([X, np.ones(len(X))])
        self.task = np.array([names.index(i) for i in np.concatenate([attack.task, *2 * (attack.task_poison,)])])
        self.y = np.concatenate([attack.y, np.ones(labels.size), -np.ones(labels.size)])
        counts = np.bincount(self.task[: attack.y.size + labels.size])[self.task]
        self.weights = np.concatenate([np.ones(attack.y.size), (1 + labels) / 2, (1 - labels) / 2]) / counts
        self.loss, self.shape = attack.model.loss, (len(names), self.X.shape[1])
        self.smoothness = 2.0 * max(
            np.linalg.eigvalsh((self.X * (self.weights * (self.task == i))[:, None]).T @ self.X)[-1] for i in range(4)
        )
        self.aimed = np.isin(attack.task, attack.targets)

    def margins(self, W):
        return self.y * (self.X * W[self.task]).sum(axis=1)

    def add_up(self, per_row):
        total = np.zeros(self.shape)
        np.add.at(total, self.task, per_row[:, None] * self.X)
        return total

    def value_and_gradient(self, W):
        s = self.margins(W)
        return self.weights @ VALUE[self.loss](s), self.add_up(self.weights * self.y * SLOPE[self.loss](s))

    def hessian(self, W):
        bend = self.weights * CURVATURE[self.loss](self.margins(W))
        return lambda V: self.add_up(bend * (self.X * V[self.task]).sum(axis=1))

    def utility(self, W):
        return VALUE[self.loss](self.margins(W)[: self.aimed.size])[self.aimed].sum()


@pytest.mark.in_turn
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", MARGIN)
def test_a_classifiers_labels_stand_for_mixtures_of_the_two_classes(loss, kind):
    attack = attack_on(loss, kind, seed=2, lambda_1=0.02, lambda_2=0.02)
    penalty = SpectralPenalty(0.02, 0.02)
    start = solve(Mixture(attack, attack.y_poison), penalty, tol=1e-13).W
    found = attack.gradient()

    def utility(labels):
        term = Mixture(attack, labels)
        return term.utility(solve(term, penalty, tol=1e-13, start=start).W)

    for r in range(attack.y_poison.size):
        move = 1e-4 * np.eye(attack.y_poison.size)[r]
        one, two = (utility(attack.y_poison + k * move) - utility(attack.y_poison - k * move) for k in (1, 2))
        assert abs(found.labels[r] - (8 * one - two) / 12e-4) < 1e-6 * np.linalg.norm(found.labels)
