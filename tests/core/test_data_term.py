"""Second moments to which rows are added: those of all rows together, at the price of the added rows."""

import numpy as np
import pytest

from patom.core.data_term import moments
from patom.core.rows import append_constant, group_rows, inject_rows

COUNTS = np.array([9, 1, 4, 30])


@pytest.fixture
def clean():
    rng = np.random.default_rng(0)
    index = np.repeat(np.arange(COUNTS.size), COUNTS)
    return group_rows(rng.standard_normal((index.size, 3)), rng.standard_normal(index.size), index, COUNTS.size)


def added(task_index):
    rng = np.random.default_rng(1)
    task_index = np.array(task_index, dtype=np.int64)
    X = append_constant(rng.standard_normal((task_index.size, 3)))
    return X, rng.standard_normal(task_index.size), task_index


def test_the_definition(clean):
    found = moments(clean)
    for i, (start, stop) in enumerate(zip(clean.offsets[:-1], clean.offsets[1:], strict=True)):
        X, y, n = clean.X[start:stop], clean.y[start:stop], stop - start
        np.testing.assert_allclose(found.A[i], 2.0 * X.T @ X / n, rtol=1e-14)
        np.testing.assert_allclose(found.b[i], 2.0 * X.T @ y / n, rtol=1e-13, atol=1e-15)
        assert found.square[i] == pytest.approx(y @ y / n, rel=1e-14)
    np.testing.assert_array_equal(found.counts, COUNTS)


@pytest.mark.parametrize("tasks", [[1], [0, 0, 0], [3, 1, 0, 1, 3, 3], [0, 1, 2, 3] * 20])
def test_rows_that_join_count_as_if_they_had_been_there(clean, tasks):
    more, plain = moments(clean).joined(*added(tasks)), moments(inject_rows(clean, *added(tasks)))
    for name in ("A", "b", "square"):
        np.testing.assert_allclose(getattr(more, name), getattr(plain, name), rtol=1e-13, atol=1e-14)
    np.testing.assert_array_equal(more.counts, plain.counts)
    np.testing.assert_array_equal(more.A, more.A.swapaxes(1, 2))


def test_only_the_blocks_of_tasks_that_rows_join_move(clean):
    before = moments(clean)
    more = before.joined(*added([1, 3]))
    for name in ("A", "b", "square", "counts"):
        np.testing.assert_array_equal(getattr(more, name)[[0, 2]], getattr(before, name)[[0, 2]])
        assert (getattr(more, name)[[1, 3]] != getattr(before, name)[[1, 3]]).any()
        np.testing.assert_array_equal(getattr(before, name), getattr(moments(clean), name))
        assert not np.shares_memory(getattr(more, name), getattr(before, name))


def test_without_rows_nothing_moves(clean):
    before, same = moments(clean), moments(clean).joined(*added([]))
    for name in ("A", "b", "square", "counts"):
        np.testing.assert_array_equal(getattr(same, name), getattr(before, name))
