"""Which algorithm and layout serve which problem: each rule on both sides of its bound."""

import pytest

from patom.core.solvers import choose
from patom.core.solvers.choose import InteriorSpace, Layout, interior_space, layout


@pytest.mark.parametrize(
    ("tasks", "columns", "numbers", "shardable", "expected"),
    [
        (10, 20, choose.COPIED_NUMBERS - 1, True, Layout.COPIED),
        (10, 20, choose.COPIED_NUMBERS, True, Layout.BORROWED),
        (1_000, 51, 1_000_000, True, Layout.SHARDED),  # 2.6 million entries of moments, fewer numbers in rows
        (1_000, 51, 1_000_000, False, Layout.COPIED),
        (1_000, 51, 10_000_000, True, Layout.BORROWED),  # moments are smaller than the rows
        (10_000, 51, 100_000_000, True, Layout.SHARDED),
        (10_000, 51, 100_000_000, False, Layout.BORROWED),
        (399, 100, 1_000_000, True, Layout.COPIED),
        (400, 100, 1_000_000, True, Layout.SHARDED),
        (20_000, 10, 100_000, True, Layout.COPIED),  # exactly two million entries of moments
        (20_001, 10, 100_000, True, Layout.SHARDED),
    ],
)
def test_layouts(tasks, columns, numbers, shardable, expected):
    assert layout(tasks, columns, numbers, shardable=shardable) is expected


def test_interior_points_need_few_tasks_or_columns():
    width, most = choose.INTERIOR_WIDTH, choose.ROW_SPACE_NUMBERS
    assert interior_space(1_000, width, 0) is interior_space(width, width, most + 1) is InteriorSpace.COLUMNS
    assert interior_space(1_000, width + 1, 0) is InteriorSpace.NOWHERE
    assert interior_space(width, 1_000, most) is InteriorSpace.ROW_SPACE
    assert interior_space(width, 1_000, most + 1) is interior_space(width + 1, 1_000, 0) is InteriorSpace.NOWHERE


def test_bounds_are_part_of_what_they_allow():
    assert choose.moments_are_cheaper(4, 5, 10)
    assert not choose.moments_are_cheaper(4, 5, 9)
    assert choose.is_compiled(1_000_000, 2)
    assert not choose.is_compiled(1_000_001, 2)
    assert choose.is_factored(choose.DIRECT_NEWTON_WEIGHTS)
    assert not choose.is_factored(choose.DIRECT_NEWTON_WEIGHTS + 1)


def test_steps_give_way_to_sweeps_where_these_take_less_time():
    assert choose.steps_for_a_sweep(51, 1_000.0) == pytest.approx(102.0 / 9.0)
    assert choose.steps_for_a_sweep(51, 20.0) == pytest.approx(71.0 / 9.0)
    assert choose.steps_for_a_sweep(2, 1.0) == 2.0
    assert choose.begins_with_steps(40.0, 2.0)
    assert not choose.begins_with_steps(40.1, 2.0)
    # Seven folds to go: four sweeps, or 20 steps' time of five each; steps that gain a fold in ten take 70.
    assert choose.sweeps_are_faster(7.0, 1.0, 10, 5.0)
    assert not choose.sweeps_are_faster(7.0, 1.0, 2, 5.0)
    assert choose.sweeps_are_faster(7.0, 0.0, 10, 5.0)
