"""Accounts that the attacker opens: gradients, the see-saw, what a result says of them, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypergradient_problems import DELTA, LOSSES, REGRESSION, attack_on
from sklearn.base import clone

from patom import (
    PATOM,
    AttackResult,
    Ball,
    ByTask,
    Capped,
    GreyBox,
    MTRLClassifier,
    MTRLRegressor,
    NewTasks,
    OwnData,
    ProjectedAscent,
    RandomAttack,
    ThreatModel,
    independent_covariance,
)
from patom.attacks import AT2FL, BackGradient, Influence, LabelFlip, ModelTargeted, SingleTask, hypergradient
from patom.attacks.draws import draw
from patom.attacks.gradients import adjoint, implicit_gradient, through_copies
from patom.attacks.program import bilevel
from patom.datasets import make_related_tasks


def opened(loss, seed=0, **settings):
    """The drawn problem, the injected rows of one task in a new one and those of the others in another."""
    attack = attack_on(loss, "indirect", seed=seed, **settings)
    names = np.where(attack.task_poison == attack.task_poison[0], "new", "other")
    return replace(attack, task_poison=names)


def differences(attack, step, **moves):
    """Central differences of the utility of the problem solved anew; None where a piece of the map changes."""
    (what, size), found = next(iter(moves.items())), []
    for sign in (1.0, -1.0):
        found.append(attack.moved(**{what: sign * step * size}).utility())
    (up, above), (down, below) = found
    same = all(np.array_equal(a, b) for a, b in zip(above, below, strict=True))
    return (up - down) / (2.0 * step) if same else None


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_by_rows_of_accounts_is_that_of_the_problem_solved_anew(loss, seed):
    attack = opened(loss, seed)
    found, rng = attack.gradient(), np.random.default_rng(seed)
    direction = rng.standard_normal(attack.X_poison.shape)
    slope = differences(attack, 1e-5, features=direction)
    if slope is not None:
        scale = np.linalg.norm(found.features) * np.linalg.norm(direction)
        assert np.vdot(found.features, direction) == pytest.approx(slope, abs=1e-6 * scale)
    if loss in REGRESSION:
        direction = rng.standard_normal(attack.y_poison.shape)
        slope = differences(attack, 1e-5, labels=direction)
        if slope is not None:
            scale = np.linalg.norm(found.labels) * np.linalg.norm(direction)
            assert np.vdot(found.labels, direction) == pytest.approx(slope, abs=1e-6 * scale)


@pytest.mark.parametrize("setting", ["rows", Capped(7.0)], ids=str)
@pytest.mark.parametrize("loss", ["squared_error", "logistic"])
def test_the_gradient_follows_the_weights_of_tasks(loss, setting):
    for kind in (opened(loss, 1), attack_on(loss, "hybrid", seed=1)):
        attack = replace(kind, model=kind.model.set_params(task_weights=setting))
        found, direction = attack.gradient(), np.random.default_rng(5).standard_normal(attack.X_poison.shape)
        slope = differences(attack, 1e-5, features=direction)
        scale = np.linalg.norm(found.features) * np.linalg.norm(direction)
        assert np.vdot(found.features, direction) == pytest.approx(slope, abs=1e-6 * scale)


DATA = make_related_tasks(n_tasks=4, n_features=5, n_train=12, n_groups=2, random_state=3).train
THREAT = ThreatModel(targets=[0, 1], attackers=NewTasks(accounts=3, rows=4))
VICTIM = MTRLRegressor(0.01, 0.01)


@pytest.mark.parametrize(
    "attack",
    [ProjectedAscent(max_iter=6), ProjectedAscent(max_iter=6, optimise_labels=True), PATOM(max_iter=2), RandomAttack(),
     RandomAttack(features="see-saw", labels="extremes"), Influence(), AT2FL(), BackGradient(), ModelTargeted()],
    ids=lambda attack: type(attack).__name__,
)  # fmt: skip
@pytest.mark.parametrize("attackers", [NewTasks(3, 4), NewTasks(2, (1, 5)), [3, NewTasks(2, 2)]], ids=str)
def test_every_attack_takes_accounts_and_its_result_says_so(attack, attackers, tmp_path):
    X, y, task = DATA
    threat = ThreatModel([0, 1], attackers, **({} if isinstance(attackers, NewTasks) else {"budget": 0.2}))
    result = attack.poison(VICTIM, X, y, task=task, threat=threat, random_state=0)
    new = threat.accounts
    assert set(result.new_tasks.tolist()) == set(range(4, 4 + new.accounts))
    np.testing.assert_array_equal([np.count_nonzero(result.task == a) for a in result.new_tasks], new.counts)
    assert result.tasks.tolist() == [0, 1, 2, 3]
    assert result.task_losses.size == 4
    assert result.task_losses["attacker"].tolist() == [False] * 3 + [3 in threat.attackers]
    fitted = result.refit(VICTIM, X, y, task=task)
    assert fitted.tasks_.tolist() == list(range(4 + new.accounts))
    inside = np.isin(task, [0, 1])
    loss = np.mean((fitted.predict(X, task=task)[inside] - y[inside]) ** 2)
    assert loss == pytest.approx(result.utility, rel=1e-7)
    result.save(tmp_path / "found.npz")
    loaded = AttackResult.load(tmp_path / "found.npz")
    assert loaded.threat == result.threat
    np.testing.assert_array_equal(loaded.new_tasks, result.new_tasks)
    again = loaded.refit(VICTIM, X, y, task=task)
    assert again.coef_.tobytes() == fitted.coef_.tobytes()


def test_labels_of_accounts_collide_with_none():
    X, y, task = DATA
    names = np.array(["z", "account-2", "account-1", "m"])[task]
    threat = ThreatModel(["z"], NewTasks(2, 3))
    result = RandomAttack().poison(VICTIM, X, y, task=names, threat=threat, random_state=0)
    assert result.new_tasks.tolist() == ["account-3", "account-4"]
    assert set(result.model.tasks_) == {"z", "m", *(f"account-{i}" for i in range(1, 5))}
    numbered = clone(VICTIM).fit(  # the order of labels plays no part
        *(np.concatenate([clean, injected]) for clean, injected in ((X, result.X), (y, result.y))),
        task=np.append(task, np.where(result.task == "account-3", 4, 5)),
    )
    assert np.mean((numbered.predict(X, task=task) - y)[task == 0] ** 2) == pytest.approx(result.utility, rel=1e-9)
    with pytest.raises(ValueError, match="task holds account-3, which is the label of an account"):
        result.combine(X, y, np.where(names == "m", "account-3", names))


def test_an_account_may_have_any_target_that_occurs():
    X, y, task = DATA
    program = bilevel(VICTIM, X, y, task, THREAT)
    for low, high in zip(*program.bounds(np.array([4, 5, 6])), strict=True):
        assert (low, high) == (y.min(), y.max())
    low, high = program.bounds(np.array([0]))
    assert (low[0], high[0]) == (y[task == 0].min(), y[task == 0].max())
    narrow = bilevel(VICTIM, X, y, task, replace(THREAT, label_range=(-0.5, 0.25)))
    assert [part[0] for part in narrow.bounds(np.array([5]))] == [-0.5, 0.25]


def test_without_rows_accounts_weigh_nothing_and_the_clean_fit_is_as_it_was():
    X, y, task = DATA
    with_them, without = (
        bilevel(VICTIM, X, y, task, threat) for threat in (THREAT, ThreatModel([0, 1], [2, 3], budget=0.2))
    )
    assert with_them.clean.W[:4].tobytes() == without.clean.W.tobytes()
    assert not with_them.clean.W[4:].any()


def test_a_see_saw_is_what_its_closed_form_says():
    """Accounts alone, with labels +B and -B: weights w along k directions, 2 eps (eps w - B) + (l_1 + k l_2) w = 0."""
    X, y, task = make_related_tasks(n_tasks=4, n_features=9, n_train=12, n_groups=2, random_state=3).train
    threat = replace(THREAT, attackers=NewTasks(2, 2), label_range=(-3.0, 3.0), region=Ball(10.0))
    program = bilevel(VICTIM, X, y, task, threat)
    found = draw(program, "see-saw", "extremes", np.random.default_rng(0))
    eps = np.sqrt(0.5 * (0.01 + 2 * 0.01))
    np.testing.assert_allclose(np.linalg.norm(found.X, axis=1), eps)
    np.testing.assert_allclose(found.X[::2], -found.X[1::2], atol=1e-15)
    assert abs(found.X[0] @ found.X[2]) < 1e-12
    assert found.y.tolist() == [3.0, -3.0, 3.0, -3.0]
    alone = MTRLRegressor(0.01, 0.01, tol=1e-12).fit(found.X, found.y, task=found.task_index)
    w = 2.0 * eps * 3.0 / (2.0 * eps**2 + 0.01 + 2 * 0.01)
    np.testing.assert_allclose(np.linalg.norm(alone.coef_, axis=1), w, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.svd(alone.coef_, compute_uv=False).sum(), 2 * w, rtol=1e-5)
    for factor in (0.8, 1.25):
        other = MTRLRegressor(0.01, 0.01, tol=1e-12).fit(factor * found.X, found.y, task=found.task_index)
        assert np.linalg.svd(other.coef_, compute_uv=False).sum() < 2 * w


def test_more_accounts_than_unused_directions_share_them():
    X, y, task = DATA
    program = bilevel(VICTIM, X, y, task, replace(THREAT, attackers=NewTasks(40, 2)))
    found = draw(program, "see-saw", "extremes", np.random.default_rng(0))
    rank = np.linalg.matrix_rank(found.X, tol=1e-9)
    assert 1 <= rank <= X.shape[1]
    W = program.clean.W[:4, :-1]
    used = np.linalg.matrix_rank(W, tol=1e-3 * np.linalg.norm(W, 2))
    assert rank == max(1, X.shape[1] - used)
    if rank > 1 and used < X.shape[1]:
        assert np.abs(found.X @ W.T).max() < 1e-3 * np.linalg.norm(W, 2)


@pytest.mark.parametrize("region", [Ball(0.5), OwnData(), OwnData("mahalanobis", within=Ball(2.0))], ids=str)
def test_rows_of_accounts_keep_to_their_region(region):
    X, y, task = DATA
    threat = replace(THREAT, region=region)
    result = ProjectedAscent(max_iter=4).poison(VICTIM, X, y, task=task, threat=threat, random_state=0)
    assert result.X.shape == (12, 5)  # ``poison`` checks the promise
    classes = np.where(y > np.median(y), "yes", "no")
    found = ProjectedAscent(max_iter=4, optimise_labels=True).poison(
        MTRLClassifier(0.01, 0.01), X, classes, task=task, threat=threat, random_state=0
    )
    assert set(found.y) <= {"yes", "no"}


def test_a_grey_box_attacker_opens_accounts_at_the_true_victim():
    X, y, task = DATA
    threat = replace(THREAT, knowledge=GreyBox(share=0.5))
    result = ProjectedAscent(max_iter=4).poison(VICTIM, X, y, task=task, threat=threat, random_state=0)
    assert result.new_tasks.tolist() == [4, 5, 6]
    white = result.refit(VICTIM, X, y, task=task)
    assert white.tasks_.size == 7


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda: NewTasks(0, 3), "accounts of NewTasks must be a whole number at least 1; got 0."),
        (lambda: NewTasks(3, 0), "rows of NewTasks must be a whole number at least 1; got 0."),
        (lambda: NewTasks(3, 2.5), "rows of NewTasks must be a whole number, or one an account; got 2.5."),
        (lambda: NewTasks(3, (1, 2)), "rows of NewTasks must be 3 numbers, one an account; got 2."),
        (lambda: NewTasks(2, (1, 0)), r"rows\[1\] of NewTasks must be a whole number at least 1; got 0."),
        (lambda: NewTasks(True, 1), "accounts of NewTasks must be a whole number"),
        (lambda: ThreatModel([0], NewTasks(1, 1), budget=0.1), "budget of ThreatModel is for attacking tasks"),
        (lambda: ThreatModel([0], [1]), "budget of ThreatModel must say how many rows go into the attacking tasks"),
        (lambda: ThreatModel([0], [1, NewTasks(1, 1)]), "budget of ThreatModel must say how many rows"),
        (lambda: ThreatModel([0], [NewTasks(1, 1), NewTasks(2, 1)]), "attackers of ThreatModel must hold one"),
        (lambda: ThreatModel([NewTasks(1, 1)], [0], budget=0.1), "targets of ThreatModel must be tasks with"),
        (lambda: bilevel(MTRLRegressor(task_covariance=independent_covariance(4)), *DATA, THREAT),
         "of which the victim's task_covariance says nothing"),
        (lambda: bilevel(VICTIM, *DATA, replace(THREAT, region=ByTask({0: Ball()}))), "name no region for"),
        (lambda: SingleTask().poison(VICTIM, *DATA[:2], task=DATA[2], threat=THREAT), "SingleTask hurts each task as"),
        (lambda: LabelFlip().poison(VICTIM, *DATA[:2], task=DATA[2], threat=THREAT), "LabelFlip flips clean rows of"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_cannot_be_is_refused(made, sentence):
    with pytest.raises(ValueError, match=sentence):
        made()


def test_a_forgotten_task_of_injected_rows_is_no_account():
    X, y, task = DATA
    names = np.array(["a", "b", "c", "d"])[task]
    with pytest.raises(ValueError, match="task_poison names the task 0"):
        hypergradient(VICTIM, X, y, task=names, X_poison=X[:2], y_poison=y[:2], targets=["a"])


def repeated(program, copies):
    return replace(program, lower=program.lower.repeated(np.asarray(copies, dtype=float)))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("weights", ["tasks", "rows", Capped(5.0)], ids=str)
def test_identical_accounts_are_one_account_that_counts_for_several(loss, weights):
    attack = opened(loss, 2)
    model, threat = (
        attack.model.set_params(task_weights=weights, tol=1e-11),
        ThreatModel(attack.targets, NewTasks(2, 3)),
    )
    names = attack.y if loss in REGRESSION else np.where(attack.y > 0, 1, -1)
    few = bilevel(model, attack.X, names, attack.task, threat)
    rows = draw(few, "uniform", "resampled", np.random.default_rng(0))
    many = bilevel(model, attack.X, names, attack.task, replace(threat, attackers=NewTasks(5, 3)))
    m = few.honest.rows.n_tasks
    order = np.concatenate([np.arange(3), np.arange(3), np.arange(3), np.arange(3, 6), np.arange(3, 6)])
    copied = replace(rows.chosen(order), task_index=m + np.repeat(np.arange(5), 3))
    together, apart = repeated(few, [3.0, 2.0]).solve(rows), many.solve(copied)
    assert together.objective == pytest.approx(apart.objective, rel=1e-9)
    np.testing.assert_allclose(together.W[:m], apart.W[:m], atol=2e-6)
    np.testing.assert_allclose(together.W[m:] / np.sqrt([[3.0], [2.0]]), apart.W[[m, m + 3]], atol=2e-6)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("weights", ["tasks", Capped(5.0), "rows"], ids=str)
@pytest.mark.parametrize("seed", range(2))
def test_the_gradient_by_the_number_of_accounts_is_that_of_the_problem_solved_anew(loss, weights, seed):
    attack = opened(loss, seed)
    model, threat = (
        attack.model.set_params(task_weights=weights, tol=1e-13),
        ThreatModel(attack.targets, NewTasks(2, 3)),
    )
    names = attack.y if loss in REGRESSION else np.where(attack.y > 0, 1, -1)
    program = bilevel(model, attack.X, names, attack.task, threat)
    rows, here = draw(program, "uniform", "resampled", np.random.default_rng(seed)), np.array([2.5, 1.25])
    at = repeated(program, here)
    W = at.solve(rows).W
    v = adjoint(at, rows, W)[0].v
    found, by_rows = through_copies(at, rows, W, v), implicit_gradient(at, rows, W)

    def utility(copies, injection):
        solved = repeated(program, copies)
        solution = solved.solve(injection)
        z = np.einsum("rp,rp->r", solved.lower.entering(injection), solution.W[injection.task_index])
        sides = (solution.W @ solution.W.T).shape, np.sign(1.0 - injection.y * z), np.sign(abs(injection.y - z) - DELTA)
        return solved.utility(solution.W), np.concatenate([np.ravel(side) for side in sides])

    for direction in (np.array([1.0, 0.0]), np.array([0.3, -1.0])):
        (up, a), (down, b) = (utility(here + sign * 3e-4 * direction, rows) for sign in (1, -1))
        if np.array_equal(a, b):
            scale = np.linalg.norm(found) * np.linalg.norm(direction)
            assert found @ direction == pytest.approx((up - down) / 6e-4, abs=1e-6 * scale)
    direction = np.random.default_rng(9).standard_normal(rows.X.shape)
    (up, a), (down, b) = (utility(here, replace(rows, X=rows.X + sign * 1e-5 * direction)) for sign in (1, -1))
    if np.array_equal(a, b):
        scale = np.linalg.norm(by_rows.features) * np.linalg.norm(direction)
        assert np.vdot(by_rows.features, direction) == pytest.approx((up - down) / 2e-5, abs=1e-6 * scale)
