"""Attacks side by side: PATOM's best step is chosen cell by cell, and leads are paired."""

import pytest

from patom.paper import parse_grid
from patom.paper.cells import plan
from patom.paper.findings import attacks

GRID = """
title = "compared"
seeds = 2
[[experiments]]
name = "made"
figure = "{figure}"
attacks = ["random-direct", "patom-direct", "ascent-direct"]
budgets = [0.1]
pairs = {{ count = 1, targets = 2, attackers = 2 }}
data = {{ name = "related" }}
patom = {{ step_size = [1.0, 100.0] }}
ascent = [{{ gradient = "paper" }}, {{ optimise_labels = true }}]
"""


def test_lists_of_settings_give_a_cell_each():
    cells = plan(parse_grid(GRID.format(figure="attacks"), "G"), ["regression"], [range(5)])
    told = [
        (str(cell.method), *(cell.attack.get(name) for name in ("step_size", "gradient", "optimise_labels")))
        for cell in cells
        if cell.seed == 0
    ]
    assert told == [
        ("random-direct", None, None, None), ("patom-direct", 1.0, None, None), ("patom-direct", 100.0, None, None),
        ("ascent-direct", None, "paper", False), ("ascent-direct", None, "exact", True),
    ]  # fmt: skip


def test_lists_of_settings_are_for_the_comparison_only():
    with pytest.raises(ValueError, match='several step sizes or ascents need figure = "attacks"'):
        parse_grid(GRID.format(figure="budgets"), "G")


@pytest.fixture(name="rows")
def fixture_rows(row):
    """Clean utility 1; PATOM's better step is another one for each seed."""
    final = {
        ("random", None): (1.1, 1.1, 1.1), ("patom", 1.0): (1.5, 1.2, 1.6), ("patom", 100.0): (1.3, 1.6, 1.4),
        ("ascent", None): (1.6, 1.7, 1.5),
    }  # fmt: skip
    return [
        row(f"{attack}-direct", figure="attacks", seed=seed, step_size=step, utility=[1.0, value], utility_clean=1.0,
            gradient="exact" if attack == "ascent" else None, optimise_labels=False, solves=10 + seed,
            others_clean=0.5, others_attacked=0.5 + 0.1 * seed)
        for (attack, step), values in final.items()
        for seed, value in enumerate(values)
    ]  # fmt: skip


def test_each_attack_has_a_line(rows):
    (entry,) = [one.as_dict() for one in attacks.attacks(rows)]
    ((kind, lines),) = entry["groups"]
    assert kind == "direct"
    assert [line[0] for line in lines] == [
        "random rows", "PATOM, step 1", "PATOM, step 100", "ascent, exact gradient", "PATOM, best step of 2",
    ]  # fmt: skip
    assert all(len(line) == len(entry["columns"]) for line in lines)
    by_name = {line[0]: line for line in lines}
    assert by_name["PATOM, step 1"][1].startswith("43 % (")  # of 0.5, 0.2 and 0.6
    assert by_name["PATOM, best step of 2"][1].startswith("57 % (")  # of 0.5, 0.6 and 0.6
    assert by_name["ascent, exact gradient"][4].startswith("3.3 points (")  # 0.1, 0.1 and -0.1 ahead
    assert by_name["ascent, exact gradient"][5] == "2 of 3 cells"
    assert by_name["PATOM, best step of 2"][5] == "3 of 3 cells"
    assert by_name["ascent, exact gradient"][3].startswith("20 % (")  # of 0, 20 and 40 %
    assert [by_name[name][6] for name in ("PATOM, step 1", "PATOM, best step of 2")] == ["11", "22"]  # both runs


def test_a_panel_shows_the_rise_against_budget(rows):
    more = [row | {"budget": 0.5, "utility": [1.0, 2.0 * row["utility"][-1]]} for row in rows]
    (entry,) = [one.as_dict() for one in attacks.attacks([*more, *rows])]
    ((panel),) = entry["panels"]
    assert [line["label"] for line in panel["lines"]] == [
        "random rows",
        "ascent, exact gradient",
        "PATOM, best step of 2",
    ]
    (ascent,) = [line for line in panel["lines"] if line["attack"] == "ascent-direct"]
    assert ascent["budgets"] == [0.1, 0.5]
    assert [point["mean"] for point in ascent["rise"]] == pytest.approx([0.6, 2.2])


def test_the_best_step_is_of_one_cell(rows):
    patom = [row for row in rows if row["attack"] == "patom"]
    assert [row["step_size"] for row in attacks.best_step(patom)] == [1.0, 100.0, 1.0]


def test_without_patom_there_is_nothing_to_be_ahead_of(rows):
    (entry,) = [one.as_dict() for one in attacks.attacks([row for row in rows if row["attack"] != "patom"])]
    assert all(line[4:6] == ["", ""] for _, lines in entry["groups"] for line in lines)


def test_what_is_shown_happened_to_the_true_victim(rows):
    """A grey-box attacker's utility is of another model, that of one who spares others of another quantity."""
    truly = [row | {"target_loss_clean": 2.0, "target_loss": 2.5} for row in rows]
    assert {attacks.final_rise(row) for row in truly} == {0.25}
    assert attacks.final_rise(rows[0]) == pytest.approx(rows[0]["utility"][-1] - 1.0)
    assert attacks.final_rise(truly[0] | {"target_loss_clean": 0.0}) != attacks.final_rise(truly[0])
