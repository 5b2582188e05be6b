"""Fig. 1 from made-up runs whose answers are known."""

import numpy as np
import pytest

from patom.paper.findings.convergence import iterations_to_converge

SPEED, STARTS = "under 10 iterations", "Different starts"


@pytest.fixture(name="run", scope="module")
def fixture_run(row):
    """Build a run of PATOM with given rises of the utility over a clean one of 2."""

    def run(rises, *, method="patom-direct", clean=2.0, **changes):
        utility = [clean * (1.0 + rise) for rise in rises]
        changes = {"figure": "convergence", "max_iter": len(rises) - 1} | changes
        return row(method, utility=utility, utility_clean=clean, **changes)

    return run


def converging_at(iteration, length=21):
    """A run that jumps to its final value at an iteration."""
    return [0.0] * iteration + [1.0] * (length - iteration)


@pytest.fixture(name="measured", scope="module")
def fixture_measured(run):
    """A run whose test metric has given values by iteration, while the utility rises at once."""

    def measured(metric, **changes):
        return run([0.0] + [1.0] * (len(metric) - 1), metric_by_iteration=list(metric), **changes)

    return measured


@pytest.mark.parametrize(
    ("utility", "iteration"),
    [
        ([3.0], 0),
        ([3.0] * 11, 0),
        ([0.0, 1.0], 1),
        ([0.0, 8.0, 9.9, 10.0, 10.0], 2),
        (list(range(11)), 9),
        (list(range(10, -1, -1)), 9),
        ([0.0, 1.0, 0.0, 1.0, 0.0, 1.0], 5),
        ([0.0, 5.0, 1.0, 1.0, 1.0], 2),
        ([1.0, 1.0, 1.0, 0.0, 1.0], 4),
        ([5.0, 10.0, 9.5, 10.0, 9.5], 1),
        ([0.0, 10.0, 8.95, 10.0], 3),
        ([0.0, 10.0, 9.05, 10.0], 1),
    ],
)
def test_a_run_has_converged_once_it_stays_within_a_tenth_of_its_range(utility, iteration):
    assert iterations_to_converge(np.array(utility, dtype=float)) == iteration


def test_a_run_with_a_utility_that_is_no_number_has_no_such_iteration():
    assert np.isnan(iterations_to_converge(np.array([0.0, np.nan, 1.0])))


def test_curves_are_relative_rises_with_intervals_over_seeds(run, found, students):
    rng = np.random.default_rng(0)
    rises = rng.uniform(-0.2, 1.0, size=(3, 2, 21))  # seeds, starts, iterations
    rows = [run(rises[seed, start], seed=seed, start=start) for seed in range(3) for start in range(2)]
    (entry,) = found(rows)["convergence"]
    assert entry["title"] == "E"
    assert "lambda 0.1, step 100, 20 iterations" in entry["settings"]
    assert entry["settings"].endswith("budget 0.1, targets 1, 2")
    (panel,) = entry["panels"]
    assert (panel["kind"], panel["label"]) == ("direct", "direct")
    assert panel["iterations"] == list(range(21))
    assert np.array(panel["runs"]) == pytest.approx(rises.reshape(6, 21))
    for k in range(21):
        # A seed is one replicate, however many starts it has.
        assert {end: panel[end][k] for end in ("mean", "low", "high")} == students(rises[:, :, k].mean(axis=1))


def test_every_experiment_is_an_entry_and_every_kind_a_panel(run, found):
    kinds = ("indirect", "direct", "hybrid")
    rows = [
        run([0.0, 1.0], method=f"patom-{kind}", seed=seed, experiment=name)
        for name in ("Z", "A") for seed in (0, 1) for kind in kinds
    ]  # fmt: skip
    entries = found(rows)["convergence"]
    assert [entry["title"] for entry in entries] == ["Z", "A"]
    for entry in entries:
        assert [panel["kind"] for panel in entry["panels"]] == list(kinds)
        assert [len(panel["runs"]) for panel in entry["panels"]] == [2, 2, 2]


def test_several_budgets_are_all_named(run, found):
    rows = [run([0.0, 1.0], seed=seed, budget=budget) for seed in (0, 1) for budget in (0.1, 0.3)]
    assert found(rows)["convergence"][0]["settings"].endswith("budget 0.1, 0.3, targets 1, 2")


def test_one_seed_has_means_and_no_band(run, found):
    (panel,) = found([run([0.0, 0.5])])["convergence"][0]["panels"]
    assert (panel["mean"], panel["low"], panel["high"]) == ([0.0, 0.5], [None, None], [None, None])


def test_random_attacks_have_no_iterations_and_are_no_runs(run, found):
    rows = [run(converging_at(3), seed=seed) for seed in (0, 1)]
    random = [run([0.1], method="random-direct", seed=seed, max_iter=None) for seed in (0, 1)]
    assert found([*random, *rows])["convergence"] == found(rows)["convergence"]
    assert found([*random, *rows])["claims"] == found(rows)["claims"]
    assert found(random)["convergence"] == found(random)["claims"] == []


def test_a_run_that_ended_early_stays_where_it_ended(run, found):
    rows = [run([0.2], seed=0, max_iter=2), run([0.0, 0.4, 0.6], seed=1, max_iter=2)]
    (panel,) = found(rows)["convergence"][0]["panels"]
    assert panel["mean"] == pytest.approx([0.1, 0.3, 0.4])
    assert panel["runs"] == [pytest.approx([0.2]), pytest.approx([0.0, 0.4, 0.6])]


def test_runs_without_a_rise_are_missing_and_not_infinite(run, found):
    nothing = run([0.0, 1.0], seed=0, start=1, clean=0.0)
    gap = run([0.0, 1.0], seed=1) | {"utility": [2.0, None]}
    rows = [nothing, gap, run([0.0, 1.0], seed=2), run([0.0, 0.5], seed=3)]
    results = found(rows)
    (panel,) = results["convergence"][0]["panels"]
    assert panel["runs"] == [[None, None], [0.0, None], [0.0, 1.0], [0.0, 0.5]]
    assert panel["mean"] == pytest.approx([0.0, 0.75])
    alone = found([nothing])["convergence"][0]["panels"][0]
    assert (alone["mean"], alone["low"]) == ([None, None], [None, None])


def test_failed_runs_are_left_out_and_listed(run, failed, found):
    rows = [run([0.0, 1.0], seed=seed) for seed in (0, 1)]
    with_failure = found([*rows, failed(figure="convergence", seed=2)])
    assert with_failure["convergence"] == found(rows)["convergence"]
    assert with_failure["claims"] == found(rows)["claims"]
    assert with_failure["failures"] == [
        {"cell": "E; seed 2; pair A; PATOM, direct; budget 0.1; start 0", "error": "ValueError: no."}
    ]


# -- Claim: under 10 iterations ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("iterations", "expected"),
    [
        ((9, 9, 9), True),
        ((10, 10, 10), False),
        ((8, 8, 9), True),  # 8.33 + 4.303 x 0.577 / 3^(1/2) = 9.77
        ((9, 9, 10), False),  # a mean below 10, but an interval up to 10.8
        ((0, 0, 0), True),
        ((9,), None),
        ((15,), None),
    ],
)
def test_the_whole_interval_must_lie_below_ten_iterations(measured, holds, iterations, expected):
    rows = [measured(converging_at(iteration), seed=seed) for seed, iteration in enumerate(iterations)]
    assert holds(rows, SPEED) is expected


def test_starts_are_averaged_before_seeds(measured, claim):
    speeds = [(2, 6), (3, 7), (4, 4)]
    rows = [
        measured(converging_at(iteration), seed=seed, start=start)
        for seed, starts in enumerate(speeds) for start, iteration in enumerate(starts)
    ]  # fmt: skip
    # Means of the seeds 4, 5, 4: 4.33 +- 4.303 / 3.
    value = "NMSE 4.3 (2.9 to 5.8), utility 1.0 (1.0 to 1.0)"
    assert claim(rows, SPEED)["evidence"] == [{"setting": "E, direct", "value": value, "holds": True}]


def test_runs_of_ten_iterations_cannot_show_that_ten_are_enough(measured, holds):
    rows = [measured(converging_at(3, 11), seed=seed) for seed in range(3)]
    assert holds(rows, SPEED) is None
    assert holds([measured(converging_at(3, 20), seed=seed) for seed in range(3)], SPEED) is None


def test_a_metric_that_is_no_number_has_not_converged(measured, holds):
    broken = [measured([1.0, None] * 10 + [1.0], seed=seed) for seed in range(3)]
    assert holds(broken, SPEED) is None
    late = [measured(converging_at(12), seed=seed) for seed in (3, 4)]
    assert holds([*broken, *late], SPEED) is False


def test_runs_of_an_earlier_version_have_a_utility_alone(run, found, claim):
    rows = [run(converging_at(3), seed=seed) for seed in range(3)]
    (evidence,) = claim(rows, SPEED)["evidence"]
    assert evidence["holds"] is None
    assert evidence["value"] == "utility 3.0 (3.0 to 3.0); the metric was not recorded"
    assert [panel["metric"] for panel in found(rows)["convergence"][0]["panels"]] == [None]


def test_the_metric_of_the_targets_comes_first_and_the_utility_below_it(measured, found, students):
    metrics = np.random.default_rng(0).uniform(0.5, 0.9, size=(3, 21))
    kinds = ("direct", "hybrid")
    rows = [measured(metrics[seed], seed=seed, method=f"patom-{kind}") for kind in kinds for seed in range(3)]
    panels = found(rows)["convergence"][0]["panels"]
    assert [(panel["kind"], panel["metric"]) for panel in panels] == [
        ("direct", "NMSE"), ("hybrid", "NMSE"), ("direct", None), ("hybrid", None),
    ]  # fmt: skip
    assert panels[0]["clean"] == rows[0]["metric_clean"]
    assert panels[2]["clean"] is None
    assert np.array(panels[0]["runs"]) == pytest.approx(metrics)
    for k in (0, 7, 20):
        assert {end: panels[0][end][k] for end in ("mean", "low", "high")} == students(metrics[:, k])


# -- Claim: similar optima -----------------------------------------------------------------------------------------


def two_starts(run, spread, rise=1.0, **changes):
    """Two runs whose final rises have a given standard deviation over their mean."""
    half = spread / 2**0.5
    return [run([0.0, rise * (1.0 + sign * half)], start=start, **changes) for start, sign in enumerate((-1, 1))]


@pytest.mark.parametrize(("high", "expected"), [(0.1 - 1e-6, True), (0.1 + 1e-6, False)])
def test_the_whole_interval_of_the_spread_must_lie_below_a_tenth(run, holds, ending_at, high, expected):
    spreads = ending_at(high=high)
    assert np.mean(spreads) < 0.1
    rows = [row for seed, spread in enumerate(spreads) for row in two_starts(run, spread, seed=seed)]
    assert holds(rows, STARTS) is expected


@pytest.mark.parametrize(("low", "expected"), [(1e-6, True), (-1e-6, False)])
def test_the_rise_must_lie_above_zero(run, holds, ending_at, low, expected):
    rises = ending_at(low=low)
    rows = [row for seed, rise in enumerate(rises) for row in two_starts(run, 0.01, rise, seed=seed)]
    assert holds(rows, STARTS) is expected


def test_starts_that_agree_on_no_harm_are_no_optima(run, holds):
    rows = [row for seed in range(3) for row in two_starts(run, 0.001, -0.2, seed=seed)]
    assert holds(rows, STARTS) is False


def test_starts_are_compared_within_a_pair_and_a_budget(run, claim):
    rows = [
        row
        for seed in range(3)
        for pair, rise in (("A", 0.1), ("B", 1.0))
        for budget in (0.1, 0.3)
        for row in two_starts(run, 0.02 if pair == "A" else 0.04, rise * budget, seed=seed, pair=pair, budget=budget)
    ]
    (evidence,) = claim(rows, STARTS)["evidence"]
    assert evidence["value"].startswith("utility 3.0 % (3.0 % to 3.0 %) of a rise of 11 %")
    assert evidence["holds"] is True


def test_starts_are_compared_by_where_they_end_and_by_the_metric_too(run, claim):
    rows = [
        run([0.0, 5.0, 1.0 + start], seed=seed, start=start, metric_clean=0.5, metric_attacked=1.5 + 0.1 * start)
        for seed in range(3)
        for start in (0, 1)
    ]
    (evidence,) = claim(rows, STARTS)["evidence"]
    final, metric = np.array([1.0, 2.0]), np.array([1.0, 1.1])
    spread, beside = (100.0 * values.std(ddof=1) / values.mean() for values in (final, metric))
    assert evidence["value"].startswith(f"utility {spread:.0f} % ")
    assert f"; NMSE {beside:.1f} % ({beside:.1f} % to {beside:.1f} %) of its change" in evidence["value"]
    assert evidence["holds"] is False


def test_all_runs_must_be_long_enough_to_tell(measured, claim):
    rows = [measured([0.0] + [1.0] * 20, seed=seed) for seed in range(3)]
    assert claim(rows, SPEED)["evidence"][0]["holds"] is True
    rows[0] = measured([0.0] + [1.0] * 10, seed=0)
    assert claim(rows, SPEED)["evidence"][0]["holds"] is None


def test_single_starts_and_single_seeds_show_nothing(run, claim):
    assert claim([run([0.0, 1.0], seed=seed) for seed in range(3)], STARTS) is None
    alone = claim(two_starts(run, 0.01), STARTS)
    assert [item["holds"] for item in alone["evidence"]] == [None]
    assert alone["verdict"] == "open"


def test_runs_without_any_rise_have_no_spread(run, holds):
    rows = [run([0.0, 0.0], seed=seed, start=start) for seed in range(3) for start in range(2)]
    assert holds(rows, STARTS) is False  # a rise of 0 is none
    nothing = [run([0.0, 0.0], seed=seed, start=start, clean=0.0) for seed in range(3) for start in range(2)]
    assert holds(nothing, STARTS) is None
