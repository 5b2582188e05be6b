"""Shared by the command line's tests: tables, quick settings, what a refusal looks like, processes of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

FILES = ("report.html", "report.json", "curves.parquet", "injected.parquet")
QUICK = (
    *("--seeds", "2", "--lambda-1", "0.01", "--lambda-2", "0.01"),
    *("--iterations", "2", "--budgets", "0.3"),
)  # fmt: skip


def linear_tasks(sizes=(24, 24), seed=0):
    rng = np.random.default_rng(seed)
    site = np.repeat(["north", "south", "east"][: len(sizes)], sizes)
    X = rng.normal(size=(site.size, 2))
    return {"site": site, "a": X[:, 0], "b": X[:, 1], "y": X @ [1.0, 2.0] + 0.3 * rng.normal(size=site.size)}


def write_csv(path, columns):
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return path


def contents(path):
    return {name: (path / name).read_bytes() for name in sorted(os.listdir(path))}


PROGRESS = re.compile(
    r"^patom: (?:Attacking|Computing(?: grid \d of \d)?|Screening|[\w./-]+\.\w+): (?:\d|about \d).*\n", re.MULTILINE
)
"""Lines on the plan and on how far work came."""


def one_line(err, start="patom: "):
    err = PROGRESS.sub("", err)
    assert err.startswith(start)
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


# Ctrl-C is ignored by what a shell started in the background, and a closed terminal under nohup, as these tests may be.
PATOM = (
    "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "signal.signal(getattr(signal, 'SIGHUP', signal.SIGTERM), signal.SIG_DFL); from patom.cli import main; main()"
)


STARTED = []


def stop_all():
    """Kill what a failed test has left."""
    while STARTED:
        process = STARTED.pop()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        process.wait()


def start(*arguments, code=PATOM):
    """Start the command in a process group of its own, which ends with the test at the latest."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    STARTED.append(process)
    return process


def group(pid):
    """Processes of a group that are alive, and what they run."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            if entry.name.isdigit() and int(stat[2]) == pid and stat[0] != "Z":
                found[int(entry.name)] = (entry / "cmdline").read_text()
        except (OSError, IndexError):
            continue
    return found


def wait_for(condition, seconds=60.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
