"""Every loss: its value as written, slope and curvature by finite differences, convexity, the curvature's bound."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patom.core import losses

WRITTEN = {  # the formulas, one number at a time
    losses.squared_error: lambda z, y: (y - z) ** 2,
    losses.squared_hinge: lambda z, y: max(0.0, 1 - y * z) ** 2,
    losses.unclipped_hinge: lambda z, y: (1 - y * z) ** 2,
    losses.logistic: lambda z, y: math.log(1 + math.exp(-y * z)),
    losses.huber(0.3): lambda z, y: (z - y) ** 2 if abs(z - y) <= 0.3 else 0.6 * abs(z - y) - 0.09,
    losses.huber(2.0): lambda z, y: (z - y) ** 2 if abs(z - y) <= 2 else 4 * abs(z - y) - 4,
}
every_loss = pytest.mark.parametrize("loss", WRITTEN, ids=lambda loss: f"{loss.name}, {loss.slope(0.0, 9.0):.2g}")
numbers = st.floats(-20, 20)
few = settings(deadline=None, derandomize=True, max_examples=50)


@pytest.fixture
def points():
    """A fine grid of predictions off the kinks, each with a target."""
    z = np.linspace(-6.0, 6.0, 1201) + 1e-3 * math.pi
    return z, np.random.default_rng(0).uniform(-3.0, 3.0, z.size)


def targets(loss, y):
    return np.where(np.asarray(y) > 0, 1.0, -1.0) if loss.margin else np.asarray(y)


@every_loss
def test_value_is_the_formula(loss, points):
    z, y = points[0], targets(loss, points[1])
    expected = [WRITTEN[loss](*pair) for pair in zip(z.tolist(), y.tolist(), strict=True)]
    np.testing.assert_allclose(loss.value(z, y), expected, rtol=1e-12, atol=1e-15)


@every_loss
def test_slope_by_finite_differences(loss, points):
    z, y, h = points[0], targets(loss, points[1]), 1e-5
    difference = (loss.value(z + h, y) - loss.value(z - h, y)) / (2 * h)
    np.testing.assert_allclose(loss.slope(z, y), difference, atol=2.1e-5)  # h times the curvature's jump at a kink
    smooth = loss.curvature(z - h, y) == loss.curvature(z + h, y)
    np.testing.assert_allclose(loss.slope(z, y)[smooth], difference[smooth], atol=1e-8)


@every_loss
def test_curvature_by_finite_differences(loss, points):
    z, y, h = points[0], targets(loss, points[1]), 1e-5
    smooth = np.abs(loss.curvature(z - h, y) - loss.curvature(z + h, y)) < 1e-3
    assert smooth.mean() > 0.99
    difference = (loss.slope(z + h, y) - loss.slope(z - h, y)) / (2 * h)
    np.testing.assert_allclose(loss.curvature(z, y)[smooth], difference[smooth], atol=1e-9)


@every_loss
def test_cross_is_the_slopes_derivative_in_y(loss, points):
    z, y, h = points[0], targets(loss, points[1]), 1e-5
    if loss.margin:  # y in between: a row of both classes, (1 + y)/2 of the positive one; linear, so h may be 1

        def slope(y):
            one = np.ones_like(z)
            return 0.5 * (1 + y) * loss.slope(z, one) + 0.5 * (1 - y) * loss.slope(z, -one)

        h = 1.0
    else:
        smooth = loss.curvature(z - h, y) == loss.curvature(z + h, y)
        z, y = z[smooth], y[smooth]

        def slope(y):
            return loss.slope(z, y)

    difference = (slope(y + h) - slope(y - h)) / (2 * h)
    assert loss.cross(z, y).shape == z.shape
    np.testing.assert_allclose(loss.cross(z, y), difference, rtol=1e-9, atol=1e-9)


CORNERS = {  # predictions at which the curvature jumps, for a target
    "squared_hinge": lambda y: [1.0 / y],
    "huber, -0.6": lambda y: [y - 0.3, y + 0.3],
    "huber, -4": lambda y: [y - 2.0, y + 2.0],
}


def name_of(loss):
    return f"{loss.name}, {loss.slope(0.0, 9.0):.2g}" if loss.name == "huber" else loss.name


@every_loss
def test_corner_distance(loss, points):
    z, y = points[0], targets(loss, points[1])
    if name_of(loss) not in CORNERS:
        assert loss.corner_distance(z, y) == 1.0
        return
    corners = CORNERS[name_of(loss)]
    centre = np.zeros(1) if loss.margin else np.ones(1)  # in the middle between two corners, or a margin away from one
    assert loss.corner_distance(centre, np.ones(1)) == 1.0
    for target in (-1.0, 1.0):
        for corner in corners(target):
            far = np.array([corner + 9.0, corner - 9.0])
            assert loss.corner_distance(np.array([corner]), np.array([target])) < 1e-15
            away = [
                loss.corner_distance(np.append(far, corner + off), np.full(3, target)) for off in (1e-3, -1e-3, 1e-6)
            ]
            assert min(away) > 0.0
            assert away[:2] == pytest.approx([1e3 * away[2]] * 2, rel=1e-6)  # in proportion, on either side
            below, above = (loss.curvature(np.array([corner + off]), np.array([target])) for off in (-1e-9, 1e-9))
            assert below != above


@every_loss
@few
@given(z=numbers, other=numbers, y=numbers, share=st.floats(0, 1))
def test_convex(loss, z, other, y, share):
    y = targets(loss, y)
    chord = share * loss.value(z, y) + (1 - share) * loss.value(other, y)
    assert loss.value(share * z + (1 - share) * other, y) <= chord + 1e-9
    tangent = loss.value(z, y) + loss.slope(z, y) * (other - z)
    assert loss.value(other, y) >= tangent - 1e-9


@every_loss
@few
@given(z=numbers, other=numbers, y=numbers)
def test_curvature_bound_holds(loss, z, other, y):
    y = targets(loss, y)
    assert 0.0 <= loss.curvature(np.float64(z), y) <= loss.curvature_bound * (1 + 1e-15)
    rise = abs(loss.slope(z, y) - loss.slope(other, y))
    assert rise <= loss.curvature_bound * abs(z - other) + 1e-12


@every_loss
def test_curvature_bound_is_reached(loss):
    assert loss.curvature(np.zeros(1), targets(loss, np.zeros(1))) == pytest.approx(loss.curvature_bound)


@every_loss
def test_quadratic_means_squared_error(loss, points):
    z, y = points[0], targets(loss, points[1])
    assert loss.quadratic == np.allclose(loss.value(z, y), (y - z) ** 2)


@every_loss
def test_far_from_the_target_nothing_overflows(loss):
    z, y = np.array([-1e4, 1e4, -1e4, 1e4]), np.array([1.0, 1.0, -1.0, -1.0])
    for part in (loss.value, loss.slope, loss.curvature, loss.cross):
        assert np.isfinite(part(z, y)).all()


def test_slope_of_the_logistic_far_out():
    np.testing.assert_allclose(losses.logistic.slope(np.array([-800.0, 800.0]), np.ones(2)), [-1.0, 0.0])
    np.testing.assert_allclose(losses.logistic.value(np.array([-800.0, 800.0]), np.ones(2)), [800.0, 0.0])
