"""The ascent step by step: what it tries, keeps and returns, and where there is nothing to climb."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from patom import Ball, Box, MTRLClassifier, MTRLRegressor, ProjectedAscent, ThreatModel
from patom.attacks import AttackStatus, Availability, Sparing, Targeted
from patom.attacks.program import Bilevel

LOSSES = ("squared_error", "huber", "squared_hinge", "logistic")


@dataclass(frozen=True)
class Trial:
    """One solve of the lower level on the way."""

    X: bytes
    y: tuple
    utility: float
    gap: float
    W: np.ndarray
    start: np.ndarray


@pytest.fixture
def trials(monkeypatch):
    """Every solve with injected rows, in order."""
    seen, solve = [], Bilevel.solve

    def recorded(self, injection, start=None, *, polish=True, tol=0.0):
        solution = solve(self, injection, start, polish=polish, tol=tol)
        if injection is not None:
            y, utility = tuple(injection.y.tolist()), self.utility(solution.W)
            seen.append(Trial(injection.X.tobytes(), y, utility, solution.duality_gap, solution.W, start))
        return solution

    monkeypatch.setattr(Bilevel, "solve", recorded)
    return seen


@pytest.fixture
def climb(make_tasks, make_victim):
    def run(loss="squared_error", *, targets=("a",), attackers=("a", "b"), budget=0.3, seed=0, model=None, **settings):
        threat = {name: settings.pop(name) for name in ("objective", "region", "label_range") if name in settings}
        X, y, task = make_tasks(loss)
        model = make_victim(loss, lambda_1=0.01, lambda_2=0.01) if model is None else model
        attack = ProjectedAscent(**{"n_starts": 1, "max_iter": 30} | settings)
        return attack.poison(
            model, X, y, task=task, threat=ThreatModel(targets, attackers, budget, **threat), random_state=seed
        )

    return run


@pytest.mark.parametrize("optimise_labels", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_kept_utilities_rise_and_are_certified(loss, optimise_labels, climb, trials):
    result = climb(loss, optimise_labels=optimise_labels)
    history = result.history
    assert len(history) > 5
    assert (np.diff(history.utility) > 0.0).all()
    assert result.expected_utility == history.utility.max() > history.utility[0]
    assert {trial.utility for trial in trials} >= set(history.utility.tolist())
    assert max(trial.gap for trial in trials) <= result.model.tol
    assert (history.gap <= result.model.tol).all()
    assert result.X.tobytes() == next(trial.X for trial in trials if trial.utility == history.utility[-1])


@pytest.mark.parametrize(
    "objective", [Targeted([[0.5] * 4], ["a"]), Sparing(Availability(), 3.0), Availability("worst")]
)
def test_so_they_do_with_other_objectives(objective, climb, trials):
    result = climb("logistic", targets=("a", "c"), objective=objective, optimise_labels=True)
    assert (np.diff(result.history.utility) > 0.0).all()
    assert {trial.utility for trial in trials} >= set(result.history.utility.tolist())


def test_no_trial_beats_what_is_returned(climb, trials):
    result = climb("logistic", optimise_labels=True)
    assert max(trial.utility for trial in trials) == result.expected_utility


def test_the_utility_may_fall_in_between_but_the_best_is_returned(climb, trials):
    """A memory of five: a spot below the best one is gone on from, and leads above it."""
    paid = 0
    for seed in range(4):
        trials.clear()
        result = climb("squared_hinge", seed=seed, max_iter=60)
        utilities = np.array([trial.utility for trial in trials])
        best = np.maximum.accumulate(utilities)
        for trial in trials[1:]:
            spot = next(k for k, other in enumerate(trials) if other.W is trial.start)
            paid += utilities[spot] < best[spot] * (1.0 - 1e-3) and best[-1] > best[spot] * (1.0 + 1e-3)
        assert result.expected_utility == pytest.approx(best[-1], rel=1e-3)
    assert paid > 0


@pytest.mark.parametrize("optimise_labels", [False, True])
@pytest.mark.parametrize("max_iter", [0, 1, 2, 7])
@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
def test_max_iter_bounds_the_moves(loss, max_iter, optimise_labels, climb, trials):
    result = climb(loss, max_iter=max_iter, n_starts=2, optimise_labels=optimise_labels)
    rows = [trial.X + np.array(trial.y).tobytes() for trial in trials]
    moves = sum(one != other for one, other in pairwise(rows))
    assert moves <= 2 * max_iter + 1  # and the step to the second start
    assert result.history.iteration[0] == 0
    assert result.history.iteration[-1] <= max_iter
    assert result.cost.solves <= 1 + 2 * (1 + max_iter)


def test_more_moves_never_do_less(climb):
    utilities = [
        climb("huber", max_iter=max_iter, n_starts=1, relocations=0).expected_utility
        for max_iter in (0, 1, 3, 9, 27, 81)
    ]
    assert utilities == sorted(utilities)
    assert utilities[-1] > 2.0 * utilities[0]


def test_no_flip_is_tried_twice_in_a_row(climb, trials):
    """With one row all shares of those that pay are the same row."""
    flips = 0
    for seed in range(8):
        trials.clear()
        climb("squared_hinge", attackers=("a",), budget=1.0 / 15.0, optimise_labels=True, max_iter=30, seed=seed)
        for before, flipped, after in zip(trials, trials[1:], trials[2:], strict=False):
            if flipped.X == before.X and flipped.y != before.y:
                flips += 1
                again = (after.X, after.y) == (flipped.X, flipped.y)
                assert not again or after.start is flipped.W  # to the victim's tolerance, for the record
    assert flips > 0


def test_flips_that_are_kept_pay(climb, trials):
    kept = []
    result = climb("squared_hinge", optimise_labels=True)
    for utility in result.history.utility:
        kept.append(next(trial for trial in trials if trial.utility == utility))
    flipped = [k for k in range(1, len(kept)) if kept[k].y != kept[k - 1].y]
    assert flipped
    assert all(kept[k].utility > kept[k - 1].utility for k in flipped)
    assert set(result.y.tolist()) <= {"no", "yes"}


def test_all_wrong_labels_are_flipped_at_once(climb, trials):
    """Rows drawn with the labels that help the victim: the first trial flips all that pay."""
    climb("logistic", attackers=("a",), budget=2.0, features="resampled", optimise_labels=True, max_iter=1)
    start, first = trials[0], trials[1]
    assert np.mean(np.array(start.y) != np.array(first.y)) > 0.5


def test_two_starts_differ_and_the_better_is_kept(climb):
    result = climb(attackers=("b",), n_starts=5)
    assert np.unique(result.start_utilities).size > 1
    assert result.expected_utility == result.start_utilities.max()
    assert result.spread > 0.0
    alone = climb(attackers=("b",), n_starts=1)
    assert alone.expected_utility <= result.expected_utility


@pytest.mark.parametrize("optimise_labels", [False, True])
def test_where_there_is_no_slope_it_stops_at_once(climb, optimise_labels, trials):
    """Independent tasks: nothing that is injected into one moves another."""
    model = MTRLRegressor(0.01, 0.01, task_covariance=np.eye(4) / 4)
    result = climb(attackers=("b",), model=model, optimise_labels=optimise_labels)
    assert result.status is AttackStatus.LOCAL_OPTIMUM
    assert len(trials) == 1
    assert result.utility == pytest.approx(result.clean_utility, rel=1e-12)


def test_where_nothing_is_learned_there_is_nothing_to_climb(make_tasks):
    X, y, task = make_tasks("squared_error")
    for objective in (Availability(), Targeted([[1.0] * 4], ["a"]), Sparing(Availability())):
        threat = ThreatModel(["a"], ["b"], 0.3, objective=objective)
        result = ProjectedAscent().poison(MTRLRegressor(), X, 0.0 * y, task=task, threat=threat, random_state=0)
        assert result.utility == result.clean_utility == 0.0


def test_a_utility_of_exactly_zero_is_no_division_by_zero(climb, monkeypatch):
    """Rises are taken relatively; here the utility ends at 0 exactly."""
    utility = Bilevel.utility
    monkeypatch.setattr(Bilevel, "utility", lambda self, W: min(utility(self, W), 0.0))
    result = climb(objective=Targeted([[0.3] * 4], ["a"], "lower"), label_range=(-50.0, 50.0), optimise_labels=True)
    assert result.history.utility[0] < 0.0
    assert result.expected_utility == 0.0


@pytest.mark.parametrize("optimise_labels", [False, True])
@pytest.mark.parametrize("classes", [False, True])
def test_one_row_one_feature_one_task(classes, optimise_labels):
    X = np.array([[0.5], [-0.7], [0.2], [-0.1]])
    y = np.array([1.0, -1.0, 1.0, -1.0]) if classes else X[:, 0] * 2.0
    model = (MTRLClassifier if classes else MTRLRegressor)(0.01, 0.01)
    attack = ProjectedAscent(optimise_labels=optimise_labels)
    result = attack.poison(model, X, y, threat=ThreatModel([0], [0], 0.25), random_state=0)
    assert result.X.shape == (1, 1)
    assert result.utility > result.clean_utility
    assert np.abs(result.X).max() <= 1.0
    grid = []  # the best of all rows on a grid
    for x in np.linspace(-1.0, 1.0, 21):
        for label in (-1.0, 1.0) if classes else (np.linspace(y.min(), y.max(), 9) if optimise_labels else result.y):
            fitted = (MTRLClassifier if classes else MTRLRegressor)(0.01, 0.01)
            fitted.fit(np.vstack([X, [[x]]]), np.append(y, label))
            z = X[:, 0] * fitted.coef_[0, 0] + fitted.intercept_[0]
            loss = np.maximum(0.0, 1.0 - y * z) ** 2 if classes else (y - z) ** 2
            if optimise_labels or label == result.y[0]:
                grid.append(loss.mean())
    assert result.utility >= 0.999 * max(grid)


@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
def test_a_region_of_one_point_leaves_only_labels(loss, climb):
    kept = climb(loss, region=Box(0.5, 0.5))
    moved = climb(loss, region=Box(0.5, 0.5), optimise_labels=True)
    np.testing.assert_array_equal(moved.X, 0.5)
    assert kept.status is AttackStatus.LOCAL_OPTIMUM
    assert kept.history.size == 1
    assert moved.utility > kept.utility


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_scales_of_targets_and_features_drop_out(scale, make_tasks):
    X, y, task = make_tasks("squared_error")
    run = {"task": task, "random_state": 0}
    attack = ProjectedAscent(max_iter=10, n_starts=1, optimise_labels=True)
    plain = attack.poison(MTRLRegressor(0.01, 0.01), X, y, threat=ThreatModel(["a"], ["b"], 0.3), **run)
    targets = attack.poison(MTRLRegressor(0.01, 0.01), X, scale * y, threat=ThreatModel(["a"], ["b"], 0.3), **run)
    assert targets.utility / scale**2 == pytest.approx(plain.utility, rel=0.05)
    region = Ball(scale)
    features = attack.poison(
        MTRLRegressor(0.01, 0.01), scale * X, y, threat=ThreatModel(["a"], ["b"], 0.3, region), **run
    )
    assert region.contains(features.X).all()
    assert features.utility >= features.history.utility[0] * (1.0 - 1e-3)
