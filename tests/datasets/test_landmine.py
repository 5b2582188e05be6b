"""Landmine: the published counts, the paper's draw, and what a file of another make gives."""

from types import MappingProxyType

import numpy as np
import pytest
from data_server import sha256
from real_data import home_with_set
from scipy.io import savemat

from patom.datasets import SOURCES, RemoteFile, Source, landmine, load_landmine


@pytest.fixture(name="home", scope="module")
def fixture_home():
    return home_with_set("landmine")


@pytest.fixture(name="data", scope="module")
def fixture_data(home):
    return load_landmine(data_home=home)


def tables(data):
    return (*data.train, *data.test)


def test_twenty_nine_fields_and_all_rows(data):
    assert data.train.n_rows + data.test.n_rows == 14_820
    assert sum(np.sum(table.y == 1) for table in (data.train, data.test)) == 904
    for table in (data.train, data.test):
        np.testing.assert_array_equal(np.unique(table.task), np.arange(1, 30))
        np.testing.assert_array_equal(np.unique(table.y), [-1, 1])
        assert table.n_features == 9
    assert data.kind == "classification"
    assert data.files == {"landmine/LandmineData.mat": SOURCES["landmine"].files[0].sha256}


def test_the_draw_is_a_fifth_of_each_task_and_of_each_class(data):
    trained = np.bincount(data.train.task)[1:]
    whole = trained + np.bincount(data.test.task)[1:]
    assert (trained.min(), trained.max()) == (89, 138)
    np.testing.assert_array_equal(trained, np.round(0.2 * whole))
    positive = np.bincount(data.train.task[data.train.y == 1])[1:]
    all_positive = positive + np.bincount(data.test.task[data.test.y == 1])[1:]
    np.testing.assert_array_less(np.abs(positive - 0.2 * all_positive), 0.51)


def test_rows_are_those_of_the_file_and_none_is_used_twice(home):
    raw = load_landmine(data_home=home, scaled=False)
    X, y, task = landmine._read(landmine.read_mat(SOURCES["landmine"].files[0], home), "landmine")
    ours = np.column_stack([np.concatenate(pair) for pair in zip(raw.train, raw.test, strict=True)])
    theirs = np.column_stack([X, y, task])
    np.testing.assert_array_equal(ours[np.lexsort(ours.T)], theirs[np.lexsort(theirs.T)])
    assert X.max() == pytest.approx(38.9, abs=0.1)
    assert raw.feature_scale == 1.0


def test_scaling_and_standardising_use_training_rows(home, data):
    raw = load_landmine(data_home=home, scaled=False)
    assert data.feature_scale == pytest.approx(np.linalg.norm(raw.train.X, axis=1).max())
    np.testing.assert_allclose(data.test.X * data.feature_scale, raw.test.X, rtol=1e-12, atol=1e-12)
    even = load_landmine(data_home=home, scaled=False, standardise_features=True)
    np.testing.assert_allclose(even.train.X.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(even.train.X.std(axis=0), 1.0, rtol=1e-12)
    expected = (raw.test.X - raw.train.X.mean(axis=0)) / raw.train.X.std(axis=0)
    np.testing.assert_allclose(even.test.X, expected, rtol=1e-9, atol=1e-12)
    both = load_landmine(data_home=home, standardise_features=True)
    assert np.linalg.norm(both.train.X, axis=1).max() == pytest.approx(1.0)
    assert "standardised" in both.description
    assert "standardised" not in data.description


def test_the_seed_decides_the_bytes(home, data):
    def same(other):
        return all(a.tobytes() == b.tobytes() for a, b in zip(tables(data), tables(other), strict=True))

    assert same(load_landmine(data_home=home, random_state=np.random.default_rng(0)))
    assert not same(load_landmine(data_home=home, random_state=1))


@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_both_tables_keep_a_row_of_each_class(home, fraction):
    data = load_landmine(data_home=home, train_fraction=fraction)
    for table in (data.train, data.test):
        for sign in (-1, 1):
            assert np.unique(table.task[table.y == sign]).size == 29


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.2, float("nan")])
def test_a_fraction_outside_is_refused(fraction, tmp_path):
    with pytest.raises(ValueError, match="load_landmine: train_fraction"):
        load_landmine(train_fraction=fraction, data_home=tmp_path)


def cells(n=29, width=9, label=1):
    feature, labels = np.empty((1, n), dtype=object), np.empty((1, n), dtype=object)
    for i in range(n):
        feature[0, i] = np.arange(4.0 * width).reshape(4, width) + i
        labels[0, i] = np.array([[0], [0], [0], [label]], dtype=np.uint8)
    return {"feature": feature, "label": labels}


def put(monkeypatch, home, arrays):
    path = home / "landmine" / "LandmineData.mat"
    path.parent.mkdir(parents=True)
    if isinstance(arrays, bytes):
        path.write_bytes(arrays)
    else:
        savemat(path, arrays)
    content = path.read_bytes()
    file = RemoteFile("landmine/LandmineData.mat", "http://localhost:9/x", sha256(content), len(content))
    sources = {"landmine": Source("landmine", "", (file,), "", "")}
    monkeypatch.setattr(landmine, "SOURCES", MappingProxyType(sources))


def test_a_class_of_one_row_stays_in_one_table(monkeypatch, tmp_path):
    put(monkeypatch, tmp_path, cells())
    data = load_landmine(data_home=tmp_path, train_fraction=0.5)
    assert data.train.n_rows + data.test.n_rows == 4 * 29
    np.testing.assert_array_equal(np.bincount(data.train.task)[1:], 2)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"feature": cells()["feature"]}, "label of shape none"),
        (cells(n=28), r"feature of shape \(1, 28\)"),
        (cells(width=8), r"field 1 has features of shape \(4, 8\) for 4 labels"),
        (cells(label=2), "labels 0 and 1"),
        (b"no MATLAB file at all", "can't be read as a MATLAB file"),
    ],
)
def test_a_file_of_another_make_is_one_sentence(monkeypatch, tmp_path, arrays, words):
    put(monkeypatch, tmp_path, arrays)
    with pytest.raises(ValueError, match=words) as caught:
        load_landmine(data_home=tmp_path)
    assert "landmine/LandmineData.mat" in str(caught.value)
    assert "\n" not in str(caught.value)
