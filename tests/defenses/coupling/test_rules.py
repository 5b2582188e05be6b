"""The rules against closed forms, an interior-point solver and fits again."""

from dataclasses import replace
from itertools import combinations

import cvxpy as cp
import numpy as np
import pytest

from patom import MTRLClassifier, MTRLRegressor
from patom.core.penalties.given import fixed_covariance
from patom.core.rows import TaskRows
from patom.defenses import Capped, Coupled, HeldOut, Shrunken, WithoutInfluential, influence_on_relationships
from patom.defenses.coupling.held_out import evened, masked, pair_gains, pair_step
from patom.defenses.coupling.influence import among
from patom.defenses.coupling.rule import by_votes, by_weights, cap
from patom.defenses.parts import folds, kept_rows, rows_of_tasks


def random_covariance(rng, m, rank):
    S = rng.standard_normal((m, rank))
    return S @ S.T / (S**2).sum()


@pytest.mark.parametrize(
    "rule", [Shrunken(0.0), Capped(1.0), WithoutInfluential(1e3)], ids=["shrunken", "capped", "influential"]
)
def test_generous_settings_are_no_defense(rule, data):
    X, y, task, learner = data
    model, plain = Coupled(learner, rule).fit(X, y, task=task), learner.fit(X, y, task=task)
    np.testing.assert_allclose(model.coef_, plain.coef_, atol=1e-7)
    assert model.objective_ == pytest.approx(plain.objective_, rel=1e-9)


def test_tasks_left_out_take_their_share_from_the_slopes_of_the_others(data):
    X, y, task, learner = data
    problem = learner.problem(X, y, task=task)
    found = WithoutInfluential(0.0).couple(problem)
    m, kept = found.omega.shape[0], found.source.tasks
    assert kept.size == 2 < m
    B = np.random.default_rng(0).standard_normal((m, m))
    learned, block = problem.penalty.relationship(found.source.W).covariance(), np.ix_(kept, kept)
    assert np.vdot(found.source.back(B), learned) == pytest.approx(np.vdot(B[block], found.omega[block]))


@pytest.mark.parametrize(("strength", "binds"), [(0.9, True), (0.5, False)])
def test_the_adjoint_of_masking_whether_or_not_couplings_are_made_weaker(strength, binds):
    """In a chain whose ends are masked the couplings stay up to a correlation of 1 / sqrt(2)."""
    rng = np.random.default_rng(0)
    deviations = np.array([1.0, 0.5, 2.0])
    correlation = np.array([[1.0, strength, 0.7], [strength, 1.0, strength], [0.7, strength, 1.0]])
    omega, helps = correlation * np.outer(deviations, deviations), np.ones((3, 3), dtype=bool)
    helps[0, 2] = helps[2, 0] = False
    found, back = masked(omega, helps)
    assert found[0, 2] == 0.0
    assert bool(abs(found[0, 1]) < 0.99 * abs(omega[0, 1])) is binds
    B, D = (each + each.T for each in rng.standard_normal((2, 3, 3)))
    ahead, behind = (masked(omega + step * D, helps)[0] for step in (1e-6, -1e-6))
    assert np.vdot(back(B), D) == pytest.approx(np.vdot(B, ahead - behind) / 2e-6, rel=1e-6)


def test_all_pairs_with_learned_variances_are_the_learned_omega(data):
    X, y, task, learner = data
    omega = learner.fit(X, y, task=task).task_covariance_
    np.testing.assert_allclose(masked(omega, np.ones((5, 5), dtype=bool))[0], omega, atol=1e-12)


@pytest.mark.parametrize("rule", [Shrunken(1.0), Capped(0.2), Capped(0.01), WithoutInfluential(0.0)])
def test_strict_settings_are_tasks_apart(rule, data):
    X, y, task, learner = data
    omega = rule.covariance(learner.problem(X, y, task=task))
    if isinstance(rule, WithoutInfluential):  # two tasks are left
        assert np.count_nonzero(np.triu(omega, 1)) <= 1
    else:
        np.testing.assert_allclose(omega, np.eye(5) / 5, atol=1e-12)


def test_a_mixture_is_what_it_says(data):
    X, y, task, learner = data
    omega = learner.fit(X, y, task=task).task_covariance_
    expected = 0.7 * omega + 0.3 * np.eye(5) / 5
    np.testing.assert_allclose(Shrunken(0.3).covariance(learner.problem(X, y, task=task)), expected, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("largest", [0.21, 0.3, 0.5, 0.9])
def test_a_capped_omega_is_the_nearest_one(seed, largest):
    omega = random_covariance(np.random.default_rng(seed), 5, 2)
    found = cp.Variable((5, 5), symmetric=True)
    constraints = [found >> 0, largest * np.eye(5) - found >> 0, cp.trace(found) == 1]
    problem = cp.Problem(cp.Minimize(cp.norm(found - omega, "fro")), constraints)
    problem.solve(solver=cp.CLARABEL)
    np.testing.assert_allclose(Capped(largest).reshape(omega)[0], found.value, atol=1e-4)


@pytest.mark.parametrize("s", [[1.0, 0.0, 0.0], [0.6, 0.4, 0.0], [0.5, 0.5], [0.4, 0.35, 0.25], [1.0]])
def test_caps_meet_their_sum(s):
    for largest in (1.0 / len(s), 0.5, 0.7, 1.0):
        x = cap(np.array(s), max(largest, 1.0 / len(s)))
        assert x.sum() == pytest.approx(1.0, abs=1e-12)
        assert (x >= 0.0).all()
        assert (x <= max(largest, 1.0 / len(s)) + 1e-12).all()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("rank", [1, 2, 5])
def test_masks_keep_what_they_may(seed, rank):
    """Off the chosen pairs 0; on them the same multiple, and a larger one would have a negative eigenvalue."""
    rng = np.random.default_rng(seed)
    omega = random_covariance(rng, 5, rank)
    helps = np.triu(rng.random((5, 5)) < 0.6, 1)
    helps |= helps.T
    found = masked(omega, helps)[0]
    off = ~np.eye(5, dtype=bool)
    np.testing.assert_array_equal(found[off & ~helps], 0.0)
    np.testing.assert_array_equal(found.diagonal(), omega.diagonal())
    assert np.linalg.eigvalsh(found)[0] > -1e-12
    factors = found[helps] / omega[helps]
    if factors.size and factors[0] < 1.0:
        np.testing.assert_allclose(factors, factors[0], rtol=1e-12)
        further = np.where(off, 1.001 * found, found)
        assert np.linalg.eigvalsh(further)[0] < 0.0


def test_even_variances_keep_correlations():
    omega = random_covariance(np.random.default_rng(0), 4, 3)
    even, d = evened(omega)[0], np.sqrt(omega.diagonal())
    np.testing.assert_allclose(4 * even, omega / np.outer(d, d), rtol=1e-12)


@pytest.mark.parametrize("correlation", [-1.0, 0.0, 0.7, 1.0])
def test_a_pair_in_one_step_is_its_fit_for_the_squared_error(make_tasks, correlation):
    X, y, task, _ = make_tasks("quantity", n_tasks=2)
    omega = np.array([[0.3, correlation * np.sqrt(0.21)], [correlation * np.sqrt(0.21), 0.7]])
    expected = MTRLRegressor(0.01, 0.03, task_covariance=omega, tol=1e-14).fit(X, y, task=task)
    rows = np.column_stack([X, np.ones(y.size)])
    H = np.stack([2.0 * rows[task == i].T @ rows[task == i] / np.sum(task == i) for i in (0, 1)])
    pull = np.stack([2.0 * rows[task == i].T @ y[task == i] / np.sum(task == i) for i in (0, 1)])
    found = pair_step(H, pull, omega, 0.01, 0.03)
    np.testing.assert_allclose(found, np.column_stack([expected.coef_, expected.intercept_]), atol=1e-8)


def test_a_pair_step_of_a_large_column_that_is_there_twice():
    """The lambdas round to nothing beside it; the system was singular, and weights of 1e12 took each other back."""
    H, pull = np.full((2, 2, 2), 1e24), np.full((2, 2), 1e12)
    found = pair_step(H, pull, np.array([[0.5, 0.2], [0.2, 0.5]]), 0.1, 0.1)
    np.testing.assert_allclose(found.sum(axis=1), 1e-12, rtol=1e-6)


@pytest.mark.parametrize("kind", ["quantity", "classes"])
def test_gains_against_fits_of_every_pair(make_tasks, kind):
    X, y, task, learner = make_tasks(kind, n_rows=40)
    problem = learner.problem(X, y, task=task)
    omega = evened(learner.fit(X, y, task=task).task_covariance_)[0]
    kept = folds(problem.rows, 3, np.random.default_rng(0)) != 0
    found = pair_gains(problem, kept_rows(problem.rows, kept), omega)
    rows, exact = problem.rows, np.zeros((problem.rows.y.size, 5))

    def losses(tasks, covariance):
        pair = rows_of_tasks(kept_rows(rows, kept), tasks)
        own = replace(problem, rows=pair, penalty=fixed_covariance(covariance, 0.01, 0.02))
        W = own.solve().W
        return [problem.loss.value(rows.X @ w, rows.y) for w in W]

    for i, j in combinations(range(5), 2):
        pair = np.array([i, j])
        block = omega[np.ix_(pair, pair)]
        apart, together = losses(pair, np.diag(np.diag(block))), losses(pair, block)
        for k, (own, other) in enumerate([(i, j), (j, i)]):
            mine = rows.task_index == own
            exact[mine, other] = (apart[k] - together[k])[mine]
    means = [
        np.array([[gains[~kept & (rows.task_index == i), j].mean() for j in range(5)] for i in range(5)])
        for gains in (found, exact)
    ]
    if kind == "quantity":
        np.testing.assert_allclose(found, exact, atol=1e-6)
    assert np.corrcoef(means[0].ravel(), means[1].ravel())[0, 1] > 0.95
    sure = np.abs(means[1]) > 0.1 * np.abs(means[1]).max()
    np.testing.assert_array_equal(np.sign(means[0][sure]), np.sign(means[1][sure]))


def test_help_stays_and_harm_goes():
    """Five tasks of the same weights, one of them with shuffled targets; ten draws, as a pair is a matter of chance."""
    help_stays, harm_stays, good = [], [], np.delete(np.arange(5), 3)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        task, X = np.repeat(np.arange(5), 20), rng.standard_normal((100, 8))
        y = X @ rng.standard_normal(8) + 2.0 * rng.standard_normal(100)
        own = task == 3
        y[own] = rng.permutation(3.0 * y[own])
        coupled = HeldOut().covariance(MTRLRegressor(0.01, 0.1).problem(X, y, task=task)) != 0.0
        help_stays.append((np.count_nonzero(coupled[np.ix_(good, good)]) - 4) / 12)
        harm_stays.append(np.mean(coupled[3, good]))
    assert np.mean(help_stays) > 0.3
    assert np.mean(harm_stays) < 0.1


def test_a_pair_needs_both_sides_and_more_than_its_error(data):
    X, y, task, learner = data
    problem = learner.problem(X, y, task=task)
    rule = HeldOut(errors=0.7)
    gains, known = rule.gains(problem, problem.solve().W)
    assert known.all()
    index, helps = problem.rows.task_index, np.zeros((5, 5), dtype=bool)
    for i in range(5):
        for j in range(5):
            own = gains[index == i, j]
            helps[i, j] = i != j and own.mean() > 0.7 * own.std(ddof=1) / np.sqrt(own.size)
    omega = rule.covariance(problem)
    np.testing.assert_array_equal((omega != 0.0) & ~np.eye(5, dtype=bool), helps & helps.T)
    counts = [np.count_nonzero(HeldOut(errors=errors).covariance(problem)) for errors in (0.0, 0.7, 2.0, 50.0)]
    assert sorted(counts, reverse=True) == counts
    assert counts[-1] == 5


def test_influence_is_what_leaving_a_task_out_changes(data):
    X, y, task, learner = data
    labels = np.array(list("vwxyz"))[task]
    found = influence_on_relationships(learner, X, y, task=labels)
    assert found.tasks.tolist() == list("vwxyz")
    omega = learner.fit(X, y, task=labels).task_covariance_
    for i, label in enumerate("vwxyz"):
        stay = labels != label
        without = learner.fit(X[stay], y[stay], task=labels[stay]).task_covariance_
        block = np.delete(np.delete(omega, i, 0), i, 1)
        expected = np.linalg.norm(block / np.trace(block) - without) / np.linalg.norm(without)
        assert found.change[i] == pytest.approx(expected, rel=1e-5, abs=1e-8)
    assert found.change[found.order].tolist() == sorted(found.change, reverse=True)


def test_no_task_that_is_left_has_more_influence_than_allowed(data):
    X, y, task, learner = data
    limit = 0.5 * influence_on_relationships(learner, X, y, task=task).change.max()
    omega = WithoutInfluential(limit).covariance(learner.problem(X, y, task=task))
    apart = np.array([not np.delete(omega[i], i).any() for i in range(5)])
    assert apart.any()
    stay = ~apart[task]
    left = influence_on_relationships(learner, X[stay], y[stay], task=task[stay])
    assert left.change.max() <= limit
    np.testing.assert_allclose(omega[apart, apart], 0.2)
    block = omega[np.ix_(~apart, ~apart)]
    expected = learner.fit(X[stay], y[stay], task=task[stay]).task_covariance_
    np.testing.assert_allclose(block, np.count_nonzero(~apart) / 5 * expected, atol=1e-8)


def test_influence_needs_a_learned_omega(data):
    X, y, task, _ = data
    with pytest.raises(ValueError, match=r"^model of influence_on_relationships must learn Omega"):
        influence_on_relationships(
            MTRLRegressor(task_covariance=np.eye(5)), X, y.astype(float), task=task
        )  # fmt: skip
    with pytest.raises(ValueError, match=r"^estimator of influence_on_relationships must be an MTRLRegressor"):
        influence_on_relationships("ridge", X, y, task=task)


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_omega_by_weights_by_differences(rank):
    rng = np.random.default_rng(rank)
    A, C, B = rng.standard_normal((5, rank)), rng.standard_normal((rank, 4)), rng.standard_normal((5, 5))
    dA, dC = rng.standard_normal(A.shape), rng.standard_normal(C.shape)
    B = B + B.T

    def value(step):
        W = (A + step * dA) @ (C + step * dC)
        U, s, _ = np.linalg.svd(W, full_matrices=False)
        return np.vdot(B, (U * s) @ U.T) / s.sum()

    slope = (value(1e-6) - value(-1e-6)) / 2e-6
    assert np.vdot(by_weights(A @ C, B), dA @ C + A @ dC) == pytest.approx(slope, rel=1e-6)
    assert not by_weights(np.zeros((5, 4)), B).any()


def test_rows_and_blocks_of_some_tasks():
    rows = TaskRows(np.arange(12.0).reshape(6, 2), np.arange(6.0), np.array([0, 1, 3, 6]))
    some = rows_of_tasks(rows, np.array([0, 2]))
    np.testing.assert_array_equal(some.y, [0, 3, 4, 5])
    np.testing.assert_array_equal(some.offsets, [0, 1, 4])
    np.testing.assert_allclose(among(np.diag([1.0, 0.0, 0.0]), np.array([1, 2])), np.eye(2) / 2)


def test_a_classifier_of_other_losses_can_be_coupled(make_tasks):
    X, y, task, _ = make_tasks("classes")
    model = Coupled(MTRLClassifier(0.01, 0.01, loss="logistic"), HeldOut(errors=0.0)).fit(X, y, task=task)
    assert model.score(X, y, task=task) > 0.7


def test_by_votes_a_task_as_large_as_three_has_three_parts():
    """A cap of 1/m leaves nothing but equal parts, which are parts by votes."""
    omega = random_covariance(np.random.default_rng(0), 4, 2)
    found, _ = by_votes(omega, np.array([2.0, 2.0, 6.0, 10.0]), Capped(0.25).reshape)
    np.testing.assert_allclose(found, np.diag([0.1, 0.1, 0.3, 0.5]), atol=1e-12)


@pytest.mark.parametrize("rule", [Shrunken(0.3), Capped(0.4)], ids=["shrunken", "capped"])
def test_equal_votes_change_nothing(rule):
    omega = random_covariance(np.random.default_rng(1), 4, 2)
    np.testing.assert_array_equal(by_votes(omega, np.full(4, 7.0), rule.reshape)[0], rule.reshape(omega)[0])


def test_votes_keep_correlations_and_the_learned_omega_where_nothing_is_reshaped():
    omega, votes = random_covariance(np.random.default_rng(2), 4, 4), np.array([1.0, 3.0, 9.0, 2.0])
    np.testing.assert_allclose(by_votes(omega, votes, Shrunken(0.0).reshape)[0], omega, atol=1e-15)
    even = by_votes(omega, votes, evened)[0]
    deviation = np.sqrt(np.diag(omega))
    np.testing.assert_allclose(np.diag(even), votes / votes.sum(), rtol=1e-12)
    np.testing.assert_allclose(
        even / np.sqrt(np.outer(np.diag(even), np.diag(even))), omega / np.outer(deviation, deviation), atol=1e-12
    )


@pytest.mark.parametrize(
    ("rule", "least", "most"),
    [
        (HeldOut(), 0.9, 0.51),
        (Shrunken(0.9), 0.8, 0.6),
        (Capped(0.01), 0.9, 0.51),
        (WithoutInfluential(0.0), 0.85, 0.6),
    ],
    ids=["held out", "shrunken", "capped", "influential"],
)
def test_accounts_do_not_take_the_variance_of_honest_tasks(rule, least, most):
    """Five accounts of two rows beside five honest tasks of 40: what is left of the trace for the honest."""
    rng = np.random.default_rng(0)
    task = np.append(np.repeat(np.arange(5), 40), np.repeat(np.arange(5, 10), 2))
    X = rng.standard_normal((task.size, 3))
    y = np.where(task < 5, X @ [1.0, -1.0, 0.5], 20.0 * rng.standard_normal(task.size))
    problem = MTRLRegressor(0.02, 0.02).problem(X, y, task=task)
    left = {votes: np.trace(rule.set_params(votes=votes).covariance(problem)[:5, :5]) for votes in ("rows", "tasks")}
    assert left["rows"] > least
    assert left["tasks"] < most
