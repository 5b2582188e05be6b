"""The presets of the paper's figures against what the paper states (Zhao et al. 2018, "Experimental Results")."""

import itertools

import pytest

from patom.paper import parse_grid, read_grid
from patom.paper.cells import plan
from patom.results.methods import Reach

TASKS = {"sarcos": tuple(range(1, 8)), "landmine": tuple(range(1, 30)), "mnist": tuple(range(10))}
KIND = {"sarcos": "regression", "landmine": "classification", "mnist": "classification"}
# "Evaluating Convergence of PATOM": 3 tasks of SARCOS and 15 of Landmine are targets, and the rest attacks indirectly.
FIG1 = {"sarcos": (3, 4), "landmine": (15, 14)}
# "Evaluating Solution Qualities": half of the tasks are targets, the rest attacks.
FIG2 = {"sarcos": (4, 3), "landmine": (15, 14), "mnist": (5, 5)}
# "Evaluating Task Relationships"
FIG3 = {"sarcos": tuple(range(1, 4)), "landmine": tuple(range(1, 16))}


def cells(preset, data):
    """Cells of one seed of the experiments on a data set."""
    grid = read_grid(preset)
    chosen = [each for each in grid.experiments if each.data.name == data]
    assert chosen
    part = grid.model_copy(update={"experiments": tuple(chosen)})
    return plan(part, [KIND[data]] * len(chosen), [TASKS[data]] * len(chosen), seeds=1)


def by_reach(found):
    return {reach: [cell for cell in found if cell.method.reach is reach] for reach in Reach}


@pytest.mark.parametrize("preset", ["fig1", "fig2", "fig3"])
def test_data_sets_are_the_figures(preset):
    expected = {"fig1": FIG1, "fig2": FIG2, "fig3": FIG3}[preset]
    assert {each.data.name for each in read_grid(preset).experiments} == set(expected)


@pytest.mark.parametrize("preset", ["fig1", "fig2", "fig3"])
def test_what_is_common_to_all(preset):
    assert read_grid(preset).seeds == 10
    for each in read_grid(preset).experiments:
        assert (each.model.lambda_1, each.model.lambda_2, each.model.loss) == (0.1, 0.1, None)
        assert (each.patom.step_size, each.patom.batch_ratio) == (100.0, 3.0)
        assert (each.radius, each.start.features, each.start.labels) == (1.0, "uniform", "resampled")
        assert not each.adversary.model_dump(exclude_defaults=True)
        assert not each.defense.model_dump(exclude_defaults=True)
        if each.data.name == "sarcos":
            assert (each.data.n_train, each.data.n_test) == (300, 600)
        if each.data.name == "landmine":
            assert each.data.train_fraction == 0.2
        if each.data.name == "mnist":
            assert (each.data.n_positive, each.data.n_negative, each.data.n_components) == (300, 300, 128)


# All that an experiment sets besides its name and figure. What is not here has its default, which the tests above name.
FOUR = ["patom-direct", "patom-indirect", "random-direct", "random-indirect"]
THREE = ["patom-direct", "patom-indirect", "patom-hybrid"]
SETS = {
    "fig1": {
        "attacks": THREE, "budgets": [0.2], "starts": 5, "patom": {"max_iter": 20},
        "pairs": {
            "sarcos": {"count": 1, "targets": 3, "attackers": "rest", "hybrid": 4},
            "landmine": {"count": 1, "targets": 15, "attackers": "rest", "hybrid": 14},
        },
    },
    "fig2": {
        "attacks": FOUR, "budgets": [0.1, 0.2, 0.3, 0.4, 0.5],
        "pairs": {
            data: {"count": 4, "targets": number, "attackers": "rest"}
            for data, number in (("sarcos", 4), ("landmine", 15), ("mnist", 5))
        },
    },
    "fig3": {
        "attacks": ["patom-hybrid"], "budgets": [0.3],
        "pairs": {
            "sarcos": {"count": 3, "targets": [1, 2, 3], "attackers": 0, "hybrid": 4},
            "landmine": {"count": 3, "targets": list(range(1, 16)), "attackers": 0, "hybrid": 14},
        },
    },
}  # fmt: skip


@pytest.mark.parametrize("preset", SETS)
def test_nothing_else_is_set(preset):
    for each in read_grid(preset).experiments:
        found = each.model_dump(mode="json", exclude_defaults=True, exclude={"name", "figure"})
        varied = {name: found["data"].pop(name, None) for name in ("standardise_targets", "inputs")}
        assert found["data"] == {"name": each.data.name}
        assert each.data.name == "sarcos" or varied == dict.fromkeys(varied)
        expected = SETS[preset] | {"data": found["data"], "pairs": SETS[preset]["pairs"][each.data.name]}
        given = found["pairs"] | ({"count": 4} if each.pairs.count == 4 else {})  # the default
        assert found | {"pairs": given} == expected


def test_hybrid_sets_are_drawn_from_all_tasks():
    """Each task, target or not, is in some sets and not in others, over many draws."""
    pairs = '{{ count = 30, targets = 2, attackers = "rest", hybrid = 3, seed = {} }}'
    drawn = [cell for seed in range(3) for cell in planned(pairs.format(seed)) if cell.method.reach is Reach.HYBRID]
    for task in range(5):
        for targeted in (False, True):
            inside = [task in cell.attackers for cell in drawn if (task in cell.targets) is targeted]
            assert 0.2 < sum(inside) / len(inside) < 0.9
    numbers = {len(set(cell.targets) & set(cell.attackers)) for cell in drawn}
    assert numbers == {1, 2}


@pytest.mark.parametrize("preset", ["fig1", "fig2", "fig3"])
def test_what_the_paper_leaves_open_of_sarcos_is_varied(preset):
    tried = [each.data for each in read_grid(preset).experiments if each.data.name == "sarcos"]
    assert sorted((data.standardise_targets, data.inputs) for data in tried) == sorted(
        itertools.product((False, True), ("shared", "own"))
    )


@pytest.mark.parametrize("data", FIG1)
def test_fig1(data):
    n_targets, n_rest = FIG1[data]
    found = by_reach(cells("fig1", data))
    assert {cell.figure for each in found.values() for cell in each} == {"convergence"}
    assert {cell.budget for each in found.values() for cell in each} == {0.2}
    assert {cell.attack["name"] for each in found.values() for cell in each} == {"patom"}
    (targets,) = {cell.targets for each in found.values() for cell in each}
    assert len(targets) == n_targets
    assert {cell.attackers for cell in found[Reach.DIRECT]} == {targets}
    assert {cell.attackers for cell in found[Reach.INDIRECT]} == {tuple(t for t in TASKS[data] if t not in targets)}
    ((hybrid),) = {cell.attackers for cell in found[Reach.HYBRID]}
    assert len(hybrid) == n_rest
    assert set(hybrid) <= set(TASKS[data])
    assert len({cell.start for cell in found[Reach.DIRECT]}) > 1
    assert all(cell.attack["max_iter"] == 20 for each in found.values() for cell in each)


@pytest.mark.parametrize("data", FIG2)
def test_fig2(data):
    n_targets, n_rest = FIG2[data]
    every = cells("fig2", data)
    assert {cell.figure for cell in every} == {"budgets"}
    assert {str(cell.method) for cell in every} == {
        "patom-direct", "patom-indirect", "random-direct", "random-indirect",
    }  # fmt: skip
    assert {cell.start for cell in every} == {0}
    budgets = {cell.budget for cell in every}
    assert min(budgets) == 0.1
    assert {0.1, 0.3} <= budgets
    pairs = {cell.pair: cell for cell in every if cell.method.reach is Reach.INDIRECT}
    assert len(pairs) == 4
    for cell in pairs.values():
        assert (len(cell.targets), len(cell.attackers)) == (n_targets, n_rest)
        assert sorted((*cell.targets, *cell.attackers)) == sorted(TASKS[data])
    assert len({cell.targets for cell in pairs.values()}) == 4
    assert {cell.attack["max_iter"] for cell in every if cell.attack["name"] == "patom"} == {10}


@pytest.mark.parametrize("data", FIG3)
def test_fig3(data):
    every = cells("fig3", data)
    assert {cell.figure for cell in every} == {"correlations"}
    assert {cell.budget for cell in every} == {0.3}
    assert {str(cell.method) for cell in every} == {"patom-hybrid"}
    assert {cell.targets for cell in every} == {FIG3[data]}
    assert len({cell.attackers for cell in every}) == 3


PAIRS = """
title = "t"
[[experiments]]
name = "e"
figure = "budgets"
attacks = ["random-direct", "random-indirect", "random-hybrid"]
budgets = [0.1]
data = {{ name = "related", n_tasks = 5 }}
pairs = {}
"""


def planned(pairs):
    return plan(parse_grid(PAIRS.format(pairs), "G"), ["regression"], [range(5)], seeds=1)


def test_hybrid_attackers_are_named_or_the_targets_and_the_others():
    [_, indirect, hybrid] = planned("[{ targets = [0, 1], attackers = [3], hybrid = [1, 4] }]")
    assert (indirect.attackers, hybrid.attackers) == ((3,), (1, 4))
    assert planned("[{ targets = [0, 1], attackers = [3] }]")[2].attackers == (0, 1, 3)


def test_drawn_hybrid_attackers_are_mixed_and_differ_where_the_targets_are_given():
    drawn = [cell for cell in planned("{ count = 3, targets = [0, 1], attackers = 2, hybrid = 2 }") if cell.pair]
    sets = [cell.attackers for cell in drawn if cell.method.reach is Reach.HYBRID]
    assert len(set(sets)) == 3
    assert all(len({0, 1} & set(tasks)) == 1 for tasks in sets)
    assert {cell.targets for cell in drawn} == {(0, 1)}
    assert not any({0, 1} & set(cell.attackers) for cell in drawn if cell.method.reach is Reach.INDIRECT)


def test_without_a_number_there_are_as_many_pairs_as_differ_up_to_four():
    for pairs, number in (
        ('{ targets = 1, attackers = "rest" }', 4), ('{ targets = [0, 1], attackers = "rest" }', 1),
        ('{ targets = [0], attackers = "rest", hybrid = 5 }', 1),
        ('{ targets = 4, attackers = "rest", hybrid = 4 }', 4),
    ):  # fmt: skip
        drawn = planned(pairs)
        assert len({cell.pair for cell in drawn}) == number
        assert len({(cell.targets, cell.attackers) for cell in drawn if cell.method.reach is Reach.HYBRID}) >= 1


def test_drawn_pairs_differ_from_each_other():
    drawn = planned('{ count = 5, targets = 1, attackers = "rest", hybrid = 2 }')
    assert {cell.targets for cell in planned('{ count = 5, targets = 1, attackers = "rest" }')} == {
        (task,) for task in range(5)
    }
    assert len({(cell.pair, cell.targets, cell.attackers) for cell in drawn}) == len(drawn) == 15


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ("[{ targets = [0], attackers = [1], hybrid = [2] }]", "hybrid must hold a target and a task that is none"),
        ("[{ targets = [0], attackers = [1], hybrid = [0] }]", "hybrid must hold a target and a task that is none"),
        ("[{ targets = [0], attackers = [1], hybrid = [0, 0, 1] }]", "hybrid must name each task once"),
        ("[{ targets = [0], attackers = [1], hybrid = [0, 9] }]", "the data have no task 9"),
        ("{ targets = 2, attackers = 2, hybrid = 1 }", "hybrid must be at least 2"),
        ("{ targets = [7], attackers = 2 }", "the data have no task 7"),
        (
            "{ targets = 4, attackers = 2 }",
            "pairs of 4 targets and 2 other tasks as attackers need more than the 5 tasks",
        ),
        ('{ targets = 5, attackers = "rest" }', "pairs of 5 targets and all other tasks as attackers need more than"),
        ("{ targets = 2, attackers = 2, hybrid = 6 }", "5 tasks with 2 targets have 0"),
        ("{ count = 7, targets = [0, 1], attackers = 2, hybrid = 2 }", "5 tasks with 2 targets have 6"),
        ("{ targets = 2, attackers = 0, hybrid = 2 }", "indirect and hybrid attacks need attackers in each pair"),
        ('{ count = 6, targets = 1, attackers = "rest" }', "6 pairs are asked for, and only 5 differ"),
        ('{ count = 2, targets = [0, 1], attackers = "rest" }', "2 pairs are asked for, and only 1 differ"),
        ('{ count = 2, targets = [0, 0], attackers = "rest", hybrid = 3 }', "targets must name each task once"),
        ("{ targets = [], attackers = 2 }", "the list is empty"),
        ("{ targets = 0, attackers = 2 }", "greater than or equal to 1"),
        ('{ targets = 2, attackers = "all" }', "attackers"),
    ],
)
def test_task_sets_that_cannot_be_are_one_sentence(pairs, words):
    with pytest.raises(ValueError, match=words) as error:
        planned(pairs)
    assert "\n" not in str(error.value)
