"""What seeds draw: other targets as long as there are, other test rows, and nothing that an earlier seed has drawn."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from audit_cells import splits_of

from patom.audit import AuditSettings, digits_data, run_audit, table_data
from patom.audit.draws import drawn, task_sets


@pytest.fixture(name="data", scope="module")
def fixture_data(make_table):
    return table_data(make_table(sizes=(24, 24, 24)))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("n_tasks", "halves"), [(2, 2), (3, 3), (4, 6), (5, 10)])
def test_no_half_comes_again_before_all_have_come(make_table, n_tasks, halves, seed):
    data = table_data(make_table(sizes=[20] * n_tasks))
    settings = AuditSettings(n_seeds=2 * halves + 1, seed=seed)
    sets = [task_sets(data, settings, replicate) for replicate in range(settings.n_seeds)]
    targets = [first for first, _ in sets]
    assert len(set(targets[:halves])) == len(set(targets[halves : 2 * halves])) == halves
    assert sorted(Counter(targets).values()) == [2] * (halves - 1) + [3]
    for chosen, others in sets:
        assert sorted((*chosen, *others)) == list(range(n_tasks))
        assert len(chosen) == (n_tasks + 1) // 2


def test_each_seed_has_test_rows_of_its_own(data):
    found = drawn(data, AuditSettings(n_seeds=4))
    assert len(splits_of(found)) == 4
    np.testing.assert_array_equal(found.of_replicate(0).X_test, data.X_test)
    tests = [{tuple(row) for row in each.scaling.features_back(each.X_test).round(6)} for each in splits_of(found)]
    for i in range(4):
        for j in range(i):
            assert tests[i] != tests[j]
    assert [(each.draws, each.again) for each in splits_of(found)] == [
        ((), None)
    ] * 4  # what a worker gets is one split


def test_draws_do_not_depend_on_how_many_there_are(data):
    few, many = (drawn(data, AuditSettings(n_seeds=n_seeds)) for n_seeds in (2, 6))
    np.testing.assert_array_equal(few.of_replicate(1).X_test, many.of_replicate(1).X_test)
    assert task_sets(data, AuditSettings(n_seeds=2), 1) == task_sets(data, AuditSettings(n_seeds=6), 1)


def test_the_digits_are_split_anew_too():
    found = drawn(digits_data(), AuditSettings(n_seeds=2))
    first, second = ({tuple(row) for row in each.X_test.round(6).tolist()} for each in splits_of(found))
    assert len(first - second) > 300


def test_seeds_without_a_draw_of_their_own_are_left_out(data):
    alone = replace(data, again=None)  # rows that are not at hand to be split again
    halves = drawn(alone, AuditSettings(n_seeds=5))
    assert len(splits_of(halves)) == 3
    named = drawn(alone, AuditSettings(n_seeds=5, targets=("t1",)))
    assert len(splits_of(named)) == 1


def test_a_table_that_can_be_split_in_few_ways_gives_each_once(make_table):
    table = make_table(sizes=(2, 2), d=2)
    data = table_data(table, test_fraction=0.5)
    found = drawn(data, AuditSettings(n_seeds=20, targets=("t0",)))
    tests = {tuple(np.sort(each.scaling.features_back(each.X_test)[:, 0]).round(6)) for each in splits_of(found)}
    assert len(tests) == len(splits_of(found)) <= 4  # of either task's two rows one is held out


def test_splits_that_cannot_be_scaled_are_drawn_again(data):
    def again(draw):
        if draw % 2:
            raise ValueError("The target is constant over the training rows, so there is nothing to learn.")
        return data.again(draw)

    found = drawn(replace(data, again=again), AuditSettings(n_seeds=3))
    np.testing.assert_array_equal(found.of_replicate(1).X_test, data.again(2).X_test)
    assert len(splits_of(found)) == 3


@pytest.mark.slow
def test_no_interval_comes_from_the_same_rows_seen_twice(make_table, quick):
    """Three tasks have three halves: more seeds than those, on one split, used to repeat them to a width of zero."""
    data = table_data(make_table(sizes=(40, 40, 40)))
    settings = replace(quick, n_seeds=5, budgets=(0.3,))
    report = run_audit(data, settings).report
    by_seed = report["model"]["clean_targets_by_seed"]
    assert len(set(by_seed)) == len(by_seed) == report["setting"]["n_seeds"] == 5
    clean = report["model"]["clean_targets"]
    assert clean["low"] < clean["mean"] < clean["high"]

    once = run_audit(replace(data, again=None), replace(settings, targets=("t0", "t1"))).report
    assert once["setting"]["n_seeds"] == 1
    assert (once["model"]["clean_targets"]["low"], once["model"]["clean_targets"]["high"]) == (None, None)
    assert once["data"]["notes"][-1] == (
        "There are no more than 1 draw of targets and test rows that differ, so that 1 of 5 seeds were run."
    )
