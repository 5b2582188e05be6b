"""scikit-learn's own checks of an estimator, all in one test: they are a hundred, and quick."""

from sklearn.utils.estimator_checks import check_estimator


def check_all(estimator, failing=None):
    """Raise the first failure; of the checks in ``failing``, by name with the reason, each must fail."""
    results = check_estimator(estimator, expected_failed_checks=failing, on_skip=None)
    assert len(results) > 40
    assert {each["check_name"] for each in results if each["status"] == "xfail"} == set(failing or ())
