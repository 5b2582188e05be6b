"""Cells of the figure screening against the public names, and what the figure cannot be asked for."""

import numpy as np
import pytest

from patom import MTRLClassifier, MTRLRegressor, ProjectedAscent, ThreatModel
from patom.datasets import make_related_tasks
from patom.defenses import screen
from patom.paper.compute import compute

OPTIONS = {"n_tasks": 5, "n_features": 3, "n_train": 12, "n_test": 15, "n_groups": 2}
ASCENT = {"name": "ascent", "gradient": "exact", "max_iter": 3, "optimise_labels": True, "n_starts": 1,
          "features": "uniform", "labels": "resampled"}  # fmt: skip


@pytest.mark.parametrize(("attackers", "kind"), [((1, 3), "regression"), ((0, 2), "classification")])
def test_a_record_is_what_the_public_names_give(cell, attackers, kind):
    made = cell(
        figure="screening", attack=ASCENT, attackers=attackers, data={"name": "related", "kind": kind, **OPTIONS}
    )
    record, _ = compute(made)
    data = make_related_tasks(**OPTIONS, kind=kind, random_state=0)
    X, y, task = data.train
    model = (MTRLRegressor if kind == "regression" else MTRLClassifier)(0.1, 0.1)
    attack = ProjectedAscent(**{name: value for name, value in ASCENT.items() if name != "name"})
    result = attack.poison(
        model, X, y, task=task, threat=ThreatModel([0, 2], list(attackers), 0.2), random_state=made.rng()
    )
    both = result.combine(X, y, task)
    plain = screen(model, both.X, both.y, task=both.task)
    trusted = type(model)(0.1, 0.1).fit(data.test.X, data.test.y, task=data.test.task)
    known = screen(model, both.X, both.y, task=both.task, reference=trusted)
    assert record["tasks"] == ["0", "1", "2", "3", "4"]
    for name in ("own_loss", "harm", "reach", "correlation"):
        np.testing.assert_allclose(record[f"score_{name}"], plain.scores[name])
    np.testing.assert_allclose(record["score_change"], known.scores["change"])
    np.testing.assert_allclose(record["suspicion"], plain.suspicion)
    np.testing.assert_allclose(record["suspicion_trusted"], known.suspicion)
    before = screen(model, X, y, task=task)
    np.testing.assert_allclose(record["suspicion_clean"], before.suspicion)
    np.testing.assert_allclose(record["score_harm_clean"], before.scores["harm"])
    trusting = screen(model, X, y, task=task, reference=trusted)
    np.testing.assert_allclose(record["suspicion_trusted_clean"], trusting.suspicion)
    first = next(label for label in plain.tasks[plain.order].tolist() if label in attackers)
    assert record["next_to"] == [str(label) for label in plain.next_to(first)]
    assert record["next_to_clean"] == [str(label) for label in before.next_to(first)]


def test_other_figures_screen_nothing(cell):
    record, _ = compute(cell())
    assert not {"suspicion", "next_to", "score_harm"} & set(record)


@pytest.mark.parametrize("changes", [{"adversary": {"tuning": "again"}}, {"defense": {"filters": ["slab"]}}])
def test_rows_are_screened_as_they_come(changes, fault):
    assert 'figure = "screening" screens the rows as they come' in fault(figure="screening", **changes)
