"""``patom screen``: what it prints and writes, and how it refuses."""

import json
import os
import re

import pytest
from command_line import linear_tasks, one_line, write_csv

NAMED = ("--task", "site", "--target", "y")
LAMBDAS = ("--lambda-1", "0.01", "--lambda-2", "0.01")


@pytest.fixture(name="sites")
def fixture_sites(tmp_path):
    """Three sites; the targets of the third are turned round."""
    columns = linear_tasks((24, 24, 24))
    columns["y"] = [
        -value if site == "east" else value for site, value in zip(columns["site"], columns["y"], strict=True)
    ]
    columns["y"][-1] = 40.0
    return write_csv(tmp_path / "sites.csv", columns)


def test_it_ranks_the_tasks(run, sites):
    status, printed, err = run("screen", sites, *NAMED, *LAMBDAS)
    assert (status, err) == (0, "")
    lines = printed.splitlines()
    assert lines[0] == "3 tasks, the most suspicious first:"
    assert [line.split()[:4] for line in lines[1:4]] == [
        ["1", "east", "24", "rows"], ["2", lines[2].split()[1], "24", "rows"], ["3", lines[3].split()[1], "24", "rows"],
    ]  # fmt: skip
    first = run("screen", sites, *NAMED, *LAMBDAS, "--top", "1")[1].splitlines()
    assert [line.split() for line in first] == [line.split() for line in (*lines[:2], *lines[4:])]


def test_it_says_what_it_screened(run, tmp_path):
    columns = linear_tasks((24, 24, 6))
    columns |= {"name": ["x"] * 54, "flat": [1] * 54}
    table, out = write_csv(tmp_path / "sites.csv", columns), tmp_path / "screen.json"
    lines = run("screen", table, *NAMED, *LAMBDAS, "--out", out)[1].splitlines()
    assert lines[5:] == [
        "Screened: 54 rows, 3 tasks, 6 to 24 rows a task.",
        "  2 features: 'a' and 'b'.",
        "  Left out of the features, as they hold no numbers: 'name'.",
        "  Regression, since the target holds 54 distinct numbers.",
        "  Features that are constant over the training rows were left out: flat.",
    ]
    found = json.loads(out.read_text())
    assert (found["n_rows"], found["n_tasks"], found["features"]) == (54, 3, ["a", "b"])
    assert found["notes"] == [line.strip() for line in lines[7:]]


def test_tasks_of_few_rows_are_marked_and_not_moved(run, tmp_path):
    table, out = write_csv(tmp_path / "sites.csv", linear_tasks((24, 24, 6))), tmp_path / "screen.json"
    lines = run("screen", table, *NAMED, *LAMBDAS, "--out", out)[1].splitlines()
    found = json.loads(out.read_text())["tasks"]
    assert {entry["task"]: entry["n_rows"] for entry in found} == {"north": 24, "south": 24, "east": 6}
    assert [line.split()[1] for line in lines[1:4]] == [entry["task"] for entry in found]
    for line in lines[1:4]:
        assert ("6 rows*" in line) == ("east" in line)
    assert lines[4] == (
        "* fewer than 20 rows: such a task stands out by chance more easily, and --resamples gives p-values that "
        "reckon with it."
    )
    drawn = run("screen", table, *NAMED, *LAMBDAS, "--resamples", "1")[1].splitlines()
    assert drawn[4] == "* fewer than 20 rows: such a task stands out by chance more easily."


def test_lambdas_that_were_tuned_are_told(run, sites):
    assert re.search(
        r"^  lambda_1 is \S+ and lambda_2 \S+, by cross-validation\.$", run("screen", sites, *NAMED)[1], re.M
    )


def test_without_lambdas_they_are_tuned(run, sites):
    assert run("screen", sites, *NAMED)[1].splitlines()[1].split()[1] == "east"


def test_all_scores_go_into_a_file(run, sites, tmp_path):
    run("screen", sites, *NAMED, *LAMBDAS, "--out", tmp_path / "screen.json")
    found = json.loads((tmp_path / "screen.json").read_text())
    assert (found["source"], found["task_column"], found["target_column"]) == ("sites.csv", "site", "y")
    assert found["tasks"][0]["task"] == "east"
    assert set(found["tasks"][0]["scores"]) == {"own_loss", "harm", "reach", "change", "correlation"}
    assert found["tasks"][0]["scores"]["change"] is None
    assert sorted(found["tasks"][0]["most_correlated"]) == ["north", "south"]


def test_a_trusted_table_shows_changes(run, sites, tmp_path):
    clean = write_csv(tmp_path / "clean.csv", linear_tasks((24, 24, 24)))
    run("screen", sites, *NAMED, *LAMBDAS, "--trusted", clean, "--out", tmp_path / "screen.json")
    found = json.loads((tmp_path / "screen.json").read_text())
    change = {entry["task"]: entry["scores"]["change"] for entry in found["tasks"]}
    assert change["east"] > 1.0 > change["north"]


def test_p_values_are_told_where_they_are_asked_for(run, sites, tmp_path):
    out = tmp_path / "screen.json"
    asked = ("screen", sites, *NAMED, *LAMBDAS, "--out", out)
    assert " p " not in run(*asked)[1]
    assert {entry["p_value"] for entry in json.loads(out.read_text())["tasks"]} == {None}
    lines = run(*asked, "--resamples", "4")[1].splitlines()[1:4]
    told = [entry["p_value"] for entry in json.loads(out.read_text())["tasks"]]
    assert [float(re.search(r" p (\d\.\d{3}) ", line)[1]) for line in lines] == told
    assert set(told) <= {0.2, 0.4, 0.6, 0.8, 1.0}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--task", "sight", "--target", "y"), "no column 'sight'"),
        ((*NAMED, "--lambda-1", "0.1"), "must be given together"),
        ((*NAMED, "--top", "0"), "'--top'"),
        ((*NAMED, "--resamples", "-1"), "'--resamples'"),
        ((*NAMED, *LAMBDAS, "--trusted", "nowhere.csv"), "nowhere.csv"),
        ((*NAMED, *LAMBDAS, "--features", "a", "--kind", "ranking"), "--kind"),
        ((*NAMED, "--new", "weast"), "new names the task 'weast', .* the nearest names are east"),
        ((*NAMED, "--new", "east,north,south"), "new names all tasks"),
        ((*NAMED, "--new", ","), "new must name a task at least"),
        (("--task", "site"), "Missing option '--target'"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(run, sites, tmp_path, arguments, reason):
    status, printed, err = run("screen", sites, *arguments, "--out", tmp_path / "screen.json")
    assert (status, printed) == (2, "")
    assert re.search(reason, one_line(err)), err
    assert os.listdir(tmp_path) == ["sites.csv"]


SCREENED = r"All 2 together move the predictions of the old tasks by (.+) %, and (lower|raise) their loss by (.+) %\.$"


def test_new_tasks_have_a_list_of_their_own(run, sites, tmp_path):
    out = tmp_path / "screen.json"
    plain = run("screen", sites, *NAMED, *LAMBDAS, "--out", out)[1].splitlines()
    before = json.loads(out.read_text())
    assert "new_tasks" not in before
    lines = run("screen", sites, *NAMED, *LAMBDAS, "--new", "east,south", "--out", out)[1].splitlines()
    after = json.loads(out.read_text())
    found = after.pop("new_tasks")
    assert set(after) == set(before)  # its numbers are others: the old tasks alone set the scale
    assert sorted(entry["task"] for entry in after["tasks"]) == sorted(entry["task"] for entry in before["tasks"])
    assert lines[0] == plain[0]
    assert lines[4] == "2 new tasks, those that raise the loss of the old ones most first:"
    assert [line.split()[1:4] for line in lines[5:7]] == [[entry["task"], "24", "rows"] for entry in found["tasks"]]
    shares = [entry["share"] for entry in found["tasks"]]
    assert shares == sorted(shares, reverse=True)
    told = re.search(SCREENED, lines[7])
    assert float(told[1]) == pytest.approx(100 * found["together"], rel=0.05)
    assert float(told[3]) == pytest.approx(100 * abs(found["together_loss_rise"]), rel=0.05)
    assert (told[2] == "raise") == (found["together_loss_rise"] > 0)
    single = run("screen", sites, *NAMED, *LAMBDAS, "--new", "east")[1]
    assert "1 new task, those" in single
    assert "together" not in single


def test_tasks_that_the_trusted_table_does_not_hold_are_new(run, sites, tmp_path):
    note, out = "New tasks: 1 of 3 tasks, which the trusted table does not hold.", tmp_path / "screen.json"
    for sizes, new in (((24, 24), ["east"]), ((24, 24, 24), None)):
        clean = write_csv(tmp_path / "clean.csv", linear_tasks(sizes))
        printed = run("screen", sites, *NAMED, *LAMBDAS, "--trusted", clean, "--out", out)[1]
        found = json.loads(out.read_text())
        assert [entry["task"] for entry in found.get("new_tasks", {}).get("tasks", [])] == (new or [])
        assert (note in found["notes"], note in printed) == (new is not None, new is not None)
    clean = write_csv(tmp_path / "clean.csv", linear_tasks((24, 24)))
    printed = run("screen", sites, *NAMED, *LAMBDAS, "--trusted", clean, "--new", "north", "--out", out)[1]
    assert [entry["task"] for entry in json.loads(out.read_text())["new_tasks"]["tasks"]] == ["north"]
    assert note not in printed


def test_new_tasks_may_have_numbers_for_names_and_top_cuts_both_lists(run, tmp_path):
    columns = linear_tasks((24, 24, 24))
    columns["site"] = [{"north": 1, "south": 20, "east": 3}[name] for name in columns["site"]]
    table, out = write_csv(tmp_path / "sites.csv", columns), tmp_path / "screen.json"
    asked = ("screen", table, *NAMED, *LAMBDAS, "--new", "20", "--new", "3", "--top", "1", "--out", out)
    lines = run(*asked)[1].splitlines()
    found = json.loads(out.read_text())["new_tasks"]["tasks"]
    assert {entry["task"] for entry in found} == {20, 3}
    assert lines[2].startswith("2 new tasks")
    assert lines[3].split()[:2] == ["1", str(found[0]["task"])]
    assert lines[4].startswith("All 2 together")


def test_one_task_cannot_be_ranked(run, tmp_path):
    status, _, err = run("screen", write_csv(tmp_path / "one.csv", linear_tasks((24,))), *NAMED, *LAMBDAS)
    assert status == 2
    assert "screen needs two tasks or more" in one_line(err)


def test_a_file_that_cannot_be_written_is_told(run, sites, tmp_path):
    status, _, err = run("screen", sites, *NAMED, *LAMBDAS, "--out", tmp_path / "no" / "screen.json")
    assert status == 2
    assert one_line(err)


def joined_by(accounts):
    """Three sites of 24 rows and, by name, rows of further ones: a, b and y."""
    columns = {name: list(values) for name, values in linear_tasks((24, 24, 24)).items()}
    for site, rows in accounts.items():
        for row in rows:
            for name, value in zip(columns, (site, *row), strict=True):
                columns[name].append(value)
    return columns


SEE_SAW = [(0.3, 0.1, 8.0), (-0.3, -0.1, -8.0)]


def test_a_new_task_sets_neither_scale_nor_lambdas(run, tmp_path):
    """A decoy with one row of a huge target does not hide what another account does alone."""
    rises, lambdas = [], []
    for accounts in ({"late": SEE_SAW}, {"late": SEE_SAW, "decoy": [(1.0, 1.0, 1e9)]}):
        table, out = write_csv(tmp_path / "rows.csv", joined_by(accounts)), tmp_path / "screen.json"
        run("screen", table, *NAMED, "--new", ",".join(accounts), "--out", out)
        told = json.loads(out.read_text())
        rises += [one["loss_rise"] for one in told["new_tasks"]["tasks"] if one["task"] == "late"]
        lambdas.append([note for note in told["notes"] if "lambda_1" in note])
    assert rises[1] == pytest.approx(rises[0], rel=1e-3)
    assert rises[0] > 0.0
    assert lambdas[0] == lambdas[1] != []


def test_tasks_that_nobody_vouches_for_stay_out_of_the_ranking(run, tmp_path):
    clean, table, out = tmp_path / "clean.csv", tmp_path / "rows.csv", tmp_path / "screen.json"
    write_csv(clean, linear_tasks((24, 24, 24)))
    told = []
    for accounts in ({"late": SEE_SAW}, {"late": SEE_SAW, "later": SEE_SAW}):
        write_csv(table, joined_by(accounts))
        run("screen", table, *NAMED, *LAMBDAS, "--trusted", clean, "--new", "late", "--out", out)
        told.append(json.loads(out.read_text()))
    one, other = (each["new_tasks"]["tasks"] for each in told)
    assert [entry["task"] for entry in other] == ["late"]
    assert other[0]["loss_rise"] > 0.0
    assert any("leaves out 1 task that the trusted table does not hold: 'later'" in note for note in told[1]["notes"])
    assert len(one) == 1
