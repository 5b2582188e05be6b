"""The compiled passes over the rows against numpy, each in its serial and its parallel form."""

import numpy as np
import pytest

from patom.core import jit
from patom.core.kernels import gram_products, row_products, weighted_sums

COUNTS = np.array([3, 1, 0, 40, 7])
OFFSETS = np.concatenate([[0], np.cumsum(COUNTS)])


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    index = np.repeat(np.arange(COUNTS.size), COUNTS)
    return rng.standard_normal((index.size, 6)), rng.standard_normal((COUNTS.size, 6)), index, rng


@pytest.fixture(params=[False, True], ids=["serial", "parallel"])
def either_form(request, monkeypatch):
    monkeypatch.setattr(jit, "PARALLEL_WORK", 0 if request.param else np.inf)


@pytest.mark.usefixtures("either_form")
def test_products(case):
    X, W, index, _ = case
    np.testing.assert_allclose(row_products(X, OFFSETS, W), (X * W[index]).sum(axis=1), rtol=1e-12, atol=1e-14)


@pytest.mark.usefixtures("either_form")
def test_sums(case):
    X, W, index, rng = case
    weight = rng.standard_normal(index.size) * (rng.random(index.size) < 0.5)
    expected = np.zeros_like(W)
    np.add.at(expected, index, weight[:, None] * X)
    np.testing.assert_allclose(weighted_sums(X, OFFSETS, weight), expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(weighted_sums(X, OFFSETS, weight)[2], 0.0)  # a task without rows


@pytest.mark.usefixtures("either_form")
def test_products_and_sums_in_one_pass(case):
    X, V, index, rng = case
    weight = rng.standard_normal(index.size) * (rng.random(index.size) < 0.5)
    expected = weighted_sums(X, OFFSETS, weight * row_products(X, OFFSETS, V))
    for order in (np.ascontiguousarray, np.asfortranarray):
        np.testing.assert_allclose(gram_products(X, OFFSETS, weight, order(V)), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.usefixtures("either_form")
def test_weights_in_any_memory_order(case):
    X, W, _, _ = case
    np.testing.assert_array_equal(row_products(X, OFFSETS, np.asfortranarray(W)), row_products(X, OFFSETS, W))


@pytest.mark.usefixtures("either_form")
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_come_through(case, value):
    X, W, _, _ = case
    W[3, 2] = value
    finite = np.isfinite(row_products(X, OFFSETS, W))
    np.testing.assert_array_equal(finite, np.repeat(np.arange(COUNTS.size), COUNTS) != 3)


def test_serial_and_parallel_agree(case, monkeypatch):
    X, W, _, rng = case
    weight = rng.standard_normal(X.shape[0])
    serial = row_products(X, OFFSETS, W), weighted_sums(X, OFFSETS, weight)
    monkeypatch.setattr(jit, "PARALLEL_WORK", 0)
    np.testing.assert_allclose(row_products(X, OFFSETS, W), serial[0], rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(weighted_sums(X, OFFSETS, weight), serial[1], rtol=1e-13, atol=1e-14)
