"""From predictions to damage, intervals, curves, the map and the relationships."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from audit_cells import cell_of

from patom.attacks import AttackStatus
from patom.audit import summary, table_data
from patom.audit.cells import Effect, measured
from patom.evaluate.trial import Trial
from patom.intervals import interval
from patom.results.parts import Interval


@dataclass
class Result:
    """What of an attack's result the summary looks at."""

    y: np.ndarray
    clean_utility: float = 0.1
    utility: float = 0.2
    status: AttackStatus = AttackStatus.COMPLETED


class Model:
    """What of a model the summary looks at."""

    def __init__(self, correlation, spectrum):
        self.relationship_, self.matrix, self.task_spectrum_ = self, correlation, spectrum

    def correlation(self, shown):
        assert shown.tolist() == [0, 2]
        return self.matrix


def outcome(
    decision, *, purpose="curve", attack="ascent-direct", targets=(0,), attackers=(0,), budget=0.1, replicate=0
):
    return cell_of(purpose, attack, targets, attackers, budget, replicate), Trial(Result(np.zeros(3)), None, decision)


@pytest.fixture(name="data")
def fixture_data(make_table):
    """Three regression tasks with test targets -1, 0, 1, -1, 0, 1, whose variance is 2/3."""
    data = table_data(make_table(sizes=(20, 20, 20)))
    return replace(data, y_test=np.tile([-1.0, 0.0, 1.0], 6), task_test=np.repeat([0, 1, 2], 6), pooled=False)


def off_by(data, *errors):
    """Predictions that are wrong by so much in each task: their NMSE is 1.5 times the square."""
    return data.y_test + np.repeat(errors, 6)


def test_damage_is_the_relative_rise_of_the_targets_mean_nmse(data):
    clean, attacked = off_by(data, 0.1, 0.3, 0.5), off_by(data, 0.2, 0.5, 0.5)
    found = measured(data, clean, *outcome(attacked, targets=(0, 1)))
    assert found.clean == pytest.approx(1.5 * (0.01 + 0.09) / 2)
    assert found.attacked == pytest.approx(1.5 * (0.04 + 0.25) / 2)
    assert found.damage == pytest.approx((0.29 - 0.10) / 0.10)
    assert (found.bystanders_clean, found.bystanders) == pytest.approx((1.5 * 0.25, 1.5 * 0.25))


def test_a_better_model_is_negative_damage_and_all_tasks_have_no_bystanders(data):
    found = measured(data, off_by(data, 0.2, 0.2, 0.2), *outcome(off_by(data, 0.1, 0.1, 0.1), targets=(0, 1, 2)))
    assert found.damage == pytest.approx(-0.75)
    assert np.isnan(found.bystanders)


def test_damage_is_the_relative_fall_of_the_targets_mean_auc(make_table):
    data = table_data(make_table("classification", sizes=(20, 20)))
    y, task = np.tile([-1.0, -1.0, 1.0, 1.0], 2), np.repeat([0, 1], 4)
    data = replace(data, y_test=y, task_test=task, pooled=False)
    clean = np.array([0.0, 1.0, 2.0, 3.0, 0.0, 2.0, 1.0, 3.0])  # AUC 1 and 3/4
    attacked = np.array([3.0, 2.0, 1.0, 0.0, 0.0, 1.0, 2.0, 3.0])  # AUC 0 and 1
    assert measured(data, clean, *outcome(attacked, targets=(0,))).damage == pytest.approx(1.0)
    assert measured(data, clean, *outcome(attacked, targets=(1,))).damage == pytest.approx(-1 / 3)
    assert measured(data, clean, *outcome(attacked, targets=(0, 1))).damage == pytest.approx((0.875 - 0.5) / 0.875)


def test_tasks_that_cannot_be_measured_count_in_no_mean(data):
    y = data.y_test.copy()
    y[6:12] = 0.4
    data = replace(data, y_test=y)
    clean, attacked = off_by(data, 0.1, 0.1, 0.1), off_by(data, 0.2, 9.0, 0.1)
    assert measured(data, clean, *outcome(attacked, targets=(0, 1))).damage == pytest.approx(3.0)
    assert np.isnan(measured(data, clean, *outcome(attacked, targets=(1,))).damage)


def test_interval_is_students():
    # t at 0.975 and 3 degrees of freedom is 3.182446; the standard error of 1, 2, 3, 4 is sqrt(5 / 3) / 2.
    half = 3.182446305 * (5 / 3) ** 0.5 / 2
    found = interval([4.0, 1.0, 3.0, 2.0], 0.95)
    assert found.as_dict() == pytest.approx({"mean": 2.5, "low": 2.5 - half, "high": 2.5 + half})
    narrower = interval([4.0, 1.0, 3.0, 2.0], 0.5)
    assert narrower.high == pytest.approx(2.5 + 0.764892328 * (5 / 3) ** 0.5 / 2)


def test_interval_of_too_few_values_is_none():
    assert interval([2.0, float("nan")], 0.95) == Interval.of(2.0)
    assert interval([float("inf")], 0.95) == Interval.of(None)


def test_curves_gather_seeds_by_attack_and_budget_in_reading_order(data):
    clean = off_by(data, 0.1, 0.1, 0.1)
    effects = [
        measured(
            data, clean, *outcome(off_by(data, error, 0.1, 0.1), attack=attack, budget=budget, replicate=replicate)
        )
        for attack in ("ascent-indirect", "random-direct")
        for budget in (0.3, 0.1)
        for replicate, error in enumerate((0.2, 0.3))
    ]
    effects.append(measured(data, clean, *outcome(clean, purpose="exposure")))
    found = summary.curves(effects, 0.95)
    assert [(str(entry.attack), entry.budget) for entry in found] == [
        ("random-direct", 0.1), ("random-direct", 0.3), ("ascent-indirect", 0.1), ("ascent-indirect", 0.3),
    ]  # fmt: skip
    for entry in found:
        assert entry.n_seeds == 2
        assert entry.clean.mean == pytest.approx(0.015)
        assert entry.metric.mean == pytest.approx(1.5 * (0.04 + 0.09) / 2)
        assert entry.damage.as_dict() == pytest.approx(interval([3.0, 8.0], 0.95).as_dict())
        assert entry.bystander_metric.mean == pytest.approx(0.015)
        assert entry.low_of_all == pytest.approx(interval([3.0, 8.0], 1.0 - 0.05 / 4).low)  # of four curves


def test_the_map_has_attackers_as_rows_and_targets_as_columns(data):
    effects = [
        Effect(
            cell_of("exposure", "ascent-indirect", (j,), (i,), 0.2, 0),
            Trial(Result(np.zeros(i + 1)), None, np.zeros(18)),
            *(0.5, 0.5, 10.0 * i + j if (i, j) != (0, 2) else float("nan"), 0.5, 0.5),
        )
        for i in (0, 2)
        for j in (0, 2)
    ]
    found = summary.exposure(data, effects, (0, 2), 0.2)
    assert found.as_dict() == {
        "budget": 0.2,
        "tasks": ["t0", "t2"],
        "all_tasks_shown": False,
        "damage": [[0.0, None], [20.0, 22.0]],
        "few_test_rows": [True, True],
        "rows_injected": [1, 3],
        "to_accounts": None,
    }
    assert summary.exposure(data, [], (0, 2), 0.2) is None


def test_relationships_keep_the_twenty_largest_eigenvalues(data):
    correlation, spectrum = np.eye(2), np.linspace(1.0, 0.0, 30)
    before, model = Model(correlation, spectrum), Model(-correlation, spectrum / 2)
    after = Effect(
        cell_of("relationships", "ascent-hybrid", (1,), (0, 1, 2), 0.1, 0), Trial(None, model, None), *(5 * [0.0])
    )
    found = summary.relationships(data, before, after, (0, 2))
    assert (found.label, found.targets, found.attackers) == ("optimised, hybrid", ["t1"], ["t0", "t1", "t2"])
    assert found.tasks == ["t0", "t2"]
    assert found.before.as_dict() == {"correlation": [[1.0, 0.0], [0.0, 1.0]], "spectrum": spectrum[:20].tolist()}
    assert found.after.correlation == [[-1.0, 0.0], [0.0, -1.0]]
    assert found.after.spectrum == (spectrum[:20] / 2).tolist()


def test_every_attack_has_its_tidy_record(data):
    clean = off_by(data, 0.1, 0.1, 0.1)
    found = measured(data, clean, *outcome(off_by(data, 0.2, 0.1, 0.1), targets=(0,), attackers=(1, 2)))
    (record,) = summary.curve_rows(data, [found])
    assert record["targets"] == ["t0"]
    assert record["attackers"] == ["t1", "t2"]
    assert (record["damage"], record["rows_injected"]) == (pytest.approx(3.0), 3)
    assert (record["training_loss_clean"], record["training_loss"]) == (0.1, 0.2)
