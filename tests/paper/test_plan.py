"""From a grid to its cells."""

import itertools

import pytest

from patom.paper.cells import plan

LANDMINE = list(range(1, 30))
FIVE = list(range(5))
SIX_ATTACKS = [f"{name}-{kind}" for name in ("patom", "random") for kind in ("direct", "indirect", "hybrid")]


@pytest.fixture(name="cells", scope="module")
def fixture_cells(grid):
    """List the cells of one experiment."""

    def cells(tasks=FIVE, seeds=None, kind="regression", **changes):
        return plan(grid(**changes), [kind], [tasks], seeds)

    return cells


def test_cells_are_every_combination_in_the_tables_order(cells):
    listed = cells(attacks=SIX_ATTACKS, budgets=[0.3, 0.1], starts=2)
    expected = itertools.product(range(3), "AB", SIX_ATTACKS, [0.3, 0.1], range(2))
    assert [(cell.seed, cell.pair, str(cell.method), cell.budget, cell.start) for cell in listed] == list(expected)


@pytest.mark.parametrize(
    "changes",
    [
        {"seeds": 10**30},
        {"starts": 10**9},
        {"starts": 1_000, "pairs": {"count": 10**12, "targets": 2, "attackers": 2}},
        {"budgets": [0.1] * 1_000, "starts": 1_000},
    ],
)
def test_more_cells_than_anyone_computes_are_refused_before_they_are_listed(cells, changes):
    with pytest.raises(ValueError, match=r"^The grid 't' comes to more than 1,000,000 cells, the most of a run: take"):
        cells(**changes)


def test_experiments_follow_each_other(grid, experiment):
    both = grid(experiment(name="one"), experiment(name="two", figure="convergence"))
    listed = plan(both, ["regression", "regression"], [FIVE, LANDMINE])
    assert [cell.experiment for cell in listed] == ["one"] * 24 + ["two"] * 24
    assert {(cell.experiment, cell.figure) for cell in listed} == {("one", "budgets"), ("two", "convergence")}
    assert {label for cell in listed[:24] for label in cell.targets} <= set(FIVE)
    assert not {label for cell in listed[24:] for label in cell.targets} <= set(FIVE)


def test_kinds_of_attack_come_through_the_tasks_they_should(cells):
    pairs = [{"targets": [3, 1], "attackers": [4, 0]}]
    found = {cell.method.reach: (cell.targets, cell.attackers) for cell in cells(pairs=pairs, attacks=SIX_ATTACKS)}
    assert found == {"direct": ((1, 3), (1, 3)), "indirect": ((1, 3), (0, 4)), "hybrid": ((1, 3), (0, 1, 3, 4))}


def test_a_cell_holds_what_the_experiment_says(cells):
    listed = cells(
        model={"loss": "huber", "lambda_1": 0.5, "lambda_2": 2, "constant": "before"}, start={"labels": "flipped"},
        patom={"step_size": 3, "max_iter": 4, "batch_ratio": 1}, radius=2,
    )  # fmt: skip
    for cell in listed:
        assert cell.model == {"loss": "huber", "lambda_1": 0.5, "lambda_2": 2.0, "constant": "before"}
        assert cell.radius == 2.0
        assert cell.data["n_tasks"] == 5
        assert cell.data["noise"] == 0.1
    start = {"features": "uniform", "labels": "flipped"}
    steps = {"step_size": 3.0, "max_iter": 4, "batch_ratio": 1.0}
    for cell in listed:
        expected = (
            {"name": "patom", **start, **steps} if str(cell.method) == "patom-direct" else {"name": "random", **start}
        )
        assert cell.attack == expected


@pytest.mark.parametrize("tasks", [FIVE, LANDMINE, [f"user {k}" for k in range(9)], ["10", "2", "1", "3"]])
def test_drawn_pairs_are_disjoint_and_the_same_for_every_seed(cells, tasks):
    listed = cells(tasks, pairs={"count": 6, "targets": 2, "attackers": 2}, attacks=["patom-indirect"])
    pairs = {cell.pair: (cell.targets, cell.attackers) for cell in listed if cell.seed == 0}
    assert list(pairs) == list("ABCDEF")
    for targets, attackers in pairs.values():
        assert len({*targets, *attackers}) == 4
        assert {*targets, *attackers} <= set(tasks)
        assert (targets, attackers) == (tuple(sorted(targets)), tuple(sorted(attackers)))
    assert all((cell.targets, cell.attackers) == pairs[cell.pair] for cell in listed)
    assert len(set(pairs.values())) > 1


def test_pairs_may_take_every_task(cells):
    listed = cells(LANDMINE, pairs={"count": 30, "targets": 14, "attackers": 15}, attacks=["patom-indirect"], seeds=1)
    for cell in listed:
        assert sorted(cell.targets + cell.attackers) == LANDMINE
    letters = list(dict.fromkeys(cell.pair for cell in listed))
    assert letters == [*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "A1", "B1", "C1", "D1"]


def test_drawn_pairs_differ_by_their_seed_and_more_of_them_begin_with_the_same(cells):
    def drawn(**pairs):
        listed = cells(LANDMINE, seeds=1, pairs={"targets": 3, "attackers": 3, **pairs}, attacks=["patom-indirect"])
        return list(dict.fromkeys((cell.targets, cell.attackers) for cell in listed))

    assert len(drawn()) == 4
    assert drawn(seed=1) != drawn(seed=0) == drawn()
    assert drawn(count=7)[:4] == drawn()


def test_every_task_is_drawn_some_time(cells):
    listed = cells(pairs={"count": 20, "targets": 1, "attackers": 1}, attacks=["patom-indirect"], seeds=1)
    assert {cell.targets[0] for cell in listed} == {cell.attackers[0] for cell in listed} == set(FIVE)


def test_seeds_can_be_fewer_or_more_than_the_grids(cells):
    three = cells()
    assert {cell.seed for cell in three} == {0, 1, 2}
    assert cells(seeds=1) == [cell for cell in three if cell.seed == 0]
    assert {cell.seed for cell in cells(seeds=5)} == set(range(5))
    assert {cell.key for cell in three} < {cell.key for cell in cells(seeds=5)}


def test_random_cells_do_not_know_patoms_settings(cells):
    def keys(attack, **patom):
        return [cell.key for cell in cells(attacks=[attack], patom=patom)]

    for changes in ({"step_size": 1.0}, {"max_iter": 3}, {"batch_ratio": 1.0}):
        assert keys("random-direct", **changes) == keys("random-direct")
        assert not set(keys("patom-direct", **changes)) & set(keys("patom-direct"))


def test_random_cells_are_shared_between_step_sizes(grid):
    varied = grid(vary=[{"patom.step_size": [0.01, 1.0, 100.0]}])
    listed = plan(varied, ["regression"] * 3, [FIVE] * 3)
    keys = {
        name: [cell.key for cell in listed if str(cell.method) == name] for name in ("patom-direct", "random-direct")
    }
    assert len(set(keys["patom-direct"])) == len(keys["patom-direct"])
    assert len(set(keys["random-direct"])) == len(keys["random-direct"]) / 3


def test_labels_keep_their_type_and_have_an_order(cells):
    tasks = ["b", 2, "a", 1]
    (cell, *_) = cells(tasks, pairs=[{"targets": ["b", 2, "a", 1]}], attacks=["patom-direct"])
    assert cell.targets == (1, 2, "a", "b")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"pairs": [{"targets": [1]}, {"targets": [2], "attackers": [7]}]},
            r"Experiment 'made': the data have no task 7; they have 0, 1, 2, 3, 4\.",
        ),
        ({"pairs": [{"targets": ["1"]}]}, r"Experiment 'made': the data have no task '1'; they have 0, 1"),
        ({"pairs": {"targets": 3, "attackers": 3}}, r"Experiment 'made': .*3 targets and 3 other tasks.* 5 tasks"),
        ({"model": {"loss": "squared_hinge"}}, r"'made': the loss 'squared_hinge' is not for regression;.*huber"),
        ({"pairs": {"targets": 3, "attackers": 0}, "attacks": ["patom-indirect"]}, r"'made': .*need attackers"),
        ({"pairs": {"targets": 3, "attackers": 0}, "attacks": ["random-hybrid"]}, r"'made': .*need attackers"),
        (
            {"pairs": [{"targets": [1], "attackers": [2]}, {"targets": [2]}], "attacks": ["random-indirect"]},
            r"'made': .*need attackers in each pair",
        ),
    ],
)
def test_what_the_data_do_not_allow_is_refused(cells, changes, said):
    with pytest.raises(ValueError, match=said) as caught:
        cells(**changes)
    assert str(caught.value).endswith(".")
    assert len(str(caught.value).splitlines()) == 1


def test_losses_must_be_of_the_kind_of_the_data(cells):
    assert cells(model={"loss": "logistic"}, kind="classification")
    with pytest.raises(ValueError, match="'huber' is not for classification"):
        cells(model={"loss": "huber"}, kind="classification")


def test_direct_attacks_need_no_attackers(cells):
    listed = cells(pairs={"targets": 5, "attackers": 0}, attacks=["patom-direct", "random-direct"], seeds=1)
    assert {cell.targets for cell in listed} == {cell.attackers for cell in listed} == {(0, 1, 2, 3, 4)}


def test_an_ascent_cell_has_the_ascents_settings(cells):
    listed = cells(attacks=["ascent-direct", "patom-direct"], ascent={"gradient": "paper", "max_iter": 7})
    settings = {cell.attack["name"]: cell.attack for cell in listed}
    start = {"features": "uniform", "labels": "resampled"}
    assert settings["ascent"] == {
        "name": "ascent", "gradient": "paper", "max_iter": 7, "optimise_labels": False, "n_starts": 4, **start
    }  # fmt: skip
    assert "gradient" not in settings["patom"]
