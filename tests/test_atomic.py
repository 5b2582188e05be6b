"""Files appear whole or not at all."""

import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from patom import atomic
from patom.atomic import hidden_name, left_behind, require_place, write_atomically, write_together


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


def write_bytes(content=b"new"):
    return lambda file: file.write(content)


@pytest.mark.parametrize("there", [True, False])
def test_a_symbolic_link_stays_one(tmp_path, there):
    shared, link = tmp_path / "shared", tmp_path / "out"
    shared.mkdir()
    if there:
        (shared / "report.json").write_bytes(b"old")
    link.symlink_to("shared/report.json")
    write_atomically(link, write_bytes())
    assert link.is_symlink()
    assert (shared / "report.json").read_bytes() == b"new"
    assert sorted(os.listdir(tmp_path)) == ["out", "shared"]
    assert os.listdir(shared) == ["report.json"]


def test_links_in_a_row_and_in_folders(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "folder").symlink_to("real")
    (tmp_path / "second").symlink_to("folder/file")
    (tmp_path / "first").symlink_to("second")
    write_atomically(tmp_path / "first", write_bytes())
    assert (tmp_path / "real" / "file").read_bytes() == b"new"
    assert all((tmp_path / name).is_symlink() for name in ("folder", "second", "first"))


def test_a_link_to_itself_is_an_error_and_stays(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    with pytest.raises(OSError, match=r"loop"):
        write_atomically(loop / "file", write_bytes())
    assert os.readlink(loop) == "loop"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="has no /dev/full")
def test_devices_are_written_to_and_not_replaced(tmp_path):
    write_atomically(Path("/dev/null"), write_bytes())
    with pytest.raises(OSError, match="No space left"):
        write_atomically(Path("/dev/full"), write_bytes())
    for device in ("/dev/null", "/dev/full"):
        assert stat.S_ISCHR(os.stat(device).st_mode)
    (tmp_path / "link").symlink_to("/dev/null")
    write_atomically(tmp_path / "link", write_bytes())
    assert os.listdir(tmp_path) == ["link"]
    assert stat.S_ISCHR(os.stat(tmp_path / "link").st_mode)


def test_a_pipe_gets_the_whole_and_nothing_of_what_failed(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(ValueError, match="no"):
            write_together({pipe: write_bytes(), tmp_path / "file": fails})
        write_atomically(pipe, write_bytes(b"all of it"))
        assert os.read(reader, 100) == b"all of it"
    finally:
        os.close(reader)
    assert os.listdir(tmp_path) == ["pipe"]


def fails(_):
    raise ValueError("no")


def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("here")
        with pytest.raises(OSError, match="'here' is a socket, not a file to write results to"):
            write_atomically(Path("here"), write_bytes())
    assert stat.S_ISSOCK(os.stat("here").st_mode)


def test_a_disk_is_refused(tmp_path, monkeypatch):
    real = Path.stat
    disk = os.stat_result((stat.S_IFBLK | 0o660, *range(9)))
    monkeypatch.setattr(Path, "stat", lambda path, **known: disk if path.name == "sda" else real(path, **known))
    with pytest.raises(OSError, match="sda' is a disk, not a file"):
        write_atomically(tmp_path / "sda", write_bytes())


def test_links_that_lead_to_each_other_are_refused_and_stay(tmp_path):
    for one, other in ("ab", "ba"):
        (tmp_path / one).symlink_to(other)
    with pytest.raises(OSError, match=r"[Ll]evels of symbolic links"):
        write_atomically(tmp_path / "a", write_bytes())
    assert [os.readlink(tmp_path / name) for name in "ab"] == ["b", "a"]


def test_a_pipe_that_nobody_reads_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "PATIENCE", 0.1)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="pipe' is a pipe that nobody reads; open it for reading first"):
        write_atomically(pipe, write_bytes())


def test_a_pipe_waits_for_its_reader(tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Timer(0.2, lambda: read.append(pipe.read_bytes()))
    reader.start()
    content = b"much" * 100_000  # more than a pipe holds
    write_atomically(pipe, write_bytes(content))
    reader.join()
    assert read == [content]


def hinders(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"old")
    return {
        tmp_path / "folder": IsADirectoryError,
        tmp_path / "none" / "out.json": FileNotFoundError,
        tmp_path / "file" / "out.json": NotADirectoryError,
        tmp_path / ("x" * 300): OSError,
    }


@pytest.mark.parametrize("ask", [require_place, lambda path: write_atomically(path, write_bytes())])
def test_errors_name_the_path_that_was_given(tmp_path, ask):
    for path, kind in hinders(tmp_path).items():
        with pytest.raises(kind) as caught:
            ask(path)
        assert caught.value.filename == str(path)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_a_place_for_a_file_is_left_as_it_was(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    for name in ("file", "new"):
        require_place(tmp_path / name)
    require_place(Path(os.devnull))
    assert os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.parametrize("name", ["x" * 255, "ü" * 127])
def test_a_name_may_be_as_long_as_the_system_takes(tmp_path, name):
    write_atomically(tmp_path / name, write_bytes())
    assert os.listdir(tmp_path) == [name]


def test_hidden_files_of_ours_are_known_from_others(tmp_path):
    ours = [hidden_name(tmp_path / name).name for name in ("report.json", "cells.parquet")]
    others = [
        ".report.json.backup.partial",
        ".report.json.partial",
        "report.json.12ab34cd.partial",
        ".12ab34cd.partial",
    ]
    for name in (*ours, *others):
        (tmp_path / name).touch()
    assert sorted(path.name for path in left_behind(tmp_path)) == sorted(ours)
    assert [path.name for path in left_behind(tmp_path, ["report.json"])] == ours[:1]
