"""Axes that multiply an experiment."""

import itertools

import pytest


def test_axes_multiply_and_the_keys_of_one_go_together(grid):
    steps = [{"patom.step_size": [1.0, 100.0]}, {"model.lambda_1": [0.1, 0.2, 0.3], "model.lambda_2": [1, 2, 3]}]
    read = grid(vary=steps).experiments
    lambdas = [(0.1, 1.0), (0.2, 2.0), (0.3, 3.0)]
    expected = [(step, *pair) for step, pair in itertools.product([1.0, 100.0], lambdas)]
    assert [(each.patom.step_size, each.model.lambda_1, each.model.lambda_2) for each in read] == expected
    assert read[0].name == "made, step_size 1, lambda_1 0.1, lambda_2 1"
    assert len({each.name for each in read}) == 6


def test_values_of_name_name_the_variants(grid):
    steps = [{"name": ["raw", "scaled"], "data.noise": [0.1, 0.2]}, {"starts": [1, 2]}]
    names = [each.name for each in grid(vary=steps).experiments]
    assert names == ["made, raw, starts 1", "made, raw, starts 2", "made, scaled, starts 1", "made, scaled, starts 2"]


def test_a_varied_value_is_not_shared_between_variants(grid):
    steps = [{"data": [{"name": "related", "n_tasks": 6}]}, {"data.noise": [0.5, 0.25]}]
    assert [each.data.noise for each in grid(vary=steps).experiments] == [0.5, 0.25]


def test_a_varied_key_keeps_the_others_of_its_table(grid):
    read = grid(vary=[{"model.lambda_1": [0.5, 0.25]}], model={"lambda_1": 9.0, "lambda_2": 0.7}).experiments
    assert [(each.model.lambda_1, each.model.lambda_2) for each in read] == [(0.5, 0.7), (0.25, 0.7)]


def test_without_an_axis_there_is_one_experiment(grid):
    assert grid(vary=[]) == grid()


@pytest.mark.parametrize("vary", [3, "x", {"starts": [1]}, [3], [{}], [{"starts": [1]}, []]])
def test_axes_must_be_tables(fault, experiment, vary):
    assert fault(experiment(name="first"), experiment(vary=vary)).startswith("experiments[1].vary must be a list")


@pytest.mark.parametrize("axis", [{"starts": 3}, {"starts": []}, {"starts": [1, 2], "radius": [1.0]}, {"name": "x"}])
def test_an_axis_must_have_lists_of_one_length(fault, axis):
    said = fault(vary=[{"patom.max_iter": [1]}, axis])
    assert said.startswith("experiments[0].vary[1]: each key must have a list of values, all of one length; got ")


def test_a_path_through_what_is_no_table_is_refused(fault):
    said = fault(starts=2, vary=[{"starts.now": [1]}])
    assert said == "experiments[0].vary: 'starts.now' goes through 'starts', which is no table"
    assert "goes through 'budgets'" in fault(vary=[{"budgets.0": [1]}])


def test_an_unknown_or_wrong_key_of_an_axis_is_named(fault):
    assert fault(vary=[{"model.lamda_1": [1, 2]}]) == "experiments[0].model.lamda_1: unknown key (got 1)."
    assert fault(vary=[{"patom.max_iter": [1, 0]}]).startswith("experiments[0].patom.max_iter: ")
