"""Levels and gates say what the intervals carry, and nothing more."""

import pytest

from patom.audit.levels import gate, judge
from patom.results.audit import Coverage, Point
from patom.results.parts import Interval

SURE = Interval.of(0.4, 0.3, 0.5)


def curve(low, mean, high, clean=SURE, *, label="optimised, direct", budget=0.3, n_seeds=None):
    seeds, damage = n_seeds or (1 if low is None else 5), Interval.of(mean, low, high)
    named = {"attack": "ascent-direct", "label": label, "budget": budget, "n_seeds": seeds}
    return Point(**named, clean=clean, metric=None, damage=damage)


def covered(reach="direct", budget=0.3, reached=5, least=1.0, injecting=5):
    return Coverage(
        reach=reach, budget=budget, n_seeds=5, n_injecting=injecting, rows=[reached, reached],
        tasks=[5, 5], reached=[reached, reached], share=budget, least_reached=least,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("curves", "level", "risk"),
    [
        ([curve(0.3, 0.4, 0.5)], "high", "high"),
        ([curve(0.25, 0.4, 0.5)], "high", "high"),
        ([curve(0.2499, 0.4, 0.5)], "moderate", "moderate or high"),
        ([curve(0.1, 0.15, 0.2)], "moderate", "moderate"),
        ([curve(0.1, 0.15, 0.25)], "moderate", "moderate or high"),
        ([curve(0.15, 0.2, None)], "moderate", "moderate or high"),
        ([curve(0.0999, 0.15, 0.2)], "cannot say", "cannot say"),
        ([curve(0.01, 0.05, 0.0999)], "low", "low"),
        ([curve(-0.3, -0.2, -0.1)], "low", "low"),
        ([curve(0.01, 0.05, 0.1)], "cannot say", "cannot say"),
        ([curve(-0.62, 0.35, 1.33)], "cannot say", "cannot say"),
        ([curve(0.01, 0.05, 0.09), curve(-0.4, 0.0, 0.4)], "cannot say", "cannot say"),  # low is for all or none
        ([curve(0.01, 0.05, 0.09), curve(None, 0.02, None)], "cannot say", "cannot say"),
        ([curve(-0.5, 0.9, 2.3), curve(0.3, 0.4, 0.5)], "high", "high"),  # the largest mean is not the surest
        ([curve(0.12, 0.14, 0.16), curve(-0.4, 0.0, 0.4)], "moderate", "moderate or high"),
        ([curve(None, 0.9, None)], "cannot say", "cannot say"),
        ([curve(None, None, None)], "cannot say", "cannot say"),
        ([], "cannot say", "cannot say"),
    ],
)
def test_levels(curves, level, risk):
    found = judge(curves, "NMSE")
    assert (found.level, found.risk) == (level, risk)
    assert found.reason.endswith(".")
    assert "\n" not in found.reason


@pytest.mark.parametrize(
    ("curves", "reason"),
    [
        (
            [curve(0.3, 0.4, 0.5)],
            "By the intervals over seeds the worst damage is at least 30 % (optimised, direct, at 30 %).",
        ),
        (
            [curve(0.12, 0.15, 0.2)],
            "By the intervals over seeds the worst damage is at least 12 % (optimised, direct, at 30 %) and at most "
            "20 %.",
        ),
        (
            [curve(0.12, 0.2, 0.31)],
            "By the intervals over seeds the worst damage is at least 12 % (optimised, direct, at 30 %), and may be "
            "31 %.",
        ),
        (
            [curve(-0.5, 3.0, 6.5), curve(0.62, 0.9, 1.2, label="PATOM, direct", budget=0.05)],
            "By the intervals over seeds the worst damage is at least 62 % (PATOM, direct, at 5 %).",
        ),
        ([curve(0.0, 0.05, 0.08)], "By the intervals over seeds no attack does more than 8.0 % damage."),
        ([curve(-0.3, -0.2, -0.1)], "By the intervals over seeds no attack does any damage."),
        ([curve(None, 0.9, None)], "A single draw has no interval, so this may be chance: set more seeds."),
        ([], "The held-out rows allow no measure of damage for any target."),
    ],
)
def test_reasons(curves, reason):
    assert judge(curves, "NMSE").reason == reason


@pytest.mark.parametrize(
    ("metric", "clean", "by_seed", "said"),
    [
        ("NMSE", (1.9, 2.58, 3.2), (), "is 2.58 (1.9 to 3.2), no better than predicting the mean, so damage to it"),
        ("NMSE", (None, 1.0, None), (), "is 1, no better than predicting the mean"),
        ("NMSE", (0.7, 0.92, 1.14), (), "is 0.92 (0.7 to 1.14), not surely better than predicting the mean"),
        ("NMSE", (0.7, 0.9, 0.99), (1.0, 1.1, 1.01, 0.3, None), "in 3 of 4 seeds no better than predicting the mean"),
        ("NMSE", (0.7, 0.9, 0.99), (1.0, 1.1, 0.9, 0.3), None),
        ("NMSE", (None, 0.9, None), (), None),
        ("AUC", (0.4, 0.5, 0.6), (), "is 0.5 (0.4 to 0.6), no better than guessing"),
        ("AUC", (0.49, 0.6, 0.7), (), "not surely better than guessing"),
        ("AUC", (0.51, 0.6, 0.7), (0.5, 0.4, 0.9), "in 2 of 3 seeds no better than guessing"),
        ("AUC", (0.51, 0.6, 0.7), (0.55, 0.6, 0.65), None),
    ],
)
def test_a_clean_model_of_no_use_has_no_level(metric, clean, by_seed, said):
    low, mean, high = clean
    found = judge([curve(0.3, 0.4, 0.5, Interval.of(mean, low, high))], metric, by_seed)
    if said is None:
        assert found.level == "high"
        return
    assert found.level == "cannot say"
    assert said in found.reason
    assert (found.at_least, found.at_most) == (None, None)


@pytest.mark.parametrize(
    ("curves", "exceeded", "reason"),
    [
        ([curve(0.26, 0.4, 0.5)], True, "it is at least 26 %"),
        ([curve(0.26, 0.4, 0.5), curve(-0.9, 0.6, 2.0)], True, "it is at least 26 %"),
        ([curve(0.25, 0.4, 0.5)], None, "the worst damage is at least 25 %"),  # 25 % is not above 25 %
        ([curve(0.1, 0.2, 0.25)], False, "it is at most 25 %"),
        ([curve(0.1, 0.2, 0.2501)], None, "the worst damage is at least 10 %"),
        ([curve(0.0, 0.1, 0.2), curve(-0.5, 0.0, 0.5)], None, "anything from 0.0 % to 50 %"),
        ([curve(-0.62, 0.35, 1.33)], None, "anything from -62 % to 133 %"),
        (
            [curve(0.01, 0.02, 0.03, Interval.of(2.58, 2.0, 3.0))],
            None,
            "no better than predicting the mean",
        ),
        ([curve(0.9, 1.9, 2.9, Interval.of(2.58, 2.0, 3.0))], None, "no better than predicting the mean"),
        ([curve(None, 0.9, None)], None, "A single draw has no interval"),
        ([curve(None, 0.0, None)], None, "A single draw has no interval"),
        ([], None, "allow no measure"),
    ],
)
def test_a_threshold_is_exceeded_or_kept_only_where_the_intervals_say_so(curves, exceeded, reason):
    found = gate(judge(curves, "NMSE"), 0.25)
    assert (found.threshold, found.exceeded) == (0.25, exceeded)
    assert reason in found.reason


def test_the_level_is_carried_by_a_lower_end_that_allows_for_the_choice_among_all():
    chosen = [
        curve(0.3, 0.4, 0.5).model_copy(update={"low_of_all": 0.05}),
        curve(0.26, 0.3, 0.34).model_copy(update={"low_of_all": 0.2}),
    ]
    found = judge(chosen, "NMSE")
    assert (found.level, found.at_least, found.at_most) == ("moderate", 0.2, 0.5)


THIN = covered(reached=0, least=0.0, injecting=0)


@pytest.mark.parametrize(
    ("coverage", "level"),
    [
        ([covered(), covered("indirect")], "low"),
        ([covered(least=0.5)], "low"),
        ([covered(least=0.49)], "cannot say"),
        ([THIN, covered("indirect")], "cannot say"),
        ([covered(), covered("indirect", least=0.2)], "cannot say"),
        ([covered(budget=0.05, least=0.0), covered()], "low"),  # the largest budget counts
    ],
)
def test_low_needs_every_kind_of_attack_in_most_of_its_tasks(coverage, level):
    found = judge([curve(0.01, 0.05, 0.067)], "NMSE", (), coverage)
    assert found.level == found.risk == level
    assert gate(found, 0.25).exceeded is (False if level == "low" else None)
    high = judge([curve(0.3, 0.4, 0.5)], "NMSE", (), coverage)  # which more rows do not lower
    assert high.level == "high"
    assert gate(high, 0.25).exceeded is True
    moderate = judge([curve(0.12, 0.15, 0.2)], "NMSE", (), coverage)
    assert moderate.risk == ("moderate" if level == "low" else "moderate or high")


def test_the_reason_says_what_was_not_attacked():
    assert judge([curve(0.01, 0.05, 0.067)], "NMSE", (), [THIN]).reason == (
        "How much the worst damage may be cannot be said: at the largest budget, 30 %, direct attacks have a row for 0 "
        "of 5 attacking tasks, so that the damage of more rows is not known; a larger budget would tell."
    )


@pytest.mark.parametrize("other", [(), (curve(-0.05, 0.0, 0.05),)])
def test_seeds_that_all_give_the_same_damage_are_no_low_risk(other):
    found = judge([curve(None, 0.0, None, n_seeds=3), *other], "NMSE", (), [covered()])
    assert found.level == "cannot say"
    assert "all 3 seeds give exactly the same damage, 0.0 %" in found.reason
    assert gate(found, 0.25).exceeded is None
