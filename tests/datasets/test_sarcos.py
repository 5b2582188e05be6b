"""SARCOS: shared inputs, no row on both sides, either source, raw or standardised torques."""

from dataclasses import replace

import numpy as np
import pytest
from data_server import sha256
from real_data import home_with
from scipy.io import loadmat, savemat

from patom.datasets import SOURCES, load_sarcos, sarcos

TEST_NAME, TRAIN_NAME = "sarcos/sarcos_inv_test.mat", "sarcos/sarcos_inv.mat"


@pytest.fixture(name="home", scope="module")
def fixture_home():
    return home_with(TEST_NAME)


@pytest.fixture(name="raw", scope="module")
def fixture_raw(home):
    return load_sarcos(data_home=home, source="test_file", scaled=False)


def inputs(table, task=1):
    return {row.tobytes() for row in table.X[table.task == task]}


def rows_of(table):
    """Inputs and the seven torques side by side, one row for each input."""
    return np.column_stack([table.X[table.task == 1], *(table.y[table.task == i] for i in range(1, 8))])


def as_set(rows):
    return {row.tobytes() for row in np.ascontiguousarray(rows)}


def test_three_hundred_and_six_hundred_inputs_in_seven_tasks(raw):
    for table, count in ((raw.train, 300), (raw.test, 600)):
        np.testing.assert_array_equal(table.task, np.repeat(np.arange(1, 8), count))
        for task in range(2, 8):
            np.testing.assert_array_equal(table.X[table.task == task], table.X[table.task == 1])
    assert raw.kind == "regression"
    assert raw.feature_names[0] == "position_1"
    assert raw.feature_names[-1] == "acceleration_7"
    assert "test file alone" in raw.description
    assert raw.files == {TEST_NAME: SOURCES["sarcos"].files[1].sha256}


def test_rows_are_those_of_the_file_and_none_is_on_both_sides(home, raw):
    original = as_set(loadmat(home / TEST_NAME)["sarcos_inv_test"])
    assert as_set(rows_of(raw.train)) | as_set(rows_of(raw.test)) <= original
    assert len(inputs(raw.train)) == 300
    assert len(inputs(raw.test)) == 600
    assert not inputs(raw.train) & inputs(raw.test)


def test_scaling_divides_by_the_largest_training_norm(home, raw):
    scaled = load_sarcos(data_home=home, source="test_file")
    assert scaled.feature_scale == pytest.approx(np.linalg.norm(raw.train.X, axis=1).max())
    np.testing.assert_allclose(scaled.test.X * scaled.feature_scale, raw.test.X, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(scaled.train.y, raw.train.y)


def test_standardised_torques_have_mean_0_and_deviation_1_in_training(home, raw):
    even = load_sarcos(data_home=home, source="test_file", scaled=False, standardise_targets=True)
    np.testing.assert_array_equal(even.train.X, raw.train.X)
    for task in range(1, 8):
        own, theirs = raw.train.y[raw.train.task == task], raw.test.y[raw.test.task == task]
        y = even.train.y[even.train.task == task]
        assert y.mean() == pytest.approx(0.0, abs=1e-12)
        assert y.std() == pytest.approx(1.0)
        expected = (theirs - own.mean()) / own.std()
        np.testing.assert_allclose(even.test.y[even.test.task == task], expected, rtol=1e-9, atol=1e-12)
    assert "Each torque standardised" in even.description


def test_standardised_features_use_training_rows(home, raw):
    even = load_sarcos(data_home=home, source="test_file", scaled=False, standardise_features=True)
    expected = (raw.test.X - raw.train.X.mean(axis=0)) / raw.train.X.std(axis=0)
    np.testing.assert_allclose(even.test.X, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(even.train.y, raw.train.y)


def test_the_seed_decides_the_bytes(home, raw):
    def same(other):
        pairs = zip((*raw.train, *raw.test), (*other.train, *other.test), strict=True)
        return all(a.tobytes() == b.tobytes() for a, b in pairs)

    again = {"data_home": home, "source": "test_file", "scaled": False}
    assert same(load_sarcos(**again, random_state=np.random.default_rng(0)))
    assert not same(load_sarcos(**again, random_state=1))


def test_more_rows_than_there_are_is_one_sentence(home):
    with pytest.raises(ValueError, match=r"n_train is 300 and n_test 4150, and the test file has 4449 rows"):
        load_sarcos(data_home=home, source="test_file", n_test=4150)
    assert load_sarcos(data_home=home, source="test_file", n_test=4149).test.n_rows == 7 * 4149


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n_train": 0}, "n_train is 0"),
        ({"n_test": 2.5}, "n_test is 2.5"),
        ({"n_test": True}, "n_test is True"),
        ({"source": "train"}, "source is 'train'"),
        ({"inputs": "all"}, 'inputs is \'all\'; it must be "shared" or "own"'),
    ],
)
def test_settings_out_of_range_are_refused(settings, words, tmp_path):
    with pytest.raises(ValueError, match=f"load_sarcos: {words}"):
        load_sarcos(data_home=tmp_path, **settings)


def put(monkeypatch, home, train=None, test=None):
    """Files made here, with the checksums they have; a missing one has an address that nobody answers."""
    files = []
    for file, rows in zip(SOURCES["sarcos"].files, (train, test), strict=True):
        made = replace(file, url="http://127.0.0.1:9/x")
        if rows is not None:
            path = home / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            savemat(path, {path.stem: rows})
            made = replace(made, sha256=sha256(path.read_bytes()))
        files.append(made)
    monkeypatch.setattr(sarcos, "SOURCES", {"sarcos": replace(SOURCES["sarcos"], files=tuple(files))})


def made(count, seed):
    return np.random.default_rng(seed).normal(size=(count, 28))


def test_training_rows_that_the_test_file_has_are_left_out(monkeypatch, tmp_path):
    own, test = made(30, 0), made(20, 1)
    other_torques = test[10:].copy()
    other_torques[:, 21:] += 1.0  # the same inputs: seen in training all the same
    put(monkeypatch, tmp_path, np.concatenate([test[:10], own, own[:5], other_torques]), test)
    for source in ("train_and_test", "auto"):
        data = load_sarcos(data_home=tmp_path, source=source, n_train=30, n_test=20, scaled=False)
        assert as_set(rows_of(data.train)) == as_set(own)
        assert as_set(rows_of(data.test)) == as_set(test)
        assert "training file without what the test file repeats" in data.description
        assert set(data.files) == {TRAIN_NAME, TEST_NAME}
    with pytest.raises(ValueError, match="n_train is 31, and there are 30 rows"):
        load_sarcos(data_home=tmp_path, n_train=31, n_test=20)
    with pytest.raises(ValueError, match="n_test is 21, and there are 20 rows"):
        load_sarcos(data_home=tmp_path, n_train=30, n_test=21)


def test_inputs_that_occur_twice_in_the_test_file_are_drawn_once(monkeypatch, tmp_path):
    rows = made(12, 0)
    rows[1, 3] = 0.0
    again = rows[:4].copy()
    again[1, 3] = -0.0
    put(monkeypatch, tmp_path, None, np.concatenate([rows, again]))
    data = load_sarcos(data_home=tmp_path, source="test_file", n_train=6, n_test=6, scaled=False)
    assert as_set(rows_of(data.train)) | as_set(rows_of(data.test)) == as_set(rows)
    with pytest.raises(ValueError, match="the test file has 12 rows"):
        load_sarcos(data_home=tmp_path, source="test_file", n_train=6, n_test=7)


def test_auto_takes_the_test_file_where_the_training_file_is_missing_or_wrong(monkeypatch, tmp_path):
    put(monkeypatch, tmp_path, None, made(12, 0))
    settings = {"data_home": tmp_path, "n_train": 5, "n_test": 5}
    assert "test file alone" in load_sarcos(**settings).description
    (tmp_path / TRAIN_NAME).write_bytes(b"cut off")
    assert "test file alone" in load_sarcos(**settings).description
    assert (tmp_path / TRAIN_NAME).read_bytes() == b"cut off"
    with pytest.raises(OSError, match=TRAIN_NAME):
        load_sarcos(**settings, source="train_and_test")


def test_auto_fetches_where_neither_file_is_there(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "*")
    put(monkeypatch, tmp_path)
    with pytest.raises(OSError, match=f"{TRAIN_NAME} could not be fetched"):
        load_sarcos(data_home=tmp_path)


def test_a_file_of_another_make_is_one_sentence(monkeypatch, tmp_path):
    put(monkeypatch, tmp_path, None, made(5, 0)[:, :27])
    with pytest.raises(ValueError, match=r"sarcos_inv_test of shape \(n, 28\); it has one of shape \(5, 27\)"):
        load_sarcos(data_home=tmp_path, source="test_file")
    path = tmp_path / TEST_NAME
    savemat(path, {"other": made(5, 0)})
    train, test = sarcos.SOURCES["sarcos"].files
    right = replace(test, sha256=sha256(path.read_bytes()))
    monkeypatch.setattr(sarcos, "SOURCES", {"sarcos": replace(SOURCES["sarcos"], files=(train, right))})
    with pytest.raises(ValueError, match="it has no such array"):
        load_sarcos(data_home=tmp_path, source="test_file")


def put_parts(monkeypatch, home, pools):
    """A file of training rows for each torque, made here."""
    path = home / sarcos.SARCOS_PARTS.name
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, task = np.concatenate(pools), np.repeat(np.arange(1, 8), [len(pool) for pool in pools])
    np.savez(path, X=rows[:, :21], y=rows[:, 21], task=task)
    monkeypatch.setattr(sarcos, "SARCOS_PARTS", replace(sarcos.SARCOS_PARTS, sha256=sha256(path.read_bytes())))


def own_rows(table, task):
    return as_set(np.column_stack([table.X, table.y])[table.task == task])


@pytest.mark.parametrize("source", ["test_file", "train_and_test"])
def test_tasks_may_draw_rows_of_their_own(monkeypatch, tmp_path, source):
    train, test = made(40, 0), made(60, 1)
    put(monkeypatch, tmp_path, np.concatenate([train, test[:20]]), test)
    data = load_sarcos(data_home=tmp_path, source=source, inputs="own", n_train=25, n_test=30, scaled=False)
    held_out = inputs(data.test)
    assert len(held_out) == 30
    for task in range(1, 8):
        pool = (train if source == "train_and_test" else test)[:, [*range(21), 20 + task]]
        assert len(own_rows(data.train, task)) == 25
        assert own_rows(data.train, task) <= as_set(pool)
        assert not inputs(data.train, task) & held_out
    assert len({frozenset(inputs(data.train, task)) for task in range(1, 8)}) == 7
    other = load_sarcos(
        data_home=tmp_path, source=source, inputs="own", n_train=25, n_test=30, scaled=False, random_state=1
    )
    assert inputs(other.test) != held_out  # test rows are drawn, too
    assert "25 training rows for each torque" in data.description
    many, words = (41, "n_train is 41") if source == "train_and_test" else (31, "n_train is 31 and n_test 30")
    with pytest.raises(ValueError, match=words):
        load_sarcos(data_home=tmp_path, source=source, inputs="own", n_train=many, n_test=30)


def test_rows_of_their_own_come_from_the_parts_where_only_these_are_there(monkeypatch, tmp_path):
    test = made(30, 0)
    pools = [made(20 + torque, torque + 1)[:, :22] for torque in range(7)]
    put(monkeypatch, tmp_path, None, test)
    settings = {"data_home": tmp_path, "n_train": 20, "n_test": 10, "scaled": False}
    with pytest.raises(FileNotFoundError, match=r"sarcos_train_parts.npz is missing, and it is not published"):
        load_sarcos(**settings, source="train_parts", inputs="own")
    assert "test file alone" in load_sarcos(**settings, inputs="own").description
    put_parts(monkeypatch, tmp_path, pools)
    data = load_sarcos(**settings, inputs="own")
    for task, pool in enumerate(pools, start=1):
        assert own_rows(data.train, task) <= as_set(pool)
        assert len(own_rows(data.train, task)) == 20
    assert inputs(data.test) <= as_set(test[:, :21])
    other = load_sarcos(**settings, inputs="own", random_state=1)
    assert inputs(other.test) != inputs(data.test)
    put_parts(monkeypatch, tmp_path, [np.concatenate([pool, pool[:5]]) for pool in pools])
    with pytest.raises(ValueError, match="n_train is 21, and there are 20 rows"):  # rows that occur twice count once
        load_sarcos(**settings | {"n_train": 21}, inputs="own")
    put_parts(monkeypatch, tmp_path, pools)
    put(monkeypatch, tmp_path, made(40, 3), test)
    assert "training file without" in load_sarcos(**settings, inputs="own").description  # all of it before its parts
    (tmp_path / TRAIN_NAME).unlink()
    assert set(data.files) == {sarcos.SARCOS_PARTS.name, TEST_NAME}
    assert "test file alone" in load_sarcos(**settings).description  # shared inputs, which the parts cannot give
    with pytest.raises(ValueError, match='take inputs="own"'):
        load_sarcos(**settings, source="train_parts")
    with pytest.raises(ValueError, match="n_train is 21, and there are 20 rows"):
        load_sarcos(**settings | {"n_train": 21}, inputs="own")


def test_the_parts_hold_no_row_of_the_test_file():
    home = home_with(TEST_NAME, sarcos.SARCOS_PARTS.name)
    data = load_sarcos(data_home=home, inputs="own", n_train=1900, n_test=4449, scaled=False)
    assert len(inputs(data.test)) == 4449
    for task in range(1, 8):
        assert len(inputs(data.train, task)) == 1900
        assert not inputs(data.train, task) & inputs(data.test)
