"""Files appear whole or not at all."""

import os
import stat

import pytest

from patom.atomic import write_atomically, write_together


def test_it_writes_and_replaces(tmp_path):
    path = tmp_path / "report.json"
    for content in (b"first, and longer", b"second"):
        write_atomically(path, lambda file, content=content: file.write(content))
        assert path.read_bytes() == content
        assert os.listdir(tmp_path) == ["report.json"]


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "report.json"
    path.write_bytes(b"old")
    seen = []

    def write(file):
        file.write(b"new")
        file.flush()
        seen.append(path.read_bytes())
        seen.append([name.startswith(".report.json.") for name in sorted(os.listdir(tmp_path))])

    write_atomically(path, write)
    assert seen == [b"old", [True, False]]
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [ValueError("no"), OSError("disk full"), KeyboardInterrupt(), SystemExit(1)])
@pytest.mark.parametrize("existing", [True, False])
def test_a_failing_write_leaves_everything_as_it_was(tmp_path, error, existing):
    path = tmp_path / "report.json"
    if existing:
        path.write_bytes(b"old")

    def write(file):
        file.write(b"half")
        raise error

    with pytest.raises(type(error)):
        write_atomically(path, write)
    assert os.listdir(tmp_path) == (["report.json"] if existing else [])
    assert not existing or path.read_bytes() == b"old"


def test_a_rename_that_fails_leaves_no_hidden_file(tmp_path):
    path = tmp_path / "taken"
    path.mkdir()
    with pytest.raises(OSError, match="taken"):
        write_atomically(path, lambda file: file.write(b"new"))
    assert os.listdir(tmp_path) == ["taken"]


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_file_is_as_readable_as_any_other(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "report.json", lambda file: file.write(b"new"))
    finally:
        after = os.umask(before)
    assert stat.S_IMODE((tmp_path / "report.json").stat().st_mode) == mode
    assert after == mask


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        write_atomically(tmp_path / "nowhere" / "report.json", lambda file: file.write(b"new"))


def test_files_written_together_are_replaced_when_all_are_whole(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"old")
    seen = []

    def write(file):
        seen.append((one.read_bytes(), two.exists()))
        file.write(b"2")

    write_together({one: lambda file: file.write(b"1"), two: write})
    assert seen == [(b"old", False)]
    assert (one.read_bytes(), two.read_bytes()) == (b"1", b"2")
    assert sorted(os.listdir(tmp_path)) == ["one", "two"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_one_failing_write_leaves_all_files_as_they_were(tmp_path, error):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"old")

    def fail(file):
        file.write(b"half")
        raise error

    with pytest.raises(type(error)):
        write_together({one: lambda file: file.write(b"1"), two: fail})
    assert one.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["one"]


def test_a_rename_that_fails_midway_leaves_no_hidden_file(tmp_path):
    (tmp_path / "two").mkdir()
    with pytest.raises(OSError, match="two"):
        write_together({tmp_path / name: lambda file: file.write(b"new") for name in ("one", "two", "three")})
    assert set(os.listdir(tmp_path)) <= {"one", "two", "three"}
