"""Dataclasses as notes and arrays and back, through JSON."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patom.core.regions import Ball, Box, Columns, Fixed, Intersection, Slab
from patom.core.stored import describe, known, restore


@dataclass(frozen=True)
class Pair:
    first: object
    second: object = None


KINDS = known([Pair, Ball, Box, Columns, Fixed, Intersection, Slab])


def there_and_back(value):
    arrays = {}
    notes = json.loads(json.dumps(describe(value, arrays, KINDS)))
    return restore(notes, arrays, KINDS), arrays


def alike(one, other):
    """Equal, of one type, down to the parts: 1, 1.0 and True differ, and NaN is NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, Pair):
        return alike((one.first, one.second), (other.first, other.second))
    return one == other or one != one  # noqa: PLR0124


PLAIN = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text()
ARRAYS = st.lists(st.floats(width=64), max_size=3).map(np.array)
VALUES = st.recursive(
    PLAIN | ARRAYS,
    lambda parts: st.lists(parts, max_size=3).map(tuple) | st.builds(Pair, parts, parts),
    max_leaves=12,
)


@settings(deadline=None, derandomize=True)
@given(VALUES)
def test_values_come_back_as_they_were(value):
    assert alike(there_and_back(value)[0], value)


REGIONS = (
    Ball(2.0, [1.0, -0.0]),
    Box([0.0, -np.inf], [np.inf, 1.0]),
    Box(-1.0, 1.0),
    Intersection(Ball(), Intersection(Fixed([1, 0], [0.5, 0.1]), Slab([1.0, 2.0], 0.5))),
    Columns([0], [[1, 2], [3]], unit=0.5, origin=[1.0, 2.0, 3.0, 4.0]),
)


@pytest.mark.parametrize("region", REGIONS, ids=[type(region).__name__ for region in REGIONS])
def test_regions_come_back_equal(region):
    back, _ = there_and_back(Pair((region, region), region))
    assert back == Pair((region, region), region)


def test_every_array_has_a_name_of_its_own():
    first, second = np.arange(3.0), np.arange(2)
    (back_first, (back_second, _)), arrays = there_and_back((first, (second, first)))
    assert len(arrays) == 3
    np.testing.assert_array_equal(back_first, first)
    np.testing.assert_array_equal(back_second, second)
    assert describe(first, arrays, KINDS) == {"array": "array_3"}


def test_other_arrays_in_the_file_are_left_alone():
    arrays = {"X": np.zeros(1), "array": np.ones(1)}
    describe((np.arange(2), np.arange(3)), arrays, KINDS)
    assert sorted(arrays) == ["X", "array", "array_0", "array_1"]
    assert arrays["X"].size == 1


@pytest.mark.parametrize("number", [np.float64(0.1), np.float32(0.1), np.int8(-3), np.bool_(True), np.str_("ü")])
def test_numpys_numbers_are_plain_ones(number):
    back, _ = there_and_back(number)
    assert type(back) is type(number.item())
    assert back == number


class Special(Pair):
    pass


@pytest.mark.parametrize("value", [[1], {"a": 1}, {1}, b"x", 1j, object(), Special(1), Pair, (1, (Pair(Special(2)),))])
def test_anything_else_is_refused_by_its_types_name(value):
    with pytest.raises(TypeError) as caught:
        describe(value, {}, KINDS)
    while isinstance(value, tuple | Pair) and type(value) is not Special:
        value = value[-1] if isinstance(value, tuple) else value.first
    assert str(caught.value) == type(value).__name__
