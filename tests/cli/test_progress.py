"""What a log shows of long work: a line now and then, and how far it came when it was killed."""

import re
import signal

import pytest
from command_line import start, wait_for

from patom.cli import progress as module
from patom.cli.progress import Came, how_far, progress


@pytest.mark.parametrize(
    ("came", "words"),
    [
        ((0, 0, 0, 3.2), "3 s so far"),
        ((0, 100, 0, 10.0), "0 of 100, 10 s so far"),
        ((50, 100, 0, 10.0), "50 of 100, 10 s so far, about 10 s left"),
        ((50, 100, 50, 10.0), "50 of 100, 10 s so far"),
        ((60, 100, 50, 10.0), "60 of 100, 10 s so far, about 40 s left"),
        ((1, 100, 0, 10.0), "1 of 100, 10 s so far, about 16 min left"),
        ((10, 1000, 0, 3600.0), "10 of 1000, 60 min 0 s so far, about 99 h left"),
        ((100, 100, 0, 59.7), "100 of 100, 1 min 0 s so far, about 10 s left"),
    ],
)
def test_the_words(came, words):
    *steps, seconds = came
    assert how_far(Came(5.0, *steps), 5.0 + seconds) == words


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


def test_quick_work_says_its_plan_or_its_steps(capsys):
    with progress("Attacking") as show:
        show.plan("3 attacks; about 10 s.")
        show(1, 3)
    assert capsys.readouterr().err == "patom: Attacking: 3 attacks; about 10 s.\n"
    with progress("Computing") as show:
        show(2, 3)
        show(3, 3)
    assert capsys.readouterr().err == "patom: Computing: 2 of 3, 0 s so far\n"


@pytest.mark.slow
def test_an_audit_says_its_plan_first(table, tmp_path):
    process = start(
        "audit", table, "--task", "site", "--target", "y", "--seeds", "2", "--iterations", "2", "--budgets", "0.3",
        "--jobs", "1", "--out", tmp_path / "out",
    )  # fmt: skip
    _, err = process.communicate(timeout=120)
    kinds = "4 random, 9 optimised, 8 on defended models, 12 by new accounts, 2 that follow the worst up"
    attacks = rf"35 attacks \({kinds}\) and 25 pairs of lambdas to choose from"
    came = r"(patom: Attacking: \d+ s so far\n)*"  # while the fit compiles that is timed
    plan = rf"patom: Attacking: {attacks}, on one process; a first fit .*\n"
    assert re.match(rf"{plan}{came}patom: Attacking: about \d+ (s|min) in all\.\n", err)


def test_an_error_ends_the_lines(monkeypatch):
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.01)
    before = module.threading.active_count()
    with pytest.raises(ValueError, match="no"), progress("Attacking"):
        raise ValueError("no")
    assert module.threading.active_count() == before


@pytest.mark.slow
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
