"""Notes on features that tell the task or the target, and none by chance."""

import sys

import numpy as np
import pandas as pd
import pytest

from patom.datasets.tables.table import leakage_notes, read_table

TASK = "Features with one value for each task, like another name of it: {}; leave out what is no measurement."
TARGET = "Features that determine the target in every row: {}; leave out what is not known before the target is."


@pytest.fixture(name="rng")
def fixture_rng():
    return np.random.default_rng(0)


def notes(y, task, **columns):
    return leakage_notes(np.column_stack(list(columns.values())).astype(float), y, task, list(columns))


def test_a_row_number_after_sorting_is_the_target(tmp_path, rng):
    frame = pd.DataFrame({"shop": list("abc") * 20, "x": rng.standard_normal(60), "sold": rng.standard_normal(60)})
    frame = frame.sort_values("sold").reset_index(drop=True)
    frame.to_csv(tmp_path / "a.csv")
    pd.read_csv(tmp_path / "a.csv").to_csv(tmp_path / "b.csv", index=False)  # "Unnamed: 0"
    pd.read_csv(tmp_path / "a.csv").to_csv(tmp_path / "c.csv")  # and another, without a name
    frame.rename_axis("customer").to_parquet(tmp_path / "d.parquet")  # a range, which is no column
    frame.reset_index(names="place").to_csv(tmp_path / "e.csv", index=False)
    for name in ("b.csv", "c.csv"):
        table = read_table(tmp_path / name, task="shop", target="sold")
        assert table.features == ("x",)
        assert "Left out of the features, as row numbers or an index: 'Unnamed: 0'." in table.notes
    assert read_table(tmp_path / "d.parquet", task="shop", target="sold").features == ("x",)
    table = read_table(tmp_path / "e.csv", task="shop", target="sold")
    assert table.features == ("place", "x")
    assert TARGET.format("'place'") in table.notes
    asked = read_table(tmp_path / "b.csv", task="shop", target="sold", features=["Unnamed: 0", "x"])
    assert TARGET.format("'Unnamed: 0'") in asked.notes


def test_the_index_that_pandas_says_it_wrote_is_left_out_by_name(tmp_path, rng):
    frame = pd.DataFrame({"shop": list("ab") * 10, "x": rng.standard_normal(20), "sold": rng.standard_normal(20)})
    frame.index = pd.MultiIndex.from_arrays([rng.permutation(20), rng.permutation(20)], names=["customer", None])
    frame.to_parquet(tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet", task="shop", target="sold")
    assert table.features == ("x",)
    assert table.notes[0] == "Left out of the features, as row numbers or an index: 'customer' and '__index_level_1__'."
    assert read_table(tmp_path / "a.parquet", task="shop", target="customer").features == ("x", "sold")


def test_another_name_of_the_task(rng):
    task = rng.integers(5, size=100)
    code, copy = np.array([70.0, -3, 12, 5, 0.5])[task], task.astype(float)
    size = np.array([2.0, 2, 3, 4, 5])[task]  # of the task's, but two share it
    nearly = np.where(np.arange(100) == 50, 9.0, copy)
    y = rng.standard_normal(100)
    assert notes(y, task, code=code, size=size, nearly=nearly, copy=copy, z=y + 1) == [
        TASK.format("'code' and 'copy'"),
        TARGET.format("'z'"),
    ]
    assert notes(y, np.array(list("vwxyz"))[task], code=code, size=size) == [TASK.format("'code'")]
    assert notes(y, np.zeros(100), code=code, size=size) == []


@pytest.mark.parametrize(("n", "noted"), [(7, False), (9, True)])
def test_two_classes_rise_with_a_feature_by_chance_in_so_many_tables(n, noted):
    """Of all orders of n and n rows two rise or fall: 2 / C(14, 7) is 6e-4, 2 / C(18, 9) is 4e-5; the limit is 1e-4."""
    y = np.repeat([0.0, 1.0], n)
    assert notes(y, np.zeros(2 * n), x=np.arange(2 * n)) == [TARGET.format("'x'")] * noted


def test_an_answer_left_among_the_features(rng):
    entity = rng.integers(20, size=60)
    income, spent = rng.standard_normal(20)[entity], rng.standard_normal(20)[entity]
    assert notes(spent, np.arange(60) % 3, income=income, z=rng.standard_normal(60)) == [TARGET.format("'income'")]
    assert notes(np.where(np.arange(60) == 7, 9.0, spent), np.arange(60) % 3, income=income) == []
    y = np.where(rng.random(60) < 0.2, 1.0, -1.0)
    copy, threshold = 3 * y + 1, y * rng.random(60)
    flipped = np.where(np.arange(60) == 7, 1 - 3 * y, copy)
    assert notes(y, np.arange(60) % 3, copy=copy, threshold=threshold, flipped=flipped) == [
        TARGET.format("'copy' and 'threshold'")
    ]


def test_falling_with_the_target_and_equal_targets(rng):
    y = np.sort(np.round(rng.standard_normal(50), 1))  # with ties
    assert notes(y, np.arange(50) % 3, row=-np.arange(50.0)) == [TARGET.format("'row'")]
    row = np.arange(50.0)
    row[[10, 30]] = row[[30, 10]]
    assert notes(y, np.arange(50) % 3, row=row) == []


def test_one_row_of_many_is_enough_to_tell_nothing(rng):
    n = 120_000  # of which some are looked at first
    y = np.sort(rng.standard_normal(n))
    row = np.arange(float(n))
    odd = row.copy()
    odd[[60_001, 3]] = odd[[3, 60_001]]
    task = np.arange(n) % 7
    twin = np.where(np.arange(n) == 70_001, -1.0, task)
    assert notes(y, task, row=row, odd=odd, twin=twin, same=task) == [TASK.format("'same'"), TARGET.format("'row'")]


def test_structural_zeros_are_no_answer(rng):
    amount = np.where(rng.random(300) < 0.9, 0.0, rng.random(300))
    y = np.where((amount > 0) & (rng.random(300) < 0.5), 1.0, -1.0)  # never without an amount
    assert notes(y, np.arange(300) % 3, amount=amount) == []


def test_chance_gives_no_notes():
    for seed in range(60):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(3, 200))
        X = np.column_stack(
            [rng.standard_normal((n, 20)), rng.integers(2, size=(n, 20)), rng.integers(n, size=(n, 20))]
        )
        for y in (rng.standard_normal(n), np.where(np.arange(n) < 2, 1.0, -1.0), rng.integers(4, size=n).astype(float)):
            if np.unique(y).size > 1:
                assert leakage_notes(X, y, rng.integers(max(2, n // 8), size=n), [str(j) for j in range(60)]) == []


def test_extreme_values_do_not_warn():
    column = np.tile([1e308, -1e308, 5e-324, 0.0], 10)
    assert notes(np.tile([1e308, -1e308], 20), np.arange(40) % 3, column=column, other=np.arange(40.0))[0].startswith(
        "Features that determine the target in every row: 'column'"
    )


def test_no_line_runs_once_a_column(rng):
    def lines_run(d):
        X, y, task = rng.standard_normal((30, d)), rng.standard_normal(30), np.arange(30) % 3
        names, count = [str(j) for j in range(d)], 0

        def trace(frame, event, _):
            nonlocal count
            count += event == "line" and frame.f_globals["__name__"] == leakage_notes.__module__
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            leakage_notes(X, y, task, names)
        finally:
            sys.settrace(before)
        return count

    assert lines_run(2000) == lines_run(50) > 0
