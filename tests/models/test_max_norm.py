"""The scaling that the paper does: every training row in the unit ball."""

import numpy as np
import pytest
from scikit_checks import check_all

from patom.models import MaxNormScaler


@pytest.mark.parametrize("estimator", [MaxNormScaler()])
def test_scikit_learns_own_checks(estimator):
    check_all(estimator)


def test_new_rows_are_scaled_as_the_training_rows_were():
    X = np.random.default_rng(0).normal(size=(20, 3))
    scaler = MaxNormScaler().fit(X)
    assert np.linalg.norm(scaler.transform(X), axis=1).max() == 1.0
    np.testing.assert_allclose(scaler.transform(2.0 * X), 2.0 * X / np.linalg.norm(X, axis=1).max())


def test_rows_of_zeros_stay():
    assert MaxNormScaler().fit_transform(np.zeros((3, 2))).tolist() == [[0.0, 0.0]] * 3
