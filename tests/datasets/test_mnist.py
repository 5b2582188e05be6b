"""MNIST: one-vs-rest tasks of real images, components of the training images, IDX files read with care."""

import gzip
from dataclasses import replace

import numpy as np
import pytest
from data_server import sha256
from real_data import home_with_set
from sklearn.decomposition import PCA

from patom.datasets import SOURCES, load_mnist, mnist, read_file


@pytest.fixture(name="home", scope="module")
def fixture_home():
    return home_with_set("mnist")


@pytest.fixture(name="data", scope="module")
def fixture_data(home):
    return load_mnist(data_home=home)


@pytest.fixture(name="raw", scope="module")
def fixture_raw(home):
    return load_mnist(data_home=home, n_components=None, scaled=False)


@pytest.fixture(name="originals", scope="module")
def fixture_originals(home):
    """Images and digits, training and test, read without the package's reader."""
    contents = [read_file(file, home) for file in SOURCES["mnist"].files]
    images = [np.frombuffer(content, np.uint8, offset=16).reshape(-1, 784) for content in contents[::2]]
    digits = [np.frombuffer(content, np.uint8, offset=8) for content in contents[1::2]]
    return images[0], digits[0], images[1], digits[1]


def as_set(rows):
    return {row.tobytes() for row in rows}


def test_ten_tasks_of_three_hundred_and_three_hundred(data):
    for X, y, task in (data.train, data.test):
        assert X.shape == (6000, 128)
        np.testing.assert_array_equal(task, np.repeat(np.arange(10), 600))
        np.testing.assert_array_equal(np.bincount(task[y == 1]), 300)
        assert set(y.tolist()) == {-1, 1}
    assert data.files == {file.name: file.unpacked_sha256 for file in SOURCES["mnist"].files}
    assert data.feature_names[-1] == "component_128"


def test_raw_rows_are_images_with_their_digits_and_none_is_in_both_tables(raw, originals):
    assert raw.feature_names[29] == "pixel_1_1"
    for (X, y, task), (images, digits) in ((raw.train, originals[:2]), (raw.test, originals[2:])):
        lookup = {image.tobytes(): digit for image, digit in zip(images, digits, strict=True)}
        own = np.array([lookup[row.tobytes()] for row in X.astype(np.uint8)])
        np.testing.assert_array_equal(y, np.where(own == task, 1, -1))
        assert all(np.unique(X[task == digit], axis=0).shape[0] == 600 for digit in range(10))
    assert not as_set(raw.train.X) & as_set(raw.test.X)


def test_components_are_those_of_the_training_images(data, raw, originals):
    images = originals[0].astype(np.float64)
    assert data.train.X.shape[0] == raw.train.X.shape[0]  # the same seed draws the same images
    X = data.train.X * data.feature_scale
    variances = X.var(axis=0)
    assert variances[0] == variances.max()
    assert np.corrcoef(np.arange(128), np.log(variances))[0, 1] < -0.9
    # distances between images: kept by all components, hardly shrunk by 128 of them, never stretched
    original = np.linalg.norm(raw.train.X[:300] - raw.train.X[300:600], axis=1)
    projected = np.linalg.norm(X[:300] - X[300:600], axis=1)
    assert np.all(projected <= original * (1 + 1e-9))
    assert np.all(projected > 0.8 * original)
    centred = X.sum(axis=0) / len(X)
    assert np.linalg.norm(centred) < 0.2 * np.linalg.norm(images.mean(axis=0))


def test_the_projection_is_that_of_a_full_decomposition(originals):
    train, test = originals[0][:900], originals[2][:50]
    ours, ours_test = mnist._project(train, test, 40)
    full = PCA(40, svd_solver="full").fit(train.astype(np.float64))
    np.testing.assert_allclose(ours @ ours.T, full.transform(train) @ full.transform(train).T, rtol=1e-7, atol=1e-3)
    np.testing.assert_allclose(np.abs(ours_test), np.abs(full.transform(test)), rtol=1e-6, atol=1e-4)
    assert np.all(np.diff(ours.var(axis=0)) <= 0)
    np.testing.assert_allclose(ours.var(axis=0, ddof=1), full.explained_variance_, rtol=1e-9)


def test_scaling_divides_by_the_largest_training_norm(data, home):
    plain = load_mnist(data_home=home, scaled=False)
    assert data.feature_scale == pytest.approx(np.linalg.norm(plain.train.X, axis=1).max())
    np.testing.assert_allclose(data.test.X * data.feature_scale, plain.test.X, rtol=1e-12, atol=1e-9)
    assert np.linalg.norm(data.train.X, axis=1).max() == pytest.approx(1.0)


def test_the_seed_decides_the_bytes_and_a_second_draw_projects_nothing(data, home, monkeypatch):
    def same(other):
        pairs = zip((*data.train, *data.test), (*other.train, *other.test), strict=True)
        return all(a.tobytes() == b.tobytes() for a, b in pairs)

    monkeypatch.setattr(mnist, "PCA", None)  # calling it would fail
    monkeypatch.setattr(mnist, "read_file", None)
    assert same(load_mnist(data_home=home, random_state=np.random.default_rng(0)))
    assert not same(load_mnist(data_home=home, random_state=1))
    assert load_mnist(data_home=home, n_positive=7, n_negative=20).train.n_rows == 270


def test_returned_rows_may_be_written_without_harm_to_later_ones(data, home):
    first = load_mnist(data_home=home)
    first.train.X[:] = 0.0
    np.testing.assert_array_equal(load_mnist(data_home=home).train.X, data.train.X)


def test_more_rows_than_there_are_is_one_sentence(data, home):  # noqa: ARG001  (images are read by then)
    with pytest.raises(ValueError, match=r"^load_mnist: n_positive: class 0 has 980 rows to draw from, asked for 981"):
        load_mnist(data_home=home, n_positive=981)
    with pytest.raises(ValueError, match=r"^load_mnist: n_negative: task 0 has 54077 rows"):
        load_mnist(data_home=home, n_negative=60_000)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n_components": 0}, "n_components is 0"),
        ({"n_components": 785}, "n_components is 785; an image has 784 pixels"),
        ({"n_components": 2.0}, "n_components is 2.0"),
        ({"n_positive": 0}, "n_positive is 0"),
        ({"n_negative": -1}, "n_negative is -1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, words, tmp_path):
    with pytest.raises(ValueError, match=f"load_mnist: {words}"):
        load_mnist(data_home=tmp_path, **settings)


def idx(array, kind=8):
    head = bytes([0, 0, kind, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return head + array.astype(np.uint8).tobytes()


def put(monkeypatch, home, contents):
    """Files made here, with the checksums they have."""
    files = []
    for file, content in zip(SOURCES["mnist"].files, contents, strict=True):
        path = home / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content, compresslevel=1))
        files.append(replace(file, url="http://127.0.0.1:9/x", unpacked_sha256=sha256(content)))
    monkeypatch.setattr(mnist, "SOURCES", {"mnist": replace(SOURCES["mnist"], files=tuple(files))})


def small_set(seed=0):
    rng = np.random.default_rng(seed)
    for count in (60, 40):
        yield idx(rng.integers(0, 256, size=(count, 28, 28)))
        yield idx(np.arange(count) % 10)


SMALL = {"n_components": 5, "n_positive": 2, "n_negative": 3}


def test_a_small_set_is_read_in_the_same_way_and_again_when_its_files_change(monkeypatch, tmp_path):
    put(monkeypatch, tmp_path, small_set())
    first = load_mnist(data_home=tmp_path, **SMALL)
    assert first.train.X.shape == first.test.X.shape == (50, 5)
    put(monkeypatch, tmp_path, small_set(seed=1))
    assert not np.array_equal(load_mnist(data_home=tmp_path, **SMALL).train.X, first.train.X)


@pytest.mark.parametrize(
    ("number", "content", "words"),
    [
        (0, b"", "does not begin as an IDX file"),
        (0, idx(np.zeros((60, 28, 28)), kind=13), "does not begin as an IDX file of unsigned bytes does"),
        (1, idx(np.zeros(60))[:7], "does not begin"),
        (1, idx(np.zeros(60))[:-1], r"has 59 numbers; its head announces the shape \(60,\)"),
        (2, idx(np.zeros((40, 28, 27))), r"images of shape \(40, 28, 27\) don't go with digits of shape \(40,\)"),
        (3, idx(np.zeros(39)), r"images of shape \(40, 28, 28\) don't go with digits of shape \(39,\)"),
    ],
)
def test_a_file_of_another_make_is_one_sentence(monkeypatch, tmp_path, number, content, words):
    contents = list(small_set())
    contents[number] = content
    put(monkeypatch, tmp_path, contents)
    with pytest.raises(ValueError, match=words) as caught:
        load_mnist(data_home=tmp_path, **SMALL)
    assert "\n" not in str(caught.value)
