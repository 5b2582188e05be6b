"""Step sizes are chosen as an attacker would: by the training loss she reaches."""

from dataclasses import replace

import numpy as np
import pytest

from patom.audit import AuditSettings, pilot, table_data
from patom.audit.cells import Cell, run_cell, victim
from patom.audit.pilot import STEP_SIZES, pilots, with_step_sizes
from patom.audit.plan import plan


@pytest.fixture(name="data", scope="module")
def fixture_data(make_table):
    return table_data(make_table(sizes=(24, 24, 24)))


PATOM = AuditSettings(attack="patom")


def choose(data, settings, cells):
    steps = []
    model = victim(data, settings, 0.01, 0.01)
    chosen = with_step_sizes(data, settings, model, cells, n_jobs=1, advance=lambda: steps.append(1))
    assert len(steps) == len(pilots(cells, settings))
    return chosen


def test_a_step_size_that_is_given_is_used_everywhere(data, quick):
    settings = replace(quick, attack="patom", step_size=1.5)
    cells, sizes = choose(data, settings, plan(data, settings))
    assert sizes == {}
    assert {cell.step_size for cell in cells} == {1.5}


def test_the_ascent_needs_no_pilot(data, quick):
    cells = plan(data, quick)
    assert pilots(cells, quick) == []
    assert choose(data, quick, cells)[1] == {}


def test_pilots_are_the_first_attacks_of_the_largest_budget_at_every_size(data):
    settings = replace(PATOM, n_seeds=3, budgets=(0.1, 0.3))
    trials = pilots(plan(data, settings), settings)
    assert [(cell.attack, cell.step_size) for cell in trials] == [
        (attack, size) for attack in ("patom-direct", "patom-indirect") for size in STEP_SIZES
    ]
    assert {(cell.purpose, cell.budget, cell.replicate) for cell in trials} == {("curve", 0.3, 0)}


def test_a_pilot_is_found_where_the_first_seed_has_none():
    cells = [Cell("curve", "patom-direct", (1,), (1,), budget, 2) for budget in (0.1, 0.3)]
    assert {(cell.budget, cell.replicate) for cell in pilots(cells, PATOM)} == {(0.3, 2)}


def test_the_size_with_the_largest_training_loss_is_chosen(data, monkeypatch):
    monkeypatch.setattr(pilot, "STEP_SIZES", (10.0, 1.0, 1e-9))
    settings = replace(PATOM, n_seeds=1, budgets=(0.3,), iterations=2)
    cells, sizes = choose(data, settings, plan(data, settings))
    model = victim(data, settings, 0.01, 0.01)
    for attack, size in sizes.items():
        (cell,) = [each for each in cells if each.purpose == "curve" and each.attack == attack]
        reached = {
            step: run_cell(data, settings, model, replace(cell, step_size=step), ()).result.utility
            for step in (10.0, 1.0, 1e-9)
        }
        assert reached[size] == max(reached.values())
        assert cell.step_size == size
    assert sizes["patom-direct"] > 1e-9
    assert set(sizes) == {"patom-direct", "patom-indirect"}


def test_every_attack_gets_the_size_of_its_kind(data, monkeypatch):
    monkeypatch.setattr(pilot, "in_order", lambda *_: [Fake(loss) for loss in (1, 5, 2, 0, 0, 1, 2, 3, 9, 4)])
    settings = replace(PATOM, n_seeds=1)
    cells, sizes = choose(data, settings, plan(data, settings))
    assert sizes == {"patom-direct": STEP_SIZES[1], "patom-indirect": STEP_SIZES[3]}
    for cell in cells:
        expected = STEP_SIZES[3] if cell.attack == "patom-indirect" else STEP_SIZES[1]
        assert cell.step_size == expected or cell.attack.startswith("random")


def test_held_out_rows_play_no_part(data):
    settings = replace(PATOM, n_seeds=1, budgets=(0.3,), iterations=2)
    cells = plan(data, settings)
    blind = replace(data, X_test=data.X_test[::-1], y_test=np.flip(-data.y_test))
    assert choose(data, settings, cells) == choose(blind, settings, cells)


class Fake:
    """An outcome of which only the training loss matters."""

    def __init__(self, loss):
        self.result = self
        self.utility = float(loss)
