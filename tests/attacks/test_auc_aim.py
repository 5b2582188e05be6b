"""The AUC as the attacker's aim: its value by hand, its slopes by differences, and what it is for."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from patom import AttackResult, MTRLClassifier, MTRLRegressor, ProjectedAscent, Sparing, ThreatModel
from patom.attacks import Availability
from patom.attacks.adversary import aim
from patom.attacks.adversary.aim import TAU, PairTerm
from patom.attacks.draws import draw
from patom.attacks.gradients import implicit_gradient
from patom.attacks.program import bilevel

OFFSETS = np.array([0, 12, 12, 20, 45])


def drawn(seed=0):
    """Four tasks: one without rows and one with a single class among them."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.standard_normal((45, 3)), np.ones(45)])
    y = np.where(rng.random(45) < 0.4, 1.0, -1.0)
    y[12:20] = 1.0
    return X, y, rng.standard_normal((4, 4))


def by_hand(z, y):
    total, scale = [], TAU * np.std(z)
    for p in z[y > 0]:
        for n in z[y < 0]:
            total.append(1.0 / (1.0 + np.exp((p - n) / scale)))
    return np.mean(total)


@pytest.mark.parametrize("over_tasks", ["mean", "worst", "least"])
def test_the_value_is_a_mean_over_pairs(over_tasks, monkeypatch):
    X, y, W = drawn()
    parts = [(slice(0, 12), 0), (slice(20, 45), 3)]
    values = [by_hand(X[own] @ W[i], y[own]) for own, i in parts]
    expected = {"mean": np.mean, "worst": np.max, "least": np.min}[over_tasks](values)
    term = PairTerm(X, y, OFFSETS, over_tasks)
    assert term.tasks.tolist() == [0, 3]
    assert term.at(W) == pytest.approx(expected, rel=1e-12)
    slopes = term.slopes(W)
    monkeypatch.setattr(aim, "_AT_A_TIME", 7)
    assert term.at(W) == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(term.slopes(W), slopes, rtol=1e-12)


@pytest.mark.parametrize("over_tasks", ["mean", "worst", "least"])
@pytest.mark.parametrize("seed", range(3))
def test_slopes_by_differences(over_tasks, seed):
    X, y, W = drawn(seed)
    term, D = PairTerm(X, y, OFFSETS, over_tasks), np.random.default_rng(9).standard_normal((4, 4))
    slopes = term.slopes(W)
    along = sum(slopes[a:b] @ X[a:b] @ D[i] for i, (a, b) in enumerate(pairwise(OFFSETS)))
    assert along == pytest.approx((term.at(W + 1e-5 * D) - term.at(W - 1e-5 * D)) / 2e-5, rel=1e-6)


def test_neither_scale_nor_bias_matter_and_sharp_pairs_are_the_auc(monkeypatch):
    X, y, W = drawn()
    term, moved = PairTerm(X, y, OFFSETS), 3.0 * W
    moved[:, -1] += 5.0
    assert term.at(moved) == pytest.approx(term.at(W), rel=1e-12)
    monkeypatch.setattr(aim, "TAU", 1e-6)
    expected = np.mean([1.0 - roc_auc_score(y[a:b], X[a:b] @ W[i]) for i, a, b in ((0, 0, 12), (3, 20, 45))])
    assert term.at(W) == pytest.approx(expected, abs=1e-6)


def test_predictions_that_are_all_equal():
    X, y, _ = drawn()
    term = PairTerm(X, y, OFFSETS)
    assert term.at(np.zeros((4, 4))) == 0.5
    assert not term.slopes(np.zeros((4, 4))).any()


@pytest.fixture(name="data")
def fixture_data():
    rng = np.random.default_rng(3)
    task, X = np.repeat(np.arange(4), 30), 0.4 * rng.standard_normal((120, 3))
    z = (X * (rng.standard_normal(3) + 0.5 * rng.standard_normal((4, 3)))[task]).sum(axis=1)
    return X, np.where(z + 0.1 * rng.standard_normal(120) > 0.0, 1, 0), task


def threat_of(objective, **settings):
    return ThreatModel([0, 1], [0, 1], 0.3, objective=objective, **settings)


def test_the_gradient_is_that_of_the_problem_solved_anew(data):
    X, y, task = data
    program = bilevel(
        MTRLClassifier(0.01, 0.02, loss="logistic", tol=1e-13), X, y, task, threat_of(Availability(metric="auc"))
    )
    rows = draw(program, "uniform", "resampled", np.random.default_rng(0))
    W = program.solve(rows).W
    found = implicit_gradient(program, rows, W).features
    direction = np.random.default_rng(1).standard_normal(rows.X.shape)

    def utility(step):
        moved = type(rows)(rows.X + step * direction, rows.y, rows.task_index)
        return program.utility(program.solve(moved, W).W)

    assert np.vdot(found, direction) == pytest.approx((utility(1e-5) - utility(-1e-5)) / 2e-5, rel=1e-5)


def test_an_ascent_on_it_leaves_a_lower_auc_than_one_on_the_loss(data):
    X, y, task = data
    left = {}
    for metric in ("loss", "auc"):
        attack = ProjectedAscent(optimise_labels=True)
        found = attack.poison(
            MTRLClassifier(0.01, 0.01), X, y, task=task, threat=threat_of(Availability(metric=metric)), random_state=0
        )
        margins = [found.model.decision_function(X[task == i], task=task[task == i]) for i in (0, 1)]
        left[metric] = np.mean([roc_auc_score(y[task == i], margins[i]) for i in (0, 1)])
    assert left["auc"] < left["loss"] - 0.02


def test_it_is_saved_and_combined(data, tmp_path):
    X, y, task = data
    objective = Availability(metric="auc", X=X[:20], y=y[:20], task=task[:20])
    for each in (objective, Sparing(Availability(metric="auc"))):
        result = ProjectedAscent(max_iter=2, n_starts=1).poison(
            MTRLClassifier(0.01, 0.01), X, y, task=task, threat=threat_of(each), random_state=0
        )
        result.save(tmp_path / "r.npz")
        assert AttackResult.load(tmp_path / "r.npz").threat == result.threat
    assert Availability() != Availability(metric="auc")


def test_what_it_cannot_be_is_refused(data):
    X, y, task = data
    with pytest.raises(ValueError, match="metric of Availability must be one of 'loss', 'auc'; got 'nmse'"):
        Availability(metric="nmse")
    attack = ProjectedAscent(max_iter=1, n_starts=1)
    with pytest.raises(ValueError, match="metric of Availability is 'auc', which is for two classes"):
        attack.poison(MTRLRegressor(), X, y.astype(float), task=task, threat=threat_of(Availability(metric="auc")))
    one = np.where(task < 2, 1, y)
    with pytest.raises(ValueError, match="no target has rows of both classes"):
        attack.poison(MTRLClassifier(), X, one, task=task, threat=threat_of(Availability(metric="auc")))
