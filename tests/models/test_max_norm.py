"""The scaling that the paper does: every training row in the unit ball."""

import numpy as np
from sklearn.utils.estimator_checks import parametrize_with_checks

from patom.models import MaxNormScaler


@parametrize_with_checks([MaxNormScaler()])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_new_rows_are_scaled_as_the_training_rows_were():
    X = np.random.default_rng(0).normal(size=(20, 3))
    scaler = MaxNormScaler().fit(X)
    assert np.linalg.norm(scaler.transform(X), axis=1).max() == 1.0
    np.testing.assert_allclose(scaler.transform(2.0 * X), 2.0 * X / np.linalg.norm(X, axis=1).max())


def test_rows_of_zeros_stay():
    assert MaxNormScaler().fit_transform(np.zeros((3, 2))).tolist() == [[0.0, 0.0]] * 3
