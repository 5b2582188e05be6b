"""An output folder's lock says who holds it, and nothing where that cannot be known."""

import os
import platform
import re
import subprocess
import sys

import pytest
from filelock import FileLock

from patom.folder import LOCK, OutputFolder

HOLD = """
import sys
from patom.folder import OutputFolder
with OutputFolder(sys.argv[1], sys.argv[2], ["a.json"]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(name="hold")
def fixture_hold(tmp_path):
    """Hold the folder in another process, for some kind of work."""
    processes = []

    def hold(work):
        command = [sys.executable, "-c", HOLD, str(tmp_path), work]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in processes:
        process.communicate()


def refusal(path, work):
    with pytest.raises(OSError, match="is writing to") as caught, OutputFolder(path, work, ["a.json"]):
        pass
    return str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="what is locked cannot be read there")
@pytest.mark.parametrize(
    ("holder", "other", "who"),
    [
        ("run", "report", "A run"),
        ("audit", "report", "An audit"),
        ("run", "run", "Another run"),
        ("report", "run", "A report"),
    ],
)
def test_the_one_who_holds_it_is_named(hold, tmp_path, holder, other, who):
    process = hold(holder)
    rest = f"is writing to {tmp_path}; wait for it or choose another folder"
    named = f"{who} {rest} (it is process {process.pid})."
    assert refusal(tmp_path, other) == named
    # Trying empties the file in versions of filelock below 4: the next one knows no more than that it is held.
    assert refusal(tmp_path, other) in (named, f"Another process {rest}.")


@pytest.mark.parametrize(
    "words", ["", "4711\n", "run 0 host\n", "run 4711\n", "\x1b[31mrun 1 x\n", "run 1 a b\n", "x" * 999]
)
def test_who_cannot_be_known_is_not_named(tmp_path, words):
    with FileLock(tmp_path / LOCK):
        (tmp_path / LOCK).write_text(words)
        said = refusal(tmp_path, "report")
    assert said == f"Another process is writing to {tmp_path}; wait for it or choose another folder."


def test_nor_is_one_who_is_gone(hold, tmp_path):
    process = hold("run")
    process.kill()
    process.wait()
    words = (tmp_path / LOCK).read_text()
    assert re.fullmatch(rf"run {process.pid} \S+\n", words)
    with FileLock(tmp_path / LOCK):
        (tmp_path / LOCK).write_text(words)
        assert refusal(tmp_path, "run").startswith("Another process is writing to")
    with OutputFolder(tmp_path, "audit", ["a.json"]):
        assert (tmp_path / LOCK).read_text() == f"audit {os.getpid()} {platform.node()}\n"
    assert os.listdir(tmp_path) == []


def test_another_machines_process_is_named_with_the_machine(tmp_path):
    with FileLock(tmp_path / LOCK):
        (tmp_path / LOCK).write_text("run 4711 elsewhere.example\n")
        assert refusal(tmp_path, "report").endswith("another folder (it is process 4711 on elsewhere.example).")


def test_words_of_others_in_the_lock_stay(tmp_path):
    (tmp_path / LOCK).write_text("somebody's")
    with FileLock(tmp_path / LOCK):
        if (tmp_path / LOCK).read_text() == "":
            pytest.skip("this version of filelock empties what it locks")
    with OutputFolder(tmp_path, "run", ["a.json"]):
        assert (tmp_path / LOCK).read_text() == "somebody's"


def test_a_lock_that_is_a_link_or_a_folder_is_named_and_the_others_file_stays(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("kept")
    for name, make in [("link", lambda lock: lock.symlink_to(precious)), ("folder", lambda lock: lock.mkdir())]:
        folder = tmp_path / name
        folder.mkdir()
        make(folder / LOCK)
        with (
            pytest.raises(OSError, match=rf"{LOCK} in it is a {name}.*; remove it\.$"),
            OutputFolder(folder, "run", []),
        ):
            pass
        assert os.listdir(folder) == [LOCK]
    assert precious.read_text() == "kept"
