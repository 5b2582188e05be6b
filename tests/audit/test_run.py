"""The audit as a whole: its report is consistent, and its injected rows do the damage it tells of."""

import json
import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from audit_cells import answers_of, splits_of

from patom.audit import AuditSettings, read_table, run_audit, selection, table_data
from patom.audit.cells import victim
from patom.audit.draws import drawn
from patom.audit.levels import gate
from patom.audit.plan import plan, task_sets
from patom.audit.remedies import N_REMEDIES
from patom.intervals import varied_interval
from patom.metrics import relative_damage
from patom.results.audit import Results, Verdict


@pytest.fixture(name="tiny")
def fixture_tiny(quick):
    """One seed, one budget."""
    return replace(quick, n_seeds=1, budgets=(0.3,))


def records(audit, **wanted):
    return [row for row in audit.curves if all(row[key] == value for key, value in wanted.items())]


def refit(data, settings, X, y, task):
    return victim(data, settings, settings.lambda_1, settings.lambda_2).fit(X, y, task=task)


def test_the_report_has_a_record_for_every_attack_planned(audited, quick):
    data, audit = audited
    planned = sorted((cell.purpose.value, str(cell.attack), cell.budget, cell.replicate) for cell in plan(data, quick))
    done = [(row["purpose"], row["attack"], row["budget"], row["replicate"]) for row in audit.curves]
    assert sorted(one for one in done if one[0] != "accounts") == planned
    opened = [(row["accounts"], row["replicate"], len(row["targets"])) for row in records(audit, purpose="accounts")]
    everybody = data.tasks.size
    numbers = [(k, replicate, everybody) for k in quick.accounts for replicate in range(quick.n_seeds)]
    alone = [(audit.report["exposure"]["to_accounts"]["accounts"], 0, 1)] * everybody
    assert sorted(opened) == sorted([*numbers, *alone])
    assert audit.report["setting"]["attacks_run"] == len(done) + quick.n_seeds  # and those on capped tasks
    assert audit.report["setting"]["attacks_uncertified"] == 0
    assert audit.report["setting"]["attacks_rising"] > 0  # of three moves each


def test_the_report_is_written_as_it_was_read(audited):
    _, audit = audited
    written = Results.model_validate(audit.report).as_dict()
    assert json.dumps(written) == json.dumps(audit.report | {"command": None})


def test_curves_are_the_intervals_of_the_records(audited, quick):
    _, audit = audited
    assert len(audit.report["curves"]) == 4 * 2
    for point in audit.report["curves"]:
        rows = records(audit, purpose="curve", attack=point["attack"], budget=point["budget"])
        assert point["n_seeds"] == len(rows) == 2
        assert point["damage"] == varied_interval([row["damage"] for row in rows], quick.confidence).as_dict()
        assert point["metric"] == varied_interval([row["metric"] for row in rows], quick.confidence).as_dict()
        for row in rows:
            name = audit.report["model"]["metric"]
            assert row["damage"] == pytest.approx(relative_damage(row["metric_clean"], row["metric"], name))


def test_clean_is_the_metric_of_the_targets_without_an_attack(audited, quick):
    data, audit = audited
    splits = splits_of(drawn(data, quick))
    fits = [refit(each, quick, each.X_train, each.y_train, each.task_train) for each in splits]
    decisions = [answers_of(fitted, each) for fitted, each in zip(fits, splits, strict=True)]
    model = audit.report["model"]
    assert model["clean"] == pytest.approx(data.score(decisions[0]), abs=1e-7)
    clean = []
    for replicate in range(quick.n_seeds):
        among = np.isin(np.arange(data.tasks.size), task_sets(data, quick, replicate)[0])
        clean.append(splits[replicate].score(decisions[replicate], among))
        rows = records(audit, purpose="curve", replicate=replicate)
        np.testing.assert_allclose([row["metric_clean"] for row in rows], clean[-1], atol=1e-7)
    assert model["clean_targets"]["mean"] == pytest.approx(np.mean(clean), abs=1e-7)
    np.testing.assert_allclose(model["clean_targets_by_seed"], clean, atol=1e-7)
    for point in audit.report["curves"]:
        assert point["clean"] == model["clean_targets"]
    told = [row["clean"] for row in audit.report["data"]["tasks"]]
    np.testing.assert_allclose(told, data.score_tasks(decisions[0]), atol=1e-7)


def test_the_verdict_is_about_the_largest_mean_damage(audited):
    _, audit = audited
    worst = max(point["damage"]["mean"] for point in audit.report["curves"])
    assert audit.report["verdict"]["worst_damage"] == worst
    assert worst > 0.0


def test_a_table_with_nothing_to_learn_has_no_level_and_passes_no_gate(make_table, quick):
    table = make_table(sizes=(40, 40, 40))
    noise = np.random.default_rng(3).normal(size=table.y.size)
    report = run_audit(table_data(replace(table, y=noise)), replace(quick, n_seeds=3, budgets=(0.3,))).report
    assert report["model"]["clean_targets"]["mean"] > 1.0
    told = report["verdict"]
    assert told["level"] == told["risk"] == "cannot say"
    assert "no better than predicting the mean" in told["reason"]
    assert [gate(Verdict.model_validate(told), threshold).exceeded for threshold in (-9.0, 0.25, 9.0)] == [None] * 3


def test_the_map_holds_the_damage_of_one_task_on_one_other(audited):
    data, audit = audited
    exposure, names = audit.report["exposure"], data.tasks.tolist()
    assert exposure["tasks"] == names
    assert exposure["all_tasks_shown"]
    assert exposure["rows_injected"] == np.floor(0.2 * data.counts + 1e-9).astype(int).tolist()
    for i, attacker in enumerate(names):
        for j, target in enumerate(names):
            (row,) = records(audit, purpose="exposure", attackers=[attacker], targets=[target])
            assert exposure["damage"][i][j] == row["damage"]


def test_relationships_before_are_those_of_the_clean_model(audited, quick):
    data, audit = audited
    clean = refit(data, quick, data.X_train, data.y_train, data.task_train)
    told = audit.report["relationships"]
    np.testing.assert_allclose(told["before"]["correlation"], clean.task_correlation_, atol=1e-5)
    np.testing.assert_allclose(told["before"]["spectrum"], clean.task_spectrum_, atol=1e-6)
    assert told["after"]["spectrum"] != told["before"]["spectrum"]
    assert sum(told["after"]["spectrum"]) == pytest.approx(1.0)
    assert told["attackers"] == told["tasks"] == data.tasks.tolist()


def test_the_report_is_strict_json(audited):
    _, audit = audited
    assert json.loads(json.dumps(audit.report, allow_nan=False))["curves"] == audit.report["curves"]


def test_injected_rows_do_the_worst_damage_in_the_users_file(audited, quick, tmp_path):
    data, audit = audited
    worst = max(records(audit, purpose="curve"), key=lambda row: row["damage"])
    data = drawn(data, quick).of_replicate(worst["replicate"])
    classes = np.array(data.about.classes) if data.kind == "classification" else None
    y = data.scaling.target_back(data.y_train) if classes is None else classes[(data.y_train > 0).astype(int)]
    X, sites = data.scaling.features_back(data.X_train), data.tasks[data.task_train]
    names = list(data.features)
    mine = pa.table({"site": sites} | {name: X[:, k] for k, name in enumerate(names)} | {"y": y})
    poison = pa.table(audit.injected)
    assert poison.column_names == ["site", *names, "y"]
    assert poison.schema == mine.schema
    pq.write_table(pa.concat_tables([mine, poison]), tmp_path / "poisoned.parquet")
    table = read_table(tmp_path / "poisoned.parquet", task="site", target="y", kind=data.kind)
    assert table.y.size == len(mine) + len(poison)

    assert len(poison) == worst["rows_injected"]
    injected = np.bincount(np.searchsorted(data.tasks, table.task[len(mine) :]), minlength=data.tasks.size)
    attacking = np.isin(data.tasks, worst["attackers"])
    np.testing.assert_array_equal(injected, np.where(attacking, np.floor(worst["budget"] * data.counts + 1e-9), 0))
    scaled = data.scaling.features(table.X)
    assert np.linalg.norm(scaled[len(mine) :], axis=1).max() <= 1.0 + 1e-9

    targets = table.y if data.kind == "classification" else data.scaling.target(table.y)
    model = refit(data, quick, scaled, targets, np.searchsorted(data.tasks, table.task))
    among = np.isin(data.tasks, worst["targets"])
    attacked = data.score(answers_of(model, data), among)
    assert relative_damage(worst["metric_clean"], attacked, data.metric) == pytest.approx(worst["damage"], rel=1e-5)


@pytest.mark.parametrize(
    ("classes", "values"),
    [(("0", "1"), [0, 1]), (("-1", "1"), [-1, 1]), (("0.5", "2"), [0.5, 2.0]), (("False", "True"), [False, True])],
)
def test_injected_classes_and_tasks_have_the_users_types(make_table, tiny, classes, values):
    table = make_table("classification", sizes=(20, 20))
    table = replace(table, classes=classes, task=np.repeat([3, 11], 20), task_column="user id", target_column="y €")
    injected = run_audit(table_data(table), tiny).injected
    assert list(injected) == ["user id", "x0", "x1", "x2", "y €"]
    assert set(injected["y €"].tolist()) <= set(values)
    assert injected["y €"].dtype == np.array(values).dtype
    assert injected["user id"].dtype == np.int64


@pytest.mark.slow
def test_held_out_rows_choose_nothing(make_table):
    settings = AuditSettings(n_seeds=1, attack="patom", iterations=1, budgets=(0.3,))
    data = table_data(make_table(sizes=(20, 20)))
    rng = np.random.default_rng(0)
    blind = replace(data, X_test=rng.normal(size=data.X_test.shape), y_test=rng.normal(size=data.y_test.size))
    seen, unseen = run_audit(data, settings).report, run_audit(blind, settings).report
    for key in ("lambda_1", "lambda_2", "cross_validation", "objective"):
        assert seen["model"][key] == unseen["model"][key]
    assert seen["setting"]["step_sizes"] == unseen["setting"]["step_sizes"]
    assert seen["relationships"]["after"] == unseen["relationships"]["after"]
    assert seen["curves"] != unseen["curves"]


def test_the_report_names_the_attack_and_its_iterations(audited, audited_by_patom):
    ours = audited[1].report["setting"]
    assert (ours["attack"], ours["iterations"], ours["step_size"], ours["step_sizes"]) == ("ascent", 2, None, {})
    papers, audit = audited_by_patom
    told = audit.report["setting"]
    assert (told["attack"], told["iterations"], told["step_size"]) == ("patom", papers.iterations, None)
    assert set(told["step_sizes"]) == {"patom-direct", "patom-indirect"}
    for report, name in ((audited[1].report, "optimised"), (audit.report, "PATOM")):
        assert {point["label"].partition(",")[0] for point in report["curves"]} == {"random", name}
        assert report["relationships"]["label"] == f"{name}, hybrid"


def test_patoms_random_twins_are_those_of_the_ascent(make_table, audited_by_patom):
    settings, audit = audited_by_patom
    ours = run_audit(table_data(make_table(sizes=(24, 24, 24))), replace(settings, attack="ascent"))
    twins = [[row for row in found.curves if row["attack"].startswith("random")] for found in (audit, ours)]
    assert twins[0] == twins[1] != []


def test_the_seed_decides(make_table, tiny):
    data = table_data(make_table(sizes=(20, 20)))
    first, again, other = (run_audit(data, replace(tiny, seed=seed)) for seed in (0, 0, 7))
    assert first.report == again.report
    assert repr(first.curves) == repr(again.curves)  # attacks on all tasks have no bystanders: NaN
    assert first.report["curves"] != other.report["curves"]


@pytest.mark.parametrize(("attack", "n_pilots"), [("ascent", 0), ("patom", 10)])
def test_progress_counts_every_step_to_the_end(make_table, attack, n_pilots):
    seen = []
    settings = AuditSettings(n_seeds=1, attack=attack, iterations=1, budgets=(0.3,))
    data = table_data(make_table(sizes=(20, 20)))
    run_audit(data, settings, progress=lambda done, total: seen.append((done, total)))
    again = settings.n_seeds  # the worst attack on a victim that tunes again
    beside = N_REMEDIES + 5 + 1  # with accounts: four numbers and capped; a bound
    total = 25 + n_pilots + len(plan(data, settings)) + again + beside * settings.n_seeds + 2  # accounts on each task
    total += attack == "ascent"  # which follows the worst up
    assert seen == [(k, total) for k in range(1, total + 1)]


def test_where_the_grid_of_lambdas_grows_the_steps_do_and_its_end_is_told(make_table, monkeypatch):
    monkeypatch.setattr(selection, "_score", lambda *arguments: [0.1 + sum(arguments[2]) ** 0.1] * 3)
    seen = []
    settings = AuditSettings(n_seeds=1, iterations=1, budgets=(0.3,))
    data = table_data(make_table(sizes=(20, 20)))
    notes = run_audit(data, settings, progress=lambda *steps: seen.append(steps)).report["data"]["notes"]
    total = 81 + len(plan(data, settings)) + settings.n_seeds + (N_REMEDIES + 5 + 1 + 1) * settings.n_seeds + 2
    assert [done for done, _ in seen] == list(range(1, total + 1))
    assert all(done <= planned <= total for done, planned in seen)
    assert seen[-1] == (total, total)
    assert notes[-1] == (
        "The lambdas chosen lie where the grid ends: weaker lambda_1 and weaker lambda_2 may do better still, so set "
        "them yourself if you know better ones."
    )


@pytest.mark.parametrize(
    ("sizes", "settings", "whom"),
    [
        ((40,), {}, "the only task raises its NMSE"),
        ((40, 40), {}, "one of the two tasks raises its NMSE"),
        ((30, 30, 30), {}, "2 of the 3 tasks raises their NMSE"),
        ((30, 30), {"targets": ("t1",)}, "task 't1' raises its NMSE"),
        ((30, 30, 30), {"targets": ("t1", "t0")}, "the tasks 't1' and 't0' raises their NMSE"),
    ],
)
def test_the_headline_names_whom_it_is_about(make_table, tiny, sizes, settings, whom):
    report = run_audit(table_data(make_table(sizes=sizes)), replace(tiny, **settings)).report
    assert re.match(f"An attacker who adds 30 % (more|random) rows to {whom} by ", report["verdict"]["headline"])
    if len(sizes) == 1:
        assert {point["attack"] for point in report["curves"]} == {"random-direct", "ascent-direct"}
        assert all(point["bystander_metric"]["mean"] is None for point in report["curves"])


@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_tasks_too_small_alone_are_measured_together_and_said_so(make_table, tiny, kind):
    report = run_audit(table_data(make_table(kind, sizes=[4] * 20)), replace(tiny, budgets=None)).report
    assert report["model"]["measured"] == "tasks together"
    assert report["setting"]["budgets"] == pytest.approx([1 / 3])
    if kind == "regression":  # of four rows hardly ever two of different classes are held out
        assert all(np.isfinite(point["damage"]["mean"]) for point in report["curves"])
    notes = " ".join(report["data"]["notes"])
    assert "tasks are measured together" in notes
    assert "comes to no row in" in notes
    json.dumps(report, allow_nan=False)


def test_a_task_that_cannot_be_measured_is_counted_in_the_notes(make_table, tiny):
    report = run_audit(table_data(make_table(sizes=(70, 70, 1))), tiny).report
    assert report["data"]["tasks"][2]["clean"] is None
    assert report["data"]["notes"] == [
        "Tasks that count in no mean, as their test rows are too few or of one value: 1 of 3.",
        "Even the largest budget comes to no row in 1 of 3 attacking tasks, as it is rounded down.",
    ]


def test_nothing_measurable_has_no_level_and_is_still_a_report(make_table, tiny):
    table = make_table("classification", sizes=(30, 30))
    data = table_data(table)
    data = replace(data, y_test=np.ones(data.y_test.size))
    audit = run_audit(data, tiny)
    assert audit.report["verdict"]["level"] == "cannot say"
    assert audit.report["exposure"] is None
    assert list(audit.injected) == ["site", "x0", "x1", "x2", "y"]
    json.dumps(audit.report, allow_nan=False)


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1e6, 1e-6])
def test_the_scale_of_target_and_features_does_not_matter(make_table, tiny, factor):
    table = make_table(sizes=(24, 24))
    plain = run_audit(table_data(table), tiny)
    scaled = run_audit(table_data(replace(table, y=factor * table.y, X=table.X * factor)), tiny)
    for a, b in zip(plain.report["curves"], scaled.report["curves"], strict=True):
        assert b["damage"]["mean"] == pytest.approx(a["damage"]["mean"], rel=1e-4)
    np.testing.assert_allclose(scaled.injected["y"], factor * plain.injected["y"], rtol=1e-9)


@pytest.mark.slow
def test_almost_no_rows_are_no_low_risk(make_table):
    table = make_table(sizes=[20] * 9 + [40])
    settings = AuditSettings(
        budgets=(0.05,), n_seeds=2, iterations=2, lambda_1=0.01, lambda_2=0.01, targets=("t0", "t1", "t2", "t3", "t4"),
        accounts=(),
    )  # fmt: skip
    report = run_audit(table_data(table), settings).report
    direct, indirect = report["coverage"]
    assert (direct["rows"], indirect["rows"], indirect["reached"]) == ([0, 0], [1, 1], [1, 1])
    assert report["verdict"]["level"] == "cannot say"
    assert "direct attacks have a row for 0 of 5 attacking tasks" in report["verdict"]["reason"]
    assert gate(Verdict.model_validate(report["verdict"]), 100.0).exceeded is None
    assert any("direct attacks have no row to inject in 2 of 2 seeds" in note for note in report["data"]["notes"])


def test_one_task_has_no_other_for_indirect_attacks(make_table, quick):
    setting = run_audit(table_data(make_table(sizes=(40,))), quick).report["setting"]
    assert setting["attackers"] == "direct: the targets themselves; no other task for indirect attacks"
