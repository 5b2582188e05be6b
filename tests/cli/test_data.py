"""``patom data``: what is listed, fetched and checked, with which status and in which words."""

import os
import signal
from contextlib import contextmanager
from types import MappingProxyType

import numpy as np
import pytest
from command_line import one_line
from data_server import serving

from patom import datasets
from patom.cli import data as commands
from patom.datasets import Source

BODY = np.random.default_rng(0).bytes(300_000)


@pytest.fixture(name="server")
def fixture_server(monkeypatch):
    """A server with two sets, "one" of a file and "two" of two."""
    monkeypatch.setenv("NO_PROXY", "*")
    with serving() as server:
        files = {name: server.add(BODY + name.encode(), name) for name in ("one/a.bin", "two/b.bin", "two/c.bin")}
        sets = (
            Source("one", "The first set", (files["one/a.bin"],), "Somebody (1999)", "Do as you like."),
            Source("two", "The second set", (files["two/b.bin"], files["two/c.bin"]), "Else", "None are stated."),
        )
        monkeypatch.setattr(datasets, "SOURCES", MappingProxyType({each.name: each for each in sets}))
        yield server


@pytest.fixture(name="data")
def fixture_data(run, tmp_path, server):  # noqa: ARG001
    return lambda *arguments: run("data", *arguments, "--data-home", tmp_path / "home")


def content(home):
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("[!.]*") if path.is_file()}


def test_fetch_brings_all_sets_and_then_leaves_them_alone(data, server, tmp_path):
    status, out, err = data("fetch")
    assert (status, err) == (0, "")
    assert out.splitlines() == [f"{name}: fetched, and right" for name in ("one/a.bin", "two/b.bin", "two/c.bin")]
    assert content(tmp_path / "home") == {path[1:]: body for path, body in server.bodies.items()}
    status, out, err = data("fetch")
    assert (status, err) == (0, "")
    assert out.count("already there and right") == 3
    assert len(server.ranges) == 3


def test_fetch_brings_the_named_sets_only(data, tmp_path):
    status, out, _ = data("fetch", "two", "two")
    assert status == 0
    assert out.count("\n") == 2
    assert sorted(content(tmp_path / "home")) == ["two/b.bin", "two/c.bin"]


def test_the_home_may_come_from_the_environment(run, server, tmp_path, monkeypatch):  # noqa: ARG001
    monkeypatch.setenv("PATOM_DATA_HOME", str(tmp_path / "named"))
    assert run("data", "fetch", "one")[0] == 0
    assert list(content(tmp_path / "named")) == ["one/a.bin"]


def test_a_file_that_fails_does_not_keep_the_others_away(data, server, tmp_path):
    del server.bodies["/two/b.bin"]
    status, out, err = data("fetch")
    assert status == 2
    assert "1 of 3 files" in one_line(err)
    assert "two/b.bin could not be fetched" in err
    assert "404" in err
    assert sorted(content(tmp_path / "home")) == ["one/a.bin", "two/c.bin"]
    assert out.count("fetched, and right") == 2


def test_verify_tells_of_each_file_and_fails_unless_all_are_right(data, server, tmp_path):
    home = tmp_path / "home"
    data("fetch", "two")
    (home / "two" / "c.bin").write_bytes(b"changed")
    asked = len(server.ranges)
    status, out, err = data("verify")
    assert (status, err) == (1, "")
    assert [line.split() for line in out.splitlines()] == [
        ["missing", str(home / "one/a.bin")],
        ["right", str(home / "two/b.bin")],
        ["wrong", str(home / "two/c.bin")],
    ]
    assert data("verify", "two")[0] == 1
    assert data("verify", "one")[0] == 1
    assert len(server.ranges) == asked
    data("fetch")
    assert data("verify")[0] == 0


def test_list_shows_what_there_is_and_where(data, tmp_path, server):
    data("fetch", "one")
    asked = len(server.ranges)
    status, out, err = data("list")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"Data home: {tmp_path / 'home'}"
    assert "one  The first set; 0.3 MB to fetch" in lines
    assert ["one/a.bin", "0.3", "MB", "right"] in [line.split() for line in lines]
    assert ["two/c.bin", "0.3", "MB", "missing"] in [line.split() for line in lines]
    assert "  Origin: Somebody (1999)" in lines
    assert "  Terms: Do as you like." in lines
    assert f"  Fetched from: {server.address}/two/" in lines
    assert len(server.ranges) == asked


def test_list_of_the_real_sets_needs_no_network_and_no_folder(run, tmp_path):
    status, out, _ = run("data", "list", "--data-home", tmp_path / "home")
    assert status == 0
    assert out.count("missing") == 7
    assert not (tmp_path / "home").exists()


def test_a_narrow_terminal_folds_words_and_breaks_no_address(monkeypatch):
    monkeypatch.setattr(commands.sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "32")
    address = "https://example.org/" + "long/" * 10
    lines = commands._wrapped(f"Origin: somebody and somebody else, in a year long past, {address}", "  ")
    assert all(len(line) <= 32 for line in lines if address not in line)
    assert sum(address in line for line in lines) == 1
    assert all(line.startswith("  ") for line in lines)
    assert len(lines) == 3


@pytest.mark.parametrize("command", ["fetch", "verify"])
def test_a_set_that_does_not_exist_is_one_sentence(data, server, command):
    status, out, err = data(command, "one", "three")
    assert (status, out) == (2, "")
    assert one_line(err) == "patom: There is no data set 'three'; those that can be fetched are one, two.\n"
    assert server.ranges == []


def test_an_interrupted_fetch_keeps_the_part_and_the_next_goes_on(data, server, tmp_path, monkeypatch):
    shown = commands.progress

    @contextmanager
    def interrupted(name, **settings):
        with shown(name, **settings):
            yield lambda *_: signal.raise_signal(signal.SIGTERM)  # a shell may have us ignore Ctrl-C

    monkeypatch.setattr(commands, "progress", interrupted)
    status, _, err = data("fetch", "one")
    assert status == 128 + signal.SIGTERM
    assert one_line(err) == (
        "patom: interrupted; what came of a file is kept, and the next `patom data fetch` goes on from there.\n"
    )
    folder = tmp_path / "home" / "one"
    assert sorted(os.listdir(folder)) == [".a.bin.lock", ".a.bin.part"]
    kept = (folder / ".a.bin.part").stat().st_size
    assert 0 < kept < len(BODY)
    monkeypatch.setattr(commands, "progress", shown)
    assert data("fetch", "one")[0] == 0
    assert server.ranges == [None, f"bytes={kept}-"]
    assert content(tmp_path / "home") == {"one/a.bin": server.bodies["/one/a.bin"]}


def test_without_a_command_there_is_help(run):
    status, out, _ = run("data")
    assert status == 0
    assert all(word in out for word in ("list", "fetch", "verify"))
