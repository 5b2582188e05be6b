"""Rows pulled in."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from patom import Ball, MTRLRegressor, ThreatModel
from patom.attacks.draws import draw
from patom.attacks.injection import Injection
from patom.attacks.program import bilevel
from patom.core.regions import Ball as Round
from patom.defenses import Chain, Clip, Sanitised, Shares, Sphere
from patom.defenses.filters.sanitiser import checked_rows


@pytest.fixture(name="data")
def fixture_data():
    """Five tasks of 30 rows in three dimensions."""
    rng = np.random.default_rng(2)
    X, task = rng.standard_normal((150, 3)) * [1.0, 2.0, 0.5], np.repeat(np.arange(5), 30)
    return X, X @ [1.0, -1.0, 2.0], task


@pytest.mark.parametrize("over", ["tasks", "task"])
def test_rows_end_as_projections_onto_a_ball(data, over):
    X, y, task = data
    kept = Clip(quantile=0.4, over=over).keep(X, y, task)
    assert kept.kept.all()
    middles = np.array([np.median(X[task == i], axis=0) for i in range(5)])
    if over == "tasks":
        middles = np.tile(np.median(middles, axis=0), (5, 1))
    radii = np.array([np.quantile(np.linalg.norm(X[task == i] - middles[i], axis=1), 0.4) for i in range(5)])
    if over == "tasks":
        radii[:] = np.median(radii)
    for i in range(5):
        expected = Round(radii[i], middles[i]).project(X[task == i])
        np.testing.assert_allclose(kept.X[task == i], expected, rtol=1e-12)
    if over == "task":
        moved = (kept.X != X).any(axis=1)
        np.testing.assert_array_equal([moved[task == i].sum() for i in range(5)], 18)


def test_the_whole_quantile_moves_nothing(data):
    X, y, task = data
    np.testing.assert_allclose(Clip(quantile=1.0, over="task").keep(X, y, task).X, X, rtol=1e-12)
    plain = MTRLRegressor().fit(X, y, task=task)
    clipped = Sanitised(MTRLRegressor(), Clip(quantile=1.0, over="task")).fit(X, y, task=task)
    np.testing.assert_allclose(clipped.coef_, plain.coef_, rtol=1e-9)


def test_one_task_far_off_moves_the_others_rows_little(data):
    X, y, task = data
    expected = Clip().keep(X, y, task).X[task > 0]
    spoiled = np.where((task == 0)[:, None], 1e6, X)
    away = np.abs(Clip().keep(spoiled, y, task).X[task > 0] - expected).max()
    assert away < 0.5
    own = Clip(over="task")
    np.testing.assert_array_equal(own.keep(spoiled, y, task).X[task > 0], own.keep(X, y, task).X[task > 0])


def test_equal_rows_stay_where_they_are():
    X = np.ones((9, 2))
    X[0] = 5.0
    for metric in ("euclidean", "whitened"):
        np.testing.assert_array_equal(Clip(metric=metric).keep(X, np.arange(9.0)).X, X)
    np.testing.assert_array_equal(Clip().keep([[3.0]], [1.0]).X, [[3.0]])


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_a_data_frame_stays_one(data, frame):
    X, y, task = data
    names = ["a", "b", "c"]
    given = frame({name: X[:, k] for k, name in enumerate(names)})
    expected = Chain([Sphere(0.1), Clip()]).fit_resample(X, y, task)[0]
    found = Chain([Sphere(0.1), Clip()]).fit_resample(given, y, task)[0]
    assert isinstance(found, frame)
    assert list(found.columns) == names
    np.testing.assert_array_equal(found.to_numpy(), expected)
    model = Sanitised(MTRLRegressor(), Clip()).fit(given, y, task=task)
    assert model.feature_names_in_.tolist() == names
    if frame is pd.DataFrame:
        later = given.set_index(np.arange(150) + 7)
        assert (Clip().fit_resample(later, y, task)[0].index == later.index).all()


def test_whole_numbers_become_fractions():
    X = pd.DataFrame({"count": [0, 1, 2, 3, 100]})
    np.testing.assert_allclose(Clip(quantile=0.6).fit_resample(X, np.arange(5.0))[0]["count"], [0.6, 1, 2, 3, 3.4])


def test_filters_after_it_see_the_rows_as_it_leaves_them(data):
    X, y, task = data
    chain = Chain([Clip(quantile=0.3), Sphere(fraction=0.1)]).keep(X, y, task)
    clipped = Clip(quantile=0.3).keep(X, y, task).X
    np.testing.assert_array_equal(chain.kept, Sphere(fraction=0.1).keep(clipped, y, task).kept)
    np.testing.assert_array_equal(chain.X, clipped)


@pytest.mark.parametrize("over", ["tasks", "task"])
def test_whitened_distances_are_mahalanobis_distances_of_robust_spreads(data, over):
    X, y, task = data
    clip = Clip(quantile=0.4, over=over, metric="whitened", ridge=0.5)
    kept = clip.keep(X, y, task)
    middles = np.array([np.median(X[task == i], axis=0) for i in range(5)])
    if over == "tasks":
        middles[:] = np.median(middles, axis=0)
    away = X - middles[task]
    length = np.linalg.norm(away, axis=1)
    near = away * np.minimum(1.0, np.median(length) / length)[:, None]
    axes = np.linalg.svd(near, full_matrices=False)[2].T
    spread = np.array([np.square(1.4826 * np.median(np.abs(away[task == i] @ axes), axis=0)) for i in range(5)])
    if over == "tasks":
        spread[:] = np.square(np.median(np.sqrt(spread), axis=0))
    distance = np.empty(150)
    for i in range(5):
        S = axes @ np.diag(spread[i] + 0.5 * spread[i].mean()) @ axes.T
        own = away[task == i]
        distance[task == i] = np.sqrt(np.einsum("nd,nd->n", own @ np.linalg.inv(S), own))
    radius = np.array([np.quantile(distance[task == i], 0.4) for i in range(5)])
    if over == "tasks":
        radius[:] = np.median(radius)
    expected = middles[task] + np.minimum(1.0, radius[task] / distance)[:, None] * away
    np.testing.assert_allclose(kept.X, expected, rtol=1e-9)
    regions = clip.regions(checked_rows(X, y, task))
    for i in range(5):
        own = task == i
        assert regions[i][0].contains(X[own][distance[own] < 0.999 * radius[i]]).all()
        assert not regions[i][0].contains(X[own][distance[own] > 1.001 * radius[i]]).any()


def test_a_large_ridge_makes_distances_plain(data):
    X, y, task = data
    plain = Clip().keep(X, y, task).X
    np.testing.assert_allclose(Clip(metric="whitened", ridge=1e9).keep(X, y, task).X, plain, atol=1e-6)


@pytest.mark.parametrize("steps", [[Clip()], [Clip(over="task"), Sphere(fraction=0.1)], [Sphere(0.1), Clip()]])
def test_slopes_through_it_are_those_of_finite_differences(data, steps):
    X, y, task = data
    chain, rng = Chain(steps), np.random.default_rng(0)
    rows, G = checked_rows(X, y, task), np.random.default_rng(1).standard_normal(X.shape)
    kept = chain.judge(rows).why == ""
    found = chain.pulled_back(rows, np.where(kept[:, None], G, 0.0))
    # The medians and the row at the quantile move with some rows; a few rows are none of those.
    checked = 0
    for row in rng.permutation(np.flatnonzero(kept))[:40]:
        for column in range(3):

            def value(step, row=row, column=column):
                moved = X.copy()
                moved[row, column] += step
                judged = chain.judge(checked_rows(moved, y, task))
                others = np.delete(judged.X - chain.judge(rows).X, row, axis=0)
                return float(np.vdot(G[row], judged.X[row])), np.abs(others).max()

            (high, shift), (low, _) = value(1e-6), value(-1e-6)
            if shift == 0.0:
                assert found[row, column] == pytest.approx((high - low) / 2e-6, rel=1e-5, abs=1e-8)
                checked += 1
    assert checked > 30


def test_slopes_through_whitened_clipping_are_those_of_its_ellipsoid(data):
    X, y, task = data
    clip, rows, G = Clip(metric="whitened"), checked_rows(X, y, task), np.random.default_rng(1).standard_normal(X.shape)
    found, (ellipsoid,) = clip.pulled_back(rows, G), clip.regions(rows)[0]
    inverse, centre = np.linalg.inv(ellipsoid.covariance), ellipsoid.centre

    def pulled(x):
        away = x - centre
        return centre + away * min(1.0, ellipsoid.radius / np.sqrt(away @ inverse @ away))

    outside = (clip.keep(X, y, task).X != X).any(axis=1)
    assert 60 < outside.sum() < 90
    for row in range(150):
        steps = 1e-6 * np.eye(3)
        slopes = [G[row] @ (pulled(X[row] + step) - pulled(X[row] - step)) / 2e-6 for step in steps]
        np.testing.assert_allclose(found[row], slopes, rtol=1e-5, atol=1e-7)


def test_an_attacker_who_knows_it_loses_nothing_inside_its_ball(data):
    X, y, task = data
    victim = Sanitised(MTRLRegressor(0.01, 0.01), Clip(over="task"))
    program = bilevel(victim, X, y, task, ThreatModel([0], [0], 0.2, Ball(10.0)))
    injection = draw(program, "corners", "resampled", np.random.default_rng(0))
    entered = program.lower.passed(injection).X
    assert np.linalg.norm(entered, axis=1).max() < 5.0 < np.linalg.norm(injection.X, axis=1).min()
    near = program.narrowed(injection).project(injection.X, injection)
    np.testing.assert_allclose(near, entered, atol=1e-6)
    inside = Injection(entered, injection.y, injection.task_index)
    assert program.lower.passed(inside).rows.y.size == program.lower.passed(injection).rows.y.size


def test_with_shares_it_is_a_filter_like_any(data):
    X, y, task = data
    labels = np.where(y > 2.0, "rare", "common")
    labels[task == 0] = "rare"
    kept = Chain([Clip(), Shares()]).keep(X, labels, task)
    assert kept.by_task["dropped"].sum() == 0  # a task of one class has nothing to compare with
    labels[0] = "common"
    kept = Chain([Clip(), Shares()]).keep(X, labels, task)
    assert kept.by_task["dropped"].tolist()[1:] == [0, 0, 0, 0]
    assert kept.by_task["dropped"][0] > 20
