"""How many accounts to open: every row is injected, the best of the attacked splits is kept, refusals."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone

from patom import (
    Ball,
    Box,
    Capped,
    Columns,
    GreyBox,
    MTRLClassifier,
    MTRLRegressor,
    NewTasks,
    ProjectedAscent,
    RandomAttack,
    Sparing,
    ThreatModel,
    independent_covariance,
)
from patom.attacks import Availability, choose_accounts
from patom.attacks.chosen_accounts import ladder, split_evenly
from patom.datasets import make_related_tasks
from patom.defenses import Clip, Sanitised

VICTIM = MTRLRegressor(0.01, 0.01)
SHORT = ProjectedAscent(optimise_labels=True, n_starts=2, max_iter=12)
SHAPE = {"n_tasks": 5, "n_features": 6, "n_train": 15, "n_groups": 2}


def problem(seed=1, kind="regression"):
    X, y, task = make_related_tasks(**SHAPE, kind=kind, random_state=seed).train
    return {"X": X, "y": y, "task": task}


DATA = problem()


def choose(model=VICTIM, data=DATA, **settings):
    return choose_accounts(
        model, **data, **{"targets": [0, 1], "rows": 8, "attack": SHORT, "random_state": 0} | settings
    )


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 30, 100])
def test_a_split_holds_all_rows_as_evenly_as_may_be(rows):
    for accounts in range(1, rows + 1):
        counts = split_evenly(rows, accounts).counts
        assert counts.size == accounts
        assert counts.sum() == rows
        assert np.ptp(counts) <= 1
        assert counts.min() >= 1


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 30, 180, 1001])
def test_the_ladder_goes_from_one_account_to_a_row_each(rows):
    numbers = np.array(ladder(rows))
    assert (numbers[0], numbers[-1]) == (1, rows)
    assert (np.diff(numbers) > 0).all()
    assert (numbers[1:] <= 2 * numbers[:-1]).all()
    assert numbers.size == 1 + np.ceil(np.log2(rows))


def test_every_row_of_the_chosen_split_is_injected():
    found = choose(rows=7, splits=[3], trials=1)
    assert found.accounts == NewTasks(3, (3, 2, 2))
    assert np.bincount(found.result.task).tolist() == [0, 0, 0, 0, 0, 3, 2, 2]


def test_the_most_promising_are_attacked_and_the_best_is_kept():
    found = choose(rows=20, trials=2)
    assert [tried.accounts for tried in found.table] == ladder(20)
    attacked = [tried for tried in found.table if not np.isnan(tried.utility)]
    left = [tried for tried in found.table if np.isnan(tried.utility)]
    assert len(attacked) == 2
    assert min(tried.short_ascent for tried in attacked) >= max(tried.short_ascent for tried in left)
    best = max(attacked, key=lambda tried: tried.utility)
    assert found.accounts == split_evenly(20, best.accounts) == found.result.threat.accounts
    assert found.utility == best.utility == found.result.utility


@pytest.mark.parametrize("classes", [False, True])
def test_with_all_splits_tried_it_is_the_best_of_attacks_by_hand(classes):
    data, model = (problem(1, "classification"), MTRLClassifier(0.01, 0.01)) if classes else (DATA, VICTIM)
    found = choose(model, data, trials=9)
    by_hand = [
        SHORT.poison(model, **data, threat=ThreatModel([0, 1], split_evenly(8, k)), random_state=0) for k in ladder(8)
    ]
    assert [tried.utility for tried in found.table] == [result.utility for result in by_hand]
    best = max(by_hand, key=lambda result: result.utility)
    assert found.utility == best.utility
    assert found.result.X.tobytes() == best.X.tobytes()
    assert found.result.task.tolist() == best.task.tolist()
    for count in ("solves", "adjoint_solves"):
        alone = sum(getattr(result.cost, count) for result in by_hand)
        assert alone < getattr(found.cost, count) < 2 * alone


@pytest.mark.parametrize("weights", ["tasks", "rows", Capped(15)], ids=str)
@pytest.mark.parametrize("rows", [3, 20])
def test_three_trials_come_near_all_of_them(weights, rows):
    """Nine tenths of the rise; where tasks weigh by their rows, splits differ less."""
    model = MTRLRegressor(0.01, 0.01, task_weights=weights)
    few, every = (choose(model, rows=rows, trials=trials) for trials in (3, 9))
    clean = every.result.clean_utility
    assert few.utility - clean > 0.9 * (every.utility - clean)


@pytest.mark.parametrize("attack", [SHORT, RandomAttack("see-saw", "extremes")], ids=["ascent", "random"])
def test_a_split_is_judged_by_the_beginning_of_its_ascent(attack):
    found = choose(rows=6, trials=1, attack=attack)
    begun = replace(SHORT, n_starts=2, max_iter=6)
    for tried in found.table:
        threat = ThreatModel([0, 1], split_evenly(6, tried.accounts))
        assert tried.short_ascent == begun.poison(VICTIM, **DATA, threat=threat, random_state=0).utility
    kept = max(found.table, key=lambda tried: tried.short_ascent)
    assert found.accounts.accounts == kept.accounts
    by_hand = attack.poison(VICTIM, **DATA, threat=ThreatModel([0, 1], found.accounts), random_state=0)
    assert found.utility == by_hand.utility


def test_many_accounts_beat_one_where_each_weighs_as_much_as_a_task():
    found = choose(rows=20, splits=[1, 10, 20], trials=3)
    one, ten, twenty = (tried.utility for tried in found.table)
    assert found.accounts == NewTasks(10, 2)
    assert ten > 3.0 * one > 2.0 * twenty  # a row alone is no see-saw


def test_one_account_beats_many_where_they_have_a_row_each_or_weigh_by_rows():
    few = choose(rows=2, trials=2)
    assert few.accounts == NewTasks(1, 2)
    assert few.utility > 1.5 * few.table[1].utility
    by_rows = MTRLClassifier(0.01, 0.01, task_weights="rows")
    found = choose(by_rows, problem(1, "classification"), rows=20, splits=[1, 10, 20], trials=3)
    assert found.accounts == NewTasks(1, 20)


def test_one_row_has_one_split():
    found = choose(rows=1)
    assert [tried.accounts for tried in found.table] == [1]
    assert found.result.y.size == 1


def test_the_seed_decides_and_the_order_of_splits_does_not():
    draws = (0, 0, np.random.default_rng(5), np.random.default_rng(5))
    one, same, drawn, again = (choose(splits=order, random_state=seed) for order, seed in zip(
        ([1, 3, 8], {8, 3, 1}, np.array([8, 3, 1]), iter([3, 8, 1])), draws, strict=True
    ))  # fmt: skip
    for first, second in ((one, same), (drawn, again)):
        np.testing.assert_array_equal(np.array(first.table), np.array(second.table))
        assert (first.accounts, first.cost) == (second.accounts, second.cost)
        assert first.result.X.tobytes() == second.result.X.tobytes()
    assert one.result.X.tobytes() != drawn.result.X.tobytes()
    assert all(type(tried.accounts) is int for tried in drawn.table)


def test_a_grey_box_attacker_ranks_by_what_she_expects():
    found = choose(knowledge=GreyBox(share=0.5), trials=4)
    assert found.utility == found.result.expected_utility != found.result.utility
    assert found.utility == max(tried.utility for tried in found.table)


def test_it_respects_the_whole_threat_model():
    threat = {
        "region": Box(-2.0, 2.0),
        "label_range": (-0.5, 0.5),
        "columns": Columns(integer=[0]),
        "objective": Sparing(Availability(), weight=0.5),
    }
    found = choose(splits=[2, 5], trials=1, **threat)
    assert found.result.threat == ThreatModel([0, 1], (found.accounts,), **threat)
    assert (np.abs(found.result.X) <= 2.0).all()
    assert (np.abs(found.result.y) <= 0.5).all()
    np.testing.assert_array_equal(found.result.X[:, 0], found.result.X[:, 0].round())


def test_a_filtered_victim_and_names_of_tasks():
    data = DATA | {"task": np.array(["a", "b", "account-1", "c", "d"], dtype=object)[DATA["task"]]}
    model = clone(VICTIM)
    found = choose(
        Sanitised(model, Clip()), data, targets=["a"], splits=[2, 4], trials=1, attack=replace(SHORT, max_iter=2)
    )
    assert found.result.new_tasks.tolist()[0] == "account-2"
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"rows": 0}, r"^rows of choose_accounts must be a whole number at least 1; got 0\.$"),
        ({"rows": 2.5}, r"^rows of choose_accounts must be a whole number at least 1; got 2\.5\.$"),
        ({"rows": float("nan")}, r"^rows of choose_accounts must be a whole number at least 1; got nan\.$"),
        ({"rows": "8"}, r"^rows of choose_accounts must be a whole number at least 1; got '8'\.$"),
        ({"rows": True}, r"^rows of choose_accounts must be a whole number at least 1; got True\.$"),
        ({"trials": 0}, r"^trials of choose_accounts must be a whole number at least 1; got 0\.$"),
        ({"splits": [1, 9]}, r"^splits\[1\] of choose_accounts must be at most rows, 8; got 9\.$"),
        ({"splits": [0, 1]}, r"^splits\[0\] of choose_accounts must be a whole number at least 1; got 0\.$"),
        ({"splits": [1, None]}, r"^splits\[1\] of choose_accounts must be a whole number at least 1; got None\.$"),
        ({"splits": [1, [2]]}, r"^splits\[1\] of choose_accounts must be a whole number at least 1; got \[2\]\.$"),
        ({"splits": [2, 1, 2]}, r"^splits of choose_accounts must have each number once; got \[2, 1, 2\]\.$"),
        ({"splits": []}, r"^splits of choose_accounts must have at least one number of accounts; got none\.$"),
        ({"splits": "12"}, r"^splits of choose_accounts must be a list of whole numbers of accounts; got '12'\.$"),
        ({"splits": 2}, r"^splits of choose_accounts must be a list of whole numbers of accounts; got 2\.$"),
        ({"targets": [9]}, r"^targets of ThreatModel names the task 9, which"),
        ({"targets": []}, r"^targets of ThreatModel must name at least one task; got none\.$"),
        ({"region": "ball"}, r"^region of ThreatModel must be a region such as Ball; got 'ball'\.$"),
    ],
)
def test_refusals_are_one_sentence(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        choose(**settings)


def test_victims_with_a_given_omega_are_refused():
    with pytest.raises(ValueError, match=r"new tasks, of which the victim's task_covariance says nothing"):
        choose(MTRLRegressor(0.01, 0.01, task_covariance=independent_covariance(5)))


def test_other_models_and_attacks_are_refused():
    with pytest.raises(TypeError, match=r"^model must be an MTRLRegressor or MTRLClassifier"):
        choose(object())
    with pytest.raises(TypeError, match=r"^attack of choose_accounts must be an attack .*; got 'ascent'\.$"):
        choose(attack="ascent")


def test_features_that_do_not_exist_are_refused_before_any_attack():
    with pytest.raises(ValueError, match="NaN"):
        choose(data=DATA | {"X": np.where(DATA["X"] == DATA["X"][0, 0], np.nan, DATA["X"])}, region=Ball())
