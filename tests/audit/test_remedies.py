"""What would help: by hand, from the lines that the audit prints."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone

from patom import Ball, ProjectedAscent, ThreatModel
from patom.audit import AuditSettings, run_audit, table_data
from patom.audit.draws import drawn
from patom.audit.plan import plan
from patom.audit.remedies import N_REMEDIES, helped
from patom.defenses import Clip
from patom.intervals import kept_off

SETTINGS = AuditSettings(n_seeds=2, iterations=3, budgets=(0.2, 0.4), lambda_1=0.01, lambda_2=0.02)


@pytest.fixture(name="data", params=["regression", "classification"])
def fixture_data(request, make_table):
    return drawn(table_data(make_table(request.param, sizes=(30, 34, 38), noise=1.0)), SETTINGS)


def built(code):
    names = {}
    exec(code, names)  # the lines are for people to run
    return names["model"]


def test_each_remedy_is_measured_as_its_lines_say(data):
    report = run_audit(data, SETTINGS).report
    told, worst = report["remedies"], report["verdict"]["worst"]
    assert told["budget"] == worst["budget"]
    assert len(told["remedies"]) == N_REMEDIES == len({entry["label"] for entry in told["remedies"]})
    metric = "euclidean" if data.kind == "classification" else "whitened"
    clip = Clip(metric=metric).keep(data.X_train, data.y_train, data.task_train).X
    for entry in told["remedies"]:
        model, losses = built(entry["code"]), []
        if "pulled in" in entry["label"]:
            middle = np.median(data.X_train, axis=0)
            shorter = np.square(clip - middle).sum() / np.square(data.X_train - middle).sum()
            times = 10.0 if "ten times" in entry["label"] else 1.0
            assert model.estimator.lambda_2 == pytest.approx(0.02 * times * shorter)
            assert (model.estimator.loss == "huber") == ("Huber" in entry["label"])
        for cell in plan(data, SETTINGS):
            if cell.purpose != "curve" or (cell.attack, cell.budget) != (told["attack"], told["budget"]):
                continue
            split = data.of_seed(cell.replicate)
            rows = (split.X_train, split.y_train)
            threat = ThreatModel(cell.targets, cell.attackers, cell.budget, Ball(1.0))
            attack = ProjectedAscent(n_starts=1, optimise_labels=True, max_iter=3)
            plain = clone(model.estimator).set_params(lambda_1=0.01, lambda_2=0.02)
            plain.set_params(loss="squared_error" if data.kind == "regression" else "squared_hinge")

            def loss(fitted, cell=cell, split=split):
                act = fitted.predict if data.kind == "regression" else fitted.decision_function
                score = split.score(act(split.X_test, task=split.task_test), np.isin(np.arange(3), cell.targets))
                return score if data.metric == "NMSE" else 1.0 - score

            def attacked(plan_for, cell=cell, threat=threat, attack=attack, split=split, rows=rows):
                return attack.poison(
                    plan_for, *rows, task=split.task_train, threat=threat, random_state=cell.rng(SETTINGS.seed)
                )

            naive = attacked(plain)
            replayed = loss(naive.refit(model, *rows, task=split.task_train))
            losses.append([
                loss(plain.fit(*rows, task=split.task_train)), loss(naive.model),
                loss(clone(model).fit(*rows, task=split.task_train)), replayed,
                max(replayed, loss(attacked(model).model)),
            ])  # fmt: skip
        table = np.array(losses)
        assert table.shape == (2, 5)
        undefended = table[:, :2] if data.metric == "NMSE" else 1.0 - table[:, :2]
        assert [told[name]["mean"] for name in ("clean", "attacked")] == pytest.approx(undefended.mean(axis=0))
        level = table if data.metric == "NMSE" else 1.0 - table
        assert entry["clean"]["mean"] == pytest.approx(level[:, 2].mean())
        assert entry["naive"]["mean"] == pytest.approx(level[:, 3].mean())
        assert entry["known"]["mean"] == pytest.approx(level[:, 4].mean())
        expected = kept_off(table[:, 4] - table[:, [0, 2]].min(axis=1), table[:, 1] - table[:, 0], 0.95)
        assert entry["kept_off"] == pytest.approx(expected)


def test_lambdas_are_chosen_on_the_clipped_rows(data):
    given = replace(SETTINGS, lambda_1=None, lambda_2=None, budgets=(0.2,), n_seeds=1)
    (first, *_) = run_audit(data, given).report["remedies"]["remedies"]
    assert built(first["code"]).estimator.lambda_1 in (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def test_the_steps_are_counted_where_nothing_could_be_measured(data):
    steps = []
    found = helped(data, SETTINGS, None, np.zeros(0), [], None, n_jobs=1, advance=lambda: steps.append(1))
    assert found is None
    assert len(steps) == N_REMEDIES * SETTINGS.n_seeds
