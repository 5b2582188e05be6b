"""Fixtures of the command line's tests."""

import signal
import sys

import pytest
from command_line import PROGRESS, QUICK, linear_tasks, stop_all, write_csv

from patom import cli


@pytest.fixture(autouse=True)
def fixture_stop_all():
    """No process outlives its test."""
    yield
    stop_all()


@pytest.fixture(name="run")
def fixture_run(monkeypatch, capsys):
    """Call the command in this process: (status, standard output, standard error without lines of progress)."""
    monkeypatch.setattr("patom.cli.progress.EVERY_SECONDS", 3600.0)  # however slow the machine is
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["patom", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        out, err = capsys.readouterr()
        return stopped.value.code or 0, out, PROGRESS.sub("", err)

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(name="table")
def fixture_table(tmp_path):
    """Two regression tasks of 24 rows in a CSV file."""
    return write_csv(tmp_path / "sites.csv", linear_tasks())


@pytest.fixture(name="audit")
def fixture_audit(run, table, tmp_path):
    """Audit the table quickly into the folder ``audit``, with more options where given."""
    return lambda *more, out="audit": run(
        "audit", table, "--task", "site", "--target", "y", *QUICK, "--jobs", "1", "--out", tmp_path / out, *more
    )
