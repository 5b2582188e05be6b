"""Fetching into the data home: whole and right or not at all, resumed where it was cut off, never twice."""

import gzip
import logging
import os
import socket
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pooch
import pytest
import requests
from data_server import sha256

from patom.datasets import FileState, RemoteFile, Source, data_home, fetch, read_file, require, verify

BODY = np.random.default_rng(0).bytes(300_000)
HALF = 150_000


@pytest.fixture(name="home")
def fixture_home(tmp_path):
    return tmp_path / "home"


def part_of(path):
    return path.with_name(f".{path.name}.part")


def snapshot(home):
    """Everything in the home, with the folders' times: a file made and removed changes these."""
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in [home, *home.rglob("*")]
    }


def refusal(file, home):
    with pytest.raises(OSError, match=file.name) as caught:
        read_file(file, home)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def put(home, file, content):
    path = home / file.name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_a_missing_file_is_fetched_once_and_then_read(server, home):
    file = server.add(BODY)
    seen = []
    assert read_file(file, home, progress=lambda done, total: seen.append((done, total))) == BODY
    assert seen[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len(seen) > 2
    assert require(file, home) == home / file.name
    assert read_file(file, home) == BODY
    assert server.ranges == [None]
    assert not part_of(home / file.name).exists()
    assert (home / file.name).stat().st_mode & 0o044 == (0o044 & ~_umask())  # not for its owner only


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_right_file_is_left_alone_and_the_server_is_not_asked(server, home):
    file = server.add(BODY)
    put(home, file, BODY)
    before = snapshot(home)
    assert read_file(file, home) == BODY
    assert require(file, home) == home / file.name
    assert snapshot(home) == before
    assert server.ranges == []


def test_a_home_that_may_not_be_written_serves_its_right_files(server, home):
    file = server.add(BODY)
    path = put(home, file, BODY)
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        assert read_file(file, home) == BODY
    finally:
        path.parent.chmod(0o700)
    assert server.ranges == []


def test_a_wrong_file_is_replaced_by_a_right_one(server, home):
    file = server.add(BODY)
    path = put(home, file, b"something else")
    assert read_file(file, home) == BODY
    assert path.read_bytes() == BODY


@pytest.mark.parametrize("trouble", ["truncated", "checksum", "status", "refused"])
def test_a_fetch_that_fails_leaves_an_earlier_file_as_it_was(server, home, trouble):
    file = server.add(BODY)
    path = put(home, file, b"something else")
    if trouble == "truncated":
        server.cut_after = HALF
    elif trouble == "checksum":
        server.bodies["/set/file.bin"] = BODY[::-1]
    elif trouble == "status":
        server.status = 500
    else:
        file = RemoteFile(file.name, f"http://127.0.0.1:{closed_port()}/x", file.sha256, file.size)
    refusal(file, home)
    assert path.read_bytes() == b"something else"


@pytest.mark.parametrize("announces", [True, False])
def test_a_truncated_fetch_is_refused_and_the_second_try_asks_for_the_rest_only(server, home, announces):
    file = server.add(BODY)
    server.cut_after, server.announces_length = HALF, announces
    sentence = refusal(file, home)
    assert "cut off" in sentence
    assert "try again to fetch the rest" in sentence
    assert not (home / file.name).exists()
    kept = part_of(home / file.name).read_bytes()
    assert kept == BODY[: len(kept)]
    assert f"{len(kept):,} of 300,000 bytes" in sentence
    assert len(kept) >= HALF - 2 * fetch.BLOCK
    seen = []
    assert read_file(file, home, progress=lambda done, total: seen.append((done, total))) == BODY
    assert server.ranges == [None, f"bytes={len(kept)}-"]
    assert seen[0][0] > len(kept)
    assert seen[-1] == (len(BODY), len(BODY))
    assert not part_of(home / file.name).exists()


def test_a_server_that_knows_no_ranges_sends_all_again(server, home):
    file = server.add(BODY)
    server.cut_after, server.honours_ranges = HALF, False
    refusal(file, home)
    assert read_file(file, home) == BODY
    assert [asked is None for asked in server.ranges] == [True, False]


def test_a_part_that_is_as_long_as_the_file_is_begun_again(server, home):
    file = server.add(BODY)
    part_of(put(home, file, b"wrong")).write_bytes(BODY)
    assert read_file(file, home) == BODY
    assert server.ranges == [f"bytes={len(BODY)}-", None]


def test_a_range_that_begins_elsewhere_is_not_appended(server, home, monkeypatch):
    file = server.add(BODY)
    part_of(put(home, file, b"wrong")).write_bytes(BODY[:HALF])
    get, asked = requests.get, []

    def shifted(url, headers, **rest):
        asked.append(headers.get("Range"))
        if "Range" in headers:
            headers = headers | {"Range": "bytes=100-"}
        return get(url, headers=headers, **rest)

    seen = []
    monkeypatch.setattr(requests, "get", shifted)
    assert read_file(file, home, progress=lambda done, _: seen.append(done)) == BODY
    assert seen[0] == fetch.BLOCK
    assert asked == [f"bytes={HALF}-", None]


def test_a_part_of_another_file_is_dropped_and_the_fetch_begun_again(server, home):
    file = server.add(BODY)
    part_of(put(home, file, b"wrong")).write_bytes(b"x" * HALF)
    assert read_file(file, home) == BODY
    assert server.ranges == [f"bytes={HALF}-", None]


def test_bytes_with_another_checksum_are_refused_and_dropped(server, home):
    file = server.add(BODY, sha256=sha256(b"as published"))
    sentence = refusal(file, home)
    assert "don't have the published sha256" in sentence
    assert sha256(b"as published") in sentence
    assert file.url in sentence
    assert str(home / file.name) in sentence
    assert server.ranges == [None]  # a fetch from the start is not tried again
    assert [path.name for path in (home / "set").iterdir()] == [".file.bin.lock"]


def test_the_host_is_asked_for_bytes_as_they_are(server, home, monkeypatch):
    file, asked, get = server.add(BODY), [], requests.get
    monkeypatch.setattr(requests, "get", lambda url, **rest: asked.append(rest) or get(url, **rest))
    read_file(file, home)
    assert asked[0]["headers"]["Accept-Encoding"] == "identity"
    assert asked[0]["timeout"] == (fetch.CONNECT_SECONDS, fetch.SILENCE_SECONDS)


def test_a_host_that_compresses_all_the_same_is_understood(server, home):
    file, seen = server.add(BODY), []  # random bytes: more of them on the wire than in the file
    server.encodes = True
    assert read_file(file, home, progress=lambda *counts: seen.append(counts)) == BODY
    assert seen[-1] == (len(BODY), len(BODY))


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_refused_connection_is_one_sentence(home, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    file = RemoteFile("set/a.bin", f"http://127.0.0.1:{closed_port()}/a.bin", "0" * 64, 3)
    assert "the connection was refused" in refusal(file, home)


def test_a_host_without_an_address_is_one_sentence(home, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")

    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "name could not be looked up" in refusal(
        RemoteFile("a/b.bin", "http://nowhere.invalid/b", "0" * 64, 3), home
    )


def test_a_silent_server_is_one_sentence(server, home, monkeypatch):
    file, release = server.add(BODY), threading.Event()
    monkeypatch.setattr(fetch, "SILENCE_SECONDS", 0.05)
    server.before_answer = lambda: release.wait(30)
    try:
        assert "cut off or silent" in refusal(file, home)
    finally:
        release.set()


@pytest.mark.parametrize(("status", "words"), [(404, "404 Not Found"), (503, "503 Service Unavailable")])
def test_an_answer_that_is_an_error_is_one_sentence(server, home, status, words):
    file = server.add(BODY)
    server.status = status
    assert f"the server answered {words}" in refusal(file, home)
    assert not part_of(home / file.name).exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(server, home):
    file = server.add(BODY)
    home.write_text("a file where the folder should be")
    assert "can't be" in refusal(file, home)
    assert server.ranges == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_one_sentence(server, home):
    file = server.add(BODY)
    home.mkdir(mode=0o500)
    assert "can't be written: Permission denied; choose another data home" in refusal(file, home)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_one_sentence(server, home):
    file = server.add(BODY)
    path = put(home, file, b"wrong")
    part_of(path).symlink_to("/dev/full")
    assert "the disk is full" in refusal(file, home)
    assert path.read_bytes() == b"wrong"


def test_a_folder_in_the_files_place_is_one_sentence(server, home):
    file = server.add(BODY)
    (home / file.name).mkdir(parents=True)
    with pytest.raises(OSError, match=r"file\.bin can't be read: Is a directory; remove it"):
        read_file(file, home)


def test_two_at_once_fetch_once(server, home, monkeypatch):
    file = server.add(BODY)
    both, waiting = threading.Event(), []

    class Watched(fetch.FileLock):
        def acquire(self, *arguments, **settings):
            waiting.append(1)
            if len(waiting) == 2:
                both.set()
            return super().acquire(*arguments, **settings)

    monkeypatch.setattr(fetch, "FileLock", Watched)
    server.before_answer = lambda: both.wait(30)  # the first is under way until the second wants the lock
    found = []
    threads = [threading.Thread(target=lambda: found.append(read_file(file, home))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert both.is_set()
    assert found == [BODY, BODY]
    assert server.ranges == [None]


def test_a_gzip_file_is_right_by_either_checksum_and_read_unpacked(server, home):
    file = server.add(BODY, "set/file.gz", packed=True)
    again = gzip.compress(BODY, compresslevel=1, mtime=7)
    assert sha256(again) != file.sha256
    path = put(home, file, again)
    assert read_file(file, home) == BODY
    assert path.read_bytes() == again
    assert server.ranges == []
    path.unlink()
    assert read_file(file, home) == BODY
    assert path.read_bytes() == server.bodies["/set/file.gz"]


def test_a_gzip_file_that_holds_far_more_than_the_published_one_is_wrong_before_it_is_unpacked(server, home):
    file = server.add(BODY, "set/file.gz", packed=True)
    bomb = gzip.compress(bytes(2**26), mtime=0)
    put(home, file, bomb)
    tracemalloc.start()
    try:
        assert fetch.file_state(file, home) is FileState.WRONG
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()
    assert len(bomb) < 2**17


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", gzip.compress(b"other", mtime=0), gzip.compress(BODY, mtime=0)[:-9]],
    ids=["empty", "no gzip", "another", "cut off"],
)
def test_a_wrong_gzip_file_is_fetched_again(server, home, content):
    file = server.add(BODY, "set/file.gz", packed=True)
    put(home, file, content)
    assert fetch.file_state(file, home) is FileState.WRONG
    assert read_file(file, home) == BODY


def test_verify_tells_missing_right_and_wrong_and_writes_nothing(server, home):
    files = tuple(server.add(BODY, f"set/{name}") for name in ("missing", "right", "wrong"))
    source = Source("set", "A set", files, "Nobody", "None.")
    put(home, files[1], BODY)
    (home / files[2].name).write_bytes(BODY[:-1])
    before = snapshot(home)
    found = verify(source, home)
    assert {name: state.name.lower() for name, state in found.items()} == {
        f"set/{name}": name for name in ("missing", "right", "wrong")
    }
    assert all(state.value.endswith(".") for state in FileState)
    assert snapshot(home) == before
    assert server.ranges == []


def test_the_home_is_the_argument_else_the_environment_else_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("PATOM_DATA_HOME", str(tmp_path / "named"))
    assert data_home(tmp_path / "given") == tmp_path / "given"
    assert data_home() == tmp_path / "named"
    monkeypatch.setenv("PATOM_DATA_HOME", "")
    assert data_home() == Path(pooch.os_cache("patom"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_home("~/sets") == tmp_path / "sets"
    monkeypatch.chdir(tmp_path)
    assert data_home("sets") == tmp_path / "sets"


def test_pooch_says_nothing_and_stays_as_it_was(server, home, capsys):
    logger, records = pooch.get_logger(), []
    watcher = logging.Handler()
    watcher.emit = records.append
    logger.addHandler(watcher)
    try:
        before = (logger.level, list(logger.handlers), list(logger.filters))
        read_file(server.add(BODY), home)
        refusal(server.add(BODY, "set/other.bin", sha256="0" * 64), home)
        assert (logger.level, list(logger.handlers), list(logger.filters)) == before
        assert records == []
        logger.info("still heard")
        assert len(records) == 1
    finally:
        logger.removeHandler(watcher)
    assert "set/" not in capsys.readouterr().err


def test_importing_the_package_brings_no_transport():
    code = "import sys, patom, patom.cli; print(sorted({'pooch', 'requests', 'scipy', 'sklearn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
