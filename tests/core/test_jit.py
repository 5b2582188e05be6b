"""Machine code on disk: found again where it is whole and of these sources; else only the time to compile is lost."""

import errno
import importlib.util
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from patom.core import jit

SOURCE = """
from patom.core.jit import compiled_exactly

@compiled_exactly
def twice(x):
    return {factor} * x
"""
IN_A_PROCESS = """
import importlib.util, os, resource, signal, sys

def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)

ending = sys.argv[2]
spec = importlib.util.spec_from_file_location("doubling", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
if ending == "full":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
if ending == "killed":
    os.replace = kill
print(module.twice(2.5))
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A module's file; its code is kept beside it."""
    monkeypatch.setattr("numba.core.config.CACHE_DIR", "")
    path = tmp_path / "doubling.py"
    path.write_text(SOURCE.format(factor=2.0))
    return path


def imported(path):
    """The function, as a new process would have it."""
    spec = importlib.util.spec_from_file_location("doubling", path)
    # No bytecode is kept: sources of one length, written within a second, would be taken for each other.
    spec.loader.set_data = lambda *_, **__: None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.twice


def found(function):
    """Whether its code was found, not compiled."""
    return sum(function.stats.cache_hits.values()) == 1


def files(path):
    return sorted((path.parent / "__pycache__").glob("*.nb*"))


def in_a_process(path, ending):
    command = [sys.executable, "-c", IN_A_PROCESS, str(path), ending]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_code_is_found_again_for_the_types_that_it_was_made_for(source):
    for value in (2.5, 3, np.float32(1.5)):
        first, again = imported(source), imported(source)
        assert first(value) == again(value) == 2 * value
        assert not found(first)
        assert found(again)
    assert len(files(source)) == 3


DAMAGES = {
    "empty": lambda _: b"",
    "cut short": lambda content: content[: len(content) // 2],
    "one bit": lambda content: content[:-2000] + bytes([content[-2000] ^ 1]) + content[-1999:],
    "no code at all": lambda _: b"pickles\n" * 100,
    "a pickle": lambda _: pickle.dumps({}),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_none_and_is_written_anew(source, damage):
    assert imported(source)(2.5) == 5.0
    for path in files(source):
        path.write_bytes(damage(path.read_bytes()))
    after = imported(source)
    assert after(2.5) == 5.0
    assert not found(after)
    again = imported(source)
    assert again(2.5) == 5.0
    assert found(again)


def test_whole_code_of_other_sources_or_another_numba_is_none(source, monkeypatch):
    assert imported(source)(2.5) == 5.0
    monkeypatch.setattr(jit, "_sources", lambda: b"a function that this one calls has changed")
    changed = imported(source)
    assert changed(2.5) == 5.0
    assert not found(changed)
    monkeypatch.setattr("numba.__version__", "0.0.1")
    older = imported(source)
    assert older(2.5) == 5.0
    assert not found(older)
    source.write_text(SOURCE.format(factor=3.0))
    assert imported(source)(2.5) == 7.5


def test_code_of_another_signature_under_a_files_name_is_none(source):
    assert imported(source)(2.5) == 5.0
    (whole,) = files(source)
    assert imported(source)(3) == 6
    (other,) = set(files(source)) - {whole}
    other.write_bytes(whole.read_bytes())
    mixed = imported(source)
    assert mixed(3) == 6
    assert not found(mixed)


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_disk_that_is_full_or_read_only_costs_time_alone(source, monkeypatch, fault):
    def refuse(*_):
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    for _ in range(2):
        function = imported(source)
        assert function(2.5) == 5.0
        assert not found(function)
    assert files(source) == []


def test_a_folder_that_is_gone_is_made_again(source):
    function, folder = imported(source), source.parent / "__pycache__"
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert function(2.5) == 5.0
    again = imported(source)
    assert again(2.5) == 5.0
    assert found(again)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="limits on files are Unix's")
def test_no_process_is_stopped_by_a_full_disk_and_none_that_is_killed_stops_another(source):
    full = in_a_process(source, "full")
    assert (full.returncode, full.stdout, full.stderr) == (0, "5.0\n", "")
    assert in_a_process(source, "killed").returncode == -signal.SIGKILL
    after = imported(source)
    assert after(2.5) == 5.0
    assert not found(after)


def test_nobody_at_home_is_no_folder(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    names = [place.__name__ for place in jit._places()]
    assert not any("UserWide" in name for name in names)
    assert any("InTree" in name for name in names)
    monkeypatch.setenv("XDG_CACHE_HOME", os.path.sep)
    assert any("UserWide" in place.__name__ for place in jit._places())


def test_all_that_is_compiled_is_kept_so():
    package = Path(jit.__file__).parents[1]
    users = [path.name for path in package.rglob("*.py") if "njit" in path.read_text(encoding="utf-8")]
    assert users == ["jit.py"]


def test_code_is_of_all_files_that_hold_some(monkeypatch):
    """Compiled code may contain that of functions, and the constants, of other files."""
    whole, read = jit._sources.__wrapped__(), Path.read_bytes
    core = Path(jit.__file__).parent
    for changed in ("jit.py", "kernels.py", "losses.py", "solvers/choose.py", "solvers/compiled/interior.py"):
        monkeypatch.setattr(Path, "read_bytes", lambda path, name=changed: read(path) + b"#" * (path == core / name))
        assert jit._sources.__wrapped__() != whole
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b"#" * (path == core / "labels.py"))
    assert jit._sources.__wrapped__() == whole
