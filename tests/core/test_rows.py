"""Rows grouped by task: order, counts, weights, and where injected rows go."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patom.core.rows import append_constant, group_rows, inject_rows

few = settings(deadline=None, derandomize=True, max_examples=50)
indices = st.lists(st.integers(0, 4), min_size=1, max_size=30).map(
    lambda drawn: np.unique(drawn, return_inverse=True)[1]
)


def numbered(index, start=0):
    """Rows that carry their own number as feature and as target."""
    number = start + np.arange(index.size, dtype=float)
    return number[:, None], number


@few
@given(index=indices)
def test_grouping_keeps_rows_whole_and_in_order(index):
    X, y = numbered(index)
    rows = group_rows(X, y, index, index.max() + 1)
    assert rows.n_tasks == index.max() + 1
    assert rows.n_columns == 2
    np.testing.assert_array_equal(rows.X[:, 1], 1.0)
    np.testing.assert_array_equal(rows.X[:, 0], rows.y)
    for i in range(rows.n_tasks):
        np.testing.assert_array_equal(rows.y[rows.offsets[i] : rows.offsets[i + 1]], np.flatnonzero(index == i))
    np.testing.assert_array_equal(rows.task_index, index[rows.y.astype(int)])


@few
@given(index=indices)
def test_weights_are_one_over_the_rows_of_the_task(index):
    rows = group_rows(*numbered(index), index, index.max() + 1)
    np.testing.assert_array_equal(rows.counts, np.bincount(index))
    np.testing.assert_array_equal(rows.weights, 1.0 / np.bincount(index)[rows.task_index])
    assert rows.weights.sum() == pytest.approx(rows.n_tasks)


@few
@given(index=indices, extra=st.lists(st.integers(0, 4), max_size=20))
def test_injected_rows_come_after_their_tasks_clean_rows(index, extra):
    added = np.array(extra, dtype=np.int64) % (index.max() + 1)
    clean, (X, y) = group_rows(*numbered(index), index, index.max() + 1), numbered(added, start=100)
    both = inject_rows(clean, append_constant(X), y, added)
    assert both.X.flags.c_contiguous
    assert both.offsets.dtype == np.int64
    np.testing.assert_array_equal(both.X[:, 0], both.y)
    for i in range(both.n_tasks):
        of_task = both.y[both.offsets[i] : both.offsets[i + 1]]
        expected = np.concatenate([np.flatnonzero(index == i), 100 + np.flatnonzero(added == i)])
        np.testing.assert_array_equal(of_task, expected)
    np.testing.assert_array_equal(clean.counts, np.bincount(index))  # the clean rows are left as they were


def test_grouping_copies():
    X, y = np.zeros((2, 1)), np.zeros(2)
    rows = group_rows(X, y, np.array([0, 1]), 2)
    X[:], y[:] = 7.0, 7.0
    np.testing.assert_array_equal(rows.X, [[0.0, 1.0], [0.0, 1.0]])
    np.testing.assert_array_equal(rows.y, 0.0)
