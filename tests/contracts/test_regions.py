"""Every region: its projection is idempotent and nearest, agrees with ``contains``, and samples lie inside."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from patom import Ball
from patom.core.regions import Region

every_region = pytest.mark.parametrize("region", [Ball(1.0), Ball(0.25), Ball(1e3)], ids=repr)
tables = arrays(float, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.floats(-1e6, 1e6))
few = settings(deadline=None, derandomize=True, max_examples=50)


@every_region
def test_answers_the_protocol(region):
    assert isinstance(region, Region)


@every_region
@few
@given(X=tables)
def test_projection_is_inside_and_idempotent(region, X):
    inside = region.project(X)
    assert inside.shape == X.shape
    assert region.contains(inside).all()
    np.testing.assert_allclose(region.project(inside), inside, rtol=1e-14, atol=0.0)


@every_region
@few
@given(X=tables)
def test_points_inside_stay(region, X):
    inside = region.contains(X)
    np.testing.assert_allclose(region.project(X)[inside], X[inside], rtol=1e-11, atol=0.0)
    moved = ~np.isclose(region.project(X), X, rtol=1e-9, atol=0.0).all(axis=1)
    assert not inside[moved].any()


@every_region
@few
@given(X=tables, seed=st.integers(0, 2**32 - 1))
def test_projection_is_nearest(region, X, seed):
    # For a convex set: <x - Px, z - Px> <= 0 for every z of the set.
    nearest, others = region.project(X), region.sample(20, X.shape[1], np.random.default_rng(seed))
    products = ((X - nearest)[:, None] * (others[None] - nearest[:, None])).sum(axis=2)
    assert (products <= 1e-9 * (1.0 + np.linalg.norm(X, axis=1))[:, None]).all()


@every_region
@few
@given(n=st.integers(1, 20), d=st.integers(1, 30), seed=st.integers(0, 2**32 - 1))
def test_samples_lie_inside(region, n, d, seed):
    rows = region.sample(n, d, np.random.default_rng(seed))
    assert rows.shape == (n, d)
    assert region.contains(rows).all()
    np.testing.assert_array_equal(rows, region.sample(n, d, np.random.default_rng(seed)))


@every_region
def test_a_row_of_zeros(region):
    np.testing.assert_array_equal(region.project(np.zeros((1, 3))), np.zeros((1, 3)))


@pytest.mark.parametrize("d", [1, 2, 7])
def test_a_ball_is_filled_evenly(d):
    rows = Ball(2.0).sample(20_000, d, np.random.default_rng(0))
    shares = (np.linalg.norm(rows, axis=1) / 2.0) ** d  # uniform on [0, 1] for a uniform draw
    np.testing.assert_allclose(np.quantile(shares, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.02)
    np.testing.assert_allclose(rows.mean(axis=0), 0.0, atol=0.05)
    np.testing.assert_allclose((rows > 0).mean(axis=0), 0.5, atol=0.02)


def test_a_ball_projects_along_the_radius():
    np.testing.assert_allclose(Ball(2.0).project(np.array([[0.0, 8.0], [3.0, -4.0]])), [[0.0, 2.0], [1.2, -1.6]])


@pytest.mark.parametrize("radius", [0.0, -1.0, np.nan, np.inf])
def test_a_ball_needs_a_positive_radius(radius):
    with pytest.raises(ValueError, match="radius of Ball must be a positive finite number; got"):
        Ball(radius)
