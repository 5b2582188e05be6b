"""Names of defenses stand for what they say."""

import pytest

from patom import MTRLClassifier, MTRLRegressor
from patom.defenses import (
    Chain,
    Clip,
    Coupled,
    Leverage,
    Neighbours,
    RMTFLRegressor,
    Roni,
    Sanitised,
    Shares,
    Slab,
    Sphere,
    Trim,
)
from patom.evaluate.defended import defended
from patom.models import LambdaSearch


@pytest.mark.parametrize("victim", [MTRLRegressor(0.1, 0.2), MTRLClassifier(0.1, 0.2)])
def test_names_stand_for_filters(victim):
    names = ("sphere", "slab", "neighbours", "disagreement", "leverage", "trim", "roni")
    steps = defended(victim, filters=names).model.sanitiser.steps
    assert [type(step) for step in steps] == [Sphere, Slab, Neighbours, Neighbours, Leverage, Trim, Roni]
    assert {step.fraction for step in steps} == {0.1}
    assert [steps[2].of, steps[3].of] == ["features", "targets"]
    assert steps[4].ridge == pytest.approx(0.3)
    assert steps[5].estimator is steps[6].estimator is victim
    assert [type(step) for step in defended(victim, filters=("clip", "shares")).model.sanitiser.steps] == [Clip, Shares]
    clip = defended(victim, filters=("clip",), quantile=0.3, metric="whitened").model.sanitiser
    assert (clip.quantile, clip.metric) == (0.3, "whitened")
    assert isinstance(defended(victim, filters=("slab",), fraction=0.2).model.sanitiser, Slab)


def test_a_victim_that_can_be_differentiated_is_attacked_itself():
    model = MTRLRegressor(0.1, 0.2)
    assert defended(model).model is defended(model).learner is model
    searched = defended(LambdaSearch(model), filters=("sphere", "slab"), fraction=0.2, rule="shrunken")
    assert searched.learner is model
    assert searched.stand_ins == ()
    assert isinstance(searched.model, Sanitised)
    assert isinstance(searched.model.estimator, Coupled)
    assert isinstance(searched.model.sanitiser, Chain)


def test_another_learner_has_stand_ins_behind_the_same_filters():
    model = MTRLRegressor(0.1, 0.2)
    other = defended(model, learner="rmtfl", filters=("clip",))
    assert isinstance(other.model.estimator, RMTFLRegressor)
    assert (other.model.estimator.lambda_1, other.learner) == (0.1, model)
    learned, independent = other.stand_ins
    assert learned.estimator is model
    assert isinstance(independent.estimator, Coupled)
    assert all(isinstance(each.sanitiser, Clip) for each in (other.model, *other.stand_ins))
