"""What a log shows of long work: a line now and then, and how far it came when it was killed."""

import re
import signal

import pytest
from command_line import start, wait_for

from patom.cli import progress as module
from patom.cli.progress import how_far, progress


@pytest.mark.parametrize(
    ("came", "words"),
    [
        ((0, 0, 3.2), "3 s so far"),
        ((0, 100, 10.0), "0 of 100, 10 s so far"),
        ((50, 100, 10.0), "50 of 100, 10 s so far, about 10 s left"),
        ((1, 100, 10.0), "1 of 100, 10 s so far, about 16 min left"),
        ((10, 1000, 3600.0), "10 of 1000, 60 min 0 s so far, about 99 h left"),
        ((100, 100, 59.7), "100 of 100, 1 min 0 s so far, about 10 s left"),
    ],
)
def test_the_words(came, words):
    assert how_far(*came) == words


def test_lines_where_there_is_no_terminal(monkeypatch, capsys):
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.05)
    with progress("Attacking") as show:
        for done in (1, 2):
            show(done, 4)
            said = f"patom: Attacking: {done} of 4, 0 s so far"
            collected = ""

            def read(said=said):
                nonlocal collected
                collected += capsys.readouterr().err
                return said in collected

            wait_for(read)
    capsys.readouterr()
    assert not [thread for thread in module.threading.enumerate() if thread.daemon and "watch" in thread.name]


def test_bytes_are_megabytes(monkeypatch, capsys):
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.02)
    with progress("a.mat", size=True) as show:
        show(1_500_000, 3_000_000)
        wait_for(lambda: "patom: a.mat: 1.5 MB of 3.0 MB, " in capsys.readouterr().err)


def test_quick_work_says_nothing(capsys):
    with progress("Attacking") as show:
        show(1, 1)
    assert capsys.readouterr().err == ""


def test_an_error_ends_the_lines(monkeypatch):
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.01)
    before = module.threading.active_count()
    with pytest.raises(ValueError, match="no"), progress("Attacking"):
        raise ValueError("no")
    assert module.threading.active_count() == before


def test_a_killed_audit_leaves_how_far_it_came(table, tmp_path):
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); import patom.cli.progress as p; "
        "p.EVERY_SECONDS = 0.2; from patom.cli import main; main()"
    )
    process = start(
        "audit", table, "--task", "site", "--target", "y", "--seeds", "500", "--lambda-1", "0.1", "--lambda-2", "0.1",
        "--jobs", "1", "--out", tmp_path / "out", code=code,
    )  # fmt: skip
    seen = ""
    while not re.search(r"patom: Attacking: [1-9]\d* of \d+, \d+ s so far, about", seen):
        seen += process.stderr.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
