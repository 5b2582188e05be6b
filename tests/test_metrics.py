"""The metrics against closed forms, invariances and scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import r2_score, roc_auc_score

from patom.metrics import TaskScores, auc, correlation_shift, mean_over_tasks, nmse, per_task, relative_damage

NAN = float("nan")


def labelled_scores(min_size=2):
    pair = st.tuples(st.sampled_from([-1, 1]), st.integers(-5, 5))
    return st.lists(pair, min_size=min_size, max_size=30)


class TestNMSE:
    def test_closed_forms(self):
        y = np.array([1.0, 2.0, 6.0])
        assert nmse(y, y) == 0.0
        assert nmse(y, np.full(3, y.mean())) == pytest.approx(1.0, rel=1e-15)
        assert nmse([0.0, 2.0], [0.0, 0.0]) == 2.0

    def test_is_one_minus_r2(self):
        rng = np.random.default_rng(0)
        y, z = rng.normal(size=50), rng.normal(size=50)
        assert nmse(y, z) == pytest.approx(1.0 - r2_score(y, z), rel=1e-12)

    def test_does_not_depend_on_units(self):
        rng = np.random.default_rng(1)
        y, z = rng.normal(size=50), rng.normal(size=50)
        assert nmse(3.0 * y - 7.0, 3.0 * z - 7.0) == pytest.approx(nmse(y, z), rel=1e-12)

    @pytest.mark.parametrize("y", [[], [1.0], [2.0, 2.0, 2.0]])
    def test_has_no_value_without_variance(self, y):
        assert math.isnan(nmse(y, np.zeros(len(y))))

    def test_different_lengths_are_refused(self):
        with pytest.raises(ValueError, match=r"nmse: the first array has shape \(2,\) and the second \(1,\)"):
            nmse([1.0, 2.0], [1.0])


class TestAUC:
    def test_closed_forms(self):
        assert auc([0, 0, 1, 1], [1, 2, 3, 4]) == 1.0
        assert auc([1, 1, 0, 0], [1, 2, 3, 4]) == 0.0
        assert auc([0, 1, 0, 1], [5, 5, 5, 5]) == 0.5
        assert auc([0, 1, 1], [2, 2, 3]) == 0.75
        assert auc(["no", "yes"], [0.1, 0.2]) == 1.0

    @given(labelled_scores())
    def test_is_scikit_learns_and_the_share_of_ordered_pairs(self, rows):
        y, score = np.array(rows).T
        value = auc(y, score)
        if np.unique(y).size < 2:
            assert math.isnan(value)
            return
        difference = score[y == 1][:, None] - score[y == -1][None, :]
        assert value == pytest.approx(np.mean((difference > 0) + 0.5 * (difference == 0)), abs=1e-12)
        assert value == pytest.approx(roc_auc_score(y, score), abs=1e-12)

    @given(labelled_scores())
    def test_only_the_order_of_scores_matters(self, rows):
        y, score = np.array(rows).T
        np.testing.assert_equal(auc(y, np.exp(score / 2.0)), auc(y, score))

    def test_turning_the_scores_gives_the_complement(self):
        rng = np.random.default_rng(2)
        y, score = rng.integers(0, 2, 40), rng.normal(size=40)
        assert auc(y, -score) == pytest.approx(1.0 - auc(y, score), abs=1e-12)

    @pytest.mark.parametrize("y", [[], [1], [1, 1, 1]])
    def test_has_no_value_with_one_class(self, y):
        assert math.isnan(auc(y, np.arange(len(y))))

    def test_bad_input_is_refused(self):
        with pytest.raises(ValueError, match="auc: y_true has 3 classes"):
            auc([0, 1, 2], [0.0, 1.0, 2.0])
        with pytest.raises(ValueError, match="auc: score is NaN in row 1"):
            auc([0, 1], [0.0, NAN])


class TestPerTask:
    def test_equals_the_metric_on_each_tasks_rows(self):
        rng = np.random.default_rng(3)
        y, z, task = rng.normal(size=60), rng.normal(size=60), rng.choice(["c", "a", "b"], 60)
        scores = per_task(nmse, y, z, task)
        assert isinstance(scores, TaskScores)
        assert scores.tasks.tolist() == ["a", "b", "c"]
        np.testing.assert_array_equal(scores.values, [nmse(y[task == t], z[task == t]) for t in "abc"])

    def test_rows_within_a_task_stay_in_order(self):
        seen = []
        per_task(lambda y, _: seen.append(y.tolist()) or 0.0, [1, 2, 3, 4, 5], np.zeros(5), [1, 0, 1, 0, 1])
        assert seen == [[2, 4], [1, 3, 5]]

    def test_labels_without_an_order_come_in_order_of_appearance(self):
        labels = np.array(["b", 1, "b", None], dtype=object)
        assert per_task(lambda y, _: y.sum(), [1, 2, 3, 4], np.zeros(4), labels).as_dict() == {
            "b": 4,
            1: 2,
            None: 4,
        }

    def test_tuples_are_labels(self):
        labels = [("x", 1), ("x", 2), ("x", 1)]
        scores = per_task(lambda y, _: y.sum(), [1, 2, 3], np.zeros(3), labels)
        assert scores.as_dict() == {("x", 1): 4, ("x", 2): 2}

    def test_a_task_without_a_value_does_not_count_in_the_mean(self):
        scores = per_task(auc, [0, 1, 1, 1, 0, 1], [0, 1, 0, 1, 1, 0], ["a", "a", "b", "b", "c", "c"])
        np.testing.assert_array_equal(scores.values, [1.0, NAN, 0.0])
        assert mean_over_tasks(scores) == mean_over_tasks(scores.values) == 0.5

    def test_a_hundred_thousand_tasks(self):
        task = np.repeat(np.arange(100_000), 2)
        assert per_task(lambda y, _: y[0], task, task, task).values[-1] == 99_999

    def test_a_task_array_of_another_length_is_refused(self):
        with pytest.raises(ValueError, match="per_task: task has 1 rows and y_true 2"):
            per_task(nmse, [1.0, 2.0], [1.0, 2.0], ["a"])

    def test_mean_of_nothing_has_no_value(self):
        assert math.isnan(mean_over_tasks([]))
        assert math.isnan(mean_over_tasks([NAN, NAN]))


class TestRelativeDamage:
    def test_is_positive_when_the_model_got_worse(self):
        assert relative_damage(0.25, 0.5, "NMSE") == 1.0
        assert relative_damage(0.5, 0.25, "NMSE") == -0.5
        assert relative_damage(0.5, 0.25, "AUC") == 0.5
        assert relative_damage(0.5, 1.0, "AUC") == -1.0

    @pytest.mark.parametrize("metric", ["NMSE", "AUC"])
    def test_edges(self, metric):
        assert relative_damage(0.0, 0.0, metric) == 0.0
        assert relative_damage(0.7, 0.7, metric) == 0.0
        assert math.isnan(relative_damage(NAN, 1.0, metric))
        assert math.isnan(relative_damage(1.0, NAN, metric))
        assert math.isnan(relative_damage(0.0, NAN, metric))

    def test_change_from_zero_is_infinite(self):
        assert relative_damage(0.0, 0.1, "NMSE") == math.inf
        assert relative_damage(0.0, 0.1, "AUC") == -math.inf

    def test_bad_input_is_refused(self):
        with pytest.raises(ValueError, match="metric is 'MSE'"):
            relative_damage(1.0, 1.0, "MSE")
        with pytest.raises(ValueError, match="never negative"):
            relative_damage(-0.1, 0.2, "NMSE")


class TestCorrelationShift:
    BEFORE = np.array([[1.0, 0.5, -0.9], [0.5, 1.0, 0.05], [-0.9, 0.05, 1.0]])

    def test_closed_form(self):
        after = np.array([[1.0, -0.5, -0.7], [-0.5, 1.0, -0.95], [-0.7, -0.95, 1.0]])
        shift = correlation_shift(self.BEFORE, after)
        assert (shift.n_pairs, shift.sign_flips, shift.flipped) == (3, 1, ((0, 1),))
        assert shift.mean_absolute_change == pytest.approx((1.0 + 0.2 + 1.0) / 3)
        assert shift.largest_absolute_change == pytest.approx(1.0)
        assert correlation_shift(self.BEFORE, after, threshold=0.04).flipped == ((0, 1), (1, 2))
        assert correlation_shift(self.BEFORE, after, threshold=0.5).sign_flips == 0

    def test_no_change_is_no_shift(self):
        shift = correlation_shift(self.BEFORE, self.BEFORE)
        assert (shift.mean_absolute_change, shift.largest_absolute_change, shift.sign_flips) == (0.0, 0.0, 0)

    def test_order_of_tasks_and_direction_do_not_matter(self):
        rng = np.random.default_rng(4)
        one, other = (np.corrcoef(rng.normal(size=(6, 9))) for _ in range(2))
        order = rng.permutation(6)
        shift, turned = correlation_shift(one, other), correlation_shift(other, one)
        mixed = correlation_shift(one[np.ix_(order, order)], other[np.ix_(order, order)])
        assert shift.sign_flips == turned.sign_flips == mixed.sign_flips > 0
        assert shift.mean_absolute_change == pytest.approx(mixed.mean_absolute_change)
        assert shift.mean_absolute_change == pytest.approx(turned.mean_absolute_change)

    def test_a_pair_without_a_correlation_is_left_out(self):
        after = self.BEFORE.copy()
        after[0, :] = after[:, 0] = NAN
        after[1, 2] = after[2, 1] = 0.25
        shift = correlation_shift(self.BEFORE, after)
        assert shift.n_pairs == 1
        assert shift.mean_absolute_change == pytest.approx(0.2)

    def test_one_task_has_no_pairs(self):
        shift = correlation_shift([[1.0]], [[1.0]])
        assert (shift.n_pairs, shift.sign_flips) == (0, 0)
        assert math.isnan(shift.mean_absolute_change)

    def test_bad_input_is_refused(self):
        with pytest.raises(ValueError, match=r"before has shape \(3, 3\) and after \(2, 2\)"):
            correlation_shift(self.BEFORE, np.eye(2))
        with pytest.raises(ValueError, match="square"):
            correlation_shift(np.ones((2, 3)), np.ones((2, 3)))
        with pytest.raises(ValueError, match=r"threshold is 1\.0"):
            correlation_shift(self.BEFORE, self.BEFORE, threshold=1.0)
