"""Levels and gates say what the intervals carry, and nothing more."""

import pytest

from patom.audit.levels import gate, judge

SURE = {"mean": 0.4, "low": 0.3, "high": 0.5}


def curve(low, mean, high, clean=SURE):
    return {"damage": {"mean": mean, "low": low, "high": high}, "clean": clean}


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
        ([curve(0.3, 0.4, 0.5)], "By the intervals over seeds the worst damage is at least 30 %."),
        ([curve(0.12, 0.15, 0.2)], "By the intervals over seeds the worst damage is at least 12 % and at most 20 %."),
        ([curve(0.12, 0.2, 0.31)], "By the intervals over seeds the worst damage is at least 12 %, and may be 31 %."),
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
    found = judge([curve(0.3, 0.4, 0.5, {"mean": mean, "low": low, "high": high})], metric, by_seed)
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
            [curve(0.01, 0.02, 0.03, {"mean": 2.58, "low": 2.0, "high": 3.0})],
            None,
            "no better than predicting the mean",
        ),
        ([curve(0.9, 1.9, 2.9, {"mean": 2.58, "low": 2.0, "high": 3.0})], None, "no better than predicting the mean"),
        ([curve(None, 0.9, None)], None, "A single draw has no interval"),
        ([curve(None, 0.0, None)], None, "A single draw has no interval"),
        ([], None, "allow no measure"),
    ],
)
def test_a_threshold_is_exceeded_or_kept_only_where_the_intervals_say_so(curves, exceeded, reason):
    found = gate(vars(judge(curves, "NMSE")), 0.25)
    assert (found["threshold"], found["exceeded"]) == (0.25, exceeded)
    assert reason in found["reason"]
