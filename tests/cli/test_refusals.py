"""When the command refuses: one sentence, status 2, nothing written."""

import errno
import os
import re

import pytest
from command_line import contents, linear_tasks, one_line, write_csv

TABLE = linear_tasks()
BAD_TABLES = {
    "nan": (TABLE | {"a": ["nan", *TABLE["a"][1:]]}, (), "row 1 .*column 'a'"),
    "infinite": (TABLE | {"b": [*TABLE["b"][:-1], "inf"]}, (), "row 48 .*column 'b'"),
    "infinite target": (TABLE | {"y": [*TABLE["y"][:-1], "-inf"]}, (), "row 48 .*column 'y'"),
    "no task label": (TABLE | {"site": ["", *TABLE["site"][1:]]}, (), "names no task in row 1 .*'site'"),
    "one class": (TABLE | {"y": ["yes"] * 48}, (), "constant: it is 'yes'"),
    "three classes": (TABLE | {"y": ["a", "b", "c"] * 16}, (), "3 classes.*one_vs_rest_tasks"),
    "constant target": (TABLE | {"y": [2.5] * 48}, (), "target 'y' .* is constant: it is '2.5'"),
    "words": (TABLE | {"a": ["much", *TABLE["a"][1:]]}, (), "'a' .*holds 'much' in row 1 .*not a number"),
    "missing task": (TABLE, ("--task", "sight"), "no column 'sight': the nearest name is 'site'"),
    "missing target": (TABLE, ("--target", "z"), "no column 'z'"),
    "missing feature": (TABLE, ("--features", "a,c"), "no column 'c'"),
    "task is target": (TABLE, ("--target", "site"), "'site' is named as the task and as the target"),
    "unknown target task": (TABLE, ("--targets", "nort"), "targets of the audit .*'nort'.*nearest .*north"),
    "unknown attacker": (TABLE, ("--targets", "north", "--attackers", "west"), "attackers of the audit .*'west'"),
    "attacker is target": (TABLE, ("--targets", "north", "--attackers", "north"), "'north' is both"),
    "attackers alone": (TABLE, ("--attackers", "north"), "attackers of the audit need targets"),
    "no targets": (TABLE, ("--targets", " , "), "targets of the audit must name at least one"),
    "negative budget": (TABLE, ("--budgets", "0.1,-0.2"), "budget of the audit must be .*above 0.*-0.2"),
    "budget of no row": (TABLE, ("--budgets", "0.3,0.01"), r"budget 0\.01 of the audit rounds to no rows"),
    "budget in words": (TABLE, ("--budgets", "much"), "--budgets must be numbers separated by commas; got 'much'"),
    "no account": (TABLE, ("--accounts", "0"), "--accounts must be whole numbers of at least 1, or \"none\"; got '0'"),
    "half an account": (TABLE, ("--accounts", "1,2.5"), "--accounts must be whole numbers of at least 1"),
    "accounts in words": (TABLE, ("--accounts", "some"), "--accounts must be numbers separated by commas; got 'some'"),
    "accounts without rows": (TABLE, ("--account-rows", "0"), "'--account-rows'"),
    "no seeds": (TABLE, ("--seeds", "0"), "'--seeds'"),
    "seeds in words": (TABLE, ("--seeds", "few"), "'--seeds'"),
    "negative seed": (TABLE, ("--seed", "-1"), "'--seed'"),
    "no iterations": (TABLE, ("--iterations", "0"), "'--iterations'"),
    "test fraction": (TABLE, ("--test-fraction", "2"), "test_fraction of the audit must be below 1; got 2"),
    "lone lambda": (TABLE, ("--lambda-1", "0.1"), "lambda_1 and lambda_2 must be given together"),
    "negative lambda": (TABLE, ("--lambda-1", "-1", "--lambda-2", "1"), "lambda_1 of MTRLRegressor"),
    "loss": (TABLE, ("--loss", "absolute"), "loss of MTRLRegressor .*'absolute'"),
    "kind": (TABLE, ("--kind", "ranking"), "--kind.*'ranking'"),
    "step size": (TABLE, ("--attack", "patom", "--step-size", "-1"), "step_size of the audit must be .*above 0"),
    "step size of the ascent": (TABLE, ("--step-size", "1"), "step_size of the audit is PATOM's, and .* 'ascent'"),
    "unknown attack": (TABLE, ("--attack", "strongest"), "--attack.*'strongest'"),
    "no threshold": (TABLE, ("--fail-above", "nan"), "--fail-above must be a finite number"),
    "unknown option": (TABLE, ("--sedes", "3"), "No such option: --sedes"),
    "too much": (TABLE, ("more.csv",), "unexpected extra argument.*more.csv"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_bad_input_is_one_sentence_status_2_and_no_folder(run, tmp_path, name):
    columns, more, reason = BAD_TABLES[name]
    table = write_csv(tmp_path / "sites.csv", columns)
    out = tmp_path / "deep" / "audit"
    status, printed, err = run("audit", table, "--task", "site", "--target", "y", "--out", out, "--jobs", "1", *more)
    assert (status, printed) == (2, "")
    assert re.search(reason, one_line(err)), err
    assert os.listdir(tmp_path) == ["sites.csv"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"site,a,y\nnorth,1,2\nsouth,1\n", r"ragged: row 2 \(line 3 of the file\) has 2 values"),
        (b"", "is empty"),
        (b"site,a,y\n", "has no data rows"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "is no CSV or Parquet file"),
        (b"PAR1\x00\x00", "damaged or cut short"),
        (b"site,a,y\n" + b"".join(b"t%d,%d,%d\n" % (k, k, 2 * k) for k in range(30)), "No test row can be held out"),
        (b"site,a,y\n" + b"".join(b"t,5,%d\n" % k for k in range(30)), "Every feature is constant"),
    ],
)
def test_a_file_that_is_no_table_is_refused(run, tmp_path, content, reason):
    (tmp_path / "table").write_bytes(content)
    status, _, err = run("audit", tmp_path / "table", "--task", "site", "--target", "y", "--out", tmp_path / "out")
    assert status == 2
    assert re.search(reason, one_line(err)), err
    assert os.listdir(tmp_path) == ["table"]


def test_a_file_that_is_not_there_or_a_folder_is_refused(run, tmp_path):
    for path, reason in ((tmp_path / "none.csv", "There is no file"), (tmp_path, "is a folder")):
        status, _, err = run("audit", path, "--task", "site", "--target", "y", "--out", tmp_path / "out")
        assert status == 2
        assert reason in one_line(err)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("sites.csv", "--target", "y"), "--task must name a column of sites.csv"),
        (("sites.csv", "--task", "site"), "--target must name a column of sites.csv"),
        (("--task", "site"), "describe a table: name its file"),
        (("--features", "a"), "describe a table: name its file"),
        (("--test-fraction", "1.5"), "test_fraction"),
        (("--targets", "11"), "targets of the audit .*'11'"),
        (("--loss", "huber"), "loss of MTRLClassifier .*'huber'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(run, table, monkeypatch, arguments, reason):
    monkeypatch.chdir(table.parent)
    status, _, err = run("audit", *arguments, "--jobs", "1")
    assert status == 2
    assert re.search(reason, one_line(err)), err
    assert os.listdir(table.parent) == ["sites.csv"]


@pytest.mark.parametrize("out", ["sites.csv/audit", "sites.csv", "/proc/self/audit"])
def test_a_folder_that_cannot_be_written_is_refused(audit, tmp_path, out):
    status, _, err = audit(out=out)
    assert status == 2
    assert "The output folder" in one_line(err)
    assert os.listdir(tmp_path) == ["sites.csv"]


def test_an_error_in_a_worker_process_is_one_sentence_too(audit, tmp_path):
    status, _, err = audit("--loss", "absolute", "--jobs", "2")
    assert status == 2
    assert "loss of MTRLRegressor" in one_line(err)
    assert os.listdir(tmp_path) == ["sites.csv"]


@pytest.mark.slow
def test_a_full_disk_leaves_the_earlier_report(audit, tmp_path, monkeypatch):
    audit()
    before = contents(tmp_path / "audit")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    status, _, err = audit("--seed", "1")
    assert status == 2
    assert os.strerror(errno.ENOSPC) in one_line(err)
    assert contents(tmp_path / "audit") == before
    assert audit("--seed", "1", out="second")[0] == 2
    assert sorted(os.listdir(tmp_path)) == ["audit", "sites.csv"]


def test_memory_that_does_not_suffice_is_one_sentence(audit, tmp_path, monkeypatch):
    def too_much(*_, **__):
        raise MemoryError

    monkeypatch.setattr("patom.audit.run_audit", too_much)
    status, _, err = audit()
    assert status == 2
    assert "The memory does not suffice" in one_line(err)
    assert os.listdir(tmp_path) == ["sites.csv"]
