"""Bounds on medians of votes, against every way to change them."""

from itertools import combinations, product

import numpy as np
import pytest

from patom.defenses.certificates.certificate import Certificate, median_bounds

FAR = (-1e9, 1e9)


def changed_medians(votes, changed):
    """Medians of a column of votes after any ``changed`` parts voted far off, or abstained."""
    values = []
    for places in combinations(range(votes.size), changed):
        for new in product((*FAR, np.nan), repeat=changed):
            spoiled = votes.copy()
            spoiled[list(places)] = new
            if not np.isnan(spoiled).all():
                values.append(np.nanmedian(spoiled))
    return np.array(values)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n_votes", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("abstaining", [0, 1, 2])
def test_no_change_of_votes_moves_the_median_further_and_one_moves_it_so_far(seed, n_votes, abstaining):
    rng = np.random.default_rng([seed, n_votes, abstaining])
    votes = np.append(np.round(rng.standard_normal(n_votes), 1), np.full(abstaining, np.nan))
    for changed in range(1, 4):
        if changed > votes.size:
            break
        medians = changed_medians(votes, changed)
        (low,), (high,) = median_bounds(votes[:, None], changed)
        assert medians.min() >= low
        assert medians.max() <= high
        reached = medians.min() if np.isfinite(low) else -np.inf if medians.min() < -1e8 else medians.min()
        assert reached == pytest.approx(low)
        reached = medians.max() if np.isfinite(high) else np.inf if medians.max() > 1e8 else medians.max()
        assert reached == pytest.approx(high)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("within", [0.3, 1.0, None])
def test_so_many_changed_votes_do_no_harm_and_one_more_can(seed, within):
    rng = np.random.default_rng(seed)
    votes = np.append(rng.standard_normal(rng.integers(1, 6)) + (within is None), [np.nan] * int(rng.integers(0, 2)))
    y = np.array([1.0 if within is None else 0.2])
    (tolerated,) = Certificate(votes[:, None], y, within).tolerated

    def harmed(changed):
        medians = changed_medians(votes, changed) if changed else np.array([np.nanmedian(votes)])
        return (medians <= 0.0).any() if within is None else (np.abs(medians - y) > within).any()

    for changed in range(tolerated + 1):
        assert not harmed(changed)
    assert harmed(tolerated + 1)


def test_classes_at_zero_are_negative():
    votes = np.zeros((3, 2))
    assert Certificate(votes, np.array([1.0, -1.0]), None).tolerated.tolist() == [-1, 1]


def test_the_curve_counts_and_averages():
    rng = np.random.default_rng(0)
    votes, y = rng.standard_normal((7, 40)), rng.standard_normal(40)
    certificate = Certificate(votes, y, within=1.5)
    curve = certificate.curve()
    assert curve["rows"].tolist() == [0, 1, 2, 3]
    for rows, certified, error in curve:
        assert certified == np.mean(certificate.tolerated >= rows)
        ordered = np.sort(votes, axis=0)
        worst = np.maximum((ordered[3 - rows] - y) ** 2, (ordered[3 + rows] - y) ** 2)
        assert error == pytest.approx(worst.mean())
    assert curve["error"][0] == pytest.approx(np.mean((np.median(votes, axis=0) - y) ** 2))
