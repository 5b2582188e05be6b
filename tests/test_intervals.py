"""Means over seeds and Student's intervals."""

import numpy as np
import pytest
from scipy import stats

from patom.intervals import interval, prevented, varied_interval
from patom.results.parts import Interval


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("count", [2, 3, 10])
def test_the_interval_is_students(count, confidence):
    values = np.random.default_rng(count).normal(3.0, 2.0, size=count)
    low, high = stats.t.interval(confidence, count - 1, loc=values.mean(), scale=stats.sem(values))
    expected = pytest.approx({"mean": values.mean(), "low": low, "high": high})
    assert interval(values, confidence).as_dict() == expected


def test_equal_values_leave_no_doubt():
    assert interval([0.25, 0.25, 0.25], 0.95) == Interval.of(0.25, 0.25, 0.25)


@pytest.mark.parametrize("nothing", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_left_out(nothing):
    assert interval([1.0, nothing, 2.0, 4.0], 0.95) == interval([1.0, 2.0, 4.0], 0.95)


def test_one_value_has_a_mean_only_and_none_has_nothing():
    assert interval([2.0], 0.95) == Interval.of(2.0)
    assert interval([2.0, np.nan], 0.95) == Interval.of(2.0)
    assert interval([], 0.95) == Interval.of(None)
    assert interval([np.nan, np.inf], 0.95) == Interval.of(None)


def test_any_iterable_gives_plain_floats():
    found = interval((value for value in (1.0, 2.0)), 0.95)
    assert {type(value) for _, value in found} == {float}


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0])
def test_equal_values_say_nothing_of_how_they_vary(value):
    unknown = Interval.of(value)
    assert varied_interval([value] * 3, 0.95) == unknown
    assert varied_interval([value, np.nan, value], 0.95) == unknown
    assert varied_interval([value, 0.5], 0.95) == interval([value, 0.5], 0.95)


def test_a_damage_that_is_prevented_alike_in_all_seeds_has_no_interval_where_it_must_vary():
    assert prevented([0.0] * 3, [0.2, 0.3, 0.4], 0.95) == Interval.of(1.0, 1.0, 1.0)
    assert prevented([0.0] * 3, [0.2, 0.3, 0.4], 0.95, varied=True) == Interval.of(1.0)
