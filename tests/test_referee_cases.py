"""The referee's table: its cases are the preset's, and a line says what both attacks did."""

import sys

import pytest
from benchmarks import referee_cases
from benchmarks.referee_cases import CASES

from patom.paper import read_grid


def test_the_cases_are_experiments_of_the_preset():
    names = {experiment.name for experiment in read_grid("defenses").experiments}
    assert {name for name, _ in CASES.values()} <= names


def test_a_line_that_is_measured_again_replaces_the_old_one(tmp_path):
    out = tmp_path / "referee.parquet"
    for case, seed, value in (
        ("mnist-clip", 1, 0.1),
        ("digits-clip", 0, 0.2),
        ("mnist-clip", 0, 0.3),
        ("mnist-clip", 1, 0.4),
    ):
        referee_cases._keep({"case": case, "seed": seed, "referee": value}, out)
    rows = referee_cases.pq.read_table(out).to_pylist()
    assert [(row["case"], row["seed"], row["referee"]) for row in rows] == [
        ("digits-clip", 0, 0.2), ("mnist-clip", 0, 0.3), ("mnist-clip", 1, 0.4),
    ]  # fmt: skip


@pytest.mark.slow  # the package's own ascents take most of it
def test_a_case_is_measured(tmp_path, monkeypatch, capsys):
    out = tmp_path / "referee.parquet"
    line = ["referee", "--only", "digits-clip", "--seeds", "0", "1", "--quick", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", line)
    referee_cases.main()
    (row,) = referee_cases.pq.read_table(out).to_pylist()
    assert row["metric"] == "AUC"
    assert row["joint_training"] <= min(row["package_training"], row["referee_training"])
    assert row["fits"] >= 150
    assert row["clean"] > 0.95
    assert "digits-clip, seed 0: AUC clean" in capsys.readouterr().out
