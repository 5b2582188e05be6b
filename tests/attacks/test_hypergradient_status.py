"""Where the gradient says that it can't be trusted: corners of the loss, changes of rank, no optimum, no solution."""

from dataclasses import replace

import numpy as np
import pytest
from hypergradient_problems import DELTA, LOSSES, assert_derivative, attack_on
from sklearn.base import clone

from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.gradients import Accuracy, GradientStatus, implicit_gradient
from patom.attacks.injection import Injection
from patom.attacks.program import bilevel
from patom.core.data_term import data_term
from patom.core.rows import append_constant, inject_rows
from patom.core.solvers.newton import newton_direction

SMOOTH, KINK, UNSOLVED = GradientStatus.SMOOTH, GradientStatus.KINK, GradientStatus.UNSOLVED


def at_the_margin(off):
    """The first injected row at y z = 1 + ``off``: from 1 on it has no loss, so the optimum does not depend on it."""
    attack = attack_on("squared_hinge", "hybrid", lambda_1=0.01, lambda_2=0.01)
    far = attack.X_poison.copy()
    far[0] *= 0.0
    for _ in range(2):  # the second time at the optimum that the row has no part in
        fitted = replace(attack, X_poison=far).fit()
        i = fitted.tasks_.tolist().index(attack.task_poison[0])
        w, b = fitted.coef_[i], fitted.intercept_[i]
        far[0] = (3.0 * attack.y_poison[0] - b) * w / (w @ w)
    near = far.copy()
    near[0] = ((1.0 + off) * attack.y_poison[0] - b) * w / (w @ w)
    return replace(attack, X_poison=near)


def at_the_bend(off):
    """The first injected row ``off`` beyond Huber's corner, where its slope stays the same."""
    attack = attack_on("huber", "hybrid", lambda_1=0.01, lambda_2=0.01)
    y = attack.y_poison.copy()
    y[0] += 100.0
    far = replace(attack, y_poison=y)
    y = y.copy()
    y[0] = far.predictions(far.fit())[1][0] + DELTA + off
    return replace(attack, y_poison=y)


@pytest.mark.parametrize("make", [at_the_margin, at_the_bend])
@pytest.mark.parametrize("gradient", ["exact", "frozen_covariance"])
def test_a_row_at_the_losss_corner(make, gradient):
    tie, sides = make(0.0).gradient(gradient), [make(off).gradient(gradient) for off in (1e-6, -1e-6)]
    assert tie.status is KINK
    assert [side.status for side in sides] == [SMOOTH, SMOOTH]
    scale = np.linalg.norm(sides[0].features)
    assert np.linalg.norm(sides[0].features - sides[1].features) > 1e-2 * scale  # there is a corner
    assert min(np.linalg.norm(tie.features - side.features) for side in sides) < 1e-4 * scale  # "one of its slopes"


def test_a_clean_row_at_the_corner_counts_too():
    attack = at_the_margin(0.0)
    order = np.r_[1 : attack.y_poison.size, 0]
    swapped = replace(
        attack,
        X=np.vstack([attack.X, attack.X_poison[:1]]),
        y=np.append(attack.y, attack.y_poison[0]),
        task=np.append(attack.task, attack.task_poison[0]),
        X_poison=attack.X_poison[order][:-1],
        y_poison=attack.y_poison[order][:-1],
        task_poison=attack.task_poison[order][:-1],
    )
    assert swapped.gradient().status is KINK


def as_program(attack):
    program = bilevel(attack.model, attack.X, attack.y, attack.task, ThreatModel(attack.targets, attack.targets, 1.0))
    names = program.problem.tasks.tolist()
    place = np.array([names.index(label) for label in attack.task_poison])
    return program, Injection(attack.X_poison, attack.y_poison, place)


def rank_margin(program, injection, W):
    """How far the largest singular value of grad f off W's support is below lambda_2 ||W||_*, where rank grows."""
    rows = inject_rows(program.problem.rows, append_constant(injection.X), injection.y, injection.task_index)
    G = data_term(rows, program.problem.loss).value_and_gradient(W)[1]
    U, s, Qt = np.linalg.svd(W, full_matrices=False)
    k = np.linalg.matrix_rank(W, tol=1e-9)
    U, Qt = U[:, :k], Qt[:k]
    off = G - U @ (U.T @ G)
    return 1.0 - np.linalg.norm(off - off @ Qt.T @ Qt, 2) / (program.problem.penalty.lambda_2 * s.sum())


def rank_change(loss, kind):
    """Attacks along a path of data, where on it the rank of W grows, and the optimum there from the lower rank."""
    settings = {"squared_error": (0.1, 0.3), "logistic": (0.1, 0.6)}[loss]
    attack = attack_on(loss, kind, lambda_1=0.1, lambda_2=settings[0], spread=settings[1], seed=1)

    def along(t):
        return replace(attack, X_poison=(1.0 + 5.0 * t) * attack.X_poison)

    def rank(t):
        return along(t).fit().task_spectrum_.size

    grid = np.linspace(0.0, 1.0, 11)
    ranks = [rank(t) for t in grid]
    first = next(i for i in range(10) if ranks[i] < ranks[i + 1])
    low, high = grid[first], grid[first + 1]
    while high - low > 1e-4:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if rank(middle) == ranks[first] else (low, middle)
    # The solver can't tell ranks closer to the change than its gap lets it: on by the margin, from below.
    W, t, before, margin = None, low - 1e-3, None, np.inf
    while margin > 3e-10:
        program, injection = as_program(along(t))
        W = program.solve(injection, start=W).W
        last, margin = margin, rank_margin(program, injection, W)
        step = 1e-4 if before is None else 0.95 * margin * (t - before) / (last - margin)
        before, t = t, t + step
    assert margin > 0.0
    return along, before, implicit_gradient(program, injection, W).times(program.aim.size)  # of the sum


@pytest.mark.parametrize("kind", ["direct", "indirect"])
@pytest.mark.parametrize("loss", ["squared_error", "logistic"])
def test_a_change_of_rank(loss, kind):
    along, change, tie = rank_change(loss, kind)
    assert tie.status is KINK
    before, after = along(change - 1e-3), along(change + 1e-3)
    assert before.utility()[1][2] < after.utility()[1][2]
    found = [attack.gradient("exact") for attack in (before, after)]
    for side, attack in zip(found, (before, after), strict=True):
        assert side.status is SMOOTH
        assert_derivative(attack, side.features)
    scale = np.linalg.norm(tie.features)
    jump = np.linalg.norm(found[0].features - found[1].features)
    assert jump > 1e-2 * scale
    assert min(np.linalg.norm(tie.features - side.features) for side in found) < 0.5 * jump  # one of the slopes


@pytest.mark.parametrize("tol", [1e-13, 1e-8, 1e-4])
def test_next_to_a_change_of_rank_nothing_wrong_is_called_smooth(tol):
    along, change, _ = rank_change("logistic", "direct")
    sides = [along(change + off).gradient().features for off in (-1e-4, 1e-4)]
    jump = np.linalg.norm(sides[0] - sides[1])
    called = []
    for off in (-3e-6, -3e-7, -3e-8, 0.0, 3e-8, 3e-7, 3e-6, 3e-5):
        attack = along(change + off)
        attack = replace(attack, model=clone(attack.model).set_params(tol=tol))
        found = attack.gradient()
        called.append(found.status)
        if found.status is SMOOTH:
            assert np.linalg.norm(found.features - sides[int(off > 0.0)]) < 0.1 * jump
    assert SMOOTH in called


@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_where_nothing_is_learned_there_is_no_slope(loss):
    attack = attack_on(loss)
    nothing = replace(attack, y=np.zeros_like(attack.y), y_poison=np.zeros_like(attack.y_poison))
    for gradient, status in (("exact", KINK), ("frozen_covariance", SMOOTH), ("paper", SMOOTH)):
        found = nothing.gradient(gradient)
        np.testing.assert_array_equal(found.features, 0.0)
        np.testing.assert_array_equal(found.labels, 0.0)
        assert found.status is status


@pytest.mark.parametrize("loss", LOSSES)
def test_huge_lambdas_leave_small_smooth_gradients(loss):
    gradients = [attack_on(loss, lambda_1=weight, lambda_2=weight).gradient() for weight in (1.0, 1e4, 1e5)]
    sizes = [np.linalg.norm(found.features) for found in gradients]
    assert gradients[-1].status is SMOOTH
    assert sizes[2] < 1e-2 * sizes[0]
    assert sizes[1] / sizes[2] == pytest.approx(10.0, rel=1e-2)


@pytest.mark.parametrize("gradient", ["exact", "frozen_covariance"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_fit_that_stopped_early_is_not_an_optimum(loss, gradient):
    attack = attack_on(loss, "indirect", d=6, lambda_1=1e-3, lambda_2=1e-3)
    exact = attack.gradient(gradient).features
    attack.model.set_params(max_iter=5)
    loose = attack.gradient(gradient)
    assert np.linalg.norm(loose.features - exact) > 1e-3 * np.linalg.norm(exact)
    assert loose.status is UNSOLVED


def test_the_default_tolerance_is_tight_enough():
    for loss in LOSSES:
        attack = attack_on(loss, "indirect", d=6, lambda_1=1e-3, lambda_2=1e-3)
        exact = attack.gradient().features
        attack.model.set_params(tol=1e-8)
        usual = attack.gradient()
        assert usual.status is SMOOTH
        assert np.linalg.norm(usual.features - exact) < 1e-6 * np.linalg.norm(exact)


@pytest.fixture
def program_at_its_optimum():
    program, injection = as_program(attack_on("logistic", "hybrid", d=6, lambda_1=1e-3, lambda_2=1e-3))
    return program, injection, program.solve(injection, start=None).W


def test_too_few_products_leave_it_unsolved(program_at_its_optimum):
    exact = implicit_gradient(*program_at_its_optimum)
    short = implicit_gradient(*program_at_its_optimum, accuracy=Accuracy(max_products=3))
    assert (short.status, short.products) == (UNSOLVED, 3)
    assert exact.products > 3
    assert np.linalg.norm(short.features - exact.features) > 1e-3 * np.linalg.norm(exact.features)


def test_the_tolerance_trades_products_for_digits(program_at_its_optimum):
    exact = implicit_gradient(*program_at_its_optimum)
    rough = implicit_gradient(*program_at_its_optimum, accuracy=Accuracy(tolerance=1e-4))
    assert rough.status is SMOOTH
    assert rough.products < exact.products
    error = np.linalg.norm(rough.features - exact.features) / np.linalg.norm(exact.features)
    assert 1e-9 < error < 1e-2


def test_at_the_wrong_rank_it_is_unsolved(program_at_its_optimum):
    program, injection, W = program_at_its_optimum
    U, s, Qt = np.linalg.svd(W, full_matrices=False)
    lower = (U[:, :1] * s[:1]) @ Qt[:1]
    assert implicit_gradient(program, injection, W).status is SMOOTH
    assert implicit_gradient(program, injection, lower).status is UNSOLVED


def test_the_best_of_too_low_a_rank_is_not_an_optimum(program_at_its_optimum):
    program, injection, W = program_at_its_optimum
    rows = inject_rows(program.problem.rows, append_constant(injection.X), injection.y, injection.task_index)
    term, penalty = data_term(rows, program.problem.loss), program.problem.penalty
    W = penalty.lower_rank(W)
    for _ in range(20):
        model = penalty.model(W, term.value_and_gradient(W)[1])
        W = model.retract(newton_direction(model, term.hessian(W), tolerance=1e-10))
    assert np.linalg.norm(model.gradient) < 1e-10
    assert rank_margin(program, injection, W) < -1e-3
    assert implicit_gradient(program, injection, W).status is UNSOLVED


def test_every_status_is_a_sentence():
    assert all(status.value.endswith(".") and status.value[0].isupper() for status in GradientStatus)
