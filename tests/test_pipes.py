"""Pipes are read once and whole; what has no end, or no writer, is refused by its kind."""

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from patom import pipes
from patom.pipes import NotAFileError, pipe_content


@pytest.fixture
def named(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("wait", [0.0, 0.3])
def test_a_named_pipe_is_read_whole(named, wait):
    content = bytes(range(256)) * 2000  # more than a pipe holds at a time

    def write():
        with named.open("wb") as file:
            time.sleep(wait)
            file.write(content[:300_000])
            time.sleep(wait)
            file.write(content[300_000:])

    writer = threading.Thread(target=write)
    writer.start()
    assert pipe_content(named) == content
    writer.join()


def test_a_writer_may_come_late(named):
    writer = threading.Timer(0.3, named.write_bytes, [b"t,y\n"])
    writer.start()
    assert pipe_content(named) == b"t,y\n"
    writer.join()


def test_a_pipe_without_a_name_is_read_whole_though_its_writer_has_gone():
    reader, writer = os.pipe()
    os.write(writer, b"t,x,y\n")
    os.close(writer)
    assert pipe_content(Path(f"/dev/fd/{reader}")) == b"t,x,y\n"
    os.close(reader)


def test_a_pipe_that_nobody_writes_to(named, monkeypatch):
    monkeypatch.setattr(pipes, "PATIENCE", 0.1)
    with pytest.raises(NotAFileError) as caught:
        pipe_content(named)
    assert str(caught.value) == f"'{named}' is an empty pipe that nobody writes to"


def test_devices_folders_sockets_and_terminals(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        main, terminal = os.openpty()
        kinds = {"/dev/zero": "a device", ".": "a folder", "socket": "a socket", os.ttyname(terminal): "a terminal"}
        for path, kind in kinds.items():
            with pytest.raises(NotAFileError) as caught:
                pipe_content(Path(path))
            assert str(caught.value) == f"'{path}' is {kind}"
        os.close(main)
        os.close(terminal)


def test_a_plain_file_and_nothing_are_left_to_others(tmp_path):
    (tmp_path / "a.csv").write_text("t,y\n")
    (tmp_path / "link").symlink_to("a.csv")
    assert [pipe_content(tmp_path / name) for name in ("a.csv", "link", "none")] == [None] * 3
