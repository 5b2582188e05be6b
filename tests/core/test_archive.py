"""NumPy archives: what is written comes back, and sizes that are not true are found before they cost anything."""

import io
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest

from patom.core.serialise import LABELS, RATIO, SPARE, Archive, Layout, packed

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
