"""A trusted table must speak of the same tasks and targets, or is refused."""

from dataclasses import replace

import numpy as np
import pytest

from patom.audit.screened import screen_table


@pytest.fixture(name="tables")
def fixture_tables(make_table):
    table, trusted = make_table(seed=0), make_table(seed=1)
    return replace(table, task=np.repeat([1, 2, 3], 24)), replace(trusted, task=np.repeat([1, 2, 3], 24))


def change(table, reference):
    return screen_table(table, reference=reference, lambda_1=0.1, lambda_2=0.1).found.scores["change"]


def test_labels_are_the_same_as_numbers_and_as_text(tables):
    table, trusted = tables
    numbers = change(table, trusted)
    assert np.isfinite(numbers).all()
    np.testing.assert_array_equal(change(table, replace(trusted, task=trusted.task.astype(str))), numbers)
    np.testing.assert_array_equal(change(replace(table, task=table.task.astype(str)), trusted), numbers)


def test_other_tasks_are_refused(tables):
    table, trusted = tables
    with pytest.raises(ValueError, match=r"must hold tasks of the table, such as 1; it holds others, such as 101\.$"):
        change(table, replace(trusted, task=trusted.task + 100))


def test_another_kind_of_target_is_refused(tables, make_table):
    table, _ = tables
    classes = make_table("classification")
    with pytest.raises(ValueError, match="for the table's regression; it is for classification of no and yes"):
        change(table, classes)
    with pytest.raises(ValueError, match=r"for the table's classification of no and yes; .* of 0 and 1, so name"):
        change(classes, replace(classes, classes=("0", "1")))
