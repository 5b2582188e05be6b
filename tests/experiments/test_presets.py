"""The grids that come with the package are the paper's experiments."""

import itertools

import pytest

from patom.experiments import presets, read_grid
from patom.experiments.plan import plan

TASKS = {"sarcos": list(range(1, 8)), "landmine": list(range(1, 30)), "mnist": list(range(10))}
KINDS = {"sarcos": "regression", "landmine": "classification", "mnist": "classification"}
FOUR_ATTACKS = {"patom-direct", "patom-indirect", "random-direct", "random-indirect"}


def cells(grid, seeds=None):
    names = [experiment.data.name for experiment in grid.experiments]
    return plan(grid, [KINDS[name] for name in names], [TASKS[name] for name in names], seeds)


@pytest.fixture(name="preset", scope="module", params=["fig1", "fig2", "fig3", "settings"])
def fixture_preset(request):
    return read_grid(request.param)


def test_these_are_the_presets():
    assert {"fig1", "fig2", "fig3"} <= set(presets())


def test_every_preset_can_be_planned_on_its_data(preset):
    listed = cells(preset, seeds=1)
    assert {cell.experiment for cell in listed} == {experiment.name for experiment in preset.experiments}
    assert len({(cell.experiment, cell.key) for cell in listed}) == len(listed)


@pytest.mark.parametrize("name", ["fig1", "fig2", "fig3"])
def test_figures_use_the_papers_settings(name):
    grid = read_grid(name)
    assert grid.seeds == 10
    for experiment in grid.experiments:
        assert (experiment.model.lambda_1, experiment.model.lambda_2, experiment.model.loss) == (0.1, 0.1, None)
        assert (experiment.patom.step_size, experiment.patom.batch_ratio) == (100.0, 3.0)
        assert (experiment.radius, experiment.start.labels) == (1.0, "resampled")


@pytest.mark.parametrize("name", ["fig1", "fig2", "fig3"])
def test_sarcos_is_shown_with_raw_and_with_standardised_torques(name):
    sarcos = [each.data for each in read_grid(name).experiments if each.data.name == "sarcos"]
    assert sorted(data.standardise_targets for data in sarcos) == [False, True]
    for data in sarcos:
        assert (data.n_train, data.n_test) == (300, 600)


def test_fig1_is_the_convergence_of_three_kinds_from_several_starts():
    grid = read_grid("fig1")
    assert {each.data.name for each in grid.experiments} == {"sarcos", "landmine"}
    for each in grid.experiments:
        assert (each.figure, each.patom.max_iter) == ("convergence", 20)
        assert set(each.attacks) == {"patom-direct", "patom-indirect", "patom-hybrid"}
        assert each.starts > 1
    assert {cell.kind for cell in cells(grid, seeds=1)} == {"direct", "indirect", "hybrid"}


def test_fig2_is_four_pairs_of_three_sets_under_four_attacks():
    grid = read_grid("fig2")
    assert {each.data.name for each in grid.experiments} == {"sarcos", "landmine", "mnist"}
    for each in grid.experiments:
        assert each.figure == "budgets"
        assert set(each.attacks) == FOUR_ATTACKS
        assert each.budgets == (0.1, 0.2, 0.3, 0.4, 0.5)
        assert each.patom.max_iter == 10
    listed = cells(grid)
    # Four experiments (SARCOS twice), ten seeds, four pairs, four attacks, five budgets.
    assert len(listed) == 4 * 10 * 4 * 4 * 5 == len({cell.key for cell in listed})
    for name in {cell.experiment for cell in listed}:
        of_one = [cell for cell in listed if cell.experiment == name]
        assert len({(cell.targets, cell.attackers) for cell in of_one if cell.kind == "indirect"}) == 4
        assert {cell.pair for cell in of_one} == {"A", "B", "C", "D"}


def test_fig3_is_three_hybrid_cases_of_each_set():
    grid = read_grid("fig3")
    assert {each.data.name for each in grid.experiments} == {"sarcos", "landmine", "mnist"}
    listed = cells(grid)
    assert {(cell.figure, cell.method, cell.budget) for cell in listed} == {("correlations", "patom-hybrid", 0.3)}
    for each in grid.experiments:
        of_one = [cell for cell in listed if cell.experiment == each.name]
        assert len(of_one) == 10 * 3
        assert len({(cell.targets, cell.attackers) for cell in of_one}) == 3


def test_settings_try_all_lambdas_with_raw_and_standardised_torques():
    tried = {
        (each.data.standardise_targets, each.model.lambda_1)
        for each in read_grid("settings").experiments
        if each.data.name == "sarcos" and each.figure == "budgets" and each.model.lambda_1 == each.model.lambda_2
    }
    assert tried >= set(itertools.product([False, True], [1e-4, 1e-3, 1e-2, 1e-1, 1.0]))
