"""The losses of compiled loops are those of arrays."""

import numpy as np
import pytest

from patom.core import losses
from patom.core.losses import loss_at, loss_code, slope_at

HUBERS = [losses.huber(0.5), losses.huber(3.0)]
LOSSES = [losses.squared_error, losses.unclipped_hinge, losses.squared_hinge, losses.logistic, *HUBERS]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: f"{loss.name} {loss.delta}")
def test_value_slope_and_curvature(loss):
    rng = np.random.default_rng(0)
    z = np.concatenate([rng.normal(scale=3.0, size=200), [0.0, 1.0, -1.0, 2.0, 0.5, 800.0, -800.0, 1e-9]])
    y = np.where(rng.random(z.size) < 0.5, 1.0, -1.0) if loss.margin else rng.normal(size=z.size)
    found = np.array([loss_at(*loss_code(loss), *pair) for pair in zip(z, y, strict=True)])
    expected = np.column_stack([loss.value(z, y), loss.slope(z, y), loss.curvature(z, y)])
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-300)
    slopes = [slope_at(*loss_code(loss), *pair) for pair in zip(z, y, strict=True)]
    np.testing.assert_allclose(slopes, loss.slope(z, y), rtol=1e-13, atol=1e-300)
