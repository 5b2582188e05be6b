"""Many accounts as a few kinds of identical ones: the same problem, no worse an attack, whole numbers at the end."""

from dataclasses import replace

import numpy as np
import pytest

from patom import Capped, MTRLClassifier, MTRLRegressor, NewTasks, ProjectedAscent, ThreatModel
from patom.attacks.ascent import kinds
from patom.attacks.ascent.kinds import climb_copies, expanded, few, may_be_few, on_simplex, rounded
from patom.attacks.draws import draw
from patom.attacks.program import bilevel
from patom.datasets import make_related_tasks
from patom.defenses import Clip, Sanitised

X, Y, TASK = make_related_tasks(n_tasks=5, n_features=6, n_train=15, n_groups=2, random_state=1).train
THREAT = ThreatModel([0, 1], NewTasks(24, 2))
VICTIM = MTRLRegressor(0.01, 0.01)


def program_of(threat=THREAT, model=VICTIM, y=Y):
    return bilevel(model, X, y, TASK, threat)


@pytest.mark.parametrize(
    "threat", [THREAT, replace(THREAT, attackers=[4, NewTasks(24, 2)], budget=0.2)], ids=["new", "both"]
)
@pytest.mark.parametrize("weights", ["tasks", "rows", Capped(9.0)], ids=str)
def test_kinds_and_all_accounts_are_one_problem(threat, weights):
    program = program_of(threat, MTRLRegressor(0.01, 0.01, task_weights=weights, tol=1e-11))
    fewer = few(program, 4)
    rows = draw(fewer, "see-saw", "extremes", np.random.default_rng(0))
    whole = replace(fewer, lower=fewer.lower.repeated(np.array([9.0, 1.0, 8.0, 6.0])))
    all_of_them = expanded(program, whole, rows)
    assert np.bincount(all_of_them.task_index)[5:].tolist() == [2] * 24
    together, apart = whole.solve(rows), program.solve(all_of_them)
    assert together.objective == pytest.approx(apart.objective, rel=1e-8)
    np.testing.assert_allclose(together.W[:5], apart.W[:5], atol=1e-5)


def test_the_numbers_climb_and_keep_their_total():
    fewer = few(program_of(), 4)
    rows = draw(fewer, "uniform", "resampled", np.random.default_rng(3))
    start = fewer.utility(fewer.solve(rows).W)
    better = climb_copies(fewer, rows, fewer.clean.W)
    assert better.utility(better.solve(rows).W) > start
    assert better.lower.copies.sum() == pytest.approx(24.0)
    assert better.lower.copies.min() > 0.0
    assert np.ptp(better.lower.copies) > 1.0


def test_slopes_that_hardly_differ_keep_the_total(monkeypatch):
    fewer = few(program_of(), 4)
    rows = draw(fewer, "uniform", "resampled", np.random.default_rng(3))
    for spread in (1e-3, 1e-8, 1e-12, 0.0):
        slopes = 1e3 + 1e3 * spread * np.array([1.0, -1.0, 0.5, 0.0])
        monkeypatch.setattr(kinds, "through_copies", lambda *_, slopes=slopes: slopes.copy())
        found = climb_copies(fewer, rows, fewer.clean.W).lower.copies
        assert found.sum() == pytest.approx(24.0, rel=1e-9)
        assert rounded(found, 24).sum() == 24


@pytest.mark.parametrize("seed", range(5))
def test_the_simplex_is_met_at_its_nearest_point(seed):
    rng = np.random.default_rng(seed)
    wanted, total, least = 10.0 * rng.standard_normal(6), 7.0, 0.1
    found = on_simplex(wanted, total, least)
    assert found.sum() == pytest.approx(total)
    assert found.min() >= least - 1e-12
    for _ in range(200):
        other = least + (total - 6 * least) * rng.dirichlet(np.full(6, 0.3))
        assert np.sum((other - wanted) ** 2) >= np.sum((found - wanted) ** 2) - 1e-9
        assert (wanted - found) @ (other - found) <= 1e-9
    assert rounded(found, 7).sum() == 7
    assert np.abs(rounded(found, 7) - found).max() < 1.0


@pytest.mark.parametrize("classes", [False, True])
def test_an_ascent_by_kinds_is_about_as_good_as_one_by_accounts(classes):
    y = np.where(np.median(Y) < Y, 1, 0) if classes else Y
    model = (MTRLClassifier if classes else MTRLRegressor)(0.01, 0.01)
    found = {}
    for number in (4, 24):
        attack = ProjectedAscent(max_iter=15, optimise_labels=True, kinds=number)
        result = attack.poison(model, X, y, task=TASK, threat=THREAT, random_state=0)
        assert result.new_tasks.size == 24
        assert result.y.size == 48
        found[number] = result.utility / result.clean_utility - 1.0
    assert found[4] >= 0.9 * found[24]


def test_where_accounts_differ_or_a_filter_stands_before_the_fit_each_climbs_for_itself():
    assert may_be_few(program_of(), 4)
    assert not may_be_few(program_of(), 24)
    assert not may_be_few(program_of(replace(THREAT, attackers=NewTasks(6, (1, 1, 1, 1, 1, 2)))), 4)
    assert not may_be_few(program_of(model=Sanitised(VICTIM, Clip())), 4)
    assert not may_be_few(program_of(ThreatModel([0], [1], 0.2)), 4)
