"""Dataclasses as notes and arrays and back, through JSON; archives, whose sizes are checked before memory is spent."""

import io
import json
import struct
import tracemalloc
import zipfile
import zlib
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patom.core.regions import Ball, Box, Columns, Fixed, Intersection, Slab
from patom.core.serialise import (
    DEPTH,
    LABELS,
    RATIO,
    SPARE,
    Archive,
    Layout,
    describe,
    known,
    mentioned,
    packed,
    restore,
)


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


def nested(depth):
    return (nested(depth - 1),) if depth else 1


def test_what_lies_too_deep_is_refused_on_either_way():
    assert there_and_back(nested(DEPTH))[0] == nested(DEPTH)
    with pytest.raises(TypeError, match=f"^tuple within {DEPTH} others$"):
        describe(nested(DEPTH + 1), {}, KINDS)
    with pytest.raises(ValueError, match=r"^its notes are nested too deeply$"):
        restore({"tuple": [describe(nested(DEPTH), {}, KINDS)]}, {}, KINDS)


def test_arrays_that_are_mentioned_are_listed_as_often_as_they_are():
    first = np.arange(2.0)
    notes = describe(Pair((first, 1), Pair(first)), {}, KINDS)
    assert list(mentioned(notes)) == ["array_0", "array_1"]
    assert list(mentioned({"tuple": [{"array": "a"}, {"array": "a"}]})) == ["a", "a"]


BAD_NOTES = {
    "a list": ([1], "a list with no name"),
    "a list in a tuple": ({"tuple": [[1]]}, "a list with no name"),
    "a tuple of no list": ({"tuple": {"tuple": []}}, "a tuple that is no list"),
    "a tuple and more": ({"tuple": [], "array": "a"}, "a class that is unknown"),
    "an array of no name": ({"array": 1}, "an array that it lacks"),
    "an array of a list": ({"array": ["a"]}, "an array that it lacks"),
    "an array that is not there": ({"array": "b"}, "an array that it lacks"),
    "no class": ({}, "a class that is unknown"),
    "a class of a list": ({"name": ["Ball"]}, "a class that is unknown"),
    "an unknown class": ({"name": "Path"}, "a class that is unknown"),
    "an unknown field": ({"name": "Ball", "radios": 1.0}, "give Ball a field that it lacks, 'radios'"),
    "a missing field": ({"name": "Pair"}, "describe no Pair: "),
    "a refused value": ({"name": "Ball", "radius": -1.0}, "describe no Ball: radius of Ball must be a positive"),
    "a number past floats": ({"name": "Box", "lower": 10**400, "upper": 1}, "describe no Box: "),
    "a number as text": ({"name": "Ball", "centre": "1.5"}, "describe no Ball: centre is '1.5'"),
    "a number as a truth": ({"name": "Ball", "centre": True}, "describe no Ball: centre is True"),
    "no parts": ({"name": "Intersection"}, "describe no Intersection: Intersection must have at least one"),
    "parts of another kind": ({"name": "Intersection", "regions": 3}, "describe no Intersection: "),
}


@pytest.mark.parametrize("name", BAD_NOTES)
def test_notes_that_describe_does_not_write_are_one_error(name):
    notes, reason = BAD_NOTES[name]
    with pytest.raises(ValueError, match=r"^its notes ") as caught:
        restore(notes, {"a": np.zeros(2)}, KINDS)
    assert reason in str(caught.value)


def test_a_field_of_later_times_has_its_default():
    assert restore({"name": "Ball", "radius": 2.0}, {}, KINDS) == Ball(2.0)


def test_columns_far_out_cost_no_memory():
    assert Columns([10**15]).integer == (10**15,)


FLOATS = Layout(np.dtype(float), (1, 2))
PAIRS = np.dtype([("a", "i8"), ("b", "?")])


def through(array, layout):
    return Archive(packed({"X": array}), {"X": layout}).read()["X"]


@pytest.mark.parametrize(
    ("array", "layout"),
    [
        (np.arange(6.0).reshape(2, 3), FLOATS),
        (np.asfortranarray(np.arange(6.0).reshape(2, 3)), FLOATS),
        (np.arange(6.0)[::-2], FLOATS),
        (np.array([1, 2], np.int8), Layout(LABELS, (1,))),
        (np.array([2**64 - 1], np.uint64), Layout(LABELS, (1,))),
        (np.array([True, False]), Layout(LABELS, (1,))),
        (np.array(["", "ü\U0010ffff"]), Layout(LABELS, (1,))),
        (np.array("notes"), Layout("U", (0,))),
        (np.array([(1, True), (2, False)], PAIRS), Layout(PAIRS, (1,))),
    ],
)
def test_arrays_come_back_as_they_were(array, layout):
    found = through(array, layout)
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()
    assert found.flags.writeable


def test_members_are_known_before_they_are_read():
    archive = Archive(packed({"X": np.zeros((2, 3)), "Y_12": np.zeros(2)}), {"X": FLOATS, "Y_*": FLOATS})
    assert [(name, member.shape) for name, member in archive.members.items()] == [("X", (2, 3)), ("Y_12", (2,))]
    with pytest.raises(ValueError, match=r"^its member 'Y_12' is unknown$"):
        Archive(packed({"X": np.zeros((2, 3)), "Y_12": np.zeros(2)}), {"X": FLOATS, "Y_1": FLOATS})


def long_member(megabytes):
    """An archive of an X that says that it is a megabyte long, in the directory and in its header, and is longer."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({2**17},), }}".ljust(117) + "\n"
    header = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.npy", header + bytes(megabytes * 2**20))
    content, size = file.getvalue(), len(header)
    for true, told in [
        (megabytes * 2**20 + size, 2**20 + size),
        (zlib.crc32(header + bytes(megabytes * 2**20)), zlib.crc32(header + bytes(2**20))),
    ]:
        assert content.count(struct.pack("<I", true)) == 2
        content = content.replace(struct.pack("<I", true), struct.pack("<I", told))
    return content


def test_no_more_is_inflated_than_the_directory_says():
    content = long_member(64)
    assert len(content) < 2**17
    tracemalloc.start()
    try:
        assert not Archive(content, {"X": FLOATS}).read()["X"].any()
        assert tracemalloc.get_traced_memory()[1] < 2**23
    finally:
        tracemalloc.stop()


def test_arrays_beyond_all_proportion_are_refused_unless_they_lie_there_uncompressed():
    array = np.zeros(SPARE // 4)
    file = io.BytesIO()
    np.savez_compressed(file, X=array)
    assert len(file.getvalue()) * RATIO + SPARE < array.nbytes
    with pytest.raises(ValueError, match="would hold 33,554,560 bytes in a file of"):
        Archive(file.getvalue(), {"X": FLOATS})
    assert through(array, FLOATS).tobytes() == array.tobytes()


def test_a_checksum_that_is_wrong_is_damage():
    content = packed({"X": np.arange(1000.0)})
    place = content.index(b"PK\x01\x02") + 16
    changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    with pytest.raises(ValueError, match=r"^its member X is damaged or cut short$"):
        Archive(changed, {"X": FLOATS}).read()


def test_objects_are_not_saved():
    with pytest.raises(TypeError, match=r"^X holds objects, which cannot be saved without pickle\.$"):
        packed({"X": np.array([None])})
