"""One cell, against the same steps taken by hand with the public names."""

import json
import re

import numba
import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from patom import PATOM, Ball, MTRLClassifier, MTRLRegressor, RandomAttack, ThreatModel
from patom.datasets import load_digits_tasks, make_related_tasks
from patom.metrics import auc, nmse
from patom.paper.compute import compute, load
from patom.plain_json import finite

LABELS = {"name": "related", "n_tasks": 5, "n_features": 3, "n_train": 12, "n_test": 15, "n_groups": 2}
CLASSES = LABELS | {"kind": "classification"}
OPTIONS = {name: value for name, value in LABELS.items() if name != "name"}


def record_of(cell):
    record, seconds = compute(cell)
    assert seconds > 0.0
    return record


def by_hand(cell, data, victim):
    """The attack's result and the test metric of each task, clean and attacked."""
    X, y, task = data.train
    attack = {name: value for name, value in cell.attack.items() if name != "name"}
    attack = PATOM(**attack) if cell.attack["name"] == "patom" else RandomAttack(**attack)
    threat = ThreatModel(list(cell.targets), list(cell.attackers), cell.budget, Ball(cell.radius))
    result = attack.poison(victim, X, y, task=task, threat=threat, random_state=cell.rng())
    both = result.combine(X, y, task)
    models = victim.fit(X, y, task=task), type(victim)(**victim.get_params()).fit(both.X, both.y, task=both.task)
    scores = []
    for model in models:
        predict = model.predict if data.kind == "regression" else model.decision_function
        metric = nmse if data.kind == "regression" else auc
        parts = [np.flatnonzero(data.test.task == label) for label in model.tasks_]
        scores.append([
            metric(data.test.y[rows], predict(data.test.X[rows], task=data.test.task[rows])) for rows in parts
        ])  # fmt: skip
    return result, *np.array(scores), *models


@pytest.mark.parametrize("kind", ["regression", "classification"])
@pytest.mark.parametrize("name", ["patom", "random"])
@pytest.mark.parametrize("attackers", [(1, 3), (0, 2), (0, 1, 2)])
def test_a_record_is_what_the_public_names_give(cell, random_attack, kind, name, attackers):
    made = cell(
        data=LABELS | {"kind": kind}, seed=3, attackers=attackers, radius=0.8, budget=0.3,
        model={"loss": None, "lambda_1": 0.2, "lambda_2": 0.05}, figure="correlations",
        **({"attack": random_attack} if name == "random" else {}),
    )  # fmt: skip
    data = make_related_tasks(**OPTIONS, kind=kind, random_state=3)
    victim = (MTRLRegressor if kind == "regression" else MTRLClassifier)(lambda_1=0.2, lambda_2=0.05)
    result, before, after, clean, attacked = by_hand(made, data, victim)
    aim, others = [0, 2], [1, 3, 4]
    sign = 1.0 if kind == "regression" else -1.0
    clean_loss, attacked_loss = (training_loss(model, data) for model in (clean, attacked))
    record = record_of(made)
    assert "error" not in record
    expected = {
        "rows_injected": 3 * len(attackers),
        "metric": "NMSE" if kind == "regression" else "AUC",
        "metric_clean": before[aim].mean(),
        "metric_attacked": after[aim].mean(),
        "damage": sign * (after[aim].mean() - before[aim].mean()) / before[aim].mean(),
        "others_clean": before[others].mean(),
        "others_attacked": after[others].mean(),
        "task_metric_clean": before[aim].tolist(),
        "task_metric_attacked": after[aim].tolist(),
        "target_loss_clean": np.mean(clean_loss[aim]),
        "target_loss": np.mean(attacked_loss[aim]),
        "utility_clean": result.clean_utility,
        "utility": result.history["utility"].tolist(),
        "collateral": np.mean(attacked_loss[others]) / np.mean(clean_loss[others]) - 1.0,
        "solves": result.cost.solves,
        "solver_steps": result.cost.solver_steps,
        "adjoint_solves": 0,
        "products": 0,
        "certified": True,
        "status": result.status.value,
        "tasks": ["0", "1", "2", "3", "4"],
        "spectrum_clean": clean.task_spectrum_.tolist(),
        "spectrum": attacked.task_spectrum_.tolist(),
        "correlation_clean": clean.task_correlation_.ravel().tolist(),
        "correlation": attacked.task_correlation_.ravel().tolist(),
    }
    gap = record.pop("gap")
    assert gap == pytest.approx(max(clean.duality_gap_, attacked.duality_gap_, result.history["gap"].max()))
    assert set(record) == set(expected)
    for column, value in expected.items():
        assert record[column] == (value if isinstance(value, str | bool) or column == "tasks" else pytest.approx(value))


def training_loss(model, data):
    """Mean loss of each task's clean training rows."""
    X, y, task = data.train
    if data.kind == "regression":
        losses = (y - model.predict(X, task=task)) ** 2
    else:
        losses = (
            np.maximum(0.0, 1.0 - np.where(y == model.classes_[1], 1, -1) * model.decision_function(X, task=task)) ** 2
        )
    return np.array([losses[task == label].mean() for label in range(5)])


@pytest.mark.parametrize("changes", [{"data": {"name": "digits"}, "budget": 0.1}, {}, {"data": CLASSES}])
def test_patom_starts_where_the_random_attack_ends(cell, random_attack, changes):
    utility = record_of(cell(**changes))["utility"]
    random = record_of(cell(**changes, attack=random_attack))
    assert len(utility) == 3
    assert random["utility"] == utility[:1]  # every bit
    assert utility[0] != utility[-1]


def test_digits_are_loaded_with_the_seed_and_the_options():
    data = load({"name": "digits", "test_fraction": 0.5}, 2, None)
    expected = load_digits_tasks(test_fraction=0.5, random_state=2)
    np.testing.assert_array_equal(data.train.X, expected.train.X)
    np.testing.assert_array_equal(data.test.task, expected.test.task)


def test_correlations_are_kept_for_their_figure_only(cell):
    kept = {"tasks", "correlation_clean", "correlation"}
    records = {figure: record_of(cell(figure=figure)) for figure in ("budgets", "convergence", "correlations")}
    assert not kept & set(records["budgets"])
    assert records["convergence"] | {"metric_by_iteration": None} == records["budgets"] | {"metric_by_iteration": None}
    assert {name: value for name, value in records["correlations"].items() if name not in kept} == records["budgets"]
    assert kept <= set(records["correlations"])


@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_convergence_has_the_metric_of_the_targets_after_each_iteration(cell, random_attack, kind):
    changes = {"data": LABELS | {"kind": kind}, "figure": "convergence"}
    made = cell(**changes)
    record, short = record_of(made), record_of(cell(**changes, attack=made.attack | {"max_iter": 1}))
    course = record["metric_by_iteration"]
    assert len(course) == len(record["utility"]) == 3
    assert course[0] == pytest.approx(record_of(cell(**changes, attack=random_attack))["metric_attacked"], rel=1e-6)
    assert course[1] == pytest.approx(short["metric_attacked"], rel=1e-6)
    assert course[2] == pytest.approx(record["metric_attacked"], rel=1e-6)
    assert "metric_by_iteration" not in record_of(cell(**changes, attack=random_attack))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"budget": 0.01}, "ValueError: budget of ThreatModel rounds to no rows"),
        ({"targets": (0, 9)}, "ValueError: .*targets"),
        ({"model": {"loss": "hinge", "lambda_1": 0.1, "lambda_2": 0.1}}, "ValueError: .*hinge"),
        ({"data": {"name": "related", "n_tasks": 0}}, "ValueError: make_related_tasks: n_tasks is 0"),
        ({"data": {"name": "related", "n_taks": 3}}, "ValidationError: "),
    ],
)
def test_a_cell_that_fails_has_an_error_and_nothing_else(cell, changes, said):
    record = record_of(cell(**changes))
    assert list(record) == ["error"]
    assert len(record["error"].splitlines()) == 1
    assert re.match(said, record["error"])


def test_a_failure_leaves_nothing_behind(cell):
    before = record_of(cell())
    record_of(cell(targets=(0, 9)))
    assert record_of(cell()) == before


def test_missing_data_are_an_error_of_the_cell(cell, tmp_path):
    # A home that is a file can hold no data, nor can any be fetched to it.
    home = tmp_path / "home"
    home.write_text("")
    record, _ = compute(cell(data={"name": "landmine"}, targets=(1,), attackers=(2,)), str(home))
    assert list(record) == ["error"]


def test_the_record_is_the_same_each_time_and_after_other_cells(cell):
    made = cell(figure="correlations")
    first = json.dumps(record_of(made))
    assert json.dumps(record_of(made)) == first
    for seed in range(1, 11):  # more than are kept
        record_of(cell(seed=seed, attack={"name": "random"}))
    assert json.dumps(record_of(made)) == first


def test_the_record_does_not_depend_on_the_number_of_threads(cell):
    made = cell(data={"name": "digits"}, figure="correlations", budget=0.1)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
        free = json.dumps(record_of(made))
        assert numba.get_num_threads() == numba.config.NUMBA_NUM_THREADS  # given back
        numba.set_num_threads(1)
        with threadpool_limits(1):
            assert json.dumps(record_of(made)) == free
    finally:
        numba.set_num_threads(before)


def test_a_cell_keeps_to_one_thread(cell, random_attack, monkeypatch):
    seen = []

    def watched(self, X, y, task=None):
        pools = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
        seen.append((numba.get_num_threads(), *pools))
        return fit(self, X, y, task=task)

    fit = MTRLRegressor.fit
    monkeypatch.setattr(MTRLRegressor, "fit", watched)
    before = numba.get_num_threads()
    with threadpool_limits(2):
        assert "error" not in record_of(cell(seed=78, attack=random_attack))
    assert {count for counts in seen for count in counts} == {1}
    assert numba.get_num_threads() == before


def test_tasks_whose_test_rows_have_one_class_have_no_metric(cell):
    record = record_of(cell(data=CLASSES | {"n_test": 1}))
    names = ("metric_clean", "metric_attacked", "damage", "others_clean", "others_attacked")
    assert all(np.isnan(record[name]) for name in names)
    assert np.isnan(record["task_metric_clean"]).tolist() == [True, True]
    assert [finite(record)[name] for name in names] == [None] * 5
    assert finite(record)["task_metric_attacked"] == [None, None]
    assert record["utility"][-1] > record["utility_clean"] > 0.0


def test_without_other_tasks_their_metric_is_missing(cell):
    record = record_of(cell(targets=(0, 1, 2, 3, 4), attackers=(0, 1, 2, 3, 4)))
    assert np.isnan([record["others_clean"], record["others_attacked"]]).all()
    assert np.isfinite([record["metric_clean"], record["metric_attacked"]]).all()


def test_a_fit_above_its_tolerance_is_recorded_and_warns_nobody(cell, monkeypatch):
    monkeypatch.setattr(MTRLRegressor, "fit", _hasty(MTRLRegressor.fit))
    record = record_of(cell(seed=77))
    assert record["certified"] is False
    assert record["gap"] > 1e-6


def _hasty(fit):
    def hasty(self, X, y, task=None):
        self.max_iter = 1
        return fit(self, X, y, task=task)

    return hasty


def test_a_record_is_plain_data(cell):
    record = record_of(cell(figure="correlations"))
    assert json.loads(json.dumps(finite(record), allow_nan=False)) == record
