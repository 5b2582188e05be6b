"""The embedded digits: shapes, balance, no image on both sides, the same bytes from the same seed."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from patom.datasets import load_digits_tasks
from patom.datasets.dataset import Dataset


@pytest.fixture(scope="module")
def digits():
    return load_digits_tasks()


@pytest.fixture(scope="module")
def raw():
    return load_digits_tasks(scaled=False)


def images(table):
    return {row.tobytes() for row in table.X}


def test_ten_tasks_of_signs(digits):
    for table in (digits.train, digits.test):
        np.testing.assert_array_equal(np.unique(table.task), np.arange(10))
        np.testing.assert_array_equal(np.unique(table.y), [-1, 1])
        assert np.issubdtype(table.task.dtype, np.integer)
        assert table.X.shape == (table.y.size, 64)
    assert digits.kind == "classification"
    assert digits.feature_names[0] == "pixel_0_0"
    assert digits.feature_names[10] == "pixel_1_2"


def test_no_image_is_in_train_and_test_and_none_is_lost(raw):
    assert not images(raw.train) & images(raw.test)
    assert images(raw.train) | images(raw.test) == {row.tobytes() for row in load_digits().data}


def test_labels_are_those_of_the_images(raw):
    original, digit = load_digits(return_X_y=True)
    lookup = {row.tobytes(): value for row, value in zip(original, digit, strict=True)}
    for X, y, task in (raw.train, raw.test):
        own = np.array([lookup[row.tobytes()] for row in X])
        np.testing.assert_array_equal(y, np.where(own == task, 1, -1))


def test_a_task_has_no_row_twice(raw):
    for X, _, task in (raw.train, raw.test):
        for digit in range(10):
            rows = X[task == digit]
            assert np.unique(rows, axis=0).shape == rows.shape


@pytest.mark.parametrize(("ratio", "expected"), [(1.0, 1.0), (2.0, 2.0), (0.5, 0.5)])
def test_negatives_are_the_asked_multiple_of_positives(ratio, expected):
    _, y, task = load_digits_tasks(negatives_ratio=ratio).train
    for digit in range(10):
        positives = np.sum(y[task == digit] == 1)
        assert abs(np.sum(y[task == digit] == -1) - expected * positives) <= 0.5


def test_a_large_ratio_takes_all_others():
    _, _, task = load_digits_tasks(negatives_ratio=1e6).test
    assert np.unique(np.bincount(task)).size == 1


def test_the_same_share_of_every_digit_is_held_out():
    for fraction in (0.3, 0.1):
        data = load_digits_tasks(test_fraction=fraction)
        held = np.bincount(data.test.task[data.test.y == 1])
        total = np.bincount(load_digits().target)
        np.testing.assert_array_less(np.abs(held - fraction * total), 0.51)


def test_scaling_divides_by_the_largest_training_norm(digits, raw):
    assert digits.feature_scale == pytest.approx(np.linalg.norm(raw.train.X, axis=1).max())
    assert np.linalg.norm(digits.train.X, axis=1).max() == pytest.approx(1.0, abs=1e-15)
    np.testing.assert_allclose(digits.test.X * digits.feature_scale, raw.test.X, rtol=1e-14)
    assert raw.feature_scale == 1.0
    assert raw.train.X.max() == 16.0


def test_the_same_seed_gives_the_same_bytes(digits):
    def same(one, other):
        tables = zip((*one.train, *one.test), (*other.train, *other.test), strict=True)
        return all(left.tobytes() == right.tobytes() for left, right in tables)

    assert same(digits, load_digits_tasks(random_state=0))
    assert same(digits, load_digits_tasks(random_state=np.random.default_rng(0)))
    assert not same(digits, load_digits_tasks(random_state=1))


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_a_fraction_outside_is_refused(fraction):
    with pytest.raises(ValueError, match="test_fraction"):
        load_digits_tasks(test_fraction=fraction)


@pytest.mark.parametrize("ratio", [0.0, -1.0, float("inf"), float("nan")])
def test_a_ratio_outside_is_refused(ratio):
    with pytest.raises(ValueError, match="negatives_ratio"):
        load_digits_tasks(negatives_ratio=ratio)


def test_a_data_set_whose_parts_disagree_is_refused(digits):
    parts = {field: getattr(digits, field) for field in digits.__dataclass_fields__}
    with pytest.raises(ValueError, match=r"train has 64 features, test 64 and feature_names 63"):
        Dataset(**parts | {"feature_names": digits.feature_names[1:]})
    with pytest.raises(ValueError, match="kind is 'ranking'"):
        Dataset(**parts | {"kind": "ranking"})
