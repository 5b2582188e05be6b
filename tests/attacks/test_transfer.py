"""Plans against models that can be seen through, tried on one that cannot."""

import numpy as np
import pytest

from patom import MTRLClassifier, MTRLRegressor, NewTasks, ProjectedAscent, ThreatModel
from patom.attacks.transfer import SHARES, strongest_transfer
from patom.defenses import ARMULClassifier, Reweighted

THREAT = ThreatModel([0], [0], 0.2)


@pytest.fixture(name="data")
def fixture_data():
    rng = np.random.default_rng(0)
    X, task = 0.3 * rng.standard_normal((80, 3)), np.repeat([0, 1], 40)
    return X, X @ [2.0, -1.0, 1.0] + 0.05 * rng.standard_normal(80), task


def plans(learner, X, y, task, seeds=(0, 1)):
    attack = ProjectedAscent(max_iter=8, n_starts=1, optimise_labels=True)
    return [attack.poison(learner, X, y, task=task, threat=THREAT, random_state=seed) for seed in seeds]


def test_targets_nearer_to_what_is_predicted_get_past_a_redescending_loss(data):
    X, y, task = data
    victim, own = Reweighted(MTRLRegressor(0.01, 0.01)), task == 0

    def harm(model):
        return float(np.mean((y[own] - model.predict(X[own], task=task[own])) ** 2))

    planned = plans(MTRLRegressor(0.01, 0.01), X, y, task)
    plain = strongest_transfer(planned, victim, X, y, task=task, harm=harm)
    shaded = strongest_transfer(planned, victim, X, y, task=task, harm=harm, shares=SHARES)
    assert plain.harm == max(harm(plan.refit(victim, X, y, task=task)) for plan in planned)
    assert shaded.harm > 1.5 * plain.harm
    clean = Reweighted(MTRLRegressor(0.01, 0.01)).fit(X, y, task=task)
    predicted = clean.predict(shaded.result.X, task=shaded.result.task)
    ways = (shaded.y - predicted) / (shaded.result.y - predicted)
    assert np.ptp(ways) < 1e-9
    assert any(ways[0] == pytest.approx(share) for share in SHARES)
    again = Reweighted(MTRLRegressor(0.01, 0.01)).fit(
        np.vstack([X, shaded.result.X]), np.append(y, shaded.y), task=np.append(task, shaded.result.task)
    )
    assert harm(again) == pytest.approx(shaded.harm)


def test_targets_of_accounts_are_shaded_from_the_mean(data):
    """The clean victim does not know their tasks."""
    X, y, task = data
    threat = ThreatModel([0, 1], [1, NewTasks(2, 2)], 0.1)
    attack = ProjectedAscent(max_iter=4, n_starts=1)
    planned = [attack.poison(MTRLRegressor(0.01, 0.01), X, y, task=task, threat=threat, random_state=0)]
    harms = iter([0.0, 0.0, 1.0])
    found = strongest_transfer(
        planned, Reweighted(MTRLRegressor(0.01, 0.01)), X, y, task=task, harm=lambda _: next(harms), shares=(1.0, 0.5)
    )
    new = planned[0].task > 1
    assert new.sum() == 4
    np.testing.assert_allclose(found.y[new], 0.5 * (planned[0].y[new] + y.mean()))
    clean = Reweighted(MTRLRegressor(0.01, 0.01)).fit(X, y, task=task)
    own = clean.predict(planned[0].X[~new], task=planned[0].task[~new])
    np.testing.assert_allclose(found.y[~new], 0.5 * (planned[0].y[~new] + own))


def test_classes_are_not_shaded(data):
    X, y, task = data
    classes = np.where(y > 0.0, "yes", "no")
    planned = plans(MTRLClassifier(0.01, 0.01), X, classes, task)

    def harm(model):
        return -model.score(X, classes, task=task)

    found = strongest_transfer(planned, ARMULClassifier(), X, classes, task=task, harm=harm, shares=SHARES)
    assert found.y is found.result.y


def test_a_harm_that_cannot_be_told_counts_as_none(data):
    X, y, task = data
    planned = plans(MTRLRegressor(0.01, 0.01), X, y, task)
    harms = iter([float("nan"), -5.0])
    found = strongest_transfer(planned, MTRLRegressor(), X, y, task=task, harm=lambda _: next(harms))
    assert found.harm == -5.0
    assert found.result is planned[1]


@pytest.mark.parametrize(("results", "shares"), [([], (1.0,)), ([None], ())])
def test_nothing_to_try_is_refused(data, results, shares):
    X, y, task = data
    with pytest.raises(ValueError, match="results and shares of strongest_transfer must hold one at least"):
        strongest_transfer(results, MTRLRegressor(), X, y, task=task, harm=lambda _: 0.0, shares=shares)
