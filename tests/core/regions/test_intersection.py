"""Projections onto intersections and ellipsoids against the conditions of optimality; what is refused."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patom import Ball, Box, Ellipsoid, Fixed, Intersection, Slab
from patom.core.regions.intersection import dykstra
from patom.core.regions.values import row_norms

few = settings(deadline=None, derandomize=True, max_examples=60)
seeds = st.integers(0, 2**32 - 1)
sizes = st.sampled_from([1e-3, 1.0, 30.0, 1e5])


def ball_and_box(rng, d):
    """A ball and a box that share a point, with open sides and fixed features among the bounds."""
    shared = rng.standard_normal(d)
    lower, upper = shared - rng.exponential(0.4, d), shared + rng.exponential(0.4, d)
    lower[rng.random(d) < 0.2], upper[rng.random(d) < 0.2] = -np.inf, np.inf
    fixed = rng.random(d) < 0.2
    lower[fixed] = upper[fixed] = shared[fixed]
    centre = shared + rng.standard_normal(d)
    return Ball(float(np.linalg.norm(centre - shared)) * (1.0 + rng.exponential(0.3)), centre), Box(lower, upper)


@few
@given(seed=seeds, d=st.integers(1, 40), size=sizes)
def test_ball_and_box_meet_the_conditions_of_optimality(seed, d, size):
    rng = np.random.default_rng(seed)
    ball, box = ball_and_box(rng, d)
    X = ball.centre + size * rng.standard_normal((20, d))
    Y = Intersection(ball, box).project(X)
    assert ((box.lower <= Y) & (box.upper >= Y)).all()
    offset, radius = Y - ball.centre, np.linalg.norm(Y - ball.centre, axis=1)
    assert (radius <= ball.radius * (1.0 + 1e-14)).all()
    # x - y = t (y - c) + n with t >= 0, t = 0 inside the ball, and n pointing out of the bounds that y meets.
    free = (box.lower < Y) & (box.upper > Y)
    force = X - Y
    with np.errstate(invalid="ignore", divide="ignore"):
        t = (force * offset * free).sum(axis=1) / (offset**2 * free).sum(axis=1)
    on_sphere = radius >= ball.radius * (1.0 - 1e-13)
    for i in np.flatnonzero(free.any(axis=1)):
        tolerance = 4e-14 * (1.0 + np.abs(X[i]).max() + np.abs(ball.centre).max()) * max(1.0, abs(t[i]))
        if not on_sphere[i]:
            np.testing.assert_allclose(force[i][free[i]], 0.0, atol=1e-14 * (1.0 + size))
            continue
        speed = np.linalg.norm(offset[i][free[i]])
        if speed < 1e-6 * ball.radius:
            continue  # the multiplier is not determined by so small a part
        assert t[i] * speed >= -tolerance
        np.testing.assert_allclose(force[i][free[i]], t[i] * offset[i][free[i]], atol=100.0 * tolerance)
        normal = force[i] - t[i] * offset[i]
        varying = box.lower < box.upper
        slack = 100.0 * tolerance * ball.radius / speed
        assert (normal[varying & (Y[i] == box.upper)] >= -slack).all()
        assert (normal[varying & (Y[i] == box.lower)] <= slack).all()


@few
@given(seed=seeds, d=st.integers(1, 8))
def test_closed_forms_agree_with_dykstra(seed, d):
    rng = np.random.default_rng(seed)
    ball, box = ball_and_box(rng, d)
    slab = Slab(rng.standard_normal(d), 0.3, ball.centre + 0.1 * ball.radius)
    X = ball.centre + 2.0 * rng.standard_normal((6, d))
    for other in (box, slab):
        points, gaps = dykstra(X, [ball.project, other.project], tol=1e-12, max_rounds=20_000)
        settled = gaps <= 1e-11
        exact = Intersection(ball, other).project(X)
        np.testing.assert_allclose(exact[settled], points[settled], atol=2e-5)
        further = np.linalg.norm(X - exact, axis=1) - np.linalg.norm(X - points, axis=1)
        assert (further[settled] <= 1e-9).all()


def test_ball_and_box_by_hand():
    # The third feature is held at 0.6; what is left of the radius, 0.8, goes to the others in proportion.
    region = Intersection(Ball(1.0), Box([-2.0, -2.0, -0.6], [2.0, 2.0, 0.6]))
    np.testing.assert_allclose(region.project(np.array([[3.0, 4.0, 50.0]])), [[0.48, 0.64, 0.6]], rtol=1e-15)


@pytest.mark.parametrize("far", [3.0, 1e5, 1e9])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_a_row_straight_above_a_slab_goes_straight_down_from_any_height(far, d):
    unit = np.random.default_rng(d).standard_normal(d)
    unit /= np.linalg.norm(unit)
    region = Intersection(Ball(1.0, 0.1), Slab(unit, 0.3, 0.1))
    aside = np.linalg.svd(unit[None])[2][-1] * (0.2 if d > 1 else 0.0)
    X = np.array([[0.1]]) + np.array([[1.0], [-1.0]]) * far * unit + aside
    expected = 0.1 + np.array([[0.3], [-0.3]]) * unit + aside
    np.testing.assert_allclose(region.project(X), expected, atol=1e-15 * far + 1e-14)


@few
@given(seed=seeds, d=st.integers(1, 12), size=sizes)
def test_ellipsoid_meets_the_conditions_of_optimality(seed, d, size):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((d, d)) * np.logspace(0, -3, d)
    covariance = A @ A.T + 1e-6 * np.eye(d)
    region = Ellipsoid(covariance, 1.5, rng.standard_normal(d))
    X = region.centre + size * rng.standard_normal((10, d))
    Y = region.project(X)
    outside = ~region.contains(X)
    np.testing.assert_array_equal(Y[~outside], X[~outside])
    np.testing.assert_allclose(region.distances(Y[outside]), 1.5, rtol=1e-9)
    # S (x - y) = t (y - c): the force is normal to the surface, outwards.
    pulled, offset = (X - Y)[outside] @ region.covariance, (Y - region.centre)[outside]
    t = (pulled * offset).sum(axis=1, keepdims=True) / (offset**2).sum(axis=1, keepdims=True)
    assert (t > 0.0).all()
    # x - y is known to the rounding of x, y and the centre.
    rounding = 1e-14 * np.abs(covariance).max() * (1.0 + np.abs(X).max())
    np.testing.assert_allclose(pulled, t * offset, atol=1e-9 * np.abs(pulled).max(initial=0.0) + rounding)


def test_a_round_ellipsoid_is_a_ball():
    X = 10.0 ** np.arange(-3, 5)[:, None] * np.random.default_rng(0).standard_normal((8, 5))
    np.testing.assert_allclose(Ellipsoid(4.0 * np.eye(5), 0.5).project(X), Ball(1.0).project(X), rtol=1e-13)


@pytest.mark.parametrize(
    "regions",
    [
        (Ball(1.0), Box(2.0, 3.0)),
        (Ball(1.0), Fixed([0], 1.01)),
        (Ball(1.0), Slab([1.0, 0.0], 0.5, [2.0, 0.0])),
        (Box(0.0, 1.0), Box(1.5, 2.0)),
        (Box(0.0, 1.0), Fixed([1], 2.0)),
        (Ball(1.0), Ball(1.0, [2.5, 0.0])),
        (Slab([1.0, 0.0], 0.5), Slab([2.0, 0.0], 0.5, [3.0, 0.0])),
        (Ellipsoid(np.eye(2)), Ball(0.5, 3.0)),
        (Ellipsoid(np.eye(2)), Box(1.0, 2.0)),
        (Ball(1.0), Box(0.0, 1.0), Slab([1.0, 1.0], 0.1, [-1.0, -1.0])),
    ],
    ids=repr,
)
def test_regions_without_a_common_point_are_refused(regions):
    message = r"^regions of Intersection \(.*\) must have common points, and more than barely; [^.]*(\d\.\d+[^.]*)?\.$"
    with pytest.raises(ValueError, match=message):
        Intersection(*regions).project(np.array([[5.0, 0.1], [0.2, 0.3]]))
    if not all(isinstance(region, Slab | Ellipsoid | Fixed) for region in regions[:1]):
        with pytest.raises(ValueError, match=message):
            Intersection(*regions).sample(3, 2, np.random.default_rng(0))


@pytest.mark.slow
def test_rows_of_a_thin_intersection_are_drawn_from_all_of_it():
    # In 40 features hardly a row of the ball lies in the box or the other way round: the walk takes over.
    region = Intersection(Ball(1.0), Box(-0.02, 0.9), Fixed([3], 0.4))
    rows = region.sample(200, 40, np.random.default_rng(0))
    assert region.contains(rows).all()
    assert (rows[:, 3] == 0.4).all()
    free = np.delete(rows, 3, axis=1)
    assert (free.std(axis=0) > 0.05).all()
    assert np.linalg.norm(rows, axis=1).min() < 0.95  # not all on the sphere
    assert np.ptp(free.mean(axis=0)) < 0.1  # features alike


def test_rows_of_a_ball_with_fixed_features_are_uniform_in_its_slice():
    region = Intersection(Ball(1.0, [0.2, 0.0, 0.0]), Fixed([0], 0.8))  # a disk of radius 0.8
    rows = region.sample(20_000, 3, np.random.default_rng(0))
    assert (rows[:, 0] == 0.8).all()
    shares = (rows[:, 1:] ** 2).sum(axis=1) / 0.64
    np.testing.assert_allclose(np.quantile(shares, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.02)


def test_drawn_rows_are_uniform_where_enough_lie_in_all_regions():
    rows = Intersection(Ball(1.0), Box(0.0, 1.0)).sample(20_000, 2, np.random.default_rng(0))
    shares = np.linalg.norm(rows, axis=1) ** 2
    np.testing.assert_allclose(np.quantile(shares, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.02)


def test_dykstra_is_not_alternating_projection():
    # Half planes y <= 0 and x + y <= 0: projecting in turn, without giving back, ends at (0.5, -0.5).
    sets = [Box(-np.inf, [np.inf, 0.0]).project, lambda X: X - np.maximum(X.sum(axis=1, keepdims=True), 0.0) / 2.0]
    X = np.array([[1.0, 0.5]])
    points, gaps = dykstra(X, sets)
    np.testing.assert_allclose(points, [[0.25, -0.25]], atol=1e-12)
    np.testing.assert_allclose(sets[1](sets[0](X)), [[0.5, -0.5]])
    assert gaps[0] < 1e-12


def test_norms_at_the_ends_of_float64():
    X = np.array([[3e-320, 4e-320], [3e-200, 4e-200], [3e300, 4e300], [0.0, 0.0], [np.inf, 0.0]])
    np.testing.assert_allclose(row_norms(X)[:, 0], [5e-320, 5e-200, 5e300, 0.0, np.inf], rtol=1e-3)
    assert np.isnan(row_norms(np.array([[np.nan, 1.0]]))).all()
    ordinary = np.random.default_rng(0).standard_normal((50, 7))
    np.testing.assert_array_equal(row_norms(ordinary)[:, 0], np.linalg.norm(ordinary, axis=1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ball(True), "radius of Ball must be a positive finite number; got True."),
        (lambda: Ball("1"), "radius of Ball must be a positive finite number; got '1'."),
        (lambda: Ball(1.0, [np.nan, 0.0]), "centre of Ball must be finite; got [nan, 0.0]."),
        (lambda: Ball(1.0, "here"), "centre of Ball must be a number or an array of shape (d,); got 'here'."),
        (
            lambda: Ball(1.0, [[0.0]]),
            "centre of Ball must be a number or an array of shape (d,); got an array of shape",
        ),
        (lambda: Box(1.0, 0.0), "lower of Box must not exceed upper; got 1.0 and 0.0."),
        (lambda: Box([0.0, 0.0], [1.0, 1.0, 1.0]), "lower and upper of Box must have one length; got 2 and 3."),
        (lambda: Box(np.inf, np.inf), "lower of Box must not exceed upper"),
        (lambda: Box(np.nan, 1.0), "lower of Box must be free of NaN; got nan."),
        (lambda: Fixed([0, 0], 1.0), "columns of Fixed must be different positions from 0 up; got [0, 0]."),
        (lambda: Fixed([-1], 1.0), "columns of Fixed must be different positions"),
        (lambda: Fixed([], 1.0), "columns of Fixed must be different positions"),
        (lambda: Fixed([0.5], 1.0), "columns of Fixed must be different positions"),
        (lambda: Fixed([0, 1], [1.0]), "values of Fixed must be 2, one a column; got 1."),
        (lambda: Slab([0.0, 0.0], 1.0), "direction of Slab must be an array of shape (d,) other than 0"),
        (lambda: Slab([1.0, 0.0], 0.0), "half_width of Slab must be a positive finite number; got 0.0."),
        (lambda: Slab([1.0, 0.0], 1.0, [0.0]), "direction of Slab is a region of 1 features"),
        (lambda: Ellipsoid([[1.0, 0.0]]), "covariance of Ellipsoid must have shape (d, d); got (1, 2)."),
        (lambda: Ellipsoid([[1.0, 2.0], [0.0, 1.0]]), "covariance of Ellipsoid must be finite and symmetric"),
        (lambda: Ellipsoid([[1.0, 1.0], [1.0, 1.0]]), "covariance of Ellipsoid must be positive definite; its eigen"),
        (Intersection, "Intersection must have at least one region; got none."),
        (lambda: Intersection(Ball), "regions of Intersection must be regions such as Ball; got <class"),
    ],
)
def test_refusals_are_a_sentence(make, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        make()


def test_given_arrays_are_copied_and_closed():
    centre = np.zeros(2)
    ball = Ball(1.0, centre)
    centre[0] = 5.0
    assert ball.around_zero
    with pytest.raises(ValueError, match="read-only"):
        ball.centre[0] = 1.0
