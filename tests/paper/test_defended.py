"""Cells whose victim has filters: attacked by who knows them, and by who does not."""

import numpy as np
import pytest

from patom import Ball, MTRLRegressor, ProjectedAscent, ThreatModel
from patom.datasets import make_related_tasks
from patom.defenses import (
    ARMULRegressor,
    Chain,
    Clip,
    Coupled,
    LossWeightedRegressor,
    RMTFLRegressor,
    Sanitised,
    Shrunken,
    Slab,
    Sphere,
)
from patom.metrics import nmse
from patom.paper.compute import compute

OPTIONS = {"n_tasks": 5, "n_features": 3, "n_train": 30, "n_test": 15, "n_groups": 2}
ASCENT = {"name": "ascent", "gradient": "exact", "max_iter": 4, "optimise_labels": False, "n_starts": 1,
          "features": "uniform", "labels": "resampled"}  # fmt: skip


@pytest.mark.parametrize("known", [True, False])
def test_a_record_is_what_the_public_names_give(cell, known):
    made = cell(
        data={"name": "related", **OPTIONS}, attack=ASCENT, attackers=(0, 2),
        defense={"filters": ["sphere", "slab"], "fraction": 0.15, "known": known},
    )  # fmt: skip
    data = make_related_tasks(**OPTIONS, random_state=0)
    X, y, task = data.train
    inner = MTRLRegressor(0.1, 0.1)
    victim = Sanitised(inner, Chain([Sphere(0.15), Slab(0.15)]))
    attack = ProjectedAscent(**{name: value for name, value in ASCENT.items() if name != "name"})
    threat = ThreatModel([0, 2], [0, 2], 0.2, Ball(1.0))
    result = attack.poison(victim if known else inner, X, y, task=task, threat=threat, random_state=made.rng())
    attacked = result.refit(victim, X, y, task=task)
    clean = victim.fit(X, y, task=task)
    own, aimed = np.isin(task, [0, 2]), [0, 2]
    record, _ = compute(made)
    assert "error" not in record
    assert record["target_loss"] == pytest.approx(np.mean((y - attacked.predict(X, task=task))[own] ** 2))
    assert record["target_loss_clean"] == pytest.approx(np.mean((y - clean.predict(X, task=task))[own] ** 2))
    test = data.test
    for name, model in (("metric_clean", clean), ("metric_attacked", attacked)):
        found = model.predict(test.X, task=test.task)
        scores = [nmse(test.y[test.task == label], found[test.task == label]) for label in aimed]
        assert record[name] == pytest.approx(np.mean(scores))
    kept = attacked.kept_.kept
    assert record["caught"] == pytest.approx(np.mean(~kept[y.size :]))
    assert record["dropped"] == pytest.approx(np.mean(~kept[: y.size]))
    assert record["rows_injected"] == kept.size - y.size


def test_who_does_not_know_plans_against_the_model_as_it_was(cell):
    changed = {"loss": "huber", "huber_delta": 0.3, "lambda_1": 0.02, "lambda_2": 0.03}
    made = cell(
        data={"name": "related", **OPTIONS}, attack=ASCENT, attackers=(0, 2), defense=changed | {"known": False}
    )
    data = make_related_tasks(**OPTIONS, random_state=0)
    X, y, task = data.train
    attack = ProjectedAscent(**{name: value for name, value in ASCENT.items() if name != "name"})
    threat = ThreatModel([0, 2], [0, 2], 0.2, Ball(1.0))
    result = attack.poison(MTRLRegressor(0.1, 0.1), X, y, task=task, threat=threat, random_state=made.rng())
    defended = MTRLRegressor(0.02, 0.03, loss="huber", huber_delta=0.3)
    attacked = result.refit(defended, X, y, task=task).predict(data.test.X, task=data.test.task)
    scores = [nmse(data.test.y[data.test.task == k], attacked[data.test.task == k]) for k in (0, 2)]
    record, _ = compute(made)
    assert record["metric_attacked"] == pytest.approx(np.mean(scores))
    known, _ = compute(cell(data={"name": "related", **OPTIONS}, attack=ASCENT, attackers=(0, 2), defense=changed))
    assert known["metric_clean"] == record["metric_clean"]
    assert known["metric_attacked"] != record["metric_attacked"]


def test_a_rule_for_omega_is_known_too(cell):
    made = cell(
        data={"name": "related", **OPTIONS}, attack=ASCENT, attackers=(0, 2),
        defense={"rule": "shrunken", "filters": ["clip"]},
    )  # fmt: skip
    data = make_related_tasks(**OPTIONS, random_state=0)
    X, y, task = data.train
    attack = ProjectedAscent(**{name: value for name, value in ASCENT.items() if name != "name"})
    victim = Sanitised(Coupled(MTRLRegressor(0.1, 0.1), Shrunken()), Clip())
    threat = ThreatModel([0, 2], [0, 2], 0.2, Ball(1.0))
    attacked = attack.poison(victim, X, y, task=task, threat=threat, random_state=made.rng()).model
    record, _ = compute(made)
    assert record["target_loss"] == pytest.approx(
        np.mean((y - attacked.predict(X, task=task))[np.isin(task, [0, 2])] ** 2)
    )


@pytest.mark.parametrize(
    ("name", "kind"), [("rmtfl", RMTFLRegressor), ("armul", ARMULRegressor), ("loss-weighted", LossWeightedRegressor)]
)
def test_who_knows_another_learner_keeps_what_harms_it_more(cell, name, kind):
    made = cell(data={"name": "related", **OPTIONS}, attack=ASCENT, attackers=(0, 2), defense={"learner": name})
    data = make_related_tasks(**OPTIONS, random_state=0)
    X, y, task = data.train
    attack = ProjectedAscent(**{name: value for name, value in ASCENT.items() if name != "name"})
    ours = {key: 0.1 for key in ("lambda_1", "lambda_2") if key in kind().get_params()}
    harms, own = [], np.isin(task, [0, 2])
    for plan in (MTRLRegressor(0.1, 0.1), Coupled(MTRLRegressor(0.1, 0.1), Shrunken(1.0))):
        threat = ThreatModel([0, 2], [0, 2], 0.2, Ball(1.0))
        result = attack.poison(plan, X, y, task=task, threat=threat, random_state=made.rng())
        attacked = result.refit(kind(**ours), X, y, task=task)
        harms.append(np.mean((y - attacked.predict(X, task=task))[own] ** 2))
    record, _ = compute(made)
    assert "error" not in record
    assert record["target_loss"] == pytest.approx(max(harms))
    assert "spectrum" not in record


def test_a_victim_without_filters_has_no_such_columns(cell):
    record, _ = compute(cell())
    assert not {"caught", "dropped"} & set(record)


def test_a_cell_without_a_defense_keeps_its_key(cell):
    assert cell(defense={}).key == cell().key != cell(defense={"filters": ["slab"]}).key


@pytest.mark.parametrize(
    ("defense", "said"),
    [
        ({"filters": ["moat"]}, "filters"),
        ({"filters": ["slab"], "fraction": 1.0}, "fraction"),
        ({"fraction": 0.2}, "fraction, quantile and metric are of filters; name one"),
        ({"metric": "whitened"}, "fraction, quantile and metric are of filters; name one"),
        ({"quantile": 0.2}, "fraction, quantile and metric are of filters; name one"),
        ({"known": False}, "known is of a defense; name a filter, a rule, a learner, a loss or lambdas"),
        ({"huber_delta": 0.2}, 'huber_delta goes with loss = "huber"'),
        ({"loss": "moat"}, "loss"),
        ({"rule": "moat"}, "rule"),
        ({"learner": "armul", "rule": "apart"}, "another learner has no rule for Omega and a loss of its own"),
        ({"learner": "armul", "loss": "huber"}, "another learner has no rule for Omega and a loss of its own"),
    ],
)
def test_what_a_defense_cannot_be(defense, said, fault):
    assert said in fault(defense=defense)
