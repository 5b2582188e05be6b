"""The converters to long format: what comes out, and what is refused in which words."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest

from patom.datasets import LongTable, from_target_matrix, from_task_arrays, one_vs_rest_tasks

NAN = float("nan")
A = np.array([[1.0, 2.0], [3.0, 4.0]])
B = np.array([[5.0, 6.0]])


def refused(error, *words):
    """An expectation that every word occurs in the message, in this order."""
    return pytest.raises(error, match=".*".join(re.escape(word) for word in words))


class TestTaskArrays:
    def test_list_of_pairs_is_stacked_in_order_with_counted_labels(self):
        X, y, task = from_task_arrays([(A, [1, 2]), (B, [3])])
        np.testing.assert_array_equal(X, [[1, 2], [3, 4], [5, 6]])
        np.testing.assert_array_equal(y, [1, 2, 3])
        np.testing.assert_array_equal(task, [0, 0, 1])
        assert X.dtype == np.float64

    def test_dict_keeps_its_own_order_and_keys(self):
        table = from_task_arrays({"zoe": (B, [3.0]), "ann": (A, [1.0, 2.0])})
        assert isinstance(table, LongTable)
        assert table.task.tolist() == ["zoe", "ann", "ann"]
        assert table.y.tolist() == [3.0, 1.0, 2.0]

    def test_labels_of_other_types_stay_what_they_are(self):
        table = from_task_arrays({("site", 1): (B, [3.0]), None: (A, [1.0, 2.0])})
        assert table.task.tolist() == [("site", 1), None, None]

    def test_result_does_not_share_memory_with_the_input(self):
        X, y = A.copy(), np.array([1.0, 2.0])
        table = from_task_arrays([(X, y)])
        table.X[:] = 0.0
        table.y[:] = 0.0
        np.testing.assert_array_equal(X, A)
        np.testing.assert_array_equal(y, [1.0, 2.0])

    def test_text_targets_are_labels(self):
        table = from_task_arrays([(A, ["yes", "no"]), (B, pd.Series(["perhaps"]))])
        assert table.y.tolist() == ["yes", "no", "perhaps"]

    @pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
    def test_data_frames_are_read_and_their_columns_compared(self, frame):
        first, second = frame({"u": [1, 2], "v": [3.5, 4.5]}), frame({"u": [5], "v": [6.5]})
        X, _, task = from_task_arrays({"a": (first, first["u"]), "b": (second, second["u"])})
        np.testing.assert_array_equal(X, [[1, 3.5], [2, 4.5], [5, 6.5]])
        assert task.tolist() == ["a", "a", "b"]
        turned = frame({"v": [6.5], "u": [5]})
        with refused(ValueError, "columns of task 'b'", "['v', 'u']", "['u', 'v']"):
            from_task_arrays({"a": (first, [0.0, 1.0]), "b": (turned, [1.0])})

    @pytest.mark.parametrize(
        ("tasks", "error", "words"),
        [
            ([], ValueError, ["tasks is empty"]),
            ({}, ValueError, ["tasks is empty"]),
            (A, TypeError, ["of type ndarray", "list or a dict"]),
            ({"a": (A, [1, 2]), "b": B}, TypeError, ["task 'b' is no pair"]),
            ({"a": (A, [1, 2]), "b": ([[1.0]], [1])}, ValueError, ["'b' has 1 features", "'a' has 2"]),
            ({"b": (A, [1])}, ValueError, ["y of task 'b' has 1 targets", "X 2 rows"]),
            ({"b": (A[:0], [])}, ValueError, ["X of task 'b' is empty", "(0, 2)"]),
            ({"b": ([1.0, 2.0], [1, 2])}, ValueError, ["X of task 'b' has shape (2,)", "two dimensions"]),
            ({"b": (A, [[1], [2]])}, ValueError, ["y of task 'b' has shape (2, 1)", "one dimension"]),
            ({"b": ([[1.0], [2.0, 3.0]], [1, 2])}, ValueError, ["X of task 'b' is ragged"]),
            ({"b": ([[1, 2], [3, "red"]], [1, 2])}, ValueError, ["'b'", "'red'", "row 1", "column 1"]),
            ({"b": (np.array([["1"]]), [1])}, ValueError, ["non-numeric value", "'1'"]),
            ({"b": (A, np.array(["2020-01-01"] * 2, dtype="M8[D]"))}, ValueError, ["'b'", "datetime64[D]"]),
            ({"b": (A, ["x", None])}, ValueError, ["y of task 'b'", "no label in row 1"]),
            ({"a": (A, [1, 2]), "b": (B, ["x"])}, ValueError, ["numbers in some tasks", "'a' and 'b'"]),
        ],
    )
    def test_bad_input_is_refused_by_name(self, tasks, error, words):
        with refused(error, "from_task_arrays", *words):
            from_task_arrays(tasks)

    @pytest.mark.parametrize(("value", "words"), [(NAN, "NaN"), (np.inf, "an infinite value"), (None, "NaN")])
    def test_bad_entry_is_located_within_its_task(self, value, words):
        bad = [[1.0, 2.0], [3.0, 4.0], [5.0, value]]
        with refused(ValueError, "X of task 'b'", words, "row 2, column 1"):
            from_task_arrays({"a": (A, [1.0, 2.0]), "b": (bad, [1.0, 2.0, 3.0]), "c": (B, [1.0])})
        with refused(ValueError, "y of task 'b'", words, "row 1"):
            from_task_arrays({"a": (A, [1.0, 2.0]), "b": (A, [1.0, value]), "c": (B, [1.0])})
        with refused(ValueError, "y of task 'b'", words, "row 0"):
            from_task_arrays({"a": (A, [1.0, 2.0]), "b": (A, [value, 1.0]), "c": (B, [1.0])})

    def test_bad_column_of_a_data_frame_is_named(self):
        frame = pd.DataFrame({"age": [1.0, NAN], "colour": ["red", "blue"]})
        with refused(ValueError, "'red'", "row 0", "'colour'"):
            from_task_arrays({"a": (frame, [1.0, 2.0])})
        with refused(ValueError, "NaN", "row 1", "'age'"):
            from_task_arrays({"a": (frame[["age"]], [1.0, 2.0])})

    def test_a_hundred_thousand_tasks(self):
        tasks = dict.fromkeys(range(100_000), (np.ones((1, 3)), np.ones(1)))
        assert from_task_arrays(tasks).n_rows == 100_000


class TestTargetMatrix:
    def test_observed_entries_become_rows_task_by_task(self):
        X, y, task = from_target_matrix([[1.0], [2.0], [3.0]], [[1, NAN], [NAN, 4], [5, 6]])
        np.testing.assert_array_equal(X, [[1], [3], [2], [3]])
        np.testing.assert_array_equal(y, [1, 5, 4, 6])
        np.testing.assert_array_equal(task, [0, 0, 1, 1])

    @pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
    def test_columns_of_a_data_frame_name_the_tasks(self, frame):
        Y = frame({"torque": [1.0, None], "force": [3.0, 4.0]})
        table = from_target_matrix(frame({"u": [7, 8]}), Y)
        assert table.task.tolist() == ["torque", "force", "force"]
        np.testing.assert_array_equal(table.X, [[7], [7], [8]])
        assert from_target_matrix(frame({"u": [7, 8]}), Y, tasks=[5, 6]).task.tolist() == [5, 6, 6]

    def test_agrees_with_a_list_of_pairs(self):
        rng = np.random.default_rng(0)
        X, Y = rng.normal(size=(20, 3)), rng.normal(size=(20, 4))
        Y[rng.random(Y.shape) < 0.4] = NAN
        seen = ~np.isnan(Y)
        expected = from_task_arrays([(X[seen[:, j]], Y[seen[:, j], j]) for j in range(4)])
        for got, want in zip(from_target_matrix(X, Y), expected, strict=True):
            np.testing.assert_array_equal(got, want)

    @pytest.mark.parametrize(
        ("X", "Y", "tasks", "words"),
        [
            (A, [[1.0]], None, ["X has 2 rows", "Y has 1"]),
            (A, [1.0, 2.0], None, ["Y has shape (2,)"]),
            (A, [[1.0, NAN], [2.0, NAN]], ["p", "q"], ["task 'q' has nothing observed"]),
            (A, [[1.0, 2.0], [2.0, -np.inf]], ["p", "q"], ["Y is infinite in row 1, task 'q'"]),
            (A, [[1.0, 2.0], [2.0, "x"]], None, ["Y has the non-numeric value 'x'", "row 1, column 1"]),
            ([[1.0], [NAN]], [[1.0], [2.0]], None, ["X has NaN in row 1, column 0"]),
            (A, [[1.0, 2.0], [2.0, 3.0]], ["p"], ["tasks has 1 labels", "2 columns"]),
            (A, [[1.0, 2.0], [2.0, 3.0]], ["p", "p"], ["tasks has the label 'p' twice"]),
        ],
    )
    def test_bad_input_is_refused_by_name(self, X, Y, tasks, words):
        with refused(ValueError, "from_target_matrix", *words):
            from_target_matrix(X, Y, tasks)

    def test_columns_of_one_name_are_refused(self):
        with refused(ValueError, "from_target_matrix: Y", "'p'"):
            from_target_matrix(A, pd.DataFrame(A, columns=["p", "p"]))

    def test_labels_that_are_not_hashable_are_refused(self):
        with refused(TypeError, "tasks has the label ['p']", "not hashable"):
            from_target_matrix(A, A, [["p"], ["q"]])

    def test_sparse_features_are_refused(self):
        sparse = pytest.importorskip("scipy.sparse")
        with refused(ValueError, "X is a sparse matrix"):
            from_target_matrix(sparse.csr_array(A), A)


class TestOneVsRest:
    LABELS = np.array(["b", "a", "c", "a", "b", "a"])
    ROWS = np.arange(6.0)[:, None]

    def test_by_default_every_row_is_in_every_task(self):
        X, y, task = one_vs_rest_tasks(self.ROWS, self.LABELS)
        assert task.tolist() == ["a"] * 6 + ["b"] * 6 + ["c"] * 6
        np.testing.assert_array_equal(X.ravel(), np.tile(np.arange(6), 3))
        np.testing.assert_array_equal(y, np.where(np.tile(self.LABELS, 3) == task, 1, -1))

    def test_limits_are_drawn_without_replacement_and_keep_row_order(self):
        X, y, task = one_vs_rest_tasks(self.ROWS, self.LABELS, positives=1, negatives=2, random_state=3)
        for label in "abc":
            rows = X[task == label].ravel().astype(int)
            assert (np.diff(rows) > 0).all()
            np.testing.assert_array_equal(y[task == label] == 1, self.LABELS[rows] == label)
            assert sorted(y[task == label]) == [-1, -1, 1]

    def test_draws_follow_the_random_state(self):
        def drawn(state):
            return one_vs_rest_tasks(self.ROWS, self.LABELS, negatives=2, random_state=state).X.ravel().tolist()

        assert drawn(0) == drawn(0) == drawn(np.random.default_rng(0))
        assert len({tuple(drawn(seed)) for seed in range(8)}) > 1

    def test_negatives_are_drawn_evenly_from_all_other_classes(self):
        labels = np.repeat([0, 1, 2], [200, 100, 300])
        table = one_vs_rest_tasks(np.zeros((600, 1)) + labels[:, None], labels, negatives=200, random_state=0)
        others = table.X[(table.task == 0) & (table.y == -1)].ravel()
        assert abs((others == 2).mean() - 0.75) < 0.1

    @pytest.mark.parametrize(
        ("labels", "options", "words"),
        [
            (["a"] * 6, {}, ["one class 'a'"]),
            (LABELS[:5], {}, ["y has 5 targets", "6 rows"]),
            (LABELS, {"positives": 2}, ["positives: class 'c'", "1 rows", "asked for 2"]),
            (LABELS, {"positives": 3}, ["positives: class 'b'", "2 rows", "asked for 3"]),
            (LABELS, {"negatives": 4}, ["negatives: task 'a'", "3 rows", "asked for 4"]),
            (LABELS, {"negatives": 0}, ["negatives: task 'a'", "asked for 0"]),
            (LABELS, {"negatives": 1.5}, ["negatives: task 'a'", "asked for 1.5"]),
            ([1, 2, 3, 1, 2, NAN], {}, ["y has NaN in row 5"]),
            ([1, "a", 3, 1, 2, 3], {}, ["y mixes types"]),
        ],
    )
    def test_bad_input_is_refused_by_name(self, labels, options, words):
        with refused(ValueError, *words):
            one_vs_rest_tasks(self.ROWS, labels, **options)

    def test_bad_feature_is_located(self):
        with refused(ValueError, "one_vs_rest_tasks: X has NaN in row 1, column 0"):
            one_vs_rest_tasks([[1.0], [NAN]], ["a", "b"])


@pytest.mark.parametrize("unit", ["ns", "us", "D"])
@pytest.mark.parametrize("kind", ["datetime64", "timedelta64"])
def test_dates_and_times_are_no_numbers(unit, kind):
    moments = np.array([[3], [4]], dtype=f"{kind}[{unit}]")
    frame = pd.DataFrame({"when": moments[:, 0]})
    for X in (moments, frame):
        with pytest.raises(ValueError, match="from_task_arrays: X of task 0 holds dates or times; turn them into num"):
            from_task_arrays([(X, [1.0, 2.0])])
        with pytest.raises(ValueError, match="from_target_matrix: Y holds dates or times"):
            from_target_matrix([[1.0], [2.0]], X)
