"""The ascent never falls, needs no tuning to beat PATOM's best step, and moves labels only where asked."""

import numpy as np
import pytest

from patom import PATOM, Ball, MTRLClassifier, MTRLRegressor, ProjectedAscent, RandomAttack, ThreatModel
from patom.attacks import AttackStatus

STEPS = (0.1, 1.0, 10.0, 100.0, 1000.0)


def problem(seed, classes=False):
    """Seven related tasks of 40 rows in the unit ball, as in the design's table."""
    rng = np.random.default_rng(seed)
    task = np.repeat(np.arange(7), 40)
    X = Ball().sample(task.size, 10, rng)
    weights = rng.standard_normal((7, 2)) @ rng.standard_normal((2, 10))
    y = (X * weights[task]).sum(axis=1) + 0.1 * rng.standard_normal(task.size)
    return X, np.where(y > 0.0, 1, -1) if classes else y, task


def threat(kind, budget=0.2):
    return ThreatModel([0, 1, 2], [0, 1, 2] if kind == "direct" else [3, 4, 5, 6], budget)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["direct", "indirect"])
@pytest.mark.parametrize("weight", [0.1, 0.01, 0.001])
@pytest.mark.parametrize("classes", [False, True])
def test_defaults_beat_patom_with_its_best_step(kind, weight, classes):
    model, rises = (MTRLClassifier if classes else MTRLRegressor)(weight, weight), []
    for seed in range(2):
        X, y, task = problem(seed, classes)
        run = {"model": model, "X": X, "y": y, "task": task, "threat": threat(kind), "random_state": seed}
        best = max(PATOM(step_size=step).poison(**run).utility for step in STEPS)
        ours = ProjectedAscent().poison(**run)
        assert ours.utility >= best
        rises.append((ours.utility - ours.clean_utility, best - ours.clean_utility))
    if kind == "indirect" and weight < 0.1:  # where the paper's gradient is a poor guide
        ours_mean, best_mean = np.mean(rises, axis=0)
        assert ours_mean >= 2.0 * best_mean


def test_it_starts_at_the_random_attacks_rows():
    X, y, task = problem(0)
    run = {"model": MTRLRegressor(0.01, 0.01), "X": X, "y": y, "task": task, "threat": threat("direct")}
    random = RandomAttack().poison(**run, random_state=3)
    still = ProjectedAscent(max_iter=0, n_starts=1).poison(**run, random_state=3)
    np.testing.assert_array_equal(still.X, random.X)
    assert still.utility == random.utility
    assert ProjectedAscent(max_iter=2, n_starts=1).poison(**run, random_state=3).utility > random.utility


def test_labels_within_the_tasks_range_do_more_harm_than_labels_as_drawn():
    X, y, task = problem(1)
    run = {"model": MTRLRegressor(0.01, 0.01), "X": X, "y": y, "task": task, "threat": threat("direct")}
    moved = ProjectedAscent(optimise_labels=True, n_starts=1).poison(**run, random_state=0)
    kept = ProjectedAscent(n_starts=1).poison(**run, random_state=0)
    assert moved.utility > 1.2 * kept.utility
    np.testing.assert_array_equal(kept.y, RandomAttack().poison(**run, random_state=0).y)
    for label in (0, 1, 2):
        own, injected = y[task == label], moved.y[moved.task == label]
        assert own.min() <= injected.min()
        assert injected.max() <= own.max()


def test_classes_flip_where_that_pays():
    X, y, task = problem(2, classes=True)
    run = {"model": MTRLClassifier(0.01, 0.01), "X": X, "y": y, "task": task, "threat": threat("direct")}
    moved = ProjectedAscent(optimise_labels=True).poison(**run, random_state=0)
    kept = ProjectedAscent().poison(**run, random_state=0)
    assert set(moved.y.tolist()) <= {-1, 1}
    assert (moved.y != kept.y).any()
    assert moved.utility > kept.utility


def test_the_best_of_several_starts_is_returned():
    X, y, task = problem(3)
    run = {"model": MTRLRegressor(0.01, 0.01), "X": X, "y": y, "task": task, "threat": threat("indirect")}
    result = ProjectedAscent(n_starts=3).poison(**run, random_state=0)
    assert len(set(result.start_utilities.tolist())) == 3
    assert result.expected_utility == result.start_utilities.max() == result.history.utility[-1]
    assert result.utility == pytest.approx(result.expected_utility, rel=1e-3)


@pytest.mark.parametrize("gradient", ["paper", "frozen_covariance", "exact"])
def test_every_gradient_gives_an_attack_that_never_falls(gradient):
    X, y, task = problem(4)
    run = {"model": MTRLRegressor(0.01, 0.01), "X": X, "y": y, "task": task, "threat": threat("direct")}
    result = ProjectedAscent(gradient=gradient).poison(**run, random_state=0)
    assert (np.diff(result.history.utility) > 0.0).all()
    assert result.utility > 2.0 * RandomAttack().poison(**run, random_state=0).utility - result.clean_utility
    assert result.history.iteration[-1] <= ProjectedAscent().max_iter


def test_the_status_tells_a_local_optimum_from_the_end_of_the_iterations():
    X, y, task = problem(4)
    run = {"model": MTRLRegressor(0.01, 0.01), "X": X, "y": y, "task": task, "threat": threat("direct")}
    short = ProjectedAscent(max_iter=3, n_starts=1).poison(**run, random_state=0)
    assert short.status is AttackStatus.COMPLETED
    long = ProjectedAscent(max_iter=500, n_starts=1).poison(**run, random_state=0)
    assert long.status in (AttackStatus.SETTLED, AttackStatus.LOCAL_OPTIMUM)
    assert long.utility >= short.utility
    further = ProjectedAscent(max_iter=500, n_starts=1, relocations=0).poison(**run, random_state=0)
    gain = further.history.utility - further.clean_utility
    late = further.history.iteration > further.history.iteration[-1] - 20
    assert gain[late][0] > 0.95 * gain[-1]  # what is settled had stopped rising


def test_uncoupled_tasks_cannot_be_hurt_through_each_other():
    X, y, task = problem(5)
    model = MTRLRegressor(0.01, 0.01, task_covariance=np.eye(7) / 7)
    result = ProjectedAscent().poison(model, X, y, task=task, threat=threat("indirect"), random_state=0)
    assert result.utility == pytest.approx(result.clean_utility, rel=1e-12)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"gradient": "best"}, "gradient of ProjectedAscent must be one of 'paper', 'frozen_covariance', 'exact'"),
        ({"max_iter": -1}, "max_iter of ProjectedAscent must be a whole number at least 0; got -1"),
        ({"n_starts": 0}, "n_starts of ProjectedAscent"),
        ({"labels": "worst"}, "labels of ProjectedAscent must be one of"),
    ],
)
def test_bad_settings_are_one_sentence(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        ProjectedAscent(**settings)
