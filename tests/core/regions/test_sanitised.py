"""Regions made from a task's own data."""

import re

import numpy as np
import pytest

from patom import ellipsoid_around, own_data, slab_between, sphere_around

ROWS = np.random.default_rng(0).normal([1.0, 2.0, 3.0], [1.0, 0.5, 2.0], (400, 3))
OTHERS = np.random.default_rng(1).normal([4.0, 2.0, 0.0], 1.0, (300, 3))


@pytest.mark.parametrize("quantile", [0.5, 0.95, 1.0])
def test_the_share_of_clean_rows_inside_is_the_quantile(quantile):
    for region in (
        sphere_around(ROWS, quantile=quantile),
        slab_between(ROWS, OTHERS, quantile=quantile),
        ellipsoid_around(ROWS, quantile=quantile),
    ):
        assert abs(region.contains(ROWS).mean() - quantile) <= 1.5 / ROWS.shape[0]


def test_sphere_and_slab_sit_at_the_mean_along_the_line_between_the_means():
    sphere, slab = own_data(ROWS, OTHERS).regions
    np.testing.assert_allclose(sphere.centre, ROWS.mean(axis=0))
    np.testing.assert_allclose(slab.centre, ROWS.mean(axis=0))
    line = OTHERS.mean(axis=0) - ROWS.mean(axis=0)
    np.testing.assert_allclose(slab.unit, line / np.linalg.norm(line))
    rows = own_data(ROWS, OTHERS).sample(50, 3, np.random.default_rng(0))
    assert (np.linalg.norm(rows - sphere.centre, axis=1) <= sphere.radius * (1.0 + 1e-12)).all()
    assert (np.abs((rows - slab.centre) @ slab.unit) <= slab.half_width * (1.0 + 1e-12)).all()


def test_the_ellipsoid_has_the_covariance_of_the_rows():
    region = ellipsoid_around(ROWS, shrinkage=0.25)
    covariance = np.cov(ROWS.T, bias=True)
    np.testing.assert_allclose(region.covariance, 0.75 * covariance + 0.25 * np.trace(covariance) / 3 * np.eye(3))


def test_few_rows_or_features_that_do_not_vary_need_shrinkage():
    with pytest.raises(ValueError, match=r"^covariance of Ellipsoid must be positive definite; .* or shrink it\.$"):
        ellipsoid_around(ROWS[:3])
    assert ellipsoid_around(ROWS[:3], shrinkage=0.1).contains(ROWS[:1]).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sphere_around(ROWS[0]), "X of sphere_around must be finite rows, shape (n, d); got an array of shape"),
        (lambda: sphere_around(ROWS * np.nan), "X of sphere_around must be finite rows, shape (n, d); got an array of"),
        (lambda: sphere_around(ROWS[:1]), "X of sphere_around must hold rows that differ"),
        (lambda: sphere_around(ROWS, quantile=95), "quantile of sphere_around must be above 0 and at most 1; got 95."),
        (lambda: slab_between(ROWS, OTHERS[:, :2]), "others of slab_between must have 3 features as X has; got 2."),
        (lambda: slab_between(ROWS, ROWS), "X and others of slab_between must have different means"),
        (lambda: ellipsoid_around(ROWS, shrinkage=2.0), "shrinkage of ellipsoid_around must be in [0, 1]; got 2.0."),
    ],
)
def test_refusals_are_a_sentence(call, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        call()
