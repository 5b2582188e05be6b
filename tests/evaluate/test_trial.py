"""A trial: by hand with the public names, with the same draws for every plan, and blind to the test rows."""

from dataclasses import replace

import numpy as np
import pytest

from patom import PATOM, LambdaSearch, MTRLClassifier, MTRLRegressor, RandomAttack, ThreatModel
from patom.datasets import make_related_tasks
from patom.evaluate.attacks import CLASSES, known_settings
from patom.evaluate.defended import Victim, defended
from patom.evaluate.trial import attempt, decide, target_loss
from patom.results.methods import Method

OPTIONS = {"n_tasks": 4, "n_features": 3, "n_train": 12, "n_test": 9, "n_groups": 2}
THREAT = ThreatModel([0, 1], [2, 3], 0.3)


@pytest.fixture(name="split", params=["regression", "classification"])
def fixture_split(request):
    return make_related_tasks(**OPTIONS, kind=request.param, random_state=0)


def learner(split):
    return (MTRLRegressor if split.kind == "regression" else MTRLClassifier)(0.1, 0.1)


def test_it_is_the_attack_and_the_victim_refitted(split):
    model, rng = learner(split), np.random.default_rng(3)
    trial = attempt(defended(model), split, THREAT, PATOM(max_iter=2), rng)
    expected = PATOM(max_iter=2).poison(
        model, split.train.X, split.train.y, task=split.train.task, threat=THREAT, random_state=np.random.default_rng(3)
    )
    np.testing.assert_array_equal(trial.result.X, expected.X)
    assert trial.result.model is None
    assert trial.certified
    act = expected.model.predict if split.kind == "regression" else expected.model.decision_function
    np.testing.assert_array_equal(trial.decision, act(split.test.X, task=split.test.task))
    assert rng.random() == np.random.default_rng(3).random()  # the generator is left as it was


def test_what_the_attacker_believes_is_attacked_and_the_victim_meets_the_rows(split):
    believed, victim = learner(split), learner(split).set_params(lambda_1=0.01, lambda_2=0.3)
    trial = attempt(
        defended(victim), split, THREAT, RandomAttack(), np.random.default_rng(1), planned=defended(believed)
    )
    again = attempt(defended(believed), split, THREAT, RandomAttack(), np.random.default_rng(1))
    np.testing.assert_array_equal(trial.result.X, again.result.X)
    assert (trial.model.lambda_1, again.model.lambda_1) == (0.01, 0.1)
    poisoned = trial.result.combine(*split.train)
    fitted = victim.fit(poisoned.X, poisoned.y, task=poisoned.task)
    np.testing.assert_allclose(trial.decision, decide(fitted, split.kind, split.test), atol=1e-6)


def test_stand_ins_start_at_the_same_draws_and_the_most_harmful_rows_are_kept(split):
    seen = []

    class Watched(RandomAttack):
        def poison(self, *arguments, **settings):
            seen.append(super().poison(*arguments, **settings))
            return seen[-1]

    victim = defended(learner(split), learner="armul")
    trial = attempt(victim, split, THREAT, Watched(), np.random.default_rng(2))
    first, second = seen
    np.testing.assert_array_equal(first.X, second.X)
    harm = target_loss(trial.model, victim.learner, split, THREAT.targets)
    plain = [
        target_loss(each.refit(victim.model, *split.train), victim.learner, split, THREAT.targets) for each in seen
    ]
    assert harm >= max(plain)


def test_no_attack_sees_the_test_rows(split):
    victim = defended(learner(split))
    seen, blind = (
        attempt(victim, each, THREAT, PATOM(max_iter=1), np.random.default_rng(0))
        for each in (split, replace(split, test=split.test._replace(y=-split.test.y)))
    )
    np.testing.assert_array_equal(seen.result.X, blind.result.X)
    np.testing.assert_array_equal(seen.decision, blind.decision)


def test_every_method_has_a_class_and_takes_its_own_settings_only():
    assert set(CLASSES) == set(Method)
    for method, attack in CLASSES.items():
        settings = known_settings(method, {"features": "uniform", "walls": 3})
        assert "walls" not in settings
        attack(**settings)


def test_a_search_for_lambdas_is_a_victim_too(split):
    model = learner(split)
    trial = attempt(Victim(LambdaSearch(model), model), split, THREAT, RandomAttack(), np.random.default_rng(0))
    assert isinstance(trial.model, LambdaSearch)
