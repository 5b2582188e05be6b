"""Cells whose victim has filters: attacked by who knows them, and by who does not."""

import numpy as np
import pytest

from patom import Ball, MTRLClassifier, MTRLRegressor, ProjectedAscent, ThreatModel
from patom.datasets import make_related_tasks
from patom.defenses import Chain, Leverage, Neighbours, Roni, Sanitised, Slab, Sphere, Trim
from patom.experiments.compute import compute
from patom.experiments.defended import behind
from patom.metrics import nmse

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
    attacked = result.replay(victim, X, y, task=task)
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


def test_a_victim_without_filters_has_no_such_columns(cell):
    record, _ = compute(cell())
    assert not {"caught", "dropped"} & set(record)


@pytest.mark.parametrize("victim", [MTRLRegressor(0.1, 0.2), MTRLClassifier(0.1, 0.2)])
def test_names_stand_for_filters(victim):
    names = ("sphere", "slab", "neighbours", "disagreement", "leverage", "trim", "roni")
    steps = behind(names, 0.1, victim).sanitiser.steps
    assert [type(step) for step in steps] == [Sphere, Slab, Neighbours, Neighbours, Leverage, Trim, Roni]
    assert {step.fraction for step in steps} == {0.1}
    assert [steps[2].of, steps[3].of] == ["features", "targets"]
    assert steps[4].ridge == pytest.approx(0.3)
    assert steps[5].estimator is steps[6].estimator is victim
    assert isinstance(behind(("slab",), 0.2, victim).sanitiser, Slab)


def test_a_cell_without_a_defense_keeps_its_key(cell):
    assert cell(defense={}).key == cell().key != cell(defense={"filters": ["slab"]}).key


@pytest.mark.parametrize(
    ("defense", "said"),
    [
        ({"filters": ["moat"]}, "filters"),
        ({"filters": ["slab"], "fraction": 1.0}, "fraction"),
        ({"fraction": 0.2}, "fraction and known are of filters; name one"),
        ({"known": False}, "fraction and known are of filters; name one"),
    ],
)
def test_what_a_defense_cannot_be(defense, said, fault):
    assert said in fault(defense=defense)
