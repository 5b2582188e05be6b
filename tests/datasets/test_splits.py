import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patom.datasets.splits import hold_out

FRACTIONS = st.floats(0.01, 0.99)


def split(y, task, *, fraction=0.3, stratify=True, seed=0):
    return hold_out(y, task, fraction=fraction, stratify=stratify, rng=np.random.default_rng(seed))


@st.composite
def labelled_rows(draw):
    n = draw(st.integers(1, 60))
    task = draw(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=n, max_size=n))
    y = draw(st.lists(st.sampled_from([-1.0, 1.0]), min_size=n, max_size=n))
    return np.array(y), np.array(task)


@settings(max_examples=150, deadline=None)
@given(rows=labelled_rows(), fraction=FRACTIONS, stratify=st.booleans(), seed=st.integers(0, 99))
def test_every_group_is_split_in_proportion_and_keeps_a_training_row(rows, fraction, stratify, seed):
    y, task = rows
    train, test = split(y, task, fraction=fraction, stratify=stratify, seed=seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(y.size))
    assert (np.diff(train) > 0).all()
    assert (np.diff(test) > 0).all()
    keys = list(zip(task, y, strict=True)) if stratify else list(task)
    for key in set(keys):
        group = [i for i, other in enumerate(keys) if other == key]
        held = len(set(group) & set(test))
        quota = fraction * len(group)
        assert held <= len(group) - 1
        assert np.floor(quota - 1e-9) <= held or held == len(group) - 1
        assert held <= np.ceil(quota + 1e-9)


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(20, 60), min_size=1, max_size=12), fraction=st.floats(0.05, 0.9))
def test_each_task_and_the_whole_table_are_split_in_proportion(sizes, fraction):
    task = np.repeat(np.arange(len(sizes)), sizes)
    y = np.where(np.arange(task.size) % 2, 1.0, -1.0)
    _, test = split(y, task, fraction=fraction)
    assert abs(test.size - fraction * task.size) < 1 + 1e-9
    held = np.bincount(task[test], minlength=len(sizes))
    assert (np.abs(held - fraction * np.array(sizes)) < 1 + 1e-9).all()


def test_small_groups_are_not_all_rounded_down():
    task = np.repeat(np.arange(100), 2)
    _, test = split(np.zeros(200), task, fraction=0.2, stratify=False)
    assert abs(test.size - 40) <= 1
    assert np.bincount(task[test]).max() == 1


@pytest.mark.parametrize("stratify", [True, False])
def test_single_rows_are_never_held_out(stratify):
    for seed in range(20):
        train, test = split(np.arange(50.0), np.arange(50), fraction=0.9, stratify=stratify, seed=seed)
        assert (train.size, test.size) == (50, 0)


def test_a_rare_class_is_held_out_only_in_proportion_if_stratified():
    y = np.r_[np.full(90, -1.0), np.full(10, 1.0)]
    task = np.zeros(100, dtype=np.int64)
    positives = [(y[split(y, task, seed=seed)[1]] > 0).sum() for seed in range(30)]
    assert set(positives) == {3}
    loose = {int((y[split(y, task, stratify=False, seed=seed)[1]] > 0).sum()) for seed in range(30)}
    assert len(loose) > 2


def test_regression_targets_do_not_matter_without_stratifying():
    rng = np.random.default_rng(1)
    task = rng.integers(0, 4, 80)
    first = split(rng.normal(size=80), task, stratify=False)
    second = split(np.zeros(80), task, stratify=False)
    np.testing.assert_array_equal(first[1], second[1])


def test_the_generator_decides():
    y, task = np.tile([-1.0, 1.0], 40), np.repeat(["a", "b"], 40)
    np.testing.assert_array_equal(split(y, task, seed=3)[1], split(y, task, seed=3)[1])
    assert any((split(y, task, seed=3)[1] != split(y, task, seed=s)[1]).any() for s in range(4, 8))
    rng = np.random.default_rng(3)
    first, second = (hold_out(y, task, fraction=0.3, stratify=True, rng=rng)[1] for _ in range(2))
    assert (first != second).any()


def test_every_row_of_a_group_is_as_likely():
    y, task = np.zeros(10), np.zeros(10, dtype=int)
    rng = np.random.default_rng(0)
    times = np.zeros(10)
    for _ in range(2000):
        times[hold_out(y, task, fraction=0.25, stratify=False, rng=rng)[1]] += 1
    # 2.5 of 10 rows: 500 times each, standard deviation sqrt(2000 * 0.25 * 0.75) = 19.4
    assert (np.abs(times - 500) < 5 * 19.4).all()


def test_labels_may_be_text_or_numbers():
    y, task = np.tile([-1.0, 1.0], 30), np.repeat([2, 10, 3], 20)
    names = np.array([{2: "a", 3: "b", 10: "c"}[t] for t in task.tolist()])
    np.testing.assert_array_equal(split(y, task)[1], split(y, names)[1])


def test_a_hundred_thousand_tasks():
    task = np.random.default_rng(0).permutation(np.repeat(np.arange(100_000), 4))
    y = np.tile([-1.0, 1.0], task.size // 2)
    train, test = split(y, task, fraction=0.25)
    groups = np.unique(np.stack([task, y > 0]), axis=1).shape[1]
    assert np.unique(np.stack([task[train], y[train] > 0]), axis=1).shape[1] == groups
    assert test.size > 0.2 * task.size


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_a_fraction_outside_the_open_interval(fraction):
    with pytest.raises(ValueError, match=r"^fraction must be above 0 and below 1, but it is .*\.$"):
        split(np.zeros(4), np.zeros(4), fraction=fraction)


def test_lengths_that_differ():
    with pytest.raises(ValueError, match=r"have the shapes \(4,\) and \(5,\)\."):
        split(np.zeros(4), np.zeros(5))
