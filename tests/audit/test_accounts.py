"""New accounts in an audit: measured over all tasks and on single ones, bracketed, in the verdict and on the page."""

import json
from dataclasses import replace

import numpy as np
import pytest

from patom import Capped, MTRLRegressor, NewTasks, ProjectedAscent, ThreatModel
from patom.attacks import loss_bound
from patom.audit import AuditSettings, read_table, run_audit, table_data
from patom.audit.bracket import Bracketed, bracket_of
from patom.audit.draws import drawn
from patom.audit.levels import judge
from patom.audit.steps import Steps
from patom.datasets import make_related_tasks
from patom.evaluate.seeding import Stream, generator
from patom.report import render_page
from patom.results.audit import AccountPoint, Accounts, Point
from patom.results.parts import Interval


@pytest.fixture(name="audited", scope="module")
def fixture_audited(tmp_path_factory):
    """An audit of six related tasks with three numbers of accounts."""
    data = make_related_tasks(n_tasks=6, n_features=8, n_train=60, n_groups=2, random_state=4)
    lines = [",".join(["task", "y", *(f"x{i}" for i in range(8))])]
    lines += [",".join(map(str, [f"t{t}", y, *x])) for x, y, t in zip(*data.train, strict=True)]
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    path.write_text("\n".join(lines))
    settings = AuditSettings(
        budgets=(0.1,), n_seeds=2, iterations=5, lambda_1=0.01, lambda_2=0.01, accounts=(10, 1, 3, 3), account_rows=2
    )
    rows = table_data(read_table(path, task="task", target="y"), seed=0)
    met = []
    found = run_audit(rows, settings, progress=lambda done, total: met.append((done, total)))
    return rows, settings, found, met


def test_every_number_is_measured_over_all_tasks(audited):
    _, _, found, met = audited
    section = found.report["accounts"]
    assert [point["accounts"] for point in section["points"]] == [1, 3, 10]
    assert [point["rows"] for point in section["points"]] == [2, 6, 20]
    damages = [point["damage"]["mean"] for point in section["points"]]
    assert damages[2] > damages[0] > 0.0
    for point in section["points"]:
        clean, attacked = section["clean"]["mean"], point["metric"]["mean"]
        assert attacked / clean - 1.0 == pytest.approx(point["damage"]["mean"], rel=0.05)  # means of ratios
    capped = section["capped"]
    assert capped["damage"]["mean"] < 0.5 * damages[2]
    assert met[-1][0] == met[-1][1]


def test_a_measurement_comes_out_by_hand(audited):
    rows, settings, found, _ = audited
    rows, metrics = drawn(rows, settings), []
    for replicate in range(2):
        split = rows.of_replicate(replicate)
        X, y, task = split.train
        attack = ProjectedAscent(features="see-saw", optimise_labels=True, n_starts=1, max_iter=5)
        result = attack.poison(
            MTRLRegressor(0.01, 0.01), X, y, task=task, threat=ThreatModel(tuple(range(6)), NewTasks(10, 2)),
            random_state=generator(settings.seed, Stream.ACCOUNTS, 10, replicate, *range(1, 7)),
        )  # fmt: skip
        decision = result.model.predict(split.test.X, task=split.test.task)
        metrics.append(split.score(decision, split.mask(range(6))))
    assert np.mean(metrics) == pytest.approx(found.report["accounts"]["points"][2]["metric"]["mean"], rel=1e-9)


def test_the_map_has_a_row_of_accounts_with_as_many_rows_as_a_task(audited):
    rows, settings, found, _ = audited
    exposure = found.report["exposure"]
    opened = exposure["to_accounts"]
    assert (opened["accounts"], opened["rows_each"]) == (round(np.median(exposure["rows_injected"]) / 2), 2)
    split = drawn(rows, settings).of_replicate(0)
    X, y, task = split.train
    result = ProjectedAscent(features="see-saw", optimise_labels=True, n_starts=1, max_iter=5).poison(
        MTRLRegressor(0.01, 0.01), X, y, task=task, threat=ThreatModel(2, NewTasks(opened["accounts"], 2)),
        random_state=generator(settings.seed, Stream.ACCOUNTS, opened["accounts"], 0, 3),
    )  # fmt: skip
    model = MTRLRegressor(0.01, 0.01).fit(X, y, task=task)
    was, now = (
        split.score(fitted.predict(split.test.X, task=split.test.task), split.mask((2,)))
        for fitted in (model, result.model)
    )
    assert opened["damage"][2] == pytest.approx(now / was - 1.0, rel=1e-6)
    page = render_page(found.report)
    assert f"{opened['accounts']} new accounts" in page
    assert "The last row is an attacker who opens" in page


def test_losses_lie_between_what_was_reached_and_the_bound(audited):
    rows, settings, found, _ = audited
    for bracket in (found.report["bracket"], found.report["accounts"]["bracket"]):
        assert bracket["clean"]["mean"] < bracket["found"]["mean"] <= bracket["bound"]["mean"]
    rows, bounds, threat = drawn(rows, settings), [], ThreatModel(tuple(range(6)), NewTasks(10, 2))
    for replicate in range(2):
        X, y, task = rows.of_replicate(replicate).train
        bounds.append(loss_bound(MTRLRegressor(0.01, 0.01), X, y, task=task, threat=threat).value)
    certified = found.report["accounts"]["bracket"]["bound"]["mean"]
    assert np.mean(bounds) <= certified * (1.0 + 1e-6)  # an audit's game stops earlier
    assert certified < 1.1 * np.mean(bounds)
    said = " ".join(found.report["verdict"]["sentences"])
    assert f"gets it above {found.report['bracket']['bound']['mean']:.3g}." in said
    assert "by a certified bound no attack of as many accounts gets above" in " ".join(
        render_page(found.report).split()
    )


def test_no_bound_is_shown_where_there_is_none():
    one = Bracketed(0.1, 0.5, float("inf"))
    assert bracket_of([one, Bracketed(0.1, 0.4, 2.0)], AuditSettings()).bound.mean is None


def test_the_verdict_and_the_page_speak_of_them(audited):
    _, _, found, _ = audited
    said = " ".join(found.report["verdict"]["sentences"])
    assert "An attacker who opens 10 new accounts of 2 rows each raises the NMSE of all tasks by" in said
    assert "With task_weights=Capped(" in said
    page = render_page(found.report)
    assert '<h2 id="accounts">New accounts</h2>' in page
    assert "Capped(" in page
    without = found.report | {"accounts": None}
    assert "New accounts" not in render_page(json.loads(json.dumps(without)))


def point(accounts, low, mean, high):
    metric = Interval.of(0.5, 0.4, 0.6)
    return AccountPoint(
        accounts=accounts, rows=2 * accounts, n_seeds=5, metric=metric, damage=Interval.of(mean, low, high)
    )


def test_the_level_is_that_of_the_worst_attack_accounts_included():
    clean = Interval.of(0.4, 0.3, 0.5)
    calm = Point(
        attack="ascent-direct", label="optimised, direct", budget=0.3, n_seeds=5, clean=clean, metric=clean,
        damage=Interval.of(0.01, 0.005, 0.02),
    )  # fmt: skip
    assert judge([calm], "NMSE").level == "low"
    opened = Accounts(rows_each=2, clean=clean, points=[point(1, 0.0, 0.01, 0.02), point(10, 0.4, 0.5, 0.6)])
    judged = judge([calm], "NMSE", accounts=opened)
    assert (judged.level, judged.by, judged.at_most) == ("high", "10 new accounts of 2 rows", 0.6)
    assert judge([calm], "NMSE", accounts=replace_points(opened, [point(1, 0.0, 0.01, 0.02)])).level == "low"


def replace_points(section, points):
    return section.model_copy(update={"points": points})


def test_the_usual_numbers_are_tried_unless_others_are_set():
    assert AuditSettings().accounts == (1, 3, 10, 30)
    assert Steps(lambdas=0, pilots=0, random=1, optimised=1, retuned=0, defended=0).attacks == 2
    assert replace(AuditSettings(), accounts=(5, 2, 5)).accounts == (2, 5)
    assert Capped(3).n_0 == 3


@pytest.mark.parametrize("changes", [{"accounts": (0,)}, {"accounts": (1.5,)}, {"account_rows": 0}], ids=str)
def test_numbers_that_cannot_be_are_refused(changes):
    with pytest.raises(ValueError, match="of the audit must be a whole number at least 1"):
        AuditSettings(**changes)
