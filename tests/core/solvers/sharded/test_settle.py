"""A task's own optimum: Newton's equations in its rows or in k coordinates, from near and from far."""

import numpy as np
import pytest
from sharded_problems import LOSSES

from patom.core import losses
from patom.core.losses import loss_code
from patom.core.solvers.sharded.settle import settle

COUNTS = np.array([1, 2, 3, 7, 30, 8])
OFFSETS = np.concatenate([[0], np.cumsum(COUNTS)])
every_loss = pytest.mark.parametrize(
    "loss", [*LOSSES, losses.huber(1e-3)], ids=lambda loss: f"{loss.name} {loss.delta}"
)


def settled(F, y, loss, start):
    predictions, a, duals, value = np.full(y.size, start), np.empty((6, F.shape[1])), np.empty(y.size), np.zeros(1)
    settle(F, y, OFFSETS, *loss_code(loss), predictions, a, duals, value)
    return predictions, a, duals, value[0]


@every_loss
@pytest.mark.parametrize("size", [1e-3, 1.0, 100.0], ids=["short rows", "rows", "long rows"])
@pytest.mark.parametrize("start", [0.0, -50.0])
@pytest.mark.parametrize("k", [1, 8])
def test_the_gradient_vanishes(loss, size, start, k):
    rng = np.random.default_rng(0)
    F, y = size * rng.standard_normal((OFFSETS[-1], k)), 3.0 * rng.standard_normal(OFFSETS[-1])
    y = np.sign(y) if loss.margin else y
    z, a, duals, value = settled(F, y, loss, start)
    np.testing.assert_allclose(z, (F * np.repeat(a, COUNTS, axis=0)).sum(axis=1), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(duals, -loss.slope(z, y) / np.repeat(COUNTS, COUNTS), rtol=1e-12, atol=1e-15)
    expected = np.add.reduceat(duals[:, None] * F, OFFSETS[:-1])
    np.testing.assert_allclose(a, expected, atol=1e-9 * (np.abs(duals).max() * size + np.abs(a).max()))
    assert value == pytest.approx((np.add.reduceat(loss.value(z, y), OFFSETS[:-1]) / COUNTS).sum(), rel=1e-12)


@every_loss
def test_from_anywhere_to_the_same_place(loss):
    rng = np.random.default_rng(1)
    F, y = 2.0 * rng.standard_normal((OFFSETS[-1], 5)), np.sign(rng.standard_normal(OFFSETS[-1]))
    one, other = settled(F, y, loss, 0.0), settled(F, y, loss, 30.0)
    np.testing.assert_allclose(one[1], other[1], rtol=1e-10, atol=1e-12)
    again = one[0].copy()
    settle(F, y, OFFSETS, *loss_code(loss), again, np.empty((6, 5)), np.empty(y.size), np.zeros(1))
    np.testing.assert_allclose(again, one[0], rtol=1e-12, atol=1e-12)
