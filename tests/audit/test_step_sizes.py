"""Step sizes are chosen as an attacker would: by the training loss she reaches."""

from dataclasses import replace

import numpy as np
import pytest
from audit_cells import cell_of

from patom.audit import AuditSettings, step_sizes, table_data
from patom.audit.cells import run_cell, victim
from patom.audit.plan import plan
from patom.audit.step_sizes import STEP_SIZES, pilots, with_step_sizes
from patom.audit.work import Work
from patom.evaluate.defended import Victim


@pytest.fixture(name="data", scope="module")
def fixture_data(make_table):
    return table_data(make_table(sizes=(24, 24, 24)))


PATOM = AuditSettings(attack="patom")


def attacked(data, settings):
    model = victim(data, settings, 0.01, 0.01)
    return Victim(model, model)


def choose(data, settings, cells):
    steps = []
    work = Work(data, progress=lambda done, _: steps.append(done))
    chosen = with_step_sizes(work, settings, attacked(data, settings), cells)
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
    assert [(str(cell.attack), cell.step_size) for cell in trials] == [
        (attack, size) for attack in ("patom-direct", "patom-indirect") for size in STEP_SIZES
    ]
    assert {(cell.purpose, cell.budget, cell.replicate) for cell in trials} == {("curve", 0.3, 0)}


def test_a_pilot_is_found_where_the_first_seed_has_none():
    cells = [cell_of("curve", "patom-direct", (1,), (1,), budget, 2) for budget in (0.1, 0.3)]
    assert {(cell.budget, cell.replicate) for cell in pilots(cells, PATOM)} == {(0.3, 2)}


def test_the_size_with_the_largest_training_loss_is_chosen(data, monkeypatch):
    monkeypatch.setattr(step_sizes, "STEP_SIZES", (10.0, 1.0, 1e-9))
    settings = replace(PATOM, n_seeds=1, budgets=(0.3,), iterations=2)
    cells, sizes = choose(data, settings, plan(data, settings))
    for attack, size in sizes.items():
        (cell,) = [each for each in cells if each.purpose == "curve" and each.attack == attack]
        reached = {
            step: run_cell(data, settings, attacked(data, settings), replace(cell, step_size=step)).result.utility
            for step in (10.0, 1.0, 1e-9)
        }
        assert reached[size] == max(reached.values())
        assert cell.step_size == size
    found = {str(attack): size for attack, size in sizes.items()}
    assert found["patom-direct"] > 1e-9
    assert set(found) == {"patom-direct", "patom-indirect"}


def test_every_attack_gets_the_size_of_its_kind(data, monkeypatch):
    losses = iter((1, 5, 2, 0, 0, 1, 2, 3, 9, 4))
    monkeypatch.setattr(step_sizes, "run_cell", lambda _, **__: Fake(next(losses)))
    settings = replace(PATOM, n_seeds=1)
    cells, sizes = choose(data, settings, plan(data, settings))
    assert {str(attack): size for attack, size in sizes.items()} == {
        "patom-direct": STEP_SIZES[1], "patom-indirect": STEP_SIZES[3],
    }  # fmt: skip
    for cell in cells:
        expected = STEP_SIZES[3] if str(cell.attack) == "patom-indirect" else STEP_SIZES[1]
        assert cell.step_size == expected or cell.attack.method == "random"


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
