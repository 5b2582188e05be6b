"""A cell that was kept is taken up as it was, or computed again."""

import json
import shutil

import pytest

from patom.paper.cells import canonical
from patom.paper.compute import compute
from patom.paper.run import RunFolder
from patom.plain_json import finite

STAMP = {"patom": "0.3.0", "files": {"a.mat": "00"}}


@pytest.fixture(name="record", scope="module")
def fixture_record(cell):
    return finite(compute(cell())[0])


@pytest.fixture(name="folder")
def fixture_folder(tmp_path):
    with RunFolder(tmp_path) as folder:
        yield folder


@pytest.fixture(name="kept")
def fixture_kept(folder, cell, record):
    """Keep the cell, and give the path of its file and what it holds."""
    folder.keep(cell(), STAMP, record, 0.5, "abc")
    path = folder.path / "cells" / f"{cell().key}.json"
    return path, json.loads(path.read_text())


def sign(cell, changed):
    """The sum that patom itself would write, as somebody would who means to deceive."""
    from patom.paper.run import _digest

    rest = {name: value for name, value in changed.items() if name != "sha256"}
    return rest | {"sha256": _digest(cell, rest)}


def test_what_was_kept_is_taken_up(folder, cell, record, kept):
    assert kept[1]["record"] == record
    found = folder.kept(cell(), STAMP)
    assert {name: found[name] for name in ("record", "seconds", "commit")} == {
        "record": record, "seconds": 0.5, "commit": "abc",
    }  # fmt: skip


def test_but_not_of_another_version_or_other_data(folder, cell, kept):
    assert kept[0].exists()
    assert folder.kept(cell(), STAMP | {"patom": "0.2.0"}) is None
    assert folder.kept(cell(), STAMP | {"files": {"a.mat": "01"}}) is None


def test_nor_one_that_failed(folder, cell):
    folder.keep(cell(), STAMP, {"error": "ValueError: no."}, 0.5, None)
    assert folder.kept(cell(), STAMP) is None


def test_nor_another_cells_file(folder, cell, kept):
    other = cell(seed=1)
    shutil.copy(kept[0], kept[0].with_name(f"{other.key}.json"))
    assert folder.kept(other, STAMP) is None


def test_nor_one_with_a_digit_that_changed(folder, cell, kept, record):
    path, text, lost = kept[0], kept[0].read_text(), 0
    places = [k for k, letter in enumerate(text) if letter.isdigit()]
    for place in places:
        path.write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :])
        found = folder.kept(cell(), STAMP)
        assert found is None or found["record"] == record  # a digit beyond a float's own
        lost += found is None
    assert lost > 0.9 * len(places)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b"3", b"null", b"[" * 100_000, b'{"record": NaN}', b'{"record": {}, "record": {}}'],
)
def test_nor_what_is_no_cells_file(folder, cell, kept, content):
    kept[0].write_bytes(content)
    assert folder.kept(cell(), STAMP) is None


CHANGES = {
    "no record": lambda whole: whole.pop("record"),
    "a list": lambda whole: whole.update(record=[]),
    "a column more": lambda whole: whole["record"].update(more=1),
    "a column less": lambda whole: whole["record"].pop("utility"),
    "another type": lambda whole: whole["record"].update(damage="much"),
    "a list for a number": lambda whole: whole["record"].update(gap=[1.0]),
    "a number past floats": lambda whole: whole["record"].update(gap=10**400),
    "another attack": lambda whole: whole["record"].update(kind="direct"),
    "seconds": lambda whole: whole.update(seconds="0.5"),
    "a commit": lambda whole: whole.update(commit=3),
    "a stamp": lambda whole: whole.update(stamp=None),
}


@pytest.mark.parametrize("name", CHANGES)
def test_nor_one_that_could_not_be_written_into_the_table(folder, cell, kept, name):
    path, whole = kept
    CHANGES[name](whole)
    path.write_text(canonical(sign(cell(), whole)))
    assert folder.kept(cell(), STAMP) is None


def test_a_folder_in_a_cells_place_is_one_sentence(folder, cell, kept):
    kept[0].unlink()
    kept[0].mkdir()
    with pytest.raises(OSError, match=r"^The finished cell .*\.json cannot be read: "):
        folder.kept(cell(), STAMP)
