"""What is recommended: a defense that its intervals speak for, at a cost within the limit, or nothing, and why."""

import pytest

from patom.audit.levels import COST_LIMIT, objection, recommended
from patom.results.audit import Remedy
from patom.results.parts import Interval


def at(low, mean, high):
    return Interval.of(mean, low, high)


def remedy(label="A", off=(0.5, 0.6, 0.7), cost=(-0.01, 0.01, 0.03), known=(0.4, 0.5, 0.6), metric="NMSE"):
    values = {"prevented": at(*off), "cost": at(*cost), "known": at(*known)}
    return Remedy(label=label, code="", clean=None, naive=None, **values, objection=objection(**values, metric=metric))


@pytest.mark.parametrize(
    ("changes", "metric", "against"),
    [
        ({}, "NMSE", ""),
        ({"known": (0.51, 0.6, 0.7)}, "AUC", ""),
        ({"cost": (-0.2, -0.1, COST_LIMIT)}, "NMSE", ""),
        ({"off": (-3.16, 0.23, 3.62)}, "NMSE", "the interval of what is kept off holds zero"),
        ({"off": (0.0, 0.5, 1.0)}, "NMSE", "the interval of what is kept off holds zero"),
        ({"off": (-0.5, -0.3, -0.1)}, "NMSE", "nothing is kept off"),
        ({"off": (None, 0.0, None), "cost": (None, 0.0, None)}, "NMSE", "nothing is kept off"),  # no row dropped
        ({"off": (None, 0.9, None), "cost": (None, 0.0, None)}, "NMSE", "there is no interval over seeds"),
        ({"cost": (None, 0.0, None)}, "NMSE", "there is no interval over seeds"),  # no row dropped in any seed
        ({"known": (None, 1.0, None)}, "AUC", "there is no interval over seeds"),
        ({"off": (None, None, None)}, "NMSE", "there was no damage to keep off"),
        ({"cost": (0.2, 0.24, 0.28)}, "NMSE", "the cost on clean rows passes 10 %"),
        ({"cost": (-0.1, 0.05, 0.2)}, "NMSE", "the cost on clean rows may pass 10 %"),
        ({"known": (1.0, 1.2, 1.4)}, "NMSE", "the model is no better than predicting the mean under attack"),
        ({"known": (0.7, 0.9, 1.1)}, "NMSE", "the model is not surely better than predicting the mean under attack"),
        ({"known": (0.3, 0.4, 0.5)}, "AUC", "the model is no better than guessing under attack"),
        ({"known": (0.4, 0.6, 0.8)}, "AUC", "the model is not surely better than guessing under attack"),
    ],
)
def test_what_speaks_against_a_defense(changes, metric, against):
    found = remedy(**changes, metric=metric)
    assert found.objection == against
    assert recommended([found])[0] == (None if against else "A")


def test_the_best_of_those_that_nothing_speaks_against_is_recommended():
    dear = remedy("dear", off=(0.85, 0.9, 0.95), cost=(0.2, 0.24, 0.28))
    chance = remedy("chance", off=(-0.2, 0.8, 1.8))
    found = recommended([dear, remedy("good"), remedy("better", off=(0.6, 0.7, 0.8)), chance])
    assert found == (
        "better",
        'Of the defenses tried, "better" helps most: it keeps off 70 % (60 % to 80 %) of the damage by an '
        "attacker who knows it, at a cost of 1.0 % on clean rows.",
    )
    assert COST_LIMIT == 0.1


def test_where_nothing_helps_each_reason_is_told_once():
    chance, dear = remedy(off=(-3.16, 0.23, 3.62)), remedy(cost=(0.2, 0.24, 0.28))
    assert recommended([chance, dear, chance, chance])[1] == (
        "None of the 4 defenses tried can be recommended: for 3, the interval of what is kept off holds zero; for 1, "
        "the cost on clean rows passes 10 %."
    )
    assert recommended([chance, chance])[1] == (
        "None of the 2 defenses tried can be recommended: for each, the interval of what is kept off holds zero."
    )
