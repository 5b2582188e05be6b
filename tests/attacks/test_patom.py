"""PATOM as an attack: budget and region after every iteration, starts, statuses, refusals, effect."""

import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning

from patom import (
    PATOM,
    Ball,
    MTRLClassifier,
    MTRLRegressor,
    RandomAttack,
    ThreatModel,
    graph_covariance,
    independent_covariance,
)
from patom.attacks import AttackStatus
from patom.core.solvers.solution import Status
from patom.models import problem


def poison(attack, model, data, threat, seed=0, **options):
    X, y, task = data
    return attack.poison(model, X, y, task=task, threat=threat, random_state=seed, **options)


@st.composite
def problems(draw):
    """Clean data of uneven tasks and a threat that injects at least one row."""
    counts = draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    labels = range(len(counts))
    targets, attackers = (draw(st.lists(st.sampled_from(labels), min_size=1, unique=True)) for _ in range(2))
    most = max(counts[i] for i in attackers)
    percent = draw(st.integers(-(-100 // most), 150))
    region = Ball(draw(st.sampled_from([0.3, 1.0, 2.5])))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    X = Ball().sample(sum(counts), draw(st.integers(1, 4)), rng)
    data = X, rng.standard_normal(sum(counts)), rng.permutation(np.repeat(labels, counts))
    return data, counts, percent, ThreatModel(targets, attackers, percent / 100, region)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    problem=problems(),
    step_size=st.sampled_from([1.0, 100.0, 1e5]),
    batch_ratio=st.sampled_from([0.01, 1.0, 3.0]),
    n_starts=st.integers(1, 2),
    classify=st.booleans(),
    features=st.sampled_from(["uniform", "resampled"]),
    labels=st.sampled_from(["resampled", "uniform", "flipped"]),
)
def test_budget_region_and_labels_hold_after_every_iteration(
    problem, step_size, batch_ratio, n_starts, classify, features, labels
):
    (X, y, task), counts, percent, threat = problem
    loss = "squared_hinge" if classify else "squared_error"
    if classify:
        y = (y > np.median(y)).astype(int)
        assume(np.unique(y).size == 2)
    model = (MTRLClassifier if classify else MTRLRegressor)(loss=loss)
    attack = PATOM(step_size, max_iter=3, batch_ratio=batch_ratio, features=features, labels=labels, n_starts=n_starts)
    seen = []
    result = poison(attack, model, (X, y, task), threat, callback=lambda *record: seen.append(record))

    expected = {i: percent * counts[i] // 100 for i in threat.attackers}
    for _, moved in seen:
        assert moved.shape == (sum(expected.values()), X.shape[1])
        assert moved.dtype == np.float64
        assert (np.linalg.norm(moved, axis=1) <= threat.region.radius * (1.0 + 1e-12)).all()
    assert {i: int((result.task == i).sum()) for i in threat.attackers} == expected
    assert np.isin(result.task, threat.attackers).all()
    assert any(np.array_equal(result.X, moved) for _, moved in seen)
    for i in np.unique(result.task):
        own, injected = y[task == i], result.y[result.task == i]
        if classify:
            assert np.isin(injected, own if labels == "resampled" else y).all()
        else:
            assert ((own.min() - 1e-12 <= injected) & (injected <= own.max() + 1e-12)).all()
            if labels == "resampled":
                assert np.isin(injected, own).all()


def test_the_callback_sees_every_iteration_of_every_start(make_tasks, make_victim):
    seen = []
    threat = ThreatModel(["a"], ["a"], 0.2)
    poison(
        PATOM(max_iter=2, n_starts=3),
        make_victim("huber"),
        make_tasks("huber"),
        threat,
        callback=lambda iteration, _: seen.append(iteration),
    )
    assert seen == [0, 1, 2] * 3


def test_a_callback_that_scribbles_changes_nothing(make_tasks, make_victim):
    def scribble(_, moved):
        moved[:] = 7.0

    arguments = PATOM(max_iter=2), make_victim("squared_error"), make_tasks("squared_error"), ThreatModel("a", "a", 0.2)
    assert poison(*arguments, callback=scribble).X.tobytes() == poison(*arguments).X.tobytes()


def test_without_iterations_it_is_the_random_attack(make_tasks, make_victim):
    model, data, threat = make_victim("logistic"), make_tasks("logistic"), ThreatModel(["a", "b"], ["b"], 0.3)
    seen = []
    result = poison(PATOM(max_iter=0), model, data, threat)
    longer = poison(PATOM(max_iter=2), model, data, threat, callback=lambda _, moved: seen.append(moved))
    random = poison(RandomAttack(), model, data, threat)
    np.testing.assert_array_equal(result.X, random.X)
    np.testing.assert_array_equal(seen[0], random.X)
    np.testing.assert_array_equal(longer.y, random.y)
    assert result.utility == random.utility
    assert result.expected_utility == longer.history.utility[0]


def test_history_is_what_the_model_fitted_after_each_iteration_shows(make_tasks, make_victim):
    X, y, task = make_tasks("squared_error")
    model, threat, seen = make_victim("squared_error", tol=1e-12), ThreatModel(["a", "c"], ["b", "c"], 0.2), []
    result = poison(PATOM(max_iter=4), model, (X, y, task), threat, callback=lambda _, moved: seen.append(moved))
    assert result.history.iteration.tolist() == [0, 1, 2, 3, 4]
    chosen = np.isin(task, ["a", "c"])
    for moved, utility in zip(seen, result.history.utility, strict=True):
        fitted = replace(result, X=moved).refit(model, X, y, task=task)
        losses = (y[chosen] - fitted.predict(X[chosen], task=task[chosen])) ** 2
        assert utility == pytest.approx(losses.mean(), rel=1e-6)
    assert (result.history.gap <= 1e-12).all()
    assert (np.diff(result.history.seconds) > 0.0).all()
    assert (result.history.solver_steps >= 0).all()
    assert result.utility == pytest.approx(result.history["utility"][-1], rel=1e-9)


def test_of_several_starts_the_best_is_kept(make_tasks, make_victim):
    model, data, threat = make_victim("squared_error"), make_tasks("squared_error"), ThreatModel(["a"], ["a"], 0.2)
    results = {n: poison(PATOM(max_iter=3, n_starts=n), model, data, threat, seed=4) for n in (1, 3)}
    utilities = results[3].start_utilities
    assert utilities[0] == results[1].expected_utility == results[1].start_utilities[0]
    assert np.unique(utilities).size == 3
    assert results[3].expected_utility == utilities.max()
    mean = utilities.sum() / 3
    assert results[3].spread == pytest.approx(np.sqrt(((utilities - mean) ** 2).sum() / 2) / mean, rel=1e-12)
    assert np.isnan(results[1].spread)


def test_starts_that_end_alike_have_no_spread(make_tasks, make_victim):
    X, y, task = make_tasks("squared_error")
    result = poison(
        PATOM(n_starts=2, max_iter=1), make_victim("squared_error"), (X, 0.0 * y, task), ThreatModel("a", "a", 0.2)
    )
    assert result.start_utilities.tolist() == [0.0, 0.0]
    assert result.spread == 0.0


def test_a_generator_moves_on_and_a_seed_does_not(make_tasks, make_victim):
    arguments = PATOM(max_iter=1), make_victim("huber"), make_tasks("huber"), ThreatModel(["a"], ["a"], 0.2)
    generator = np.random.default_rng(5)
    first, second = poison(*arguments, generator), poison(*arguments, generator)
    assert poison(*arguments, 5).X.tobytes() == first.X.tobytes() != second.X.tobytes()


@dataclass(frozen=True)
class Box:
    """A region that is no ball."""

    half: float

    def project(self, X):
        return np.clip(X, -self.half, self.half)

    def contains(self, X):
        return (np.abs(X) <= self.half).all(axis=1)

    def sample(self, n, d, rng):
        return rng.uniform(-self.half, self.half, (n, d))


def test_any_region_will_do(make_tasks, make_victim):
    seen = []
    threat = ThreatModel(["a"], ["a", "b"], 0.4, Box(0.4))
    result = poison(
        PATOM(max_iter=3),
        make_victim("squared_error"),
        make_tasks("squared_error"),
        threat,
        callback=lambda _, moved: seen.append(moved),
    )
    assert all((np.abs(moved) <= 0.4).all() for moved in seen)
    assert (np.abs(result.X) == 0.4).any(axis=1).all()
    assert result.utility > result.clean_utility


COMPONENTS = np.array([[0, 0, 1, 0], [0, 0, 0, 0.7], [1, 0, 0, 0], [0, 0.7, 0, 0]])


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({}, AttackStatus.COMPLETED),
        ({"lambda_1": 0.0}, AttackStatus.COMPLETED),
        ({"lambda_2": 0.0}, AttackStatus.UNCOUPLED),
        ({"task_covariance": independent_covariance(4)}, AttackStatus.UNCOUPLED),
        ({"task_covariance": graph_covariance(COMPONENTS)}, AttackStatus.UNCOUPLED),
        ({"task_covariance": graph_covariance(COMPONENTS[::-1, ::-1].T)}, AttackStatus.UNCOUPLED),
    ],
)
def test_indirect_attacks_end_at_once_where_nothing_couples(make_tasks, make_victim, settings, status):
    data, threat = make_tasks("squared_error"), ThreatModel(["a", "c"], ["b", "d"], 0.2)
    result = poison(PATOM(max_iter=2), make_victim("squared_error", **settings), data, threat)
    assert result.status is status
    uncoupled = status is AttackStatus.UNCOUPLED
    assert len(result.history) == (1 if uncoupled else 3)
    if uncoupled:
        random = poison(RandomAttack(), make_victim("squared_error", **settings), data, threat)
        np.testing.assert_array_equal(result.X, random.X)
        assert result.utility == pytest.approx(result.clean_utility, rel=1e-3)


@pytest.mark.parametrize("targets", [["a"], ["a", "b"]])
def test_without_relationships_a_task_can_still_hurt_itself(make_tasks, make_victim, targets):
    threat = ThreatModel(targets, ["a"], 0.2)
    result = poison(PATOM(), make_victim("squared_error", lambda_2=0.0), make_tasks("squared_error"), threat)
    assert result.status is AttackStatus.COMPLETED
    assert result.utility > result.clean_utility


def test_an_attacker_whose_budget_comes_to_no_row_plays_no_part(make_victim):
    rng = np.random.default_rng(0)
    X, task = Ball().sample(33, 3, rng), np.repeat(["big", "small", "other"], [20, 3, 10])
    data, threat = (X, X.sum(axis=1), task), ThreatModel(["small"], ["small", "big"], 0.2)
    result = poison(PATOM(max_iter=2), make_victim("squared_error"), data, threat)
    assert result.task.tolist() == ["big"] * 4
    apart = poison(PATOM(max_iter=2), make_victim("squared_error", lambda_2=0.0), data, threat)
    assert apart.status is AttackStatus.UNCOUPLED


def test_a_target_of_one_row(make_victim):
    X, task = Ball().sample(21, 3, np.random.default_rng(1)), np.repeat(["one", "many"], [1, 20])
    model, data = make_victim("squared_error", lambda_1=0.01, lambda_2=0.01), (X, X.sum(axis=1), task)
    for ratio in (0.1, 3.0):
        result = poison(PATOM(batch_ratio=ratio), model, data, ThreatModel(["one"], ["many"], 0.2))
        assert result.status is AttackStatus.COMPLETED
        assert np.abs(result.X - poison(RandomAttack(), model, data, result.threat).X).max() > 1e-3


@pytest.mark.parametrize("attack", [PATOM(max_iter=1), RandomAttack()], ids=["PATOM", "RandomAttack"])
@pytest.mark.parametrize("lambda_2", [0.0, 0.1])
def test_fits_that_stop_early_are_reported(make_tasks, make_victim, attack, lambda_2):
    model = make_victim("squared_error", lambda_1=0.001, lambda_2=lambda_2, max_iter=1)
    with pytest.warns(ConvergenceWarning, match="max_iter") as caught:
        result = poison(attack, model, make_tasks("squared_error"), ThreatModel(["a"], ["b"], 0.2))
    assert len(caught) == 1
    assert result.status is AttackStatus.UNCERTIFIED
    assert result.model.duality_gap_ > 1e-8


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("ending", [Status.MAX_ITER, Status.STALLED, Status.PRECISION])
@pytest.mark.parametrize(("lambda_2", "fits"), [(0.1, 6), (0.0, 4)])  # clean, 2 starts, the victim at last
def test_one_loose_fit_is_enough(make_tasks, make_victim, monkeypatch, lambda_2, fits, ending):
    solve, threat, data = problem._solve, ThreatModel(["a"], ["b"], 0.2), make_tasks("huber")
    for loose in range(fits):
        calls = []

        def interrupted(*arguments, **options):
            calls.append(arguments)  # noqa: B023
            solution = solve(*arguments, **options)
            return replace(solution, status=ending) if len(calls) == loose + 1 else solution  # noqa: B023

        monkeypatch.setattr(problem, "_solve", interrupted)
        result = poison(PATOM(max_iter=1, n_starts=2), make_victim("huber", lambda_2=lambda_2), data, threat)
        assert len(calls) == fits
        otherwise = AttackStatus.COMPLETED if lambda_2 else AttackStatus.UNCOUPLED
        assert result.status is (otherwise if ending is Status.PRECISION else AttackStatus.UNCERTIFIED)


def test_a_stalled_alternation_is_reported(make_tasks, make_victim):
    model = make_victim("squared_error", solver="alternating", max_iter=3)
    with pytest.warns(ConvergenceWarning):
        result = poison(PATOM(max_iter=1), model, make_tasks("squared_error"), ThreatModel(["a"], ["a"], 0.2))
    assert result.status is AttackStatus.UNCERTIFIED


def test_every_status_is_a_sentence():
    for status in AttackStatus:
        assert re.fullmatch(r"[A-Z][^\n]+\.", status.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"step_size": 0.0}, "step_size of PATOM must be a finite number above 0.0; got 0.0."),
        ({"step_size": -1.0}, "step_size of PATOM must be"),
        ({"step_size": float("nan")}, "step_size of PATOM must be"),
        ({"step_size": None}, "step_size of PATOM must be"),
        ({"batch_ratio": 0}, "batch_ratio of PATOM must be a finite number above 0.0; got 0."),
        ({"max_iter": -1}, "max_iter of PATOM must be a whole number at least 0; got -1."),
        ({"max_iter": 2.5}, "max_iter of PATOM must be a whole number at least 0; got 2.5."),
        ({"max_iter": True}, "max_iter of PATOM must be"),
        ({"n_starts": 0}, "n_starts of PATOM must be a whole number at least 1; got 0."),
        ({"n_starts": 1.5}, "n_starts of PATOM must be a whole number at least 1; got 1.5."),
        (
            {"features": "normal"},
            "features of PATOM must be one of 'uniform', 'resampled', 'corners', 'clusters', 'see-saw'; got 'normal'.",
        ),
        (
            {"labels": "worst"},
            "labels of PATOM must be one of 'resampled', 'uniform', 'flipped', 'extremes'; got 'worst'.",
        ),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        PATOM(**settings)


class Constant(BaseEstimator):
    """No model of the package's."""

    def fit(self, *_, **__):
        return self


@pytest.mark.parametrize("model", [Constant(), MTRLRegressor, None, "MTRLRegressor"])
def test_only_mtrl_models_can_be_attacked(make_tasks, model):
    with pytest.raises(TypeError, match=r"^model must be an MTRLRegressor or MTRLClassifier to be attacked; got "):
        poison(PATOM(), model, make_tasks("huber"), ThreatModel(["a"], ["a"], 0.2))


def test_only_a_threat_model_is_a_threat(make_tasks, make_victim):
    with pytest.raises(TypeError, match=r"^threat must be a ThreatModel; got dict\.$"):
        poison(PATOM(), make_victim("huber"), make_tasks("huber"), {"targets": ["a"]})


@pytest.mark.in_turn
@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
@pytest.mark.parametrize(("step_size", "ahead"), [(100.0, 1.5), (1.0, 3.0)])
def test_direct_attacks_beat_random_rows(make_tasks, make_victim, loss, step_size, ahead):
    # At a step of 100 rows jump from border to border and a single run can fall behind, so the mean counts.
    rise = []
    for seed in range(6):
        model, data = make_victim(loss), make_tasks(loss, seed=seed, n_features=8, n_rows=25)
        threat = ThreatModel(["a", "b"], ["a", "b"], 0.2)
        results = [poison(attack, model, data, threat, seed=seed) for attack in (PATOM(step_size), RandomAttack())]
        rise.append([result.utility / result.clean_utility - 1.0 for result in results])
    attacked, random = np.mean(rise, axis=0)
    assert attacked > ahead * random > 0.0
