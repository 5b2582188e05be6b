"""Every region: nearest projections that agree with ``contains``, samples inside, comparison by value."""

import json
import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from patom import Ball, Box, Ellipsoid, Fixed, Intersection, Slab
from patom.core.regions import Region
from patom.core.serialise import describe, known, restore

TILTED = np.array([[2.0, 0.9, 0.1], [0.9, 1.0, -0.1], [0.1, -0.1, 0.05]])
ROUND = np.array([[2.0, 0.9, 0.1], [0.9, 1.0, -0.1], [0.1, -0.1, 1.0]])
# A region, the number of features it is for (None: any), and whether rows can be drawn from it.
REGIONS = {
    "ball": (Ball(1.0), None, True),
    "small ball": (Ball(0.25), None, True),
    "large ball": (Ball(1e3), None, True),
    "ball elsewhere": (Ball(0.7, [3.0, -2.0, 0.1]), 3, True),
    "ball far off": (Ball(1e-3, 1e3), None, True),
    "box": (Box(-0.5, 2.0), None, True),
    "box of each feature": (Box([-1.0, 0.0, 2.0], [1.0, 0.0, 5.0]), 3, True),
    "open box": (Box([0.0, -np.inf, -np.inf], [np.inf, 1.0, np.inf]), 3, False),
    "fixed": (Fixed([2, 0], [0.5, -1.0]), 3, False),
    "slab": (Slab([1.0, -2.0, 0.5], 0.3, [1.0, 1.0, 1.0]), 3, False),
    "ellipsoid": (Ellipsoid(TILTED, 1.5, [1.0, 0.0, -1.0]), 3, True),
    "flat ellipsoid": (Ellipsoid(np.diag([1e4, 1.0, 1e-6])), 3, True),
    "one-dimensional ellipsoid": (Ellipsoid([[4.0]], 2.0), 1, True),
    "ball and box": (Intersection(Ball(1.0), Box(-0.1, 0.8)), None, True),
    "ball and open box": (Intersection(Ball(2.0, 0.5), Box(0.0, np.inf)), None, True),
    "ball and fixed": (Intersection(Ball(1.0), Fixed([1], 0.6)), 3, True),
    "ball, boxes and fixed": (
        Intersection(Ball(1.0, 0.1), Box(-0.5, 1.0), Box(-2, 0.5), Fixed([0], 0.3)),
        None,
        True,
    ),
    "ball and slab": (Intersection(Ball(2.0, [1.0, 0.0, 0.0]), Slab([1.0, 1.0, 0.0], 0.2, [1.5, 0.3, 0.0])), 3, True),
    "two balls": (Intersection(Ball(1.0), Ball(1.0, [1.0, 0.0, 0.0])), 3, True),
    "ellipsoid and ball": (Intersection(Ellipsoid(TILTED), Ball(0.8, [0.3, 0.0, 0.0])), 3, True),
    "ellipsoid and slab": (Intersection(Slab([1.0, 1.0, 0.0], 0.3), Ellipsoid(TILTED)), 3, True),
    "ellipsoid and box": (Intersection(Ellipsoid(ROUND), Box(-0.3, 2.0)), 3, True),
    "three kinds": (Intersection(Ellipsoid(ROUND), Ball(1.2), Box(-1.0, 0.5)), 3, True),
    "slab and box": (Intersection(Slab([1.0, 1.0], 0.2), Box(-1.0, 1.0)), 2, True),
    "ball, slab and box": (Intersection(Ball(1.0), Slab([1.0, 2.0, 0.0], 0.2), Box(-0.6, 0.7)), 3, True),
    "nested": (Intersection(Intersection(Ball(1.0), Box(0.0, 1.0)), Slab([1.0, -1.0, 0.0], 0.1)), 3, True),
}
DYKSTRA = {"ellipsoid and box", "three kinds"}
CLOSED_FORM = set(REGIONS) - DYKSTRA
few = settings(deadline=None, derandomize=True, max_examples=10)


def cases(names):
    """Parameters: Dykstra's algorithm on three regions takes long, and two of them run it as well."""
    return [pytest.param(name, marks=pytest.mark.slow if name == "three kinds" else ()) for name in names]


@pytest.fixture(params=cases(REGIONS), scope="module")
def case(request):
    return request.param


@pytest.fixture(params=cases(name for name in REGIONS if REGIONS[name][2]), scope="module")
def bounded(request):
    return request.param


def tables(name, **limits):
    """Rows for the region; far ones only where the projection is a closed form."""
    far = 1e6 if name in CLOSED_FORM else 10.0
    d = REGIONS[name][1]
    width = st.integers(1, 6) if d is None else st.just(d)
    shapes = st.tuples(st.integers(0, 5), width)
    return shapes.flatmap(lambda shape: arrays(float, shape, elements=st.floats(-far, far), **limits))


def size(X):
    return np.abs(X).max(initial=0.0)


def others(name, d, rng, n=40):
    """Rows of the region to compare with: drawn ones, or projections where nothing can be drawn."""
    region, _, drawable = REGIONS[name]
    return region.sample(n, d, rng) if drawable else region.project(rng.normal(0.0, 5.0, (n, d)))


def test_answers_the_protocol(case):
    assert isinstance(REGIONS[case][0], Region)


@few
@given(data=st.data())
def test_projection_is_inside_and_idempotent(case, data):
    region, X = REGIONS[case][0], data.draw(tables(case))
    before = X.copy()
    inside = region.project(X)
    assert inside.shape == X.shape
    assert inside.dtype == np.float64
    assert region.contains(inside).shape == X.shape[:1]
    assert region.contains(inside).all()
    np.testing.assert_allclose(region.project(inside), inside, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(X, before)


@few
@given(data=st.data())
def test_points_inside_stay(case, data):
    region, X = REGIONS[case][0], data.draw(tables(case))
    inside, nearest = region.contains(X), region.project(X)
    # A flat ellipsoid multiplies rounding along its thin axis by its longest over its shortest standard deviation.
    np.testing.assert_allclose(nearest[inside], X[inside], rtol=1e-9, atol=1e-11)
    moved = ~np.isclose(nearest, X, rtol=1e-8, atol=1e-9).all(axis=1)
    assert not inside[moved].any()


@few
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_projection_is_nearest(case, data, seed):
    # For a convex set: <x - Px, z - Px> <= 0 for every z of the set.
    region, X = REGIONS[case][0], data.draw(tables(case))
    nearest, rest = region.project(X), others(case, X.shape[1], np.random.default_rng(seed))
    products = ((X - nearest)[:, None] * (rest[None] - nearest[:, None])).sum(axis=2)
    scale = (1.0 + np.linalg.norm(X - nearest, axis=1))[:, None] * (1.0 + np.linalg.norm(rest, axis=1))[None]
    # X - Px is known to the rounding of X, which may be far off: a row of 1e6 is moved by a few units, say.
    apart = np.linalg.norm(rest[None] - nearest[:, None], axis=2)
    rounding = 8.0 * np.finfo(float).eps * np.linalg.norm(X, axis=1)[:, None] * apart
    assert (products <= 1e-9 * scale + rounding).all()


@few
@given(data=st.data())
def test_projections_come_no_farther_apart(case, data):
    region, X = REGIONS[case][0], data.draw(tables(case))
    Z = X[::-1] * np.linspace(-1.0, 1.0, X.shape[1])
    before, after = np.linalg.norm(X - Z, axis=1), np.linalg.norm(region.project(X) - region.project(Z), axis=1)
    assert (after <= before * (1.0 + 1e-9) + 1e-12 * (1.0 + size(X)) + 1e-10 * (case not in CLOSED_FORM)).all()


@few
@given(n=st.integers(0, 20), width=st.integers(1, 12), seed=st.integers(0, 2**32 - 1))
def test_samples_lie_inside(bounded, n, width, seed):
    region, d, _ = REGIONS[bounded]
    d = d or width
    rows = region.sample(n, d, np.random.default_rng(seed))
    assert rows.shape == (n, d)
    assert region.contains(rows).all()
    np.testing.assert_array_equal(rows, region.sample(n, d, np.random.default_rng(seed)))


def test_samples_are_spread(bounded):
    region, d, _ = REGIONS[bounded]
    d = d or 3
    rows = region.sample(1500, d, np.random.default_rng(0))
    far = region.project(rows.mean(axis=0) + 1e2 * np.vstack([np.eye(d), -np.eye(d)]) * rows.std(axis=0).max())
    reach = np.ptp(far, axis=0)
    varying = reach > 1e-9
    assert (rows[:, varying].std(axis=0) > 0.12 * reach[varying]).all()
    assert (np.abs(rows.mean(axis=0) - (far.max(axis=0) + far.min(axis=0)) / 2.0) < 0.25 * reach + 1e-9).all()
    assert np.unique(rows, axis=0).shape[0] == 1500


@pytest.mark.parametrize("case", [name for name in REGIONS if not REGIONS[name][2]])
def test_regions_without_bounds_say_that_no_row_can_be_drawn(case):
    region, d, _ = REGIONS[case]
    with pytest.raises(ValueError, match=rf"^{type(region).__name__} .*; intersect it with a Ball\.$"):
        region.sample(3, d, np.random.default_rng(0))


def test_a_row_with_nan_stays_one_and_the_others_do_not_notice(case):
    region, d, _ = REGIONS[case]
    X = np.random.default_rng(0).normal(0.0, 3.0, (5, d or 3))
    whole, rest = region.project(X), [0, 1, 3, 4]
    for bad in (np.nan, np.inf, -np.inf):
        broken = X.copy()
        broken[2, 0] = bad
        projected = region.project(broken)
        np.testing.assert_allclose(projected[rest], whole[rest], rtol=1e-12, atol=1e-14, err_msg=f"beside {bad}")
        np.testing.assert_array_equal(region.contains(broken)[rest], region.contains(X)[rest], err_msg=f"beside {bad}")
        if np.isnan(bad):
            assert np.isnan(projected[2]).any()
            assert not region.contains(broken)[2]


@pytest.mark.parametrize("case", [name for name in REGIONS if name in CLOSED_FORM])
def test_rows_of_any_size_are_projected_where_there_is_a_closed_form(case):
    region, d, _ = REGIONS[case]
    for far in (1e-200, 1e12, 1e150):
        X = far * np.random.default_rng(1).standard_normal((4, d or 3))
        if case == "slab" and far > 1e100:
            X = X[:0]  # the height of such a row above the slab is lost to rounding
        nearest = region.project(X)
        assert np.isfinite(nearest).all(), far
        bound = 1e-14 * far if case in ("open box", "fixed", "slab") else 0.0
        excess = np.abs(region.project(nearest) - nearest).max(initial=0.0)
        assert region.contains(nearest).all() or excess <= bound, far


@pytest.mark.parametrize("case", cases(name for name in REGIONS if REGIONS[name][1] not in (None, 1)))
def test_rows_of_another_width_are_refused(case):
    region = REGIONS[case][0]
    for call in (region.project, region.contains):
        with pytest.raises(ValueError, match=r"features|columns of Fixed must be positions below 1"):
            call(np.zeros((2, 1)))


def test_regions_compare_hash_and_pickle_by_value(case):
    region = REGIONS[case][0]
    twin = pickle.loads(pickle.dumps(region))
    assert twin == region
    assert hash(twin) == hash(region)
    assert [name for name, (other, *_) in REGIONS.items() if other == region] == [case]
    with pytest.raises(FrozenInstanceError):
        region.radius = 3.0


def test_regions_survive_a_file(case):
    region, arrays = REGIONS[case][0], {}
    kinds = known([Ball, Box, Ellipsoid, Fixed, Intersection, Slab])
    assert restore(json.loads(json.dumps(describe(region, arrays, kinds))), arrays, kinds) == region


def test_memory_order_does_not_matter(case):
    region, d, _ = REGIONS[case]
    X = np.random.default_rng(3).normal(0.0, 2.0, (7, d or 4))
    np.testing.assert_allclose(region.project(np.asfortranarray(X)), region.project(X), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(region.project(np.repeat(X, 2, axis=0)[::2]), region.project(X), rtol=1e-12, atol=1e-13)
