"""``patom report`` on whatever lies in the folder: a page, or one sentence and status 2, and nothing is written."""

import json
import os
import shutil

import pytest
from command_line import contents, needs_proc, one_line
from small_grid import GRID, TABLES, write_grid

from patom.paper import parse_grid, run_grid
from patom.paper.run import RunFolder


@pytest.fixture(name="finished", scope="module")
def fixture_finished(tmp_path_factory):
    """A finished run's files."""
    out = tmp_path_factory.mktemp("finished")
    run_grid(parse_grid(GRID, "G"), out, seeds=1)
    return out


@pytest.fixture(name="folder")
def fixture_folder(finished, tmp_path):
    """A copy of them in a folder called ``run``."""
    (tmp_path / "run").mkdir()
    for name in TABLES:
        shutil.copy(finished / name, tmp_path / "run" / name)
    return tmp_path / "run"


def refusal(run, folder):
    """What is said in refusing, on one line; the folder is left as it was."""
    before = sorted(os.listdir(folder))
    status, said, err = run("report", folder)
    assert (status, said) == (2, "")
    assert sorted(os.listdir(folder)) == before
    return one_line(err)


CONTENTS = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b"{",
    b"\xff\xfe{\x00}\x00",
    b"[" * 100_000,
    b"PAR1" + bytes(64) + b"PAR1",
    b"a,b\n1,2\n",
]


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("content", CONTENTS)
def test_other_content_in_a_runs_files_is_one_sentence(run, folder, name, content):
    (folder / name).write_bytes(content)
    assert f"patom: {folder / name} is not what `patom run` wrote: " in refusal(run, folder)


@pytest.mark.parametrize("name", TABLES)
def test_a_file_that_is_cut_short_is_one_sentence(run, folder, name):
    content = (folder / name).read_bytes()
    for n in range(0, len(content) - 1, len(content) // 6):  # without its last newline, JSON is still whole
        (folder / name).write_bytes(content[:n])
        assert f"{name} is not what `patom run` wrote: " in refusal(run, folder)


@pytest.mark.parametrize("name", TABLES)
def test_a_folder_in_a_files_place_is_one_sentence(run, folder, name):
    (folder / name).unlink()
    (folder / name).mkdir()
    said = refusal(run, folder)
    assert "holds no run" in said or f"{name} cannot be read: " in said


@pytest.mark.parametrize("content", [*CONTENTS, b'{"schema": 1}', b'{"schema": 7}', b'{"schema": 1, "data": NaN}'])
def test_other_content_in_an_audits_file_is_one_sentence(run, tmp_path, content):
    (tmp_path / "report.json").write_bytes(content)
    assert f"patom: {tmp_path / 'report.json'} is not what an audit writes: " in refusal(run, tmp_path)


def test_a_folder_in_an_audits_files_place_is_one_sentence(run, tmp_path):
    (tmp_path / "report.json").mkdir()
    assert "report.json is not what an audit writes: it is no regular file." in refusal(run, tmp_path)


def test_results_of_another_shape_are_one_sentence(run, audit, tmp_path):
    audit()
    path = tmp_path / "audit" / "report.json"
    whole = json.loads(path.read_text())
    before = contents(tmp_path / "audit")
    for place, value in [("curves", 3), ("exposure", []), ("verdict", {}), ("data", {"tasks": []}), ("model", None)]:
        path.write_text(json.dumps(whole | {place: value}))
        assert f" is not what an audit writes: {place}" in refusal(run, tmp_path / "audit")
    path.write_text(json.dumps(whole))
    assert run("report", tmp_path / "audit")[0] == 0
    assert contents(tmp_path / "audit")["report.html"] == before["report.html"]


def test_a_folder_whose_name_is_no_utf8_has_its_page(run, folder):
    odd = folder.with_name(os.fsdecode(b"run\xff"))
    try:
        folder.rename(odd)
    except OSError:
        pytest.skip("the system has no such names")
    run("report", odd)
    assert json.loads((odd / "findings.json").read_text("utf-8"))["command"].endswith("run\\xff'")
    assert "</html>" in (odd / "report.html").read_text("utf-8")


def test_a_cell_of_another_shape_is_computed_again(run, tmp_path):
    grid, out = write_grid(tmp_path / "small.toml"), tmp_path / "out"
    command = ("run", grid, "--out", out, "--jobs", "1", "--seeds", "1")
    assert run(*command)[0] == 0
    table = (out / "results.parquet").read_bytes()
    first, second, third, fourth = sorted((out / "cells").iterdir())[:4]
    first.write_text("[" * 100_000)
    second.write_text(json.dumps(json.loads(second.read_text()) | {"record": {"damage": [1]}}))
    shutil.copy(fourth, third)
    status, said, err = run(*command)
    assert (status, err) == (0, "")
    assert ", 13 of them from before" in said
    assert (out / "results.parquet").read_bytes() == table


@needs_proc
def test_a_report_says_that_it_is_a_run_that_holds_the_folder(run, folder, tmp_path):
    with RunFolder(tmp_path / "held"):
        status, _, err = run("report", folder, "--out", tmp_path / "held")
    assert status == 2
    assert one_line(err) == (
        f"patom: A run is writing to {tmp_path / 'held'}; wait for it or choose another folder "
        f"(it is process {os.getpid()}).\n"
    )


def test_a_grid_with_a_mark_of_the_order_of_bytes_is_run(run, tmp_path):
    path = tmp_path / "marked.toml"
    path.write_bytes(GRID.encode("utf-8-sig"))
    assert run("run", path, "--out", tmp_path / "out", "--jobs", "1", "--seeds", "1")[0] == 0


@pytest.mark.parametrize(
    "text", [".".join("a" * 2_000) + " = 1", "seeds = " + "9" * 5_000, GRID.replace("= 2", "= 999999999", 1)]
)
def test_a_grid_that_nobody_can_run_is_one_sentence(run, tmp_path, text):
    path = write_grid(tmp_path / "odd.toml", text)
    status, said, err = run("run", path, "--out", tmp_path / "out")
    assert (status, said) == (2, "")
    assert one_line(err)
    assert not (tmp_path / "out").exists()
