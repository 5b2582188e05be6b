"""A round of the federation against the node's own problem, the attack against a transcription in loops."""

import numpy as np
import pytest
from scipy.optimize import minimize

from patom import Ball, MTRLRegressor, RandomAttack, ThreatModel
from patom.attacks import AT2FL
from patom.attacks.baselines.at2fl import Federation, communicate
from patom.attacks.draws import draw
from patom.attacks.program import bilevel

LOSSES = ("squared_error", "huber", "squared_hinge", "logistic")
COUPLED = 0.03 * np.eye(4) + 0.97 * np.ones((4, 4)) / 4.0  # nearly one task


@pytest.fixture
def make_program(make_tasks, make_victim):
    def make(loss, omega=None, **settings):
        X, y, task = make_tasks(loss)
        model = make_victim(loss, task_covariance=omega, **{"lambda_1": 0.02, "lambda_2": 0.03, **settings})
        program = bilevel(model, X, y, task, ThreatModel(["a"], ["b", "c"], 0.3))
        return program, draw(program, "uniform", "resampled", np.random.default_rng(0))

    return make


def untrained(program):
    zero = np.zeros((4, 5))
    return Federation(zero, program.problem.penalty.relationship(zero))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_node_solves_its_own_subproblem(make_program, loss):
    program, injection = make_program(loss, COUPLED)
    before, _ = communicate(program, injection, untrained(program), 5)
    after, duals = communicate(program, injection, before, 20)
    rows, phi, W = program.lower.rows(injection), before.omega.coupling(np.arange(4), np.arange(4)), before.W
    Omega = COUPLED
    np.testing.assert_allclose(phi, Omega @ np.linalg.inv(0.02 * Omega + 0.03 * np.eye(4)), rtol=1e-9)
    for i in range(4):
        x, y = (part[rows.offsets[i] : rows.offsets[i + 1]] for part in (rows.X, rows.y))
        size = sum(abs(phi[i, j]) for j in range(4))

        def local(u, x=x, y=y, i=i, size=size):
            return program.problem.loss.value(x @ (W[i] + u), y).mean() + before.V[i] @ u + u @ u / (2.0 * size)

        u = minimize(local, np.zeros(5), method="BFGS", options={"gtol": 1e-9}).x
        duals_i = -program.problem.loss.slope(x @ (W[i] + u), y) / y.size
        np.testing.assert_allclose(after.V[i], duals_i @ x, atol=2e-6)
        mine = injection.task_index == i
        np.testing.assert_allclose(duals[mine], duals_i[y.size - mine.sum() :], atol=2e-6)  # injected rows come last


@pytest.mark.parametrize("loss", LOSSES)
def test_rounds_reach_the_optimum_for_a_given_covariance(make_program, loss):
    program, injection = make_program(loss, COUPLED, tol=1e-12)
    wanted, learning = program.solve(injection), untrained(program)
    gaps = []
    for _ in range(150):
        learning, _ = communicate(program, injection, learning, 3)
        gaps.append(np.linalg.norm(learning.W - wanted.W) / np.linalg.norm(wanted.W))
    assert gaps[-1] < 1e-5 < gaps[0]
    again, _ = communicate(program, injection, learning, 3)
    np.testing.assert_allclose(again.W, learning.W, atol=1e-5 * np.abs(wanted.W).max())


@pytest.mark.slow
def test_rounds_come_near_the_optimum_where_omega_is_learned(make_program):
    program, injection = make_program("squared_error")
    wanted, learning = program.solve(injection), untrained(program)
    for _ in range(100):
        learning, _ = communicate(program, injection, learning, 3)
    rows, W = program.lower.rows(injection), learning.W
    z = np.einsum("np,np->n", rows.X, W[rows.task_index])
    objective = rows.weights @ (z - rows.y) ** 2 + program.problem.penalty.value(W)
    assert wanted.objective <= objective <= 1.02 * wanted.objective


def transcription(X, y, task, injected, targets, eta, rounds, lambda_1, lambda_2, radius):
    """Algorithm 1 in loops, for the squared error, with each node's subproblem in closed form."""
    Xp, yp, tp = (part.copy() for part in injected)
    m, p = 4, X.shape[1] + 1
    V, Omega = np.zeros((m, p)), np.eye(m) / m
    for _ in range(rounds):
        Phi = Omega @ np.linalg.inv(lambda_1 * Omega + lambda_2 * np.eye(m))
        W, duals = Phi @ V, np.zeros(len(yp))
        fresh = np.zeros((m, p))
        for i in range(m):
            x = np.column_stack([np.vstack([X[task == i], Xp[tp == i]]), np.ones((task == i).sum() + (tp == i).sum())])
            t = np.append(y[task == i], yp[tp == i])
            s = np.abs(Phi[i]).sum()
            u = np.linalg.solve(2.0 * x.T @ x / len(t) + np.eye(p) / s, 2.0 * x.T @ (t - x @ W[i]) / len(t) - V[i])
            a = -2.0 * (x @ (W[i] + u) - t) / len(t)
            duals[tp == i] = a[(task == i).sum() :]
            fresh[i] = a @ x
        V, W = fresh, Phi @ fresh
        values, vectors = np.linalg.eigh(W @ W.T)
        root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
        Omega = root / np.trace(root)
        Phi = Omega @ np.linalg.inv(lambda_1 * Omega + lambda_2 * np.eye(m))
        W = Phi @ V
        moved = Xp.copy()
        for r in range(len(yp)):
            step = np.zeros(p - 1)
            for t in targets:
                for j in np.flatnonzero(task == t):
                    slope = 2.0 * (W[t, :-1] @ X[j] + W[t, -1] - y[j])
                    step += slope * X[j] * duals[r] * Phi[tp[r], t]
            moved[r] = Xp[r] + eta * step
            norm = np.linalg.norm(moved[r])
            moved[r] *= min(1.0, radius / norm)
            V[tp[r], :-1] += duals[r] * (moved[r] - Xp[r])
        Xp = moved
    return Xp


def test_the_attack_is_the_transcription(make_tasks):
    X, y, labels = make_tasks("squared_error")
    task = np.array(["abcd".index(label) for label in labels])
    run = {"X": X, "y": y, "task": labels, "threat": ThreatModel(["a", "b"], ["b", "c"], 0.3, Ball(0.9))}
    model = MTRLRegressor(0.02, 0.03)
    start = RandomAttack().poison(model, **run, random_state=3)
    injected = (start.X, start.y, np.array(["abcd".index(label) for label in start.task]))
    attack = AT2FL(step_size=0.05, max_iter=4, local_steps=8)
    wanted = transcription(X, y, task, injected, (0, 1), 0.05, 4, 0.02, 0.03, 0.9)
    assert np.abs(wanted - start.X).max() > 0.05
    result = attack.poison(model, **run, random_state=3)
    np.testing.assert_allclose(result.X, wanted, atol=1e-6)
    np.testing.assert_array_equal(result.y, start.y)


@pytest.mark.slow
def test_small_steps_climb(make_tasks):
    X, y, task = make_tasks("squared_error", n_rows=30)
    threat = ThreatModel(["a", "b"], ["a", "b"], 0.2)
    utilities = [
        AT2FL(step_size=0.003, max_iter=k).poison(MTRLRegressor(0.01, 0.01), X, y, task=task, threat=threat,
                                                 random_state=0).utility
        for k in (0, 5, 10, 20)
    ]  # fmt: skip
    assert (np.diff(utilities) > 0.0).all()


def test_it_solves_problem_1_at_the_ends_only(make_tasks):
    X, y, task = make_tasks("squared_error")
    threat = ThreatModel(["a"], ["b"], 0.3)
    result = AT2FL(max_iter=7, local_steps=2).poison(MTRLRegressor(), X, y, task=task, threat=threat, random_state=0)
    assert result.cost.solves == 3  # clean, at the start, at the end
    assert result.cost.solver_steps >= 14
    assert result.cost.adjoint_solves == 0
    assert result.history.iteration.tolist() == [0, 7]


def test_uncoupled_tasks_leave_an_indirect_attacks_rows_as_drawn(make_tasks):
    X, y, task = make_tasks("squared_error")
    run = {"X": X, "y": y, "task": task, "threat": ThreatModel(["a"], ["b"], 0.3), "random_state": 0}
    model = MTRLRegressor(0.01, 0.01, task_covariance=np.eye(4) / 4.0)
    np.testing.assert_array_equal(AT2FL().poison(model, **run).X, RandomAttack().poison(model, **run).X)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"step_size": 0.0}, "step_size of AT2FL must be a finite number above 0.0; got 0.0"),
        ({"local_steps": 0}, "local_steps of AT2FL must be a whole number at least 1; got 0"),
        ({"labels": "worst"}, "labels of AT2FL must be one of"),
    ],
)
def test_bad_settings_are_one_sentence(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        AT2FL(**settings)
