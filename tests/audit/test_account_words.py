"""What an audit says of accounts is true of their numbers, and says how many it takes or that it cannot."""

import pytest

from patom.audit.account_words import headline, sentences, worst_number
from patom.audit.levels import judge
from patom.audit.verdict import Aim, verdict
from patom.results.audit import AccountPoint, Accounts, CappedAccounts, Point
from patom.results.parts import UNMEASURED, Interval

AIM = Aim("half of the tasks")
CLEAN = Interval.of(0.4, 0.3, 0.5)


def opened(means, enough=None, low=0.01, n_seeds=5):
    points = [
        AccountPoint(
            accounts=k, rows=2 * k, n_seeds=n_seeds, metric=CLEAN,
            damage=Interval.of(mean, *((None, None) if low is None else (mean - low, mean + low))),
            low_of_all=None if low is None else mean - 2.0 * low,
        )
        for k, mean in means.items()
    ]  # fmt: skip
    return Accounts(rows_each=2, clean=CLEAN, points=points, enough=enough)


def test_how_many_it_takes_by_the_intervals():
    found = sentences(opened({1: 0.02, 3: 0.12, 10: 0.4}, enough=10), "NMSE", in_headline=False)
    assert found == [
        "An attacker who opens 10 new accounts of 2 rows each raises the NMSE of all tasks by 40 % on average.",
        "Damage by the number of new accounts, on average: 1 does 2.0 %, 3 do 12 %, 10 do 40 %.",
        "On average 3 accounts did 10 % damage or more, and 1 did less; by the intervals over seeds it takes 10 "
        "accounts at most.",
    ]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (opened({3: 0.02, 10: 0.06}), "No number of accounts that was tried, up to 10, does 10 % damage on average."),
        (opened({1: 0.2, 3: 0.3}), "On average 1 account did 10 % damage or more; the intervals over seeds leave open "
         "how many it takes."),
        (opened({1: 0.02, 3: 0.3}, low=None, n_seeds=1), "On average 3 accounts did 10 % damage or more, and 1 did "
         "less; there is no interval: more seeds would give one."),
    ],
    ids=["none", "open", "one seed"],
)  # fmt: skip
def test_how_many_cannot_always_be_said(section, said):
    assert sentences(section, "AUC", in_headline=True)[-1] == said


def test_no_harm_and_nothing_measured():
    assert sentences(opened({1: -0.1, 3: 0.0}), "AUC", in_headline=False) == [
        "New accounts of 2 rows each, up to 3, did no harm to all tasks on average."
    ]
    unmeasured = AccountPoint(accounts=1, rows=2, n_seeds=0, metric=UNMEASURED, damage=UNMEASURED)
    assert sentences(opened({}).model_copy(update={"points": [unmeasured]}), "AUC", in_headline=False) == []
    assert worst_number(None) is None


def test_a_single_account_and_a_cap():
    section = opened({1: 0.5}).model_copy(
        update={"capped": CappedAccounts(n_0=40.0, clean=CLEAN, metric=CLEAN, cost=CLEAN, damage=Interval.of(-0.1))}
    )
    assert headline(section, section.points[0], "AUC") == (
        "An attacker who opens 1 new account of 2 rows lowers the AUC of all tasks by 50 % on average."
    )
    assert sentences(section, "AUC", in_headline=True)[-1] == (
        "With task_weights=Capped(40) 1 account of an attacker who knows it does no harm on average; it costs 40 % "
        "without an attack."
    )


def curve(mean, spread, budget=0.3):
    return Point(
        attack="ascent-direct", label="optimised, direct", budget=budget, n_seeds=5, clean=CLEAN, metric=CLEAN,
        damage=Interval.of(mean, mean - spread, mean + spread), low_of_all=mean - 2.0 * spread,
    )  # fmt: skip


def test_the_verdict_is_on_the_worst_attack_and_by_accounts_where_these_are_worse():
    section = opened({3: 0.2, 30: 0.9}, enough=3)
    found = verdict([curve(0.3, 0.01)], None, None, "ascent", metric="NMSE", aim=AIM, accounts=section)
    assert found.headline == headline(section, section.points[1], "NMSE")
    assert (found.worst_damage, found.worst.accounts, found.worst.budget) == (0.9, 30, None)
    assert found.worst.label == "30 new accounts of 2 rows each"
    assert (
        found.sentences[0]
        == "Through rows of the tasks that exist, the most is 30 % damage (optimised, direct, at 30 %)."
    )
    assert found.headline not in found.sentences
    assert judge([curve(0.3, 0.01)], "NMSE", accounts=section).by == "30 new accounts of 2 rows"
    less = verdict([curve(1.3, 0.01)], None, None, "ascent", metric="NMSE", aim=AIM, accounts=section)
    assert (less.worst_damage, less.worst.accounts, less.worst.budget) == (1.3, None, 0.3)
    assert headline(section, section.points[1], "NMSE") in less.sentences


def test_the_highest_mean_is_that_of_accounts_too_where_nothing_can_be_said():
    section = opened({30: 0.18}, low=0.2)
    found = verdict([curve(0.06, 0.2)], None, None, "ascent", metric="NMSE", aim=AIM, accounts=section)
    assert "cannot be said" in found.headline
    assert found.sentences[0] == (
        "The highest mean damage of what was run is 18 %, with an interval that includes zero "
        "(30 new accounts of 2 rows each)."
    )
    assert found.worst_damage == 0.18
