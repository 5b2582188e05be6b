"""The bilevel program behind the attacks: duals, W = V Phi, the gradient with duals and Omega frozen, utility."""

import numpy as np
import pytest
from sklearn.base import clone

from patom import PATOM, Ball, MTRLClassifier, RandomAttack, ThreatModel, graph_covariance
from patom.attacks.injection import Injection
from patom.attacks.program import bilevel

LOSSES = ("squared_error", "huber", "squared_hinge", "logistic", "unclipped_hinge")
# Margins above 1 and residuals beyond Huber's bend must occur.
SETTINGS = {"squared_hinge": {"lambda_1": 1e-3, "lambda_2": 1e-3}, "huber": {"huber_delta": 0.3}}
RING = np.array([[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]], dtype=float)


def signs(y):
    return np.where(y == "yes", 1.0, -1.0) if y.dtype.kind == "U" else y


def loss_value(loss, z, y):
    return {
        "squared_error": lambda: (y - z) ** 2,
        "huber": lambda: np.where(np.abs(y - z) < 0.3, (y - z) ** 2, 0.6 * np.abs(y - z) - 0.09),
        "squared_hinge": lambda: np.maximum(0.0, 1.0 - y * z) ** 2,
        "logistic": lambda: np.log1p(np.exp(-y * z)),
        "unclipped_hinge": lambda: (1.0 - y * z) ** 2,
    }[loss]()


def slope(loss, z, y):
    """l' by central differences, so that nothing of the package's formulas enters."""
    return (loss_value(loss, z + 1e-6, y) - loss_value(loss, z - 1e-6, y)) / 2e-6


class Poisoned:
    """A random attack's rows, the victim fitted on them, and the quantities of eq. 5 to 7 from their definitions."""

    def __init__(self, model, data, threat, features="uniform"):
        self.loss, self.threat = model.loss, threat
        self.X, y, self.task = data
        self.model = clone(model).set_params(tol=1e-14)
        attack = RandomAttack(features=features)
        self.result = attack.poison(self.model, self.X, y, task=self.task, threat=threat, random_state=0)
        self.y, self.y_r = signs(y), signs(self.result.y)
        fitted = self.result.model
        self.tasks, self.W = fitted.tasks_, np.column_stack([fitted.coef_, fitted.intercept_])
        self.r, self.i = (np.searchsorted(self.tasks, labels) for labels in (self.result.task, self.task))
        self.n = np.bincount(self.i) + np.bincount(self.r, minlength=self.tasks.size)
        Omega = fitted.task_covariance_
        self.Phi = Omega @ np.linalg.inv(model.lambda_1 * Omega + model.lambda_2 * np.eye(self.tasks.size))

    def duals(self, X, y, index):
        """-l'(w_i'x, y) / (n_i + n^_i)."""
        z = (np.column_stack([X, np.ones(len(X))]) * self.W[index]).sum(axis=1)
        return -slope(self.loss, z, y) / self.n[index]

    def frozen_weights(self, X_r):
        """W = V Phi of eq. 7 for other injected features, the duals those of the fit."""
        V = np.zeros_like(self.W)
        for X, index, duals in (
            (self.X, self.i, self.duals(self.X, self.y, self.i)),
            (X_r, self.r, self.duals(self.result.X, self.y_r, self.r)),
        ):
            np.add.at(V, index, duals[:, None] * np.column_stack([X, np.ones(len(X))]))
        return self.Phi.T @ V

    def frozen_loss(self, X_r, rows):
        """Summed loss of some clean rows under the frozen map, eq. 2."""
        W = self.frozen_weights(X_r)
        z = (np.column_stack([self.X[rows], np.ones(len(rows))]) * W[self.i[rows]]).sum(axis=1)
        return loss_value(self.loss, z, self.y[rows]).sum()


@pytest.fixture
def threat():
    return ThreatModel(["a", "b"], ["b", "c"], budget=0.2, region=Ball(3.0))


@pytest.mark.parametrize("loss", LOSSES)
def test_duals_are_those_of_equation_5(make_tasks, make_victim, threat, loss):
    X, y, task = make_tasks(loss)
    case = Poisoned(make_victim(loss, **SETTINGS.get(loss, {})), (X, y, task), threat)
    program = bilevel(make_victim(loss, **SETTINGS.get(loss, {})), X, y, task, threat)
    duals = program.lower.duals(Injection(case.result.X, case.y_r, case.r), case.W)
    np.testing.assert_allclose(duals, case.duals(case.result.X, case.y_r, case.r), rtol=1e-6, atol=1e-9)
    assert np.abs(duals).max() > 1e-3
    if loss == "squared_hinge":
        assert (duals == 0.0).any()
    if loss == "huber":
        assert np.isclose(np.abs(duals * case.n[case.r]), 0.6, rtol=1e-12).any()


@pytest.mark.parametrize("settings", [{}, {"task_covariance": graph_covariance(RING)}, {"lambda_2": 0.0}])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_weights_are_the_duals_times_phi(make_tasks, make_victim, threat, loss, settings):
    case = Poisoned(make_victim(loss, **SETTINGS.get(loss, {}) | settings), make_tasks(loss), threat)
    np.testing.assert_allclose(case.frozen_weights(case.result.X), case.W, rtol=0, atol=1e-6)


@pytest.mark.parametrize("targets", [["a", "b"], ["d"]])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_step_is_the_gradient_with_duals_and_omega_frozen(make_tasks, make_victim, loss, targets):
    X, y, task = make_tasks(loss)
    threat = ThreatModel(targets, ["b", "c"], budget=0.2, region=Ball(3.0))
    case = Poisoned(make_victim(loss, **SETTINGS.get(loss, {})), (X, y, task), threat, features="resampled")
    seen = []
    attack = PATOM(step_size=1e-3, max_iter=1, features="resampled")
    attack.poison(
        case.model, X, y, task=task, threat=threat, random_state=0, callback=lambda _, moved: seen.append(moved)
    )
    np.testing.assert_array_equal(seen[0], case.result.X)
    assert (np.linalg.norm(seen[1], axis=1) < 3.0).all()  # no projection: the step is eta times a sum
    step = (seen[1] - seen[0]) / 1e-3

    batch = replayed_batch(case, attack)
    for r, c in [(0, 0), (1, 2), (5, 3)]:
        shift = np.zeros_like(seen[0])
        shift[r, c] = 1e-4
        rise = case.frozen_loss(seen[0] + shift, batch) - case.frozen_loss(seen[0] - shift, batch)
        assert step[r, c] == pytest.approx(rise / 2e-4, rel=1e-4, abs=1e-5 * np.abs(step).max())


def replayed_batch(case, attack):
    """Positions of the first iteration's samples: the draws come after those of the start."""
    (rng,) = np.random.default_rng(0).spawn(1)
    rng.random(case.r.size)  # which clean rows the start copies
    by_task = np.argsort(case.task, kind="stable")
    choices = by_task[np.isin(case.task[by_task], case.threat.targets)]
    return rng.choice(choices, size=round(attack.batch_ratio * choices.size))


@pytest.mark.parametrize("loss", LOSSES)
def test_utility_is_the_mean_loss_of_the_target_tasks_clean_rows(make_tasks, make_victim, threat, loss):
    X, y, task = make_tasks(loss)
    model = make_victim(loss, tol=1e-12, **SETTINGS.get(loss, {})).fit(X, y, task=task)
    chosen = np.isin(task, ["a", "b"])
    act = model.decision_function if isinstance(model, MTRLClassifier) else model.predict
    expected = loss_value(loss, act(X[chosen], task=task[chosen]), signs(y)[chosen]).mean()
    program = bilevel(make_victim(loss, **SETTINGS.get(loss, {})), X, y, task, threat)
    assert program.utility(np.column_stack([model.coef_, model.intercept_])) == pytest.approx(expected, rel=1e-12)
    result = RandomAttack().poison(model, X, y, task=task, threat=threat, random_state=0)
    assert result.clean_utility == pytest.approx(expected, rel=1e-6)


def test_the_order_in_which_tasks_are_named_does_not_matter(make_tasks, make_victim):
    X, y, task = make_tasks("squared_error")
    model = make_victim("squared_error")
    one, other = (
        PATOM(max_iter=2).poison(model, X, y, task=task, threat=ThreatModel(t, a, 0.2), random_state=0)
        for t, a in [(["a", "b", "d"], ["c", "a"]), (["d", "b", "a"], ["a", "c"])]
    )
    assert one.X.tobytes() == other.X.tobytes()
    np.testing.assert_array_equal(one.task, other.task)
