"""Lengths of spectral steps: curvatures of quadratics, limits, and what they do with nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patom.attacks.ascent.spectral import first_scales, next_scales, shortened

SEEDS = st.integers(0, 2**32 - 1)


def draws(seed, r=4, d=3):
    return np.random.default_rng(seed).standard_normal((r, d))


def test_a_first_step_moves_each_row_by_the_size_or_the_steepest_one():
    slopes = draws(0)
    lengths = np.linalg.norm(slopes, axis=1)
    by_row, together = (first_scales(slopes, 2.5, per_row=per_row) for per_row in (True, False))
    np.testing.assert_allclose(np.linalg.norm(by_row * slopes, axis=1), 2.5)
    np.testing.assert_allclose(np.linalg.norm(together * slopes, axis=1), 2.5 * lengths / lengths.max())
    assert by_row.shape == together.shape == (4, 1)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(seed=SEEDS)
def test_scales_do_not_depend_on_the_unit_of_the_utility(seed):
    slopes, move, fall = draws(seed), draws(seed + 1), draws(seed + 2)
    for per_row in (True, False):
        scales = first_scales(slopes, 1.0, per_row=per_row)
        later = next_scales(scales, move, fall, slopes, 1.0, per_row=per_row)
        for unit in (1e-9, 1e9):
            other = first_scales(unit * slopes, 1.0, per_row=per_row)
            np.testing.assert_allclose(other, scales / unit, rtol=1e-12)
            again = next_scales(other, move, unit * fall, unit * slopes, 1.0, per_row=per_row)
            np.testing.assert_allclose(again, later / unit, rtol=1e-12)


@pytest.mark.parametrize("curvature", [0.3, 7.0])
def test_on_a_round_quadratic_the_second_step_is_newtons(curvature):
    """U = -c/2 ||x||^2 has slopes -c x and its top at 0."""
    X = draws(3)
    for per_row in (True, False):
        scales = first_scales(-curvature * X, 0.1, per_row=per_row)
        ahead = X - scales * curvature * X
        scales = next_scales(scales, ahead - X, curvature * (ahead - X), -curvature * ahead, 1.0, per_row=per_row)
        np.testing.assert_allclose(scales, 1.0 / curvature, rtol=1e-12)
        np.testing.assert_allclose(ahead - scales * curvature * ahead, 0.0, atol=1e-14)


def test_each_row_has_its_own_curvature_or_all_rows_one():
    c, move, size = np.array([[2.0], [5.0], [9.0]]), draws(1, 3), 1.0
    slopes = draws(2, 3)
    by_row = next_scales(np.ones((3, 1)), move, c * move, slopes, size, per_row=True)
    np.testing.assert_allclose(by_row, 1.0 / c, rtol=1e-12)
    together = next_scales(np.ones((3, 1)), move, c * move, slopes, size, per_row=False)
    squares = (move**2).sum(axis=1)
    np.testing.assert_allclose(together, squares.sum() / (c[:, 0] @ squares), rtol=1e-12)


@pytest.mark.parametrize("per_row", [True, False])
@pytest.mark.parametrize("fall", [-1.0, 0.0])
def test_where_the_slope_does_not_fall_the_scale_grows(per_row, fall):
    slopes, move = np.array([[3.0, 4.0], [0.6, 0.8]]), draws(1, 2, 2)
    scales = np.full((2, 1), 0.02)
    found = next_scales(scales, move, fall * move, slopes, 1.0, per_row=per_row)
    assert np.all(found == np.maximum(0.08, 0.05 / np.array([[5.0], [1.0]])) if per_row else found == 0.08)


@settings(deadline=None, derandomize=True, max_examples=50)
@given(seed=SEEDS, power=st.integers(-12, 12))
def test_no_step_is_much_longer_than_the_region_or_next_to_nothing(seed, power):
    slopes, move, fall = draws(seed), draws(seed + 1), 10.0**power * draws(seed + 2)
    by_row = next_scales(np.ones((4, 1)), move, fall, slopes, 2.0, per_row=True)
    lengths = np.linalg.norm(by_row * slopes, axis=1)
    assert lengths.min() >= 0.1 * (1.0 - 1e-12)
    assert lengths.max() <= 40.0 * (1.0 + 1e-12)
    together = next_scales(np.ones((4, 1)), move, fall, slopes, 2.0, per_row=False)
    longest = np.linalg.norm(together * slopes, axis=1).max()
    assert 2e-3 * (1.0 - 1e-12) <= longest <= 2e3 * (1.0 + 1e-12)
    assert np.ptp(together) == 0.0


@pytest.mark.parametrize("per_row", [True, False])
@pytest.mark.parametrize("slope", [0.0, 1e-300, 1e-160, 1e150])
def test_rows_without_a_slope_keep_a_finite_scale(per_row, slope):
    slopes = np.array([[slope, 0.0], [0.0, 0.0]])
    scales = first_scales(slopes, 1.0, per_row=per_row)
    later = next_scales(scales, np.zeros((2, 2)), np.zeros((2, 2)), slopes, 1.0, per_row=per_row)
    for found in (scales, later):
        assert np.isfinite(found).all()
        assert (found > 0.0).all()
        assert np.isfinite(found * slopes).all()


def test_a_single_row_and_feature():
    np.testing.assert_array_equal(first_scales(np.array([[-4.0]]), 2.0, per_row=True), [[0.5]])
    found = next_scales(np.ones((1, 1)), np.array([[2.0]]), np.array([[3.0]]), np.array([[-1.0]]), 1.0, per_row=False)
    np.testing.assert_allclose(found, [[2.0 / 3.0]])


@settings(deadline=None, derandomize=True)
@given(slope=st.floats(1e-6, 1e6), bend=st.floats(1e-6, 1e9), length=st.floats(1e-4, 1.0))
def test_a_shorter_step_ends_at_the_parabolas_top_within_limits(slope, bend, length):
    rise = slope * length - bend * length**2
    found = shortened(length, rise, slope)
    assert found == pytest.approx(np.clip(slope / (2.0 * bend), 0.1 * length, 0.5 * length), rel=1e-6)


@pytest.mark.parametrize("rise", [1.0, 2.0, 1e300])
def test_without_a_top_it_is_halved(rise):
    assert shortened(0.8, rise, 1.0) == 0.4


@pytest.mark.parametrize("rise", [-np.inf, -1e308])
def test_a_fall_without_limit_shortens_most(rise):
    assert shortened(1.0, rise, 1.0) == pytest.approx(0.1)
