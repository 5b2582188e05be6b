"""What would help: by hand, from the lines that the audit prints."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone

from patom import Ball, ProjectedAscent, ThreatModel
from patom.attacks import Availability
from patom.audit import AuditSettings, run_audit, table_data
from patom.audit.draws import drawn
from patom.audit.levels import COST_LIMIT, objection, recommended
from patom.audit.plan import plan
from patom.audit.remedies import N_REMEDIES, Tried, _twins, helped
from patom.audit.work import Work
from patom.defenses import Clip
from patom.intervals import prevented, varied_interval
from patom.metrics import relative_damage
from patom.models.lambda_search import WEAKER
from patom.results.audit import Remedies

SETTINGS = AuditSettings(n_seeds=2, iterations=3, budgets=(0.2, 0.4), lambda_1=0.01, lambda_2=0.02)
SHORT = ProjectedAscent(n_starts=1, relocations=0, optimise_labels=True, max_iter=3)
LONG = ProjectedAscent(n_starts=2, optimise_labels=True, max_iter=3)


@pytest.fixture(name="data", params=["regression", "classification"])
def fixture_data(request, make_table):
    return drawn(table_data(make_table(request.param, sizes=(30, 34, 38), noise=1.0)), SETTINGS)


def pasted(code, split):
    """The model that the printed lines build and fit, given a split's training rows as the user has them."""
    y = split.scaling.target_back(split.y_train)
    names = {"X": split.scaling.features_back(split.X_train), "y": y, "task": split.tasks[split.task_train]}
    exec(code, names)  # the lines are for people to run
    return names["model"]


def steps_of(model):
    return getattr(model, "regressor_", model).named_steps


def answers(model, split):
    """Predictions, or margins, of a split's test rows, in the audit's units."""
    X, task = split.scaling.features_back(split.X_test), split.tasks[split.task_test]
    if split.kind == "regression":
        return split.scaling.target(model.predict(X, task=task))
    return model[-1].decision_function(model[:-1].transform(X), task=task)


def test_each_remedy_is_measured_as_its_lines_say(data):
    report = run_audit(data, SETTINGS).report
    told, worst = report["remedies"], report["verdict"]["worst"]
    assert told["budget"] == worst["budget"]
    assert len(told["remedies"]) == N_REMEDIES == len({entry["label"] for entry in told["remedies"]})
    metric = "euclidean" if data.kind == "classification" else "whitened"
    clip = Clip(metric=metric).keep(data.X_train, data.y_train, data.task_train).X
    for entry in told["remedies"]:
        model, losses = clone(steps_of(pasted(entry["code"], data.of_replicate(0)))["sanitised"]), []
        if "pulled in" in entry["label"]:
            middle = np.median(data.X_train, axis=0)
            shorter = np.square(clip - middle).sum() / np.square(data.X_train - middle).sum()
            times = 10.0 if "ten times" in entry["label"] else 1.0
            assert model.estimator.lambda_2 == pytest.approx(0.02 * times * shorter)
            assert (model.estimator.loss == "huber") == ("Huber" in entry["label"])
        for cell in plan(data, SETTINGS):
            if cell.purpose != "curve" or (str(cell.attack), cell.budget) != (told["attack"], told["budget"]):
                continue
            split = data.of_replicate(cell.replicate)
            rows = (split.X_train, split.y_train)
            threat = ThreatModel(cell.targets, cell.attackers, cell.budget, Ball(1.0))
            plain = clone(model.estimator).set_params(lambda_1=0.01, lambda_2=0.02)
            plain.set_params(loss="squared_error" if data.kind == "regression" else "squared_hinge")

            def loss(fitted, cell=cell, split=split):
                act = fitted.predict if data.kind == "regression" else fitted.decision_function
                score = split.score(act(split.X_test, task=split.task_test), np.isin(np.arange(3), cell.targets))
                return score if data.metric == "NMSE" else 1.0 - score

            def attacked(plan_for, *attacks, cell=cell, threat=threat, split=split, rows=rows, loss=loss):
                plans = [
                    attack.poison(
                        plan_for, *rows, task=split.task_train, random_state=cell.rng(SETTINGS.seed),
                        threat=replace(threat, objective=Availability(metric=aim)),
                    )
                    for attack in attacks
                    for aim in (("loss",) if data.kind == "regression" else ("loss", "auc"))
                ]  # fmt: skip
                return max(plans, key=lambda plan: loss(plan.model))

            naive = attacked(plain, SHORT, LONG)
            replayed = loss(naive.refit(model, *rows, task=split.task_train))
            losses.append([
                loss(plain.fit(*rows, task=split.task_train)), loss(naive.model),
                loss(clone(model).fit(*rows, task=split.task_train)), replayed,
                max(replayed, loss(attacked(model, SHORT).model)),
                max(replayed, loss(attacked(model, SHORT, LONG).model)),
            ])  # fmt: skip
        table = np.array(losses)
        assert table.shape == (2, 6)
        known = 4 + int(_holds(table[:, [0, 1, 2, 4]], data.metric))  # what holds against the short ones meets the long
        undefended = table[:, :2] if data.metric == "NMSE" else 1.0 - table[:, :2]
        assert [told[name]["mean"] for name in ("clean", "attacked")] == pytest.approx(undefended.mean(axis=0))
        level = table if data.metric == "NMSE" else 1.0 - table
        assert entry["clean"]["mean"] == pytest.approx(level[:, 2].mean())
        assert entry["naive"]["mean"] == pytest.approx(level[:, 3].mean())
        assert entry["known"]["mean"] == pytest.approx(level[:, known].mean())
        expected = prevented(table[:, known] - table[:, [0, 2]].min(axis=1), table[:, 1] - table[:, 0], 0.95)
        assert entry["kept_off"] == pytest.approx(expected.as_dict())


def _holds(table, metric):
    """Whether a defense with these losses by seed (clean, attacked, defended clean, known) is one to recommend."""
    clean, attacked, defended, known = table.T
    levels = table if metric == "NMSE" else 1.0 - table
    costs = [relative_damage(was, now, metric) for was, now in zip(levels[:, 0], levels[:, 2], strict=True)]
    share = prevented(known - np.minimum(clean, defended), attacked - clean, 0.95, varied=True)
    return not objection(share, varied_interval(costs, 0.95), varied_interval(levels[:, 3], 0.95), metric)


@pytest.mark.slow
def test_lambdas_are_chosen_on_the_clipped_rows(data):
    given = replace(SETTINGS, lambda_1=None, lambda_2=None, budgets=(0.2,), n_seeds=1)
    (first, *_) = run_audit(data, given).report["remedies"]["remedies"]
    model = steps_of(pasted(first["code"], data.of_replicate(0)))["sanitised"]
    assert model.estimator.lambda_1 in (*WEAKER, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_the_lines_run_as_pasted_on_raw_rows_and_give_the_reports_clean_metric(make_table, kind, standardise):
    table = make_table(kind, sizes=(30, 34, 38), noise=1.0)
    flat = np.column_stack([np.full(table.y.size, 0.1), table.X, np.full(table.y.size, -7e6)])
    table = replace(table, X=flat, features=("a", *table.features, "z"))
    data = drawn(table_data(table, standardise=standardise), SETTINGS)
    told = run_audit(data, SETTINGS).report["remedies"]
    faced = [
        cell for cell in plan(data, SETTINGS)
        if cell.purpose == "curve" and (str(cell.attack), cell.budget) == (told["attack"], told["budget"])
    ]  # fmt: skip
    for entry in told["remedies"]:
        scores = []
        for cell in faced:
            split = data.of_replicate(cell.replicate)
            aimed = np.isin(np.arange(3), cell.targets)
            scores.append(split.score(answers(pasted(entry["code"], split), split), aimed))
        assert entry["clean"]["mean"] == pytest.approx(np.mean(scores), rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("names", [("no", "yes"), (0, 1), (False, True)])
def test_the_lines_take_classes_as_the_user_has_them(make_table, names):
    data = drawn(table_data(make_table("classification", sizes=(30, 34, 38), noise=1.0)), SETTINGS)
    first, *_, last = run_audit(data, SETTINGS).report["remedies"]["remedies"]
    split = data.of_replicate(0)
    for entry in (first, last):
        plain = pasted(entry["code"], split)
        rows = {"X": split.scaling.features_back(split.X_train), "task": split.task_train}
        rows["y"] = np.array(names)[(split.y_train > 0).astype(int)]
        exec(entry["code"], rows)
        X, task = split.scaling.features_back(split.X_test), split.task_test
        expected = np.array(names)[(plain.predict(X, task=split.tasks[task]) > 0).astype(int)]
        np.testing.assert_array_equal(rows["model"].predict(X, task=task), expected)


def test_the_report_names_the_one_that_is_recommended(data):
    report = run_audit(data, SETTINGS).report
    told = report["remedies"]
    remedies = Remedies.model_validate(told).remedies
    assert (told["recommended"], told["reason"]) == recommended(remedies)
    assert told["cost_limit"] == COST_LIMIT
    assert [one.objection for one in remedies] == [
        objection(one.prevented, one.cost, one.known, report["model"]["metric"]) for one in remedies
    ]


def test_the_steps_are_counted_where_nothing_could_be_measured(data):
    steps = []
    found = helped(Work(data, progress=lambda done, _: steps.append(done)), SETTINGS, None, [], None)
    assert found is None
    assert len(steps) == N_REMEDIES * SETTINGS.n_seeds


def test_defenses_that_give_the_same_everywhere_count_as_one():
    def tried(remedy, value):
        return Tried(remedy, None, tuple(np.full((3, 4), value)), (0.0, 0.0, 0.0))

    assert _twins([tried(0, 0.1), tried(1, 0.2), tried(2, 0.1), tried(3, 0.3)]) == {2: 0}
    both_seeds = [tried(0, 0.1), tried(1, 0.1), tried(0, 0.5), tried(1, 0.6)]
    assert _twins(both_seeds) == {}
