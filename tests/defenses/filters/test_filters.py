"""Scores of the filters against what they say they are, and the cut."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.covariance import EmpiricalCovariance

import patom
from patom.defenses import Leverage, Neighbours, Slab, Sphere, Trim
from patom.defenses.filters.sanitiser import cut


@pytest.fixture(name="data")
def fixture_data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 2))
    return X, np.where(X[:, 0] + 0.5 * rng.standard_normal(40) > 0.0, "yes", "no"), np.repeat([0, 1], 20)


def groups(y, task):
    return [(task == i) & (y == label) for i in (0, 1) for label in ("no", "yes")]


@pytest.mark.parametrize("centre", ["mean", "median"])
def test_distance_to_the_centre(centre, data):
    X, y, task = data
    found = Sphere(centre=centre).keep(X, y, task).score
    for group in groups(y, task):
        middle = getattr(np, centre)(X[group], axis=0)
        np.testing.assert_allclose(found[group], np.sqrt(((X[group] - middle) ** 2).sum(axis=1)))


def test_distance_along_the_line_between_classes(data):
    X, y, task = data
    found = Slab(centre="mean").keep(X, y, task).score
    for i in (0, 1):
        no, yes = (X[(task == i) & (y == label)].mean(axis=0) for label in ("no", "yes"))
        for label, middle in (("no", no), ("yes", yes)):
            group = (task == i) & (y == label)
            np.testing.assert_allclose(
                found[group], np.abs((X[group] - middle) @ (yes - no)) / np.linalg.norm(yes - no)
            )


def test_a_quantity_is_cut_in_two_at_its_median():
    X, y = np.array([[0.0, 3.0], [1.0, 3.0], [10.0, 3.0], [14.0, 3.0]]), np.array([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(Slab().keep(X, y).score, [0.5, 0.5, 2.0, 2.0])


def test_a_task_of_one_class_has_no_line():
    X, y = np.arange(6.0)[:, None], np.array([0, 0, 0, 0, 1, 1])
    found = Slab(fraction=0.4).keep(X, y, task=[0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(found.score[:3], 0.0)
    assert found.kept[:3].all()


def test_distance_to_the_kth_neighbour(data):
    X, y, task = data
    found = Neighbours(k=3).keep(X, y, task).score
    for group in groups(y, task):
        distances = np.sqrt(((X[group][:, None] - X[group][None]) ** 2).sum(axis=2))
        np.testing.assert_allclose(found[group], np.sort(distances, axis=1)[:, 3])


def test_disagreement_with_neighbours(data):
    X, y, task = data
    found = Neighbours(k=3, of="targets").keep(X, y, task).score
    for i in (0, 1):
        own = task == i
        distances = np.sqrt(((X[own][:, None] - X[own][None]) ** 2).sum(axis=2))
        np.fill_diagonal(distances, np.inf)
        near = np.argsort(distances, axis=1)[:, :3]
        np.testing.assert_allclose(found[own] / 2.0, (y[own][near] != y[own][:, None]).mean(axis=1))


def test_leverage_is_mahalanobis_distance_about_the_mean(data):
    """With next to no ridge: x'(X'X/n)^-1 x of rows with a constant is 1 plus the squared Mahalanobis distance."""
    X, y, task = data
    found = Leverage(ridge=1e-12).keep(X, y, task).score
    for i in (0, 1):
        own = task == i
        np.testing.assert_allclose(found[own], 1.0 + EmpiricalCovariance().fit(X[own]).mahalanobis(X[own]), rtol=1e-8)


@pytest.mark.parametrize(("fraction", "expected"), [(0.0, 5.0), (0.19, 5.0), (0.2, 4.0), (0.6, 2.0), (0.99, 1.0)])
def test_the_cut_rounds_down_and_leaves_one(fraction, expected):
    assert cut(np.array([3.0, 5.0, 1.0, 4.0, 2.0]), fraction) == expected


def test_ties_at_the_cut_stay():
    assert np.sum(np.array([1.0, 2.0, 2.0, 2.0]) > cut(np.array([1.0, 2.0, 2.0, 2.0]), 0.5)) == 0


def test_the_slab_filter_and_the_region_are_two_classes_that_users_know_by_one_name():
    copies = (pickle.loads(pickle.dumps(Slab(0.2))), clone(Slab(0.2)))
    assert all(type(copy) is Slab is not patom.Slab for copy in copies)
    assert [repr(copy) for copy in copies] == ["Slab(fraction=0.2)"] * 2


@pytest.mark.parametrize(
    ("kind", "name"),
    [(Sphere, "sphere"), (Slab, "slab"), (Neighbours, "neighbours"), (Leverage, "leverage"), (Trim, "trim")],
)
def test_a_filter_has_the_name_of_its_class(kind, name):
    assert kind.name == kind().name == name
    with pytest.raises(TypeError, match=rf"^{kind.__name__}\.__init__\(\) got an unexpected keyword argument 'bogus'"):
        kind(bogus=1)


@pytest.mark.parametrize("make", [Sphere, Slab])
def test_copies_do_not_all_stay_because_their_scores_are_equal(make):
    rng = np.random.default_rng(0)
    X, y = np.vstack([rng.standard_normal((120, 3)), np.full((20, 3), 6.0)]), np.repeat([0, 1], [40, 100])
    kept = make(fraction=0.1).keep(X, y).kept
    assert kept[:40].sum() == 36
    assert kept[40:120].all()
    assert kept[120:].sum() == 10  # a tenth of the class went
    order = np.random.default_rng(1).permutation(140)
    moved = make(fraction=0.1).keep(X[order], y[order]).kept
    assert moved[order >= 120].sum() == 10
    assert moved[y[order] == 1].sum() == 90


def test_copies_of_the_lowest_score_are_not_odd():
    X = np.repeat([[0.0], [1.0]], 10, axis=0)
    assert Sphere(fraction=0.2).keep(X[:10], np.arange(10.0)).kept.all()
    assert Slab(fraction=0.2).keep(X, np.zeros(20), np.repeat(["a", "b"], 10)).kept.all()  # one class: no line


def test_different_rows_of_equal_scores_still_stay():
    X = np.array([[-1.0], [1.0], [-2.0], [2.0], [0.0], [0.0]])  # the distances from the centre come in pairs
    assert Sphere(fraction=0.2).keep(X, np.arange(6.0)).kept.all()
    assert Sphere(fraction=0.4).keep(X, np.arange(6.0)).kept.tolist() == [True, True, False, False, True, True]
