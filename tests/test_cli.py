"""The command line: what it writes, when it refuses, how it stops."""

import errno
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patom import __version__, cli

FILES = ("report.html", "report.json", "curves.parquet", "injected.parquet")
QUICK = (
    *("--seeds", "2", "--lambda-1", "0.01", "--lambda-2", "0.01", "--step-size", "1"),
    *("--iterations", "2", "--budgets", "0.3"),
)  # fmt: skip
# Ctrl-C is ignored by what a shell started in the background, as these tests may have been.
PATOM = "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); from patom.cli import main; main()"


@pytest.fixture(name="run")
def fixture_run(monkeypatch, capsys):
    """Call the command in this process: (status, standard output, standard error)."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["patom", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        out, err = capsys.readouterr()
        return stopped.value.code or 0, out, err

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def linear_tasks(sizes=(24, 24), seed=0):
    rng = np.random.default_rng(seed)
    site = np.repeat(["north", "south", "east"][: len(sizes)], sizes)
    X = rng.normal(size=(site.size, 2))
    return {"site": site, "a": X[:, 0], "b": X[:, 1], "y": X @ [1.0, 2.0] + 0.3 * rng.normal(size=site.size)}


def write_csv(path, columns):
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return path


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


def contents(path):
    return {name: (path / name).read_bytes() for name in sorted(os.listdir(path))}


def one_line(err, start="patom: "):
    assert err.startswith(start)
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


# What it writes


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


def test_bytes_depend_on_the_seed_and_on_nothing_else(audit, tmp_path):
    audit(out="first")
    audit("--jobs", "2", out="deep/second")
    audit("--seed", "1", out="third")
    first, second, third = (contents(tmp_path / name) for name in ("first", "deep/second", "third"))
    assert first == second
    assert all(first[name] != third[name] for name in FILES)


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


def test_defaults_are_not_in_the_command(run, table, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("patom.report.render_page", lambda report: seen.append(report["command"]) or "page")
    monkeypatch.setattr("patom.audit.run_audit", lambda *_, **__: Found())
    run("audit", "--out", tmp_path / "digits")
    run(
        "audit", table, "--task", "site", "--target", "y", "--seeds", "5", "--max-rows", "5000", "--out", tmp_path / "t"
    )
    assert seen == ["patom audit --seed 0", f"patom audit {table} --task site --target y --seed 0"]


class Found:
    """An audit with no numbers in it."""

    curves, injected = [], {}

    def __init__(self):
        told = {"headline": "Fine.", "sentences": [], "worst_damage": None}
        self.report = {"verdict": told, "fail_above": None}


@pytest.mark.parametrize(("threshold", "status"), [("-1e9", 1), ("1e9", 0)])
def test_fail_above_guards_a_pipeline(audit, tmp_path, threshold, status):
    found, out, err = audit("--fail-above", threshold)
    report = json.loads((tmp_path / "audit" / "report.json").read_text("utf-8"))
    assert found == status
    assert report["fail_above"] == {"threshold": float(threshold), "exceeded": bool(status)}
    assert sorted(os.listdir(tmp_path / "audit")) == sorted(FILES)
    assert out.startswith(report["verdict"]["headline"])
    assert err == ("patom: the worst damage is above --fail-above -1e+09.\n" if status else "")


def test_damage_that_could_not_be_measured_does_not_pass(run, tmp_path, monkeypatch):
    monkeypatch.setattr("patom.report.render_page", lambda _: "page")
    monkeypatch.setattr("patom.audit.run_audit", lambda *_, **__: Found())
    status, _, err = run("audit", "--out", tmp_path / "audit", "--fail-above", "0.25")
    assert status == 1
    assert one_line(err) == "patom: the worst damage could not be measured, so it may be above --fail-above 0.25.\n"


# When it refuses

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
    "no seeds": (TABLE, ("--seeds", "0"), "'--seeds'"),
    "seeds in words": (TABLE, ("--seeds", "few"), "'--seeds'"),
    "negative seed": (TABLE, ("--seed", "-1"), "'--seed'"),
    "no iterations": (TABLE, ("--iterations", "0"), "'--iterations'"),
    "test fraction": (TABLE, ("--test-fraction", "2"), "test_fraction of the audit must be below 1; got 2"),
    "lone lambda": (TABLE, ("--lambda-1", "0.1"), "lambda_1 and lambda_2 must be given together"),
    "negative lambda": (TABLE, ("--lambda-1", "-1", "--lambda-2", "1"), "lambda_1 of MTRLRegressor"),
    "loss": (TABLE, ("--loss", "absolute"), "loss of MTRLRegressor .*'absolute'"),
    "kind": (TABLE, ("--kind", "ranking"), "--kind.*'ranking'"),
    "step size": (TABLE, ("--step-size", "-1"), "step_size of the audit must be .*above 0"),
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


# Tables as people have them


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


# How it stops


def start(*arguments):
    """Start the command in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", PATOM, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


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


LONG = ("--seeds", "2000", "--lambda-1", "0.01", "--lambda-2", "0.01", "--step-size", "1")
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")


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


def test_a_second_audit_is_refused_and_after_kill_9_the_next_one_works(audit, table, tmp_path):
    audit()
    before = contents(tmp_path / "audit")
    process = start(
        "audit", table, "--task", "site", "--target", "y", *LONG, "--jobs", "1", "--out", tmp_path / "audit"
    )
    wait_for((tmp_path / "audit" / ".patom.lock").exists)
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
    assert re.search(rb"Attacking.*\d+/13.*left.*\d:\d\d:\d\d", shown, re.DOTALL)


# What it costs to start

HEAVY = ("pandas", "matplotlib", "sklearn", "scipy", "numba", "numpy", "pyarrow", "joblib", "jinja2", "dask")


def imported(code):
    """Names of modules loaded by some code, and the seconds it took."""
    code = f"import sys\ntry:\n    {code}\nfinally:\n    print('\\n' + ' '.join(sys.modules))"
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()), time.perf_counter() - started


def test_importing_patom_imports_no_more_than_it_needs():
    modules, _ = imported("import patom")
    assert not modules & {"pandas", "matplotlib", "typer", "dask", "sklearn", "rich", "jinja2"}
    modules, _ = imported("from patom import MTRLRegressor, PATOM")
    assert "sklearn" in modules  # which imports pandas by itself where it is installed
    assert not modules & {"matplotlib", "typer", "dask", "rich", "jinja2"}


@pytest.mark.parametrize("arguments", [["--help"], ["audit", "--help"], []])
def test_help_takes_less_than_a_second_and_imports_nothing_heavy(arguments):
    code = f"sys.argv = ['patom', *{arguments}]; from patom.cli import main; main()"
    tries = [imported(code) for _ in range(2)]
    assert not tries[0][0] & set(HEAVY)
    assert min(seconds for _, seconds in tries) < 1.0


def test_help_and_version(run):
    for arguments in (["--help"], []):
        status, out, err = run(*arguments)
        assert (status, err) == (0, "")
        assert "audit" in out
    assert run("--version") == (0, f"patom {__version__}\n", "")
    status, out, _ = run("audit", "--help")
    assert status == 0
    assert "--fail-above" in out
