"""Cells of a grid whose adversary is not the paper's, against the same threat model written by hand."""

import numpy as np
import pytest

from patom import (
    Availability,
    Ball,
    GreyBox,
    LambdaSearch,
    MTRLClassifier,
    MTRLRegressor,
    OwnData,
    ProjectedAscent,
    Sparing,
    ThreatModel,
)
from patom.attacks import RandomAttack
from patom.datasets import make_related_tasks
from patom.paper.compute import compute

OPTIONS = {"n_tasks": 5, "n_features": 3, "n_train": 12, "n_test": 15, "n_groups": 2}
ASCENT = {"name": "ascent", "gradient": "exact", "max_iter": 4, "optimise_labels": False, "n_starts": 1,
          "features": "uniform", "labels": "resampled"}  # fmt: skip


@pytest.fixture(name="outcome")
def fixture_outcome(cell, random_attack):
    """The record of a cell with this adversary, and its result by hand with a threat model and a victim."""

    def run(adversary, *, kind="regression", threat=None, victim=None, method="ascent"):
        made = cell(
            adversary=adversary, budget=0.3, attack=ASCENT if method == "ascent" else random_attack,
            data={"name": "related", "kind": kind, **OPTIONS},
        )  # fmt: skip
        X, y, task = make_related_tasks(**OPTIONS, kind=kind, random_state=0).train
        base = (MTRLRegressor if kind == "regression" else MTRLClassifier)(lambda_1=0.1, lambda_2=0.1)
        settings = {"region": Ball(1.0)} | (threat or {})
        attack = {name: value for name, value in made.attack.items() if name != "name"}
        result = (ProjectedAscent if method == "ascent" else RandomAttack)(**attack).poison(
            victim(base, X, y, task) if victim else base, X, y, task=task,
            threat=ThreatModel([0, 2], [1, 3], 0.3, **settings), random_state=made.rng(),
        )  # fmt: skip
        record, _ = compute(made)
        assert "error" not in record
        assert record["utility"] == pytest.approx(result.history["utility"].tolist())
        assert record["utility_clean"] == pytest.approx(result.clean_utility)
        assert record["collateral"] == pytest.approx(result.collateral)
        own = result.task_losses[result.task_losses["target"]]
        assert record["target_loss_clean"] == pytest.approx(own["clean"].mean())
        assert record["target_loss"] == pytest.approx(own["attacked"].mean())
        return record, result

    return run


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("adversary", "threat"),
    [
        ({}, {}),
        ({"region": "own-data"}, {"region": OwnData(within=Ball(1.0))}),
        ({"region": "own-core"}, {"region": OwnData(quantile=0.7, within=Ball(1.0))}),
        ({"over_tasks": "least"}, {"objective": Availability("least")}),
        ({"over_tasks": "worst", "spare": 0.5}, {"objective": Sparing(Availability("worst"), 0.5)}),
        ({"share": 0.5}, {"knowledge": GreyBox(0.5)}),
        ({"lambda_guess": 10.0}, {"knowledge": GreyBox(1.0, lambda_1=1.0, lambda_2=1.0)}),
        ({"share": 0.5, "lambda_guess": 0.5}, {"knowledge": GreyBox(0.5, lambda_1=0.05, lambda_2=0.05)}),
    ],
)
@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_what_she_wants_knows_and_may_do_is_the_threat_models(adversary, threat, kind, outcome):
    outcome(adversary, kind=kind, threat=threat)


def test_every_change_changes_the_attack(outcome):
    changes = [{}, {"region": "own-data"}, {"over_tasks": "least"}, {"spare": 0.5}, {"share": 0.5}]
    reached = [compute_utility(outcome, change) for change in changes]
    assert len(set(reached)) == len(changes)


def compute_utility(outcome, change):
    threats = {
        "region": {"region": OwnData(within=Ball(1.0))}, "over_tasks": {"objective": Availability("least")},
        "spare": {"objective": Sparing(Availability(), 0.5)}, "share": {"knowledge": GreyBox(0.5)},
    }  # fmt: skip
    record, _ = outcome(change, threat=next((threats[name] for name in change), {}))
    return record["utility"][-1]


def test_a_victim_that_tuned_once_keeps_those_lambdas(outcome):
    def tuned(base, X, y, task):
        return LambdaSearch(base).fit(X, y, task=task).estimator_

    record, result = outcome({"tuning": "once"}, victim=tuned)
    assert isinstance(result.model, MTRLRegressor)
    assert np.isfinite(record["damage"])


def test_a_victim_that_tunes_again_chooses_on_the_poisoned_rows(outcome):
    _, result = outcome({"tuning": "again"}, victim=lambda base, *_: LambdaSearch(base), method="random")
    assert isinstance(result.model, LambdaSearch)


def test_lambdas_that_are_tuned_again_cannot_be_guessed(fault):
    said = fault(adversary={"tuning": "again", "lambda_guess": 10.0})
    assert "lambda_guess" in said
    assert "tuning" in said


@pytest.mark.parametrize("adversary", [{"share": 0.0}, {"share": 1.5}, {"region": "sphere"}, {"spare": -1.0}])
def test_what_an_adversary_cannot_be(adversary, fault):
    assert next(iter(adversary)) in fault(adversary=adversary)
