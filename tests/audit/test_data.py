"""The data under audit: split, scaled, sampled, measured."""

from dataclasses import replace

import numpy as np
import pytest

from patom.audit import digits_data, table_data
from patom.evaluate.measure import LEAST_TEST_ROWS
from patom.results.audit import Sample

KINDS = ("regression", "classification")


def rows(data, part):
    X = data.X_train if part == "train" else data.X_test
    return {tuple(row) for row in data.scaling.features_back(X).round(6).tolist()}


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_is_for_training_or_for_testing(make_table, kind):
    table = make_table(kind, sizes=(20, 30, 40))
    data = table_data(table, seed=3)
    train, test = rows(data, "train"), rows(data, "test")
    assert not train & test
    assert train | test == {tuple(row) for row in table.X.round(6).tolist()}
    assert len(test) == pytest.approx(0.3 * 90, abs=1)
    assert (data.about.n_rows, data.about.n_train, data.about.n_test) == (90, len(train), len(test))


def test_no_image_of_the_digits_is_in_both_parts():
    data = digits_data(seed=1)
    assert not rows(data, "train") & rows(data, "test")
    assert data.tasks.tolist() == list(range(10))


def test_the_seed_draws_the_test_rows(make_table):
    table = make_table()
    drawn = [rows(table_data(table, seed=seed), "test") for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


@pytest.mark.parametrize("standardise", [True, False])
def test_scaling_knows_the_training_rows_only(make_table, standardise):
    table = make_table(sizes=(30, 30))
    data = table_data(table, standardise=standardise)
    norms = np.linalg.norm(data.X_train, axis=1)
    assert norms.max() == pytest.approx(1.0)
    X = data.scaling.features_back(data.X_train)
    Z = (X - X.mean(axis=0)) / X.std(axis=0) if standardise else X
    np.testing.assert_allclose(data.X_train, Z / np.linalg.norm(Z, axis=1).max(), atol=1e-12)
    if standardise:
        assert data.y_train.mean() == pytest.approx(0.0, abs=1e-12)
        assert data.y_train.std() == pytest.approx(1.0)


def test_constant_features_are_left_out_and_said(make_table):
    table = make_table()
    table = replace(table, X=np.column_stack([table.X, np.full(table.y.size, 4.0)]), features=(*table.features, "flat"))
    data = table_data(table)
    assert data.X_train.shape[1] == 3
    assert data.about.notes == ["Features that are constant over the training rows were left out: flat."]
    assert (data.about.n_features, data.about.constant_features) == (3, ["flat"])
    np.testing.assert_array_equal(data.scaling.features_back(data.X_test)[:, 3], 4.0)


@pytest.mark.parametrize(
    ("fraction", "error"), [(0.0, "above 0"), (-1.0, "above 0"), (1.0, "below 1"), (2.0, "below 1")]
)
def test_the_test_fraction_is_a_fraction(make_table, fraction, error):
    with pytest.raises(ValueError, match=f"test_fraction of the audit must be .*{error}"):
        table_data(make_table(), test_fraction=fraction)


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_table_is_sampled_from_every_task(make_table, kind):
    table = make_table(kind, sizes=(400, 200, 100))
    data = table_data(table, max_rows=100)
    assert data.about.n_rows == pytest.approx(100, abs=1)
    assert data.tasks.tolist() == ["t0", "t1", "t2"]
    counts = data.counts + np.bincount(data.task_test)
    np.testing.assert_allclose(counts, [57, 29, 14], atol=2)
    assert data.about.notes == [
        f"A random sample was audited: {data.about.n_rows} of 700 rows (rows of every task); max_rows sets its size."
    ]
    assert data.about.sample == Sample(rows=data.about.n_rows, of_rows=700, tasks=3, of_tasks=3)
    assert table_data(table).about.sample is None
    assert rows(data, "train") | rows(data, "test") <= {tuple(row) for row in table.X.round(6).tolist()}


def test_a_rare_class_survives_the_sampling(make_table):
    table = make_table("classification", sizes=(2_000,))
    y = np.full(2_000, -1.0)
    y[:3] = 1.0
    data = table_data(replace(table, y=y), max_rows=20)
    assert set(data.y_train) == {-1.0, 1.0}


def test_many_tasks_are_sampled_as_tasks_the_ones_kept_first(make_table):
    sizes = [30] * 40
    sizes[7] = 3_000
    table = make_table(sizes=sizes)
    data = table_data(table, max_rows=200, keep=["t7", "t31"])
    assert {"t7", "t31"} <= set(data.tasks.tolist())
    counts = data.counts + np.bincount(data.task_test)
    assert counts.tolist() == [20] * 10  # no task is cut below 20 rows or takes the place of others
    assert "of 10 of 40 tasks" in data.about.notes[0]
    assert table_data(table, max_rows=200, seed=1).tasks.tolist() != data.tasks.tolist()


def test_a_task_without_a_verdict_of_its_own_is_nan(make_table):
    data = table_data(make_table(sizes=(70, 70, 70)))
    assert not data.pooled
    y = data.y_test.copy()
    y[data.task_test == 1] = 0.5
    data = replace(data, y_test=y)
    scores = data.score_tasks(np.zeros(y.size))
    np.testing.assert_array_equal(np.isnan(scores), [False, True, False])
    assert data.score(np.zeros(y.size)) == pytest.approx(scores[[0, 2]].mean())
    assert data.score(np.zeros(y.size), np.array([True, False, False])) == scores[0]
    assert np.isnan(data.score(np.zeros(y.size), np.array([False, True, False])))


def test_nmse_takes_six_test_rows(make_table):
    data = table_data(make_table(sizes=(22, 15, 22)), test_fraction=0.3)
    held_out = np.bincount(data.task_test)
    assert held_out.min() < LEAST_TEST_ROWS <= held_out.max()
    np.testing.assert_array_equal(data.measurable, held_out >= LEAST_TEST_ROWS)


@pytest.mark.parametrize(
    ("kind", "sizes", "pooled"),
    [
        ("regression", (70, 70), False),
        ("regression", (700, 60), True),  # 18 test rows
        ("regression", (70, 70, 1), False),  # a task without a test row counts nowhere
        ("classification", (110, 110), False),
        ("classification", (700, 30), True),
    ],
)
def test_tasks_are_measured_together_where_any_has_few_test_rows(make_table, kind, sizes, pooled):
    assert table_data(make_table(kind, sizes=sizes)).pooled == pooled


@pytest.mark.parametrize("kind", KINDS)
def test_small_tasks_are_measured_together(make_table, kind):
    table = make_table(kind, sizes=[8] * 30)
    data = table_data(replace(table, y=table.y + 100.0 * (table.task > "t2")) if kind == "regression" else table)
    assert data.pooled
    decision = np.random.default_rng(0).normal(size=data.y_test.size)
    among = np.arange(30) < 15
    errors, from_own, from_all, pairs, right = [], [], [], [], []
    for task in range(15):
        y, z = data.y_test[data.task_test == task], decision[data.task_test == task]
        errors += [*(y - z) ** 2]
        from_own += [*(y - data.y_train[data.task_train == task].mean()) ** 2]
        from_all += [*(y - data.y_train.mean()) ** 2]
        higher = z[y > 0][:, None] > z[y < 0]
        pairs.append(higher.size / (y.size + 1))
        right.append(higher.mean() * pairs[-1] if higher.size else 0.0)
    nmse = sum(errors) / min(sum(from_own), sum(from_all))
    expected = nmse if kind == "regression" else sum(right) / sum(pairs)
    assert data.score(decision, among) == pytest.approx(expected)


def test_one_tiny_variance_by_chance_makes_no_headline(make_table):
    data = table_data(make_table(sizes=[20] * 10))
    y = data.y_test.copy()
    first = data.task_test == 0
    y[first] = 0.3 + 1e-3 * np.arange(first.sum())
    data = replace(data, y_test=y)
    off = y + 0.5
    assert data.score_tasks(off)[0] > 1e4
    assert data.score(off) < 1.5


def test_knowing_each_tasks_mean_is_worth_nothing(make_table):
    table = make_table(sizes=[12] * 200, noise=1.0)
    shifts = np.random.default_rng(0).normal(size=200) * 500.0
    data = table_data(replace(table, y=table.y + np.repeat(shifts, 12)))
    means = np.bincount(data.task_train, data.y_train) / data.counts
    assert data.score(means[data.task_test]) == pytest.approx(1.0)
    alike = table_data(make_table(sizes=[4] * 200, noise=1.0))
    assert alike.score(np.zeros(alike.y_test.size)) == pytest.approx(1.0, abs=0.01)  # the mean of all errs less


@pytest.mark.parametrize("kind", KINDS)
def test_another_split_holds_out_other_rows_of_the_same_table(make_table, kind):
    table = make_table(kind, sizes=(30, 34, 38))
    data = table_data(table, seed=4)
    again = data.again(1)
    assert rows(again, "test") | rows(again, "train") == rows(data, "test") | rows(data, "train")
    assert rows(again, "test") != rows(data, "test")
    assert not rows(again, "test") & rows(again, "train")
    assert again.tasks.tolist() == data.tasks.tolist()
    assert again.pooled == data.pooled
    assert np.linalg.norm(again.X_train, axis=1).max() == pytest.approx(1.0)
    for other in (data.again(1), table_data(table, seed=4).again(1)):
        np.testing.assert_array_equal(other.X_test, again.X_test)
    assert rows(data.again(2), "test") != rows(again, "test")
    assert rows(table_data(table, seed=5).again(1), "test") != rows(again, "test")


def test_another_split_of_the_digits_has_other_images():
    data = digits_data(seed=1)
    again = data.again(1)
    assert not rows(again, "train") & rows(again, "test")
    assert len(rows(again, "test") - rows(data, "test")) > 300
    assert again.counts.tolist() == data.counts.tolist()


@pytest.mark.parametrize("max_rows", [5_000, 60])
@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_the_rows_plays_no_part(make_table, kind, max_rows):
    table = make_table(kind, sizes=(40, 44, 48))
    twice = np.r_[0, np.arange(table.y.size)]  # a row that is there twice
    table = replace(table, X=table.X[twice].round(), y=table.y[twice], task=table.task[twice])
    mixed = np.random.default_rng(0).permutation(table.y.size)
    other = replace(table, X=table.X[mixed], y=table.y[mixed], task=table.task[mixed])
    first, second = (table_data(each, seed=2, max_rows=max_rows) for each in (table, other))
    for part in ("X_train", "y_train", "task_train", "X_test", "y_test", "task_test"):
        np.testing.assert_array_equal(getattr(first, part), getattr(second, part))
    np.testing.assert_array_equal(first.again(3).X_test, second.again(3).X_test)
