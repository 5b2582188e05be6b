"""One attack: within its threat model, measured on held-out rows, blind to them."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from audit_cells import answers_of, cell_of

from patom import MTRLClassifier, MTRLRegressor
from patom.attacks import PATOM, ProjectedAscent, ThreatModel
from patom.audit import AuditSettings, table_data
from patom.audit.cells import aims, clean_decision, followed_up, measured, run_and_measure, run_cell, victim
from patom.audit.levels import worst_of
from patom.audit.summary import curves, moment
from patom.audit.work import Work
from patom.evaluate.defended import Victim
from patom.evaluate.trial import fit_quietly

KINDS = ("regression", "classification")
ATTACKS = {
    "random-direct": ((0, 1), (0, 1)),
    "patom-direct": ((0, 1), (0, 1)),
    "ascent-direct": ((0, 1), (0, 1)),
    "random-indirect": ((0, 1), (2,)),
    "patom-indirect": ((0, 1), (2,)),
    "ascent-indirect": ((0, 1), (2,)),
}


@pytest.fixture(name="data", params=KINDS)
def fixture_data(request, make_table):
    return table_data(make_table(request.param, sizes=(30, 40, 50)))


def attack_with(data, settings, cell):
    model = victim(data, settings, 0.01, 0.01)
    return run_cell(data, settings, Victim(model, model), cell)


@pytest.mark.parametrize("attack", ATTACKS)
def test_injected_rows_stay_within_budget_tasks_and_ball(data, quick, attack):
    targets, attackers = ATTACKS[attack]
    trial = attack_with(data, quick, cell_of("curve", attack, targets, attackers, 0.25, 0))
    result = trial.result
    counts = np.bincount(result.task, minlength=3)
    expected = np.zeros(3, dtype=int)
    expected[list(attackers)] = np.floor(0.25 * data.counts[list(attackers)])
    np.testing.assert_array_equal(counts, expected)
    assert np.linalg.norm(result.X, axis=1).max() <= 1.0 + 1e-12
    for task in attackers:
        own, injected = data.y_train[data.task_train == task], result.y[result.task == task]
        assert own.min() <= injected.min()
        assert injected.max() <= own.max()
    if data.kind == "classification" or not attack.startswith("ascent"):
        assert set(result.y) <= set(data.y_train)
    assert result.model is trial.model is None
    assert trial.certified


def test_an_attack_never_sees_the_held_out_rows(data, quick):
    cell = cell_of("curve", "ascent-direct", (0, 1), (0, 1), 0.3, 1)
    seen = attack_with(data, quick, cell)
    blind = attack_with(replace(data, y_test=-data.y_test), quick, cell)
    np.testing.assert_array_equal(seen.result.X, blind.result.X)
    np.testing.assert_array_equal(seen.decision, blind.decision)


def test_the_victim_is_fitted_on_training_and_injected_rows(data, quick):
    trial = attack_with(data, quick, cell_of("curve", "ascent-direct", (0,), (0,), 0.3, 0))
    poisoned = trial.result.combine(data.X_train, data.y_train, data.task_train)
    again = victim(data, quick, 0.01, 0.01).fit(poisoned.X, poisoned.y, task=poisoned.task)
    np.testing.assert_allclose(trial.decision, answers_of(again, data), atol=1e-6)


def test_step_size_and_iterations_reach_patom(data):
    settings = AuditSettings(seed=5, attack="patom", iterations=3)
    model, cell = (
        victim(data, settings, 0.01, 0.01),
        cell_of("curve", "patom-indirect", (0,), (1, 2), 0.2, 4, step_size=2.5),
    )
    result = attack_with(data, settings, cell).result
    expected = PATOM(step_size=2.5, max_iter=3).poison(
        model, data.X_train, data.y_train, task=data.task_train,
        threat=ThreatModel((0,), (1, 2), 0.2), random_state=cell.rng(5),
    )  # fmt: skip
    np.testing.assert_array_equal(result.X, expected.X)


@pytest.mark.parametrize("reach", ["direct", "indirect"])
def test_the_ascent_starts_at_the_random_attacks_rows_and_its_loss_never_falls(data, reach):
    settings = AuditSettings(seed=5, keep_labels=True)
    model = victim(data, settings, 0.01, 0.01)
    random, ascent = (
        attack_with(data, settings, cell_of("exposure", f"{method}-{reach}", *ATTACKS[f"{method}-{reach}"], 0.2, 4))
        for method in ("random", "ascent")
    )
    assert ascent.result.history.utility[0] == pytest.approx(random.result.utility, rel=1e-12)
    assert (np.diff(ascent.result.history.utility) > 0.0).all()
    np.testing.assert_array_equal(ascent.result.y, random.result.y)
    np.testing.assert_array_equal(ascent.result.task, random.result.task)
    start = ProjectedAscent(max_iter=0, n_starts=1).poison(
        model, data.X_train, data.y_train, task=data.task_train, threat=ascent.result.threat,
        random_state=cell_of("exposure", f"ascent-{reach}", *ATTACKS[f"ascent-{reach}"], 0.2, 4).rng(5),
    )  # fmt: skip
    np.testing.assert_array_equal(start.X, random.result.X)
    assert np.abs(ascent.result.X - random.result.X).max() > 0.01


def test_the_worse_of_the_aims_that_the_metric_has_counts(data):
    settings = AuditSettings(seed=5, iterations=6)
    model = victim(data, settings, 0.01, 0.01)
    clean, attacked = clean_decision(data, model), Victim(model, model)
    cell = cell_of("curve", "ascent-direct", (0, 1), (0, 1), 0.2, 0)
    expected = ("loss", "auc") if data.kind == "classification" else ("loss",)
    assert aims(data, cell) == expected
    found = [measured(data, clean, cell, run_cell(data, settings, attacked, cell, aim)) for aim in expected]
    worst = run_and_measure(data, settings, attacked, cell, clean)
    assert worst.damage == max(one.damage for one in found)
    assert aims(data, cell_of("curve", "random-direct", (0, 1), (0, 1), 0.2, 0)) == ("loss",)
    alone = replace(data, y_train=np.ones_like(data.y_train))
    assert aims(alone, cell) == ("loss",)


@pytest.mark.parametrize(
    ("attack", "iterations", "expected"),
    [
        ("ascent", None, ProjectedAscent(n_starts=1, relocations=0, max_iter=40, optimise_labels=True)),
        ("ascent", 7, ProjectedAscent(n_starts=1, relocations=0, max_iter=7, optimise_labels=True)),
        ("patom", None, PATOM(step_size=2.5)),
        ("patom", 7, PATOM(step_size=2.5, max_iter=7)),
    ],
)
def test_iterations_left_out_are_the_attacks_own(make_table, attack, iterations, expected):
    data = table_data(make_table(sizes=(20, 20)))
    settings = AuditSettings(attack=attack, iterations=iterations)
    cell = cell_of("curve", f"{attack}-direct", (0,), (0,), 0.1, 0, step_size=2.5)
    ran = attack_with(data, settings, cell).result.attack
    assert ran == {"name": type(expected).__name__, **vars(expected)}


@pytest.mark.parametrize("iterations", [None, 7])
def test_a_thorough_ascent_has_more_starts_and_the_moves_of_the_package(make_table, iterations):
    data, settings = table_data(make_table(sizes=(20, 20))), AuditSettings(iterations=iterations)
    model, cell = victim(data, settings, 0.01, 0.01), cell_of("curve", "ascent-direct", (0,), (0,), 0.1, 0)
    ran = run_cell(data, settings, Victim(model, model), cell, thorough=True).result.attack
    expected = ProjectedAscent(n_starts=2, optimise_labels=True, max_iter=iterations or ProjectedAscent().max_iter)
    assert ran == {"name": "ProjectedAscent", **vars(expected)}


def test_the_worst_of_the_curves_is_followed_up_and_the_worse_of_two_counts(make_table, quick):
    data = table_data(make_table("classification", sizes=(40, 40)))
    model = victim(data, quick, 0.01, 0.01)
    attacked, clean = Victim(model, model), clean_decision(data, model)
    cells = [cell_of("curve", "ascent-direct", (0,), (0,), budget, 0) for budget in (0.1, 0.3)]
    effects = [run_and_measure(data, quick, attacked, cell, clean) for cell in cells]
    worst = worst_of(curves(effects, quick.confidence))
    steps, work = [], Work(data, progress=lambda done, _: steps.append(done))
    found = followed_up(work, replace(quick, n_seeds=1), attacked, [clean], effects, worst)
    assert steps == [1]
    place = [one.cell.budget for one in effects].index(worst.budget)
    assert found[1 - place] is effects[1 - place]
    thorough = run_and_measure(data, quick, attacked, cells[place], clean, thorough=True)
    assert found[place].damage == max(effects[place].damage, thorough.damage)


def test_relationships_are_those_of_the_attacked_model(data, quick):
    model = victim(data, quick, 0.01, 0.01)
    trial = attack_with(data, quick, cell_of("relationships", "ascent-hybrid", (0,), (0, 1, 2), 0.3, 0))
    told = moment(trial.model, (0, 2))
    found, found_spectrum = np.array(told.correlation), np.array(told.spectrum)
    poisoned = trial.result.combine(data.X_train, data.y_train, data.task_train)
    again = model.fit(poisoned.X, poisoned.y, task=poisoned.task)
    np.testing.assert_allclose(found, again.task_correlation_[np.ix_([0, 2], [0, 2])], atol=1e-5)
    np.testing.assert_allclose(found_spectrum, again.task_spectrum_, atol=1e-6)
    assert found_spectrum.sum() == pytest.approx(1.0)
    assert (np.diff(found_spectrum) <= 0).all()
    assert np.diag(found).tolist() == [1.0, 1.0]
    refitted = moment(again, (0, 2))
    np.testing.assert_allclose(refitted.correlation, found, atol=1e-5)
    np.testing.assert_allclose(refitted.spectrum, found_spectrum, atol=1e-6)


@pytest.mark.parametrize(("kind", "loss", "estimator"), [
    ("regression", "huber", MTRLRegressor), ("classification", "logistic", MTRLClassifier),
])  # fmt: skip
def test_the_victim_takes_the_loss_and_lambdas(make_table, kind, loss, estimator):
    data = table_data(make_table(kind))
    model = victim(data, AuditSettings(loss=loss), 0.3, 0.7)
    assert isinstance(model, estimator)
    assert (model.loss, model.lambda_1, model.lambda_2) == (loss, 0.3, 0.7)
    assert victim(data, AuditSettings(), 0.3, 0.7).loss == estimator().loss


def test_tasks_unknown_to_a_model_get_a_blank_decision(make_table, quick):
    data = table_data(make_table(sizes=(30, 30)))
    mine = data.task_train == 0
    model = victim(data, quick, 0.01, 0.01).fit(data.X_train[mine], data.y_train[mine], task=data.task_train[mine])
    decision = answers_of(model, data)
    assert (decision[data.task_test == 1] == 0.0).all()
    assert (decision[data.task_test == 0] != 0.0).all()


def test_a_fit_above_its_tolerance_warns_nobody(make_table):
    data = table_data(make_table())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit_quietly(MTRLRegressor(max_iter=1, tol=1e-14), data.train)
        clean_decision(data, MTRLRegressor(max_iter=1, tol=1e-14))
    assert not caught


def test_rows_that_look_like_the_tasks_own_do_less_harm_than_any_in_the_ball(data):
    settings = AuditSettings(seed=2)
    cell = cell_of("curve", "ascent-direct", (0, 1), (0, 1), 0.3, 0)
    anywhere, own = (
        attack_with(data, replace(settings, region=region), cell).result for region in ("ball", "own_data")
    )
    for task in (0, 1):
        clean = data.X_train[data.task_train == task]
        centre = clean.mean(axis=0)
        radius = np.quantile(np.linalg.norm(clean - centre, axis=1), 0.95)
        far = np.linalg.norm(own.X[own.task == task] - centre, axis=1).max()
        if data.kind == "regression":
            assert far <= radius * (1.0 + 1e-9)
        assert far < np.linalg.norm(anywhere.X[anywhere.task == task] - centre, axis=1).max()
    assert own.utility < anywhere.utility
