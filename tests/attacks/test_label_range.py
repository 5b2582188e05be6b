"""The range of injected targets: each task's own, or the threat model's; classes are never others than the two."""

import re

import numpy as np
import pytest

from patom import PATOM, AttackResult, Box, MTRLClassifier, MTRLRegressor, ProjectedAscent, RandomAttack, ThreatModel

DRAWS = ("resampled", "uniform", "flipped")
ATTACKS = {f"random, {labels}": RandomAttack(labels=labels) for labels in DRAWS} | {
    "clusters": RandomAttack(features="clusters", labels="uniform"),
    "PATOM": PATOM(max_iter=2, labels="flipped"),
    "ascent": ProjectedAscent(max_iter=4),
    "ascent, labels": ProjectedAscent(max_iter=8, optimise_labels=True),
}
RANGES = {"narrow": (-0.05, 0.1), "wide": (-20.0, 30.0), "apart": (5.0, 7.0), "one": (0.25, 0.25)}


def run(attack, data, label_range, model=None, budget=1.0):
    X, y, task = data
    threat = ThreatModel(["a"], ["a", "b"], budget, label_range=label_range)
    return attack.poison(model or MTRLRegressor(0.01, 0.01), X, y, task=task, threat=threat, random_state=0)


@pytest.mark.parametrize("given", RANGES.values(), ids=RANGES.keys())
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_targets_lie_in_the_range_of_the_threat_model(attack, given, make_tasks):
    result = run(attack, make_tasks("squared_error"), given)
    assert given[0] <= result.y.min()
    assert result.y.max() <= given[1]
    if given[0] == given[1]:
        assert set(result.y.tolist()) == {given[0]}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_without_one_they_lie_in_the_tasks_own(attack, make_tasks):
    data = make_tasks("squared_error")
    result = run(attack, data, None)
    for label in "ab":
        own, injected = data[1][data[2] == label], result.y[result.task == label]
        slack = 1e-15 * np.abs(own).max()
        assert own.min() - slack <= injected.min()
        assert injected.max() <= own.max() + slack


def test_uniform_targets_span_the_range(make_tasks):
    y = np.sort(
        (run(ATTACKS["random, uniform"], make_tasks("squared_error"), (-20.0, 30.0), budget=20.0).y + 20.0) / 50.0
    )
    assert np.abs(y - (np.arange(y.size) + 0.5) / y.size).max() < 1.63 / np.sqrt(y.size)


def test_resampled_targets_are_clean_ones_clipped_and_flipped_ones_are_mirrored(make_tasks):
    X, y, task = make_tasks("squared_error")
    low, high = -0.1, 0.2
    for labels, expected in (
        ("resampled", lambda own: np.clip(own, low, high)),
        ("flipped", lambda own: np.clip(low + high - own, low, high)),
    ):
        result = run(RandomAttack(labels=labels), (X, y, task), (low, high))
        for label in "ab":
            possible = expected(y[task == label])
            distance = np.abs(result.y[result.task == label][:, None] - possible).min(axis=1)
            assert distance.max() < 1e-15
        assert {low, high} <= set(result.y.tolist())


def test_a_wider_range_does_more_harm_and_its_ends_most(make_tasks):
    attack = ProjectedAscent(max_iter=20, n_starts=2, optimise_labels=True)
    results = [run(attack, make_tasks("squared_error"), given, budget=0.3) for given in ((-1.0, 1.0), (-10.0, 10.0))]
    assert results[1].utility > 5.0 * results[0].utility
    np.testing.assert_array_equal(np.abs(results[1].y[results[1].task == "a"]), 10.0)


def test_labels_can_be_all_that_moves(make_tasks):
    """Features fixed to one point: the rows' targets still climb."""
    X, y, task = make_tasks("squared_error")
    threat = ThreatModel(["a"], ["a"], 0.5, Box(0.5, 0.5), label_range=(-3.0, 3.0))
    attack = ProjectedAscent(max_iter=20, n_starts=1, optimise_labels=True)
    result = attack.poison(MTRLRegressor(0.01, 0.01), X, y, task=task, threat=threat, random_state=0)
    np.testing.assert_array_equal(result.X, 0.5)
    ends = [
        RandomAttack().poison(
            MTRLRegressor(0.01, 0.01), X, y, task=task, random_state=0,
            threat=ThreatModel(["a"], ["a"], 0.5, Box(0.5, 0.5), label_range=(end, end)),
        ).utility
        for end in (-3.0, 3.0)
    ]  # fmt: skip
    assert result.utility == pytest.approx(max(ends), rel=1e-3)


def test_one_target_only_leaves_the_features_to_move(make_tasks):
    fixed = run(ATTACKS["ascent, labels"], make_tasks("squared_error"), (0.25, 0.25))
    assert fixed.utility > fixed.history.utility[0]
    assert set(fixed.y.tolist()) == {0.25}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_classes_are_the_two_whatever_the_range(attack, make_tasks):
    data = make_tasks("squared_hinge")
    one, other = (run(attack, data, given, MTRLClassifier(0.01, 0.01)) for given in (None, (-20.0, 0.5)))
    assert set(one.y.tolist()) <= {"no", "yes"}
    assert one.y.tolist() == other.y.tolist()
    assert one.X.tobytes() == other.X.tobytes()


@pytest.mark.parametrize("given", [(-1, 2), np.array([-1.0, 2.0]), [np.float32(-1.0), 2]])
def test_a_range_is_kept_as_two_floats_and_survives_a_file(given, make_tasks, tmp_path):
    result = run(RandomAttack(labels="uniform"), make_tasks("squared_error"), given)
    assert result.threat.label_range == (-1.0, 2.0)
    result.save(tmp_path / "a.npz")
    assert AttackResult.load(tmp_path / "a.npz").threat == result.threat


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3.0, "label_range of ThreatModel must be a pair of numbers; got 3.0."),
        ((1.0,), "label_range of ThreatModel must be a pair of numbers; got (1.0,)."),
        ((1.0, 2.0, 3.0), "label_range of ThreatModel must be a pair of numbers; got (1.0, 2.0, 3.0)."),
        ("ab", "label_range of ThreatModel must be a pair of numbers; got 'ab'."),
        (([0.0], [1.0]), "label_range of ThreatModel must be a pair of numbers; got ([0.0], [1.0])."),
        ((2.0, 1.0), "label_range of ThreatModel must be finite, the smaller number first; got (2.0, 1.0)."),
        ((np.nan, 1.0), "label_range of ThreatModel must be finite, the smaller number first; got (nan, 1.0)."),
        ((0.0, np.inf), "label_range of ThreatModel must be finite, the smaller number first; got (0.0, inf)."),
    ],
)
def test_what_cannot_be_a_range_is_one_sentence(given, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        ThreatModel(["a"], ["b"], 0.2, label_range=given)
