"""Tables of which no test row can be held out."""

import numpy as np
import pytest

from patom.audit.data import table_data
from patom.datasets.tables.table import read_table

WAYS_OUT = "so bring more rows of each task, name a coarser task column or raise test_fraction."


@pytest.fixture(name="read")
def fixture_read(tmp_path):
    def read(content):
        (tmp_path / "data.csv").write_text(content)
        return read_table(tmp_path / "data.csv", task="t", target="y")

    return read


def test_tasks_of_one_row_each_leave_no_test_row(read):
    table = read("t,x,y\n" + "".join(f"task {i},{i},{i / 7}\n" for i in range(30)))
    with pytest.raises(ValueError, match="No test row") as caught:
        table_data(table)
    assert str(caught.value) == (
        "No test row can be held out at test_fraction 0.3: there are 30 rows in 30 tasks, and a row of each task "
        f"must stay for training, {WAYS_OUT}"
    )


def test_classes_of_one_row_each_leave_no_test_row(read):
    table = read("t,x,y\n" + "".join(f"{i // 2},{i},{'no' if i % 2 else 'yes'}\n" for i in range(20)))
    with pytest.raises(ValueError, match="No test row") as caught:
        table_data(table, test_fraction=0.5)
    assert str(caught.value) == (
        "No test row can be held out at test_fraction 0.5: there are 20 rows in 10 tasks, and a row of each class of "
        f"each task must stay for training, {WAYS_OUT}"
    )


def test_a_higher_test_fraction_is_a_way_out(read):
    table = read("t,x,y\na,1,2\na,2,3\nb,3,5\nb,4,7\n")
    with pytest.raises(ValueError, match=r"at test_fraction 0\.001: there are 4 rows in 2 tasks"):
        table_data(table, test_fraction=0.001)
    data = table_data(table, test_fraction=0.5)
    assert (data.y_train.size, data.y_test.size) == (2, 2)
    np.testing.assert_array_equal(data.tasks, ["a", "b"])
