"""Flips are clean rows with the worst label allowed, chosen as they should be, each task within its budget."""

import numpy as np
import pytest

from patom import GreyBox, MTRLClassifier, MTRLRegressor, OwnData, RandomAttack, ThreatModel
from patom.attacks import LabelFlip
from patom.attacks.ascent.placement import effects
from patom.attacks.baselines.label_flip import flips
from patom.attacks.gradients import adjoint
from patom.attacks.program import bilevel

THREAT = {"targets": ["a"], "attackers": ["b", "c"]}


def as_set(X):
    return {row.tobytes() for row in X}


@pytest.fixture
def classes(make_tasks):
    X, y, task = make_tasks("squared_hinge")
    return {"model": MTRLClassifier(0.01, 0.01), "X": X, "y": y, "task": task}


@pytest.fixture
def targets(make_tasks):
    X, y, task = make_tasks("squared_error")
    return {"model": MTRLRegressor(0.01, 0.01), "X": X, "y": y, "task": task}


def test_the_rows_of_the_largest_loss_once_flipped(classes):
    result = LabelFlip().poison(**classes, threat=ThreatModel(**THREAT, budget=0.2))
    X, y, task = classes["X"], classes["y"], classes["task"]
    margin = np.where(y == "yes", 1.0, -1.0) * classes["model"].fit(X, y, task=task).decision_function(X, task=task)
    for label in "bc":
        own = np.flatnonzero(task == label)
        worst = own[np.argsort(-margin[own])[:3]]  # most surely right, so most wrong once flipped
        injected = result.task == label
        assert as_set(result.X[injected]) == as_set(X[worst])
        flipped = dict(zip(map(bytes, X[worst]), np.where(y[worst] == "yes", "no", "yes"), strict=True))
        assert [flipped[bytes(x)] for x in result.X[injected]] == result.y[injected].tolist()


@pytest.mark.parametrize("allowed", [None, (-0.5, 0.25), (-9.0, 5.0), (1.0, 1.0)])
def test_targets_move_to_the_end_of_the_range_that_is_further(targets, allowed):
    threat = ThreatModel(**THREAT, budget=1.0, label_range=allowed)
    result = LabelFlip("random").poison(**targets, threat=threat, random_state=0)
    X, y, task = targets["X"], targets["y"], targets["task"]
    before = dict(zip(map(bytes, X), y, strict=True))
    for label in "bc":
        own = y[task == label]
        ends = np.array([own.min(), own.max()] if allowed is None else allowed)
        injected = result.task == label
        assert as_set(result.X[injected]) == as_set(X[task == label])
        was = np.array([before[bytes(x)] for x in result.X[injected]])
        np.testing.assert_array_equal(result.y[injected], ends[np.argmax(abs(ends - was[:, None]), axis=1)])


@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_to_first_order_an_end_harms_at_least_as_much_as_any_label(make_tasks, make_victim, loss):
    X, y, task = make_tasks(loss)
    program = bilevel(make_victim(loss, lambda_1=0.01, lambda_2=0.01), X, y, task, ThreatModel("a", "b", 1.0))
    W = program.solve(None).W
    v = adjoint(program, None, W)[0].v
    flipped = flips(program)
    low, high = (bound[flipped.task_index] for bound in program.label_bounds)
    harm = np.array([
        effects(program, W, v, type(flipped)(flipped.X, low + t * (high - low), flipped.task_index))
        for t in np.linspace(0.0, 1.0, 21)
    ])  # fmt: skip
    assert (np.maximum(harm[0], harm[-1]) >= harm.max(axis=0)).all()
    assert (harm[0] != harm[-1]).all()


@pytest.mark.parametrize("choose", ["loss", "random"])
def test_rows_are_taken_again_once_all_are_taken(classes, choose):
    result = LabelFlip(choose).poison(**classes, threat=ThreatModel(**THREAT, budget=2.4), random_state=0)
    for label in "bc":
        _, times = np.unique(result.X[result.task == label], axis=0, return_counts=True)
        assert sorted(times.tolist()) == [2] * 9 + [3] * 6


def test_only_random_flips_depend_on_the_seed(classes):
    threat = ThreatModel(**THREAT, budget=0.4)
    for choose in ("loss", "random"):
        one, other = (LabelFlip(choose).poison(**classes, threat=threat, random_state=seed) for seed in (0, 1))
        assert np.array_equal(one.X, other.X) is (choose == "loss")
        assert len(as_set(one.X)) == one.y.size


@pytest.mark.parametrize("problem", ["classes", "targets"])
def test_direct_flips_harm_more_than_random_rows(problem, request):
    run = {**request.getfixturevalue(problem), "threat": ThreatModel(["a", "b"], ["a", "b"], 0.2), "random_state": 0}
    worst, random = (LabelFlip(choose).poison(**run) for choose in ("loss", "random"))
    assert worst.utility > random.utility > RandomAttack().poison(**run).utility
    assert (worst.cost.solves, worst.cost.adjoint_solves) == (2, 0)


@pytest.mark.parametrize("problem", ["classes", "targets"])
def test_features_lie_in_the_region_of_the_new_label(problem, request):
    run = request.getfixturevalue(problem)
    threat = ThreatModel(**THREAT, budget=0.4, region=OwnData(quantile=0.5), knowledge=GreyBox(share=0.5))
    result = LabelFlip().poison(**run, threat=threat, random_state=0)  # refused if a row lies outside
    assert not as_set(result.X) <= as_set(run["X"])


def test_an_unknown_choice_is_one_sentence():
    with pytest.raises(ValueError, match=r"^choose of LabelFlip must be one of 'loss', 'random'; got 'best'\.$"):
        LabelFlip("best")
