"""The attacks of the literature under every kind of region, objective and knowledge."""

import numpy as np
import pytest

from patom import (
    Availability,
    Ball,
    Box,
    Columns,
    Fixed,
    GreyBox,
    Intersection,
    LambdaSearch,
    OwnData,
    Sparing,
    Targeted,
    ThreatModel,
)  # fmt: skip
from patom.attacks import AT2FL, ModelTargeted, SingleTask

ATTACKS = {
    "SingleTask": SingleTask(max_iter=3, optimise_labels=True),
    "ModelTargeted": ModelTargeted(block=3, optimise_labels=True),
    "ModelTargeted, kkt": ModelTargeted("kkt", max_iter=10, optimise_labels=True),
    "AT2FL": AT2FL(max_iter=3),
}
THREATS = {
    "box": {"region": Box([-1.0, 0.0, 0.0, -0.5], 0.5)},
    "ball and fixed": {"region": Intersection(Ball(0.9), Fixed([2, 0], [0.5, -0.1]))},
    "own data": {"region": OwnData(within=Ball(0.9))},
    "whole numbers": {"region": Box(0.0, 3.0), "columns": Columns(integer=[1])},
    "one row's prediction": {"objective": Targeted([[0.1, 0.2, 0.0, 0.3]], ["a"], "lower")},
    "the worst target, sparing others": {"objective": Sparing(Availability("worst"), 0.5)},
    "a share of the rows": {"knowledge": GreyBox(0.5, lambda_1=0.1)},
    "a range of labels": {"label_range": (-5.0, 5.0)},
}


@pytest.mark.in_turn
@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
@pytest.mark.parametrize("threat", THREATS)
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_rows_are_found_and_measured_on_the_victim(make_tasks, make_victim, attack, threat, loss):
    X, y, task = make_tasks(loss)
    aimed = ThreatModel(["a", "b"], ["b", "c"], 0.3, **THREATS[threat])
    model = make_victim(loss, lambda_1=0.01, lambda_2=0.01)
    result = attack.poison(model, X, y, task=task, threat=aimed, random_state=0)
    assert np.isfinite(result.X).all()
    assert result.task.tolist().count("b") == result.task.tolist().count("c") == 4
    by_hand = result.refit(model, X, y, task=task)
    np.testing.assert_array_equal(by_hand.coef_, result.model.coef_)
    if threat not in ("a share of the rows", "whole numbers"):  # where she measures on another victim, or other rows
        assert result.utility == pytest.approx(result.expected_utility, rel=1e-3)


@pytest.mark.filterwarnings("ignore:LambdaSearch chose:UserWarning")  # a grid of a few ends at an edge
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_a_victim_that_chooses_its_lambdas_can_be_attacked(make_tasks, make_victim, attack):
    X, y, task = make_tasks("squared_error")
    victim = LambdaSearch(make_victim("squared_error"), lambdas=(0.01, 0.1), n_folds=2)
    result = attack.poison(victim, X, y, task=task, threat=ThreatModel(["a"], ["a"], 0.3), random_state=0)
    assert result.model.lambda_1_ in (0.01, 0.1)
