"""Which attacks an audit plans: task sets, budgets, maps."""

from dataclasses import replace

import pytest

from patom.audit import AuditSettings, table_data
from patom.audit.coverage import allowances, coverage, thin
from patom.audit.plan import budgets, exposure_budget, plan, shown_tasks, task_sets
from patom.audit.summary import budget_notes
from patom.results.methods import Method


@pytest.fixture(name="data", scope="module")
def fixture_data(make_table):
    """Five tasks of 14, 21, 28, 35 and 42 training rows."""
    data = table_data(make_table(sizes=(20, 30, 40, 50, 60)))
    assert data.counts.tolist() == [14, 21, 28, 35, 42]
    return data


def curve_cells(data, settings):
    return [cell for cell in plan(data, settings) if cell.purpose == "curve"]


def test_every_seed_draws_a_half_and_its_rest(data):
    settings = AuditSettings(n_seeds=8)
    sets = [task_sets(data, settings, replicate) for replicate in range(8)]
    for targets, others in sets:
        assert len(targets) == 3
        assert sorted((*targets, *others)) == [0, 1, 2, 3, 4]
    assert len(set(sets)) > 1
    assert sets == [task_sets(data, settings, replicate) for replicate in range(8)]
    assert sets != [task_sets(data, replace(settings, seed=1), replicate) for replicate in range(8)]


def test_four_attacks_for_every_seed_and_budget(data):
    settings = AuditSettings(n_seeds=3, budgets=(0.2, 0.1))
    cells = curve_cells(data, settings)
    assert len(cells) == 4 * 2 * 3
    for cell in cells:
        targets, others = task_sets(data, settings, cell.replicate)
        assert cell.targets == targets
        assert cell.attackers == (others if cell.attack.reach == "indirect" else targets)
    assert {(str(cell.attack), cell.budget) for cell in cells} == {
        (f"{attack}-{how}", budget)
        for attack in ("random", "ascent")
        for how in ("direct", "indirect")
        for budget in (0.1, 0.2)
    }


def test_an_attack_starts_at_the_rows_of_its_random_twin(data):
    cells = curve_cells(data, AuditSettings(n_seeds=2, budgets=(0.1,)))
    draws = {(str(cell.attack), cell.replicate): cell.rng(0).random() for cell in cells}
    for replicate in range(2):
        assert draws["random-direct", replicate] == draws["ascent-direct", replicate]
        assert draws["random-indirect", replicate] == draws["ascent-indirect", replicate]
    assert len(set(draws.values())) == 4
    assert {cell.rng(1).random() for cell in cells}.isdisjoint(draws.values())


def test_targets_and_attackers_can_be_named(data):
    settings = AuditSettings(targets=("t3", "t1"), attackers=("t0",))
    assert task_sets(data, settings, 0) == task_sets(data, settings, 1) == ((1, 3), (0,))
    assert task_sets(data, AuditSettings(targets=("t3",)), 0) == ((3,), (0, 1, 2, 4))


@pytest.mark.parametrize(
    ("names", "error"),
    [
        ({"targets": ("t9",)}, "targets of the audit names the task 't9', which .*'t0', 't1'"),
        ({"targets": ("t1",), "attackers": ("north",)}, "attackers of the audit .*'north'"),
        ({"targets": ("t1", "t2"), "attackers": ("t2",)}, "attackers of the audit must be other .*'t2' is both"),
    ],
)
def test_tasks_that_do_not_exist_or_overlap_are_refused(data, names, error):
    with pytest.raises(ValueError, match=error):
        plan(data, AuditSettings(**names))


def test_budgets_are_sorted_and_each_comes_to_a_row(data):
    assert budgets(data, AuditSettings(budgets=(0.3, 0.05, 0.3))) == (0.05, 0.3)
    with pytest.raises(
        ValueError, match=r"budget 0\.02 of the audit rounds to no rows: .* 42 training rows, so 0\.024 "
    ):
        budgets(data, AuditSettings(budgets=(0.3, 0.02)))
    assert budgets(data, AuditSettings(budgets=(0.024,))) == (0.024,)
    with pytest.raises(ValueError, match=r"rounds to no rows: the largest attacking task has 21 .* so 0\.048 would"):
        budgets(data, AuditSettings(targets=("t0",), attackers=("t1",), budgets=(0.04,)))


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((20, 30, 40, 50, 60), (0.05, 0.1, 0.2, 0.3)),
        ((12, 12), (0.2, 0.3)),  # 8 training rows each: 5 % is none, 10 % none
        ([4] * 30, (1 / 3,)),  # 3 rows at most
        ([2] * 30, (0.5,)),  # 12 tasks keep both rows, 18 one
        ((1_000, 4, 4, 4), (0.05, 0.1, 0.2, 0.3)),
        ((60, *[1] * 40), (0.05, 0.1, 0.2, 0.3)),  # one task in two rows gets its share
        ((20, *[1] * 200), (1.0,)),
    ],
)
def test_default_budgets_are_those_of_use(make_table, sizes, expected):
    assert budgets(table_data(make_table(sizes=sizes)), AuditSettings()) == expected


def test_a_budget_that_no_attacker_of_a_seed_can_use_leaves_its_cells_out(make_table):
    data = table_data(make_table(sizes=(60, 10)))
    cells = curve_cells(data, AuditSettings(n_seeds=6, budgets=(0.05,)))
    assert {cell.attackers for cell in cells} == {(0,)}


def test_one_task_has_direct_attacks_only(make_table):
    cells = plan(table_data(make_table(sizes=(40,))), AuditSettings())
    assert {str(cell.attack) for cell in cells} == {"random-direct", "ascent-direct"}
    assert cells[-1].purpose == "relationships"
    assert sum(cell.purpose == "exposure" for cell in cells) == 1


def test_the_map_pairs_every_task_with_every_other(data):
    cells = [cell for cell in plan(data, AuditSettings()) if cell.purpose == "exposure"]
    assert sorted((cell.attackers[0], cell.targets[0]) for cell in cells) == [
        (i, j) for i in range(5) for j in range(5)
    ]
    for cell in cells:
        assert str(cell.attack) == ("ascent-direct" if cell.targets == cell.attackers else "ascent-indirect")
        assert cell.budget == 0.2


def test_the_map_leaves_out_targets_nobody_can_measure_and_attackers_without_a_row(make_table):
    data = table_data(make_table(sizes=(60, 60, 60, 6)))
    cells = [cell for cell in plan(data, AuditSettings()) if cell.purpose == "exposure"]
    assert {cell.targets for cell in cells} == {(0,), (1,), (2,)}
    assert {cell.attackers for cell in cells} == {(0,), (1,), (2,)}


def test_the_map_shows_those_named_then_the_largest(data):
    assert shown_tasks(data, AuditSettings(shown_tasks=2)) == (3, 4)
    assert shown_tasks(data, AuditSettings(shown_tasks=3, targets=("t0",))) == (0, 3, 4)
    assert shown_tasks(data, AuditSettings(shown_tasks=3, targets=("t0",), attackers=("t1",))) == (0, 1, 4)


def test_the_map_takes_a_larger_budget_where_tasks_are_tiny(make_table):
    assert exposure_budget(table_data(make_table(sizes=[4] * 30)), AuditSettings()) == 1 / 3
    assert exposure_budget(table_data(make_table(sizes=[60] * 3)), AuditSettings()) == 0.2


def test_relationships_are_attacked_once_through_everybody_at_the_largest_budget(data):
    settings = AuditSettings(n_seeds=2)
    last = plan(data, settings)[-1]
    assert (last.purpose, str(last.attack), last.budget) == ("relationships", "ascent-hybrid", 0.3)
    assert last.attackers == (0, 1, 2, 3, 4)
    assert last.targets == task_sets(data, settings, 0)[0]


def _by_patom(cell):
    return cell if cell.attack.method == "random" else replace(cell, attack=replace(cell.attack, method=Method.PATOM))


def test_patom_takes_the_ascents_place_in_every_cell(data):
    ours, papers = (plan(data, AuditSettings(n_seeds=2, attack=attack)) for attack in ("ascent", "patom"))
    assert [_by_patom(cell) for cell in ours] == papers
    assert not any(cell.attack.method == "ascent" for cell in papers)
    assert any(cell.attack.method == "ascent" for cell in ours)


def test_budgets_that_inject_the_same_rows_everywhere_are_one(make_table):
    data = table_data(make_table(sizes=[8] * 40))  # 5 or 6 training rows: 20 % and 30 % are one row
    settings = AuditSettings(n_seeds=2)
    assert budgets(data, settings) == (0.2,)
    assert budgets(data, AuditSettings(n_seeds=2, budgets=(0.3, 0.25, 0.4))) == (0.25, 0.4)
    assert budget_notes(data, settings) == [
        "A budget of 30 % comes to the same rows as 20 % in all attacking tasks, so it was not run.",
        "Left out of the usual budgets, as they come to no rows or few in tasks of this size: 5 %, 10 %.",
    ]
    (direct, indirect) = coverage(allowances(data, settings, budgets(data, settings)))
    assert (direct.reach, indirect.reach) == ("direct", "indirect")
    assert direct.rows == [20, 20]
    assert direct.share == pytest.approx(0.18, abs=0.005)
    assert thin([direct, indirect]) == ""


def test_budgets_are_one_only_if_they_are_in_every_seed(make_table):
    data = table_data(make_table(sizes=(20, 30, 40, 50, 60)))
    assert budgets(data, AuditSettings(n_seeds=2)) == (0.05, 0.1, 0.2, 0.3)
    assert budget_notes(data, AuditSettings(n_seeds=2)) == []


def test_attacks_without_a_row_are_told(make_table):
    data = table_data(make_table(sizes=[20] * 9 + [40]))
    settings = AuditSettings(n_seeds=3, budgets=(0.05,), targets=("t0", "t1", "t2", "t3", "t4"))
    told = coverage(allowances(data, settings, (0.05,)))
    assert [(each.reach, each.rows, each.reached, each.n_injecting) for each in told] == [
        ("direct", [0, 0], [0, 0], 0), ("indirect", [1, 1], [1, 1], 3),
    ]  # fmt: skip
    assert "direct attacks have a row for 0 of 5 attacking tasks and indirect attacks have a row for 1 of 5" in thin(
        told
    )
    assert budget_notes(data, settings) == [
        "With a budget of 5 % direct attacks have no row to inject in 3 of 3 seeds, where they were not run."
    ]
