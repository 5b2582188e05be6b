"""The grids that come with the package; those of the paper's figures are held against it in ``test_protocol``."""

import itertools

import pytest

from patom.paper import presets, read_grid
from patom.paper.cells import plan
from patom.paper.description import Adversary
from patom.results.methods import Method

TASKS = {
    "sarcos": list(range(1, 8)),
    "landmine": list(range(1, 30)),
    "mnist": list(range(10)),
    "digits": list(range(10)),
}
KINDS = {"sarcos": "regression", "landmine": "classification", "mnist": "classification", "digits": "classification"}


def cells(grid, seeds=None):
    names = [experiment.data.name for experiment in grid.experiments]
    return plan(grid, [KINDS[name] for name in names], [TASKS[name] for name in names], seeds)


@pytest.fixture(
    name="preset",
    scope="module",
    params=["fig1", "fig2", "fig3", "settings", "attacks", "adversary", "defenses", "screening"],
)
def fixture_preset(request):
    return read_grid(request.param)


def test_these_are_the_presets():
    assert sorted(presets()) == ["adversary", "attacks", "defenses", "fig1", "fig2", "fig3", "screening", "settings"]


def test_every_preset_can_be_planned_on_its_data(preset):
    listed = cells(preset, seeds=1)
    assert {cell.experiment for cell in listed} == {experiment.name for experiment in preset.experiments}
    assert len({(cell.experiment, cell.key) for cell in listed}) == len(listed)


def test_settings_try_all_lambdas_with_raw_and_standardised_torques():
    tried = {
        (each.data.standardise_targets, each.model.lambda_1)
        for each in read_grid("settings").experiments
        if each.data.name == "sarcos" and each.figure == "budgets" and each.model.lambda_1 == each.model.lambda_2
    }
    assert tried >= set(itertools.product([False, True], [1e-4, 1e-3, 1e-2, 1e-1, 1.0]))


def test_attacks_holds_every_attack_against_every_other_on_four_data_sets():
    grid = read_grid("attacks")
    assert grid.seeds == 10
    assert {each.data.name for each in grid.experiments} == {"sarcos", "landmine", "mnist", "digits"}
    assert {each.model.lambda_1 for each in grid.experiments} == {1e-3, 1e-2, 1e-1}
    methods = {f"{name}-{kind}" for name in Method for kind in ("direct", "indirect")}
    for each in grid.experiments:
        assert set(each.attacks) == methods
        assert each.budgets == (0.05, 0.2, 0.5)
        assert each.patom.step_size == (0.1, 1.0, 10.0, 100.0, 1000.0)
        assert {(ascent.gradient, ascent.optimise_labels) for ascent in each.ascent} == {
            ("paper", False), ("frozen_covariance", False), ("exact", False), ("exact", True),
        }  # fmt: skip


def test_adversary_changes_one_thing_at_a_time():
    grid = read_grid("adversary")
    usual = Adversary().model_dump()
    for name in {each.data.name for each in grid.experiments}:
        changes = [
            {key: value for key, value in each.adversary.model_dump().items() if value != usual[key]}
            for each in grid.experiments
            if each.data.name == name
        ]
        assert sorted(map(len, changes)) == [0] + [1] * 8
        assert {key for change in changes for key in change} == set(usual)


def test_screening_is_of_the_strongest_attack_by_those_who_know_it_and_those_who_do_not():
    grid = read_grid("screening")
    assert grid.seeds == 10
    for name in ("sarcos", "landmine", "digits"):
        naive, *adaptive = [each for each in grid.experiments if each.data.name == name]
        assert (naive.adversary, naive.budgets) == (Adversary(), (0.1, 0.2, 0.4))
        assert set(naive.attacks) == {"random-direct", "random-indirect", "ascent-direct", "ascent-indirect"}
        assert [each.adversary.region for each in adaptive] == ["own-data", "own-core", "own-core"]
        assert [each.ascent.optimise_labels for each in (naive, *adaptive)] == [True, True, True, False]
    assert {(each.figure, each.model.lambda_1, each.pairs.count) for each in grid.experiments} == {
        ("screening", 0.01, 2)
    }
