"""``patom run`` and ``patom report``: a grid in, a table and a page out; one sentence for what is wrong."""

import json
import os
import shutil
import signal

import pytest
from command_line import group, needs_proc, one_line, start, wait_for
from small_grid import CELLS, FAILING, GRID, TABLES, kept, write_grid


@pytest.fixture(name="grid")
def fixture_grid(tmp_path):
    return write_grid(tmp_path / "small.toml")


def test_a_run_and_its_report(run, grid, tmp_path):
    out = tmp_path / "out"
    status, said, err = run("run", grid, "--out", out, "--jobs", "1")
    assert (status, err) == (0, "")
    assert said.startswith(f"{CELLS} cells; ")
    assert said.endswith(f"Next: patom report {out}\n")
    assert sorted(name for name in os.listdir(out) if name != "cells") == sorted(TABLES)
    status, said, err = run("report", out)
    assert (status, said, err) == (0, f"Report: {out / 'report.html'}\n", "")
    page = (out / "report.html").read_text()
    found = json.loads((out / "findings.json").read_text())
    assert found["title"] == "small"
    assert found["title"] in page
    for claim in found["claims"]:
        assert claim["claim"] in page
    (tmp_path / "alone").mkdir()
    shutil.copy(out / "results.parquet", tmp_path / "alone" / "small.parquet")
    status, said, err = run("report", tmp_path / "alone" / "small.parquet")
    assert (status, said, err) == (0, f"Report: {tmp_path / 'alone' / 'report.html'}\n", "")
    assert json.loads((tmp_path / "alone" / "findings.json").read_text())["claims"] == found["claims"]
    (figure,) = [name for name in os.listdir(out) if name.endswith(".svg")]
    assert (out / figure).read_text().count("<svg") == 1


def test_a_second_run_says_what_it_took_up(run, grid, tmp_path):
    run("run", grid, "--out", tmp_path / "out", "--jobs", "1", "--seeds", "1")
    status, said, _ = run("run", grid, "--out", tmp_path / "out", "--jobs", "1")
    assert status == 0
    assert said.startswith(f"{CELLS} cells, {CELLS // 2} of them from before; ")


def test_a_part_of_a_grid_can_be_run(run, tmp_path):
    second = GRID[GRID.index("[[") :].replace('"related"', '"Others"', 1)
    grid = write_grid(tmp_path / "two.toml", GRID + second)
    assert run("run", grid, "--out", tmp_path / "out", "--jobs", "1", "--only", "other")[0] == 0
    provenance = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert provenance["run"]["cells"] == CELLS


def test_several_grids_have_a_folder_each(run, tmp_path):
    for name, experiment in (("one", "first"), ("two", "second"), ("three", "third")):
        write_grid(tmp_path / f"{name}.toml", GRID.replace('"related"', f'"{experiment}"', 1))
    grids, out = [tmp_path / f"{name}.toml" for name in ("one", "two", "three")], tmp_path / "out"
    status, said, err = run("run", *grids, "--out", out, "--jobs", "1", "--seeds", "1", "--only", "ir")
    assert (status, err) == (0, "")
    assert said.startswith(f"{CELLS} cells; ")  # of "first" and "third", with one seed of two
    assert said.endswith(f"Next: patom report {out}\n")
    assert sorted(os.listdir(out)) == ["one", "three"]
    _, said, _ = run("run", *grids, "--out", out, "--jobs", "1", "--seeds", "1")
    assert said.startswith(f"{CELLS * 3 // 2} cells, {CELLS} of them from before; ")
    assert run("report", out) == (0, f"Report: {out / 'report.html'}\n", "")
    found = json.loads((out / "findings.json").read_text())
    assert [experiment["title"] for experiment in found["budgets"]] == ["first", "third", "second"]
    assert found["provenance"]["cells"] == CELLS * 3 // 2
    shutil.copy(out / "one" / "results.parquet", tmp_path / "again.parquet")
    status, _, err = run("report", out, tmp_path / "again.parquet", "--out", tmp_path / "twice")
    assert status == 2
    twice = f"patom: {out / 'one'} and {tmp_path / 'again.parquet'} both have an experiment 'first' for the figure"
    assert one_line(err, twice)
    status, said, _ = run("run", *grids, "--out", tmp_path / "some", "--jobs", "1", "--seeds", "1", "--only", "sec")
    assert (status, sorted(os.listdir(tmp_path / "some"))) == (0, ["two"])


@pytest.mark.slow
def test_several_runs_make_one_page(run, tmp_path):
    other = (
        GRID.replace('"small"', '"other"')
        .replace('"budgets"', '"correlations"')
        .replace('name = "related"', 'name = "maps"', 1)
    )
    for name, text in (("one", GRID), ("two", other)):
        run("run", write_grid(tmp_path / f"{name}.toml", text), "--out", tmp_path / name, "--jobs", "1", "--seeds", "1")
    status, _, err = run("report", tmp_path / "one", tmp_path / "two", "--out", tmp_path / "both")
    assert (status, err) == (0, "")
    found = json.loads((tmp_path / "both" / "findings.json").read_text())
    assert (found["title"], len(found["budgets"]), len(found["correlations"])) == ("small; other", 1, 1)
    assert not (tmp_path / "one" / "report.html").exists()


def test_the_report_of_an_audit_is_made_again(audit, run, tmp_path):
    audit()
    page = (tmp_path / "audit" / "report.html").read_bytes()
    (tmp_path / "audit" / "report.html").unlink()
    assert run("report", tmp_path / "audit")[0] == 0
    assert (tmp_path / "audit" / "report.html").read_bytes() == page


def test_failing_cells_give_status_1(run, tmp_path):
    grid = write_grid(tmp_path / "failing.toml", FAILING)
    status, said, err = run("run", grid, "--out", tmp_path / "out", "--jobs", "1")
    assert status == 1
    assert said.startswith(f"{CELLS} cells; ")
    assert one_line(err, f"patom: {CELLS // 2} of {CELLS} cells failed; the first, related; seed 0; patom-direct")
    assert run("report", tmp_path / "out")[0] == 0
    assert "rounds to no rows" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "fig9", "--out", "out"], "nor a file 'fig9'; the presets are adversary, attacks, defenses, fig1"),
        (["run", "small.toml", "./small.toml", "--out", "out"], "Two grids are called 'small'; each needs a folder"),
        (["run", "..toml", "small.toml", "--out", "out"], "'..toml' would name no folder of its own; rename the file."),
        (["run", "small.toml", "strange.toml", "--out", "out"], "Experiment 'related': the data have no task 77"),
        (["run", "small.toml", "typo.toml", "--out", "out"], "typo.toml: experiments[0].budget: unknown key"),
        (["run", "fig1", "fig2", "--out", "out", "--only", "iris"], "No experiment is called like 'iris'; they are"),
        (["run", "small.toml"], "Missing option '--out'"),
        (["run", "small.toml", "--out", "out", "--seeds", "0"], "Invalid value for '--seeds'"),
        (["run", "small.toml", "--out", "out", "--jobs", "2", "--dask", "x"], "--jobs is for processes of this"),
        (["run", "small.toml", "--out", "small.toml"], "The output folder small.toml cannot be written"),
        (["run", "typo.toml", "--out", "out"], "typo.toml: experiments[0].budget: unknown key"),
        (["run", "fig2", "--out", "out", "--only", "iris"], "No experiment is called like 'iris'; they are SARCOS"),
        (["report", __file__], f"{__file__} is neither the folder of a run nor its table: it is no Parquet file"),
        (["report", os.devnull], "/dev/null is neither the folder of a run nor its table: it is no regular file."),
        (["report", "nowhere"], "There is no file or folder nowhere; `patom run PRESET --out nowhere` makes one."),
        (["report", "empty"], "empty holds no run; `patom run PRESET --out empty` makes one."),
        (["report", "begun"], "begun holds a run that has not finished: run the same command again"),
        (["report", "odd"], "odd/report.json is not what an audit writes"),
    ],
)  # fmt: skip
def test_refusals_are_one_sentence_and_leave_nothing(run, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    write_grid(tmp_path / "small.toml")
    write_grid(tmp_path / "typo.toml", GRID.replace("budgets =", "budget ="))
    write_grid(tmp_path / "..toml")
    write_grid(
        tmp_path / "strange.toml", GRID.replace("pairs = {", "pairs = { seed = 1, targets = [77], attackers = 1 } #")
    )
    (tmp_path / "begun" / "cells").mkdir(parents=True)
    (tmp_path / "odd").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "odd" / "report.json").write_text("{")
    before = sorted(os.listdir(tmp_path))
    status, said, err = run(*arguments)
    assert (status, said) == (2, "")
    assert sentence in one_line(err)
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_one_sentence(run, grid, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    status, _, err = run("run", grid, "--out", tmp_path / "closed" / "out")
    assert status == 2
    assert "cannot be written: Permission denied" in one_line(err)


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_signal_leaves_whole_cells_and_no_workers(tmp_path, number, status, jobs):
    grid, out = write_grid(tmp_path / "long.toml", GRID.replace("seeds = 2", "seeds = 200")), tmp_path / "out"
    process = start("run", grid, "--out", out, "--jobs", jobs)
    wait_for(lambda: len(kept(out)) > 3)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == status
    sentence = f"finished cells are kept in {out}, and the same command goes on from there."
    assert one_line(err) == f"patom: interrupted; {sentence}\n"
    wait_for(lambda: not group(process.pid))
    for name in kept(out):
        assert json.loads((out / "cells" / name).read_text())["record"]["metric"] == "NMSE"
    assert not [name for name in os.listdir(out / "cells") if name.endswith(".partial")]
    assert not (out / ".patom.lock").exists()


@pytest.mark.slow
def test_a_full_disk_keeps_the_cells_before(run, grid, tmp_path, monkeypatch):
    from patom.paper import run as runs

    written = []

    def write_until_full(path, write):
        if len(written) == 4:
            raise OSError(28, "No space left on device")
        written.append(path)
        return real(path, write)

    real = runs.write_atomically
    monkeypatch.setattr(runs, "write_atomically", write_until_full)
    status, _, err = run("run", grid, "--out", tmp_path / "out", "--jobs", "1")
    assert status == 2
    assert "could not be kept in" in one_line(err)
    assert "No space left on device" in err
    assert len(kept(tmp_path / "out")) == 4
    monkeypatch.undo()
    assert run("run", grid, "--out", tmp_path / "out", "--jobs", "1")[1].startswith(
        f"{CELLS} cells, 4 of them from before"
    )


def test_the_help_says_what_is_left_out(run):
    status, said, _ = run("run", "--help")
    assert status == 0
    for default in ("[default: all cores]", "[default: the grid's]", "[default: all]"):
        assert default in " ".join(said.split())
