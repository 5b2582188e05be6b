"""Attack results: saved and loaded without pickle, combined with clean data, replayed on other models."""

import json
import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.linear_model import Ridge

from patom import PATOM, AttackResult, Ball, MTRLClassifier, MTRLRegressor, RandomAttack, ThreatModel
from patom.attacks import AttackStatus


class Pooled(RegressorMixin, BaseEstimator):
    """A defense by another name: one ridge for all tasks."""

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def fit(self, X, y, task=None):
        self.seen_ = X, y, task
        self.ridge_ = Ridge(alpha=self.alpha).fit(X, y)
        return self

    def predict(self, X, **_):
        return self.ridge_.predict(X)


@pytest.fixture
def attacked(make_tasks, make_victim):
    """Result and clean data of a short attack; ``relabel`` maps tasks "a" to "d" to other labels."""

    def run(loss="squared_error", *, relabel=None, attack=PATOM(max_iter=1, n_starts=2), **settings):  # noqa: B008
        X, y, task = make_tasks(loss)
        names = dict(zip("abcd", "abcd" if relabel is None else relabel, strict=True))
        labels = np.empty(task.size, dtype=object)
        labels[:] = [names[label] for label in task]
        if len({type(name) for name in names.values()}) == 1 and not isinstance(names["a"], tuple):
            labels = np.array(labels.tolist())
        threat = ThreatModel([names["a"], names["b"]], [names["c"]], 0.3, Ball(1.5))
        model = make_victim(loss, **settings)
        return attack.poison(model, X, y, task=labels, threat=threat, random_state=1), (X, y, labels)

    return run


LABELS = {
    "strings": ["north", "süd", "o", ""],
    "integers": [-3, 0, 7, 12],
    "floats": [0.5, 1.5, 2.25, 1e9],
}


@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
@pytest.mark.parametrize("relabel", LABELS.values(), ids=LABELS.keys())
def test_a_round_trip_keeps_everything_but_the_model(attacked, tmp_path, relabel, loss):
    result, (X, y, task) = attacked(loss, relabel=relabel)
    result.save(tmp_path / "attack.npz")
    loaded = AttackResult.load(tmp_path / "attack.npz")
    for name in ("X", "y", "task", "start_utilities", "history"):
        before, after = getattr(result, name), getattr(loaded, name)
        assert before.dtype == after.dtype
        assert before.tobytes() == after.tobytes()
    for name in ("clean_utility", "threat", "attack", "status", "utility", "spread"):
        assert getattr(loaded, name) == getattr(result, name)
    assert [type(label) for label in loaded.threat.targets] == [type(label) for label in relabel[:2]]
    assert loaded.model is None
    again = loaded.refit(clone(result.model), X, y, task=task)
    np.testing.assert_array_equal(again.coef_, result.model.coef_)


def test_the_file_needs_no_pickle(attacked, tmp_path):
    result, _ = attacked("squared_hinge")
    path = tmp_path / "attack"
    result.save(str(path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["attack"]
    with np.load(path, allow_pickle=False) as file:
        assert all(file[name].dtype != object for name in file.files)
        assert json.loads(str(file["notes"]))["attack"] == {
            "name": "PATOM",
            "step_size": 100.0,
            "max_iter": 1,
            "batch_ratio": 3.0,
            "features": "uniform",
            "labels": "resampled",
            "n_starts": 2,
        }


def test_numpy_numbers_as_settings_are_saved_as_numbers(make_tasks, make_victim, tmp_path):
    X, y, task = make_tasks("huber")
    threat = ThreatModel(["a"], ["a"], np.float32(0.25), Ball(np.float32(0.5)))
    attack = PATOM(step_size=np.float32(10.0), max_iter=np.int64(1), n_starts=np.int32(2))
    result = attack.poison(make_victim("huber"), X, y, task=task, threat=threat, random_state=0)
    result.save(tmp_path / "attack.npz")
    loaded = AttackResult.load(tmp_path / "attack.npz")
    assert loaded.threat == result.threat
    assert loaded.attack == result.attack


def test_labels_in_arrays_of_objects_are_saved_where_they_are_plain(attacked, tmp_path):
    result, _ = attacked(relabel=[1, 2, 3, 4])
    boxed = replace(result, task=result.task.astype(object))
    boxed.save(tmp_path / "attack.npz")
    loaded = AttackResult.load(tmp_path / "attack.npz")
    assert loaded.task.dtype == np.int64
    np.testing.assert_array_equal(loaded.task, result.task)


@pytest.mark.parametrize(
    ("relabel", "name"),
    [
        ([("a", 1), ("b", 1), ("c", 1), ("d", 1)], "task"),
        ([("a",), "b", "c", "d"], "targets"),
        ([1, "b", "c", "d"], "targets"),
        ([b"a", b"b", b"c", b"d"], "task"),
    ],
)
def test_labels_that_would_need_pickle_are_refused_in_a_sentence(attacked, tmp_path, relabel, name):
    result, _ = attacked(relabel=relabel)
    with pytest.raises(TypeError, match=rf"^{name} holds \S+ labels, which cannot be saved without pickle; .*\.$"):
        result.save(tmp_path / "attack.npz")
    assert not list(tmp_path.iterdir())


@dataclass(frozen=True)
class Sheet(Ball):
    """A region from elsewhere."""


def test_a_region_that_load_would_not_know_is_refused(attacked, tmp_path):
    result, _ = attacked()
    with pytest.raises(TypeError, match=r"^region of ThreatModel is a Sheet, which load would not know; [^.]*\.$"):
        replace(result, threat=replace(result.threat, region=Sheet())).save(tmp_path / "attack.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failing_save_leaves_the_old_file(attacked, tmp_path, monkeypatch, error):
    result, _ = attacked()
    path = tmp_path / "attack.npz"
    result.save(path)
    before = path.read_bytes()

    def half(file, **_):
        file.write(b"half")
        raise error

    monkeypatch.setattr(np, "savez_compressed", half)
    with pytest.raises(type(error)):
        result.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_combine_appends_the_poison_and_marks_it(attacked):
    result, (X, y, task) = attacked("squared_hinge")
    data = result.combine(X, y, task)
    assert data.is_poison.dtype == bool
    np.testing.assert_array_equal(np.flatnonzero(data.is_poison), np.arange(y.size, y.size + result.y.size))
    for combined, clean, injected in zip(data[:3], (X, y, task), (result.X, result.y, result.task), strict=True):
        assert combined.dtype == clean.dtype
        np.testing.assert_array_equal(combined[~data.is_poison], clean)
        np.testing.assert_array_equal(combined[data.is_poison], injected)


def test_combine_without_tasks():
    X, y = np.linspace(-1, 1, 10).reshape(-1, 1), np.arange(10)
    result = RandomAttack().poison(MTRLRegressor(), X, y, threat=ThreatModel(0, 0, 0.5), random_state=0)
    data = result.combine(X, y)
    assert data.task.tolist() == [0] * 15
    assert data.y.dtype == np.float64


def test_combine_takes_what_fit_takes(attacked):
    result, (X, y, task) = attacked()
    expected = result.combine(X, y, task)
    forms = [
        (X.tolist(), y.tolist(), task.tolist()),
        (pd.DataFrame(X, index=range(100, 160)), pd.Series(y, index=range(60)), pd.Series(task)),
        (pl.DataFrame(X), pl.Series(y), pl.Series(task.tolist())),
        (X, y[:, None], task.astype(object)),
    ]
    for form in forms:
        data = result.combine(*form)
        assert (data.X.dtype, data.y.dtype) == (np.float64, np.float64)
        for got, wanted in zip(data, expected, strict=True):
            assert got.shape == wanted.shape
            assert got.tolist() == wanted.tolist()


def test_combine_refuses_data_that_do_not_match(attacked):
    result, (X, y, task) = attacked()
    with pytest.raises(ValueError, match=re.escape("X must have shape (n, 4) like the attacked data; got (60, 3).")):
        result.combine(X[:, :3], y, task)
    with pytest.raises(ValueError, match=r"^task of AttackResult names the task 'c', which the training data do not"):
        result.combine(X, y)
    with pytest.raises(ValueError, match=r"^task of AttackResult names the task 'c'"):
        result.refit(MTRLRegressor(), X[task != "c"], y[task != "c"], task=task[task != "c"])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        result.combine(X, y[:-1], task)
    with pytest.raises(ValueError, match="task must hold one label for each of the 60 rows"):
        result.combine(X, y, task[:-1])


def test_the_name_it_had_still_works(attacked):
    result, (X, y, task) = attacked()
    with pytest.warns(DeprecationWarning, match=r"AttackResult\.replay is called refit now, .* version 0\.5"):
        fitted = result.replay(MTRLRegressor(), X, y, task=task)
    np.testing.assert_array_equal(fitted.coef_, result.refit(MTRLRegressor(), X, y, task=task).coef_)


def test_refit_fits_a_clone_of_any_model(attacked):
    result, (X, y, task) = attacked()
    defense = Pooled(alpha=0.5)
    fitted = result.refit(defense, X, y, task=task)
    assert not hasattr(defense, "ridge_")
    assert fitted.alpha == 0.5
    data = result.combine(X, y, task)
    for seen, combined in zip(fitted.seen_, data[:3], strict=True):
        np.testing.assert_array_equal(seen, combined)
    np.testing.assert_array_equal(fitted.ridge_.coef_, Ridge(alpha=0.5).fit(data.X, data.y).coef_)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_a_data_frames_names_reach_the_replayed_model(attacked, frame):
    result, (X, y, task) = attacked()
    table = frame(dict(zip(["w", "x", "y", "z"], X.T, strict=True)))
    seen = result.refit(Pooled(), table, y, task=task).seen_[0]
    assert isinstance(seen, frame)
    assert list(seen.columns) == ["w", "x", "y", "z"]
    np.testing.assert_array_equal(np.asarray(seen), result.combine(X, y, task).X)


def test_statuses_survive(attacked, tmp_path):
    result, _ = attacked(lambda_2=0.0)
    assert result.status is AttackStatus.UNCOUPLED
    result.save(tmp_path / "a.npz")
    assert AttackResult.load(tmp_path / "a.npz").status is AttackStatus.UNCOUPLED


def test_boolean_classes_survive(make_tasks, tmp_path):
    X, y, task = make_tasks("logistic")
    threat = ThreatModel(["a"], ["a"], 0.5)
    result = RandomAttack().poison(MTRLClassifier(), X, y == "yes", task=task, threat=threat, random_state=0)
    result.save(tmp_path / "a.npz")
    loaded = AttackResult.load(tmp_path / "a.npz")
    assert loaded.y.dtype == bool
    np.testing.assert_array_equal(loaded.y, result.y)
