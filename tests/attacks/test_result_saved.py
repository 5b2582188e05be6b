"""What a stranger's file can do to ``AttackResult.load``: give a sound result, or one sentence."""

import json
import os
import random
import struct
import threading
import tracemalloc
import zipfile

import numpy as np
import pytest
from made_result import alike, first_format, made, of_region, zipped

from patom import AttackResult, Ball


def test_what_was_saved_is_loaded(saved, load):
    assert alike(load(saved), made())


def test_archives_of_version_0_2_0_are_loaded(load):
    assert alike(load(zipped(first_format(made()))), made())


def test_and_so_are_those_that_it_wrote_by_an_older_numpy(load, tmp_path):
    """Which saved the argument ``allow_pickle`` as an array."""
    path = tmp_path / "older.npz"
    path.write_bytes(zipped(first_format(made())))
    with zipfile.ZipFile(path, "a") as archive, archive.open("allow_pickle.npy", "w") as member:
        np.lib.format.write_array(member, np.array(False))
    assert alike(load(path.read_bytes()), made())


def test_uncompressed_and_foreign_orders_of_bytes_are_loaded(arrays, load):
    kept = arrays[0] | {"notes": np.array(json.dumps(arrays[1]))}
    assert alike(load(zipped(kept, np.savez)), made())
    swapped = {name: array.astype(array.dtype.newbyteorder("S")) for name, array in kept.items()}
    assert alike(load(zipped(swapped)), made())
    assert load(zipped(kept | {"X": np.asfortranarray(kept["X"])})).X.tolist() == made().X.tolist()


def test_a_later_format_is_named(fault):
    assert fault(format=np.array(3)) == "it is of format 3, and this version of patom reads 1 to 2."
    assert fault(format=np.array(0)).startswith("it is of format 0")


def test_every_cut_is_refused(saved, load):
    for n in [*range(0, len(saved), 97), *range(len(saved) - 25, len(saved))]:
        assert isinstance(load(saved[:n]), str)


def test_bits_that_flip_change_nothing_or_are_refused(saved, load):
    rng, whole = random.Random(0), made()
    directory = saved.index(b"PK\x01\x02")
    places = [*rng.sample(range(directory), 150), *rng.sample(range(directory, len(saved)), 150)]
    refused = 0
    for place in places:
        changed = bytearray(saved)
        changed[place] ^= 1 << rng.randrange(8)
        found = load(bytes(changed))
        assert isinstance(found, str) or alike(found, whole)
        refused += isinstance(found, str)
    assert refused > 200


def test_bytes_in_a_row_that_change_are_refused(saved, load):
    rng, whole = random.Random(1), made()
    for _ in range(150):
        start = rng.randrange(len(saved))
        changed = saved[:start] + rng.randbytes(rng.randrange(1, 40)) + saved[start + rng.randrange(0, 40) :]
        found = load(changed)
        assert isinstance(found, str) or alike(found, whole)


NAMES = ("X", "y", "task", "history", "start_utilities", "targets", "attackers", "tasks", "task_losses", "notes")


@pytest.mark.parametrize("name", NAMES)
def test_every_member_is_needed_and_by_its_name(arrays, fault, load, name):
    assert fault(**{name: None}) == f"it lacks {name}."
    kept = arrays[0] | {"notes": np.array(json.dumps(arrays[1]))}
    assert load(zipped(kept | {f"{name}_": kept[name]})) == f"its member '{name}_' is unknown."
    kept["Q"] = kept.pop(name)
    assert load(zipped(kept)) == "its member 'Q' is unknown."


def test_a_member_that_is_there_twice_is_refused(arrays, load, tmp_path):
    path = tmp_path / "twice.npz"
    path.write_bytes(zipped(arrays[0] | {"notes": np.array(json.dumps(arrays[1]))}))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("X.npy", archive.read("X.npy"))
    assert load(path.read_bytes()) == "its member 'X' is there twice."


WRONG = {
    "single precision": ({"X": np.zeros((4, 2), np.float32)}, "member X must be 2-dimensional, of float64"),
    "complex": ({"X": np.zeros((4, 2), complex)}, "member X must be 2-dimensional, of float64"),
    "text": ({"X": np.full((4, 2), "0.5")}, "member X must be 2-dimensional, of float64"),
    "flat": ({"X": np.zeros(4)}, "X must be 2-dimensional, of float64; it is 1-dimensional"),
    "short": ({"X": np.zeros((3, 2))}, "its X and y have 3 and 4 rows"),
    "short task": ({"task": np.array(["b"])}, "its X and task have 4 and 1 rows"),
    "empty": ({"X": np.zeros((0, 2)), "y": np.zeros(0)}, "member X is no array that numpy wrote"),
    "wide": ({"X": np.zeros((4, 3))}, "Ball is a region of 2 features, but the rows have 3"),
    "bytes": ({"task": np.array([b"b"] * 4)}, "member task must be 1-dimensional, of numbers, text or truth"),
    "dates": ({"y": np.zeros(4, "M8[s]")}, "member y must be 1-dimensional"),
    "records": ({"y": np.zeros(4, [("a", "f8")])}, "member y must be 1-dimensional"),
    "float history": ({"history": np.zeros((2, 5))}, "member history must be 1-dimensional, of records of iteration"),
    "other history": ({"history": np.zeros(2, [("iteration", "i8")])}, "member history must be 1-dimensional"),
    "no notes": ({"notes": np.array(["{}"])}, "member notes must be 0-dimensional, of text"),
    "more losses": ({"task_losses": made().task_losses[:3]}, "its tasks and task_losses have 4 and 3 rows"),
    "an array more": ({"array_4": np.zeros(2)}, "its arrays are not those of its notes"),
    "an array less": ({"array_3": None}, "its notes name an array that it lacks"),
    "an integer array": ({"array_0": np.array([1, 0])}, "member array_0 must be 1 or 2-dimensional, of float64"),
    "a cube": ({"array_0": np.zeros((1, 1, 1))}, "member array_0 must be 1 or 2-dimensional"),
    "another number": ({"array_00": np.zeros(2)}, "member 'array_00' is unknown"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_arrays_of_other_types_and_shapes_are_refused(fault, name):
    changes, reason = WRONG[name]
    assert reason in fault(**changes)


def test_objects_are_refused_and_never_unpickled(arrays, load, tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    objects = np.empty(4, object)
    objects[:] = Trap()
    kept = arrays[0] | {"notes": np.array(json.dumps(arrays[1])), "y": objects}
    assert "its member y must be 1-dimensional" in load(zipped(kept))
    assert not (tmp_path / "sprung").exists()


def nested(depth):
    return {"tuple": [nested(depth - 1)]} if depth else 1


NOTES = {
    "another key": (lambda notes: notes.update(more=1), "its notes must hold attack, budget"),
    "a key less": (lambda notes: notes.pop("cost"), "its notes must hold attack, budget"),
    "a status": (lambda notes: notes.update(status="FINE"), "its status must be one of COMPLETED"),
    "a status of no name": (lambda notes: notes.update(status=["COMPLETED"]), "its status must be one of"),
    "a budget": (lambda notes: notes.update(budget="0.5"), "budget of ThreatModel must be a finite number above 0"),
    "a budget past floats": (lambda notes: notes.update(budget=10**400), "its threat model is none"),
    "a utility": (lambda notes: notes.update(utility="1.5"), "its utility is no number"),
    "a utility of NaN": (lambda notes: notes.update(utility=float("nan")), "its utility holds NaN"),
    "a cost": (lambda notes: notes["cost"].update(solves=-1), "its cost must be counts"),
    "a cost in parts": (lambda notes: notes["cost"].update(solves=1.5), "its cost must be counts"),
    "an attack": (lambda notes: notes.update(attack=["PATOM"]), "its attack has no name"),
    "deep settings": (lambda notes: notes["attack"].update(a=nested(70)), "settings of its attack are nested too"),
    "a part": (lambda notes: notes["threat"].update(model=1), "its notes on the threat must be of region"),
    "a part in depth": (lambda notes: notes["threat"].update(region=nested(70)), "its notes are nested too deeply"),
    "a class": (lambda notes: notes["threat"]["region"].update(name="os.system"), "a class that is unknown"),
    "a field": (lambda notes: notes["threat"]["objective"].update(a=1), "give Availability a field that it lacks"),
    "a list": (lambda notes: notes["threat"].update(region=[1]), "its notes hold a list with no name"),
    "no array": (lambda notes: notes["threat"]["objective"].update(X={"array": "X"}), "name an array that it lacks"),
    "an array twice": (
        lambda notes: notes["threat"]["objective"].update(X={"array": "array_3"}), "arrays are not those of its notes"),
    "a number as text": (
        lambda notes: notes["threat"]["region"]["regions"]["tuple"][1]["tuple"][1].update(centre="0.0"),
        "its notes describe no Ball: centre is '0.0'"),
    "a column past memory": (
        lambda notes: notes["threat"].update(columns={"name": "Columns", "integer": {"tuple": [10**15]}}),
        "integer and one_hot must name columns from 0 to 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", NOTES)
def test_notes_that_save_does_not_write_are_refused(fault, name):
    change, reason = NOTES[name]
    assert reason in fault(change)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is no JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"budget": ' + "9" * 5_000 + "}", "4300 digits"),
        ("[]", "its notes must hold attack, budget"),
        ('{"attack": 1, "attack": 2}', "the key 'attack' is there twice"),
    ],
)
def test_notes_that_are_no_notes_are_refused(fault, text, reason):
    assert reason in fault(notes=np.array(text))


def test_characters_and_truth_values_that_are_none_are_refused(fault):
    beyond = np.array([0x110000] * 4, np.uint32).view("U1")
    assert fault(task=beyond) == "its member task holds characters that are none."
    assert fault(y=np.array([0, 1, 2, 3], np.uint8).view(bool)).startswith("its member y holds truth values")
    losses = np.asarray(made().task_losses.copy())
    losses["target"].view(np.uint8)[0] = 7
    assert fault(task_losses=losses).startswith("its member task_losses holds truth values")


def header(text, size):
    padded = text.encode() + b" " * (63 - (10 + len(text)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded + b"\0" * size


@pytest.mark.parametrize(
    "text",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (4, 1000000000000), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (4, -2), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999999999, 999999999999999999), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (4, 2, 99999999999999999999999999), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (4, 2), }",
        "{'descr': '<f8', 'fortran_order': 'a', 'shape': (4, 2), }",
        "{'descr': [('a', '<f8', (10000,))], 'fortran_order': False, 'shape': (4, 2), }",
        "[" * 3000,
        "-" * 3000 + "1",
        "__import__('os').system('false')",
    ],
)
def test_headers_that_numpy_does_not_write_are_refused(load, tmp_path, text):
    path = tmp_path / "headed.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", header(text, 64))
    assert load(path.read_bytes()).startswith("its member X ")


@pytest.mark.parametrize("name", ["Z.npy", "X.npy"])
def test_a_bomb_is_refused_before_it_takes_memory(load, tmp_path, name):
    """64 MB of zeros in 64 KB: as a member of no name, and as X."""
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as member:
        member.write(header(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({2**17}, 64), }}", 0))
        for _ in range(64):
            member.write(bytes(2**20))
    content = path.read_bytes()
    assert len(content) < 2**17
    tracemalloc.start()
    try:
        assert load(content).startswith("it would hold 67,108,992 bytes in a file of")
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


def test_an_honest_result_of_zeros_is_saved_so_that_it_can_be_loaded(load, tmp_path):
    n, d = 1000, 4000
    result = of_region(Ball(), X=np.zeros((n, d)), y=np.zeros(n), task=np.repeat("b", n))
    result.save(tmp_path / "zeros.npz")
    content = (tmp_path / "zeros.npz").read_bytes()
    assert alike(load(content), result)
    assert len(content) > n * d * 8


def test_encrypted_and_oddly_packed_members_are_refused(saved, load, tmp_path):
    for offset, change in ((6, 1), (8, 99), (8, 12)):  # flags, method
        content = bytearray(saved)
        place = content.index(b"PK\x01\x02")
        content[place + offset + 2] = change
        assert isinstance(load(bytes(content)), str)
    path = tmp_path / "packed.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("X.npy", b"")
    assert load(path.read_bytes()) == "its member 'X' is encrypted, or packed as numpy packs none."


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"PK\x05\x06" + b"\0" * 18, b"\x93NUMPY\x01\x00", b"PAR1", b"\x80\x04K\x01.", b"{}" * 999]
)
def test_other_files_are_refused(load, content):
    assert isinstance(load(content), str)


def test_a_zip_of_other_things_is_refused(load, tmp_path):
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("report\x1b[31m.html", "<html>")
    assert load(path.read_bytes()) == r"its member 'report\x1b[31m.html' is no array."


def test_what_cannot_be_read_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        AttackResult.load(tmp_path / "absent.npz")
    with pytest.raises(OSError, match="directory"):
        AttackResult.load(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    found = []

    def load():
        with pytest.raises(ValueError, match="it is no regular file") as caught:
            AttackResult.load(tmp_path / "pipe")
        found.append(caught)

    waiting = threading.Thread(target=load, daemon=True)
    waiting.start()
    waiting.join(10.0)
    assert found
