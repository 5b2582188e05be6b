"""How the command stops: Ctrl-C, SIGTERM, kill -9, two at once; and what it shows meanwhile."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from command_line import (
    FILES,
    PATOM,
    PROGRESS,
    QUICK,
    STARTED,
    contents,
    group,
    needs_proc,
    one_line,
    start,
    wait_for,
)

pytestmark = pytest.mark.slow  # commands with workers, interrupted

LONG = ("--seeds", "300", "--lambda-1", "0.01", "--lambda-2", "0.01")


@needs_proc
def test_ctrl_c_stops_the_workers_and_leaves_an_earlier_report(table, tmp_path):
    out = tmp_path / "audit"
    out.mkdir()
    (out / "report.json").write_text("earlier")
    process = start("audit", table, "--task", "site", "--target", "y", *LONG, "--jobs", "2", "--out", out)
    wait_for(lambda: sum("LokyProcess" in line for line in group(process.pid).values()) == 2)
    time.sleep(0.2)  # the workers are still importing, when they are the least prepared
    os.killpg(process.pid, signal.SIGINT)
    printed, err = process.communicate(timeout=60)
    assert (process.returncode, printed) == (130, "")
    assert one_line(err) == "patom: interrupted; the files of an audit are written all or none.\n"
    wait_for(lambda: not group(process.pid))
    assert contents(out) == {"report.json": b"earlier"}


@needs_proc
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="the system has no such signal")
def test_a_closed_terminal_stops_the_workers_and_removes_the_folder(table, tmp_path):
    """It sends SIGHUP to all of its processes, and what is said then cannot be printed."""
    ours, theirs = pty.openpty()
    terminal = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    process = subprocess.Popen(
        [sys.executable, "-c", terminal + PATOM, "audit", str(table), "--task", "site", "--target", "y", *LONG,
         "--jobs", "2", "--out", str(tmp_path / "new" / "audit")],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    STARTED.append(process)
    os.close(theirs)
    os.set_blocking(ours, False)

    def two_work():
        with suppress(BlockingIOError):  # a terminal that nobody reads would hold the command up
            os.read(ours, 2**16)
        return sum("LokyProcess" in line for line in group(process.pid).values()) == 2

    wait_for(two_work)
    os.close(ours)
    assert process.wait(timeout=60) == 128 + signal.SIGHUP
    wait_for(lambda: not group(process.pid))
    assert os.listdir(tmp_path) == ["sites.csv"]


@pytest.mark.parametrize(("before", "status", "said"), [("SIG_IGN", 0, ""), ("SIG_DFL", 129, "patom: interrupted; ")])
def test_nohup_keeps_the_command_from_stopping(before, status, said):
    code = f"""
import os, signal
import patom.cli.app as command
signal.signal(signal.SIGHUP, signal.{before})
command.app = lambda standalone_mode: os.kill(os.getpid(), signal.SIGHUP)
command.main()
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == status
    assert found.stderr.startswith(said)
    assert bool(found.stderr) == bool(said)


@needs_proc
def test_sigterm_stops_the_workers_and_removes_the_folder(table, tmp_path):
    out = tmp_path / "new" / "audit"
    process = start("audit", table, "--task", "site", "--target", "y", *LONG, "--jobs", "2", "--out", out)
    wait_for(lambda: sum("LokyProcess" in line for line in group(process.pid).values()) == 2)
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    one_line(err, "patom: interrupted")
    wait_for(lambda: not group(process.pid))
    assert os.listdir(tmp_path) == ["sites.csv"]


def test_a_signal_that_a_library_turns_into_an_error_still_ends_the_command():
    code = """
import os, signal
import patom.cli.app as command
def raised(standalone_mode):
    with command.when_interrupted("half of it is there."):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except SystemExit:
            raise RuntimeError("cannot schedule new futures after shutdown")
command.app = raised
command.main()
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (found.returncode, found.stderr) == (143, "patom: interrupted; half of it is there.\n")


def test_a_second_audit_is_refused_and_after_kill_9_the_next_one_works(audit, table, tmp_path):
    audit()
    before = contents(tmp_path / "audit")
    process = start(
        "audit", table, "--task", "site", "--target", "y", *LONG, "--jobs", "1", "--out", tmp_path / "audit"
    )
    lock = tmp_path / "audit" / ".patom.lock"
    wait_for(lambda: lock.exists() and lock.read_text())  # signed once it is held, not only there
    status, _, err = audit("--seed", "1")
    assert status == 2
    assert "Another audit is writing to" in one_line(err)
    assert process.poll() is None
    process.kill()
    process.communicate(timeout=60)
    assert {name: (tmp_path / "audit" / name).read_bytes() for name in before} == before
    assert audit("--seed", "1")[0] == 0
    after = contents(tmp_path / "audit")
    assert sorted(after) == sorted(FILES)
    assert after["report.json"] != before["report.json"]


def test_a_verdict_that_nobody_reads_is_no_failure(table, tmp_path):
    process = start("audit", table, "--task", "site", "--target", "y", *QUICK, "--jobs", "1", "--out", tmp_path / "out")
    process.stdout.close()
    assert PROGRESS.sub("", process.stderr.read()) == ""
    assert process.wait() == 0
    process.stderr.close()


def test_a_terminal_shows_the_time_left(table, tmp_path):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", PATOM, "audit", str(table), "--task", "site", "--target", "y", *QUICK, "--jobs", "1",
         "--out", str(tmp_path / "audit")],
        stdout=subprocess.DEVNULL, stderr=theirs, env=os.environ | {"TERM": "xterm", "COLUMNS": "100"},
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait() == 0
    assert re.search(rb"Attacking.*\d+/37.*left.*\d:\d\d:\d\d", shown, re.DOTALL)
