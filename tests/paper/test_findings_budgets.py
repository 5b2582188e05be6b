"""Fig. 2 from made-up rows whose answers are known."""

import numpy as np
import pytest

METHODS = ("patom-direct", "patom-indirect", "random-direct", "random-indirect")


def test_lines_have_intervals_over_seeds_of_each_budget(row, found, students):
    rng = np.random.default_rng(0)
    damage = {method: rng.uniform(-0.1, 2.0, size=(3, 2)) for method in METHODS}  # seeds, budgets
    rows = [
        row(method, seed=seed, budget=budget, damage=damage[method][seed, k], metric_clean=0.5 + 0.1 * seed,
            metric_attacked=1.0 + damage[method][seed, k])
        for seed in range(3) for method in METHODS for k, budget in enumerate((0.1, 0.5))
    ]  # fmt: skip
    (entry,) = found(rows)["budgets"]
    assert (entry["title"], entry["metric"]) == ("E", "NMSE")
    (panel,) = entry["panels"]
    assert panel["clean"] == students([0.5, 0.6, 0.7])
    assert [line["attack"] for line in panel["lines"]] == list(METHODS)
    labels = ["PATOM, direct", "PATOM, indirect", "random, direct", "random, indirect"]
    assert [line["label"] for line in panel["lines"]] == labels
    for line in panel["lines"]:
        assert line["budgets"] == [0.1, 0.5]
        assert line["damage"] == [students(damage[line["attack"]][:, k]) for k in (0, 1)]
        assert line["metric"] == [students(1.0 + damage[line["attack"]][:, k]) for k in (0, 1)]


def test_panels_are_pairs_with_their_task_sets(row, found):
    rows = [
        row(method, seed=seed, pair=pair, targets=targets, attackers=targets if "-direct" in method else attackers)
        for seed in (0, 1)
        for pair, targets, attackers in (("A", ["1"], ["2", "3"]), ("B", ["4", "5"], ["6"]))
        for method in METHODS
    ]
    panels = found(rows)["budgets"][0]["panels"]
    sets = [(panel["pair"], panel["targets"], panel["attackers"]) for panel in panels]
    assert sets == [("A", ["1"], ["2", "3"]), ("B", ["4", "5"], ["6"])]


@pytest.mark.parametrize("through_others", ["ascent-indirect", "random-indirect", "patom-hybrid"])
def test_a_panel_names_the_attackers_of_any_attack_through_other_tasks(row, found, through_others):
    sets = {"direct": ["0", "1", "2"], "indirect": ["7", "8"], "hybrid": ["7", "8"]}
    rows = [
        row(method, seed=seed, targets=["0", "1", "2"], attackers=sets[method.partition("-")[2]])
        for seed in (0, 1)
        for method in ("ascent-direct", through_others, "random-direct")
    ]
    (panel,) = found(rows)["budgets"][0]["panels"]
    assert (panel["targets"], panel["attackers"]) == (["0", "1", "2"], ["7", "8"])


def test_starts_are_averaged_within_a_seed(row, found, students):
    rows = [row(seed=seed, start=start, damage=1.0 * seed + 10.0 * start) for seed in range(3) for start in range(2)]
    (line,) = found(rows)["budgets"][0]["panels"][0]["lines"]
    assert line["damage"] == [students([5.0, 6.0, 7.0])]


@pytest.mark.parametrize("budgets", [(0.5, 0.1, 0.3), (0.1, 0.3, 0.5)])
def test_budgets_rise_along_a_line_however_they_were_asked_for(row, found, budgets):
    rows = [row(seed=seed, budget=budget, damage=budget) for seed in (0, 1) for budget in budgets]
    (line,) = found(rows)["budgets"][0]["panels"][0]["lines"]
    assert line["budgets"] == [0.1, 0.3, 0.5]
    assert [point["mean"] for point in line["damage"]] == pytest.approx([0.1, 0.3, 0.5])


def test_a_failed_cell_leaves_its_seed_out_of_its_point_only(row, failed, found):
    rows = [
        failed(seed=seed, budget=budget) if (seed, budget) == (0, 0.1) else row(seed=seed, budget=budget, damage=seed)
        for seed in range(3) for budget in (0.1, 0.3)
    ]  # fmt: skip
    results = found(rows)
    (line,) = results["budgets"][0]["panels"][0]["lines"]
    assert line["budgets"] == [0.1, 0.3]
    assert [point["mean"] for point in line["damage"]] == pytest.approx([1.5, 1.0])
    assert len(results["failures"]) == 1


def test_an_experiment_that_failed_altogether_is_no_figure(failed, found):
    results = found([failed(seed=seed) for seed in range(3)])
    assert results["budgets"] == results["claims"] == []
    assert len(results["failures"]) == 3


def test_one_seed_has_means_without_intervals(row, found):
    (panel,) = found([row(damage=0.25, metric_attacked=0.75)])["budgets"][0]["panels"]
    assert panel["clean"] == {"mean": 0.5, "low": None, "high": None}
    assert panel["lines"][0]["damage"] == [{"mean": 0.25, "low": None, "high": None}]
    assert panel["lines"][0]["metric"] == [{"mean": 0.75, "low": None, "high": None}]


def test_what_cannot_be_measured_in_a_seed_leaves_that_seed_out(row, found, students):
    rows = [row(seed=seed, damage=value) for seed, value in enumerate([0.1, None, 0.3, float("nan"), 0.8])]
    (line,) = found(rows)["budgets"][0]["panels"][0]["lines"]
    assert line["damage"] == [students([0.1, 0.3, 0.8])]


def test_what_can_never_be_measured_is_none(row, found):
    rows = [row(seed=seed, damage=None, metric_clean=None, metric_attacked=None) for seed in range(3)]
    (panel,) = found(rows)["budgets"][0]["panels"]
    nothing = {"mean": None, "low": None, "high": None}
    assert panel["clean"] == nothing
    assert (panel["lines"][0]["damage"], panel["lines"][0]["metric"]) == ([nothing], [nothing])


def test_settings_are_told(row, found):
    def told(**changes):
        return found([row(**changes), row("random-direct", **changes)])["budgets"][0]["settings"]

    assert told(max_iter=10) == "lambda 0.1, step 100, 10 iterations, labels resampled"
    different = told(lambda_2=0.001, loss="unclipped_hinge", labels="flipped", step_size=0.01)
    assert different == "lambda_1 0.1, lambda_2 0.001, unclipped hinge, step 0.01, 20 iterations, labels flipped"
