"""What the command writes and says."""

import json
import os
import shlex
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from audit_results import build_report
from command_line import FILES, QUICK, contents, linear_tasks, one_line, write_csv

from patom.audit import Audit
from patom.audit.levels import gate
from patom.results.audit import Verdict


def test_an_audit_says_its_verdict_and_writes_four_files(audit, tmp_path):
    status, out, err = audit()
    report = json.loads((tmp_path / "audit" / "report.json").read_text("utf-8"))
    assert (status, err) == (0, "")
    assert sorted(os.listdir(tmp_path / "audit")) == sorted(FILES)
    assert out.splitlines()[0] == report["verdict"]["headline"]
    assert out.splitlines()[-1] == f"Report: {tmp_path / 'audit' / 'report.html'}"
    assert report["fail_above"] is None
    assert report["setting"]["n_seeds"] == 2
    assert report["data"]["n_rows"] == 48


def test_json_is_strict(audit, tmp_path):
    audit()

    def refuse(token):
        raise AssertionError(token)

    json.loads((tmp_path / "audit" / "report.json").read_text("utf-8"), parse_constant=refuse)


@pytest.mark.slow
def test_bytes_depend_on_the_seed_and_on_nothing_else(audit, tmp_path):
    audit(out="first")
    audit("--jobs", "2", out="deep/second")
    audit("--seed", "1", out="third")
    first, second, third = (contents(tmp_path / name) for name in ("first", "deep/second", "third"))
    assert first == second
    assert all(first[name] != third[name] for name in FILES)


@pytest.mark.slow
def test_the_command_in_the_report_gives_the_same_report(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "my sites.csv", linear_tasks(sizes=(20, 20, 20)))
    run(
        "audit", "my sites.csv", "--task", "site", "--target", "y", *QUICK, "--seed", "4", "--features", "b, a",
        "--targets", "north", "--attackers", "east", "--no-standardise", "--kind", "regression", "--loss", "huber",
        "--test-fraction", "0.4", "--max-rows", "50", "--jobs", "1", "--out", "first", "--fail-above", "1e9",
    )  # fmt: skip
    first = json.loads(Path("first/report.json").read_text("utf-8"))
    command = first["command"]
    assert command.startswith("patom audit 'my sites.csv' --task site --target y --seed 4 --features 'b, a' ")
    assert not {"--out", "--jobs", "--fail-above"} & set(shlex.split(command))
    assert "--no-standardise" in command
    assert command in Path("first/report.html").read_text("utf-8").replace("&#39;", "'")
    run(*shlex.split(command)[1:], "--out", "second", "--jobs", "1", "--fail-above", "1e9")
    assert contents(Path("first")) == contents(Path("second"))


def test_the_papers_attack_is_run_on_request(audit, tmp_path):
    audit("--attack", "patom", "--step-size", "2")
    report = json.loads((tmp_path / "audit" / "report.json").read_text("utf-8"))
    assert {point["attack"] for point in report["curves"]} >= {"random-direct", "patom-direct"}
    assert (report["setting"]["attack"], report["setting"]["step_size"]) == ("patom", 2.0)
    assert "--attack patom" in report["command"]
    assert "--step-size 2.0" in report["command"]


def test_defaults_are_not_in_the_command(run, table, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("patom.report.render_page", lambda report: seen.append(report["command"]) or "page")
    monkeypatch.setattr("patom.audit.run_audit", nothing_measured)
    run("audit", "--out", tmp_path / "digits")
    run(
        "audit",
        table,
        "--task",
        "site",
        "--target",
        "y",
        "--seeds",
        "5",
        "--max-rows",
        "5000",
        "--attack",
        "ascent",
        "--out",
        tmp_path / "t",
    )
    assert seen == ["patom audit --seed 0", f"patom audit {table} --task site --target y --seed 0"]


def nothing_measured(*_, fail_above=None, command=None, **__):
    """In place of ``run_audit``: an audit with no numbers in it."""
    report = build_report(tasks=3, budgets=(0.3,))
    report["verdict"] = {"level": "cannot say", "risk": "cannot say", "reason": "Nothing was measured."}
    report["verdict"] |= {"headline": "Fine.", "sentences": [], "worst": None, "worst_damage": None}
    told = gate(Verdict.model_validate(report["verdict"]), 0.0 if fail_above is None else fail_above)
    report |= {"command": command, "fail_above": None if fail_above is None else told.as_dict()}
    return Audit(report, [], {})


@pytest.mark.parametrize(("threshold", "status"), [("-1e9", 1), ("1e9", 0)])
def test_fail_above_guards_a_pipeline(audit, tmp_path, threshold, status):
    found, out, err = audit("--fail-above", threshold)
    report = json.loads((tmp_path / "audit" / "report.json").read_text("utf-8"))
    assert found == status
    gate = report["fail_above"]
    assert (gate["threshold"], gate["exceeded"]) == (float(threshold), bool(status))
    assert sorted(os.listdir(tmp_path / "audit")) == sorted(FILES)
    assert out.startswith(report["verdict"]["headline"])
    assert err == (f"patom: the worst damage is above --fail-above -1e+09: {gate['reason']}.\n" if status else "")


def test_damage_that_could_not_be_measured_does_not_pass(run, tmp_path, monkeypatch):
    monkeypatch.setattr("patom.report.render_page", lambda _: "page")
    monkeypatch.setattr("patom.audit.run_audit", nothing_measured)
    status, _, err = run("audit", "--out", tmp_path / "audit", "--fail-above", "0.25")
    assert status == 3
    assert one_line(err) == (
        "patom: cannot say whether the worst damage is above --fail-above 0.25. Nothing was measured.\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [(), ("--fail-above", "0.25")])
def test_a_table_with_nothing_to_learn_gets_no_level_and_status_3(run, tmp_path, threshold):
    columns = linear_tasks(sizes=(30, 30, 30))
    columns["y"] = np.random.default_rng(6).permutation(columns["y"])
    table = write_csv(tmp_path / "noise.csv", columns)
    status, out, err = run(
        "audit", table, "--task", "site", "--target", "y", *QUICK, "--jobs", "1", "--out", tmp_path / "out", *threshold
    )
    report = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert report["model"]["clean_targets"]["mean"] > 1.0
    assert report["verdict"]["level"] == "cannot say"
    assert f"Risk: cannot say. {report['verdict']['reason']}" in out
    assert '<span class="badge">Risk: cannot say</span>' in page
    assert "no better than predicting the mean" in report["verdict"]["reason"]
    assert status == (3 if threshold else 0)
    if threshold:
        assert one_line(err, "patom: cannot say whether the worst damage is above --fail-above 0.25. Without an attack")


def test_one_seed_cannot_pass_or_fail_a_build(audit):
    for threshold in ("-1e9", "1e9"):
        status, out, err = audit("--seeds", "1", "--fail-above", threshold)
        assert status == 3
        assert "Risk: cannot say. A single draw has no interval" in out
        assert "A single draw has no interval" in one_line(err)


@pytest.mark.slow
def test_an_audit_says_what_it_was_made_from(run, tmp_path):
    columns = linear_tasks(sizes=(60, 60))
    columns |= {"name": ["x"] * 120, "flat": [3] * 120}
    table = write_csv(tmp_path / "sites.csv", columns)
    arguments = ("audit", table, "--task", "site", "--target", "y", *QUICK, "--jobs", "1", "--out", tmp_path / "out")
    lines = run(*arguments)[1].splitlines()
    assert "Audited: 120 rows, 2 tasks, 60 rows a task." in lines
    assert "  2 features: 'a' and 'b'." in lines
    assert "  Left out of the features, as they hold no numbers: 'name'." in lines
    assert "  Features that are constant over the training rows were left out: flat." in lines
    assert any("so tasks are measured together" in line for line in lines)
    report = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert set(report["data"]["notes"]) <= {line.strip() for line in lines}
    assert report["remedies"]["reason"] in {line.strip() for line in lines}
    assert "2 features" in (tmp_path / "out" / "report.html").read_text("utf-8")
    lines = run(*arguments, "--max-rows", "50")[1].splitlines()
    assert "Audited: a random sample of 50 of 120 rows, 2 tasks, 25 rows a task." in lines


@pytest.mark.slow
def test_the_order_of_the_rows_plays_no_part(run, tmp_path, monkeypatch):
    columns = linear_tasks(sizes=(30, 34, 38))
    mixed = np.random.default_rng(0).permutation(102)
    found = []
    for name, order in (("first", np.arange(102)), ("second", mixed)):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        write_csv(Path("sites.csv"), {key: np.asarray(values)[order] for key, values in columns.items()})
        run("audit", "sites.csv", "--task", "site", "--target", "y", *QUICK, "--jobs", "1", "--out", "out")
        run("screen", "sites.csv", "--task", "site", "--target", "y", "--trusted", "sites.csv", "--out", "screen.json")
        found.append(contents(Path("out")) | {"screen": Path("screen.json").read_bytes()})
    assert found[0] == found[1]


def test_odd_but_sound_tables_are_audited(run, tmp_path):
    rng = np.random.default_rng(0)
    n = 60
    columns = {
        "<b>wohin</b> & zurück": rng.permutation(np.repeat([7, 1_000_000_007, 3], [40, 18, 2])),
        "task": rng.normal(size=n) * 1e6,
        "größe [mm²]": rng.normal(size=n) * 1e-6,
        "always": np.full(n, 3),
        "flag": rng.integers(0, 2, n).astype(bool),
        "sold?": rng.integers(0, 2, n).astype(bool),
    }
    columns["twin"] = columns["task"]
    pq.write_table(pa.table(columns), tmp_path / "odd table.parquet")
    status, _, err = run(
        "audit", tmp_path / "odd table.parquet", "--task", "<b>wohin</b> & zurück", "--target", "sold?", *QUICK,
        "--jobs", "1", "--out", tmp_path / "out",
    )  # fmt: skip
    assert (status, err) == (0, "")
    report = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert report["data"]["kind"] == "classification"
    assert report["data"]["features"] == ["task", "größe [mm²]", "always", "flag", "twin"]
    assert "<b>wohin" not in (tmp_path / "out" / "report.html").read_text("utf-8")
    injected = pq.read_table(tmp_path / "out" / "injected.parquet")
    assert injected.schema.field("sold?").type == pa.bool_()
    assert injected.schema.field("<b>wohin</b> & zurück").type == pa.int64()
    assert set(injected["always"].to_pylist()) == {3.0}


def test_new_accounts_are_tried_on_request(audit, tmp_path):
    status, out, err = audit("--accounts", "3,1", "--account-rows", "4")
    assert status == 0, err
    report = json.loads((tmp_path / "audit" / "report.json").read_text("utf-8"))
    section = report["accounts"]
    assert [(point["accounts"], point["rows"]) for point in section["points"]] == [(1, 4), (3, 12)]
    assert section["capped"]["n_0"] > 0
    assert "--accounts 3,1" in report["command"]
    assert "new account" in out
    assert '<h2 id="accounts">' in (tmp_path / "audit" / "report.html").read_text("utf-8")
