"""Rows beyond a class: where they lie, and what they do behind a filter."""

import numpy as np
import pytest

from patom import MTRLClassifier, MTRLRegressor, ProjectedAscent, ThreatModel
from patom.attacks.ascent import starts
from patom.attacks.ascent.beyond import beyond
from patom.attacks.draws import draw
from patom.attacks.program import bilevel
from patom.core.regions import Ball
from patom.datasets import load_digits_tasks
from patom.defenses import Chain, Clip, Sanitised, Slab


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
def test_rows_lie_on_the_line_through_the_means_of_their_tasks_classes(loss, labels, make_tasks):
    X, y, task = make_tasks(loss)
    model = (MTRLClassifier if loss == "squared_hinge" else MTRLRegressor)(0.01, 0.01)
    program = bilevel(model, X, y, task, ThreatModel(["a"], ["a", "b"], 0.3, region=Ball(1e6)))
    drawn = draw(program, "uniform", "resampled", np.random.default_rng(0))
    found = list(beyond(program, drawn, 1e-9, np.random.default_rng(0), labels=labels))
    assert len(found) == (12 if labels else 6)
    rows, clean = found[0], program.problem.rows
    low, high = program.extremes(rows.task_index)
    np.testing.assert_array_equal(rows.y, high if labels else drawn.y)
    for i in (0, 1):
        own = slice(clean.offsets[i], clean.offsets[i + 1])
        higher = clean.y[own] > (0.0 if loss == "squared_hinge" else np.median(clean.y[own]))
        means = [clean.X[own, :-1][side].mean(axis=0) for side in (~higher, higher)]
        for r in np.flatnonzero(rows.task_index == i):
            side = int(rows.y[r] > 0.5 * (low + high)[r])
            expected = means[1 - side] - 4.0 * (means[side] - means[1 - side])
            np.testing.assert_allclose(rows.X[r], expected, atol=1e-7)


def test_they_are_tried_behind_a_filter_only():
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((120, 4)) / 4.0, np.repeat(["a", "b", "c"], 40)
    y, threat = np.sign(X[:, 0] + 0.1 * rng.standard_normal(120)), ThreatModel(["a"], ["a"], 0.3)
    plain = MTRLClassifier(0.01, 0.01)
    names = [starts.further_starts(bilevel(model, X, y, task, threat)) for model in (plain, Sanitised(plain, Slab()))]
    assert ["beyond" in name for name in names] == [False, True]


@pytest.mark.slow
def test_they_do_far_more_than_the_next_start_behind_clip_and_slab_on_digits(monkeypatch):
    X, y, task = load_digits_tasks(random_state=0).train
    model = Sanitised(MTRLClassifier(0.01, 0.01), Chain([Clip(), Slab(fraction=0.1)]))
    threat, attack = ThreatModel([2, 4, 6], [2, 4, 6], 0.2), ProjectedAscent(optimise_labels=True, n_starts=2)
    found = attack.poison(model, X, y, task=task, threat=threat, random_state=0)
    monkeypatch.setattr(starts, "FilteredLevel", ())
    without = attack.poison(model, X, y, task=task, threat=threat, random_state=0)
    assert found.utility > 1.2 * without.utility
