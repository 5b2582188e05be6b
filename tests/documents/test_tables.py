"""The documents show what the kept results say: nothing by hand, nothing stale."""

import json
import re
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from benchmarks.places import filled, names
from evidence import __main__ as command
from evidence import accounts, results
from evidence.pages import PAGES
from evidence.results import KEPT, ROOT, keep
from scipy.stats import t as student
from small_grid import write_grid

from patom.paper import read_grid, read_run, run_grid


@pytest.mark.parametrize("page", PAGES)
def test_each_document_is_what_the_kept_results_make_of_it(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert names(text) == list(dict.fromkeys(names(text)))
    assert set(names(text)) == set(PAGES[page])
    assert filled(text, {place: make() for place, make in PAGES[page].items()}) == text


def test_places_are_filled_by_name_and_others_stay():
    text = "a\n<!-- tables: one -->\n\nold\n\n<!-- end -->\nb\n<!-- tables: two -->\n\nstays\n\n<!-- end -->\n"
    assert filled(text, {"one": "new\n"}) == text.replace("old", "new")
    assert names(text) == ["one", "two"]


def test_a_number_of_the_documents_comes_out_by_hand():
    """PATOM direct on SARCOS at 30 %: mean over pairs within a seed, Student's interval over the seeds."""
    table = pq.read_table(
        KEPT / "fig2.parquet", columns=["experiment", "method", "budget", "seed", "damage"]
    ).to_pylist()
    name = "SARCOS, standardised torques, own inputs"
    by_seed = {}
    for row in table:
        if (row["experiment"], row["method"], row["budget"]) == (name, "patom-direct", 0.3):
            by_seed.setdefault(row["seed"], []).append(row["damage"])
    means = np.array([np.mean(values) for values in by_seed.values()])
    half = student.ppf(0.975, means.size - 1) * means.std(ddof=1) / np.sqrt(means.size)
    shown = f"{100 * means.mean():.0f} % ({100 * (means.mean() - half):.0f} % to {100 * (means.mean() + half):.0f} %)"
    (line,) = re.findall(rf"^\| {name} \| PATOM direct \|.*$", (ROOT / "docs" / "paper.md").read_text(), re.MULTILINE)
    assert line.split(" | ")[4] == shown
    assert len(by_seed) == 10


def test_the_best_split_is_bold_and_numbers_above_the_rows_stay_empty(monkeypatch):
    cell = {"data": "digits", "lambda": 0.01}
    rises = {(2, 1): (0.1, 0.3), (2, 2): (0.2, 0.4), (6, 1): (0.5, 0.7), (6, 2): (0.4, 0.4), (6, 6): (0.1, 0.1)}
    rows = [
        {**cell, "rows_injected": rows, "accounts": k, "rise": rise}
        for (rows, k), both in rises.items()
        for rise in both
    ]
    monkeypatch.setattr(accounts, "measured", lambda name: rows if name == "split" else [])
    head, _, few, many = accounts.split().splitlines()
    assert head == "| data | lambda | rows | 1 account | 2 accounts | 6 accounts |"
    assert re.findall(r"\*\*(\d+) %", few) == ["30"]
    assert re.findall(r"\*\*(\d+) %", many) == ["60"]
    assert few.startswith("| digits | 0.01 | 2 | 20 % (")
    assert few.endswith(" |  |")


@pytest.mark.parametrize(("name", "seeds"), [("fig1", 10), ("fig2", 10), ("fig3", 10), ("settings", 5)])
def test_the_kept_results_are_of_the_presets_as_they_are(name, seeds):
    rows, told = read_run(KEPT / f"{name}.parquet")
    grid = read_grid(name)
    assert told["results"]["seeds"] == list(range(seeds)) == list(range(grid.seeds))
    assert {row["experiment"] for row in rows} == {experiment.name for experiment in grid.experiments}
    for experiment in grid.experiments:
        of_it = [row for row in rows if row["experiment"] == experiment.name]
        asked = [str(name) for name in experiment.attacks]
        assert {row["method"] for row in of_it} == set(asked)
        assert {row["budget"] for row in of_it} == set(experiment.budgets)
        assert {row["start"] for row in of_it if row["attack"] == "patom"} == set(range(experiment.starts))
        assert {len(row["targets"]) for row in of_it} == {_number(experiment.pairs.targets)}
        for row in of_it:
            options = json.loads(row["data_options"])
            assert options == {name: value for name, value in experiment.data.model_dump().items() if name != "name"}
    assert told["run"]["failed"] == told["run"]["uncertified"] == 0


@pytest.mark.parametrize("name", ["fig1", "fig2", "fig3", "settings"])
def test_the_kept_numbers_agree_with_each_other(name):
    """Damage and means follow from the tasks' metrics: no column can be changed alone."""
    for row in read_run(KEPT / f"{name}.parquet")[0]:
        before, after = row["metric_clean"], row["metric_attacked"]
        damage = after / before - 1.0 if row["metric"] == "NMSE" else 1.0 - after / before
        assert row["damage"] == pytest.approx(damage, rel=1e-9, abs=1e-12)
        for when, mean in (("clean", before), ("attacked", after)):
            values = row[f"task_metric_{when}"]
            assert len(values) == len(row["targets"])
            assert np.mean(values) == pytest.approx(mean, rel=1e-9)


def _number(targets):
    return targets if isinstance(targets, int) else len(targets)


def test_a_finished_run_is_kept_and_others_are_refused(tmp_path, monkeypatch):
    run_grid(read_grid(write_grid(tmp_path / "small.toml")), tmp_path / "small", seeds=1)
    with pytest.raises(ValueError, match="small must have the name of a preset"):
        keep(tmp_path / "small", tmp_path)
    shutil.move(tmp_path / "small", tmp_path / "fig2")
    with pytest.raises(ValueError, match="fig2 is not all of fig2: run it with all experiments and 10 seeds"):
        keep(tmp_path / "fig2", tmp_path)
    small = read_grid(tmp_path / "small.toml").model_copy(update={"seeds": 1})
    monkeypatch.setattr(results, "read_grid", lambda _: small)
    kept = keep(tmp_path / "fig2", tmp_path)
    assert kept == tmp_path / "fig2.parquet"
    rows, told = read_run(tmp_path / "fig2")
    again, of_itself = read_run(kept)
    assert again == [row | {"seconds": None} for row in rows]
    assert of_itself["results"] == told["results"]
    with pytest.raises(FileNotFoundError, match="holds no run"):
        keep(tmp_path, tmp_path)


def test_the_check_names_a_document_that_differs_and_writes_nothing(tmp_path, monkeypatch, capsys):
    for page in PAGES:
        (tmp_path / page).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / page, tmp_path / page)
    paper = tmp_path / "docs" / "paper.md"
    whole = paper.read_text(encoding="utf-8")
    paper.write_text(whole.replace("PATOM direct | ", "PATOM direct | 9", 1), encoding="utf-8")
    stale = paper.read_text(encoding="utf-8")
    assert stale != whole
    monkeypatch.setattr(command, "ROOT", tmp_path)
    for arguments, status, said, left in (
        (["--check"], 1, "differs: docs/paper.md\n", stale),
        ([], 0, "written: docs/paper.md\n", whole),
        (["--check"], 0, "nothing changed\n", whole),
    ):
        monkeypatch.setattr("sys.argv", ["evidence", *arguments])
        with pytest.raises(SystemExit) as ended:
            command.main()
        assert (ended.value.code, capsys.readouterr().out) == (status, said)
        assert paper.read_text(encoding="utf-8") == left
