import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from patom.datasets.scaling import fit_scaling

SIZES = st.floats(-1e6, 1e6).map(lambda v: 0.0 if abs(v) < 1e-6 else v)
MATRICES = hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=8), elements=SIZES)


@pytest.fixture(name="rng")
def fixture_rng():
    return np.random.default_rng(0)


def fit_or_skip(X, y, **settings):
    assume((np.ptp(X, axis=0) > 1e-9 * np.abs(X).max()).any())
    assume(settings["kind"] == "classification" or np.ptp(y) > 1e-9 * np.abs(y).max())
    return fit_scaling(X, y, **settings)


def largest(*arrays):
    return max(np.abs(array).max() for array in arrays)


# --- what it does -----------------------------------------------------------------------------------------


def test_without_standardising_only_the_norm_divides(rng):
    X, y = rng.normal(size=(30, 4)) * 5, rng.normal(size=30) * 3 + 2
    scaling = fit_scaling(X, y, kind="regression", standardise=False)
    norm = np.linalg.norm(X, axis=1).max()
    np.testing.assert_allclose(scaling.norm, norm, rtol=1e-13)
    np.testing.assert_allclose(scaling.features(X), X / norm, rtol=1e-13)
    np.testing.assert_array_equal(scaling.target(y), y)
    np.testing.assert_array_equal(scaling.target_back(y), y)
    assert (scaling.y_centre, scaling.y_scale) == (0.0, 1.0)
    np.testing.assert_array_equal(scaling.centre, np.zeros(4))
    np.testing.assert_array_equal(scaling.scale, np.ones(4))


def test_standardising_takes_mean_and_deviation_of_the_training_rows(rng):
    X = rng.normal(size=(50, 3)) * [1e-3, 1.0, 1e6] + [5.0, -2.0, 1e7]
    y = rng.normal(size=50) * 7 + 100
    scaling = fit_scaling(X, y, kind="regression", standardise=True)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    np.testing.assert_allclose(scaling.centre, X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(scaling.scale, X.std(axis=0), rtol=1e-9)
    np.testing.assert_allclose(scaling.features(X), Z / np.linalg.norm(Z, axis=1).max(), atol=1e-9)
    np.testing.assert_allclose(scaling.target(y), (y - y.mean()) / y.std(), rtol=1e-10, atol=1e-12)


def test_classes_are_never_scaled(rng):
    y = np.where(rng.random(20) < 0.2, 1.0, -1.0)
    scaling = fit_scaling(rng.normal(size=(20, 2)), y, kind="classification", standardise=True)
    np.testing.assert_array_equal(scaling.target(y), y)


def test_other_rows_use_the_training_rows_scale_and_may_leave_the_ball():
    scaling = fit_scaling([[0.0], [2.0]], [0.0, 4.0], kind="regression", standardise=True)
    np.testing.assert_allclose(scaling.features([[5.0]]), [[4.0]])
    np.testing.assert_allclose(scaling.target([10.0]), [4.0])


def test_units_do_not_matter_once_standardised(rng):
    X, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    metres = fit_scaling(X, y, kind="regression", standardise=True)
    feet = fit_scaling(X * 3.28 + [1, 2, 3], y * 5 - 1, kind="regression", standardise=True)
    np.testing.assert_allclose(feet.features(X * 3.28 + [1, 2, 3]), metres.features(X), atol=1e-12)
    np.testing.assert_allclose(feet.target(y * 5 - 1), metres.target(y), atol=1e-12)


@pytest.mark.parametrize("standardise", [False, True])
def test_constant_columns_are_dropped_and_come_back(rng, standardise):
    X = np.column_stack([np.full(20, 0.1), rng.normal(size=20), np.zeros(20), rng.normal(size=20)])
    scaling = fit_scaling(X, X[:, 1], kind="regression", standardise=standardise)
    np.testing.assert_array_equal(scaling.kept, [1, 3])
    assert scaling.features(X).shape == (20, 2)
    back = scaling.features_back(scaling.features(X))
    np.testing.assert_array_equal(back[:, [0, 2]], X[:, [0, 2]])
    np.testing.assert_allclose(back, X, rtol=1e-12, atol=1e-14)


def test_a_dropped_column_takes_its_training_constant_whatever_the_test_row_held():
    scaling = fit_scaling([[7.0, 1.0], [7.0, 2.0]], [1.0, 2.0], kind="regression", standardise=False)
    np.testing.assert_allclose(scaling.features_back(scaling.features([[9.0, 1.5]])), [[7.0, 1.5]])


def test_it_cannot_be_changed():
    scaling = fit_scaling([[1.0], [2.0]], [1.0, 2.0], kind="regression", standardise=False)
    with pytest.raises(AttributeError):
        scaling.norm = 1.0


@settings(max_examples=200, deadline=None)
@given(X=MATRICES, standardise=st.booleans(), exponent=st.integers(-150, 150), shift=SIZES)
def test_training_rows_lie_in_the_ball_and_one_on_its_surface(X, standardise, exponent, shift):
    X = (X + shift) * 10.0**exponent
    y = np.ones(X.shape[0])
    norms = np.linalg.norm(fit_or_skip(X, y, kind="classification", standardise=standardise).features(X), axis=1)
    assert norms.max() <= 1.0
    assert norms.max() > 1 - 1e-13


@settings(max_examples=200, deadline=None)
@given(data=st.data(), X=MATRICES, standardise=st.booleans(), exponent=st.integers(-150, 150), shift=SIZES)
def test_features_go_there_and_back(data, X, standardise, exponent, shift):
    X = (X + shift) * 10.0**exponent
    scaling = fit_or_skip(X, np.ones(X.shape[0]), kind="classification", standardise=standardise)
    back = scaling.features_back(scaling.features(X))
    assert back.shape == X.shape
    for column in range(X.shape[1]):
        assert np.abs(back - X)[:, column].max() <= 1e-12 * np.abs(X[:, column]).max()
    ball = data.draw(hnp.arrays(np.float64, (3, scaling.kept.size), elements=st.floats(-1, 1)))
    there = scaling.features(scaling.features_back(ball))
    condition = 1 + (np.abs(scaling.centre) / scaling.scale / scaling.norm).max()
    np.testing.assert_allclose(there, ball, rtol=1e-12, atol=1e-15 * condition)


@settings(max_examples=100, deadline=None)
@given(
    y=hnp.arrays(np.float64, st.integers(2, 20), elements=SIZES),
    exponent=st.integers(-150, 150),
    standardise=st.booleans(),
)
def test_targets_go_there_and_back(y, exponent, standardise):
    y = y * 10.0**exponent
    X = np.arange(y.size, dtype=float)[:, np.newaxis]
    scaling = fit_or_skip(X, y, kind="regression", standardise=standardise)
    z = scaling.target(y)
    assert np.abs(scaling.target_back(z) - y).max() <= 1e-12 * largest(y)
    if standardise:
        np.testing.assert_allclose([z.mean(), z.std()], [0, 1], atol=1e-6)


# --- numbers at the edge ----------------------------------------------------------------------------------

TOP = np.finfo(float).max


@pytest.mark.parametrize("standardise", [False, True])
@pytest.mark.parametrize(
    "column",
    [
        [1e300, -1e300, 5e299],
        [1.7e308, -1.7e308, 0.0],
        [1.7e308, -1.7e308, -1.7e308],
        [1.7e308, 1.7e308, 0.8e308],
        [1e-300, 3e-300, -1e-300],
        [1.0, 1 + 1e-13, 1 - 1e-13],
        [1.7e9, 1.7e9 + 1, 1.7e9 + 2],
        [1e300, 1.0, -1.0],
    ],
)
def test_huge_and_tiny_columns_neither_overflow_nor_vanish(column, standardise):
    X = np.array(column)[:, np.newaxis]
    scaling = fit_scaling(X, [1.0, 2.0, 3.0], kind="regression", standardise=standardise)
    Z = scaling.features(X)
    assert np.isfinite(Z).all()
    np.testing.assert_allclose(np.abs(Z).max(), 1.0, rtol=1e-13)
    np.testing.assert_allclose(scaling.features_back(Z), X, rtol=0, atol=1e-12 * np.abs(X).max())


def test_columns_of_opposite_sizes_count_alike_once_standardised(rng):
    X = rng.normal(size=(30, 3)) * [1e300, 1e-300, 1.0]
    Z = fit_scaling(X, X[:, 2], kind="regression", standardise=True).features(X)
    np.testing.assert_allclose(Z.std(axis=0), Z.std(axis=0)[0], rtol=1e-10)


@pytest.mark.parametrize(
    "column",
    [
        [0.1 + 0.2, 0.3, 0.3],
        [1e300, np.nextafter(1e300, 0), 1e300],
        [TOP, TOP, TOP],
        [5e-324, 0.0, 0.0],
        [1e-310, -1e-310, 0.0],
        [0.0, -0.0, 0.0],
    ],
)
def test_columns_constant_up_to_rounding_are_dropped(column):
    X = np.column_stack([column, [1.0, 2.0, 4.0]])
    scaling = fit_scaling(X, [1.0, 2.0, 3.0], kind="regression", standardise=True)
    np.testing.assert_array_equal(scaling.kept, [1])
    back = scaling.features_back(scaling.features(X))
    np.testing.assert_allclose(back[:, 0], column, rtol=1e-14, atol=1e-307)


def test_the_constant_of_a_constant_column_is_exact():
    X = np.column_stack([np.full(1000, 0.1), np.arange(1000.0)])
    scaling = fit_scaling(X, np.arange(1000.0), kind="regression", standardise=False)
    assert scaling.constants[0] == 0.1
    assert np.isnan(scaling.constants[1])


def test_a_huge_target_is_standardised():
    y = np.array([1.7e308, -1.7e308, 0.0])
    scaling = fit_scaling([[1.0], [2.0], [3.0]], y, kind="regression", standardise=True)
    np.testing.assert_allclose(scaling.target(y), [np.sqrt(1.5), -np.sqrt(1.5), 0], atol=1e-15)
    np.testing.assert_allclose(scaling.target_back(scaling.target(y)), y, rtol=1e-14)


# --- what it refuses --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "y", "options", "message"),
    [
        ([[1.0], [1.0]], [1, 2], {}, "Every feature is constant over the training rows"),
        ([[1.0]], [1], {}, "Every feature is constant over the training rows"),
        ([[1.0], [2.0]], [3, 3], {"standardise": True}, "The target is constant over the training rows"),
        (
            [[1.0], [2.0]],
            [3],
            {},
            r"y must hold 2 finite targets, one for each row of X; its shape is \(1,\)",
        ),
        ([[1.0], [2.0]], [3, np.nan], {}, "y must hold 2 finite targets"),
        ([[1.0], [np.inf]], [3, 4], {}, "X must hold at least one row and finite values only"),
        (np.empty((0, 2)), [], {}, "X must hold at least one row"),
        ([1.0, 2.0], [3, 4], {}, r"X must have the shape \(n, d\), but it is \(2,\)"),
        (
            [[1.0], [2.0]],
            [3, 4],
            {"kind": "ranking"},
            "kind must be 'regression' or 'classification', but it is",
        ),
        ([[TOP, TOP], [0, 1]], [3, 4], {}, "The rows of X are too long for float64"),
    ],
)
def test_bad_training_rows(X, y, options, message):
    with pytest.raises(ValueError, match=message):
        fit_scaling(X, y, **{"kind": "regression", "standardise": False} | options)


def test_a_constant_target_is_allowed_where_it_stays_as_it_is():
    X, y = [[1.0], [2.0]], [3.0, 3.0]
    assert fit_scaling(X, y, kind="regression", standardise=False).y_scale == 1.0
    assert fit_scaling(X, y, kind="classification", standardise=True).y_scale == 1.0


def test_bad_rows_later():
    scaling = fit_scaling([[7.0, 1e-300], [7.0, 3e-300]], [1.0, 2.0], kind="regression", standardise=True)
    with pytest.raises(ValueError, match=r"X must have the shape \(n, 2\), but it is \(1, 1\)\."):
        scaling.features([[1.0]])
    with pytest.raises(ValueError, match=r"Z must have the shape \(n, 1\), but it is \(1, 2\)\."):
        scaling.features_back([[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"^X\[1, 1\] is 1e\+300, which is missing, infinite or too far from"):
        scaling.features([[7.0, 1e-300], [7.0, 1e300]])
    with pytest.raises(ValueError, match=r"^X\[0, 1\] is nan, which is missing"):
        scaling.features([[7.0, np.nan]])
    with pytest.raises(ValueError, match=r"^Z\[0, 0\] is inf, which is missing"):
        scaling.features_back([[np.inf]])
    assert scaling.features(np.empty((0, 2))).shape == (0, 1)
